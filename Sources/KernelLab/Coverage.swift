internal import ChainGraph
internal import IptablesText
internal import KernelLink
internal import NetTypes
internal import Nftables
internal import PacketPath
internal import RuleModel
internal import SourceText

/// How often each part of rules was met, matching and not: what a comparison has tested.
struct Coverage: Sendable {
    struct Count: Hashable, Sendable {
        var matched = 0
        var missed = 0
    }

    /// By what stands in a rule: `-s`, `conntrack --ctstate`, `-j DNAT --to-destination`, `hook forward filter`.
    private(set) var counts: [String: Count] = [:]

    /// Adds what one way of a trace met; it must have been recorded with its misses.
    mutating func add(_ steps: [Step], _ labels: inout RuleLabels) {
        for step in steps {
            switch step.kind {
            case .rule(let rule):
                let known = labels.of(rule.rule)
                for label in known.statements.joined() { counts[label, default: Count()].matched += 1 }
                counts["hook \(step.view.hook.name) \(known.table)", default: Count()].matched += 1
            case .miss(let rule, let statement):
                let known = labels.of(rule)
                // What stands before the part that failed has held; what stands behind it was not asked, but its target.
                for (index, names) in known.statements.enumerated() where index <= statement || known.isTarget[index] {
                    for label in names {
                        if index < statement {
                            counts[label, default: Count()].matched += 1
                        } else {
                            counts[label, default: Count()].missed += 1
                        }
                    }
                }
                counts["hook \(step.view.hook.name) \(known.table)", default: Count()].missed += 1
            case .policy, .conntrack, .translation, .routing, .defragmentation, .encapsulation, .decapsulation,
                .loopback, .delivery, .ipvs, .end:
                break
            }
        }
    }

    mutating func add(_ other: Coverage) {
        for (label, count) in other.counts {
            counts[label, default: Count()].matched += count.matched
            counts[label, default: Count()].missed += count.missed
        }
    }

    mutating func add(_ label: String, matched: Int, missed: Int) {
        counts[label, default: Count()].matched += matched
        counts[label, default: Count()].missed += missed
    }
}

/// The names under which a rule set's rules are counted, made once for each rule that is met.
struct RuleLabels {
    struct Labels {
        var statements: [[String]]
        var isTarget: [Bool]
        var table: String
    }

    private let linked: LinkedRuleset
    private var known: [RuleReference: Labels] = [:]

    init(_ linked: LinkedRuleset) { self.linked = linked }

    mutating func of(_ reference: RuleReference) -> Labels {
        if let labels = known[reference] { return labels }
        let table = linked.table(of: reference.chain)
        var labels = Labels(statements: [], isTarget: [], table: linked.names.text(table.name))
        for statement in linked.rule(reference).statements {
            let text =
                table.isNative
                ? nativeText(of: statement, in: table, names: linked.names)
                : statementText(statement, in: table, names: linked.names)
            switch statement {
            case .match:
                labels.isTarget.append(false)
                labels.statements.append(RuleLabels.names(of: text))
            case .target(let target):
                labels.isTarget.append(true)
                switch target {
                case .jump: labels.statements.append(["-j CHAIN"])
                case .goto: labels.statements.append(["-g CHAIN"])
                default: labels.statements.append(RuleLabels.names(of: text))
                }
            }
        }
        known[reference] = labels
        return labels
    }

    /// `-m conntrack ! --ctstate NEW --ctdir REPLY` → `conntrack --ctstate`, `conntrack --ctdir`.
    static func names(of text: String) -> [String] {
        var names: [String] = []
        var module = ""
        var isModule = false
        for word in text.split(separator: " ") {
            if isModule {
                module = String(word)
                isModule = false
                if !names.isEmpty, names[0] == "-j" { names[0] = "-j \(module)" } else { names.append(module) }
            } else if word == "-m" || word == "-j" {
                isModule = true
                if word == "-j" { names.append("-j") }
            } else if word.hasPrefix("-"), !isNumber(word) {
                names.append(module.isEmpty ? String(word) : "\(module) \(word)")
            }
        }
        return names
    }

    private static func isNumber(_ word: Substring) -> Bool { word.dropFirst().first?.isNumber ?? true }
}
