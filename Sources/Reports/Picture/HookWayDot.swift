internal import RuleModel

/// Writes the hooks of a picture in the language of Graphviz: what passes in one row, what is the host's own in a second.
struct HookWayDot {
    let way: HookWay
    /// Which of the picture's ways it is.
    let place: Int

    /// The points of the thread that the rows hang on.
    var thread: [String] { rows.indices.map { "thread_way_\(place)_\($0)" } }

    private var rows: [[HookWay.Stop]] { way.passing.isEmpty ? [way.local] : [way.passing, way.local] }

    /// What dot calls a stop, which those hear who can't see it; chains have a slash in theirs.
    private func name(_ row: Int, _ stop: Int) -> String {
        let layer =
            switch way.layer {
            case .ip: "packet"
            case .bridge: "frame"
            case .arp: "ARP"
            }
        return dotQuoted("\(layer): \(rows[row][stop].name)")
    }

    func write(into output: inout OutputBuffer) {
        let title = htmlLabel([LabelLine(text: way.title, role: .name)], align: "LEFT")
        output.write("  subgraph \(dotQuoted("cluster \(way.title)")) {\n")
        output.write(
            "    graph [class=band, label=\(title), style=\"rounded,filled\", fillcolor=\"\(PictureColor.band)\",")
        output.write(" color=\"\(PictureColor.bandLine)\", fontsize=14, labeljust=l, margin=14];\n")
        output.write("    edge [class=way, color=\"\(PictureColor.way)\", penwidth=1.5];\n")
        for (row, stops) in rows.enumerated() {
            for (index, stop) in stops.enumerated() {
                output.write("    \(name(row, index)) [\(look(stop)), label=\(label(stop))];\n")
            }
        }
        writeThread(into: &output)
        for (row, stops) in rows.enumerated() {
            output.write("    { rank=same; \(thread[row]) -> \(name(row, 0)) [style=invis, weight=2];")
            output.write(" edge [minlen=2]; \(stops.indices.map { name(row, $0) }.joined(separator: " -> ")) }\n")
        }
        if let turnOff = way.turnOff, let turnIn = way.turnIn {
            output.write("    \(name(0, turnOff)) -> \(name(1, 0));\n")
            // Up from the second row: the first one stays above it.
            output.write("    \(name(0, turnIn)) -> \(name(1, way.local.count - 1)) [dir=back];\n")
        }
        output.write("  }\n")
    }

    private func writeThread(into output: inout OutputBuffer) {
        output.write("    { node [shape=point, width=0.02, height=0.02, style=invis, label=\"\"]; ")
        output.write(thread.joined(separator: "; ") + " }\n")
        if thread.count > 1 {
            output.write("    \(thread.joined(separator: " -> ")) [style=invis, weight=50];\n")
        }
    }

    private func look(_ stop: HookWay.Stop) -> String {
        switch stop.kind {
        case .hook:
            stop.isShown
                ? "class=\"hook\", fillcolor=\"\(PictureColor.paper)\", color=\"\(PictureColor.way)\", penwidth=2"
                : "class=\"between\", style=rounded, color=\"\(PictureColor.faint)\""
        case .choice, .host: "class=\"between\", shape=ellipse, style=solid, color=\"\(PictureColor.faint)\""
        }
    }

    private func label(_ stop: HookWay.Stop) -> String { htmlLabel(ChainLabels.lines(stop), align: nil) }
}
