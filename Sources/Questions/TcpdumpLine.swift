internal import NetTypes
internal import SourceText

/// Reads the words of what `tcpdump -n` printed of one packet, with `-e`, `-v` or `-i any` too.
func readTcpdumpLine(_ words: [String]) throws(PacketFailure) -> PacketDescription {
    var packet = PacketDescription()
    guard let arrow = addressArrow(words) else {
        if let index = words.firstIndex(of: ">"), index > 0 {
            throw PacketFailure("'\(words[index - 1])' is not an address with a port: tcpdump -n prints numbers")
        }
        throw PacketFailure("the tcpdump line has no 'ADDRESS > ADDRESS:'")
    }
    let (source, sourcePort) = try tcpdumpEnd(words[arrow - 1])
    let (destination, destinationPort) = try tcpdumpEnd(withoutColon(words[arrow + 1]))
    packet.source = .address(source)
    packet.destination = .address(destination)
    packet.sourcePort = sourcePort
    packet.destinationPort = destinationPort
    takeArrival(words[..<arrow], into: &packet)
    try takeHeader(words[..<arrow], destination.version, into: &packet)
    try takeContent(Array(words[(arrow + 2)...]), hasPorts: sourcePort != nil, destination.version, into: &packet)
    return packet
}

/// The `>` between two IP addresses; with `-e` there is one between two hardware addresses before it.
private func addressArrow(_ words: [String]) -> Int? {
    for index in words.indices where words[index] == ">" && index > 0 && index + 1 < words.count {
        if splitEnd(words[index - 1]) != nil, splitEnd(withoutColon(words[index + 1])) != nil { return index }
    }
    return nil
}

private func withoutColon(_ word: String) -> String { word.hasSuffix(":") ? String(word.dropLast()) : word }

private func tcpdumpEnd(_ word: String) throws(PacketFailure) -> (IPAddress, UInt16?) {
    guard let end = splitEnd(word) else {
        throw PacketFailure("'\(word)' is not an address with a port: tcpdump -n prints numbers")
    }
    return end
}

/// `10.0.0.1.443` or `2001:db8::1.443`, with or without the port.
private func splitEnd(_ word: String) -> (IPAddress, UInt16?)? {
    if let address = IPAddress(word) { return (address, nil) }
    guard let dot = word.lastIndex(of: "."), let address = IPAddress(String(word[..<dot])),
        let port = UInt16(word[word.index(after: dot)...])
    else { return nil }
    return (address, port)
}

/// `eth0  In  IP …` of `-i any`.
private func takeArrival(_ words: ArraySlice<String>, into packet: inout PacketDescription) {
    for index in words.indices.dropFirst() {
        switch words[index] {
        case "In", "B", "M", "P": packet.arrival = .interface(words[index - 1])
        case "Out":
            packet.notes.append(
                "the line shows the packet leaving by \(words[index - 1]): its addresses, TTL and mark may already be changed, and the trace starts with them"
            )
        default: continue
        }
        return
    }
}

/// What `-v` prints in brackets: `(tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length 60)`, and the
/// hardware address that `-e` prints.
private func takeHeader(
    _ words: ArraySlice<String>, _ version: IPVersion, into packet: inout PacketDescription
) throws(PacketFailure) {
    var isInHeader = false
    func bare(_ word: String) -> String { word.filter { !"(),[]:".contains($0) } }
    for index in words.indices {
        let word = words[index]
        if word.hasPrefix("("), word != "(0x0800)," { isInHeader = true }
        if word == ">", index > words.startIndex {
            packet.mac = MACAddress(Array(words[index - 1].utf8).span)
        }
        guard isInHeader, index + 1 < words.endIndex else { continue }
        let next = bare(words[index + 1])
        switch bare(word) {
        case "tos", "class":
            let tos = UInt8(try readNumber(next, maximum: 255, of: "a TOS byte"))
            packet.dscp = tos >> 2
            packet.ecn = tos & 3
        case "ttl", "hlim": packet.ttl = UInt8(try readNumber(next, maximum: 255, of: "a TTL"))
        case "offset":
            let bytes = try readNumber(next, maximum: 65535, of: "an offset")
            if bytes > 0 { packet.fragmentOffset = UInt16(bytes / 8) }
        case "flags":
            packet.dontFragment = next.holds("DF")
            if next.contains("+") { packet.moreFragments = true }
        case "proto", "next-header":
            if index + 2 < words.endIndex, let number = UInt8(bare(words[index + 2])) {
                packet.protocol = IPProtocol(number)
            }
        case "length":
            let count = UInt32(try readNumber(next, maximum: 65535, of: "a length"))
            // The payload of IPv6, the whole packet of IPv4.
            packet.length = version == .v6 ? count + 40 : count
        default: break
        }
    }
}

/// What stands behind the addresses: flags, or the protocol's name.
private func takeContent(
    _ words: [String], hasPorts: Bool, _ version: IPVersion, into packet: inout PacketDescription
) throws(PacketFailure) {
    let first = words.first.map { $0.filter { $0 != "," } } ?? ""
    switch first {
    case "Flags":
        packet.protocol = .tcp
        packet.tcpFlags = words.count > 1 ? try tcpdumpFlags(words[1]) : nil
        takeOptions(words, into: &packet)
    case "ICMP", "ICMP6":
        packet.protocol = version == .v4 ? .icmp : .icmpv6
        packet.icmpType = try tcpdumpICMP(words.dropFirst().joined(separator: " "))
        if let index = words.firstIndex(of: "id"), index + 1 < words.count {
            packet.icmpIdentifier = UInt16(words[index + 1].filter { $0 != "," })
        }
    case "UDP": packet.protocol = .udp
    case "sctp", "sctp:": packet.protocol = .sctp
    case "IP" where !hasPorts: packet.protocol = .ipip
    case "IP6" where !hasPorts: packet.protocol = .ipv6
    case "igmp": packet.protocol = .igmp
    case _ where first.hasPrefix("ESP("): packet.protocol = .esp
    case _ where first.hasPrefix("AH("): packet.protocol = .ah
    case _ where first.hasPrefix("GREv"): packet.protocol = .gre
    case _ where first.hasPrefix("OSPF"): packet.protocol = IPProtocol(89)
    case _ where first.hasPrefix("PIM"): packet.protocol = IPProtocol(103)
    case _ where first.hasPrefix("VRRP"): packet.protocol = IPProtocol(112)
    case _ where first.hasPrefix("ip-proto-"): packet.protocol = try readProtocol(String(first.dropFirst(9)))
    default: break
    }
    if packet.protocol == nil {
        guard hasPorts else {
            throw PacketFailure("the tcpdump line does not tell the protocol: '\(words.joined(separator: " "))'")
        }
        // tcpdump names no transport where it decodes what it carries; that is UDP unless there are flags.
        packet.protocol = .udp
        packet.notes.append("the tcpdump line names no protocol: taken as udp")
    }
}

private func tcpdumpFlags(_ word: String) throws(PacketFailure) -> TCPFlags {
    let text = word.filter { !"[],".contains($0) }
    if text == "none" { return [] }
    var flags: TCPFlags = []
    for character in text {
        switch character {
        case "S": flags.insert(.syn)
        case "F": flags.insert(.fin)
        case "R": flags.insert(.rst)
        case "P": flags.insert(.psh)
        case ".": flags.insert(.ack)
        case "U": flags.insert(.urg)
        case "E": flags.insert(.ece)
        case "W": flags.insert(.cwr)
        default: throw PacketFailure("'\(word)' has a TCP flag that is not known")
        }
    }
    return flags
}

private func takeOptions(_ words: [String], into packet: inout PacketDescription) {
    for index in words.indices where index + 1 < words.count && words[index].hasSuffix("mss") {
        packet.maximumSegmentSize = UInt16(words[index + 1].prefix { $0.isNumber })
    }
}

/// The type of an ICMP message that tcpdump put into words.
private func tcpdumpICMP(_ text: String) throws(PacketFailure) -> ICMPTypeText {
    let names: [(words: String, name: String)] = [
        ("echo request", "echo-request"), ("echo reply", "echo-reply"), ("time exceeded", "time-exceeded"),
        ("neighbor solicitation", "neighbour-solicitation"), ("neighbor advertisement", "neighbour-advertisement"),
        ("router solicitation", "router-solicitation"), ("router advertisement", "router-advertisement"),
        ("packet too big", "packet-too-big"), ("need to frag", "fragmentation-needed"), ("redirect", "redirect"),
        ("prohibited filter", "communication-prohibited"), ("admin prohibited", "3/10"),
        ("prohibited", "communication-prohibited"), ("port", "port-unreachable"), ("host", "host-unreachable"),
        ("net", "network-unreachable"), ("protocol", "protocol-unreachable"),
        ("parameter problem", "parameter-problem"),
        ("time stamp query", "timestamp-request"), ("time stamp reply", "timestamp-reply"),
        ("unreachable", "destination-unreachable"),
    ]
    for entry in names where text.holds(entry.words) { return try ICMPTypeText(entry.name) }
    throw PacketFailure("the ICMP message '\(text)' is not known here: give --from, --to and --icmp-type")
}
