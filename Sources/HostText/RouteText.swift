import NetTypes
import RuleModel
import SourceText

/// Reads `ip route`, `ip -6 route` and `ip route show table all`, with and without `-d` and `-o`.
func readRoutes(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var reader = RouteReader(hint: listing.hint)
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        // `ip -o` puts a backslash where a line ends; nothing else in a route has one.
        words.split(text, cursor.range, alsoAt: UInt8(ascii: "\\"))
        guard let first = words.peek else { continue }
        if text.has(first, "nexthop") {
            reader.nextHopLine(text, &words, cursor, &reading)
        } else if !text.has(first, "nh_info") && !text.has(first, "cache") && !text.begins(first, "#") {
            reader.finish(&reading)
            reader.start(text, &words, cursor, &reading)
        }
    }
    reader.finish(&reading)
    reader.tellKnowledge(of: listing, &reading)
}

struct RouteReader {
    let hint: ListingHint
    private var pending: Route?
    private var pendingIsDefault = false
    /// What `nhid` names; counts where the line tells no next hop itself.
    private var objectHops: [NextHop] = []
    /// The realm of the route that is read, for the next hop of its own line.
    private var pendingRealm: UInt32? = 0
    private var pendingHasVersion = false
    /// The version of the last route that told its own: `table all` lists IPv4 first, then IPv6.
    private var version: IPVersion?
    /// Routes before it whose version nothing told yet, by their place in `host.routes`.
    private var sawV4 = false
    private var sawV6 = false
    private var sawLocalTable = false
    private var place = Place.none

    init(hint: ListingHint) {
        self.hint = hint
        version = hint.isV6.map { $0 ? .v6 : .v4 }
    }

    mutating func start(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        place = cursor.place
        guard var word = words.next() else { return }
        var type = RouteType.unicast
        if let named = routeType(text, word) ?? numberedRouteType(text, word, words.peek) {
            type = named
            guard let next = words.next() else {
                reading.tell(.warning, "bad-route", "a route without destination", at: place)
                return
            }
            word = next
        }
        let prefix: IPPrefix
        if text.has(word, "default") {
            prefix = .everything(version ?? .v4)
            pendingIsDefault = true
            pendingHasVersion = false
        } else if let read = IPPrefix(text, word) {
            prefix = read
            pendingIsDefault = false
            pendingHasVersion = true
        } else {
            reading.tell(
                .warning, "bad-route", "'\(text.quote(word))' is not a destination of a route", at: cursor.place(word))
            return
        }
        var route = Route(destination: prefix, place: place)
        route.type = type
        route.table = hintedTable(&reading)
        pendingRealm = 0
        objectHops = []
        var hop = NextHop()
        var hasHop = false
        while let key = words.next() {
            if text.has(key, "nexthop") {
                // `ip -o`: the next hops follow on the same line.
                if pending == nil { pending = route }
                readHop(text, &words, cursor, &reading)
                continue
            }
            if readHopPart(text, key, &words, &hop, cursor, &reading) {
                hasHop = true
                if let gateway = hop.gateway, !text.has(key, "inet6") { noteVersion(gateway, route.destination) }
                continue
            }
            if !readPart(text, key, &words, &route, cursor, &reading) { break }
        }
        if let done = pending { route.nextHops = done.nextHops }
        hop.realm = pendingRealm
        if hasHop, hop.gateway != nil || hop.interface != nil { route.nextHops.insert(hop, at: 0) }
        pending = route
    }

    /// The table of a listing that shows one table and does not name it.
    private func hintedTable(_ reading: inout HostReading) -> UInt32 {
        guard let table = hint.table else { return RoutingRule.mainTable }
        let bytes = Array(table.utf8)
        return reading.tableNumber(bytes.span, 0..<bytes.count, at: place)
    }

    private mutating func noteVersion(_ gateway: IPAddress, _ destination: IPPrefix) {
        guard !pendingHasVersion else { return }
        version = gateway.version
        pendingHasVersion = true
    }

    /// A part that belongs to a next hop: `via`, `dev`, `onlink`, flags, `encap`, `weight`.
    private mutating func readHopPart(
        _ text: Span<UInt8>, _ key: Range<Int>, _ words: inout Words, _ hop: inout NextHop, _ cursor: LineCursor,
        _ reading: inout HostReading
    ) -> Bool {
        if text.has(key, "via") {
            var isOtherVersion = false
            if let family = words.peek, text.has(family, "inet6") || text.has(family, "inet") {
                isOtherVersion = true
                _ = words.next()
            }
            guard let word = words.next() else { return true }
            if let gateway = IPAddress(text, word) {
                hop.gateway = gateway
                // `via inet6` stands where the gateway's version is not the route's.
                if isOtherVersion, !pendingHasVersion {
                    version = gateway.version == .v6 ? .v4 : .v6
                    pendingHasVersion = true
                }
            } else {
                reading.tell(.warning, "bad-route", "'\(text.quote(word))' is not a gateway", at: cursor.place(word))
            }
        } else if text.has(key, "dev") {
            if let word = words.next() { hop.interface = reading.name(text, word) }
        } else if text.has(key, "onlink") {
            hop.isOnLink = true
        } else if text.has(key, "dead") {
            hop.isDead = true
        } else if text.has(key, "linkdown") {
            hop.isLinkDown = true
        } else if text.has(key, "weight") {
            if let word = words.next(), let weight = text.decimal32(word) { hop.weight = weight }
        } else if text.has(key, "encap") {
            hop.encapsulation = readEncapsulation(text, key, &words, &reading)
        } else {
            return false
        }
        return true
    }

    /// `encap ip id 5 src 0.0.0.0 dst 10.0.0.8 ttl 0 tos 0 dev d0 …`: everything up to `via`, `dev` or the end.
    private func readEncapsulation(
        _ text: Span<UInt8>, _ key: Range<Int>, _ words: inout Words, _ reading: inout HostReading
    ) -> Symbol {
        var end = key.upperBound
        while let word = words.peek, !text.has(word, "via"), !text.has(word, "dev") {
            end = word.upperBound
            _ = words.next()
        }
        return reading.name(text, key.lowerBound..<end)
    }

    /// Any other part. `false` where it is not known, and what follows can't be trusted.
    private mutating func readPart(
        _ text: Span<UInt8>, _ key: Range<Int>, _ words: inout Words, _ route: inout Route, _ cursor: LineCursor,
        _ reading: inout HostReading
    ) -> Bool {
        if text.has(key, "pref") {
            if !pendingHasVersion { version = .v6 }
            pendingHasVersion = true
            if let value = words.next() {
                route.preference = routePreference(text, value)
            }
            return true
        }
        for flag: StaticString in [
            "pervasive", "offload", "trap", "notify", "unresolved", "rt_offload", "rt_trap",
            "rt_offload_failed", "offload_failed", "cache",
        ]
        where text.has(key, flag) {
            return true
        }
        if text.begins(key, "<") { return true }
        guard let value = words.next() else {
            reading.tell(
                .warning, "unknown-route-part", "'\(text.quote(key))' in a route is not understood",
                at: cursor.place(key))
            return false
        }
        if text.has(key, "table") {
            route.table = reading.tableNumber(text, value, at: cursor.place(value))
            if route.table == RoutingRule.localTable { sawLocalTable = true }
            return true
        }
        if text.has(key, "src"), let source = IPAddress(text, value) {
            route.source = source
            noteVersion(source, route.destination)
            return true
        }
        if text.has(key, "metric"), let metric = text.decimal32(value) {
            route.metric = metric
            return true
        }
        if text.has(key, "scope"), let scope = routeScope(text, value) {
            route.scope = scope
            return true
        }
        if text.has(key, "tos") || text.has(key, "dsfield"), let tos = tosByte(text, value) {
            route.tos = tos
            return true
        }
        if text.has(key, "mtu") {
            let size = text.has(value, "lock") ? words.next() : value
            if let size, let mtu = text.decimal32(size) {
                route.mtu = mtu
                route.isMTULocked = text.has(value, "lock")
                return true
            }
        }
        if text.has(key, "from"), let from = IPPrefix(text, value) {
            route.from = from
            if !pendingHasVersion { version = .v6 }
            pendingHasVersion = true
            return true
        }
        if text.has(key, "realm") || text.has(key, "realms") {
            pendingRealm = realm(text, value)
            return true
        }
        if text.has(key, "nhid"), let id = text.decimal32(value) {
            objectHops = reading.nextHopObjects[id] ?? []
            route.isByNextHopObject = true
            return true
        }
        if text.has(key, "proto") {
            route.isAnnounced = isRouterAnnouncement(text, value)
            return true
        }
        // Settings that no decision hangs on.
        for name: StaticString in [
            "advmss", "hoplimit", "initcwnd", "initrwnd", "rtt", "rttvar", "rto_min",
            "window",
            "cwnd", "ssthresh", "reordering", "quickack", "features", "congctl", "fastopen_no_cookie", "expires",
            "error",
            "ttl-propagate", "users", "age", "used", "ipid", "uid", "iif", "mark", "table_id", "ssthresh",
        ] where text.has(key, name) {
            if text.has(value, "lock") { _ = words.next() }
            return true
        }
        reading.tell(
            .warning, "unknown-route-part",
            "'\(text.quote(key.lowerBound..<value.upperBound))' in a route is not understood",
            at: cursor.place(key))
        return false
    }

    mutating func nextHopLine(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        guard pending != nil else {
            reading.tell(.warning, "bad-route", "a next hop without a route", at: cursor.place)
            return
        }
        while let word = words.next() {
            if text.has(word, "nexthop") { readHop(text, &words, cursor, &reading) }
        }
    }

    /// What follows `nexthop`, up to the next one.
    private mutating func readHop(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        var hop = NextHop()
        while let key = words.peek, !text.has(key, "nexthop") {
            _ = words.next()
            if readHopPart(text, key, &words, &hop, cursor, &reading) { continue }
            if text.has(key, "realm") || text.has(key, "realms") {
                if let word = words.next() { hop.realm = realm(text, word) }
                continue
            }
            if text.has(key, "pervasive") || text.has(key, "offload") || text.has(key, "trap")
                || text.has(key, "unresolved")
            {
                continue
            }
            reading.tell(
                .warning, "unknown-route-part", "'\(text.quote(key))' in a next hop is not understood",
                at: cursor.place(key))
        }
        if let gateway = hop.gateway, let route = pending { noteVersion(gateway, route.destination) }
        pending?.nextHops.append(hop)
    }

    /// Puts the route that is complete into the host's state.
    mutating func finish(_ reading: inout HostReading) {
        guard var route = pending else { return }
        pending = nil
        if route.nextHops.isEmpty { route.nextHops = objectHops }
        if pendingIsDefault, let version { route.destination = .everything(version) }
        if !pendingHasVersion, version == nil {
            reading.tell(
                .note, "assumed-version", "nothing tells whether this route is of IPv4 or IPv6; IPv4 is assumed",
                at: route.place)
        }
        let own = route.destination.address.version
        version = own
        if own == .v4 { sawV4 = true } else { sawV6 = true }
        reading.addRoute(route)
    }

    /// Records how much of the routing tables is known now.
    func tellKnowledge(of listing: Listing, _ reading: inout HostReading) {
        let all = sawLocalTable || hint.isAllTables
        let onlyOther = hint.table != nil && !all
        if onlyOther { return }
        let level = all ? RouteKnowledge.allTables : .mainTable
        let isEmpty = !sawV4 && !sawV6
        if sawV4 || (isEmpty && hint.isV6 != true) || (all && hint.isV6 != true) {
            reading.host.routesKnownV4 = max(reading.host.routesKnownV4, level)
        }
        if sawV6 || (isEmpty && hint.isV6 == true) || (all && sawV6) {
            reading.host.routesKnownV6 = max(reading.host.routesKnownV6, level)
        }
    }
}

private func max(_ a: RouteKnowledge, _ b: RouteKnowledge) -> RouteKnowledge { a.rawValue > b.rawValue ? a : b }
