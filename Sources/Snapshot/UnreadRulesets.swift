import HostText
import RuleModel
import SourceText

/// The tables that an nft listing holds, such as `inet firewalld`, in their order.
func nftTables(_ text: Span<UInt8>, _ listing: Listing) -> [String] {
    let excerpt = listing.excerpt
    let end = min(excerpt.end, text.count)
    var tables: [String] = []
    if listing.kind == .nftJSON {
        // Not worth a tree of a large dump: without names the whole of it counts as not read.
        guard end - excerpt.start < 16 << 20 else { return [] }
        guard let value = try? readJSONValue(text, at: excerpt.start), let entries = value["nftables"]?.array else {
            return []
        }
        for entry in entries {
            if let table = entry["table"], let family = table["family"]?.string, let name = table["name"]?.string {
                tables.append("\(family) \(name)")
            }
        }
        return tables
    }
    var start = excerpt.start
    while start < end {
        var stop = start
        while stop < end, text[stop] != UInt8(ascii: "\n") { stop += 1 }
        let line = text.extracting(start..<stop)
        if line.starts(with: "table ") {
            let words = line.text.split(separator: " ")
            // `table ip nat {`; without a family it is ip.
            if words.count >= 4 {
                tables.append("\(words[1]) \(words[2])")
            } else if words.count == 3 {
                tables.append("ip \(words[1])")
            }
        }
        start = stop + 1
    }
    return tables
}

/// Says which rule sets are recognised and not read. Tables that iptables-save showed too are read from there.
func tellUnreadRulesets(_ node: inout NodeState, _ reading: inout HostReading) {
    var known: Set<String> = []
    for table in node.ruleset.tables where table.backend == .nfTables && table.iptables != nil {
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
                "native nftables rules are not read by this version: answers can be wrong where they decide" + tables,
                at: ruleset.place))
        unread.append(ruleset)
    }
    node.unreadRulesets = unread
}
