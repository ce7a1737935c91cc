/// The attributes of a netlink message or of one nest, in their order. What does not fit ends the list; a number or
/// text that is not there is `nil`. The bytes may be anything.
struct Attributes: Sendable {
    struct Entry: Sendable {
        let type: Int
        let value: ArraySlice<UInt8>
    }

    let entries: [Entry]

    init(_ bytes: ArraySlice<UInt8>) {
        var entries: [Entry] = []
        var offset = bytes.startIndex
        while offset + 4 <= bytes.endIndex {
            let length = Int(Attributes.native(bytes[offset..<offset + 2]))
            guard length >= 4, offset + length <= bytes.endIndex else { break }
            // NLA_F_NESTED and NLA_F_NET_BYTEORDER are the two highest bits.
            let type = Int(Attributes.native(bytes[offset + 2..<offset + 4]) & 0x3fff)
            entries.append(Entry(type: type, value: bytes[offset + 4..<offset + length]))
            offset += (length + 3) & ~3
        }
        self.entries = entries
    }

    /// Those of a message of nf_tables, behind `struct nfgenmsg`.
    init(message: [UInt8]) { self.init(message.dropFirst(4)) }

    func bytes(_ type: Int) -> ArraySlice<UInt8>? {
        for entry in entries where entry.type == type { return entry.value }
        return nil
    }

    func has(_ type: Int) -> Bool { bytes(type) != nil }

    /// A number as nf_tables sends them, highest byte first.
    func number(_ type: Int) -> UInt64? {
        guard let value = bytes(type), !value.isEmpty, value.count <= 8 else { return nil }
        return value.reduce(0) { $0 << 8 | UInt64($1) }
    }

    func word(_ type: Int) -> UInt32? { number(type).map { UInt32(truncatingIfNeeded: $0) } }

    /// Whether a number is there and has this bit.
    func isSet(_ type: Int, _ bit: UInt32) -> Bool { (word(type) ?? 0) & bit != 0 }

    /// Up to the first zero byte.
    func text(_ type: Int) -> ArraySlice<UInt8>? { bytes(type).map { Attributes.text($0) } }

    func nest(_ type: Int) -> Attributes? { bytes(type).map { Attributes($0) } }

    static func text(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> { bytes.prefix { $0 != 0 } }

    /// A number in this machine's order.
    static func native(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        isLittleEndian
            ? bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } : bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    static var isLittleEndian: Bool { UInt16(1).littleEndian == 1 }
}

/// What user space keeps beside a rule, set or element: comments, and what types are written as.
///
/// One byte each for type and length. Source: libnftnl src/udata.c, 1.2.4.
struct UserData: Sendable {
    private let entries: [Attributes.Entry]

    init(_ bytes: ArraySlice<UInt8>?) {
        var entries: [Attributes.Entry] = []
        if let bytes {
            var offset = bytes.startIndex
            while offset + 2 <= bytes.endIndex {
                let length = Int(bytes[offset + 1])
                guard offset + 2 + length <= bytes.endIndex else { break }
                entries.append(
                    Attributes.Entry(type: Int(bytes[offset]), value: bytes[offset + 2..<offset + 2 + length]))
                offset += 2 + length
            }
        }
        self.entries = entries
    }

    func bytes(_ type: Int) -> ArraySlice<UInt8>? {
        for entry in entries where entry.type == type { return entry.value }
        return nil
    }

    /// A number in this machine's order.
    func number(_ type: Int) -> UInt64? {
        guard let value = bytes(type), !value.isEmpty, value.count <= 8 else { return nil }
        return Attributes.native(value)
    }

    func text(_ type: Int) -> ArraySlice<UInt8>? { bytes(type).map { Attributes.text($0) } }
}
