public import Annotations
internal import ChainGraph
internal import NetTypes
public import PathModel
internal import RuleModel
public import SourceText

/// Writes the rules as a tree from the hooks down: base chains in the order they run, and below each rule the chain
/// that it jumps to, which is shown once. Who made chains and rules, and what for, stands beside them.
public func writeRulesetTree(
    _ model: HostModel, files: [SourceFile], owners: AnnotatedRuleset, _ style: TextStyle,
    into output: inout OutputBuffer
) {
    var writer = TreeWriter(quotes: Quotes(model: model, files: files), owners: owners, style: style)
    writer.write(into: &output)
}

private struct TreeWriter {
    let quotes: Quotes
    let owners: AnnotatedRuleset
    let style: TextStyle
    var isShown: [Bool]

    init(quotes: Quotes, owners: AnnotatedRuleset, style: TextStyle) {
        self.quotes = quotes
        self.owners = owners
        self.style = style
        isShown = [Bool](repeating: false, count: quotes.linked.chainCount)
    }

    private var linked: LinkedRuleset { quotes.linked }

    mutating func write(into output: inout OutputBuffer) {
        for version in [IPVersion.v4, .v6] {
            for hook in [Hook.prerouting, .input, .forward, .output, .postrouting] {
                let chains = linked.baseChains(version, hook)
                if chains.isEmpty { continue }
                line(0, [TextRun("\(hookTitle(hook)) IPv\(version.rawValue)", .strong)], into: &output)
                for chain in chains { writeTree(chain, indent: 1, into: &output) }
            }
        }
        var others: [ChainID] = []
        for index in linked.chainIDs where !isShown[index] { others.append(ChainID(index)) }
        if !others.isEmpty {
            line(0, [TextRun("Reached from no hook", .strong)], into: &output)
            for chain in others where !isShown[chain.index] { writeTree(chain, indent: 1, into: &output) }
        }
        let notes = linkNotes(linked, owners)
        if !notes.isEmpty {
            line(0, [TextRun("To be noted", .strong)], into: &output)
            for note in notes { line(1, [TextRun("- " + note)], into: &output) }
        }
    }

    /// One chain that is being written.
    private struct Open {
        var chain: ChainID
        var rule: Int
        var indent: Int
        var owner: Purpose?
        var ruleOwners: [Purpose?]
        var targets: [Int: ChainID]
    }

    /// Depth first with a stack of its own, so that deep nesting costs no recursion.
    private mutating func writeTree(_ root: ChainID, indent: Int, into output: inout OutputBuffer) {
        writeChain(root, indent: indent, into: &output)
        if isShown[root.index] { return }
        isShown[root.index] = true
        var stack = [open(root, indent: indent)]
        while let top = stack.last {
            let rules = linked.chain(top.chain).rules
            guard top.rule < rules.count else {
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].rule += 1
            writeRule(top, into: &output)
            guard let target = top.targets[top.rule] else { continue }
            if isShown[target.index] {
                let name = quotes.name(linked.chain(target).name)
                line(top.indent + 2, [TextRun("\(name) is shown above", .quiet)], into: &output)
                continue
            }
            // Indentation stops growing where it would only push rules off the screen.
            let deeper = min(top.indent + 2, 24)
            writeChain(target, indent: deeper, into: &output)
            isShown[target.index] = true
            stack.append(open(target, indent: deeper))
        }
    }

    private func open(_ chain: ChainID, indent: Int) -> Open {
        Open(
            chain: chain, rule: 0, indent: indent, owner: owners.purpose(of: chain),
            ruleOwners: owners.purposes(ofRulesIn: chain), targets: targets(of: chain))
    }

    private func targets(of chain: ChainID) -> [Int: ChainID] {
        var targets: [Int: ChainID] = [:]
        for jump in linked.jumps[chain.index] { targets[jump.rule] = jump.target }
        return targets
    }

    private func writeChain(_ id: ChainID, indent: Int, into output: inout OutputBuffer) {
        let chain = linked.chain(id)
        let table = linked.table(of: id)
        var runs = [TextRun(linked.path(of: id), .strong)]
        var text = "  \(counted(chain.rules.count, "rule"))"
        if let base = chain.base {
            text += ", policy \(base.policy == .drop ? "DROP" : "ACCEPT"), priority \(base.priority)"
            text += ", \(table.family.name) \(table.backend.name)"
        }
        if table.isCutOff { text += ", the dump is cut off" }
        runs.append(TextRun(text, .quiet))
        if let owner = owners.purpose(of: id) { runs.append(TextRun("  \(owner.maker.name): \(owner.text)", .quiet)) }
        if isShown[id.index] { runs.append(TextRun(" (shown above)", .quiet)) }
        line(indent, runs, into: &output)
    }

    private func writeRule(_ open: Open, into output: inout OutputBuffer) {
        let chain = linked.chain(open.chain)
        let rule = chain.rules[open.rule]
        let reference = RuleReference(chain: open.chain, index: open.rule)
        var runs = [TextRun("\(open.rule + 1)  "), TextRun(quotes.text(reference), .code)]
        var tail = ""
        if let counters = chain.counters(of: rule) { tail += "  [\(counters.packets):\(counters.bytes)]" }
        if let place = quotes.location(rule.place) { tail += "  " + place }
        if let owner = open.ruleOwners[open.rule], !isToldBeside(owner, open) {
            let maker = owner.maker == open.owner?.maker ? "" : owner.maker.name + ": "
            tail += "  \(maker)\(owner.text)"
        }
        runs.append(TextRun(tail, .quiet))
        line(open.indent + 1, runs, into: &output)
    }

    /// Whether the line of the rule's chain, or of the one that it leads to, says the same.
    private func isToldBeside(_ owner: Purpose, _ open: Open) -> Bool {
        owner == open.owner || open.targets[open.rule].map { owners.purpose(of: $0) } == owner
    }

    private func line(_ indent: Int, _ runs: [TextRun], into output: inout OutputBuffer) {
        output.write(String(repeating: " ", count: indent * 2))
        renderLine(RichText(runs), style, into: &output)
    }
}
