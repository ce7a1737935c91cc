/// The messages of what one read brought, one after another. A message that does not fit ends the walk.
public struct MessageWalk {
    public struct Message {
        public var type: Int
        public var flags: UInt16
        public var sequence: UInt32
        public var payload: Range<Int>
    }

    private var offset: Int
    private let end: Int

    public init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    public mutating func next(in bytes: Span<UInt8>) -> Message? {
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
public struct AttributeWalk {
    public struct Attribute {
        public var type: Int
        public var value: Range<Int>
    }

    private var offset: Int
    private let end: Int

    public init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    /// The attributes after the header of `length` bytes that a message begins with.
    public init(_ payload: Span<UInt8>, after length: Int) { self.init(min(length, payload.count)..<payload.count) }

    public mutating func next(in bytes: Span<UInt8>) -> Attribute? {
        guard offset + 4 <= min(end, bytes.count) else { return nil }
        let length = Int(bytes.native(UInt16.self, at: offset))
        guard length >= 4, offset + length <= min(end, bytes.count) else { return nil }
        let type = Int(bytes.native(UInt16.self, at: offset + 2) & 0x3fff)
        let attribute = Attribute(type: type, value: offset + 4..<offset + length)
        offset += (length + 3) & ~3
        return attribute
    }
}
