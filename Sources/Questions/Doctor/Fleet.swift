public import Annotations
internal import ChainGraph
internal import NetTypes
public import PathModel
internal import RuleModel
internal import SourceText

/// What a node tells the doctor of other nodes: little, so that a thousand nodes need not be held.
public struct NodeFacts: Sendable {
    /// What the node calls itself; empty where the input does not say.
    let name: String
    let links: [Link]
    /// The link of a pod that each address is routed to.
    let podRoutes: [IPAddress: String]
    /// What its main table sends by a tunnel of Calico's or flannel's, and no other way.
    let tunnelled: [IPPrefix]
    /// Where kube-proxy's rules translate each Service's packets to.
    let endpoints: [ServicePortName: Set<String>]

    struct Link: Sendable {
        let name: String
        let mac: MACAddress?
        let addresses: [IPAddress]
        /// Of a VXLAN device what both ends must have alike.
        let network: VXLANNetwork?
    }

    struct VXLANNetwork: Hashable, Sendable {
        var identifier: UInt32
        var port: UInt16

        init?(_ link: NetworkInterface) {
            guard link.kind == .vxlan, let tunnel = link.tunnel, let identifier = tunnel.identifier,
                let port = tunnel.port
            else { return nil }
            self.identifier = identifier
            self.port = port
        }
    }

    public init(_ model: HostModel, annotations: AnnotatedRuleset) {
        func text(_ symbol: Symbol) -> String { model.names.text(symbol) }
        name = model.host.name
        links = model.host.interfaces.map { link in
            Link(
                name: text(link.name), mac: link.mac, addresses: link.addresses.map { $0.address },
                network: VXLANNetwork(link))
        }
        var podRoutes: [IPAddress: String] = [:]
        for route in model.host.routes where route.destination.isHost && route.type == .unicast {
            guard let link = route.interface.map(text), link.hasPrefix("cali") else { continue }
            if podRoutes[route.destination.address] == nil { podRoutes[route.destination.address] = link }
        }
        self.podRoutes = podRoutes
        // What another table sends by WireGuard, and what also has a straight route, says nothing of the way it goes.
        let main = model.host.routes.filter { $0.type == .unicast && $0.table == RoutingRule.mainTable }
        func isTunnelled(_ route: Route) -> Bool { route.interface.map { isPodTunnel(named: text($0)) } ?? false }
        let straight = Set(main.filter { !isTunnelled($0) }.map { $0.destination })
        tunnelled = main.filter { isTunnelled($0) && !straight.contains($0.destination) }.map { $0.destination }
        endpoints = serviceEndpoints(annotations).mapValues { Set($0) }
    }
}

/// All nodes of an input, as each of them asks of the others. What is asked of many is found at once.
public struct Fleet: Sendable {
    private let nodes: [NodeFacts]
    /// Nodes that have an address, and those that route it to a pod's link, ascending.
    private var byAddress: [IPAddress: [Int]] = [:]
    private var byPodRoute: [IPAddress: [Int]] = [:]
    private var byName: [String: [Int]] = [:]
    /// What VXLAN devices of each name have, with the nodes, ascending.
    private var networks: [String: [NodeFacts.VXLANNetwork: [Int]]] = [:]
    /// Ports of Services to which rules of different nodes have different endpoints.
    private var contested: [(name: ServicePortName, views: [EndpointView])] = []

    /// What some nodes' rules have for a port of a Service; nothing where they do not have it.
    struct EndpointView: Sendable {
        var endpoints: Set<String>
        /// Ascending.
        var nodes: [Int]
    }

    public init(_ nodes: [NodeFacts] = []) {
        self.nodes = nodes
        for (number, node) in nodes.enumerated() {
            byName[node.name, default: []].append(number)
            for address in node.links.flatMap({ $0.addresses }) where byAddress[address]?.last != number {
                byAddress[address, default: []].append(number)
            }
            for link in node.links {
                if let network = link.network { networks[link.name, default: [:]][network, default: []].append(number) }
            }
            for address in node.podRoutes.keys { byPodRoute[address, default: []].append(number) }
        }
        contested = contestedEndpoints
    }

    /// Other nodes than the one with `number` that call themselves `name`.
    func nodes(named name: String, but number: Int) -> [NodeFacts] { others(byName[name], number) }

    /// The link of another node that has `address`.
    func link(with address: IPAddress, but number: Int) -> (node: NodeFacts, link: NodeFacts.Link)? {
        for node in others(byAddress[address], number) {
            for link in node.links where link.addresses.contains(address) { return (node, link) }
        }
        return nil
    }

    /// Other nodes that route `address` to a pod's link.
    func nodes(withPod address: IPAddress, but number: Int) -> [NodeFacts] { others(byPodRoute[address], number) }

    /// A pod of another node whose address is in `range`.
    func pod(of range: IPPrefix, but number: Int) -> (node: NodeFacts, address: IPAddress)? {
        for (index, node) in nodes.enumerated() where index != number {
            let inside = node.podRoutes.keys.filter { range.contains($0) }
            if let address = inside.min() { return (node, address) }
        }
        return nil
    }

    /// Ports of Services to which the rules of the node with `number` have other endpoints than the rules of most nodes,
    /// or, where no more nodes have one thing than another, than those of some.
    ///
    /// Where of several nodes each has its own, it is meant so: a traffic policy of `Local` leaves every node its own pods.
    func otherEndpoints(than number: Int) -> [(name: ServicePortName, own: Set<String>, usual: EndpointView)] {
        contested.compactMap { name, views in
            guard let own = views.first(where: { $0.nodes.contains(number) }) else { return nil }
            let others = views.filter { $0.endpoints != own.endpoints }
            guard let most = others.map({ $0.nodes.count }).max(), most >= own.nodes.count,
                most > 1 || views.count == 2, let usual = others.first(where: { $0.nodes.count == most })
            else { return nil }
            return (name, own.endpoints, usual)
        }
    }

    /// What VXLAN devices of this name have on most other nodes, where it is not `own`, and the first of these nodes.
    func otherNetwork(
        than own: NodeFacts.VXLANNetwork, ofLinksNamed name: String
    ) -> (network: NodeFacts.VXLANNetwork, node: Int)? {
        let all = networks[name] ?? [:]
        let usual = all.filter { $0.key != own }.max { a, b in
            a.value.count == b.value.count ? a.value[0] > b.value[0] : a.value.count < b.value.count
        }
        guard let usual, usual.value.count >= all[own]?.count ?? 0 else { return nil }
        return (usual.key, usual.value[0])
    }

    var count: Int { nodes.count }

    /// What a node of the input calls itself.
    func name(_ number: Int) -> String { nodes[number].name }

    private var contestedEndpoints: [(name: ServicePortName, views: [EndpointView])] {
        // Most nodes' rules have the same: those are one kind.
        var kinds: [[ServicePortName: Set<String>]: [Int]] = [:]
        for (number, node) in nodes.enumerated() where !node.endpoints.isEmpty {
            kinds[node.endpoints, default: []].append(number)
        }
        guard kinds.count > 1 else { return [] }
        var names: Set<ServicePortName> = []
        for kind in kinds.keys { names.formUnion(kind.keys) }
        return names.sorted { $0.text < $1.text }.compactMap { name in
            var views: [Set<String>: [Int]] = [:]
            for (kind, numbers) in kinds { views[kind[name] ?? [], default: []] += numbers }
            guard views.count > 1 else { return nil }
            return (
                name,
                views.map { EndpointView(endpoints: $0.key, nodes: $0.value.sorted()) }
                    .sorted { $0.nodes[0] < $1.nodes[0] }
            )
        }
    }

    private func others(_ numbers: [Int]?, _ own: Int) -> [NodeFacts] {
        (numbers ?? []).filter { $0 != own }.map { nodes[$0] }
    }
}

/// Where kube-proxy's rules translate each Service's packets to: `10.244.1.10:80`, by the name of the port.
func serviceEndpoints(_ annotations: AnnotatedRuleset) -> [ServicePortName: [String]] {
    var found: [ServicePortName: [String]] = [:]
    for chain in annotations.linked.chainIDs {
        guard case .kubeProxy(.endpoint(let name, let address))? = annotations.purpose(of: ChainID(chain)) else {
            continue
        }
        found[name, default: []].append(address)
    }
    return found
}
