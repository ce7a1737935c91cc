internal import ChainGraph
internal import NetTypes
internal import PacketCapture
internal import PacketPath
internal import PathModel
public import Questions
internal import RuleModel
internal import SourceText

/// What became of the packets of a capture, by what decided about them. It grows with the rules, not with the capture.
public struct ReplaySummary: Sendable {
    /// What ended packets, or let them through.
    enum Decider: Hashable {
        case rule(RuleReference)
        case policy(ChainID)
        /// A look-up, a check or a limit outside the rules: the reason says it.
        case outside
        /// No filter chain asked.
        case none
        /// Several ways of one packet end by different ones.
        case several
        /// Unknowns, by the names that `--assume` takes.
        case unknowns([String])
        case otherPrograms([String])
    }

    struct Verdict: Hashable {
        var outcome: Outcome
        var reason: Reason?
        var decider: Decider
    }

    /// A translation by a rule, or by an entry of the connection table.
    struct Change: Hashable {
        var kind: TranslationStep.Kind
        var rule: RuleReference?
        var isFromEntry: Bool
    }

    /// Packets that have something in common.
    struct Group: Hashable {
        var count = 0
        /// How many groups of the kind were there before: tells those apart that began with one frame.
        var order = 0
        /// The number of the first frame.
        var frame: Int
        var time: CaptureTime?
        /// The first packet in words.
        var example: String
    }

    var verdicts: [Verdict: Group] = [:]
    var changes: [Change: Group] = [:]
    var remarks: [SeenPacket.Remark: Group] = [:]
    var evidence: [Evidence: Int] = [:]
    var assumptions: [String: Group] = [:]
    var missing: [MissingInput] = []
    var deciders: [String: Group] = [:]
    var passedOver: [ReplayedFrame.PassedOver.Kind: Group] = [:]
    var unreadable: [String: Group] = [:]
    /// Packets of TCP that begin no connection and of which no entry tells, judged as the first of one.
    var withoutBeginning: Group?
    public private(set) var frameCount = 0
    public private(set) var packetCount = 0
    /// Frames with an IP packet that can't be followed.
    public private(set) var badCount = 0
    public internal(set) var lostCount: UInt64 = 0
    var first: CaptureTime?
    var last: CaptureTime?

    struct Evidence: Hashable {
        var isMadeHere: Bool
        var by: SeenPacket.Evidence
    }

    /// Different assumptions, reasons and programs that are told apart; more are counted together.
    private static let mostKinds = 256

    public init() {}

    /// Counts a frame that is not answered.
    public mutating func add(_ frame: ReplayedFrame) {
        count(frame)
        switch frame.fate {
        case .packet: break
        case .passedOver(let passed): ReplaySummary.add(frame, "", to: &passedOver, at: passed.kind)
        case .unreadable(let problem):
            if !problem.isOtherProtocol { badCount += 1 }
            ReplaySummary.addBounded(frame, problem.message, "", to: &unreadable)
        }
    }

    /// Counts a packet with its answer.
    public mutating func add(_ frame: ReplayedFrame, _ seen: SeenPacket, _ answer: TraceAnswer) {
        count(frame)
        packetCount += 1
        let trace = answer.trace
        let way = Way(trace, packet: answer.request.packet)
        let leaves = way.leaves
        ReplaySummary.add(frame, packetText(way.ownPacket), to: &verdicts, at: verdict(answer, leaves))
        for (change, step, packet) in translations(leaves) {
            ReplaySummary.add(frame, changeText(step, packet), to: &changes, at: change)
        }
        evidence[Evidence(isMadeHere: seen.isMadeHere, by: seen.evidence), default: 0] += 1
        for remark in seen.remarks { ReplaySummary.add(frame, "", to: &remarks, at: remark) }
        for decider in answer.otherDeciders { ReplaySummary.addBounded(frame, decider.text, "", to: &deciders) }
        for input in answer.missing where !missing.contains(input) && missing.count < 64 { missing.append(input) }
        var told: Set<String> = []
        for leaf in leaves {
            for assumption in leaf.assumptions where told.insert(assumption.name).inserted && !assumption.isGiven {
                ReplaySummary.addBounded(frame, assumption.name, assumption.text, to: &assumptions)
            }
        }
        let isTracked = leaves.contains { $0.steps.contains { if case .conntrack = $0.kind { true } else { false } } }
        if seen.isWithoutEntry, isTracked, answer.request.packet.isWithinConnection {
            ReplaySummary.grow(&withoutBeginning, frame)
        }
    }

    private mutating func count(_ frame: ReplayedFrame) {
        frameCount += 1
        if first == nil { first = frame.time }
        last = frame.time ?? last
    }

    private static func add<Key: Hashable>(
        _ frame: ReplayedFrame, _ text: @autoclosure () -> String, to groups: inout [Key: Group], at key: Key
    ) {
        if groups[key] == nil {
            groups[key] = Group(order: groups.count, frame: frame.number, time: frame.time, example: text())
        }
        groups[key]?.count += 1
    }

    private static func addBounded(
        _ frame: ReplayedFrame, _ key: String, _ text: @autoclosure () -> String, to groups: inout [String: Group]
    ) {
        let isFull = groups.count >= mostKinds && groups[key] == nil
        add(frame, text(), to: &groups, at: isFull ? "others" : key)
    }

    private static func grow(_ group: inout Group?, _ frame: ReplayedFrame) {
        if group == nil { group = Group(frame: frame.number, time: frame.time, example: "") }
        group?.count += 1
    }
}

// MARK: - What decided

extension ReplaySummary {
    func verdict(_ answer: TraceAnswer, _ leaves: [Way]) -> Verdict {
        if !answer.otherDeciders.isEmpty {
            var names: [String] = []
            for decider in answer.otherDeciders where !names.contains(decider.name) { names.append(decider.name) }
            return Verdict(outcome: .undecided, reason: .unknownRule, decider: .otherPrograms(names))
        }
        let trace = answer.trace
        if trace.outcome == .undecided {
            var names: [String] = []
            for branch in trace.branches {
                if let name = branch.assumptions.first?.name, !names.contains(name) { names.append(name) }
            }
            return Verdict(outcome: .undecided, reason: trace.reason, decider: .unknowns(names))
        }
        var found: Verdict?
        for leaf in leaves {
            let verdict = Verdict(outcome: trace.outcome, reason: leaf.trace.reason, decider: decider(leaf))
            if let found, found != verdict {
                return Verdict(outcome: trace.outcome, reason: nil, decider: .several)
            }
            found = verdict
        }
        return found ?? Verdict(outcome: trace.outcome, reason: trace.reason, decider: .none)
    }

    private func decider(_ leaf: Way) -> Decider {
        guard let index = leaf.trace.decidedBy, index < leaf.steps.count else {
            return leaf.trace.outcome.isThrough ? .none : .outside
        }
        switch leaf.steps[index].kind {
        case .rule(let rule): return .rule(rule.rule)
        case .policy(let chain, _): return .policy(chain)
        default: return leaf.trace.outcome.isThrough ? .none : .outside
        }
    }

    /// Each translation of the packet once, with the packet before it.
    private func translations(_ leaves: [Way]) -> [(Change, TranslationStep, Packet)] {
        var found: [(Change, TranslationStep, Packet)] = []
        for leaf in leaves {
            var rule: RuleReference?
            for step in leaf.steps {
                switch step.kind {
                case .rule(let own): rule = own.rule
                case .translation(let translation):
                    let change = Change(
                        kind: translation.kind, rule: translation.isFromEntry ? nil : rule,
                        isFromEntry: translation.isFromEntry)
                    if !found.contains(where: { $0.0 == change }) {
                        found.append((change, translation, step.view.packet))
                    }
                default: continue
                }
            }
        }
        return found
    }
}

/// `source 10.244.1.5:40000 becomes 192.0.2.1:1024-65535`.
func changeText(_ step: TranslationStep, _ packet: Packet) -> String {
    var parts: [String] = []
    let hasPorts = packet.protocol.hasPorts
    if let source = step.source {
        var after = endText(source, port: hasPorts ? step.sourcePort ?? packet.sourcePort : nil)
        if hasPorts, let choices = step.sourcePortChoices {
            after = (source.version == .v6 ? "[\(source)]" : "\(source)") + ":" + rangeText(choices)
        }
        parts.append("source \(sourceText(packet)) becomes \(after)")
    }
    if let destination = step.destination {
        let after = endText(destination, port: hasPorts ? step.destinationPort ?? packet.destinationPort : nil)
        parts.append("destination \(destinationText(packet)) becomes \(after)")
    }
    return listed(parts)
}

extension ReplaySummary {
    /// Frames that the capturing program says it lost.
    public mutating func noteLost(_ count: UInt64) { lostCount = count }
}
