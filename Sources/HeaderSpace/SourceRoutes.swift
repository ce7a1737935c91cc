internal import NetTypes
internal import PacketPath
public import PathModel
internal import RuleModel
internal import SourceText

extension PacketSpace {
    /// Packets from the wire whose source is routed by the interface that they come in by; `nil` where the routes are not in
    /// the input.
    ///
    /// - Parameter foreign: whether to return those whose source is routed elsewhere, or nowhere, instead.
    public func arrivingBySourceRoute(on model: HostModel, foreign: Bool = false) -> PacketSet? {
        guard model.host.routesKnown(version) != .none else { return nil }
        let evaluator = SetEvaluator(self, model, recordsRules: false)
        let stages = Stages(model)
        var groups: [Stages.RouteClass: [PacketSet]] = [:]
        var order: [Stages.RouteClass] = []
        for atom in evaluator.addressAtoms(.source) {
            let route = stages.routeClass(to: atom.address)
            if groups[route] == nil { order.append(route) }
            groups[route, default: []].append(atom.packets)
        }
        var expected: [PacketSet] = []
        for route in order {
            guard route.type == .unicast else { continue }
            let numbers = interfaces.indices.filter { interfaces[$0].map { route.interfaces.contains($0) } ?? false }
            let arriving = union(numbers.map { packets(.inInterface, UInt128($0)) })
            expected.append(and(arriving, union(groups[route] ?? [])))
        }
        let own = union(expected)
        if !foreign { return and(domain(.wire, on: model), own) }
        return subtract(domain(.wire, on: model), or(own, ofNoOne))
    }

    /// Sources that may come by any link: of a host that has no address yet, and IPv6's of the link itself.
    private var ofNoOne: PacketSet {
        let none = packets(.source, 0)
        if version == .v4 { return none }
        return or(none, packets(.source, 0xfe80 << 112, mask: 0xffc0 << 112))
    }
}
