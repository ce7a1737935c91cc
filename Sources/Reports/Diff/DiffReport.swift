internal import ChainGraph
public import Questions
internal import RuleModel
internal import SourceText

/// How much of a difference is told.
public struct DiffReportSettings: Sendable {
    /// Lines of one chain or set, and chains that one node has alone; `nil`: all.
    public var limit: Int?
    public init(limit: Int? = 20) { self.limit = limit }
}

/// What differs between two nodes, for a person: what is only in the first with `-`, what is only in the second with `+`,
/// what was edited with `~`, what stands elsewhere with `>`.
///
/// - Parameter packets: which packets they treat differently, where that was asked.
public func diffReport(
    _ diff: Diff, _ nodes: [DiffedNode], packets: PacketComparison? = nil,
    _ settings: DiffReportSettings = DiffReportSettings()
) -> Document {
    let writer = DiffWriter(a: nodes[diff.a].side, b: nodes[diff.b].side, settings: settings)
    var document = Document()
    document.add(
        .verbatim([
            RichText([TextRun("- ", .bad), TextRun(writer.a.node.name)]),
            RichText([TextRun("+ ", .good), TextRun(writer.b.node.name)]),
        ]))
    document.add(contentsOf: writer.blocks(diff))
    document.add(contentsOf: notComparedBlocks(writer.a.node.notCompared + writer.b.node.notCompared))
    if let packets {
        document.add(.space)
        document.add(contentsOf: packetBlocks(packets, nodes, settings))
    } else if diff.isDifferent, !diff.areOneNode {
        let text = "Which packets they treat differently was not asked, as these are two nodes: --packets asks it."
        document.add(contentsOf: [.space, .paragraph(RichText(text, .quiet))])
    }
    return document
}

/// Which of several nodes are equal, and what the others have that differs from most.
///
/// - Parameter firsts: the first node of each group, in the groups' order; none are needed of one group.
public func diffReport(
    _ comparison: NodeComparison, _ firsts: [DiffedNode], _ settings: DiffReportSettings = DiffReportSettings()
) -> Document {
    var document = Document()
    func names(_ group: NodeComparison.Group) -> String {
        group.nodes.map { comparison.names[$0] }.joined(separator: ", ")
    }
    guard let first = comparison.groups.first else { return document }
    let count = comparison.names.count
    if comparison.groups.count == 1 {
        document.add(.paragraph(RichText("All \(count) nodes are equal: \(names(first)).", .good)))
        document.add(contentsOf: notComparedBlocks(comparison.notCompared))
        return document
    }
    let isMajority = first.nodes.count * 2 > count
    var title = RichText("\(count) nodes, \(comparison.groups.count) kinds.", .strong)
    title.add(
        first.nodes.count == 1
            ? " No two are equal; the others are compared with \(names(first))."
            : " \(first.nodes.count) are equal\(isMajority ? ", the majority" : ""): \(names(first)).")
    document.add(.paragraph(title))
    for (group, own) in zip(comparison.groups, firsts).dropFirst() {
        guard let difference = group.difference else { continue }
        document.add(.space)
        var heading = RichText(names(group))
        heading.add(
            group.nodes.count == 1
                ? " differs from \(first.nodes.count == 1 ? "it" : "them"):" : " are equal, and differ:")
        document.add(.heading(heading))
        let writer = DiffWriter(a: firsts[0].side, b: own.side, settings: settings)
        document.add(.indented(writer.blocks(difference)))
    }
    document.add(contentsOf: notComparedBlocks(comparison.notCompared))
    return document
}

/// What could not be read of the nodes, for who reads the answer without what stands on standard error.
private func notComparedBlocks(_ texts: [String]) -> [Block] {
    if texts.isEmpty { return [] }
    let shown = 20
    var blocks: [Block] = [.paragraph(RichText("Not compared, though it may differ:", .doubtful))]
    blocks.append(.list(texts.prefix(shown).map { [.paragraph(RichText($0))] }))
    if texts.count > shown { blocks.append(.paragraph(RichText("and \(texts.count - shown) more", .quiet))) }
    return blocks
}

/// `3 rules`, with a difference's own words.
private func listed(_ parts: [(count: Int, what: String)]) -> String {
    parts.filter { $0.count > 0 }.map { "\($0.count) \($0.what)" }.joined(separator: ", ")
}

private struct DiffWriter {
    let a: DiffSide
    let b: DiffSide
    let settings: DiffReportSettings

    func blocks(_ diff: Diff) -> [Block] {
        var blocks: [Block] = []
        if !diff.isDifferent { blocks.append(.paragraph(RichText("No difference.", .good))) }
        for section in diff.sections {
            blocks.append(.space)
            switch section {
            case .chains(let chains): blocks += chainBlocks(chains)
            case .sets(let sets): for set in sets { blocks += setBlocks(set) }
            case .host(let differences): blocks += hostBlocks(differences)
            case .counters(let counters): blocks += counterBlocks(counters)
            }
        }
        if let note = leftOutNote(diff.leftOut) {
            blocks.append(.space)
            blocks.append(.paragraph(RichText(note, .quiet)))
        }
        return blocks
    }

    // MARK: Chains

    private func chainBlocks(_ chains: [ChainDifference]) -> [Block] {
        var blocks: [Block] = []
        var alone = 0
        var untold = 0
        var tables: Set<WholeTable> = []
        for chain in chains {
            if chain.a == nil || chain.b == nil {
                if let table = wholeTable(chain) {
                    if tables.insert(table).inserted { blocks.append(tableBlock(table)) }
                    if settings.limit != nil { continue }
                }
                alone += 1
                if let limit = settings.limit, alone > limit {
                    untold += 1
                    continue
                }
                blocks += aloneBlocks(chain)
            } else {
                blocks += chainBlocks(chain)
            }
        }
        if untold > 0 { blocks.append(.paragraph(more(untold, "chain that only one of them has"))) }
        return blocks
    }

    /// A table that only one of them has.
    private struct WholeTable: Hashable {
        var isOfA: Bool
        var index: Int
    }

    private func wholeTable(_ chain: ChainDifference) -> WholeTable? {
        if let id = chain.a {
            return b.hasTable(like: id, of: a) ? nil : WholeTable(isOfA: true, index: a.table(of: id))
        }
        guard let id = chain.b, !a.hasTable(like: id, of: b) else { return nil }
        return WholeTable(isOfA: false, index: b.table(of: id))
    }

    private func tableBlock(_ table: WholeTable) -> Block {
        let (title, contents) = (table.isOfA ? a : b).summary(ofTable: table.index)
        var text = mark(table.isOfA)
        text.add(title, .strong)
        text.add("  is \(table.isOfA ? "gone" : "new"): \(contents)")
        return .verbatim([text])
    }

    private func aloneBlocks(_ chain: ChainDifference) -> [Block] {
        let isOfA = chain.a != nil
        let side = isOfA ? a : b
        guard let id = chain.a ?? chain.b else { return [] }
        var title = mark(isOfA)
        title.add(side.title(id), .strong)
        var details = [counted(side.ruleCount(id), "rule")]
        if let base = side.base(id) { details.append(base) }
        title.add(isOfA ? "  is gone: " : "  is new: ")
        title.add(details.joined(separator: ", "))
        let purpose = side.purpose(id)
        if !purpose.isEmpty { title.add("  (\(purpose))", .quiet) }
        var lines: [RichText] = []
        for change in chain.changes {
            switch change {
            case .removed(let rule): lines.append(line(a, id, rule, mark(true)))
            case .added(let rule): lines.append(line(b, id, rule, mark(false)))
            case .moved, .changed: break
            }
        }
        return [.verbatim([title]), .indented([.verbatim(cut(lines, lines.count, "rule"))])]
    }

    private func chainBlocks(_ chain: ChainDifference) -> [Block] {
        guard let idA = chain.a, let idB = chain.b else { return [] }
        var lines: [RichText] = []
        var counts = (removed: 0, added: 0, moved: 0, changed: 0)
        var ends: [Int] = []
        for change in chain.changes {
            switch change {
            case .removed(let rule):
                counts.removed += 1
                lines.append(line(a, idA, rule, mark(true)))
            case .added(let rule):
                counts.added += 1
                lines.append(line(b, idB, rule, mark(false)))
            case .moved(let from, let to):
                counts.moved += 1
                var text = line(b, idB, to, RichText("> ", .changed))
                text.add(
                    "  rule \(to + 1), was rule \(from + 1) (\(a.location(RuleReference(chain: idA, index: from))))",
                    .quiet)
                lines.append(text)
            case .changed(let from, let to, let change):
                counts.changed += 1
                lines.append(line(a, idA, from, RichText("~ ", .changed)))
                lines.append(line(b, idB, to, RichText("  ")))
                lines.append(edit(change, idA, from, idB, to))
            }
            ends.append(lines.count)
        }
        var title = RichText(b.title(idB), .strong)
        let nameA = a.title(idA)
        if nameA != b.title(idB) { title.add("  (in the first \(nameA))") }
        let told = listed([
            (counts.removed, "removed"), (counts.added, "added"), (counts.changed, "changed"), (counts.moved, "moved"),
        ])
        if !told.isEmpty { title.add("  " + told, .quiet) }
        let purpose = b.purpose(idB)
        if !purpose.isEmpty { title.add("  (\(purpose))", .quiet) }
        if chain.hasOtherBase { lines.insert(base(idA, idB), at: 0) }
        let offset = chain.hasOtherBase ? 1 : 0
        if let limit = settings.limit, ends.count > limit {
            let shown = ends[limit - 1] + offset
            lines = Array(lines[..<shown]) + [more(ends.count - limit, "rule")]
        }
        return [.verbatim([title]), .indented([.verbatim(lines)])]
    }

    private func base(_ idA: ChainID, _ idB: ChainID) -> RichText {
        var text = RichText("~ ", .changed)
        let places = [a.location(idA), b.location(idB)].compactMap { $0 }.joined(separator: " and ")
        if !places.isEmpty { text.add(places + ": ", .quiet) }
        if a.policy(idA) != b.policy(idB), let hook = a.hook(idA), hook == b.hook(idB) {
            text.add("policy \(a.policy(idA)) is now ")
            text.add(b.policy(idB), .strong)
        } else {
            text.add("\(a.base(idA) ?? "no base chain") is now ")
            text.add(b.base(idB) ?? "no base chain", .strong)
        }
        return text
    }

    /// What differs between two rules, statement by statement.
    private func edit(_ change: StatementChange, _ idA: ChainID, _ from: Int, _ idB: ChainID, _ to: Int) -> RichText {
        func texts(_ side: DiffSide, _ chain: ChainID, _ rule: Int, _ statements: [Int]) -> String {
            statements.map { side.quotes.statement($0, of: RuleReference(chain: chain, index: rule)) }
                .filter { !$0.isEmpty }.joined(separator: " ")
        }
        let lost = texts(a, idA, from, change.removed)
        let new = texts(b, idB, to, change.added)
        var text = RichText("    ")
        if lost.isEmpty {
            text.add("added: ", .quiet)
            text.add(new, .good)
        } else if new.isEmpty {
            text.add("taken away: ", .quiet)
            text.add(lost, .bad)
        } else {
            text.add(lost, .bad)
            text.add(" is now ", .quiet)
            text.add(new, .good)
        }
        return text
    }

    private func line(_ side: DiffSide, _ chain: ChainID, _ rule: Int, _ mark: RichText) -> RichText {
        let reference = RuleReference(chain: chain, index: rule)
        var text = mark
        text.add(side.location(reference) + ": ", .quiet)
        text.add(withoutTabs(side.text(reference)), .code)
        return text
    }

    // MARK: Sets

    private func setBlocks(_ set: SetDifference) -> [Block] {
        guard let whole = set.b ?? set.a else { return [] }
        let side = set.b != nil ? b : a
        var title = RichText()
        var lines: [RichText] = []
        if let place = set.a, let other = set.b {
            title = RichText(side.title(whole), .strong)
            let removed = a.members(set.removed, of: place)
            let added = b.members(set.added, of: other)
            let told = listed([(removed.count, "removed"), (added.count, "added")])
            if !told.isEmpty { title.add("  \(told) of \(counted(a.memberCount(place), "member"))", .quiet) }
            let places = [a.location(place), b.location(other)].compactMap { $0 }.joined(separator: " and ")
            if !places.isEmpty { title.add("  (\(places))", .quiet) }
            lines += removed.map { mark(true) + RichText($0, .code) }
            lines += added.map { mark(false) + RichText($0, .code) }
            lines = cut(lines, lines.count, "member")
            if set.hasOtherType { lines.insert(RichText("~ its type, size or content is another", .changed), at: 0) }
        } else {
            title = mark(set.b == nil)
            title.add(side.title(whole), .strong)
            title.add(set.b == nil ? "  is gone" : "  is new")
            let members = side.memberCount(whole)
            if members > 0 { title.add(", \(counted(members, "member"))") }
            if let place = side.location(whole) { title.add("  (\(place))", .quiet) }
        }
        return [.verbatim([title]), .indented([.verbatim(lines)])]
    }

    // MARK: The host

    private func hostBlocks(_ differences: [HostDifference]) -> [Block] {
        var lines: [RichText] = []
        for difference in differences {
            switch difference {
            case .setting(let nameA, let nameB):
                var text = RichText("~ ", .changed)
                text.add(nameA == nameB ? nameB : "\(nameA), \(nameB)")
                text.add(": \(a.setting(nameA)) is now ")
                text.add(b.setting(nameB), .strong)
                lines.append(text)
            case .link(let aspect, let own?, let other?, let countsOwn):
                let (nameA, nameB) = (a.linkName(own), b.linkName(other))
                for change in a.changes(own, aspect, b, other, countsOwn) {
                    var text = RichText("~ ", .changed)
                    text.add("link " + (nameA == nameB ? nameB : "\(nameA), \(nameB)"))
                    text.add(": \(change.fact) \(change.a) is now ")
                    text.add(change.b, .strong)
                    lines.append(text)
                }
            case .route, .routingRule, .link, .neighbour, .forwardingEntry:
                guard let places = difference.places(a, b) else { continue }
                if let own = places.a { lines.append(host(a, own, places.kind, mark(true))) }
                if let other = places.b { lines.append(host(b, other, places.kind, mark(false))) }
            }
        }
        return [
            .verbatim([
                RichText(
                    differences.contains { $0.isOfLinks } ? "Links, settings and routes" : "Settings and routes",
                    .strong)
            ]),
            .indented([.verbatim(cut(lines, lines.count, "line"))]),
        ]
    }

    private func host(_ side: DiffSide, _ place: Place, _ what: String, _ mark: RichText) -> RichText {
        var text = mark
        if let location = side.quotes.location(place) { text.add(location + ": ", .quiet) }
        text.add(what + " ")
        text.add(withoutTabs(side.quotes.text(place) ?? ""), .code)
        return text
    }

    // MARK: Counters

    private func counterBlocks(_ counters: CounterComparison) -> [Block] {
        var lines: [RichText] = []
        for growth in counters.grown {
            var text = RichText("+\(growth.packets) packets", growth.refuses ? .bad : .plain)
            text.add("  ")
            switch growth.counted {
            case .rule(_, let rule):
                text.add(b.location(rule) + ": ", .quiet)
                text.add(withoutTabs(b.text(rule)), .code)
            case .policy(_, let chain):
                if let place = b.location(chain) { text.add(place + ": ", .quiet) }
                text.add("policy \(b.policy(chain)) of \(b.title(chain))", .code)
            }
            lines.append(text)
        }
        var blocks: [Block] = []
        if !lines.isEmpty {
            let title = counters.grown.allSatisfy { $0.refuses } ? "Refused since then" : "Counted since then"
            blocks.append(.verbatim([RichText(title, .strong)]))
            blocks.append(.indented([.verbatim(cut(lines, lines.count, "rule"))]))
        }
        if counters.resetCount > 0 {
            blocks.append(
                .paragraph(
                    RichText(
                        "\(counted(counters.resetCount, "counter")) went down: reset, or the rules were loaded anew.",
                        .quiet)))
        }
        return blocks
    }

    // MARK: Words

    private func mark(_ isOfA: Bool) -> RichText { isOfA ? RichText("- ", .bad) : RichText("+ ", .good) }

    private func more(_ number: Int, _ what: String) -> RichText {
        RichText("… and \(number) more \(what)\(number == 1 ? "" : "s") (--all shows all)", .quiet)
    }

    private func cut(_ lines: [RichText], _ total: Int, _ what: String) -> [RichText] {
        guard let limit = settings.limit, lines.count > limit else { return lines }
        return Array(lines[..<limit]) + [more(total - limit, what)]
    }

    private func leftOutNote(_ leftOut: LeftOut) -> String? {
        func side(_ chains: Int, _ rules: Int, _ sets: Int) -> String {
            let text = [(chains, "chain"), (rules, "rule"), (sets, "set")].filter { $0.0 > 0 }.map {
                counted($0.0, $0.1)
            }
            .joined(separator: ", ")
            return text.isEmpty ? "nothing" : text
        }
        if leftOut.isEmpty { return nil }
        let own = side(leftOut.chainsOfA, leftOut.rulesOfA, leftOut.setsOfA)
        let other = side(leftOut.chainsOfB, leftOut.rulesOfB, leftOut.setsOfB)
        return "Not compared, since it is there for pods and containers of one of them: \(own) of the first, "
            + "\(other) of the second. --exact compares it."
    }
}

extension HostDifference {
    /// Whether it is about a link, or what sends by one.
    var isOfLinks: Bool {
        switch self {
        case .link, .neighbour, .forwardingEntry: true
        case .setting, .route, .routingRule: false
        }
    }
}
