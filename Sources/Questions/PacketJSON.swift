internal import NetTypes
internal import SourceText

/// Reads a packet from one JSON object: a line of `--packets`, or `--packet '{…}'`.
///
/// A key that is not known is an error, and so is one that is there twice. Offsets in failures count from the start of
/// `text`.
public func readPacketJSON(_ text: Span<UInt8>) throws(PacketFailure) -> PacketDescription {
    let value: JSONValue
    do {
        value = try readJSON(text)
    } catch {
        throw PacketFailure(error.message, at: error.offset)
    }
    guard let members = value.object else {
        throw PacketFailure("a packet is a JSON object, such as {\"source\":\"192.0.2.7\",…}", at: value.start)
    }
    if let twice = value.firstDuplicate {
        throw PacketFailure("the key '\(twice.key)' is there twice", at: twice.keyStart)
    }
    var packet = PacketDescription()
    for member in members {
        do {
            try take(member, into: &packet)
        } catch {
            throw PacketFailure(error.message, at: error.offset ?? member.value.start)
        }
    }
    return packet
}

/// The `id` of a packet whose line has an error elsewhere, so that the answer can still be told apart.
public func readPacketIdentifier(_ text: Span<UInt8>) -> PacketDescription.Identifier? {
    do {
        let value = try readJSON(text)
        return value["id"].flatMap(identifier)
    } catch {
        return nil
    }
}

private func identifier(_ value: JSONValue) -> PacketDescription.Identifier? {
    if let string = value.string { return .string(string) }
    if let number = value.number { return .number(number.text) }
    return nil
}

private func take(_ member: JSONMember, into packet: inout PacketDescription) throws(PacketFailure) {
    let value = member.value
    switch member.key {
    case "id":
        guard let id = identifier(value) else { throw PacketFailure("'id' is a string or a number") }
        packet.id = id
    case "in":
        if value.isNull {
            packet.arrival = .host
        } else {
            packet.arrival = .interface(try string(value, "in"))
        }
    case "source": packet.source = try end(value, "source")
    case "destination": packet.destination = try end(value, "destination")
    case "protocol":
        if let number = value.number {
            packet.protocol = try readProtocol(number.text)
        } else {
            packet.protocol = try readProtocol(try string(value, "protocol"))
        }
    case "sourcePort": packet.sourcePort = UInt16(try number(value, "sourcePort", maximum: 65535))
    case "destinationPort": packet.destinationPort = UInt16(try number(value, "destinationPort", maximum: 65535))
    case "icmpType":
        if let number = value.number {
            packet.icmpType = try ICMPTypeText(number.text)
        } else {
            packet.icmpType = try ICMPTypeText(try string(value, "icmpType"))
        }
    case "icmpCode": packet.icmpCode = UInt8(try number(value, "icmpCode", maximum: 255))
    case "tcpFlags": packet.tcpFlags = try readTCPFlags(try string(value, "tcpFlags"))
    case "ttl": packet.ttl = UInt8(try number(value, "ttl", maximum: 255))
    case "dscp":
        if let name = value.string {
            packet.dscp = try readDSCP(name)
        } else {
            packet.dscp = UInt8(try number(value, "dscp", maximum: 63))
        }
    case "length": packet.length = UInt32(try number(value, "length", maximum: 65535))
    case "mark": packet.mark = UInt32(try number(value, "mark", maximum: UInt64(UInt32.max)))
    case "ctMark": packet.connectionMark = UInt32(try number(value, "ctMark", maximum: UInt64(UInt32.max)))
    case "state": packet.state = try readStates(try string(value, "state"))
    case "uid": packet.userID = UInt32(try number(value, "uid", maximum: UInt64(UInt32.max)))
    case "bytes": packet.bytes = try bytes(value)
    case "mac":
        let text = try string(value, "mac")
        guard let mac = MACAddress(Array(text.utf8).span) else {
            throw PacketFailure("'\(text)' is not a hardware address: 02:00:00:00:00:01")
        }
        packet.mac = mac
    default:
        throw PacketFailure("'\(member.key)' is not a key of a packet", at: member.keyStart)
    }
}

private func string(_ value: JSONValue, _ key: String) throws(PacketFailure) -> String {
    guard let text = value.string else { throw PacketFailure("'\(key)' takes a string") }
    return text
}

private func bytes(_ value: JSONValue) throws(PacketFailure) -> [UInt8] {
    let text = try string(value, "bytes")
    do {
        return try readPacketBytes(text)
    } catch {
        // Behind the quote; where the text has escapes its characters are not where they seem.
        let isPlain = value.end - value.start == text.utf8.count + 2
        throw PacketFailure(error.message, at: value.start + (isPlain ? 1 + (error.offset ?? 0) : 0))
    }
}

private func end(_ value: JSONValue, _ key: String) throws(PacketFailure) -> PacketEnd {
    let text = try string(value, key)
    if let address = IPAddress(text), address.version == .v4 { return .address(address) }
    let endpoint = try readEndpoint(text)
    if endpoint.port != nil || endpoint.protocol != nil {
        throw PacketFailure("'\(key)' takes an address alone; ports and protocol have keys of their own")
    }
    return endpoint.end
}

/// A number, or a string with one (`"0x4000"`).
private func number(_ value: JSONValue, _ key: String, maximum: UInt64) throws(PacketFailure) -> UInt64 {
    if let text = value.string { return try readNumber(text, maximum: maximum, of: "a value of '\(key)'") }
    guard let number = value.number?.unsigned, number <= maximum else {
        throw PacketFailure("'\(key)' takes a number from 0 to \(maximum)")
    }
    return number
}
