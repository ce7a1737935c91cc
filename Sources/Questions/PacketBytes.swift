internal import NetTypes

/// Reads a packet's bytes from hexadecimal digits, two a byte. Offsets in failures count from the start of `text`.
func readPacketBytes(_ text: String) throws(PacketFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    var half: UInt8?
    for (offset, character) in text.utf8.enumerated() {
        guard let digit = hexadecimalDigit(character) else {
            throw PacketFailure("'bytes' takes hexadecimal digits, two for each byte from the IP header on", at: offset)
        }
        if let high = half {
            bytes.append(high << 4 | digit)
            half = nil
        } else {
            half = digit
        }
    }
    if half != nil { throw PacketFailure("'bytes' ends within a byte", at: text.utf8.count - 1) }
    guard Packet(decoding: bytes.span) != nil else {
        throw PacketFailure("'bytes' has no whole IP header at its start", at: 0)
    }
    return bytes
}

private func hexadecimalDigit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension PacketDescription {
    /// This description with what `packet` has where it says nothing itself.
    func completed(by packet: Packet) -> PacketDescription {
        let known = { (field: PacketFields) in packet.unknown.isDisjoint(with: field) }
        var result = self
        result.source = source ?? .address(packet.source)
        result.destination = destination ?? .address(packet.destination)
        result.ttl = ttl ?? packet.ttl
        result.dscp = dscp ?? packet.dscp
        result.ecn = ecn ?? packet.tos & 3
        result.length = length ?? packet.length
        result.dontFragment = dontFragment ?? packet.dontFragment
        result.moreFragments = moreFragments ?? packet.moreFragments
        result.fragmentOffset = fragmentOffset ?? packet.fragmentOffset
        result.protocol = self.protocol ?? packet.protocol
        guard result.protocol == packet.protocol else { return result }
        if packet.protocol.hasPorts {
            if known(.sourcePort) { result.sourcePort = sourcePort ?? packet.sourcePort }
            if known(.destinationPort) { result.destinationPort = destinationPort ?? packet.destinationPort }
        }
        if packet.protocol.isICMP, known(.icmpType) {
            result.icmpType = icmpType ?? .number(type: packet.icmpType, code: packet.icmpCode)
            result.icmpIdentifier = icmpIdentifier ?? packet.icmpIdentifier
        }
        if packet.protocol == .tcp {
            if known(.tcpFlags) { result.tcpFlags = tcpFlags ?? packet.tcpFlags }
            result.maximumSegmentSize = maximumSegmentSize ?? packet.maximumSegmentSize
        }
        return result
    }
}
