public import Annotations
public import PacketPath
public import PathModel
public import RuleModel
public import SourceText

/// A trace with all that a report on it draws on.
public struct TraceAnswer: Sendable {
    public var trace: Trace
    public var request: TraceRequest
    /// What was worked out for the packet; sentences without a final stop.
    public var notes: [String] = []
    /// What the asker calls the packet, as a JSON value; empty for nothing.
    public var identifier = Identifier.none
    /// What else on the host may decide about this packet.
    public var otherDeciders: [UnfollowedDecider] = []
    /// Inputs whose lack made this answer less sure.
    public var missing: [MissingInput] = []
    /// What the machine's own kernel did, where it was asked.
    public var kernel: KernelNote?
    /// The packet on the next node, by the place of the end that led there among all ends of `trace`, in order.
    public var onward: [Int: NodeAnswer] = [:]
    /// The reply on the node that it comes back to, by the place of the end that it answers.
    public var back: [Int: NodeAnswer] = [:]
    /// Where it is not known that the packet gets on, by the place of the end; and its answer.
    public var astray: [Int: Astray] = [:]
    public var strayReplies: [Int: Astray] = [:]

    public enum Identifier: Hashable, Sendable {
        case none
        case string(String)
        case number(String)
    }

    public init(trace: Trace, request: TraceRequest) {
        self.trace = trace
        self.request = request
    }
}

/// An answer of another node, with what a report on it draws on.
public struct NodeAnswer: Sendable {
    public var node: String
    public var answer: TraceAnswer
    public var model: HostModel
    public var annotations: AnnotatedRuleset
    public var files: [SourceFile]

    public init(
        node: String, answer: TraceAnswer, model: HostModel, annotations: AnnotatedRuleset, files: [SourceFile]
    ) {
        self.node = node
        self.answer = answer
        self.model = model
        self.annotations = annotations
        self.files = files
    }
}

extension TraceAnswer {
    /// What becomes of the packet on the last node that it reaches; undecided where its ways end differently, or where
    /// something beside the rules may decide on one of the nodes.
    public var finalOutcome: Outcome {
        if !otherDeciders.isEmpty { return .undecided }
        let ends = trace.ends
        if onward.isEmpty, astray.isEmpty { return trace.outcome }
        var outcome: Outcome?
        for (index, end) in ends.enumerated() {
            let own = astray[index] == nil ? onward[index]?.answer.finalOutcome ?? end.outcome : .undecided
            if outcome != nil, outcome != own { return .undecided }
            outcome = own
        }
        return outcome ?? trace.outcome
    }
}

extension Trace {
    /// The traces without branches, in order.
    public var ends: [Trace] { branches.isEmpty ? [self] : branches.flatMap { $0.trace.ends } }

    /// Calls a function with each of the traces without branches, and its place among them.
    public func forEachEnd(_ look: (borrowing Trace, Int) -> Void) {
        var place = 0
        forEachEnd(from: &place, look)
    }

    private func forEachEnd(from place: inout Int, _ look: (borrowing Trace, Int) -> Void) {
        if branches.isEmpty {
            look(self, place)
            place += 1
        }
        for index in branches.indices { branches[index].trace.forEachEnd(from: &place, look) }
    }

    /// Changes each of the traces without branches, by its place among them.
    public mutating func changeEnds(_ change: (inout Trace, Int) -> Void) {
        var place = 0
        changeEnds(from: &place, change)
    }

    private mutating func changeEnds(from place: inout Int, _ change: (inout Trace, Int) -> Void) {
        if branches.isEmpty {
            change(&self, place)
            place += 1
        }
        for index in branches.indices { branches[index].trace.changeEnds(from: &place, change) }
    }
}

/// How much a report tells.
public enum Detail: UInt8, Hashable, Sendable, CaseIterable {
    /// The outcome and why.
    case summary
    /// And the way, hook by hook.
    case path
    /// And each rule that was met and did not match.
    case full

    public var name: String {
        switch self {
        case .summary: "summary"
        case .path: "path"
        case .full: "full"
        }
    }
}
