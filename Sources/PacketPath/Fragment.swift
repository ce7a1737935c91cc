internal import NetTypes
internal import PathModel
internal import RuleModel

/// A datagram that was put together here and leaves in the fragments it came in.
struct FragmentedDatagram: Hashable, Sendable {
    /// Who keeps fragments until all are there: each for itself.
    /// Source: include/net/ip.h `enum ip_defrag_users`, include/net/ipv6_frag.h, Linux 6.18.
    enum Keeper: Hashable, Sendable { case conntrack, host }

    var whole: Packet
    /// The connection that each fragment comes with.
    var connection: Connection
    /// The fragment that comes after the one that is on its way now.
    var follower: Packet?
    /// Who keeps the fragment before.
    var keeper: Keeper?
    /// How the fragment before ended, where it got nowhere.
    var lost: End?

    struct End: Hashable, Sendable {
        var outcome: Outcome
        var reason: Reason?
        var rejectWith: RejectWith?
    }
}

// What OUTPUT puts together is fragmented again behind POSTROUTING. Over lo each fragment comes back by itself, and what has
// an entry already is not put together before PREROUTING's rules: of IPv4 only what is not tracked, since NAT wants to see
// whole datagrams there. Chains before that see the fragments in any case.
// Source: net/ipv6/ip6_output.c `__ip6_finish_output`, `ip6_fragment`, net/ipv6/netfilter/nf_defrag_ipv6_hooks.c
// `ipv6_defrag`, net/ipv4/ip_output.c `__ip_finish_output`, net/ipv4/netfilter/nf_defrag_ipv4.c `ipv4_conntrack_defrag`,
// Linux 6.18; observed on Linux 6.18.
extension Evaluator {
    /// Whether the packet's fragments pass PREROUTING as they are.
    func keepsFragments(_ state: WalkState) -> Bool {
        guard state.isLoopedBack else { return false }
        switch state.connection {
        case .none, .invalid: return false
        case .untracked: return true
        case .entry: return state.packet.version == .v6
        }
    }

    private func hasChainsOfFragments(_ version: IPVersion) -> Bool {
        guard let first = model.compiled.plan(version, .prerouting).first else { return false }
        return first != .defragment
    }

    /// A datagram on its way over lo as the first of its fragments, where it was put together from two.
    func fragmentedAgain(_ entering: WalkState) -> WalkState {
        guard entering.isPutTogether, entering.layer == 0, !entering.packet.isFragment,
            keepsFragments(entering) || entering.isLoopedBack && hasChainsOfFragments(entering.packet.version),
            let bytes = entering.packet.currentBytes, var size = firstFragmentSize
        else { return entering }
        let version = entering.packet.version
        let headers = version == .v4 ? 20 : 40
        let body = bytes.count - headers
        guard size > 0, size < body, size % 8 == 0 else { return entering }
        if !isTooLong(version, body, size) { return entering }
        var state = entering
        state.isPutTogether = false
        state.isInOnePiece = false
        if entering.isInOnePiece {
            size = longestFragment(version, max(size, body - size))
            if size >= body {
                if version == .v6 { state.packet = fragment(of: entering.packet, bytes, 0..<body) ?? entering.packet }
                return state
            }
        }
        guard let first = fragment(of: entering.packet, bytes, 0..<size),
            let second = fragment(of: entering.packet, bytes, size..<body)
        else { return entering }
        state.fragments = FragmentedDatagram(
            whole: entering.packet, connection: entering.connection, follower: second)
        state.packet = first
        return state
    }

    /// None is longer than the longest that came. An IPv4 datagram is fragmented in any case.
    private func isTooLong(_ version: IPVersion, _ body: Int, _ size: Int) -> Bool {
        version == .v4 || body > max(size, body - size) + 8
    }

    /// Bytes behind the headers in each fragment but the last of what lies in one piece, of which the longest that came
    /// had `longest`. Source: net/ipv4/ip_output.c `ip_do_fragment`, net/ipv6/ip6_output.c `ip6_fragment`, Linux 6.18.
    private func longestFragment(_ version: IPVersion, _ longest: Int) -> Int {
        let leastOfLink = 1280
        return (version == .v4 ? longest : max(longest, leastOfLink - 48)) & ~7
    }

    /// Whether the copy that this host gets of what it sends to a group is put together from fragments again, and has its
    /// bytes for itself then. Source: net/ipv4/inet_fragment.c `inet_frag_reasm_prepare`, Linux 6.18.
    func isPutTogetherAgain(_ copy: WalkState) -> Bool {
        guard copy.isPutTogether, !keepsFragments(copy), let size = firstFragmentSize,
            let bytes = copy.packet.currentBytes
        else { return false }
        return isTooLong(copy.packet.version, bytes.count - (copy.packet.version == .v4 ? 20 : 40), size)
    }

    /// Bytes that the first of the two fragments carries.
    private var firstFragmentSize: Int? {
        let packet = request.packet
        guard packet.isFragment else { return nil }
        if packet.fragmentOffset > 0 { return Int(packet.fragmentOffset) * 8 }
        return packet.bytes.isEmpty ? nil : packet.bytes.count - (packet.version == .v4 ? 20 : 48)
    }

    private func fragment(of whole: Packet, _ bytes: [UInt8], _ part: Range<Int>) -> Packet? {
        let isV4 = whole.version == .v4
        let headers = isV4 ? 20 : 40
        let isLast = headers + part.upperBound == bytes.count
        var result = Array(bytes[..<headers])
        func put(_ value: Int, at place: Int) {
            (result[place], result[place + 1]) = (UInt8(value >> 8 & 255), UInt8(value & 255))
        }
        if isV4 {
            put(headers + part.count, at: 2)
            put(Int(bytes[6] & 0xc0) << 8 | (isLast ? 0 : 0x2000) | part.lowerBound / 8, at: 6)
        } else {
            put(8 + part.count, at: 4)
            result[6] = 44
            // The kernel draws another number (net/ipv6/output_core.c `ipv6_select_ident`): that a rule asks for the very
            // one is left aside.
            result += [bytes[6], 0, 0, 0, 0x9e, 0x37, 0x79, 0xb9]
            put(part.lowerBound | (isLast ? 0 : 1), at: 42)
        }
        result += bytes[headers + part.lowerBound..<headers + part.upperBound]
        guard var packet = Packet(decoding: result.span) else { return nil }
        packet.bytes = result
        (packet.mark, packet.priority, packet.packetType) = (whole.mark, whole.priority, whole.packetType)
        (packet.userID, packet.groupID, packet.hasSocket) = (whole.userID, whole.groupID, whole.hasSocket)
        if part.lowerBound == 0 { packet.sourcePortChoices = whole.sourcePortChoices }
        packet.unknown.formUnion(whole.unknown)
        return packet
    }

    /// Where `keeper` has one fragment and another the one before, they never meet: one of them is not tracked.
    /// Observed on Linux 6.18.
    func apart(_ state: WalkState, keptBy keeper: FragmentedDatagram.Keeper) -> WalkState? {
        guard let before = state.fragments?.keeper, before != keeper, state.packet.isFragment else { return nil }
        return ended(state, .filtered, .fragmentsApart)
    }

    /// The fragment after the one that has come to its end, or `nil` where there is none.
    ///
    /// - Parameter keeper: who keeps the one before; `nil` where it got nowhere.
    func follower(of entering: WalkState, keptBy keeper: FragmentedDatagram.Keeper? = nil) -> WalkState? {
        guard var fragments = entering.fragments, let next = fragments.follower else { return nil }
        var state = entering
        if let outcome = entering.outcome {
            fragments.lost = .init(outcome: outcome, reason: entering.reason, rejectWith: entering.rejectWith)
            (state.outcome, state.reason, state.rejectWith) = (nil, nil, nil)
        } else {
            // What rules did to the first fragment is the datagram's.
            let packet = entering.packet
            (fragments.whole.mark, fragments.whole.ttl, fragments.whole.tos) = (packet.mark, packet.ttl, packet.tos)
            state.record(.defragmentation)
        }
        // What rules made of the first one's is not this one's, but for an entry, which both have.
        switch fragments.connection {
        case .entry: break
        case .none, .invalid: state.connection = .none
        case .untracked: state.connection = .untracked
        }
        fragments.follower = nil
        fragments.keeper = keeper
        state.fragments = fragments
        state.packet = next
        state.round += 1
        // Each came back over lo; NAT may have given the one before another way since.
        state.isLoopedBack = true
        state.hasVerifiedChecksum = false
        state.position = .hook(.prerouting, step: 0)
        return atIngress(state, of: state.arrival) ?? state
    }

    /// The end of a datagram of which a fragment got nowhere.
    func withLostFragment(_ entering: WalkState) -> WalkState {
        guard let lost = entering.fragments?.lost, entering.position == .ended else { return entering }
        var state = entering
        (state.outcome, state.reason, state.rejectWith) = (lost.outcome, lost.reason, lost.rejectWith)
        return state
    }
}
