public import ChainGraph
internal import RuleModel

/// How a picture is written in the language of Graphviz.
public struct DotSettings {
    /// Stands above it, and names it for those who can't see it.
    public var title = ""
    /// Where a click on a chain, or on the first of a family, leads; `nil`: nowhere.
    public var link: (ChainID) -> String? = { _ in nil }

    /// Points to the inch of an image; nothing to a drawing of lines.
    public var resolution: Int?

    public init() {}
}

/// The `id` of what is drawn for a chain, or for a family that has it first.
public func pictureID(_ chain: ChainID) -> String { "chain-node-\(chain.index)" }

/// Writes the chain graph in the language of Graphviz. Names are escaped; nothing in a rule set is markup.
///
/// On top stand the hooks with a packet's way from one to the next. Each table is a cluster, one below the other, its base
/// chains in one row in the order of hooks and turns, and below them the chains that they lead to.
public func writeDot(
    _ picture: ChainPicture, _ settings: DotSettings = DotSettings(), into output: inout OutputBuffer
) {
    let writer = DotWriter(picture: picture, settings: settings)
    writer.write(into: &output)
}

private let font = "Helvetica,Arial,sans-serif"

private struct DotWriter {
    let picture: ChainPicture
    let settings: DotSettings
    let names: [String]
    let layout: PictureLayout
    let ways: [HookWayDot]
    let mostPackets: UInt64

    init(picture: ChainPicture, settings: DotSettings) {
        self.picture = picture
        self.settings = settings
        names = DotWriter.names(picture)
        layout = PictureLayout(picture)
        ways = picture.ways.enumerated().map { HookWayDot(way: $1, place: $0) }
        mostPackets = picture.edges.reduce(0) { max($0, $1.packetCount ?? 0) }
    }

    /// What dot calls the nodes: table and chain, with a number where that is not one node's alone.
    private static func names(_ picture: ChainPicture) -> [String] {
        var names = [String](repeating: "", count: picture.nodes.count)
        var used: [String: Int] = [:]
        for band in picture.bands {
            for index in band.nodes {
                let name = "\(band.title)/\(ChainLabels.name(picture.nodes[index]))"
                let count = used[name, default: 0]
                used[name] = count + 1
                names[index] = dotQuoted(count == 0 ? name : "\(name) (\(count + 1))")
            }
        }
        return names
    }

    func write(into output: inout OutputBuffer) {
        output.write("digraph \(dotQuoted(settings.title.isEmpty ? "chains" : settings.title)) {\n")
        output.write(
            "  graph [class=picture, id=\"chain-picture\", rankdir=TB, remincross=false, fontname=\"\(font)\", fontsize=16, bgcolor=\"\(PictureColor.paper)\","
        )
        output.write(
            " fontcolor=\"\(PictureColor.ink)\", pad=0.3, nodesep=0.22, ranksep=\"0.42\", labelloc=t, labeljust=l")
        // Without a limit, the last few pixels of a large picture would take most of the time.
        if picture.nodes.count > 150 { output.write(", nslimit=0.5") }
        if let resolution = settings.resolution { output.write(", dpi=\(resolution)") }
        output.write(caption() + "];\n")
        output.write("  node [shape=box, style=\"rounded,filled\", fontname=\"\(font)\", fontsize=12, height=0.3,")
        output.write(" margin=\"0.12,0.06\", fontcolor=\"\(PictureColor.ink)\"];\n")
        output.write("  edge [fontname=\"\(font)\", fontsize=10, color=\"\(PictureColor.quiet)\",")
        output.write(" fontcolor=\"\(PictureColor.quiet)\", arrowsize=0.7];\n")
        for way in ways { way.write(into: &output) }
        for band in picture.bands { writeBand(band, into: &output) }
        writeOrder(into: &output)
        for edge in picture.edges { writeEdge(edge, into: &output) }
        output.write("}\n")
    }

    /// The title, and what is to be noted.
    private func caption() -> String {
        var lines: [LabelLine] = []
        if !settings.title.isEmpty { lines.append(LabelLine(text: pictureText(settings.title), role: .name)) }
        if !picture.extent.isEmpty { lines.append(LabelLine(text: picture.extent, role: .plain)) }
        for text in legend() { lines.append(LabelLine(text: text, role: .quiet)) }
        for note in picture.notes.prefix(shownNotes) {
            lines.append(LabelLine(text: elided(pictureText(note), to: 140), role: .bad))
        }
        if picture.notes.count > shownNotes {
            lines.append(LabelLine(text: "and \(picture.notes.count - shownNotes) more to be noted", role: .bad))
        }
        return lines.isEmpty ? "" : ", label=\(htmlLabel(lines, align: "LEFT"))"
    }

    private func legend() -> [String] {
        var signs: [String] = []
        if picture.nodes.contains(where: { $0.isFamily }) { signs.append("a double frame: several like chains") }
        if picture.edges.contains(where: { $0.isGoto }) { signs.append("a dashed arrow: goto") }
        if mostPackets > 0, picture.edges.contains(where: { $0.packetCount == 0 }) {
            signs.append("a thin pale arrow: no packet counted")
        }
        return ["Hooks from left to right as packets meet them, tables from top to bottom by priority"]
            + (signs.isEmpty ? [] : [capitalised(signs.joined(separator: "; "))])
    }

    private func writeBand(_ band: ChainPicture.Band, into output: inout OutputBuffer) {
        output.write("  subgraph \(dotQuoted("cluster \(band.title)")) {\n")
        let title = htmlLabel([LabelLine(text: pictureText(band.title), role: .name)], align: "LEFT")
        output.write(
            "    graph [class=band, label=\(title), style=\"rounded,filled\", fillcolor=\"\(PictureColor.band)\",")
        output.write(" color=\"\(PictureColor.bandLine)\", fontsize=14, labeljust=l, margin=14];\n")
        for index in band.nodes { writeNode(index, into: &output) }
        writeRows(band, into: &output)
        output.write("  }\n")
    }

    /// The rows from left to right, and the thread at the left side that rows and bands hang on.
    private func writeRows(_ band: ChainPicture.Band, into output: inout OutputBuffer) {
        var thread = 0
        for row in layout.rows(of: band) {
            let depth = layout.depth(below: row)
            let points = (thread...(thread + depth)).map { threadPoint(band, $0) }
            output.write("    { node [shape=point, width=0.02, height=0.02, style=invis, label=\"\"]; ")
            output.write(points.joined(separator: "; ") + " }\n")
            if thread > 0 {
                output.write("    \(threadPoint(band, thread - 1)) -> \(points[0]) [style=invis, weight=50];\n")
            }
            if points.count > 1 {
                output.write("    \(points.joined(separator: " -> ")) [style=invis, weight=50];\n")
            }
            output.write("    { rank=same; edge [style=invis, weight=2]; \(points[0])")
            for index in row { output.write(" -> \(names[index])") }
            output.write(" }\n")
            thread += depth + 1
        }
        for (upper, lower) in layout.stacked(in: band) {
            output.write("    \(names[upper]) -> \(names[lower]) [style=invis, weight=3];\n")
        }
    }

    private func threadPoint(_ band: ChainPicture.Band, _ row: Int) -> String { "thread_\(band.table)_\(row)" }

    /// The first and the last point of a band's thread.
    private func threadEnds(_ band: ChainPicture.Band) -> (first: String, last: String) {
        let count = layout.rows(of: band).reduce(0) { $0 + layout.depth(below: $1) + 1 }
        return (threadPoint(band, 0), threadPoint(band, count - 1))
    }

    private func writeNode(_ index: Int, into output: inout OutputBuffer) {
        let node = picture.nodes[index]
        let hue = PictureHue(node.owner)
        var classes = hue.rawValue
        var look = "fillcolor=\"\(hue.colors.fill)\", color=\"\(hue.colors.line)\""
        switch node.standing {
        case .base(let base):
            classes += " base"
            if base.policy == .drop {
                classes += " drops"
                look = "fillcolor=\"\(hue.colors.fill)\", color=\"\(PictureColor.bad)\", penwidth=3"
            } else {
                look += ", penwidth=2"
            }
        case .user: break
        case .unreferenced:
            classes += " unreferenced"
            look += ", style=\"rounded,filled,dashed\""
        case .missing:
            classes = "missing"
            look =
                "shape=octagon, style=filled, fillcolor=\"\(PictureColor.badFill)\", color=\"\(PictureColor.bad)\", penwidth=2"
        }
        if node.isFamily {
            classes += " family"
            look += ", peripheries=2"
        }
        output.write("    \(names[index]) [class=\"\(classes)\", \(look)")
        if let first = node.chains.first {
            output.write(", id=\"\(pictureID(first))\"")
            if let link = settings.link(first) { output.write(", URL=\(dotQuoted(link))") }
        }
        output.write(", tooltip=\(dotQuoted(tooltip(node)))")
        output.write(", label=\(htmlLabel(ChainLabels.lines(node), align: nil))];\n")
    }

    /// What there is no room for: the whole name, the first names of a family, the whole purpose.
    private func tooltip(_ node: ChainPicture.Node) -> String {
        var text = node.name
        if node.isFamily { text += "…: \(counted(node.chains.count, "chain"))" }
        if !node.purpose.isEmpty { text += ", \(node.purpose)" }
        return text
    }

    /// The hooks above all tables, and one table below the other, all beginning at the left.
    private func writeOrder(into output: inout OutputBuffer) {
        let threads =
            ways.map { (first: $0.thread[0], last: $0.thread[$0.thread.count - 1]) }
            + picture.bands.map(threadEnds)
        for (upper, lower) in zip(threads, threads.dropFirst()) {
            output.write("  \(upper.last) -> \(lower.first) [style=invis, weight=50];\n")
        }
    }

    private func writeEdge(_ edge: ChainPicture.Edge, into output: inout OutputBuffer) {
        var look: [String] = []
        if edge.isGoto { look.append("style=dashed") }
        if edge.isLoop || picture.nodes[edge.to].standing == .missing {
            look.append("class=wrong, color=\"\(PictureColor.bad)\", penwidth=3")
        } else if edge.packetCount == 0, mostPackets > 0 {
            look.append("class=unused, color=\"\(PictureColor.faint)\"")
        } else if let packets = edge.packetCount, mostPackets > 0 {
            look.append("penwidth=\(width(packets))")
        }
        let label = ChainLabels.text(edge)
        if !label.isEmpty { look.append("label=\(dotQuoted(label))") }
        let attributes = look.isEmpty ? "" : " [\(look.joined(separator: ", "))]"
        output.write("  \(names[edge.from]) -> \(names[edge.to])\(attributes);\n")
    }

    /// 1 to 4 by the order of magnitude.
    private func width(_ packets: UInt64) -> String {
        let bits = 64 - packets.leadingZeroBitCount
        let most = max(10, 64 - mostPackets.leadingZeroBitCount)
        let tenths = 10 + 30 * bits / most
        return "\(tenths / 10).\(tenths % 10)"
    }
}

/// Notes that stand above a picture.
private let shownNotes = 6
