internal import ChainGraph
internal import NetTypes
public import PacketPath
public import PathModel
internal import RuleModel
internal import SourceText

/// What else on the host may decide about a packet that took this way: programs of the kernel beside the rules, and
/// rules that could not be read. Those bound to an interface that the packet does not pass are left out.
public func relevantDeciders(_ trace: Trace, on model: HostModel) -> [TraceAnswer.Decider] {
    var way = PassedPlaces()
    way.take(trace)
    var found: [TraceAnswer.Decider] = []
    for text in model.unreadRules {
        found.append(TraceAnswer.Decider(name: "nft", text: text, place: .none))
    }
    found += way.unwalkedChains(model)
    for decider in model.host.otherDeciders where way.meets(decider, on: model) {
        let name = decider.kind.word
        let onInterface = decider.interface.map { " on \(model.names.text($0))" } ?? ""
        found.append(
            TraceAnswer.Decider(
                name: name, text: "\(decider.kind.sentence)\(onInterface) ('\(decider.evidence)')",
                place: decider.place))
    }
    return found
}

/// Where a packet was on all of its ways.
private struct PassedPlaces {
    var inInterfaces: Set<Symbol> = []
    var outInterfaces: Set<Symbol> = []
    var hooks: Set<Hook> = []
    var isEstablished = false
    /// Whether an error of ICMP passed where IPVS looks for its connections.
    var hasError = false
    /// Whether an interface on the way is not known.
    var isUnsure = false

    mutating func take(_ trace: Trace) {
        for step in trace.steps {
            hooks.insert(step.view.hook)
            if let name = step.view.inInterface { inInterfaces.insert(name) }
            if let name = step.view.outInterface { outInterfaces.insert(name) }
            if step.view.state.contains(.established) { isEstablished = true }
            if step.view.packet.isICMPError { hasError = true }
            if case .routing(let routing) = step.kind {
                if let name = routing.interface { outInterfaces.insert(name) } else { isUnsure = true }
            }
        }
        for branch in trace.branches { take(branch.trace) }
    }

    /// Chains and flowtables of nf_tables that packets meet outside the IP layer: they are not followed.
    func unwalkedChains(_ model: HostModel) -> [TraceAnswer.Decider] {
        var found: [TraceAnswer.Decider] = []
        for table in model.linked.ruleset.tables where !table.isDormant {
            let name = "\(table.family.name) \(model.names.text(table.name))"
            for chain in table.chains {
                guard let base = chain.base, !chain.rules.isEmpty || base.policy == .drop else { continue }
                let word: String
                switch (table.family, base.hook) {
                case (.bridge, _):
                    guard isBridged(model) else { continue }
                    word = "bridge"
                case (.netdev, .ingress), (.inet, .ingress):
                    guard isUnsure || chain.devices.contains(where: inInterfaces.contains) else { continue }
                    word = "ingress"
                case (.netdev, .egress):
                    guard isUnsure || chain.devices.contains(where: outInterfaces.contains) else { continue }
                    word = "egress"
                default: continue
                }
                let text =
                    "chain \(model.names.text(chain.name)) of table \(name) at \(base.hook.name) may drop or change the "
                    + "packet: its rules are not followed"
                found.append(TraceAnswer.Decider(name: word, text: text, place: chain.place))
            }
            for flowtable in table.flowtables
            where isEstablished && flowtable.devices.contains(where: inInterfaces.contains) {
                let text =
                    "flowtable \(model.names.text(flowtable.name)) of table \(name) lets the packets of connections that it "
                    + "was handed bypass FORWARD"
                found.append(TraceAnswer.Decider(name: "flowtable", text: text, place: flowtable.place))
            }
        }
        return found
    }

    /// Whether the packet may pass a bridge.
    private func isBridged(_ model: HostModel) -> Bool {
        model.host.interfaces.contains { interface in
            let isNear = inInterfaces.contains(interface.name) || outInterfaces.contains(interface.name)
            let isPort = interface.master.flatMap { model.host.interface($0) }?.kind == .bridge
            return isNear && (interface.kind == .bridge || isPort)
        }
    }

    func meets(_ decider: OtherDecider, on model: HostModel) -> Bool {
        // Where its services are known IPVS is followed, but for errors about its connections.
        if decider.kind == .ipvs {
            if model.host.virtualServices != nil {
                return hasError && !hooks.isDisjoint(with: [.input, .forward, .output])
            }
            // The interface of its addresses is passed by no packet.
            return hooks.contains(.input) || hooks.contains(.output)
        }
        if let interface = decider.interface {
            let isIn = inInterfaces.contains(interface)
            return decider.kind == .xdp ? isIn : isIn || outInterfaces.contains(interface) || isUnsure
        }
        switch decider.kind {
        case .flowtable: return isEstablished
        case .ipvs, .trafficControl, .xdp, .bpf, .openVSwitch, .xfrm, .vrf, .otherNamespace: return true
        }
    }
}

extension OtherDecider.Kind {
    /// As `--assume NAME=pass` takes it.
    var word: String {
        switch self {
        case .trafficControl: "traffic-control"
        case .xdp: "xdp"
        case .bpf: "bpf"
        case .ipvs: "ipvs"
        case .openVSwitch: "ovs"
        case .flowtable: "flowtable"
        case .xfrm: "xfrm"
        case .vrf: "vrf"
        case .otherNamespace: "namespace"
        }
    }

    var sentence: String {
        switch self {
        case .trafficControl: "traffic control decides about packets too"
        case .xdp: "an XDP program decides about packets before any rule"
        case .bpf: "a BPF program decides about packets too"
        case .ipvs: "IPVS takes packets to its virtual addresses"
        case .openVSwitch: "Open vSwitch forwards packets by rules of its own"
        case .flowtable: "a flowtable carries known connections past the rules"
        case .xfrm: "IPsec policies take packets into tunnels or drop them"
        case .vrf: "a VRF routes packets by a table of its own"
        case .otherNamespace: "another network namespace has a part in it"
        }
    }
}
