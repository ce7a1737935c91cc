internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m u32`
    mutating func readU32() throws(RuleFailure) -> Match {
        var program: Negatable<U32Program>?
        while try beginOption() {
            guard takes("--u32") else { break }
            try refuseSecond(program)
            let isNegated = negation()
            let range = try value()
            var reader = U32ProgramReader(position: range.lowerBound, end: range.upperBound)
            guard let tests = reader.read(self) else { throw bad(.value, "a u32 expression") }
            program = Negatable(tests, isNegated: isNegated)
        }
        guard let program else { throw missing("--u32") }
        return .u32(program)
    }
}

/// Reads `6&0xFF=1 && 4&0x3FFF=0:5,7`: tests of a location, that is numbers with operators, and its values.
/// Source: iptables 1.8.9, extensions/libxt_u32.c `u32_parse`.
private struct U32ProgramReader {
    /// Source: include/uapi/linux/netfilter/xt_u32.h `XT_U32_MAXSIZE`: of tests, numbers and ranges each.
    static let limit = 10

    var position: Int
    let end: Int

    mutating func read(_ reader: borrowing RuleReader) -> U32Program? {
        var program = U32Program()
        repeat {
            guard program.tests.count < U32ProgramReader.limit, let test = readTest(reader) else { return nil }
            program.tests.append(test)
        } while takes("&&", reader)
        return position == end ? program : nil
    }

    private mutating func readTest(_ reader: borrowing RuleReader) -> U32Program.Test? {
        var test = U32Program.Test()
        guard let start = readNumber(reader) else { return nil }
        test.start = start
        while !takes("=", reader) {
            guard let operation = readOperation(reader), let number = readNumber(reader) else { return nil }
            test.steps.append(U32Program.Step(operation, number))
            guard test.steps.count < U32ProgramReader.limit else { return nil }
        }
        repeat {
            guard let first = readNumber(reader) else { return nil }
            var last = first
            if takes(":", reader) {
                guard let number = readNumber(reader) else { return nil }
                last = number
            }
            test.ranges.append(NumberRange(first, last))
            guard test.ranges.count <= U32ProgramReader.limit else { return nil }
        } while takes(",", reader)
        return test
    }

    private mutating func readOperation(_ reader: borrowing RuleReader) -> U32Program.Step.Operation? {
        if takes("<<", reader) { return .leftShift }
        if takes(">>", reader) { return .rightShift }
        if takes("@", reader) { return .at }
        return takes("&", reader) ? .and : nil
    }

    private mutating func takes(_ text: StaticString, _ reader: borrowing RuleReader) -> Bool {
        skipBlanks(reader)
        let next = position + text.utf8CodeUnitCount
        guard next <= end, reader.equals(position..<next, text) else { return false }
        position = next
        return true
    }

    private mutating func readNumber(_ reader: borrowing RuleReader) -> UInt32? {
        skipBlanks(reader)
        let start = position
        while position < end, U32ProgramReader.isPartOfNumber(reader.buffer[position]) { position += 1 }
        return reader.readNumber(start..<position)
    }

    private mutating func skipBlanks(_ reader: borrowing RuleReader) {
        while position < end, reader.buffer[position] == UInt8(ascii: " ") || reader.buffer[position] == 9 {
            position += 1
        }
    }

    private static func isPartOfNumber(_ byte: UInt8) -> Bool {
        switch byte | 0x20 {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "x"): true
        default: false
        }
    }
}

extension RuleWriter {
    mutating func writeU32(_ match: Negatable<U32Program>) {
        option("--u32", isNegated: match.isNegated)
        put(" \"")
        var isFirst = true
        for test in match.value.tests {
            if !isFirst { put("&&") }
            isFirst = false
            put(hexadecimal: test.start)
            for step in test.steps {
                switch step.operation {
                case .and: put("&")
                case .leftShift: put("<<")
                case .rightShift: put(">>")
                case .at: put("@")
                }
                put(hexadecimal: step.value)
            }
            var separator: StaticString = "="
            for range in test.ranges {
                put(separator)
                put(hexadecimal: range.first)
                if !range.isSingle {
                    put(":")
                    put(hexadecimal: range.last)
                }
                separator = ","
            }
        }
        put("\"")
    }
}
