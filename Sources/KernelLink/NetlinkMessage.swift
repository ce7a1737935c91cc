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

/// The messages of what one read brought, one after another. A message that does not fit ends the walk.
package struct MessageWalk {
    package struct Message {
        package var type: Int
        package var flags: UInt16
        package var sequence: UInt32
        package var payload: Range<Int>
    }

    private var offset: Int
    private let end: Int

    package init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    package mutating func next(in bytes: Span<UInt8>) -> Message? {
        guard offset + 16 <= min(end, bytes.count) else { return nil }
        let length = Int(bytes.native(UInt32.self, at: offset))
        guard length >= 16, offset + length <= min(end, bytes.count) else { return nil }
        let message = Message(
            type: Int(bytes.native(UInt16.self, at: offset + 4)), flags: bytes.native(UInt16.self, at: offset + 6),
            sequence: bytes.native(UInt32.self, at: offset + 8), payload: offset + 16..<offset + length)
        offset += (length + 3) & ~3
        return message
    }
}

/// The attributes of one message or one nest, one after another. An attribute that does not fit ends the walk.
package struct AttributeWalk {
    package struct Attribute {
        package var type: Int
        package var value: Range<Int>
    }

    private var offset: Int
    private let end: Int

    package init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    /// The attributes after the header of `length` bytes that a message begins with.
    package init(_ payload: Span<UInt8>, after length: Int) { self.init(min(length, payload.count)..<payload.count) }

    package mutating func next(in bytes: Span<UInt8>) -> Attribute? {
        guard offset + 4 <= min(end, bytes.count) else { return nil }
        let length = Int(bytes.native(UInt16.self, at: offset))
        guard length >= 4, offset + length <= min(end, bytes.count) else { return nil }
        let type = Int(bytes.native(UInt16.self, at: offset + 2) & 0x3fff)
        let attribute = Attribute(type: type, value: offset + 4..<offset + length)
        offset += (length + 3) & ~3
        return attribute
    }
}
