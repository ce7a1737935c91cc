internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// Words that native rules load from packets themselves.
extension SetEvaluator {
    /// Bits of a packet field that lie in a header, from `start` on: the field's last ones.
    private struct Placed {
        var start: Int
        var field: PacketField
        var bits: Int
    }

    /// Packets of one kind as far as their headers' shape goes.
    struct ProtocolClass {
        var packets: PacketSet
        /// `nil`: all that have no shape of their own here.
        var kind: IPProtocol?
    }

    func protocolClasses(_ flow: Flow) -> [ProtocolClass] {
        let icmp: IPProtocol = space.version == .v4 ? .icmp : .icmpv6
        let own: [IPProtocol] = [.tcp, .udp, icmp, .sctp, .dccp, .udplite, .esp, .ah, .ipcomp, .mobility]
        var result = own.map { ProtocolClass(packets: isOf($0, flow), kind: $0) }
        result.append(ProtocolClass(packets: space.complement(space.union(result.map { $0.packets })), kind: nil))
        return result.filter { !$0.packets.isEmpty }
    }

    /// One packet of each protocol is asked.
    func byProtocol(_ expression: Expression, within packets: PacketSet, _ asked: Asked) -> [NativeCase] {
        grouped(
            protocolClasses(asked.flow).compactMap { one in
                let own = space.and(one.packets, packets)
                return valueOfOne(expression, own, asked).map { NativeCase(packets: own, word: $0) }
            })
    }

    // MARK: Fields

    /// nft asks before a field whether the packet has its header.
    func cases(of field: HeaderField, _ asked: Asked) -> [NativeCase] {
        let row = field.row
        let absent = [NativeCase(packets: .all, word: .absent)]
        switch row.header {
        case .ip: if space.version != .v4 { return absent }
        case .ip6: if space.version != .v6 { return absent }
        case .icmp, .igmp: if space.version != .v4 { return absent }
        case .icmpv6: if space.version != .v6 { return absent }
        case .vlan, .arp: return absent
        case .ether: return etherCases(field, asked)
        case .tcp, .udp, .udplite, .sctp, .dccp, .ah, .esp, .comp, .gre, .th: break
        }
        var having = PacketSet.all
        if let wanted = row.header.transport { having = isOf(IPProtocol(wanted), asked.flow) }
        if let types = row.icmpTypes {
            let sets = types.map { type in
                space.packets(
                    asked.flow[.destinationPort], of: .destinationPort, UInt128(type) << 8, mask: 0xff00) ?? .all
            }
            having = space.and(having, space.union(sets))
        }
        let missing = space.complement(having)
        let inside = cases(of: row.header.base, row.offset, row.bits, within: having, asked)
        if missing.isEmpty { return inside }
        return grouped(inside + [NativeCase(packets: missing, word: .absent)])
    }

    private func etherCases(_ field: HeaderField, _ asked: Asked) -> [NativeCase] {
        let cuts = field.row.name == "daddr" ? frameCuts(asked.flow) : []
        let found = byInInterface(.field(field), cuts: cuts, asked)
        guard field.row.name == "saddr", space.free.contains(.mac) else { return found }
        return found.map { one in
            // What came as a frame has the address that the packet's field is.
            guard case .bits(let bits) = one.word, !bits.contains(nil) else { return one }
            return NativeCase(packets: one.packets, word: .bits(word(.arriving, .mac)))
        }
    }

    /// What tells apart whom a frame is addressed to.
    func frameCuts(_ flow: Flow) -> [PacketSet] {
        let group =
            space.version == .v4
            ? IPPrefix(IPAddress(v4: 0xe000_0000), length: 4)
            : IPPrefix(IPAddress(v6High: 0xff00 << 48, low: 0), length: 8)
        var cuts: [PacketSet] = []
        for source in Set([space.source(.destination), flow[.destination]]) {
            cuts.append(space.packets(source, of: .destination, in: group) ?? .none)
            if space.version == .v4 {
                cuts.append(space.packets(source, of: .destination, UInt128(UInt32.max)) ?? .none)
            }
        }
        return cuts
    }

    /// The field's bits as they now are, the highest first.
    func word(_ source: FieldSource, _ field: PacketField) -> [Bit?] {
        guard let bits = space.bits(source, of: field) else {
            return [Bit?](repeating: nil, count: space.bits(field))
        }
        return bits.map { Optional($0) }
    }

    // MARK: Loads

    /// `bits` at `offset` from the base, of packets in `within`, as they now are.
    func cases(of base: PayloadBase, _ offset: Int, _ bits: Int, within: PacketSet, _ asked: Asked) -> [NativeCase] {
        let expression = Expression.payload(base, offset: offset, bits: bits)
        if base == .link { return byInInterface(expression, asked) }
        guard offset >= 0, bits > 0, bits <= 128 * 8 else { return [NativeCase(packets: within, word: .absent)] }
        if let known = loweredWord(base, offset, bits, within, asked) { return known }
        if let word = plainWord(base, offset, bits, within, asked.flow) {
            return [NativeCase(packets: within, word: word)]
        }
        var result: [NativeCase] = []
        for one in protocolClasses(asked.flow) {
            let own = space.and(one.packets, within)
            if space.and(own, asked.packets).isEmpty { continue }
            for part in partsByLength(own, one.kind, base, offset + bits) {
                guard let value = valueOfOne(expression, part, asked) else { continue }
                let word = overlaid(value, base, offset, bits, one.kind, asked.flow)
                result.append(NativeCase(packets: part, word: word))
            }
        }
        return grouped(result)
    }

    /// A word with the time to live of packets that were passed on, for each value by itself: its bits are no packet's.
    private func loweredWord(
        _ base: PayloadBase, _ offset: Int, _ bits: Int, _ within: PacketSet, _ asked: Asked
    ) -> [NativeCase]? {
        guard base == .network, case .lowered = asked.flow[.ttl],
            let place = networkPlaces.first(where: { $0.field == .ttl }),
            offset < place.start + 8, place.start < offset + bits
        else { return nil }
        let cases = (0...UInt128(UInt8.max)).flatMap { value -> [NativeCase] in
            let own = space.and(within, space.packets(asked.flow[.ttl], of: .ttl, value) ?? .none)
            if own.isEmpty { return [] }
            var part = asked
            part.flow[.ttl] = .constant(value)
            return self.cases(of: base, offset, bits, within: own, part)
        }
        return grouped(cases)
    }

    /// The word where it is made of fields alone that every packet of `within` has at the same place.
    private func plainWord(
        _ base: PayloadBase, _ offset: Int, _ bits: Int, _ within: PacketSet, _ flow: Flow
    ) -> NativeWord? {
        let places: [Placed]
        switch base {
        case .network where space.version == .v4: places = networkPlaces.filter { $0.field != .length }
        case .network: places = networkPlaces.filter { $0.field != .protocol }
        case .transport:
            guard IPProtocol.withPorts.contains(where: { within == isOf($0, flow) }) else { return nil }
            places = portPlaces
        case .link, .inner: return nil
        }
        for place in places where place.start <= offset && offset + bits <= place.start + place.bits {
            let own = word(flow[place.field], place.field).suffix(place.bits)
            let first = offset - place.start
            let wanted = Array(own.dropFirst(first).prefix(bits))
            return .bits(NativeWord.fitted(wanted, (bits + 7) / 8 * 8))
        }
        return nil
    }

    /// Packets that the load lies in and others, where lengths differ.
    private func partsByLength(_ packets: PacketSet, _ kind: IPProtocol?, _ base: PayloadBase, _ end: Int)
        -> [PacketSet]
    {
        guard space.free.contains(.length) else { return [packets] }
        var start = 0
        if base != .network { start = space.version == .v4 ? 20 : 40 }
        if base == .inner { start += 8 }
        let whole = space.packets(.length, from: UInt128(start + (end + 7) / 8), through: 65535)
        return [space.and(packets, whole), space.subtract(packets, whole)].filter { !$0.isEmpty }
    }

    private var networkPlaces: [Placed] {
        switch space.version {
        case .v4:
            [
                Placed(start: 8, field: .tos, bits: 8), Placed(start: 16, field: .length, bits: 16),
                Placed(start: 64, field: .ttl, bits: 8), Placed(start: 72, field: .protocol, bits: 8),
                Placed(start: 96, field: .source, bits: 32), Placed(start: 128, field: .destination, bits: 32),
            ]
        case .v6:
            [
                Placed(start: 4, field: .tos, bits: 8), Placed(start: 48, field: .protocol, bits: 8),
                Placed(start: 56, field: .ttl, bits: 8), Placed(start: 64, field: .source, bits: 128),
                Placed(start: 192, field: .destination, bits: 128),
            ]
        }
    }

    private var portPlaces: [Placed] {
        [Placed(start: 0, field: .sourcePort, bits: 16), Placed(start: 16, field: .destinationPort, bits: 16)]
    }

    /// One packet's word with the bits of fields in which others differ.
    private func overlaid(
        _ value: NativeWord, _ base: PayloadBase, _ offset: Int, _ bits: Int, _ kind: IPProtocol?, _ flow: Flow
    ) -> NativeWord {
        guard case .bits(var word) = value else { return value }
        var places: [Placed] = []
        // Where a number is made of the packet's length nothing is told of its bits.
        var derived: [Range<Int>] = []
        func addTransport(at start: Int) {
            var own: [Placed] = []
            if let kind, kind.hasPorts { own = portPlaces }
            if let kind, kind.isICMP { own = [Placed(start: 0, field: .destinationPort, bits: 16)] }
            if kind == .tcp { own.append(Placed(start: 104, field: .tcpFlags, bits: 8)) }
            if kind == .udp { derived.append(start + 32..<start + 48) }
            places += own.map { Placed(start: start + $0.start, field: $0.field, bits: $0.bits) }
        }
        switch base {
        case .network:
            places = networkPlaces
            if space.version == .v6 { derived.append(32..<48) }
            addTransport(at: space.version == .v4 ? 160 : 320)
        case .transport: addTransport(at: 0)
        case .link, .inner: break
        }
        let padding = word.count - bits
        for place in places {
            let own = self.word(flow[place.field], place.field).suffix(place.bits)
            for (index, bit) in own.enumerated() {
                let at = place.start + index - offset + padding
                guard at >= padding, at < word.count, word[at] != nil else { continue }
                word[at] = bit
            }
        }
        if space.free.contains(.length) {
            for place in derived.joined() where place >= offset && place < offset + bits {
                word[place - offset + padding] = nil
            }
        }
        return .bits(word)
    }
}
