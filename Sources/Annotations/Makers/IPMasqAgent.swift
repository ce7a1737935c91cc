/// ip-masq-agent: which destinations pods reach by their own address. Its chain has another name where `--masq-chain`
/// says so; the comments tell it.
///
/// Source: kubernetes-sigs/ip-masq-agent cmd/ip-masq-agent/ip-masq-agent.go (v2.12).
enum IPMasqAgent {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.name == "IP-MASQ-AGENT" { return whole }
        guard !chain.isBase, chain.tableName == "nat" else { return nil }
        for comment in chain.comments(first: 2) where comment.hasPrefix(mark) { return whole }
        return nil
    }

    private static let mark = "ip-masq-agent: "
    private static let whole = words("which destinations pods reach by their own address")

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .ipMasqAgent else { return nil }
        let outline = rule.outline
        switch outline.effect {
        case .return:
            return outline.destination?.wanted.map { words("to \($0): pods keep their own address") }
        case .masquerade:
            return words(
                outline.transport.isEmpty
                    ? "to everything else pods go by this node's address"
                    : "to everything else pods go by this node's address, from a range of ports")
        default: return nil
        }
    }

    private static func words(_ text: String) -> Purpose { .other(.ipMasqAgent, text) }
}
