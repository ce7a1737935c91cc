internal import NetTypes
public import RuleModel
public import SourceText

/// How tables are written.
public struct NftablesSettings: Hashable, Sendable {
    /// Writes what rules and sets have counted; without it nothing that a packet changes is written.
    public var hasCounters = false
    /// Writes the handles of rules, as `nft -a` does.
    public var hasHandles = false

    public init(hasCounters: Bool = false, hasHandles: Bool = false) {
        self.hasCounters = hasCounters
        self.hasHandles = hasHandles
    }
}

/// Writes native tables as `nft list ruleset` does, and so that `nft -f` reads them.
public func writeNftables(
    _ tables: [Table], names: NameTable, settings: NftablesSettings = NftablesSettings()
) -> [UInt8] {
    var writer = Writer(names: names, settings: settings)
    for table in tables { writer.write(table) }
    return writer.bytes
}

/// One statement as nft writes it, such as `tcp dport 22` or `jump services`. A set that is written in the rule is
/// written out.
public func nativeText(of statement: Statement, in table: Table, names: NameTable) -> String {
    var writer = Writer(names: names, settings: NftablesSettings(hasCounters: true))
    writer.open(table)
    writer.write(statement)
    return String(decoding: writer.bytes, as: UTF8.self)
}

/// One rule as nft writes it.
public func nativeText(of rule: Rule, in table: Table, names: NameTable) -> String {
    var writer = Writer(names: names, settings: NftablesSettings(hasCounters: true))
    writer.open(table)
    writer.write(rule)
    return String(decoding: writer.bytes, as: UTF8.self)
}

/// One element of a set or map as nft writes it, such as `80 : jump web`, without what it has counted.
public func nativeText(ofElement index: Int, of set: NativeSet, in table: Table, names: NameTable) -> String {
    var writer = Writer(names: names, settings: NftablesSettings())
    writer.open(table)
    writer.element(index, of: set)
    return String(decoding: writer.bytes, as: UTF8.self)
}

/// What is written before a table of which it is known that fields side by side are not compared as one number.
let remarkOfFieldsApart: StaticString = "# Each field is compared by itself"

/// Makes nft's text out of typed values.
struct Writer {
    let names: NameTable
    let settings: NftablesSettings
    var bytes: [UInt8] = []
    var family = TableFamily.ip
    /// Of the table being written, by name.
    var sets: [Symbol: NativeSet] = [:]
    /// Chains without a name of their own, written where the rule is that leads to them.
    private var blocks: [Symbol: Chain] = [:]

    init(names: NameTable, settings: NftablesSettings) {
        self.names = names
        self.settings = settings
    }

    mutating func open(_ table: Table) {
        family = table.family
        sets = [:]
        for set in table.sets { sets[set.name] = set }
    }

    mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
    mutating func put(_ name: Symbol) { bytes.append(contentsOf: names.bytes(name)) }

    /// A text in quotes.
    mutating func putQuoted(_ name: Symbol) {
        put("\"")
        put(name)
        put("\"")
    }

    /// A name as a word where it can be one.
    mutating func putName(_ name: Symbol) {
        let text = names.bytes(name)
        let isWord =
            text.first.map { $0.isLetter || $0 == UInt8(ascii: "_") } ?? false
            && text.allSatisfy {
                $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".")
            }
        if isWord { put(name) } else { putQuoted(name) }
    }

    mutating func write(_ rule: Rule) {
        var isFirst = true
        for statement in rule.statements {
            if !isFirst { put(" ") }
            isFirst = false
            write(statement)
        }
    }

    mutating func write(_ statement: Statement) {
        switch statement {
        case .match(.native(let comparison)): write(comparison)
        case .match(.comment(let text)):
            put("comment ")
            putQuoted(text)
        case .match: put("# a match of iptables")
        case .target(.native(let native)): write(native)
        case .target(.accept): put("accept")
        case .target(.drop): put("drop")
        case .target(.return): put("return")
        case .target(.jump(let chain)):
            put("jump ")
            putTarget(chain)
        case .target(.goto(let chain)):
            put("goto ")
            putTarget(chain)
        case .target: put("# a target of iptables")
        }
    }

    private mutating func putTarget(_ chain: Symbol) {
        // Taken out, so that no chain is written within itself.
        guard let block = blocks.removeValue(forKey: chain) else { return putName(chain) }
        put("{ ")
        for rule in block.rules {
            write(rule)
            put("; ")
        }
        put("}")
    }
}

// Tables and what they hold.
extension Writer {
    mutating func write(_ table: Table) {
        open(table)
        let isApart = !table.mayJoinComparisons
        if isApart, table.chains.contains(where: { $0.rules.contains { !$0.joinableComparisons.isEmpty } }) {
            put(remarkOfFieldsApart.description)
            put("\n")
        }
        put("table \(table.family.name) ")
        putName(table.name)
        put(" {\n")
        var isFirst = true
        func separate(_ writer: inout Writer) {
            if !isFirst { writer.put("\n") }
            isFirst = false
        }
        if table.isDormant { line("flags dormant", 1) }
        if table.comment != .empty { comment(table.comment, 1) }
        for object in table.objects {
            separate(&self)
            write(object)
        }
        for set in table.sets where !set.flags.contains(.anonymous) {
            separate(&self)
            write(set)
        }
        for flowtable in table.flowtables {
            separate(&self)
            write(flowtable)
        }
        blocks = [:]
        for chain in table.chains where isNameless(chain.name) { blocks[chain.name] = chain }
        for chain in table.chains where !isNameless(chain.name) {
            separate(&self)
            write(chain)
        }
        put("}\n")
    }

    private func isNameless(_ chain: Symbol) -> Bool { names.bytes(chain).contains(UInt8(ascii: "@")) }

    mutating func line(_ text: String, _ depth: Int) {
        for _ in 0..<depth { put("\t") }
        put(text)
        put("\n")
    }

    mutating func comment(_ text: Symbol, _ depth: Int) {
        for _ in 0..<depth { put("\t") }
        put("comment ")
        putQuoted(text)
        put("\n")
    }

    mutating func devices(_ devices: [Symbol]) {
        put("{ ")
        for (index, device) in devices.enumerated() {
            if index > 0 { put(", ") }
            putQuoted(device)
        }
        put(" }")
    }

    private mutating func write(_ chain: Chain) {
        put("\tchain ")
        putName(chain.name)
        put(" {\n")
        if chain.comment != .empty { comment(chain.comment, 2) }
        if let base = chain.base {
            put("\t\ttype \(base.type.word) hook \(base.hook.name)")
            if !chain.devices.isEmpty {
                put(" devices = ")
                devices(chain.devices)
            }
            put(" priority \(base.priority); policy \(base.policy == .drop ? "drop" : "accept");\n")
        }
        for rule in chain.rules {
            put("\t\t")
            write(rule)
            if settings.hasHandles, rule.handle != 0 { put(" # handle \(rule.handle)") }
            put("\n")
        }
        put("\t}\n")
    }

    private mutating func write(_ flowtable: Flowtable) {
        put("\tflowtable ")
        putName(flowtable.name)
        put(" {\n\t\thook ingress priority \(flowtable.priority)\n\t\tdevices = ")
        devices(flowtable.devices)
        put("\n")
        if flowtable.isOffloaded { line("flags offload", 2) }
        if flowtable.hasCounter { line("counter", 2) }
        put("\t}\n")
    }

    private mutating func write(_ object: NativeObject) {
        put("\t\(object.kind.name) ")
        putName(object.name)
        put(" {\n")
        if object.comment != .empty { comment(object.comment, 2) }
        put("\t\t")
        switch object.content {
        case .counter(let counters): put(counterText(settings.hasCounters ? counters : Counters(packets: 0, bytes: 0)))
        case .quota(let quota): put(quotaText(quota))
        case .limit(let limit): put(limitText(limit))
        case .helper(let type, let number):
            put("type ")
            putQuoted(type)
            put(" protocol \(constantText(Literal(UInt64(number), .internetProtocol, bits: 8)))")
            if let version = object.version { put("\n\t\tl3proto \(version == .v4 ? "ip" : "ip6")") }
        case .synproxy(let options): put(synproxyText(options))
        case .securityMark(let context): putQuoted(context)
        case .other(_, let text): put(text)
        }
        put("\n\t}\n")
    }
}

extension ChainType {
    var word: String {
        switch self {
        case .filter: "filter"
        case .route: "route"
        case .nat: "nat"
        }
    }
}
