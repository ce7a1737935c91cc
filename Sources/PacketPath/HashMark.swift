internal import NetTypes
internal import PathModel
internal import RuleModel

/// What `-j HMARK` hashes: no seed but the rule's own is in it, so the mark can be known.
///
/// Source: net/netfilter/xt_HMARK.c, Linux 6.18.
private struct HashedFields {
    var source: UInt32 = 0
    var destination: UInt32 = 0
    var ports: UInt32 = 0
    var `protocol`: UInt8 = 0

    mutating func take(_ source: IPAddress, _ destination: IPAddress, _ target: HMarkTarget) {
        self.source = word(source, target.sourcePrefix)
        self.destination = word(destination, target.destinationPrefix)
    }

    /// The larger port comes first, whichever of the two it is.
    mutating func take(_ source: UInt16, _ destination: UInt16, _ target: HMarkTarget) {
        let one = source & (target.sourcePortMask ?? 0)
        let two = destination & (target.destinationPortMask ?? 0)
        ports = UInt32(max(one, two)) << 16 | UInt32(min(one, two))
    }

    func mark(_ target: HMarkTarget) -> UInt32 {
        let words = [min(source, destination), max(source, destination), ports]
        let hash = jenkinsHash(words, seed: target.random) ^ UInt32(UInt16(`protocol`) & (target.protocolMask ?? 0))
        return UInt32(truncatingIfNeeded: (UInt64(hash) * UInt64(target.modulus)) >> 32) &+ (target.offset ?? 0)
    }

    /// All of an IPv4 address, the four words of an IPv6 address over each other.
    private func word(_ address: IPAddress, _ length: UInt8?) -> UInt32 {
        let kept = IPPrefix(address, length: length ?? 0).address
        guard kept.version == .v6 else { return kept.v4Bits }
        let folded = kept.high ^ kept.low
        return UInt32(truncatingIfNeeded: folded >> 32 ^ folded)
    }
}

extension Evaluator {
    /// `-j HMARK`: the packet's mark becomes the hash; unknown where a part of it is, or is written in a way that
    /// iptables-save does not tell whole (`--hmark-spi…`, `--hmark-sport`, `--hmark-dport`).
    func hashMark(_ target: HMarkTarget, _ state: inout WalkState, _ changes: inout [Change]) {
        let before = Change.Value.number(state.packet.mark)
        switch hashedFields(target, state) {
        case .none: return
        case .unknown:
            changes.append(Change(.mark, before: before, after: .unknown))
            state.packet.unknown.insert(.mark)
        case .known(let fields):
            state.packet.mark = fields.mark(target)
            state.packet.unknown.remove(.mark)
            changes.append(Change(.mark, before: before, after: .number(state.packet.mark)))
        }
    }

    private enum Hashed {
        case known(HashedFields)
        case unknown
        /// The rule leaves the mark as it is.
        case none
    }

    private func hashedFields(_ target: HMarkTarget, _ state: WalkState) -> Hashed {
        guard target.spi == nil, target.spiMask == nil, target.sourcePort == nil, target.destinationPort == nil else {
            return .unknown
        }
        return target.usesConnection ? hashedConnection(target, state) : hashedPacket(target, state.packet)
    }

    private func hashedConnection(_ target: HMarkTarget, _ state: WalkState) -> Hashed {
        guard case .entry(let tracked) = state.connection else { return .none }
        let entry = tracked.entry
        // Another connection's entry, or one not known.
        if tracked.isNew,
            !state.packet.unknown.isDisjoint(with: [.source, .destination, .sourcePort, .destinationPort])
                || tracked.state.contains(.related) && !state.packet.protocol.isICMP
        {
            return .unknown
        }
        let isFarPortDrawn = entry.translatedDestinationPorts != nil || entry.translatedPorts != nil && isICMPv6(entry)
        if isFarPortDrawn, target.destinationPortMask ?? 0 != 0 { return .unknown }
        var fields = HashedFields()
        fields.take(entry.original.source, entry.reply.source, target)
        fields.protocol = entry.original.protocol.rawValue
        if entry.original.protocol != .icmp { fields.take(entry.original.sourcePort, entry.reply.sourcePort, target) }
        return .known(fields)
    }

    /// Of whose tuples an identifier is hashed in the place of ports.
    private func isICMPv6(_ entry: ConnectionEntry) -> Bool { entry.original.protocol == .icmpv6 }

    private func hashedPacket(_ target: HMarkTarget, _ packet: Packet) -> Hashed {
        guard packet.unknown.isDisjoint(with: [.source, .destination]),
            !isError(packet) || !packet.unknown.contains(.payload)
        else { return .unknown }
        // A port that NAT drew is hashed; an identifier is not.
        if packet.sourcePortChoices != nil, target.sourcePortMask ?? 0 != 0, !packet.protocol.isICMP { return .unknown }
        guard let bytes = packet.currentBytes else { return hashedDescription(target, packet) }
        guard let layout = PacketLayout(bytes) else { return .unknown }
        var fields = HashedFields()
        guard layout.version == .v4 || isFound(layout) else { return .known(fields) }
        var inner = packet
        var start = 0
        var own = layout
        if let place = quotedPlace(bytes, layout) {
            // An error counts as the packet that it is about.
            let quoted = Array(bytes[place...])
            if layout.version == .v4 { return hashedQuoted(target, quoted) }
            guard let read = PacketLayout(quoted), read.version == .v6, let decoded = Packet(decoding: quoted.span),
                isFound(read)
            else { return .none }
            (inner, start, own) = (decoded, place, read)
        }
        fields.take(inner.source, inner.destination, target)
        let header = own.version == .v6 ? own.firstExtension(.ah) ?? own.transport : own.transport
        fields.protocol = header.kind.rawValue
        if header.kind == (own.version == .v4 ? .icmp : .icmpv6) || isCut(own) { return .known(fields) }
        // The kernel hashes no ports of a packet that ends before them.
        guard let offset = portsOffset(header.kind), let source = bytes.word16(at: start + header.offset + offset),
            let destination = bytes.word16(at: start + header.offset + offset + 2)
        else { return start == 0 && bytes.count < own.length ? .unknown : .known(fields) }
        // Of AH its SPI is hashed, which nothing rewrites.
        if start == 0, header.kind != .ah, hashesUnknownPort(target, packet) { return .unknown }
        fields.take(source, destination, target)
        return .known(fields)
    }

    /// What an error of IPv4 quotes is read as a packet of IPv4, whatever it is.
    private func hashedQuoted(_ target: HMarkTarget, _ quoted: [UInt8]) -> Hashed {
        guard quoted.count >= 20 else { return .none }
        func address(_ place: Int) -> IPAddress {
            IPAddress(v4: quoted[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) })
        }
        var fields = HashedFields()
        fields.take(address(12), address(16), target)
        let kind = IPProtocol(quoted[9])
        fields.protocol = kind.rawValue
        let isFragment = (quoted[6] & 0x3f) | quoted[7] != 0
        guard kind != .icmp, !isFragment, let offset = portsOffset(kind) else { return .known(fields) }
        let place = Int(quoted[0] & 15) * 4 + offset
        if let source = quoted.word16(at: place), let destination = quoted.word16(at: place + 2) {
            fields.take(source, destination, target)
        }
        return .known(fields)
    }

    /// A packet that was described, without bytes: its kind tells where its ports are.
    private func hashedDescription(_ target: HMarkTarget, _ packet: Packet) -> Hashed {
        if isError(packet) { return .unknown }
        var fields = HashedFields()
        fields.take(packet.source, packet.destination, target)
        fields.protocol = packet.protocol.rawValue
        if packet.isFragment || packet.protocol.isICMP { return .known(fields) }
        guard let offset = portsOffset(packet.protocol) else { return .known(fields) }
        guard offset == 0, packet.protocol.hasPorts, !hashesUnknownPort(target, packet) else { return .unknown }
        fields.take(packet.sourcePort, packet.destinationPort, target)
        return .known(fields)
    }

    private func hashesUnknownPort(_ target: HMarkTarget, _ packet: Packet) -> Bool {
        target.sourcePortMask ?? 0 != 0 && packet.unknown.contains(.sourcePort)
            || target.destinationPortMask ?? 0 != 0 && packet.unknown.contains(.destinationPort)
    }

    /// Where the packet begins that an ICMP error is about; `nil` for all other packets.
    private func quotedPlace(_ bytes: [UInt8], _ layout: PacketLayout) -> Int? {
        let header = layout.transport.offset
        guard header + 8 <= bytes.count else { return nil }
        let type = bytes[header]
        switch layout.version {
        case .v4: return layout.transport.kind == .icmp && [3, 4, 5, 11, 12].contains(type) ? header + 8 : nil
        case .v6:
            guard layout.transport.kind == .icmpv6, layout.firstExtension(.ah) == nil, !isCut(layout) else {
                return nil
            }
            return 1..<128 ~= type ? header + 8 : nil
        }
    }

    /// Whether `ipv6_find_hdr` finds an end of the headers, which for this target is AH too.
    private func isFound(_ layout: PacketLayout) -> Bool { layout.isComplete || layout.firstExtension(.ah) != nil }

    private func isCut(_ layout: PacketLayout) -> Bool {
        switch layout.version {
        case .v4: return layout.fragmentOffset > 0 || layout.moreFragments
        case .v6:
            guard let fragment = layout.firstExtension(.fragment) else { return false }
            guard let header = layout.firstExtension(.ah) else { return true }
            return fragment.offset < header.offset
        }
    }

    /// Bytes from a header's start to its ports or SPI. Source: include/linux/in.h `proto_ports_offset`.
    private func portsOffset(_ kind: IPProtocol) -> Int? {
        switch kind {
        case .tcp, .udp, .dccp, .esp, .sctp, .udplite: 0
        case .ah: 4
        default: nil
        }
    }
}
