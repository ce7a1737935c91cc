import RuleModel
import SourceText
import Testing

@testable import Nftables

/// The rules of `forms-rules.txt`, each in a rule set of its own that has all that rules name.
struct Form: Sendable, CustomTestStringConvertible {
    /// A family, or `nat` and `snat` for chains of that type in a table of inet.
    let family: String
    let rule: String

    var testDescription: String { "\(family): \(rule)" }

    static func all() throws -> [Form] {
        let text = String(decoding: try Fixture(name: "forms-rules.txt").bytes(), as: UTF8.self)
        return text.split(separator: "\n").map { line in
            let parts = line.split(separator: "|", maxSplits: 1)
            return Form(family: String(parts[0]), rule: String(parts[1]))
        }
    }

    private var hook: String {
        if rule.contains("flow add") { return "type filter hook forward priority 0;" }
        if rule.contains("tproxy") { return "type filter hook prerouting priority 0;" }
        if rule.contains("osf") || rule.contains("synproxy") { return "type filter hook input priority 0;" }
        return switch family {
        case "nat": "type nat hook prerouting priority 0;"
        case "snat": "type nat hook postrouting priority 0;"
        case "netdev": "type filter hook ingress device lo priority 0;"
        case "bridge" where rule.contains("reject"): "type filter hook input priority 0;"
        default: ""
        }
    }

    func ruleset(objects: String) -> String {
        let table = family == "nat" || family == "snat" ? "inet" : family
        let held = table == "inet" ? objects : ""
        return "table \(table) t {\n\(held)\n\tchain other {\n\t}\n\tchain c {\n\t\t\(hook)\n\t\t\(rule)\n\t}\n}\n"
    }
}

extension Table {
    /// Without places: as equal as two texts of one rule set are.
    var placeless: Table {
        var copy = self
        copy.place = .none
        for index in copy.chains.indices {
            copy.chains[index].place = .none
            for rule in copy.chains[index].rules.indices { copy.chains[index].rules[rule].place = .none }
        }
        for index in copy.sets.indices { copy.sets[index].place = .none }
        for index in copy.objects.indices { copy.objects[index].place = .none }
        for index in copy.flowtables.indices { copy.flowtables[index].place = .none }
        // Written before those that rules hold, wherever they stood.
        copy.sets.sort { $0.name < $1.name }
        return copy
    }
}

/// What is written of tables, read again.
func readAgain(_ tables: [Table], names: inout NameTable) -> (text: [UInt8], reading: NftablesReading) {
    let text = writeNftables(tables, names: names, settings: NftablesSettings(hasCounters: true))
    return (text, readNftables(text, file: FileID(0), names: &names))
}
