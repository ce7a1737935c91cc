internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

// Matches that look into the packet's bytes.
extension Evaluator {
    private func payloadUnknown(_ kind: String, _ rule: RuleReference) -> Answer {
        perhaps(
            kind, of: rule, "the packet's bytes are as the rule asks", "the packet's bytes are not as the rule asks")
    }

    /// Source: net/netfilter/xt_u32.c.
    func testU32(_ test: Negatable<U32Program>, _ packet: Packet, _ rule: RuleReference) -> Answer {
        .negate(payloadUnknown("u32", rule), if: test.isNegated)
    }

    /// Source: net/netfilter/xt_bpf.c.
    func testBPF(_ match: BPFMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        payloadUnknown("bpf", rule)
    }

    /// Source: net/netfilter/xt_string.c, net/core/skbuff.c `skb_find_text`: the pattern must lie within the packet and
    /// between the two offsets.
    func testString(_ match: StringMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        let count = UInt32(match.pattern.value.count)
        let isTooLong =
            !packet.unknown.contains(.length) && UInt32(match.from) + count > packet.length
            || UInt32(match.from) + count > UInt32(match.to)
        if isTooLong { return Answer(match.pattern.isNegated) }
        return .negate(payloadUnknown("string", rule), if: match.pattern.isNegated)
    }
}
