internal import NetTypes
internal import RuleModel
internal import SourceText

// Constants of a type that is known.
extension Reader {
    /// The bytes that a value of the type takes where it lies in a key.
    static func width(_ type: DataType, bits: Int) -> Int {
        switch type {
        // An index is known by the interface's name.
        case .interfaceName, .interfaceIndex: 16
        case .string: max(1, bits > 0 ? (bits + 7) / 8 : 16)
        default: max(1, ((bits > 0 ? bits : type.bits) + 7) / 8)
        }
    }

    /// A value as one constant.
    func literal(_ value: Value, _ type: DataType, bits: Int) throws(NftFailure) -> Literal {
        let size = bits > 0 ? bits : type.bits
        switch value.node {
        case .number(let number): return try numeric(number, type, size, at: value.place)
        case .wideNumber(let bytes):
            let width = (size + 7) / 8
            guard bytes.count <= width else { throw tooLarge(value.place, size) }
            return Literal([UInt8](repeating: 0, count: width - bytes.count) + bytes, type, bits: size)
        case .word(let text): return try named(text, type, size, at: value.place)
        case .quoted(let text): return try named(text, type, size, at: value.place)
        case .list(let values):
            guard type.isBitmask else {
                throw NftFailure("bad-value", "only flags may be joined by commas outside of braces", at: value.place)
            }
            var result: Literal?
            for value in values {
                let next = try literal(value, type, bits: size)
                result = result.map { combine(.or, $0, next) } ?? next
            }
            return result ?? Literal(0, type, bits: size)
        case .binary(let sign, let left, let right):
            let first = try literal(left, type, bits: size)
            if sign == .shiftLeft || sign == .shiftRight {
                guard case .number(let count) = right.node, count < 128, let number = first.number else {
                    throw NftFailure("bad-value", "this is no number of bits to shift by", at: right.place)
                }
                let shifted =
                    sign == .shiftLeft ? (count < 64 ? number << count : 0) : (count < 64 ? number >> count : 0)
                return try numeric(shifted, type, size, at: value.place)
            }
            return combine(sign, first, try literal(right, type, bits: size))
        case .set, .range, .prefix, .concatenation, .any, .setReference:
            throw NftFailure("bad-value", "a single value is wanted here", at: value.place)
        }
    }

    private func tooLarge(_ place: Place, _ bits: Int) -> NftFailure {
        NftFailure("bad-number", "this is more than \(bits) bits hold", at: place)
    }

    private func numeric(_ number: UInt64, _ type: DataType, _ bits: Int, at place: Place) throws(NftFailure) -> Literal
    {
        switch type {
        case .connectionLabel:
            // The number of a label is that of its bit.
            guard number < 128 else { throw tooLarge(place, 128) }
            var bytes = [UInt8](repeating: 0, count: 16)
            bytes[15 - Int(number / 8)] = 1 << UInt8(number % 8)
            return Literal(bytes, type, bits: 128)
        case .interfaceIndex, .interfaceName, .string:
            return padded(Array(String(number).utf8), type, bits)
        case .time: return Literal(bits == 32 ? number &* 1000 : number &* 1_000_000_000, type, bits: bits)
        default: break
        }
        if bits < 64, number >> UInt64(max(0, bits)) != 0 { throw tooLarge(place, bits) }
        return Literal(number, type, bits: bits)
    }

    private func padded(_ text: [UInt8], _ type: DataType, _ bits: Int, with filler: UInt8 = 0) -> Literal {
        let width = Self.width(type, bits: bits)
        let kept = text.prefix(width)
        return Literal(
            kept + [UInt8](repeating: filler, count: width - kept.count), type, bits: width * 8)
    }

    private func named(_ text: [UInt8], _ type: DataType, _ bits: Int, at place: Place) throws(NftFailure) -> Literal {
        func bad(_ wanted: String) -> NftFailure {
            NftFailure("bad-value", "'\(String(decoding: text, as: UTF8.self))' is not \(wanted)", at: place)
        }
        // What is in quotes may be a number too.
        if let first = text.first, first.isDigit, let number = SourceText.number(text.span), type != .interfaceName {
            return try numeric(number, type, bits, at: place)
        }
        switch type {
        case .ipv4Address:
            guard let bytes = addressBytes(text) else { throw bad("an IPv4 address") }
            return Literal(bytes, type, bits: 32)
        case .ipv6Address:
            var text = text
            if text.first == UInt8(ascii: "["), text.count > 2 { text = Array(text[1..<text.count - 1]) }
            guard let address = IPAddress(text.span), address.version == .v6 else { throw bad("an IPv6 address") }
            return Literal(address.bytes, type, bits: 128)
        case .etherAddress, .linkAddress:
            guard let bytes = hardwareAddress(text) else { throw bad("a hardware address") }
            return Literal(bytes, type, bits: bytes.count * 8)
        case .internetProtocol:
            guard let number = protocolNumber(String(decoding: text, as: UTF8.self)) else { throw bad("a protocol") }
            return Literal(UInt64(number), type, bits: bits)
        case .interfaceName, .interfaceIndex, .string:
            guard text.count <= Self.width(type, bits: bits) else { throw bad("as short as this must be") }
            return padded(text.filter { $0 != UInt8(ascii: "\\") }, type, bits)
        case .classIdentifier:
            if let number = classIdentifier(text) { return Literal(number, type, bits: 32) }
        case .internetService:
            // `090`, which is no octal number, is a name to nft, and the C library knows it by its digits.
            if let number = decimal(text.span) { return try numeric(number, type, bits, at: place) }
        case .time:
            if let number = milliseconds(text[...]) {
                return Literal(bits == 32 ? number : number &* 1_000_000, type, bits: bits)
            }
            guard let seconds = dateSeconds(text) else { throw bad("a time") }
            return Literal(seconds &* 1_000_000_000, type, bits: 64)
        case .hour:
            guard let seconds = clockSeconds(text[...]) else { throw bad("an hour") }
            return Literal(seconds, type, bits: 32)
        default: break
        }
        let name = String(decoding: text, as: UTF8.self)
        for constant in constants(of: type) where constant.name == name {
            return Literal(constant.value, type, bits: bits)
        }
        throw bad(type == .integer ? "a number" : "a value of type \(type.name)")
    }

    /// `a.b.c.d`, each octal where a zero begins it: nft leaves it to the C library. Observed with nft 1.0.6.
    private func addressBytes(_ text: [UInt8]) -> [UInt8]? {
        guard IPAddress(text.span)?.version == .v4 else { return nil }
        var bytes: [UInt8] = []
        for part in text.split(separator: UInt8(ascii: ".")) {
            guard let byte = SourceText.number(Array(part).span).flatMap({ UInt8(exactly: $0) }) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private func hardwareAddress(_ text: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        for group in text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            guard (1...2).contains(group.count) else { return nil }
            var value: UInt8 = 0
            for digit in group {
                guard let number = hexadecimalDigit(digit) else { return nil }
                value = value << 4 | number
            }
            bytes.append(value)
        }
        return bytes.count == 6 ? bytes : nil
    }

    /// `1:2` in hexadecimal.
    private func classIdentifier(_ text: [UInt8]) -> UInt64? {
        let halves = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        var result: UInt64 = 0
        for half in halves {
            guard half.count <= 4 else { return nil }
            var value: UInt64 = 0
            for digit in half {
                guard let number = hexadecimalDigit(digit) else { return nil }
                value = value << 4 | UInt64(number)
            }
            result = result << 16 | value
        }
        return result
    }

    /// `17:00`, `17:00:30`
    private func clockSeconds(_ text: ArraySlice<UInt8>) -> UInt64? {
        var total: UInt64 = 0
        var groups = 0
        for group in text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            guard let number = decimal(Array(group).span), number < 60, groups < 3 else { return nil }
            total = total * 60 + number
            groups += 1
        }
        guard groups > 1 else { return nil }
        return groups == 2 ? total * 60 : total
    }

    /// `2020-06-06 17:00:00`, taken for UTC.
    private func dateSeconds(_ text: [UInt8]) -> UInt64? {
        let halves = text.split(separator: UInt8(ascii: " "))
        guard let day = halves.first, halves.count <= 2 else { return nil }
        let parts = day.split(separator: UInt8(ascii: "-")).compactMap { decimal(Array($0).span) }
        guard parts.count == 3, (1970...9999).contains(parts[0]), (1...12).contains(parts[1]),
            (1...31).contains(parts[2])
        else { return nil }
        // Days since 1970, with the year beginning in March.
        let year = parts[1] > 2 ? parts[0] : parts[0] - 1
        let month = (parts[1] + 9) % 12
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + parts[2] - 1 - 719_468
        var clock: UInt64 = 0
        if halves.count == 2 {
            guard let seconds = clockSeconds(halves[1]) else { return nil }
            clock = seconds
        }
        return days * 86_400 + clock
    }

    func combine(_ sign: BinaryOperator, _ left: Literal, _ right: Literal) -> Literal {
        var result = left
        for index in result.bytes.indices where index < right.bytes.count {
            switch sign {
            case .and: result.bytes[index] &= right.bytes[index]
            case .or: result.bytes[index] |= right.bytes[index]
            case .xor: result.bytes[index] ^= right.bytes[index]
            case .shiftLeft, .shiftRight: break
            }
        }
        return result
    }

    /// Both ends of what a value stands for: a prefix or a pattern of names is a range.
    func ends(_ value: Value, _ type: DataType, bits: Int) throws(NftFailure) -> (low: Literal, high: Literal) {
        switch value.node {
        case .range(let first, let last):
            let low = try literal(first, type, bits: bits)
            let high = try literal(last, type, bits: bits)
            // Which of two interfaces has the higher number their names do not tell.
            if high.bytes.lexicographicallyPrecedes(low.bytes), type != .hour, type != .interfaceIndex {
                throw NftFailure("bad-range", "this range ends before it begins", at: value.place)
            }
            return (low, high)
        case .prefix(let base, let length):
            let low = try literal(base, type, bits: bits)
            guard length <= low.bits else {
                throw NftFailure("bad-prefix", "a prefix of \(length) bits is longer than the value", at: value.place)
            }
            var first = low
            var last = low
            let lead = low.bytes.count * 8 - low.bits
            for bit in (length + lead)..<low.bytes.count * 8 where bit >= lead {
                let mask: UInt8 = 0x80 >> UInt8(bit % 8)
                first.bytes[bit / 8] &= ~mask
                last.bytes[bit / 8] |= mask
            }
            return (first, last)
        case .word(let text) where type == .interfaceName && isPattern(text),
            .quoted(let text) where type == .interfaceName && isPattern(text):
            let stem = text.dropLast().filter { $0 != UInt8(ascii: "\\") }
            guard stem.count < 16 else {
                throw NftFailure("bad-value", "this is longer than an interface's name", at: value.place)
            }
            return (padded(stem, type, 128), padded(stem, type, 128, with: 0xff))
        case .any:
            let width = Self.width(type, bits: bits)
            let size = bits > 0 ? bits : type.bits
            return (
                Literal([UInt8](repeating: 0, count: width), type, bits: size),
                Literal([UInt8](repeating: 0xff, count: width), type, bits: size)
            )
        default:
            let one = try literal(value, type, bits: bits)
            return (one, one)
        }
    }

    private func isPattern(_ text: [UInt8]) -> Bool {
        text.count > 1 && text.last == UInt8(ascii: "*") && text[text.count - 2] != UInt8(ascii: "\\")
    }
}
