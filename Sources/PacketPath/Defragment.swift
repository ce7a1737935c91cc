internal import NetTypes
internal import PathModel
internal import RuleModel

extension Evaluator {
    /// Where conntrack is on, fragments are put together before the first rule.
    func defragmented(_ entering: __owned WalkState) -> WalkState {
        var state = consume entering
        if keepsFragments(state) { return state }
        if state.fragments != nil, let next = follower(of: state, keptBy: .conntrack) { return next }
        // What is not to be tracked, by a chain before this, is not put together either. Source:
        // net/ipv4/netfilter/nf_defrag_ipv4.c `ipv4_conntrack_defrag`, nf_defrag_ipv6_hooks.c, Linux 6.18.
        if case .untracked = state.connection { return state }
        if let end = apart(state, keptBy: .conntrack) { return end }
        switch gathering(state.packet) {
        case .passedBy: return state
        case .refused: return ended(state, .filtered, .badHeader)
        case .whole:
            state.packet.removeFragmentHeader()
            return state
        case .kept: return putTogether(state)
        }
    }

    /// The datagram that a fragment belongs to: the one that the request says it completes, or one of which only this
    /// fragment is known.
    func putTogether(_ entering: WalkState) -> WalkState {
        var state = entering
        state.record(.defragmentation)
        if let whole = state.fragments?.whole {
            state.packet = whole
            return state
        }
        if state.layer == 0, var whole = request.completes {
            state.isPutTogether = true
            // What rules did to the first fragment is the datagram's. Source: net/ipv4/inet_fragment.c
            // `inet_frag_reasm_prepare`, Linux 6.18.
            let first = entering.packet
            if first.fragmentOffset == 0 {
                (whole.mark, whole.ttl, whole.tos) = (first.mark, first.ttl, first.tos)
                if first.sourcePort != request.packet.sourcePort { whole.sourcePort = first.sourcePort }
                if first.destinationPort != request.packet.destinationPort {
                    whole.destinationPort = first.destinationPort
                }
            }
            state.packet = whole
            return state
        }
        if state.packet.fragmentOffset > 0 {
            // The first fragment carries the ports; this one does not tell them.
            state.packet.unknown.formUnion([.sourcePort, .destinationPort, .tcpFlags, .icmpType, .length])
        }
        // What the others carry is not known, and neither is the whole.
        if !state.packet.bytes.isEmpty {
            state.packet.bytes = []
            state.packet.unknown.formUnion([.payload, .otherHeaders, .length])
        }
        state.packet.fragmentOffset = 0
        state.packet.moreFragments = false
        return state
    }
}

/// What becomes of a packet where fragments are put together.
private enum Gathering {
    /// It goes on as it is, fragment or not.
    case passedBy
    /// No fragment, or one that is all of its packet.
    case whole
    /// It waits for the others.
    case kept
    case refused
}

/// Source: net/ipv6/netfilter/nf_conntrack_reasm.c `nf_ct_frag6_gather`, `nf_ct_frag6_queue`, `find_prev_fhdr`,
/// Linux 6.18.
private func gathering(_ packet: Packet) -> Gathering {
    let plain: Gathering = packet.isFragment ? .kept : .whole
    let bytes = packet.bytes
    guard packet.version == .v6, bytes.count > 40, bytes.count == Int(packet.length) else { return plain }
    guard let header = fragmentHeader(bytes) else { return .passedBy }
    if isTransportCut(bytes, fragmentHeader: header) { return .passedBy }
    guard header + 8 <= bytes.count else { return .refused }
    let word = Int(bytes[header + 2]) << 8 | Int(bytes[header + 3])
    let (offset, size) = (word & ~7, bytes.count - header - 8)
    if offset + size > 65535 { return .refused }
    // Others than the last are of whole units of 8 bytes.
    if word & 1 != 0, size & 7 != 0 { return .passedBy }
    return size == 0 ? .refused : plain
}

/// Where the first fragment header begins; it may be cut off.
private func fragmentHeader(_ bytes: [UInt8]) -> Int? {
    var kind = IPProtocol(bytes[6])
    var place = 40
    while kind != .fragment {
        guard kind.isExtensionHeader, place + 2 <= bytes.count else { return nil }
        let units = Int(bytes[place + 1])
        let next = IPProtocol(bytes[place])
        place += kind == .ah ? (units + 2) * 4 : (units + 1) * 8
        kind = next
    }
    return place <= bytes.count ? place : nil
}

/// Whether a first fragment has not all of its headers. One of which the extension headers are cut off counts as whole.
/// Source: include/net/ipv6_frag.h `ipv6frag_thdr_truncated`, Linux 6.18.
private func isTransportCut(_ bytes: [UInt8], fragmentHeader: Int) -> Bool {
    var kind = IPProtocol.fragment
    var place = fragmentHeader
    while kind.isExtensionHeader {
        guard place + (kind == .fragment ? 4 : 2) <= bytes.count else { return false }
        let next = IPProtocol(bytes[place])
        switch kind {
        case .fragment:
            if bytes[place + 2] != 0 || bytes[place + 3] & ~7 != 0 { return false }
            place += 8
        case .ah: place += (Int(bytes[place + 1]) + 2) * 4
        default: place += (Int(bytes[place + 1]) + 1) * 8
        }
        kind = next
    }
    switch kind {
    case .noNextHeader: return false
    case .tcp: return place + 20 > bytes.count
    case .udp, .icmpv6: return place + 8 > bytes.count
    default: return place + 1 > bytes.count
    }
}
