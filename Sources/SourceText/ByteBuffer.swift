/// Bytes that grow at their end: an array of bytes that one owner alone has, so that nothing is asked before each byte.
@safe
public struct ByteBuffer: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    public private(set) var count = 0

    /// - Parameter capacity: room that is made beforehand.
    public init(capacity: Int) {
        self.capacity = max(capacity, 64)
        unsafe base = .allocate(capacity: self.capacity)
    }

    deinit { unsafe base.deallocate() }

    /// A copy of what is in it.
    public var array: [UInt8] { unsafe [UInt8](UnsafeBufferPointer(start: base, count: count)) }

    /// Those of `range` that there are.
    public func array(_ range: Range<Int>) -> [UInt8] {
        let own = range.clamped(to: 0..<count)
        return unsafe [UInt8](UnsafeBufferPointer(start: base + own.lowerBound, count: own.count))
    }

    public mutating func append(_ byte: UInt8) {
        if count == capacity { grow(by: 1) }
        unsafe base[count] = byte
        count += 1
    }

    public mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe append($0) }
    }

    public mutating func append(_ text: Span<UInt8>) {
        unsafe text.withUnsafeBufferPointer { unsafe append($0) }
    }

    private mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
        guard let start = text.baseAddress else { return }
        if capacity - count < text.count { grow(by: text.count) }
        unsafe (base + count).update(from: start, count: text.count)
        count += text.count
    }

    /// Forgets what is in it and keeps the room.
    public mutating func removeAll() { count = 0 }

    @inline(never)
    private mutating func grow(by more: Int) {
        let larger = max(capacity * 2, count + more)
        let room = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        unsafe room.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = room
        capacity = larger
    }
}
