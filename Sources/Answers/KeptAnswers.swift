#if !hasFeature(Embedded)
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports

/// Answers to packets that were followed, told again for packets of which nothing on the host can tell them apart.
///
/// Packets are alike where all their fields are the same or, of addresses and ports, of one class (`ValueClasses`). That
/// classes leave nothing out is not taken on trust: an answer is told with other values in a field only after a packet that
/// had another value there was followed itself, and its answer was the same to the byte.
///
/// Not for use by two threads at once.
struct KeptAnswers {
    private let classes: ValueClasses
    /// Whether the reply is followed, too.
    private let turns: Bool
    private var answers: [Key: Kept] = [:]
    /// Each shape with its number; most packets of a batch have one or two.
    private var shapes: [Shape: Int] = [:]
    private var lastShape: (shape: Shape, number: Int)?
    /// Beyond which no more are kept, in bytes.
    private let mostBytes: Int
    private var byteCount = 0
    /// How many answers were kept that another packet's own answer spoke against: none, where classes leave nothing out.
    private(set) var refutedCount = 0

    init(_ classes: ValueClasses, tracesReplies: Bool, mostBytes: Int) {
        self.classes = classes
        turns = tracesReplies
        self.mostBytes = mostBytes
    }

    /// What packets that are alike have in common besides addresses and ports.
    private struct Shape: Hashable {
        /// With addresses and ports of zero.
        let request: TraceRequest
        let notes: [String]
        /// The fields whose values have others in their classes.
        let open: PacketFields
        /// Whether its classes hold for answers to the packet, too.
        let isTurned: Bool
    }

    /// What packets that are alike have in common.
    struct Key: Hashable {
        /// The least ones of their classes.
        fileprivate let values: PacketValues
        fileprivate let shape: Int
        fileprivate let open: PacketFields
        fileprivate let isTurned: Bool
    }

    private enum Kept {
        /// Each is followed.
        case no
        /// They have answers of their own: finer classes are asked.
        case turned
        case yes(AnswerForm, Outcome, of: PacketValues, proved: PacketFields)
    }

    /// What is to be done about a packet.
    enum Advice {
        /// It has the same answer as one before.
        case tell(AnswerForm, Outcome)
        /// Its answer may be kept.
        case follow(Key)
        case leave
    }

    mutating func advice(on packet: PreparedPacket) -> Advice {
        let isTurned = turns || packet.request.state != nil
        return advice(on: packet, isTurned: isTurned)
    }

    private mutating func advice(on packet: PreparedPacket, isTurned: Bool) -> Advice {
        guard let key = key(of: packet, isTurned: isTurned) else { return .leave }
        switch answers[key] {
        case .no?: return .leave
        case .turned?: return advice(on: packet, isTurned: true)
        case .yes(let form, let outcome, let values, let proved)?:
            let differences = PacketValues(packet.request.packet).differences(from: values)
            return differences.isSubset(of: proved) ? .tell(form, outcome) : .follow(key)
        case nil: return byteCount < mostBytes ? .follow(key) : .leave
        }
    }

    /// Keeps the answer to a packet that was followed, or holds one that is kept against it.
    ///
    /// - Parameter write: writes the answer, which has no identifier.
    mutating func take(_ key: Key, _ packet: Packet, _ answer: TraceAnswer, _ write: (inout JSONWriter) -> Void) {
        let values = PacketValues(packet)
        guard case .yes(let form, let outcome, let first, let proved)? = answers[key] else {
            byteCount += 2 * MemoryLayout<(Key, Kept)>.stride
            if !key.isTurned, answer.trace.isAnswered {
                answers[key] = .turned
            } else if let form = AnswerForm(values, key.open, write) {
                answers[key] = .yes(form, answer.finalOutcome, of: values, proved: [])
                byteCount += form.byteCount
            } else {
                answers[key] = .no
            }
            return
        }
        var told = JSONWriter(OutputBuffer(keeping: 16 << 10))
        form.write(values, .none, into: &told)
        var own = JSONWriter(OutputBuffer(keeping: 16 << 10))
        write(&own)
        guard outcome == answer.finalOutcome, told.output.gathered == own.output.gathered else {
            answers[key] = .no
            refutedCount += 1
            return
        }
        answers[key] = .yes(form, outcome, of: first, proved: proved.union(values.differences(from: first)))
    }

    /// `nil` for a packet that is not like any other.
    private mutating func key(of prepared: PreparedPacket, isTurned: Bool) -> Key? {
        var request = prepared.request
        let packet = request.packet
        // What is in others, or was given as bytes, has values of its own; an error is about another packet.
        guard packet.bytes.isEmpty, !packet.isFragment, request.inner.isEmpty, request.completes == nil,
            packet.unknown.isDisjoint(with: PacketValues.fields), packet.sourcePortChoices == nil,
            packet.source != packet.destination, !packet.protocol.isICMP || isEcho(packet)
        else { return nil }
        var values = PacketValues(packet)
        var open: PacketFields = []
        let source = classes.address(packet.source)
        let destination = classes.address(packet.destination)
        let ports = classes.ports(packet.sourcePort, packet.destinationPort, turned: isTurned)
        values.source = source.first
        values.destination = destination.first
        if !source.isAlone { open.insert(.source) }
        if !destination.isAlone { open.insert(.destination) }
        // A default stands in a sentence.
        if !packet.defaulted.contains(.sourcePort) {
            values.sourcePort = ports.source.first
            if !ports.source.isAlone { open.insert(.sourcePort) }
        }
        if !packet.defaulted.contains(.destinationPort) {
            values.destinationPort = ports.destination.first
            if !ports.destination.isAlone { open.insert(.destinationPort) }
        }
        // Which of two that are the same stands in an answer would not be known.
        if packet.sourcePort == packet.destinationPort, !open.isDisjoint(with: [.sourcePort, .destinationPort]) {
            return nil
        }
        request.packet.source = .zero(packet.version)
        request.packet.destination = .zero(packet.version)
        request.packet.sourcePort = 0
        request.packet.destinationPort = 0
        let shape = Shape(request: request, notes: prepared.notes, open: open, isTurned: isTurned)
        return number(of: shape).map { Key(values: values, shape: $0, open: open, isTurned: isTurned) }
    }

    private mutating func number(of shape: Shape) -> Int? {
        if let last = lastShape, last.shape == shape { return last.number }
        var number = shapes[shape]
        if number == nil, byteCount < mostBytes {
            number = shapes.count
            shapes[shape] = number
            byteCount += 2 * MemoryLayout<Shape>.stride
        }
        if let number { lastShape = (shape, number) }
        return number
    }

    private func isEcho(_ packet: Packet) -> Bool {
        packet.protocol == .icmp ? packet.icmpType == 0 || packet.icmpType == 8 : packet.icmpType >> 1 == 64
    }
}

extension Trace {
    /// Whether an answer to the packet was followed on some way, or none came of it that might have.
    fileprivate var isAnswered: Bool {
        outcome == .rejected || !answer.isEmpty || !reply.isEmpty || branches.contains { $0.trace.isAnswered }
    }
}
#endif
