import NetTypes
import NetlinkBytes
import RuleModel

/// What `ip route show table all` shows of one version's routes. Source: iproute2's ip/iproute.c `print_route`, 6.1.
func writeRoutes(_ payloads: [[UInt8]], _ version: IPVersion, _ names: LinkNames, _ tables: TableWords) -> [UInt8] {
    var lines = LineWriter()
    for payload in payloads {
        // struct rtmsg
        let route = MessageParts(payload, after: 12)
        guard payload.count >= 12, payload[0] == family(version) else { continue }
        // RTM_F_CLONED: what was learned of a path, which is no route of a table.
        if route.header(UInt32.self, at: 8) & 0x200 != 0 { continue }
        lines.add(route: route, version, names, tables)
    }
    return lines.bytes
}

/// AF_INET and AF_INET6
func family(_ version: IPVersion) -> UInt8 { version == .v4 ? 2 : 10 }

/// Source: RTA_… of include/uapi/linux/rtnetlink.h, Linux 6.18.
private enum Attribute {
    static let destination = 1
    static let source = 2
    static let out = 4
    static let gateway = 5
    static let priority = 6
    static let preferredSource = 7
    static let metrics = 8
    static let multipath = 9
    static let flow = 11
    static let cache = 12
    static let table = 15
    static let via = 18
    static let preference = 20
    static let encapsulationType = 21
    static let encapsulation = 22
    static let nextHop = 30
}

/// `10.0.0.0/8`, or an address alone.
func prefixText(_ address: IPAddress, _ length: UInt8) -> String {
    Int(length) >= address.version.addressBits ? "\(address)" : "\(address)/\(length)"
}

extension LineWriter {
    fileprivate mutating func add(
        route: MessageParts, _ version: IPVersion, _ names: LinkNames, _ tables: TableWords
    ) {
        let type = route.header(UInt8.self, at: 7)
        let words = [
            "unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
            "throw", "nat",
        ]
        if type != 1 { add((Int(type) < words.count ? words[Int(type)] : "\(type)") + " ") }
        let length = route.header(UInt8.self, at: 1)
        if length > 0 {
            add(prefixText(route.address(Attribute.destination) ?? .zero(version), length) + " ")
        } else {
            add("default ")
        }
        let sourceLength = route.header(UInt8.self, at: 2)
        if sourceLength > 0 { add("from", prefixText(route.address(Attribute.source) ?? .zero(version), sourceLength)) }
        if let id = route.word(Attribute.nextHop) { add("nhid", "\(id)") }
        addEncapsulation(route)
        let tos = route.header(UInt8.self, at: 3)
        if tos != 0 { add("tos", hexadecimal(tos)) }
        addGateway(route)
        if let out = route.word(Attribute.out) { add("dev", names.name(out)) }
        let table = route.word(Attribute.table) ?? UInt32(route.header(UInt8.self, at: 4))
        if table != RoutingRule.mainTable { add("table", tables.word(table)) }
        // RTPROT_BOOT is what `ip route add` writes.
        let maker = route.header(UInt8.self, at: 5)
        if maker != 3 { add("proto", makerName(maker)) }
        let scope = route.header(UInt8.self, at: 6)
        if scope != 0 { add("scope", scopeName(scope)) }
        if let source = route.address(Attribute.preferredSource) { add("src", "\(source)") }
        if let metric = route.word(Attribute.priority) { add("metric", "\(metric)") }
        addFlags(route.header(UInt32.self, at: 8))
        addRealms(route.word(Attribute.flow))
        if version == .v6 { addCache(route) }
        if let metrics = route.nest(Attribute.metrics) { addMetrics(metrics) }
        if let preference = route.byte(Attribute.preference) {
            // ICMPV6_ROUTER_PREF_…
            let words: [UInt8: String] = [0: "medium", 1: "high", 3: "low"]
            add("pref", words[preference] ?? "\(preference)")
        }
        addHops(route, names)
        endLine()
    }

    /// `via 10.0.0.2`
    private mutating func addGateway(_ hop: MessageParts) {
        if let gateway = hop.address(Attribute.gateway) { add("via", "\(gateway)") }
        // struct rtvia: a family and an address
        if let via = hop.value(Attribute.via), via.count > 2,
            let gateway = IPAddress(wire: hop.bytes.span, via.lowerBound + 2..<via.upperBound)
        {
            add(gateway.version == .v6 ? "via inet6" : "via inet", "\(gateway)")
        }
    }

    /// The next hops of a route with several: `struct rtnexthop` with attributes of their own, one after another.
    private mutating func addHops(_ route: MessageParts, _ names: LinkNames) {
        guard let value = route.value(Attribute.multipath) else { return }
        var start = value.lowerBound
        while start + 8 <= value.upperBound {
            let length = Int(route.bytes.span.native(UInt16.self, at: start))
            guard length >= 8, start + length <= value.upperBound else { return }
            let hop = MessageParts(route.bytes, in: start + 8..<start + length)
            endLine()
            add("\tnexthop ")
            addEncapsulation(hop)
            addGateway(hop)
            addRealms(hop.word(Attribute.flow))
            let index = route.bytes.span.native(UInt32.self, at: start + 4)
            if index != 0 { add("dev", names.name(index)) }
            // rtnh_hops is one less than the weight.
            add("weight", "\(Int(route.bytes.span.native(UInt8.self, at: start + 3)) + 1)")
            addFlags(UInt32(route.bytes.span.native(UInt8.self, at: start + 2)))
            start += (length + 3) & ~3
        }
    }

    /// RTNH_F_… and RTM_F_…
    mutating func addFlags(_ flags: UInt32) {
        let words: [(UInt32, String)] = [
            (1, "dead"), (4, "onlink"), (2, "pervasive"), (8, "offload"), (64, "trap"), (0x100, "notify"),
            (16, "linkdown"), (32, "unresolved"), (0x4000, "rt_offload"), (0x8000, "rt_trap"),
            (0x2000_0000, "rt_offload_failed"),
        ]
        for (bit, word) in words where flags & bit != 0 { add(word + " ") }
    }

    /// `realm 5`, `realms 3/5`: the upper half is where packets come from. Always as numbers: names differ among hosts.
    mutating func addRealms(_ flow: UInt32?) {
        guard let flow, flow != 0 else { return }
        add(flow >> 16 == 0 ? "realm" : "realms", realmText(flow))
    }

    private mutating func addMetrics(_ metrics: MessageParts) {
        // RTAX_LOCK and the metrics behind it, by their numbers.
        let words = [
            "", "", "mtu", "window", "rtt", "rttvar", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit",
            "initcwnd", "features", "rto_min", "initrwnd", "quickack", "congctl", "fastopen_no_cookie",
        ]
        let locked = metrics.word(1) ?? 0
        for part in metrics.parts where part.type > 1 && part.type < words.count {
            let lock = locked >> UInt32(part.type) & 1 != 0 ? "lock " : ""
            let number = metrics.bytes.span.native(UInt32.self, at: part.value.lowerBound)
            switch words[part.type] {
            case "congctl": add(words[part.type], nameWord(metrics.bytes.span, part.value))
            // RTAX_FEATURE_ECN
            case "features": add("features", lock + (number == 1 ? "ecn" : hexadecimal(number)))
            // Kept as eighths and quarters.
            case "rtt": add("rtt", lock + "\(number / 8)ms")
            case "rttvar": add("rttvar", lock + "\(number / 4)ms")
            case "rto_min": add("rto_min", lock + "\(number)ms")
            default: add(words[part.type], lock + "\(number)")
            }
        }
    }

    /// `expires 86sec`, `error -101`: `struct rta_cacheinfo`, in hundredths of a second.
    private mutating func addCache(_ route: MessageParts) {
        guard let cache = route.value(Attribute.cache), cache.count >= 16 else { return }
        let expires = Int32(bitPattern: route.bytes.span.native(UInt32.self, at: cache.lowerBound + 8))
        if expires != 0 { add("expires", "\(expires / 100)sec") }
        let code = Int32(bitPattern: route.bytes.span.native(UInt32.self, at: cache.lowerBound + 12))
        if code != 0 { add("error", "\(code)") }
    }

    /// `encap ip id 5 src 0.0.0.0 dst 10.0.0.8 ttl 0 tos 0`; of other kinds than IP and MPLS the kind alone.
    private mutating func addEncapsulation(_ hop: MessageParts) {
        guard let type = hop.half(Attribute.encapsulationType), type != 0 else { return }
        // LWTUNNEL_ENCAP_…
        let kinds = ["", "mpls", "ip", "ila", "ip6", "seg6", "bpf", "seg6local", "rpl", "ioam6", "xfrm"]
        let kind = Int(type) < kinds.count ? kinds[Int(type)] : "\(type)"
        add("encap", kind)
        guard let data = hop.nest(Attribute.encapsulation) else { return }
        switch kind {
        case "ip", "ip6":
            // LWTUNNEL_IP_ID, …_SRC, …_DST, …_TTL or …_HOPLIMIT, and …_TOS or …_TC
            if let id = data.network(1) { add("id", "\(id)") }
            if let source = data.address(3) { add("src", "\(source)") }
            if let destination = data.address(2) { add("dst", "\(destination)") }
            if let limit = data.byte(4) { add(kind == "ip" ? "ttl" : "hoplimit", "\(limit)") }
            if let tos = data.byte(5) { add(kind == "ip" ? "tos" : "tc", "\(tos)") }
        case "mpls":
            // MPLS_IPTUNNEL_DST: entries of 20 bits of label and twelve others.
            guard let value = data.value(1) else { return }
            var labels: [String] = []
            for start in stride(from: value.lowerBound, to: value.upperBound - 3, by: 4) {
                labels.append("\(data.bytes.span.bigEndian(start..<start + 4) >> 12)")
            }
            add(" " + labels.joined(separator: "/") + " ")
        default: break
        }
    }
}

/// `5`, or `3/5`.
func realmText(_ flow: UInt32) -> String {
    (flow >> 16 == 0 ? "" : "\(flow >> 16)/") + "\(flow & 0xffff)"
}

/// RTPROT_…, as /etc/iproute2/rt_protos has them.
func makerName(_ number: UInt8) -> String {
    let names: [UInt8: String] = [
        0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 10: "mrt", 11: "zebra",
        12: "bird", 13: "dnrouted", 14: "xorp", 15: "ntk", 16: "dhcp", 18: "keepalived", 42: "babel", 99: "openr",
        186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp",
    ]
    return names[number] ?? "\(number)"
}

/// What `ip nexthop` shows. Source: iproute2's ip/ipnexthop.c, 6.1, and NHA_… of include/uapi/linux/nexthop.h.
func writeNextHops(_ payloads: [[UInt8]], _ names: LinkNames) -> [UInt8] {
    var lines = LineWriter()
    for payload in payloads {
        // struct nhmsg
        let object = MessageParts(payload, after: 8)
        guard let id = object.word(1) else { continue }
        lines.add("id", "\(id)")
        if let group = object.value(2) {
            var words: [String] = []
            // struct nexthop_grp: an id, and one less than the weight.
            for start in stride(from: group.lowerBound, to: group.upperBound - 7, by: 8) {
                let member = object.bytes.span.native(UInt32.self, at: start)
                let weight = Int(object.bytes.span.native(UInt8.self, at: start + 4)) + 1
                words.append(weight == 1 ? "\(member)" : "\(member),\(weight)")
            }
            if !words.isEmpty { lines.add("group", words.joined(separator: "/")) }
        }
        if object.has(4) { lines.add("blackhole ") }
        if let gateway = object.address(6) { lines.add("via", "\(gateway)") }
        if let out = object.word(5) { lines.add("dev", names.name(out)) }
        let scope = object.header(UInt8.self, at: 1)
        if scope != 0 { lines.add("scope", scopeName(scope)) }
        let maker = object.header(UInt8.self, at: 2)
        if maker != 0 { lines.add("proto", makerName(maker)) }
        lines.addFlags(object.header(UInt32.self, at: 4))
        if object.has(11) { lines.add("fdb ") }
        lines.endLine()
    }
    return lines.bytes
}
