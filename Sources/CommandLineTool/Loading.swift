internal import Answers
internal import HostText
internal import PathModel
internal import RuleModel
internal import Snapshot
internal import SourceText

/// A snapshot that was read, and whether something in it could not be.
struct LoadedNode {
    var node: NodeState
    /// Whether a line could not be read, which `--strict` makes a failure.
    var hasProblems: Bool
    /// What it is called among several; empty where it is the only one.
    var name = ""
    /// The folder that it was read from, as `--node` names it; empty where no other node is beside it.
    var folder = ""

    /// The status for an answer, by `--strict`.
    func status(_ answered: Int32, _ common: CommonSettings) -> Int32 { common.status(answered, hasProblems) }

    func makeModel() -> HostModel { node.makeModel() }
}

extension [LoadedNode] {
    /// The status for an answer that rests on all of them.
    func status(_ answered: Int32, _ common: CommonSettings) -> Int32 {
        map { $0.status(answered, common) }.max() ?? answered
    }
}

/// Reads the snapshots at `paths` as the nodes that they hold: one, or several where neither `--node` chooses one nor
/// `--latest` one dump of several.
///
/// - Parameter names: of nodes read before, which these are compared with.
func loadNodes(
    _ paths: [String], _ common: CommonSettings, _ console: borrowing Console, names: NameTable = NameTable()
) throws(Stop) -> [LoadedNode] {
    if common.isOfOneNode { return [try load(paths, common, console, names: names)] }
    let cluster = try read(paths, common, console, names) {
        (paths, settings, input) throws(SnapshotFailure) in
        try loadCluster(paths, settings: settings, standardInput: input)
    }
    tellLeftOut(cluster, paths, console)
    let areSeveral = cluster.nodes.count > 1
    return cluster.nodes.map { member in
        var node = loaded(member.state, paths, console)
        if areSeveral { node.name = member.state.name ?? member.folder }
        if !cluster.passedOver.isEmpty { node.hasProblems = true }
        return node
    }
}

extension CommonSettings {
    /// Whether a snapshot is asked for one node alone, whatever it holds.
    var isOfOneNode: Bool { node != nil || latest || isLive }

    /// The status for an answer from an input of which something could not be read, or all could.
    func status(_ answered: Int32, _ hasProblems: Bool) -> Int32 {
        isStrict && hasProblems ? ExitStatus.failed : answered
    }
}

/// Tells on standard error what of an input is no node's.
func tellLeftOut(_ cluster: ClusterState, _ paths: [String], _ console: borrowing Console) {
    for input in cluster.unrecognised where paths.contains(input.path) || input.mayBeMissed {
        console.error(input.problem)
    }
    for path in cluster.passedOver {
        console.error(
            "\(escapedForTerminal(path)): warning: in no node's folder, so no node has what it says [no-node]")
    }
}

/// Reads snapshots, with progress where that takes long.
func read<Result>(
    _ paths: [String], _ common: CommonSettings, _ console: borrowing Console, _ names: NameTable,
    _ load: ([String], SnapshotSettings, StandardInput) throws(SnapshotFailure) -> Result
) throws(Stop) -> Result {
    if paths.isEmpty { throw .usage(UsageFailure("no snapshot: a file, a directory, an archive, or '-'")) }
    let surroundings = console.surroundings
    let progress = Progress("reading \(paths[0])", surroundings)
    defer { progress.finish() }
    do {
        var settings = common.snapshotSettings
        settings.names = names
        return try load(paths, settings) { (limit) throws(FileFailure) in
            try surroundings.readInput(limit)
        }
    } catch {
        throw .message(error.description)
    }
}

extension UnrecognisedInput {
    fileprivate var problem: String { "\(escapedForTerminal(path)): warning: \(reason.text) [not-recognised]" }
}

/// What of a node could not be read.
struct InputProblems: Sendable {
    /// For standard error.
    var lines: [String] = []
    /// Whether there is more than notes.
    var areThere = false

    init() {}

    init(_ node: NodeState, _ paths: [String]) {
        let untaken = node.unrecognised.filter { paths.contains($0.path) || $0.mayBeMissed }
        lines = untaken.map { $0.problem } + told(node.diagnostics, node)
        areThere = !untaken.isEmpty || node.diagnostics.contains { $0.severity > .note }
    }
}

/// Tells on standard error what of a node could not be read.
private func loaded(_ node: NodeState, _ paths: [String], _ console: borrowing Console) -> LoadedNode {
    let problems = InputProblems(node, paths)
    for line in problems.lines { console.error(line) }
    return LoadedNode(node: node, hasProblems: problems.areThere)
}

/// Reads the snapshot at `paths` and tells on standard error what could not be read.
func load(
    _ paths: [String], _ common: CommonSettings, _ console: borrowing Console, names: NameTable = NameTable()
) throws(Stop) -> LoadedNode {
    if common.isLive {
        guard paths.isEmpty else { throw .usage(UsageFailure("--live takes no snapshot beside it")) }
        return try loadLive(common, console)
    }
    let node = try read(paths, common, console, names) { (paths, settings, input) throws(SnapshotFailure) in
        try loadSnapshot(paths, settings: settings, standardInput: input)
    }
    console.surroundings.keep(KeptNode(node))
    return loaded(node, paths, console)
}

/// A node that stays as long as the process.
private final class KeptNode {
    private let node: NodeState
    init(_ node: NodeState) { self.node = node }
}

/// How many diagnostics of one code are shown.
private let shownDiagnostics = 20

/// Writes diagnostics to standard error, of each code no more than the first twenty.
func tell(_ diagnostics: [Diagnostic], _ node: NodeState, _ console: borrowing Console) {
    for line in told(diagnostics, node) { console.error(line) }
}

/// Lines that tell diagnostics, of each code no more than the first twenty.
private func told(_ diagnostics: [Diagnostic], _ node: NodeState) -> [String] {
    var lines: [String] = []
    var counts: [String: Int] = [:]
    var codes: [String] = []
    for diagnostic in diagnostics {
        let count = counts[diagnostic.code, default: 0]
        if count == 0 { codes.append(diagnostic.code) }
        counts[diagnostic.code] = count + 1
        if count >= shownDiagnostics { continue }
        if let file = node.file(of: diagnostic.place) {
            lines.append(diagnostic.rendered(in: file))
        } else {
            lines.append(
                "hookline: \(diagnostic.severity.name): \(escapedForTerminal(diagnostic.message)) [\(diagnostic.code)]")
        }
    }
    for code in codes {
        let count = counts[code] ?? 0
        if count > shownDiagnostics { lines.append("hookline: and \(count - shownDiagnostics) more of [\(code)]") }
    }
    return lines
}
