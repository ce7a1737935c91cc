import NetTypes
import NetlinkBytes
import RuleModel

/// A netlink message, or one nest of it, with what each attribute holds. Of attributes of one type the first counts, as
/// with `ip`. What is not there is `nil`; the bytes may be anything.
struct MessageParts {
    struct Part {
        let type: Int
        let value: Range<Int>
    }

    let bytes: [UInt8]
    let parts: [Part]

    /// The attributes after the header of `length` bytes that the message begins with.
    init(_ bytes: [UInt8], after length: Int) { self.init(bytes, in: min(length, bytes.count)..<bytes.count) }

    init(_ bytes: [UInt8], in range: Range<Int>) {
        var parts: [Part] = []
        var walk = AttributeWalk(range)
        while let attribute = walk.next(in: bytes.span) {
            parts.append(Part(type: attribute.type, value: attribute.value))
        }
        self.bytes = bytes
        self.parts = parts
    }

    func value(_ type: Int) -> Range<Int>? {
        for part in parts where part.type == type { return part.value }
        return nil
    }

    func has(_ type: Int) -> Bool { value(type) != nil }

    func nest(_ type: Int) -> MessageParts? { value(type).map { MessageParts(bytes, in: $0) } }

    /// A number in the machine's order.
    func native<Number: FixedWidthInteger & UnsignedInteger>(_ number: Number.Type, _ type: Int) -> Number? {
        guard let value = value(type), value.count >= Number.bitWidth / 8 else { return nil }
        return bytes.span.native(number, at: value.lowerBound)
    }

    func byte(_ type: Int) -> UInt8? { native(UInt8.self, type) }
    func half(_ type: Int) -> UInt16? { native(UInt16.self, type) }
    func word(_ type: Int) -> UInt32? { native(UInt32.self, type) }

    /// A number with its highest byte first, of at most eight bytes.
    func network(_ type: Int) -> UInt64? {
        guard let value = value(type), !value.isEmpty, value.count <= 8 else { return nil }
        return bytes.span.bigEndian(value)
    }

    func address(_ type: Int) -> IPAddress? { value(type).flatMap { IPAddress(wire: bytes.span, $0) } }

    /// The text of an attribute.
    func name(_ type: Int) -> [UInt8]? { value(type).map { nameWord(bytes.span, $0) } }

    /// A field of the header.
    func header<Number: FixedWidthInteger & UnsignedInteger>(_ number: Number.Type, at offset: Int) -> Number {
        bytes.span.native(number, at: offset)
    }
}

/// A text up to its first zero byte, as one word: blanks and control characters, which no tool lets one put into a
/// name, become `?`.
func nameWord(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    var name: [UInt8] = []
    for index in range.clamped(to: 0..<bytes.count) {
        let byte = bytes[index]
        if byte == 0 { break }
        name.append(byte <= 0x20 || byte == 0x7f ? UInt8(ascii: "?") : byte)
    }
    return name
}

/// Lines in the making.
struct LineWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ text: String) { bytes += text.utf8 }
    mutating func add(_ name: [UInt8]) { bytes += name }

    /// A word and a value that follows it, with a blank behind each.
    mutating func add(_ word: String, _ value: String) { add(word + " " + value + " ") }

    mutating func add(_ word: String, _ value: [UInt8]) {
        add(word + " ")
        add(value)
        add(" ")
    }

    /// Ends the line; blanks at its end stay away.
    mutating func endLine() {
        while let last = bytes.last, last == UInt8(ascii: " ") { bytes.removeLast() }
        bytes.append(UInt8(ascii: "\n"))
    }
}

/// Names of links by their numbers, and of what type they are.
struct LinkNames {
    private var names: [UInt32: [UInt8]] = [:]
    private var types: [UInt32: UInt16] = [:]

    init(_ links: [[UInt8]]) {
        for payload in links {
            // struct ifinfomsg
            let message = MessageParts(payload, after: 16)
            let index = message.header(UInt32.self, at: 4)
            guard index > 0, let name = message.name(3), !name.isEmpty else { continue }
            names[index] = name
            types[index] = message.header(UInt16.self, at: 2)
        }
    }

    /// As `ip` has it: `if7` for one that is not there.
    func name(_ index: UInt32) -> [UInt8] { names[index] ?? Array("if\(index)".utf8) }

    /// ARPHRD_…
    func type(_ index: UInt32) -> UInt16 { types[index] ?? 1 }
}

/// Names of routing tables.
struct TableWords {
    private var names: [UInt32: String] = [255: "local", 254: "main", 253: "default", 0: "unspec"]

    /// A name stands for a number only where it stands for no other, and is no number itself.
    init(_ given: [HostDump.TableName]) {
        for entry in given { names[entry.number] = entry.name }
        var counts: [String: Int] = [:]
        for name in names.values { counts[name, default: 0] += 1 }
        for (number, name) in names {
            let isWord = name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
            let first = name.utf8.first ?? UInt8(ascii: "0")
            if counts[name] != 1 || !isWord || isDigit(first) || name == "all" { names[number] = nil }
        }
    }

    func word(_ number: UInt32) -> String { names[number] ?? "\(number)" }

    /// /etc/iproute2/rt_tables; `nil` where it has no name that every host has not.
    var text: String? {
        let others = names.keys.filter { $0 != 0 && $0 < 253 || $0 > 255 }.sorted()
        guard !others.isEmpty else { return nil }
        var text = "#\n# reserved values\n#\n255\tlocal\n254\tmain\n253\tdefault\n0\tunspec\n#\n# local\n#\n"
        for number in others { text += "\(number)\t\(word(number))\n" }
        return text
    }
}
