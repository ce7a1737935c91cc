public import NetTypes

/// The values of a packet that stand in the answer about it and of which an answer about another may have others.
public struct PacketValues: Hashable, Sendable {
    public var source: IPAddress
    public var destination: IPAddress
    public var sourcePort: UInt16
    public var destinationPort: UInt16

    public init(_ packet: Packet) {
        source = packet.source
        destination = packet.destination
        sourcePort = packet.sourcePort
        destinationPort = packet.destinationPort
    }

    public static let fields: PacketFields = [.source, .destination, .sourcePort, .destinationPort]

    /// The fields in which two differ.
    public func differences(from other: PacketValues) -> PacketFields {
        var fields: PacketFields = []
        if source != other.source { fields.insert(.source) }
        if destination != other.destination { fields.insert(.destination) }
        if sourcePort != other.sourcePort { fields.insert(.sourcePort) }
        if destinationPort != other.destinationPort { fields.insert(.destinationPort) }
        return fields
    }
}

/// One line of JSON about a packet, with blanks where values of it stand, to be filled in for others.
public struct AnswerForm: Sendable {
    /// What goes into a blank.
    enum Value: UInt8, Sendable {
        case identifier, source, destination, sourcePort, destinationPort
    }

    struct Blank: Sendable {
        let start: Int
        let end: Int
        let value: Value
    }

    /// Without its end.
    private let text: [UInt8]
    private let blanks: [Blank]

    /// Has `write` write a line about a packet with these values, and makes a form of it.
    ///
    /// - Parameters:
    ///   - json: keeps what is written.
    ///   - fields: those of which it has blanks. The packet's own values in them are known to be no one else's.
    ///   - isTurned: whether that is so of ports wherever they stand, as answers to the packet have them at the other end.
    /// - Returns: `nil` where a value stands in a sentence.
    public init?(
        _ values: PacketValues, _ fields: PacketFields, isTurned: Bool, into json: inout JSONWriter,
        _ write: (inout JSONWriter) -> Void
    ) {
        let start = json.output.count
        json.watch = ValueWatch(values, fields, isTurned: isTurned)
        write(&json)
        defer { json.watch = nil }
        guard let watch = json.watch, !watch.isMissed else { return nil }
        text = json.output.gathered(from: start, droppingLast: 1)
        blanks = watch.blanks.map { Blank(start: $0.start - start, end: $0.end - start, value: $0.value) }
    }

    /// Whether the line that `json` has from `start` on is the one for a packet with these values.
    public func isLine(
        from start: Int, of json: borrowing JSONWriter, _ values: PacketValues, _ identifier: TraceAnswer.Identifier
    ) -> Bool {
        var told = JSONWriter(OutputBuffer(keeping: 16 << 10))
        write(values, identifier, into: &told)
        return told.output.gathered == json.output.gathered(from: start, droppingLast: 0)
    }

    /// How much memory it takes.
    public var byteCount: Int { text.count + blanks.count * MemoryLayout<Blank>.stride }

    /// Writes the line for another packet.
    public func write(_ values: PacketValues, _ identifier: TraceAnswer.Identifier, into json: inout JSONWriter) {
        var start = 0
        for blank in blanks {
            json.filled(text.span.extracting(start..<blank.start))
            switch blank.value {
            case .identifier: json.write(identifier)
            case .source: json.writeQuoted(values.source)
            case .destination: json.writeQuoted(values.destination)
            case .sourcePort: json.output.write(decimal: UInt64(values.sourcePort))
            case .destinationPort: json.output.write(decimal: UInt64(values.destinationPort))
            }
            start = blank.end
        }
        json.filled(text.span.extracting(start..<text.count))
        json.endLine()
    }
}

/// What looks out for a packet's values while an answer about it is written.
struct ValueWatch {
    private let values: PacketValues
    private let fields: PacketFields
    /// Whether a port may stand at the other end, too.
    private let isTurned: Bool
    /// As they stand in sentences.
    private let texts: [(text: [UInt8], isNumber: Bool)]
    private(set) var blanks: [AnswerForm.Blank] = []
    /// Whether a value stands in a text, where no blank can be.
    private(set) var isMissed = false

    init(_ values: PacketValues, _ fields: PacketFields, isTurned: Bool) {
        self.values = values
        self.fields = fields
        self.isTurned = isTurned
        var texts: [(text: [UInt8], isNumber: Bool)] = []
        if fields.contains(.source) { texts.append((Array(values.source.description.utf8), false)) }
        if fields.contains(.destination) { texts.append((Array(values.destination.description.utf8), false)) }
        if fields.contains(.sourcePort) { texts.append((Array("\(values.sourcePort)".utf8), true)) }
        if fields.contains(.destinationPort) { texts.append((Array("\(values.destinationPort)".utf8), true)) }
        self.texts = texts
    }

    /// The packet's identifier stands from `start` to `end`.
    mutating func identifier(_ start: Int, _ end: Int) {
        blanks.append(AnswerForm.Blank(start: start, end: end, value: .identifier))
    }

    mutating func address(_ address: IPAddress, _ start: Int, _ end: Int) {
        if fields.contains(.source), address == values.source {
            blanks.append(AnswerForm.Blank(start: start, end: end, value: .source))
        } else if fields.contains(.destination), address == values.destination {
            blanks.append(AnswerForm.Blank(start: start, end: end, value: .destination))
        }
    }

    mutating func sourcePort(_ port: UInt16, _ start: Int, _ end: Int) {
        if !takesSource(port, start, end), isTurned { _ = takesDestination(port, start, end) }
    }

    mutating func destinationPort(_ port: UInt16, _ start: Int, _ end: Int) {
        if !takesDestination(port, start, end), isTurned { _ = takesSource(port, start, end) }
    }

    private mutating func takesSource(_ port: UInt16, _ start: Int, _ end: Int) -> Bool {
        guard fields.contains(.sourcePort), port == values.sourcePort else { return false }
        blanks.append(AnswerForm.Blank(start: start, end: end, value: .sourcePort))
        return true
    }

    private mutating func takesDestination(_ port: UInt16, _ start: Int, _ end: Int) -> Bool {
        guard fields.contains(.destinationPort), port == values.destinationPort else { return false }
        blanks.append(AnswerForm.Blank(start: start, end: end, value: .destinationPort))
        return true
    }

    mutating func text(_ text: Span<UInt8>) {
        for (wanted, isNumber) in texts where !isMissed && wanted.count <= text.count {
            for start in 0...(text.count - wanted.count) {
                var index = 0
                while index < wanted.count, text[start + index] == wanted[index] { index += 1 }
                guard index == wanted.count else { continue }
                let end = start + index
                // A longer number is another one.
                if isNumber, start > 0 && isDigit(text[start - 1]) || end < text.count && isDigit(text[end]) {
                    continue
                }
                isMissed = true
                break
            }
        }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
