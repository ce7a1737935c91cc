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
/// Each table is a cluster, one below the other, its base chains in one row in the order of hooks and turns, and below
/// them the chains that they lead to.
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
    let mostPackets: UInt64

    init(picture: ChainPicture, settings: DotSettings) {
        self.picture = picture
        self.settings = settings
        names = DotWriter.names(picture)
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
            "  graph [class=picture, rankdir=TB, fontname=\"\(font)\", fontsize=16, bgcolor=\"\(PictureColor.paper)\",")
        output.write(
            " fontcolor=\"\(PictureColor.ink)\", pad=0.3, nodesep=0.22, ranksep=\"0.42\", labelloc=t, labeljust=l")
        if let resolution = settings.resolution { output.write(", dpi=\(resolution)") }
        output.write(caption() + "];\n")
        output.write("  node [shape=box, style=\"rounded,filled\", fontname=\"\(font)\", fontsize=12, height=0.3,")
        output.write(" margin=\"0.12,0.06\", fontcolor=\"\(PictureColor.ink)\"];\n")
        output.write("  edge [fontname=\"\(font)\", fontsize=10, color=\"\(PictureColor.quiet)\",")
        output.write(" fontcolor=\"\(PictureColor.quiet)\", arrowsize=0.7];\n")
        for band in picture.bands { writeBand(band, into: &output) }
        writeOrder(into: &output)
        for edge in picture.edges { writeEdge(edge, into: &output) }
        output.write("}\n")
    }

    /// The title, and what is to be noted.
    private func caption() -> String {
        var lines: [LabelLine] = []
        if !settings.title.isEmpty { lines.append(LabelLine(text: pictureText(settings.title), role: .name)) }
        for note in picture.notes.prefix(shownNotes) {
            lines.append(LabelLine(text: elided(pictureText(note), to: 140), role: .bad))
        }
        if picture.notes.count > shownNotes {
            lines.append(LabelLine(text: "and \(picture.notes.count - shownNotes) more to be noted", role: .bad))
        }
        return lines.isEmpty ? "" : ", label=\(htmlLabel(lines, align: "LEFT"))"
    }

    private func writeBand(_ band: ChainPicture.Band, into output: inout OutputBuffer) {
        output.write("  subgraph cluster_\(band.table) {\n")
        let title = htmlLabel([LabelLine(text: pictureText(band.title), role: .name)], align: "LEFT")
        output.write("    graph [label=\(title), style=\"rounded,filled\", fillcolor=\"\(PictureColor.band)\",")
        output.write(" color=\"\(PictureColor.bandLine)\", fontsize=14, labeljust=l, margin=14];\n")
        for index in band.nodes { writeNode(index, into: &output) }
        let row = band.nodes.filter { isBase($0) }
        if row.count > 1 {
            output.write("    { rank=same; edge [style=invis, weight=2]; ")
            for (place, index) in row.enumerated() { output.write((place == 0 ? "" : " -> ") + names[index]) }
            output.write(" }\n")
        }
        output.write("  }\n")
    }

    private func isBase(_ index: Int) -> Bool {
        if case .base = picture.nodes[index].standing { true } else { false }
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

    /// One table below the other: from the lowest node of each to the first of the next.
    private func writeOrder(into output: inout OutputBuffer) {
        let depths = PictureDepths(picture)
        for (band, next) in zip(picture.bands, picture.bands.dropFirst()) {
            guard let lowest = depths.lowest(of: band), let first = next.nodes.first else { continue }
            output.write("  \(names[lowest]) -> \(names[first]) [style=invis, weight=0];\n")
        }
    }

    private func writeEdge(_ edge: ChainPicture.Edge, into output: inout OutputBuffer) {
        var look: [String] = []
        if edge.isGoto { look.append("style=dashed") }
        if edge.isLoop {
            look.append("class=loop, color=\"\(PictureColor.bad)\", penwidth=3")
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
        let most = max(1, 64 - mostPackets.leadingZeroBitCount)
        let tenths = 10 + 30 * bits / most
        return "\(tenths / 10).\(tenths % 10)"
    }
}

/// Notes that stand above a picture.
private let shownNotes = 6

/// A string of dot: quotes and backslashes are its own. A `&` would begin an entity.
func dotQuoted(_ text: String) -> String {
    var result = "\""
    for scalar in pictureText(text).unicodeScalars {
        switch scalar {
        case "\"", "\\":
            result += "\\"
            result.unicodeScalars.append(scalar)
        case "&": result += "&amp;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// A label of dot in its likeness of HTML, where nothing but the markup made here is any.
func htmlLabel(_ lines: [LabelLine], align: String?) -> String {
    var text = "<"
    let end = align.map { "<BR ALIGN=\"\($0)\"/>" } ?? "<BR/>"
    for (index, line) in lines.enumerated() {
        let escaped = markupEscaped(line.text)
        switch line.role {
        case .name: text += "<B>\(escaped)</B>"
        case .plain: text += "<FONT POINT-SIZE=\"11\">\(escaped)</FONT>"
        case .quiet: text += "<FONT POINT-SIZE=\"10\" COLOR=\"\(PictureColor.quiet)\">\(escaped)</FONT>"
        case .bad: text += "<FONT POINT-SIZE=\"11\" COLOR=\"\(PictureColor.bad)\"><B>\(escaped)</B></FONT>"
        }
        if index + 1 < lines.count || align != nil { text += end }
    }
    return text + ">"
}

/// Text as HTML and XML have it, in an element or in a quoted attribute.
public func markupEscaped(_ text: String) -> String {
    var result = ""
    for scalar in pictureText(text).unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// How far below the first row each node lies: as many edges as the longest way to it has.
struct PictureDepths {
    private let depth: [Int]

    init(_ picture: ChainPicture) {
        var targets = [[Int]](repeating: [], count: picture.nodes.count)
        for edge in picture.edges where edge.from != edge.to { targets[edge.from].append(edge.to) }
        // Depth first with a stack of its own; a node is done after all below it, so the reverse of that order goes down.
        var order: [Int] = []
        var state = [UInt8](repeating: 0, count: picture.nodes.count)
        var backward: Set<[Int]> = []
        for root in picture.nodes.indices where state[root] == 0 {
            var stack: [(node: Int, next: Int)] = [(root, 0)]
            state[root] = 1
            while let top = stack.last {
                guard top.next < targets[top.node].count else {
                    state[top.node] = 2
                    order.append(top.node)
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let target = targets[top.node][top.next]
                if state[target] == 0 {
                    state[target] = 1
                    stack.append((target, 0))
                } else if state[target] == 1 {
                    backward.insert([top.node, target])
                }
            }
        }
        var depth = [Int](repeating: 0, count: picture.nodes.count)
        for node in order.reversed() {
            for target in targets[node] where !backward.contains([node, target]) {
                depth[target] = max(depth[target], depth[node] + 1)
            }
        }
        self.depth = depth
    }

    func lowest(of band: ChainPicture.Band) -> Int? {
        band.nodes.max { (depth[$0], $1) < (depth[$1], $0) }
    }
}
