internal import NetTypes
internal import SourceText

/// Splits nft's text into tokens. Of all that can begin at a byte the longest counts, as in nft's own scanner.
/// Source: nftables src/scanner.l, 1.0.2 and 1.0.6.
struct Lexer {
    let bytes: [UInt8]
    private(set) var tokens: [Token] = []
    /// Tables of which nft says that iptables-nft manages them: where it says so.
    private(set) var managedByIptables: [UInt32] = []
    /// Tables of which hookline says that they compare fields one by one: where it says so.
    private(set) var comparingApart: [UInt32] = []
    private var position: Int
    private let end: Int
    private var line: UInt32

    init(_ bytes: [UInt8], range: Range<Int>, firstLine: Int) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
        line = UInt32(truncatingIfNeeded: firstLine)
        tokens.reserveCapacity(range.count / 5 + 2)
        while position < end { step() }
        add(.end, end, end)
    }

    private mutating func add(_ kind: Token.Kind, _ start: Int, _ finish: Int) {
        tokens.append(
            Token(
                kind: kind, line: line, start: UInt32(truncatingIfNeeded: start),
                finish: UInt32(truncatingIfNeeded: finish)))
        position = max(finish, position)
    }

    private mutating func step() {
        let byte = bytes[position]
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): position += 1
        case UInt8(ascii: "\n"): addNewline(handle: 0)
        case UInt8(ascii: "#"): readRemark()
        case UInt8(ascii: "\""): readQuoted()
        case UInt8(ascii: "\\"):
            // A line that goes on in the next one.
            var next = position + 1
            if next < end, bytes[next] == UInt8(ascii: "\r") { next += 1 }
            if next < end, bytes[next] == UInt8(ascii: "\n") {
                line += 1
                position = next + 1
            } else {
                readWord()
            }
        default: readWord()
        }
    }

    private mutating func addNewline(handle: UInt32) {
        add(.newline, position, position + 1)
        tokens[tokens.count - 1].handle = handle
        line += 1
    }

    /// `# handle 5` is kept; what else follows a hash sign says nothing of the rules.
    private mutating func readRemark() {
        let stop = bytes.span.firstIndex(of: UInt8(ascii: "\n"), in: position..<end) ?? end
        let isHandle = bytes.span.extracting(position..<stop).starts(with: "# handle ")
        let isWarning = bytes.span.extracting(position..<stop).starts(with: "# Warning: table ")
        var handle: UInt32 = 0
        if isHandle {
            var digit = position + 9
            while digit < stop, bytes[digit].isDigit {
                handle = handle &* 10 &+ UInt32(bytes[digit] - UInt8(ascii: "0"))
                digit += 1
            }
        } else if isWarning {
            managedByIptables.append(UInt32(truncatingIfNeeded: position))
        } else if bytes.span.extracting(position..<stop).starts(with: remarkOfFieldsApart) {
            comparingApart.append(UInt32(truncatingIfNeeded: position))
        }
        position = stop
        if stop < end { addNewline(handle: handle) }
    }

    private mutating func readQuoted() {
        let start = position
        let first = line
        var stop = position + 1
        while stop < end, bytes[stop] != UInt8(ascii: "\"") {
            if bytes[stop] == UInt8(ascii: "\n") { line += 1 }
            stop += 1
        }
        let after = line
        line = first
        add(stop < end ? .quoted : .bad, start, min(stop + 1, end))
        line = after
    }

    private mutating func readWord() {
        let start = position
        var best = start
        var kind = Token.Kind.bad
        func offer(_ stop: Int, _ offered: Token.Kind) {
            if stop > best {
                best = stop
                kind = offered
            }
        }
        let byte = bytes[start]
        if byte.isLetter || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "\\")
            || byte == UInt8(ascii: "*")
        {
            offer(endOfName(start), .word)
        }
        if byte.isDigit {
            offer(endOfNumber(start), .number)
            offer(endOfTime(start), .word)
            // The two names that begin with a digit.
            for name: StaticString in ["8021q", "8021ad"]
            where bytes.span.extracting(start..<end).starts(with: name) { offer(start + name.utf8CodeUnitCount, .word) }
        }
        if byte.isHexadecimal || byte == UInt8(ascii: ":") { offer(endOfAddress(start), .word) }
        if byte == UInt8(ascii: "[") { offer(endOfBracketed(start), .word) }
        offer(endOfSign(start), .sign)
        if best == start { best = start + 1 }
        // A point alone joins the parts of a key.
        if best == start + 1, byte == UInt8(ascii: ".") || byte == UInt8(ascii: "*") { kind = .sign }
        add(kind, start, best)
    }

    /// A name may end in `*`, or hold one behind a backslash.
    private func endOfName(_ start: Int) -> Int {
        var stop = start
        while stop < end {
            let byte = bytes[stop]
            if byte.isNamePart || (byte == UInt8(ascii: "-") && stop > start) {
                stop += 1
            } else if byte == UInt8(ascii: "\\"), stop + 1 < end, bytes[stop + 1] == UInt8(ascii: "*") {
                stop += 2
            } else if byte == UInt8(ascii: "/"), stop > start {
                stop += 1
            } else {
                break
            }
        }
        if stop > start, stop < end, bytes[stop] == UInt8(ascii: "*") { stop += 1 }
        return stop
    }

    private func endOfNumber(_ start: Int) -> Int {
        var stop = start
        if bytes[start] == UInt8(ascii: "0"), start + 2 < end, bytes[start + 1] | 0x20 == UInt8(ascii: "x"),
            bytes[start + 2].isHexadecimal
        {
            stop = start + 2
            while stop < end, bytes[stop].isHexadecimal { stop += 1 }
            return stop
        }
        while stop < end, bytes[stop].isDigit { stop += 1 }
        return stop
    }

    /// `1d2h3m4s5ms`
    private func endOfTime(_ start: Int) -> Int {
        var stop = start
        while stop < end {
            var digit = stop
            while digit < end, bytes[digit].isDigit { digit += 1 }
            guard digit > stop, digit < end else { break }
            switch bytes[digit] {
            case UInt8(ascii: "m"): stop = digit + (digit + 1 < end && bytes[digit + 1] == UInt8(ascii: "s") ? 2 : 1)
            case UInt8(ascii: "d"), UInt8(ascii: "h"), UInt8(ascii: "s"): stop = digit + 1
            default: return stop
            }
        }
        return stop
    }

    /// An IPv4, IPv6 or hardware address, or the two halves of a class identifier.
    private func endOfAddress(_ start: Int) -> Int {
        var stop = start
        var colons = 0
        var points = 0
        while stop < end, stop - start < 46 {
            if bytes[stop] == UInt8(ascii: ":") {
                colons += 1
            } else if bytes[stop] == UInt8(ascii: ".") {
                points += 1
            } else if !bytes[stop].isHexadecimal {
                break
            }
            stop += 1
        }
        guard colons > 0 || points > 2 else { return start }
        if colons == 1, points == 0, let colon = (start..<stop).first(where: { bytes[$0] == UInt8(ascii: ":") }),
            (1...4).contains(colon - start), (1...4).contains(stop - colon - 1),
            stop < end, bytes[stop].endsClassIdentifier
        {
            return stop
        }
        while stop - start > 1 {
            let text = bytes.span.extracting(start..<stop)
            if IPAddress(text) != nil || isHardwareAddress(text) || isLikeIPv4(text) { return stop }
            stop -= 1
        }
        return start
    }

    /// Four numbers, also such as no address has: they are one word, about which its reader complains.
    private func isLikeIPv4(_ text: Span<UInt8>) -> Bool {
        var points = 0
        var digits = 0
        for index in text.indices {
            if text[index] == UInt8(ascii: ".") {
                guard digits > 0 else { return false }
                points += 1
                digits = 0
            } else {
                digits += 1
                guard digits <= 3, text[index].isDigit else { return false }
            }
        }
        return points == 3 && digits > 0
    }

    private func isHardwareAddress(_ text: Span<UInt8>) -> Bool {
        var groups = 0
        var digits = 0
        for index in text.indices {
            if text[index] == UInt8(ascii: ":") {
                guard digits > 0 else { return false }
                groups += 1
                digits = 0
            } else {
                digits += 1
                guard digits <= 2, text[index] != UInt8(ascii: ".") else { return false }
            }
        }
        return groups == 5 && digits > 0
    }

    private func endOfBracketed(_ start: Int) -> Int {
        guard let close = bytes.span.firstIndex(of: UInt8(ascii: "]"), in: start..<min(end, start + 48)),
            let address = IPAddress(bytes.span.extracting(start + 1..<close)), address.version == .v6
        else { return start }
        return close + 1
    }

    private func endOfSign(_ start: Int) -> Int {
        let next = start + 1 < end ? bytes[start + 1] : 0
        switch bytes[start] {
        case UInt8(ascii: "<"), UInt8(ascii: ">"):
            return start + (next == UInt8(ascii: "=") || next == bytes[start] ? 2 : 1)
        case UInt8(ascii: "="), UInt8(ascii: "!"):
            return start + (next == UInt8(ascii: "=") ? 2 : 1)
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["),
            UInt8(ascii: "]"), UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "/"),
            UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "@"), UInt8(ascii: "$"), UInt8(ascii: "&"),
            UInt8(ascii: "|"), UInt8(ascii: "^"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "~"):
            return start + 1
        default: return start
        }
    }
}

extension UInt8 {
    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
    var isLetter: Bool { (self | 0x20) >= UInt8(ascii: "a") && (self | 0x20) <= UInt8(ascii: "z") }
    fileprivate var isHexadecimal: Bool { hexadecimalDigit(self) != nil }
    fileprivate var isNamePart: Bool { isDigit || isLetter || self == UInt8(ascii: "_") || self == UInt8(ascii: ".") }
    fileprivate var endsClassIdentifier: Bool {
        switch self {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: ":"), UInt8(ascii: "-"),
            UInt8(ascii: "}"), UInt8(ascii: ","):
            true
        default: false
        }
    }
}
