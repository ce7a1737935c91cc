internal import SourceText

/// Bytes on their way out, passed on in pieces so that a large report is never held whole.
///
/// Where they go is the caller's business: a terminal, a file, an array.
public struct OutputBuffer: ~Copyable {
    private var bytes: ByteBuffer
    private let pieceBytes: Int
    /// Takes the bytes; `false`: nobody reads any more.
    private let sink: ([UInt8]) -> Bool
    /// Whether the reader went away; what is written then is dropped.
    public private(set) var isClosed = false

    /// - Parameter pieceBytes: how much is gathered before it is passed on.
    public init(pieceBytes: Int = 1 << 16, sink: @escaping ([UInt8]) -> Bool) {
        self.pieceBytes = pieceBytes
        self.sink = sink
        bytes = ByteBuffer(capacity: pieceBytes + 4096)
    }

    /// One that keeps all that is written, for `gathered`.
    ///
    /// - Parameter expected: room for so many bytes is made beforehand.
    public init(keeping expected: Int = 1 << 16) {
        pieceBytes = .max
        sink = { _ in true }
        bytes = ByteBuffer(capacity: expected)
    }

    /// What was written and not passed on yet.
    public var gathered: [UInt8] { bytes.array }

    /// How many bytes those are.
    public var count: Int { bytes.count }

    /// Those from `start` on but for the last few.
    func gathered(from start: Int, droppingLast count: Int) -> [UInt8] {
        bytes.array(start..<max(start, bytes.count - count))
    }

    public mutating func write(_ text: String) {
        bytes.append(text.utf8.span)
        if bytes.count >= pieceBytes { flush() }
    }

    public mutating func write(_ text: [UInt8]) {
        if text.count >= pieceBytes {
            // A piece of its own: passed on as it is.
            flush()
            if !isClosed, !sink(text) { isClosed = true }
            return
        }
        bytes.append(text.span)
        if bytes.count >= pieceBytes { flush() }
    }

    mutating func write(static text: StaticString) {
        bytes.append(text)
        if bytes.count >= pieceBytes { flush() }
    }

    /// Writes a number in decimal digits.
    mutating func write(decimal value: UInt64) {
        if value < 10 { return write(byte: UInt8(ascii: "0") + UInt8(value)) }
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
        if bytes.count >= pieceBytes { flush() }
    }

    mutating func write(_ text: Span<UInt8>) {
        bytes.append(text)
        if bytes.count >= pieceBytes { flush() }
    }

    public mutating func write(byte: UInt8) {
        bytes.append(byte)
        if bytes.count >= pieceBytes { flush() }
    }

    /// Passes on what is gathered.
    public mutating func flush() {
        if bytes.count == 0 { return }
        if !isClosed, !sink(bytes.array) { isClosed = true }
        bytes.removeAll()
    }
}
