internal import NetTypes
internal import RuleModel
internal import SourceText

// Matches that are programs or patterns over a packet's bytes.
// Source of every layout: include/uapi/linux/netfilter/xt_NAME.h, Linux 6.18.
extension XtablesData {
    /// `struct xt_string_info`; revision 0 knows no other flag than the sense.
    func string(_ names: inout NameTable) -> Match? {
        let flags = byte(149)
        guard fits(160), (1...128).contains(byte(148)), revision == 0 || flags & ~3 == 0 else { return nil }
        let pattern = array(20, Int(byte(148)))
        var match = StringMatch()
        match.algorithm = symbol(4, 16, &names)
        match.from = half(0)
        match.to = half(2)
        match.pattern = negatable(pattern, revision == 0 ? flags != 0 : flags & 1 != 0)
        match.ignoresCase = revision > 0 && flags & 2 != 0
        // As iptables-save chooses its option: extensions/libxt_string.c `is_hex_string`, 1.8.9.
        match.isHexadecimal = pattern.last == UInt8(ascii: "\\") || pattern.contains { $0 < 0x20 || $0 > 0x7e }
        return .string(match)
    }

    /// `struct xt_u32`: eleven tests of 180 bytes, each eleven numbers with operations and eleven ranges.
    func u32() -> Match? {
        guard fits(1982), (1...11).contains(byte(1980)) else { return nil }
        let operations: [U32Program.Step.Operation] = [.and, .leftShift, .rightShift, .at]
        var program = U32Program()
        for number in 0..<Int(byte(1980)) {
            let start = number * 180
            guard (1...11).contains(byte(start + 176)), (1...11).contains(byte(start + 177)) else { return nil }
            var test = U32Program.Test()
            test.start = word(start)
            for index in 1..<max(1, Int(byte(start + 176))) {
                guard byte(start + index * 8 + 4) < 4 else { return nil }
                let operation = operations[Int(byte(start + index * 8 + 4))]
                test.steps.append(U32Program.Step(operation, word(start + index * 8)))
            }
            for index in 0..<Int(byte(start + 177)) { test.ranges.append(words(start + 88 + index * 8)) }
            program.tests.append(test)
        }
        return .u32(negatable(program, isSet(1981)))
    }

    /// `struct xt_bpf_info`, and `_v1` with the path of a pinned program instead.
    func bpf(_ names: inout NameTable) -> Match? {
        guard fits(528) else { return nil }
        var match = BPFMatch()
        let isPath = revision > 0 && half(0) == 1
        guard revision == 0 || half(0) < 2 else { return nil }
        if isPath {
            match.pinnedPath = symbol(8, 512, &names)
            return match.pinnedPath == .empty ? nil : .bpf(match)
        }
        let count = half(revision == 0 ? 0 : 2)
        guard (1...64).contains(count) else { return nil }
        for index in 0..<Int(count) {
            // `struct sock_filter`
            let start = (revision == 0 ? 4 : 8) + index * 8
            match.program.append(
                BPFMatch.Instruction(
                    code: half(start), jumpTrue: byte(start + 2), jumpFalse: byte(start + 3), constant: word(start + 4))
            )
        }
        return .bpf(match)
    }
}
