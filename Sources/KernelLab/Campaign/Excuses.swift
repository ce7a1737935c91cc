internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What a packet did otherwise than this program told.
struct Difference {
    var texts: [String]
    var packet: LabPacket
    var seen: Observation
    var trace: Trace
    /// Whether the packet is the fragment that completes a datagram.
    var completesFragments: Bool
    /// Whether it is the first packet that meets these rules.
    var isFirst: Bool

    func isAll(_ beginnings: String...) -> Bool {
        texts.allSatisfy { text in beginnings.contains { text.hasPrefix($0) } }
    }
}

extension Judge {
    /// Why a difference says nothing about this program: something had a part in it that the comparison does not see. Each
    /// is as narrow as what it stands for.
    func excuse(for difference: Difference) -> String? {
        let (packet, seen, trace) = (difference.packet, difference.seen, difference.trace)
        // Of all families this one meets ARP too.
        let chains = model.linked.baseChains(.v4, .ingress) + model.linked.baseChains(.v4, .egress)
        let keepsNeighboursOut = chains.contains { model.linked.table(of: $0).family == .netdev }
        if keepsNeighboursOut, difference.texts.contains(where: { $0.hasPrefix("nothing left") }) {
            return "rules of devices may keep a neighbour's answer out"
        }
        // Source: net/ipv6/netfilter/nf_defrag_ipv6_hooks.c `nf_ct6_defrag_user`, Linux 6.18.
        if difference.completesFragments, setsZone(trace) {
            return "fragments that rules put in other zones are put together apart"
        }
        // What holds conntrack on lets go of it some time after its rules are gone.
        if difference.isFirst, packet.packet.isFragment, seen.steps.isEmpty, seen.policies.isEmpty,
            seen.outcome == .gone(after: .prerouting) || seen.outcome == .gone(after: .output)
        {
            return "conntrack of the rules before may have kept a fragment still"
        }
        if mayLoseConnection(difference) { return "a copy that got an entry of its own may have taken the packet's" }
        if seen.hasCopies, seen.hasOthers, difference.isAll("mark: ") || !seen.answers.isEmpty {
            return "an error about a copy may have marked the packet's connection"
        }
        // What was sent in a group's name: by which way its answer reaches the group hangs on the bridge's neighbours.
        if ways(of: trace).contains(where: { answersGroup($0, packet) }) {
            return "an answer to a group goes round on a bridge"
        }
        let asksForPorts = model.routes(packet.packet.version).rules.contains {
            $0.protocol != nil || $0.sourcePorts != nil || $0.destinationPorts != nil
        }
        if packet.arrival == .host, asksForPorts, ways(of: trace).count > 1, difference.isAll("out: ") {
            return "a raw socket's packet is first routed without its ports, and perhaps not again"
        }
        let isToGroup = packet.packet.version == .v6 && packet.packet.destination.isMulticast
        if difference.completesFragments, packet.arrival == .host, isToGroup,
            difference.isAll("packet source", "packet destination")
        {
            return "a copy of what was put together shares bytes with the first fragment"
        }
        return nil
    }

    /// Whether a copy by TEE may have left before the packet with a connection like the packet's, which the packet's is
    /// then refused for: `ct zone set` in OUTPUT has copies tracked after all.
    /// Source: net/netfilter/nft_ct.c `nft_ct_set_zone_eval`, nf_conntrack_core.c `nf_ct_resolve_clash`, Linux 6.18.
    private func mayLoseConnection(_ difference: Difference) -> Bool {
        let isGone =
            difference.seen.outcome == .gone(after: .postrouting) || difference.isAll("nothing left")
        return isGone && setsZone(difference.trace)
            && targets(of: difference.trace.steps).contains {
                if case .tee = $0 { return true }
                return false
            }
    }

    private func setsZone(_ trace: Trace) -> Bool {
        targets(of: trace.steps).contains {
            if case .native(.assign(.connection(.zone, _), _)) = $0 { return true }
            return false
        }
    }

    /// Whether a packet of IPv6 from a bridge's port goes to a group by what a reply is translated to.
    private func answersGroup(_ way: Way, _ packet: LabPacket) -> Bool {
        guard case .wire(let name) = packet.arrival, let port = model.names.find(name),
            model.interface(port)?.master != nil
        else { return false }
        return packet.packet.version == .v6 && !packet.packet.destination.isMulticast
            && way.end.last?.packet.destination.isMulticast == true
    }
}
