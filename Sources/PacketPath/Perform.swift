internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// What a target leads to.
enum Action: Sendable {
    case `continue`, accept, drop, `return`, queue
    case reject(RejectWith)
    /// Out by the device of the way's route, past all that is left.
    case sendOut
    case jump(ChainID)
    case goto(ChainID)
    /// One verdict or another (`nil`: go on) by something that is not known.
    indirect case either(Unknown, (yes: ChainVerdict?, no: ChainVerdict?))
    /// Accepted as changed, for a socket of this host, where something that is not known holds; else dropped as it was.
    indirect case acceptChanged(Unknown, Packet, Change)
    /// Translations of which the kernel makes one; each is accepted.
    case choices([WalkState])
    /// The rule ends here without a match; what it did before stays done.
    case miss
    /// The rule goes on if this holds, and else ends without a match.
    case test(Answer)
    /// One of several ways, each with what comes next on it.
    case several([NativeWay])
}

extension Evaluator {
    /// Does what `target` does to the packet and its connection, notes the changes, and says what comes next.
    func perform(
        _ target: Target, _ rule: RuleReference, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        switch target {
        case .accept: return .accept
        case .drop: return .drop
        case .return: return .return
        case .jump(let name): return chainAction(name, rule, state, changes) { .jump($0) }
        case .goto(let name): return chainAction(name, rule, state, changes) { .goto($0) }
        case .queue: return .queue
        case .nfQueue(let queue):
            guard queue.bypass else { return .queue }
            return .either(
                Unknown(
                    "nfqueue@\(cite(rule))", whenYes: "a program listens on queue \(queue.queue)",
                    whenNo: "no program listens on queue \(queue.queue), so the packet passes it by"),
                (yes: .queue, no: .passedBy))
        case .reject(let with): return .reject(with)
        case .dnat(let nat), .snat(let nat), .masquerade(let nat), .redirect(let nat):
            return translate(target, nat, rule, &state, &changes)
        case .netmap(let prefix): return mapPrefix(prefix, rule, &state, &changes)
        case .mark(let operation):
            setMark(operation.word.applied(to: state.packet.mark), known: operation.word.mask, &state, &changes)
        case .connectionMark(let target): connectionMark(target, &state, &changes)
        case .ct(let ct): setTracking(ct, &state, &changes)
        case .notrack:
            var ct = CTTarget()
            ct.notrack = true
            setTracking(ct, &state, &changes)
        case .classify(let priority):
            changes.append(Change(.priority, before: .number(state.packet.priority), after: .number(priority)))
            state.packet.priority = priority
        case .dscp(let value): setTOS(state.packet.tos & 3 | value << 2, &state, &changes)
        case .tos(let byte): setTOS((state.packet.tos & ~byte.mask) ^ byte.value, &state, &changes)
        case .timeToLive(let target): setTimeToLive(target, &state, &changes)
        case .tcpMSS(let target): return setMSS(target, &state, &changes)
        case .tcpOptionStrip(let kinds): return stripOptions(kinds, &state)
        case .hmark(let target): hashMark(target, &state, &changes)
        case .prefixTranslation(let target): translatePrefix(target, &state, &changes)
        case .tproxy(let target): return proxy(target, rule, state)
        case .synproxy:
            return .either(
                Unknown(
                    "synproxy@\(cite(rule))",
                    whenYes: "the client completes the handshake that SYNPROXY of \(cite(rule)) makes for the server",
                    whenNo: "the client does not complete the handshake with SYNPROXY of \(cite(rule))"),
                (yes: .accept, no: .drop))
        case .clusterIP:
            return .either(
                Unknown(
                    "clusterip@\(cite(rule))", whenYes: "CLUSTERIP of \(cite(rule)) gives this packet to this node",
                    whenNo: "CLUSTERIP of \(cite(rule)) gives this packet to another node"),
                (yes: nil, no: .drop))
        case .unknown(_, let text): return unreadable(text, rule, state, changes)
        case .native(let statement): return perform(statement, rule, &state, &changes)
        case .ecn(let target): return setECN(target, &state, &changes)
        case .set(let target):
            changeSets(target, &state)
            mapSet(target, &state, &changes)
        // The copy goes its own way through OUTPUT and POSTROUTING, and is not followed: its rules may change sets.
        case .tee: state.setChanges.doubtAll(changedBy: model)
        case .connectionSecurityMark, .checksumFill, .securityMark, .log, .nfLog, .ulog,
            .audit, .idleTimer, .led, .rateEstimate, .trace:
            break
        }
        return .continue
    }

    /// What a target comes to that nobody here can read.
    func unreadable(_ text: Symbol, _ rule: RuleReference, _ state: WalkState, _ changes: [Change]) -> Action {
        let quoted = "'\(names.text(text))' of \(cite(rule)), which this program can't read,"
        return openVerdict("unknown-target", "unknown-accept", quoted, "lets the packet on", rule, state, changes)
    }

    /// What may accept the packet, drop it or let it go on.
    private func openVerdict(
        _ kind: String, _ accepting: String, _ subject: String, _ goesOn: String, _ rule: RuleReference,
        _ state: WalkState, _ changes: [Change]
    ) -> Action {
        let accepts = Unknown(
            "\(accepting)@\(cite(rule))", whenYes: "\(subject) accepts the packet",
            whenNo: "\(subject) does not accept the packet")
        let passes = Unknown(
            "\(kind)@\(cite(rule))", yes: "continue", no: "drop", whenYes: "\(subject) \(goesOn)",
            whenNo: "\(subject) drops the packet")
        return ladder([(accepts, .accept), (passes.negated, .drop)], last: .continue, state, changes)
    }

    /// A jump to a chain that is not there: the kernel would have refused the rule set.
    func chainAction(
        _ name: Symbol, _ rule: RuleReference, _ state: WalkState, _ changes: [Change], _ make: (ChainID) -> Action
    ) -> Action {
        if let chain = model.linked.sibling(of: rule.chain, named: name) { return make(chain) }
        let subject = "chain \(names.text(name)), which is not in the input,"
        return openVerdict(
            "missing-chain", "missing-accept", subject, "lets the packet return", rule, state, changes)
    }

    /// - Parameter known: bits that are known afterwards even if the mark was not.
    func setMark(_ mark: UInt32, known: UInt32, _ state: inout WalkState, _ changes: inout [Change]) {
        changes.append(Change(.mark, before: .number(state.packet.mark), after: .number(mark)))
        state.packet.mark = mark
        if known == .max { state.packet.unknown.remove(.mark) }
    }

    /// Source: net/netfilter/xt_connmark.c `connmark_tg_shift`. Without an entry nothing happens; the one that CT made up has
    /// a mark of its own.
    private func connectionMark(_ target: ConnectionMarkTarget, _ state: inout WalkState, _ changes: inout [Change]) {
        func shifted(_ value: UInt32) -> UInt32 {
            target.shift >= 0 ? value << UInt32(target.shift) : value >> UInt32(-Int32(target.shift))
        }
        if case .none = state.connection, var template = state.template {
            switch target.operation {
            case .set:
                template.mark = shifted((template.mark & ~target.connectionMask) ^ target.value)
                template.knownMark = shifted(template.knownMark | target.connectionMask) | ~shifted(.max)
            case .save:
                let isKnown = !state.packet.unknown.contains(.mark)
                template.mark =
                    (template.mark & ~target.connectionMask) ^ shifted(state.packet.mark & target.packetMask)
                template.knownMark = isKnown ? template.knownMark | target.connectionMask : 0
            case .restore:
                let value = shifted(template.mark & target.connectionMask)
                setMark((state.packet.mark & ~target.packetMask) ^ value, known: 0, &state, &changes)
                if ~template.knownMark & target.connectionMask != 0 { state.packet.unknown.insert(.mark) }
            }
            state.template = template
        }
        guard case .entry(var tracked) = state.connection else { return }
        let before = tracked.entry.mark
        let unknown = state.packet.unknown
        // Of a word that is not known in part nothing is.
        func isKnown(_ kept: PacketFields, _ keptMask: UInt32, _ taken: PacketFields, _ takenMask: UInt32) -> Bool {
            (unknown.isDisjoint(with: kept) || keptMask == 0) && (unknown.isDisjoint(with: taken) || takenMask == 0)
        }
        let isMarkKnown: Bool
        switch target.operation {
        case .set:
            tracked.entry.mark = shifted((before & ~target.connectionMask) ^ target.value)
            isMarkKnown = isKnown(.connectionMark, ~target.connectionMask, [], 0)
        case .save:
            let value = shifted(state.packet.mark & target.packetMask)
            tracked.entry.mark = (before & ~target.connectionMask) ^ value
            isMarkKnown = isKnown(.connectionMark, ~target.connectionMask, .mark, target.packetMask)
        case .restore:
            let value = shifted(before & target.connectionMask)
            let isKnown = isKnown(.mark, ~target.packetMask, .connectionMark, target.connectionMask)
            setMark(
                (state.packet.mark & ~target.packetMask) ^ value, known: isKnown ? .max : 0, &state, &changes)
            if !isKnown { state.packet.unknown.insert(.mark) }
            return
        }
        let after = isMarkKnown ? Change.Value.number(tracked.entry.mark) : .unknown
        changes.append(Change(.connectionMark, before: .number(before), after: after))
        if isMarkKnown {
            state.packet.unknown.remove(.connectionMark)
        } else {
            state.packet.unknown.insert(.connectionMark)
        }
        state.connection = .entry(tracked)
    }

    /// CT works on packets that have no entry yet, nor one made up by a CT before: the first counts. Source:
    /// net/netfilter/xt_CT.c `xt_ct_target`; observed on Linux 6.18.
    func setTracking(_ target: CTTarget, _ state: inout WalkState, _ changes: inout [Change]) {
        guard case .none = state.connection, state.template == nil, !state.isLeftByCT else { return }
        if target.notrack {
            state.connection = .untracked
            changes.append(Change(.notrack, before: .number(0), after: .number(1)))
            return
        }
        var template = TrackingTemplate()
        if model.compiled.marksTemplates { template.knownMark = 0 }
        template.takesMark = target.zoneFromMark
        template.zone.id = target.zoneFromMark ? UInt16(truncatingIfNeeded: state.packet.mark) : target.zone ?? 0
        switch target.zoneDirection {
        case .both: break
        case .original: template.zone.direction = .original
        case .reply: template.zone.direction = .reply
        }
        if template.zone.id != 0 {
            changes.append(Change(.zone, before: .number(0), after: .number(UInt32(template.zone.id))))
        }
        if target.helper != .empty {
            changes.append(Change(.helper, before: .name(.empty), after: .name(target.helper)))
            template.helper = target.helper
        }
        state.template = template
    }

    func setTOS(_ tos: UInt8, _ state: inout WalkState, _ changes: inout [Change]) {
        changes.append(Change(.dscp, before: .number(UInt32(state.packet.dscp)), after: .number(UInt32(tos >> 2))))
        state.packet.tos = tos
        state.packet.defaulted.remove(.dscp)
    }

    /// Source: net/netfilter/xt_HL.c: results are kept within 0…255.
    func setTimeToLive(_ target: TimeToLiveTarget, _ state: inout WalkState, _ changes: inout [Change]) {
        let before = state.packet.ttl
        switch target.operation {
        case .set: state.packet.ttl = target.value
        case .increase: state.packet.ttl = target.value > .max - before ? .max : before + target.value
        case .decrease: state.packet.ttl = before < target.value ? 0 : before - target.value
        }
        state.packet.defaulted.remove(.ttl)
        changes.append(Change(.ttl, before: .number(UInt32(before)), after: .number(UInt32(state.packet.ttl))))
    }

    /// RFC 6296: the prefix is exchanged and one 16-bit word adjusted so that checksums stay valid, if the packet had
    /// the prefix: that is not looked at.
    /// Source: net/ipv6/netfilter/ip6t_NPT.c.
    private func translatePrefix(
        _ target: PrefixTranslationTarget, _ state: inout WalkState, _ changes: inout [Change]
    ) {
        let before = target.changesSource ? state.packet.source : state.packet.destination
        guard let after = prefixTranslated(before, target) else { return }
        if state.packet.bytes.isEmpty { state.checksumDrift = drift(state.checksumDrift, from: before, to: after) }
        state.packet.readdress(
            source: target.changesSource ? after : state.packet.source,
            destination: target.changesSource ? state.packet.destination : after)
        changes.append(
            Change(target.changesSource ? .source : .destination, before: .address(before), after: .address(after)))
        translateQuotedPrefix(target, &state)
    }

    /// In an error the packet that it is about is translated too, at its other end, if it had the prefix. A raw socket
    /// does not tell where the error's header begins, so that there is none to see.
    /// Source: net/ipv6/netfilter/ip6t_NPT.c `icmpv6_bounced_ipv6hdr`, net/ipv6/icmp.c `icmpv6_is_err`,
    /// net/ipv6/raw.c `rawv6_send_hdrinc`, Linux 6.18.
    private func translateQuotedPrefix(_ target: PrefixTranslationTarget, _ state: inout WalkState) {
        let isRaw = request.isFromRawSocket && state.startedHere && state.round == 0 && state.layer == 0
        let packet = state.packet
        guard !isRaw, packet.protocol == .icmpv6, 1...4 ~= packet.icmpType, !packet.unknown.contains(.payload),
            var bytes = packet.currentBytes, bytes.count >= 88, bytes[6] == IPProtocol.icmpv6.rawValue
        else { return }
        // Behind the error's two headers of 40 and 8 bytes: the source at 8, the destination at 24.
        let place = target.changesSource ? 72 : 56
        func word(_ place: Int) -> UInt64 { bytes[place..<place + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        let before = IPAddress(v6High: word(place), low: word(place + 8))
        guard target.from.contains(before), let after = prefixTranslated(before, target) else { return }
        bytes.replaceSubrange(place..<place + 16, with: after.bytes)
        state.packet.bytes = bytes
    }
}

/// A one's complement sum, which is 0 or all ones where addresses have changed without effect on checksums.
private func drift(_ sum: UInt16, from before: IPAddress, to after: IPAddress) -> UInt16 {
    var total = UInt64(sum)
    for shift in stride(from: UInt64(0), to: 64, by: 16) {
        for word in [after.high, after.low, ~before.high, ~before.low] { total += word >> shift & 0xffff }
    }
    while total > 0xffff { total = (total & 0xffff) + (total >> 16) }
    return UInt16(total)
}

/// `address` moved from one prefix to the other; `nil` where no 16-bit word outside the prefix can be adjusted.
func prefixTranslated(_ address: IPAddress, _ target: PrefixTranslationTarget) -> IPAddress? {
    func words(_ address: IPAddress) -> [UInt16] {
        stride(from: 48, through: 0, by: -16).map { UInt16(truncatingIfNeeded: address.high >> UInt64($0)) }
            + stride(from: 48, through: 0, by: -16).map { UInt16(truncatingIfNeeded: address.low >> UInt64($0)) }
    }
    func sum(_ words: [UInt16]) -> UInt32 { words.reduce(0) { $0 + UInt32($1) } }
    func fold(_ value: UInt32) -> UInt16 {
        var value = value
        while value > 0xffff { value = (value & 0xffff) + (value >> 16) }
        return UInt16(value)
    }
    let length = max(target.from.length, target.to.length)
    let mask = IPPrefix.mask(.v6, length: length)
    let high = address.high & ~mask.high | target.to.address.high & mask.high
    let low = address.low & ~mask.low | target.to.address.low & mask.low
    var moved = words(IPAddress(v6High: high, low: low))
    // adjustment = sum(from) - sum(to), in ones' complement
    let adjustment = fold(UInt32(fold(sum(words(target.from.address)))) + UInt32(~fold(sum(words(target.to.address)))))
    var index = 3
    if length > 48 {
        // The first word of the interface identifier that is not all ones.
        guard let free = (4..<8).first(where: { moved[$0] != 0xffff }) else { return nil }
        index = free
    }
    let adjusted = fold(UInt32(moved[index]) + UInt32(adjustment))
    moved[index] = adjusted == 0xffff ? 0 : adjusted
    var newHigh: UInt64 = 0
    var newLow: UInt64 = 0
    for word in moved[..<4] { newHigh = newHigh << 16 | UInt64(word) }
    for word in moved[4...] { newLow = newLow << 16 | UInt64(word) }
    return IPAddress(v6High: newHigh, low: newLow)
}
