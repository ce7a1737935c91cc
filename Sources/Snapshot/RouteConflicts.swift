import HostText
import NetTypes
import RuleModel
import SourceText

// Listings of one node's routes that contradict each other: of two times, or of two hosts.

/// What the kernel tells routes apart by.
private struct RouteKey: Hashable {
    let destination: IPPrefix
    let source: IPPrefix?
    let table: UInt32
    let tos: UInt8
    let metric: UInt32

    init(_ route: Route) {
        destination = route.destination
        source = route.from
        table = route.table
        tos = route.tos
        metric = route.metric
    }
}

/// Where a route leads, as far as every listing tells.
private struct WayOn: Hashable {
    let interface: Symbol?
    let gateway: IPAddress?
}

extension NodeState {
    /// Refuses routes for which two listings have no way on in common, as two dumps of one table are refused; with `latest`
    /// the listing that is read later counts. That one says less than the other is no contradiction: `route -n` shows one
    /// next hop of several.
    ///
    /// - Parameter repeated: routes of later listings that are there already.
    mutating func settleRoutes(repeated: [Route], latest: Bool) throws(SnapshotFailure) {
        let listings = inputs.filter { $0.kind.holdsRoutes }
        if listings.count < 2 { return }
        var groups: [RouteKey: [Int: [Route]]] = [:]
        var order: [RouteKey] = []
        for route in host.routes + repeated where route.type == .unicast {
            let place = route.place
            let own = listings.lastIndex { $0.place.file == place.file && $0.place.line <= place.line }
            guard let own else { continue }
            let key = RouteKey(route)
            if groups[key] == nil { order.append(key) }
            groups[key, default: [:]][own, default: []].append(route)
        }
        var replaced: Set<Place> = []
        for key in order {
            guard let group = groups[key], group.count > 1 else { continue }
            let parts = group.sorted { $0.key < $1.key }.map { $0.value }
            for (later, routes) in parts.enumerated().dropFirst() {
                for earlier in parts[..<later] where waysOn(earlier).isDisjoint(with: waysOn(routes)) {
                    if !latest, let old = earlier.first, let new = routes.first { throw contradiction(old, new) }
                    for route in earlier { replaced.insert(route.place) }
                }
            }
        }
        if !replaced.isEmpty { host.routes.removeAll { replaced.contains($0.place) } }
    }

    private func waysOn(_ routes: [Route]) -> Set<WayOn> {
        var ways: Set<WayOn> = []
        for hop in routes.flatMap({ $0.nextHops }) {
            ways.insert(WayOn(interface: hop.interface, gateway: hop.gateway))
        }
        return ways
    }

    private func contradiction(_ old: Route, _ new: Route) -> SnapshotFailure {
        let spot = "\(file(of: old.place)?.path ?? "-"):\(old.place.line)"
        let message =
            "the route to \(old.destination) leads elsewhere than at \(spot): the listings are of two times, or of two hosts; "
            + "--latest takes the later one"
        guard let file = file(of: new.place) else { return SnapshotFailure(.routesTwice, path: "-", message: message) }
        return SnapshotFailure(.routesTwice, file: file, place: new.place, message: message)
    }
}

extension ListingKind {
    fileprivate var holdsRoutes: Bool {
        switch self {
        case .routes, .routesJSON, .routeTable, .routeTableV6: true
        default: false
        }
    }
}
