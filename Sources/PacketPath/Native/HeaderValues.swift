internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Values that native rules load from the packet itself.
extension Evaluator {
    /// What nf_tables has found of the packet before the rules.
    enum TransportView: Hashable, Sendable {
        /// No transport header was found: every load from it breaks.
        case missing
        case unknown
        case found(IPProtocol, offset: Int)
    }

    /// Source: include/net/netfilter/nf_tables_ipv4.h, nf_tables_ipv6.h, Linux 6.18. AH counts as the transport of IPv6.
    func transport(_ packet: Packet) -> TransportView {
        guard let headers = HeaderBytes(packet, isNFT: true) else {
            if packet.unknown.contains(.protocol) { return .unknown }
            return .found(packet.protocol, offset: packet.version == .v4 ? 20 : 40)
        }
        let hasAH = headers.layout.version == .v6 && headers.hasAH
        if !headers.layout.isComplete, !hasAH {
            return headers.chainIsBroken ? .missing : .unknown
        }
        return .found(hasAH ? .ah : headers.layout.transport.kind, offset: headers.transportOffset)
    }

    /// A field by its name: nft tests before it that the packet has the header.
    func fieldValue(_ field: HeaderField, _ state: WalkState) -> NativeValue {
        let row = field.row
        switch hasHeader(row, state) {
        case true?: break
        case false?: return .absent
        case nil: return .unknown
        }
        switch row.header {
        case .ether: return etherValue(row, state)
        // The hooks of IP see neither tags nor ARP.
        case .vlan, .arp: return .absent
        case .ip, .ip6, .icmp, .icmpv6, .igmp, .tcp, .udp, .udplite, .sctp, .dccp, .ah, .esp, .comp, .gre, .th:
            return payloadValue(row.header.base, offset: row.offset, bits: row.bits, state)
        }
    }

    /// Whether the packet has what the field is of; `nil` where that is not known.
    ///
    /// Source: nftables src/payload.c `payload_gen_dependency`, `payload_gen_icmp_dependency`, 1.0.6.
    private func hasHeader(_ row: HeaderField.Row, _ state: WalkState) -> Bool? {
        let packet = state.packet
        switch row.header {
        case .ip: return packet.version == .v4
        case .ip6: return packet.version == .v6
        case .icmp, .igmp: if packet.version != .v4 { return false }
        case .icmpv6: if packet.version != .v6 { return false }
        case .ether, .vlan, .arp, .tcp, .udp, .udplite, .sctp, .dccp, .ah, .esp, .comp, .gre, .th: break
        }
        guard let wanted = row.header.transport else { return true }
        switch transport(packet) {
        case .missing: return false
        case .unknown: return nil
        case .found(let own, _): if own.rawValue != wanted { return false }
        }
        guard let types = row.icmpTypes else { return true }
        guard let type = payloadValue(.transport, offset: 0, bits: 8, state).number else {
            return packet.fragmentOffset > 0 ? false : nil
        }
        return types.contains(UInt8(truncatingIfNeeded: type))
    }

    private func etherValue(_ row: HeaderField.Row, _ state: WalkState) -> NativeValue {
        // The neighbour's address is there by now, which no rule before has seen.
        if state.context.hook == .egress { return linkHeaderOut(row, state) }
        guard case .none = state.context.inInterface else {
            let known = state.context.hook == .postrouting ? hasFrame(state) : cameAsEthernet(state)
            guard let known else { return .unknown }
            if !known { return .absent }
            switch row.name {
            case "saddr":
                guard !state.packet.unknown.contains(.mac), let mac = state.packet.sourceMAC else {
                    return .hidden(bits: 48)
                }
                return NativeValue(mac.bits, bits: 48)
            case "daddr": return frameDestination(state).map { NativeValue($0.bits, bits: 48) } ?? .hidden(bits: 48)
            default: return NativeValue(state.packet.version == .v4 ? 0x0800 : 0x86dd, bits: 16)
            }
        }
        return .absent
    }

    /// What the frame that goes out has: to whom is not told, and by whom a bridge passes on.
    private func linkHeaderOut(_ row: HeaderField.Row, _ state: WalkState) -> NativeValue {
        guard let header = frameHeader(at: state.device) else { return .unknown }
        if header == 0 { return .absent }
        if row.name == "type" { return NativeValue(state.packet.version == .v4 ? 0x0800 : 0x86dd, bits: 16) }
        if row.name == "saddr", !state.isBridged, state.device == state.route?.interface,
            let mac = state.device.flatMap({ model.interface($0)?.mac })
        {
            return NativeValue(mac.bits, bits: 48)
        }
        return .hidden(bits: row.bits)
    }

    /// `bits` at `offset` from the base, as they stand in the packet now.
    ///
    /// Source: net/netfilter/nft_payload.c, Linux 6.18: of a later fragment only loads of 1, 2 and 4 bytes come from
    /// what lies at the transport header's place, others break; observed there.
    func payloadValue(_ base: PayloadBase, offset: Int, bits: Int, _ state: WalkState) -> NativeValue {
        guard offset >= 0, bits > 0, bits <= 128 * 8 else { return .absent }
        let packet = state.packet
        let first = offset / 8
        let end = (offset + bits + 7) / 8
        var start = 0
        var image = PacketImage(packet)
        switch base {
        case .link: return linkValue(offset, bits, state)
        case .network: break
        case .transport, .inner:
            let size = end - first
            switch transport(packet) {
            case .missing: return .absent
            case .unknown: return .unknown
            case .found(let own, let place):
                start = place
                if packet.fragmentOffset > 0 {
                    if base == .inner || size != 1 && size != 2 && size != 4 { return .absent }
                    if packet.currentBytes == nil { return .hidden(bits: bits) }
                }
                if packet.currentBytes == nil { image = PacketImage(withoutExtensions(packet)) }
                if base == .inner {
                    guard let inner = innerOffset(own, place, image) else { return .unknown }
                    start = inner
                }
            }
        }
        var bytes: [UInt8] = []
        var known: [UInt8] = []
        for place in start + first..<start + end {
            guard let place = UInt32(exactly: place), let found = image.load(place, 1) else { return .unknown }
            guard case .word(let word) = found else { return .absent }
            bytes.append(UInt8(truncatingIfNeeded: word.value))
            known.append(UInt8(truncatingIfNeeded: word.known))
        }
        return cut(.bytes(bytes, known: known), behind: (8 - (offset + bits) % 8) % 8, bits)
    }

    /// The packet as if no header lay between the IP header and its transport.
    private func withoutExtensions(_ packet: Packet) -> Packet {
        var packet = packet
        packet.unknown.remove(.otherHeaders)
        return packet
    }

    private func linkValue(_ offset: Int, _ bits: Int, _ state: WalkState) -> NativeValue {
        for field in HeaderField.all where field.row.header == .ether {
            if field.row.offset == offset, field.row.bits == bits { return etherValue(field.row, state) }
        }
        let isOut = state.context.hook == .egress
        guard let known = isOut ? frameHeader(at: state.device).map({ $0 > 0 }) : hasFrame(state) else {
            return .unknown
        }
        return known ? .unknown : .absent
    }

    /// Source: net/netfilter/nft_payload.c `nft_payload_inner_offset`.
    private func innerOffset(_ own: IPProtocol, _ place: Int, _ image: PacketImage) -> Int? {
        switch own {
        case .udp: return place + 8
        case .tcp:
            guard let place = UInt32(exactly: place + 12), case .word(let word)? = image.load(place, 1),
                let size = word.exact
            else { return nil }
            return Int(place) - 12 + Int(size >> 4) * 4
        default: return nil
        }
    }

    /// The `bits` that lie before the last `behind`.
    private func cut(_ value: NativeValue, behind: Int, _ bits: Int) -> NativeValue {
        let width = (bits + 7) / 8
        var ones = [UInt8](repeating: 0xff, count: width)
        if bits % 8 != 0 { ones[0] = UInt8(truncatingIfNeeded: (1 << (bits % 8)) - 1) }
        let moved = (behind == 0 ? value : value.shifted(-behind)).fitted(to: width)
        return bits % 8 == 0 ? moved : moved.masked(ones, [])
    }

    // MARK: Extension headers and options

    /// Where there is no such header or option the rule breaks; whether there is one is asked of every packet, also of
    /// another protocol's. Source: net/netfilter/nft_exthdr.c; observed on Linux 6.18.
    func extensionValue(_ field: ExtensionField, _ state: WalkState) -> NativeValue {
        let packet = state.packet
        let found: Place?
        do throws(HeaderFailure) {
            switch field.holder {
            case .ipv6:
                guard packet.version == .v6 else { return .absent }
                found = try extensionHeader(field.kind, packet)
            case .tcpOption:
                switch transport(packet) {
                case .missing: throw .malformed
                case .unknown: throw .unknown
                case .found(let own, _): if own != .tcp || packet.fragmentOffset > 0 { throw .malformed }
                }
                if let size = plainMSS(field, packet) { return size }
                found = try option(field.kind, in: try tcpOptions(packet))
            case .ipv4Option:
                guard packet.version == .v4 else { return .absent }
                found = try option(field.kind, in: try ipOptions(packet))
            case .sctpChunk:
                switch transport(packet) {
                case .missing: throw .malformed
                case .unknown: throw .unknown
                case .found(let own, _): if own != .sctp || packet.fragmentOffset > 0 { throw .malformed }
                }
                found = try chunk(field.kind, packet)
            case .dccpOption: return .unknown
            }
        } catch {
            if error == .unknown { return .unknown }
            return field.testsPresence ? NativeValue(0, bits: 8) : .absent
        }
        if field.testsPresence { return NativeValue(found == nil ? 0 : 1, bits: 8) }
        guard let found else { return .absent }
        let end = (field.offset + field.bits + 7) / 8
        if let size = found.size, end > size { return .absent }
        return payloadValue(.network, offset: found.offset * 8 + field.offset, bits: field.bits, state)
    }

    /// Where an option or header lies in the packet.
    private struct Place {
        var offset: Int
        /// Bytes that it has, where it tells.
        var size: Int?
    }

    private func extensionHeader(_ kind: UInt8, _ packet: Packet) throws(HeaderFailure) -> Place? {
        guard let headers = HeaderBytes(packet, isNFT: true) else {
            if packet.unknown.contains(.otherHeaders) || packet.isFragment { throw .unknown }
            return nil
        }
        return try headers.find(IPProtocol(kind)).map { Place(offset: $0, size: nil) }
    }

    /// The size of a packet that was not given as bytes.
    private func plainMSS(_ field: ExtensionField, _ packet: Packet) -> NativeValue? {
        guard packet.currentBytes == nil, field.kind == 2, let size = packet.maximumSegmentSize,
            !packet.unknown.contains(.tcpOptions)
        else { return nil }
        if field.testsPresence { return NativeValue(1, bits: 8) }
        return field.offset == 16 && field.bits == 16 ? NativeValue(UInt64(size), bits: 16) : nil
    }

    /// Whether options can be written into the packet's TCP header.
    func hasTCPOptions(_ packet: Packet) -> Bool {
        switch transport(packet) {
        case .missing: return false
        case .unknown: return true
        case .found(let own, _): if own != .tcp || packet.fragmentOffset > 0 { return false }
        }
        do throws(HeaderFailure) {
            _ = try tcpOptions(packet)
            return true
        } catch {
            return error == .unknown
        }
    }

    /// From where to where a header's options lie.
    private func tcpOptions(_ packet: Packet) throws(HeaderFailure) -> (HeaderBytes, Range<Int>) {
        guard let headers = HeaderBytes(packet, isNFT: true) else { throw .unknown }
        let start = headers.transportOffset
        try headers.require(start, 20)
        let size = Int(try headers.byte(start + 12) >> 4) * 4
        if size < 20 { throw .malformed }
        try headers.require(start, size)
        return (headers, start + 20..<start + size)
    }

    private func ipOptions(_ packet: Packet) throws(HeaderFailure) -> (HeaderBytes, Range<Int>) {
        guard let headers = HeaderBytes(packet, isNFT: true) else {
            if packet.unknown.contains(.otherHeaders) { throw .unknown }
            // A plain header has none.
            throw .malformed
        }
        return (headers, 20..<max(20, Int(try headers.byte(0) & 0x0f) * 4))
    }

    private func option(_ kind: UInt8, in options: (HeaderBytes, Range<Int>)) throws(HeaderFailure) -> Place? {
        let (headers, range) = options
        var place = range.lowerBound
        while place < range.upperBound - 1 {
            let own = try headers.byte(place)
            let told = Int(try headers.byte(place + 1))
            // End of options and no-operations are one byte, and so is what tells a length of none.
            let size = own <= 1 || told == 0 ? 1 : told
            if own == kind {
                if place + size > range.upperBound { throw .malformed }
                return Place(offset: place, size: size)
            }
            place += size
        }
        return nil
    }

    private func chunk(_ kind: UInt8, _ packet: Packet) throws(HeaderFailure) -> Place? {
        guard let headers = HeaderBytes(packet, isNFT: true) else { throw .unknown }
        var place = headers.transportOffset + 12
        while place + 4 <= headers.length {
            let size = Int(try headers.number(place + 2, 2))
            if size == 0 { return nil }
            if try headers.byte(place) == kind {
                if place + size > headers.length { throw .malformed }
                return Place(offset: place, size: size)
            }
            place += (size + 3) & ~3
        }
        return nil
    }
}
