/// A value with the sense in which it is tested: `! -s 10.0.0.0/8` is `.not`.
public enum Negatable<Value: Hashable & Sendable>: Hashable, Sendable {
    case `is`(Value)
    case not(Value)

    public init(_ value: Value, isNegated: Bool) { self = isNegated ? .not(value) : .is(value) }

    public var value: Value {
        switch self {
        case .is(let value), .not(let value): value
        }
    }

    public var isNegated: Bool {
        switch self {
        case .is: false
        case .not: true
        }
    }
}

/// The numbers from `first` to `last`, both included. A range whose `first` is above its `last` holds nothing.
public struct NumberRange<Number: FixedWidthInteger & Hashable & Sendable>: Hashable, Sendable {
    public var first: Number
    public var last: Number

    public init(_ first: Number, _ last: Number) {
        self.first = first
        self.last = last
    }

    public init(_ only: Number) { self.init(only, only) }

    public static var all: NumberRange { NumberRange(.min, .max) }

    public func contains(_ number: Number) -> Bool { first <= number && number <= last }

    public var isSingle: Bool { first == last }

    public var isAll: Bool { first == .min && last == .max }
}

/// Ports (or ICMP-like 16-bit identifiers), both ends included, host order.
public typealias PortRange = NumberRange<UInt16>

/// A 32-bit word tested or set under a mask: the packet's mark, the connection's mark, a realm.
public struct MaskedWord: Hashable, Sendable {
    public var value: UInt32
    public var mask: UInt32

    public init(_ value: UInt32, mask: UInt32 = .max) {
        self.value = value
        self.mask = mask
    }

    /// xt_mark's and xt_connmark's test: `(word & mask) == value`. Value bits outside the mask never match.
    public func matches(_ word: UInt32) -> Bool { word & mask == value }

    /// `--set-xmark value/mask`: `(word & ~mask) ^ value`.
    public func applied(to word: UInt32) -> UInt32 { (word & ~mask) ^ value }
}

/// The flags of a TCP header, bit values as on the wire.
public struct TCPFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let fin = TCPFlags(rawValue: 0x01)
    public static let syn = TCPFlags(rawValue: 0x02)
    public static let rst = TCPFlags(rawValue: 0x04)
    public static let psh = TCPFlags(rawValue: 0x08)
    public static let ack = TCPFlags(rawValue: 0x10)
    public static let urg = TCPFlags(rawValue: 0x20)
    public static let ece = TCPFlags(rawValue: 0x40)
    public static let cwr = TCPFlags(rawValue: 0x80)

    /// Names in the order that iptables prints them.
    public static let names: [(flag: TCPFlags, name: String)] = [
        (.fin, "fin"), (.syn, "syn"), (.rst, "rst"), (.psh, "psh"), (.ack, "ack"), (.urg, "urg"), (.ece, "ece"),
        (.cwr, "cwr"),
    ]
}

/// A hardware address: six bytes, first byte on the wire in the highest of the low 48 bits.
public struct MACAddress: Hashable, Sendable, CustomStringConvertible {
    public let bits: UInt64

    public init(bits: UInt64) { self.bits = bits & 0xffff_ffff_ffff }

    /// Reads `aa:bb:cc:dd:ee:ff` in either case; `nil` when the bytes are anything else.
    public init?(_ text: Span<UInt8>) {
        guard text.count == 17 else { return nil }
        var bits: UInt64 = 0
        for index in 0..<17 {
            if index % 3 == 2 {
                guard text[index] == UInt8(ascii: ":") else { return nil }
            } else {
                guard let digit = IPAddress.hexDigit(text[index]) else { return nil }
                bits = bits << 4 | UInt64(digit)
            }
        }
        self.init(bits: bits)
    }

    public var description: String {
        var text = ""
        for shift in stride(from: 40, through: 0, by: -8) {
            let byte = bits >> UInt64(shift) & 0xff
            if !text.isEmpty { text += ":" }
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }
}

/// The text of `value` as `0x…`, lower case, no leading zeros.
public func hexadecimal(_ value: some FixedWidthInteger) -> String { "0x" + String(value, radix: 16) }
