internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
public import PathModel
public import Questions
internal import RuleModel
public import SourceText

/// Which rules take the packets that a rule is meant for.
public func whyNotReport(
    _ answer: WhyNotAnswer, _ heading: FindHeading, _ model: HostModel, files: [SourceFile]
) -> Document {
    let space = answer.space
    let quotes = Quotes(model: model, files: files)
    var document = Document()
    func name(_ rule: RuleReference) -> String { "\(model.linked.path(of: rule.chain)):\(rule.index + 1)" }
    func quote(_ rule: RuleReference) -> RichText {
        let location = quotes.location(model.linked.rule(rule).place).map { "\($0): " } ?? ""
        return RichText([TextRun(location, .quiet), TextRun(withoutTabs(quotes.text(rule)), .code)])
    }
    document.add(.heading(RichText("\(name(answer.rule)), IPv\(answer.version.rawValue)")))
    document.add(.indented([.verbatim([quote(answer.rule)])]))
    document.add(contentsOf: heading.remarks([answer.version]))
    if space.isExhausted {
        document.add(.paragraph(RichText("The question is too large to be answered here: narrow it down.", .bad)))
        return document
    }
    let chain = model.linked.path(of: answer.rule.chain)
    if space.possibly(answer.entering).isEmpty {
        document.add(.paragraph(RichText("No packet asked about comes to its chain \(chain).", .bad)))
        for caller in answer.callers {
            document.add(.indented([.verbatim([RichText("led to by \(name(caller)): ") + quote(caller)])]))
        }
        return document
    }
    if space.possibly(answer.wanted).isEmpty {
        document.add(
            .paragraph(RichText("No packet asked about that comes to \(chain) matches the rule by itself.", .bad)))
        return document
    }
    let got = percent(answer.share(answer.got, of: answer.wanted))
    document.add(
        .paragraph(RichText("Of the packets in \(chain) that it matches, \(got) come to it.")))
    for taken in answer.taken {
        let share = percent(answer.share(taken.packets, of: answer.wanted))
        document.add(.space)
        document.add(.paragraph(RichText([TextRun("\(share) end at "), TextRun(name(taken.rule), .strong)])))
        var lines: [Block] = [.verbatim([quote(taken.rule)])]
        for inside in taken.inside.prefix(6) {
            let share = percent(answer.share(inside.packets, of: answer.wanted))
            lines.append(.verbatim([RichText("\(share) in \(name(inside.rule)): ") + quote(inside.rule)]))
        }
        if taken.inside.count > 6 { lines.append(.paragraph(RichText("… and \(taken.inside.count - 6) more"))) }
        if let example = space.everydayExample(of: taken.packets) {
            let call = "hookline trace \(heading.snapshot) \(example.traceOptions(on: model))"
            lines.append(.verbatim([RichText([TextRun("for example: ", .quiet), TextRun(call, .code)])]))
        }
        document.add(.indented(lines))
    }
    if answer.taken.isEmpty {
        document.add(.paragraph(RichText("No rule before it in \(chain) takes any of them.", .good)))
    }
    return document
}

/// `12.5 %`, `1 in 65536`; what is not nothing and not all never looks so.
func percent(_ share: Double) -> String {
    if share <= 0 { return "none" }
    if share >= 1 { return "all" }
    if share < 0.001 {
        let count = 1 / share
        return count < 1e15 ? "1 in \(Int(count.rounded()))" : "next to none"
    }
    let tenths = min(999, max(1, Int((share * 1000).rounded())))
    return "\(tenths / 10).\(tenths % 10) %"
}
