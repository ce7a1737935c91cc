internal import RuleModel

/// Writes the chain graph in the language of Mermaid.
public func writeMermaid(_ picture: ChainPicture, into output: inout OutputBuffer) {
    output.write("flowchart TB\n")
    for band in picture.bands {
        output.write("  subgraph t\(band.table)[\"\(mermaidEscaped(band.title))\"]\n")
        for index in band.nodes { writeNode(picture.nodes[index], index, into: &output) }
        output.write("  end\n")
    }
    let layout = PictureLayout(picture)
    for (band, next) in zip(picture.bands, picture.bands.dropFirst()) {
        guard let lowest = layout.lowest(of: band), let first = next.nodes.first else { continue }
        output.write("  n\(lowest) ~~~ n\(first)\n")
    }
    for edge in picture.edges {
        let label = ChainLabels.text(edge)
        let arrow = edge.isLoop ? "==>" : edge.isGoto ? "-.->" : "-->"
        let text = label.isEmpty ? "" : "|\"\(mermaidEscaped(label))\"|"
        output.write("  n\(edge.from) \(arrow)\(text) n\(edge.to)\n")
    }
    // Both colours are told: the text must be legible whatever the theme.
    for hue in PictureHue.allCases {
        let colors = hue.colors
        output.write("  classDef \(hue.rawValue) fill:\(colors.fill),stroke:\(colors.line),color:\(PictureColor.ink)\n")
    }
    output.write("  classDef drops stroke:\(PictureColor.bad),stroke-width:3px\n")
    output.write(
        "  classDef missing fill:\(PictureColor.badFill),stroke:\(PictureColor.bad),color:\(PictureColor.ink)\n")
    output.write("  classDef unreferenced stroke-dasharray:4\n")
    if !picture.extent.isEmpty { output.write("  %% \(picture.extent)\n") }
    for note in picture.notes { output.write("  %% \(mermaidComment(note))\n") }
}

private func writeNode(_ node: ChainPicture.Node, _ index: Int, into output: inout OutputBuffer) {
    var label = ""
    for line in ChainLabels.lines(node) { label += (label.isEmpty ? "" : "<br/>") + mermaidEscaped(line.text) }
    var classes = PictureHue(node.owner).rawValue
    switch node.standing {
    case .base(let base): if base.policy == .drop { classes += " drops" }
    case .user: break
    case .unreferenced: classes += " unreferenced"
    case .missing: classes = "missing"
    }
    let shape = node.isFamily ? ("[[", "]]") : ("[", "]")
    output.write("    n\(index)\(shape.0)\"\(label)\"\(shape.1)\n")
    for name in classes.split(separator: " ") { output.write("    class n\(index) \(name)\n") }
}

/// Letters, digits and harmless marks stay; all else becomes a character's number, as Mermaid reads it.
private func mermaidEscaped(_ text: String) -> String {
    var result = ""
    for scalar in pictureText(text).unicodeScalars {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", " ", "-", "_", ".", "/", ":", ",", "+", "=", "(", ")", "·", "…":
            result.unicodeScalars.append(scalar)
        default: result += "#\(scalar.value);"
        }
    }
    return result
}

/// Text behind `%%`, where a line's end ends it and `{` may begin a directive.
private func mermaidComment(_ text: String) -> String {
    var result = ""
    for scalar in pictureText(text).unicodeScalars where scalar != "{" && scalar != "}" {
        result.unicodeScalars.append(scalar)
    }
    return result
}
