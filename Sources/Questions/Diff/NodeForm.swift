internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// One node as a comparison sees it: its parts, each with what it means.
struct NodeForm {
    var parts: [Part] = []
    /// For each chain, by its number among all, the number of its first rule in `statements`.
    private(set) var firstRules: [Int] = []
    private(set) var statements = StatementNumbers()
    /// What the input says the node is called; empty where it does not.
    let ownName: String
    /// The addresses that others know it by.
    let addresses: Set<IPAddress>
    /// Whether the input tells the node's sets.
    let knowsSets: Bool
    /// Whether it tells the node's links.
    let knowsLinks: Bool

    init(_ node: DiffNode, _ meanings: MeaningTable, _ settings: DiffSettings) {
        let model = node.model
        let local = LocalNames(model.host, model.names)
        ownName = node.ownName
        addresses = local.nodeAddresses
        knowsLinks = model.host.knowsInterfaces
        knowsSets = model.host.knowsSets || !model.host.sets.isEmpty
        var reader = StatementReader(meanings, names: model.names, local: local, keepsComments: settings.isExact)
        readTables(node, &reader, settings)
        readSets(node, &reader, settings)
        readHost(node, &reader, settings)
    }

    /// What each statement of a rule means.
    func statements(of rule: RuleReference) -> [(exact: Int32, local: Int32)] {
        guard rule.chain.index < firstRules.count else { return [] }
        return statements.statements(ofRule: firstRules[rule.chain.index] + rule.index)
    }

    // MARK: Rules

    private mutating func readTables(_ node: DiffNode, _ reader: inout StatementReader, _ settings: DiffSettings) {
        let linked = node.model.linked
        let tables = linked.ruleset.tables
        for (index, table) in tables.enumerated() {
            let name = reader.table.names.intern(Self.tableName(index, in: tables, linked))
            var standings: [ChainStanding] = []
            reader.chains = [:]
            for (place, chain) in table.chains.enumerated() {
                let id = linked.chainID(table: index, chain: place)
                let purpose = settings.isExact || chain.base != nil ? nil : node.annotations.purpose(of: id)
                let standing = ChainStanding(purpose, name: linked.name(chain.name))
                standings.append(standing)
                let label = standing.label.map { reader.table.names.intern($0) } ?? reader.name(chain.name)
                reader.chains[chain.name] = StatementReader.ChainLabel(
                    label: label, isOfPod: standing.need == .ofPod)
            }
            readAnonymousSets(table, &reader)
            for (place, chain) in table.chains.enumerated() {
                let standing = standings[place]
                var part = Part(
                    source: .chain(table: index, chain: place),
                    key: Part.Key(kind: 0, table: name, name: reader.name(chain.name)),
                    label: reader.chains[chain.name]?.label ?? reader.name(chain.name), need: standing.need)
                part.looseLabel = standing.looseLabel.map { reader.table.names.intern($0) } ?? .empty
                part.header = header(of: chain, table, &reader)
                part.items.reserveCapacity(chain.rules.count)
                firstRules.append(statements.ruleCount)
                for rule in chain.rules { part.items.append(item(rule, &reader, settings)) }
                parts.append(part)
            }
            readObjects(table, index, name, &reader)
            reader.anonymousSets = [:]
            reader.chains = [:]
        }
    }

    /// `ip filter`, with what tells it from another table of that name.
    private static func tableName(_ index: Int, in tables: [Table], _ linked: LinkedRuleset) -> String {
        let table = tables[index]
        let hasTwin = tables.contains {
            $0.name == table.name && $0.family == table.family && $0.backend == .nfTables && !$0.isNative
        }
        var name = "\(table.family.name) \(linked.name(table.name))"
        // Which backend holds iptables' tables makes no difference, unless both do.
        if table.isNative { name += " (nft)" } else if table.backend == .legacy, hasTwin { name += " (legacy)" }
        return name
    }

    private func header(of chain: Chain, _ table: Table, _ reader: inout StatementReader) -> Int32 {
        var numbers: [Int32] = [table.isDormant ? 1 : 0]
        if let base = chain.base {
            // iptables' own chains are where they are: security's priority is the backend's.
            let priority = table.iptables == nil ? base.priority : 0
            numbers += [Int32(base.hook.rawValue), priority, Int32(base.type.rawValue), Int32(base.policy.rawValue)]
            var devices: [Int32] = []
            for device in chain.devices { devices.append(Int32(bitPattern: reader.name(device).index)) }
            numbers += devices.sorted()
        }
        return reader.table.number(of: numbers)
    }

    private mutating func item(_ rule: Rule, _ reader: inout StatementReader, _ settings: DiffSettings) -> Part.Item {
        statements.beginRule()
        var exact: [Int32] = []
        var local: [Int32] = []
        // Where the run of matches begins whose order makes no difference.
        var run = 0
        reader.isOfPod = false
        func endRun() {
            if local.count > run + 1 {
                exact[run...].sort()
                local[run...].sort()
            }
            run = exact.count
        }
        for statement in rule.statements {
            reader.replacesLocal = false
            guard let meaning = reader.meaning(statement) else {
                statements.append(exact: -1, local: -1)
                continue
            }
            let number = reader.table.number(of: meaning)
            var other = number
            if !settings.isExact {
                reader.replacesLocal = true
                reader.hasReplaced = false
                let replaced = reader.meaning(statement)
                if reader.hasReplaced, let replaced { other = reader.table.number(of: replaced) }
                reader.replacesLocal = false
            }
            statements.append(exact: number, local: other)
            if !statement.isStateless { endRun() }
            exact.append(number)
            local.append(other)
            if !statement.isStateless { run = exact.count }
        }
        endRun()
        let number = reader.table.number(of: exact)
        return Part.Item(
            exact: number, local: exact == local ? number : reader.table.number(of: local), isOfPod: reader.isOfPod)
    }

    // MARK: Sets and objects of native tables

    private func readAnonymousSets(_ table: Table, _ reader: inout StatementReader) {
        reader.anonymousSets = [:]
        for set in table.sets where set.flags.contains(.anonymous) {
            reader.replacesLocal = false
            let exact = symbol(of: set, &reader)
            reader.replacesLocal = true
            reader.anonymousSets[set.name] = (exact, symbol(of: set, &reader))
            reader.replacesLocal = false
        }
    }

    private func symbol(of set: NativeSet, _ reader: inout StatementReader) -> Symbol {
        var meaning = SetMeaning(key: set.key, value: set.value, elements: [], catchAll: nil)
        if let value = set.catchAll { meaning.catchAll = reader.data(value, of: set) }
        for index in 0..<set.elements.count {
            reader.tags = []
            var element = reader.element(index, of: set)
            for tag in reader.tags { element.low += Array(reader.table.names.bytes(tag)) }
            meaning.elements.append(element)
        }
        meaning.elements.sort { a, b in a.low.lexicographicallyPrecedes(b.low) }
        return reader.table.names.intern("{set \(reader.table.number(of: meaning))}")
    }

    private mutating func readObjects(
        _ table: Table, _ index: Int, _ name: Symbol, _ reader: inout StatementReader
    ) {
        for (place, set) in table.sets.enumerated() where !set.flags.contains(.anonymous) {
            var part = Part(
                source: .nativeSet(table: index, set: place),
                key: Part.Key(kind: 1, table: name, name: reader.name(set.name)), label: reader.name(set.name))
            part.isOrdered = false
            // A set that rules fill holds what packets left there.
            let isFilled = set.flags.contains(.dynamic) || set.isTerse
            part.header = reader.table.number(of: [Int32(set.flags.rawValue)] + set.key.map { Int32($0.rawValue) })
            for element in 0..<(isFilled ? 0 : set.elements.count) {
                part.items.append(item(element, of: set, &reader))
            }
            parts.append(part)
        }
        for (place, object) in table.objects.enumerated() {
            var part = Part(
                source: .object(table: index, object: place),
                key: Part.Key(kind: 2 + object.kind.rawValue, table: name, name: reader.name(object.name)),
                label: reader.name(object.name))
            part.header = reader.number(of: object)
            parts.append(part)
        }
        for (place, flowtable) in table.flowtables.enumerated() {
            var part = Part(
                source: .flowtable(table: index, flowtable: place),
                key: Part.Key(kind: 30, table: name, name: reader.name(flowtable.name)),
                label: reader.name(flowtable.name))
            var devices: [Int32] = []
            for device in flowtable.devices { devices.append(Int32(bitPattern: reader.name(device).index)) }
            part.header = reader.table.number(
                of: [flowtable.priority, flowtable.isOffloaded ? 1 : 0] + devices.sorted())
            parts.append(part)
        }
    }

    private func item(_ index: Int, of set: NativeSet, _ reader: inout StatementReader) -> Part.Item {
        func read(_ reader: inout StatementReader) -> Int32 {
            reader.tags = []
            let value = reader.element(index, of: set)
            return reader.table.number(of: ItemMeaning(value: value, tags: reader.tags))
        }
        reader.replacesLocal = false
        let exact = read(&reader)
        reader.replacesLocal = !reader.keepsComments
        reader.hasReplaced = false
        reader.isOfPod = false
        let other = read(&reader)
        reader.replacesLocal = false
        return Part.Item(exact: exact, local: reader.hasReplaced ? other : exact, isOfPod: reader.isOfPod)
    }
}

extension Statement {
    fileprivate var isStateless: Bool {
        switch self {
        case .match(let match): match.isStateless
        case .target: false
        }
    }
}

extension StatementReader {
    /// What an object is, but for what it has counted.
    fileprivate mutating func number(of object: NativeObject) -> Int32 {
        let statement: NativeStatement
        switch object.content {
        case .counter: statement = .counter(nil)
        case .quota(let quota): statement = .quota(quota)
        case .limit(let limit): statement = .limit(limit)
        case .helper(let type, let number):
            return table.number(of: [Int32(bitPattern: name(type).index), Int32(number)])
        case .synproxy(let own): statement = .synproxy(own)
        case .securityMark(let context): statement = .unknown(context)
        case .other(_, let text): statement = .unknown(text)
        }
        guard let meaning = meaning(.target(.native(statement))) else { return 0 }
        return table.number(of: meaning)
    }
}
