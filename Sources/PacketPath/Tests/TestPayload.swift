internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

// Matches that look into the packet's bytes. A trace knows its headers' main fields, which often settle the matter.
extension Evaluator {
    private func payloadUnknown(_ kind: String, _ rule: RuleReference) -> Answer {
        perhaps(
            kind, of: rule, "the packet's bytes are as the rule asks", "the packet's bytes are not as the rule asks")
    }

    /// Source: net/netfilter/xt_u32.c.
    func testU32(_ test: Negatable<U32Program>, _ packet: Packet, _ rule: RuleReference) -> Answer {
        let image = PacketImage(packet)
        var result: Bool? = true
        for one in test.value.tests {
            switch runU32(one, image) {
            case false?: return Answer(test.isNegated)
            case true?: break
            case nil: result = nil
            }
        }
        if let result { return Answer(result != test.isNegated) }
        return .negate(payloadUnknown("u32", rule), if: test.isNegated)
    }

    private func runU32(_ test: U32Program.Test, _ image: PacketImage) -> Bool? {
        func load(_ offset: UInt32) -> PacketImage.Load? { image.load(offset, 4) }
        guard let first = load(test.start) else { return nil }
        guard case .word(var word) = first else { return false }
        var base: UInt32 = 0
        for step in test.steps {
            switch step.operation {
            case .and: word = word & PartialWord(step.value)
            case .leftShift:
                guard step.value < 32 else { return nil }
                word = word << step.value
            case .rightShift:
                guard step.value < 32 else { return nil }
                word = word >> step.value
            case .at:
                guard let exact = word.exact else { return nil }
                let (next, overflow) = base.addingReportingOverflow(exact)
                let (offset, beyond) = next.addingReportingOverflow(step.value)
                if overflow || beyond { return false }
                base = next
                guard let found = load(offset) else { return nil }
                guard case .word(let loaded) = found else { return false }
                word = loaded
            }
        }
        var mayLie = false
        for range in test.ranges where range.first <= word.highest && word.value <= range.last {
            if range.first <= word.value, word.highest <= range.last { return true }
            mayLie = true
        }
        return mayLie ? nil : false
    }

    /// Source: net/netfilter/xt_bpf.c: a program that returns anything but 0.
    func testBPF(_ match: BPFMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        guard match.pinnedPath == .empty else {
            let path = names.text(match.pinnedPath)
            return perhaps(
                "bpf", of: rule, "the program \(path) takes the packet", "the program \(path) does not take the packet")
        }
        var machine = FilterMachine(match.program, PacketImage(packet))
        if let result = machine.run() { return Answer(result) }
        return payloadUnknown("bpf", rule)
    }

    /// Source: net/netfilter/xt_string.c, net/core/skbuff.c `skb_find_text`: the pattern must lie within the packet and
    /// between the two offsets. Observed on Linux 6.18.
    func testString(_ match: StringMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        let end = UInt32(match.from) + UInt32(match.pattern.value.count)
        let isBeyond = !packet.unknown.contains(.length) && end > packet.length
        if isBeyond || end > UInt32(match.to) { return Answer(match.pattern.isNegated) }
        return .negate(payloadUnknown("string", rule), if: match.pattern.isNegated)
    }

    /// Source: net/core/skbuff.c `skb_find_text`, lib/ts_bm.c, lib/ts_kmp.c: the first place at or behind `--from` must
    /// end at `--to` or before.
    func judgeString(_ match: StringMatch, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        let algorithm = names.text(match.algorithm)
        let pattern = match.pattern.value.map { match.ignoresCase ? upperCase($0) : $0 }
        let from = Int(match.from)
        guard algorithm == "bm" || algorithm == "kmp", !pattern.isEmpty else { throw .unknown }
        if from + pattern.count > min(headers.length, Int(match.to)) { return match.pattern.isNegated }
        var mayMatch = false
        for start in from...(min(headers.length, Int(match.to)) - pattern.count) {
            var fits: Bool? = true
            for (index, wanted) in pattern.enumerated() where fits != false {
                guard let place = UInt32(exactly: start + index), case .word(let byte)? = headers.image.load(place, 1)
                else { throw .unknown }
                guard let exact = byte.exact.map({ UInt8(truncatingIfNeeded: $0) }) else {
                    // As when NAT draws a port.
                    fits = nil
                    continue
                }
                if (match.ignoresCase ? upperCase(exact) : exact) != wanted { fits = false }
            }
            if fits == true { return !match.pattern.isNegated }
            if fits == nil { mayMatch = true }
        }
        if mayMatch { throw .unknown }
        return match.pattern.isNegated
    }

    /// The kernel's letters are Latin-1's. Source: lib/ctype.c.
    private func upperCase(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), 0xdf...0xf6, 0xf8...0xff: byte - 0x20
        default: byte
        }
    }
}
