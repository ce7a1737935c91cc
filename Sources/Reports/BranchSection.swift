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
                item += place(next)
                if let seen = senderSentence(branch.trace.senderView, branch.trace, way.packet.version) {
                    item.append(.paragraph(RichText(capitalised(seen) + ".", .quiet)))
                }
            } else {
                item += branches(next)
            }
            items.append(item)
        }
        return [.list(items)]
    }

    /// The rule that ended this way.
    private func place(_ way: Way) -> [Block] {
        guard let index = way.trace.decidedBy, index < way.steps.count, index >= way.commonCount else { return [] }
        guard case .rule(let step) = way.steps[index].kind else { return [] }
        let location = quotes.location(quotes.linked.rule(step.rule).place).map { $0 + ": " } ?? ""
        return [.verbatim([RichText([TextRun(location, .quiet), TextRun(quotes.text(step.rule), .code)])])]
    }

    /// `limit of … holds and …`; `nothing else holds` where a branch takes nothing.
    func condition(_ assumptions: [Assumption]) -> String {
        assumptions.isEmpty ? "not so" : listed(assumptions.map(\.text))
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
