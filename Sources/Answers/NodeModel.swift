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
        HostModel(ruleset, host, names: names, unreadRules: unreadRulesets.map(told) + partialTables)
    }

    private func told(_ unread: UnreadRuleset) -> UnfollowedDecider {
        let tables = unread.tables.isEmpty ? "" : " (\(unread.tables.joined(separator: ", ")))"
        return UnfollowedDecider(
            name: unread.assumption,
            text: "\(unread.name), decide about packets too\(tables)\(location(unread.place))", version: unread.version)
    }

    /// Tables of which a dump lacks a part, or of which the text does not tell which rules they hold. Which are missing it
    /// doesn't tell, nor, where it ends in one, which tables of the same listing: nft's has those of all families.
    private var partialTables: [UnfollowedDecider] {
        ruleset.tables.flatMap { table in
            let version = table.iptables == nil ? nil : IPVersion.allCases.first { table.family.sees($0) }
            let name = "table \(names.text(table.name))"
            var found: [UnfollowedDecider] = []
            func add(_ assumption: String, _ rules: String, version: IPVersion?) {
                found.append(
                    UnfollowedDecider(
                        name: assumption, text: "\(rules) about packets too\(location(table.place))", version: version,
                        isOfRules: true))
            }
            if table.isCutOff {
                add("cut-off", "rules that may be missing from \(name), which is cut off, decide", version: version)
            }
            if table.lacksDeclarations {
                add(
                    "cut-off",
                    "policies and rules that may be missing from \(name), of which not all chains are declared, decide",
                    version: version)
            }
            if table.hasUnplacedLines {
                add(
                    "unread-lines", "lines of \(name) that could not be read, of which the chain is not known, decide",
                    version: version)
            }
            if table.isInDoubt {
                let seen = IPVersion.allCases.filter { table.family.sees($0) }
                add(
                    "in-doubt", "what becomes of the rules of \(name), which is not all told, decides",
                    version: seen.count == 1 ? seen.first : nil)
            }
            return found
        }
    }

    /// What of the input was lost or is doubtful, as an answer says what it rests on: of each file the first, sentences
    /// without a final stop. Tables that are cut off are told as deciders.
    public var losses: [String] {
        let cuts: Set = ["cut-off", "unexpected-end", "interrupted-dump"]
        let told: Set = ["other-tables", "incompatible-table"]
        let cutFiles = Set(ruleset.tables.filter { $0.isCutOff }.compactMap { file(of: $0.place)?.path })
        var files: [(first: String, count: Int)] = []
        var places: [String: Int] = [:]
        // Said of every empty set, so it is no problem of the input.
        let notes: Set = ["empty-sets"]
        for diagnostic in diagnostics where diagnostic.severity > .note || notes.contains(diagnostic.code) {
            // Told as a decider.
            if told.contains(diagnostic.code) { continue }
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

extension UnreadRuleset {
    /// As `--assume NAME=pass` takes it.
    fileprivate var assumption: String {
        switch kind {
        case .refused, .brokenJSON, .incompatible: "nft"
        case .unshownLegacy: "legacy"
        }
    }

    /// What rules they are.
    public var name: String {
        switch kind {
        case .refused: "rules of iptables-legacy, which could not be read"
        case .brokenJSON: "native nftables rules, which this version does not read"
        case .unshownLegacy:
            "rules of \(version == .v6 ? "ip6tables" : "iptables")-legacy, which are not in the input"
        case .incompatible: "rules that only nft shows, which are not in the input"
        }
    }
}
