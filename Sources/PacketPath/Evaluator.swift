internal import ChainGraph
internal import NetTypes
public import PathModel
internal import RuleModel
internal import SourceText

/// Follows one packet through a host's model. The only evaluator: what explains, records what this does.
final class Evaluator: Sendable {
    let model: HostModel
    let request: TraceRequest
    /// The connection table in force: the host's, or that of the flows before.
    let connections: ConnectionIndex
    /// What packets before did to sets.
    let setChanges: SetChanges
    /// Connections of IPVS that packets before made.
    let virtualConnections: [VirtualConnection]

    init(
        model: HostModel, request: TraceRequest, connections: ConnectionIndex, setChanges: SetChanges = SetChanges(),
        virtualConnections: [VirtualConnection] = []
    ) {
        self.model = model
        self.request = request
        self.connections = connections
        self.setChanges = setChanges
        self.virtualConnections = virtualConnections
    }

    var names: NameTable { _read { yield model.names } }

    /// The rule as names of unknowns cite it: `filter/INPUT:3`.
    func cite(_ rule: RuleReference) -> String { "\(model.linked.path(of: rule.chain)):\(rule.index + 1)" }

    /// A field of the packet that is not known, as an unknown that a rule asks.
    func unknownField(_ field: String, _ rule: RuleReference, _ sentence: String) -> Answer {
        .perhaps(
            Unknown(
                "\(field)@\(cite(rule))", whenYes: "\(sentence), as \(cite(rule)) asks",
                whenNo: "not \(sentence), as \(cite(rule)) asks"))
    }
}

/// Follows `request` through `model`.
///
/// - Parameters:
///   - connections: the connection table in force, for `--flows`; `nil` for the host's own.
///   - setChanges: what packets before did to sets, for `--flows`.
///   - virtualConnections: connections of IPVS that packets before made, for `--flows`.
public func trace(
    _ request: TraceRequest, on model: HostModel, connections: ConnectionIndex? = nil,
    setChanges: SetChanges = SetChanges(), virtualConnections: [VirtualConnection] = []
) -> Trace {
    Evaluator(
        model: model, request: request, connections: connections ?? model.connections, setChanges: setChanges,
        virtualConnections: virtualConnections
    ).run()
}
