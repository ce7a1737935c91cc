import NetTypes

/// What a packet's headers hold, and how a packet follows the hints of rules.
extension RandomPackets {
    private static let tcpFlags: [UInt8] = [16, 18, 4, 20, 17, 1, 24, 0, 3, 6, 0x29, 0xc2, 0x42, 0x3f, 8]

    /// TCP options as hosts send them, each a multiple of four bytes.
    private static let tcpOptions: [[UInt8]] = [
        [2, 4, 5, 0xb4], [2, 4, 4, 0xc4, 1, 3, 3, 7], [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7],
        [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8], [1, 1, 4, 2], [254, 4, 0xf9, 0x89], [2, 4, 2, 0x18, 19, 4, 0, 0],
    ]

    /// Options by their kind, padded.
    private static let tcpOption: [UInt8: [UInt8]] = [
        2: [2, 4, 5, 0xb4], 3: [1, 3, 3, 7], 4: [1, 1, 4, 2], 5: [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        8: [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8], 19: [19, 4, 0, 0], 254: [254, 4, 0xf9, 0x89],
    ]

    mutating func drawHeaders(_ start: inout Start) {
        start.draft.sourcePort = chance.pick(RandomPools.ports)
        start.draft.destinationPort = chance.pick(RandomPools.ports)
        if chance.percent(3) { start.draft.destinationPort = 0 }
        if chance.percent(14) { start.draft.ttl = chance.pick([1, 2, 3, 63, 255, 1, 0]) }
        if chance.percent(18) { start.draft.tos = chance.pick(RandomPools.tosBytes) }
        if chance.percent(25) { start.draft.dontFragment = true }
        start.draft.identification = UInt16(truncatingIfNeeded: chance.next())
        if start.draft.version == .v4, chance.percent(2) { start.draft.options = [1, 1, 1, 0] }
        start.draft.form = chance.below(6)
        if start.draft.version == .v6, chance.percent(16) {
            start.draft.extensions = chance.some([0, 60, 43, 51], chance.pick([1, 1, 2])).map { UInt8($0) }
        }
        if chance.percent(8) { start.mark = chance.pick(RandomPools.marks) }
        drawTransport(&start.draft)
        drawPayload(&start.draft)
        if chance.percent(3) { fragment(&start.draft) }
    }

    private mutating func drawTransport(_ draft: inout PacketDraft) {
        switch draft.number {
        case 6:
            if chance.percent(45) {
                draft.tcpFlags = chance.pick(Self.tcpFlags)
                draft.acknowledgement = draft.tcpFlags & 0x10 != 0 ? 5001 : 0
            }
            if chance.percent(40) { draft.tcpOptions = chance.pick(Self.tcpOptions) }
        case 1:
            draft.icmpIdentifier = UInt16(chance.number(1...4))
            if chance.percent(45) { draft.icmpType = chance.pick([0, 3, 3, 4, 5, 11, 12, 13, 15, 17, 9, 40]) }
            if chance.percent(25) { draft.icmpCode = UInt8(chance.below(6)) }
        case 58:
            draft.icmpIdentifier = UInt16(chance.number(1...4))
            draft.icmpType = 128
            if chance.percent(45) {
                draft.icmpType = chance.pick([129, 1, 1, 2, 3, 4, 130, 131, 133, 134, 135, 136, 137, 143, 200])
            }
            if chance.percent(20) { draft.icmpCode = UInt8(chance.below(5)) }
            // Neighbour discovery counts with a full hop limit only.
            if 133...137 ~= draft.icmpType, chance.percent(70) { draft.ttl = 255 }
        case 132:
            if chance.percent(40) {
                draft.chunks = chance.some([0, 1, 2, 3, 4, 6, 7, 9, 10, 11], chance.pick([1, 1, 2]))
            }
        case 33:
            draft.dccpType = UInt8(chance.pick([0, 0, 1, 2, 3, 6, 7, 8]))
            if chance.percent(30) { draft.dccpOptions = chance.pick([[1, 32, 3, 1], [44, 2, 0, 0], [32, 3, 1, 0]]) }
        case 50, 51, 108: draft.index = chance.pick(PacketDraft.indexes)
        case 135: draft.mobilityType = UInt8(chance.below(9))
        case 17: draft.hasNoChecksum = chance.percent(5)
        default: break
        }
        if draft.extensions.contains(51) { draft.index = chance.pick(PacketDraft.indexes) }
    }

    private mutating func drawPayload(_ draft: inout PacketDraft) {
        if isError(draft) {
            draft.payload = quoted(draft)
            return
        }
        switch chance.below(20) {
        case 0..<9: break
        case 9..<14: draft.payload = Array(chance.pick(RandomPools.words).utf8)
        case 14..<17: draft.payload = [UInt8](repeating: 0x2e, count: chance.number(1...200))
        case 17: draft.payload = [0x2e] + Array(chance.pick(RandomPools.words).utf8) + [0x2e, 0x2e]
        case 18:
            if chance.percent(50) {
                draft.length = chance.pick([40, 48, 60, 61, 100, 500])
            } else {
                draft.end = (draft.version == .v4 ? 20 : 40) + chance.pick([0, 1, 4, 7, 8, 12, 15, 19])
            }
        default: draft.payload = [UInt8](repeating: 0x2e, count: chance.pick([1200, 1300, 1400, 1440]))
        }
    }

    private func isError(_ draft: PacketDraft) -> Bool {
        draft.number == 1 ? [3, 4, 5, 11, 12].contains(draft.icmpType) : draft.number == 58 && draft.icmpType < 128
    }

    /// A packet that the sender of an error may have got from where it sends the error to.
    private mutating func quoted(_ error: PacketDraft) -> [UInt8] {
        var inner = PacketDraft(
            source: error.destination, destination: error.source, number: chance.pick([6, 17, error.number]))
        inner.sourcePort = chance.pick(RandomPools.ports)
        inner.destinationPort = chance.pick(RandomPools.ports)
        inner.icmpType = error.version == .v4 ? 8 : 128
        return inner.packet()?.bytes ?? []
    }

    /// Makes a first, middle or last fragment of it.
    private mutating func fragment(_ draft: inout PacketDraft) {
        draft.fragmentOffset = chance.pick([0, 0, 2, 3, 100])
        draft.moreFragments = draft.fragmentOffset == 0 || chance.percent(50)
        // All but the last end at a multiple of eight bytes.
        let start = draft.version == .v4 ? 20 + draft.options.count : 48
        draft.payload = [UInt8](repeating: 0x2e, count: 64)
        draft.length = draft.moreFragments ? start + 48 : nil
        draft.extensions = []
        draft.options = []
        draft.dontFragment = false
    }

    mutating func follow(_ hint: PacketHint, _ start: inout Start) {
        switch hint {
        case .protocol: break
        case .ports(let source, let destination):
            if let source { start.draft.sourcePort = source }
            if let destination { start.draft.destinationPort = destination }
        case .tcpFlags(let flags):
            start.draft.tcpFlags = flags
            start.draft.acknowledgement = flags & 0x10 != 0 ? 5001 : 0
        case .tcpOption(let kind): start.draft.tcpOptions = Self.tcpOption[kind] ?? [1, 1, 1, 0]
        case .maximumSegmentSize(let size):
            start.draft.tcpFlags = chance.pick([2, 2, 0x12])
            start.draft.tcpOptions = [2, 4] + words(size)
        case .icmp(let type, let code):
            guard start.draft.number == 1 || start.draft.number == 58 else { break }
            start.draft.icmpType = type
            start.draft.icmpCode = code
            start.draft.payload = isError(start.draft) ? quoted(start.draft) : []
        case .chunks(let chunks): start.draft.chunks = chunks
        case .index(let index): start.draft.index = index
        case .ttl(let ttl): start.draft.ttl = chance.percent(30) ? ttl &+ 1 : ttl
        case .tos(let tos): start.draft.tos = tos
        case .length(let length): start.draft.length = length
        case .mark(let mark): start.mark = mark
        case .payload(let payload):
            if !isError(start.draft) { start.draft.payload = chance.percent(50) ? payload : [0x2e, 0x2e] + payload }
        case .fragment: fragment(&start.draft)
        case .extensionHeader(let kind, let value):
            guard start.draft.version == .v6 else { break }
            switch kind {
            case 44: start.draft.identification = value.flatMap { UInt16(exactly: $0) } ?? start.draft.identification
            case 51: start.draft.index = value.flatMap { UInt32(exactly: $0) } ?? start.draft.index
            default: start.draft.form = value ?? start.draft.form
            }
            if kind == 44 {
                fragment(&start.draft)
            } else if !start.draft.extensions.contains(kind) {
                start.draft.extensions = kind == 0 ? [0] + start.draft.extensions : start.draft.extensions + [kind]
            }
        case .user(let user): if start.arrival == .host { start.user = user }
        case .group(let group): if start.arrival == .host { start.group = group }
        case .source(let address): takeSource(address, &start)
        case .destination(let address):
            if address.version == start.draft.version, address != start.draft.source {
                start.draft.destination = address
            }
        case .sourceMAC(let mac): if start.arrival != .host { start.sourceMAC = mac }
        case .arrives(let name):
            guard start.arrival != .host else { break }
            if let sender = sender(start.draft.version, where: { $0.port == name || $0.interface == name }) {
                start.draft.source = sender.address
                start.sourceMAC = sender.mac
                start.arrival = .wire(sender.port ?? sender.interface)
            }
        case .identifierOfMAC: takeIdentifier(&start)
        case .packetType(let type):
            if start.arrival != .host, chance.percent(60) { start.type = type }
        }
    }

    /// The source whose last 64 bits are made of the frame's source address (RFC 4291, appendix A).
    private func takeIdentifier(_ start: inout Start) {
        guard start.draft.version == .v6, let mac = start.sourceMAC?.bits else { return }
        let low = (mac >> 24 ^ 0x02_0000) << 40 | 0xff_fe00_0000 | mac & 0xff_ffff
        start.draft.source = v6(start.draft.source.high, low)
    }

    private mutating func takeSource(_ address: IPAddress, _ start: inout Start) {
        guard address.version == start.draft.version, address != start.draft.destination else { return }
        let isOwn = topology.pools.own.contains(address)
        guard isOwn == (start.arrival == .host) else { return }
        start.draft.source = address
        guard let sender = sender(address.version, where: { $0.address == address }) else { return }
        start.arrival = .wire(sender.port ?? sender.interface)
    }

    private mutating func sender(
        _ version: IPVersion, where isFit: (RandomPools.Neighbour) -> Bool
    ) -> RandomPools.Neighbour? {
        chance.pickAny(topology.pools.neighbours.filter { $0.address.version == version && isFit($0) })
    }
}
