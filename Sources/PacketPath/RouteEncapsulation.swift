internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Routes that put what they lead on into something else (`encap …`), which is not followed: whether it gets on is open.
// Source: net/core/lwtunnel.c, net/ipv6/seg6_iptunnel.c `seg6_build_state`, net/mpls/mpls_iptunnel.c
// `mpls_build_state`, Linux 6.18; observed there.
extension Evaluator {
    /// Instead of what stands behind a routing decision, FORWARD first: it sees the outer packet alone. `nil` where the
    /// packet goes on as it is.
    func encapsulatedEarly(_ state: WalkState) -> [WalkState]? {
        guard let kind = encapsulation(state), kind != "mpls" else { return nil }
        return carried(state, kind)
    }

    /// Behind POSTROUTING.
    func encapsulatedLate(_ state: WalkState) -> [WalkState]? {
        encapsulation(state).map { carried(state, $0) }
    }

    /// What the packet's route puts it into, but for the tunnel that its device makes of what the route says.
    private func encapsulation(_ state: WalkState) -> String? {
        guard state.isEncapsulating, let hops = state.route?.route?.nextHops else { return nil }
        let own = hops.first { $0.interface == state.routeInterface && $0.gateway == state.routeNextHop }
        guard let words = (own ?? hops.first)?.encapsulation, words != .empty else { return nil }
        // `encap seg6 mode …`
        let parts = names.text(words).utf8.split(separator: UInt8(ascii: " "))
        guard let first = parts.dropFirst().first else { return nil }
        let kind = String(decoding: Array(first), as: UTF8.self)
        return kind == "ip" || kind == "ip6" ? nil : kind
    }

    private func carried(_ state: WalkState, _ kind: String) -> [WalkState] {
        let unknown = Unknown(
            "encapsulation@\(kind)",
            whenYes: "what the route puts the packet into (encap \(kind)), which is not followed, gets on",
            whenNo: "what the route puts the packet into (encap \(kind)), which is not followed, is lost")
        return decide(unknown, state).map { isCarried, way in
            if !isCarried { return ended(way, .filtered, .unknownRule) }
            var way = way
            // By what link the outer packet leaves is not followed.
            way.route = RoutingStep(type: .unicast, table: 0, isKnown: false)
            way.outcome = way.isLocal ? .sent : .forwarded
            way.position = .ended
            return way
        }
    }
}
