internal import NetlinkBytes

/// One request to the kernel, as bytes: the netlink header, the family's own header and attributes.
public struct NetlinkRequest: Sendable {
    public internal(set) var bytes: [UInt8] = []

    /// `type` is subsystem << 8 | message for netfilter; `header` is what stands before the attributes.
    public init(type: Int, flags: Int = 0, header: [UInt8]) {
        bytes.reserveCapacity(128)
        bytes.append(native: UInt32(0))
        bytes.append(native: UInt16(truncatingIfNeeded: type))
        bytes.append(native: UInt16(truncatingIfNeeded: flags))
        bytes.append(native: UInt64(0))
        bytes += header
        finish()
    }

    /// A message of netfilter (`struct nfgenmsg`).
    public init(subsystem: Int, message: Int, flags: Int = 0, family: UInt8 = 0, resource: UInt16 = 0) {
        var header: [UInt8] = [family, 0]
        header.append(bigEndian: resource)
        self.init(type: subsystem << 8 | message, flags: flags, header: header)
    }

    public var flags: UInt16 { bytes.span.native(UInt16.self, at: 6) }

    package mutating func add(flags more: UInt16) { bytes.put(native: flags | more, at: 6) }

    package mutating func setSequence(_ number: UInt32) { bytes.put(native: number, at: 8) }

    private mutating func finish() {
        while bytes.count % 4 != 0 { bytes.append(0) }
        bytes.put(native: UInt32(truncatingIfNeeded: bytes.count), at: 0)
    }

    public mutating func put(_ type: some BinaryInteger, _ value: [UInt8]) {
        bytes.append(native: UInt16(truncatingIfNeeded: value.count + 4))
        bytes.append(native: UInt16(truncatingIfNeeded: type))
        bytes += value
        finish()
    }

    public mutating func put(_ type: some BinaryInteger, text: String) { put(type, Array(text.utf8) + [0]) }

    public mutating func put(_ type: some BinaryInteger, bigEndian number: some FixedWidthInteger) {
        var value: [UInt8] = []
        value.append(bigEndian: number)
        put(type, value)
    }

    public mutating func put(_ type: some BinaryInteger, native number: some FixedWidthInteger) {
        var value: [UInt8] = []
        value.append(native: number)
        put(type, value)
    }

    /// An attribute that holds those that `fill` puts. The kernel takes at most 64 KiB of them.
    public mutating func nest(_ type: some BinaryInteger, _ fill: (inout NetlinkRequest) -> Void) {
        let start = bytes.count
        // NLA_F_NESTED
        put(UInt16(truncatingIfNeeded: type) | 0x8000, [])
        fill(&self)
        bytes.put(native: UInt16(truncatingIfNeeded: bytes.count - start), at: start)
    }
}
