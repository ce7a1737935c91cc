internal import SourceText

/// Writes the ways that a trace's report tells of, in the language of Graphviz: stages one below the other, and branches
/// side by side. Text is escaped; nothing in a rule set is markup.
///
/// - Parameter document: what `traceReport` says.
public func writePathDot(
    _ document: Document, title: String, resolution: Int? = nil, into output: inout OutputBuffer
) {
    var writer = PathDotWriter(title: title, resolution: resolution)
    writer.write(document.blocks, under: "")
    writer.finish(into: &output)
}

private struct PathDotWriter {
    let title: String
    let resolution: Int?
    /// The report's first paragraph: what becomes of the packet.
    private var outcome: RichText?
    private var statements: [String] = []
    private var nodeCount = 0
    private var wayCount = 0

    init(title: String, resolution: Int?) {
        self.title = title
        self.resolution = resolution
    }

    /// - Parameter outer: the last heading before these blocks.
    mutating func write(_ blocks: [Block], under outer: String) {
        var heading = outer
        for block in blocks {
            switch block {
            case .heading(let text): heading = (outer.isEmpty ? "" : outer + ": ") + text.plainText
            case .paragraph(let text): if outcome == nil { outcome = text }
            case .indented(let inner): write(inner, under: heading)
            case .path(let way): add(way, heading)
            case .list, .table, .verbatim, .space: break
            }
        }
    }

    private mutating func add(_ way: ToldWay, _ heading: String) {
        wayCount += 1
        let label = htmlLabel([LabelLine(text: pictureText(heading), role: .name)], align: "LEFT")
        statements.append(
            "  subgraph cluster_\(wayCount) {\n    graph [class=band, label=\(label), style=\"rounded,filled\","
                + " fillcolor=\"\(PictureColor.band)\", color=\"\(PictureColor.bandLine)\", labeljust=l, margin=14];")
        add(way, after: nil, "")
        statements.append("  }")
    }

    /// The stages of `way` behind the node `before`, to which `condition` leads.
    private mutating func add(_ way: ToldWay, after before: Int?, _ condition: String) {
        var before = before
        var edge = condition.isEmpty ? [] : wrapped(pictureText("if \(condition)"), width: 40, lines: 4)
        for stage in way.stages {
            let node = addNode(stage)
            if let before {
                addEdge(before, node, edge, isOpen: !condition.isEmpty && edge.first?.hasPrefix("if ") == true)
            }
            before = node
            edge = stage.changed.map { wrapped(pictureText($0), width: 60, lines: 2) } ?? []
        }
        if way.untoldCount > 0 {
            let node = addNode(
                ToldWay.Stage(
                    kind: .unsettled,
                    head: RichText("it goes on in \(way.untoldCount) ways; --detail full shows each")))
            if let before { addEdge(before, node, [], isOpen: true) }
        }
        for branch in way.branches { add(branch.way, after: before, branch.condition) }
    }

    private mutating func addNode(_ stage: ToldWay.Stage) -> Int {
        let node = nodeCount
        nodeCount += 1
        let look: String
        switch stage.kind {
        case .packet:
            look = "class=\"packet\", fillcolor=\"\(PictureColor.paper)\", color=\"\(PictureColor.way)\", penwidth=2"
        case .hook: look = "class=\"hook\", fillcolor=\"\(PictureColor.paper)\", color=\"\(PictureColor.way)\""
        case .between: look = "class=\"between\", style=\"rounded\", color=\"\(PictureColor.faint)\""
        case .delivered:
            look =
                "class=\"delivered\", fillcolor=\"\(PictureColor.goodFill)\", color=\"\(PictureColor.good)\", penwidth=3"
        case .lost:
            look = "class=\"lost\", fillcolor=\"\(PictureColor.badFill)\", color=\"\(PictureColor.bad)\", penwidth=3"
        case .unsettled:
            look =
                "class=\"unsettled\", style=\"rounded,filled,dashed\", fillcolor=\"\(PictureColor.doubtfulFill)\","
                + " color=\"\(PictureColor.doubtful)\", penwidth=2"
        }
        statements.append("    s\(node) [\(look), label=\(label(stage))];")
        return node
    }

    private func label(_ stage: ToldWay.Stage) -> String {
        var text = "<"
        if !stage.head.runs.isEmpty { text += line(stage.head, indent: 0, isDeciding: false) }
        for own in stage.lines { text += line(own.text, indent: own.indent, isDeciding: own.isDeciding) }
        return text + (text == "<" ? " >" : ">")
    }

    /// Lines longer than this go on in another one.
    private static let lineLength = 92

    private func line(_ text: RichText, indent: Int, isDeciding: Bool) -> String {
        var result = ""
        let pad = String(repeating: "&#160;", count: indent * 3)
        for (place, part) in broken(text, at: PathDotWriter.lineLength - indent * 2).enumerated() {
            result += place == 0 ? pad : pad + "&#160;&#160;&#160;&#160;"
            if isDeciding, place == 0 { result += "<FONT COLOR=\"\(PictureColor.bad)\"><B>&#9654;&#160;</B></FONT>" }
            for run in part.runs { result += marked(run, isDeciding) }
            result += "<BR ALIGN=\"LEFT\"/>"
        }
        return result
    }

    /// At most four lines of at most `width` characters, broken at spaces where there are any; the last with … where there
    /// is more.
    private func broken(_ text: RichText, at width: Int) -> [RichText] {
        var lines: [RichText] = []
        var line = RichText()
        var used = 0
        for word in words(text) {
            var word = word
            if used > 0, used + word.width > width {
                if lines.count == 3 { return lines + [line + RichText(" …", .quiet)] }
                lines.append(line)
                line = RichText()
                used = 0
            }
            if used == 0, !lines.isEmpty, word.runs[0].text.hasPrefix(" ") { word.runs[0].text.removeFirst() }
            for run in word.runs {
                if let last = line.runs.indices.last, line.runs[last].role == run.role {
                    line.runs[last].text += run.text
                } else {
                    line.runs.append(run)
                }
            }
            used += word.width
        }
        return lines + [line]
    }

    /// The words of `text`, each with the spaces before it; one that is longer than a line is shortened.
    private func words(_ text: RichText) -> [RichText] {
        var words: [RichText] = []
        for run in text.runs {
            var piece = ""
            func finish() {
                if piece.isEmpty { return }
                words.append(RichText(elided(piece, to: PathDotWriter.lineLength - 20), run.role))
                piece = ""
            }
            for scalar in pictureText(run.text).unicodeScalars {
                if scalar == " ", piece.unicodeScalars.contains(where: { $0 != " " }) { finish() }
                piece.unicodeScalars.append(scalar)
            }
            finish()
        }
        return words
    }

    private func marked(_ run: TextRun, _ isDeciding: Bool) -> String {
        if run.text.isEmpty { return "" }
        let text = spaced(markupEscaped(run.text))
        func font(_ color: String, _ text: String) -> String { "<FONT COLOR=\"\(color)\">\(text)</FONT>" }
        switch run.role {
        case .plain: return text
        case .code: return isDeciding ? "<B>\(text)</B>" : text
        case .strong: return "<B>\(text)</B>"
        case .quiet: return font(PictureColor.quiet, text)
        case .good: return font(PictureColor.good, "<B>\(text)</B>")
        case .bad: return font(PictureColor.bad, "<B>\(text)</B>")
        case .doubtful: return font(PictureColor.doubtful, "<B>\(text)</B>")
        case .changed: return font(PictureColor.changed, "<B>\(text)</B>")
        }
    }

    /// SVG drops spaces at the ends of a stretch, and all but one between words.
    private func spaced(_ text: String) -> String {
        var result = ""
        var isAfterSpace = true
        let scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            if scalar == " ", isAfterSpace || index == scalars.count - 1 {
                result += "&#160;"
            } else {
                result.unicodeScalars.append(scalar)
            }
            isAfterSpace = scalar == " "
        }
        return result
    }

    private mutating func addEdge(_ from: Int, _ to: Int, _ lines: [String], isOpen: Bool) {
        var look = isOpen ? "class=\"open\", style=dashed, color=\"\(PictureColor.doubtful)\"" : "class=\"way\""
        if !lines.isEmpty {
            let color = isOpen ? PictureColor.doubtful : PictureColor.changed
            var label = "<"
            for line in lines {
                label += "<FONT COLOR=\"\(color)\"><B>&#160;\(markupEscaped(line))&#160;</B></FONT><BR ALIGN=\"LEFT\"/>"
            }
            look += ", label=\(label)>"
        }
        statements.append("    s\(from) -> s\(to) [\(look)];")
    }

    func finish(into output: inout OutputBuffer) {
        let font = "Helvetica,Arial,sans-serif"
        var caption = [LabelLine(text: pictureText(title), role: .name)]
        for line in wrapped(pictureText(outcome?.plainText ?? ""), width: 110, lines: 6) {
            caption.append(LabelLine(text: line, role: .plain))
        }
        output.write("digraph \(dotQuoted(title)) {\n")
        output.write("  graph [class=picture, id=\"path-picture\", rankdir=TB, fontname=\"\(font)\", fontsize=16,")
        output.write(" bgcolor=\"\(PictureColor.paper)\", fontcolor=\"\(PictureColor.ink)\", pad=0.3, nodesep=0.35,")
        output.write(" ranksep=\"0.3\", labelloc=t, labeljust=l, label=\(htmlLabel(caption, align: "LEFT"))")
        if let resolution { output.write(", dpi=\(resolution)") }
        output.write("];\n  node [shape=box, style=\"rounded,filled\", fontname=\"\(font)\", fontsize=11, height=0.3,")
        output.write(" margin=\"0.14,0.08\", fontcolor=\"\(PictureColor.ink)\"];\n")
        output.write(
            "  edge [fontname=\"\(font)\", fontsize=11, color=\"\(PictureColor.way)\", penwidth=2.5, arrowsize=0.8];\n")
        for statement in statements { output.write(statement + "\n") }
        output.write("}\n")
    }
}
