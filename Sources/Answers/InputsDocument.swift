internal import HostText
public import Reports
internal import RuleModel
public import Snapshot
internal import SourceText

/// What was recognised in a snapshot, what was not, and what it lacks.
public func inputsDocument(_ node: NodeState) -> Document {
    var document = Document()
    document.add(.heading("Recognised"))
    document.add(
        .indented([
            .table(
                node.inputs.map { input in
                    let file = node.file(of: input.place)?.path ?? "-"
                    let lines = "lines \(input.place.line)-\(input.lastLine)"
                    return [RichText(file), RichText(lines, .quiet), RichText(input.summary)]
                })
        ]))
    if let name = node.name, !node.cluster.isEmpty {
        document.add(.space)
        document.add(.paragraph(RichText("Kubernetes' name of this node is \(name).")))
    }
    if !node.unrecognised.isEmpty {
        document.add(.space)
        document.add(.heading("Not recognised"))
        document.add(
            .indented([
                .table(node.unrecognised.map { [RichText($0.path), RichText($0.reason.text, .quiet)] })
            ]))
    }
    if !node.host.otherDeciders.isEmpty || !node.unreadRulesets.isEmpty {
        document.add(.space)
        document.add(.heading("Decides beside the rules that were read"))
        var items: [[Block]] = []
        for unread in node.unreadRulesets {
            let tables = unread.tables.isEmpty ? "" : ": " + unread.tables.joined(separator: ", ")
            items.append([.paragraph(RichText("\(unread.name)\(tables) (\(location(unread.place, node)))"))])
        }
        for decider in node.host.otherDeciders {
            items.append([.paragraph(RichText("\(decider.evidence) (\(location(decider.place, node)))"))])
        }
        document.add(.list(items))
    }
    document.add(.space)
    if node.missing.isEmpty {
        document.add(.paragraph("Nothing is missing."))
    } else {
        document.add(.heading("Missing for a sure answer"))
        document.add(
            .indented([
                .table(node.missing.map { [RichText($0.name), RichText($0.command, .code), RichText($0.effect)] })
            ]))
    }
    return document
}

private func location(_ place: Place, _ node: NodeState) -> String {
    node.file(of: place).map { "\($0.path):\(place.line)" } ?? "no file"
}
