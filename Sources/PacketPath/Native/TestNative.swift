internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether a comparison of a native rule holds; `no` also where there is nothing to compare.
    func testNative(_ comparison: Comparison, _ state: WalkState, _ rule: RuleReference) -> Answer {
        if let answer = testHiddenInterface(comparison, state) { return answer }
        switch comparison.right {
        case .literal(let literal):
            let left = value(of: comparison.left, state, rule)
            let own = indexed(literal)
            func holds(_ bytes: [UInt8], _ known: [UInt8]) -> Bool? {
                compare(bytes, known, comparison.relation, own.bytes)
            }
            if let answer = ofDrawnPorts(left, comparison.left, state, holds) { return answer }
            return test(left, comparison, rule, relation: nil, text(of: literal), holds)
        case .range(let low, let high):
            let left = value(of: comparison.left, state, rule)
            let isNegated = comparison.relation == .notEqual
            func holds(_ bytes: [UInt8], _ known: [UInt8]) -> Bool? {
                let width = max(bytes.count, low.bytes.count, high.bytes.count)
                let inside = isInside(
                    RuleWidth.fitted(bytes, width), RuleWidth.fitted(known, width, filling: 0xff),
                    RuleWidth.fitted(low.bytes, width), RuleWidth.fitted(high.bytes, width))
                return inside.map { $0 != isNegated }
            }
            if let answer = ofDrawnPorts(left, comparison.left, state, holds) { return answer }
            return test(left, comparison, rule, relation: "in", rangeText(low, high), holds)
        case .set(let name): return testSet(comparison, name, state, rule)
        case .expression(let right):
            let left = value(of: comparison.left, state, rule)
            let other = value(of: right, state, rule)
            if left == .absent || other == .absent { return .no }
            guard let exact = other.exact else {
                return perhaps(
                    "comparison", of: rule, "\(describe(comparison.left)) is as asked",
                    "\(describe(comparison.left)) is not as asked")
            }
            return test(left, comparison, rule, relation: nil, describe(right)) {
                compare($0, $1, comparison.relation, exact)
            }
        }
    }

    /// What `holds` says of each port that NAT may have drawn for what `expression` loads; `nil` where it says different
    /// things, or nothing was drawn.
    private func ofDrawnPorts(
        _ value: NativeValue, _ expression: Expression, _ state: WalkState, _ holds: ([UInt8], [UInt8]) -> Bool?
    ) -> Answer? {
        guard case .bytes(_, let known) = value, known == [0, 0], let ports = drawnPorts(expression, state) else {
            return nil
        }
        var answer: Bool?
        for port in ports.first...ports.last {
            guard let next = holds([UInt8(port >> 8), UInt8(port & 0xff)], [0xff, 0xff]), answer ?? next == next else {
                return nil
            }
            answer = next
        }
        return answer.map { Answer($0) }
    }

    private func drawnPorts(_ expression: Expression, _ state: WalkState) -> PortRange? {
        switch expression {
        case .field(let field) where field.row.header.base == .transport && field.row.bits == 16:
            if state.packet.protocol.isICMP { return nil }
            switch field.row.offset {
            case 0: return state.packet.sourcePortChoices
            case 16: return state.packet.destinationPortChoices
            default: return nil
            }
        case .connection(let key, .reply?):
            guard case .entry(let tracked) = state.connection, !tracked.entry.reply.protocol.isICMP else { return nil }
            switch key {
            case .destinationPort: return tracked.entry.translatedPorts
            case .sourcePort: return tracked.entry.translatedDestinationPorts
            default: return nil
            }
        default: return nil
        }
    }

    /// What `holds` says of a value; where that is not known, an unknown named after what is asked.
    private func test(
        _ value: NativeValue, _ comparison: Comparison, _ rule: RuleReference, relation: String?,
        _ text: @autoclosure () -> String, _ holds: ([UInt8], [UInt8]) -> Bool?
    ) -> Answer {
        func unknown() -> Answer {
            let isNegated = comparison.relation == .notEqual || comparison.relation == .noBit
            return .negate(
                open(comparison.left, rule, relation ?? self.relation(comparison.relation), text()), if: isNegated)
        }
        switch value {
        case .absent: return .no
        case .unknown: return unknown()
        case .bytes(let bytes, let known): return holds(bytes, known).map { Answer($0) } ?? unknown()
        case .choices(let choices):
            var all: UInt64 = 0
            var some: UInt64 = 0
            for choice in choices {
                all += choice.share
                guard let bytes = choice.bytes else { continue }
                guard let answer = holds(bytes, [UInt8](repeating: 0xff, count: bytes.count)) else { return unknown() }
                if answer { some += choice.share }
            }
            if some == 0, all > 0 { return .no }
            if some == all, all > 0 { return .yes }
            return chance(rule, all > 0 ? Double(some) / Double(all) : nil)
        }
    }

    private func chance(_ rule: RuleReference, _ probability: Double?) -> Answer {
        perhaps(
            "numgen", of: rule, yes: "hit", no: "miss", "chance picks the rule", "chance passes the rule over",
            probability: probability)
    }

    /// An unknown about `expression`: that of the packet where it is one of the packet, else one of the rule.
    private func open(_ expression: Expression, _ rule: RuleReference, _ relation: String, _ text: String) -> Answer {
        let subject = describe(expression)
        if isOfPacket(expression) { return perhaps(subject, relation: relation, text) }
        let words = relation.isEmpty ? text : "\(relation) \(text)"
        return perhaps(kind(of: expression), of: rule, "\(subject) is \(words)", "\(subject) is not \(words)")
    }

    /// Whether two rules that ask for the value get the same one.
    private func isOfPacket(_ expression: Expression) -> Bool {
        !expression.contains { part in
            switch part {
            case .numberGenerator, .hash, .symmetricHash, .unknown, .map, .range: true
            case .meta(let key): key == .random || key == .cpu
            case .literal, .field, .payload, .extensionHeader, .connection, .route, .fib, .socket, .operatingSystem,
                .concatenation, .masked, .shifted:
                false
            }
        }
    }

    private func kind(of expression: Expression) -> String {
        switch expression {
        case .numberGenerator: "numgen"
        case .hash: "jhash"
        case .symmetricHash: "symhash"
        case .meta(let key): key.name
        case .map: "map"
        default: "comparison"
        }
    }

    private func relation(_ relation: Comparison.Relation) -> String {
        switch relation {
        case .equal, .notEqual: ""
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        case .anyBit, .noBit: "with"
        }
    }

    // MARK: Comparing bytes

    /// - Returns: `nil` where it depends on bits that are not known.
    private func compare(
        _ bytes: [UInt8], _ known: [UInt8], _ relation: Comparison.Relation, _ literal: [UInt8]
    ) -> Bool? {
        let width = max(bytes.count, literal.count)
        let bytes = RuleWidth.fitted(bytes, width)
        let known = RuleWidth.fitted(known, width, filling: 0xff)
        let literal = RuleWidth.fitted(literal, width)
        switch relation {
        case .equal: return isEqual(bytes, known, literal)
        case .notEqual: return isEqual(bytes, known, literal).map { !$0 }
        case .less: return isLess(bytes, known, than: literal)
        case .greaterOrEqual: return isLess(bytes, known, than: literal).map { !$0 }
        case .greater: return isMore(bytes, known, than: literal)
        case .lessOrEqual: return isMore(bytes, known, than: literal).map { !$0 }
        case .anyBit: return hasBit(bytes, known, literal)
        case .noBit: return hasBit(bytes, known, literal).map { !$0 }
        }
    }

    private func isEqual(_ bytes: [UInt8], _ known: [UInt8], _ literal: [UInt8]) -> Bool? {
        if bytes.indices.contains(where: { (bytes[$0] ^ literal[$0]) & known[$0] != 0 }) { return false }
        return known.allSatisfy { $0 == 0xff } ? true : nil
    }

    private func isLess(_ bytes: [UInt8], _ known: [UInt8], than literal: [UInt8]) -> Bool? {
        if isBelow(most(bytes, known), literal) { return true }
        return isBelow(least(bytes, known), literal) ? nil : false
    }

    private func isMore(_ bytes: [UInt8], _ known: [UInt8], than literal: [UInt8]) -> Bool? {
        if isBelow(literal, least(bytes, known)) { return true }
        return isBelow(literal, most(bytes, known)) ? nil : false
    }

    private func isInside(_ bytes: [UInt8], _ known: [UInt8], _ low: [UInt8], _ high: [UInt8]) -> Bool? {
        guard let isBelowLow = isLess(bytes, known, than: low), let isAboveHigh = isMore(bytes, known, than: high)
        else {
            // One end alone may tell.
            if isLess(bytes, known, than: low) == true || isMore(bytes, known, than: high) == true { return false }
            return nil
        }
        return !isBelowLow && !isAboveHigh
    }

    private func hasBit(_ bytes: [UInt8], _ known: [UInt8], _ literal: [UInt8]) -> Bool? {
        if bytes.indices.contains(where: { bytes[$0] & known[$0] & literal[$0] != 0 }) { return true }
        return literal.indices.contains { literal[$0] & ~known[$0] != 0 } ? nil : false
    }

    private func least(_ bytes: [UInt8], _ known: [UInt8]) -> [UInt8] { zip(bytes, known).map { $0 & $1 } }

    private func most(_ bytes: [UInt8], _ known: [UInt8]) -> [UInt8] { zip(bytes, known).map { $0 | ~$1 } }

    // MARK: Sets

    private func testSet(_ comparison: Comparison, _ name: Symbol, _ state: WalkState, _ rule: RuleReference)
        -> Answer
    {
        let isNegated = comparison.relation == .notEqual
        let value = key(comparison.left, for: name, state, rule)
        if value == .absent { return .no }
        func unknown() -> Answer {
            var asked = names.text(name)
            if let count = state.setChanges[nativeSet(name, rule).name]?.count, count > 0 { asked += "#\(count)" }
            if let exact = value.exact {
                let text = self.text(of: exact, comparison.left)
                return .negate(
                    .perhaps(
                        Unknown(
                            "set@\(asked):\(text)", whenYes: "the set '\(names.text(name))' has \(text)",
                            whenNo: "the set '\(names.text(name))' does not have \(text)")), if: isNegated)
            }
            return .negate(open(comparison.left, rule, "in", setText(name, asked, rule)), if: isNegated)
        }
        switch lookUp(value, in: name, state, rule) {
        case .miss: return Answer(isNegated)
        case .hit(_, let element):
            if isNegated { return .no }
            return element.flatMap { elementStates(of: $0, name, rule) } ?? .yes
        case .unknown: return unknown()
        case .several(let possibilities):
            let all = possibilities.reduce(0) { $0 + $1.share }
            if !possibilities.contains(where: { $0.data == nil }) { return Answer(!isNegated) }
            if !possibilities.contains(where: { $0.data != nil }) { return Answer(isNegated) }
            if all == 0 { return unknown() }
            let hit = possibilities.reduce(0) { $0 + ($1.data == nil ? 0 : $1.share) }
            return .negate(chance(rule, Double(hit) / Double(all)), if: isNegated)
        }
    }

    /// What the limits that an element has of its own say of the packet; `nil`: it has none.
    func elementStates(of element: Int, _ name: Symbol, _ rule: RuleReference) -> Answer? {
        for own in nativeSet(name, rule).index?.set.elements.extra(element)?.states ?? [] {
            if let answer = limiting(own, rule) { return answer }
        }
        return nil
    }

    /// A set by its name, or one that is written in a rule by what it holds.
    private func setText(_ name: Symbol, _ asked: String, _ rule: RuleReference) -> String {
        guard let set = nativeSet(name, rule).index?.set, set.flags.contains(.anonymous), set.elements.count <= 16,
            let type = set.key.first, set.key.count == 1
        else { return asked }
        var text = ""
        for index in 0..<set.elements.count {
            func literal(_ bytes: ArraySlice<UInt8>) -> Literal { Literal(Array(bytes), type, bits: bytes.count * 8) }
            text += text.isEmpty ? "" : ","
            text += rangeText(literal(set.elements.low(index)), literal(set.elements.high(index)))
        }
        return text
    }

    // MARK: Interfaces

    /// Interfaces that are not known are asked as iptables asks them: all of the host's may agree, and a yes pins one.
    private func testHiddenInterface(_ comparison: Comparison, _ state: WalkState) -> Answer? {
        guard case .meta(let key) = comparison.left else { return nil }
        let isIn: Bool
        switch key {
        case .inName, .inIndex: isIn = true
        case .outName, .outIndex: isIn = false
        default: return nil
        }
        let view = isIn ? state.context.inInterface : state.context.outInterface
        guard case .unknown = view, comparison.relation == .equal || comparison.relation == .notEqual else {
            return nil
        }
        let characters: ArraySlice<UInt8>
        var isPrefix = false
        switch comparison.right {
        case .literal(let literal): characters = indexed(literal).bytes.prefix { $0 != 0 }
        case .range(let low, _):
            characters = low.bytes.prefix { $0 != 0 }
            isPrefix = true
        case .set, .expression: return nil
        }
        guard let name = names.find(String(decoding: characters, as: UTF8.self)) else { return nil }
        let pattern = InterfacePattern(name: name, isPrefix: isPrefix)
        return testInterface(Negatable(pattern, isNegated: comparison.relation == .notEqual), view, isIn: isIn)
    }

    /// An index that is written as a number is that of the host's interface; 0 is that of none.
    func indexed(_ literal: Literal) -> Literal {
        guard literal.type == .interfaceIndex else { return literal }
        let text = literal.bytes.prefix { $0 != 0 }
        guard let number = UInt32(String(decoding: text, as: UTF8.self)) else { return literal }
        let name = model.host.interfaces.first { $0.index == number }.map { Array(names.text($0.name).utf8.prefix(16)) }
        let bytes = name ?? (number == 0 ? [] : Array(text))
        return Literal(bytes + [UInt8](repeating: 0, count: 16 - bytes.count), .interfaceIndex, bits: 128)
    }
}
