internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A test for bits of a mark that nothing sets.
let markNeverSet = LintCheck("mark-never-set", "marks that are asked for and that nothing sets") { node in
    // Rules that were not read may set any.
    guard node.model.unreadRules.isEmpty else { return [] }
    let uses = MarkUses(node)
    var findings: [LintFinding] = []
    if !node.othersMark {
        let known = node.annotations.meanings(ofMark: .max).reduce(UInt32(0)) { $0 | $1.mask }
        findings += node.unset(uses.packet, "mark", known: known)
        for rule in uses.routing where rule.bits & ~(uses.packet.settable | known) != 0 {
            var finding = LintFinding(
                .hint, "no rule sets the mark \(hexadecimal(rule.bits)), and a routing rule asks for it",
                at: [LintFinding.Citation(rule.place)], of: [],
                remedies: [
                    "set the mark (-t mangle -A PREROUTING … -j MARK --set-xmark VALUE/BITS), or delete the routing rule"
                ])
            finding.meaning = "unless a program sets it on its own sockets, the routing rule is never used"
            findings.append(finding)
        }
    }
    return findings + node.unset(uses.connection, "connection's mark", known: 0)
}

/// Bits of a mark that are set and that nothing looks at.
let markNeverTested = LintCheck("mark-never-tested", "marks that are set and that nothing asks for") { node in
    guard node.model.unreadRules.isEmpty else { return [] }
    let uses = MarkUses(node)
    var findings: [LintFinding] = []
    let known = node.annotations.meanings(ofMark: .max).reduce(UInt32(0)) { $0 | $1.mask }
    // Routing rules ask for marks, and so does traffic control.
    let readsMarks = node.host.otherDeciders.contains { decider in
        switch decider.kind {
        case .trafficControl, .bpf, .xfrm, .openVSwitch: true
        case .xdp, .ipvs, .flowtable, .vrf, .otherNamespace: false
        }
    }
    if !readsMarks {
        for (rule, bits) in uses.packet.setters where bits & (uses.packet.tested | known) == 0 {
            let family = node.linked.table(of: rule.chain).family
            let knowsRouting =
                (!family.sees(.v4) || node.host.routingRulesV4 != nil)
                && (!family.sees(.v6) || node.host.routingRulesV6 != nil)
            guard knowsRouting, node.isOperators(rule) else { continue }
            findings.append(node.untested(rule, bits, "mark", "no rule and no routing rule asks"))
        }
    }
    for (rule, bits) in uses.connection.setters where bits & uses.connection.tested == 0 {
        guard node.isOperators(rule) else { continue }
        findings.append(node.untested(rule, bits, "connection's mark", "no rule asks"))
    }
    return findings
}

/// Two programs, or a program and a rule of the operator's, that use the same bits of the mark.
let markClash = LintCheck(
    "mark-clash", "bits of the mark that two programs, or a program and a rule, use for different things"
) { node in
    let clashes = node.annotations.markClashes
    let meanings = node.annotations.meanings(ofMark: .max)
    if meanings.isEmpty { return [] }
    let uses = MarkUses(node)
    var findings: [LintFinding] = []
    // Of each program the rules that set or ask for marks.
    var rules: [Maker: [(rule: RuleReference, bits: UInt32)]] = [:]
    for setter in uses.packet.setters {
        guard let maker = node.annotations.maker(of: setter.rule) else {
            for meaning in meanings where setter.bits & meaning.mask == meaning.value && meaning.value != 0 {
                var finding = node.finding(
                    .warning,
                    "\(node.path(setter.rule)) sets bits of the mark that are \(meaning.maker.name)'s (\(hexadecimal(meaning.mask)))",
                    at: setter.rule, remedies: ["use bits that no program here has for itself"])
                finding.meaning = "to \(meaning.maker.name) they say: \(meaning.text)"
                findings.append(finding)
                break
            }
            continue
        }
        rules[maker, default: []].append(setter)
    }
    if clashes.isEmpty { return findings }
    for test in uses.packet.tests {
        guard let maker = node.annotations.maker(of: test.rule) else { continue }
        rules[maker, default: []].append((test.rule, test.bits))
    }
    var told: Set<[UInt8]> = []
    for (first, second) in clashes {
        let bits = first.mask & second.mask
        guard let one = rules[first.maker]?.first(where: { $0.bits & bits != 0 }),
            let other = rules[second.maker]?.first(where: { $0.bits & bits != 0 }),
            told.insert([first.maker.rawValue, second.maker.rawValue]).inserted
        else { continue }
        var finding = LintFinding(
            .warning,
            "\(first.maker.name) and \(second.maker.name) use the same bits of the packet's mark (\(hexadecimal(bits)))",
            at: [
                node.cite(one.rule, "\(first.maker.name): \(first.text)"),
                node.cite(other.rule, "\(second.maker.name): \(second.text)"),
            ], of: [node.linked.path(of: one.rule.chain), node.linked.path(of: other.rule.chain)],
            remedies: ["give one of them other bits, if it can be told to"])
        finding.meaning = "each reads what the other wrote"
        findings.append(finding)
    }
    return findings
}

extension LintedNode {
    /// Whether something besides rules may set marks on what comes in.
    fileprivate var othersMark: Bool {
        if host.interfaces.contains(where: { $0.kind == .wireguard }) { return true }
        return host.otherDeciders.contains { decider in
            switch decider.kind {
            case .trafficControl, .bpf, .xfrm, .openVSwitch: true
            case .xdp, .ipvs, .flowtable, .vrf, .otherNamespace: false
            }
        }
    }

    fileprivate func unset(_ bits: MarkBits, _ noun: String, known: UInt32) -> [LintFinding] {
        bits.tests.compactMap { test in
            let settable = bits.settable | known
            let lacks = test.isAny ? test.bits & settable == 0 : test.bits & ~settable != 0
            guard lacks, isOperators(test.rule) else { return nil }
            // What this host sends may have the mark of its socket.
            let entries = entries[test.rule.chain.index]
            let isSure = entries.isOnly([.prerouting, .input, .forward, .ingress])
            let missing = test.isAny ? test.bits : test.bits & ~settable
            var finding = finding(
                isSure ? .warning : .hint,
                "\(path(test.rule)) asks for \(hexadecimal(missing)) of the \(noun), which nothing sets",
                at: test.rule, remedies: ["set the mark where it was meant to be, or delete the rule"])
            finding.meaning =
                isSure
                ? "no packet from outside meets the rule"
                : "unless a program marks its own packets (SO_MARK), the rule does nothing"
            return finding
        }
    }

    fileprivate func untested(_ rule: RuleReference, _ bits: UInt32, _ noun: String, _ who: String) -> LintFinding {
        var finding = finding(
            .hint, "\(path(rule)) sets \(hexadecimal(bits)) of the \(noun), and \(who) for it", at: rule,
            remedies: ["ask for the mark where it was meant to decide, or delete the rule"])
        finding.meaning = "the mark decides nothing here"
        return finding
    }
}
