internal import HostText
internal import KernelLink
internal import Nftables
internal import RuleModel
internal import Snapshot
internal import SourceText

/// The native tables of a snapshot as text for `nft -f`: as they stand in their files, with nothing else of these where
/// they hold tables of iptables too, which nft can't load again.
struct NativeTables {
    private(set) var texts: [String] = []
    /// Whether the first of them comes before every table of iptables-nft.
    private(set) var comeFirst = false
    /// What is loaded, by family and name.
    private(set) var tables: [(family: TableFamily, name: String)] = []

    init(_ node: NodeState) {
        var files: [FileID] = []
        var sources: [(bytes: [UInt8], tables: [Table])] = []
        var hasIptables = false
        for table in node.ruleset.tables where table.backend == .nfTables {
            guard table.isNative else {
                hasIptables = true
                continue
            }
            if tables.isEmpty { comeFirst = !hasIptables }
            tables.append((table.family, node.names.text(table.name)))
            if let index = files.firstIndex(of: table.place.file) {
                sources[index].tables.append(table)
            } else {
                files.append(table.place.file)
                sources.append((NativeTables.listing(of: table, node), [table]))
            }
        }
        for source in sources {
            let text = NativeTables.slice(source.bytes, wanted: tables)
            // What it includes is in files of other places: then as it was understood.
            texts.append(text ?? String(decoding: writeNftables(source.tables, names: node.names), as: UTF8.self))
        }
    }

    /// The very text of a snapshot's file.
    init(text: String) {
        texts = [text]
        var scan = BlockScan(Array(text.utf8))
        while let item = scan.next() {
            guard item.words.first == "table", let name = item.words.last else { continue }
            let word = item.words.count > 2 ? item.words[1] : "ip"
            guard let family = TableFamily.allCases.first(where: { $0.name == word }) else { continue }
            tables.append((family, name))
        }
    }

    /// The part of a table's file that is nft's text.
    private static func listing(of table: Table, _ node: NodeState) -> [UInt8] {
        guard let file = node.file(of: table.place) else { return [] }
        for input in node.inputs where input.kind == .nftText && input.place.file == table.place.file {
            guard input.place.line <= table.place.line, table.place.line <= input.lastLine else { continue }
            let lines = file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let first = max(0, Int(input.place.line) - 1)
            let end = min(lines.count, max(first, Int(input.lastLine)))
            return Array(lines[min(first, end)..<end].joined(separator: [UInt8(ascii: "\n")]))
        }
        return file.bytes
    }

    /// The blocks of the tables that are wanted, or the whole text where it is no list of tables; `nil` where it
    /// includes others.
    static func slice(_ bytes: [UInt8], wanted: [(family: TableFamily, name: String)]) -> String? {
        var result: [UInt8] = []
        var isList = true
        var scan = BlockScan(bytes)
        while let item = scan.next() {
            if item.words.first == "include" { return nil }
            guard item.words.first == "table" else {
                if item.words != ["flush", "ruleset"] { isList = false }
                continue
            }
            let names = item.words.dropFirst()
            let family = names.count > 1 ? names.first ?? "ip" : "ip"
            if wanted.contains(where: { $0.family.name == family && $0.name == names.last }) {
                result += bytes[item.range] + [UInt8(ascii: "\n")]
            }
        }
        return String(decoding: isList ? result : bytes, as: UTF8.self)
    }
}

/// Steps through what stands outside of all braces: words, with the block behind them.
private struct BlockScan {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> (words: [String], range: Range<Int>)? {
        skip { $0 <= 0x20 || $0 == UInt8(ascii: ";") }
        while position < bytes.count, bytes[position] == UInt8(ascii: "#") {
            skip { $0 != UInt8(ascii: "\n") }
            skip { $0 <= 0x20 }
        }
        guard position < bytes.count else { return nil }
        let start = position
        skip { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: ";") }
        let words = String(decoding: bytes[start..<position], as: UTF8.self).split(separator: " ").map(String.init)
        if position < bytes.count, bytes[position] == UInt8(ascii: "{") { passBlock() }
        return (words, start..<position)
    }

    private mutating func skip(while holds: (UInt8) -> Bool) {
        while position < bytes.count, holds(bytes[position]) { position += 1 }
    }

    private mutating func passBlock() {
        var depth = 0
        var isQuoted = false
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if isQuoted { continue }
            switch byte {
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 { return }
            case UInt8(ascii: "#"): skip { $0 != UInt8(ascii: "\n") }
            default: break
            }
        }
    }
}
