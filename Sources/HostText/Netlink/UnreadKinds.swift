public import RuleModel

/// What this program never reads, where the host has devices of which it would be wanted.
public func unreadKinds(_ dump: HostDump) -> [HostDump.Unread] {
    var unread: [HostDump.Unread] = []
    for payload in dump.links ?? [] {
        // IFLA_LINKINFO with IFLA_INFO_KIND
        let link = MessageParts(payload, after: 16)
        guard let name = link.name(3), let kind = link.nest(18)?.name(1) else { continue }
        let device = String(decoding: name, as: UTF8.self)
        switch String(decoding: kind, as: UTF8.self) {
        case "wireguard":
            unread.append(
                HostDump.Unread(
                    what: "the peers of \(device)", why: "WireGuard tells its keys with them, and no key is taken"))
        case "openvswitch":
            unread.append(
                HostDump.Unread(what: "the flows of \(device)", why: "Open vSwitch's rules are not read here"))
        default: continue
        }
    }
    return unread
}
