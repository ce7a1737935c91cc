internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// An interface that a rule asks for, by name or by how names begin.
public struct InterfaceMention: Hashable, Sendable {
    public var name: String
    /// Every name that begins so.
    public var isPrefix: Bool
    /// The one that a packet comes in by; else the one that it leaves by.
    public var isIn: Bool
}

extension HostModel {
    /// The interfaces that rules ask for, each once, in the order in which they are met.
    public var interfaceMentions: [InterfaceMention] { PathModel.interfaceMentions(linked.ruleset, names) }
}

func interfaceMentions(_ ruleset: Ruleset, _ names: NameTable) -> [InterfaceMention] {
    var seen: Set<InterfaceMention> = []
    var result: [InterfaceMention] = []
    func add(_ name: String, _ isPrefix: Bool, _ isIn: Bool) {
        let mention = InterfaceMention(name: name, isPrefix: isPrefix, isIn: isIn)
        if !name.isEmpty, seen.insert(mention).inserted { result.append(mention) }
    }
    for table in ruleset.tables {
        for chain in table.chains {
            for rule in chain.rules {
                for statement in rule.statements {
                    switch statement {
                    case .match(.inInterface(let test)):
                        add(names.text(test.value.name), test.value.isPrefix, true)
                    case .match(.outInterface(let test)):
                        add(names.text(test.value.name), test.value.isPrefix, false)
                    case .match(.native(let comparison)): comparison.addInterfaces(of: table, add)
                    case .target(.native(let statement)): statement.addInterfaces(of: table, add)
                    case .match, .target: continue
                    }
                }
            }
        }
    }
    return result
}

private typealias Add = (_ name: String, _ isPrefix: Bool, _ isIn: Bool) -> Void

extension Comparison {
    fileprivate func addInterfaces(of table: Table, _ add: Add) {
        for expression in expressions { expression.addInterfacesOfMaps(of: table, add) }
        switch right {
        case .literal, .range:
            if let isIn = left.asksInInterface, let name = right.name { add(name.text, name.isPrefix, isIn) }
        case .set(let set): table.addInterfaces(of: set, asked: left, add)
        case .expression: return
        }
    }
}

extension NativeStatement {
    fileprivate func addInterfaces(of table: Table, _ add: Add) {
        for expression in expressions { expression.addInterfacesOfMaps(of: table, add) }
        switch self {
        case .verdictMap(let key, let set), .objectMap(_, let key, let set):
            table.addInterfaces(of: set, asked: key, add)
        default: return
        }
    }
}

extension Expression {
    /// Whether it is the name (or number) of the interface that a packet comes in by, or of that it leaves by; `nil`:
    /// neither.
    fileprivate var asksInInterface: Bool? {
        switch self {
        case .meta(.inName), .meta(.inIndex): true
        case .meta(.outName), .meta(.outIndex): false
        default: nil
        }
    }

    fileprivate func addInterfacesOfMaps(of table: Table, _ add: Add) {
        if case .map(let key, let set) = self { table.addInterfaces(of: set, asked: key, add) }
        for part in parts { part.addInterfacesOfMaps(of: table, add) }
    }
}

extension Table {
    /// The interfaces among the keys of a set, of which `key` tells what its parts are.
    fileprivate func addInterfaces(of name: Symbol, asked key: Expression, _ add: Add) {
        let parts: [Expression]
        if case .concatenation(let several) = key { parts = several } else { parts = [key] }
        guard parts.contains(where: { $0.asksInInterface != nil }),
            let elements = sets.first(where: { $0.name == name })?.elements, elements.widths.count == parts.count
        else { return }
        for index in 0..<elements.count {
            var start = 0
            for (part, width) in zip(parts, elements.widths) {
                defer { start += width }
                guard let isIn = part.asksInInterface else { continue }
                let low = elements.low(index).dropFirst(start).prefix(width)
                let high = elements.high(index).dropFirst(start).prefix(width)
                let text = String(decoding: low.prefix { $0 != 0 }, as: UTF8.self)
                add(text, low != high, isIn)
            }
        }
    }
}
