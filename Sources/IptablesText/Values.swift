internal import NetTypes
internal import RuleModel
internal import SourceText

// Values of options. Each takes the next word, or words, and throws a failure that points at it.
extension RuleReader {
    /// Takes a word as a name: of a set, a chain, a list, or any text.
    mutating func symbol() throws(RuleFailure) -> Symbol {
        let range = try value()
        return names.intern(buffer, range)
    }

    /// Takes a number: decimal, `0x…` or `0…`, as `strtoul` with base 0 reads it.
    mutating func number<Number: FixedWidthInteger>(
        _ type: Number.Type = Number.self, upTo last: Number = .max
    ) throws(RuleFailure) -> Number {
        let range = try value()
        guard let number = readNumber(range, upTo: last) else { throw bad(.number, "a number up to \(last)") }
        return number
    }

    /// The number in `range`, where the whole text is one and it is at most `last`.
    func readNumber<Number: FixedWidthInteger>(_ range: Range<Int>, upTo last: Number = .max) -> Number? {
        guard let wide = SourceText.number(buffer.span.extracting(range)), let number = Number(exactly: wide),
            number <= last
        else { return nil }
        return number
    }

    /// Takes `a`, `a:b`, `a:` or `:b`; a missing end is the lowest or `last`.
    mutating func numberRange<Number: FixedWidthInteger>(
        _ type: Number.Type = Number.self, upTo last: Number = .max, separator: UInt8 = UInt8(ascii: ":")
    ) throws(RuleFailure) -> NumberRange<Number> {
        let range = try value()
        guard let result: NumberRange<Number> = readNumberRange(range, upTo: last, separator: separator) else {
            throw bad(.number, "a number up to \(last), or a range of two")
        }
        return result
    }

    /// The range of numbers in `range`.
    func readNumberRange<Number: FixedWidthInteger>(
        _ range: Range<Int>, upTo last: Number = .max, separator: UInt8 = UInt8(ascii: ":")
    ) -> NumberRange<Number>? {
        guard let split = firstIndex(of: separator, in: range) else {
            guard let only = readNumber(range, upTo: last) else { return nil }
            return NumberRange(only)
        }
        var result = NumberRange<Number>(0, last)
        if split > range.lowerBound {
            guard let first = readNumber(range.lowerBound..<split, upTo: last) else { return nil }
            result.first = first
        }
        if split + 1 < range.upperBound {
            guard let end = readNumber(split + 1..<range.upperBound, upTo: last) else { return nil }
            result.last = end
        }
        guard result.first <= result.last, range.count > 1 else { return nil }
        return result
    }

    /// Takes `80`, `80:90`, `:90`, `80:` or the name of a service.
    mutating func ports() throws(RuleFailure) -> PortRange {
        let range = try value()
        guard let ports = readPorts(range) else { throw bad(.port, "a port or a range of ports") }
        return ports
    }

    /// The ports in `range`.
    func readPorts(_ range: Range<Int>) -> PortRange? {
        if let ports: PortRange = readNumberRange(range) { return ports }
        guard let split = firstIndex(of: UInt8(ascii: ":"), in: range) else {
            guard let port = readPort(range) else { return nil }
            return PortRange(port)
        }
        let first = split == range.lowerBound ? 0 : readPort(range.lowerBound..<split)
        let last = split + 1 == range.upperBound ? 65535 : readPort(split + 1..<range.upperBound)
        guard let first, let last, first <= last, range.count > 1 else { return nil }
        return PortRange(first, last)
    }

    /// A port's number, or the name of a service.
    func readPort(_ range: Range<Int>) -> UInt16? {
        if let port: UInt16 = readNumber(range) { return port }
        return portOfService(buffer.span.extracting(range))
    }

    /// Takes `value` or `value/mask`, both 32-bit numbers of any base.
    mutating func maskedWord() throws(RuleFailure) -> MaskedWord {
        let range = try value()
        let slash = firstIndex(of: UInt8(ascii: "/"), in: range)
        let end = slash ?? range.upperBound
        guard let word: UInt32 = readNumber(range.lowerBound..<end) else {
            throw bad(.number, "a number or value/mask")
        }
        guard let slash else { return MaskedWord(word) }
        guard let mask: UInt32 = readNumber(slash + 1..<range.upperBound) else {
            throw bad(.number, "a number or value/mask")
        }
        return MaskedWord(word, mask: mask)
    }

    /// What an address of this table's family is called in a failure.
    private var addressName: String { isV6 ? "an IPv6 address" : "an IPv4 address" }

    /// Takes one address of the table's family.
    mutating func address() throws(RuleFailure) -> IPAddress {
        let range = try value()
        guard let address = readAddress(range) else { throw bad(.address, addressName) }
        return address
    }

    /// The address in `range`, where it is one of the table's family.
    func readAddress(_ range: Range<Int>) -> IPAddress? {
        guard let address = IPAddress(buffer.span.extracting(range)), address.version == version else { return nil }
        return address
    }

    /// Takes `address`, `address/length` or `address/mask` as an option of an extension; the bits outside the mask
    /// stay, as `--ctorigsrc`, `--tunnel-src` and `--srh-psid` are printed with them.
    ///
    /// A mask that is no run of leading ones counts as a whole one. Observed: iptables 1.8.9, legacy and nft.
    mutating func addressMask() throws(RuleFailure) -> AddressMask {
        let range = try value()
        guard let (address, mask) = readAddressAndMask(range) else { throw bad(.address, addressName) }
        return AddressMask(asGiven: address, mask: mask.leadingOnes == nil ? wholeMask : mask)
    }

    /// The address and mask in `range`, without the bits outside the mask.
    func readAddressMask(_ range: Range<Int>) -> AddressMask? {
        guard let (address, mask) = readAddressAndMask(range, readsShort: true) else { return nil }
        return AddressMask(address, mask: mask)
    }

    private var wholeMask: IPAddress { IPPrefix.mask(version, length: UInt8(version.addressBits)) }

    private func readAddressAndMask(_ range: Range<Int>, readsShort: Bool = false) -> (IPAddress, IPAddress)? {
        guard let slash = firstIndex(of: UInt8(ascii: "/"), in: range) else {
            guard let address = readAddress(range) ?? (readsShort ? readShort(range) : nil) else { return nil }
            return (address, wholeMask)
        }
        let before = range.lowerBound..<slash
        let rest = slash + 1..<range.upperBound
        // The name before a mask of 0 is not looked at: `0/0`, `any/0`.
        let isEvery = equals(rest, "0") && (equals(before, "0") || equals(before, "any"))
        let given = isEvery ? IPPrefix.mask(version, length: 0) : readAddress(before)
        guard let address = given ?? (readsShort ? readShort(before) : nil) else { return nil }
        if let length = decimal(buffer.span.extracting(rest)) {
            guard length <= UInt64(version.addressBits) else { return nil }
            return (address, IPPrefix.mask(version, length: UInt8(length)))
        }
        guard let mask = readAddress(rest) else { return nil }
        return (address, mask)
    }

    /// An IPv4 address as people shorten it in `-s` and `-d`: `10.1` is 10.1.0.0. Observed: iptables 1.8.9, legacy, nft.
    private func readShort(_ range: Range<Int>) -> IPAddress? {
        guard version == .v4, let parts = list(range, separator: UInt8(ascii: ".")), parts.count < 4 else { return nil }
        var bits: UInt32 = 0
        for (position, part) in parts.enumerated() {
            guard let octet = decimal(buffer.span.extracting(part)), octet < 256 else { return nil }
            bits |= UInt32(octet) << (24 - UInt32(position) * 8)
        }
        return IPAddress(v4: bits)
    }

    /// Takes `first-last` or one address.
    mutating func addressRange() throws(RuleFailure) -> AddressRange {
        let range = try value()
        guard let result = readAddressRange(range) else { throw bad(.address, "\(addressName) or a range of two") }
        return result
    }

    /// The address range in `range`.
    func readAddressRange(_ range: Range<Int>) -> AddressRange? {
        guard let dash = firstIndex(of: UInt8(ascii: "-"), in: range) else {
            guard let only = readAddress(range) else { return nil }
            return AddressRange(only, only)
        }
        guard let first = readAddress(range.lowerBound..<dash), let last = readAddress(dash + 1..<range.upperBound)
        else { return nil }
        return AddressRange(first, last)
    }

    /// Takes an interface name, where a `+` at the end stands for every name that begins so.
    mutating func interface() throws(RuleFailure) -> InterfacePattern {
        let range = try value()
        var isName = !range.isEmpty
        // Source: net/core/dev.c `dev_valid_name`, Linux 6.1: no blanks.
        for position in range where buffer[position] <= UInt8(ascii: " ") { isName = false }
        guard isName else { throw bad(.name, "an interface") }
        let isPrefix = buffer[range.upperBound - 1] == UInt8(ascii: "+")
        let name = isPrefix ? range.lowerBound..<range.upperBound - 1 : range
        return InterfacePattern(name: names.intern(buffer, name), isPrefix: isPrefix)
    }

    /// Takes a protocol's name or number.
    mutating func protocolTest() throws(RuleFailure) -> ProtocolTest {
        let range = try value()
        // Nearly every rule has one of these two.
        if equals(range, "tcp") { return ProtocolTest(.tcp) }
        if equals(range, "udp") { return ProtocolTest(.udp) }
        guard let result = readProtocol(range) else { throw bad(.name, "a protocol") }
        return result
    }

    private mutating func readProtocol(_ range: Range<Int>) -> ProtocolTest? {
        // xtables_parse_protocol: a number, a name, `all`.
        if equals(range, "all") || equals(range, "any") || equals(range, "ip") { return ProtocolTest(IPProtocol(0)) }
        guard range.count <= 32 else { return nil }
        let text = buffer.span.extracting(range).text
        guard let number = IPProtocol(text) else { return nil }
        if number.rawValue == 0 { return ProtocolTest(number) }
        let isUsual = text == RuleWriter.usualName(of: number) || text.lowercased() == number.name
        return ProtocolTest(number, spelling: isUsual ? .empty : names.intern(buffer, range))
    }

    /// The parts of `range` between commas, none of them empty; `nil` where one is.
    func list(_ range: Range<Int>, separator: UInt8 = UInt8(ascii: ",")) -> [Range<Int>]? {
        var result: [Range<Int>] = []
        var start = range.lowerBound
        while true {
            let end = firstIndex(of: separator, in: start..<range.upperBound) ?? range.upperBound
            guard end > start else { return nil }
            result.append(start..<end)
            guard end < range.upperBound else { return result }
            start = end + 1
        }
    }
}
