internal import NetTypes
internal import RuleModel
internal import SourceText

/// Writes rules as iptables-save 1.8.9 writes them, out of the typed values.
///
/// A writer of a match or target is a method beside its reader; every option begins with a blank, as in
/// ` --mark 0x1/0x1`. The name of the module is written before it, by `write(_:)`.
struct RuleWriter {
    var bytes: [UInt8] = []
    let names: NameTable
    var family: TableFamily
    var backend: Backend

    init(names: NameTable, family: TableFamily, backend: Backend) {
        self.names = names
        self.family = family
        self.backend = backend
    }

    var isV6: Bool { family == .ip6 }

    // MARK: Text

    mutating func put(_ text: StaticString) { bytes.append(text) }

    mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// A name without quotes, whatever is in it but the end of a line.
    mutating func put(_ name: Symbol) { put(onOneLine: names.bytes(name)) }

    /// A rule of the kernel's may have any byte in a name, and a second line of one would be read as a rule.
    private mutating func put(onOneLine text: ArraySlice<UInt8>) {
        if text.contains(UInt8(ascii: "\n")) {
            bytes.append(contentsOf: text.map { $0 == UInt8(ascii: "\n") ? UInt8(ascii: "?") : $0 })
        } else {
            bytes.append(contentsOf: text)
        }
    }

    mutating func put(_ number: some FixedWidthInteger) {
        var buffer: [20 of UInt8] = .init(repeating: 0)
        var count = 0
        var rest = number.magnitude
        repeat {
            buffer[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            count += 1
            rest /= 10
        } while rest > 0 && count < 20
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        while count > 0 {
            count -= 1
            bytes.append(buffer[count])
        }
    }

    /// `0x…` in lower case.
    mutating func put(hexadecimal number: some FixedWidthInteger, digits: Int = 1) {
        put("0x")
        let text = String(number, radix: 16)
        for _ in 0..<max(0, digits - text.utf8.count) { put("0") }
        put(text)
    }

    // MARK: Options

    /// ` --name`, with ` !` before it where `isNegated`.
    mutating func option(_ name: StaticString, isNegated: Bool = false) {
        if isNegated { put(" !") }
        put(" ")
        put(name)
    }

    /// ` --name value`.
    mutating func option(_ name: StaticString, _ value: some FixedWidthInteger, isNegated: Bool = false) {
        option(name, isNegated: isNegated)
        put(" ")
        put(value)
    }

    /// A blank and `text`, in quotes where it has anything but letters, digits, `_` and `-`.
    /// Source: iptables 1.8.9, libxtables/xtables.c `xtables_save_string`.
    mutating func quoted(_ text: Symbol) { quoted(names.bytes(text)) }

    mutating func quoted(_ text: ArraySlice<UInt8>) {
        put(" ")
        var isPlain = !text.isEmpty
        for byte in text where !RuleWriter.needsNoQuote(byte) { isPlain = false }
        if isPlain {
            bytes.append(contentsOf: text)
            return
        }
        put("\"")
        for byte in text {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "'") { put("\\") }
            bytes.append(byte == UInt8(ascii: "\n") ? UInt8(ascii: "?") : byte)
        }
        put("\"")
    }

    private static func needsNoQuote(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    // MARK: Values

    mutating func put(_ address: IPAddress) { put(address.description) }

    /// `address/length`, or `address/mask` where the mask is no run of leading ones.
    mutating func put(_ address: AddressMask) {
        put(address.address)
        put("/")
        if let length = address.mask.leadingOnes { put(length) } else { put(address.mask) }
    }

    /// As `put(AddressMask)`, but without the mask of a single address.
    mutating func putShort(_ address: AddressMask) {
        if address.mask.leadingOnes == UInt8(address.mask.version.addressBits) {
            put(address.address)
        } else {
            put(address)
        }
    }

    /// `first-last`, or the address alone.
    mutating func put(_ range: AddressRange) {
        put(range.first)
        if !range.isSingle {
            put("-")
            put(range.last)
        }
    }

    /// `first:last`, or the one number.
    mutating func put<Number>(_ range: NumberRange<Number>, separator: StaticString = ":") {
        put(range.first)
        if !range.isSingle {
            put(separator)
            put(range.last)
        }
    }

    /// `0x…`, with `/0x…` where the mask is not all ones.
    mutating func put(_ word: MaskedWord) {
        put(hexadecimal: word.value)
        if word.mask != .max {
            put("/")
            put(hexadecimal: word.mask)
        }
    }

    mutating func put(_ interface: InterfacePattern) {
        put(interface.name)
        if interface.isPrefix { put("+") }
    }

    mutating func put(_ test: ProtocolTest) {
        if test.spelling == .empty { put(RuleWriter.usualName(of: test.number)) } else { put(test.spelling) }
    }

    /// How iptables-save on Debian 12 writes a protocol: its name in `/etc/protocols`, else its number.
    static func usualName(of number: IPProtocol) -> String {
        if number.rawValue == 0 { return "all" }
        return number.name ?? "\(number.rawValue)"
    }
}

extension IPAddress {
    /// How many ones this mask begins with, or `nil` where a one follows a zero.
    var leadingOnes: UInt8? {
        switch version {
        case .v4:
            let bits = v4Bits
            let count = (~bits).leadingZeroBitCount
            return count == 32 || bits << UInt32(count) == 0 ? UInt8(count) : nil
        case .v6:
            let inHigh = (~high).leadingZeroBitCount
            if inHigh < 64 { return high << UInt64(inHigh) == 0 && low == 0 ? UInt8(inHigh) : nil }
            let inLow = (~low).leadingZeroBitCount
            return inLow == 64 || low << UInt64(inLow) == 0 ? UInt8(64 + inLow) : nil
        }
    }
}
