internal import HostText
internal import NetTypes
public import PathModel
internal import Questions
internal import RuleModel
public import Snapshot
internal import SourceText

extension NodeState {
    /// The node compiled, with what it says of rules that could not be read.
    public func makeModel() -> HostModel {
        HostModel(ruleset, host, names: names, unreadRules: unreadRulesets.map(told) + cutOff)
    }

    private func told(_ unread: UnreadRuleset) -> UnfollowedDecider {
        let tables = unread.tables.isEmpty ? "" : " (\(unread.tables.joined(separator: ", ")))"
        return UnfollowedDecider(
            name: "nft", text: "\(unreadRulesName(unread)) decide about packets too\(tables)\(location(unread.place))")
    }

    /// Tables that a dump ends in. Which of their rules are missing it doesn't tell.
    private var cutOff: [UnfollowedDecider] {
        ruleset.tables.compactMap { table in
            guard table.isCutOff, table.family != .arp else { return nil }
            let versions = IPVersion.allCases.filter { table.family.sees($0) }
            return UnfollowedDecider(
                name: "cut-off",
                text:
                    "rules that may be missing from table \(names.text(table.name)), which is cut off, decide about packets "
                    + "too\(location(table.place))",
                version: versions.count == 1 ? versions[0] : nil)
        }
    }

    /// What of the input was lost or is doubtful, as an answer says what it rests on: of each file the first, sentences
    /// without a final stop. Tables that are cut off are told as deciders.
    public var losses: [String] {
        var files: [(path: String, first: String, count: Int)] = []
        for diagnostic in diagnostics where diagnostic.severity > .note && diagnostic.code != "cut-off" {
            guard let path = file(of: diagnostic.place)?.path else { continue }
            if let known = files.firstIndex(where: { $0.path == path }) {
                files[known].count += 1
            } else {
                files.append((path, "\(path):\(diagnostic.place.line): \(diagnostic.message)", 1))
            }
        }
        let missed = unrecognised.filter { $0.mayBeMissed }.map { "\($0.path): \($0.reason.text)" }
        return missed
            + files.map { $0.count > 1 ? "\($0.first), and \($0.count - 1) more of this file" : $0.first }
    }

    /// What is lost, and what the input lacks, of an answer about all packets.
    public var doubts: [String] { losses + missingInputs(forAllOf: IPVersion.allCases, of: missing).map { $0.text } }

    private func location(_ place: Place) -> String { file(of: place).map { ", \($0.path):\(place.line)" } ?? "" }
}

/// What rules are that could not be read.
public func unreadRulesName(_ unread: UnreadRuleset) -> String {
    unread.kind == .unreadRules
        ? "rules of iptables-legacy, which could not be read,"
        : "native nftables rules, which this version does not read,"
}
