internal import NetTypes
public import RuleModel
public import SourceText

/// Makes tables of a dump: registers become names, and what nft adds to a rule of its own is left out as its own
/// printer does.
///
/// Never fails: what is not understood is kept as unknown where it stands, and told. The bytes may be anything.
public func liftNftables(_ dump: KernelDump, names: inout NameTable) -> NftablesReading {
    var lifter = Lifter(interfaces: dump.interfaces)
    swap(&lifter.names, &names)
    lifter.read(dump)
    swap(&lifter.names, &names)
    return lifter.reading
}

struct Lifter {
    let interfaces: [UInt32: [UInt8]]
    var names = NameTable()
    var reading = NftablesReading()
    var sets: [SetKey: LiftedSet] = [:]
    /// Of ipsets.
    var setNames: SetNames = [:]
    /// Of the table that is being read.
    var table = 0
    var family = TableFamily.ip
    var rule = RuleState()
    /// What could not be told of the rule that is being read, and whether it has matches or targets of x_tables.
    var unknowns: [Symbol] = []
    var hasExtensions = false

    init(interfaces: [UInt32: [UInt8]]) { self.interfaces = interfaces }

    struct SetKey: Hashable {
        var table: Int
        var name: Symbol
    }

    struct TableKey: Hashable {
        var family: UInt8
        var name: Symbol
    }

    private var tables: [TableKey: Int] = [:]
    private var chains: [SetKey: Int] = [:]

    mutating func symbol(_ text: ArraySlice<UInt8>?) -> Symbol { names.intern(Array(text ?? []).span) }

    mutating func report(_ code: String, _ message: String) {
        guard reading.diagnostics.count < 10_000 else { return }
        reading.diagnostics.append(Diagnostic(.warning, code, message, at: .none))
    }

    mutating func read(_ dump: KernelDump) {
        for message in dump.tables { readTable(message) }
        for message in dump.chains where open(message, 1) { readChain(Attributes(message: message)) }
        for message in dump.sets where open(message, 1) { readSet(Attributes(message: message)) }
        for message in dump.objects where open(message, 1) { readObject(Attributes(message: message)) }
        for message in dump.flowtables where open(message, 1) { readFlowtable(Attributes(message: message)) }
        // Before the elements: how a set is asked says in which order its numbers lie.
        readRules(dump)
        for message in dump.elements where open(message, 1) { collectElements(Attributes(message: message)) }
        finishSets()
    }

    /// Makes the table that a message names in this attribute the one being read.
    mutating func open(_ message: [UInt8], _ attribute: Int) -> Bool {
        guard let number = message.first, let family = tableFamily(number) else { return false }
        let name = symbol(Attributes(message: message).text(attribute))
        guard let index = tables[TableKey(family: number, name: name)] else { return false }
        self.family = family
        table = index
        return true
    }

    private mutating func readTable(_ message: [UInt8]) {
        let data = Attributes(message: message)
        guard let number = message.first, let text = data.text(1) else { return }
        guard let family = tableFamily(number) else {
            let name = escapedForTerminal(String(decoding: text, as: UTF8.self))
            report("unknown-family", "table '\(name)' is of family \(number), which is not known: it is left out")
            return
        }
        let name = symbol(text)
        let key = TableKey(family: number, name: name)
        guard tables[key] == nil else { return }
        var made = Table(family: family, backend: .nfTables, name: name, place: .none)
        made.isDormant = data.isSet(2, 1)
        made.isOwned = data.isSet(2, 2)
        made.comment = symbol(UserData(data.bytes(6)).text(0))
        tables[key] = reading.tables.count
        reading.tables.append(made)
        reading.isManagedByIptables.append(false)
    }

    private mutating func readChain(_ data: Attributes) {
        let name = symbol(data.text(3))
        let key = SetKey(table: table, name: name)
        guard name != .empty, chains[key] == nil else { return }
        var made = Chain(name: name, place: .none)
        made.comment = symbol(UserData(data.bytes(12)).text(0))
        if let hook = data.nest(4) {
            readHook(hook, data, &made)
        }
        if let counters = data.nest(8) {
            made.policyCounters = Counters(packets: counters.number(2) ?? 0, bytes: counters.number(1) ?? 0)
        }
        chains[key] = reading.tables[table].chains.count
        reading.tables[table].chains.append(made)
    }

    private mutating func readHook(_ hook: Attributes, _ data: Attributes, _ chain: inout Chain) {
        let type: ChainType?
        switch String(decoding: data.text(7) ?? [], as: UTF8.self) {
        case "filter": type = .filter
        case "nat": type = .nat
        case "route": type = .route
        default: type = nil
        }
        guard let type, let number = hook.word(1), let place = family.hook(number) else {
            let name = escapedForTerminal(names.text(chain.name))
            report("unknown-hook", "chain '\(name)' hangs on a hook that is not known: its rules are not walked")
            return
        }
        let priority = Int32(bitPattern: hook.word(2) ?? 0)
        let policy: Policy = data.word(5) == 0 ? .drop : .accept
        chain.base = BaseChain(hook: place, priority: priority, type: type, policy: policy)
        if let device = hook.text(3) { chain.devices = [symbol(device)] }
        if let list = hook.nest(4) { chain.devices = devices(list) }
    }

    /// `NFTA_DEVICE_NAME`, one after another.
    private mutating func devices(_ list: Attributes) -> [Symbol] {
        var result: [Symbol] = []
        for entry in list.entries where entry.type == 1 { result.append(symbol(Attributes.text(entry.value))) }
        return result
    }

    /// The chain of the table being read that a rule's message names.
    mutating func chain(_ data: Attributes) -> Int? { chains[SetKey(table: table, name: symbol(data.text(2)))] }

    mutating func readRule(_ data: Attributes) {
        guard let chain = chain(data) else { return }
        unknowns = []
        hasExtensions = false
        let list = data.nest(4).map { expressions($0) } ?? []
        var lifted = statements(list)
        let comment = symbol(UserData(data.bytes(7)).text(0))
        if comment != .empty { lifted.append(.match(.comment(comment))) }
        let handle = data.number(3) ?? 0
        var made = Rule(statements: lifted, place: .none, handle: UInt32(truncatingIfNeeded: handle))
        if let counters = rule.counters {
            made.counters = CountersIndex(reading.tables[table].chains[chain].ruleCounters.count)
            reading.tables[table].chains[chain].ruleCounters.append(counters)
        }
        reading.tables[table].chains[chain].rules.append(made)
        if hasExtensions { reading.isManagedByIptables[table] = true }
        tell(unknowns, chain, handle)
    }

    /// Tells what of a rule was not understood.
    mutating func tell(_ unknowns: [Symbol], _ chain: Int, _ handle: UInt64) {
        for unknown in unknowns {
            let place =
                "\(family.name) \(names.text(reading.tables[table].name)) "
                + "\(names.text(reading.tables[table].chains[chain].name)) handle \(handle)"
            report(
                "unknown-expression",
                "the rule \(escapedForTerminal(place)) has an expression that is not understood: "
                    + escapedForTerminal(names.text(unknown)))
        }
    }

    // MARK: Objects

    private mutating func readObject(_ data: Attributes) {
        guard let number = data.word(3), number < kernelObjects.count, let kind = kernelObjects[Int(number)],
            let text = data.text(2)
        else { return }
        let content = data.nest(4) ?? Attributes([])
        var made = NativeObject(name: symbol(text), content: .other(kind, .empty), place: .none)
        switch kind {
        case .counter:
            made.content = .counter(Counters(packets: content.number(2) ?? 0, bytes: content.number(1) ?? 0))
        case .quota: if let quota = quota(content) { made.content = .quota(quota) }
        case .limit: if let limit = limit(content) { made.content = .limit(limit) }
        case .helper:
            made.content = .helper(
                type: symbol(content.text(1)), protocol: UInt8(truncatingIfNeeded: content.number(3) ?? 0))
        case .synproxy: made.content = .synproxy(synproxy(content))
        case .securityMark: made.content = .securityMark(symbol(content.text(1)))
        case .timeout, .expectation, .tunnel:
            let name = escapedForTerminal(String(decoding: text, as: UTF8.self))
            report("unknown-object", "what \(kind.name) '\(name)' holds is not read over netlink")
        }
        made.comment = symbol(UserData(data.bytes(8)).text(0))
        reading.tables[table].objects.append(made)
    }

    private mutating func readFlowtable(_ data: Attributes) {
        guard let name = data.text(2) else { return }
        let hook = data.nest(3) ?? Attributes([])
        var made = Flowtable(
            name: symbol(name), priority: Int32(bitPattern: hook.word(2) ?? 0), place: .none)
        if let list = hook.nest(3) { made.devices = devices(list) }
        made.isOffloaded = data.isSet(7, 1)
        made.hasCounter = data.isSet(7, 2)
        reading.tables[table].flowtables.append(made)
    }
}
