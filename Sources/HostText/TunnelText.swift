import NetTypes
import RuleModel
import SourceText

/// Kinds as `ip -d link` and its JSON name them.
func interfaceKind(_ text: Span<UInt8>, _ name: Range<Int>) -> InterfaceKind? {
    let kinds: [(StaticString, InterfaceKind)] = [
        ("bridge", .bridge), ("veth", .veth), ("vxlan", .vxlan), ("ipip", .ipip), ("ip6tnl", .ipip), ("gre", .gre),
        ("gretap", .gre), ("ip6gre", .gre), ("ip6gretap", .gre), ("wireguard", .wireguard), ("vlan", .vlan),
        ("vrf", .vrf), ("tun", .tun), ("dummy", .dummy), ("bond", .bond), ("team", .bond), ("sit", .sit),
        ("geneve", .geneve),
        ("loopback", .loopback),
    ]
    for (word, kind) in kinds where text.has(name, word) { return kind }
    return nil
}

/// `df` of VXLAN and Geneve devices. Source: iproute2's ip/iplink_vxlan.c `vxlan_print_opt`, 6.1.
func tunnelFragmenting(_ text: Span<UInt8>, _ word: Range<Int>) -> TunnelFragmenting {
    if text.has(word, "set") { return .forbidden }
    return text.has(word, "inherit") ? .inherited : .allowed
}

/// `id 4096 local 10.0.0.1 remote 10.0.0.2 dev eth0 dstport 4789 fwmark 0x1 …` of a tunnel or VLAN device.
func readTunnel(
    _ text: Span<UInt8>, _ words: inout Words, _ tunnel: inout TunnelParameters, _ reading: inout HostReading
) {
    while let key = words.next() {
        if text.has(key, "external") { tunnel.isExternal = true }
        guard let value = words.peek else { return }
        if text.has(key, "id") || text.has(key, "vni") || text.has(key, "key") || text.has(key, "okey") {
            if let number = text.number(value) {
                tunnel.identifier = UInt32(truncatingIfNeeded: number)
            } else if let dotted = IPAddress(text, value) {
                // `key 0.0.0.5`.
                tunnel.identifier = dotted.v4Bits
            }
        } else if text.has(key, "local") {
            if let address = IPAddress(text, value) { tunnel.local = address }
        } else if text.has(key, "remote") || text.has(key, "group") {
            if let address = IPAddress(text, value) { tunnel.remote = address }
        } else if text.has(key, "dev") {
            tunnel.device = reading.name(text, value)
        } else if text.has(key, "dstport") {
            if let port = text.decimal16(value) { tunnel.port = port }
        } else if text.has(key, "df") {
            tunnel.fragmenting = tunnelFragmenting(text, value)
        } else if text.has(key, "fwmark") {
            if let mark = text.number(value) { tunnel.mark = UInt32(truncatingIfNeeded: mark) }
        }
    }
}

/// Reads `ip tunnel`: `tun1: ip/ip remote 10.0.0.7 local 10.0.0.1 dev eth0 ttl inherit key 5`.
/// The form follows iproute2's ip/iptunnel.c `print_tunnel`, 6.1.
func readTunnels(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        guard text[first.upperBound - 1] == UInt8(ascii: ":"), let mode = words.next() else {
            // Statistics of `-s`, and `Checksum output packets.`
            continue
        }
        let name = first.lowerBound..<first.upperBound - 1
        let position = reading.interfaceIndex(reading.name(text, name), at: cursor.place)
        if reading.host.interfaces[position].kind == .other {
            if text.begins(mode, "gre") {
                reading.host.interfaces[position].kind = .gre
            } else if text.begins(mode, "ipv6") {
                reading.host.interfaces[position].kind = .sit
            } else {
                reading.host.interfaces[position].kind = .ipip
            }
        }
        var tunnel = reading.host.interfaces[position].tunnel ?? TunnelParameters()
        readTunnel(text, &words, &tunnel, &reading)
        reading.host.interfaces[position].tunnel = tunnel
    }
}
