import NetTypes
import NetlinkBytes
import RuleModel

/// What `conntrack -L -o labels` shows. Source: `__snprintf_conntrack_default` of libnetfilter_conntrack, 1.0.9.
func writeConnections(_ payloads: [[UInt8]]) -> [UInt8] {
    var lines = LineWriter()
    for payload in payloads {
        guard let connection = KernelConnection(payload.span) else { continue }
        lines.add(connection)
    }
    return lines.bytes
}

extension LineWriter {
    fileprivate mutating func add(_ connection: KernelConnection) {
        let entry = connection.entry
        let number = entry.original.protocol.rawValue
        var name = protocolName(entry.original.protocol)
        while name.utf8.count < 8 { name += " " }
        add(name + " \(number) ")
        if let seconds = entry.expires { add("\(seconds) ") }
        if let state = stateName(connection) { add(state + " ") }
        add(entry.original)
        if entry.zoneDirection == .original { add("zone-orig=\(entry.zone) ") }
        add(entry.originalCounters)
        if !entry.status.contains(.seenReply) { add("[UNREPLIED] ") }
        add(entry.reply)
        if entry.zoneDirection == .reply { add("zone-reply=\(entry.zone) ") }
        add(entry.replyCounters)
        // IPS_HW_OFFLOAD, IPS_OFFLOAD
        if connection.status & 1 << 15 != 0 {
            add("[HW_OFFLOAD] ")
        } else if entry.isOffloaded {
            add("[OFFLOAD] ")
        } else if entry.status.contains(.assured) {
            add("[ASSURED] ")
        }
        add("mark=\(entry.mark) ")
        if entry.zone != 0, entry.zoneDirection == nil { add("zone=\(entry.zone) ") }
        if !connection.helper.isEmpty { add("helper=" + connection.helper + " ") }
        if let count = connection.useCount { add("use=\(count) ") }
        if !entry.labels.isEmpty { add("labels=" + entry.labels.map { "\($0)" }.joined(separator: ",") + " ") }
        endLine()
    }

    private mutating func add(_ tuple: ConnectionTuple) {
        add("src=\(tuple.source) dst=\(tuple.destination) ")
        switch tuple.protocol {
        case _ where tuple.protocol.isICMP:
            add("type=\(tuple.icmpType) code=\(tuple.icmpCode) id=\(tuple.sourcePort) ")
        // GRE
        case IPProtocol(47):
            add("srckey=\(hexadecimal(tuple.sourcePort)) dstkey=\(hexadecimal(tuple.destinationPort)) ")
        case _ where tuple.protocol.hasPorts: add("sport=\(tuple.sourcePort) dport=\(tuple.destinationPort) ")
        default: break
        }
    }

    private mutating func add(_ counters: Counters?) {
        if let counters { add("packets=\(counters.packets) bytes=\(counters.bytes) ") }
    }

    private func protocolName(_ known: IPProtocol) -> String {
        switch known.rawValue {
        case 1: "icmp"
        case 6: "tcp"
        case 17: "udp"
        case 33: "dccp"
        case 47: "gre"
        case 58: "icmpv6"
        case 132: "sctp"
        case 136: "udplite"
        default: "unknown"
        }
    }

    private func stateName(_ connection: KernelConnection) -> String? {
        let tcp = connection.entry.original.protocol == .tcp
        if tcp { return connection.entry.tcpState?.name ?? "NONE" }
        let sctp = [
            "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD",
            "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED",
        ]
        let dccp = [
            "NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE", "INVALID",
        ]
        guard let state = connection.otherState.map({ Int($0) }) else { return nil }
        let names = connection.entry.original.protocol.rawValue == 132 ? sctp : dccp
        return state < names.count ? names[state] : nil
    }
}
