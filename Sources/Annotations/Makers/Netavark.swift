internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// Podman's netavark, by iptables and by nft.
///
/// Source: containers/netavark src/firewall/varktables/types.rs (v1.4, v1.12), src/firewall/nft.rs (v1.16).
enum Netavark {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName == "netavark" {
            switch chain.name {
            case "INPUT": return words("lets containers ask Podman's name server")
            case "FORWARD": return words("what is forwarded to and from containers")
            case "PREROUTING", "OUTPUT": return words("published ports of containers")
            case "POSTROUTING": return words("by which address containers leave their network")
            default: break
            }
            if let network = network(of: chain.name) {
                return words(
                    chain.name.hasSuffix("_dnat")
                        ? "published ports of containers on network \(network)"
                        : "by which address containers leave network \(network)")
            }
        }
        switch chain.name {
        case "NETAVARK_FORWARD": return words("what is forwarded to and from containers")
        case "NETAVARK_INPUT": return words("lets containers ask Podman's name server")
        case "NETAVARK-HOSTPORT-DNAT": return words("published ports of containers")
        case "NETAVARK-HOSTPORT-SETMARK": return words("marks what is to be masqueraded on its way to a published port")
        case "NETAVARK-HOSTPORT-MASQ":
            return words("masquerades what reaches a published port from its own host or network")
        case "NETAVARK_ISOLATION_1", "NETAVARK-ISOLATION-1":
            return words("keeps isolated networks apart: what leaves one of them")
        case "NETAVARK_ISOLATION_2", "NETAVARK-ISOLATION-2":
            return words("keeps isolated networks apart: what would enter another")
        case "NETAVARK_ISOLATION_3", "NETAVARK-ISOLATION-3":
            return words("keeps strictly isolated networks apart: what would enter any other")
        default: break
        }
        if let hash = rest(of: chain.name, after: "NETAVARK-DN-"), isHexadecimal(hash, count: 13) {
            return words("published ports of containers on " + (name(of: chain).map { "network \($0)" } ?? "a network"))
        }
        if let hash = rest(of: chain.name, after: "NETAVARK-"), isHexadecimal(hash, count: 13) {
            let network = chain.sibling("NETAVARK-DN-" + hash).flatMap { name(of: $0) }
            return words("by which address containers leave " + (network.map { "network \($0)" } ?? "their network"))
        }
        return nil
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .netavark else { return nil }
        let outline = rule.outline
        switch outline.effect {
        case .accept:
            if outline.destinationPorts == "53" || rule.chain.name == "NETAVARK_INPUT" {
                return outline.source?.wanted.map { words("containers of \($0) may ask Podman's name server") }
            }
            if outline.isForKnownConnections {
                return outline.destination?.wanted.map { words("lets answers to containers of \($0) through") }
            }
            if let subnet = outline.source?.wanted { return words("containers of \(subnet) may reach others") }
            return outline.destination?.wanted.map { words("within \($0) containers keep their own address") }
        case .masquerade:
            return words(
                outline.marks.isEmpty ? "containers leave by this host's address" : "masquerades what was marked")
        case .destination(let address):
            if outline.destinationPorts == "53", outline.transport != "tcp", rule.chain.name == "NETAVARK-HOSTPORT-DNAT"
            {
                return words("to Podman's name server")
            }
            return words("\(Docker.published(outline)) of container \(address)")
        case .jump("NETAVARK-HOSTPORT-SETMARK"):
            return outline.source?.wanted.map {
                words("marks what comes from \($0) to published \(outline.bound) for masquerading")
            }
        case .jump(let name) where name.hasPrefix("NETAVARK-DN-") || name.hasSuffix("_dnat"):
            for comment in rule.comments {
                guard let id = word(after: "id:", in: comment), let network = word(after: "name:", in: comment) else {
                    continue
                }
                return words("published \(outline.service) of container \(shortID(id)) on network \(network)")
            }
            return words("published \(outline.service)")
        case .jump(let name) where name.hasPrefix("NETAVARK_ISOLATION") || name.hasPrefix("NETAVARK-ISOLATION"):
            return outline.input?.wanted.map { words("what leaves bridge \($0) for another interface") }
        case .mark: return words("marks the connection for masquerading")
        case .drop where outline.isForInvalid: return words("drops what conntrack calls invalid")
        case .drop: return outline.output?.wanted.map { words("bridge \($0) takes nothing from an isolated network") }
        default: return nil
        }
    }

    static let marks = [
        MarkMeaning(mask: 0x2000, maker: .netavark, text: "what reaches a published port is to be masqueraded")
    ]

    /// Its own rules have no comment: the jump to it has, `dnat name: podman id: 6ce776ea58b5`.
    private static func name(of chain: ChainFacts) -> String? {
        guard let entry = chain.sibling("NETAVARK-HOSTPORT-DNAT") else { return nil }
        for index in entry.rules.indices {
            let rule = entry.facts(index)
            guard rule.jump == chain.name else { continue }
            for comment in rule.comments {
                if let network = word(after: "name:", in: comment) { return network }
            }
        }
        return nil
    }

    /// `10.88.0.0/16` out of `nv_2f259bab_10_88_0_0_nm16` and `…_dnat`.
    private static func network(of name: String) -> String? {
        guard var text = rest(of: name, after: "nv_") else { return nil }
        if text.hasSuffix("_dnat") { text = String(text.dropLast(5)) }
        guard let mark = text.firstIndex(of: "_") else { return nil }
        var network = ""
        for part in text[text.index(after: mark)...].split(separator: "_") {
            if part.hasPrefix("nm") { return network + "/" + part.dropFirst(2) }
            if !network.isEmpty { network += "." }
            for character in part { network.append(character == "-" ? ":" : character) }
        }
        return nil
    }

    private static func words(_ text: String) -> Purpose { .other(.netavark, text) }
}
