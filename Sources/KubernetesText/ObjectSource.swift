public import SourceText

/// The file that objects are read from: tells where values stand.
public struct ObjectSource: Sendable {
    private let file: FileID
    private let firstLine: Int
    /// Where each line after the first begins.
    private var lineStarts: [UInt32] = []

    /// `excerpt` is the part of `text` that holds objects; `firstLine` is the line, from 1, that it begins on.
    public init(file: FileID, _ text: Span<UInt8>, _ excerpt: Range<Int>, firstLine: Int) {
        self.file = file
        self.firstLine = firstLine
        let range = excerpt.clamped(to: 0..<text.count)
        var position = range.lowerBound
        while let end = text.firstIndex(of: UInt8(ascii: "\n"), in: position..<range.upperBound) {
            position = end + 1
            lineStarts.append(UInt32(truncatingIfNeeded: position))
        }
    }

    /// The line, from 1, of the byte at `offset`.
    public func line(of offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while low < high {
            let middle = (low + high) / 2
            if Int(lineStarts[middle]) <= offset { low = middle + 1 } else { high = middle }
        }
        return firstLine + low
    }

    public func place(from start: Int, to end: Int) -> Place {
        Place(file: file, line: line(of: start), start: start, end: end)
    }

    func place(of value: JSONValue) -> Place { place(from: value.start, to: value.end) }

    func place(of member: JSONMember) -> Place { place(from: member.keyStart, to: member.value.end) }
}

/// One object, with what all of them have.
struct ClusterObject {
    let value: JSONValue
    let source: ObjectSource
    let namespace: String
    let name: String
    /// Where its name stands, or else the whole of it.
    let place: Place

    init(_ value: JSONValue, _ source: ObjectSource) {
        self.value = value
        self.source = source
        let metadata = value["metadata"]
        namespace = metadata?["namespace"]?.text ?? ""
        name = metadata?["name"]?.text ?? ""
        place =
            metadata?.member("name").map { source.place(of: $0) } ?? source.place(from: value.start, to: value.end)
    }

    var metadata: JSONValue? { value["metadata"] }
    var spec: JSONValue? { value["spec"] }
    var status: JSONValue? { value["status"] }

    /// An annotation's text.
    func annotation(_ key: String) -> String? { metadata?["annotations"]?[key]?.text }
}
