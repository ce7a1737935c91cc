internal import HostText
internal import IptablesText
internal import PathModel
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

struct ShowSettings: SnapshotCommandSettings, Hashable {
    enum Format: String, Hashable, Sendable, CaseIterable {
        case tree, json
        case iptablesSave = "iptables-save"
    }

    var common = CommonSettings()
    var format = Format.tree
    var showsInputs = false
    var hasCounters = false

    static let options: [Option<ShowSettings>] =
        [
            .value(
                "--format", name: "FORMAT", kind: .words(Format.allCases.map(\.rawValue)), group: "What to show",
                help: "tree (from the hooks down, the default), iptables-save, or json"
            ) { (settings, text) throws(UsageFailure) in
                guard let format = Format(rawValue: text) else {
                    throw UsageFailure("'\(text)' is not one of tree, iptables-save and json")
                }
                settings.format = format
            },
            .flag(
                "--counters", "-c", group: "What to show", help: "with --format iptables-save: packet and byte counters"
            ) { $0.hasCounters = true },
            .flag(
                "--inputs", group: "What to show",
                help: "what was recognised in the snapshot, what was not, and what is missing for a sure answer"
            ) { $0.showsInputs = true },
        ] + commonOptions(ShowSettings.self)
}

let showCommand = Command(
    name: "show", summary: "the rule set itself: as a tree, as iptables-save, as JSON",
    synopsis: "[OPTION…] SNAPSHOT…",
    about: [
        "Shows the rules of a snapshot from the hooks down, in the order in which packets meet them."
    ],
    options: ShowSettings.options.map(\.description),
    examples: [
        Command.Example(text: "the rules as a tree", call: "hookline show iptables-save.txt"),
        Command.Example(
            text: "what the snapshot holds and lacks", call: "hookline show --inputs node-a/"),
        Command.Example(
            text: "the rules as they can be loaded again",
            call: "hookline show --format iptables-save node-a/ > rules"),
    ],
    run: { (arguments, console) throws(Stop) in try show(arguments, console) })

private func show(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = ShowSettings()
    let paths: [String]
    do { paths = try parse(arguments, ShowSettings.options, into: &settings) } catch { throw .usage(error) }
    let loaded = try load(paths, settings.common, console)
    let node = loaded.node
    var output = console.output()
    let style = settings.common.style(console.surroundings)
    if settings.showsInputs {
        render(inputsDocument(node), style, into: &output)
    } else {
        switch settings.format {
        case .tree: writeRulesetTree(loaded.makeModel(), files: node.files, style, into: &output)
        case .iptablesSave:
            let writing = IptablesSaveSettings(hasCounters: settings.hasCounters)
            for table in node.ruleset.tables {
                output.write(writeIptablesSave([table], names: node.names, settings: writing))
            }
        case .json:
            var json = JSONWriter(output)
            writeRulesetJSON(loaded.makeModel(), files: node.files, into: &json)
            try console.finish(&json.output)
            return loaded.status(ExitStatus.answered, settings.common)
        }
    }
    try console.finish(&output)
    return loaded.status(ExitStatus.answered, settings.common)
}
