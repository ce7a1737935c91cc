internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
public import PathModel
public import Questions
public import RuleModel
public import SourceText

/// What a question about packets was, for the answer's first lines.
public struct FindHeading {
    /// The word and what stands behind it: `who-reaches 10.1.0.9`; empty where all outcomes are asked for.
    public var question: String
    /// The query as options: `--from 10.0.0.0/8`.
    public var query: String
    /// The snapshot as it was named, for examples that can be called.
    public var snapshot: String
    public var notes: [String]
    /// What decides about packets beside what was followed.
    public var deciders: [UnfollowedDecider]
    /// Inputs whose lack makes the answer less sure.
    public var missing: [MissingInput]
    /// Cubes that are shown of each set.
    public var shown: Int

    public init(
        question: String = "", query: String = "", snapshot: String = "", notes: [String] = [],
        deciders: [UnfollowedDecider] = [], missing: [MissingInput] = [], shown: Int
    ) {
        self.question = question
        self.query = query
        self.snapshot = snapshot
        self.notes = notes
        self.deciders = deciders
        self.missing = missing
        self.shown = shown
    }
}

extension FindHeading {
    /// What the whole answer stands under: who else decides, then what was taken for names.
    ///
    /// - Parameter versions: those that the answer is for.
    func remarks(_ versions: [IPVersion] = IPVersion.allCases) -> [Block] {
        var blocks: [Block] = []
        let deciders = deciders.about(versions)
        if !deciders.isEmpty {
            var text = RichText(otherDecidersTitle, .doubtful)
            text.add(": " + deciders.prefix(3).map { $0.text }.joined(separator: "; "))
            if deciders.count > 3 { text.add("; and \(deciders.count - 3) more") }
            text.add(". What follows is as far as the rules go.")
            blocks.append(.paragraph(text))
        }
        let missing = missingInputs(forAllOf: versions, of: missing).filter { !$0.isRules || versions.count == 1 }
        return blocks + (notes + missing.map { capitalised($0.text) + "." }).map { .paragraph(RichText($0, .quiet)) }
    }

    /// That the snapshot has no rules for `version`.
    func lackOfRules(_ version: IPVersion) -> [Block] {
        missingInputs(forAllOf: [version], of: missing).filter { $0.isRules }.map { input in
            var text = RichText("NO RULES", .doubtful)
            text.add(": \(input.text).")
            return .paragraph(text)
        }
    }
}

/// Packets that were found, in readable sets, with an example for each.
public func findReport(
    _ answer: FindAnswer, _ heading: FindHeading, _ model: HostModel, files: [SourceFile], isFirst: Bool = true
) -> Document {
    var document = Document()
    let quotes = Quotes(model: model, files: files)
    var title = "Packets of IPv\(answer.version.rawValue)"
    if !heading.query.isEmpty { title += " with \(heading.query)" }
    document.add(.heading(RichText(title)))
    if isFirst { document.add(contentsOf: heading.remarks()) }
    document.add(contentsOf: heading.lackOfRules(answer.version))
    if answer.isExhausted {
        document.add(.paragraph(RichText("The question is too large to be answered here: narrow it down.", .bad)))
        return document
    }
    if answer.asked.isEmpty {
        document.add(.paragraph(RichText("No packet that the kernel would take meets all these conditions.")))
        return document
    }
    if !answer.aside.isEmpty {
        document.add(
            .paragraph(
                RichText("Left aside: those that the kernel refuses for their addresses alone (martians).", .quiet)))
    }
    for found in answer.found { document.add(contentsOf: blocks(found, answer, heading, model, quotes)) }
    if answer.found.isEmpty { document.add(.paragraph(RichText("None."))) }
    for sentence in answer.granted { document.add(.paragraph(RichText("Taken for granted: \(sentence).", .quiet))) }
    return document
}

/// The packets that are treated as the one of a trace is.
public func megaflowReport(
    _ answer: FindAnswer?, snapshot: String, _ model: HostModel, files: [SourceFile]
) -> Document {
    var document = Document([.space, .heading(RichText("Treated exactly like this one"))])
    guard let answer, !answer.isExhausted else {
        document.add(.paragraph(RichText("Not known: --in tells by which interface the packet comes.")))
        return document
    }
    let heading = FindHeading(snapshot: snapshot, shown: 40)
    let quotes = Quotes(model: model, files: files)
    for found in answer.found { document.add(contentsOf: blocks(found, answer, heading, model, quotes)) }
    return document
}

private func blocks(
    _ found: FoundPackets, _ answer: FindAnswer, _ heading: FindHeading, _ model: HostModel, _ quotes: Quotes
) -> [Block] {
    let space = answer.space
    let share = answer.share(found.packets)
    var title = RichText([TextRun("\(found.title): ", .strong), TextRun(share.words, share.role)])
    if share == .always { title.add(", whatever the rest of the packet is") }
    var blocks: [Block] = [.space, .paragraph(title)]
    let sets = FoundSets(found.packets, answer)
    if share != .always, !sets.surely.isEmpty {
        blocks += cubes(sets.surely, answer, heading, model, names: nil)
    }
    if !sets.possibly.isEmpty {
        blocks.append(.paragraph(RichText("possibly, as far as the snapshot tells:", .doubtful)))
        blocks += cubes(sets.possibly, answer, heading, model, names: found.packets)
        blocks += meanings(sets.unknowns, space)
    }
    for own in found.rules {
        let location = quotes.location(model.linked.rule(own.rule).place).map { " (\($0))" } ?? ""
        blocks.append(
            .paragraph(
                RichText([
                    TextRun("by \(model.linked.path(of: own.rule.chain)):\(own.rule.index + 1)", .strong),
                    TextRun(location, .quiet), TextRun("  " + withoutTabs(quotes.text(own.rule)), .code),
                ])))
    }
    return blocks
}

/// What is surely and what is possibly found, of the packets asked about.
struct FoundSets {
    var surely: PacketSet
    var possibly: PacketSet
    /// Unknowns that decide about `possibly`.
    var unknowns: [String]

    init(_ found: PacketSet, _ answer: FindAnswer) {
        let space = answer.space
        surely = space.and(space.always(found), answer.asked)
        possibly = space.subtract(space.and(space.possibly(found), answer.asked), surely)
        unknowns = possibly.isEmpty ? [] : space.unknownNames(space.and(found, possibly))
    }
}

private func cubes(
    _ set: PacketSet, _ answer: FindAnswer, _ heading: FindHeading, _ model: HostModel, names: PacketSet?
) -> [Block] {
    let space = answer.space
    let list = space.cubes(of: set, within: answer.asked)
    let words = CubeWords(space: space, model: model)
    var items: [[Block]] = list.cubes.prefix(heading.shown).map { cube in
        var text = RichText(words.text(cube))
        if let names {
            let own = space.unknownNames(space.and(names, space.and(space.packets(in: cube), set)))
            if !own.isEmpty {
                text.add("  if " + own.prefix(4).joined(separator: " ") + (own.count > 4 ? " …" : ""), .quiet)
            }
        }
        return [.paragraph(text)]
    }
    let more = list.cubes.count - items.count
    if more > 0 || !list.rest.isEmpty {
        items.append([
            .paragraph(RichText(list.rest.isEmpty ? "… and \(more) more" : "… and more than \(more) more", .quiet))
        ])
    }
    var blocks: [Block] = [.list(items)]
    if let example = space.everydayExample(of: set) {
        let call = "hookline trace \(heading.snapshot) \(example.traceOptions(on: model))"
        blocks.append(
            .indented([.verbatim([RichText([TextRun("for example: ", .quiet), TextRun(call, .code)])])]))
    }
    return blocks
}

private func meanings(_ names: [String], _ space: PacketSpace) -> [Block] {
    var rows: [[RichText]] = []
    for name in names.prefix(8) {
        guard let meaning = space.meaning(ofUnknown: name) else { continue }
        rows.append([RichText(name, .doubtful), RichText(meaning.whenYes)])
    }
    if names.count > 8 { rows.append([RichText("…"), RichText("and \(names.count - 8) more")]) }
    return rows.isEmpty ? [] : [.indented([.table(rows)])]
}

extension FoundShare {
    fileprivate var words: String {
        switch self {
        case .always: "always"
        case .sometimes: "these of them"
        case .possibly: "possibly"
        case .never: "never"
        }
    }

    fileprivate var role: TextRole {
        switch self {
        case .always, .sometimes, .never: .strong
        case .possibly: .doubtful
        }
    }
}
