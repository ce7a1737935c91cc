internal import ChainGraph
internal import Reports
internal import Snapshot
internal import SourceText

struct GraphSettings: SnapshotCommandSettings, Hashable {
    enum Format: String, Hashable, Sendable, CaseIterable {
        case dot, mermaid
    }

    var common = CommonSettings()
    var format: Format?
    var outputPath: String?

    static let options: [Option<GraphSettings>] =
        [
            .value(
                "--format", name: "FORMAT", kind: .words(Format.allCases.map(\.rawValue)), group: "What to write",
                help: "dot (Graphviz, the default) or mermaid"
            ) { (settings, text) throws(UsageFailure) in
                guard let format = Format(rawValue: text) else {
                    if text == "svg" {
                        throw UsageFailure("svg is not in this version; use dot and Graphviz: dot -Tsvg")
                    }
                    throw UsageFailure("'\(text)' is not one of dot and mermaid")
                }
                settings.format = format
            },
            .value(
                "--output", "-o", name: "FILE", kind: .file, group: "What to write",
                help: "where to write; .dot, .gv, .mmd and .mermaid tell the format"
            ) { settings, text in settings.outputPath = text },
        ] + commonOptions(GraphSettings.self)
}

let graphCommand = Command(
    name: "graph", summary: "the chain graph as dot or mermaid", synopsis: "[OPTION…] SNAPSHOT…",
    about: [
        "Draws which chain jumps where: hooks in the order a packet meets them, their chains by priority with policies and rule counts, jumps merged and counted. Chains that nothing jumps to, loops, and jumps to chains that are not there are set off."
    ],
    options: GraphSettings.options.map(\.description),
    examples: [
        Command.Example(text: "a picture", call: "hookline graph node-a/ | dot -Tsvg > chains.svg"),
        Command.Example(text: "for a page in Markdown", call: "hookline graph --format mermaid -o chains.mmd node-a/"),
    ],
    run: { (arguments, console) throws(Stop) in try graph(arguments, console) })

private func graph(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = GraphSettings()
    let paths: [String]
    do { paths = try parse(arguments, GraphSettings.options, into: &settings) } catch { throw .usage(error) }
    let format: GraphSettings.Format
    if let given = settings.format { format = given } else { format = try formatOf(settings.outputPath) }
    let loaded = try load(paths, settings.common, console)
    let linked = LinkedRuleset(loaded.node.ruleset, names: loaded.node.names)
    if let path = settings.outputPath, path != "-" {
        var bytes: [UInt8] = []
        var output = OutputBuffer { piece in
            bytes += piece
            return true
        }
        write(linked, format, into: &output)
        output.flush()
        do {
            try console.surroundings.writeFile(path, bytes)
        } catch {
            throw .message("\(escapedForTerminal(path)): error: \(error.call): \(error.reason)")
        }
    } else {
        var output = console.output()
        write(linked, format, into: &output)
        try console.finish(&output)
    }
    return loaded.status(ExitStatus.answered, settings.common)
}

private func write(_ linked: LinkedRuleset, _ format: GraphSettings.Format, into output: inout OutputBuffer) {
    switch format {
    case .dot: writeDot(linked, into: &output)
    case .mermaid: writeMermaid(linked, into: &output)
    }
}

/// The format that a file's extension tells; dot without a file.
private func formatOf(_ path: String?) throws(Stop) -> GraphSettings.Format {
    guard let path, path != "-" else { return .dot }
    if path.hasSuffix(".dot") || path.hasSuffix(".gv") { return .dot }
    if path.hasSuffix(".mmd") || path.hasSuffix(".mermaid") { return .mermaid }
    throw .usage(UsageFailure("the name '\(path)' does not tell the format: .dot, .gv, .mmd or .mermaid, or --format"))
}
