internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A rule that accepts everything before rules that would drop, or before a policy of DROP.
let acceptEverything = LintCheck(
    "accept-everything", "rules that accept everything from anywhere before what would be dropped"
) { node in
    var findings: [LintFinding] = []
    for chain in node.chainIDs {
        let own = node.linked.chain(chain)
        guard let base = own.base, base.type != .nat, base.hook == .input || base.hook == .forward else { continue }
        guard
            let index = own.rules.firstIndex(where: { rule in
                ending(of: rule) == .accept && conditions(of: rule).allSatisfy(lets)
            })
        else { continue }
        let reference = RuleReference(chain: chain, index: index)
        let drop = own.rules[(index + 1)...].firstIndex { ending(of: $0)?.accepts == false }
        guard drop != nil || base.policy == .drop, node.isOperators(reference) else { continue }
        var finding = node.finding(
            .warning, "\(node.path(reference)) accepts everything, from anywhere", at: reference,
            remedies: ["say which interface, sources or ports are meant, or delete the rule"])
        if let drop {
            finding.citations.append(node.cite(RuleReference(chain: chain, index: drop), "is not asked any more"))
        } else {
            finding.citations.append(node.cite(chain, "the policy is not asked any more"))
        }
        finding.meaning =
            isOnlyNew(own.rules[index], chain, node)
            ? "every new connection is let through" : "nothing behind it drops anything"
        findings.append(finding)
    }
    return findings
}

/// Whether a condition leaves every new connection through.
private func lets(_ match: Match) -> Bool {
    switch match {
    case .state(let states): return holdsForNew(states)
    case .conntrack(let conntrack):
        guard let states = conntrack.state else { return false }
        var bare = ConntrackMatch()
        bare.state = states
        return conntrack == bare && holdsForNew(states)
    case .inInterface(let pattern), .outInterface(let pattern):
        return !pattern.isNegated && pattern.value.isPrefix && pattern.value.name == .empty
    case .sourceV4(let mask), .destinationV4(let mask): return mask.mask == 0 && !mask.isNegated
    case .source(let mask), .destination(let mask): return mask.value.mask.isZero && !mask.isNegated
    case .native(let comparison):
        guard case .connection(.state, nil) = comparison.left, let number = comparison.right.number else {
            return false
        }
        let states = ConnectionStates(rawValue: UInt8(truncatingIfNeeded: nativeStates(number)))
        switch comparison.relation {
        case .equal, .anyBit: return states.contains(.new)
        case .notEqual, .noBit: return !states.contains(.new)
        case .less, .lessOrEqual, .greater, .greaterOrEqual: return false
        }
    default: return false
    }
}

private func holdsForNew(_ states: Negatable<ConnectionStates>) -> Bool {
    states.value.contains(.new) != states.isNegated
}

private func isOnlyNew(_ rule: Rule, _ chain: ChainID, _ node: LintedNode) -> Bool {
    askedStates(rule, chain, node).map { !$0.contains(.established) } ?? false
}

/// A packet that one base chain accepts is asked about again by the next one at the hook.
/// Source: nft(8) "VERDICT STATEMENTS".
let acceptThenDrop = LintCheck(
    "accept-then-drop", "rules that accept what a later base chain at the same hook drops by default"
) { node in
    var findings: [LintFinding] = []
    var told: Set<[ChainID]> = []
    for version in [IPVersion.v4, .v6] {
        for hook in [Hook.input, .forward, .output] {
            let chains = node.linked.baseChains(version, hook).filter { chain in
                // mangle, raw and nat accept what they have nothing to do with.
                guard node.linked.chain(chain).base?.type == .filter else { return false }
                let table = node.linked.table(of: chain)
                return table.iptables.map { $0 == .filter || $0 == .security } ?? true
            }
            for (index, later) in chains.enumerated().dropFirst() where node.dropsByDefault(later) {
                for earlier in chains[..<index] where node.dropsSomething(earlier) {
                    guard told.insert([earlier, later]).inserted,
                        let rule = node.firstOwnAccept(of: earlier, lackedBy: later)
                    else { continue }
                    let paths = (node.linked.path(of: earlier), node.linked.path(of: later))
                    var finding = LintFinding(
                        .hint,
                        "\(node.path(rule)) accepts, and \(paths.1), which is asked after it at \(hook.name), drops what it does not accept itself",
                        at: [node.cite(rule, "accepts"), node.cite(later)], of: [paths.0, paths.1],
                        remedies: ["accept in \(paths.1) too what \(paths.0) accepts, or keep the rules in one of them"]
                    )
                    finding.meaning = "an accept ends only its own base chain: the later one decides"
                    findings.append(finding)
                }
            }
        }
    }
    return findings
}

/// A chain that drops by default and lets no answers through.
let noEstablished = LintCheck(
    "no-established", "chains that drop by default, accept some packets, and let no answers through"
) { node in
    var findings: [LintFinding] = []
    for chain in node.chainIDs {
        guard let base = node.linked.chain(chain).base, base.type == .filter, node.dropsByDefault(chain) else {
            continue
        }
        switch base.hook {
        case .input, .forward, .output: break
        case .prerouting, .postrouting, .ingress, .egress: continue
        }
        let own = node.linked.table(of: chain)
        guard own.family.sees(.v4) || own.family.sees(.v6), own.iptables.map({ $0 == .filter }) ?? true else {
            continue
        }
        let seen = node.answersSeen(from: chain)
        guard seen.acceptsSome, !seen.mayAcceptAnswers else { continue }
        let path = node.linked.path(of: chain)
        var finding = LintFinding(
            .warning, "\(path) drops by default, and no rule lets answers through", at: [node.cite(chain)], of: [path],
            remedies: [
                own.isNative
                    ? "begin the chain with: ct state established,related accept"
                    : "begin the chain with: -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
            ])
        finding.meaning =
            base.hook == .input
            ? "what this host itself asks of others is answered, and the answers are dropped"
            : "of connections that it accepts in one direction the other direction is dropped"
        findings.append(finding)
    }
    return findings
}

extension LintedNode {
    /// Whether what no rule of a base chain speaks of is dropped there.
    fileprivate func dropsByDefault(_ chain: ChainID) -> Bool {
        let own = linked.chain(chain)
        if own.base?.policy == .drop { return true }
        return own.rules.contains { ending(of: $0)?.accepts == false && conditions(of: $0).isEmpty }
    }

    fileprivate func dropsSomething(_ chain: ChainID) -> Bool {
        let own = linked.chain(chain)
        return own.base?.policy == .drop || own.rules.contains { ending(of: $0)?.accepts == false }
    }

    /// The first rule of the operator's in `chain` that accepts by conditions that no accepting rule of `other` has.
    fileprivate func firstOwnAccept(of chain: ChainID, lackedBy other: ChainID) -> RuleReference? {
        // A chain that leads elsewhere may accept there.
        guard linked.jumps[other.index].isEmpty else { return nil }
        let accepted = Set(linked.chain(other).rules.filter { ending(of: $0) == .accept }.map { conditions(of: $0) })
        if accepted.contains([]) { return nil }
        for (index, rule) in linked.chain(chain).rules.enumerated() where ending(of: rule) == .accept {
            let reference = RuleReference(chain: chain, index: index)
            if !accepted.contains(conditions(of: rule)), isOperators(reference) { return reference }
        }
        return nil
    }

    /// What rules that are reached from a base chain say of answers.
    fileprivate func answersSeen(from chain: ChainID) -> (acceptsSome: Bool, mayAcceptAnswers: Bool) {
        var accepting: [Passage] = []
        var taking: [Passage] = []
        var seen: Set<ChainID> = []
        var waiting = [chain]
        while let next = waiting.popLast() {
            guard seen.insert(next).inserted else { continue }
            waiting += linked.jumps[next.index].compactMap { $0.target }
            for rule in linked.chain(next).rules {
                switch rule.target {
                case .accept?:
                    if let states = askedStates(rule, next, self), states.contains(.established) { return (true, true) }
                    if isForLoopback(rule) { continue }
                    accepting.append(passage(of: rule))
                    if takesAnswers(rule, next) { taking.append(passage(of: rule)) }
                // Verdicts of maps, of programs and of what is not understood may be anything.
                case .native?, .unknown?, .queue?, .nfQueue?: return (!accepting.isEmpty, true)
                default: continue
                }
            }
        }
        // What is forwarded is answered by the same two interfaces, the other way round.
        let isForwarded = linked.chain(chain).base?.hook == .forward
        let mayAccept = taking.contains { back in
            !isForwarded || accepting.contains { $0.isAnswered(by: back) }
        }
        return (!accepting.isEmpty, mayAccept)
    }

    /// The interfaces that a rule is for; `nil` for any, and for what is no plain name.
    private struct Passage {
        var input: String?
        var output: String?

        /// Whether some answer to a packet of this passage is one of `back`.
        func isAnswered(by back: Passage) -> Bool {
            if let input, let other = back.output, input != other { return false }
            if let output, let other = back.input, output != other { return false }
            let near = input ?? back.output
            let far = output ?? back.input
            return near == nil || near != far
        }
    }

    private func passage(of rule: Rule) -> Passage {
        var passage = Passage()
        for match in conditions(of: rule) {
            switch match {
            case .inInterface(.is(let pattern)) where !pattern.isPrefix: passage.input = name(pattern.name)
            case .outInterface(.is(let pattern)) where !pattern.isPrefix: passage.output = name(pattern.name)
            case .native(let comparison) where interfaceTest(match)?.isNegated == false:
                guard let name = comparison.right.name, !name.isPrefix else { continue }
                if interfaceTest(match)?.isIn == true { passage.input = name.text } else { passage.output = name.text }
            default: continue
            }
        }
        return passage
    }

    /// Whether an accepting rule that does not ask for ESTABLISHED may be for answers: it asks for a source port, or for
    /// too little.
    private func takesAnswers(_ rule: Rule, _ chain: ChainID) -> Bool {
        if askedStates(rule, chain, self) != nil { return false }
        let own = conditions(of: rule).filter { !isOnlyInterface($0) }
        if own.isEmpty { return true }
        return !own.contains(where: limitsDestinationPort) || own.contains(where: asksForSourcePort)
    }

    private func isForLoopback(_ rule: Rule) -> Bool {
        conditions(of: rule).contains { match in
            switch match {
            case .inInterface(.is(let pattern)), .outInterface(.is(let pattern)): name(pattern.name) == "lo"
            case .native(let comparison): comparison.right.name?.text == "lo"
            default: false
            }
        }
    }

    private func isOnlyInterface(_ match: Match) -> Bool {
        switch match {
        case .inInterface, .outInterface: true
        case .native(let comparison): interfaceTest(.native(comparison)) != nil
        default: false
        }
    }

    private func limitsDestinationPort(_ match: Match) -> Bool {
        switch match {
        case .tcp(let match): !match.destinationPorts.isAll
        case .udp(let match): !match.destinationPorts.isAll
        case .multiport(let match): match.side == .destination
        case .icmp: true
        case .protocol(.is(let test)): test.number.isICMP
        case .native(let comparison):
            if case .field(let field) = comparison.left {
                field.row.name == "dport" || field.row.header == .icmp || field.row.header == .icmpv6
            } else {
                false
            }
        default: false
        }
    }

    private func asksForSourcePort(_ match: Match) -> Bool {
        switch match {
        case .tcp(let match): !match.sourcePorts.isAll
        case .udp(let match): !match.sourcePorts.isAll
        case .multiport(let match): match.side != .destination
        case .native(let comparison):
            if case .field(let field) = comparison.left { field.row.name == "sport" } else { false }
        default: false
        }
    }
}

/// Rules that no packet has met, where others of the chain have met many.
let unusedRule = LintCheck("unused-rule", "rules whose counters are 0 in chains that many packets have passed") {
    node in
    /// So many packets must have come by.
    let enough: UInt64 = 1_000
    var findings: [LintFinding] = []
    for chain in node.chainIDs where node.entries[chain.index] != [] {
        let own = node.linked.chain(chain)
        var unused: [RuleReference] = []
        // Packets that were met behind a rule have passed it.
        var passed = own.policyCounters?.packets ?? 0
        for (index, rule) in own.rules.enumerated().reversed() {
            guard let count = node.packets(rule, in: own) else { continue }
            if count == 0, passed >= enough, rule.target != nil {
                let reference = RuleReference(chain: chain, index: index)
                if node.isOperators(reference) { unused.append(reference) }
            }
            passed = passed.addingReportingOverflow(count).overflow ? .max : passed + count
        }
        if unused.isEmpty { continue }
        unused.reverse()
        let path = node.linked.path(of: chain)
        var finding = LintFinding(
            .hint, "no packet has met these rules of \(path) since the counters were set to 0",
            at: unused.map { node.cite($0) }, of: [path], remedies: ["see whether they are still wanted"])
        finding.listsCases = true
        finding.meaning =
            "\(counted(passed, "packet")) came through the chain in that time; the next one may be met all the same"
        findings.append(finding)
    }
    return findings
}
