public import NetTypes
public import PacketPath
internal import PathModel
public import RuleModel

/// Those of the inputs that a snapshot lacks which this answer would be surer with.
public func missingInputs(for trace: Trace, _ request: TraceRequest, of missing: [MissingInput]) -> [MissingInput] {
    var needs = Needs(request)
    needs.take(trace)
    return missing.filter { needs.wants($0.name) }
}

/// Inputs whose lack makes an answer about all packets of `versions` less sure; what a set or a socket would tell is among
/// its unknowns.
public func missingInputs(forAllOf versions: [IPVersion], of missing: [MissingInput]) -> [MissingInput] {
    missing.filter { input in
        switch input.name {
        case "iptables", "tables", "filter": versions.contains(.v4)
        case "ip6tables", "filter6": versions.contains(.v6)
        case "sets", "connections", "listeners": false
        default: true
        }
    }
}

/// What an answer rests on.
private struct Needs {
    let version: IPVersion
    let isLocal: Bool
    let stateIsGiven: Bool
    var isRouted = false
    var isDelivered = false
    var isNewConnection = false
    var asksSets = false

    init(_ request: TraceRequest) {
        version = request.packet.version
        isLocal = request.origin == .host
        stateIsGiven = request.state != nil
    }

    mutating func take(_ trace: Trace) {
        for step in trace.steps {
            switch step.kind {
            case .routing: isRouted = true
            case .delivery: isDelivered = true
            case .conntrack(let states, _, let isFromEntry):
                if !isFromEntry, states.contains(.new) { isNewConnection = true }
            default: continue
            }
        }
        takeAssumptions(trace.assumptions)
        for branch in trace.branches {
            takeAssumptions(branch.assumptions)
            take(branch.trace)
        }
    }

    private mutating func takeAssumptions(_ assumptions: [Assumption]) {
        for assumption in assumptions where assumption.name.hasPrefix("set") { asksSets = true }
    }

    func wants(_ name: String) -> Bool {
        switch name {
        case "iptables", "tables", "filter": version == .v4
        case "ip6tables", "filter6": version == .v6
        case "addresses": true
        case "routes", "rules": isRouted || !isLocal
        case "sets": asksSets
        case "sysctl": !isLocal
        case "connections": isNewConnection && !stateIsGiven
        case "listeners": isDelivered
        default: true
        }
    }
}
