internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// `ct`: what conntrack knows of a packet. Source: net/netfilter/nft_ct.c `nft_ct_get_eval`, Linux 6.18.
extension Evaluator {
    /// Without an entry only `ct state` has a value, and every other key breaks the rule. A packet with the entry that a
    /// rule made up for its zone counts as new, but has nothing else of it either. Observed on Linux 6.18.
    func connectionValue(_ key: ConnectionKey, _ direction: ConnectionDirection?, _ state: WalkState) -> NativeValue {
        if key == .state { return stateValue(state) }
        guard case .entry(let tracked) = state.connection else {
            return state.packet.unknown.contains(.connectionState) ? .unknown : .absent
        }
        let entry = tracked.entry
        switch key {
        case .state, .eventMask: return .absent
        case .direction: return NativeValue(tracked.direction == .original ? 0 : 1, bits: 8)
        case .status: return statusValue(tracked)
        case .mark:
            return state.packet.unknown.contains(.connectionMark)
                ? .hidden(bits: 32) : NativeValue(UInt64(entry.mark), bits: 32)
        case .expiration: return .hidden(bits: 32)
        case .helper:
            // Of the connection that expected this one.
            if tracked.isNew, !tracked.state.contains(.related) || !mayHaveExpected("", state) { return .absent }
            return mayHaveExpected("", state) ? .unknown : .absent
        case .networkProtocol: return NativeValue(entry.original.source.version == .v4 ? 2 : 10, bits: 8)
        case .protocol:
            return tracked.isNew && state.packet.unknown.contains(.protocol)
                ? .hidden(bits: 8) : NativeValue(UInt64(entry.original.protocol.rawValue), bits: 8)
        case .label:
            var bytes = [UInt8](repeating: 0, count: 16)
            for label in entry.labels where label < 128 { bytes[15 - Int(label) / 8] |= 1 << UInt8(label % 8) }
            return NativeValue(bytes)
        case .packets, .bytes, .averagePacket: return counted(key, direction, tracked, state)
        case .zone:
            let zone = direction.map { entry.fullZone.id(in: $0) } ?? entry.fullZone.id
            return NativeValue(UInt64(zone), bits: 16)
        case .identifier: return .hidden(bits: 32)
        case .source, .destination, .sourcePort, .destinationPort, .sourceV4, .destinationV4, .sourceV6,
            .destinationV6:
            return tupleValue(key, direction ?? .original, tracked, state)
        }
    }

    private func stateValue(_ state: WalkState) -> NativeValue {
        if state.packet.unknown.contains(.connectionState) { return .hidden(bits: 32) }
        let bits: UInt64
        switch state.connection {
        // Nothing has looked the packet up yet, or conntrack is off.
        case .none: bits = state.template == nil ? 1 : 8
        case .invalid: bits = 1
        case .untracked: bits = 64
        case .entry(let tracked):
            if tracked.state.contains(.established) {
                bits = 2
            } else {
                bits = tracked.state.contains(.related) ? 4 : 8
            }
        }
        return NativeValue(bits, bits: 32)
    }

    /// Source: include/uapi/linux/netfilter/nf_conntrack_common.h `enum ip_conntrack_status`.
    private func statusValue(_ tracked: TrackedConnection) -> NativeValue {
        var bits = UInt64(tracked.entry.status.rawValue)
        var known = UInt64(0x3ff)
        if !tracked.isNew {
            bits |= 0x08
            if tracked.direction == .reply, !tracked.state.contains(.related) { bits |= 0x02 }
            // Which helpers expected, what a table's listing leaves out.
            if !tracked.entry.place.isNone || !knowsTable { known &= ~0x01 }
            if tracked.isPerhapsAssured { known &= ~0x04 }
        }
        if tracked.sourceIsTranslated { bits |= 0x10 }
        if tracked.destinationIsTranslated { bits |= 0x20 }
        // Where no nat chain is hung on any hook, nothing settles a mapping.
        if asksNAT(tracked.entry.original.source.version) {
            if tracked.hasSourceMapping { bits |= 0x80 }
            if tracked.hasDestinationMapping { bits |= 0x100 }
        }
        // Adjusted sequence numbers, an end that is near, offload (bit 14): a listing does not tell them, and only a
        // helper, a reset or a flowtable gives them to a connection that was followed here from its first packet.
        let isFollowed = tracked.entry.place.isNone && tracked.entry.helper == .empty && !hasFlowtables
        if !isFollowed { known &= ~0x240 }
        // Nor does it tell which mappings are settled.
        if !tracked.isNew, !tracked.entry.place.isNone { known &= ~0x180 | bits }
        func word(_ number: UInt64) -> [UInt8] { Literal(number, .integer, bits: 32).bytes }
        return .bytes(word(bits & known), known: word(known | (isFollowed ? 0xffff_fc00 : 0xffff_bc00)))
    }

    private var hasFlowtables: Bool { model.linked.ruleset.tables.contains { !$0.flowtables.isEmpty } }

    private func asksNAT(_ version: IPVersion) -> Bool {
        let linked = model.linked
        return Hook.allCases.contains { hook in
            linked.baseChains(version, hook).contains { linked.chain($0).base?.type == .nat }
        }
    }

    private func counted(
        _ key: ConnectionKey, _ direction: ConnectionDirection?, _ tracked: TrackedConnection, _ state: WalkState
    ) -> NativeValue {
        if tracked.entry.lacksCounters { return NativeValue(0, bits: 64) }
        guard let original = tracked.entry.originalCounters, let reply = tracked.entry.replyCounters else {
            // Entries from before the first rule that asks for counters have none, and then count as 0.
            return tracked.entry.place.isNone ? .hidden(bits: 64) : NativeValue(0, bits: 64)
        }
        if key != .packets, state.packet.unknown.contains(.length) { return .hidden(bits: 64) }
        let counters: Counters
        switch direction {
        case .original?: counters = original
        case .reply?: counters = reply
        case nil: counters = Counters(packets: original.packets &+ reply.packets, bytes: original.bytes &+ reply.bytes)
        }
        switch key {
        case .packets: return NativeValue(counters.packets, bits: 64)
        case .averagePacket:
            return NativeValue(counters.packets == 0 ? 0 : counters.bytes / counters.packets, bits: 64)
        default: return NativeValue(counters.bytes, bits: 64)
        }
    }

    /// What is not known of an entry's tuples: the packet that makes it gives it its addresses, of fragments all of it.
    func unknownOfEntry(_ tracked: TrackedConnection, _ state: WalkState) -> PacketFields {
        if !tracked.isNew { return [] }
        var unknown = (state.fragments?.whole ?? state.packet).unknown
        // Which port NAT drew is not known of the packet; the entry has the one that it came with, too.
        if tracked.entry.translatedDestinationPorts != nil, state.inner.count == request.inner.count,
            !request.packet.unknown.contains(.destinationPort)
        {
            unknown.remove(.destinationPort)
        }
        return unknown
    }

    private func tupleValue(
        _ key: ConnectionKey, _ direction: ConnectionDirection, _ tracked: TrackedConnection, _ state: WalkState
    ) -> NativeValue {
        let tuple = direction == .original ? tracked.entry.original : tracked.entry.reply
        let unknown = unknownOfEntry(tracked, state)
        let isOriginal = direction == .original
        func address(_ address: IPAddress, _ isNear: Bool) -> NativeValue {
            let isKnown = unknown.isDisjoint(with: isNear ? .source : .destination)
            return isKnown ? NativeValue(address.bytes) : .hidden(bits: address.version.addressBits)
        }
        func port(_ port: UInt16, _ isNear: Bool) -> NativeValue {
            // What NAT drew of the tuple of the answers: a port, or the identifier of both directions.
            let isICMP = tuple.protocol.isICMP
            let drawsNear = tracked.entry.translatedPorts != nil
            let drawsFar = tracked.entry.translatedDestinationPorts != nil || drawsNear && isICMP
            let isKnown =
                isNear
                ? unknown.isDisjoint(with: .sourcePort) && (isOriginal || !drawsNear || isICMP)
                : unknown.isDisjoint(with: [.destinationPort, .icmpType]) && (isOriginal || !drawsFar)
            return isKnown ? NativeValue(UInt64(port), bits: 16) : .hidden(bits: 16)
        }
        switch key {
        case .sourceV4, .destinationV4: if tuple.source.version != .v4 { return .absent }
        case .sourceV6, .destinationV6: if tuple.source.version != .v6 { return .absent }
        default: break
        }
        switch key {
        case .source, .sourceV4, .sourceV6: return address(tuple.source, isOriginal)
        case .destination, .destinationV4, .destinationV6: return address(tuple.destination, !isOriginal)
        case .sourcePort: return port(tuple.sourcePort, isOriginal)
        case .destinationPort: return port(farPort(tuple), !isOriginal)
        default: return .absent
        }
    }
}
