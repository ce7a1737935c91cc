internal import Answers
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports
internal import SourceText
internal import Synchronization

/// Answers to packets that were followed, told again for packets of which nothing on the host can tell them apart.
///
/// Packets are alike where all their fields are the same or, of addresses and ports, of one class (`ValueClasses`). That
/// classes leave nothing out is not taken on trust: an answer is told with other values in a field only after a packet that
/// had another value there was followed itself, and its answer was the same to the byte.
final class KeptAnswers: Sendable {
    private let classes: ValueClasses
    /// Names from here on are one tracer's own, and another's may have the same numbers.
    private let nameCount: Int
    private let shapes = Mutex<[Shape: Int]>([:])
    /// By their keys' hash, so that threads seldom wait for each other.
    private let shards: [Shard]

    /// - Parameter mostBytes: how much memory answers may take.
    /// - Returns: `nil` where no classes can be told of the host.
    init?(of model: HostModel, mostBytes: Int) {
        guard let classes = ValueClasses(model) else { return nil }
        self.classes = classes
        nameCount = model.names.count
        shards = (0..<16).map { _ in Shard(mostBytes: mostBytes / 16) }
    }

    /// What packets that are alike have in common besides addresses and ports.
    fileprivate struct Shape: Hashable {
        /// With addresses and ports of zero.
        let request: TraceRequest
        let notes: [String]
    }

    /// What packets that are alike have in common.
    struct Key: Hashable {
        /// The least ones of their classes.
        fileprivate let values: PacketValues
        fileprivate let shape: Int
        /// The fields whose values have others in their classes.
        fileprivate let open: PacketFields
        /// Whether the classes hold for answers to the packet, too.
        fileprivate let isTurned: Bool
    }

    private struct Kept {
        let form: AnswerForm
        let result: LineResult
        /// Those of the packet that was followed first.
        let values: PacketValues
        /// Fields in which a packet with another value was followed.
        var proved: PacketFields = []
    }

    private enum State {
        case kept(Kept)
        /// Each is followed.
        case left
        /// They have answers of their own: finer classes are asked.
        case turned
    }

    private final class Shard: Sendable {
        let states = Mutex<(byKey: [Key: State], bytes: Int)>(([:], 0))
        /// Beyond which no more are kept.
        let mostBytes: Int

        init(mostBytes: Int) { self.mostBytes = mostBytes }
    }

    private func shard(of key: Key) -> Shard { shards[key.hashValue & 15] }

    /// What one thread remembers of the packet before.
    struct Memory {
        fileprivate var last: (shape: Shape, number: Int)?
        /// How many answers were kept that another packet's own answer spoke against: none, where classes leave nothing
        /// out.
        fileprivate(set) var refutedCount = 0
    }

    /// What is to be done about a packet.
    enum Advice {
        /// It has the same answer as one before.
        case tell(AnswerForm, LineResult)
        /// Its answer may be kept.
        case follow(Key)
        case leave
    }

    /// - Parameter tracesReply: whether the reply is followed, too.
    func advice(on packet: PreparedPacket, tracesReply: Bool, _ memory: inout Memory) -> Advice {
        advice(on: packet, isTurned: tracesReply || packet.request.state != nil, &memory)
    }

    private func advice(on packet: PreparedPacket, isTurned: Bool, _ memory: inout Memory) -> Advice {
        guard let key = key(of: packet, isTurned: isTurned, &memory) else { return .leave }
        let shard = shard(of: key)
        let (state, isFull) = shard.states.withLock { ($0.byKey[key], $0.bytes >= shard.mostBytes) }
        switch state {
        case .left?: return .leave
        case .turned?: return advice(on: packet, isTurned: true, &memory)
        case .kept(let kept)?:
            let differences = PacketValues(packet.request.packet).differences(from: kept.values)
            return differences.isSubset(of: kept.proved) ? .tell(kept.form, kept.result) : .follow(key)
        case nil: return isFull ? .leave : .follow(key)
        }
    }

    /// Has the answer to a packet that was followed written, and keeps it, or holds one that is kept against it.
    ///
    /// - Parameters:
    ///   - json: keeps what is written.
    ///   - write: writes the answer.
    func take(
        _ key: Key, _ packet: Packet, _ answer: TraceAnswer, _ memory: inout Memory, into json: inout JSONWriter,
        _ write: (inout JSONWriter) -> Void
    ) {
        let values = PacketValues(packet)
        let shard = shard(of: key)
        guard let state = shard.states.withLock({ $0.byKey[key] }) else {
            var state = State.left
            var bytes = 2 * MemoryLayout<(Key, State)>.stride
            if !key.isTurned, answer.trace.isAnswered {
                state = .turned
                write(&json)
            } else if let form = AnswerForm(values, key.open, isTurned: key.isTurned, into: &json, write) {
                state = .kept(Kept(form: form, result: LineResult(answer), values: values))
                bytes += form.byteCount
            }
            shard.states.withLock { states in
                // Another thread may have been here.
                guard states.byKey[key] == nil else { return }
                states.byKey[key] = state
                states.bytes += bytes
            }
            return
        }
        let start = json.output.count
        write(&json)
        guard case .kept(let kept) = state else { return }
        let isSame =
            kept.result == LineResult(answer)
            && kept.form.isLine(from: start, of: json, values, answer.identifier)
        if !isSame { memory.refutedCount += 1 }
        shard.states.withLock { states in
            guard isSame else { return states.byKey[key] = .left }
            guard case .kept(var current)? = states.byKey[key] else { return }
            current.proved.formUnion(values.differences(from: current.values))
            states.byKey[key] = .kept(current)
        }
    }

    /// `nil` for a packet that is not like any other.
    private func key(of prepared: PreparedPacket, isTurned: Bool, _ memory: inout Memory) -> Key? {
        var request = prepared.request
        let packet = request.packet
        // What is in others, or was given as bytes, has values of its own; an error is about another packet.
        guard packet.bytes.isEmpty, !packet.isFragment, request.inner.isEmpty, request.completes == nil,
            packet.unknown.isDisjoint(with: PacketValues.fields), packet.sourcePortChoices == nil,
            packet.source != packet.destination, !packet.protocol.isICMP || isEcho(packet), hasCommonNames(request)
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
        let shape = Shape(request: request, notes: prepared.notes)
        return number(of: shape, &memory).map { Key(values: values, shape: $0, open: open, isTurned: isTurned) }
    }

    private func isEcho(_ packet: Packet) -> Bool {
        packet.protocol == .icmp ? packet.icmpType == 0 || packet.icmpType == 8 : packet.icmpType >> 1 == 64
    }

    /// Whether its names have the same numbers for all threads.
    private func hasCommonNames(_ request: TraceRequest) -> Bool {
        func isCommon(_ name: Symbol?) -> Bool { name.map { Int($0.index) < nameCount } ?? true }
        var origin: Symbol?
        if case .interface(let name) = request.origin { origin = name }
        return isCommon(origin) && isCommon(request.inPort) && isCommon(request.outPort)
    }

    /// Most packets of a batch have one or two shapes; a number of its own has each of so many as are worth it.
    private func number(of shape: Shape, _ memory: inout Memory) -> Int? {
        if let last = memory.last, last.shape == shape { return last.number }
        let number = shapes.withLock { shapes -> Int? in
            if let known = shapes[shape] { return known }
            guard shapes.count < 4096 else { return nil }
            shapes[shape] = shapes.count
            return shapes.count - 1
        }
        if let number { memory.last = (shape, number) }
        return number
    }
}

extension Trace {
    /// Whether an answer to the packet was followed on some way, or none came of it that might have.
    fileprivate var isAnswered: Bool {
        outcome == .rejected || !answer.isEmpty || !reply.isEmpty || branches.contains { $0.trace.isAnswered }
    }
}
