public import Annotations
internal import ChainGraph
public import PathModel
public import Reports
internal import RuleModel
public import Snapshot
internal import SourceText

/// What a node's rules are made of, in a few lines: tables, chains, rules and sets, who wrote them, and what is to be
/// known before an answer is believed.
public func overviewDocument(_ node: NodeState, _ model: HostModel, owners: AnnotatedRuleset) -> Document {
    var document = Document()
    var rows: [[RichText]] = []
    if let name = node.name { rows.append([RichText("Node", .strong), RichText(name)]) }
    let tables = node.ruleset.tables
    var rules = 0
    var chains = 0
    var sets = node.host.sets.count
    var names: [String] = []
    for table in tables {
        chains += table.chains.count
        sets += table.sets.count
        for chain in table.chains { rules += chain.rules.count }
        names.append("\(table.family.name) \(node.names.text(table.name)) (\(table.backend.name))")
    }
    rows.append([RichText("Tables", .strong), RichText("\(tables.count): " + names.joined(separator: ", "))])
    rows.append([RichText("Chains", .strong), RichText("\(chains)")])
    rows.append([RichText("Rules", .strong), RichText("\(rules)")])
    rows.append([RichText("Sets", .strong), RichText("\(sets)")])
    rows.append([RichText("Written by", .strong), RichText(makers(model.linked, owners))])
    document.add(.table(rows))
    var notes = linkNotes(model.linked, owners).map { RichText($0) }
    notes += model.unreadRules.map { RichText($0.text, .doubtful) }
    for diagnostic in node.diagnostics.prefix(shownNotes) where diagnostic.severity > .note {
        let place = node.file(of: diagnostic.place).map { "\($0.path):\(diagnostic.place.line): " } ?? ""
        notes.append(RichText("\(place)\(diagnostic.message)", .doubtful))
    }
    if !node.missing.isEmpty {
        let missing = node.missing.map({ $0.name }).joined(separator: ", ")
        notes.append(RichText("Missing for a sure answer: \(missing)", .doubtful))
    }
    if notes.isEmpty { return document }
    document.add(.heading("To be noted"))
    document.add(.list(notes.prefix(shownNotes).map { [.paragraph($0)] }))
    if notes.count > shownNotes {
        document.add(.paragraph(RichText("and \(notes.count - shownNotes) more", .quiet)))
    }
    return document
}

/// Notes that an overview shows.
private let shownNotes = 30

/// `Calico 120 chains, Docker 4 chains, not known 12 chains`.
private func makers(_ linked: LinkedRuleset, _ owners: AnnotatedRuleset) -> String {
    var counts: [Maker: Int] = [:]
    var unknown = 0
    for index in linked.chainIDs {
        if let maker = owners.purpose(of: ChainID(index))?.maker {
            counts[maker, default: 0] += 1
        } else {
            unknown += 1
        }
    }
    var parts: [String] = []
    for maker in Maker.allCases {
        guard let count = counts[maker] else { continue }
        parts.append("\(maker.name) \(count) chain\(count == 1 ? "" : "s")")
    }
    if unknown > 0 { parts.append("not known or built in \(unknown) chain\(unknown == 1 ? "" : "s")") }
    return parts.joined(separator: ", ")
}
