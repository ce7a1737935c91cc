import NetTypes
import RuleModel
import SourceText

/// Reads `ip -j addr`, `ip -j link` and `ip -d -j link`.
func readAddressesJSON(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var sawLink = false
    var sawAddressList = false
    var sawV4 = false
    var sawV6 = false
    forEachObject(text, listing, &reading) { object, place, reading in
        guard let name = reading.interned(object["ifname"]) else {
            reading.tell(.warning, "bad-link", "a link without ifname", at: place)
            return
        }
        let position = reading.interfaceIndex(name, at: place)
        reading.readLink(object, position, text, place)
        if object["link_type"] != nil { sawLink = true }
        guard let list = object["addr_info"]?.array else { return }
        sawAddressList = true
        for entry in list {
            // An address whose family was not asked for is written as {}.
            guard let own = entry["local"]?.address else { continue }
            if own.version == .v4 { sawV4 = true } else { sawV6 = true }
            var address = InterfaceAddress(own, prefixLength: UInt8(own.version.addressBits))
            if let length = entry["prefixlen"]?.number8, Int(length) <= own.version.addressBits {
                address.prefixLength = length
            }
            address.peer = entry["address"]?.address
            address.broadcast = entry["broadcast"]?.address
            if let scope = entry["scope"]?.string {
                let bytes = Array(scope.utf8)
                address.scope = routeScope(bytes.span, 0..<bytes.count) ?? .global
            }
            address.isSecondary = entry["secondary"]?.boolean ?? entry["temporary"]?.boolean ?? false
            address.isDeprecated = entry["deprecated"]?.boolean ?? false
            address.isTentative = entry["tentative"]?.boolean ?? entry["dadfailed"]?.boolean ?? false
            reading.addAddress(address, to: position)
        }
    }
    if sawLink { reading.host.knowsInterfaces = true }
    if sawV4 || (sawLink && sawAddressList) { reading.host.knowsAddressesV4 = true }
    if sawV6 || (sawLink && sawAddressList) { reading.host.knowsAddressesV6 = true }
}

extension HostReading {
    fileprivate mutating func readLink(_ object: JSONValue, _ position: Int, _ text: Span<UInt8>, _ place: Place) {
        let name = host.interfaces[position].name
        if let index = object["ifindex"]?.number32 { host.interfaces[position].index = index }
        if let flags = object["flags"], flags.array != nil {
            host.interfaces[position].isUp = flags.lists("UP")
            host.interfaces[position].hasCarrier = !flags.lists("NO-CARRIER")
            host.interfaces[position].isLoopback = flags.lists("LOOPBACK")
            host.interfaces[position].isPointToPoint = flags.lists("POINTOPOINT")
            if flags.lists("LOOPBACK") { host.interfaces[position].kind = .loopback }
        }
        if let other = interned(object["link"]) { host.interfaces[position].link = other }
        if object["linkinfo"]?["info_kind"]?.string == "xfrm" {
            addDecider(.xfrm, text, place.firstLine(text), interface: name, at: place)
        }
        if let mtu = object["mtu"]?.number32 { host.interfaces[position].mtu = mtu }
        if let master = interned(object["master"]) { host.interfaces[position].master = master }
        if let mac = object["address"]?.string {
            let bytes = Array(mac.utf8)
            if let read = MACAddress(bytes.span) { host.interfaces[position].mac = read }
        }
        readGroup(object, position, place)
        let evidence = place.firstLine(text)
        if object["qdisc"]?.string == "clsact" || object["qdisc"]?.string == "ingress" {
            addDecider(.trafficControl, text, evidence, interface: name, at: place)
        }
        if object["xdp"] != nil || object["prog"] != nil {
            addDecider(.xdp, text, evidence, interface: name, at: place)
        }
        if names.text(name) == "kube-ipvs0" { addDecider(.ipvs, text, evidence, interface: name, at: place) }
        let linkType = Array((object["link_type"]?.string ?? "").utf8)
        if object["linkinfo"]?["info_slave_kind"]?.string == "bridge",
            let port = object["linkinfo"]?["info_slave_data"]
        {
            host.interfaces[position].isHairpin = port["hairpin"]?.boolean
            host.interfaces[position].isLearning = port["learning"]?.boolean
            host.interfaces[position].isForwarding = port["state"]?.string.map { $0 == "forwarding" }
            host.interfaces[position].takesUnknown = port["flood"]?.boolean ?? true
            host.interfaces[position].takesMulticast = port["mcast_flood"]?.boolean ?? true
            host.interfaces[position].takesBroadcast = port["bcast_flood"]?.boolean ?? true
            host.interfaces[position].isIsolated = port["isolated"]?.boolean ?? false
            host.interfaces[position].isLocked = port["locked"]?.boolean ?? false
        }
        readKind(object["linkinfo"], position, text, place)
        if host.interfaces[position].kind == .other,
            linkType.span.equals("ipip") || linkType.span.equals("sit") || linkType.span.starts(with: "gre")
        {
            host.interfaces[position].kind = interfaceKind(linkType.span, 0..<linkType.count) ?? .gre
        }
        if host.interfaces[position].kind == .vlan, let lower = interned(object["link"]) {
            var tunnel = host.interfaces[position].tunnel ?? TunnelParameters()
            tunnel.device = lower
            host.interfaces[position].tunnel = tunnel
        }
    }

    private mutating func readGroup(_ object: JSONValue, _ position: Int, _ place: Place) {
        guard let group = object["group"]?.string else { return }
        if group == "default" {
            host.interfaces[position].group = 0
        } else if let number = UInt32(group) {
            host.interfaces[position].group = number
        } else {
            host.interfaces[position].hasUnknownGroup = true
            tell(.note, "group-name", "the number of interface group '\(group)' is not known", at: place)
        }
    }

    private mutating func readKind(_ info: JSONValue?, _ position: Int, _ text: Span<UInt8>, _ place: Place) {
        guard let info, let kindName = info["info_kind"]?.string else { return }
        let bytes = Array(kindName.utf8)
        guard let kind = interfaceKind(bytes.span, 0..<bytes.count) else { return }
        host.interfaces[position].kind = kind
        let data = info["info_data"]
        switch kind {
        case .vrf:
            host.interfaces[position].vrfTable = table(data?["table"], at: place)
            addDecider(
                .vrf, text, place.firstLine(text), interface: host.interfaces[position].name, at: place)
        case .bridge:
            host.interfaces[position].callsIptables = data?["nf_call_iptables"]?.number32 == 1
            host.interfaces[position].callsIp6tables = data?["nf_call_ip6tables"]?.number32 == 1
            host.interfaces[position].filtersVLANs = data?["vlan_filtering"]?.number32 == 1
        case .vxlan, .ipip, .gre, .sit, .geneve, .wireguard, .vlan:
            var tunnel = host.interfaces[position].tunnel ?? TunnelParameters()
            if let data {
                tunnel.identifier = data["id"]?.number32 ?? data["okey"]?.number32 ?? tunnel.identifier
                tunnel.local = data["local"]?.address ?? data["local6"]?.address ?? tunnel.local
                tunnel.remote = data["remote"]?.address ?? data["remote6"]?.address ?? tunnel.remote
                tunnel.remote = data["group"]?.address ?? tunnel.remote
                tunnel.isExternal = data["external"]?.boolean ?? tunnel.isExternal
                tunnel.port = data["port"]?.number16 ?? tunnel.port
                if let word = data["df"]?.string.map({ Array($0.utf8) }) {
                    tunnel.fragmenting = tunnelFragmenting(word.span, 0..<word.count)
                }
                if let device = interned(data["link"]) { tunnel.device = device }
                if let mark = data["fwmark"] {
                    let bytes = Array((mark.string ?? "").utf8)
                    tunnel.mark = mark.number32 ?? number(bytes.span).map { UInt32(truncatingIfNeeded: $0) } ?? 0
                }
            }
            host.interfaces[position].tunnel = tunnel
        default: break
        }
    }
}

extension Place {
    /// At most 120 bytes from here on the same line: enough to show what is meant.
    fileprivate func firstLine(_ text: Span<UInt8>) -> Range<Int> {
        let first = min(Int(start), text.count)
        let last = min(Int(end), text.count, first + 120)
        var stop = first
        while stop < last, text[stop] != UInt8(ascii: "\n") { stop += 1 }
        return first..<stop
    }
}
