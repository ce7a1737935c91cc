import HostText
import SourceText

/// The files of the one node that is asked for, and those that were named outright.
///
/// A directory or archive holds several nodes when folders side by side in it each hold a dump of the same table. With
/// a node named, only files below a folder of that name count.
func chooseNode(_ candidates: [Candidate], settings: SnapshotSettings) throws(SnapshotFailure) -> [Candidate] {
    var roots: [String] = []
    for candidate in candidates {
        if let root = candidate.root, !roots.contains(root) { roots.append(root) }
    }
    var known: [String] = []
    for root in roots {
        let names = nodeFolders(candidates.filter { $0.root == root && $0.holdsRules })
        if names.count > 1, settings.node == nil {
            throw SnapshotFailure(
                .severalNodes(names), path: root,
                message: "this holds several nodes: \(names.joined(separator: ", ")); --node chooses one")
        }
        known += names
    }
    guard let node = settings.node else { return candidates }
    let chosen = candidates.filter { $0.root == nil || folders(of: $0.path).contains(node) }
    guard chosen.contains(where: { $0.root != nil }) else {
        let list = known.isEmpty ? "no folder is named so" : "nodes here: \(known.joined(separator: ", "))"
        throw SnapshotFailure(
            .unknownNode(node, known: known), path: roots.first ?? candidates.first?.file.path ?? "-",
            message: "there is no node '\(node)'; \(list)")
    }
    return chosen
}

/// The folders that stand for nodes, by name; none where all dumps are of one node.
private func nodeFolders(_ dumps: [Candidate]) -> [String] {
    // The folders that all dumps have in common say nothing.
    var common = dumps.first.map { folders(of: $0.path) } ?? []
    for dump in dumps {
        let own = folders(of: dump.path)
        var length = 0
        while length < common.count, length < own.count, common[length] == own[length] { length += 1 }
        common.removeLast(common.count - length)
    }
    // The same table in two folders is of two nodes; other tables may be parts of one, such as `v4/` and `v6/`.
    var tables: [String: Set<String>] = [:]
    for dump in dumps {
        let own = folders(of: dump.path)
        if own.count > common.count { tables[own[common.count], default: []].formUnion(dump.tables) }
    }
    let names = tables.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return names.filter { name in
        tables.contains { $0.key != name && !$0.value.isDisjoint(with: tables[name] ?? []) }
    }
}

private func folders(of path: String) -> [String] { path.split(separator: "/").dropLast().map(String.init) }

extension Candidate {
    fileprivate var holdsRules: Bool {
        found.listings.contains { $0.kind == .iptablesSave || $0.kind == .iptablesRules || $0.kind.isNFTables }
    }

    /// The tables that are dumped here, by program and name: enough to see whether two files dump the same.
    fileprivate var tables: Set<String> {
        var result: Set<String> = []
        for listing in found.listings {
            if listing.kind.isNFTables { result.insert("nft") }
            guard listing.kind == .iptablesSave || listing.kind == .iptablesRules else { continue }
            var program = listing.hint.isV6 == true ? "ip6" : "ip"
            var start = listing.excerpt.start
            let end = min(listing.excerpt.end, file.bytes.count)
            while start < end {
                var stop = start
                while stop < end, file.bytes[stop] != UInt8(ascii: "\n") { stop += 1 }
                if file.bytes[start] == UInt8(ascii: "*") {
                    let name = String(decoding: file.bytes[start..<stop], as: UTF8.self)
                    result.insert(program + name.filter { !$0.isWhitespace })
                } else if file.bytes[start] == UInt8(ascii: "#") {
                    let words = String(decoding: file.bytes[start..<stop], as: UTF8.self).split(separator: " ")
                    if words.count > 4, words[1] == "Generated" {
                        program = String(words[3]) + (words.contains("(nf_tables)") ? "-nft" : "")
                    }
                }
                start = stop + 1
            }
        }
        return result
    }
}

extension ListingKind {
    fileprivate var isNFTables: Bool { self == .nftText || self == .nftJSON }
}
