internal import RuleModel

extension TraceEvent {
    var key: ChainKey { ChainKey(family, table, chain) }

    var station: ProbeTable.Station? { ProbeTable.station(self) }

    /// Whether a rule or a policy ended the packet.
    var isDrop: Bool { verdict == .drop || kind == .policy && policy == .drop }

    /// `nil` where the event tells none.
    var header: IPHeader? { network.isEmpty ? nil : IPHeader(network + transport) }
}

extension [TraceEvent] {
    /// `nil` where nothing is left.
    var beforeEgress: [TraceEvent]? {
        let rest = filter { $0.family != .netdev }
        return rest.isEmpty ? nil : rest
    }
}

extension ProbeTable.Station {
    func isLast(of hook: Hook) -> Bool { isLast && self.hook == hook }
}
