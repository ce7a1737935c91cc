internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// What rules do with the bits of one mark, the packet's or the connection's.
struct MarkBits {
    /// A rule's test that holds only for marks with certain bits.
    struct Test {
        var rule: RuleReference
        /// Bits that a mark must have.
        var bits: UInt32
        /// Whether one of them will do.
        var isAny: Bool
    }

    /// Bits that something can set.
    var settable: UInt32 = 0
    /// Bits that something looks at.
    var tested: UInt32 = 0
    var tests: [Test] = []
    /// Rules with the bits that they set to 1.
    var setters: [(rule: RuleReference, bits: UInt32)] = []
}

/// What rules do with marks, and what else on the host does.
struct MarkUses {
    private(set) var packet = MarkBits()
    private(set) var connection = MarkBits()
    /// `ip rule … fwmark`, with the bits that it asks for.
    private(set) var routing: [(place: Place, bits: UInt32)] = []
    private var saves: [(from: UInt32, to: UInt32)] = []
    private var restores: [(from: UInt32, to: UInt32)] = []
    private let markedSets: Set<Symbol>

    init(_ node: LintedNode) {
        markedSets = Set(node.host.sets.filter { $0.type == .hashIPMark }.map { $0.name })
        node.forEachRule { reference, rule in
            for statement in rule.statements { read(statement, reference) }
        }
        for rule in (node.host.routingRulesV4 ?? []) + (node.host.routingRulesV6 ?? []) {
            guard let mark = rule.mark else { continue }
            packet.tested |= mark.mask
            if !rule.isNegated, mark.value != 0 { routing.append((rule.place, mark.value)) }
        }
        for service in node.host.virtualServices ?? [] {
            if case .mark = service.key { packet.tested = .max }
        }
        // What is copied may be copied back: until nothing is added, at most once for each bit.
        var before: (UInt32, UInt32)
        repeat {
            before = (packet.settable, connection.settable)
            for save in saves where packet.settable & save.from != 0 { connection.settable |= save.to }
            for restore in restores where connection.settable & restore.from != 0 { packet.settable |= restore.to }
        } while before != (packet.settable, connection.settable)
    }

    // MARK: iptables

    private mutating func read(_ statement: Statement, _ rule: RuleReference) {
        switch statement {
        case .match(let match): read(match, rule)
        case .target(let target): read(target, rule)
        }
    }

    private mutating func read(_ match: Match, _ rule: RuleReference) {
        switch match {
        case .mark(let test): packet.note(test, rule)
        case .connectionMark(let test): connection.note(test, rule)
        case .set(let set): if markedSets.contains(set.name.value) { packet.tested = .max }
        case .socket(let socket): if socket.restoresMark { packet.settable = .max }
        case .reversePath(let match): if match.usesMark { packet.tested = .max }
        case .unknown: takeAll()
        case .native(let comparison): read(comparison, rule)
        default: break
        }
    }

    /// What is not understood may set and ask for everything.
    private mutating func takeAll() {
        packet.settable = .max
        packet.tested = .max
        connection.settable = .max
        connection.tested = .max
    }

    private mutating func read(_ target: Target, _ rule: RuleReference) {
        switch target {
        case .mark(let operation): packet.set(operation.word.value, rule)
        case .connectionMark(let target):
            switch target.operation {
            case .set: connection.set(target.value, rule)
            case .save: noteSave(target.packetMask, target.shift == 0 ? target.packetMask : .max)
            case .restore: noteRestore(target.connectionMask, target.shift == 0 ? target.connectionMask : .max)
            }
        case .tproxy(let target): packet.set(target.mark.value, rule)
        case .hmark: packet.settable = .max
        case .set(let target): if target.mapsMark { packet.settable = .max }
        // A program reads the mark there, and may set it.
        case .queue, .nfQueue:
            packet.settable = .max
            packet.tested = .max
        case .unknown: takeAll()
        case .native(let statement): read(statement, rule)
        default: break
        }
    }

    private mutating func noteSave(_ from: UInt32, _ to: UInt32) {
        saves.append((from, to))
        packet.tested |= from
    }

    private mutating func noteRestore(_ from: UInt32, _ to: UInt32) {
        restores.append((from, to))
        connection.tested |= from
    }

    // MARK: nft

    private mutating func read(_ comparison: Comparison, _ rule: RuleReference) {
        guard let (isConnection, mask) = plainMark(comparison.left), let number = comparison.right.number,
            comparison.relation == .equal || comparison.relation == .notEqual
        else {
            for expression in comparison.expressions { noteReading(expression) }
            return
        }
        let word = MaskedWord(UInt32(truncatingIfNeeded: number), mask: mask)
        let test = Negatable(word, isNegated: comparison.relation == .notEqual)
        if isConnection { connection.note(test, rule) } else { packet.note(test, rule) }
    }

    /// A mark, or bits of it.
    private func plainMark(_ expression: Expression) -> (isConnection: Bool, mask: UInt32)? {
        switch expression {
        case .meta(.mark): return (false, .max)
        case .connection(.mark, _): return (true, .max)
        case .masked(let value, let and, let xor):
            guard xor.number == 0, let mask = and.number, let (isConnection, _) = plainMark(value) else { return nil }
            return (isConnection, UInt32(truncatingIfNeeded: mask))
        default: return nil
        }
    }

    private mutating func noteReading(_ expression: Expression) {
        if expression.contains(where: { $0 == .meta(.mark) }) { packet.tested = .max }
        if expression.contains(where: { if case .connection(.mark, _) = $0 { true } else { false } }) {
            connection.tested = .max
        }
    }

    private mutating func read(_ statement: NativeStatement, _ rule: RuleReference) {
        switch statement {
        case .assign(.meta(.mark), let value): readAssignment(of: value, toConnection: false, rule)
        case .assign(.connection(.mark, _), let value): readAssignment(of: value, toConnection: true, rule)
        case .queue:
            packet.settable = .max
            packet.tested = .max
        case .xtables, .unknown: takeAll()
        default: for expression in statement.expressions { noteReading(expression) }
        }
    }

    private mutating func readAssignment(of value: Expression, toConnection: Bool, _ rule: RuleReference) {
        func set(_ bits: UInt32) {
            if toConnection { connection.set(bits, rule) } else { packet.set(bits, rule) }
        }
        switch value {
        case .literal(let literal): set(UInt32(truncatingIfNeeded: literal.number ?? 0xffff_ffff))
        case .masked(let inner, let and, let xor):
            guard let (isConnection, _) = plainMark(inner) else { fallthrough }
            set(UInt32(truncatingIfNeeded: xor.number ?? 0))
            // Its own mark with bits changed, or the other one.
            if isConnection != toConnection {
                copy(UInt32(truncatingIfNeeded: and.number ?? 0xffff_ffff), toConnection)
            }
        default:
            if let (isConnection, mask) = plainMark(value) {
                if isConnection != toConnection { copy(mask, toConnection) }
                return
            }
            noteReading(value)
            if toConnection { connection.settable = .max } else { packet.settable = .max }
        }
    }

    private mutating func copy(_ mask: UInt32, _ toConnection: Bool) {
        if toConnection { noteSave(mask, mask) } else { noteRestore(mask, mask) }
    }
}

extension MarkBits {
    fileprivate mutating func set(_ bits: UInt32, _ rule: RuleReference) {
        settable |= bits
        if bits != 0 { setters.append((rule, bits)) }
    }

    fileprivate mutating func note(_ test: Negatable<MaskedWord>, _ rule: RuleReference) {
        let word = test.value
        tested |= word.mask
        if !test.isNegated, word.value != 0 {
            tests.append(Test(rule: rule, bits: word.value & word.mask, isAny: false))
        } else if test.isNegated, word.value == 0, word.mask != 0 {
            tests.append(Test(rule: rule, bits: word.mask, isAny: true))
        }
    }
}
