internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// `meta mark set …` and its like. Where there is no value the rule breaks.
    func assign(
        _ target: Assignable, _ expression: Expression, _ rule: RuleReference, _ state: inout WalkState,
        _ changes: inout [Change]
    ) -> Action {
        switch value(of: expression, state, rule) {
        case .absent: return .miss
        case .bytes(let bytes, let known):
            let count = changes.count
            let action = write(known.allSatisfy { $0 == 0xff } ? bytes : nil, to: target, &state, &changes)
            if changes.count > count, expression.contains(where: { $0 == .route(.mtu) }) { assumePath(&state) }
            return action
        case .choices(let values):
            let unknowns = choices(
                "value@\(cite(rule))",
                values.map { ($0.bytes.map { text(of: Literal($0, .mark, bits: 32)) } ?? "nothing", $0.share) },
                yes: { "\(cite(rule)) sets \($0)" }, no: { "\(cite(rule)) does not set \($0)" })
            return .several(
                split(unknowns, state).map { way in
                    var state = way.state
                    var own = changes
                    let bytes = values[way.option].bytes
                    let action = bytes == nil ? .miss : write(bytes, to: target, &state, &own)
                    return NativeWay(state: state, action: action, changes: own)
                })
        case .unknown:
            let isThere = Unknown(
                "value@\(cite(rule))", whenYes: "\(describe(expression)) of \(cite(rule)) has a value",
                whenNo: "\(describe(expression)) of \(cite(rule)) has no value")
            return .several(
                split([isThere], state).map { way in
                    var state = way.state
                    var own = changes
                    let action = way.option == 0 ? write(nil, to: target, &state, &own) : .miss
                    return NativeWay(state: state, action: action, changes: own)
                })
        }
    }

    /// Writes `bytes`, or what is not known.
    private func write(
        _ bytes: [UInt8]?, to target: Assignable, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        let number = bytes.flatMap { Literal($0, .integer, bits: $0.count * 8).number }
        let word = number.map { UInt32(truncatingIfNeeded: $0) }
        switch target {
        case .meta(let key): writeMeta(word, key, &state, &changes)
        case .connection(let key, let direction): writeConnection(bytes, word, key, direction, &state, &changes)
        case .field(let field):
            if fieldValue(field, state) == .absent || lacksChecksum(field.row.header, state) { return .miss }
            if isBehindStart(field.row.header.base, state) { return .miss }
            let isWithoutSum = field.row.header == .udp && hasNoChecksum(state.packet)
            let before = isWithoutSum ? state.packet.currentBytes : nil
            writeField(bytes, field.row, &state, &changes)
            if let before { sumFromNone(before, field.row, &state.packet) }
        case .payload(let base, let offset, let bits):
            if payloadValue(base, offset: offset, bits: bits, state) == .absent { return .miss }
            if isBehindStart(base, state) { return .miss }
            if let field = HeaderField.all.first(where: { isPlace($0.row, base, offset, bits, state.packet) }) {
                writeField(bytes, field.row, &state, &changes)
            } else {
                patch(bytes, base, offset, bits, &state.packet)
            }
        case .extensionHeader(let field): return writeOption(word, field, &state, &changes)
        }
        return .continue
    }

    /// Whether it is a later fragment, which has nothing at the place of its transport header that could be written.
    /// Source: net/netfilter/nft_payload.c `nft_payload_set_eval`, Linux 6.18; observed there.
    private func isBehindStart(_ base: PayloadBase, _ state: WalkState) -> Bool {
        (base == .transport || base == .inner) && state.packet.fragmentOffset > 0
    }

    private func hasNoChecksum(_ packet: Packet) -> Bool {
        guard packet.fragmentOffset == 0, let bytes = packet.currentBytes, let layout = PacketLayout(bytes) else {
            return false
        }
        return layout.isComplete && layout.hasNoChecksum(bytes)
    }

    /// A write into the header of a datagram without a checksum takes its 0 for one, and leaves a wrong one. Source: net/netfilter/nft_payload.c `nft_csum_replace`, Linux 6.18; observed there.
    private func sumFromNone(_ before: [UInt8], _ row: HeaderField.Row, _ packet: inout Packet) {
        guard packet.unknown.isDisjoint(with: [.sourcePort, .destinationPort, .otherHeaders, .payload]),
            let layout = PacketLayout(before)
        else { return }
        let start = layout.transport.offset + row.offset / 8
        packet.sumFromNone(start..<layout.transport.offset + (row.offset + row.bits + 7) / 8, before: before)
    }

    /// Whether the packet ends before the checksum that a write into the header has to carry along: the rule breaks then.
    /// Source: net/netfilter/nft_payload.c `nft_payload_csum_inet`, Linux 6.18; nftables src/proto.c for the places.
    private func lacksChecksum(_ header: HeaderKind, _ state: WalkState) -> Bool {
        let byte: Int
        switch header {
        case .icmp, .icmpv6, .igmp: byte = 2
        case .udp, .udplite: byte = 6
        case .tcp: byte = 16
        case .ether, .vlan, .arp, .ip, .ip6, .sctp, .dccp, .ah, .esp, .comp, .gre, .th: return false
        }
        return payloadValue(.transport, offset: byte * 8, bits: 16, state) == .absent
    }

    /// Source: net/netfilter/nft_meta.c `nft_meta_set_eval`.
    private func writeMeta(_ word: UInt32?, _ key: MetaKey, _ state: inout WalkState, _ changes: inout [Change]) {
        switch key {
        case .mark:
            if let word {
                setMark(word, known: .max, &state, &changes)
            } else {
                changes.append(Change(.mark, before: .number(state.packet.mark), after: .unknown))
                state.packet.unknown.insert(.mark)
            }
        case .priority:
            guard let word else { return }
            changes.append(Change(.priority, before: .number(state.packet.priority), after: .number(word)))
            state.packet.priority = word
        case .packetType:
            // Only among what may be on a wire. Source: include/linux/skbuff.h `skb_pkt_type_ok`.
            guard let own = frameType(state), own.rawValue <= 3 else { return }
            guard let type = word.flatMap({ PacketType(rawValue: UInt8(truncatingIfNeeded: $0)) }) else {
                state.packet.unknown.insert(.packetType)
                return
            }
            guard type.rawValue <= 3 else { return }
            state.packet.packetType = type
            state.packet.defaulted.remove(.packetType)
        // A trace, a mark for LSMs and what only ports of bridges have change no way here.
        default: break
        }
    }

    /// Without an entry nothing is set, and the rule goes on. Source: net/netfilter/nft_ct.c `nft_ct_set_eval`,
    /// `nft_ct_set_zone_eval`; observed on Linux 6.18.
    private func writeConnection(
        _ bytes: [UInt8]?, _ word: UInt32?, _ key: ConnectionKey, _ direction: ConnectionDirection?,
        _ state: inout WalkState, _ changes: inout [Change]
    ) {
        if key == .zone {
            // Also of a packet that is not to be tracked: it is then. `nf_ct_get` gives no entry for it.
            if case .entry = state.connection { return }
            guard state.template == nil, let word else { return }
            var template = TrackingTemplate()
            template.zone = ConnectionZone(id: UInt16(truncatingIfNeeded: word), direction: direction)
            changes.append(Change(.zone, before: .number(0), after: .number(word)))
            state.template = template
            state.connection = .none
            return
        }
        guard case .entry(var tracked) = state.connection else { return }
        switch key {
        case .mark:
            if let word {
                changes.append(Change(.connectionMark, before: .number(tracked.entry.mark), after: .number(word)))
                tracked.entry.mark = word
                state.packet.unknown.remove(.connectionMark)
            } else {
                changes.append(Change(.connectionMark, before: .number(tracked.entry.mark), after: .unknown))
                state.packet.unknown.insert(.connectionMark)
            }
        case .label where !tracked.entry.lacksLabels:
            for label in 0..<UInt16(128) {
                guard let bytes, bytes.count == 16, bytes[15 - Int(label) / 8] >> UInt8(label % 8) & 1 == 1,
                    !tracked.entry.labels.contains(label)
                else { continue }
                tracked.entry.labels.append(label)
            }
        default: break
        }
        state.connection = .entry(tracked)
    }

    private func isPlace(
        _ row: HeaderField.Row, _ base: PayloadBase, _ offset: Int, _ bits: Int, _ packet: Packet
    ) -> Bool {
        guard row.header.base == base, row.offset == offset, row.bits == bits else { return false }
        switch row.header {
        case .ip: return packet.version == .v4
        case .ip6: return packet.version == .v6
        case .th: return packet.protocol.hasPorts
        case .ether, .vlan, .arp, .icmp, .icmpv6, .igmp, .tcp, .udp, .udplite, .sctp, .dccp, .ah, .esp, .comp, .gre:
            return row.header.transport == packet.protocol.rawValue
        }
    }

    // MARK: Fields

    private func writeField(
        _ bytes: [UInt8]?, _ row: HeaderField.Row, _ state: inout WalkState, _ changes: inout [Change]
    ) {
        let packet = state.packet
        let number = bytes.flatMap { Literal($0, .integer, bits: $0.count * 8).number }
        func low<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
            number.map { Number(truncatingIfNeeded: $0) }
        }
        func lose(_ field: PacketFields) { state.packet.unknown.insert(field) }
        func find(_ field: PacketFields) {
            state.packet.unknown.remove(field)
            state.packet.defaulted.remove(field)
        }
        switch (row.header, row.name) {
        case (.ip, "saddr"), (.ip6, "saddr"):
            guard let address = bytes.flatMap({ IPAddress(bytes: $0) }) else { return lose(.source) }
            changes.append(Change(.source, before: .address(packet.source), after: .address(address)))
            state.packet.source = address
            find(.source)
        case (.ip, "daddr"), (.ip6, "daddr"):
            guard let address = bytes.flatMap({ IPAddress(bytes: $0) }) else { return lose(.destination) }
            changes.append(Change(.destination, before: .address(packet.destination), after: .address(address)))
            state.packet.destination = address
            find(.destination)
        case (.ip, "ttl"), (.ip6, "hoplimit"):
            guard let ttl = low(UInt8.self) else { return lose(.ttl) }
            changes.append(Change(.ttl, before: .number(UInt32(packet.ttl)), after: .number(UInt32(ttl))))
            state.packet.ttl = ttl
            find(.ttl)
        case (.ip, "dscp"), (.ip6, "dscp"):
            guard let dscp = low(UInt8.self) else { return lose(.dscp) }
            setTOS(packet.tos & 3 | dscp << 2, &state, &changes)
        case (.ip, "ecn"), (.ip6, "ecn"):
            guard let ecn = low(UInt8.self) else { return lose(.dscp) }
            state.packet.tos = packet.tos & ~3 | ecn & 3
        case (_, "sport"):
            guard let port = low(UInt16.self) else { return lose(.sourcePort) }
            state.packet.sourcePort = port
            state.packet.sourcePortChoices = nil
            find(.sourcePort)
        case (_, "dport"):
            guard let port = low(UInt16.self) else { return lose(.destinationPort) }
            state.packet.destinationPort = port
            find(.destinationPort)
        case (.tcp, "flags"):
            guard let flags = low(UInt8.self) else { return lose(.tcpFlags) }
            state.packet.tcpFlags = TCPFlags(rawValue: flags)
            find(.tcpFlags)
        case (.icmp, "type"), (.icmpv6, "type"):
            guard let type = low(UInt8.self) else { return lose(.icmpType) }
            state.packet.icmpType = type
            find(.icmpType)
        case (.icmp, "code"), (.icmpv6, "code"):
            guard let code = low(UInt8.self) else { return lose(.icmpType) }
            state.packet.icmpCode = code
        default: patch(bytes, row.header.base, row.offset, row.bits, &state.packet)
        }
    }

    /// Writes into the packet's bytes where they are known and whole bytes are meant; else nothing is known of them.
    private func patch(_ bytes: [UInt8]?, _ base: PayloadBase, _ offset: Int, _ bits: Int, _ packet: inout Packet) {
        let lost: PacketFields = base == .network ? .otherHeaders : [.otherHeaders, .payload]
        guard base == .network || base == .transport, let bytes, offset % 8 == 0, bits % 8 == 0,
            var whole = packet.currentBytes, case .found(_, let place) = transport(packet)
        else {
            packet.unknown.formUnion(lost)
            return
        }
        let start = offset / 8 + (base == .transport ? place : 0)
        let own = RuleWidth.fitted(bytes, bits / 8)
        guard start + own.count <= whole.count else {
            packet.unknown.formUnion(lost)
            return
        }
        for (index, byte) in own.enumerated() { whole[start + index] = byte }
        packet.rewrite(whole)
    }

    /// A maximum segment size is only ever lowered, and an option that is not there stays away.
    /// Source: net/netfilter/nft_exthdr.c `nft_exthdr_tcp_set_eval`.
    private func writeOption(
        _ word: UInt32?, _ field: ExtensionField, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        guard field.holder == .tcpOption, hasTCPOptions(state.packet) else { return .miss }
        guard field.kind == 2, field.offset == 16, field.bits == 16 else {
            state.packet.unknown.insert(.tcpOptions)
            return .continue
        }
        guard let before = state.packet.maximumSegmentSize else { return .continue }
        guard let word, !state.packet.unknown.contains(.tcpOptions) else {
            changes.append(Change(.mss, before: .number(UInt32(before)), after: .unknown))
            state.packet.unknown.insert(.tcpOptions)
            return .continue
        }
        let wanted = UInt16(truncatingIfNeeded: word)
        guard wanted < before else { return .continue }
        changes.append(Change(.mss, before: .number(UInt32(before)), after: .number(UInt32(wanted))))
        state.packet.maximumSegmentSize = wanted
        return .continue
    }
}
