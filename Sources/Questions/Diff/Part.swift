internal import RuleModel
internal import SourceText

/// Something of a node that has its like on other nodes: a chain, a set, a setting. Comparing nodes is comparing the
/// parts of each slot.
struct Part {
    /// One rule, element or route.
    struct Item {
        /// What it means word for word, as a number of the `MeaningTable`.
        var exact: Int32
        /// What it means with what is the node's own replaced.
        var local: Int32
        /// Whether it is there for one pod or container of the node.
        var isOfPod = false
        /// What it counts as in this comparison: one of the two, or `leftOut`.
        var number: Int32 = 0

        static let leftOut: Int32 = -1
        /// Of no interest, whatever other nodes have.
        static let uncompared = Item(exact: leftOut, local: leftOut)
    }

    /// Where it stands in the node's state.
    enum Source: Hashable {
        case chain(table: Int, chain: Int)
        /// An ipset.
        case set(Int)
        case nativeSet(table: Int, set: Int)
        case object(table: Int, object: Int)
        case flowtable(table: Int, flowtable: Int)
        case setting(String)
        case routingRules(isV6: Bool)
        case routes(isV6: Bool)
        /// An interface, by its number.
        case link(Int, LinkAspect)
        case neighbours
        case forwardingEntries
    }

    /// Why a node may lack it and still be like another that has it.
    enum Need: UInt8 {
        /// A node that lacks it differs.
        case always
        /// It is there where the node has pods, policies or the like that call for it.
        case wherePodsNeedIt
        /// It is there for one pod or container.
        case ofPod
        /// It is not known of every node.
        case whereKnown
        /// Each node has what it needs; one node that has lost it differs from what it was.
        case whereOneNode
    }

    var source: Source
    /// The same for the same part of another node.
    var key: Key
    /// What it is called by where its name is a hash; equal to the name otherwise.
    var label: Symbol
    /// A looser one for where there is still only one candidate; `.empty` for none.
    var looseLabel = Symbol.empty
    var need = Need.always
    var isOrdered = true
    /// What it is besides its items, such as a hook and a policy.
    var header: Int32 = 0
    /// The same of what each node has its own of: it counts where all are one node.
    var ownHeader: Int32 = 0
    var items: [Item] = []
    /// Its slot in the comparison.
    var slot = 0
    /// What it is as a whole, as a number of the `MeaningTable`.
    var content: Int32 = 0

    /// Nothing in it is local to its node.
    mutating func takeExact() {
        for index in items.indices { items[index].number = items[index].exact }
    }

    /// What kind of part, of which table, by its own name.
    struct Key: Hashable {
        var kind: UInt8
        var table: Symbol
        var name: Symbol
    }
}

/// The meanings of a node's rules statement by statement, for those that have to be looked at closely.
struct StatementNumbers {
    /// Two numbers for each statement, exact and local; -1 for one that says nothing.
    private var numbers: [Int32] = []
    private var starts: [Int32] = []

    mutating func beginRule() { starts.append(Int32(numbers.count)) }

    mutating func append(exact: Int32, local: Int32) {
        numbers.append(exact)
        numbers.append(local)
    }

    /// Of the rule that was the `rule`th to be begun.
    func statements(ofRule rule: Int) -> [(exact: Int32, local: Int32)] {
        guard rule < starts.count else { return [] }
        let end = rule + 1 < starts.count ? Int(starts[rule + 1]) : numbers.count
        return stride(from: Int(starts[rule]), to: end, by: 2).map { (numbers[$0], numbers[$0 + 1]) }
    }

    var ruleCount: Int { starts.count }
}
