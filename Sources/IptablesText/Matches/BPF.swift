internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m bpf`
    mutating func readBPF() throws(RuleFailure) -> Match {
        var match = BPFMatch()
        var isSet: Bool?
        while try beginOption() {
            if takes("--bytecode") {
                try refuseSecond(isSet)
                match.program = try bytecode()
            } else if takes("--object-pinned") {
                try refuseSecond(isSet)
                match.pinnedPath = try symbol()
            } else {
                break
            }
            isSet = true
        }
        guard isSet != nil else { throw missing("--bytecode or --object-pinned") }
        return .bpf(match)
    }

    /// Takes `count,code jt jf k,…`.
    private mutating func bytecode() throws(RuleFailure) -> [BPFMatch.Instruction] {
        let expected = "a program as `nfbpf_compile` prints it: count,code jt jf k,…"
        let range = try value()
        // A comma may end the program.
        let isClosed = !range.isEmpty && buffer[range.upperBound - 1] == UInt8(ascii: ",")
        let body = isClosed ? range.lowerBound..<range.upperBound - 1 : range
        guard let parts = list(body), let first = parts.first, let count: Int = readNumber(first), count > 0,
            count == parts.count - 1
        else { throw bad(.value, expected) }
        var program: [BPFMatch.Instruction] = []
        program.reserveCapacity(count)
        for part in parts.dropFirst() {
            guard let fields = list(part, separator: UInt8(ascii: " ")), fields.count == 4,
                let code: UInt16 = readNumber(fields[0]), let jumpTrue: UInt8 = readNumber(fields[1]),
                let jumpFalse: UInt8 = readNumber(fields[2]), let constant: UInt32 = readNumber(fields[3])
            else { throw bad(.value, expected) }
            program.append(
                BPFMatch.Instruction(code: code, jumpTrue: jumpTrue, jumpFalse: jumpFalse, constant: constant))
        }
        return program
    }
}

extension RuleWriter {
    mutating func writeBPF(_ match: BPFMatch) {
        if match.program.isEmpty {
            option("--object-pinned")
            put(" ")
            put(match.pinnedPath)
            return
        }
        option("--bytecode")
        put(" \"")
        put(match.program.count)
        for instruction in match.program {
            put(",")
            put(instruction.code)
            put(" ")
            put(instruction.jumpTrue)
            put(" ")
            put(instruction.jumpFalse)
            put(" ")
            put(instruction.constant)
        }
        put("\"")
    }
}
