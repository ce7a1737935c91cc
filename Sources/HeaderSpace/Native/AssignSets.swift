internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// What native rules write into packets, their connections and sets: as `Evaluator.assign` and `change` do for one.
extension SetEvaluator {
    /// `meta mark set …` and its like. Where there is no value the rule breaks.
    func assign(_ target: Assignable, _ expression: Expression, _ way: Way, _ asked: Asked) -> SetAction {
        var ways = StatementWays()
        for one in cases(of: expression, asked) {
            let own = Way(packets: space.and(way.packets, one.packets), flow: way.flow)
            if own.packets.isEmpty { continue }
            switch one.word {
            case .absent: ways.missed.append(own)
            case .bits(let bits): write(bits.contains(nil) ? nil : bits, to: target, own, asked, &ways)
            case .choices(let choices):
                let texts = choices.map { choice in
                    choice.bytes.map { stages.text(of: Literal($0, .mark, bits: 32)) } ?? "nothing"
                }
                let name = "value@\(cite(asked.rule))"
                for (option, part) in alternatives(name, texts, own, { "\(cite(asked.rule)) sets \($0)" }) {
                    guard let bytes = choices[option].bytes else {
                        ways.missed.append(part)
                        continue
                    }
                    write(NativeWord.bits(bytes), to: target, part, asked, &ways)
                }
            case .unknown:
                let has = unknown(
                    "value@\(cite(asked.rule))", "\(stages.describe(expression)) of \(cite(asked.rule)) has a value")
                write(nil, to: target, Way(packets: space.and(own.packets, has), flow: own.flow), asked, &ways)
                ways.missed.append(Way(packets: space.subtract(own.packets, has), flow: own.flow))
            }
        }
        return ways.action
    }

    /// Writes `bits`, or what is not known.
    private func write(
        _ bits: [Bit?]?, to target: Assignable, _ way: Way, _ asked: Asked, _ ways: inout StatementWays
    ) {
        if way.packets.isEmpty { return }
        var flow = way.flow
        switch target {
        case .meta(let key):
            writeMeta(bits, key, way, asked, &ways)
            return
        case .connection(let key, let direction): writeConnection(bits, key, direction, &flow)
        case .field(let field):
            writeWhere(cases(of: field, asked), field.row.header, bits, field.row, way, asked, &ways)
            return
        case .payload(let base, let offset, let count):
            let loads = cases(of: base, offset, count, within: .all, asked)
            // A place that is a field's by the packet's protocol.
            var rest = way
            for field in HeaderField.all {
                let row = field.row
                guard row.header.base == base, row.offset == offset, row.bits == count else { continue }
                let own: PacketSet
                switch row.header {
                case .ip: own = space.version == .v4 ? .all : .none
                case .ip6: own = space.version == .v6 ? .all : .none
                case .th:
                    own = space.union(IPProtocol.withPorts.map { isOf($0, flow) })
                default: own = row.header.transport.map { isOf(IPProtocol($0), flow) } ?? .none
                }
                let part = Way(packets: space.and(rest.packets, own), flow: flow)
                rest.packets = space.subtract(rest.packets, own)
                writeWhere(loads, nil, bits, row, part, asked, &ways)
            }
            writeWhere(loads, nil, bits, nil, rest, asked, &ways, base: base)
            return
        case .extensionHeader(let field):
            // No packet here has an option that could be lowered.
            let has = field.holder == .tcpOption ? isOf(.tcp, flow) : .none
            ways.onward.append(Way(packets: space.and(way.packets, has), flow: flow))
            ways.missed.append(Way(packets: space.subtract(way.packets, has), flow: flow))
            return
        }
        ways.onward.append(Way(packets: way.packets, flow: flow))
    }

    /// Writes into packets that have the place, and a checksum to carry along; the others miss the rule.
    private func writeWhere(
        _ loads: [NativeCase], _ header: HeaderKind?, _ bits: [Bit?]?, _ row: HeaderField.Row?, _ way: Way,
        _ asked: Asked, _ ways: inout StatementWays, base: PayloadBase = .network
    ) {
        if way.packets.isEmpty { return }
        var missing = space.union(loads.filter { $0.word == .absent }.map { $0.packets })
        if let header, let byte = checksumPlace(header) {
            let sums = cases(of: .transport, byte * 8, 16, within: .all, asked)
            missing = space.or(missing, space.union(sums.filter { $0.word == .absent }.map { $0.packets }))
        }
        ways.missed.append(Way(packets: space.and(way.packets, missing), flow: way.flow))
        var flow = way.flow
        if let row { writeField(bits, row, &flow) } else { lose(base, &flow) }
        ways.onward.append(Way(packets: space.subtract(way.packets, missing), flow: flow))
    }

    /// Source: nftables src/proto.c.
    private func checksumPlace(_ header: HeaderKind) -> Int? {
        switch header {
        case .icmp, .icmpv6, .igmp: 2
        case .udp, .udplite: 6
        case .tcp: 16
        case .ether, .vlan, .arp, .ip, .ip6, .sctp, .dccp, .ah, .esp, .comp, .gre, .th: nil
        }
    }

    private func lose(_ base: PayloadBase, _ flow: inout Flow) {
        let lost: PacketFields = base == .network ? .otherHeaders : [.otherHeaders, .payload]
        flow.native.lost |= lost.rawValue
    }

    private func writeField(_ bits: [Bit?]?, _ row: HeaderField.Row, _ flow: inout Flow) {
        func set(_ field: PacketField) { flow[field] = source(bits, field) }
        /// Into a part of a field's bits.
        func set(_ places: Range<Int>, of field: PacketField) {
            guard let bits, var own = space.bits(flow[field], of: field) else {
                flow[field] = .unknown
                return
            }
            for (place, bit) in zip(places, NativeWord.fitted(bits, places.count)) { if let bit { own[place] = bit } }
            flow[field] = space.simplified(own, of: field)
        }
        switch (row.header, row.name) {
        case (.ip, "saddr"), (.ip6, "saddr"): set(.source)
        case (.ip, "daddr"), (.ip6, "daddr"): set(.destination)
        case (.ip, "ttl"), (.ip6, "hoplimit"): set(.ttl)
        case (.ip, "dscp"), (.ip6, "dscp"): set(0..<6, of: .tos)
        case (.ip, "ecn"), (.ip6, "ecn"): set(6..<8, of: .tos)
        case (_, "sport"): set(.sourcePort)
        case (_, "dport"): set(.destinationPort)
        case (.tcp, "flags"): set(.tcpFlags)
        case (.icmp, "type"), (.icmpv6, "type"): set(0..<8, of: .destinationPort)
        case (.icmp, "code"), (.icmpv6, "code"): set(8..<16, of: .destinationPort)
        default: lose(row.header.base, &flow)
        }
    }

    /// A word as a field's source.
    func source(_ bits: [Bit?]?, _ field: PacketField) -> FieldSource {
        guard let bits else { return .unknown }
        let fitted = NativeWord.fitted(bits, space.bits(field))
        let known = fitted.compactMap { $0 }
        return known.count == fitted.count ? space.simplified(known, of: field) : .unknown
    }

    // MARK: Meta and ct

    /// Source: net/netfilter/nft_meta.c `nft_meta_set_eval`.
    private func writeMeta(
        _ bits: [Bit?]?, _ key: MetaKey, _ way: Way, _ asked: Asked, _ ways: inout StatementWays
    ) {
        var way = way
        switch key {
        case .mark: way.flow[.mark] = source(bits, .mark)
        case .priority:
            if let bits { way.flow.native.priority = source(bits, .mark) }
        case .packetType:
            var part = asked
            part.packets = way.packets
            for one in cases(of: .packetType, part) {
                var own = Way(packets: space.and(way.packets, one.packets), flow: way.flow)
                if own.packets.isEmpty { continue }
                // Only among what may be on a wire.
                if case .bits(let now) = one.word, let type = space.constant(now)?.last, type <= 3 {
                    if let wanted = bits.flatMap({ space.constant($0)?.last }) {
                        if wanted <= 3 { own.flow.native.packetType = wanted }
                    } else {
                        own.flow.native.lost |= PacketFields.packetType.rawValue
                    }
                }
                ways.onward.append(own)
            }
            return
        // A trace, a mark for LSMs and what only ports of bridges have change no way here.
        default: break
        }
        ways.onward.append(way)
    }

    /// Without an entry nothing is set, and the rule goes on.
    private func writeConnection(
        _ bits: [Bit?]?, _ key: ConnectionKey, _ direction: ConnectionDirection?, _ flow: inout Flow
    ) {
        if key == .zone {
            if case .tracked = flow.standing { return }
            guard flow.template == nil, let id = bits.flatMap({ space.constant($0) }) else { return }
            var template = Flow.Template()
            template.zone = ConnectionZone(
                id: id.suffix(2).reduce(0) { $0 << 8 | UInt16($1) }, direction: direction)
            flow.template = template
            flow.standing = .none
            return
        }
        guard case .tracked(var tracked) = flow.standing else { return }
        switch key {
        case .mark: tracked.mark = source(bits, .connectionMark)
        case .label:
            guard model.compiled.labelsConnections, let bytes = bits.flatMap({ space.constant($0) }), bytes.count == 16
            else { break }
            for label in 0..<UInt16(128)
            where bytes[15 - Int(label) / 8] >> UInt8(label % 8) & 1 == 1 && !tracked.labels.contains(label) {
                tracked.labels.append(label)
            }
        default: break
        }
        flow.standing = .tracked(tracked)
    }

    // MARK: Sets

    /// `add`, `update` and `delete`. Source: net/netfilter/nft_dynset.c, Linux 6.18.
    func change(_ change: SetChange, _ way: Way, _ asked: Asked) -> SetAction {
        var ways = StatementWays()
        let (name, index) = nativeSet(change.set, asked.rule)
        for one in keyCases(change.key, for: change.set, asked) {
            var own = asked
            own.packets = space.and(way.packets, one.packets)
            if own.packets.isEmpty { continue }
            if one.word == .absent {
                ways.missed.append(Way(packets: own.packets, flow: way.flow))
                continue
            }
            for value in change.value.map({ cases(of: $0, own) }) ?? [NativeCase(packets: .all, word: .bits([]))] {
                let part = Way(packets: space.and(own.packets, value.packets), flow: way.flow)
                if part.packets.isEmpty { continue }
                if value.word == .absent {
                    ways.missed.append(part)
                    continue
                }
                var inner = asked
                inner.packets = part.packets
                self.change(change, one.word, value.word, name, index, part, inner, &ways)
            }
        }
        return ways.action
    }

    private func change(
        _ change: SetChange, _ key: NativeWord, _ value: NativeWord, _ name: NativeSetName, _ index: NativeSetIndex?,
        _ way: Way, _ asked: Asked, _ ways: inout StatementWays
    ) {
        func goOn(_ part: Way) {
            if part.packets.isEmpty { return }
            if change.operation == .delete { ways.onward.append(part) } else { limited(change, part, asked, &ways) }
        }
        func changed(_ packets: PacketSet, _ kind: NativeSetChange.Kind, _ key: [Bit?]) -> Way {
            var part = Way(packets: space.and(way.packets, packets), flow: way.flow)
            let own = NativeSetChange(set: name, kind: kind, key: key)
            if part.flow.native.changes.last != own { part.flow.native.changes.append(own) }
            return part
        }
        guard let index, case .bits(let bits) = key, !bits.contains(nil) else {
            return goOn(changed(.all, .doubt, []))
        }
        var data: NativeElements.Data?
        if change.value == nil {
            data = NativeElements.Data.none
        } else if case .bits(let word) = value, let bytes = space.constant(word) {
            data = .literal(bytes)
        }
        for found in lookUp(change.key, in: change.set, asked) {
            let part = Way(packets: space.and(way.packets, found.packets), flow: way.flow)
            if part.packets.isEmpty { continue }
            switch (change.operation, found.hit) {
            case (_, .absent), (_, .open), (_, .unknown): goOn(changed(found.packets, .doubt, []))
            case (.delete, .hit): goOn(changed(found.packets, .removed, bits))
            case (.delete, .miss), (.delete, .several), (.add, .hit), (.update, .hit): goOn(part)
            case (.add, .miss), (.update, .miss), (.add, .several), (.update, .several):
                if let limit = index.set.size, index.set.elements.count + way.flow.growth(of: name) >= Int(limit) {
                    // What has run out makes room.
                    guard index.set.timeout != nil || index.set.flags.contains(.timeout) else {
                        ways.missed.append(part)
                        continue
                    }
                    goOn(changed(found.packets, .doubt, []))
                    continue
                }
                goOn(changed(found.packets, data.map { .added($0) } ?? .doubt, data == nil ? [] : bits))
            }
        }
    }

    /// The limits that each element gets: those of the rule, or else of the set.
    private func limited(_ change: SetChange, _ way: Way, _ asked: Asked, _ ways: inout StatementWays) {
        let ofSet = nativeSet(change.set, asked.rule).index?.set.states ?? []
        for own in change.states.isEmpty ? ofSet : change.states {
            switch own {
            case .limit, .quota, .connectionCount:
                return add(perform(own, asked.rule, way, asked.context), &ways)
            default: continue
            }
        }
        ways.onward.append(way)
    }
}

extension Flow {
    /// By how many elements a set has grown on the way.
    fileprivate func growth(of name: NativeSetName) -> Int {
        native.changes.reduce(0) { sum, change in
            if change.set != name { return sum }
            switch change.kind {
            case .added: return sum + 1
            case .removed: return sum - 1
            case .doubt: return sum
            }
        }
    }
}
