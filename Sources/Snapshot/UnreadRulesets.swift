import HostText
import RuleModel
import SourceText

/// The tables that a listing in JSON holds, such as `inet firewalld`, in their order.
func nftTables(_ text: Span<UInt8>, _ listing: Listing) -> [String] {
    let excerpt = listing.excerpt
    // Not worth a tree of a large dump: without names the whole of it counts as not read.
    guard min(excerpt.end, text.count) - excerpt.start < 16 << 20,
        let value = try? readJSONValue(text, at: excerpt.start), let entries = value["nftables"]?.array
    else { return [] }
    var tables: [String] = []
    for entry in entries {
        if let table = entry["table"], let family = table["family"]?.string, let name = table["name"]?.string {
            tables.append("\(family) \(name)")
        }
    }
    return tables
}

/// Says which rule sets are recognised and not read. Tables that iptables-save or nft's
/// text showed too are read from there.
func tellUnreadRulesets(_ node: inout NodeState, _ reading: inout HostReading) {
    var known: Set<String> = []
    for table in node.ruleset.tables where table.backend == .nfTables {
        known.insert("\(table.family.name) \(reading.names.text(table.name))")
    }
    var unread: [UnreadRuleset] = []
    for var ruleset in node.unreadRulesets {
        let isTold = !ruleset.tables.isEmpty
        ruleset.tables.removeAll { known.contains($0) }
        if isTold, ruleset.tables.isEmpty { continue }
        let tables = ruleset.tables.isEmpty ? "" : " (\(ruleset.tables.joined(separator: ", ")))"
        reading.diagnostics.append(
            Diagnostic(
                .warning, "nft-not-read",
                "nft's JSON is not read by this version: answers can be wrong where its rules decide" + tables,
                at: ruleset.place))
        unread.append(ruleset)
    }
    node.unreadRulesets = unread
}
