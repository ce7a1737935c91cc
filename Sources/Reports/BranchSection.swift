internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import RuleModel
internal import SourceText

extension TraceReporter {
    /// The ways that are open, as a tree: each with what it takes, its chance and its end.
    func branches(_ way: Way) -> [Block] {
        var items: [[Block]] = []
        for branch in way.trace.branches {
            let next = way.into(branch)
            var sentence = RichText("If \(condition(branch.assumptions))")
            if let probability = branch.probability { sentence.add(" (\(percent(probability)))") }
            sentence.add(": ")
            if branch.trace.branches.isEmpty || branch.trace.outcome != .undecided {
                sentence = sentence + RichText([words.word(branch.trace)])
                sentence.add(words.clause(next) + ".")
            } else {
                sentence.add("it goes on")
                sentence.add(".")
            }
            var item: [Block] = [.paragraph(sentence)]
            if branch.trace.branches.isEmpty {
                if let possible = possible(branch.trace) { item.append(.paragraph(possible)) }
                if let sentence = onwardSentence(next) { item.append(.paragraph(sentence)) }
                item += explained(next, from: next.commonCount) + translationLines(next) + place(next)
                for sentence in ends(next) {
                    item.append(.paragraph(RichText(capitalised(sentence) + ".", .quiet)))
                }
            } else {
                item += branches(next)
            }
            items.append(item)
        }
        return [.list(items)]
    }

    /// How ways that were not followed may end.
    private func possible(_ trace: Trace) -> RichText? {
        guard let last = trace.possibleOutcomes.last else { return nil }
        var text = ""
        for outcome in trace.possibleOutcomes.dropLast() { text += (text.isEmpty ? "" : ", ") + outcome.name }
        return RichText("It may be \(text.isEmpty ? "" : text + " or ")\(last.name).", .quiet)
    }

    /// What is translated on this way alone, and by which rules.
    private func translationLines(_ way: Way) -> [Block] {
        var lines: [RichText] = []
        for index in way.steps.indices.dropFirst(way.commonCount) {
            guard case .translation(let translation) = way.steps[index].kind else { continue }
            var line = RichText(translationText(translation, way.steps[index].view.packet), .changed)
            if let rule = translator(of: index, in: way.steps, quotes.linked),
                case .rule(let step) = way.steps[rule].kind
            {
                let location = quotes.location(quotes.linked.rule(step.rule).place).map { $0 + ": " } ?? ""
                line.add(": \(location)", .quiet)
                line.add(quotes.text(step.rule), .code, at: quotes.linked.rule(step.rule).place)
            }
            lines.append(line)
        }
        return lines.isEmpty ? [] : [.verbatim(lines)]
    }

    /// The rule that ended this way.
    private func place(_ way: Way) -> [Block] {
        guard let index = ownDecider(way), index < way.steps.count, index >= way.commonCount else { return [] }
        guard case .rule(let step) = way.steps[index].kind else { return [] }
        let isThrough = way.trace.outcome.isThrough
        let location = quotes.location(quotes.linked.rule(step.rule).place).map { $0 + ": " } ?? ""
        return [
            .verbatim([
                RichText([
                    TextRun(isThrough ? "accepted by " : ""), TextRun(location, .quiet),
                    TextRun(quotes.text(step.rule), .code, at: quotes.linked.rule(step.rule).place),
                ])
            ])
        ]
    }

    /// `limit of … holds and …`; `nothing else holds` where a branch takes nothing.
    func condition(_ assumptions: [Assumption]) -> String {
        if assumptions.isEmpty { return "not so" }
        // One choice of several (`vmap@RULE=CHAIN`): which it is tells which it is not.
        var choices: [Substring: Int] = [:]
        for (index, assumption) in assumptions.enumerated() {
            if let choice = choice(assumption) { choices[choice] = index }
        }
        let told = assumptions.enumerated().filter { index, assumption in
            choice(assumption).map { choices[$0] == index } ?? true
        }
        return listed(told.map { $0.element.text })
    }

    private func choice(_ assumption: Assumption) -> Substring? {
        let parts = assumption.name.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? parts[0] : nil
    }

    /// How the open questions can be settled.
    func settling(_ way: Way) -> [Block] {
        var names: [String] = []
        var values: [String: [String]] = [:]
        func take(_ trace: Trace) {
            for branch in trace.branches {
                for assumption in branch.assumptions where !assumption.isGiven {
                    if values[assumption.name] == nil { names.append(assumption.name) }
                    if values[assumption.name]?.contains(assumption.value) != true {
                        values[assumption.name, default: []].append(assumption.value)
                    }
                }
                take(branch.trace)
            }
        }
        take(way.trace)
        // `rule@…` stands for several that fail together, and takes no value.
        let open = names.filter { (values[$0]?.count ?? 0) > 1 }
        if open.isEmpty { return [] }
        var rows: [RichText] = open.prefix(6).map { name in
            var text = ""
            for value in values[name] ?? [] { text += (text.isEmpty ? "" : "|") + value }
            return RichText("--assume \(name)=\(text)", .code)
        }
        if open.count > rows.count { rows.append(RichText("… and \(open.count - rows.count) more", .quiet)) }
        return [.space, .paragraph("To settle it:"), .indented([.verbatim(rows)])]
    }

    func percent(_ probability: Double) -> String {
        let tenths = Int((probability * 1000).rounded())
        if tenths == 0, probability > 0 { return "under 0.1 %" }
        return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
    }

    /// What the answer takes for granted, an item each.
    func grounds(_ way: Way) -> [[Block]] {
        var items: [[Block]] = []
        func add(_ text: RichText) { items.append([.paragraph(text)]) }
        for note in answer.notes { add(RichText(note)) }
        for assumption in way.trace.assumptions {
            var text = RichText(assumption.text)
            if assumption.isGiven {
                text.add(" (--assume \(assumption.name)=\(assumption.value))", .quiet)
            } else {
                text.add(" [\(assumption.name)=\(assumption.value)]", .quiet)
            }
            add(text)
        }
        for entry in defaultTexts(way.trace.defaultsUsed, way.packet) { add(RichText(entry.text)) }
        for input in answer.missing {
            add(
                RichText([
                    TextRun("not in the snapshot: "), TextRun(input.command, .code), TextRun(" (\(input.effect))"),
                ]))
        }
        return items
    }
}
