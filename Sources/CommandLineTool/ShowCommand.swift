internal import Annotations
internal import Answers
internal import HostText
internal import IptablesText
internal import Nftables
internal import PathModel
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

struct ShowSettings: SnapshotCommandSettings, Hashable {
    enum Format: String, Hashable, Sendable, CaseIterable {
        case tree, json, nft
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
                help: "tree (from the hooks down, the default), iptables-save, nft, or json"
            ) { (settings, text) throws(UsageFailure) in
                guard let format = Format(rawValue: text) else {
                    throw UsageFailure("'\(text)' is not one of tree, iptables-save, nft and json")
                }
                settings.format = format
            },
            .flag(
                "--counters", "-c", group: "What to show",
                help: "with --format iptables-save and nft: packet and byte counters"
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
        "Shows the rules of a snapshot from the hooks down, in the order in which packets meet them, with who wrote"
            + " them and what for where that is known."
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
        case .tree:
            let model = loaded.makeModel()
            let owners = AnnotatedRuleset(model.linked, cluster: node.cluster)
            writeRulesetTree(model, files: node.files, owners: owners, style, into: &output)
        case .iptablesSave:
            let writing = IptablesSaveSettings(hasCounters: settings.hasCounters)
            for table in node.ruleset.tables where !table.isNative {
                output.write(writeIptablesSave([table], names: node.names, settings: writing))
            }
            tellLeftOut(node, isNative: true, "iptables-save has no form for it: --format nft shows it", console)
        case .nft:
            let writing = NftablesSettings(hasCounters: settings.hasCounters)
            let tables = node.ruleset.tables.filter { $0.isNative }
            output.write(writeNftables(tables, names: node.names, settings: writing))
            tellLeftOut(node, isNative: false, "it is of iptables: --format iptables-save shows it", console)
        case .json:
            var json = JSONWriter(output)
            let model = loaded.makeModel()
            let owners = AnnotatedRuleset(model.linked, cluster: node.cluster)
            writeRulesetJSON(model, files: node.files, owners: owners, into: &json)
            try console.finish(&json.output)
            return loaded.status(ExitStatus.answered, settings.common)
        }
    }
    try console.finish(&output)
    return loaded.status(ExitStatus.answered, settings.common)
}

/// Says which tables have no form in the output that was asked for.
private func tellLeftOut(_ node: NodeState, isNative: Bool, _ why: String, _ console: borrowing Console) {
    for table in node.ruleset.tables where table.isNative == isNative {
        let name = escapedForTerminal(node.names.text(table.name))
        console.error("hookline: note: table \(table.family.name) \(name) is left out; \(why) [left-out]")
    }
}
