package import ChainGraph
internal import PathModel
package import RuleModel
package import SourceText

// What native rules make of one packet, for those who follow many at once.
extension Stages {
    /// What `expression` of `rule` comes to.
    package func value(of expression: Expression, _ rule: RuleReference, _ situation: Situation) -> NativeValue {
        let evaluator = evaluator(situation)
        return evaluator.value(of: expression, state(situation, evaluator), rule)
    }

    /// What a statement comes to that changes nothing.
    package enum Performed: Hashable, Sendable {
        case goesOn, missed
        case ends(End)
        /// The rule goes on where this holds, and else ends.
        case tested(Condition)
        /// One end or another, `nil` for going on.
        case either(Condition, yes: End?, no: End?)
        /// Something that this does not tell.
        case other

        package enum End: Hashable, Sendable {
            case accept, drop, returned, queue, passedBy
            case reject(RejectWith)
        }
    }

    package func perform(
        _ statement: NativeStatement, _ rule: RuleReference, _ situation: Situation
    ) -> Performed {
        let evaluator = evaluator(situation)
        var state = state(situation, evaluator)
        var changes: [Change] = []
        switch evaluator.perform(statement, rule, &state, &changes) {
        case .continue: return .goesOn
        case .miss: return .missed
        case .accept: return .ends(.accept)
        case .drop: return .ends(.drop)
        case .return: return .ends(.returned)
        case .queue: return .ends(.queue)
        case .reject(let with): return .ends(.reject(with))
        case .test(let answer): return performed(answer)
        case .either(let unknown, let ways):
            let condition = Condition(name: unknown.name, isYes: true, text: unknown.whenYes)
            return .either(condition, yes: Stages.end(ways.yes), no: Stages.end(ways.no))
        // fwd, which is taken at ingress and egress alone, where sets are not followed.
        case .jump, .goto, .acceptChanged, .choices, .several, .sendOut: return .other
        }
    }

    /// What the limits that an element of a set has of its own say; `nil`: it has none.
    package func limits(ofElement index: Int, _ set: Symbol, _ rule: RuleReference) -> Performed? {
        plain.elementStates(of: index, set, rule).map { performed($0) }
    }

    private func performed(_ answer: Answer) -> Performed {
        switch answer {
        case .yes: .goesOn
        case .no: .missed
        case .perhaps(let unknown): .tested(condition(unknown))
        }
    }

    private func condition(_ unknown: Unknown) -> Condition {
        let text = unknown.isNegated ? unknown.whenNo : unknown.whenYes
        return Condition(name: unknown.name, isYes: !unknown.isNegated, text: text)
    }

    private static func end(_ verdict: ChainVerdict?) -> Performed.End? {
        switch verdict {
        case nil: nil
        case .accept: .accept
        case .drop, .loop, .tooMany, .sentOut: .drop
        case .returned: .returned
        case .queue: .queue
        case .passedBy: .passedBy
        case .reject(let with): .reject(with)
        }
    }

    /// That an old nft has compared fields side by side as one, so that a rule is met which its text says is not.
    package func joined(_ rule: RuleReference) -> Condition? { condition(plain.joined(rule)) }

    /// That it has done so before the statements between, or behind them.
    package func askedFirst(_ rule: RuleReference) -> Condition? { condition(plain.askedFirst(rule)) }
    package func askedLast(_ rule: RuleReference) -> Condition? { condition(plain.askedLast(rule)) }

    private func condition(_ answer: Answer) -> Condition? {
        if case .perhaps(let unknown) = answer { return condition(unknown) }
        return nil
    }

    /// A literal as the value of what it is compared with: an interface's number as its name.
    package func indexed(_ literal: Literal) -> Literal { plain.indexed(literal) }

    /// Bytes of the value of `expression`.
    package func width(of expression: Expression) -> Int { plain.width(of: expression) }

    // MARK: Words

    package func describe(_ expression: Expression) -> String { plain.describe(expression) }
    package func text(of data: NativeElements.Data?) -> String { plain.text(of: data) }
    package func text(of literal: Literal) -> String { plain.text(of: literal) }
    package func text(of nat: NATTarget?) -> String { plain.text(of: nat) }
}
