import Nftables
import RuleModel
import SourceText

/// A rule set as far as two readers of it must agree: without places, handles and counts, with the names of anonymous
/// sets given anew in the order in which rules use them, and elements in the order of their keys.
struct Meaning {
    var names: NameTable
    private var renamed: [Symbol: Symbol] = [:]
    private var order: [Symbol] = []
    private var anonymous: Set<Symbol> = []

    init(names: NameTable) { self.names = names }

    /// Each table as lines, one for each thing in it.
    mutating func lines(of tables: [Table]) -> [[String]] { tables.map { lines(of: $0) } }

    private mutating func lines(of table: Table) -> [String] {
        renamed = [:]
        order = []
        anonymous = Set(table.sets.filter { $0.flags.contains(.anonymous) }.map(\.name))
        var result = [
            "table \(table.family.name) \(names.text(table.name)) dormant \(table.isDormant) owned \(table.isOwned) "
                + "comment \(names.text(table.comment))"
        ]
        for chain in table.chains {
            result.append(
                "chain \(names.text(chain.name)) \(chain.base.map { "\($0)" } ?? "") "
                    + "devices \(chain.devices.map { names.text($0) }) comment \(names.text(chain.comment))")
            for rule in chain.rules {
                result.append("  " + rule.statements.map { text(of: $0) }.joined(separator: "; "))
            }
        }
        for name in order {
            if let set = table.sets.first(where: { $0.name == name }) { result.append(text(of: set)) }
        }
        for set in table.sets where !anonymous.contains(set.name) { result.append(text(of: set)) }
        for object in table.objects { result.append(text(of: object)) }
        for flowtable in table.flowtables {
            result.append(
                "flowtable \(names.text(flowtable.name)) \(flowtable.priority) "
                    + "\(flowtable.devices.map { names.text($0) }) \(flowtable.hasCounter)")
        }
        return result
    }

    /// Symbols are told by their text, for both readers share a table of names.
    private mutating func text(of statement: Statement) -> String {
        var plain = statement
        switch statement {
        case .target(.native(.counter)): plain = .target(.native(.counter(nil)))
        case .target(.native(.quota(var quota))):
            quota.used = 0
            plain = .target(.native(.quota(quota)))
        case .match(.native(var comparison)):
            comparison.left = renaming(comparison.left)
            switch comparison.right {
            case .set(let set): comparison.right = .set(renaming(set))
            case .expression(let expression): comparison.right = .expression(renaming(expression))
            case .literal, .range: break
            }
            plain = .match(.native(comparison))
        case .target(.native(.verdictMap(let key, let set))):
            plain = .target(.native(.verdictMap(renaming(key), renaming(set))))
        case .target(.native(.objectMap(let kind, let key, let set))):
            plain = .target(.native(.objectMap(kind, renaming(key), renaming(set))))
        case .target(.native(.assign(let target, let value))):
            plain = .target(.native(.assign(target, renaming(value))))
        case .target(.native(.translate(var translation))):
            translation.address = translation.address.map { renaming($0) }
            translation.port = translation.port.map { renaming($0) }
            plain = .target(.native(.translate(translation)))
        default: break
        }
        // The modules' and types' names say nothing.
        return "\(plain)".split(separator: "RuleModel.").joined()
    }

    private mutating func renaming(_ set: Symbol) -> Symbol {
        guard anonymous.contains(set) else { return set }
        if let known = renamed[set] { return known }
        let name = names.intern("anonymous \(renamed.count)")
        renamed[set] = name
        order.append(set)
        return name
    }

    private mutating func renaming(_ expression: Expression) -> Expression {
        switch expression {
        case .map(let key, let set): .map(renaming(key), renaming(set))
        case .concatenation(let parts): .concatenation(parts.map { renaming($0) })
        case .masked(let value, let and, let xor): .masked(renaming(value), and: and, xor: xor)
        case .shifted(let value, let count): .shifted(renaming(value), by: count)
        case .hash(let key, let modulus, let seed, let offset):
            .hash(renaming(key), modulus: modulus, seed: seed, offset: offset)
        default: expression
        }
    }

    private mutating func text(of set: NativeSet) -> String {
        let elements = (0..<set.elements.count).map { index -> String in
            var value = "\(set.elements.value(index))"
            if set.elements.value(index) == .none { value = "" }
            let extra = set.elements.extra(index).map { "\($0.timeout ?? 0) \(names.text($0.comment)) \($0.states)" }
            return "\(Array(set.elements.low(index)))-\(Array(set.elements.high(index))) \(value) \(extra ?? "")"
        }
        return "set \(names.text(renamed[set.name] ?? set.name)) key \(set.key) widths \(set.elements.widths) "
            + "value \(set.value) flags \(set.flags.rawValue) all \(set.catchAll.map { "\($0)" } ?? "") "
            + "timeout \(set.timeout ?? 0) \(set.garbageInterval ?? 0) size \(set.size ?? 0) \(set.prefersMemory) "
            + "comment \(names.text(set.comment)) elements \(elements.sorted())"
    }

    private func text(of object: NativeObject) -> String {
        let content: String
        switch object.content {
        case .counter: content = "counter"
        // What these hold is not read over netlink.
        case .other: content = ""
        default: content = "\(object.content)"
        }
        return "object \(object.kind) \(names.text(object.name)) \(content) \(names.text(object.comment))"
    }
}
