internal import NetTypes
internal import RuleModel
internal import SourceText

// Expressions of nft that programs add to tables of iptables and that mean just what a match or target of iptables does.
// A table with such ones alone is nft's.
extension IptablesRuleReader {
    /// Reads what iptables itself would not have written so.
    mutating func foreign(_ read: (inout IptablesRuleReader) -> Bool) -> Bool {
        result.isForeign = true
        return read(&self)
    }

    /// The bytes of a register that a constant was put into.
    func constant(_ register: Int?) -> [UInt8]? {
        guard let register, let held = registers[register], held.mask == nil, case .constant(let bytes) = held.source
        else { return nil }
        return bytes
    }

    /// `ct state …`: bits of `enum ip_conntrack_info`, include/uapi/linux/netfilter/nf_conntrack_common.h, Linux 6.18, of
    /// which one is set.
    mutating func compareState(_ mask: [UInt8], isNegated: Bool) -> Bool {
        let bits = UInt32(truncatingIfNeeded: Attributes.native(mask[...]))
        let known: [(UInt32, ConnectionStates)] = [
            (1, .invalid), (2, .established), (4, .related), (8, .new), (64, .untracked),
        ]
        var states: ConnectionStates = []
        for (bit, state) in known where bits & bit != 0 { states.insert(state) }
        guard mask.count == 4, bits != 0, bits & ~0x4f == 0 else { return false }
        var match = ConntrackMatch()
        match.state = negatable(states, isNegated)
        matches.append(.conntrack(match))
        return true
    }

    /// `meta mark set N`, or the mark itself with some bits changed.
    mutating func setMark(_ register: Int) -> Bool {
        func word(_ bytes: [UInt8]) -> UInt32 { UInt32(truncatingIfNeeded: Attributes.native(bytes[...])) }
        if let bytes = constant(register) {
            return bytes.count == 4 && put(.mark(MarkOperation(MaskedWord(word(bytes)))))
        }
        guard let held = registers[register], case .meta(.mark) = held.source, let and = held.mask, and.count == 4
        else {
            return false
        }
        return put(.mark(MarkOperation(MaskedWord(held.xor.map { word($0) } ?? 0, mask: ~word(and)))))
    }

    /// `log` to the kernel's log.
    mutating func putLog(_ log: NativeLog) -> Bool {
        guard log.snapLength == nil, log.queueThreshold == nil, log.level ?? 4 < 8 else { return false }
        var target = LogTarget()
        target.prefix = log.prefix
        target.level = log.level ?? 4
        target.options = log.flags
        return put(.log(target))
    }

    mutating func put(_ queue: NativeQueue) -> Bool {
        var target = NFQueueTarget()
        switch queue.target {
        case .literal(let only):
            guard let number = only.number.flatMap({ UInt16(exactly: $0) }) else { return false }
            target.queue = number
        case .range(let low, let high):
            guard let first = low.number.flatMap({ UInt16(exactly: $0) }),
                let last = high.number.flatMap({ UInt16(exactly: $0) }), first < last, last < .max
            else { return false }
            target.queue = first
            target.count = last - first + 1
        default: return false
        }
        target.bypass = queue.bypass
        target.cpuFanout = queue.fanout && target.count > 1
        return put(.nfQueue(target))
    }

    /// Types: `NFT_REJECT_…`; codes of the third kind stand for one of either version.
    mutating func reject(_ type: UInt32, _ code: UInt8) -> Bool {
        if type == 1 { return put(.reject(.tcpReset)) }
        let isV4 = version == .v4
        let both: [(v4: UInt8, v6: UInt8)] = [(0, 0), (3, 4), (1, 3), (13, 1)]
        guard type == 0 || Int(code) < both.count else { return false }
        let wanted = type == 0 ? code : isV4 ? both[Int(code)].v4 : both[Int(code)].v6
        for answer in RejectWith.named {
            guard let icmp = answer.icmp, icmp.type == (isV4 ? 3 : 1), icmp.code == wanted else { continue }
            return put(.reject(answer))
        }
        return false
    }

    /// Flags: `NF_NAT_RANGE_…`; constants alone.
    mutating func translate(_ translation: KernelExpression.Translation) -> Bool {
        var target = NATTarget()
        guard translation.flags & ~0x1f == 0 else { return false }
        target.isRandom = translation.flags & 0x04 != 0
        target.isPersistent = translation.flags & 0x08 != 0
        target.isFullyRandom = translation.flags & 0x10 != 0
        if let register = translation.address {
            guard translation.family == (version == .v4 ? 2 : 10), let first = address(register),
                let last = address(translation.lastAddress ?? register)
            else { return false }
            target.addresses = AddressRange(first, last)
        }
        if let register = translation.port {
            guard let first = constant(register), let last = constant(translation.lastPort ?? register),
                first.count == 2, last.count == 2
            else { return false }
            target.ports = PortRange(half(first), half(last))
        }
        let isEmpty = target.addresses == nil && target.ports == nil
        switch translation.kind {
        case .snat: return !isEmpty && put(.snat(target))
        case .dnat: return !isEmpty && !target.isFullyRandom && put(.dnat(target))
        case .masquerade: return !target.isPersistent && put(.masquerade(target))
        case .redirect:
            return !target.isPersistent && !target.isFullyRandom && put(.redirect(target))
        }
    }

    private func address(_ register: Int) -> IPAddress? {
        guard let bytes = constant(register), bytes.count == version.addressBits / 8 else { return nil }
        return address(bytes, bytes.count)
    }
}

extension KernelExpression {
    /// Whether it may end the rule.
    var asks: Bool {
        switch self {
        case .compare, .range, .lookup: true
        case .xtables(let extended): extended.isMatch
        case .statement(let statement):
            switch statement {
            case .limit, .quota, .connectionCount: true
            case .continue, .verdictMap, .counter, .last, .object, .objectMap, .assign, .translate, .reject, .log,
                .queue, .duplicate, .forward, .tproxy, .synproxy, .notrack, .changeSet, .flow, .resetOption, .xtables,
                .unknown:
                false
            }
        case .load, .payload, .hash, .immediate, .verdict, .bitwise, .shift, .byteorder, .changeSet, .setMeta,
            .setConnection, .setPayload, .setExtension, .objectMap, .translate, .reject, .tproxy, .duplicate, .forward,
            .queue, .unknown:
            false
        }
    }
}
