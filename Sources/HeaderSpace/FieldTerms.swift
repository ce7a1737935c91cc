/// The values of one field in a cube, as a person would list them.
public struct FieldTerms: Hashable, Sendable {
    public enum Terms: Hashable, Sendable {
        /// Ascending, with gaps between them.
        case ranges([ClosedRange<UInt128>])
        /// Bits that are as in `value` where `mask` has ones.
        case patterns([Pattern])
    }

    public struct Pattern: Hashable, Sendable {
        public var value: UInt128
        public var mask: UInt128

        public init(value: UInt128, mask: UInt128) {
            self.value = value
            self.mask = mask
        }
    }

    /// Whether `terms` are those that it has not.
    public var isNegated: Bool
    public var terms: Terms
    /// Whether there are more terms than were worked out.
    public var isCut = false

    public var count: Int {
        switch terms {
        case .ranges(let ranges): ranges.count
        case .patterns(let patterns): patterns.count
        }
    }
}

extension PacketSpace {
    /// Terms of one field that are worked out at most.
    private static let mostTerms = 256

    /// What `part`, a set that asks about `field` alone, says of it in the fewest terms.
    public func terms(of part: PacketSet, _ field: PacketField) -> FieldTerms {
        let most = mostValue(field)
        let own = ranges(part, of: field, through: most)
        let other = ranges(complement(part), of: field, through: most)
        var best: FieldTerms?
        func consider(_ terms: FieldTerms.Terms, _ isNegated: Bool) {
            let values = FieldTerms(isNegated: isNegated, terms: terms)
            if best.map({ values.count < $0.count }) ?? true { best = values }
        }
        if !isOfBits(field) || own?.count == 1 {
            // Most of all addresses are told by the few that are left out, though they be one term more.
            let isMost = (field == .source || field == .destination) && share(part) > 0.5
            if let other, isMost, other.count <= (own?.count ?? 0) + 1, other.count > 0 {
                return FieldTerms(isNegated: true, terms: .ranges(other))
            }
            if let own { consider(.ranges(own), false) }
            if let other { consider(.ranges(other), true) }
        }
        if isOfBits(field) || best == nil {
            let patterns = patterns(part, of: field)
            if let patterns { consider(.patterns(patterns), false) }
            if let patterns = self.patterns(complement(part), of: field) { consider(.patterns(patterns), true) }
        }
        if let best { return best }
        var some = firstRanges(part, of: field, through: most)
        some.removeLast(max(0, some.count - PacketSpace.mostTerms))
        return FieldTerms(isNegated: false, terms: .ranges(some), isCut: true)
    }

    /// How many terms it takes.
    func termCount(_ part: PacketSet, _ field: PacketField) -> Int {
        if part == .all { return 0 }
        let values = terms(of: part, field)
        return values.isCut ? Int.max : values.count
    }

    /// Fields whose bits rules look at one by one.
    private func isOfBits(_ field: PacketField) -> Bool {
        switch field {
        case .tcpFlags, .tos, .mark, .connectionMark, .mac: true
        case .inInterface, .state, .protocol, .destination, .destinationPort, .source, .sourcePort, .ttl, .length,
            .user,
            .group:
            false
        }
    }

    /// The highest value that means something.
    private func mostValue(_ field: PacketField) -> UInt128 {
        switch field {
        case .inInterface: UInt128(max(interfaces.count, 1) - 1)
        case .state: UInt128(ArrivalState.allCases.count - 1)
        case .protocol, .destination, .destinationPort, .source, .sourcePort, .tcpFlags, .ttl, .tos, .length, .mark,
            .connectionMark, .mac, .user, .group:
            bits(field) >= 128 ? .max : (1 << UInt128(bits(field))) - 1
        }
    }

    /// `nil`: more than are worked out.
    private func ranges(
        _ part: PacketSet, of field: PacketField, through most: UInt128
    ) -> [ClosedRange<UInt128>]? {
        let found = firstRanges(part, of: field, through: most)
        return found.count > PacketSpace.mostTerms ? nil : found
    }

    /// The ranges of values from the lowest up, one more than the most at the most.
    private func firstRanges(
        _ part: PacketSet, of field: PacketField, through most: UInt128
    ) -> [ClosedRange<UInt128>] {
        guard let levels = levels(field) else { return part.isEmpty ? [] : [0...0] }
        var result: [ClosedRange<UInt128>] = []
        /// Takes what lies below `node`, whose first `depth` bits are `value`.
        func take(_ node: UInt32, _ depth: Int, _ value: UInt128) {
            if node == 0 || result.count > PacketSpace.mostTerms { return }
            let rest = levels.count - depth
            let first = rest >= 128 ? 0 : value << UInt128(rest)
            if node == 1 {
                let last = rest >= 128 ? UInt128.max : first | ((1 << UInt128(rest)) - 1)
                if first > most { return }
                if let end = result.last, end.upperBound &+ 1 == first {
                    result[result.count - 1] = end.lowerBound...min(last, most)
                } else {
                    result.append(first...min(last, most))
                }
                return
            }
            let own = store.nodes[Int(node)]
            let isAsked = own.level == levels.lowerBound + UInt32(depth)
            take(isAsked ? own.low : node, depth + 1, value << 1)
            take(isAsked ? own.high : node, depth + 1, value << 1 | 1)
        }
        take(part.node, 0, 0)
        return result
    }

    /// Minato's sum of products of the field's bits; `nil` where there are more than 64.
    private func patterns(_ part: PacketSet, of field: PacketField) -> [FieldTerms.Pattern]? {
        guard let levels = levels(field) else { return nil }
        var result: [FieldTerms.Pattern] = []
        var isCut = false
        /// Covers `wanted` within `allowed`; what it covers.
        func take(_ wanted: UInt32, _ allowed: UInt32, _ pattern: FieldTerms.Pattern) -> UInt32 {
            if wanted == 0 || isCut { return 0 }
            if allowed == 1 {
                if result.count >= 64 { isCut = true } else { result.append(pattern) }
                return 1
            }
            let (a, b) = (store.nodes[Int(wanted)], store.nodes[Int(allowed)])
            let level = min(a.level, b.level)
            let (a0, a1) = a.level == level ? (a.low, a.high) : (wanted, wanted)
            let (b0, b1) = b.level == level ? (b.low, b.high) : (allowed, allowed)
            let bit: UInt128 = 1 << UInt128(levels.upperBound - 1 - level)
            var (zero, one) = (pattern, pattern)
            zero.mask |= bit
            one.mask |= bit
            one.value |= bit
            let low = take(store.difference(a0, b1), b0, zero)
            let high = take(store.difference(a1, b0), b1, one)
            let left = store.or(store.difference(a0, low), store.difference(a1, high))
            let both = take(left, store.and(b0, b1), pattern)
            return store.or(both, store.node(level, low, high))
        }
        _ = take(part.node, part.node, FieldTerms.Pattern(value: 0, mask: 0))
        return isCut ? nil : result
    }
}
