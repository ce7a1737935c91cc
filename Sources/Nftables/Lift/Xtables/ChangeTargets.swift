internal import NetTypes
internal import RuleModel
internal import SourceText

// Targets that change a packet or its connection.
// Source of every layout: include/uapi/linux/netfilter/xt_NAME.h, netfilter_ipv4/ipt_NAME.h, netfilter_ipv6/ip6t_NAME.h,
// Linux 6.18.
extension XtablesData {
    /// `struct xt_mark_tginfo2`
    func setMark() -> Target? {
        guard fits(8) else { return nil }
        return .mark(MarkOperation(MaskedWord(word(0), mask: word(4))))
    }

    /// `struct xt_connmark_tginfo1`, and 2 with a shift.
    func setConnectionMark() -> Target? {
        let isShifting = revision == 2
        guard fits(isShifting ? 15 : 13) else { return nil }
        var target = ConnectionMarkTarget()
        switch byte(isShifting ? 14 : 12) {
        case 0:
            target.operation = .set
            target.value = word(0)
            target.connectionMask = word(4)
        case 1, 2:
            target.operation = byte(isShifting ? 14 : 12) == 1 ? .save : .restore
            target.connectionMask = word(4)
            target.packetMask = word(8)
        default: return nil
        }
        if isShifting {
            guard byte(12) < 2, byte(13) < 32 else { return nil }
            target.shift = byte(12) == 0 ? Int8(byte(13)) : -Int8(byte(13))
        }
        return .connectionMark(target)
    }

    /// `struct xt_ct_target_info`, and `_v1` (revisions 1 and 2) with a timeout policy, of which the kernel hands out
    /// the first four bytes.
    func connectionTracking(_ names: inout NameTable) -> Target? {
        let flags = half(0)
        guard fits(revision == 0 ? 40 : 72), flags & ~0x1f == 0 else { return nil }
        // `-j NOTRACK`
        if flags & 0x02 != 0 { return .notrack }
        var target = CTTarget()
        target.notrack = flags & 0x01 != 0
        target.helper = symbol(12, 16, &names)
        if revision > 0 { target.timeout = symbol(28, 32, &names) }
        target.events = events(word(4), connectionEvents, &names)
        target.expectedEvents = events(word(8), ["new"], &names)
        target.zoneFromMark = flags & 0x10 != 0
        if half(2) != 0 { target.zone = half(2) }
        if target.zone != nil || target.zoneFromMark {
            switch flags & 0x0c {
            case 0x04: target.zoneDirection = .original
            case 0x08: target.zoneDirection = .reply
            default: break
            }
        }
        return .ct(target)
    }

    /// Bits as names between commas; those that iptables has no name for it leaves out too.
    private func events(_ mask: UInt32, _ known: [StaticString], _ names: inout NameTable) -> Symbol {
        var text = ""
        for (bit, name) in known.enumerated() where mask >> UInt32(bit) & 1 != 0 {
            if !text.isEmpty { text += "," }
            text += name.description
        }
        return names.intern(text)
    }

    /// `struct xt_connsecmark_target_info`
    func connectionSecurityMark() -> Target? {
        guard fits(1) else { return nil }
        switch byte(0) {
        case 1: return .connectionSecurityMark(.save)
        case 2: return .connectionSecurityMark(.restore)
        default: return nil
        }
    }

    /// `struct xt_secmark_target_info`, `_v1`
    func securityMark(_ names: inout NameTable) -> Target? {
        guard fits(264), byte(0) == 1 else { return nil }
        return .securityMark(symbol(revision == 0 ? 8 : 1, 256, &names))
    }

    /// `struct xt_classify_target_info`
    func classify() -> Target? { fits(4) ? .classify(word(0)) : nil }

    /// `struct xt_CHECKSUM_info`
    func checksum() -> Target? { fits(1) && byte(0) == 1 ? .checksumFill : nil }

    /// `struct xt_DSCP_info`
    func setDSCP() -> Target? { fits(1) && byte(0) < 64 ? .dscp(byte(0)) : nil }

    /// `struct xt_tos_target_info`
    func setTOS() -> Target? { fits(2) ? .tos(MaskedByte(byte(0), mask: byte(1))) : nil }

    /// `struct ipt_TTL_info` and `struct ip6t_HL_info`
    func setTimeToLive(_ version: IPVersion) -> Target? {
        let operations: [TimeToLiveTarget.Operation] = [.set, .increase, .decrease]
        guard fits(2), byte(0) < 3, version == self.version else { return nil }
        return .timeToLive(TimeToLiveTarget(version, operations[Int(byte(0))], byte(1)))
    }

    /// `struct ipt_ECN_info`
    func setECN() -> Target? {
        let flags = byte(0)
        guard fits(3), flags & ~0x31 == 0, flags != 0, byte(1) < 4 else { return nil }
        var target = ECNTarget()
        if flags & 0x01 != 0 { target.ect = byte(1) }
        if flags & 0x10 != 0 { target.ece = isSet(2, field: 0) }
        if flags & 0x20 != 0 { target.cwr = isSet(2, field: 1) }
        return .ecn(target)
    }

    /// `struct xt_tcpmss_info`
    func setSegmentSize() -> Target? {
        guard fits(2) else { return nil }
        return .tcpMSS(half(0) == .max ? .clampToPathMTU : .set(half(0)))
    }

    /// `struct xt_tcpoptstrip_target_info`: a bit for each option in eight words.
    func stripOptions() -> Target? {
        guard fits(32) else { return nil }
        var options: [UInt8] = []
        for option in 0..<256 where word(option / 32 * 4) >> UInt32(option % 32) & 1 != 0 {
            options.append(UInt8(option))
        }
        return .tcpOptionStrip(options)
    }

    /// `struct xt_hmark_info`; ports and SPIs lie there highest byte first.
    func hashMark() -> Target? {
        let flags = word(40)
        guard fits(60), flags & ~0x7fff == 0, word(52) != 0 else { return nil }
        /// Whether the part is there, by its number in `XT_HMARK_…`.
        func part<Value>(_ number: UInt32, _ value: Value) -> Value? { flags >> number & 1 != 0 ? value : nil }
        var target = HMarkTarget()
        if flags & 1 != 0 {
            guard let length = address(0).maskLength else { return nil }
            target.sourcePrefix = length
        }
        if flags & 2 != 0 {
            guard let length = address(16).maskLength else { return nil }
            target.destinationPrefix = length
        }
        target.spi = part(2, word(bigEndian: 36))
        target.spiMask = part(3, word(bigEndian: 32))
        target.sourcePort = part(4, half(bigEndian: 36))
        target.destinationPort = part(5, half(bigEndian: 38))
        target.sourcePortMask = part(6, half(bigEndian: 32))
        target.destinationPortMask = part(7, half(bigEndian: 34))
        target.protocolMask = part(8, half(44))
        target.random = word(48)
        target.modulus = word(52)
        target.offset = part(11, word(56))
        target.usesConnection = flags >> 12 & 1 != 0
        return .hmark(target)
    }
}

/// In the order of `enum ip_conntrack_events`.
private let connectionEvents: [StaticString] = [
    "new", "related", "destroy", "reply", "assured", "protoinfo", "helper", "mark", "natseqinfo", "secmark",
]
