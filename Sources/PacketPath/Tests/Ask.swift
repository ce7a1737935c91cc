internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// `holds` where `field` of the packet is known; else an unknown named after what is asked of it, so that two rules
    /// that ask the same get the same answer.
    ///
    /// - Parameters:
    ///   - subject: the field's name in a sentence and in the unknown's name: `source port`.
    ///   - value: what it is compared with.
    ///   - relation: a word before the value in the sentence, such as `in`.
    func ask(
        _ field: PacketFields, _ packet: Packet, _ subject: String, relation: String = "",
        _ value: @autoclosure () -> String, _ holds: Bool
    ) -> Answer {
        if packet.unknown.isDisjoint(with: field) { return Answer(holds) }
        return perhaps(subject, relation: relation, value())
    }

    /// An unknown about the packet itself, named after what is asked.
    func perhaps(_ subject: String, relation: String = "", _ value: String, pins: Unknown.Pin? = nil) -> Answer {
        let name = "\(subject)@\(value)".map { $0 == " " ? "-" : String($0) }.joined()
        let text = relation.isEmpty ? value : "\(relation) \(value)"
        return .perhaps(
            Unknown(
                name, whenYes: "the packet's \(subject) is \(text)",
                whenNo: "the packet's \(subject) is not \(text)", pins: pins))
    }

    /// An unknown that belongs to one rule: its own counter, or something this program does not look into.
    func perhaps(
        _ kind: String, of rule: RuleReference, yes: String = "yes", no: String = "no", _ whenYes: String,
        _ whenNo: String, probability: Double? = nil
    ) -> Answer {
        let place = cite(rule)
        return .perhaps(
            Unknown(
                joined([kind, "@", place]), yes: yes, no: no, whenYes: joined([whenYes, " (", place, ")"]),
                whenNo: joined([whenNo, " (", place, ")"]), probability: probability))
    }

    /// One text of several, for which room is made once.
    private func joined(_ parts: [String]) -> String {
        var text = ""
        text.reserveCapacity(parts.reduce(0) { $0 + $1.utf8.count })
        for part in parts { text += part }
        return text
    }

    /// Whether `rule` stands in a table that nf_tables evaluates.
    func isInNFTables(_ rule: RuleReference) -> Bool { model.linked.backend(of: rule.chain) == .nfTables }

    /// Whether the packet may be of `protocol`. One of unknown protocol is taken to be: `-p` has asked before.
    func isOf(_ wanted: IPProtocol, _ packet: Packet) -> Bool {
        packet.protocol == wanted || packet.unknown.contains(.protocol)
    }

    enum PortSide { case source, destination }

    /// Whether the packet's port lies in `range`.
    func testPorts(_ side: PortSide, in range: PortRange, _ packet: Packet) -> Answer {
        if range.isAll { return .yes }
        let isSource = side == .source
        let choices = isSource ? packet.sourcePortChoices : packet.destinationPortChoices
        // Nearly always: one port, which is known.
        if choices == nil, packet.unknown.isDisjoint(with: isSource ? .sourcePort : .destinationPort) {
            return Answer(range.contains(isSource ? packet.sourcePort : packet.destinationPort))
        }
        return testPorts(side, in: [range], packet)
    }

    /// Whether the packet's port lies in one of `ranges`.
    func testPorts(_ side: PortSide, in ranges: [PortRange], _ packet: Packet) -> Answer {
        let field: PacketFields = side == .source ? .sourcePort : .destinationPort
        let subject = side == .source ? "source port" : "destination port"
        if ranges.contains(where: { $0.isAll }) { return .yes }
        let isDrawn = packet.unknown.contains(field) == (side == .destination)
        if isDrawn, let choices = side == .source ? packet.sourcePortChoices : packet.destinationPortChoices {
            if !ranges.contains(where: { $0.first <= choices.last && choices.first <= $0.last }) { return .no }
            if ranges.contains(where: { $0.first <= choices.first && choices.last <= $0.last }) { return .yes }
            return perhaps(subject, relation: "in", listing(ranges))
        }
        let port = side == .source ? packet.sourcePort : packet.destinationPort
        return ask(field, packet, subject, relation: "in", listing(ranges), ranges.contains { $0.contains(port) })
    }

    private func listing(_ ranges: [PortRange]) -> String {
        var text = ""
        for range in ranges { text += (text.isEmpty ? "" : ",") + span(range) }
        return text
    }

    /// `80` or `1024-65535`.
    func span<Number>(_ range: NumberRange<Number>) -> String {
        range.isSingle ? "\(range.first)" : "\(range.first)-\(range.last)"
    }

    /// `0x1` or `0x1/0xff`.
    func masked(_ word: MaskedWord) -> String {
        word.mask == .max ? hexadecimal(word.value) : hexadecimal(word.value) + "/" + hexadecimal(word.mask)
    }

    func text(_ mask: AddressMask) -> String {
        guard let length = mask.prefixLength else { return "\(mask.address)/\(mask.mask)" }
        return length == mask.address.version.addressBits ? "\(mask.address)" : "\(mask.address)/\(length)"
    }
}
