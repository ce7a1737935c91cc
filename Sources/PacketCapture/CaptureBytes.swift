internal import SourceText

/// Bytes of a capture as they come in pieces. Nothing beyond what came is ever looked at.
struct CaptureBytes {
    private let read: () throws(FileFailure) -> [UInt8]
    private var bytes: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    /// Bytes taken since the beginning.
    private(set) var offset = 0

    init(_ read: @escaping () throws(FileFailure) -> [UInt8]) { self.read = read }

    /// Makes sure that `count` bytes are here; `false` where the capture ends before.
    mutating func has(_ count: Int) throws(FileFailure) -> Bool {
        while bytes.count - start < count {
            if isAtEnd { return false }
            if start > 0 {
                bytes.removeFirst(start)
                start = 0
            }
            let piece = try read()
            if piece.isEmpty { isAtEnd = true }
            bytes += piece
        }
        return true
    }

    /// How many bytes are here and not taken.
    var available: Int { bytes.count - start }

    /// The next `count` bytes, or as many as are here.
    mutating func take(_ count: Int) -> [UInt8] {
        let end = start + min(max(count, 0), available)
        let taken = Array(bytes[start..<end])
        offset += end - start
        start = end
        return taken
    }

    /// The next bytes without taking them.
    func peek(_ count: Int) -> [UInt8] { Array(bytes[start..<start + min(max(count, 0), available)]) }
}

/// Numbers in bytes, in either order; `nil` beyond the end.
struct ByteNumbers {
    let bytes: [UInt8]
    /// Whether the lowest byte comes first.
    var isLittle = false

    private func number(_ offset: Int, _ count: Int) -> UInt64? {
        guard offset >= 0, offset <= bytes.count - count else { return nil }
        var value: UInt64 = 0
        for index in 0..<count {
            value = value << 8 | UInt64(bytes[isLittle ? offset + count - 1 - index : offset + index])
        }
        return value
    }

    func byte(_ offset: Int) -> UInt8? { bytes.indices.contains(offset) ? bytes[offset] : nil }
    func word16(_ offset: Int) -> UInt16? { number(offset, 2).map { UInt16($0) } }
    func word32(_ offset: Int) -> UInt32? { number(offset, 4).map { UInt32($0) } }
    func word64(_ offset: Int) -> UInt64? { number(offset, 8) }
}
