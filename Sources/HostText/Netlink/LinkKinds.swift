import NetTypes
import NetlinkBytes
import RuleModel

/// What stands behind a device's kind in `ip -d link`. Source: iproute2's ip/iplink_vxlan.c, link_iptnl.c, link_gre.c, …,
/// 6.1.
extension LineWriter {
    mutating func addParameters(
        of kind: String, _ data: MessageParts, _ link: MessageParts, _ names: LinkNames, _ tables: TableWords
    ) {
        switch kind {
        // IFLA_BR_VLAN_FILTERING, IFLA_BR_NF_CALL_IPTABLES and IFLA_BR_NF_CALL_IP6TABLES, where they are on
        case "bridge":
            if data.byte(7) == 1 { add("vlan_filtering", "1") }
            if data.byte(36) == 1 { add("nf_call_iptables", "1") }
            if data.byte(37) == 1 { add("nf_call_ip6tables", "1") }
        case "vxlan": addVXLAN(data, names)
        case "geneve": addGeneve(data)
        case "vlan": addVLAN(data)
        // IFLA_VRF_TABLE
        case "vrf": if let table = data.word(1) { add("table", tables.word(table)) }
        case "ipip", "sit", "ip6tnl", "vti", "vti6": addTunnel(kind, data, names)
        case "gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan": addGRE(data, names)
        case "tun": addTun(data)
        default: break
        }
    }

    /// IFLA_VXLAN_…
    private mutating func addVXLAN(_ data: MessageParts, _ names: LinkNames) {
        if (data.byte(25) ?? 0) != 0 { add("external ") }
        if let id = data.word(1) { add("id", "\(id)") }
        if let remote = data.address(2) ?? data.address(16), !remote.isZero {
            add(remote.isMulticast ? "group" : "remote", "\(remote)")
        }
        if let local = data.address(4) ?? data.address(17), !local.isZero { add("local", "\(local)") }
        addDevice(data.word(3), names)
        if let range = data.value(10), range.count >= 4 {
            let middle = range.lowerBound + 2
            let first = data.bytes.span.bigEndian(range.lowerBound..<middle)
            add("srcport \(first) \(data.bytes.span.bigEndian(middle..<middle + 2)) ")
        }
        if let port = data.network(15) { add("dstport", "\(port)") }
        // IFLA_VXLAN_DF
        addFragmenting(data.byte(29))
        if let learns = data.byte(7), learns == 0 { add("nolearning ") }
        if let seconds = data.word(8) { add("ageing", "\(seconds)") }
    }

    /// IFLA_GENEVE_…
    private mutating func addGeneve(_ data: MessageParts) {
        if let id = data.word(1) { add("id", "\(id)") }
        if let remote = data.address(2) ?? data.address(7) { add("remote", "\(remote)") }
        if let port = data.network(5) { add("dstport", "\(port)") }
        // IFLA_GENEVE_DF
        addFragmenting(data.byte(13))
        if data.has(6) { add("external ") }
    }

    private mutating func addFragmenting(_ value: UInt8?) {
        switch value {
        case 1?: add("df", "set")
        case 2?: add("df", "inherit")
        case _?, nil: break
        }
    }

    /// IFLA_VLAN_…
    private mutating func addVLAN(_ data: MessageParts) {
        if let number = data.network(5) {
            let words: [UInt64: String] = [0x8100: "802.1Q", 0x88a8: "802.1ad"]
            add("protocol", words[number] ?? hexadecimal(number))
        }
        if let id = data.half(1) { add("id", "\(id)") }
        let flags: [(UInt32, String)] = [
            (1, "REORDER_HDR"), (2, "GVRP"), (4, "LOOSE_BINDING"), (8, "MVRP"), (16, "BRIDGE_BINDING"),
        ]
        if let set = data.word(2), set != 0 {
            var text = ""
            for (bit, name) in flags where set & bit != 0 { text += (text.isEmpty ? "" : ",") + name }
            add("<" + text + "> ")
        }
    }

    /// IFLA_IPTUN_…, and for vti IFLA_VTI_…, which has other numbers.
    private mutating func addTunnel(_ kind: String, _ data: MessageParts, _ names: LinkNames) {
        if kind.hasPrefix("vti") {
            addEnds(data.address(5), data.address(4), data.word(1), names)
            addKeys(data.network(2), data.network(3))
            if let mark = data.word(6), mark != 0 { add("fwmark", hexadecimal(mark)) }
            return
        }
        // IFLA_IPTUN_COLLECT_METADATA and IFLA_IPTUN_PROTO
        if data.has(19) { add("external ") }
        let isSix = kind == "ip6tnl"
        switch data.byte(9) {
        case 0?: add("any ")
        case 4?: add(isSix ? "ipip6 " : "ipip ")
        case 41?: add(isSix ? "ip6ip6 " : "ip6ip ")
        case 137?: add("mplsip ")
        case nil: break
        case let number?: add("\(number) ")
        }
        addEnds(data.address(3), data.address(2), data.word(1), names)
        // IFLA_IPTUN_TTL
        if let ttl = data.byte(4) { add(isSix ? "hoplimit" : "ttl", ttl == 0 && !isSix ? "inherit" : "\(ttl)") }
        if let mark = data.word(20), mark != 0 { add("fwmark", hexadecimal(mark)) }
    }

    /// IFLA_GRE_…
    private mutating func addGRE(_ data: MessageParts, _ names: LinkNames) {
        if data.has(18) { add("external ") }
        addEnds(data.address(7), data.address(6), data.word(1), names)
        if let ttl = data.byte(8) { add("ttl", ttl == 0 ? "inherit" : "\(ttl)") }
        // GRE_KEY in the flags of each direction: without it the key is not used.
        let hasKey = { (flags: UInt64?) in (flags ?? 0) & 0x2000 != 0 }
        addKeys(hasKey(data.network(2)) ? data.network(4) : nil, hasKey(data.network(3)) ? data.network(5) : nil)
        if let mark = data.word(20), mark != 0 { add("fwmark", hexadecimal(mark)) }
    }

    private mutating func addEnds(_ remote: IPAddress?, _ local: IPAddress?, _ device: UInt32?, _ names: LinkNames) {
        func text(_ address: IPAddress?) -> String {
            guard let address, !address.isZero else { return "any" }
            return "\(address)"
        }
        add("remote", text(remote))
        add("local", text(local))
        addDevice(device, names)
    }

    private mutating func addDevice(_ index: UInt32?, _ names: LinkNames) {
        if let index, index != 0 { add("dev", names.name(index)) }
    }

    private mutating func addKeys(_ incoming: UInt64?, _ outgoing: UInt64?) {
        func text(_ key: UInt64) -> String { "\(IPAddress(v4: UInt32(truncatingIfNeeded: key)))" }
        if let incoming { add("ikey", text(incoming)) }
        if let outgoing { add("okey", text(outgoing)) }
    }

    /// IFLA_TUN_…
    private mutating func addTun(_ data: MessageParts) {
        if let type = data.byte(3) { add("type", type == 1 ? "tun" : type == 2 ? "tap" : "UNKNOWN:\(type)") }
        func word(_ type: Int) -> String? { data.byte(type).map { $0 == 0 ? "off" : "on" } }
        if let text = word(4) { add("pi", text) }
        if let text = word(5) { add("vnet_hdr", text) }
        if (data.byte(7) ?? 0) != 0 { add("multi_queue ") }
        if let text = word(6) { add("persist", text) }
    }
}
