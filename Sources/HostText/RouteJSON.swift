import NetTypes
import RuleModel
import SourceText

/// Reads `ip -j route`.
func readRoutesJSON(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    let hint = listing.hint
    var version: IPVersion? = hint.isV6.map { $0 ? .v6 : .v4 }
    var sawV4 = false
    var sawV6 = false
    var sawLocal = false
    forEachObject(text, listing, &reading) { object, place, reading in
        guard let destination = object.first("dst")?.string else {
            reading.tell(.warning, "bad-route", "a route without dst", at: place)
            return
        }
        let hops = nextHops(object, &reading)
        let told = toldVersion(object, destination, hops)
        if told == nil, version == nil {
            reading.tell(
                .note, "assumed-version", "nothing tells whether this route is of IPv4 or IPv6; IPv4 is assumed",
                at: place)
        }
        let own = told ?? version ?? .v4
        version = own
        guard let prefix = destination == "default" ? .everything(own) : IPPrefix(destination) else {
            reading.tell(.warning, "bad-route", "'\(destination)' is not a destination of a route", at: place)
            return
        }
        var route = Route(destination: prefix, place: place)
        let type = Array((object["type"]?.string ?? "unicast").utf8)
        if let known = routeType(type.span, 0..<type.count) {
            route.type = known
        } else {
            reading.tell(.warning, "unknown-route-part", "the type of this route is not known", at: place)
        }
        if let table = reading.table(object["table"], at: place) {
            route.table = table
        } else if let table = hint.table {
            let bytes = Array(table.utf8)
            route.table = reading.tableNumber(bytes.span, 0..<bytes.count, at: place)
        }
        if route.table == RoutingRule.localTable { sawLocal = true }
        route.source = object["prefsrc"]?.address
        route.metric = object["metric"]?.number32 ?? 0
        let preference = Array((object["pref"]?.string ?? "").utf8)
        route.preference = routePreference(preference.span, 0..<preference.count)
        let origin = Array((object["protocol"]?.string ?? "").utf8)
        route.isAnnounced = isRouterAnnouncement(origin.span, 0..<origin.count)
        route.isByNextHopObject = object["nhid"] != nil
        if let scope = object["scope"]?.string {
            let bytes = Array(scope.utf8)
            route.scope = routeScope(bytes.span, 0..<bytes.count) ?? .global
        }
        if let tos = object["tos"] ?? object["dsfield"] {
            let bytes = Array((tos.string ?? "").utf8)
            // Inside an encapsulation `tos` is a number.
            if let value = tosByte(bytes.span, 0..<bytes.count) { route.tos = value }
        }
        route.mtu = object["metrics"]?.array?.first?["mtu"]?.number32
        route.from = object["from"]?.string.flatMap { IPPrefix($0) }
        route.nextHops = hops
        if hops.isEmpty, let id = object["nhid"]?.number32 { route.nextHops = reading.nextHopObjects[id] ?? [] }
        if own == .v4 { sawV4 = true } else { sawV6 = true }
        reading.addRoute(route)
    }
    if hint.table != nil { return }
    let level: RouteKnowledge = sawLocal || hint.isAllTables ? .allTables : .mainTable
    let isEmpty = !sawV4 && !sawV6
    if sawV4 || (isEmpty && hint.isV6 != true) {
        if level.rawValue > reading.host.routesKnownV4.rawValue { reading.host.routesKnownV4 = level }
    }
    if sawV6 || (isEmpty && hint.isV6 == true) {
        if level.rawValue > reading.host.routesKnownV6.rawValue { reading.host.routesKnownV6 = level }
    }
}

private func toldVersion(_ object: JSONValue, _ destination: String, _ hops: [NextHop]) -> IPVersion? {
    if let prefix = IPPrefix(destination) { return prefix.address.version }
    if object["pref"] != nil { return .v6 }
    // `via` stands where the gateway's version is not the route's.
    if let via = object["via"]?["host"]?.address { return via.version == .v6 ? .v4 : .v6 }
    if let gateway = object["gateway"]?.address { return gateway.version }
    if let source = object["prefsrc"]?.address { return source.version }
    for hop in hops {
        if let gateway = hop.gateway { return gateway.version }
    }
    return nil
}

private func nextHops(_ object: JSONValue, _ reading: inout HostReading) -> [NextHop] {
    if let list = object["nexthops"]?.array {
        var hops: [NextHop] = []
        for entry in list { hops.append(nextHop(entry, &reading)) }
        return hops
    }
    let hop = nextHop(object, &reading)
    return hop.gateway == nil && hop.interface == nil ? [] : [hop]
}

private func nextHop(_ object: JSONValue, _ reading: inout HostReading) -> NextHop {
    var hop = NextHop()
    hop.gateway = object["gateway"]?.address ?? object["via"]?["host"]?.address
    hop.interface = reading.interned(object["dev"])
    hop.weight = object["weight"]?.number32 ?? 1
    hop.realm = realm(from: object["flow"]?["from"], to: object["flow"]?["to"])
    if let flags = object["flags"] {
        hop.isOnLink = flags.lists("onlink")
        hop.isDead = flags.lists("dead")
        hop.isLinkDown = flags.lists("linkdown")
    }
    if let kind = object["encap"]?.string {
        // The parts of an encapsulation stand between its name and `dev` or `gateway`, some under names used twice.
        var words = "encap \(kind)"
        var isInside = false
        for member in object.object ?? [] {
            if member.key == "encap" {
                isInside = true
            } else if member.key == "dev" || member.key == "gateway" || member.key == "via" {
                isInside = false
            } else if isInside {
                words += " \(member.key) \(member.value.string ?? member.value.number?.text ?? "")"
            }
        }
        hop.encapsulation = reading.names.intern(words)
    }
    return hop
}
