/// Which version of the Internet Protocol an address or packet is of.
public enum IPVersion: UInt8, Hashable, Sendable, CaseIterable {
    case v4 = 4
    case v6 = 6

    /// Bits in an address: 32 or 128.
    public var addressBits: Int { self == .v4 ? 32 : 128 }
}

/// An IPv4 or IPv6 address.
///
/// An IPv4 address lies in the low 32 bits, so that one mask test serves both versions.
public struct IPAddress: Hashable, Sendable, Comparable {
    /// The upper 64 bits, host order; 0 for IPv4.
    public let high: UInt64
    /// The lower 64 bits, host order.
    public let low: UInt64
    public let version: IPVersion

    public init(v4 bits: UInt32) {
        self.high = 0
        self.low = UInt64(bits)
        self.version = .v4
    }

    public init(v6High high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        self.version = .v6
    }

    /// An address of `version` with these bits; an IPv4 address keeps the low 32.
    public init(_ version: IPVersion, high: UInt64, low: UInt64) {
        self.version = version
        self.high = version == .v4 ? 0 : high
        self.low = version == .v4 ? low & 0xffff_ffff : low
    }

    /// The all-zero address of `version`.
    public static func zero(_ version: IPVersion) -> IPAddress { IPAddress(version, high: 0, low: 0) }

    /// The 32 bits of an IPv4 address; of an IPv6 address the last 32.
    public var v4Bits: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// The address of 4 or 16 bytes, first byte on the wire first.
    public init?(bytes: some Sequence<UInt8>) {
        let all = Array(bytes)
        func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        switch all.count {
        case 4: self.init(v4: UInt32(truncatingIfNeeded: number(all[...])))
        case 16: self.init(v6High: number(all[..<8]), low: number(all[8...]))
        default: return nil
        }
    }

    /// The 16-byte (IPv6) or 4-byte (IPv4) address, first byte on the wire first.
    public var bytes: [UInt8] {
        var result: [UInt8] = []
        if version == .v6 {
            for shift in stride(from: 56, through: 0, by: -8) {
                result.append(UInt8(truncatingIfNeeded: high >> UInt64(shift)))
            }
        }
        for shift in stride(from: version == .v6 ? 56 : 24, through: 0, by: -8) {
            result.append(UInt8(truncatingIfNeeded: low >> UInt64(shift)))
        }
        return result
    }

    public static func < (a: IPAddress, b: IPAddress) -> Bool {
        if a.version != b.version { return a.version == .v4 }
        return a.high == b.high ? a.low < b.low : a.high < b.high
    }

    /// The next address, or `nil` after the last one.
    public var successor: IPAddress? {
        switch version {
        case .v4: low == 0xffff_ffff ? nil : IPAddress(.v4, high: 0, low: low + 1)
        case .v6:
            low < .max
                ? IPAddress(.v6, high: high, low: low + 1)
                : (high == .max ? nil : IPAddress(.v6, high: high + 1, low: 0))
        }
    }

    public var isMulticast: Bool {
        version == .v4 ? (v4Bits >> 28) == 0xe : (high >> 56) == 0xff
    }

    public var isLoopback: Bool {
        version == .v4 ? (v4Bits >> 24) == 127 : (high == 0 && low == 1)
    }

    /// 169.254/16 or fe80::/10.
    public var isLinkLocal: Bool {
        version == .v4 ? (v4Bits >> 16) == 0xa9fe : (high >> 54) == 0x3fa
    }

    public var isZero: Bool { high == 0 && low == 0 }

    /// RFC 1918, RFC 6598 and RFC 4193: addresses that the Internet does not route.
    public var isPrivate: Bool {
        guard version == .v4 else { return high >> 57 == 0x7e }
        let bits = v4Bits
        return bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8 || bits >> 22 == 0x191
    }
}

/// Addresses that agree with `address` in the bits that `mask` sets, which need not be leading ones.
///
/// iptables accepts any mask (`-s 10.0.0.1/255.0.255.255`).
public struct AddressMask: Hashable, Sendable {
    /// Bits outside the mask are zero, but for `init(asGiven:mask:)`.
    public let address: IPAddress
    public let mask: IPAddress

    public init(_ address: IPAddress, mask: IPAddress) {
        self.mask = mask
        self.address = IPAddress(address.version, high: address.high & mask.high, low: address.low & mask.low)
    }

    /// Keeps the bits outside the mask, which stand for nothing: some options are printed back with them.
    public init(asGiven address: IPAddress, mask: IPAddress) {
        self.mask = mask
        self.address = address
    }

    public init(_ prefix: IPPrefix) {
        self.init(prefix.address, mask: IPPrefix.mask(prefix.address.version, length: prefix.length))
    }

    public func contains(_ other: IPAddress) -> Bool {
        other.version == address.version && (other.high ^ address.high) & mask.high == 0
            && (other.low ^ address.low) & mask.low == 0
    }

    /// The length of the mask if it is a run of leading ones, else `nil`.
    public var prefixLength: UInt8? {
        for length in 0...UInt8(address.version.addressBits)
        where IPPrefix.mask(address.version, length: length) == mask {
            return length
        }
        return nil
    }
}

/// Addresses that share their leading bits, such as `10.0.0.0/8`. Host bits of `address` are always zero.
public struct IPPrefix: Hashable, Sendable, Comparable {
    public let address: IPAddress
    /// Leading bits that are fixed: 0 (every address) to 32 or 128 (one address).
    public let length: UInt8

    /// A length beyond the version's address bits counts as all of them.
    public init(_ address: IPAddress, length: UInt8) {
        self.length = min(length, UInt8(address.version.addressBits))
        let mask = IPPrefix.mask(address.version, length: self.length)
        self.address = IPAddress(address.version, high: address.high & mask.high, low: address.low & mask.low)
    }

    /// The prefix that holds `address` alone.
    public init(host address: IPAddress) { self.init(address, length: UInt8(address.version.addressBits)) }

    /// An address-shaped mask with `length` leading ones.
    public static func mask(_ version: IPVersion, length: UInt8) -> IPAddress {
        func ones(_ count: Int) -> UInt64 { count <= 0 ? 0 : (count >= 64 ? .max : ~(UInt64.max >> UInt64(count))) }
        switch version {
        case .v4: return IPAddress(v4: UInt32(truncatingIfNeeded: ones(min(Int(length), 32)) >> 32))
        case .v6: return IPAddress(v6High: ones(Int(length)), low: ones(Int(length) - 64))
        }
    }

    public func contains(_ other: IPAddress) -> Bool { AddressMask(self).contains(other) }

    /// The highest address in the prefix: the directed broadcast of an IPv4 subnet.
    public var last: IPAddress {
        let mask = IPPrefix.mask(address.version, length: length)
        return IPAddress(address.version, high: address.high | ~mask.high, low: address.low | ~mask.low)
    }

    public var isHost: Bool { Int(length) == address.version.addressBits }

    public static func < (a: IPPrefix, b: IPPrefix) -> Bool {
        a.address == b.address ? a.length < b.length : a.address < b.address
    }
}

/// The addresses from `first` to `last`, both included.
public struct AddressRange: Hashable, Sendable {
    public let first: IPAddress
    public let last: IPAddress

    public init(_ first: IPAddress, _ last: IPAddress) {
        self.first = first
        self.last = last
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.version == first.version && first <= address && address <= last
    }

    public var isSingle: Bool { first == last }

    /// The prefix that has just these addresses; `nil` where none does.
    public var prefix: IPPrefix? {
        for length in 0...UInt8(first.version.addressBits) {
            let prefix = IPPrefix(first, length: length)
            if prefix.address == first, prefix.last == last { return prefix }
        }
        return nil
    }
}
