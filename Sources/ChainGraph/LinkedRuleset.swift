public import NetTypes
public import RuleModel
public import SourceText

/// A chain's place among all chains of a rule set: dense, from 0, in the order of tables and chains.
public struct ChainID: Hashable, Sendable, Comparable {
    public let index: Int
    public init(_ index: Int) { self.index = index }
    public static func < (a: ChainID, b: ChainID) -> Bool { a.index < b.index }
}

/// Names one rule: its chain and its place in it, from 0.
public struct RuleReference: Hashable, Sendable, Comparable {
    public let chain: ChainID
    public let index: Int

    public init(chain: ChainID, index: Int) {
        self.chain = chain
        self.index = index
    }

    public static func < (a: RuleReference, b: RuleReference) -> Bool {
        a.chain == b.chain ? a.index < b.index : a.chain < b.chain
    }
}

/// A jump or goto from a rule to a chain.
public struct Jump: Hashable, Sendable {
    public let rule: Int
    /// `nil`: no chain of that name in the table.
    public let target: ChainID?
    public let name: Symbol
    public let isGoto: Bool
}

/// A rule set whose names are resolved: chains by dense ids, jumps, and base chains in the order they run.
///
/// It never changes, and is passed on for each rule of each packet: so it is shared and not copied.
public final class LinkedRuleset: Sendable {
    public let ruleset: Ruleset
    public let names: NameTable
    /// For each chain id its table's and its own index.
    private let locations: [(table: Int, chain: Int)]
    private let firstChain: [Int]
    private let chainsByName: [[Symbol: ChainID]]
    private let setsByName: [[Symbol: Int]]
    /// For each chain its jumps, in rule order.
    public let jumps: [[Jump]]
    /// For each chain the first rule that leads to it.
    private let firstCallers: [RuleReference?]
    /// Base chains by `hookIndex`, in the order they run.
    private let hookOrder: [[ChainID]]
    /// What the kernel would refuse, or a person should know.
    public let findings: [LinkFinding]

    /// Resolves `ruleset`. Never fails: what does not fit is in `findings`.
    public init(_ ruleset: Ruleset, names: NameTable) {
        self.ruleset = ruleset
        self.names = names
        var locations: [(table: Int, chain: Int)] = []
        var firstChain: [Int] = []
        var chainsByName: [[Symbol: ChainID]] = []
        for (tableIndex, table) in ruleset.tables.enumerated() {
            firstChain.append(locations.count)
            var byName: [Symbol: ChainID] = [:]
            for (chainIndex, chain) in table.chains.enumerated() {
                if byName[chain.name] == nil { byName[chain.name] = ChainID(locations.count) }
                locations.append((tableIndex, chainIndex))
            }
            chainsByName.append(byName)
        }
        self.locations = locations
        self.firstChain = firstChain
        self.chainsByName = chainsByName
        var setsByName: [[Symbol: Int]] = []
        for table in ruleset.tables {
            var byName: [Symbol: Int] = [:]
            for (index, set) in table.sets.enumerated() where byName[set.name] == nil { byName[set.name] = index }
            setsByName.append(byName)
        }
        self.setsByName = setsByName
        var jumps: [[Jump]] = []
        jumps.reserveCapacity(locations.count)
        for location in locations {
            var own: [Jump] = []
            for (index, rule) in ruleset.tables[location.table].chains[location.chain].rules.enumerated() {
                for statement in rule.statements {
                    guard case .target(let target) = statement else { continue }
                    switch target {
                    case .jump(let name):
                        let id = chainsByName[location.table][name]
                        own.append(Jump(rule: index, target: id, name: name, isGoto: false))
                    case .goto(let name):
                        let id = chainsByName[location.table][name]
                        own.append(Jump(rule: index, target: id, name: name, isGoto: true))
                    case .native(.verdictMap(_, let set)):
                        guard let place = setsByName[location.table][set] else { break }
                        own += LinkedRuleset.jumps(
                            of: ruleset.tables[location.table].sets[place], rule: index, chainsByName[location.table])
                    default: break
                    }
                }
            }
            jumps.append(own)
        }
        self.jumps = jumps
        var firstCallers = [RuleReference?](repeating: nil, count: locations.count)
        for (chain, own) in jumps.enumerated() {
            for jump in own {
                guard let target = jump.target, firstCallers[target.index] == nil else { continue }
                firstCallers[target.index] = RuleReference(chain: ChainID(chain), index: jump.rule)
            }
        }
        self.firstCallers = firstCallers
        hookOrder = LinkedRuleset.order(ruleset, locations)
        findings = findLinkProblems(ruleset, locations.map { ($0.table, $0.chain) }, jumps)
    }

    /// Where the elements of a verdict map lead, each chain once.
    private static func jumps(of set: NativeSet, rule: Int, _ chains: [Symbol: ChainID]) -> [Jump] {
        var found: [Jump] = []
        var seen: Set<NativeVerdict> = []
        var values = (0..<set.elements.count).map { set.elements.value($0) }
        if let value = set.catchAll { values.append(value) }
        for value in values {
            guard case .verdict(let verdict) = value, seen.insert(verdict).inserted else { continue }
            switch verdict {
            case .jump(let name): found.append(Jump(rule: rule, target: chains[name], name: name, isGoto: false))
            case .goto(let name): found.append(Jump(rule: rule, target: chains[name], name: name, isGoto: true))
            case .accept, .drop, .continue, .return, .queue: break
            }
        }
        return found
    }

    public var chainCount: Int { locations.count }

    public var chainIDs: Range<Int> { 0..<locations.count }

    public func table(of chain: ChainID) -> Table { ruleset.tables[locations[chain.index].table] }

    /// Whose the table of `chain` is: asked for each rule, without a copy of the table.
    public func backend(of chain: ChainID) -> Backend { ruleset.tables[locations[chain.index].table].backend }

    public func tableIndex(of chain: ChainID) -> Int { locations[chain.index].table }

    public func chain(_ id: ChainID) -> Chain {
        let location = locations[id.index]
        return ruleset.tables[location.table].chains[location.chain]
    }

    public func rule(_ reference: RuleReference) -> Rule {
        let location = locations[reference.chain.index]
        return ruleset.tables[location.table].chains[location.chain].rules[reference.index]
    }

    /// The counters of a rule, where it has some.
    public func counters(of reference: RuleReference) -> Counters? {
        let location = locations[reference.chain.index]
        return ruleset.tables[location.table].chains[location.chain].counters(of: rule(reference))
    }

    // What is asked of a chain for each packet, without a copy of the chain.

    public func rules(of id: ChainID) -> [Rule] {
        let location = locations[id.index]
        return ruleset.tables[location.table].chains[location.chain].rules
    }

    public func base(of id: ChainID) -> BaseChain? {
        let location = locations[id.index]
        return ruleset.tables[location.table].chains[location.chain].base
    }

    public func name(of id: ChainID) -> Symbol {
        let location = locations[id.index]
        return ruleset.tables[location.table].chains[location.chain].name
    }

    /// The first rule, in the order of chains and rules, that jumps or goes to `chain`.
    public func firstCaller(of chain: ChainID) -> RuleReference? { firstCallers[chain.index] }

    /// The chain `name` of the table that `chain` is in.
    public func sibling(of chain: ChainID, named name: Symbol) -> ChainID? {
        chainsByName[locations[chain.index].table][name]
    }

    /// The native set or map `name` of the table that `chain` is in.
    public func set(named name: Symbol, besides chain: ChainID) -> NativeSet? {
        let table = locations[chain.index].table
        return setsByName[table][name].map { ruleset.tables[table].sets[$0] }
    }

    public func chainID(table: Int, named name: Symbol) -> ChainID? { chainsByName[table][name] }

    public func chainID(table: Int, chain: Int) -> ChainID { ChainID(firstChain[table] + chain) }

    /// Base chains that packets of `version` meet at `hook`, in the order they run.
    public func baseChains(_ version: IPVersion, _ hook: Hook) -> [ChainID] {
        hookOrder[LinkedRuleset.hookIndex(version, hook)]
    }

    public func name(_ symbol: Symbol) -> String { names.text(symbol) }

    /// `filter/FORWARD`, as messages name a chain.
    public func path(of chain: ChainID) -> String {
        names.text(ruleset.tables[locations[chain.index].table].name) + "/" + names.text(name(of: chain))
    }

    private static func hookIndex(_ version: IPVersion, _ hook: Hook) -> Int {
        Int(hook.rawValue) * 2 + (version == .v4 ? 0 : 1)
    }

    /// Lower priority first; at equal priority the chain registered last runs first. Chains of a table are listed in the order
    /// of registration, and so are those of several as a rule; a file that was not loaded yet tells where it is another
    /// (`Chain.registration`). Observed on Linux 6.18.
    private static func order(_ ruleset: Ruleset, _ locations: [(table: Int, chain: Int)]) -> [[ChainID]] {
        var order = [[ChainID]](repeating: [], count: Hook.allCases.count * 2)
        func base(_ id: ChainID) -> BaseChain? {
            let location = locations[id.index]
            return ruleset.tables[location.table].chains[location.chain].base
        }
        for index in locations.indices {
            let id = ChainID(index)
            let table = ruleset.tables[locations[index].table]
            guard let chain = base(id), !table.isDormant else { continue }
            let isOfDevice = table.family == .netdev
            for version in [IPVersion.v4, .v6] where isOfDevice || table.family.sees(version) {
                order[hookIndex(version, chain.hook)].append(id)
            }
        }
        func chain(_ id: ChainID) -> Chain {
            ruleset.tables[locations[id.index].table].chains[locations[id.index].chain]
        }
        for index in order.indices {
            // Those whose order is told change places among themselves, file by file.
            let told = order[index].indices.filter { chain(order[index][$0]).registration != nil }
            let sorted = told.map { order[index][$0] }.sorted { a, b in
                let (first, second) = (chain(a), chain(b))
                return first.place.file == second.place.file
                    ? (first.registration ?? 0) < (second.registration ?? 0) : a < b
            }
            for (place, id) in zip(told, sorted) { order[index][place] = id }
            let places = Dictionary(uniqueKeysWithValues: order[index].enumerated().map { ($0.element, $0.offset) })
            order[index].sort { a, b in
                let first = base(a)?.priority ?? 0
                let second = base(b)?.priority ?? 0
                return first == second ? places[a] ?? 0 > places[b] ?? 0 : first < second
            }
        }
        return order
    }
}
