/// One value of a JSON text and where it stands.
public struct JSONValue: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case null
        case boolean(Bool)
        case number(JSONNumber)
        case string(String)
        case array([JSONValue])
        /// In the order of the text; a key that is there twice is here twice.
        case object([JSONMember])
    }

    public let kind: Kind
    /// Offsets in bytes from the start of the text that was read.
    public let start: Int
    public let end: Int

    public init(_ kind: Kind, start: Int, end: Int) {
        self.kind = kind
        self.start = start
        self.end = end
    }
}

/// One `"key": value` of an object.
public struct JSONMember: Hashable, Sendable {
    public let key: String
    /// Offset of the key's opening quote.
    public let keyStart: Int
    /// Offset behind the key's closing quote.
    public let keyEnd: Int
    public let value: JSONValue

    public init(key: String, keyStart: Int, keyEnd: Int, value: JSONValue) {
        self.key = key
        self.keyStart = keyStart
        self.keyEnd = keyEnd
        self.value = value
    }
}

/// A number, kept as it was written.
public struct JSONNumber: Hashable, Sendable {
    public let text: String

    public init(text: String) { self.text = text }

    /// The value, if it was written without fraction and exponent, is not negative and fits.
    public var unsigned: UInt64? {
        let bytes = Array(text.utf8)
        return decimal(bytes.span)
    }

    /// The value, if it was written without fraction and exponent and fits.
    public var signed: Int64? {
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "-") else { return unsigned.flatMap { Int64(exactly: $0) } }
        guard let magnitude = decimal(bytes.span.extracting(1..<bytes.count)) else { return nil }
        if magnitude == UInt64(Int64.max) + 1 { return Int64.min }
        return Int64(exactly: magnitude).map { -$0 }
    }

    /// The value, right to about 15 digits; `nil` where it is beyond what a `Double` holds.
    ///
    /// Worked out here and not by the standard library, which calls into C for it: the browser build has no C library.
    public var double: Double? {
        var mantissa = 0.0
        var scale = 0
        var exponent = 0
        var isNegative = false
        var exponentIsNegative = false
        var seesFraction = false
        var seesExponent = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "-"):
                if seesExponent { exponentIsNegative = true } else { isNegative = true }
            case UInt8(ascii: "."): seesFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"): seesExponent = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let digit = byte - UInt8(ascii: "0")
                if seesExponent {
                    exponent = min(exponent * 10 + Int(digit), 100_000)
                } else {
                    mantissa = mantissa * 10 + Double(digit)
                    if seesFraction { scale += 1 }
                }
            default: break
            }
        }
        var power = (exponentIsNegative ? -exponent : exponent) - scale
        // 10^22 is the largest power of ten that a Double holds exactly.
        while power > 0, mantissa != 0, mantissa.isFinite {
            let step = min(power, 22)
            for _ in 0..<step { mantissa *= 10 }
            power -= step
        }
        while power < 0, mantissa != 0 {
            let step = min(-power, 22)
            var divisor = 1.0
            for _ in 0..<step { divisor *= 10 }
            mantissa /= divisor
            power += step
        }
        guard mantissa.isFinite else { return nil }
        return isNegative ? -mantissa : mantissa
    }
}

extension JSONValue {
    public var isNull: Bool { if case .null = kind { true } else { false } }

    public var boolean: Bool? { if case .boolean(let value) = kind { value } else { nil } }

    public var number: JSONNumber? { if case .number(let value) = kind { value } else { nil } }

    public var string: String? { if case .string(let value) = kind { value } else { nil } }

    public var array: [JSONValue]? { if case .array(let values) = kind { values } else { nil } }

    public var object: [JSONMember]? { if case .object(let members) = kind { members } else { nil } }

    /// The value of the last member named `key`, as most readers take it; `nil` in anything but an object.
    @inline(never)
    public subscript(key: String) -> JSONValue? { object?.last { $0.key == key }?.value }

    /// The first member whose key an earlier member of the same object has too.
    public var firstDuplicate: JSONMember? {
        guard let members = object else { return nil }
        // Most objects have few members, for which a table is not worth making.
        if members.count <= 16 {
            for (index, member) in members.enumerated() {
                for other in members[..<index] where other.key == member.key { return member }
            }
            return nil
        }
        var seen: Set<String> = []
        for member in members where !seen.insert(member.key).inserted { return member }
        return nil
    }
}

/// Why a text is not JSON: a fact and a byte.
public struct JSONFailure: Error, Hashable, Sendable {
    public enum Reason: Hashable, Sendable {
        case endOfText
        case unexpectedByte(UInt8)
        case expectedColon
        case expectedKey
        case expectedCommaOrEnd
        case badNumber
        case badEscape
        /// A byte below 0x20 inside a string.
        case controlCharacter
        case tooDeep
        case trailingText
    }

    public let reason: Reason
    /// Offset in bytes from the start of the text.
    public let offset: Int

    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// A sentence for a person, without a final stop.
    public var message: String {
        switch reason {
        case .endOfText: "the JSON text ends too early"
        case .unexpectedByte(let byte):
            byte > 0x20 && byte < 0x7f
                ? "a JSON value can't start with '\(String(decoding: [byte], as: UTF8.self))'"
                : "a JSON value can't start with byte 0x\(String(byte, radix: 16))"
        case .expectedColon: "expected ':' after the key"
        case .expectedKey: "expected a key in double quotes"
        case .expectedCommaOrEnd: "expected ',' or the closing bracket"
        case .badNumber: "this is no JSON number"
        case .badEscape: "this escape is not known in JSON"
        case .controlCharacter: "a control character must be written as an escape in a JSON string"
        case .tooDeep: "more than \(jsonDepthLimit) nested brackets"
        case .trailingText: "text follows the JSON value"
        }
    }
}
