internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Shows rules with the reasons why they matched.
struct RuleReasons {
    let quotes: Quotes
    let words: OutcomeWords
    private let request: TraceRequest

    init(_ quotes: Quotes, _ request: TraceRequest) {
        self.quotes = quotes
        self.request = request
        words = OutcomeWords(quotes: quotes)
    }

    /// Each condition of the rule at `index` as its file has it, with what the packet has there.
    func conditions(_ index: Int, on way: Way) -> [Block] {
        guard case .rule(let step) = way.steps[index].kind else { return [] }
        let facts = self.facts(way.steps[index], on: way)
        var rows: [[RichText]] = []
        let rule = quotes.linked.rule(step.rule)
        for (number, statement) in rule.statements.enumerated() {
            guard case .match(let match) = statement else { continue }
            let text = quotes.statement(number, of: step.rule)
            if text.isEmpty { continue }
            guard
                let fact = facts.fact(match, way.steps[index].view, held: true, asked: index)
            else { continue }
            rows.append([RichText(text, .code), RichText(fact)])
        }
        if rows.isEmpty { return [.paragraph(RichText("it has no conditions", .quiet))] }
        return [.table(rows)]
    }

    /// What a condition met at `step` is told from.
    func facts(_ step: Step, on way: Way) -> ConditionFacts {
        var facts = ConditionFacts(
            model: quotes.model, connection: way.trace.connection, assumptions: way.assumptions)
        if step.layer == 0 {
            facts.inPort = request.inPort
            facts.outPort = request.outPort
        }
        return facts
    }

    /// `PATH:41, rule 3 of filter/FORWARD`, with the chains that led there.
    func place(_ index: Int, on way: Way) -> RichText {
        guard case .rule(let step) = way.steps[index].kind else { return RichText() }
        var text = RichText()
        let place = quotes.linked.rule(step.rule).place
        if let location = quotes.location(place) { text.add(location + ", ", at: place) }
        text.add(words.ruleName(step.rule), at: place)
        let jumps = way.jumps(to: index)
        if !jumps.isEmpty {
            var chains = ""
            for jump in jumps {
                guard case .rule(let own) = way.steps[jump].kind else { continue }
                chains += quotes.name(quotes.linked.chain(own.rule.chain).name) + " > "
            }
            text.add(" (" + chains + quotes.name(quotes.linked.chain(step.rule.chain).name) + ")", .quiet)
        }
        return text
    }

    /// The rule as the user wrote it and why it matched; of a rule that asks next to nothing, who led there too.
    func explained(_ index: Int, on way: Way) -> [Block] {
        var blocks = quoted(index, on: way)
        if asks(index, on: way) { return blocks }
        let jumps = way.jumps(to: index)
        let last = hasConditions(index, on: way) ? nil : jumps.last
        guard let jump = jumps.last(where: { asks($0, on: way) }) ?? last else { return blocks }
        blocks.append(.indented([.paragraph("reached by")]))
        return blocks + quoted(jump, on: way)
    }

    private func quoted(_ index: Int, on way: Way) -> [Block] {
        guard case .rule(let step) = way.steps[index].kind else { return [] }
        return [
            .indented([
                .verbatim([quotes.rule(step.rule)]), .indented(conditions(index, on: way)),
            ])
        ]
    }

    /// Whether the rule asks for more than a protocol.
    private func asks(_ index: Int, on way: Way) -> Bool {
        guard case .rule(let step) = way.steps[index].kind else { return false }
        for statement in quotes.linked.rule(step.rule).statements {
            guard case .match(let match) = statement else { continue }
            switch match {
            case .comment, .protocol: continue
            case .tcp(let test): if test != TCPMatch() { return true }
            case .udp(let test): if test != UDPMatch() { return true }
            default: return true
            }
        }
        return false
    }

    /// Who set the marks that the rule at `index` rests on.
    ///
    /// - Parameter told: those that the report has told already; each is told once.
    func marks(_ index: Int, on way: Way, _ told: inout Set<MarkSource>) -> [Block] {
        var blocks: [Block] = []
        for source in way.markSources(for: index, quotes.linked) {
            let what = source.field == .mark ? "mark" : "connection mark"
            guard told.insert(source).inserted else {
                blocks.append(.paragraph(RichText("The \(what) \(hexadecimal(source.bits)) was set as told above.")))
                continue
            }
            blocks.append(
                .paragraph(
                    RichText("The \(what) \(hexadecimal(source.bits)) that led there was set by ")
                        + place(source.step, on: way) + ":"))
            // A rule that only marks has no reasons of its own; the one that jumped to it has.
            let shown = hasConditions(source.step, on: way) ? source.step : way.jumps(to: source.step).last
            blocks += [.indented([.verbatim([RichText(text(source.step, on: way), .code)])])]
            if let shown, shown != source.step {
                blocks.append(.indented([.paragraph("reached by")]))
                blocks += quoted(shown, on: way)
            } else if shown != nil {
                blocks.append(.indented([.indented(conditions(source.step, on: way))]))
            }
        }
        return blocks
    }

    private func text(_ index: Int, on way: Way) -> String {
        guard case .rule(let step) = way.steps[index].kind else { return "" }
        return quotes.text(step.rule)
    }

    func hasConditions(_ index: Int, on way: Way) -> Bool {
        guard case .rule(let step) = way.steps[index].kind else { return false }
        for statement in quotes.linked.rule(step.rule).statements {
            guard case .match(let match) = statement else { continue }
            if case .comment = match { continue }
            return true
        }
        return false
    }

    /// How often the rule has matched, where the dump counts.
    func counters(_ index: Int, on way: Way) -> String? {
        guard case .rule(let step) = way.steps[index].kind,
            let counters = quotes.linked.chain(step.rule.chain).counters(of: quotes.linked.rule(step.rule))
        else { return nil }
        return text(counters)
    }

    /// How many packets a policy has decided about, where the dump counts.
    func counters(of chain: ChainID) -> String? { quotes.linked.chain(chain).policyCounters.map(text) }

    private func text(_ counters: Counters) -> String {
        if counters.packets == 0 { return "no packet counted so far" }
        return "\(counted(Int(clamping: counters.packets), "packet")) and \(counters.bytes) bytes counted so far"
    }
}
