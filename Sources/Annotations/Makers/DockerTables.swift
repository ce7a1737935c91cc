internal import NetTypes
internal import RuleModel

/// Docker's nftables backend: `table ip docker-bridges`.
/// Source: moby integration/network/bridge/nftablesdoc/generated/*.md (v29).
extension Docker {
    static func nativePurpose(of chain: ChainFacts) -> Purpose? {
        switch chain.name {
        case "filter-FORWARD": return words("what is forwarded to and from containers")
        case "nat-PREROUTING", "nat-OUTPUT", "nat-prerouting-and-output": return words("published ports of containers")
        case "nat-POSTROUTING": return words("by which address containers leave")
        case "raw-PREROUTING": return words("closes ways round published ports")
        default: break
        }
        guard let bridge = bridge(of: chain.name) else { return nil }
        if chain.name.hasPrefix("filter-forward-in__") { return words("bridge \(bridge): what reaches its containers") }
        if chain.name.hasPrefix("filter-forward-out__") { return words("bridge \(bridge): what its containers send") }
        if chain.name.hasPrefix("nat-postrouting-in__") {
            return words("bridge \(bridge): by which address its containers are reached")
        }
        if chain.name.hasPrefix("nat-postrouting-out__") {
            return words("bridge \(bridge): by which address its containers leave")
        }
        return nil
    }

    private static func bridge(of name: String) -> String? {
        guard let mark = doubleUnderscore(name[...]) else { return nil }
        return String(name[name.index(mark, offsetBy: 2)...])
    }

    static func nativePurpose(of rule: RuleFacts) -> Purpose? {
        let chain = rule.chain
        let outline = rule.outline
        let bridge = bridge(of: chain.name)
        switch (chain.name, outline.effect) {
        case ("filter-FORWARD", .dispatch): return words("goes by the bridge that a packet comes from or leaves by")
        case ("nat-POSTROUTING", .dispatch): return words("goes by the bridge that a packet comes from or leaves by")
        case ("nat-prerouting-and-output", .destination(let container)):
            return words("\(published(outline)) of container \(container)")
        case ("raw-PREROUTING", .drop):
            guard let address = outline.destination?.wanted else { return nil }
            if let bridge = outline.input?.excluded, bridge != "lo" {
                return words(
                    "container \(address) is reached from outside bridge \(bridge) by its published ports only")
            }
            return words("\(published(outline)) is for this host alone")
        default: break
        }
        guard let bridge else { return nil }
        if outline.isForKnownConnections, outline.effect == .accept {
            return words("lets answers through")
        }
        if chain.name.hasPrefix("filter-forward-in__") {
            if let container = outline.destination?.wanted, outline.effect == .accept {
                return words("lets \(service(outline)) of container \(container) in: published")
            }
            if outline.input?.wanted == bridge {
                return outline.effect == .accept
                    ? words("containers on bridge \(bridge) may reach each other")
                    : words("containers on bridge \(bridge) may not reach each other (icc=false)")
            }
            if outline.effect == .drop { return words("bridge \(bridge): ports that are not published are closed") }
        }
        if chain.name.hasPrefix("filter-forward-out__") {
            if outline.effect == .accept { return words("containers on bridge \(bridge) may reach others") }
            if outline.effect == .drop { return words("bridge \(bridge): its containers send nothing outside") }
        }
        if outline.effect == .masquerade {
            if let subnet = outline.source?.wanted, outline.destination == nil {
                return words("containers of \(subnet) (\(bridge)) leave by this host's address")
            }
            if let container = outline.source?.wanted {
                return words("container \(container) reaches itself by its published port")
            }
            return words("this host reaches containers on bridge \(bridge) by the bridge's address")
        }
        return nil
    }

    static func purpose(ofSet name: String, table: String?) -> Purpose? {
        guard table == "docker-bridges" else { return nil }
        switch name {
        case "filter-forward-in-jumps", "nat-postrouting-in-jumps": return words("the bridges that packets leave by")
        case "filter-forward-out-jumps", "nat-postrouting-out-jumps": return words("the bridges that packets come from")
        default: return nil
        }
    }
}
