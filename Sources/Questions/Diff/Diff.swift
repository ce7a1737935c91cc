public import Annotations
public import ChainGraph
public import PathModel

/// One node that is compared with others.
public struct DiffNode: Sendable {
    /// What the user calls it.
    public let name: String
    /// What the input says it is called; empty where it does not.
    public let ownName: String
    public var model: HostModel
    public let annotations: AnnotatedRuleset

    public init(name: String, ownName: String = "", model: HostModel, annotations: AnnotatedRuleset) {
        self.name = name
        self.ownName = ownName
        self.model = model
        self.annotations = annotations
    }

    /// What decides about its packets and could not be read, under its name.
    public var notCompared: [String] { model.unreadRules.map { "\(name): \($0.text)" } }
}

/// How nodes are compared.
public struct DiffSettings: Hashable, Sendable {
    /// Comments, names made of hashes, and addresses, interfaces and pods of a node count too.
    public var isExact = false
    /// Counters of every rule are compared, and not only of those that refuse packets; on different nodes too.
    public var comparesCounters = false
    public init() {}
}

/// What differs between two nodes, by subject.
public struct Diff: Sendable {
    /// What a section is about. A new subject is a new case here: whoever shows them is made to show it too.
    public enum Section: Sendable {
        case chains([ChainDifference])
        case sets([SetDifference])
        case host([HostDifference])
        /// Counters that grew. They are no difference between rules.
        case counters(CounterComparison)
    }

    /// Numbers of the two nodes among those compared.
    public let a: Int
    public let b: Int
    /// Only those that have something to tell.
    public var sections: [Section]
    /// What was not compared, since it is there for pods of one of the nodes.
    public var leftOut: LeftOut
    /// Whether both are one node at two times.
    public var areOneNode = false

    /// Whether there is any difference.
    public var isDifferent: Bool {
        sections.contains { section in
            switch section {
            case .chains, .sets, .host: true
            case .counters: false
            }
        }
    }
}

/// Parts that one of two nodes has for its own pods, containers and policies, and that were therefore not compared.
public struct LeftOut: Hashable, Sendable {
    public var chainsOfA = 0
    public var chainsOfB = 0
    public var rulesOfA = 0
    public var rulesOfB = 0
    public var setsOfA = 0
    public var setsOfB = 0
    public init() {}

    public var isEmpty: Bool { self == LeftOut() }
}

/// What differs in one chain.
public struct ChainDifference: Sendable {
    /// `nil`: the node has no such chain.
    public var a: ChainID?
    public var b: ChainID?
    /// In the order of the rules.
    public var changes: [RuleChange] = []
    /// Whether hook, priority, type, policy or devices differ.
    public var hasOtherBase = false
    /// Rules that both have at the same place, as their numbers from 0.
    public var kept: [(a: Int, b: Int)] = []
}

/// One rule that differs. Rules are numbered from 0 in their chains.
public enum RuleChange: Hashable, Sendable {
    case removed(Int)
    case added(Int)
    case moved(from: Int, to: Int)
    /// The same rule but for these statements.
    case changed(from: Int, to: Int, StatementChange)
}

/// Statements that one of two rules has and the other lacks, by their numbers in the rules.
public struct StatementChange: Hashable, Sendable {
    public var removed: [Int] = []
    public var added: [Int] = []
    public init() {}
}

/// A set, an object or a flow table that differs.
public struct SetDifference: Sendable {
    /// Where it is; `nil`: the node has none.
    public var a: SetPlace?
    public var b: SetPlace?
    /// Members that only one of them has, by their numbers in the sets.
    public var removed: [Int] = []
    public var added: [Int] = []
    /// Whether its type, flags or content differ otherwise.
    public var hasOtherType = false
}

/// Which set, object or flow table.
public enum SetPlace: Hashable, Sendable {
    /// An ipset, by its number in the host's state.
    case ipset(Int)
    case native(table: Int, set: Int)
    case object(table: Int, object: Int)
    case flowtable(table: Int, flowtable: Int)
}

/// A setting, a link, a route, a rule of the routing policy, a neighbour or a forwarding entry that differs.
public enum HostDifference: Hashable, Sendable {
    /// Names as each node has them.
    case setting(a: String, b: String)
    /// Numbers in the host's lists; `nil`: it has none.
    case route(a: Int?, b: Int?)
    case routingRule(isV6: Bool, a: Int?, b: Int?)
    /// `countsOwn`: also by what each node has its own of.
    case link(LinkAspect, a: Int?, b: Int?, countsOwn: Bool)
    case neighbour(a: Int?, b: Int?)
    case forwardingEntry(a: Int?, b: Int?)
}

/// What counters did between two snapshots.
public struct CounterComparison: Sendable {
    public struct Growth: Hashable, Sendable {
        /// The rule, or the chain's policy.
        public enum Counted: Hashable, Sendable {
            case rule(a: RuleReference, b: RuleReference)
            case policy(a: ChainID, b: ChainID)
        }

        public var counted: Counted
        public var packets: UInt64
        public var bytes: UInt64
        /// Whether what is counted is refused.
        public var refuses: Bool
    }

    /// The most packets first.
    public var grown: [Growth] = []
    /// Rules whose counters are lower than they were: they were reset, or loaded anew.
    public var resetCount = 0
}

/// Several nodes compared.
public struct NodeComparison: Sendable {
    /// Nodes that are equal.
    public struct Group: Sendable {
        /// Their numbers, ascending.
        public var nodes: [Int]
        /// What differs between the first group and this one; `nil` for the first.
        public var difference: Diff?
    }

    /// Of all nodes.
    public var names: [String]
    /// The largest first.
    public var groups: [Group]
    /// Whether all are the same node at different times, as far as the input tells.
    public var areOneNode: Bool
    /// What of all nodes could not be read.
    public var notCompared: [String]
}
