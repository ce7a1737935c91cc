internal import NetTypes
internal import RuleModel
internal import SourceText

/// Reads the words of a line that `-j LOG` wrote, with whatever syslog, a prefix or UFW put in front.
///
/// Source of the form: net/netfilter/nf_log_syslog.c, Linux 6.1.
func readKernelLogLine(_ words: [String]) throws(PacketFailure) -> PacketDescription {
    var packet = PacketDescription()
    var line = KernelLogLine()
    for word in words {
        // What an ICMP error quotes of the packet it is about stands in brackets.
        if word.hasPrefix("[SRC=") { break }
        try line.take(word, into: &packet)
    }
    try line.finish(&packet)
    return packet
}

private struct KernelLogLine {
    var inInterface = ""
    var outInterface = ""
    var type: UInt8?
    var code: UInt8?
    var flags: TCPFlags = []
    var tos: UInt8?
    /// Whether the words are behind `SRC=`: what stands before may be anything.
    var isInPacket = false

    mutating func take(_ word: String, into packet: inout PacketDescription) throws(PacketFailure) {
        guard let equals = word.firstIndex(of: "=") else {
            if isInPacket { takeFlag(word, into: &packet) }
            return
        }
        let key = String(word[..<equals])
        let value = String(word[word.index(after: equals)...])
        switch key {
        case "IN" where !isInPacket: inInterface = value
        case "OUT" where !isInPacket: outInterface = value
        case "PHYSIN" where !value.isEmpty: packet.inPort = value
        case "PHYSOUT" where !value.isEmpty: packet.outPort = value
        case "MAC": takeMAC(value, into: &packet)
        case "SRC":
            packet.source = .address(try readAddress(value, "SRC="))
            isInPacket = true
        case "DST": packet.destination = .address(try readAddress(value, "DST="))
        case "LEN" where packet.length == nil: packet.length = try number(value, key, 65535)
        case "TOS": tos = (tos ?? 0) | UInt8(truncatingIfNeeded: try number(value, key, 255))
        case "PREC": tos = (tos ?? 0) | UInt8(truncatingIfNeeded: try number(value, key, 255))
        case "TC": tos = UInt8(truncatingIfNeeded: try number(value, key, 255))
        case "TTL", "HOPLIMIT": packet.ttl = UInt8(truncatingIfNeeded: try number(value, key, 255))
        case "PROTO": packet.protocol = try readLogProtocol(value)
        case "SPT": packet.sourcePort = UInt16(truncatingIfNeeded: try number(value, key, 65535))
        case "DPT": packet.destinationPort = UInt16(truncatingIfNeeded: try number(value, key, 65535))
        case "TYPE" where packet.protocol?.isICMP == true:
            type = UInt8(truncatingIfNeeded: try number(value, key, 255))
        case "CODE" where packet.protocol?.isICMP == true:
            code = UInt8(truncatingIfNeeded: try number(value, key, 255))
        case "ID" where packet.protocol?.isICMP == true:
            packet.icmpIdentifier = UInt16(truncatingIfNeeded: try number(value, key, 65535))
        case "MARK": packet.mark = try number(value, key, UInt64(UInt32.max))
        case "UID": packet.userID = try number(value, key, UInt64(UInt32.max))
        case "GID": packet.groupID = try number(value, key, UInt64(UInt32.max))
        default: break
        }
    }

    private mutating func takeFlag(_ word: String, into packet: inout PacketDescription) {
        switch word {
        case "DF": packet.dontFragment = true
        case "MF": packet.moreFragments = true
        case "SYN": flags.insert(.syn)
        case "ACK": flags.insert(.ack)
        case "FIN": flags.insert(.fin)
        case "RST": flags.insert(.rst)
        case "PSH": flags.insert(.psh)
        case "URG": flags.insert(.urg)
        case "ECE": flags.insert(.ece)
        case "CWR": flags.insert(.cwr)
        default:
            // FRAG:185 is the offset in units of 8 bytes.
            if word.hasPrefix("FRAG:"), let offset = UInt16(word.dropFirst(5)) { packet.fragmentOffset = offset }
        }
    }

    /// Destination, source, type: fourteen bytes of an Ethernet header.
    private func takeMAC(_ value: String, into packet: inout PacketDescription) {
        let parts = value.split(separator: ":")
        guard parts.count >= 12 else { return }
        packet.mac = MACAddress(Array(parts[6..<12].joined(separator: ":").utf8).span)
    }

    func finish(_ packet: inout PacketDescription) throws(PacketFailure) {
        if inInterface == "lo" {
            packet.arrival = .host
            packet.notes.append("what comes in by lo was made on this host: it is followed from there")
        } else if !inInterface.isEmpty {
            packet.arrival = .interface(inInterface)
            packet.arrivalMayBeGone = true
        } else if !outInterface.isEmpty {
            packet.arrival = .host
        }
        if !inInterface.isEmpty, !outInterface.isEmpty {
            packet.notes.append(
                "the line was logged after routing (OUT=\(outInterface)): its addresses, TTL and mark may already be changed, and the trace starts with them"
            )
        }
        if packet.protocol == nil { throw PacketFailure("the log line has no PROTO=") }
        if packet.protocol == .tcp { packet.tcpFlags = flags }
        if let type { packet.icmpType = .number(type: type, code: code) }
        if let tos {
            packet.dscp = tos >> 2
            packet.ecn = tos & 3
        }
    }

    private func number(_ text: String, _ key: String, _ maximum: UInt64) throws(PacketFailure) -> UInt32 {
        UInt32(truncatingIfNeeded: try readNumber(text, maximum: maximum, of: "a value of \(key)="))
    }
}

/// `TCP`, `ICMPv6`, `ESP`, or a number.
private func readLogProtocol(_ text: String) throws(PacketFailure) -> IPProtocol { try readProtocol(text) }
