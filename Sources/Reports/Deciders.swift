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
    for decider in model.host.otherDeciders where way.meets(decider) {
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
    /// Whether an interface on the way is not known.
    var isUnsure = false

    mutating func take(_ trace: Trace) {
        for step in trace.steps {
            hooks.insert(step.view.hook)
            if let name = step.view.inInterface { inInterfaces.insert(name) }
            if let name = step.view.outInterface { outInterfaces.insert(name) }
            if step.view.state.contains(.established) { isEstablished = true }
            if case .routing(let routing) = step.kind {
                if let name = routing.interface { outInterfaces.insert(name) } else { isUnsure = true }
            }
        }
        for branch in trace.branches { take(branch.trace) }
    }

    func meets(_ decider: OtherDecider) -> Bool {
        if let interface = decider.interface {
            let isIn = inInterfaces.contains(interface)
            return decider.kind == .xdp ? isIn : isIn || outInterfaces.contains(interface) || isUnsure
        }
        switch decider.kind {
        case .ipvs: return hooks.contains(.input) || hooks.contains(.output)
        case .flowtable: return isEstablished
        case .trafficControl, .xdp, .bpf, .openVSwitch, .xfrm, .vrf, .otherNamespace: return true
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
