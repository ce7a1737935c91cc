internal import HeaderSpace
internal import NetTypes

/// Operations on sets of packets, in words that another library of decision diagrams can repeat, with what they come to here.
/// `Tools/set-oracle.c` tells the words.
struct SetOperations {
    private(set) var lines: [String] = []
    private var chance: Chance
    private let space: PacketSpace
    private var sets: [PacketSet] = []
    private var unknowns: [String] = []
    private static let unknownCount = 6

    /// Sets above this size are not gone on with.
    private static let largest = 3000

    init(seed: UInt64, _ version: IPVersion, rules: Int, operations: Int) {
        chance = Chance(seed: seed, purpose: 21)
        space = PacketSpace(version, interfaces: [nil], free: [.tcpFlags, .mark, .tos])
        for number in 0..<Self.unknownCount {
            unknowns.append("unknown-\(number)")
            let set = space.unknown(unknowns[number], whenYes: "", whenNo: "")
            _ = add("cube \(Int(space.unknownLevel) + number)=1", set)
        }
        let first = foldRules(rules)
        let second = foldRules(rules)
        _ = add("differing \(first) \(second)", space.differing(sets[first], sets[second]))
        for _ in 0..<operations { combine() }
        let counts = sets.enumerated().map { "count \($0) \(space.share($1)) \(space.nodes(of: $1))" }
        let levels = PacketField.allCases.reduce(0) { $0 + (space.levels($1)?.count ?? 0) }
        lines = ["variables \(levels + unknowns.count)"] + lines + counts
    }

    /// Levels without the gap behind unknowns.
    private func variable(_ level: UInt32) -> Int {
        if level < PacketSpace.lowerLevel { return Int(level) }
        return Int(space.unknownLevel) + Self.unknownCount + Int(level - PacketSpace.lowerLevel)
    }

    private mutating func add(_ line: String, _ set: PacketSet) -> Int {
        lines.append(line)
        sets.append(set)
        return sets.count - 1
    }

    /// The packets that the first rule that takes them accepts.
    private mutating func foldRules(_ count: Int) -> Int {
        var rest = add("cube", .all)
        var accepted = add("not \(rest)", .none)
        for _ in 0..<count {
            let rule = rule()
            if chance.percent(60) {
                let taken = add("and \(rest) \(rule)", space.and(sets[rest], sets[rule]))
                accepted = add("or \(accepted) \(taken)", space.or(sets[accepted], sets[taken]))
            }
            rest = add("without \(rest) \(rule)", space.subtract(sets[rest], sets[rule]))
        }
        return accepted
    }

    private mutating func rule() -> Int {
        var result = atom()
        for _ in 0..<chance.number(0...3) {
            var other = atom()
            if chance.percent(15) { other = add("not \(other)", space.complement(sets[other])) }
            result = add("and \(result) \(other)", space.and(sets[result], sets[other]))
        }
        return result
    }

    private mutating func atom() -> Int {
        switch chance.below(8) {
        case 0: return masked(.protocol, chance.pick([1, 6, 17, 58]), mask: 0xff)
        case 1, 2:
            let length = chance.number(4...28)
            let width = space.bits(.destination)
            let field = chance.percent(50) ? PacketField.destination : .source
            // Few networks, so that rules speak of the same packets.
            let address =
                UInt128(chance.pick([0x0a00_0000, 0x0a01_8000, 0xc0a8_0000]) as UInt64) << UInt128(width - 32)
            let bit = UInt128(1) << UInt128(width - 1 - chance.number(8...24))
            return masked(field, address | bit, mask: UInt128.max << UInt128(width - length))
        case 3, 4:
            let low = chance.below(65536)
            return ranged(
                chance.percent(70) ? .destinationPort : .sourcePort, UInt64(low),
                UInt64(min(65535, low + chance.below(3000))))
        case 5: return masked(.mark, UInt128(chance.next() & 0xff), mask: UInt128(chance.next() & 0xff))
        case 6: return masked(.tcpFlags, UInt128(chance.next() & 0x17), mask: UInt128(chance.next() & 0x17))
        default: return chance.percent(20) ? chance.below(unknowns.count) : masked(.tos, 0x10, mask: 0xfc)
        }
    }

    private mutating func masked(_ field: PacketField, _ value: UInt128, mask: UInt128) -> Int {
        guard let levels = space.levels(field) else { return 0 }
        var line = "cube"
        for level in levels {
            let place = UInt128(levels.upperBound - 1 - level)
            if mask >> place & 1 == 1 { line += " \(variable(level))=\(value >> place & 1)" }
        }
        return add(line, space.packets(field, value & mask, mask: mask))
    }

    private mutating func ranged(_ field: PacketField, _ low: UInt64, _ high: UInt64) -> Int {
        guard let levels = space.levels(field) else { return 0 }
        return add(
            "range \(variable(levels.lowerBound)) \(levels.count) \(low) \(high)",
            space.packets(field, from: UInt128(low), through: UInt128(high)))
    }

    /// An operation on one or two sets that are there.
    private mutating func combine() {
        let (a, b) = (chance.below(sets.count), chance.below(sets.count))
        guard space.nodes(of: sets[a]) < Self.largest, space.nodes(of: sets[b]) < Self.largest else { return }
        let unknown = chance.below(unknowns.count)
        let first = Int(space.unknownLevel)
        let isYes = chance.percent(50)
        switch chance.below(8) {
        case 0: _ = add("and \(a) \(b)", space.and(sets[a], sets[b]))
        case 1: _ = add("or \(a) \(b)", space.or(sets[a], sets[b]))
        case 2: _ = add("without \(a) \(b)", space.subtract(sets[a], sets[b]))
        case 3: _ = add("differing \(a) \(b)", space.differing(sets[a], sets[b]))
        case 4: _ = add("not \(a)", space.complement(sets[a]))
        case 5: _ = add("some \(a) \(first) \(unknowns.count)", space.possibly(sets[a]))
        case 6: _ = add("all \(a) \(first) \(unknowns.count)", space.always(sets[a]))
        default:
            let given = space.assuming(unknowns[unknown], isYes, sets[a])
            _ = add("given \(a) \(first + unknown) \(isYes ? 1 : 0)", given)
        }
    }
}
