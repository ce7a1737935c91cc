internal import NetTypes

/// Packets of which every field, whatever the others are, may have some values.
public struct Cube: Hashable, Sendable {
    /// What the fields that are limited may be: sets that ask about this field alone.
    public internal(set) var parts: [PacketField: PacketSet] = [:]

    /// Every packet.
    public static let all = Cube()

    func without(_ fields: [PacketField]) -> Cube {
        var result = self
        for field in fields { result.parts[field] = nil }
        return result
    }

    /// The fields that are limited, in the order of diagrams.
    public var fields: [PacketField] { PacketField.allCases.filter { parts[$0] != nil } }
}

/// A set of packets as cubes, which together are the set.
public struct CubeList: Hashable, Sendable {
    /// The largest first. Cubes may have packets in common.
    public var cubes: [Cube]
    /// Packets of the set in none of `cubes`: there were too many for all to be worked out.
    public var rest: PacketSet
}

extension PacketSpace {
    /// `set` as few cubes.
    ///
    /// - Parameters:
    ///   - set: packets that no unknown decides about.
    ///   - care: the packets that are spoken of, of well-formed ones: cubes say nothing of others, and so need fewer conditions.
    ///   - limit: of cubes that are worked out.
    public func cubes(of set: PacketSet, within care: PacketSet = .all, limit: Int = 400) -> CubeList {
        let care = and(care, wellFormed)
        let wanted = and(set, care)
        let allowed = or(set, complement(care))
        var maker = CubeMaker(self, limit: limit)
        var cubes = maker.cover(wanted.node, allowed.node).cubes
        cubes = merged(merged(cubes).flatMap { byTransport($0, care) })
        let rest = maker.isCut ? subtract(wanted, union(cubes.map { packets(in: $0) })) : PacketSet.none
        if cubes.count <= 100 { cubes = withoutNeedless(cubes, wanted, rest) }
        let sizes = Dictionary(uniqueKeysWithValues: cubes.map { ($0, share(and(packets(in: $0), care))) })
        let order = Dictionary(uniqueKeysWithValues: cubes.enumerated().map { ($1, $0) })
        cubes.sort { a, b in
            let (first, second) = (sizes[a] ?? 0, sizes[b] ?? 0)
            return first == second ? (order[a] ?? 0) < (order[b] ?? 0) : first > second
        }
        return CubeList(cubes: cubes, rest: rest)
    }

    /// Protocols whose headers begin with ports.
    package var protocolsWithPorts: PacketSet {
        union(IPProtocol.withPorts.map { packets(.protocol, UInt128($0.rawValue)) })
    }

    public func packets(in cube: Cube) -> PacketSet {
        // From the lowest level up, so that every node is made once.
        cube.fields.reversed().reduce(.all) { and(cube.parts[$1] ?? .all, $0) }
    }

    /// A cube with conditions on ports or flags in those parts for which these are the same thing: ports of protocols that
    /// have some, type and code of ICMP, nothing of all others.
    private func byTransport(_ cube: Cube, _ care: PacketSet) -> [Cube] {
        let limited = Set(cube.parts.keys).intersection([.destinationPort, .sourcePort, .tcpFlags])
        if limited.isEmpty { return [cube] }
        func of(_ protocols: [IPProtocol]) -> PacketSet {
            union(protocols.map { packets(.protocol, UInt128($0.rawValue)) })
        }
        let tcp = of([.tcp])
        let ported = of(IPProtocol.withPorts.filter { $0 != .tcp })
        let icmp = of([version == .v4 ? .icmp : .icmpv6])
        let other = complement(union([tcp, ported, icmp]))
        var kinds: [(protocols: PacketSet, without: [PacketField])] =
            limited.contains(.tcpFlags) ? [(tcp, []), (ported, [.tcpFlags])] : [(or(tcp, ported), [])]
        kinds += [(icmp, [.sourcePort, .tcpFlags]), (other, [.destinationPort, .sourcePort, .tcpFlags])]
        let protocols = cube.parts[.protocol] ?? .all
        if let kind = kinds.first(where: { isSubset(protocols, of: $0.protocols) }) {
            return [cube.without(kind.without)]
        }
        var parts: [Cube] = []
        var only = cube
        for kind in kinds {
            var part = cube
            part.parts[.protocol] = and(protocols, kind.protocols)
            if and(packets(in: part), care).isEmpty { continue }
            parts.append(part.without(kind.without))
            only = cube.without(kind.without)
        }
        // Of one kind alone the protocols need no telling that were not told before.
        return parts.count == 1 ? [only] : parts
    }

    /// Cubes that differ in one field alone become one.
    private func merged(_ cubes: [Cube]) -> [Cube] {
        var result = cubes
        var isOpen = true
        while isOpen {
            isOpen = false
            for field in PacketField.allCases where free.contains(field) {
                var places: [Cube: Int] = [:]
                var next: [Cube] = []
                for cube in result {
                    var key = cube
                    key.parts[field] = nil
                    guard let place = places[key] else {
                        places[key] = next.count
                        next.append(cube)
                        continue
                    }
                    guard let own = next[place].parts[field], let other = cube.parts[field] else {
                        next[place] = key
                        continue
                    }
                    let both = or(own, other)
                    next[place].parts[field] = both == .all ? nil : both
                }
                if next.count < result.count { isOpen = true }
                result = next
            }
        }
        var seen: Set<Cube> = []
        return result.filter { seen.insert($0).inserted }
    }

    /// Without cubes all of whose packets others have.
    private func withoutNeedless(_ cubes: [Cube], _ wanted: PacketSet, _ rest: PacketSet) -> [Cube] {
        let sets = cubes.map { packets(in: $0) }
        let smallestFirst = cubes.indices.sorted { share(sets[$0]) < share(sets[$1]) }
        var kept = Set(cubes.indices)
        for index in smallestFirst {
            let others = union(cubes.indices.filter { $0 != index && kept.contains($0) }.map { sets[$0] })
            if isSubset(wanted, of: or(others, rest)) { kept.remove(index) }
        }
        return cubes.indices.filter { kept.contains($0) }.map { cubes[$0] }
    }
}

/// Covers a set with cubes, as Minato's irredundant sums of products do, with fields in the place of single bits: what holds
/// whatever a field is comes first, then what hangs on it, each for as many of its values as may be. Source: S. Minato,
/// "Fast generation of irredundant sum-of-products forms from binary decision diagrams", 1992.
private struct CubeMaker {
    struct Cover {
        var cubes: [Cube] = []
        /// All that they hold.
        var node: UInt32 = 0
    }

    /// What is wanted and what is allowed of packets whose field has one of some values.
    private struct Part {
        var values: UInt32
        var wanted: UInt32
        var allowed: UInt32
    }

    private struct Pair: Hashable {
        var wanted: UInt32
        var allowed: UInt32
    }

    private let space: PacketSpace
    private let limit: Int
    private(set) var isCut = false
    private var known: [Pair: Cover] = [:]
    /// Steps of work that are left.
    private var steps = 2_000_000
    /// Up to so many parts are tried for each cube.
    private let triedParts = 96

    init(_ space: PacketSpace, limit: Int) {
        self.space = space
        self.limit = limit
    }

    /// Cubes that hold all of `wanted` and nothing that is not `allowed`.
    mutating func cover(_ wanted: UInt32, _ allowed: UInt32) -> Cover {
        if wanted == 0 { return Cover() }
        if allowed == 1 { return Cover(cubes: [.all], node: 1) }
        let pair = Pair(wanted: wanted, allowed: allowed)
        if let made = known[pair] { return made }
        let level = min(space.store.nodes[Int(wanted)].level, space.store.nodes[Int(allowed)].level)
        guard steps > 0, let (field, _) = space.field(at: level), let levels = space.levels(field) else {
            isCut = true
            return Cover()
        }
        var parts: [Part] = []
        var memo: [Pair: [(Pair, UInt32)]] = [:]
        for (own, values) in split(pair, levels.upperBound, &memo) {
            parts.append(Part(values: values, wanted: own.wanted, allowed: own.allowed))
        }
        let result = cover(&parts, field)
        known[pair] = result
        return result
    }

    /// The values of a field for which the same is left to ask, in the order of their lowest.
    private mutating func split(
        _ pair: Pair, _ end: UInt32, _ memo: inout [Pair: [(Pair, UInt32)]]
    ) -> [(Pair, UInt32)] {
        let (wanted, allowed) = (space.store.nodes[Int(pair.wanted)], space.store.nodes[Int(pair.allowed)])
        let level = min(wanted.level, allowed.level)
        if level >= end { return [(pair, 1)] }
        if let made = memo[pair] { return made }
        func half(_ isHigh: Bool) -> Pair {
            Pair(
                wanted: wanted.level == level ? (isHigh ? wanted.high : wanted.low) : pair.wanted,
                allowed: allowed.level == level ? (isHigh ? allowed.high : allowed.low) : pair.allowed)
        }
        let low = split(half(false), end, &memo)
        let high = split(half(true), end, &memo)
        steps -= low.count + high.count
        var places: [Pair: Int] = [:]
        var result: [(Pair, low: UInt32, high: UInt32)] = []
        for (own, values) in low {
            places[own] = result.count
            result.append((own, values, 0))
        }
        for (own, values) in high {
            if let place = places[own] {
                result[place].high = values
            } else {
                result.append((own, 0, values))
            }
        }
        let made = result.map { ($0.0, space.store.node(level, $0.low, $0.high)) }
        memo[pair] = made
        return made
    }

    private mutating func cover(_ parts: inout [Part], _ field: PacketField) -> Cover {
        var result = Cover()
        // What the field decides nothing about.
        var allowed: UInt32 = 1
        for part in parts where allowed != 0 { allowed = space.store.and(allowed, part.allowed) }
        if allowed != 0 {
            let all = space.union(parts.map { PacketSet(node: $0.wanted) })
            let common = space.store.and(all.node, allowed)
            // Only where that is all that some values want: else it would cut what belongs together.
            if parts.contains(where: { $0.wanted != 0 && space.store.difference($0.wanted, common) == 0 }) {
                result = cover(common, allowed)
                for index in parts.indices {
                    parts[index].wanted = space.store.difference(parts[index].wanted, result.node)
                }
            }
        }
        var groups: [UInt32: [Int]] = [:]
        var order: [UInt32] = []
        for (index, part) in parts.enumerated() where part.wanted != 0 {
            if groups[part.wanted] == nil { order.append(part.wanted) }
            groups[part.wanted, default: []].append(index)
        }
        let shares = Dictionary(uniqueKeysWithValues: order.map { ($0, space.store.share($0)) })
        var open = order.enumerated().sorted {
            let (a, b) = (shares[$0.element] ?? 0, shares[$1.element] ?? 0)
            return a == b ? $0.offset < $1.offset : a < b
        }.map { groups[$0.element] ?? [] }[...]
        while let group = open.popFirst() {
            guard let first = group.first(where: { parts[$0].wanted != 0 }) else { continue }
            if result.cubes.count >= limit || steps <= 0 || space.isExhausted {
                isCut = true
                break
            }
            let wanted = parts[first].wanted
            let alike = group.filter { parts[$0].wanted == wanted }
            let others = group.filter { parts[$0].wanted != wanted && parts[$0].wanted != 0 }
            if !others.isEmpty { open.append(others) }
            take(alike, wanted, field, &parts, &result)
        }
        return result
    }

    /// Covers what the parts `alike` all want.
    private mutating func take(
        _ alike: [Int], _ wanted: UInt32, _ field: PacketField, _ parts: inout [Part], _ result: inout Cover
    ) {
        var allowed: UInt32 = 1
        for index in alike { allowed = space.store.and(allowed, parts[index].allowed) }
        let values = space.union(alike.map { PacketSet(node: parts[$0].values) })
        let own = cover(wanted, allowed)
        for index in alike { parts[index].wanted = 0 }
        for cube in own.cubes {
            let inner = space.packets(in: cube)
            var needed = values
            var possible = values
            steps -= 1
            if parts.count <= triedParts {
                for index in parts.indices where !alike.contains(index) {
                    steps -= 1
                    guard space.store.difference(inner.node, parts[index].allowed) == 0 else { continue }
                    let part = PacketSet(node: parts[index].values)
                    possible = space.or(possible, part)
                    if space.store.and(parts[index].wanted, inner.node) == 0 { continue }
                    needed = space.or(needed, part)
                    parts[index].wanted = space.store.difference(parts[index].wanted, inner.node)
                }
            }
            let chosen = space.termCount(possible, field) < space.termCount(needed, field) ? possible : needed
            var made = cube
            if chosen != .all { made.parts[field] = chosen }
            result.cubes.append(made)
            result.node = space.store.or(result.node, space.store.and(chosen.node, inner.node))
        }
    }
}
