internal import Annotations
internal import RuleModel

/// A line of a label.
struct LabelLine: Hashable {
    enum Role: Hashable {
        case name, plain, quiet, bad
    }

    var text: String
    var role: Role
}

/// What is written in nodes and at edges, whatever the language; text is safe to show, but not yet escaped for it.
enum ChainLabels {
    private static let nameLength = 36
    private static let lineLength = 34

    static func lines(_ node: ChainPicture.Node) -> [LabelLine] {
        var lines = [LabelLine(text: name(node), role: .name)]
        func add(_ text: String, _ role: LabelLine.Role? = nil) {
            lines.append(LabelLine(text: text, role: role ?? .quiet))
        }
        switch node.standing {
        case .base(let base):
            var text = "\(base.hook.name), priority \(base.priority)"
            if let turn = base.turn, turn.count > 1 { text += ", \(ordinal(turn.place)) of \(turn.count)" }
            add(text)
            let packets = base.policyPackets.map { $0 > 0 ? ": \(packetCount($0))" : "" } ?? ""
            if base.policy == .drop { add("policy DROP\(packets)", .bad) } else { add("policy ACCEPT\(packets)") }
        case .user: break
        case .unreferenced: add(node.isFamily ? "nothing jumps to these" : "nothing jumps here", .bad)
        case .missing:
            add("not in the table", .bad)
            return lines
        }
        let owner = node.owner.map { " · \($0.name)" } ?? ""
        add(counted(node.ruleCount, "rule") + owner, .plain)
        for line in wrapped(pictureText(node.purpose), width: lineLength, lines: 2) { add(line) }
        if let decided = node.decided { for text in shares(decided, policyPackets: policyPackets(node)) { add(text) } }
        if node.hiddenCount > 0 { add("leads to \(counted(node.hiddenCount, "chain")) not shown") }
        return lines
    }

    static func lines(_ stop: HookWay.Stop) -> [LabelLine] {
        guard case .hook = stop.kind else { return [LabelLine(text: stop.name, role: .plain)] }
        var lines = [LabelLine(text: stop.name, role: .name)]
        for text in stop.lines {
            for line in wrapped(pictureText(text), width: lineLength, lines: 3) {
                lines.append(LabelLine(text: line, role: .quiet))
            }
        }
        return lines
    }

    /// The name alone, elided; of a family what its names begin with, and how many they are.
    static func name(_ node: ChainPicture.Node) -> String {
        if !node.isFamily { return pictureText(elided(node.name, to: nameLength)) }
        let many = counted(node.chains.count, "chain")
        return node.name.isEmpty ? many : "\(many) \(pictureText(elided(node.name, to: nameLength - 8)))…"
    }

    /// Nothing where the policy decided it all: that is told beside it.
    private static func shares(_ decided: ChainPicture.Decided, policyPackets: UInt64?) -> [String] {
        let total = decided.total
        if total == 0 || total == policyPackets { return [] }
        var parts: [String] = []
        for (word, count) in [
            ("accepts", decided.accepted), ("drops", decided.dropped), ("translates", decided.translated),
            ("queues", decided.queued),
        ] where count > 0 {
            parts.append("\(word) \(percentage(count, of: total))")
        }
        let whole = "of \(packetCount(total))"
        return parts.count == 1 ? ["\(parts[0]) \(whole)"] : [parts.joined(separator: ", "), whole]
    }

    private static func policyPackets(_ node: ChainPicture.Node) -> UInt64? {
        if case .base(let base) = node.standing { base.policyPackets } else { nil }
    }

    private static func packetCount(_ count: UInt64) -> String { "\(shortCount(count)) packet\(count == 1 ? "" : "s")" }

    static func text(_ edge: ChainPicture.Edge) -> String {
        var parts: [String] = []
        if edge.isLoop { parts.append("loop") }
        if edge.isGoto { parts.append("goto") }
        if edge.ruleCount > 1 { parts.append("\(edge.ruleCount) rules") }
        // A jump that no packet took is thin and pale; a number at each would hide the others.
        if let packets = edge.packetCount, packets > 0 { parts.append(packetCount(packets)) }
        return parts.joined(separator: ", ")
    }
}
