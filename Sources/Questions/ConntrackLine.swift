internal import NetTypes
internal import RuleModel
internal import SourceText

/// Reads the words of a line of `conntrack -L` or `/proc/net/nf_conntrack`: the next packet of that flow, in the
/// direction of its first one. The entry itself goes with it, so that its translation counts.
func readConntrackLine(_ words: [String]) throws(PacketFailure) -> PacketDescription {
    var words = words[...]
    if let first = words.first, ["ipv4", "ipv6", "inet", "inet6"].contains(first) { words = words.dropFirst(2) }
    guard words.count > 2, let number = UInt8(words[words.startIndex + 1]) else {
        throw PacketFailure("a conntrack line begins with a protocol's name and number, such as 'tcp 6'")
    }
    var line = ConntrackLine(protocol: IPProtocol(number))
    for word in words.dropFirst(2) { try line.take(word) }
    return try line.finish()
}

private struct ConntrackLine {
    let `protocol`: IPProtocol
    /// The tuple that is being read: 0 original, 1 reply.
    var tuples: [Tuple] = []
    var status: ConnectionStatus = [.seenReply, .confirmed]
    var mark: UInt32 = 0
    var zone: UInt16 = 0

    struct Tuple {
        var source: IPAddress?
        var destination: IPAddress?
        var sourcePort: UInt16 = 0
        var destinationPort: UInt16 = 0
        var type: UInt8 = 0
        var code: UInt8 = 0
    }

    init(protocol: IPProtocol) { self.protocol = `protocol` }

    mutating func take(_ word: String) throws(PacketFailure) {
        switch word {
        case "[UNREPLIED]": status.remove(.seenReply)
        case "[ASSURED]": status.insert(.assured)
        default: break
        }
        guard let equals = word.firstIndex(of: "=") else { return }
        let key = String(word[..<equals])
        let value = String(word[word.index(after: equals)...])
        if key == "src" {
            tuples.append(Tuple(source: try readAddress(value, "src=")))
            return
        }
        if key == "mark" { mark = UInt32(try readNumber(value, maximum: UInt64(UInt32.max), of: "a value of mark=")) }
        if key == "zone" { zone = UInt16(try readNumber(value, maximum: 65535, of: "a value of zone=")) }
        guard var tuple = tuples.popLast() else { return }
        switch key {
        case "dst": tuple.destination = try readAddress(value, "dst=")
        case "sport", "id": tuple.sourcePort = UInt16(try readNumber(value, maximum: 65535, of: "a value of \(key)="))
        case "dport": tuple.destinationPort = UInt16(try readNumber(value, maximum: 65535, of: "a value of dport="))
        case "type": tuple.type = UInt8(try readNumber(value, maximum: 255, of: "a value of type="))
        case "code": tuple.code = UInt8(try readNumber(value, maximum: 255, of: "a value of code="))
        default: break
        }
        tuples.append(tuple)
    }

    func finish() throws(PacketFailure) -> PacketDescription {
        guard tuples.count >= 2, let source = tuples[0].source, let destination = tuples[0].destination,
            let replySource = tuples[1].source, let replyDestination = tuples[1].destination
        else {
            throw PacketFailure("a conntrack line has src= and dst= twice: of the first packet and of its reply")
        }
        var packet = PacketDescription()
        packet.protocol = self.protocol
        packet.source = .address(source)
        packet.destination = .address(destination)
        if self.protocol.hasPorts {
            packet.sourcePort = tuples[0].sourcePort
            packet.destinationPort = tuples[0].destinationPort
        }
        if self.protocol.isICMP {
            packet.icmpType = .number(type: tuples[0].type, code: tuples[0].code)
            packet.icmpIdentifier = tuples[0].sourcePort
        }
        if self.protocol == .tcp, status.contains(.seenReply) { packet.tcpFlags = .ack }
        packet.connection = ConnectionEntry(
            original: tuple(tuples[0], source, destination), reply: tuple(tuples[1], replySource, replyDestination),
            place: .none)
        packet.connection?.status = status
        packet.connection?.mark = mark
        packet.connection?.zone = zone
        packet.notes.append("the packet is the next one of the connection's first direction")
        return packet
    }

    private func tuple(_ read: Tuple, _ source: IPAddress, _ destination: IPAddress) -> ConnectionTuple {
        var tuple = ConnectionTuple(source: source, destination: destination, protocol: self.protocol)
        tuple.sourcePort = read.sourcePort
        tuple.destinationPort = read.destinationPort
        tuple.icmpType = read.type
        tuple.icmpCode = read.code
        return tuple
    }
}
