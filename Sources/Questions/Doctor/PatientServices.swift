internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// An address and port by which clients ask a Service, as a rule or map element of kube-proxy's has it.
struct ServiceFront {
    var name: ServicePortName
    var kind: KubeProxyPurpose.Address
    /// `nil` for a node port.
    var address: IPAddress?
    var port: UInt16
    var transport: IPProtocol
    /// Of the rule, or of the map that has the element.
    var place: Place

    /// `10.96.0.10:53/udp`
    var text: String {
        let at = address.map { $0.version == .v6 ? "[\($0)]:\(port)" : "\($0):\(port)" } ?? "node port \(port)"
        return at + "/" + transport.shortName
    }
}

extension Patient {
    /// Fronts of Services that kube-proxy's rules translate.
    var serviceFronts: [ServiceFront] {
        var fronts: [ServiceFront] = []
        let chains = chains { $0 == .kubeProxy(.services) || $0 == .kubeProxy(.nodePorts) }
        for chain in chains where linked.table(of: chain).iptables == .nat {
            for (index, purpose) in annotations.purposes(ofRulesIn: chain).enumerated() {
                guard case .kubeProxy(.dispatch(let name, let kind))? = purpose else { continue }
                let rule = RuleReference(chain: chain, index: index)
                let ask = asks(rule)
                guard let transport = ask.protocol, let port = ask.ports?.first else { continue }
                if kind != .nodePort, ask.destination?.isHost != true { continue }
                fronts.append(
                    ServiceFront(
                        name: name, kind: kind, address: ask.destination?.address, port: port, transport: transport,
                        place: linked.rule(rule).place))
            }
        }
        return fronts + mappedFronts
    }

    /// Fronts in the maps of kube-proxy's nftables mode.
    private var mappedFronts: [ServiceFront] {
        frontElements(["service-ips", "service-nodeports"]).compactMap { element in
            guard let chain = element.chain, case .kubeProxy(let purpose)? = annotations.purpose(of: chain),
                let service = purpose.service
            else { return nil }
            let kind: KubeProxyPurpose.Address =
                element.address == nil ? .nodePort : purpose == .service(service) ? .cluster : .external
            return ServiceFront(
                name: service, kind: kind, address: element.address, port: element.port, transport: element.transport,
                place: element.place)
        }
    }

    /// An element of one of kube-proxy's maps: an address and port of a Service, or a node port.
    struct FrontElement {
        var address: IPAddress?
        var transport: IPProtocol
        var port: UInt16
        var verdict: NativeVerdict
        /// Where the verdict leads.
        var chain: ChainID?
        var comment: String
        var place: Place
    }

    /// Elements of kube-proxy's verdict maps of these names.
    func frontElements(_ maps: [String]) -> [FrontElement] {
        var found: [FrontElement] = []
        for (table, own) in linked.ruleset.tables.enumerated() where own.isNative && name(own.name) == "kube-proxy" {
            for set in own.sets where set.isMap && maps.contains(name(set.name)) {
                for index in 0..<min(set.elements.count, 4096) {
                    guard case .verdict(let verdict) = set.elements.value(index) else { continue }
                    let parts = key(set.elements, index)
                    guard let port = parts.last, parts.count >= 2 else { continue }
                    var chain: ChainID?
                    switch verdict {
                    case .goto(let name), .jump(let name): chain = linked.chainID(table: table, named: name)
                    case .accept, .drop, .continue, .return, .queue: break
                    }
                    found.append(
                        FrontElement(
                            address: parts.count == 3 ? IPAddress(bytes: parts[0]) : nil,
                            transport: IPProtocol(UInt8(truncatingIfNeeded: number(parts[parts.count - 2]))),
                            port: UInt16(truncatingIfNeeded: number(port)), verdict: verdict, chain: chain,
                            comment: set.elements.extra(index).map { name($0.comment) } ?? "", place: set.place))
                }
            }
        }
        return found
    }

    private func key(_ elements: NativeElements, _ index: Int) -> [[UInt8]] {
        let bytes = Array(elements.low(index))
        var parts: [[UInt8]] = []
        var start = 0
        for width in elements.widths {
            guard start + width <= bytes.count else { return [] }
            parts.append(Array(bytes[start..<start + width]))
            start += width
        }
        return parts
    }

    private func number(_ bytes: [UInt8]) -> UInt64 { bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) } }

    /// Where kube-proxy's rules translate each Service's packets to: `10.244.1.10:80`, by the name of the port.
    var serviceEndpoints: [ServicePortName: [String]] { Questions.serviceEndpoints(annotations) }

    // MARK: Pods of other nodes

    /// A pod, or an address that stands for pods, of another node.
    struct RemotePods {
        var address: IPAddress
        /// `10.244.2.0/24`, `default/web`
        var text: String
        var place: Place
    }

    /// Pods that routes lead to by a tunnel or another node, one for each route.
    var remotePods: [RemotePods] {
        var found: [RemotePods] = []
        let ranges = podRanges
        for route in host.routes where route.type == .unicast && route.table != RoutingRule.localTable {
            let prefix = route.destination
            guard prefix.address.version == .v4, prefix.length >= 8, prefix.length < 32,
                let hop = route.nextHops.first, let name = hop.interface, let interface = host.interface(name),
                interface.isUp
            else { continue }
            let isTunnelled = isPodTunnel(interface)
            let isPool = hop.gateway != nil && ranges.contains { $0.contains(prefix.address) }
            guard isTunnelled || isPool else { continue }
            var address = sampleAddress(prefix)
            var text = "\(prefix.address)/\(prefix.length)"
            var place = route.place
            if let pod = cluster.pods.first(where: { pod in
                !pod.isHostNetwork && !pod.isFinished && pod.addresses.contains(where: prefix.contains)
            }), let own = pod.addresses.first(where: prefix.contains) {
                address = own
                text = "\(pod.namespace)/\(pod.name) (\(own))"
                place = pod.place
            }
            guard !isOwn(address), !found.contains(where: { $0.address == address }) else { continue }
            found.append(RemotePods(address: address, text: text, place: place))
        }
        return found
    }

    /// Ranges that pods have their addresses from: of Calico's sets and objects, and of Nodes.
    var podRanges: [IPPrefix] {
        var ranges = cluster.pools.map { $0.range } + cluster.nodes.flatMap { $0.podRanges }
        for name in ["cali40all-ipam-pools", "cali40network-ip-pools"] {
            ranges += set(named: name)?.elements.compactMap { $0.address } ?? []
        }
        return ranges
    }

    /// Whether an interface is a tunnel to other nodes' pods.
    func isPodTunnel(_ interface: NetworkInterface) -> Bool { Questions.isPodTunnel(named: name(interface.name)) }
}

/// Whether network plugins call tunnels to other nodes' pods so.
func isPodTunnel(named name: String) -> Bool {
    for prefix in ["vxlan.calico", "flannel.", "flannel-", "tunl0", "wireguard.cali", "cilium_vxlan", "weave"]
    where name.hasPrefix(prefix) { return true }
    return false
}
