internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A chain of the operator's that nothing leads to.
let unusedChain = LintCheck("unused-chain", "chains that nothing jumps to") { node in
    let calls = node.callCounts
    return node.chainIDs.compactMap { chain in
        let own = node.linked.chain(chain)
        guard own.base == nil, calls[chain.index] == 0, !node.isPartlyUnread[node.linked.tableIndex(of: chain)],
            node.isOperators(chain)
        else { return nil }
        var finding = LintFinding(
            .hint, "nothing jumps to \(node.linked.path(of: chain))", at: [node.cite(chain)],
            of: [node.linked.path(of: chain)], remedies: ["jump to it from where it is wanted, or delete it"])
        // A rule in it may carry the comment that allows it.
        if !own.rules.isEmpty { finding.citations.append(node.cite(RuleReference(chain: chain, index: 0))) }
        finding.meaning =
            own.rules.isEmpty
            ? "it is empty"
            : "its \(counted(UInt64(own.rules.count), "rule")) \(own.rules.count == 1 ? "has" : "have") no effect"
        return finding
    }
}

/// A jump to a chain that has no rules.
let emptyChain = LintCheck("empty-chain", "rules that jump to a chain without rules") { node in
    var findings: [LintFinding] = []
    for chain in node.chainIDs {
        for jump in node.linked.jumps[chain.index] {
            guard let target = jump.target, node.linked.chain(target).rules.isEmpty,
                node.linked.chain(target).base == nil, !node.linked.table(of: target).isPartial
            else { continue }
            let rule = RuleReference(chain: chain, index: jump.rule)
            // A verdict map leads to many chains.
            guard leads(node.linked.rule(rule), to: jump.name), node.isOperators(target), node.isOperators(rule) else {
                continue
            }
            let path = node.linked.path(of: target)
            var finding = LintFinding(
                .hint, "\(node.path(rule)) leads to \(path), which has no rules",
                at: [node.cite(rule), node.cite(target)], of: [node.linked.path(of: chain), path],
                remedies: ["fill the chain, or delete the rule and the chain"])
            finding.meaning = jump.isGoto ? "packets that meet it skip the rest of the chain" : "the rule does nothing"
            findings.append(finding)
        }
    }
    return findings
}

private func leads(_ rule: Rule, to chain: Symbol) -> Bool {
    switch rule.target {
    case .jump(let name)?, .goto(let name)?: name == chain
    default: false
    }
}

extension LintedNode {
    /// For each chain how many rules and elements of verdict maps lead to it.
    var callCounts: [Int] {
        var counts = [Int](repeating: 0, count: linked.chainCount)
        for own in linked.jumps {
            for jump in own { if let target = jump.target { counts[target.index] += 1 } }
        }
        // A map that no rule looks into yet leads there too, for who fills it.
        for (index, table) in linked.ruleset.tables.enumerated() {
            for set in table.sets where set.value == .verdict {
                for element in 0..<set.elements.count {
                    switch set.elements.value(element) {
                    case .verdict(.jump(let name)), .verdict(.goto(let name)):
                        if let target = linked.chainID(table: index, named: name) { counts[target.index] += 1 }
                    case .none, .verdict, .literal, .range, .object: break
                    }
                }
            }
        }
        return counts
    }
}

// MARK: - What the kernel refuses

/// A jump to a chain that its table does not have.
///
/// Observed with iptables 1.8.9: `Couldn't load target 'X'` (legacy), `Chain 'X' does not exist` (nft); with nft 1.0.6
/// on Linux 6.18: `No such file or directory`.
let missingChain = LintCheck("missing-chain", "rules that jump to a chain that is not there: not loaded") { node in
    // Of a listing that lacks what declares its own chains only a part was kept.
    let isPartial = node.linked.ruleset.tables.map { table in
        table.isCutOff || table.hasUnplacedLines
            || table.chains.contains { $0.base == nil && $0.place.isNone && !$0.rules.isEmpty }
    }
    return node.linked.findings.compactMap { found in
        guard case .danglingJump(let rule, let name) = found.kind, !isPartial[node.linked.tableIndex(of: rule.chain)],
            !node.isBuiltIn(name, besides: rule.chain)
        else { return nil }
        return node.refused(
            "\(node.path(rule)) jumps to \(node.name(name)), and the table has no such chain", at: rule,
            remedies: [
                "declare the chain (:\(node.name(name)) - [0:0], or chain \(node.name(name)) { }), or correct its name"
            ])
    }
}

/// A jump to a base chain.
///
/// Observed with iptables 1.8.9 and nft 1.0.6 on Linux 6.18: refused by all three.
let jumpToBaseChain = LintCheck("jump-to-base-chain", "rules that jump to a base chain: not loaded") { node in
    node.linked.findings.compactMap { found in
        let rule: RuleReference
        switch found.kind {
        case .jumpToBaseChain(let jump): rule = jump
        // iptables has its own base chains whether or not the file speaks of them.
        case .danglingJump(let jump, let name) where node.isBuiltIn(name, besides: jump.chain): rule = jump
        case .danglingJump, .loop, .tooDeep, .unreferenced, .duplicateChain: return nil
        }
        return node.refused(
            "\(node.path(rule)) jumps to a base chain", at: rule,
            remedies: ["move the rules that both need into a chain of their own, and jump to that one"])
    }
}

/// Chains that jump to each other in a circle.
///
/// Observed on Linux 6.18: `Too many links`, as soon as a base chain leads into the circle; a circle that none leads
/// into is loaded.
let chainLoop = LintCheck("chain-loop", "chains that jump to each other in a circle: not loaded") { node in
    node.linked.findings.compactMap { found in
        guard case .loop(let chains) = found.kind, let first = chains.first else { return nil }
        let isReached = chains.contains { !node.entries[$0.index].isEmpty }
        let paths = chains.map { node.linked.path(of: $0) }
        let members = Set(chains)
        var citations: [LintFinding.Citation] = []
        for chain in chains {
            guard let jump = node.linked.jumps[chain.index].first(where: { $0.target.map(members.contains) ?? false })
            else { continue }
            citations.append(node.cite(RuleReference(chain: chain, index: jump.rule)))
        }
        if citations.isEmpty { citations = [node.cite(first)] }
        var finding = LintFinding(
            isReached ? .problem : .warning,
            "\(list(paths)) \(paths.count == 1 ? "jumps to itself" : "jump to each other in a circle")", at: citations,
            of: paths, remedies: ["take out one of the jumps"])
        finding.meaning =
            isReached
            ? node.refusal(node.linked.table(of: first))
            : "nothing leads into the circle: the first rule that does will be refused by the kernel"
        return finding
    }
}

/// Jumps nested deeper than nf_tables allows.
///
/// Observed on Linux 6.18, by nft and by iptables-nft-restore: a base chain and 15 chains below it are loaded, a 16th
/// is refused with `Too many links`; gotos count too. iptables-legacy loads 60.
let jumpDepth = LintCheck("jump-depth", "chains nested deeper than nf_tables allows: not loaded") { node in
    node.linked.findings.compactMap { found in
        guard case .tooDeep(let chain, let depth) = found.kind else { return nil }
        let path = node.linked.path(of: chain)
        var finding = LintFinding(
            .problem, "jumps from \(path) lead \(depth) chains deep, and nf_tables allows \(nfTablesJumpLimit - 1)",
            at: [node.cite(chain)], of: [path], remedies: ["put the rules of the innermost chains into their callers"])
        finding.meaning = node.refusal(node.linked.table(of: chain))
        return finding
    }
}

/// Names that are longer than the kernel or iptables takes.
///
/// Observed with iptables 1.8.9, legacy and nft: 28 letters of a chain's name, 15 of an interface's, 31 of a set's.
let nameTooLong = LintCheck("name-too-long", "names longer than iptables takes: not loaded") { node in
    var findings: [LintFinding] = []
    for chain in node.chainIDs where node.linked.table(of: chain).iptables != nil {
        let count = node.model.names.bytes(node.linked.chain(chain).name).count
        guard count > 28 else { continue }
        let path = node.linked.path(of: chain)
        var finding = LintFinding(
            .problem, "the name of \(path) has \(count) letters, and iptables takes 28", at: [node.cite(chain)],
            of: [path], remedies: ["give the chain a shorter name"])
        finding.meaning = node.refusal(node.linked.table(of: chain))
        findings.append(finding)
    }
    return findings + node.longNames
}

extension LintedNode {
    /// Whether iptables itself makes a chain of that name in the table of `chain`.
    fileprivate func isBuiltIn(_ name: Symbol, besides chain: ChainID) -> Bool {
        let table = linked.table(of: chain)
        return table.iptables?.base(chain: self.name(name), policy: .accept, backend: table.backend) != nil
    }

    fileprivate var longNames: [LintFinding] {
        var findings: [LintFinding] = []
        forEachRule { reference, rule in
            for statement in rule.statements {
                guard case .match(let match) = statement else { continue }
                let found: (what: String, name: Symbol, limit: Int)?
                switch match {
                case .inInterface(let pattern), .outInterface(let pattern):
                    found = ("an interface", pattern.value.name, 15)
                case .set(let set): found = ("a set", set.name.value, 31)
                default: found = nil
                }
                guard let found, model.names.bytes(found.name).count > found.limit else { continue }
                findings.append(
                    refused(
                        "\(path(reference)) names \(found.what) by more than \(found.limit) letters", at: reference,
                        remedies: ["correct the name: none is as long"]))
            }
        }
        return findings
    }

    /// A finding about a rule that keeps its table from being loaded.
    func refused(_ title: String, at rule: RuleReference, remedies: [String]) -> LintFinding {
        var finding = finding(.problem, title, at: rule, remedies: remedies)
        finding.meaning = refusal(linked.table(of: rule.chain))
        return finding
    }

    /// What becomes of a rule set that has such a rule in this table.
    ///
    /// Observed with iptables 1.8.9: of a file of which a later table is refused, the tables before it come in force.
    /// nft loads a file whole or not at all.
    func refusal(_ table: Table) -> String {
        if table.iptables == nil { return "nft refuses the file: nothing of it comes in force" }
        let command = table.family == .ip6 ? "ip6tables-restore" : "iptables-restore"
        return
            "\(command) refuses the table \(name(table.name)): none of its rules come in force, nor those of tables behind it in the file"
    }
}
