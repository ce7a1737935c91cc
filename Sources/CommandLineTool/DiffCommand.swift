internal import Annotations
internal import Answers
internal import PathModel
internal import Questions
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

struct DiffCommandSettings: SnapshotCommandSettings, Hashable {
    enum Format: Hashable, Sendable {
        case text, json, unified
    }

    var common = CommonSettings()
    var comparing = DiffSettings()
    /// `nil`: of one node at two times.
    var comparesPackets: Bool?
    var format = Format.text
    var showsAll = false

    static let options: [Option<DiffCommandSettings>] =
        [
            .flag(
                "--exact", group: "What to compare",
                help: "comments, names made of hashes, and each node's own addresses, interfaces and pods too"
            ) { $0.comparing.isExact = true },
            .flag(
                "--counters", group: "What to compare",
                help:
                    "also which rules counted more since the first snapshot. Without it: of one node, which refused more"
            ) { $0.comparing.comparesCounters = true },
            .flag(
                "--packets", group: "What to compare",
                help:
                    "also which packets the two treat differently, all packets followed through both. Without it: of one"
                    + " node at two times"
            ) { $0.comparesPackets = true },
            .flag("--no-packets", group: "What to compare", help: "the rules alone") { $0.comparesPackets = false },
            .flag(
                "--unified", "-u", group: "What to show",
                help: "as diff -u has it, each chain as a file of its own whose lines are its rules"
            ) { $0.format = .unified },
            .flag("--json", group: "What to show", help: "one JSON object") { $0.format = .json },
            .flag(
                "--all", group: "What to show", help: "every line, and not only the first twenty of each chain and set"
            ) { $0.showsAll = true },
        ] + commonOptions(DiffCommandSettings.self)
}

let diffCommand = Command(
    name: "diff", summary: "what differs between the rules of nodes, or of one node at two times",
    synopsis: "[OPTION…] A B [C…]",
    about: [
        "Compares rule sets by what their rules mean: rules added, removed, moved and changed in each chain, and what"
            + " differs in policies, sets, links, routes and the settings that decide about packets. How a rule is"
            + " written, counters, comments, and the order of tables and chains make no difference.",
        "Of one node at two times, and of any two with --packets, it also follows all packets through both and tells which"
            + " are treated differently: from what to what, by which rules, with an example. That no packet is treated"
            + " differently is a proof, whatever the rules look like; iptables and nftables compare so too.",
        "What differs on every node makes none either: names made of hashes, the node's own addresses and interfaces,"
            + " the chains of its pods. What was left out so is told; --exact compares it.",
        "Of three nodes or more it tells which are equal, and what each of the others has that differs from most of"
            + " them. A directory or an archive with several nodes counts as all of these. With --live this machine is"
            + " the last one.",
        "Exit status: 0 no difference, 1 there is one, 2 no answer.",
    ],
    options: DiffCommandSettings.options.map(\.description),
    examples: [
        Command.Example(text: "what an upgrade did", call: "hookline diff before.tar.gz after.tar.gz"),
        Command.Example(text: "which node is not like the others", call: "hookline diff node-a/ node-b/ node-c/"),
        Command.Example(text: "the same of an archive with all nodes", call: "hookline diff diags.tar.gz"),
        Command.Example(
            text: "what has changed on this machine, for a patch tool", call: "sudo hookline diff -u saved/ --live"),
        Command.Example(
            text: "is the nftables version of these rules the same for every packet",
            call: "hookline diff --packets iptables/ nftables/"),
        Command.Example(
            text: "which rules are gone",
            call: "hookline diff --json a/ b/ | jq -r '.sections[].chains[]?.changes[].a.text'"
        ),
    ],
    run: { (arguments, console) throws(Stop) in try diff(arguments, console) })

private func diff(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = DiffCommandSettings()
    let paths: [String]
    do { paths = try parse(arguments, DiffCommandSettings.options, into: &settings) } catch { throw .usage(error) }
    let inputs = try comparedInputs(paths, settings.common, console)
    let count = inputs.reduce(0) { $0 + $1.nodes.count }
    if count == 0 {
        throw .usage(UsageFailure("no snapshots: diff takes two or more, or one that holds several nodes"))
    }
    guard count > 1 else { throw .usage(UsageFailure("diff compares two nodes or more; here is one")) }
    let (isDifferent, haveProblems) =
        count == 2 ? try diffTwo(inputs, settings, console) : try diffMany(inputs, settings, console)
    return settings.common.status(isDifferent ? ExitStatus.notAsExpected : ExitStatus.answered, haveProblems)
}

private func diffTwo(
    _ inputs: [ComparedInput], _ settings: DiffCommandSettings, _ console: borrowing Console
) throws(Stop) -> (isDifferent: Bool, haveProblems: Bool) {
    var nodes: [DiffedNode] = []
    let haveProblems = try visit(inputs, console) { nodes.append($0) }
    let difference = compare(nodes[0].node, nodes[1].node, settings.comparing)
    var packets: PacketComparison?
    if settings.comparesPackets ?? difference.areOneNode, settings.format != .unified {
        packets = comparedPackets(&nodes)
    }
    try show(difference, packets, nodes, settings, console)
    return (difference.isDifferent || packets?.isDifferent == true, haveProblems)
}

/// Nodes are dropped when they are taken in; the first of each group is read once more to be quoted.
private func diffMany(
    _ inputs: [ComparedInput], _ settings: DiffCommandSettings, _ console: borrowing Console
) throws(Stop) -> (isDifferent: Bool, haveProblems: Bool) {
    var compared = ComparedNodes(settings.comparing)
    let haveProblems = try visit(inputs, console) { compared.add($0.node) }
    let places = inputs.flatMap { input in (0..<input.nodes.count).map { (input: input, number: $0) } }
    var firsts: [DiffedNode] = []
    let comparison = try compared.compare { (number) throws(Stop) in
        let place = places[number]
        let first = place.input.diffed(try place.input.nodes.node(place.number))
        firsts.append(first)
        return first.node
    }
    try show(comparison, firsts, settings, console)
    return (comparison.groups.count > 1, haveProblems)
}

/// Nodes of one of the paths, and what stands before their names.
private struct ComparedInput {
    var nodes: NodeInput
    var path: String
    /// Whether their own names tell them.
    var isOnlyOne: Bool

    /// A node as it is compared, under the name that it has here.
    func diffed(_ loaded: LoadedNode) -> DiffedNode {
        var node = loaded
        if loaded.name.isEmpty || !isOnlyOne { node.name = loaded.name.isEmpty ? path : "\(path) \(loaded.name)" }
        return diffedNode(node, folderIsName: isOnlyOne)
    }
}

/// Takes all nodes, in their order; tells what could not be read of them, and returns whether there is such.
private func visit(
    _ inputs: [ComparedInput], _ console: borrowing Console, _ take: (DiffedNode) -> Void
) throws(Stop) -> Bool {
    var haveProblems = false
    var notCompared: [String] = []
    for input in inputs {
        let hadProblems = try input.nodes.visit(console, atOnce: 8, { _, loaded in input.diffed(loaded) }) { node in
            for unread in node.node.model.unreadRules {
                notCompared.append("\(node.node.name): warning: not compared: \(unread.text) [not-compared]")
            }
            take(node)
        }
        haveProblems = haveProblems || hadProblems
    }
    for line in notCompared { console.error(escapedForTerminal(line)) }
    return haveProblems
}

/// Which packets the first two nodes treat differently.
func comparedPackets(_ nodes: inout [DiffedNode]) -> PacketComparison {
    var (first, second) = (nodes[0].node.model, nodes[1].node.model)
    defer { (nodes[0].node.model, nodes[1].node.model) = (first, second) }
    return comparePackets(&first, &second)
}

/// A node as it is compared, under the name that it has here.
///
/// - Parameter folderIsName: whether the name of its folder tells it from the other nodes.
func diffedNode(_ loaded: LoadedNode, folderIsName: Bool = false) -> DiffedNode {
    let model = loaded.makeModel()
    let cluster = loaded.node.cluster
    let isNamed = folderIsName || !loaded.node.host.name.isEmpty || !cluster.nodes.isEmpty || !cluster.pods.isEmpty
    let compared = DiffNode(
        name: loaded.name, ownName: isNamed ? loaded.node.name ?? loaded.node.host.name : "", model: model,
        annotations: AnnotatedRuleset(model.linked, cluster: cluster))
    return DiffedNode(compared, files: loaded.node.files, doubts: loaded.node.doubts())
}

/// Each of `paths` as the nodes that it holds; this machine behind them.
private func comparedInputs(
    _ paths: [String], _ common: CommonSettings, _ console: borrowing Console
) throws(Stop) -> [ComparedInput] {
    var fromFiles = common
    fromFiles.isLive = false
    // Nodes of one input are told by their own names alone.
    let isOnlyOne = paths.count == 1 && !common.isLive
    var inputs: [ComparedInput] = []
    for path in paths {
        let nodes = try NodeInput([path], fromFiles, console)
        inputs.append(ComparedInput(nodes: nodes, path: path, isOnlyOne: isOnlyOne))
    }
    if common.isLive {
        let nodes = try NodeInput([], common, console)
        inputs.append(ComparedInput(nodes: nodes, path: "--live", isOnlyOne: false))
    }
    return inputs
}

private func show(
    _ difference: Diff, _ packets: PacketComparison?, _ nodes: [DiffedNode], _ settings: DiffCommandSettings,
    _ console: borrowing Console
) throws(Stop) {
    var output = console.output()
    let style = settings.common.style(console.surroundings)
    switch settings.format {
    case .text: render(diffReport(difference, nodes, packets: packets, settings.report), style, into: &output)
    case .unified: writeUnifiedDiff(difference, nodes[0], nodes[1], style, into: &output)
    case .json:
        var json = JSONWriter(output)
        writeDiffJSON(difference, nodes, packets: packets, into: &json)
        return try console.finish(&json.output)
    }
    try console.finish(&output)
}

private func show(
    _ comparison: NodeComparison, _ firsts: [DiffedNode], _ settings: DiffCommandSettings, _ console: borrowing Console
) throws(Stop) {
    var output = console.output()
    let style = settings.common.style(console.surroundings)
    switch settings.format {
    case .text: render(diffReport(comparison, firsts, settings.report), style, into: &output)
    case .unified:
        for (group, own) in zip(comparison.groups, firsts) {
            if let difference = group.difference {
                writeUnifiedDiff(difference, firsts[0], own, style, into: &output)
            }
        }
    case .json:
        var json = JSONWriter(output)
        writeDiffJSON(comparison, firsts, into: &json)
        return try console.finish(&json.output)
    }
    try console.finish(&output)
}

extension DiffCommandSettings {
    fileprivate var report: DiffReportSettings { DiffReportSettings(limit: showsAll ? nil : 20) }
}
