import HostText
import SourceText

/// A file in which something was recognised, or that was named outright.
struct Candidate {
    let file: SourceFile
    let found: Recognised
    /// The directory or archive it was found in; `nil` for a file named outright.
    let root: String?
    /// Its path below `root`.
    let path: String

    /// What was recognised, as part of the file that bears this number in the end.
    func recognised(as id: FileID) -> Recognised {
        var result = found
        result.isConfiguration = root != nil && holdsRules && folders(of: path).contains("etc")
        for index in result.listings.indices { result.listings[index].excerpt.file = id }
        result.firstUnknown?.file = id
        return result
    }
}

/// Leaves out rules of a configuration at rest (`/etc/sysconfig/iptables`, scripts of nft) where what the kernel has is there
/// too, in the same host's folder: what is loaded at a start is not what is in force.
///
/// - Returns: the files that are left out.
func leaveOutConfiguration(_ candidates: inout [Candidate]) -> [UnrecognisedInput] {
    let live = candidates.filter { $0.holdsRules && !$0.isAtRest }
    var left: [UnrecognisedInput] = []
    candidates.removeAll { candidate in
        guard candidate.isAtRest, candidate.holdsRules else { return false }
        let host = candidate.hostFolder
        guard live.contains(where: { $0.root == candidate.root && $0.path.hasPrefix(host) }) else { return false }
        left.append(UnrecognisedInput(path: candidate.file.path, reason: .configuration))
        return true
    }
    return left
}

/// The files of the one node that is asked for, those that hold objects of the cluster, and those that were named
/// outright.
///
/// A directory or archive holds several nodes when folders side by side in it each hold a dump of the same table. With
/// a node named, only files below a folder of that name count, and objects outside all nodes' folders.
func chooseNode(_ candidates: [Candidate], settings: SnapshotSettings) throws(SnapshotFailure) -> [Candidate] {
    var roots: [String] = []
    for candidate in candidates {
        if let root = candidate.root, !roots.contains(root) { roots.append(root) }
    }
    var known: [String] = []
    var groups: [String: NodeFolders] = [:]
    for root in roots {
        let folders = NodeFolders(candidates.filter { $0.root == root && $0.holdsRules })
        if folders.names.count > 1, settings.node == nil {
            throw SnapshotFailure(
                .severalNodes(folders.names), path: root,
                message: "this holds several nodes: \(folders.names.joined(separator: ", ")); --node chooses one")
        }
        known += folders.names
        groups[root] = folders
    }
    guard let node = settings.node else { return candidates }
    var isThere = false
    let chosen = candidates.filter { candidate in
        guard let root = candidate.root else { return true }
        if folders(of: candidate.path).contains(node) {
            isThere = true
            return true
        }
        return candidate.isShared && groups[root]?.name(of: candidate) == nil
    }
    guard isThere else {
        let list = known.isEmpty ? "no folder is named so" : "nodes here: \(known.joined(separator: ", "))"
        throw SnapshotFailure(
            .unknownNode(node, known: known), path: roots.first ?? candidates.first?.file.path ?? "-",
            message: "there is no node '\(node)'; \(list)")
    }
    return chosen
}

/// The innermost folder that all dumps of one directory or archive lie in; `nil` where there is none.
func commonFolder(_ candidates: [Candidate]) -> String? {
    let dumps = candidates.filter { $0.root != nil && $0.holdsRules }
    guard let root = dumps.first?.root, dumps.allSatisfy({ $0.root == root }) else { return nil }
    return NodeFolders(dumps).common.last
}

/// One node's files.
struct NodePart {
    let folder: String
    /// The path that holds it.
    let root: String
    /// Where its own folder begins below `root`; empty: all of it.
    let prefix: String
    var candidates: [Candidate]

    /// Whether a path is below it.
    func holds(_ path: String) -> Bool {
        if prefix.isEmpty { return path == root || path.hasPrefix(root.hasSuffix("/") ? root : root + "/") }
        return path.hasPrefix(root + "/" + prefix)
    }
}

/// Parts an input into its nodes and what belongs to all of them.
func partNodes(_ candidates: [Candidate]) -> (shared: [Candidate], nodes: [NodePart]) {
    var shared: [Candidate] = []
    var nodes: [NodePart] = []
    var single: [NodePart] = []
    var roots: [String?] = []
    for candidate in candidates where !roots.contains(candidate.root) { roots.append(candidate.root) }
    for root in roots {
        let own = candidates.filter { $0.root == root }
        let groups = NodeFolders(root == nil ? [] : own.filter { $0.holdsRules })
        if let root, groups.names.count > 1 {
            shared += own.filter { $0.isShared && groups.name(of: $0) == nil }
            for name in groups.names {
                let prefix = (groups.common + [name]).joined(separator: "/") + "/"
                nodes.append(
                    NodePart(
                        folder: name, root: root, prefix: prefix, candidates: own.filter { groups.name(of: $0) == name }
                    )
                )
            }
        } else {
            let path = root ?? own.first?.file.path ?? "-"
            let folder = groups.common.last ?? folderName(path)
            shared += own.filter { $0.isShared }
            let rest = own.filter { !$0.isShared }
            if !rest.isEmpty {
                single.append(NodePart(folder: folder, root: path, prefix: "", candidates: rest))
            }
        }
    }
    // Inputs that dump one table are of several nodes; others are parts of one.
    var tables: Set<String> = []
    var areSeveral = !nodes.isEmpty
    for part in single {
        let own = part.candidates.reduce(into: Set<String>()) { $0.formUnion($1.tables) }
        if !tables.isDisjoint(with: own) { areSeveral = true }
        tables.formUnion(own)
    }
    if areSeveral {
        nodes += single.filter { part in part.candidates.contains { $0.holdsRules } }
    } else if let first = single.first {
        var whole = first
        whole.candidates = single.flatMap { $0.candidates }
        nodes.append(whole)
    }
    return (shared, nodes)
}

/// `node-a` of `captures/node-a.tar.gz`.
func folderName(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    for ending in [".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tar", ".zip"] where name.hasSuffix(ending) {
        return String(name.dropLast(ending.count))
    }
    return name
}

/// The folders that stand for nodes.
private struct NodeFolders {
    /// The folders that all dumps have in common: they say nothing.
    private(set) var common: [String]
    /// By name; none where all dumps are of one node.
    let names: [String]

    init(_ dumps: [Candidate]) {
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
        let found = tables.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        names = found.filter { name in
            tables.contains { $0.key != name && !$0.value.isDisjoint(with: tables[name] ?? []) }
        }
        self.common = common
    }

    /// The node whose folder a file is in.
    func name(of candidate: Candidate) -> String? {
        let own = folders(of: candidate.path)
        guard own.count > common.count, own.prefix(common.count).elementsEqual(common) else { return nil }
        return names.contains(own[common.count]) ? own[common.count] : nil
    }
}

func folders(of path: String) -> [String] { path.split(separator: "/").dropLast().map(String.init) }

extension Candidate {
    /// Whether all that it holds is of the cluster and not of one node.
    fileprivate var isShared: Bool { found.listings.allSatisfy { $0.kind == .kubernetes || $0.kind == .addressUsage } }

    fileprivate var holdsRules: Bool {
        found.listings.contains { $0.kind == .iptablesSave || $0.kind == .iptablesRules || $0.kind.isNFTables }
    }

    /// Whether its rules are those of a file that is loaded at a start: no listing of nft's begins as a script does, or flushes.
    fileprivate var isAtRest: Bool {
        guard root != nil else { return false }
        return folders(of: path).contains("etc")
            || found.listings.contains { listing in
                guard listing.kind == .nftText else { return false }
                let text = file.bytes.span
                let start = min(listing.excerpt.start, text.count)
                return text.starts(with: "#!") || text.extracting(start..<text.count).starts(with: "flush ruleset")
            }
    }

    /// The folder that its host's `etc` lies in, with a slash behind it; else the one that it lies in itself.
    fileprivate var hostFolder: String {
        let own = folders(of: path)
        let host = own.firstIndex(of: "etc").map { own[..<$0] } ?? own[...]
        return host.isEmpty ? "" : host.joined(separator: "/") + "/"
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
