internal import NetTypes
internal import PacketPath
internal import SourceText

/// Reads lines that differ from one that was read before in addresses, ports and identifier alone, as most of a batch do.
///
/// It takes less than it might: what it does not take is read as any line is.
public struct LinePattern: Sendable {
    private enum Value: Sendable { case identifier, source, destination, sourcePort, destinationPort }

    /// What stands between the values, before the first and behind the last.
    private let pieces: [[UInt8]]
    private let values: [Value]
    private let prepared: PreparedPacket

    /// - Parameters:
    ///   - description: what `line` says.
    ///   - prepared: what was made of it.
    /// - Returns: `nil` where more than the values themselves may hang on them.
    public init?(_ line: Span<UInt8>, _ description: PacketDescription, _ prepared: PreparedPacket) {
        // Without an interface it is worked out by the source; groups are sent in frames of their own.
        guard description.arrival != nil, description.bytes == nil, description.connection == nil,
            case .address(let source)? = description.source, LinePattern.isPlain(source),
            case .address(let destination)? = description.destination, LinePattern.isPlain(destination),
            let members = LinePattern.members(line)
        else { return nil }
        var pieces: [[UInt8]] = []
        var values: [Value] = []
        var start = 0
        for member in members {
            let value: Value
            switch member.key {
            case "id": value = .identifier
            case "source": value = .source
            case "destination": value = .destination
            case "sourcePort": value = .sourcePort
            case "destinationPort": value = .destinationPort
            default: continue
            }
            // Quotes belong to what stands around.
            let inset = member.value.string == nil ? 0 : 1
            pieces.append(LinePattern.bytes(line, start..<member.value.start + inset))
            start = member.value.end - inset
            values.append(value)
        }
        pieces.append(LinePattern.bytes(line, start..<line.count))
        self.pieces = pieces
        self.values = values
        self.prepared = prepared
    }

    private static func members(_ line: Span<UInt8>) -> [JSONMember]? {
        do { return try readJSON(line).object } catch { return nil }
    }

    private static func bytes(_ line: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        range.map { line[$0] }
    }

    private static func isPlain(_ address: IPAddress) -> Bool {
        address.version == .v4 && !address.isMulticast && address != IPAddress(v4: .max)
    }

    /// What would be made of `line` if it were read as any other; `nil` where that can't be told.
    public func read(_ line: Span<UInt8>) -> (packet: PreparedPacket, id: PacketDescription.Identifier?)? {
        var result = prepared
        var id: PacketDescription.Identifier?
        var place = 0
        for (index, value) in values.enumerated() {
            guard skip(pieces[index], in: line, &place) else { return nil }
            let isQuoted = pieces[index].last == UInt8(ascii: "\"")
            let start = place
            while place < line.count, isPart(line[place], isQuoted) { place += 1 }
            guard start < place else { return nil }
            let text = line.extracting(start..<place)
            switch value {
            case .identifier:
                let word = String(decoding: LinePattern.bytes(line, start..<place), as: UTF8.self)
                // A number with a zero in front is none.
                if !isQuoted, text[0] == UInt8(ascii: "0"), text.count > 1 { return nil }
                id = isQuoted ? .string(word) : .number(word)
            case .source:
                guard let address = IPAddress(text), LinePattern.isPlain(address) else { return nil }
                result.request.packet.source = address
            case .destination:
                guard let address = IPAddress(text), LinePattern.isPlain(address) else { return nil }
                result.request.packet.destination = address
            case .sourcePort:
                guard !isQuoted, let port = port(text) else { return nil }
                result.request.packet.sourcePort = port
            case .destinationPort:
                guard !isQuoted, let port = port(text) else { return nil }
                result.request.packet.destinationPort = port
            }
        }
        guard skip(pieces[values.count], in: line, &place), place == line.count else { return nil }
        return (result, id)
    }

    private func skip(_ piece: [UInt8], in line: Span<UInt8>, _ place: inout Int) -> Bool {
        guard line.count - place >= piece.count else { return false }
        for index in piece.indices where line[place + index] != piece[index] { return false }
        place += piece.count
        return true
    }

    /// Whether a byte may stand in a value: within quotes what needs no escape and is ASCII, else a digit.
    private func isPart(_ byte: UInt8, _ isQuoted: Bool) -> Bool {
        isQuoted
            ? byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            : byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private func port(_ digits: Span<UInt8>) -> UInt16? {
        guard digits.count <= 5, digits.count == 1 || digits[0] != UInt8(ascii: "0") else { return nil }
        var number: UInt32 = 0
        for index in digits.indices { number = number * 10 + UInt32(digits[index] - UInt8(ascii: "0")) }
        return UInt16(exactly: number)
    }
}
