internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Packets whose way back does not lead to where they came from: `rp_filter` and rules that ask for the way back drop
/// them. Looked for with packets of those that are known to be behind an interface: its neighbours, and what tables
/// route out by it.
/// Source: net/ipv4/fib_frontend.c `fib_validate_source`; felix/rules/static.go; calico#4630, cilium#13130,
/// aws-vpc-cni#75.
let reversePath = DoctorCheck(
    "reverse-path", "the reverse path check (rp_filter, Calico's rpfilter rule) drops what comes in"
) { patient in
    var findings: [DoctorFinding] = []
    var told: Set<Symbol> = []
    for peer in patient.peersBehindInterfaces where !told.contains(peer.interface.name) {
        let name = patient.name(peer.interface.name)
        let packet = patient.packet(in: name, from: .address(peer.address), to: peer.destination)
        guard let followed = patient.follow(packet), let way = followed.agreed else { continue }
        var finding: DoctorFinding
        let back = patient.wayBack(peer)
        let wayBack: String
        switch back?.interface {
        case peer.interface.name?: wayBack = "no route leads back by \(name)"
        case let other?: wayBack = "the way back leaves by \(patient.name(other))"
        case nil: wayBack = "no route leads back"
        }
        switch (way.outcome, way.reason) {
        case (.filtered, .rpFilter?):
            finding = DoctorFinding(
                peer.isSure ? .problem : .risk,
                "the reverse path check (rp_filter) drops what \(peer.text) sends in by \(name): \(wayBack)",
                evidence: [DoctorFinding.Evidence(peer.place, peer.evidence)],
                remedies: patient.isLoose(peer.interface)
                    ? [
                        "give it a way back: ip route add \(peer.address) dev \(name), or turn the check off (rp_filter=0)"
                    ]
                    : [
                        "make the check loose: sysctl -w net.ipv4.conf.\(name).rp_filter=2 (the larger of conf.all and conf.\(name) counts)",
                        "or give answers the way back: a routing table for \(name)'s own address, and ip rule add from ADDRESS lookup TABLE",
                    ])
            for key in ["net.ipv4.conf.all.rp_filter"] { patient.told(sysctl: key).map { finding.evidence.append($0) } }
            patient.told(sysctl: "rp_filter", of: name).map { finding.evidence.append($0) }
        case (.dropped, _):
            guard let rule = way.rule, patient.asksWayBack(rule) else { continue }
            finding = DoctorFinding(
                peer.isSure ? .problem : .risk,
                "the reverse path rule \(patient.cite(rule)) drops what \(peer.text) sends in by \(name): \(wayBack)",
                evidence: [DoctorFinding.Evidence(peer.place, peer.evidence), patient.evidence(rule)],
                remedies: [
                    patient.annotations.maker(of: rule) == .calico
                        ? patient.wayPastCalico(peer) : "take the rule out, or add --loose to it"
                ])
        default: continue
        }
        if let back, back.interface != peer.interface.name, !back.place.isNone {
            finding.evidence.append(DoctorFinding.Evidence(back.place, "the way back to \(peer.address)"))
        }
        if !peer.isSure {
            finding.traffic = "packets that come in by \(name) from there, if there are any"
        }
        finding.example = followed.options
        told.insert(peer.interface.name)
        findings.append(finding)
    }
    return findings + patient.droppedByWayBack(besides: findings)
}

/// Someone whose packets come in by an interface.
private struct Peer {
    var address: IPAddress
    var interface: NetworkInterface
    var destination: PacketEnd
    /// `neighbour 192.0.2.7`
    var text: String
    var place: Place
    var evidence: String
    /// Whether it is known to be there.
    var isSure: Bool
}

extension Patient {
    fileprivate var peersBehindInterfaces: [Peer] {
        var peers: [Peer] = []
        for neighbour in host.neighbours where !neighbour.isUnreachable && neighbour.mac != nil {
            guard neighbour.address.version == .v4, !neighbour.address.isLinkLocal,
                let interface = host.interface(neighbour.interface), interface.isUp, !interface.isLoopback,
                interface.master == nil, !isTunnel(interface)
            else { continue }
            // What a neighbour sends to this host itself; one of a link without an address sends on.
            let own = address(of: interface)
            peers.append(
                Peer(
                    address: neighbour.address, interface: interface,
                    destination: own.map { .address($0) } ?? .internet, text: "neighbour \(neighbour.address)",
                    place: neighbour.place, evidence: "it is known to be behind \(name(interface.name))", isSure: true))
        }
        for route in host.routes.prefix(4096) where route.type == .unicast && route.table != RoutingRule.localTable {
            guard route.destination.address.version == .v4, !route.destination.address.isMulticast,
                !route.destination.address.isLinkLocal, let name = route.interface,
                let interface = host.interface(name),
                interface.isUp, interface.hasCarrier, !interface.isLoopback, interface.master == nil,
                let own = address(of: interface)
            else { continue }
            let isDefault = route.destination.length == 0
            guard isDefault || route.table != RoutingRule.mainTable else { continue }
            guard let source = isDefault ? outside : sampleAddress(route.destination), source != own else { continue }
            peers.append(
                Peer(
                    address: source, interface: interface, destination: .address(own),
                    text: isDefault ? "the outside" : "\(route.destination.address)/\(route.destination.length)",
                    place: route.place, evidence: "this route leads there by \(self.name(name))", isSure: false))
        }
        return peers + ciliumPods
    }

    /// Pods of Cilium's, which come in by a link of their own and are routed back by cilium_host.
    private var ciliumPods: [Peer] {
        guard let link = host.interfaces.first(where: { $0.isUp && name($0.name).hasPrefix("lxc") }),
            let common = interface(named: "cilium_host"),
            let route = host.routes.first(where: { route in
                route.interface == common.name && route.type == .unicast && route.destination.length < 32
                    && route.destination.address.version == .v4
            })
        else { return [] }
        return [
            Peer(
                address: sampleAddress(route.destination), interface: link, destination: .internet,
                text: "a pod of \(route.destination.address)/\(route.destination.length)", place: route.place,
                evidence: "Cilium routes all pods by cilium_host", isSure: false)
        ]
    }

    /// Whether any route back will do.
    fileprivate func isLoose(_ interface: NetworkInterface) -> Bool {
        let own = model.interfaceSetting(.v4, interface.name, "rp_filter") ?? 0
        return max(own, model.commonSetting(.v4, "rp_filter") ?? 0) == 2
    }

    /// How what a pod sends gets past Calico's rule: an address of its own lacks a route, another one leave to be used.
    fileprivate func wayPastCalico(_ peer: Peer) -> String {
        isOwnAddress(ofPodOf: peer)
            ? "give the pod its route back: restart calico-node's pod on this node, which writes the routes of pods anew, or delete the pod, so that it is made anew; the rule is right as it is"
            : "let the pod use the address: workloadSourceSpoofing: Any in FelixConfiguration, and the annotation cni.projectcalico.org/allowedSourcePrefixes: '[\"\(peer.address)/32\"]' on the pod; no sysctl turns this rule off"
    }

    /// Whether the address is the pod's by its object, or the only one that its link can be for.
    private func isOwnAddress(ofPodOf peer: Peer) -> Bool {
        let link = name(peer.interface.name)
        for endpoint in cluster.workloadEndpoints where endpoint.interface == link {
            return endpoint.addresses.contains(peer.address)
        }
        let isPods =
            podRanges.contains { $0.contains(peer.address) }
            || runningPods.contains { $0.addresses.contains(peer.address) }
        return isPods && mainRoute(to: peer.address, on: model)?.destination.isHost != true
            && !host.routes.contains { route in
                route.destination.isHost && route.destination.address.version == peer.address.version
                    && route.interface == peer.interface.name
            }
    }

    /// The route by which this host itself would answer a peer.
    fileprivate func wayBack(_ peer: Peer) -> (interface: Symbol, place: Place)? {
        if case .address(let own) = peer.destination, isOwn(own),
            let way = follow(packet(in: nil, from: .address(own), to: .address(peer.address)))?.ways.first
        {
            for step in way.steps {
                guard case .routing(let routing) = step.kind else { continue }
                return routing.interface.map { ($0, routing.route?.place ?? .none) }
            }
        }
        guard let route = mainRoute(to: peer.address, on: model) else { return nil }
        return route.interface.map { ($0, route.place) }
    }

    /// An address that only default routes lead to.
    private var outside: IPAddress? { (try? internetAddress(.v4, on: model))?.address }

    private func isTunnel(_ interface: NetworkInterface) -> Bool {
        switch interface.kind {
        case .vxlan, .ipip, .gre, .wireguard, .sit, .geneve, .tun: true
        case .other, .loopback, .ethernet, .bridge, .veth, .vlan, .vrf, .dummy, .bond: interface.isPointToPoint
        }
    }

    /// Whether a rule asks for the way back.
    fileprivate func asksWayBack(_ rule: RuleReference) -> Bool {
        for statement in linked.rule(rule).statements {
            switch statement {
            case .match(.reversePath): return true
            case .match(.native(let comparison)):
                if comparison.expressions.contains(where: { $0.contains(where: Self.isFib) }) { return true }
            case .match, .target: break
            }
        }
        return false
    }

    private static func isFib(_ expression: Expression) -> Bool {
        if case .fib = expression { return true }
        return false
    }

    /// Rules that ask for the way back and have dropped packets.
    fileprivate func droppedByWayBack(besides findings: [DoctorFinding]) -> [DoctorFinding] {
        var hit: [(rule: RuleReference, count: UInt64)] = []
        // Elsewhere no way back is asked for.
        for chain in reached(from: .prerouting).sorted() where linked.chain(chain).rules.count < 64 {
            for rule in rules(of: chain) {
                guard case .drop? = ending(rule), asksWayBack(rule), let count = packets(rule), count > 0
                else { continue }
                let isTold = findings.contains { $0.evidence.contains { $0.place == linked.rule(rule).place } }
                if !isTold { hit.append((rule, count)) }
            }
        }
        return hit.map { rule, count in
            var finding = DoctorFinding(
                .note, "the reverse path rule \(cite(rule)) has dropped \(counted(count, "packet"))",
                evidence: [evidence(rule)],
                remedies: [
                    annotations.maker(of: rule) == .calico
                        ? "find who sends with an address that is not its own: watch 'ip -s link' of the cali interfaces, or put a LOG rule before it; a pod that must do so needs workloadSourceSpoofing and allowedSourcePrefixes"
                        : "find out whose packets they are: a LOG rule before it tells"
                ])
            finding.traffic = "packets whose source is not routed back to where they came in"
            return finding
        }
    }
}
