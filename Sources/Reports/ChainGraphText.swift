public import ChainGraph
internal import SourceText

/// Writes the chain graph in the language of Graphviz. Names are escaped; nothing in a rule set is markup.
public func writeDot(_ linked: LinkedRuleset, into output: inout OutputBuffer) {
    let picture = ChainPicture(linked)
    output.write("digraph chains {\n")
    output.write("  rankdir=LR;\n  compound=true;\n  fontname=\"sans-serif\";\n")
    output.write("  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f6f8\", fontname=\"sans-serif\"];\n")
    output.write("  edge [fontname=\"sans-serif\", fontsize=10];\n")
    for group in picture.groups { writeDotGroup(group, "#dbe7f3", into: &output) }
    for group in picture.tables { writeDotGroup(group, "#eeeeee", into: &output) }
    if !picture.unreferenced.isEmpty {
        let group = ChainPicture.Group(id: "unreferenced", title: "nothing jumps here", nodes: picture.unreferenced)
        writeDotGroup(group, "#fff6dd", into: &output)
    }
    for node in picture.missing { writeDotNode(node, indent: "  ", into: &output) }
    for edge in picture.edges { writeDotEdge(edge, into: &output) }
    output.write("}\n")
}

private func dotQuoted(_ text: String) -> String {
    var result = "\""
    for scalar in escapedForTerminal(text).unicodeScalars {
        if scalar == "\"" || scalar == "\\" { result += "\\" }
        result.unicodeScalars.append(scalar)
    }
    return result + "\""
}

/// Lines of a label; `\n` between them is dot's own.
private func dotLabel(_ lines: [String]) -> String {
    var result = "\""
    for (index, line) in lines.enumerated() {
        if index > 0 { result += "\\n" }
        result += dotQuoted(line).dropFirst().dropLast()
    }
    return result + "\""
}

private func writeDotGroup(_ group: ChainPicture.Group, _ color: String, into output: inout OutputBuffer) {
    output.write("  subgraph cluster_\(group.id) {\n")
    output.write("    label=\(dotQuoted(group.title)); style=\"rounded,filled\"; color=\"\(color)\";\n")
    for node in group.nodes { writeDotNode(node, indent: "    ", into: &output) }
    output.write("  }\n")
}

private func writeDotNode(_ node: ChainPicture.Node, indent: String, into output: inout OutputBuffer) {
    var look = ""
    switch node.kind {
    case .base: look = node.drops ? ", fillcolor=\"#f6c7c0\", penwidth=2" : ", fillcolor=\"#cfe8cf\", penwidth=2"
    case .user: break
    case .unreferenced: look = ", style=\"rounded,dashed\", fontcolor=\"#777777\""
    case .missing: look = ", shape=octagon, style=filled, fillcolor=\"#f6c7c0\""
    }
    output.write("\(indent)\(node.id) [label=\(dotLabel(node.lines))\(look)];\n")
}

private func writeDotEdge(_ edge: ChainPicture.Edge, into output: inout OutputBuffer) {
    var look: [String] = []
    switch edge.kind {
    case .order: look = ["style=bold", "color=\"#3b6ea5\"", "weight=4"]
    case .flow: look = ["style=bold", "color=\"#3b6ea5\"", "arrowhead=vee", "weight=2"]
    case .jump: break
    case .goto: look = ["style=dashed"]
    }
    if edge.isLoop { look.append("color=red, penwidth=2") }
    var label = edge.kind == .goto ? "goto" : ""
    if edge.count > 1 { label += (label.isEmpty ? "" : " ") + "\(edge.count) rules" }
    if edge.isLoop { label += (label.isEmpty ? "" : ", ") + "loop" }
    if !label.isEmpty { look.append("label=\(dotQuoted(label))") }
    var attributes = ""
    for part in look { attributes += (attributes.isEmpty ? "" : ", ") + part }
    output.write("  \(edge.from) -> \(edge.to)" + (attributes.isEmpty ? "" : " [\(attributes)]") + ";\n")
}

/// Writes the chain graph in the language of Mermaid.
public func writeMermaid(_ linked: LinkedRuleset, into output: inout OutputBuffer) {
    let picture = ChainPicture(linked)
    output.write("flowchart LR\n")
    var groups = picture.groups + picture.tables
    if !picture.unreferenced.isEmpty {
        groups.append(
            ChainPicture.Group(id: "unreferenced", title: "nothing jumps here", nodes: picture.unreferenced))
    }
    for group in groups {
        output.write("  subgraph g_\(group.id)[\"\(mermaidEscaped(group.title))\"]\n")
        for node in group.nodes { writeMermaidNode(node, indent: "    ", into: &output) }
        output.write("  end\n")
    }
    for node in picture.missing { writeMermaidNode(node, indent: "  ", into: &output) }
    for edge in picture.edges {
        let arrow: String
        switch edge.kind {
        case .order, .flow: arrow = "==>"
        case .jump: arrow = "-->"
        case .goto: arrow = "-.->"
        }
        var label = edge.kind == .goto ? "goto" : ""
        if edge.count > 1 { label += (label.isEmpty ? "" : " ") + "\(edge.count) rules" }
        if edge.isLoop { label += (label.isEmpty ? "" : ", ") + "loop" }
        output.write("  \(edge.from) \(arrow)\(label.isEmpty ? "" : "|\"\(label)\"|") \(edge.to)\n")
    }
    output.write("  classDef drops fill:#f6c7c0\n  classDef base fill:#cfe8cf\n")
    output.write("  classDef missing fill:#f6c7c0,stroke:#aa0000\n  classDef unreferenced stroke-dasharray:4\n")
}

private func writeMermaidNode(_ node: ChainPicture.Node, indent: String, into output: inout OutputBuffer) {
    var label = ""
    for line in node.lines { label += (label.isEmpty ? "" : "<br/>") + mermaidEscaped(line) }
    let look: String
    switch node.kind {
    case .base: look = node.drops ? ":::drops" : ":::base"
    case .user: look = ""
    case .unreferenced: look = ":::unreferenced"
    case .missing: look = ":::missing"
    }
    output.write("\(indent)\(node.id)[\"\(label)\"]\(look)\n")
}

/// Letters, digits and harmless marks stay; all else becomes a character's number, as Mermaid reads it.
private func mermaidEscaped(_ text: String) -> String {
    var result = ""
    for scalar in escapedForTerminal(text).unicodeScalars {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", " ", "-", "_", ".", "/", ":", ",", "+", "=", "(", ")":
            result.unicodeScalars.append(scalar)
        default: result += "#\(scalar.value);"
        }
    }
    return result
}
