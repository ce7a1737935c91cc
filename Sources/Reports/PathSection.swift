internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import RuleModel
internal import SourceText

/// Branches whose own steps are shown without `--detail full`.
private let shownBranches = 8

extension TraceReporter {
    /// The way hook by hook, with what changed beside the rule that changed it.
    func path(_ way: Way) -> [Block] { [.path(toldWay(way))] }

    private func toldWay(_ way: Way) -> ToldWay {
        var writer = PathWriter(reporter: self, way: way)
        writer.write()
        var told = writer.told
        let leafCount = way.leaves.count
        guard !way.trace.branches.isEmpty else { return told }
        if detail != .full, leafCount > shownBranches {
            told.untoldCount = leafCount
            return told
        }
        told.branches = way.trace.branches.map { branch in
            ToldWay.Branch(condition: condition(branch.assumptions), way: toldWay(way.into(branch)))
        }
        return told
    }
}

/// Writes the steps of one trace, those of enclosing ones left out.
private struct PathWriter {
    let reporter: TraceReporter
    let way: Way
    var told = ToldWay()
    /// The step that is being told decided.
    private var isDeciding = false
    private var hook: Hook?
    private var layer: UInt8 = 0
    private var round = 0
    private var chain: ChainID?
    /// Steps of indentation of the rules of each chain that is open.
    private var depth: [ChainID: Int] = [:]
    /// The file that most rules stand in: named once.
    private let file: UInt32?
    private var fileIsNamed = false

    init(reporter: TraceReporter, way: Way) {
        self.reporter = reporter
        self.way = way
        file = PathWriter.mainFile(reporter.quotes, way)
    }

    private var quotes: Quotes { reporter.quotes }

    private static func mainFile(_ quotes: Quotes, _ way: Way) -> UInt32? {
        for step in way.steps {
            if case .rule(let rule) = step.kind, quotes.file(quotes.linked.rule(rule.rule).place) != nil {
                return quotes.linked.rule(rule.rule).place.file.index
            }
        }
        return nil
    }

    mutating func write() {
        begin(.packet, [TextRun(packetText(way.packet), .strong)])
        let decider = reporter.ownDecider(way)
        for index in way.steps.indices {
            // What enclosing traces have told is gone through for the chains that are open, and not told again.
            if index == way.commonCount, index > 0 { told.stages = [] }
            noteChange(before: index)
            isDeciding = index == decider
            write(index)
        }
        isDeciding = false
        if way.commonCount == way.steps.count, way.commonCount > 0 { told.stages = [] }
        writeEnd()
    }

    /// A new stage.
    private mutating func begin(_ kind: ToldWay.Stage.Kind, _ head: [TextRun]) {
        told.stages.append(ToldWay.Stage(kind: kind, head: RichText(head)))
    }

    /// A line of the stage that was begun last.
    private mutating func line(_ indent: Int, _ runs: [TextRun]) {
        if told.stages.isEmpty { begin(.hook, []) }
        told.stages[told.stages.count - 1].lines.append(
            ToldWay.Line(indent: indent, text: RichText(runs), isDeciding: false))
    }

    /// Says that the last line is what decided, where this step did.
    private mutating func markDecider() {
        guard isDeciding, let stage = told.stages.indices.last, let line = told.stages[stage].lines.indices.last else {
            return
        }
        told.stages[stage].lines[line].isDeciding = true
    }

    /// Tells at the last stage what it made of the packet, where the next step sees another one.
    private mutating func noteChange(before index: Int) {
        guard index > way.commonCount, index > 0, let last = told.stages.indices.last else { return }
        let (old, new) = (way.steps[index - 1].view.packet, way.steps[index].view.packet)
        let isOther =
            way.steps[index - 1].layer != way.steps[index].layer || old.source != new.source
            || old.destination != new.destination || old.sourcePort != new.sourcePort
            || old.destinationPort != new.destinationPort || old.mark != new.mark
        guard isOther else { return }
        told.stages[last].changed = packetText(new) + (new.mark == 0 ? "" : ", mark \(hexadecimal(new.mark))")
    }

    // MARK: Steps

    private mutating func write(_ index: Int) {
        let step = way.steps[index]
        for assumption in way.assumptions where assumption.step == index && !isRule(step) {
            line(1, [TextRun("? \(assumption.text)", .doubtful)])
        }
        switch step.kind {
        case .rule(let rule):
            enter(step, chain: rule.rule.chain, jumpedTo: true)
            writeRule(rule, index)
        case .miss(let reference, let statement):
            enter(step, chain: reference.chain, jumpedTo: true)
            writeMiss(reference, statement, step)
        case .policy(let chain, let verdict): writePolicy(chain, verdict, step)
        case .conntrack(let states, let direction, let isFromEntry):
            enter(step, chain: nil, jumpedTo: false)
            var text = "conntrack: \(statesText(states))"
            if direction == .reply { text += ", reply direction" }
            if isFromEntry { text += ", a known connection" }
            line(1, [TextRun(text)])
        case .translation(let translation):
            let text = translationText(translation, step.view.packet)
            if !translation.isFromEntry, translator(of: index, in: way.steps, quotes.linked) != nil {
                line(chainIndent(step) + 2, [TextRun("=> \(text)", .changed)])
            } else {
                // No rule did it: it stands by itself at its hook.
                enter(step, chain: nil, jumpedTo: false)
                let why = translation.isFromEntry ? " (by its connection entry)" : ""
                line(1, [TextRun("=> \(text)\(why)", .changed)])
            }
        case .routing(let routing): writeRouting(routing, step)
        case .defragmentation:
            enter(step, chain: nil, jumpedTo: false)
            line(1, [TextRun("fragments are put together before the first rule")])
        case .encapsulation(let interface):
            leaveHook()
            begin(.between, [TextRun("into the tunnel \(quotes.name(interface)): the outer packet goes on from here")])
        case .decapsulation(let interface):
            leaveHook()
            begin(
                .between, [TextRun("out of the tunnel \(quotes.name(interface)): the inner packet goes on from here")])
        case .loopback:
            leaveHook()
            begin(.between, [TextRun("over lo, back into this host")])
        case .ipvs(let virtual):
            enter(step, chain: nil, jumpedTo: false)
            line(1, [TextRun(virtualServiceText(virtual), virtual.server == nil ? .bad : .changed)])
        case .delivery: leaveHook()
        case .end: leaveHook()
        }
    }

    private func isRule(_ step: Step) -> Bool {
        if case .rule = step.kind { return true }
        return false
    }

    private mutating func leaveHook() {
        hook = nil
        chain = nil
        depth = [:]
    }

    /// Writes the lines that name hook and chain, where they are others than before.
    private mutating func enter(_ step: Step, chain: ChainID?, jumpedTo: Bool) {
        if hook != step.view.hook || layer != step.layer {
            leaveHook()
            hook = step.view.hook
            layer = step.layer
            var text = hookTitle(step.view.hook)
            if step.layer > 0 { text += ", \(packetText(step.view.packet))" }
            begin(.hook, [TextRun(text, .strong)] + interfaces(step.view))
        }
        guard let chain else { return }
        if depth[chain] != nil { return }
        guard quotes.linked.chain(chain).base != nil || depth.isEmpty else {
            depth[chain] = (depth.values.max() ?? 0) + 1
            return
        }
        depth = [chain: 0]
        line(1, [TextRun(reporter.words.chainName(chain))] + fileName(chain))
    }

    private func interfaces(_ view: PacketView) -> [TextRun] {
        var text = ""
        if let name = view.inInterface { text += " in \(quotes.name(name))" }
        if let name = view.outInterface { text += " out \(quotes.name(name))" }
        return text.isEmpty ? [] : [TextRun(text, .quiet)]
    }

    /// The file of the rules, named where it is met for the first time.
    private mutating func fileName(_ chain: ChainID) -> [TextRun] {
        guard let file, !fileIsNamed, quotes.linked.chain(chain).place.file.index == file,
            let source = quotes.file(quotes.linked.chain(chain).place)
        else { return [] }
        fileIsNamed = true
        return [TextRun("  (lines of \(source.path))", .quiet)]
    }

    private func chainIndent(_ step: Step) -> Int { 2 + (depth.values.max() ?? 0) }

    private mutating func writeRule(_ rule: RuleStep, _ index: Int) {
        let step = way.steps[index]
        // Chains that were jumped to and have ended are closed.
        let own = depth[rule.rule.chain] ?? 0
        for (open, level) in depth where level > own { depth[open] = nil }
        var runs = [
            TextRun(place(rule.rule), .quiet),
            TextRun(quotes.text(rule.rule), .code, at: quotes.linked.rule(rule.rule).place),
        ]
        if !step.isCertain { runs.append(TextRun("  (perhaps)", .doubtful)) }
        if rule.isBroken { runs.append(TextRun("  (does not match, but did something before)", .quiet)) }
        line(2 + own, runs)
        markDecider()
        for assumption in way.assumptions where assumption.step == index {
            line(2 + own + 2, [TextRun("? \(assumption.text)", .doubtful)])
        }
        for change in rule.changes where change.before != change.after {
            line(2 + own + 2, [TextRun("=> \(changeText(change))", .changed)])
        }
        if let target = rule.target { depth[target] = own + 1 }
    }

    /// `:41  `, or with its file where that is another one.
    private func place(_ reference: RuleReference) -> String {
        let place = quotes.linked.rule(reference).place
        guard let source = quotes.file(place) else { return "\(reference.index + 1)  " }
        return place.file.index == file ? ":\(place.line)  " : "\(source.path):\(place.line)  "
    }

    private mutating func writeMiss(_ reference: RuleReference, _ statement: Int, _ step: Step) {
        let own = depth[reference.chain] ?? 0
        let rule = quotes.linked.rule(reference)
        line(2 + own, [TextRun(place(reference) + quotes.text(reference), .quiet, at: rule.place)])
        guard statement < rule.statements.count, case .match(let match) = rule.statements[statement] else { return }
        let facts = reporter.reasons.facts(step, on: way)
        let fact = facts.fact(match, step.view, held: false, asked: nil) ?? "not met"
        line(2 + own + 2, [TextRun("no: \(quotes.statement(statement, of: reference)): \(fact)", .quiet)])
    }

    private mutating func writePolicy(_ chain: ChainID, _ verdict: StepVerdict, _ step: Step) {
        let isOpen = depth[chain] != nil && hook == step.view.hook && layer == step.layer
        let word = verdict == .drop ? "DROP" : "ACCEPT"
        let role: TextRole = verdict == .drop ? .bad : .quiet
        if isOpen {
            line(2, [TextRun("policy \(word)", role)])
        } else {
            enter(step, chain: nil, jumpedTo: false)
            let name = reporter.words.chainName(chain)
            line(1, [TextRun("\(name): no rule matched, policy \(word)", role)])
        }
        markDecider()
        depth = [:]
    }

    private mutating func writeRouting(_ routing: RoutingStep, _ step: Step) {
        leaveHook()
        var text = routing.isReroute ? "routed again" : "routing"
        if !routing.isKnown {
            begin(.between, [TextRun("\(text): not known", .doubtful)])
            return
        }
        if routing.type == .local, step.view.hook == .prerouting {
            text += ": to this host"
        } else if let interface = routing.interface {
            text += ": by \(quotes.name(interface))"
            if let hop = routing.nextHop { text += " to \(hop)" }
            if routing.type != .unicast { text += " (\(routing.type.name))" }
        } else if routing.route == nil, routing.rule == nil {
            text += ": no route"
        } else {
            text += ": \(routing.type.name)"
        }
        if let source = routing.source, step.view.packet.source.isZero { text += ", from \(source)" }
        var runs = [TextRun(text)]
        if let route = routing.route {
            var tail = "  (table \(tableName(routing.table)): \(quotes.routeText(route))"
            if let location = quotes.location(route.place) { tail += ", \(location)" }
            runs.append(TextRun(tail + ")", .quiet))
        }
        begin(.between, runs)
        if routing.table != RoutingRule.mainTable, routing.table != RoutingRule.localTable, let rule = routing.rule,
            let own = quotes.text(rule.place), let location = quotes.location(rule.place)
        {
            line(1, [TextRun("by the rule \(withoutTabs(own)), \(location)", .quiet)])
        }
    }

    private func changeText(_ change: Change) -> String {
        switch change.field {
        case .notrack: return "not tracked"
        case .mark: return "mark \(value(change.before, isMark: true)) becomes \(value(change.after, isMark: true))"
        case .connectionMark:
            return "connection mark \(value(change.before, isMark: true)) becomes \(value(change.after, isMark: true))"
        case .ttl, .dscp, .priority, .zone, .mss, .helper, .source, .destination:
            return "\(change.field.name) \(value(change.before)) becomes \(value(change.after))"
        }
    }

    private func value(_ value: Change.Value, isMark: Bool = false) -> String {
        switch value {
        case .number(let number): isMark ? hexadecimal(number) : "\(number)"
        case .address(let address): "\(address)"
        case .name(let name): quotes.name(name).isEmpty ? "none" : quotes.name(name)
        case .unknown: "a value that is not known"
        }
    }

    private mutating func writeEnd() {
        guard way.trace.branches.isEmpty else { return }
        let word = reporter.words.word(way.trace)
        let kind: ToldWay.Stage.Kind =
            switch word.role {
            case .good: .delivered
            case .bad: .lost
            case .plain, .strong, .quiet, .doubtful, .code, .changed: .unsettled
            }
        begin(kind, [word, TextRun(reporter.words.clause(way))])
    }
}
