public import NetTypes

/// The statements of a policy file, and the sets of packets that they name.
public struct CheckPolicy: Hashable, Sendable {
    public var statements: [PolicyStatement] = []
    /// Sets that have a name of their own, in the order of the file; each names earlier ones only.
    public var sets: [PolicySet] = []
    /// Snapshots that changes are compared with, as written; `nil`: said by the call.
    public var before: SnapshotName?
    public var after: SnapshotName?

    public init() {}
}

/// A snapshot as a policy names it, and where.
public struct SnapshotName: Hashable, Sendable {
    public var path: String
    /// In bytes.
    public var offset: Int
}

/// One statement: a name, and what must hold.
public struct PolicyStatement: Hashable, Sendable {
    public enum Claim: Hashable, Sendable {
        /// All of these get through.
        case allow(PolicySet)
        /// None of these gets through.
        case deny(PolicySet)
        /// Those of these that get through have these ends then.
        case translate(PolicySet, Translation)
        /// Both snapshots treat each of these alike.
        case same(PolicySet)
        /// Each packet of one is treated as its like of the other, which differs only in what the two sets say.
        case alike(PolicySet, PolicySet)
        case change(Change)
        /// No packet is matched by this rule.
        case unreachable(RuleName)
    }

    public var name: String
    public var claim: Claim
    /// Of the name, in bytes.
    public var offset: Int
    /// Names of nodes that it speaks of; empty: all.
    public var nodes: [String] = []
    /// Whether it holds too where that rests on what the snapshot does not tell.
    public var takesPossibly = false
    /// Whether it holds too where no packet is meant by it.
    public var takesNone = false
    /// Why it is there, in its author's words.
    public var reason = ""
    public var before: SnapshotName?
    public var after: SnapshotName?

    /// The key that says what it claims.
    public var verb: String {
        switch claim {
        case .allow: "allow"
        case .deny: "deny"
        case .translate: "translate"
        case .same, .alike: "same"
        case .change: "change"
        case .unreachable: "unreachable-rule"
        }
    }

    /// Whether it compares two snapshots.
    public var isComparison: Bool {
        switch claim {
        case .same, .change: true
        case .allow, .deny, .translate, .alike, .unreachable: false
        }
    }
}

/// What a change may do, and must.
public struct Change: Hashable, Sendable {
    /// Gets through afterwards.
    public var allowed: PolicySet?
    /// Gets through no more.
    public var denied: PolicySet?
    /// All other packets are treated as before.
    public var isAll = false
}

/// What translated packets have at the end.
public enum Translation: Hashable, Sendable {
    /// Another source or destination than they came with.
    case any
    /// What they came with.
    case unchanged
    case ends(source: [EndRange], destination: [EndRange])
}

/// Addresses, and ports where it has some: `192.0.2.0/28:8080`.
public struct EndRange: Hashable, Sendable {
    public var prefix: IPPrefix
    public var ports: ClosedRange<UInt16>?
}

/// A rule as a policy names it.
public enum RuleName: Hashable, Sendable {
    /// `filter/FORWARD:12`, of the family where it says one.
    case numbered(family: String?, path: String, number: Int)
    /// The rule as its file has it.
    case text(String)
    case comment(String)
}
