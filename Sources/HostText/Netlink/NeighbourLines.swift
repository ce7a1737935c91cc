import NetTypes
import NetlinkBytes
import RuleModel

/// NTF_… and NUD_…
private enum Flag {
    static let own: UInt8 = 0x02
    static let master: UInt8 = 0x04
    static let proxy: UInt8 = 0x08
    static let learned: UInt8 = 0x10
    static let offloaded: UInt8 = 0x20
    static let sticky: UInt8 = 0x40
    static let router: UInt8 = 0x80
    static let noARP: UInt16 = 0x40
}

/// What `ip neigh` shows. Source: iproute2's ip/ipneigh.c `print_neigh`, 6.1.
func writeNeighbours(_ payloads: [[UInt8]], _ names: LinkNames) -> [UInt8] {
    let states: [(UInt16, String)] = [
        (0x01, "INCOMPLETE"), (0x02, "REACHABLE"), (0x04, "STALE"), (0x08, "DELAY"), (0x10, "PROBE"),
        (0x20, "FAILED"), (0x40, "NOARP"), (0x80, "PERMANENT"),
    ]
    var lines = LineWriter()
    for payload in payloads {
        // struct ndmsg
        let entry = MessageParts(payload, after: 12)
        let state = entry.header(UInt16.self, at: 8)
        let flags = entry.header(UInt8.self, at: 10)
        // What is not asked for by ARP or NDP is not shown, nor an entry that is in no state.
        guard state & ~Flag.noARP & 0xff != 0 || flags & (Flag.proxy | Flag.learned) != 0,
            let address = entry.address(1)
        else { continue }
        let index = entry.header(UInt32.self, at: 4)
        lines.add("\(address) ")
        lines.add("dev", names.name(index))
        if let value = entry.value(2), !value.isEmpty {
            lines.add("lladdr", hardwareText(entry.bytes.span, value, type: names.type(index)))
        }
        if flags & Flag.router != 0 { lines.add("router ") }
        if flags & Flag.proxy != 0 { lines.add("proxy ") }
        if flags & Flag.learned != 0 { lines.add("extern_learn ") }
        for (bit, word) in states where state & bit != 0 { lines.add(word + " ") }
        lines.endLine()
    }
    return lines.bytes
}

/// What `bridge fdb` shows. Source: iproute2's bridge/fdb.c `print_fdb`, 6.1.
func writeForwardingEntries(_ payloads: [[UInt8]], _ names: LinkNames) -> [UInt8] {
    var lines = LineWriter()
    for payload in payloads {
        let entry = MessageParts(payload, after: 12)
        // AF_BRIDGE
        guard payload.count >= 12, payload[0] == 7, let hardware = entry.value(2), hardware.count == 6 else { continue }
        lines.add(hardwareText(entry.bytes.span, hardware, type: 1) + " ")
        lines.add("dev", names.name(entry.header(UInt32.self, at: 4)))
        if let destination = entry.address(1) { lines.add("dst", "\(destination)") }
        if let vlan = entry.half(5) { lines.add("vlan", "\(vlan)") }
        if let port = entry.network(6) { lines.add("port", "\(port)") }
        if let id = entry.word(7) { lines.add("vni", "\(id)") }
        if let id = entry.word(11) { lines.add("src_vni", "\(id)") }
        if let via = entry.word(8) { lines.add("via", names.name(via)) }
        let flags = entry.header(UInt8.self, at: 10)
        let words: [(UInt8, String)] = [
            (Flag.own, "self"), (Flag.router, "router"), (Flag.learned, "extern_learn"), (Flag.offloaded, "offload"),
            (Flag.master, "master"), (Flag.sticky, "sticky"),
        ]
        // With its name the bridge is told in place of the bare flag.
        let master = entry.word(9)
        for (bit, word) in words where flags & bit != 0 && (bit != Flag.master || master == nil) {
            lines.add(word + " ")
        }
        if let master { lines.add("master", names.name(master)) }
        lines.add(forwardingState(entry.header(UInt16.self, at: 8)))
        lines.endLine()
    }
    return lines.bytes
}

private func forwardingState(_ state: UInt16) -> String {
    if state & 0x80 != 0 { return "permanent" }
    if state & 0x40 != 0 { return "static" }
    if state & 0x04 != 0 { return "stale" }
    if state & 0x02 != 0 { return "" }
    return "state=" + hexadecimal(state)
}
