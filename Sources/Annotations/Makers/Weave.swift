internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// Weave Net: masquerading, and network policies (weave-npc).
///
/// Source: weaveworks/weave net/bridge.go, npc/constants.go, npc/controller.go, docs/weave-npc.md, net/ipsec (v2.8).
enum Weave {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        switch chain.name {
        case "WEAVE": words("by which address pods leave Weave's network")
        case "WEAVE-NPC": words("network policies: what goes to pods")
        case "WEAVE-NPC-DEFAULT": words("network policies: namespaces that allow everything to their pods")
        case "WEAVE-NPC-INGRESS": words("network policies: what they allow to pods")
        case "WEAVE-NPC-EGRESS": words("network policies: what pods send")
        case "WEAVE-NPC-EGRESS-DEFAULT": words("network policies: namespaces that allow everything from their pods")
        case "WEAVE-NPC-EGRESS-CUSTOM": words("network policies: what they allow from pods")
        case "WEAVE-NPC-EGRESS-ACCEPT": words("marks what a network policy allows a pod to send")
        case "WEAVE-EXPOSE": words("what is between pods and this host")
        case "WEAVE-CANARY": words("tells Weave by its absence that rules were flushed; holds no rules")
        case "WEAVE-IPSEC-IN", "WEAVE-IPSEC-OUT", "WEAVE-IPSEC-IN-MARK", "WEAVE-IPSEC-OUT-MARK":
            words("what Weave encrypts between nodes")
        default: nil
        }
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .weave else { return nil }
        let outline = rule.outline
        // `DefaultAllow ingress isolation for namespace: shop`, `pods: namespace: shop, selector: app=web -> …`
        let comment = rule.comments.first { $0.holds("namespace:") }
        switch outline.effect {
        case .masquerade:
            if let network = outline.source?.wanted { return words("pods of \(network) leave by this node's address") }
            return outline.destination?.wanted.map { words("what is not of \($0) reaches it by this node's address") }
        case .mark: return words("marks the packet as allowed by a network policy")
        case .accept where outline.isForKnownConnections: return words("lets answers through")
        case .accept: return words(comment.map { "a network policy allows it: \($0)" } ?? "lets it through")
        case .jump("WEAVE-NPC-EGRESS-ACCEPT"): return comment.map { words("a network policy allows it: \($0)") }
        case .return: return words(comment.map { "goes on, since it is allowed: \($0)" } ?? "goes on as it is")
        case .drop: return words("drops what no network policy allows")
        default: return nil
        }
    }

    static let marks = [
        MarkMeaning(mask: 0x4_0000, maker: .weave, text: "a network policy allows what the pod sends"),
        MarkMeaning(mask: 0x2_0000, maker: .weave, text: "the packet is to be encrypted, or was"),
    ]

    static func purpose(ofSet name: String) -> Purpose? {
        if name == "weave-local-pods" { return words("pods on this node") }
        return name.hasPrefix("weave-") ? words("addresses that network policies speak of") : nil
    }

    private static func words(_ text: String) -> Purpose { .other(.weave, text) }
}
