internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// flannel's masquerading and forwarding: FLANNEL-* chains, its nftables mode, and the rules of old versions that
/// stood in the built-in chains.
///
/// Source: flannel pkg/trafficmngr/iptables/iptables.go and nftables/nftables.go (v0.26), network/iptables.go (v0.11:
/// no chains, no comments).
enum Flannel {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName == "flannel-ipv4" || chain.tableName == "flannel-ipv6" {
            switch chain.name {
            case "forward": return forwards
            case "postrtg": return masquerades
            default: return nil
            }
        }
        switch chain.name {
        case "FLANNEL-FWD": return forwards
        case "FLANNEL-POSTRTG": return masquerades
        default: return nil
        }
    }

    private static let forwards = words("lets packets of the pod network through")
    private static let masquerades = words("by which address pods leave the pod network")

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        if chain?.maker == .flannel { return purpose(of: rule.outline) }
        guard chain == nil, rule.chain.isBase, rule.jump == nil else { return nil }
        for comment in rule.comments where comment == "flanneld masq" || comment == "flanneld forward" {
            return purpose(of: rule.outline)
        }
        return rule.chain.table.iptables == nil ? nil : oldPurpose(of: rule)
    }

    private static func purpose(of outline: RuleOutline) -> Purpose? {
        let from = outline.source
        let to = outline.destination
        switch outline.effect {
        case .accept:
            if let from = from?.wanted { return words("lets what pods of \(from) send through") }
            return to?.wanted.map { words("lets what goes to pods of \($0) through") }
        case .return:
            if !outline.marks.isEmpty { return words("leaves what kube-proxy masquerades to it") }
            if let from = from?.wanted, let to = to?.wanted { return words("\(from) to \(to): the address stays") }
            if from?.excluded != nil, let to = to?.wanted {
                return words("from outside to pods of \(to) on this node: the client's address stays")
            }
            return nil
        case .masquerade:
            if let pods = from?.wanted { return words("pods of \(pods) leave by this node's address") }
            return to?.wanted.map { words("what is not of pod network \($0) reaches it by this node's address") }
        default: return nil
        }
    }

    /// Rules without chain and comment: taken for flannel's where POSTROUTING has three of its four with one network.
    private static func oldPurpose(of rule: RuleFacts) -> Purpose? {
        let outline = rule.outline
        guard let network = outline.source?.value ?? outline.destination?.value else { return nil }
        switch (rule.chain.name, outline.effect) {
        case ("POSTROUTING", .masquerade), ("POSTROUTING", .return):
            let isMulticastApart = outline.source?.wanted != nil && outline.destination?.excluded == "224.0.0.0/4"
            guard isMulticastApart || outline.destination?.wanted != nil,
                hasOldRules(rule.chain, network: outline.source?.value ?? network)
            else { return nil }
            return purpose(of: outline)
        case ("FORWARD", .accept):
            guard outline.input == nil, outline.output == nil, outline.states == nil, outline.transport.isEmpty,
                (outline.source == nil) != (outline.destination == nil),
                let postrouting = rule.chain.cousin("POSTROUTING", table: .nat),
                hasOldRules(postrouting, network: network)
            else { return nil }
            return purpose(of: outline)
        default: return nil
        }
    }

    private static func hasOldRules(_ chain: ChainFacts, network: String) -> Bool {
        var found: Set<Int> = []
        for index in chain.rules.indices.prefix(64) {
            let outline = chain.facts(index).outline
            guard outline.input == nil, outline.output == nil, outline.transport.isEmpty else { continue }
            switch (outline.effect, outline.source, outline.destination) {
            case (.return, .is(network)?, .is(network)?): found.insert(0)
            case (.masquerade, .is(network)?, .not("224.0.0.0/4")?): found.insert(1)
            case (.masquerade, .not(network)?, .is(network)?): found.insert(2)
            default: break
            }
        }
        return found.count == 3
    }

    private static func words(_ text: String) -> Purpose { .other(.flannel, text) }
}
