internal import NetTypes
internal import RuleModel
internal import SourceText

/// A statement without the names and numbers that are one node's own: equal values mean the same on every node.
struct Meaning: Hashable {
    /// With symbols of the comparison's own table; what is local to the node is zero or empty in it.
    var statement: Statement
    /// What stands for each local value, in the order of the statement.
    var tags: [Symbol] = []
}

/// A route, a rule of the routing policy, a set's element: the same of what is no statement.
struct ItemMeaning<Value: Hashable>: Hashable {
    var value: Value
    var tags: [Symbol] = []
}

/// A set without a name, as the rules see it that it is written in.
struct SetMeaning: Hashable {
    var key: [DataType]
    var value: NativeSet.Value
    var elements: [NativeElementMeaning]
    var catchAll: NativeElements.Data?
}

/// An element of a native set without its counters and what is left of its time.
struct NativeElementMeaning: Hashable {
    var low: [UInt8]
    var high: [UInt8]
    var data: NativeElements.Data
}

/// Numbers for what the nodes of a comparison say: equal numbers mean the same. Shared by the readers of all nodes.
final class MeaningTable {
    var names = NameTable()
    private var statements: [Meaning: Int32] = [:]
    private var lists: [[Int32]: Int32] = [:]
    private var sets: [SetMeaning: Int32] = [:]
    private var nativeElements: [ItemMeaning<NativeElementMeaning>: Int32] = [:]
    private var elements: [ItemMeaning<SetElement>: Int32] = [:]
    private var routes: [ItemMeaning<Route>: Int32] = [:]
    private var routingRules: [ItemMeaning<RoutingRule>: Int32] = [:]

    private static func number<Key: Hashable>(_ key: Key, in all: inout [Key: Int32]) -> Int32 {
        if let known = all[key] { return known }
        let number = Int32(all.count)
        all[key] = number
        return number
    }

    func number(of meaning: Meaning) -> Int32 { Self.number(meaning, in: &statements) }
    func number(of list: [Int32]) -> Int32 { Self.number(list, in: &lists) }
    func number(of set: SetMeaning) -> Int32 { Self.number(set, in: &sets) }
    func number(of element: ItemMeaning<NativeElementMeaning>) -> Int32 { Self.number(element, in: &nativeElements) }
    func number(of element: ItemMeaning<SetElement>) -> Int32 { Self.number(element, in: &elements) }
    func number(of route: ItemMeaning<Route>) -> Int32 { Self.number(route, in: &routes) }
    func number(of rule: ItemMeaning<RoutingRule>) -> Int32 { Self.number(rule, in: &routingRules) }
}
