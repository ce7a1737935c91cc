internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel

extension Evaluator {
    /// Source: net/netfilter/xt_ipvs.c, Linux 6.18. The connection is found only between IPVS, which has given the packet
    /// its server's address, and SNAT: an answer that has its virtual address back is of none.
    func testIPVS(_ match: IPVSMatch, _ state: WalkState, _ rule: RuleReference) -> Answer {
        let asksMore =
            match.protocol != nil || match.address != nil || match.port != nil || match.direction != nil
            || match.method != nil || match.controlPort != nil
        let wantsIPVS = match.isIPVS.map { $0.value != $0.isNegated } ?? true
        if model.host.virtualServices != nil {
            if !asksMore { return Answer(state.isOfIPVS == wantsIPVS) }
            return state.isOfIPVS ? testVirtualConnection(match, state, rule) : .no
        }
        guard hasDecider(.ipvs) else { return Answer(!asksMore && !wantsIPVS) }
        if !asksMore {
            return .negate(
                perhaps(
                    "ipvs", of: rule, "the packet belongs to an IPVS connection",
                    "the packet does not belong to an IPVS connection"), if: !wantsIPVS)
        }
        return perhaps(
            "ipvs", of: rule, "the packet belongs to an IPVS connection as the rule asks",
            "the packet does not belong to an IPVS connection as the rule asks")
    }

    private func testVirtualConnection(_ match: IPVSMatch, _ state: WalkState, _ rule: RuleReference) -> Answer {
        let packet = state.packet
        if let test = match.protocol, (test.value.number == packet.protocol) == test.isNegated { return .no }
        guard let connection = state.virtualConnection, connection.isPassed(from: packet, isReply: false) else {
            return .no
        }
        if let port = match.port, (port.value == connection.port) == port.isNegated { return .no }
        if let direction = match.direction {
            guard case .entry(let tracked) = state.connection, tracked.direction == direction else { return .no }
        }
        if let method = match.method, (method.value == connection.method.number) == method.isNegated { return .no }
        if let address = match.address, address.value.contains(connection.address) == address.isNegated { return .no }
        guard let control = match.controlPort else { return .yes }
        // Only a persistent service's connections have one that controls them.
        guard connection.isPersistent else { return Answer(control.isNegated) }
        return .negate(Answer(control.value == connection.port), if: control.isNegated)
    }
}
