internal import NetTypes
internal import RuleModel
internal import SourceText

// Matches on a packet's connection, its socket and what is remembered of its sender.
// Source of every layout: include/uapi/linux/netfilter/xt_NAME.h, Linux 6.18.
extension XtablesData {
    /// `struct xt_conntrack_mtinfo1` to 3: eight addresses and masks, then numbers; revision 3 has ranges of ports.
    func conntrack() -> Match? {
        guard fits(revision == 3 ? 164 : revision == 2 ? 156 : 152) else { return nil }
        let flags = half(146)
        let inverted = half(148)
        guard flags & ~0x3fff == 0 else { return nil }
        /// Whether the option is there, and its sense.
        func option<Value>(_ bit: UInt16, _ value: Value) -> Negatable<Value>? {
            flags & bit == 0 ? nil : Negatable(value, isNegated: inverted & bit != 0)
        }
        func ports(_ bit: UInt16, _ first: Int, _ last: Int) -> Negatable<PortRange>? {
            guard revision == 3 else { return option(bit, PortRange(half(bigEndian: first))) }
            return option(bit, PortRange(half(first), half(last)))
        }
        let isWide = revision > 1
        guard let states = states(isWide ? half(150) : UInt16(byte(150)), snat: 0x40, dnat: 0x80, untracked: 0x100),
            let status = UInt8(exactly: isWide ? half(152) : UInt16(byte(151))),
            let number = UInt8(exactly: half(136))
        else { return nil }
        // `-m state`, which the kernel has no match of its own for any more.
        if flags == 0x2001 {
            let known = states.isDisjoint(with: [.snat, .dnat])
            return known && !states.isEmpty ? .state(negatable(states, inverted & 1 != 0)) : nil
        }
        var match = ConntrackMatch()
        match.state = option(0x0001, states)
        match.protocol = option(0x0002, ProtocolTest(IPProtocol(number)))
        guard let originalSource = addressMask(0, mask: 16), let originalDestination = addressMask(32, mask: 48),
            let replySource = addressMask(64, mask: 80), let replyDestination = addressMask(96, mask: 112)
        else { return nil }
        match.originalSource = option(0x0004, originalSource)
        match.originalDestination = option(0x0008, originalDestination)
        match.replySource = option(0x0010, replySource)
        match.replyDestination = option(0x0020, replyDestination)
        match.status = option(0x0040, ConnectionStatus(rawValue: status))
        match.expires = option(0x0080, words(128))
        match.originalSourcePort = ports(0x0100, 138, 154)
        match.originalDestinationPort = ports(0x0200, 140, 156)
        match.replySourcePort = ports(0x0400, 142, 158)
        match.replyDestinationPort = ports(0x0800, 144, 160)
        if flags & 0x1000 != 0 { match.direction = inverted & 0x1000 == 0 ? .original : .reply }
        guard match != ConntrackMatch(), match.state == nil || !states.isEmpty,
            match.status == nil || status & ~0x0f == 0
        else { return nil }
        return .conntrack(match)
    }

    /// `struct xt_state_info`, of kernels before 3.
    func state() -> Match? {
        guard fits(4), let mask = UInt16(exactly: word(0)),
            let states = states(mask, snat: 0, dnat: 0, untracked: 0x40), !states.isEmpty
        else { return nil }
        return .state(.is(states))
    }

    /// Bits of `XT_CONNTRACK_STATE_…`: the first four are invalid and `1 << (IP_CT_… + 1)`.
    private func states(_ mask: UInt16, snat: UInt16, dnat: UInt16, untracked: UInt16) -> ConnectionStates? {
        let bits: [(UInt16, ConnectionStates)] = [
            (1, .invalid), (2, .established), (4, .related), (8, .new), (snat, .snat), (dnat, .dnat),
            (untracked, .untracked),
        ]
        var result: ConnectionStates = []
        var rest = mask
        for (bit, state) in bits where mask & bit != 0 {
            result.insert(state)
            rest &= ~bit
        }
        return rest == 0 ? result : nil
    }

    /// `struct xt_connmark_mtinfo1`, and xt_mark's, which is the same.
    func markTest() -> Negatable<MaskedWord>? {
        guard fits(12) else { return nil }
        return negatable(MaskedWord(word(0), mask: word(4)), isSet(8))
    }

    /// `struct xt_connbytes_info`: the ends are swapped where it is negated.
    func connectionBytes() -> Match? {
        guard fits(24) else { return nil }
        let modes: [ConnectionBytesMatch.Mode] = [.packets, .bytes, .averagePacket]
        let directions: [ConnectionBytesMatch.Direction] = [.original, .reply, .both]
        guard byte(16) < 3, byte(17) < 3 else { return nil }
        let (from, to) = (long(0), long(8))
        var match = ConnectionBytesMatch()
        match.range = negatable(NumberRange(min(from, to), max(from, to)), from > to)
        match.mode = modes[Int(byte(16))]
        match.direction = directions[Int(byte(17))]
        return .connectionBytes(match)
    }

    /// `struct xt_connlabel_mtinfo`
    func connectionLabel() -> Match? {
        let options = half(2)
        guard fits(4), half(0) < 128, options & ~3 == 0 else { return nil }
        var match = ConnectionLabelMatch()
        match.label = negatable(half(0), options & 1 != 0)
        match.sets = options & 2 != 0
        return .connectionLabel(match)
    }

    /// `struct xt_connlimit_info`
    func connectionLimit() -> Match? {
        let flags = word(20)
        guard fits(32), let length = address(0).maskLength, revision == 0 || flags & ~3 == 0 else { return nil }
        var match = ConnectionLimitMatch()
        match.isUpTo = revision == 0 ? flags != 0 : flags & 1 != 0
        match.countsDestination = revision > 0 && flags & 2 != 0
        match.limit = word(16)
        match.maskLength = length
        return .connectionLimit(match)
    }

    /// `struct xt_helper_info`
    func helper(_ names: inout NameTable) -> Match? {
        guard fits(36) else { return nil }
        return .helper(negatable(symbol(4, 30, &names), word(0) != 0))
    }

    /// `struct xt_cluster_match_info`
    func cluster() -> Match? {
        guard fits(16), word(12) & ~1 == 0 else { return nil }
        var match = ClusterMatch()
        match.totalNodes = word(0)
        match.localNodeMask = negatable(word(4), word(12) != 0)
        match.hashSeed = word(8)
        return .cluster(match)
    }

    /// `struct xt_ipvs_mtinfo`
    func ipvs() -> Match? {
        let flags = byte(39)
        let inverted = byte(38)
        guard fits(40), flags & 0x80 == 0, flags != 0, let address = addressMask(0, mask: 16) else { return nil }
        func option<Value>(_ bit: UInt8, _ value: Value) -> Negatable<Value>? {
            flags & bit == 0 ? nil : Negatable(value, isNegated: inverted & bit != 0)
        }
        var match = IPVSMatch()
        match.protocol = option(0x02, ProtocolTest(IPProtocol(byte(34))))
        match.address = option(0x04, address)
        match.port = option(0x08, half(bigEndian: 32))
        if flags & 0x10 != 0 { match.direction = inverted & 0x10 == 0 ? .original : .reply }
        match.method = option(0x20, byte(35))
        match.controlPort = option(0x40, half(bigEndian: 36))
        // Every other option asks for it too.
        if flags == 0x01 || inverted & 0x01 != 0 { match.isIPVS = option(0x01, true) }
        return .ipvs(match)
    }

    /// `struct xt_recent_mtinfo`, and `_v1` with a mask.
    func recent(_ names: inout NameTable) -> Match? {
        guard fits(revision == 0 ? 212 : 228) else { return nil }
        var match = RecentMatch()
        let flags = byte(8)
        let operation: RecentMatch.Operation
        switch flags & 0x0f {
        case 0x01: operation = .check
        case 0x02: operation = .set
        case 0x04: operation = .update
        case 0x08: operation = .remove
        default: return nil
        }
        guard flags & ~0x3f == 0, byte(210) < 2 else { return nil }
        match.operation = negatable(operation, isSet(9))
        match.comparesTTL = flags & 0x10 != 0
        match.reap = flags & 0x20 != 0
        match.seconds = word(0)
        match.hitCount = word(4)
        match.name = symbol(10, 200, &names)
        match.usesDestination = byte(210) == 1
        match.mask = revision == 0 ? IPPrefix.mask(version, length: UInt8(version.addressBits)) : address(212)
        return .recent(match)
    }

    /// `struct xt_socket_mtinfo1` to 3; revision 0 has none.
    func socket() -> Match? {
        guard revision == 0 || fits(1) else { return nil }
        let flags = revision == 0 ? 0 : byte(0)
        guard flags & ~7 == 0 else { return nil }
        var match = SocketMatch()
        match.transparent = flags & 1 != 0
        match.noWildcard = flags & 2 != 0
        match.restoresMark = flags & 4 != 0
        return .socket(match)
    }

    /// `struct xt_owner_match_info`
    func owner() -> Match? {
        let flags = byte(16)
        let inverted = byte(17)
        guard fits(20), flags & ~0x0f == 0, flags != 0 else { return nil }
        var match = OwnerMatch()
        if flags & 1 != 0 { match.user = negatable(words(0), inverted & 1 != 0) }
        if flags & 2 != 0 { match.group = negatable(words(8), inverted & 2 != 0) }
        if flags & 4 != 0 { match.socketExists = negatable(true, inverted & 4 != 0) }
        match.includesSupplementaryGroups = flags & 8 != 0
        return .owner(match)
    }
}
