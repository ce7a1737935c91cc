internal import NetTypes
internal import PathModel
internal import RuleModel

/// What of an IPv6 header rules may have changed since a packet was summed up, beside addresses.
struct SummedHeader: Hashable, Sendable {
    private var ttl: UInt8
    private var tos: UInt8

    init(_ packet: Packet) { (ttl, tos) = (packet.ttl, packet.tos) }
}

extension Evaluator {
    /// NAT drops an error about a connection where its checksum is wrong, as DNPT makes it where it meets another prefix
    /// than its own. It asks what nobody has summed up: what is sent from here, and what comes in where conntrack asks no
    /// checksums. Else it goes by conntrack's sum over the whole packet, which tells of no other addresses, but is no use
    /// where rules changed another field of an IPv6 header: then NAT sums up itself, and what is passed on once more.
    /// Source: net/netfilter/nf_nat_proto.c `nf_nat_icmpv6_reply_translation`, net/netfilter/utils.c `nf_ip6_checksum`,
    /// net/core/skbuff.c `__skb_checksum_complete`, include/linux/skbuff.h `skb_forward_csum`, Linux 6.18.
    func isErrorWithWrongSum(_ tracked: TrackedConnection, _ state: inout WalkState) -> Bool {
        guard tracked.state == .related, state.packet.protocol.isICMP else { return false }
        let hasDrifted = state.checksumDrift != 0 && state.checksumDrift != .max
        switch state.context.hook {
        case .output: if hasDrifted { return true }
        case .prerouting:
            let isUnasked = state.round == 0 && model.sysctl("net.netfilter.nf_conntrack_checksum") == 0
            // An answer is a packet of its own.
            let (given, now) = (state.history.steps.first?.view.packet ?? request.packet, state.packet)
            let isOther = now.version == .v6 && (given.ttl != now.ttl || given.tos != now.tos)
            guard isUnasked || isOther else { return false }
            state.summedAgain = SummedHeader(now)
            if hasDrifted { return true }
        case .input, .postrouting:
            // Whose quoted SCTP was summed up before is summed up itself once more.
            let isAsked = tracked.isTranslated(.destination) && quotesWholeSCTP(state.packet)
            // What is for this host goes by the last sum, too, where its header is as it was then.
            let isPassedOn = state.context.hook == .postrouting
            let isAgain = state.summedAgain.map { isPassedOn || $0 != SummedHeader(state.packet) } ?? false
            guard isAsked || isAgain else { return false }
            if hasDrifted { return true }
        case .forward, .ingress, .egress: return false
        }
        return TransportCheck(state.packet, verifiesChecksum: true)?.isRefused == true
    }

    /// Whether an error quotes all of a header of SCTP: NAT sums that up, and takes the error for one that nobody has
    /// summed up. Source: net/netfilter/nf_nat_proto.c `sctp_manip_pkt`, Linux 6.18.
    private func quotesWholeSCTP(_ packet: Packet) -> Bool {
        guard packet.version == .v6, !packet.unknown.contains(.payload), let quoted = QuotedPacket(packet),
            quoted.tuple.protocol == .sctp, let bytes = packet.currentBytes
        else { return false }
        return quoted.offset + quoted.layout.transport.offset + 12 <= bytes.count
    }
}
