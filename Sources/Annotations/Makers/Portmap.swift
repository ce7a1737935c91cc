internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// CNI's portmap plugin: host ports of containers.
///
/// Source: containernetworking/plugins plugins/meta/portmap/portmap_iptables.go and portmap_nftables.go (v1.6),
/// portmap.go (v0.6: CNI-HOSTPORT-SNAT, CNI-SN-*), pkg/utils/utils.go (names of chains).
enum Portmap {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName == "cni_hostport" {
            switch chain.name {
            case "prerouting", "output", "hostports", "hostip_hostports": return words("host ports of containers")
            case "masquerading": return masquerades
            default: return nil
            }
        }
        switch chain.name {
        case "CNI-HOSTPORT-DNAT": return words("host ports of containers")
        case "CNI-HOSTPORT-SETMARK": return words("marks what is to be masqueraded on its way to a host port")
        case "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SNAT": return masquerades
        default: break
        }
        guard chain.name.hasPrefix("CNI-DN-") || chain.name.hasPrefix("CNI-SN-") else { return nil }
        return words("host ports of \(container(of: chain) ?? "a container")")
    }

    private static let masquerades = words("masquerades what reaches a host port from its own node or container")

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .portmap else { return nil }
        let outline = rule.outline
        switch outline.effect {
        case .destination(let address):
            return words("host \(outline.bound) of container \(address)")
        case .jump("CNI-HOSTPORT-SETMARK"):
            guard let source = outline.source?.wanted else { return nil }
            return words("marks what comes from \(source) to host \(outline.bound) for masquerading")
        case .jump(let name) where name.hasPrefix("CNI-DN-"):
            for comment in rule.comments {
                if let container = container(in: comment) { return words("host \(outline.service) of \(container)") }
            }
            return nil
        case .mark: return words("marks the connection for masquerading")
        case .masquerade:
            if let container = outline.destination?.wanted, let source = outline.source?.wanted {
                return words(
                    source == container
                        ? "container \(container) reaches itself by its host port"
                        : "this node reaches container \(container) by its host port")
            }
            return words("masquerades what was marked")
        default: return nil
        }
    }

    static let marks = [
        MarkMeaning(mask: 0x2000, maker: .portmap, text: "what reaches a host port is to be masqueraded")
    ]

    /// Its own rules have no comment: the jump to it has.
    private static func container(of chain: ChainFacts) -> String? {
        guard let entry = chain.sibling("CNI-HOSTPORT-DNAT") else { return nil }
        for index in entry.rules.indices {
            let rule = entry.facts(index)
            guard rule.jump == chain.name else { continue }
            for comment in rule.comments {
                if let container = container(in: comment) { return container }
            }
        }
        return nil
    }

    /// `dnat name: "cbr0" id: "4b2…"`
    private static func container(in comment: String) -> String? {
        guard comment.hasPrefix("dnat name:"), let network = word(after: "name:", in: comment),
            let id = word(after: "id:", in: comment)
        else { return nil }
        return "container \(shortID(id)) on network \(network)"
    }

    private static func words(_ text: String) -> Purpose { .other(.portmap, text) }
}
