internal import Annotations
internal import Answers
internal import ChainGraph
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

let graphCommand = Command(
    name: "graph", summary: "the chain graph as a picture: svg, png, dot, mermaid", synopsis: "[OPTION…] SNAPSHOT…",
    about: [
        "Draws which chain jumps where. On top stand the hooks, with a packet's way from one to the next. Below, each table is a band, the one that a packet meets first on top; in it stand its base chains from left to right in the order in which a packet meets their hooks, with policy, priority and turn, and below them the chains that they lead to. Jumps are merged and counted; where the dump counts packets, so do chains and jumps.",
        "Chains have the colour of whoever made them. Like chains, such as one for each service, are one node with their number. Chains that nothing jumps to, circles, and jumps to chains that are not there are set off.",
    ],
    options: GraphSettings.options.map(\.description),
    examples: [
        Command.Example(text: "a picture", call: "hookline graph node-a/ -o chains.svg"),
        Command.Example(
            text: "what forwarded packets meet of Calico",
            call: "hookline graph node-a/ --hook forward --owner calico -o forward.svg"),
        Command.Example(
            text: "a chain, and two jumps on from it",
            call: "hookline graph node-a/ --chain KUBE-SERVICES --depth 2 -o services.png"),
        Command.Example(text: "for a page in Markdown", call: "hookline graph --format mermaid -o chains.mmd node-a/"),
    ],
    run: { (arguments, console) throws(Stop) in try graph(arguments, console) })

private func graph(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = GraphSettings()
    let paths: [String]
    do { paths = try parse(arguments, GraphSettings.options, into: &settings) } catch { throw .usage(error) }
    let format: GraphSettings.Format
    if let given = settings.format { format = given } else { format = try formatOf(settings.outputPath) }
    if format == .png, settings.outputPath ?? "-" == "-", console.surroundings.outputIsTerminal {
        throw .usage(UsageFailure("an image is no text for a terminal: -o FILE.png, or a pipe"))
    }
    let loaded = try load(paths, settings.common, console)
    let linked = LinkedRuleset(loaded.node.ruleset, names: loaded.node.names)
    do { try checkNames(settings.picture, linked) } catch { throw .usage(error) }
    let picture = ChainPicture(AnnotatedRuleset(linked, cluster: loaded.node.cluster), settings.picture)
    let bytes = try drawn(picture, format, title(loaded, linked), console)
    try console.write(bytes, to: settings.outputPath)
    return loaded.status(ExitStatus.answered, settings.common)
}

private func title(_ loaded: LoadedNode, _ linked: LinkedRuleset) -> String {
    let rules = linked.ruleset.tables.reduce(0) { $0 + $1.chains.reduce(0) { $0 + $1.rules.count } }
    let name = loaded.node.name.map { " of \($0)" } ?? ""
    return "Chain graph\(name): \(linked.chainCount) chains, \(rules) rules"
}

private func drawn(
    _ picture: ChainPicture, _ format: GraphSettings.Format, _ title: String, _ console: borrowing Console
) throws(Stop) -> [UInt8] {
    var settings = DotSettings()
    settings.title = title
    switch format {
    case .dot: return bytes { writeDot(picture, settings, into: &$0) }
    case .mermaid: return bytes { writeMermaid(picture, into: &$0) }
    case .svg: return try chainSVG(picture, settings, console)
    case .png: return try chainPNG(picture, settings, console)
    }
}

/// A table or chain that is asked for must be there: an empty picture would look like an answer.
private func checkNames(_ settings: ChainPictureSettings, _ linked: LinkedRuleset) throws(UsageFailure) {
    var tables: Set<String> = []
    for table in linked.ruleset.tables {
        tables.insert(linked.name(table.name))
        tables.insert("\(table.family.name) \(linked.name(table.name))")
    }
    for name in settings.tables where !tables.contains(name) {
        throw UsageFailure("--table: no table '\(name)'" + suggestion(for: name, among: Array(tables)))
    }
    if settings.chains.isEmpty { return }
    let chains = Set(linked.chainIDs.map { linked.name(linked.chain(ChainID($0)).name) })
    for name in settings.chains where !chains.contains(name) {
        throw UsageFailure("--chain: no chain '\(name)'" + suggestion(for: name, among: Array(chains)))
    }
}

/// The format that a file's extension tells; dot without a file.
private func formatOf(_ path: String?) throws(Stop) -> GraphSettings.Format {
    guard let path, path != "-" else { return .dot }
    if path.hasSuffix(".svg") { return .svg }
    if path.hasSuffix(".png") { return .png }
    if path.hasSuffix(".dot") || path.hasSuffix(".gv") { return .dot }
    if path.hasSuffix(".mmd") || path.hasSuffix(".mermaid") { return .mermaid }
    throw .usage(
        UsageFailure(
            "the name '\(path)' does not tell the format: .svg, .png, .dot, .gv, .mmd or .mermaid, or --format"))
}
