internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
internal import PacketPath
public import PathModel
public import Questions
internal import RuleModel
public import SourceText

/// What became of one statement on one node, in words, for whatever form an answer has.
public struct CheckedStatement: Hashable, Sendable {
    public var name: String
    /// `allow`, `deny`, ….
    public var verb: String
    /// Empty where there is one node only.
    public var node: String
    public var verdict: StatementAnswer.Verdict
    /// Why it is in the policy, in its author's words.
    public var reason: String
    /// In the policy, both from 1.
    public var line: Int
    public var column: Int
    public var findings: [Finding] = []
    /// What the answer rests on; sentences without a final stop.
    public var grounds: [String] = []

    public struct Finding: Hashable, Sendable {
        /// Sentences without a final stop.
        public var text: String
        /// `violated`, `not-proved`, `empty`, `unanswerable`, `too-large`.
        public var kind: String
        public var outcome: String?
        /// What became of it in the earlier snapshot.
        public var outcomeBefore: String?
        /// `hookline trace …` calls that show it, each with what it shows.
        public var calls: [Call] = []
        /// Rules and policies that decided.
        public var deciders: [Decider] = []
        public var unknowns: [CheckFinding.Unknown] = []
        /// How many more rules and policies decide so.
        public var moreCount = 0
        /// In the policy, of what can't be asked.
        public var line: Int?
    }

    public struct Call: Hashable, Sendable {
        /// `before` where a change is looked at; else empty.
        public var title: String
        public var snapshot: String
        public var options: String

        public var text: String { "hookline trace \(snapshot) \(options)" }
    }

    public struct Decider: Hashable, Sendable {
        /// `accepted by`, `decided by`, ….
        public var role: String
        /// `rule 3 of filter/FORWARD`.
        public var name: String
        public var file: String?
        public var line: Int?
        /// As its file has it.
        public var text: String
    }
}

/// A node of one snapshot, with what words about it draw on.
public struct CheckedNode: Sendable {
    public var name: String
    /// As it stands on a command line, with what chooses the node.
    public var snapshot: String
    /// The same, followed on to other nodes.
    public var wholeSnapshot: String?
    public var model: HostModel
    public var files: [SourceFile]

    public init(name: String, snapshot: String, model: HostModel, files: [SourceFile]) {
        self.name = name
        self.snapshot = snapshot
        self.model = model
        self.files = files
    }
}

/// Puts answers into words.
public struct StatementTeller {
    let policy: CheckPolicy
    let file: SourceFile
    /// One, or those before and after.
    let nodes: [CheckedNode]
    /// Whether a node's name is told.
    let namesNode: Bool
    private let lines: LineStarts

    public init(_ policy: CheckPolicy, in file: SourceFile, on nodes: [CheckedNode], namesNode: Bool) {
        self.policy = policy
        self.file = file
        self.nodes = nodes
        self.namesNode = namesNode
        lines = LineStarts(file.bytes)
    }

    public func tell(_ answer: StatementAnswer) -> CheckedStatement {
        let statement = policy.statements[answer.statement]
        let (line, column) = lines.place(of: statement.offset)
        var told = CheckedStatement(
            name: statement.name, verb: statement.verb, node: namesNode ? nodes[nodes.count - 1].name : "",
            verdict: answer.verdict, reason: statement.reason, line: line, column: column)
        told.findings = answer.findings.map { tell($0, statement) }
        return told
    }

    /// A statement that can't be asked of any node.
    public func tell(unanswered index: Int, _ why: String) -> CheckedStatement {
        let statement = policy.statements[index]
        let (line, column) = lines.place(of: statement.offset)
        var told = CheckedStatement(
            name: statement.name, verb: statement.verb, node: "", verdict: .fails, reason: statement.reason, line: line,
            column: column)
        told.findings = [CheckedStatement.Finding(text: "It can't be asked here: \(why)", kind: "unanswerable")]
        return told
    }

    private func tell(_ finding: CheckFinding, _ statement: PolicyStatement) -> CheckedStatement.Finding {
        var told = CheckedStatement.Finding(text: "", kind: finding.kind.name)
        told.moreCount = finding.moreCount
        told.unknowns = finding.unknowns
        told.line = finding.offset.map { lines.place(of: $0).line }
        switch finding.kind {
        case .empty:
            told.text = emptyText(finding.fault)
            return told
        case .unanswerable(let why):
            told.text = "It can't be asked here: \(why)"
            return told
        case .tooLarge(let why):
            told.text = "It is not known: \(why)"
            return told
        case .violated, .notProved: break
        }
        guard let example = finding.example else {
            told.text = "It depends on what the snapshot does not tell"
            return told
        }
        let last = nodes.count - 1
        let after = follow(example, on: last, as: finding.end)
        told.outcome = after.outcome
        var text = "\(after.packet) \(after.predicate)"
        if finding.fault == .differs {
            let before = follow(example, on: 0, as: finding.endBefore)
            told.outcomeBefore = before.outcome
            text = "\(after.packet) \(before.predicate) before the change, and afterwards \(after.predicate)"
            told.calls.append(call(example, on: 0, "before"))
            told.deciders += before.deciders.map { $0.titled("before") }
            told.deciders += after.deciders.map { $0.titled("afterwards") }
            told.calls.append(call(example, on: last, "afterwards"))
        } else {
            told.deciders = after.deciders
            var call = call(example, on: last, "")
            if finding.beyond != nil, let whole = nodes[last].wholeSnapshot { call.snapshot = whole }
            told.calls.append(call)
        }
        if let counterpart = finding.counterpart {
            let other = follow(counterpart, on: last, as: nil)
            text += ", but \(other.packet) \(other.predicate)"
            told.deciders += other.deciders
            told.calls.append(call(counterpart, on: last, ""))
        }
        if finding.fault == .matched, let rule = finding.rule {
            let quotes = Quotes(model: nodes[last].model, files: nodes[last].files)
            text = "\(after.packet) is matched by it"
            told.deciders = [decider(.rule(rule), "the rule is", quotes)]
        }
        if let beyond = finding.beyond { text += ", and \(beyond)" }
        told.text = finding.kind == .notProved ? "It may be that \(text)" : text
        if finding.beyond != nil {
            told.text = text
        } else if finding.kind == .notProved, finding.unknowns.isEmpty {
            told.text = "Not followed to its end, by a bridge, a tunnel, IPVS or to many: \(text)"
        }
        if finding.isElse { told.text += ", which is none of the packets that the change is about" }
        return told
    }

    private func emptyText(_ fault: CheckFinding.Fault) -> String {
        switch fault {
        case .translated: "None of its packets gets through, so none is translated (empty: ok takes that)"
        case .refused, .through, .differs, .unlike, .matched: "No packet is meant by it (empty: ok takes that)"
        }
    }

    private func call(_ example: ExamplePacket, on index: Int, _ title: String) -> CheckedStatement.Call {
        let node = nodes[index]
        return CheckedStatement.Call(
            title: title, snapshot: node.snapshot, options: example.traceOptions(on: node.model))
    }

    // MARK: One packet

    /// What became of a packet that was followed alone.
    private struct Fate {
        var packet: String
        var predicate: String
        var outcome: String
        var deciders: [CheckedStatement.Decider]
    }

    /// Follows `example` to the end that sets found, where one of its ways has it.
    private func follow(_ example: ExamplePacket, on index: Int, as end: PathEnd?) -> Fate {
        let node = nodes[index]
        let quotes = Quotes(model: node.model, files: node.files)
        let trace = PacketPath.trace(example.request, on: node.model)
        let whole = Way(trace, packet: example.packet)
        let leaves = whole.leaves
        let way =
            end.flatMap { end in
                leaves.first { $0.trace.outcome == end.outcome && $0.trace.reason == end.reason }
                    ?? leaves.first { $0.trace.outcome == end.outcome }
            } ?? whole
        let arrival = example.arrival.map { " from \(node.model.names.text($0))" } ?? ", made here,"
        let words = OutcomeWords(quotes: quotes)
        return Fate(
            packet: packetText(example.packet) + arrival, predicate: words.predicate(way),
            outcome: way.trace.outcome.name, deciders: deciders(way, quotes))
    }

    /// The rules and policies that made of a packet what became of it.
    private func deciders(_ way: Way, _ quotes: Quotes) -> [CheckedStatement.Decider] {
        var found: [CheckedStatement.Decider] = []
        for (index, step) in way.steps.enumerated() {
            guard case .translation = step.kind, let position = translator(of: index, in: way.steps, quotes.linked),
                case .rule(let own) = way.steps[position].kind
            else { continue }
            found.append(decider(.rule(own.rule), "translated by", quotes))
        }
        guard let index = way.trace.decidedBy, index < way.steps.count else { return found }
        let role = way.trace.outcome.isThrough ? "accepted by" : "decided by"
        switch way.steps[index].kind {
        case .rule(let step): found.append(decider(.rule(step.rule), role, quotes))
        case .policy(let chain, _): found.append(decider(.policy(chain), role, quotes))
        default: break
        }
        return found
    }

    private enum Deciding {
        case rule(RuleReference)
        case policy(ChainID)
    }

    private func decider(_ deciding: Deciding, _ role: String, _ quotes: Quotes) -> CheckedStatement.Decider {
        let words = OutcomeWords(quotes: quotes)
        let place: Place
        var told: CheckedStatement.Decider
        switch deciding {
        case .rule(let rule):
            place = quotes.linked.rule(rule).place
            told = CheckedStatement.Decider(role: role, name: words.ruleName(rule), text: quotes.text(rule))
        case .policy(let chain):
            place = quotes.linked.chain(chain).place
            told = CheckedStatement.Decider(
                role: role, name: "the policy of \(words.chainName(chain))", text: quotes.text(place) ?? "")
        }
        if let file = quotes.file(place) {
            told.file = file.path
            told.line = Int(place.line)
        }
        return told
    }
}

extension CheckedStatement.Decider {
    fileprivate func titled(_ title: String) -> Self {
        var result = self
        result.role = "\(title) \(role)"
        return result
    }

    /// `iptables-save:41`; `nil` for what stands in no file.
    var location: String? {
        guard let file, let line else { return nil }
        return "\(file):\(line)"
    }
}

extension CheckFinding.Kind {
    /// In JSON.
    var name: String {
        switch self {
        case .violated: "violated"
        case .notProved: "not-proved"
        case .empty: "empty"
        case .unanswerable: "unanswerable"
        case .tooLarge: "too-large"
        }
    }
}

/// Where the lines of a file begin.
private struct LineStarts {
    private var starts = [0]

    init(_ bytes: [UInt8]) {
        for (index, byte) in bytes.enumerated() where byte == 0x0a { starts.append(index + 1) }
    }

    /// Both from 1, the column in bytes.
    func place(of offset: Int) -> (line: Int, column: Int) {
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= offset { low = middle } else { high = middle }
        }
        return (low + 1, offset - starts[low] + 1)
    }
}
