internal import CNetfilter
internal import KernelLink
internal import NetTypes
public import RuleModel
internal import SourceText

/// One entry of the kernel's connection table.
public struct KernelConnection: Hashable, Sendable {
    /// Addresses, ports, status, marks and TCP state; `place` is none and `protocolState` is empty.
    public var entry: ConnectionEntry
    public var id: UInt32 = 0
    /// All of IPS_…, more than `ConnectionStatus` has names for.
    public var status: UInt32 = 0
    /// The application helper's name, empty where there is none.
    public var helper = ""

    public var isSourceTranslated: Bool { status & 1 << 4 != 0 }
    public var isDestinationTranslated: Bool { status & 1 << 5 != 0 }

    /// The entry that `payload`, a message of ctnetlink without its netlink header, tells; `nil` where one of its
    /// tuples is missing or of neither IP version.
    init?(_ payload: Span<UInt8>) {
        var original: ConnectionTuple?
        var reply: ConnectionTuple?
        var zones: (original: UInt16, reply: UInt16) = (0, 0)
        var walk = AttributeWalk(payload, after: 4)
        while let attribute = walk.next(in: payload) {
            let type = ctattr_type(UInt32(attribute.type))
            if type == CTA_TUPLE_ORIG { original = tuple(payload, attribute.value, zone: &zones.original) }
            if type == CTA_TUPLE_REPLY { reply = tuple(payload, attribute.value, zone: &zones.reply) }
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
        switch ctattr_type(UInt32(attribute.type)) {
        case CTA_STATUS:
            status = word
            entry.status = ConnectionStatus(rawValue: UInt8(word & 0xf))
        case CTA_MARK: entry.mark = word
        case CTA_ZONE: entry.zone = UInt16(truncatingIfNeeded: number)
        case CTA_TIMEOUT: entry.expires = word
        case CTA_ID: id = word
        case CTA_LABELS:
            for index in attribute.value {
                for bit in 0..<8 where payload[index] >> UInt8(bit) & 1 == 1 {
                    entry.labels.append(label((index - attribute.value.lowerBound) * 8 + bit))
                }
            }
        case CTA_HELP:
            var walk = AttributeWalk(attribute.value)
            while let part = walk.next(in: payload) {
                if part.type == CTA_HELP_NAME.rawValue { helper = payload.text(part.value) }
            }
        case CTA_PROTOINFO:
            var walk = AttributeWalk(attribute.value)
            while let part = walk.next(in: payload) {
                guard part.type == CTA_PROTOINFO_TCP.rawValue else { continue }
                var inner = AttributeWalk(part.value)
                while let item = inner.next(in: payload) {
                    guard item.type == CTA_PROTOINFO_TCP_STATE.rawValue else { continue }
                    // Source: enum tcp_conntrack of uapi/linux/netfilter/nf_conntrack_tcp.h: SYN_SENT is 1.
                    entry.tcpState = TCPState(rawValue: UInt8(truncatingIfNeeded: payload.bigEndian(item.value) &- 1))
                }
            }
        default: break
        }
    }
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
        if attribute.type == CTA_TUPLE_ZONE.rawValue {
            zone = UInt16(truncatingIfNeeded: payload.bigEndian(attribute.value))
        }
        let isAddress = attribute.type == CTA_TUPLE_IP.rawValue
        guard isAddress || attribute.type == CTA_TUPLE_PROTO.rawValue else { continue }
        var parts = AttributeWalk(attribute.value)
        while let part = parts.next(in: payload) {
            let number = payload.bigEndian(part.value)
            if isAddress {
                switch ctattr_ip(UInt32(part.type)) {
                case CTA_IP_V4_SRC, CTA_IP_V6_SRC: source = IPAddress(wire: payload, part.value)
                case CTA_IP_V4_DST, CTA_IP_V6_DST: destination = IPAddress(wire: payload, part.value)
                default: break
                }
                continue
            }
            switch ctattr_l4proto(UInt32(part.type)) {
            case CTA_PROTO_NUM: found.protocol = IPProtocol(UInt8(truncatingIfNeeded: number))
            case CTA_PROTO_SRC_PORT, CTA_PROTO_ICMP_ID, CTA_PROTO_ICMPV6_ID:
                found.sourcePort = UInt16(truncatingIfNeeded: number)
            case CTA_PROTO_DST_PORT: found.destinationPort = UInt16(truncatingIfNeeded: number)
            case CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMPV6_TYPE: found.icmpType = UInt8(truncatingIfNeeded: number)
            case CTA_PROTO_ICMP_CODE, CTA_PROTO_ICMPV6_CODE: found.icmpCode = UInt8(truncatingIfNeeded: number)
            default: break
            }
        }
    }
    guard let source, let destination else { return nil }
    found.source = source
    found.destination = destination
    return found
}

extension IPAddress {
    /// The address that 4 or 16 bytes are, first byte on the wire first.
    init?(wire bytes: Span<UInt8>, _ range: Range<Int>) {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else { return nil }
        switch range.count {
        case 4: self.init(v4: UInt32(bytes.bigEndian(range)))
        case 16:
            let middle = range.lowerBound + 8
            self.init(
                v6High: bytes.bigEndian(range.lowerBound..<middle), low: bytes.bigEndian(middle..<range.upperBound))
        default: return nil
        }
    }
}
