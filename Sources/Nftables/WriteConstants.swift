internal import NetTypes
internal import RuleModel

// Constants as nft writes them.
extension Writer {
    func constantText(_ literal: Literal) -> String {
        switch literal.type {
        case .ipv4Address, .ipv6Address:
            return IPAddress(bytes: literal.bytes).map { "\($0)" } ?? hexadecimalText(literal)
        case .etherAddress, .linkAddress:
            var text = ""
            for byte in literal.bytes { text += (text.isEmpty ? "" : ":") + twoDigits(byte) }
            return text
        case .interfaceName: return "\"\(escaped(characters(literal)))\""
        case .string: return "\"\(characters(literal))\""
        case .interfaceIndex:
            let text = characters(literal)
            return UInt32(text) == nil ? "\"\(text)\"" : text
        case .mark: return "0x" + padded(literal.number ?? 0, 8)
        case .internetProtocol: return protocolText(literal)
        case .hour: return clockText(literal.number ?? 0, isQuoted: true)
        case .day:
            let name = constants(of: .day).first { $0.value == literal.number }?.name
            return name.map { "\"\($0)\"" } ?? numberText(literal)
        case .time: return literal.bits == 32 ? timeText(literal.number ?? 0) : dateText(literal.number ?? 0)
        case .classIdentifier:
            if let name = name(of: literal) { return name }
            let number = literal.number ?? 0
            return String(number >> 16, radix: 16) + ":" + String(number & 0xffff, radix: 16)
        case .connectionLabel:
            for bit in 0..<128 where literal.bytes.count == 16 {
                var only = [UInt8](repeating: 0, count: 16)
                only[15 - bit / 8] = 1 << UInt8(bit % 8)
                if only == literal.bytes { return "\(bit)" }
            }
            return hexadecimalText(literal)
        case .internetService, .userID, .groupID: return numberText(literal)
        case .etherType: return name(of: literal) ?? hexadecimalText(literal)
        case .tcpFlag, .connectionState, .connectionStatus, .connectionEvent, .bitmask:
            return name(of: literal) ?? hexadecimalText(literal)
        default: return name(of: literal) ?? numberText(literal)
        }
    }

    /// Several flags, joined by commas.
    func flagText(_ literal: Literal, separator: String = "|") -> String {
        guard literal.type.isBitmask, let number = literal.number, number != 0,
            number & (number - 1) != 0
        else { return constantText(literal) }
        var rest = number
        var text = ""
        for constant in constants(of: literal.type) where constant.value & number == constant.value {
            text += (text.isEmpty ? "" : separator) + constant.name
            rest &= ~constant.value
        }
        return rest == 0 ? text : hexadecimalText(literal)
    }

    func rangeText(_ low: Literal, _ high: Literal) -> String {
        switch low.type {
        case .interfaceName:
            return "\"\(escaped(characters(low)))*\""
        case .ipv4Address, .ipv6Address:
            if let first = IPAddress(bytes: low.bytes), let last = IPAddress(bytes: high.bytes),
                let prefix = AddressRange(first, last).prefix
            {
                return "\(first)/\(prefix.length)"
            }
        // A name may hold a dash, and could not be told from the range's.
        case .etherAddress, .linkAddress, .mark, .time, .hour, .day, .interfaceIndex: break
        default: return "\(numberText(low))-\(numberText(high))"
        }
        return "\(constantText(low))-\(constantText(high))"
    }

    private func name(of literal: Literal) -> String? {
        guard let number = literal.number else { return nil }
        return constants(of: literal.type).first { $0.value == number }?.name
    }

    private func protocolText(_ literal: Literal) -> String {
        let number = UInt8(truncatingIfNeeded: literal.number ?? 0)
        switch number {
        case 1, 2, 6, 17, 33, 47, 50, 51, 58, 132, 136: return IPProtocol(number).name ?? "\(number)"
        default: return "\(number)"
        }
    }

    private func characters(_ literal: Literal) -> String {
        String(decoding: literal.bytes.prefix { $0 != 0 && $0 != 0xff }, as: UTF8.self)
    }

    /// A star of the name itself, which ends no pattern.
    private func escaped(_ name: String) -> String {
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            if byte == UInt8(ascii: "*") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func numberText(_ literal: Literal) -> String {
        literal.number.map { "\($0)" } ?? hexadecimalText(literal)
    }

    func hexadecimalText(_ literal: Literal) -> String {
        var text = ""
        for byte in literal.bytes { text += twoDigits(byte) }
        while text.utf8.count > 1, text.utf8.first == UInt8(ascii: "0") { text.removeFirst() }
        return "0x" + (text.isEmpty ? "0" : text)
    }

    private func twoDigits(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    private func padded(_ number: UInt64, _ width: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }

    /// `1d2h3m4s5ms`
    func timeText(_ milliseconds: UInt64) -> String {
        var rest = milliseconds
        var text = ""
        for (unit, size) in [("d", UInt64(86_400_000)), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if rest / size > 0 { text += "\(rest / size)\(unit)" }
            rest %= size
        }
        return text.isEmpty ? "0s" : text
    }

    private func clockText(_ seconds: UInt64, isQuoted: Bool) -> String {
        func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        var text = two(seconds / 3600) + ":" + two(seconds / 60 % 60)
        if seconds % 60 != 0 || !isQuoted { text += ":" + two(seconds % 60) }
        return isQuoted ? "\"\(text)\"" : text
    }

    private func dateText(_ nanoseconds: UInt64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        // The year begins in March.
        let days = seconds / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let calendarMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (calendarMonth <= 2 ? 1 : 0)
        func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\"\(year)-\(two(calendarMonth))-\(two(day)) \(clockText(seconds % 86_400, isQuoted: false))\""
    }
}
