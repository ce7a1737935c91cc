import NetTypes
import NetlinkBytes
import RuleModel

/// What `ip -d addr` shows of links and addresses, as far as it is read here. A link's address, kind and parameters are
/// written as iproute2 6.1 does.
func writeAddresses(_ dump: HostDump, _ names: LinkNames, _ tables: TableWords) -> [UInt8] {
    var addresses: [UInt32: [MessageParts]] = [:]
    for payload in dump.addresses ?? [] {
        // struct ifaddrmsg
        let message = MessageParts(payload, after: 8)
        addresses[message.header(UInt32.self, at: 4), default: []].append(message)
    }
    var lines = LineWriter()
    for payload in dump.links ?? [] {
        let link = MessageParts(payload, after: 16)
        let index = link.header(UInt32.self, at: 4)
        guard index > 0, let name = link.name(3), !name.isEmpty else { continue }
        lines.addHeader(link, index, name, names)
        lines.addHardware(link)
        lines.addKind(link, names, tables)
        for address in addresses[index] ?? [] { lines.add(address: address, name) }
    }
    return lines.bytes
}

/// Source: IFLA_… of include/uapi/linux/if_link.h, Linux 6.18.
private enum Link {
    static let hardware = 1
    static let broadcast = 2
    static let mtu = 4
    static let link = 5
    static let discipline = 6
    static let master = 10
    static let queueLength = 13
    static let state = 16
    static let information = 18
    static let group = 27
    static let promiscuity = 30
    static let namespace = 37
    static let program = 43
}

/// IFF_…
private enum LinkFlag {
    static let up: UInt32 = 1
    static let pointToPoint: UInt32 = 1 << 4
    static let running: UInt32 = 1 << 6
    /// In the order in which `ip` prints them.
    static let names: [(bit: Int, name: String)] = [
        (3, "LOOPBACK"), (1, "BROADCAST"), (4, "POINTOPOINT"), (12, "MULTICAST"), (7, "NOARP"), (9, "ALLMULTI"),
        (8, "PROMISC"), (10, "MASTER"), (11, "SLAVE"), (2, "DEBUG"), (15, "DYNAMIC"), (14, "AUTOMEDIA"),
        (13, "PORTSEL"), (5, "NOTRAILERS"), (0, "UP"), (16, "LOWER_UP"), (17, "DORMANT"), (18, "ECHO"),
    ]
}

/// ARPHRD_…
private enum LinkType {
    static let tunnel: UInt16 = 768
    static let tunnelV6: UInt16 = 769
    static let sit: UInt16 = 776
    static let gre: UInt16 = 778
    static let greV6: UInt16 = 823

    static func name(_ type: UInt16) -> String {
        switch type {
        case 1: "ether"
        case 32: "infiniband"
        case 512: "ppp"
        case tunnel: "ipip"
        case tunnelV6: "tunnel6"
        case 772: "loopback"
        case sit: "sit"
        case gre: "gre"
        case greV6: "gre6"
        case 824: "netlink"
        case 65534: "none"
        default: "[\(type)]"
        }
    }
}

/// A link's address as its type has it. Source: `ll_addr_n2a` of iproute2's lib/ll_addr.c, 6.1.
func hardwareText(_ bytes: Span<UInt8>, _ range: Range<Int>, type: UInt16) -> String {
    let isTunnel = type == LinkType.tunnel || type == LinkType.sit || type == LinkType.gre
    let isTunnelV6 = type == LinkType.tunnelV6 || type == LinkType.greV6
    if (isTunnel && range.count == 4) || (isTunnelV6 && range.count == 16),
        let address = IPAddress(wire: bytes, range)
    {
        return "\(address)"
    }
    var text = ""
    for index in range.clamped(to: 0..<bytes.count) {
        if !text.isEmpty { text += ":" }
        text += (bytes[index] < 16 ? "0" : "") + String(bytes[index], radix: 16)
    }
    return text
}

extension LineWriter {
    /// `2: eth0@if5: <FLAGS> mtu 1500 qdisc noqueue master br0 state UP group default qlen 1000`
    fileprivate mutating func addHeader(_ link: MessageParts, _ index: UInt32, _ name: [UInt8], _ names: LinkNames) {
        add("\(index): ")
        add(name)
        if let below = link.word(Link.link) {
            add("@")
            if below == 0 {
                add("NONE")
            } else if link.has(Link.namespace) {
                add("if\(below)")
            } else {
                add(names.name(below))
            }
        }
        add(": <" + flagNames(link.header(UInt32.self, at: 8)) + "> ")
        if let mtu = link.word(Link.mtu) { add("mtu", "\(mtu)") }
        if let program = link.nest(Link.program) { addProgram(program) }
        if let discipline = link.name(Link.discipline), !discipline.isEmpty { add("qdisc", discipline) }
        if let master = link.word(Link.master) { add("master", names.name(master)) }
        if let state = link.byte(Link.state) {
            let words = ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"]
            add("state", Int(state) < words.count ? words[Int(state)] : hexadecimal(state))
        }
        if let group = link.word(Link.group) { add("group", group == 0 ? "default" : "\(group)") }
        if let length = link.word(Link.queueLength), length != 0 { add("qlen", "\(length)") }
        endLine()
    }

    private func flagNames(_ flags: UInt32) -> String {
        var words: [String] = []
        // IFF_UP without IFF_RUNNING
        if flags & LinkFlag.up != 0, flags & LinkFlag.running == 0 { words.append("NO-CARRIER") }
        var rest = flags & ~LinkFlag.running
        for (bit, name) in LinkFlag.names where flags >> UInt32(bit) & 1 != 0 {
            words.append(name)
            rest &= ~(1 << UInt32(bit))
        }
        if rest != 0 { words.append(String(rest, radix: 16)) }
        return words.joined(separator: ",")
    }

    /// `xdp/id:5`
    private mutating func addProgram(_ program: MessageParts) {
        // IFLA_XDP_ATTACHED, and XDP_ATTACHED_DRV, …_SKB, …_HW and …_MULTI.
        let modes = ["", "xdp", "xdpgeneric", "xdpoffload", "xdpmulti"]
        guard let attached = program.byte(2), attached > 0, Int(attached) < modes.count else { return }
        // IFLA_XDP_PROG_ID
        add(modes[Int(attached)] + (program.word(4).map { "/id:\($0)" } ?? "") + " ")
    }

    /// `link/ether aa:bb:cc:dd:ee:ff brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 1`
    fileprivate mutating func addHardware(_ link: MessageParts) {
        let type = link.header(UInt16.self, at: 2)
        add("    link/\(LinkType.name(type)) ")
        if let value = link.value(Link.hardware), !value.isEmpty {
            add(hardwareText(link.bytes.span, value, type: type) + " ")
        }
        if let value = link.value(Link.broadcast), !value.isEmpty {
            let isPointToPoint = link.header(UInt32.self, at: 8) & LinkFlag.pointToPoint != 0
            add(isPointToPoint ? "peer" : "brd", hardwareText(link.bytes.span, value, type: type))
        }
        if let namespace = link.word(Link.namespace) {
            add(namespace == .max ? "link-netnsid unknown " : "link-netnsid \(namespace) ")
        }
        if let count = link.word(Link.promiscuity) { add("promiscuity", "\(count)") }
        endLine()
    }

    /// The lines of `-d`, which begin with what the device is, and what it is to the device that it belongs to.
    fileprivate mutating func addKind(_ link: MessageParts, _ names: LinkNames, _ tables: TableWords) {
        guard let information = link.nest(Link.information) else { return }
        // IFLA_INFO_KIND and IFLA_INFO_DATA
        if let kind = information.name(1), !kind.isEmpty {
            add("    ")
            add(kind)
            add(" ")
            let data = information.nest(2) ?? MessageParts([], after: 0)
            addParameters(of: String(decoding: kind, as: UTF8.self), data, link, names, tables)
            endLine()
        }
        // IFLA_INFO_SLAVE_KIND and IFLA_INFO_SLAVE_DATA
        if let kind = information.name(4), !kind.isEmpty {
            add("    ")
            add(kind)
            add("_slave ")
            if kind == Array("bridge".utf8), let data = information.nest(5) { addPort(data) }
            endLine()
        }
    }

    /// What is read of a bridge's port, and its state.
    private mutating func addPort(_ port: MessageParts) {
        let states = ["disabled", "listening", "learning", "forwarding", "blocking"]
        if let state = port.byte(1) { add("state", Int(state) < states.count ? states[Int(state)] : "\(state)") }
        // IFLA_BRPORT_MODE and IFLA_BRPORT_LEARNING
        if let mode = port.byte(4) { add("hairpin", mode == 0 ? "off" : "on") }
        if let learns = port.byte(8) { add("learning", learns == 0 ? "off" : "on") }
        // IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD and IFLA_BRPORT_BCAST_FLOOD
        for (type, word) in [(9, "flood"), (27, "mcast_flood"), (30, "bcast_flood")] where port.byte(type) == 0 {
            add(word, "off")
        }
        // IFLA_BRPORT_ISOLATED and IFLA_BRPORT_LOCKED
        if port.byte(33) == 1 { add("isolated", "on") }
        if port.byte(39) == 1 { add("locked", "on") }
    }

    /// `inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0`
    fileprivate mutating func add(address message: MessageParts, _ name: [UInt8]) {
        let isV6: Bool
        switch message.header(UInt8.self, at: 0) {
        case 2: isV6 = false
        case 10: isV6 = true
        default: return
        }
        // IFA_ADDRESS and IFA_LOCAL: with a peer the first is the peer's.
        guard let own = message.address(2) ?? message.address(1), own.version == (isV6 ? .v6 : .v4) else { return }
        let length = message.header(UInt8.self, at: 1)
        add((isV6 ? "    inet6 " : "    inet ") + "\(own)")
        if let peer = message.address(1), peer != own { add(" peer \(peer)") }
        add("/\(length) ")
        // IFA_RT_PRIORITY and IFA_BROADCAST
        if let metric = message.word(9) { add("metric", "\(metric)") }
        if let broadcast = message.address(4) { add("brd", "\(broadcast)") }
        add("scope", scopeName(message.header(UInt8.self, at: 3)))
        // IFA_FLAGS; before Linux 3.14 the header's eight bits.
        var flags = message.word(8) ?? UInt32(message.header(UInt8.self, at: 2))
        let words: [(UInt32, String)] = [
            (0x01, isV6 ? "temporary" : "secondary"), (0x40, "tentative"), (0x20, "deprecated"), (0x10, "home"),
            (0x02, "nodad"), (0x100, "mngtmpaddr"), (0x200, "noprefixroute"), (0x400, "autojoin"),
        ]
        for (bit, word) in words where flags & bit != 0 {
            add(word + " ")
            flags &= ~bit
        }
        // IFA_F_PERMANENT and IFA_F_DADFAILED
        if flags & 0x80 == 0 { add("dynamic ") }
        if flags & 0x08 != 0 { add("dadfailed ") }
        // IFA_LABEL
        if let label = message.name(3) { add(label) }
        endLine()
        addLifetimes(message)
    }

    private mutating func addLifetimes(_ message: MessageParts) {
        // IFA_CACHEINFO: preferred, then valid.
        guard let times = message.value(6), times.count >= 8 else { return }
        func text(_ offset: Int) -> String {
            let seconds = message.bytes.span.native(UInt32.self, at: times.lowerBound + offset)
            return seconds == .max ? "forever" : "\(seconds)sec"
        }
        add("       valid_lft \(text(4)) preferred_lft \(text(0))")
        endLine()
    }
}

/// RT_SCOPE_…
func scopeName(_ scope: UInt8) -> String {
    switch scope {
    case 0: "global"
    case 200: "site"
    case 253: "link"
    case 254: "host"
    case 255: "nowhere"
    default: "\(scope)"
    }
}
