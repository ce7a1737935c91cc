import HostText
import Nftables
import RuleModel
import SourceText

/// Reads what nft showed of one node, when what iptables-save showed of it is there.
func readNft(
    _ listings: [Listing], _ files: [SourceFile], _ settings: SnapshotSettings, _ iptables: inout IptablesInput,
    _ reading: inout HostReading, _ node: inout NodeState
) throws(SnapshotFailure) {
    guard !listings.isEmpty else { return }
    let includable = files.enumerated().map { index, file in
        IncludableFile(path: file.path, file: FileID(index), bytes: file.bytes)
    }
    var results: [(listing: Listing, reading: NftablesReading)] = []
    var included: Set<FileID> = []
    // The text says more than the JSON: of a table that both show it counts.
    let texts = listings.filter { $0.kind == .nftText }
    for listing in texts + listings.filter({ $0.kind == .nftJSON }) {
        let file = files[Int(listing.excerpt.file.index)]
        let excerpt = listing.excerpt
        let range = excerpt.start..<max(excerpt.start, min(excerpt.end, file.bytes.count))
        let result: NftablesReading
        if listing.kind == .nftJSON {
            result = readNftablesJSON(
                file.bytes, range: range, firstLine: excerpt.firstLine, file: excerpt.file, names: &reading.names)
            if result.diagnostics.contains(where: { $0.code == "bad-json" }) {
                let place = firstLine(of: excerpt, file.bytes.span)
                node.unreadRulesets.append(UnreadRuleset(kind: .brokenJSON, place: place, tables: []))
            }
        } else {
            result = readNftables(
                file.bytes, range: range, firstLine: excerpt.firstLine, file: excerpt.file, names: &reading.names,
                includes: includable)
        }
        included.formUnion(result.includedFiles)
        results.append((listing, result))
    }
    for (listing, result) in results {
        let file = files[Int(listing.excerpt.file.index)]
        let text = file.bytes.span
        let place = firstLine(of: listing.excerpt, text)
        let isIncluded = included.contains(listing.excerpt.file)
        node.inputs.append(
            RecognisedInput(
                kind: listing.kind, place: place, lastLine: lastLine(of: listing.excerpt, text),
                summary: isIncluded ? "nft rules that another file includes" : summary(of: result)))
        // Read where it is included.
        if isIncluded { continue }
        reading.diagnostics += result.diagnostics
        tellEmptySets(result.tables, listing, node, &reading)
        let shownAsText = listing.kind == .nftJSON ? iptables.ruleset.tables.filter { $0.isNative } : []
        for (position, table) in result.tables.enumerated() {
            let isManaged = position < result.isManagedByIptables.count && result.isManagedByIptables[position]
            if iptables.takeOver(table) { continue }
            if shownAsText.contains(where: { $0.family == table.family && $0.name == table.name }) { continue }
            tellLosses(table, isManaged: isManaged, &reading)
            var table = table
            if listing.hint.isTerse { table.leaveSetsOpen() }
            try iptables.add(native: table, files: files, names: reading.names, &reading.diagnostics)
        }
    }
}

private func summary(of result: NftablesReading) -> String {
    func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
    var families: [String] = []
    var ruleCount = 0
    var setCount = 0
    for table in result.tables {
        if !families.contains(table.family.name) { families.append(table.family.name) }
        for chain in table.chains { ruleCount += chain.rules.count }
        for set in table.sets where !set.flags.contains(.anonymous) { setCount += 1 }
    }
    let sets = setCount == 0 ? "" : ", " + count(setCount, "set")
    return "nft rules: \(families.joined(separator: ", ")), \(count(result.tables.count, "table")), "
        + count(ruleCount, "rule") + sets
}

/// Says that `nft -t` leaves out what sets hold, where none of the listing's holds anything.
private func tellEmptySets(
    _ tables: [Table], _ listing: Listing, _ node: NodeState, _ reading: inout HostReading
) {
    // What this program wrote has elements, and a list of all tables beside it.
    if listing.hint.isTerse || node.inputs.contains(where: { $0.kind == .nftTables }) { return }
    // What rules fill is empty for a while.
    let sets = tables.flatMap { table in
        table.sets.filter { $0.flags.isDisjoint(with: [.anonymous, .dynamic, .timeout]) && !table.fills($0.name) }
    }
    guard let first = sets.first, sets.allSatisfy({ $0.isEmpty }) else { return }
    reading.diagnostics.append(
        Diagnostic(
            .note, "empty-sets",
            "the sets of this listing are taken to be empty: it has no elements, and nft -t would leave them out",
            at: first.place))
}

extension NativeSet {
    fileprivate var isEmpty: Bool { elements.count == 0 && catchAll == nil }
}

extension Table {
    /// Whether a rule puts elements into the set.
    fileprivate func fills(_ set: Symbol) -> Bool {
        chains.contains { chain in
            chain.rules.contains { rule in
                rule.statements.contains { statement in
                    if case .target(.native(.changeSet(let change))) = statement { change.set == set } else { false }
                }
            }
        }
    }

    /// Of sets that are listed without elements it is not known what they hold.
    fileprivate mutating func leaveSetsOpen() {
        for index in sets.indices where sets[index].isEmpty && !sets[index].flags.contains(.anonymous) {
            sets[index].isTerse = true
        }
    }
}

/// Says what of a table is not told by nft, and which tables no packet is followed through.
private func tellLosses(_ table: Table, isManaged: Bool, _ reading: inout HostReading) {
    let name = "\(table.family.name) \(reading.names.text(table.name))"
    var foreignCount = 0
    var first = table.place
    for chain in table.chains {
        for rule in chain.rules where rule.isForeign {
            if foreignCount == 0 { first = rule.place }
            foreignCount += 1
        }
    }
    if isManaged || foreignCount > 0 {
        let unknown = foreignCount == 0 ? "" : "; \(foreignCount) of its rules hold parts that are not shown at all"
        reading.diagnostics.append(
            Diagnostic(
                .warning, "iptables-by-nft",
                "nft shows table \(name), which iptables-nft made, in another form than it is: iptables-save shows it "
                    + "whole" + unknown, at: first))
    }
    switch table.family {
    case .ip, .ip6, .inet, .netdev: break
    case .arp, .bridge:
        reading.diagnostics.append(
            Diagnostic(
                .note, "family-not-followed",
                "packets are not followed through the chains of table \(name): its family is kept and shown only",
                at: table.place))
    }
}

extension Rule {
    /// Whether a part of it is an extension of x_tables, of which nft shows the name alone.
    fileprivate var isForeign: Bool {
        statements.contains { statement in
            if case .target(.native(.xtables)) = statement { true } else { false }
        }
    }
}

extension IptablesInput {
    /// Whether iptables-save showed this table: then only handles and the order of tables are taken from nft.
    mutating func takeOver(_ table: Table) -> Bool {
        guard
            let known = ruleset.tables.firstIndex(where: {
                $0.iptables != nil && $0.backend == .nfTables && $0.family == table.family && $0.name == table.name
            })
        else { return false }
        for chain in table.chains {
            guard let own = ruleset.tables[known].chains.firstIndex(where: { $0.name == chain.name }),
                ruleset.tables[known].chains[own].rules.count == chain.rules.count
            else { continue }
            for index in chain.rules.indices where chain.rules[index].handle != 0 {
                setHandle(chain.rules[index].handle, table: known, chain: own, rule: index)
            }
        }
        return true
    }
}
