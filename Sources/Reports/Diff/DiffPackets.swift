internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
internal import PacketPath
internal import PathModel
public import Questions
internal import RuleModel
internal import SourceText

/// Which packets two nodes treat differently, for a person.
public func packetBlocks(
    _ comparison: PacketComparison, _ nodes: [DiffedNode], _ settings: DiffReportSettings = DiffReportSettings()
) -> [Block] {
    guard nodes.count == 2 else { return [] }
    var blocks = comparedBlocks(comparison, nodes[0].side, nodes[1].side, settings)
    let grounds = grounds(nodes)
    if !grounds.isEmpty {
        blocks.append(.paragraph("This rests on"))
        blocks.append(.list(grounds.map { [.paragraph(RichText($0))] }))
    }
    return blocks
}

/// What is doubtful of both nodes, then what is of one, under its name.
private func grounds(_ nodes: [DiffedNode]) -> [String] {
    let common = nodes.dropFirst().reduce(nodes.first?.doubts ?? []) { common, node in
        common.filter { node.doubts.contains($0) }
    }
    return common
        + nodes.flatMap { node in node.doubts.filter { !common.contains($0) }.map { "\(node.node.name): \($0)" } }
}

private func comparedBlocks(
    _ comparison: PacketComparison, _ a: DiffSide, _ b: DiffSide, _ settings: DiffReportSettings
) -> [Block] {
    var blocks: [Block] = []
    if !comparison.isDifferent {
        let text =
            comparison.isWhole
            ? RichText("No packet is treated differently: all were followed through both.", .good)
            : RichText("No packet is found that is treated differently, but not all could be followed to their ends:")
        blocks.append(.paragraph(text))
        blocks += unfollowedBlocks(comparison)
        for part in comparison.parts where part.isExhausted || !part.doubtful.isEmpty {
            if part.isExhausted {
                blocks.append(.list([[.paragraph(RichText("\(title(part)): there was no room for all", .bad))]]))
                continue
            }
            let words = CubeWords(space: part.space, model: a.node.model)
            let list = part.space.cubes(of: part.space.possibly(part.doubtful), within: part.domain, limit: 20)
            blocks.append(
                .list(list.cubes.prefix(4).map { [.paragraph(RichText("\(title(part)): \(words.text($0))"))] }))
        }
        return blocks
    }
    blocks.append(.heading(RichText("Packets that are treated differently")))
    for part in comparison.parts {
        if part.isExhausted {
            blocks.append(
                .paragraph(RichText("\(title(part)): not known, there was no room to follow them all.", .bad)))
        }
        for difference in part.differences {
            var text = RichText(title(part) + ": ", .quiet)
            text.add(words(difference.before), .bad)
            text.add(" becomes ")
            text.add(words(difference.after), .good)
            blocks.append(.paragraph(text))
            blocks.append(.indented(packetLines(difference, part, a, b, settings)))
        }
    }
    if !comparison.unfollowed.isEmpty {
        blocks.append(.paragraph("Not followed, though it decides about packets too:"))
        blocks += unfollowedBlocks(comparison)
    }
    return blocks
}

private func unfollowedBlocks(_ comparison: PacketComparison) -> [Block] {
    comparison.unfollowed.map { .list([[.paragraph(RichText($0.text))]]) }
}

private func title(_ part: PacketComparison.Part) -> String {
    "IPv\(part.version.rawValue) \(part.origin == .wire ? "from the wire" : "made here")"
}

private func packetLines(
    _ difference: TreatedOtherwise, _ part: PacketComparison.Part, _ a: DiffSide, _ b: DiffSide,
    _ settings: DiffReportSettings
) -> [Block] {
    let space = part.space
    let model = a.node.model
    let list = space.cubes(of: space.possibly(difference.packets), within: part.domain, limit: 60)
    let words = CubeWords(space: space, model: model)
    let most = settings.limit.map { min($0, 8) } ?? list.cubes.count
    var items: [[Block]] = list.cubes.prefix(most).map { [.paragraph(RichText(words.text($0)))] }
    let more = list.cubes.count - items.count
    if more > 0 || !list.rest.isEmpty {
        let text = list.rest.isEmpty ? "… and \(more) more" : "… and more than \(more) more"
        items.append([.paragraph(RichText(text, .quiet))])
    }
    var blocks: [Block] = [.list(items)]
    for (side, mark, rules, chains) in [
        (a, "- ", difference.rulesBefore, difference.policiesBefore),
        (b, "+ ", difference.rulesAfter, difference.policiesAfter),
    ] {
        let most = 4
        var lines = rules.prefix(most).map { mark + "by " + side.citation($0) }
        lines += chains.prefix(most).map { mark + "by the policy of " + side.node.model.linked.path(of: $0) }
        if rules.count > most { lines.append(mark + "… and \(rules.count - most) more rules") }
        blocks += lines.map { .verbatim([RichText($0)]) }
    }
    let unknowns = space.unknownNames(difference.packets)
    if !unknowns.isEmpty {
        let text = unknowns.prefix(4).joined(separator: " ") + (unknowns.count > 4 ? " …" : "")
        blocks.append(.paragraph(RichText("depending on \(text)", .quiet)))
    }
    if let example = space.example(of: difference.packets) {
        let call = "hookline trace SNAPSHOT \(example.traceOptions(on: model))"
        blocks.append(.verbatim([RichText([TextRun("for example: ", .quiet), TextRun(call, .code)])]))
    }
    return blocks
}

extension DiffSide {
    /// `filter/INPUT:3 (iptables-save.txt:12)`
    fileprivate func citation(_ rule: RuleReference) -> String {
        "\(node.model.linked.path(of: rule.chain)):\(rule.index + 1) (\(location(rule)))"
    }
}

/// `forwarded by eth1 as 10.244.1.7:8080`
private func words(_ treatment: Treatment) -> String {
    var text = treatment.outcome.name
    if let with = treatment.rejectWith { text += " (\(with.name))" }
    if let interface = treatment.interface { text += " by \(interface)" }
    if let beyond = treatment.beyond { text += " in \(beyond)" }
    for (name, address, port) in [
        ("from", treatment.source, treatment.sourcePort), ("to", treatment.destination, treatment.destinationPort),
    ] {
        let ends = [told(address) { "\($0)" }, told(port) { "port \($0)" }].compactMap { $0 }
        if !ends.isEmpty { text += " \(name) " + ends.joined(separator: " ") }
    }
    return text
}

private func told<Value>(_ value: PacketClass.NewValue<Value>, _ text: (Value) -> String) -> String? {
    switch value {
    case .unchanged: nil
    case .given(let own): text(own)
    case .partly: "another prefix"
    case .unknown: "a value that the kernel chooses"
    case .various: "one of several"
    }
}

/// The member `packets` of the JSON answer: what is treated differently, from what to what.
public func writePacketComparison(
    _ comparison: PacketComparison, _ nodes: [DiffedNode], into json: inout JSONWriter
) {
    guard nodes.count == 2 else { return }
    let (a, b) = (nodes[0].side, nodes[1].side)
    json.beginObject()
    json.member("different", comparison.isDifferent)
    json.member("complete", comparison.isWhole)
    writeDeciders(comparison.unfollowed, nil, into: &json)
    let grounds = grounds(nodes)
    if !grounds.isEmpty { json.member("assumptions", grounds) }
    json.key("changes")
    json.beginArray()
    for part in comparison.parts {
        let space = part.space
        let cubeWords = CubeWords(space: space, model: a.node.model)
        for difference in part.differences {
            json.beginObject()
            json.member("family", part.version == .v4 ? "ip" : "ip6")
            json.member("origin", part.origin == .wire ? "wire" : "host")
            json.member("before", words(difference.before))
            json.member("after", words(difference.after))
            let list = space.cubes(of: space.possibly(difference.packets), within: part.domain, limit: 60)
            json.member("packets", list.cubes.prefix(20).map { cubeWords.text($0) })
            json.member("more", max(0, list.cubes.count - 20))
            json.member("rulesBefore", difference.rulesBefore.map { a.citation($0) })
            json.member("rulesAfter", difference.rulesAfter.map { b.citation($0) })
            json.member("unknowns", space.unknownNames(difference.packets))
            if let example = space.example(of: difference.packets) {
                json.member("example", example.traceOptions(on: a.node.model))
            }
            json.endObject()
        }
    }
    json.endArray()
    json.endObject()
}
