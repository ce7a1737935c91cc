internal import NetTypes
public import PacketCapture
public import PacketPath
public import PathModel
public import Questions
public import Reports
public import RuleModel
public import Snapshot

/// Answers packets one after another on one node.
public struct Tracer: Sendable {
    public private(set) var model: HostModel
    private let node: NodeState
    private let settings: TraceSettings
    /// The connection table in force, with what earlier packets made (`--flows`).
    private var connections: ConnectionIndex
    /// What earlier packets did to sets (`--flows`).
    private var setChanges = SetChanges()
    /// The connections of IPVS that earlier packets made (`--flows`).
    private var virtualConnections: [VirtualConnection] = []
    /// Names of assumptions that were asked for, those given among them, and the values that they may have.
    private var asked: [String: [String]] = [:]
    private var used: Set<String> = []
    /// What of the node's input was lost.
    private let losses: [String]
    private let isConnectionTableFull: Bool

    public init(_ node: NodeState, _ model: HostModel, _ settings: TraceSettings) {
        self.model = model
        self.settings = settings
        self.node = node
        losses = node.losses
        isConnectionTableFull = model.isConnectionTableFull
        connections = model.connections
    }

    /// How much is told of each packet.
    var detail: Detail { settings.detail }

    public mutating func answer(_ description: PacketDescription) throws(PacketFailure) -> TraceAnswer {
        let prepared = try prepared(description)
        return answer(prepared, description.id, with: description.connection.map { [$0] } ?? [])
    }

    /// The packet that `description` says, ready to be followed.
    public mutating func prepared(_ description: PacketDescription) throws(PacketFailure) -> PreparedPacket {
        try prepare(description, node.cluster, on: &model)
    }

    /// - Parameters:
    ///   - id: what the asker calls the packet.
    ///   - entries: what the connection table has too.
    public mutating func answer(
        _ prepared: PreparedPacket, _ id: PacketDescription.Identifier?, with entries: [ConnectionEntry] = []
    ) -> TraceAnswer {
        var request = prepared.request
        request.traceReply = settings.roundTrip
        var answer = follow(request, with: entries)
        answer.notes += prepared.notes
        answer.identifier = TraceAnswer.Identifier(id)
        takeForGranted(in: &answer)
        return answer
    }

    /// Follows a packet that is ready for it, with these entries in the connection table too.
    public mutating func follow(_ request: TraceRequest, with entries: [ConnectionEntry]) -> TraceAnswer {
        var request = request
        request.assumptions = settings.assumptions
        request.recordsMisses = settings.detail == .full
        let trace = PacketPath.trace(
            request, on: model, connections: table(with: entries), setChanges: setChanges,
            virtualConnections: virtualConnections)
        if settings.flows { remember(trace) }
        var answer = TraceAnswer(trace: trace, request: request)
        answer.notes = losses
        answer.otherDeciders = open(relevantDeciders(trace, request, on: model))
        answer.missing = missingInputs(for: trace, request, of: node.missing)
        note(trace)
        return answer
    }

    /// What a frame of a capture is on the node.
    public mutating func take(_ frame: CapturedFrame, by replayer: inout FrameReplayer) -> ReplayedFrame {
        replayer.take(frame, on: &model, settings.flows ? connections : model.connections)
    }

    /// Knows the names that `model`, which is of the same node, has by now.
    public mutating func takeNames(of model: HostModel) { self.model = model }

    /// Follows a packet of a capture.
    public mutating func answer(_ seen: inout SeenPacket) -> TraceAnswer {
        if settings.flows, let entry = entryWithoutWindows(of: seen.prepared.request.packet, in: connections) {
            connections.update(entry)
            seen.add(.gap)
        }
        seen.isWithoutEntry = !mayHaveEntry(seen.prepared.request.packet, in: connections)
        var answer = follow(seen.prepared.request, with: [])
        answer.notes += seen.prepared.notes
        return answer
    }

    /// The table with these entries too: a copy of its own only where there are any.
    private func table(with entries: [ConnectionEntry]) -> ConnectionIndex {
        if entries.isEmpty { return connections }
        var table = connections
        for entry in entries { table.update(entry) }
        return table
    }

    /// Keeps the connections that the packet made and what it did to sets; a packet whose way is not sure leaves those
    /// that all its ways make.
    private mutating func remember(_ trace: Trace) {
        for entry in trace.agreedConnections { connections.update(entry) }
        setChanges = trace.setChanges
        for connection in trace.agreedVirtualConnections where !virtualConnections.contains(connection) {
            virtualConnections.insert(connection, at: 0)
        }
    }

    /// Those that `--assume NAME=pass` does not set aside.
    private mutating func open(_ deciders: [UnfollowedDecider]) -> [UnfollowedDecider] {
        var open: [UnfollowedDecider] = []
        for decider in deciders {
            asked[decider.name] = ["pass"]
            if settings.assumptions[decider.name] == "pass" {
                used.insert(decider.name)
            } else {
                open.append(decider)
            }
        }
        return open
    }

    /// Adds what the host itself does not tell and the answer hangs on all the same: whether an answer finds back to a private
    /// address, and whether a connection table that is full has room again.
    public mutating func takeForGranted(in answer: inout TraceAnswer) {
        var sources: [Int: IPAddress] = [:]
        answer.trace.forEachEnd { end, place in sources[place] = unanswerableSource(of: end, on: model) }
        let strays = take(.translatedBeyond) ? [:] : sources
        if !strays.isEmpty {
            answer.trace.changeEnds { end, place in
                if strays[place] != nil, end.senderView == .answer { end.senderView = nil }
            }
        }
        if answer.request.traceReply {
            answer.judgeSenders()
            let others = answer.strayReplies
            answer.trace.changeEnds { end, place in
                if others[place] != nil, end.senderView == .answer { end.senderView = .timeout }
            }
        }
        for (place, source) in strays where answer.strayReplies[place] == nil {
            answer.strayReplies[place] = .privateSource(source)
        }
        if !sources.isEmpty { answer.trace.assumptions.append(assumption(.translatedBeyond)) }
        if isConnectionTableFull, startsConnection(answer.trace) {
            answer.trace.assumptions.append(assumption(.tableHasRoom))
        }
    }

    private func take(_ granted: Granted) -> Bool {
        settings.assumptions[granted.name] == granted.value
    }

    private mutating func assumption(_ granted: Granted) -> Assumption {
        var assumption = Assumption(name: granted.name, value: granted.value, text: granted.text, step: nil)
        assumption.isGiven = take(granted)
        note(assumption)
        return assumption
    }

    // MARK: What `--assume` did

    private mutating func note(_ trace: Trace) {
        if settings.assumptions.isEmpty { return }
        trace.assumptions.forEach { note($0) }
        for branch in trace.branches {
            branch.assumptions.forEach { note($0) }
            note(branch.trace)
        }
        trace.reply.forEach { note($0) }
        trace.answer.forEach { note($0) }
    }

    private mutating func note(_ assumption: Assumption) {
        let kind = String(assumption.name.prefix { $0 != "@" })
        for name in [assumption.name, kind] {
            if assumption.isGiven { used.insert(name) }
            if asked[name]?.contains(assumption.value) != true { asked[name, default: []].append(assumption.value) }
        }
    }

    /// Assumptions that nothing asked for, and those with a value that is none of the variable's.
    public func unusedAssumptions() -> (names: [String], wrongValues: [UsageFailure]) {
        var names: [String] = []
        var wrong: [UsageFailure] = []
        for (name, value) in settings.assumptions.sorted(by: { $0.key < $1.key }) where !used.contains(name) {
            // Takes an address, and settles itself by it.
            if name == "tunnel-remote" { continue }
            if let values = asked[name], !values.contains(value) {
                let words = values.map { "'\($0)'" }.joined(separator: " or ")
                wrong.append(UsageFailure("--assume: '\(name)' can't be '\(value)'; it is \(words) here"))
            } else if asked[name] == nil {
                names.append(name)
            }
        }
        return (names, wrong)
    }
}

extension TraceAnswer.Identifier {
    public init(_ id: PacketDescription.Identifier?) {
        switch id {
        case .string(let text)?: self = .string(text)
        case .number(let text)?: self = .number(text)
        case nil: self = .none
        }
    }
}
