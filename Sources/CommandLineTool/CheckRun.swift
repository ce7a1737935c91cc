internal import Answers
internal import HeaderSpace
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

/// One run of `hookline check`: the snapshots that its statements speak of, and the answers.
struct CheckRun {
    private let policy: CheckPolicy
    private let file: SourceFile
    private let settings: CheckSettings
    private let paths: [String]
    /// The call's snapshot under the empty name, others under their paths.
    private var worlds: [String: World] = [:]
    private(set) var notes: [String] = []

    private struct World {
        /// As on a command line.
        var words: String
        var loaded: [LoadedNode]
        var models: [HostModel] = []
        /// Follows single packets from node to node.
        var tracer: ClusterTracer?
    }

    /// Two worlds; the empty name is the call's own snapshot.
    private struct Pair: Hashable {
        var before: String
        var after: String
    }

    init(_ policy: CheckPolicy, _ file: SourceFile, _ settings: CheckSettings, _ paths: [String]) {
        self.policy = policy
        self.file = file
        self.settings = settings
        self.paths = paths
    }

    // MARK: Snapshots

    /// Reads all snapshots, with one table of names: what they have in common has one symbol.
    mutating func load(_ console: borrowing Console) throws(Stop) {
        let words = settings.common.isLive ? "--live" : paths.joined(separator: " ")
        worlds[""] = World(words: words, loaded: try loadNodes(paths, settings.common, console))
        var names = worlds[""]?.loaded.last?.node.names ?? NameTable()
        var common = settings.common
        common.isLive = false
        for statement in policy.statements where statement.isComparison {
            let pair = self.pair(statement)
            for path in [pair.before, pair.after] where worlds[path] == nil {
                let loaded = try loadNodes([path], common, console, names: names)
                names = loaded.last?.node.names ?? names
                worlds[path] = World(words: path, loaded: loaded)
            }
        }
        for path in worlds.keys {
            guard var world = worlds[path] else { continue }
            for index in world.loaded.indices { world.loaded[index].node.names = names }
            world.models = world.loaded.map { $0.makeModel() }
            worlds[path] = world
        }
    }

    private func pair(_ statement: PolicyStatement) -> Pair {
        let before = statement.before.map { path($0) } ?? settings.before ?? policy.before.map { path($0) }
        let after = (statement.after ?? policy.after).map { path($0) }
        return Pair(before: before ?? "", after: after ?? "")
    }

    /// A path in the policy is meant from where the policy is.
    private func path(_ name: SnapshotName) -> String {
        guard !name.path.hasPrefix("/"), let slash = file.path.lastIndex(of: "/") else { return name.path }
        return String(file.path[...slash]) + name.path
    }

    func status(_ answered: Int32) -> Int32 {
        worlds.values.map { $0.loaded.status(answered, settings.common) }.max() ?? answered
    }

    // MARK: Answers

    /// All answers in the order of the statements, and of nodes.
    mutating func answers(_ tell: (String) -> Void) -> [CheckedStatement] {
        var answers = policy.statements.map { _ in [CheckedStatement]() }
        let own = policy.statements.indices.filter { !policy.statements[$0].isComparison }
        if !own.isEmpty, let world = worlds[""] {
            for place in world.loaded.indices {
                let checked = [node(world, place)]
                ask(own, on: checked, [(world.words, world.loaded[place])], of: world.loaded, &answers, tell)
            }
        }
        var pairs: [Pair] = []
        for statement in policy.statements where statement.isComparison {
            if !pairs.contains(pair(statement)) { pairs.append(pair(statement)) }
        }
        for pair in pairs {
            let indices = policy.statements.indices.filter {
                policy.statements[$0].isComparison && self.pair(policy.statements[$0]) == pair
            }
            compare(pair, indices, &answers, tell)
        }
        for index in answers.indices where answers[index].isEmpty {
            let nodes = policy.statements[index].nodes.joined(separator: ", ")
            answers[index] = [unanswered(index, "the snapshot has no node \(nodes)")]
        }
        return answers.flatMap { $0 }
    }

    private mutating func compare(
        _ pair: Pair, _ indices: [Int], _ answers: inout [[CheckedStatement]], _ tell: (String) -> Void
    ) {
        guard let before = worlds[pair.before], let after = worlds[pair.after] else { return }
        for place in after.loaded.indices {
            let name = after.loaded[place].title
            let isAlone = before.loaded.count == 1 && after.loaded.count == 1
            guard let old = isAlone ? 0 : before.loaded.firstIndex(where: { $0.title == name }) else {
                for index in indices where isMeant(policy.statements[index], after.loaded[place]) {
                    answers[index].append(
                        unanswered(index, "the snapshot before, \(before.words), has no node '\(name)'"))
                }
                continue
            }
            ask(
                indices, on: [node(before, old), node(after, place)],
                [(before.words, before.loaded[old]), (after.words, after.loaded[place])], of: after.loaded, &answers,
                tell)
        }
        if after.loaded.count == 1, before.loaded.count == 1 { return }
        for gone in before.loaded where !after.loaded.contains(where: { $0.title == gone.title }) {
            for index in indices where isMeant(policy.statements[index], gone) {
                answers[index].append(
                    unanswered(index, "the snapshot afterwards, \(after.words), has no node '\(gone.title)'"))
            }
        }
    }

    /// Asks statements of one node, or of one before and after.
    ///
    /// - Parameter inputs: what the nodes were read from, and how that is called.
    private mutating func ask(
        _ indices: [Int], on nodes: [CheckedNode], _ inputs: [(words: String, node: LoadedNode)],
        of all: [LoadedNode], _ answers: inout [[CheckedStatement]], _ tell: (String) -> Void
    ) {
        guard let cluster = inputs.last?.node else { return }
        let meant = indices.filter { isMeant(policy.statements[$0], cluster) }
        if meant.isEmpty { return }
        let checker = Checker(
            policy, on: nodes.map { $0.model }, missing: inputs.flatMap { $0.node.node.missing },
            cluster: cluster.node.cluster, files: cluster.node.files)
        let teller = StatementTeller(policy, in: file, on: nodes, namesNode: all.count > 1)
        for index in meant {
            tell(policy.statements[index].name)
            var answer = checker.answer(index)
            if nodes.count == 1 { followBeyond(&answer, index, checker, cluster) }
            answers[index].append(teller.tell(answer))
        }
        let title = all.count > 1 ? "\(nodes[nodes.count - 1].name): " : ""
        let versions = checker.versions.sorted { $0.rawValue < $1.rawValue }
        var own: [String] = []
        for (words, loaded) in inputs {
            own += loaded.node.doubts(versions).map { inputs.count > 1 ? "\(words): \($0)" : $0 }
        }
        let grounds = own + checker.notes
        for index in meant { answers[index][answers[index].count - 1].grounds = grounds }
        for note in grounds where !notes.contains(title + note) { notes.append(title + note) }
    }

    /// Follows packets that a node sends on to another one, as `trace` does: what it lets through may be lost there.
    private mutating func followBeyond(
        _ answer: inout StatementAnswer, _ index: Int, _ checker: Checker, _ node: LoadedNode
    ) {
        guard answer.verdict == .holds || answer.verdict == .conceded, var world = worlds[""], world.loaded.count > 1,
            let place = world.loaded.firstIndex(where: { $0.name == node.name })
        else { return }
        var tracer = world.tracer ?? ClusterTracer(world.loaded, world.models, TraceSettings())
        for example in checker.examplesLeaving(index) {
            let followed = tracer.answer(example.request, at: place)
            guard !followed.isThroughEverywhere, let loss = followed.lossBeyond else { continue }
            let isSure = followed.trace.branches.isEmpty && followed.finalOutcome != .undecided
            checker.refute(&answer, by: example, isSure: isSure, beyond: loss)
            break
        }
        world.tracer = tracer
        worlds[""] = world
    }

    private func isMeant(_ statement: PolicyStatement, _ node: LoadedNode) -> Bool {
        statement.nodes.isEmpty || statement.nodes.contains(node.name)
            || statement.nodes.contains(node.node.name ?? "")
    }

    private func node(_ world: World, _ place: Int) -> CheckedNode {
        let loaded = world.loaded[place]
        let choice = loaded.name.isEmpty ? "" : " --node \(loaded.name)"
        var node = CheckedNode(
            name: loaded.name, snapshot: world.words + choice, model: world.models[place], files: loaded.node.files)
        if !loaded.name.isEmpty { node.wholeSnapshot = world.words + " --start \(loaded.name)" }
        return node
    }

    private func unanswered(_ index: Int, _ why: String) -> CheckedStatement {
        StatementTeller(policy, in: file, on: [], namesNode: false).tell(unanswered: index, why)
    }
}

extension LoadedNode {
    /// What it is called, also where it is the only one.
    fileprivate var title: String { name.isEmpty ? node.name ?? "" : name }
}
