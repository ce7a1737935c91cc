internal import NetTypes
internal import RuleModel

/// CNI's bridge and ptp plugins (masquerading) and its firewall plugin.
///
/// Source: containernetworking/plugins pkg/ip/ipmasq_iptables_linux.go, ipmasq_nftables_linux.go,
/// plugins/meta/firewall/iptables.go and ingress_policy.go (v1.6).
enum CNIBridge {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName == "cni_plugins_masquerade" {
            switch chain.name {
            case "postrouting", "masq_checks": return words("by which address containers leave their network")
            default: return nil
            }
        }
        switch chain.name {
        case "CNI-FORWARD": return words("lets packets of containers through")
        case "CNI-ADMIN": return words("rules of the operator's own, asked before CNI's")
        case "CNI-ISOLATION-STAGE-1": return words("keeps bridges apart: what leaves one of them")
        case "CNI-ISOLATION-STAGE-2": return words("keeps bridges apart: what would enter another")
        default: break
        }
        guard let hash = rest(of: chain.name, after: "CNI-"), isHexadecimal(hash, count: 24) else { return nil }
        for comment in chain.comments(first: 2) {
            if let container = container(in: comment) {
                return words("by which address \(container) leaves its network")
            }
        }
        return nil
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .cniBridge else { return nil }
        let outline = rule.outline
        let name = rule.chain.name
        switch outline.effect {
        case .accept where name == "CNI-FORWARD":
            if let address = outline.destination?.wanted, outline.isForKnownConnections {
                return words("lets answers to container \(address) through")
            }
            return outline.source?.wanted.map { words("lets what container \($0) sends through") }
        case .jump("CNI-ISOLATION-STAGE-2"):
            return outline.input?.wanted.map { words("what leaves bridge \($0) for another interface") }
        case .drop where name == "CNI-ISOLATION-STAGE-2":
            return outline.output?.wanted.map { words("bridge \($0) takes nothing from another bridge") }
        case .return where name.hasPrefix("CNI-ISOLATION"): return words("goes on: none of the rules above")
        case .return where rule.chain.table.isNative: return words("leaves multicast as it is")
        case .accept where outline.destination != nil:
            return words("within its network the container keeps its own address")
        case .masquerade:
            for comment in rule.comments {
                if let container = container(in: comment) {
                    return words("\(container) leaves its network by this host's address")
                }
            }
            return nil
        default: return nil
        }
    }

    /// `name: "cbr0" id: "4b2…"`; of the nftables form `HASH-HASH, net: cbr0, if: eth0, id: 4b2…`.
    private static func container(in comment: String) -> String? {
        let network = comment.hasPrefix("name:") ? word(after: "name:", in: comment) : word(after: "net:", in: comment)
        guard let network, let id = word(after: "id:", in: comment) else { return nil }
        let name = network.hasSuffix(",") ? String(network.dropLast()) : network
        return "container \(shortID(id)) on network \(name)"
    }

    private static func words(_ text: String) -> Purpose { .other(.cniBridge, text) }
}
