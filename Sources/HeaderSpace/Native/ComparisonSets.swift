internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// Sets of packets by the comparisons of native rules: as `Evaluator.testNative` tells of one.
extension SetEvaluator {
    func packets(_ comparison: Comparison, _ match: Match, _ asked: Asked) -> PacketSet {
        if let set = byName(comparison, asked) { return set }
        if let other = inBytes(comparison) { return packets(other, .native(other), asked) }
        let relation = comparison.relation
        switch comparison.right {
        case .literal(let literal):
            let right = NativeWord.bits(stages.indexed(literal).bytes)
            return test(cases(of: comparison.left, asked), match, asked) { compare($0, relation, right) }
        case .range(let low, let high):
            let (first, last) = (NativeWord.bits(low.bytes), NativeWord.bits(high.bytes))
            return test(cases(of: comparison.left, asked), match, asked) { bits in
                let inside = inside(bits, first, last)
                return relation == .notEqual ? space.opposite(inside) : inside
            }
        case .set(let name): return packets(of: comparison.left, in: name, comparison, match, asked)
        case .expression(let expression):
            var sets: [PacketSet] = []
            for right in cases(of: expression, asked) {
                switch right.word {
                case .absent: continue
                case .bits(let other):
                    // What one bit decides that is not known is not known at all.
                    let isKnown = !other.contains(nil)
                    var part = asked
                    part.packets = space.and(asked.packets, right.packets)
                    let own = test(cases(of: comparison.left, part), match, part) { bits in
                        isKnown ? compare(bits, relation, other) : Ternary(yes: .none, maybe: .all)
                    }
                    sets.append(space.and(right.packets, own))
                case .choices, .unknown:
                    let present = cases(of: comparison.left, asked).filter { $0.word != .absent }.map { $0.packets }
                    sets.append(open(space.and(right.packets, space.union(present)), match, asked))
                }
            }
            return space.union(sets)
        }
    }

    /// Packets that have something to compare, and for which `holds` holds.
    private func test(
        _ cases: [NativeCase], _ match: Match, _ asked: Asked, _ holds: ([Bit?]) -> Ternary
    ) -> PacketSet {
        var sets: [PacketSet] = []
        for one in cases {
            switch one.word {
            case .absent: continue
            case .unknown: sets.append(open(one.packets, match, asked))
            case .bits(let bits):
                let result = holds(bits)
                let open = open(space.and(one.packets, result.maybe), match, asked)
                sets.append(space.or(space.and(one.packets, result.yes), open))
            case .choices(let choices):
                var all: UInt64 = 0
                var some: UInt64 = 0
                for choice in choices {
                    all += choice.share
                    if let bytes = choice.bytes, holds(NativeWord.bits(bytes)).yes == .all { some += choice.share }
                }
                if all > 0, some == 0 { continue }
                sets.append(all > 0 && some == all ? one.packets : open(one.packets, match, asked))
            }
        }
        return space.union(sets)
    }

    /// Of `packets` those for which holds what is not known, by the name that a trace of one of them gives it.
    func open(_ packets: PacketSet, _ match: Match, _ asked: Asked) -> PacketSet {
        let way = Way(packets: space.and(packets, asked.packets), flow: asked.flow)
        guard !packets.isEmpty, let situation = situation(way, asked.context.hook) else { return .none }
        switch stages.test(match, asked.rule, situation) {
        case .perhaps(let condition):
            return space.and(packets, unknown(condition.name, condition.text, isYes: condition.isYes))
        case .yes, .no:
            // Of each packet it is known, but not by bits.
            let text = "a condition of \(cite(asked.rule)) holds that is not followed for sets of packets"
            return space.and(packets, unknown("match@\(cite(asked.rule))", text))
        }
    }

    // MARK: Relations

    private func compare(_ bits: [Bit?], _ relation: Comparison.Relation, _ other: [Bit?]) -> Ternary {
        let width = max(bits.count, other.count)
        let left = NativeWord.fitted(bits, width)
        let right = NativeWord.fitted(other, width)
        switch relation {
        case .equal: return space.compare(left, isEqualTo: right)
        case .notEqual: return space.opposite(space.compare(left, isEqualTo: right))
        case .less: return space.compare(left, isBelow: right)
        case .greaterOrEqual: return space.opposite(space.compare(left, isBelow: right))
        case .greater: return space.compare(right, isBelow: left)
        case .lessOrEqual: return space.opposite(space.compare(right, isBelow: left))
        case .anyBit, .noBit:
            let result = common(left, right)
            return relation == .anyBit ? result : space.opposite(result)
        }
    }

    /// Where a bit is 1 in both.
    private func common(_ left: [Bit?], _ right: [Bit?]) -> Ternary {
        if let mask = space.constant(right) { return space.compare(left, hasOneOf: mask) }
        if let mask = space.constant(left) { return space.compare(right, hasOneOf: mask) }
        return Ternary(yes: .none, maybe: .all)
    }

    func inside(_ bits: [Bit?], _ low: [Bit?], _ high: [Bit?]) -> Ternary {
        let width = max(bits.count, low.count, high.count)
        let own = NativeWord.fitted(bits, width)
        return space.both(
            space.opposite(space.compare(own, isBelow: NativeWord.fitted(low, width))),
            space.opposite(space.compare(NativeWord.fitted(high, width), isBelow: own)))
    }

    // MARK: Sets

    private func packets(
        of key: Expression, in name: Symbol, _ comparison: Comparison, _ match: Match, _ asked: Asked
    ) -> PacketSet {
        let isNegated = comparison.relation == .notEqual
        var sets: [PacketSet] = []
        for found in lookUp(key, in: name, asked) {
            switch found.hit {
            case .absent: continue
            case .miss: if isNegated { sets.append(found.packets) }
            case .hit(_, let element):
                if isNegated { continue }
                guard let limits = element.flatMap({ stages.limits(ofElement: $0, name, asked.rule) }) else {
                    sets.append(found.packets)
                    continue
                }
                switch limits {
                case .missed: continue
                case .tested(let condition):
                    let holds = unknown(condition.name, condition.text, isYes: condition.isYes)
                    sets.append(space.and(found.packets, holds))
                case .goesOn, .ends, .either, .other: sets.append(found.packets)
                }
            case .several(let options):
                if !options.contains(where: { $0.data == nil }) {
                    if !isNegated { sets.append(found.packets) }
                } else if !options.contains(where: { $0.data != nil }) {
                    if isNegated { sets.append(found.packets) }
                } else {
                    sets.append(open(found.packets, match, asked))
                }
            case .open(let data):
                if !data.contains(nil) {
                    if !isNegated { sets.append(found.packets) }
                } else {
                    sets.append(open(found.packets, match, asked))
                }
            case .unknown:
                // One set of answers for all keys: each packet asks of its own.
                let set = model.names.text(name)
                let count = asked.flow.native.changes.count { $0.set == nativeSet(name, asked.rule).name }
                let key = stages.describe(key)
                let place = "set@\(set)\(count > 0 ? "#\(count)" : ""):\(key)".map { $0 == " " ? "-" : String($0) }
                let has = unknown(place.joined(), "the set '\(set)' has the packet's \(key)")
                sets.append(space.and(found.packets, negated(has, isNegated)))
            }
        }
        return space.union(sets)
    }

    // MARK: Interfaces and lengths

    /// Names of interfaces, by what is known of each.
    private func byName(_ comparison: Comparison, _ asked: Asked) -> PacketSet? {
        guard case .meta(let key) = comparison.left,
            key == .inName || key == .outName || key == .inIndex || key == .outIndex,
            comparison.relation == .equal || comparison.relation == .notEqual
        else { return nil }
        let characters: ArraySlice<UInt8>
        var isPrefix = false
        switch comparison.right {
        case .literal(let literal): characters = stages.indexed(literal).bytes.prefix { $0 != 0 }
        case .range(let low, _):
            characters = low.bytes.prefix { $0 != 0 }
            isPrefix = true
        case .set, .expression: return nil
        }
        guard !characters.isEmpty, let name = model.names.find(String(decoding: characters, as: UTF8.self)) else {
            return nil
        }
        let pattern = InterfacePattern(name: name, isPrefix: isPrefix)
        let test = Negatable(pattern, isNegated: comparison.relation == .notEqual)
        return key == .inName || key == .inIndex ? arriving(by: test, asked) : leaving(by: test, asked)
    }

    /// A length that a header tells of what is behind it, as the comparison of the packet's own.
    private func inBytes(_ comparison: Comparison) -> Comparison? {
        guard space.free.contains(.length), case .field(let field) = comparison.left, field.row.name == "length" else {
            return nil
        }
        let more: UInt64
        switch field.row.header {
        case .ip6: more = 40
        default: return nil
        }
        func moved(_ literal: Literal) -> Literal? {
            literal.number.map { Literal($0 &+ more, .integer, bits: 32) }
        }
        var result = comparison
        result.left = .meta(.length)
        switch comparison.right {
        case .literal(let literal):
            guard comparison.relation != .anyBit, comparison.relation != .noBit, let own = moved(literal) else {
                return nil
            }
            result.right = .literal(own)
        case .range(let low, let high):
            guard let first = moved(low), let last = moved(high) else { return nil }
            result.right = .range(first, last)
        case .set, .expression: return nil
        }
        return result
    }
}
