internal import ChainGraph
internal import PathModel
public import Questions
internal import RuleModel
internal import SourceText

/// The difference between two nodes as one JSON object on one line.
///
/// - Parameter packets: which packets they treat differently, where that was asked.
public func writeDiffJSON(
    _ diff: Diff, _ nodes: [DiffedNode], packets: PacketComparison? = nil, into json: inout JSONWriter
) {
    json.beginObject()
    json.member("hookline", 1)
    json.member("different", diff.isDifferent || packets?.isDifferent == true)
    writeSections(diff, nodes[diff.a].side, nodes[diff.b].side, into: &json)
    let notCompared = [diff.a, diff.b].flatMap { nodes[$0].node.notCompared }
    if !notCompared.isEmpty { json.member("notCompared", notCompared) }
    if let packets {
        json.key("packets")
        writePacketComparison(packets, nodes, into: &json)
    }
    json.endObject()
    json.endLine()
}

/// Which of several nodes are equal, and what the others have that differs, as one JSON object on one line.
///
/// - Parameter firsts: the first node of each group, in the groups' order; none are needed of one group.
public func writeDiffJSON(_ comparison: NodeComparison, _ firsts: [DiffedNode], into json: inout JSONWriter) {
    json.beginObject()
    json.member("hookline", 1)
    json.member("different", comparison.groups.count > 1)
    json.member("nodes", comparison.names)
    if !comparison.notCompared.isEmpty { json.member("notCompared", comparison.notCompared) }
    json.key("groups")
    json.beginArray()
    for (number, group) in comparison.groups.enumerated() {
        json.beginObject()
        json.member("nodes", group.nodes.map { comparison.names[$0] })
        if let difference = group.difference, number < firsts.count {
            writeSections(difference, firsts[0].side, firsts[number].side, into: &json)
        }
        json.endObject()
    }
    json.endArray()
    json.endObject()
    json.endLine()
}

private func writeSections(_ diff: Diff, _ a: DiffSide, _ b: DiffSide, into json: inout JSONWriter) {
    json.member("a", a.node.name)
    json.member("b", b.node.name)
    json.key("sections")
    json.beginArray()
    for section in diff.sections {
        json.beginObject()
        switch section {
        case .chains(let chains):
            json.member("about", "rules")
            json.key("chains")
            json.beginArray()
            for chain in chains { write(chain, a, b, into: &json) }
            json.endArray()
        case .sets(let sets):
            json.member("about", "sets")
            json.key("sets")
            json.beginArray()
            for set in sets { write(set, a, b, into: &json) }
            json.endArray()
        case .host(let differences):
            json.member("about", "host")
            json.key("changes")
            json.beginArray()
            for difference in differences { write(difference, a, b, into: &json) }
            json.endArray()
        case .counters(let counters):
            json.member("about", "counters")
            write(counters, b, into: &json)
        }
        json.endObject()
    }
    json.endArray()
    let leftOut = diff.leftOut
    if leftOut.isEmpty { return }
    json.key("leftOut")
    json.beginObject()
    for (name, chains, rules, sets) in [
        ("a", leftOut.chainsOfA, leftOut.rulesOfA, leftOut.setsOfA),
        ("b", leftOut.chainsOfB, leftOut.rulesOfB, leftOut.setsOfB),
    ] {
        json.key(text: name)
        json.beginObject()
        json.member("chains", chains)
        json.member("rules", rules)
        json.member("sets", sets)
        json.endObject()
    }
    json.endObject()
}

// MARK: Rules

private func write(_ difference: ChainDifference, _ a: DiffSide, _ b: DiffSide, into json: inout JSONWriter) {
    guard let id = difference.b ?? difference.a else { return }
    let side = difference.b != nil ? b : a
    json.beginObject()
    writeChainName(id, side, into: &json)
    if let idA = difference.a, difference.b != nil {
        let name = a.quotes.name(a.node.model.linked.chain(idA).name)
        if name != b.quotes.name(b.node.model.linked.chain(id).name) { json.member("chainInA", name) }
    } else {
        json.member("only", difference.a != nil ? "a" : "b")
    }
    if difference.hasOtherBase, let idA = difference.a, let idB = difference.b {
        json.key("base")
        json.beginObject()
        for (name, side, chain) in [("a", a, idA), ("b", b, idB)] {
            json.key(text: name)
            if let base = side.node.model.linked.chain(chain).base {
                json.beginObject()
                json.member("hook", base.hook.name)
                json.member("priority", base.priority)
                json.member("policy", base.policy == .drop ? "drop" : "accept")
                json.endObject()
            } else {
                json.null()
            }
        }
        json.endObject()
    }
    json.key("changes")
    json.beginArray()
    for change in difference.changes {
        json.beginObject()
        switch change {
        case .removed(let rule):
            json.member("change", "removed")
            write("a", a, difference.a, rule, into: &json)
        case .added(let rule):
            json.member("change", "added")
            write("b", b, difference.b, rule, into: &json)
        case .moved(let from, let to):
            json.member("change", "moved")
            write("a", a, difference.a, from, into: &json)
            write("b", b, difference.b, to, into: &json)
        case .changed(let from, let to, let statements):
            json.member("change", "changed")
            write("a", a, difference.a, from, statements.removed, into: &json)
            write("b", b, difference.b, to, statements.added, into: &json)
        }
        json.endObject()
    }
    json.endArray()
    json.endObject()
}

private func writeChainName(_ id: ChainID, _ side: DiffSide, into json: inout JSONWriter) {
    let table = side.node.model.linked.table(of: id)
    json.member("family", table.family.name)
    json.member("backend", table.backend.name)
    json.member("table", side.quotes.name(table.name))
    json.member("chain", side.quotes.name(side.node.model.linked.chain(id).name))
}

/// - Parameter statements: those that the other rule lacks.
private func write(
    _ key: StaticString, _ side: DiffSide, _ chain: ChainID?, _ rule: Int, _ statements: [Int]? = nil,
    into json: inout JSONWriter
) {
    guard let chain else { return }
    let reference = RuleReference(chain: chain, index: rule)
    json.key(key)
    json.beginObject()
    json.member("rule", rule + 1)
    writePlace(side.node.model.linked.rule(reference).place, side.quotes, into: &json)
    json.member("text", side.text(reference))
    if let statements {
        json.member("statements", statements.map { side.quotes.statement($0, of: reference) }.filter { !$0.isEmpty })
    }
    json.endObject()
}

// MARK: Sets, the host, counters

private func write(_ set: SetDifference, _ a: DiffSide, _ b: DiffSide, into json: inout JSONWriter) {
    json.beginObject()
    if let place = set.b {
        json.member("set", b.title(place))
    } else if let place = set.a {
        json.member("set", a.title(place))
    }
    if let place = set.a, let other = set.b {
        json.member("removed", a.members(set.removed, of: place))
        json.member("added", b.members(set.added, of: other))
        if set.hasOtherType { json.member("otherType", true) }
    } else {
        json.member("only", set.a != nil ? "a" : "b")
    }
    json.endObject()
}

private func write(_ difference: HostDifference, _ a: DiffSide, _ b: DiffSide, into json: inout JSONWriter) {
    func line(_ key: StaticString, _ side: DiffSide, _ place: Place) {
        json.key(key)
        json.beginObject()
        writePlace(place, side.quotes, into: &json)
        json.member("text", side.quotes.text(place) ?? "")
        json.endObject()
    }
    json.beginObject()
    switch difference {
    case .setting(let nameA, let nameB):
        json.member("setting", nameB)
        if nameA != nameB { json.member("settingInA", nameA) }
        json.member("a", a.setting(nameA))
        json.member("b", b.setting(nameB))
    case .link(let aspect, let own?, let other?, let countsOwn):
        json.member("kind", "link")
        json.member("link", b.linkName(other))
        if a.linkName(own) != b.linkName(other) { json.member("linkInA", a.linkName(own)) }
        json.key("facts")
        json.beginArray()
        for change in a.changes(own, aspect, b, other, countsOwn) {
            json.beginObject()
            json.member("fact", change.fact)
            json.member("a", change.a)
            json.member("b", change.b)
            json.endObject()
        }
        json.endArray()
        line("a", a, a.link(own))
        line("b", b, b.link(other))
    case .route, .routingRule, .link, .neighbour, .forwardingEntry:
        guard let places = difference.places(a, b) else { break }
        json.member("kind", places.kind)
        if case .link(_, let own, let other, _) = difference {
            json.member("link", own.map { a.linkName($0) } ?? other.map { b.linkName($0) } ?? "")
        }
        if let own = places.a { line("a", a, own) }
        if let other = places.b { line("b", b, other) }
    }
    json.endObject()
}

private func write(_ counters: CounterComparison, _ b: DiffSide, into json: inout JSONWriter) {
    json.key("grown")
    json.beginArray()
    for growth in counters.grown {
        json.beginObject()
        json.member("packets", growth.packets)
        json.member("bytes", growth.bytes)
        json.member("refused", growth.refuses)
        switch growth.counted {
        case .rule(_, let rule):
            writeChainName(rule.chain, b, into: &json)
            write("b", b, rule.chain, rule.index, into: &json)
        case .policy(_, let chain):
            writeChainName(chain, b, into: &json)
            json.member("policy", b.policy(chain) == "DROP" ? "drop" : "accept")
        }
        json.endObject()
    }
    json.endArray()
    json.member("wentDown", counters.resetCount)
}
