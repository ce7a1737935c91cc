internal import NetTypes
internal import RuleModel
internal import SourceText

// Expressions that count, and those that need no register.
extension Lifter {
    mutating func state(_ kind: String, _ data: Attributes) -> KernelExpression? {
        switch kind {
        case "counter":
            return .statement(.counter(Counters(packets: data.number(2) ?? 0, bytes: data.number(1) ?? 0)))
        case "limit": return limit(data).map { .statement(.limit($0)) }
        case "quota": return quota(data).map { .statement(.quota($0)) }
        case "connlimit":
            guard let count = data.word(1) else { return nil }
            return .statement(.connectionCount(count, isOver: data.isSet(2, 1)))
        case "last": return .statement(.last)
        case "notrack": return .statement(.notrack)
        case "log": return .statement(.log(log(data)))
        case "synproxy": return .statement(.synproxy(synproxy(data)))
        case "flow_offload":
            guard let name = data.text(1) else { return nil }
            return .statement(.flow(names.intern(Array(name).span)))
        case "match", "target":
            return .xtables(
                KernelExpression.Extension(
                    isMatch: kind == "match", name: symbol(data.text(1)), revision: data.word(2) ?? 0,
                    data: data.bytes(3) ?? []))
        default: return nil
        }
    }

    func limit(_ data: Attributes) -> NativeLimit? {
        guard let rate = data.number(1), let unit = data.number(2), unit <= 604_800 else { return nil }
        var made = NativeLimit()
        made.rate = rate
        made.per = UInt32(unit)
        made.countsBytes = data.word(4) == 1
        made.burst = data.word(3) ?? 0
        made.isOver = data.isSet(5, 1)
        return made
    }

    func quota(_ data: Attributes) -> NativeQuota? {
        guard let bytes = data.number(1) else { return nil }
        var made = NativeQuota()
        made.bytes = bytes
        made.used = data.number(4) ?? 0
        made.isOver = data.isSet(2, 1)
        return made
    }

    private mutating func log(_ data: Attributes) -> NativeLog {
        var made = NativeLog()
        made.prefix = names.intern(Array(data.text(2) ?? []).span)
        made.group = data.number(1).map { UInt16(truncatingIfNeeded: $0) }
        // The kernel always tells a level; 4 is the one that nft leaves out.
        if let level = data.word(5), level != 4, level < 9 { made.level = UInt8(level) }
        made.snapLength = data.word(3)
        if let threshold = data.number(4), threshold != 0 {
            made.queueThreshold = UInt16(truncatingIfNeeded: threshold)
        }
        made.flags = LogTarget.Options(rawValue: UInt8(truncatingIfNeeded: data.word(6) ?? 0) & 0x2f)
        return made
    }

    /// Flags: `NF_SYNPROXY_OPT_…`, include/uapi/linux/netfilter/nf_synproxy.h, Linux 6.18.
    func synproxy(_ data: Attributes) -> SYNPROXYTarget {
        var made = SYNPROXYTarget()
        let flags = data.word(3) ?? 0
        if flags & 0x01 != 0 { made.mss = data.number(1).map { UInt16(truncatingIfNeeded: $0) } }
        if flags & 0x02 != 0 { made.windowScale = data.number(2).map { UInt8(truncatingIfNeeded: $0) } }
        made.sackPermitted = flags & 0x04 != 0
        made.timestamps = flags & 0x08 != 0
        return made
    }
}
