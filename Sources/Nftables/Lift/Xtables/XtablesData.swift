internal import NetTypes
internal import RuleModel
internal import SourceText

/// The data of one match or target of x_tables, as nf_tables hands it out: a C structure in this machine's order and
/// alignment, padded to eight bytes.
///
/// Sizes and offsets are those of 64-bit machines. A structure is read only where `fits` says that the data is as long
/// as the structure; a byte that is not there is 0. What the kernel keeps for itself comes as zeros.
/// Source: net/netfilter/nft_compat.c `nft_extension_dump_info`, Linux 6.18.
struct XtablesData: Sendable {
    private let bytes: ArraySlice<UInt8>
    let revision: UInt32
    /// Of the table: which member of `union nf_inet_addr` counts.
    let version: IPVersion

    init(_ bytes: ArraySlice<UInt8>, revision: UInt32, version: IPVersion) {
        self.bytes = bytes
        self.revision = revision
        self.version = version
    }

    /// Whether this is a structure of so many bytes.
    func fits(_ size: Int) -> Bool { bytes.count == (size + 7) & ~7 }

    func byte(_ offset: Int) -> UInt8 {
        let index = bytes.startIndex + offset
        return offset >= 0 && index < bytes.endIndex ? bytes[index] : 0
    }

    func isSet(_ offset: Int) -> Bool { byte(offset) != 0 }

    func half(_ offset: Int) -> UInt16 { number(offset) }
    func word(_ offset: Int) -> UInt32 { number(offset) }
    func long(_ offset: Int) -> UInt64 { number(offset) }

    func half(bigEndian offset: Int) -> UInt16 { UInt16(bigEndian: memory(offset)) }
    func word(bigEndian offset: Int) -> UInt32 { UInt32(bigEndian: memory(offset)) }

    /// `__u16[2]`
    func ports(_ offset: Int) -> PortRange { PortRange(half(offset), half(offset + 2)) }

    /// `__u32[2]`
    func words(_ offset: Int) -> NumberRange<UInt32> { NumberRange(word(offset), word(offset + 4)) }

    /// `union nf_inet_addr`, or another of an IPv4 address and an IPv6 one.
    func address(_ offset: Int) -> IPAddress {
        switch version {
        case .v4: IPAddress(v4: word(bigEndian: offset))
        case .v6: addressV6(offset)
        }
    }

    func addressV6(_ offset: Int) -> IPAddress {
        IPAddress(v6High: UInt64(bigEndian: memory(offset)), low: UInt64(bigEndian: memory(offset + 8)))
    }

    /// An address and its mask, with the bits outside the mask: iptables prints those back. `nil` for a mask that is no
    /// run of leading ones, which these options can't say.
    func addressMask(_ address: Int, mask: Int) -> AddressMask? {
        let mask = self.address(mask)
        return mask.maskLength == nil ? nil : AddressMask(asGiven: self.address(address), mask: mask)
    }

    func hardwareAddress(_ offset: Int) -> MACAddress {
        var bits: UInt64 = 0
        for index in 0..<6 { bits = bits << 8 | UInt64(byte(offset + index)) }
        return MACAddress(bits: bits)
    }

    /// The characters of an array of so many, up to the first zero.
    func text(_ offset: Int, _ size: Int) -> ArraySlice<UInt8> {
        let start = min(bytes.endIndex, bytes.startIndex + offset)
        let end = min(bytes.endIndex, start + size)
        return Attributes.text(bytes[start..<end])
    }

    func symbol(_ offset: Int, _ size: Int, _ names: inout NameTable) -> Symbol {
        names.intern(Array(text(offset, size)).span)
    }

    /// All of an array of so many.
    func array(_ offset: Int, _ size: Int) -> [UInt8] { (0..<max(0, size)).map { byte(offset + $0) } }

    /// A bit field of one bit, counted from the first.
    func isSet(_ offset: Int, field: UInt8) -> Bool {
        byte(offset) & (Attributes.isLittleEndian ? 1 << field : 0x80 >> field) != 0
    }

    private func number<Number: FixedWidthInteger & UnsignedInteger>(_ offset: Int) -> Number { memory(offset) }

    /// The number whose bytes these are in memory.
    private func memory<Number: FixedWidthInteger & UnsignedInteger>(_ offset: Int) -> Number {
        var number: Number = 0
        for index in 0..<Number.bitWidth / 8 {
            number |= Number(byte(offset + index)) << Number(index * 8)
        }
        return Number(littleEndian: Attributes.isLittleEndian ? number : number.byteSwapped)
    }
}

/// Which names the kernel's numbers of ipsets have.
typealias SetNames = [UInt16: Symbol]

/// An option with its sense.
func negatable<Value>(_ value: Value, _ isNegated: Bool) -> Negatable<Value> { Negatable(value, isNegated: isNegated) }

extension IPAddress {
    /// How many ones this mask begins with, or `nil` where a one follows a zero.
    var maskLength: UInt8? {
        for length in 0...UInt8(version.addressBits) where IPPrefix.mask(version, length: length) == self {
            return length
        }
        return nil
    }
}
