internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Rules whose packets those before them take. Told of a program's own rule only where an operator's takes them.
let shadowedRule = LintCheck(
    "shadowed-rule", "no packet gets to match the rule: those before it in its chain take all of its packets"
) { node in
    var seen: Set<RuleReference> = []
    var findings: [LintFinding] = []
    // A rule that both versions meet is shadowed where it is for each.
    let found = IPVersion.allCases.map { shadowedRules(node.model, $0) }
    for (index, version) in IPVersion.allCases.enumerated() {
        for shadowed in found[index].rules {
            let family = node.linked.table(of: shadowed.rule.chain).family
            let other = IPVersion.allCases.first { $0 != version }
            if let other, family.sees(other), !found[1 - index].rules.contains(where: { $0.rule == shadowed.rule }) {
                continue
            }
            let isOwn = node.isOperators(shadowed.rule)
            guard isOwn || shadowed.takers.contains(where: { node.isOperators($0) }) else { continue }
            // One rule with the very same conditions is duplicate-rule's.
            let own = node.conditions(shadowed.rule)
            if shadowed.takers.contains(where: { node.conditions($0) == own }) { continue }
            guard seen.insert(shadowed.rule).inserted else { continue }
            findings.append(finding(shadowed, node))
        }
    }
    for chain in node.chainIDs where node.isOperators(chain) && found.contains(where: { $0.unfinished.contains(chain) })
    {
        let path = node.linked.path(of: chain)
        findings.append(
            LintFinding(
                .hint, "\(path) could not be looked through for rules that no packet gets to match",
                at: [node.cite(chain, "tells too many kinds of packets apart")], of: [path], remedies: []))
    }
    return findings
}

private func finding(_ shadowed: ShadowedRule, _ node: LintedNode) -> LintFinding {
    let own = node.linked.rule(shadowed.rule).target
    let differs = shadowed.takers.contains { node.linked.rule($0).target != own }
    var takers = shadowed.takers
    // One that takes all is enough to be shown, unless it is the others that do otherwise.
    if let sole = shadowed.soleTaker, !differs || node.linked.rule(sole).target != own { takers = [sole] }
    var finding = node.finding(
        differs ? .warning : .hint, "No packet gets to match \(node.path(shadowed.rule))", at: shadowed.rule,
        remedies: [
            differs ? "Move it before the rules that take its packets, or remove it" : "Remove it: it changes nothing"
        ])
    for taker in takers.prefix(6) { finding.citations.append(node.cite(taker, "takes them before it")) }
    finding.meaning =
        takers.count > 1
        ? "\(takers.count) rules before it in its chain together take every packet that it asks for"
        : "a rule before it in its chain takes every packet that it asks for"
    if differs {
        finding.meaning += takers.count > 1 ? ", and do otherwise with some of them" : ", and does otherwise with them"
    }
    return finding
}

extension LintedNode {
    /// What a rule asks, but for comments.
    fileprivate func conditions(_ rule: RuleReference) -> Set<Statement> {
        Set(
            linked.rule(rule).statements.filter { statement in
                switch statement {
                case .match(.comment), .target: false
                case .match: true
                }
            })
    }
}
