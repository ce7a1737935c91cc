internal import NetTypes
internal import RuleModel

// Extension headers of IPv6 by their bytes.
extension Evaluator {
    /// Source: net/ipv6/netfilter/ip6t_frag.c.
    func judgeFragmentHeader(_ match: FragmentHeaderMatch, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        guard headers.layout.version == .v6, let start = try headers.find(.fragment) else { return false }
        try headers.require(start, 8)
        let word = try headers.number(start + 2, 2)
        if match.id.value.contains(try headers.number(start + 4, 4)) == match.id.isNegated { return false }
        if match.reservedIsZero {
            let reserved = try headers.byte(start + 1)
            if reserved != 0 || word & 6 != 0 { return false }
        }
        if match.isFirst, word & 0xfff8 != 0 { return false }
        if match.hasMore, word & 1 == 0 { return false }
        return !match.isLast || word & 1 == 0
    }

    /// The start and size of the header of `kind`; `nil` where there is none. One that is longer than the packet is
    /// malformed (observed on Linux 6.18; older kernels did not match).
    private func header(
        _ kind: IPProtocol, _ least: Int, _ headers: HeaderBytes
    ) throws(HeaderFailure) -> (start: Int, size: Int)? {
        guard headers.layout.version == .v6, let start = try headers.find(kind) else { return nil }
        try headers.require(start, least)
        let size = (Int(try headers.byte(start + 1)) + 1) * 8
        try headers.require(start, size)
        return (start, size)
    }

    /// Source: net/ipv6/netfilter/ip6t_hbh.c: the options are the first ones, in their order.
    func judgeOptions(
        _ match: IPv6OptionsMatch, _ kind: IPProtocol, _ headers: HeaderBytes
    ) throws(HeaderFailure) -> Bool {
        guard let (start, size) = try header(kind, 2, headers) else { return false }
        if let length = match.length, (length.value == UInt32(size)) == length.isNegated { return false }
        var place = start + 2
        let end = start + size
        for (index, option) in match.options.enumerated() {
            guard place < end else { return false }
            if try headers.byte(place) != option.type { return false }
            var step = 1
            if option.type != 0 {
                guard place + 1 < end else { return false }
                let length = try headers.byte(place + 1)
                if let asked = option.length, asked != 0xff, asked != length { return false }
                step = Int(length) + 2
            }
            if place + step > end, index + 1 < match.options.count { return false }
            place += step
        }
        return true
    }

    /// Source: net/ipv6/netfilter/ip6t_rt.c.
    func judgeRoutingHeader(_ match: RoutingHeaderMatch, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        guard let (start, size) = try header(.routing, 4, headers) else { return false }
        let left = UInt32(try headers.byte(start + 3))
        if let asked = match.segmentsLeft, asked.value.contains(left) == asked.isNegated { return false }
        if let asked = match.length, (asked.value == UInt32(size)) == asked.isNegated { return false }
        let type = UInt32(try headers.byte(start + 2))
        if let asked = match.type, (asked.value == type) == asked.isNegated { return false }
        if match.reservedIsZero, try headers.number(start + 4, 4) != 0 { return false }
        if match.addresses.isEmpty { return true }
        return try judgeAddresses(match, start + 8, count: (size - 8) / 16, headers)
    }

    /// Strictly: these and no others. Else: these in this order, others may stand between them.
    private func judgeAddresses(
        _ match: RoutingHeaderMatch, _ start: Int, count: Int, _ headers: HeaderBytes
    ) throws(HeaderFailure) -> Bool {
        if match.addresses.count > count { return false }
        var found = 0
        for index in 0..<count where found < match.addresses.count {
            if try address(start + index * 16, headers) == match.addresses[found] {
                found += 1
            } else if !match.addressesNotStrict {
                return false
            }
        }
        return found == match.addresses.count && (match.addressesNotStrict || found == count)
    }

    private func address(_ offset: Int, _ headers: HeaderBytes) throws(HeaderFailure) -> IPAddress {
        var words: [UInt64] = []
        for index in 0..<4 { words.append(UInt64(try headers.number(offset + index * 4, 4))) }
        return IPAddress(v6High: words[0] << 32 | words[1], low: words[2] << 32 | words[3])
    }

    /// Source: net/ipv6/netfilter/ip6t_srh.c `srh1_mt6`: nothing is dropped.
    func judgeSegmentRouting(_ match: SegmentRoutingMatch, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        do {
            guard let (start, _) = try header(.routing, 8, headers) else { return false }
            return try judgeSegments(match, start, headers)
        } catch {
            if error == .malformed { return false }
            throw error
        }
    }

    private func judgeSegments(
        _ match: SegmentRoutingMatch, _ start: Int, _ headers: HeaderBytes
    ) throws(HeaderFailure) -> Bool {
        let type = try headers.byte(start + 2)
        let left = try headers.byte(start + 3)
        let last = try headers.byte(start + 4)
        if type != 4 || left > last { return false }
        if let asked = match.nextHeader {
            let next = try headers.byte(start)
            if (asked.value.number.rawValue == next) == asked.isNegated { return false }
        }
        let length = try headers.byte(start + 1)
        for (comparisons, value) in [(match.headerLength, length), (match.segmentsLeft, left), (match.lastEntry, last)]
        {
            if !comparisons.allSatisfy({ holds($0, UInt16(value)) }) { return false }
        }
        if let tag = match.tag {
            // Compared as it lies in memory with a number that iptables did not turn: little-endian machines look for
            // the bytes the other way round. Source: extensions/libip6t_srh.c of iptables 1.8.9.
            let inPacket = UInt16(truncatingIfNeeded: try headers.number(start + 6, 2)).byteSwapped
            if (inPacket == tag.value) == tag.isNegated { return false }
        }
        let segments: [(asked: Negatable<AddressMask>?, isThere: Bool, index: Int)] = [
            (match.previous, left != last, Int(left) + 1), (match.next, left != 0, Int(left) - 1),
            (match.last, true, 0),
        ]
        for segment in segments {
            guard let asked = segment.asked else { continue }
            guard segment.isThere else { return false }
            let address = try address(start + 8 + segment.index * 16, headers)
            if asked.value.contains(address) == asked.isNegated { return false }
        }
        return true
    }

    private func holds(_ comparison: SegmentRoutingMatch.Comparison, _ value: UInt16) -> Bool {
        let asked = comparison.value.value
        let isSo =
            switch comparison.relation {
            case .equal: value == asked
            case .greater: value > asked
            case .less: value < asked
            }
        return isSo != comparison.value.isNegated
    }

    /// Source: net/ipv6/netfilter/ip6t_mh.c.
    func judgeMobilityHeader(
        _ test: Negatable<NumberRange<UInt8>>, _ packet: Packet, _ headers: HeaderBytes
    ) throws(HeaderFailure) -> Bool {
        guard headers.layout.version == .v6, isOf(.mobility, packet), !headers.isLaterFragment else { return false }
        let start = headers.transportOffset
        try headers.require(start, 6)
        if try headers.byte(start) != IPProtocol.noNextHeader.rawValue { throw .malformed }
        return test.value.contains(try headers.byte(start + 2)) != test.isNegated
    }

    /// Source: net/ipv6/netfilter/ip6t_ipv6header.c, which walks by itself: into later fragments too, and up to ESP.
    func judgeIPv6Header(_ match: IPv6HeaderMatch, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        guard headers.layout.version == .v6 else { return false }
        var present: UInt8 = 0
        var next = IPProtocol(try headers.byte(6))
        var place = 40
        walk: while place <= headers.length {
            if next == .noNextHeader {
                present |= 0x02
                break
            }
            guard next.isExtensionHeader || next == .esp else { break }
            if place + 2 > headers.length { return false }
            if next == .esp {
                present |= 0x04
                break
            }
            let units = Int(try headers.byte(place + 1))
            var size = (units + 1) * 8
            switch next {
            case .hopByHop: present |= 0x80
            case .routing: present |= 0x20
            case .fragment:
                present |= 0x10
                size = 8
            case .ah:
                present |= 0x08
                size = (units + 2) * 4
            default: present |= 0x40
            }
            next = IPProtocol(try headers.byte(place))
            place += size
        }
        if next != .noNextHeader, next != .esp { present |= 0x01 }
        let named = match.headers.value
        let isInverted = match.headers.isNegated
        if match.isSoft { return (present ^ named ^ (isInverted ? 0xff : 0)) & named == 0 }
        return (present == named) != isInverted
    }
}
