import NetTypes
import NetlinkBytes
import RuleModel

/// What `ip addrlabel` shows. Source: iproute2's ip/ipaddrlabel.c `print_addrlabel`, 6.1.
func writeAddressLabels(_ payloads: [[UInt8]], _ names: LinkNames) -> [UInt8] {
    var lines = LineWriter()
    for payload in payloads {
        // struct ifaddrlblmsg; IFAL_ADDRESS and IFAL_LABEL.
        let entry = MessageParts(payload, after: 12)
        guard let address = entry.address(1), let label = entry.word(2) else { continue }
        lines.add("prefix", "\(address)/\(entry.header(UInt8.self, at: 2))")
        let index = entry.header(UInt32.self, at: 4)
        if index != 0 { lines.add("dev", names.name(index)) }
        lines.add("label", "\(label)")
        lines.endLine()
    }
    return lines.bytes
}
