public import HeaderSpace
internal import NetTypes
public import PathModel
internal import RuleModel
internal import SourceText

extension ExamplePacket {
    /// The options of `hookline trace` that describe this packet.
    public func traceOptions(on model: HostModel) -> String {
        var words: [String] = []
        func end(_ address: IPAddress, _ port: UInt16?) -> String {
            guard let port else { return "\(address)" }
            return address.version == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
        }
        let hasPorts = packet.protocol.hasPorts
        if let arrival {
            words += ["--in", model.names.text(arrival), "--from"]
            words.append(end(packet.source, hasPorts ? packet.sourcePort : nil))
        } else {
            // `--from host` leaves the choice of the source to the routes.
            words += ["--packet", "'{\"in\":null,\"source\":\"\(packet.source)\"}'"]
            if hasPorts { words += ["--sport", "\(packet.sourcePort)"] }
        }
        words.append("--to")
        words.append(
            end(packet.destination, hasPorts ? packet.destinationPort : nil)
                + (hasPorts ? "/" + packet.protocol.shortName : ""))
        if !hasPorts { words += ["--proto", packet.protocol.shortName] }
        if packet.protocol.isICMP { words += ["--icmp-type", "\(packet.icmpType)/\(packet.icmpCode)"] }
        if packet.protocol == .tcp, packet.tcpFlags != .syn {
            let names = TCPFlags.names.filter { packet.tcpFlags.contains($0.flag) }.map { $0.name }
            words += ["--tcp-flags", names.isEmpty ? "none" : names.joined(separator: ",")]
        }
        if packet.ttl != 64 { words += ["--ttl", "\(packet.ttl)"] }
        if packet.dscp != 0 { words += ["--dscp", "\(packet.dscp)"] }
        if packet.mark != 0 { words += ["--mark", "0x" + String(packet.mark, radix: 16)] }
        if let mac = packet.sourceMAC { words += ["--mac", mac.description] }
        if let user = packet.userID { words += ["--uid", "\(user)"] }
        if packet.length != packet.headerLength { words += ["--length", "\(packet.length)"] }
        words += ["--state", state.name]
        if connectionMark != 0 { words += ["--ct-mark", "0x" + String(connectionMark, radix: 16)] }
        return words.joined(separator: " ")
    }
}

extension PacketSpace {
    /// A packet of `set`, from the wire and without a code of ICMP where there is such a one.
    public func everydayExample(of set: PacketSet) -> ExamplePacket? {
        var set = set
        let icmp = packets(.protocol, UInt128((version == .v4 ? IPProtocol.icmp : .icmpv6).rawValue))
        let plain = or(complement(icmp), packets(.destinationPort, 0, mask: 0xff))
        var wanted = [plain]
        if let number = interfaces.firstIndex(of: nil) {
            wanted.append(complement(packets(.inInterface, UInt128(number))))
        }
        for part in wanted {
            let both = and(set, part)
            if !both.isEmpty { set = both }
        }
        return example(of: set)
    }
}

extension Packet {
    /// Bytes of the headers alone, which a trace takes where it is not told.
    fileprivate var headerLength: UInt32 {
        let transport: UInt32 =
            switch `protocol` {
            case .tcp: 20
            case .udp, .udplite, .icmp, .icmpv6: 8
            case .sctp, .dccp: 12
            case .gre: 4
            default: 0
            }
        return (version == .v4 ? 20 : 40) + transport
    }
}
