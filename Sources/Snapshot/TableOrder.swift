import HostText
import RuleModel
import SourceText

/// The order in which a kernel has the tables of nf_tables, from `nft list tables`: of two chains of one hook and
/// priority it decides which runs first.
struct TableOrder {
    private var tables: [String] = []

    var isEmpty: Bool { tables.isEmpty }

    mutating func read(_ text: Span<UInt8>, _ listing: Listing, _ node: inout NodeState) {
        let excerpt = listing.excerpt
        let before = tables.count
        for line in text.extracting(excerpt.start..<min(excerpt.end, text.count)).text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 3, words[0] == "table" { tables.append("\(words[1]) \(words[2])") }
        }
        let count = tables.count - before
        node.inputs.append(
            RecognisedInput(
                kind: .nftTables, place: firstLine(of: excerpt, text), lastLine: lastLine(of: excerpt, text),
                summary: "\(listing.kind.name): \(count) table\(count == 1 ? "" : "s")"))
    }

    /// Tables of other backends, and those that are not in the listing, stay where they are.
    func apply(to all: inout [Table], _ names: NameTable) {
        var slots: [Int] = []
        var found: [(place: Int, table: Table)] = []
        for (index, table) in all.enumerated() where table.backend == .nfTables {
            guard let place = tables.firstIndex(of: "\(table.family.name) \(names.text(table.name))") else { continue }
            slots.append(index)
            found.append((place, table))
        }
        found.sort { $0.place < $1.place }
        for (slot, entry) in zip(slots, found) { all[slot] = entry.table }
    }
}
