public import Annotations
public import ChainGraph
public import RuleModel

/// The chains of a rule set and how rules lead from one to another, before that takes the form of one language.
public struct ChainPicture: Hashable, Sendable {
    public enum Standing: Hashable, Sendable {
        case base(Base)
        case user
        /// No rule leads there.
        case unreferenced
        /// A rule leads there, and the table has no such chain.
        case missing
    }

    /// What a base chain is hung on.
    public struct Base: Hashable, Sendable {
        public var hook: Hook
        public var priority: Int32
        public var policy: Policy
        /// Packets that the policy decided about; `nil` where the dump does not count them.
        public var policyPackets: UInt64?
        /// Its place, from 1, among the chains that a packet of its family meets at the hook, and how many these are;
        /// `nil` where packets of IP meet none of them.
        public var turn: Turn?
    }

    public struct Turn: Hashable, Sendable {
        public var place: Int
        public var count: Int
    }

    /// One chain, or a family of like ones.
    public struct Node: Hashable, Sendable {
        /// The chains that it stands for: none for one that is missing, several for a family.
        public var chains: [ChainID]
        /// The chain's name, or what the names of a family begin with.
        public var name: String
        public var standing: Standing
        public var ruleCount: Int
        public var owner: Maker?
        /// What it is for, a clause; empty where that is not known.
        public var purpose: String
        /// What its own rules and policy decided; `nil` where the dump does not count all of that.
        public var decided: Decided?
        /// Chains that its rules lead to and that are cut off.
        public var hiddenCount = 0

        public var isFamily: Bool { chains.count > 1 }
    }

    /// Packets by what rules of one chain, and its policy, did with them; rules that hand on to another chain do not count.
    public struct Decided: Hashable, Sendable {
        public var accepted: UInt64 = 0
        public var dropped: UInt64 = 0
        public var translated: UInt64 = 0
        public var queued: UInt64 = 0

        public init(accepted: UInt64 = 0, dropped: UInt64 = 0, translated: UInt64 = 0, queued: UInt64 = 0) {
            self.accepted = accepted
            self.dropped = dropped
            self.translated = translated
            self.queued = queued
        }

        public var total: UInt64 { accepted &+ dropped &+ translated &+ queued }
    }

    /// Rules of one node that lead to another.
    public struct Edge: Hashable, Sendable {
        /// Places in `nodes`.
        public var from: Int
        public var to: Int
        public var isGoto: Bool
        public var ruleCount: Int
        /// Packets that these rules matched; `nil` where the dump counts nothing, or a rule leads to several nodes.
        public var packetCount: UInt64?
        /// Whether it is of a circle, which the kernel refuses.
        public var isLoop = false
    }

    /// A table.
    public struct Band: Hashable, Sendable {
        /// Its place in the rule set.
        public var table: Int
        /// `ip nat`, and what else is to be said of it.
        public var title: String
        /// Places in `nodes`: base chains as packets meet them, then the chains that they lead to.
        public var nodes: [Int]
    }

    /// Hooks in the order in which packets meet them, of each layer that the picture has a base chain of.
    public var ways: [HookWay] = []
    public var nodes: [Node] = []
    /// Tables of IPv4 and of both, then of IPv6, then all others; each by the lowest priority of its base chains.
    public var bands: [Band] = []
    public var edges: [Edge] = []
    /// What is wrong with how chains hang together: sentences without a final stop.
    public var notes: [String] = []
    /// How much of the rule set is shown, a sentence without a final stop; empty where all of it is.
    public var extent = ""

    init() {}
}

/// What of a rule set a picture shows.
public struct ChainPictureSettings: Hashable, Sendable {
    /// Who is asked for: a maker, or nobody that is known.
    public enum Owner: Hashable, Sendable {
        case maker(Maker)
        case unknown
    }

    /// Empty: all hooks; else only what is reached from these.
    public var hooks: Set<Hook> = []
    /// Names, or families and names (`ip nat`); empty: all tables.
    public var tables: [String] = []
    /// Names; empty: all chains; else these, what leads to them and what they lead to.
    public var chains: [String] = []
    /// Empty: all; else chains of these, and what leads to them.
    public var owners: Set<Owner> = []
    /// How many jumps from the first chains; from the chains asked for, where there are any.
    public var depth: Int?
    /// Like chains of one table become one node where there are so many or more; `nil`: never.
    public var foldsFrom: Int? = 4

    public init() {}
}
