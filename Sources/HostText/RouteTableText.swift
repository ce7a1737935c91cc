import NetTypes
import RuleModel
import SourceText

/// Reads `route -n`, `netstat -rn`, and with `isV6` `route -n -A inet6`.
func readRouteTable(_ text: Span<UInt8>, _ listing: Listing, isV6: Bool, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    var metricColumn: Int? = 4
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.peek else { continue }
        if text.has(first, "Kernel") { continue }
        if text.has(first, "Destination") {
            // netstat -rn has `MSS Window irtt` where route -n has `Metric Ref Use`.
            metricColumn = nil
            for position in 0..<words.count {
                if let word = words[position], text.has(word, "Metric") { metricColumn = position }
            }
            continue
        }
        let route = isV6 ? rowV6(text, words, cursor, &reading) : rowV4(text, words, cursor, metricColumn, &reading)
        if let route {
            reading.addRoute(route)
        } else {
            reading.tell(.warning, "bad-route", "this line is not one of `route -n`", at: cursor.place)
        }
    }
    if isV6 {
        if reading.host.routesKnownV6 == .none { reading.host.routesKnownV6 = .mainTable }
    } else if reading.host.routesKnownV4 == .none {
        reading.host.routesKnownV4 = .mainTable
    }
}

/// `10.0.0.0 0.0.0.0 255.255.255.0 U 0 0 0 eth0`
private func rowV4(
    _ text: Span<UInt8>, _ words: Words, _ cursor: LineCursor, _ metricColumn: Int?, _ reading: inout HostReading
) -> Route? {
    guard words.count >= 8, let destination = words[0], let gateway = words[1], let mask = words[2],
        let flags = words[3], let interface = words[7], let maskBits = IPAddress(text, mask),
        let length = AddressMask(maskBits, mask: maskBits).prefixLength
    else { return nil }
    let isDefault = text.has(destination, "default")
    guard let address = isDefault ? IPAddress(v4: 0) : IPAddress(text, destination) else { return nil }
    var route = Route(destination: IPPrefix(address, length: length), place: cursor.place)
    if let column = metricColumn, let word = words[column], let metric = text.decimal32(word) { route.metric = metric }
    if text.firstIndex(of: UInt8(ascii: "!"), in: flags) != nil {
        route.type = .unreachable
        return route
    }
    // `*` for an interface: a blackhole. Observed with net-tools 2.10 on Linux 6.18.
    if text.has(interface, "*") || text.has(interface, "-") {
        route.type = .blackhole
        return route
    }
    var hop = NextHop(interface: reading.name(text, interface))
    if text.firstIndex(of: UInt8(ascii: "G"), in: flags) != nil, let via = IPAddress(text, gateway), !via.isZero {
        hop.gateway = via
    }
    if hop.gateway == nil { route.scope = .link }
    route.nextHops = [hop]
    return route
}

/// `2001:db8::/64 :: U 256 1 0 eth0`
private func rowV6(
    _ text: Span<UInt8>, _ words: Words, _ cursor: LineCursor, _ reading: inout HostReading
) -> Route? {
    guard words.count >= 7, let destination = words[0], let gateway = words[1], let flags = words[2],
        let metric = words[3], let interface = words[6]
    else { return nil }
    let isDefault = text.has(destination, "[::]/0") || text.has(destination, "default")
    guard let prefix = isDefault ? .everything(.v6) : IPPrefix(text, destination), prefix.address.version == .v6 else {
        return nil
    }
    var route = Route(destination: prefix, place: cursor.place)
    route.metric = text.decimal32(metric) ?? .max
    if text.firstIndex(of: UInt8(ascii: "!"), in: flags) != nil {
        route.type = .unreachable
        return route
    }
    // `Un`: an address of this host, in the table `local`.
    if text.begins(flags, "Un") {
        route.type = .local
        route.table = RoutingRule.localTable
    }
    if prefix.address.isMulticast { route.table = RoutingRule.localTable }
    var hop = NextHop(interface: reading.name(text, interface))
    if let via = IPAddress(text, gateway), !via.isZero { hop.gateway = via }
    route.nextHops = [hop]
    return route
}

/// Reads `ip nexthop`: what routes with `nhid` alone mean.
func readNextHops(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    // A group may stand before its members.
    var groups: [(id: UInt32, members: Range<Int>)] = []
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        guard text.has(first, "id"), let word = words.next(), let id = text.decimal32(word) else {
            reading.tell(.warning, "bad-next-hop", "this line is not one of `ip nexthop`", at: cursor.place)
            continue
        }
        var hop = NextHop()
        while let key = words.next() {
            if text.has(key, "via"), let value = words.next() {
                hop.gateway = IPAddress(text, value)
            } else if text.has(key, "dev"), let value = words.next() {
                hop.interface = reading.name(text, value)
            } else if text.has(key, "onlink") {
                hop.isOnLink = true
            } else if text.has(key, "dead") {
                hop.isDead = true
            } else if text.has(key, "linkdown") {
                hop.isLinkDown = true
            } else if text.has(key, "group"), let value = words.next() {
                groups.append((id, value))
            }
        }
        reading.nextHopObjects[id] = hop.gateway != nil || hop.interface != nil ? [hop] : []
    }
    for (id, members) in groups { reading.nextHopObjects[id] = group(text, members, reading) }
}

/// `1,40/1,2`: ids, and a weight behind a comma where it is not 1.
private func group(_ text: Span<UInt8>, _ value: Range<Int>, _ reading: HostReading) -> [NextHop] {
    var hops: [NextHop] = []
    var start = value.lowerBound
    for index in value.lowerBound...value.upperBound
    where index == value.upperBound || text[index] == UInt8(ascii: "/") {
        let entry = start..<index
        start = index + 1
        let comma = text.firstIndex(of: UInt8(ascii: ","), in: entry) ?? entry.upperBound
        guard let id = text.decimal32(entry.lowerBound..<comma) else { continue }
        let weight = comma < entry.upperBound ? text.decimal32(comma + 1..<entry.upperBound) ?? 1 : 1
        for var hop in reading.nextHopObjects[id] ?? [] {
            hop.weight = weight
            hops.append(hop)
        }
    }
    return hops
}

/// Reads /etc/iproute2/rt_tables: `254 main`.
func readTableNames(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let number = words.next(), text[number.lowerBound] != UInt8(ascii: "#") else { continue }
        guard let value = text.number(number), let word = words.next() else {
            reading.tell(.warning, "bad-table-name", "this line is not one of rt_tables", at: cursor.place)
            continue
        }
        let name = reading.name(text, word)
        reading.tableNumbers[name] = UInt32(truncatingIfNeeded: value)
        reading.host.routingTableNames[UInt32(truncatingIfNeeded: value)] = name
    }
}
