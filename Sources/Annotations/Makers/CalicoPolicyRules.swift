internal import ChainGraph
internal import RuleModel

/// Rules of the chains of policies and profiles.
///
/// Felix makes of one rule of a policy: rules that note conditions in marks, one that marks the packet (up to v3.29 a
/// denial drops at once), one that tells the flow log, and one that returns or drops by the mark. Returns at the end of
/// a chain are left out since v3.28.
extension CalicoRules {
    /// What the rules of a policy's or profile's chain are for; `nil` for other chains.
    func policyPurposes(ofRulesIn facts: ChainFacts) -> [CalicoPurpose]? {
        let chain = purpose(of: facts)
        switch chain {
        case .policy, .profile: break
        default: return nil
        }
        let parts = parts(of: facts.id, facts.linked)
        return facts.linked.chain(facts.id).rules.indices.map { index in
            policyPurpose(FelixRule(facts.facts(index)), parts[index], in: chain)
        }
    }

    func policyPurpose(_ rule: FelixRule, _ part: PolicyRulePart, in chain: CalicoPurpose?) -> CalicoPurpose {
        let isEmpty = rule.act == .none
        return switch chain {
        case .policy(let name, let way): isEmpty ? .emptyPolicy(name, way) : .policyRule(name, way, part)
        case .profile(let name, let way): isEmpty ? .emptyProfile(name, way) : .profileRule(name, way, part)
        default: .unknownRule
        }
    }

    /// Which rule of the policy's list each rule of its chain is a part of.
    ///
    /// The flow log's prefix says the number. Elsewhere rules are counted, which is too low where the list holds rules
    /// for the other IP version only: those leave nothing here.
    func parts(of chain: ChainID, _ linked: LinkedRuleset) -> [PolicyRulePart] {
        var counter = PolicyRuleCounter(marks: marks)
        for index in linked.chain(chain).rules.indices {
            counter.take(FelixRule(RuleFacts(linked: linked, reference: RuleReference(chain: chain, index: index))))
        }
        return counter.parts
    }
}

/// Counts the rules of a policy along its chain.
private struct PolicyRuleCounter {
    let marks: CalicoMarks?
    var parts: [PolicyRulePart] = []
    /// The number of the policy's rule that is being read.
    private var index = 0
    /// Where its parts begin.
    private var start = 0
    /// Whether it has decided, so that a new condition or decision begins the next one.
    private var hasDecided = false
    private var action = PolicyRulePart.Action.log

    init(marks: CalicoMarks?) { self.marks = marks }

    mutating func take(_ rule: FelixRule) {
        switch rule.act {
        case .mark(let value, let mask):
            if isCondition(mask) { append(.condition) } else { decide(action(value)) }
        case .drop, .reject:
            // Since v3.30 a denial marks first.
            if hasDecided, action == .deny, rule.mark?.isSet == true { append(.verdict) } else { decide(.deny) }
        case .return: append(.verdict)
        case .log: decide(.log)
        case .flowLog(let prefix):
            append(.flowLog)
            guard let told = number(prefix) else { return }
            index = told
            for place in start..<parts.count { parts[place].index = told }
        case .none, .accept, .jump, .goto, .notrack, .translate, .dscp, .dispatch, .flowOffload, .connectionMark,
            .other:
            decide(.log)
        }
    }

    private mutating func append(_ step: PolicyRulePart.Step) {
        if step == .condition { beginNext() }
        parts.append(PolicyRulePart(index: index, action: action, step: step))
    }

    private mutating func decide(_ action: PolicyRulePart.Action) {
        beginNext()
        hasDecided = true
        self.action = action
        parts.append(PolicyRulePart(index: index, action: action, step: .decision))
        for place in start..<parts.count { parts[place].action = action }
    }

    private mutating func beginNext() {
        guard hasDecided else { return }
        index += 1
        start = parts.count
        hasDecided = false
    }

    /// Whether only scratch bits are changed.
    private func isCondition(_ mask: UInt32) -> Bool {
        guard let marks else { return false }
        return mask & ~(marks.scratch0 | marks.scratch1) == 0
    }

    private func action(_ value: UInt32) -> PolicyRulePart.Action {
        guard let marks else { return .allow }
        if value == marks.pass { return .pass }
        return value == marks.drop && marks.hasDrop ? .deny : .allow
    }

    /// The number in `API12|default/…`.
    private func number(_ prefix: String) -> Int? {
        let digits = prefix.utf8.dropFirst(3).prefix { $0 >= 0x30 && $0 <= 0x39 }
        guard !digits.isEmpty, digits.count <= 6 else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1) - 0x30 }
    }
}
