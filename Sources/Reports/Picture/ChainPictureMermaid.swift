internal import RuleModel

/// Writes the chain graph in the language of Mermaid.
public func writeMermaid(_ picture: ChainPicture, into output: inout OutputBuffer) {
    output.write("flowchart TB\n")
    for (index, way) in picture.ways.enumerated() { writeWay(way, index, into: &output) }
    for band in picture.bands {
        output.write("  subgraph t\(band.table)[\"\(mermaidEscaped(band.title))\"]\n")
        for index in band.nodes { writeNode(picture.nodes[index], index, into: &output) }
        output.write("  end\n")
    }
    writeOrder(picture, into: &output)
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
    if !picture.ways.isEmpty {
        output.write(
            "  classDef hook fill:\(PictureColor.paper),stroke:\(PictureColor.way),stroke-width:2px,color:\(PictureColor.ink)\n"
        )
        output.write(
            "  classDef between fill:\(PictureColor.paper),stroke:\(PictureColor.faint),color:\(PictureColor.quiet)\n")
    }
    if !picture.extent.isEmpty { output.write("  %% \(picture.extent)\n") }
    for note in picture.notes { output.write("  %% \(mermaidComment(note))\n") }
}

/// The hooks in a row: Mermaid keeps the direction of a subgraph as long as no arrow from outside leads to a node in it.
private func writeWay(_ way: HookWay, _ place: Int, into output: inout OutputBuffer) {
    output.write("  subgraph w\(place)[\"\(mermaidEscaped(way.title))\"]\n    direction LR\n")
    func name(_ isLocal: Bool, _ index: Int) -> String { "w\(place)\(isLocal ? "l" : "p")\(index)" }
    for isLocal in [false, true] {
        let stops = isLocal ? way.local : way.passing
        for (index, stop) in stops.enumerated() {
            let label = ChainLabels.lines(stop).map { mermaidEscaped($0.text) }.joined(separator: "<br/>")
            let shape = if case .hook = stop.kind { ("[", "]") } else { ("([", "])") }
            output.write("    \(name(isLocal, index))\(shape.0)\"\(label)\"\(shape.1)\n")
            output.write("    class \(name(isLocal, index)) \(stop.isShown ? "hook" : "between")\n")
        }
        for index in stops.indices.dropFirst() {
            output.write("    \(name(isLocal, index - 1)) --> \(name(isLocal, index))\n")
        }
    }
    if let turnOff = way.turnOff, let turnIn = way.turnIn {
        output.write("    \(name(false, turnOff)) --> \(name(true, 0))\n")
        output.write("    \(name(true, way.local.count - 1)) --> \(name(false, turnIn))\n")
    }
    output.write("  end\n")
}

/// The hooks on top, one table below the other.
private func writeOrder(_ picture: ChainPicture, into output: inout OutputBuffer) {
    let layout = PictureLayout(picture)
    var upper: String?
    for place in picture.ways.indices {
        if let upper { output.write("  \(upper) ~~~ w\(place)\n") }
        upper = "w\(place)"
    }
    for band in picture.bands {
        if let upper, let first = band.nodes.first { output.write("  \(upper) ~~~ n\(first)\n") }
        upper = layout.lowest(of: band).map { "n\($0)" }
    }
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
