internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A rule that translates behind another one that translates all of its packets.
let natBehindNAT = LintCheck(
    "nat-behind-nat", "rules that translate behind one that asks for less and translates the same packets"
) { node in
    let fieldsChange = node.writesFields
    var findings: [LintFinding] = []
    for chain in node.chainIDs where node.entries[chain.index].contains(type: .nat) {
        var earlier: [[Match]: Int] = [:]
        for (index, rule) in node.linked.chain(chain).rules.enumerated() {
            guard translates(rule) else { continue }
            let own = conditions(of: rule)
            let reference = RuleReference(chain: chain, index: index)
            if let before = subset(of: own, in: earlier), node.isOperators(reference) {
                let first = RuleReference(chain: chain, index: before)
                var finding = LintFinding(
                    .warning,
                    "\(node.path(reference)) never translates: \(node.path(first)) translates all of its packets before",
                    at: [node.cite(reference, "never gets a packet"), node.cite(first, "takes them")],
                    of: [node.linked.path(of: chain)],
                    remedies: ["put \(node.path(reference)) before \(node.path(first)), or delete it"])
                finding.meaning = "a connection is translated once: the first rule that does it counts"
                findings.append(finding)
            } else if endsPacket(rule),
                !own.contains(where: { Steadiness($0, fieldsChange: fieldsChange) == .none })
            {
                if earlier[own] == nil { earlier[own] = index }
            }
        }
    }
    // Those with just the same conditions are told as duplicates.
    return findings.filter { finding in
        guard let later = finding.citations.first?.rule, let first = finding.citations.last?.rule else { return true }
        return conditions(of: node.linked.rule(later)) != conditions(of: node.linked.rule(first))
    }
}

/// What is filed under some of `conditions`, in their order: no more than six are tried.
private func subset<Value>(of conditions: [Match], in filed: [[Match]: Value]) -> Value? {
    if filed.isEmpty { return nil }
    let tried = conditions.prefix(6)
    for bits in 0..<(1 << tried.count) {
        var chosen: [Match] = []
        for (index, condition) in tried.enumerated() where bits >> index & 1 == 1 { chosen.append(condition) }
        if let found = filed[chosen] { return found }
    }
    return nil
}

/// A rule that translates what an earlier one took from conntrack.
/// Source: net/netfilter/nf_nat_core.c `nf_nat_inet_fn`: without a connection nothing is translated, Linux 6.18.
let natUntracked = LintCheck(
    "nat-untracked", "rules that translate packets that NOTRACK has taken from conntrack"
) { node in
    var findings: [LintFinding] = []
    for version in [IPVersion.v4, .v6] {
        for hook in [Hook.prerouting, .output] {
            var untracked: [[Match]: RuleReference] = [:]
            for chain in node.linked.baseChains(version, hook) where node.entries[chain.index].isBeforeConntrack {
                for (index, rule) in node.linked.chain(chain).rules.enumerated() where takesFromConntrack(rule) {
                    let own = conditions(of: rule)
                    guard own.allSatisfy({ Steadiness($0, fieldsChange: false) == .always }) else { continue }
                    let reference = RuleReference(chain: chain, index: index)
                    if untracked[own] == nil { untracked[own] = reference }
                }
            }
            if untracked.isEmpty { continue }
            for chain in node.linked.baseChains(version, hook) where node.linked.chain(chain).base?.type == .nat {
                // A table of family inet is met for each version.
                if version == .v6, node.linked.table(of: chain).family.sees(.v4) { continue }
                for (index, rule) in node.linked.chain(chain).rules.enumerated() {
                    guard case .translate? = ending(of: rule),
                        let first = subset(of: conditions(of: rule), in: untracked)
                    else { continue }
                    let reference = RuleReference(chain: chain, index: index)
                    var finding = LintFinding(
                        .warning,
                        "\(node.path(reference)) never translates: \(node.path(first)) takes its packets from conntrack",
                        at: [node.cite(reference), node.cite(first)],
                        of: [node.linked.path(of: chain), node.linked.path(of: first.chain)],
                        remedies: ["except what is to be translated from NOTRACK, or delete the rule"])
                    finding.meaning = "without a connection nothing is translated"
                    findings.append(finding)
                }
            }
        }
    }
    return findings
}

private func takesFromConntrack(_ rule: Rule) -> Bool {
    switch rule.target {
    case .notrack?, .native(.notrack)?: true
    case .ct(let target)?: target.notrack
    default: false
    }
}

/// A rule that masquerades whatever leaves, by whatever interface.
let masqueradeEverything = LintCheck(
    "masquerade-everything", "MASQUERADE or SNAT without an outgoing interface and without sources"
) { node in
    var findings: [LintFinding] = []
    for chain in node.chainIDs {
        guard let base = node.linked.chain(chain).base, base.hook == .postrouting, base.type == .nat else { continue }
        for (index, rule) in node.linked.chain(chain).rules.enumerated() {
            guard changesSource(rule), conditions(of: rule).allSatisfy(isOnlyOfTransport) else { continue }
            let reference = RuleReference(chain: chain, index: index)
            guard node.isOperators(reference) else { continue }
            var finding = node.finding(
                .warning,
                "\(node.path(reference)) gives every packet that leaves another source, by whatever interface",
                at: reference,
                remedies: ["name the interface (-o, oifname) or the sources (-s, ip saddr) that are meant"])
            finding.meaning =
                "inner networks, tunnels and published ports see this host's address in place of their clients'"
            findings.append(finding)
        }
    }
    return findings
}

private func changesSource(_ rule: Rule) -> Bool {
    switch rule.target {
    case .masquerade?, .snat?: true
    case .native(.translate(let translation))?:
        // A map's keys are the sources that are meant.
        (translation.kind == .masquerade || translation.kind == .snat) && !translation.looksUp
    default: false
    }
}

/// Whether a condition is only about the version of IP or the transport.
private func isOnlyOfTransport(_ match: Match) -> Bool {
    switch match {
    case .protocol: return true
    case .native(let comparison):
        switch comparison.left {
        case .meta(.layer4Protocol), .meta(.networkProtocol), .meta(.protocol): return true
        case .field(let field): return field.row.type == .internetProtocol
        default: return false
        }
    default: return false
    }
}
