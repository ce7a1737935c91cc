/// One input, read whole, with the name the user knows it by.
public struct SourceFile: Sendable {
    /// The path as the user gave it; `-` is standard input; `archive.tgz/member` for a member of an archive.
    public let path: String
    public let bytes: [UInt8]

    public init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    public init(path: String, text: String) { self.init(path: path, bytes: Array(text.utf8)) }

    /// The column, from 1 and in bytes, of the byte at `offset`.
    public func column(of offset: Int) -> Int {
        var start = min(offset, bytes.count)
        while start > 0, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
        return min(offset, bytes.count) - start + 1
    }

    /// The line, from 1, that holds the byte at `offset`. Counts from the start: for messages, not for loops.
    public func line(of offset: Int) -> Int {
        var line = 1
        for index in 0..<min(offset, bytes.count) where bytes[index] == UInt8(ascii: "\n") { line += 1 }
        return line
    }

    /// The bytes of the whole line around `offset` as text, without its end.
    public func lineText(around offset: Int) -> String {
        let anchor = min(offset, bytes.count)
        var start = anchor
        while start > 0, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
        var end = anchor
        while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    /// The text of a place in this file.
    public func text(_ place: Place) -> String {
        let start = min(Int(place.start), bytes.count)
        let end = max(start, min(Int(place.end), bytes.count))
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }
}

/// Names one file among a snapshot's files.
public struct FileID: Hashable, Sendable {
    public let index: UInt32
    public init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }
}

/// Bytes `start..<end` of a file, on line `line` (from 1). 16 bytes: rules keep one each.
public struct Place: Hashable, Sendable {
    public var file: FileID
    public var line: UInt32
    /// Offsets in bytes from the start of the file.
    public var start: UInt32
    public var end: UInt32

    public init(file: FileID, line: Int, start: Int, end: Int) {
        self.file = file
        self.line = UInt32(truncatingIfNeeded: line)
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    /// The place of nothing: what a program made and no file holds. Its file's number fits an `Int` of 32 bits too.
    public static let none = Place(file: FileID(Int(Int32.max)), line: 0, start: 0, end: 0)

    public var isNone: Bool { line == 0 }
}
