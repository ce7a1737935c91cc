internal import HostText
public import NetTypes
public import PathModel
internal import Questions
internal import RuleModel
public import Snapshot
internal import SourceText

extension NodeState {
    /// The node compiled, with what it says of rules that could not be read.
    public func makeModel() -> HostModel {
        HostModel(ruleset, host, names: names, unreadRules: unreadRulesets.map(told) + cutOff + inDoubt)
    }

    private func told(_ unread: UnreadRuleset) -> UnfollowedDecider {
        let tables = unread.tables.isEmpty ? "" : " (\(unread.tables.joined(separator: ", ")))"
        return UnfollowedDecider(
            name: "nft", text: "\(unreadRulesName(unread)) decide about packets too\(tables)\(location(unread.place))")
    }

    /// Tables that a dump ends in. Which of their rules are missing it doesn't tell, nor which tables of the same listing:
    /// nft's has those of all families.
    private var cutOff: [UnfollowedDecider] {
        ruleset.tables.compactMap { table in
            guard table.isCutOff else { return nil }
            let version = table.iptables == nil ? nil : IPVersion.allCases.first { table.family.sees($0) }
            return UnfollowedDecider(
                name: "cut-off",
                text:
                    "rules that may be missing from table \(names.text(table.name)), which is cut off, decide about packets "
                    + "too\(location(table.place))",
                version: version, isOfRules: true)
        }
    }

    /// Tables whose text does not tell which rules they hold.
    private var inDoubt: [UnfollowedDecider] {
        ruleset.tables.compactMap { table in
            guard table.isInDoubt else { return nil }
            let versions = IPVersion.allCases.filter { table.family.sees($0) }
            return UnfollowedDecider(
                name: "in-doubt",
                text:
                    "what becomes of the rules of table \(names.text(table.name)), which is not all told, decides about packets "
                    + "too\(location(table.place))",
                version: versions.count == 1 ? versions.first : nil, isOfRules: true)
        }
    }

    /// What of the input was lost or is doubtful, as an answer says what it rests on: of each file the first, sentences
    /// without a final stop. Tables that are cut off are told as deciders.
    public var losses: [String] {
        let cuts: Set = ["cut-off", "unexpected-end", "interrupted-dump"]
        let cutFiles = Set(ruleset.tables.filter { $0.isCutOff }.compactMap { file(of: $0.place)?.path })
        var files: [(first: String, count: Int)] = []
        var places: [String: Int] = [:]
        for diagnostic in diagnostics where diagnostic.severity > .note {
            let path = file(of: diagnostic.place)?.path ?? ""
            if cuts.contains(diagnostic.code), cutFiles.contains(path) { continue }
            if let known = places[path] {
                files[known].count += 1
            } else {
                places[path] = files.count
                let place = path.isEmpty ? "" : "\(path):\(diagnostic.place.line): "
                files.append((place + diagnostic.message, 1))
            }
        }
        var losses = unrecognised.filter { $0.mayBeMissed }.map { "\($0.path): \($0.reason.text)" }
        losses += files.map { $0.count > 1 ? "\($0.first), and \($0.count - 1) more of this file" : $0.first }
        let shown = 20
        if losses.count <= shown { return losses }
        return losses.prefix(shown) + ["\(losses.count - shown) more files could not be read in full"]
    }

    /// What is lost, and what the input lacks, of an answer about all packets of `versions`.
    public func doubts(_ versions: [IPVersion] = IPVersion.allCases) -> [String] {
        losses + missingInputs(forAllOf: versions, of: missing).map { $0.text }
    }

    private func location(_ place: Place) -> String { file(of: place).map { ", \($0.path):\(place.line)" } ?? "" }
}

/// What rules are that could not be read.
public func unreadRulesName(_ unread: UnreadRuleset) -> String {
    unread.kind == .unreadRules
        ? "rules of iptables-legacy, which could not be read,"
        : "native nftables rules, which this version does not read,"
}
