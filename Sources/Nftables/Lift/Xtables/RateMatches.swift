internal import NetTypes
internal import RuleModel
internal import SourceText

// Matches that count, choose or ask the clock and the machine.
// Source of every layout: include/uapi/linux/netfilter/xt_NAME.h, Linux 6.18.
extension XtablesData {
    /// `struct xt_rateinfo`: the first two numbers; the others are the kernel's.
    func limit() -> Match? {
        guard fits(40), word(0) != 0 else { return nil }
        var match = LimitMatch()
        match.rate = LimitRate(cost: word(0))
        match.burst = word(4)
        return .limit(match)
    }

    /// `struct xt_hashlimit_mtinfo1` to 3: a name, and `struct hashlimit_cfg1` to 3 behind it.
    func hashLimit(_ names: inout NameTable) -> Match? {
        let isFirst = revision == 1
        guard fits(isFirst ? 56 : revision == 2 ? 304 : 312) else { return nil }
        // In the first one 32-bit numbers, mode first; later 64-bit ones first.
        let start = isFirst ? 16 : 256
        let flags = word(isFirst ? start : start + 16)
        let average = isFirst ? UInt64(word(start + 4)) : long(start)
        let burst = isFirst ? UInt64(word(start + 8)) : long(start + 8)
        let sizes = isFirst ? start + 12 : start + 20
        let masks = sizes + (revision == 3 ? 20 : 16)
        guard flags & ~0x7f == 0, average != 0, byte(masks) <= version.addressBits,
            byte(masks + 1) <= version.addressBits
        else { return nil }
        var match = HashLimitMatch()
        match.name = symbol(0, isFirst ? 16 : 255, &names)
        match.mode = HashLimitMatch.Mode(rawValue: UInt8(flags & 0x0f))
        match.isAbove = flags & 0x10 != 0
        match.isBytes = flags & 0x20 != 0
        match.matchesRate = flags & 0x40 != 0
        match.tableSize = word(sizes)
        match.tableMax = word(sizes + 4)
        match.tableGCInterval = word(sizes + 8)
        match.tableExpire = word(sizes + 12)
        if revision == 3, match.matchesRate { match.rateInterval = word(sizes + 16) }
        match.sourceMask = byte(masks)
        match.destinationMask = byte(masks + 1)
        if match.isBytes {
            guard average <= 0xffff_ffff, let rate = byteRate(average, burst) else { return nil }
            (match.rate, match.burst) = rate
        } else {
            // The first counts in ten-thousandths of a second, later ones in millionths.
            match.rate = isFirst ? average * 100 : average
            match.burst = burst
        }
        return .hashLimit(match)
    }

    /// The rate and burst in bytes of a cost, which is 2^32 divided by the rate in steps of 16 bytes, and of how many
    /// times the rate fits into the burst; in the units in which iptables writes them.
    /// Source: iptables 1.8.9, extensions/libxt_hashlimit.c `print_bytes`, `bytes_to_cost`, `cost_to_bytes`.
    private func byteRate(_ cost: UInt64, _ times: UInt64) -> (rate: UInt64, burst: UInt64)? {
        func costOf(_ bytes: UInt64) -> UInt64 { 0xffff_ffff / (bytes >> 4 + 1) }
        func multiple(_ bytes: UInt64, of unit: UInt64) -> UInt64 { bytes / unit * unit }
        let exact = (max(0xffff_ffff / cost, 1) - 1) << 4
        let (whole, overflow) = exact.multipliedReportingOverflow(by: times)
        guard !overflow else { return nil }
        let units: [UInt64] = [1 << 20, 1 << 10]
        let rate = units.first { exact >= $0 && costOf(multiple(exact, of: $0)) == cost } ?? 1
        let burst = units.first { whole >= $0 } ?? 1
        return (multiple(exact, of: rate), multiple(whole, of: burst))
    }

    /// `struct xt_statistic_info`; `every` is one less than it is called.
    func statistic() -> Match? {
        let flags = half(2)
        guard fits(24), flags & ~1 == 0 else { return nil }
        switch half(0) {
        case 0: return .statistic(.random(negatable(word(4), flags != 0)))
        case 1:
            guard word(4) < .max else { return nil }
            return .statistic(.nth(every: word(4) + 1, packet: word(8), isNegated: flags != 0))
        default: return nil
        }
    }

    /// `struct xt_rateest_match_info`
    func rateEstimate(_ names: inout NameTable) -> Match? {
        let flags = half(32)
        let comparisons: [RateEstimateMatch.Comparison] = [.equal, .less, .greater]
        guard fits(72), flags & ~0x3f == 0, (1...3).contains(half(34)) else { return nil }
        var match = RateEstimateMatch()
        match.name1 = symbol(0, 16, &names)
        match.isRelative = flags & 0x04 != 0
        if match.isRelative { match.name2 = symbol(16, 16, &names) }
        match.isDelta = flags & 0x08 != 0
        match.comparison = negatable(comparisons[Int(half(34)) - 1], flags & 0x01 != 0)
        match.comparesBits = flags & 0x10 != 0
        match.comparesPackets = flags & 0x20 != 0
        // The first of each is a base for differences; the second one is not asked for where two estimators are compared.
        let hasSecond = match.isDelta || !match.isRelative
        if match.comparesBits, match.isDelta { match.bytesPerSecond1 = word(36) }
        if match.comparesPackets, match.isDelta { match.packetsPerSecond1 = word(40) }
        if match.comparesBits, hasSecond { match.bytesPerSecond2 = word(44) }
        if match.comparesPackets, hasSecond { match.packetsPerSecond2 = word(48) }
        return .rateEstimate(match)
    }

    /// `struct xt_quota_info`
    func quota() -> Match? {
        guard fits(24), word(0) & ~1 == 0 else { return nil }
        return .quota(negatable(long(8), word(0) != 0))
    }

    /// `struct xt_time_info`
    func time() -> Match? {
        guard fits(22), byte(21) & ~3 == 0 else { return nil }
        var match = TimeMatch()
        match.dateStart = word(0)
        match.dateStop = word(4)
        match.dayStart = word(8)
        match.dayStop = word(12)
        // Days count from 1.
        match.monthDays = word(16) & ~1
        match.weekDays = byte(20) & ~1
        match.usesKernelTimezone = byte(21) & 1 != 0
        match.isContiguous = byte(21) & 2 != 0
        return .time(match)
    }

    /// `struct xt_nfacct_match_info`, `_v1`
    func accounting(_ names: inout NameTable) -> Match? {
        guard fits(40) else { return nil }
        return .accounting(symbol(0, 32, &names))
    }

    /// `struct xt_cpu_info`
    func cpu() -> Match? {
        guard fits(8), word(4) < 2 else { return nil }
        return .cpu(negatable(word(0), word(4) != 0))
    }

    /// `struct xt_cgroup_info_v0` to 2
    func cgroup(_ names: inout NameTable) -> Match? {
        var match = CgroupMatch()
        switch revision {
        case 0:
            guard fits(8), word(4) < 2 else { return nil }
            match.classID = negatable(word(0), word(4) != 0)
        case 1, 2:
            let isLong = revision == 1
            guard fits(isLong ? 4112 : 528), isSet(0) || isSet(1) else { return nil }
            if isSet(0) { match.path = negatable(symbol(4, isLong ? 4096 : 512, &names), isSet(2)) }
            if isSet(1) { match.classID = negatable(word(isLong ? 4100 : 4), isSet(3)) }
        default: return nil
        }
        return .cgroup(match)
    }

    /// `struct xt_osf_info` of nfnetlink_osf.h
    func operatingSystem(_ names: inout NameTable) -> Match? {
        let flags = word(36)
        guard fits(48), flags & ~0x0f == 0, word(40) < 3, word(44) < 3 else { return nil }
        var match = OSFMatch()
        match.genre = negatable(symbol(0, 32, &names), flags & 0x08 != 0)
        if flags & 0x02 != 0 { match.ttl = UInt8(word(44)) }
        if flags & 0x04 != 0 { match.log = UInt8(word(40)) }
        return .operatingSystem(match)
    }
}
