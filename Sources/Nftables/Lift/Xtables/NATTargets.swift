internal import NetTypes
internal import RuleModel
internal import SourceText

// Targets that translate addresses or hand a packet to something else.
// Source of every layout: include/uapi/linux/netfilter/nf_nat.h, xt_NAME.h, netfilter_ipv4/ipt_NAME.h,
// netfilter_ipv6/ip6t_NPT.h, Linux 6.18.
extension XtablesData {
    /// Flags of a range: `NF_NAT_RANGE_…`.
    private struct Range {
        var flags: UInt32
        var first: IPAddress
        var last: IPAddress
        var ports: PortRange
        var basePort: UInt16
    }

    /// IPv4's first revision is `struct nf_nat_ipv4_multi_range_compat`, of one range; IPv6's and the second one are
    /// `struct nf_nat_range`; then comes `nf_nat_range2` with a base port. Ports lie there highest byte first.
    private func range() -> Range? {
        if version == .v4, revision == 0 {
            guard fits(20), word(0) == 1 else { return nil }
            return Range(
                flags: word(4), first: IPAddress(v4: word(bigEndian: 8)), last: IPAddress(v4: word(bigEndian: 12)),
                ports: PortRange(half(bigEndian: 16), half(bigEndian: 18)), basePort: 0)
        }
        guard fits(revision == 2 ? 44 : 40) else { return nil }
        return Range(
            flags: word(0), first: address(4), last: address(20),
            ports: PortRange(half(bigEndian: 36), half(bigEndian: 38)), basePort: half(bigEndian: 40))
    }

    func translation() -> NATTarget? {
        guard let range = range(), range.flags & ~0x7f == 0 else { return nil }
        var target = NATTarget()
        if range.flags & 0x01 != 0 { target.addresses = AddressRange(range.first, range.last) }
        if range.flags & 0x02 != 0 { target.ports = range.ports }
        target.isRandom = range.flags & 0x04 != 0
        target.isPersistent = range.flags & 0x08 != 0
        target.isFullyRandom = range.flags & 0x10 != 0
        if range.flags & 0x20 != 0 { target.basePort = range.basePort }
        return target
    }

    /// A range of addresses that differ in the bits that stay.
    func networkMap() -> Target? {
        guard let range = range(), range.flags & 0x01 != 0, range.first.version == range.last.version else {
            return nil
        }
        let mask = IPAddress(
            range.first.version, high: ~(range.first.high ^ range.last.high), low: ~(range.first.low ^ range.last.low))
        return mask.maskLength == nil ? nil : .netmap(AddressMask(range.first, mask: mask))
    }

    /// `struct xt_tproxy_target_info`, and `_v1` with an address of either version.
    func transparentProxy() -> Target? {
        guard fits(revision == 0 ? 14 : 26) else { return nil }
        var target = TPROXYTarget()
        target.mark = MaskedWord(word(4), mask: word(0))
        let address = revision == 0 ? IPAddress(v4: word(bigEndian: 8)) : address(8)
        // The zero address is how the kernel holds none.
        if !address.isZero { target.address = address }
        target.port = half(bigEndian: revision == 0 ? 12 : 24)
        return .tproxy(target)
    }

    /// `struct nf_synproxy_info`, include/uapi/linux/netfilter/nf_synproxy.h
    func synproxy() -> Target? {
        let flags = byte(0)
        guard fits(4), flags & ~0x1f == 0 else { return nil }
        var target = SYNPROXYTarget()
        if flags & 0x01 != 0 { target.mss = half(2) }
        if flags & 0x02 != 0 { target.windowScale = byte(1) }
        target.sackPermitted = flags & 0x04 != 0
        target.timestamps = flags & 0x08 != 0
        target.ecn = flags & 0x10 != 0
        return .synproxy(target)
    }

    /// `struct ip6t_npt_tginfo`
    func prefixTranslation(changesSource: Bool) -> Target? {
        guard fits(36), byte(32) <= 64, byte(33) <= 64 else { return nil }
        return .prefixTranslation(
            PrefixTranslationTarget(
                changesSource: changesSource, from: IPPrefix(addressV6(0), length: byte(32)),
                to: IPPrefix(addressV6(16), length: byte(33))))
    }

    /// `struct ipt_clusterip_tgt_info`; the kernel has it no more since 6.3.
    func clusterIP() -> Target? {
        guard fits(64), word(0) & ~1 == 0 else { return nil }
        var target = ClusterIPTarget()
        guard word(0) == 1 else { return .clusterIP(target) }
        let modes: [ClusterIPTarget.HashMode] = [
            .sourceIP, .sourceIPSourcePort, .sourceIPSourcePortDestinationPort,
        ]
        guard word(48) < 3, half(12) == 1 else { return nil }
        target.isNew = true
        target.clusterMAC = hardwareAddress(4)
        target.totalNodes = half(10)
        target.localNode = half(14)
        target.hashMode = modes[Int(word(48))]
        target.hashInit = word(52)
        return .clusterIP(target)
    }

    /// `struct xt_NFQ_info`, `_v1` with a count, `_v2` and `_v3` with flags.
    func queue() -> Target? {
        let sizes = [2, 4, 6, 6]
        guard revision < 4, fits(sizes[Int(revision)]) else { return nil }
        var target = NFQueueTarget()
        target.queue = half(0)
        if revision > 0 {
            guard half(2) > 0 else { return nil }
            target.count = half(2)
        }
        let flags = revision == 2 ? (half(4) != 0 ? 1 : 0) : revision == 3 ? half(4) : 0
        guard flags & ~3 == 0 else { return nil }
        target.bypass = flags & 1 != 0
        target.cpuFanout = flags & 2 != 0
        return .nfQueue(target)
    }

    /// `struct ipt_reject_info` and `struct ip6t_reject_info`; answers that were given up have none.
    func reject() -> Target? {
        let v4: [RejectWith?] = [
            .icmpNetUnreachable, .icmpHostUnreachable, .icmpProtocolUnreachable, .icmpPortUnreachable, nil,
            .icmpNetProhibited, .icmpHostProhibited, .tcpReset, .icmpAdminProhibited,
        ]
        let v6: [RejectWith?] = [
            .icmp6NoRoute, .icmp6AdminProhibited, nil, .icmp6AddressUnreachable, .icmp6PortUnreachable, nil, .tcpReset,
            .icmp6PolicyFail, .icmp6RejectRoute,
        ]
        guard fits(4), word(0) < 9, let answer = (version == .v4 ? v4 : v6)[Int(word(0))] else { return nil }
        return .reject(answer)
    }
}
