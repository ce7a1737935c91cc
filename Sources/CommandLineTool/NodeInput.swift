internal import Answers
internal import Snapshot
internal import SourceText

/// The nodes that a command looks at one by one. Each is read, looked at and dropped, on several threads where there are
/// some: a thousand nodes need the memory of their files and of what is kept of each.
struct NodeInput: Sendable {
    let count: Int
    private let paths: [String]
    /// Whether what can't be read of the nodes was told already, and was some.
    private let hadProblems: Bool
    private let isTold: Bool
    private let read: @Sendable (Int) throws(SnapshotFailure) -> LoadedNode

    /// Finds the nodes at `paths`, as `loadNodes` does, and tells of what is no node's, unless `tells` is false.
    init(
        _ paths: [String], _ common: CommonSettings, _ console: borrowing Console, tells: Bool = true
    ) throws(Stop) {
        self.paths = paths
        if common.isOfOneNode {
            let node = try load(paths, common, console)
            count = 1
            isTold = true
            hadProblems = node.hasProblems
            read = { (_) throws(SnapshotFailure) in node }
            return
        }
        let input = try CommandLineTool.read(paths, common, console, NameTable()) {
            (paths, settings, input) throws(SnapshotFailure) in
            try findNodes(paths, settings: settings, standardInput: input)
        }
        if tells { tellLeftOut(input.common, paths, console) }
        count = input.count
        isTold = false
        hadProblems = !input.common.passedOver.isEmpty
        let areSeveral = input.count > 1
        read = { (number) throws(SnapshotFailure) in
            let member = try input.node(number)
            var node = LoadedNode(node: member.state, hasProblems: false)
            if areSeveral {
                node.name = member.state.name ?? member.folder
                node.folder = member.folder
            }
            return node
        }
    }

    /// What `look` makes of each node, in their order, and whether a line of them could not be read. That is told on
    /// standard error, unless `tells` is false.
    func map<Looked: Sendable>(
        _ console: borrowing Console, tells: Bool = true, _ look: @escaping @Sendable (Int, LoadedNode) -> Looked
    ) throws(Stop) -> (results: [Looked], haveProblems: Bool) {
        var results: [Looked] = []
        let haveProblems = try visit(console, tells: tells, look) { results.append($0) }
        return (results, haveProblems)
    }

    /// Gives `take` what `look` makes of each node, in their order: `look` works on several threads where there are
    /// some, `take` on this one, and no more than `atOnce` for each thread are waiting for it.
    ///
    /// - Returns: whether a line of them could not be read.
    func visit<Looked: Sendable>(
        _ console: borrowing Console, tells: Bool = true, atOnce: Int = 32,
        _ look: @escaping @Sendable (Int, LoadedNode) -> Looked, take: (Looked) -> Void
    ) throws(Stop) -> Bool {
        let tells = tells && !isTold
        var problems = InputProblems()
        let step = max(1, atOnce * console.surroundings.threadCount)
        for start in stride(from: 0, to: count, by: step) {
            let seen = console.surroundings.concurrentMap([Int](start..<min(count, start + step))) { [self] _, number in
                do throws(SnapshotFailure) {
                    let loaded = try read(number)
                    return Result<Seen<Looked>, SnapshotFailure>.success(
                        Seen(
                            looked: look(number, loaded),
                            problems: tells ? InputProblems(loaded.node, paths) : InputProblems()))
                } catch {
                    return .failure(error)
                }
            }
            for one in seen {
                let own = try get(one)
                take(own.looked)
                problems.lines += own.problems.lines
                problems.areThere = problems.areThere || own.problems.areThere
            }
        }
        for line in problems.lines { console.error(line) }
        return hadProblems || problems.areThere
    }

    /// Reads one node, of which nothing is told.
    func node(_ number: Int) throws(Stop) -> LoadedNode {
        do { return try read(number) } catch { throw .message(error.description) }
    }

    private func get<Value>(_ result: Result<Value, SnapshotFailure>) throws(Stop) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let failure): throw .message(failure.description)
        }
    }
}

/// What was made of a node, and what of it could not be read.
private struct Seen<Looked: Sendable>: Sendable {
    var looked: Looked
    var problems: InputProblems
}
