import NetTypes
import RuleModel
import SourceText

/// Reads `ip addr`, `ip link` and `ip -d link`, also with `-o`, `-4` or `-6`.
func readAddresses(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var reader = LinkReader()
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        // `ip -o` writes a backslash where a line ends.
        var start = cursor.range.lowerBound
        while start < cursor.range.upperBound {
            let end =
                text.firstIndex(of: UInt8(ascii: "\\"), in: start..<cursor.range.upperBound) ?? cursor.range.upperBound
            words.split(text, start..<end)
            reader.line(text, start..<end, &words, cursor, &reading)
            start = end + 1
        }
    }
    reader.finish(listing, &reading)
}

struct LinkReader {
    private var current: Int?
    private var sawLinkLine = false
    private var sawHeader = false
    private var sawV4 = false
    private var sawV6 = false
    private var sawAddressLine = false
    private var isAfterStatistics = false

    init() {}

    mutating func line(
        _ text: Span<UInt8>, _ range: Range<Int>, _ words: inout Words, _ cursor: LineCursor,
        _ reading: inout HostReading
    ) {
        guard let first = words.peek else { return }
        if isDigit(text[range.lowerBound]) {
            header(text, &words, cursor, &reading)
        } else if isDigit(text[first.lowerBound]) || isAfterStatistics {
            // Numbers below `RX:` and `TX:` of `ip -s`.
            isAfterStatistics = false
        } else {
            detail(text, &words, cursor, &reading)
        }
    }

    /// `2: eth0@if5: <FLAGS> mtu 1500 …`, and of `ip -o addr` the form `2: eth0    inet 10.0.0.1/24 …`.
    mutating func header(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        isAfterStatistics = false
        guard let number = words.next(), text[number.upperBound - 1] == UInt8(ascii: ":"),
            let index = text.decimal32(number.lowerBound..<number.upperBound - 1), var name = words.next()
        else {
            reading.tell(.warning, "bad-link", "this line is not one of `ip link`", at: cursor.place)
            current = nil
            return
        }
        if text[name.upperBound - 1] == UInt8(ascii: ":") { name = name.lowerBound..<name.upperBound - 1 }
        var peer: Range<Int>?
        if let at = text.firstIndex(of: UInt8(ascii: "@"), in: name) {
            peer = at + 1..<name.upperBound
            name = name.lowerBound..<at
        }
        let position = reading.interfaceIndex(reading.name(text, name), at: cursor.place)
        current = position
        reading.host.interfaces[position].index = index
        // The interface that kube-proxy gives the addresses of its virtual services to.
        if text.has(name, "kube-ipvs0") {
            reading.addDecider(
                .ipvs, text, cursor.range, interface: reading.host.interfaces[position].name, at: cursor.place)
        }
        guard let next = words.peek else { return }
        guard text[next.lowerBound] == UInt8(ascii: "<") else {
            detail(text, &words, cursor, &reading)
            return
        }
        sawHeader = true
        _ = words.next()
        readFlags(text, next, position, &reading)
        if let peer, !isNumber(text, peer), !text.has(peer, "NONE") {
            reading.host.interfaces[position].link = reading.name(text, peer)
            // `eth0.10@eth0`: the device below. A veth's peer is told so too, hence only for what is one.
            lower = reading.name(text, peer)
        } else {
            lower = nil
        }
        headerParts(text, &words, cursor, position, &reading)
    }

    /// Whether a device stands behind `@` by its number in another namespace: `if7`, where `ifb0` is a name.
    private func isNumber(_ text: Span<UInt8>, _ peer: Range<Int>) -> Bool {
        text.begins(peer, "if") && text.decimal32(peer.lowerBound + 2..<peer.upperBound) != nil
    }

    /// The device named behind `@` in the header.
    private var lower: Symbol?

    private func readFlags(
        _ text: Span<UInt8>, _ flags: Range<Int>, _ position: Int, _ reading: inout HostReading
    ) {
        var isUp = false
        var hasCarrier = true
        var isLoopback = false
        var isPointToPoint = false
        var isMaster = false
        var isSlave = false
        var hasNoNeighbours = false
        var start = flags.lowerBound + 1
        for index in flags {
            let byte = text[index]
            guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: ">") else { continue }
            let flag = start..<max(start, index)
            if text.has(flag, "UP") { isUp = true }
            if text.has(flag, "NO-CARRIER") { hasCarrier = false }
            if text.has(flag, "LOOPBACK") { isLoopback = true }
            if text.has(flag, "POINTOPOINT") { isPointToPoint = true }
            if text.has(flag, "MASTER") { isMaster = true }
            if text.has(flag, "SLAVE") { isSlave = true }
            if text.has(flag, "NOARP") { hasNoNeighbours = true }
            start = index + 1
        }
        reading.host.interfaces[position].isUp = isUp
        reading.host.interfaces[position].hasCarrier = hasCarrier
        reading.host.interfaces[position].isLoopback = isLoopback
        reading.host.interfaces[position].isPointToPoint = isPointToPoint
        reading.host.interfaces[position].isMaster = isMaster
        reading.host.interfaces[position].isSlave = isSlave
        if isLoopback { reading.host.interfaces[position].kind = .loopback }
        // A bond has neighbours. Source: drivers/net/vrf.c `vrf_setup`, Linux 6.18.
        if isMaster, hasNoNeighbours, reading.host.interfaces[position].kind == .other {
            let name = reading.host.interfaces[position].name
            reading.host.interfaces[position].kind = .vrf
            reading.addDecider(.vrf, text, flags, interface: name, at: reading.host.interfaces[position].place)
        }
    }

    /// `mtu 1500 xdp/id:5 qdisc noqueue master br0 state UP mode DEFAULT group default qlen 1000`.
    private mutating func headerParts(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ position: Int,
        _ reading: inout HostReading
    ) {
        while let key = words.next() {
            if text.begins(key, "xdp") || text.begins(key, "prog/xdp") {
                tellProgram(text, key, position, cursor, &reading)
            } else if text.has(key, "mtu") {
                if let value = words.next(), let mtu = text.decimal32(value) {
                    reading.host.interfaces[position].mtu = mtu
                }
            } else if text.has(key, "master") || text.has(key, "vrf") {
                if let value = words.next() {
                    reading.host.interfaces[position].master = reading.name(text, value)
                }
            } else if text.has(key, "group") {
                if let value = words.next() { readGroup(text, value, position, cursor, &reading) }
            } else if text.has(key, "qdisc") {
                if let value = words.next(), text.has(value, "clsact") || text.has(value, "ingress") {
                    let name = reading.host.interfaces[position].name
                    reading.addDecider(.trafficControl, text, cursor.range, interface: name, at: cursor.place)
                }
            } else if text.has(key, "state") || text.has(key, "mode") || text.has(key, "qlen") {
                _ = words.next()
            }
        }
    }

    private func readGroup(
        _ text: Span<UInt8>, _ value: Range<Int>, _ position: Int, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        if text.has(value, "default") {
            reading.host.interfaces[position].group = 0
        } else if let group = text.decimal32(value) {
            reading.host.interfaces[position].group = group
        } else {
            reading.host.interfaces[position].hasUnknownGroup = true
            reading.tell(
                .note, "group-name", "the number of interface group '\(text.quote(value))' is not known",
                at: cursor.place(value))
        }
    }

    private func tellProgram(
        _ text: Span<UInt8>, _ key: Range<Int>, _ position: Int, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        let interface = reading.host.interfaces[position].name
        reading.addDecider(
            .xdp, text, key.lowerBound..<cursor.range.upperBound, interface: interface, at: cursor.place(key))
    }

    /// An indented line.
    mutating func detail(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        guard let position = current, let key = words.next() else { return }
        if text.begins(key, "link/") {
            sawLinkLine = true
            linkLine(text, key, &words, cursor, position, &reading)
        } else if text.has(key, "inet") || text.has(key, "inet6") {
            sawAddressLine = true
            if text.has(key, "inet") { sawV4 = true } else { sawV6 = true }
            addressLine(text, &words, cursor, position, &reading)
        } else if text.begins(key, "prog/xdp") || text.begins(key, "xdp") {
            tellProgram(text, key, position, cursor, &reading)
        } else if text.begins(key, "RX") || text.begins(key, "TX") {
            isAfterStatistics = true
        } else if text.begins(key, "valid_lft") || text.begins(key, "alias") || text.begins(key, "altname") {
            return
        } else {
            kindLine(text, key, &words, cursor, position, &reading)
        }
    }

    /// `link/ether aa:… brd ff:… link-netns x promiscuity 0 …`, for tunnels `link/ipip 10.0.0.1 peer 10.0.0.2`.
    private mutating func linkLine(
        _ text: Span<UInt8>, _ key: Range<Int>, _ words: inout Words, _ cursor: LineCursor, _ position: Int,
        _ reading: inout HostReading
    ) {
        if let kind = kindOfLink(text, key.lowerBound + 5..<key.upperBound),
            reading.host.interfaces[position].kind == .other
        {
            reading.host.interfaces[position].kind = kind
        }
        if let word = words.peek {
            if let mac = MACAddress(text.extracting(word)) {
                reading.host.interfaces[position].mac = mac
            } else if let local = IPAddress(text, word) {
                var tunnel = reading.host.interfaces[position].tunnel ?? TunnelParameters()
                if !local.isZero { tunnel.local = local }
                if let peer = words[words.index + 1], text.has(peer, "peer") || text.has(peer, "brd"),
                    let word = words[words.index + 2], let remote = IPAddress(text, word), !remote.isZero
                {
                    tunnel.remote = remote
                }
                reading.host.interfaces[position].tunnel = tunnel
            }
        }
    }

    private func kindOfLink(_ text: Span<UInt8>, _ name: Range<Int>) -> InterfaceKind? {
        if text.has(name, "loopback") { return .loopback }
        if text.has(name, "ipip") { return .ipip }
        if text.has(name, "sit") { return .sit }
        if text.begins(name, "gre") { return .gre }
        return nil
    }

    /// The line of `-d` that begins with the device's kind: `vxlan id 4096 local …`.
    private func kindLine(
        _ text: Span<UInt8>, _ key: Range<Int>, _ words: inout Words, _ cursor: LineCursor, _ position: Int,
        _ reading: inout HostReading
    ) {
        if text.has(key, "bridge_slave") {
            while let part = words.next() {
                let keys: [StaticString] = [
                    "state", "hairpin", "learning", "flood", "isolated", "locked", "mcast_flood", "bcast_flood",
                ]
                // `learning` is a port's state too.
                guard keys.contains(where: { text.has(part, $0) }), let value = words.next() else { continue }
                let isOn = text.has(value, "on")
                if text.has(part, "state") {
                    reading.host.interfaces[position].isForwarding = text.has(value, "forwarding")
                }
                if text.has(part, "hairpin") { reading.host.interfaces[position].isHairpin = isOn }
                if text.has(part, "learning") { reading.host.interfaces[position].isLearning = isOn }
                if text.has(part, "flood") { reading.host.interfaces[position].takesUnknown = isOn }
                if text.has(part, "mcast_flood") { reading.host.interfaces[position].takesMulticast = isOn }
                if text.has(part, "bcast_flood") { reading.host.interfaces[position].takesBroadcast = isOn }
                if text.has(part, "isolated") { reading.host.interfaces[position].isIsolated = isOn }
                if text.has(part, "locked") { reading.host.interfaces[position].isLocked = isOn }
            }
            return
        }
        if text.has(key, "xfrm") {
            let name = reading.host.interfaces[position].name
            reading.addDecider(.xfrm, text, cursor.range, interface: name, at: cursor.place)
        }
        guard let kind = interfaceKind(text, key) else { return }
        reading.host.interfaces[position].kind = kind
        let name = reading.host.interfaces[position].name
        switch kind {
        case .vrf:
            while let part = words.next() {
                if text.has(part, "table"), let value = words.next() {
                    let table = reading.tableNumber(text, value, at: cursor.place(value))
                    reading.host.interfaces[position].vrfTable = table
                }
            }
            reading.addDecider(.vrf, text, cursor.range, interface: name, at: cursor.place)
        case .bridge:
            while let part = words.next() {
                guard let value = words.peek else { return }
                let isOn = text.has(value, "1")
                if text.has(part, "nf_call_iptables") { reading.host.interfaces[position].callsIptables = isOn }
                if text.has(part, "nf_call_ip6tables") { reading.host.interfaces[position].callsIp6tables = isOn }
                if text.has(part, "vlan_filtering") { reading.host.interfaces[position].filtersVLANs = isOn }
            }
        case .vxlan, .ipip, .gre, .sit, .geneve, .wireguard, .vlan:
            var tunnel = reading.host.interfaces[position].tunnel ?? TunnelParameters()
            readTunnel(text, &words, &tunnel, &reading)
            if kind == .vlan, let lower { tunnel.device = lower }
            reading.host.interfaces[position].tunnel = tunnel
        default: break
        }
    }

    /// What is known after a whole listing.
    func finish(_ listing: Listing, _ reading: inout HostReading) {
        if sawLinkLine { reading.host.knowsInterfaces = true }
        // With `link/` lines and addresses it was a whole `ip addr`; `-4` and `-6` leave the `link/` lines out.
        if sawV4 || (sawLinkLine && sawAddressLine) { reading.host.knowsAddressesV4 = true }
        if sawV6 || (sawLinkLine && sawAddressLine) { reading.host.knowsAddressesV6 = true }
        if listing.hint.isWholeAddresses {
            reading.host.knowsAddressesV4 = true
            reading.host.knowsAddressesV6 = true
        }
        if !sawHeader, !sawAddressLine {
            reading.tell(.note, "empty-listing", "no interface in this listing", at: listing.excerpt.firstPlace)
        }
    }
}
