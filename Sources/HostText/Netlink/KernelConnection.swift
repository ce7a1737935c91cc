import NetTypes
import NetlinkBytes
public import RuleModel
import SourceText

/// One entry of the kernel's connection table.
public struct KernelConnection: Hashable, Sendable {
    /// Addresses, ports, status, marks and TCP state; `place` is none and `protocolState` is empty.
    public var entry: ConnectionEntry
    public var id: UInt32 = 0
    /// All of IPS_…, more than `ConnectionStatus` has names for.
    public var status: UInt32 = 0
    /// The application helper's name, empty where there is none.
    public var helper = ""
    /// How many hold on to it.
    var useCount: UInt32?
    /// The state of SCTP or DCCP, by the kernel's number.
    var otherState: UInt8?

    public var isSourceTranslated: Bool { status & 1 << 4 != 0 }
    public var isDestinationTranslated: Bool { status & 1 << 5 != 0 }

    /// The entry that `payload`, a message of ctnetlink without its netlink header, tells; `nil` where one of its
    /// tuples is missing or of neither IP version.
    public init?(_ payload: Span<UInt8>) {
        var original: ConnectionTuple?
        var reply: ConnectionTuple?
        var zones: (original: UInt16, reply: UInt16) = (0, 0)
        var walk = AttributeWalk(payload, after: 4)
        while let attribute = walk.next(in: payload) {
            if attribute.type == Attribute.original {
                original = tuple(payload, attribute.value, zone: &zones.original)
            }
            if attribute.type == Attribute.reply { reply = tuple(payload, attribute.value, zone: &zones.reply) }
        }
        guard let original, let reply else { return nil }
        entry = ConnectionEntry(original: original, reply: reply, place: .none)
        if zones.original != zones.reply {
            entry.zone = max(zones.original, zones.reply)
            entry.zoneDirection = zones.original != 0 ? .original : .reply
        }
        walk = AttributeWalk(payload, after: 4)
        while let attribute = walk.next(in: payload) { note(payload, attribute) }
    }

    private mutating func note(_ payload: Span<UInt8>, _ attribute: AttributeWalk.Attribute) {
        let number = payload.bigEndian(attribute.value)
        let word = UInt32(truncatingIfNeeded: number)
        switch attribute.type {
        case Attribute.status:
            status = word
            entry.status = ConnectionStatus(rawValue: UInt8(word & 0xf))
            // IPS_OFFLOAD and IPS_HW_OFFLOAD
            entry.isOffloaded = word & (1 << 14 | 1 << 15) != 0
        case Attribute.mark: entry.mark = word
        case Attribute.zone: entry.zone = UInt16(truncatingIfNeeded: number)
        case Attribute.timeout: entry.expires = word
        case Attribute.use: useCount = word
        case Attribute.id: id = word
        case Attribute.originalCounters: entry.originalCounters = counters(payload, attribute.value)
        case Attribute.replyCounters: entry.replyCounters = counters(payload, attribute.value)
        case Attribute.labels:
            // NF_CT_LABELS_MAX_SIZE; what lies beyond has no number.
            for index in attribute.value.prefix(16) {
                for bit in 0..<8 where payload[index] >> UInt8(bit) & 1 == 1 {
                    entry.labels.append(label((index - attribute.value.lowerBound) * 8 + bit))
                }
            }
        case Attribute.help:
            var walk = AttributeWalk(attribute.value)
            // CTA_HELP_NAME
            while let part = walk.next(in: payload) {
                if part.type == 1 { helper = String(decoding: nameWord(payload, part.value), as: UTF8.self) }
            }
        case Attribute.protocolState: noteState(payload, attribute.value)
        default: break
        }
    }

    private mutating func noteState(_ payload: Span<UInt8>, _ range: Range<Int>) {
        var walk = AttributeWalk(range)
        // CTA_PROTOINFO_TCP, …_DCCP and …_SCTP; the state is the first attribute of each.
        while let part = walk.next(in: payload) {
            guard (1...3).contains(part.type) else { continue }
            var inner = AttributeWalk(part.value)
            while let item = inner.next(in: payload) {
                guard item.type == 1 else { continue }
                let state = UInt8(truncatingIfNeeded: payload.bigEndian(item.value))
                if part.type == 1 {
                    // Source: enum tcp_conntrack of uapi/linux/netfilter/nf_conntrack_tcp.h: SYN_SENT is 1.
                    entry.tcpState = TCPState(rawValue: state &- 1)
                } else {
                    otherState = state
                }
            }
        }
    }
}

/// Source: enum ctattr_type of include/uapi/linux/netfilter/nfnetlink_conntrack.h, Linux 6.18.
private enum Attribute {
    static let original = 1
    static let reply = 2
    static let status = 3
    static let protocolState = 4
    static let help = 5
    static let timeout = 7
    static let mark = 8
    static let originalCounters = 9
    static let replyCounters = 10
    static let use = 11
    static let id = 12
    static let zone = 18
    static let labels = 22
}

private func counters(_ payload: Span<UInt8>, _ range: Range<Int>) -> Counters {
    var counters = Counters(packets: 0, bytes: 0)
    var walk = AttributeWalk(range)
    while let part = walk.next(in: payload) {
        // CTA_COUNTERS_PACKETS and CTA_COUNTERS_BYTES
        if part.type == 1 { counters.packets = payload.bigEndian(part.value) }
        if part.type == 2 { counters.bytes = payload.bigEndian(part.value) }
    }
    return counters
}

/// Labels are 16 bytes of machine words in the kernel, bit 0 the lowest of the first word.
private func label(_ bit: Int) -> UInt16 {
    let size = Int.bitWidth
    if Endianness.isLittle { return UInt16(bit) }
    return UInt16(bit / size * size + (size / 8 - 1 - bit % size / 8) * 8 + bit % 8)
}

private func tuple(_ payload: Span<UInt8>, _ range: Range<Int>, zone: inout UInt16) -> ConnectionTuple? {
    var source: IPAddress?
    var destination: IPAddress?
    var found = ConnectionTuple(source: .zero(.v4), destination: .zero(.v4), protocol: IPProtocol(0))
    var walk = AttributeWalk(range)
    while let attribute = walk.next(in: payload) {
        if attribute.type == 3 {
            zone = UInt16(truncatingIfNeeded: payload.bigEndian(attribute.value))
        }
        let isAddress = attribute.type == 1
        guard isAddress || attribute.type == 2 else { continue }
        var parts = AttributeWalk(attribute.value)
        while let part = parts.next(in: payload) {
            let number = payload.bigEndian(part.value)
            if isAddress {
                switch part.type {
                case 1, 3: source = IPAddress(wire: payload, part.value)
                case 2, 4: destination = IPAddress(wire: payload, part.value)
                default: break
                }
                continue
            }
            switch part.type {
            case 1: found.protocol = IPProtocol(UInt8(truncatingIfNeeded: number))
            case 2, 4, 7:
                found.sourcePort = UInt16(truncatingIfNeeded: number)
            case 3: found.destinationPort = UInt16(truncatingIfNeeded: number)
            case 5, 8: found.icmpType = UInt8(truncatingIfNeeded: number)
            case 6, 9: found.icmpCode = UInt8(truncatingIfNeeded: number)
            default: break
            }
        }
    }
    guard let source, let destination else { return nil }
    found.source = source
    found.destination = destination
    return found
}
