internal import RuleModel
internal import SourceText

// What stands outside of tables.
extension Reader {
    mutating func readFile() {
        while true {
            skipSeparators()
            if isAtEnd { return }
            let start = source.position
            let outer = depth
            do throws(NftFailure) {
                try readCommand()
            } catch {
                depth = outer
                scopes.removeLast(scopes.count - 1)
                report(error)
                source.position = start
                skipToRuleEnd()
                if source.position == start { advance() }
            }
        }
    }

    private mutating func readCommand() throws(NftFailure) {
        if try readDefinition() { return }
        switch word {
        case "include": try readInclude(.file)
        case "table":
            advance()
            try readTable()
        case "add", "create":
            advance()
            try readAddition()
        case "insert", "replace":
            let isInsertion = isAt("insert")
            advance()
            try expect("rule")
            try readRuleCommand(isInsertion: isInsertion, isReplacement: !isInsertion)
        case "rule":
            advance()
            try readRuleCommand(isInsertion: false, isReplacement: false)
        case "chain", "set", "map", "element", "flowtable", "counter", "quota", "limit", "ct", "synproxy", "secmark":
            try readAddition()
        case "flush", "delete", "destroy": try readRemoval()
        case "rename":
            // Whether the chain is the one that rules are added to under its new name.
            let start = source.position
            advance()
            if take("chain") { try openTableOfCommand(start) }
            setTable { $0.isInDoubt = true }
            skipToRuleEnd()
            report(.warning, "not-followed", "chains keep their names here", at: place(from: start))
        case "list", "reset", "monitor", "describe", "export":
            let start = source.position
            skipToRuleEnd()
            report(.note, "no-rules", "this command adds no rules: it is passed over", at: place(from: start))
        default:
            // `filter input accept`: a rule, without a word before it.
            if token.kind == .word { return try readRuleCommand(isInsertion: false, isReplacement: false) }
            throw unexpected("a command")
        }
    }

    /// A family, if it stands here; else the one that nft takes.
    private mutating func takeFamily() -> TableFamily {
        for family in TableFamily.allCases where word == family.name && token(ahead: 1).kind != .newline {
            advance()
            return family
        }
        return .ip
    }

    private mutating func readTable() throws(NftFailure) {
        let first = source.position - 1
        let family = takeFamily()
        let name = try name("a table's name")
        openTable(family, name, at: place(from: first))
        // Whoever names a table without the flag wakes it. Source: nf_tables_api.c `nf_tables_updtable`, and nft sends the
        // flags of each such statement; observed with nft 1.0.6.
        setTable { $0.isDormant = false }
        if isAt("{") {
            try readTableBlock()
        }
    }

    /// Behind `add`.
    private mutating func readAddition() throws(NftFailure) {
        let first = source.position
        switch word {
        case "table":
            advance()
            try readTable()
        case "rule":
            advance()
            try readRuleCommand(isInsertion: false, isReplacement: false)
        case "chain":
            advance()
            try openTableOfCommand(first)
            let name = try name("a chain's name")
            let place = place(from: first)
            if isAt("{") { try readChainBlock(name, at: place) } else { _ = chain(name, at: place) }
        case "set", "map":
            let isMap = isAt("map")
            advance()
            try openTableOfCommand(first)
            let name = try name("a name")
            try readSetBlock(name, isMap: isMap, at: place(from: first))
        case "element":
            advance()
            try openTableOfCommand(first)
            let name = try name("a set's name")
            let place = place(from: first)
            let value = isAt("$") ? try variable() : try setValue()
            guard case .set(let elements) = value.node,
                let set = reading.tables[table].sets.first(where: { $0.name == name })
            else {
                throw NftFailure("unknown-set", "there is no set '\(names.text(name))' to add to", at: place)
            }
            appendTold(elements, toSet: name, bits: keyBits(set))
        case "flowtable":
            advance()
            try openTableOfCommand(first)
            let name = try name("a flowtable's name")
            try readFlowtable(name, at: place(from: first))
        default:
            guard let kind = try objectKind() else { throw unexpected("something to add") }
            try openTableOfCommand(first)
            let name = try name("an object's name")
            try readObject(kind, name, at: place(from: first))
        }
    }

    /// The family and the name of a table, which is opened.
    private mutating func openTableOfCommand(_ first: Int) throws(NftFailure) {
        let family = takeFamily()
        let name = try name("a table's name")
        openTable(family, name, at: place(from: first))
    }

    /// Behind `add rule`, `insert rule` or `replace rule`.
    private mutating func readRuleCommand(isInsertion: Bool, isReplacement: Bool) throws(NftFailure) {
        let first = source.position
        try openTableOfCommand(first)
        let name = try name("a chain's name")
        guard let index = chain(name, at: place(from: first)) else { return }
        var position: Int? = isInsertion ? 0 : nil
        var replaced: Int?
        if take("handle") || take("position") {
            let handle = try number(UInt32.self)
            let known = reading.tables[table].chains[index].rules.firstIndex { $0.handle == handle }
            if known == nil { reportUnknownRule(handle, at: place(from: first)) }
            if isReplacement { replaced = known } else if let known { position = isInsertion ? known : known + 1 }
        } else if take("index") {
            let number = try number(UInt32.self)
            position = isInsertion ? Int(number) : Int(number) + 1
        }
        let rule = readRule()
        if let replaced { reading.tables[table].chains[index].rules.remove(at: replaced) }
        add(rule, to: index, at: replaced ?? position)
    }

    /// Of a number that the kernel gave to something of the table that is read.
    private mutating func reportUnknownRule(_ handle: UInt32, at place: Place) {
        setTable { $0.isInDoubt = true }
        report(.warning, "unknown-handle", "what has the handle \(handle) is not known here", at: place)
    }

    /// `flush ruleset`, `flush chain …`, `delete table …`, …: of what was read before.
    private mutating func readRemoval() throws(NftFailure) {
        let isFlush = isAt("flush")
        let first = source.position
        advance()
        if isFlush, take("ruleset") {
            let family = isAtRuleEnd ? nil : takeFamily()
            removeTables { family == nil || $0.family == family }
            return
        }
        let kind = word
        advance()
        if kind == "ct" { advance() }
        let family = takeFamily()
        if kind == "table", isAt("handle"), token(ahead: 1).kind == .number {
            advance()
            let handle = try number(UInt32.self)
            for index in reading.tables.indices where reading.tables[index].family == family {
                table = index
                reportUnknownRule(handle, at: place(from: first))
            }
            return
        }
        let tableName = try name("a table's name")
        guard let known = reading.tables.firstIndex(where: { $0.family == family && $0.name == tableName }) else {
            // Of the rules that are there before this file is loaded: which these are is not known.
            skipToRuleEnd()
            return
        }
        table = known
        if kind == "table" {
            if isFlush {
                for index in reading.tables[known].chains.indices { reading.tables[known].chains[index].rules = [] }
            } else {
                removeTables { $0.family == family && $0.name == tableName }
            }
            return
        }
        if kind != "rule", isAt("handle"), token(ahead: 1).kind == .number {
            advance()
            reportUnknownRule(try number(UInt32.self), at: place(from: first))
            return
        }
        let itemName = isAtRuleEnd ? Symbol.empty : try name("a name")
        switch kind {
        case "chain":
            guard let index = chainIndex[ChainKey(table: known, name: itemName)] else { break }
            if isFlush { reading.tables[known].chains[index].rules = [] } else { removeChain(known, index) }
        case "rule":
            try expect("handle")
            let handle = try number(UInt32.self)
            if let index = chainIndex[ChainKey(table: known, name: itemName)],
                let rule = reading.tables[known].chains[index].rules.firstIndex(where: { $0.handle == handle })
            {
                reading.tables[known].chains[index].rules.remove(at: rule)
            } else {
                reportUnknownRule(handle, at: place(from: first))
            }
        case "set", "map", "meter":
            if isFlush {
                if let index = reading.tables[known].sets.firstIndex(where: { $0.name == itemName }) {
                    let widths = reading.tables[known].sets[index].elements.widths
                    reading.tables[known].sets[index].elements = NativeElements(widths: widths)
                    reading.tables[known].sets[index].catchAll = nil
                }
            } else {
                reading.tables[known].sets.removeAll { $0.name == itemName }
            }
        case "element": return try removeElements(itemName, first)
        default:
            skipToRuleEnd()
            report(
                .warning, "not-followed", "what this command takes away is still there for this program",
                at: place(from: first))
        }
        skipToRuleEnd()
    }

    /// At the elements behind `delete element`.
    ///
    /// Of a set with ranges it is left open whether they are gone: nft 1.0.6 leaves some in it that it was told to take out
    /// in the file that declares the set.
    private mutating func removeElements(_ name: Symbol, _ first: Int) throws(NftFailure) {
        guard let index = reading.tables[table].sets.firstIndex(where: { $0.name == name }) else {
            let message = "there is no set '\(names.text(name))' to take from"
            throw NftFailure("unknown-set", message, at: place(from: first))
        }
        let set = reading.tables[table].sets[index]
        var removed = NativeSet(name: name, widths: set.elements.widths, place: set.place)
        removed.key = set.key
        do throws(NftFailure) {
            let value = isAt("$") ? try variable() : try setValue()
            guard case .set(let elements) = value.node else {
                throw NftFailure("bad-value", "a set is wanted here", at: value.place)
            }
            let keys = elements.map { ElementSyntax(key: $0.key) }
            try append(keys, to: &removed, bits: keyBits(set))
        } catch {
            // Whichever they were.
            reading.tables[table].sets[index].elements = NativeElements(widths: set.elements.widths)
            reading.tables[table].sets[index].isTerse = true
            throw error
        }
        let isOpen = set.flags.contains(.interval)
        if removed.catchAll != nil { reading.tables[table].sets[index].catchAll = nil }
        let found = reading.tables[table].sets[index].elements.remove(removed.elements)
        if isOpen || found < removed.elements.count || (removed.catchAll != nil && set.catchAll == nil) {
            reading.tables[table].sets[index].isTerse = true
            report(
                .warning, "not-followed",
                "whether set '\(names.text(name))' still holds what this takes out is not known: nor is what else it holds",
                at: place(from: first))
        }
    }

    private mutating func removeChain(_ table: Int, _ index: Int) {
        let name = reading.tables[table].chains[index].name
        registered.removeAll { $0.table == table && $0.name == name }
        reading.tables[table].chains.remove(at: index)
        indexChains()
    }

    private mutating func removeTables(_ isUnwanted: (Table) -> Bool) {
        var kept: [Table] = []
        var managed: [Bool] = []
        var numbers: [Int: Int] = [:]
        for (index, table) in reading.tables.enumerated() where !isUnwanted(table) {
            numbers[index] = kept.count
            kept.append(table)
            managed.append(reading.isManagedByIptables[index])
        }
        reading.tables = kept
        reading.isManagedByIptables = managed
        registered = registered.compactMap { key in
            numbers[key.table].map { ChainKey(table: $0, name: key.name) }
        }
        // Numbers of anonymous sets stay unique in each table that is left.
        let most = anonymousCounts.values.max() ?? 0
        anonymousCounts = [:]
        for index in kept.indices { anonymousCounts[index] = most }
        indexChains()
    }

    private mutating func indexChains() {
        chainIndex = [:]
        for (table, held) in reading.tables.enumerated() {
            for (index, chain) in held.chains.enumerated() {
                chainIndex[ChainKey(table: table, name: chain.name)] = index
            }
        }
    }

    // MARK: Other files

    /// What holds an `include`.
    enum IncludingBlock {
        case file, table
        /// By its index in the table that is read.
        case chain(Int)
    }

    /// `include "path"`: the file is one of those that were given. What it holds stands in the block that includes it.
    mutating func readInclude(_ block: IncludingBlock) throws(NftFailure) {
        let first = source.position
        do throws(NftFailure) {
            try readInclude(block, first)
        } catch {
            switch block {
            case .file: break
            case .table, .chain: setTable { $0.isInDoubt = true }
            }
            throw error
        }
    }

    private mutating func readInclude(_ block: IncludingBlock, _ first: Int) throws(NftFailure) {
        advance()
        let symbol = try quoted("a path")
        let path = names.text(symbol)
        let place = place(from: first)
        let isPattern = path.contains("*") || path.contains("?") || path.contains("[")
        let found = includes.filter { isPattern ? matches($0.path, path) : ends($0.path, with: path) }
        if found.isEmpty, !isPattern {
            throw NftFailure("missing-include", "the file '\(path)' is not in the input", at: place)
        }
        if found.isEmpty {
            report(.warning, "missing-include", "no file of the input is one of '\(path)'", at: place)
        }
        for file in isPattern ? found.sorted(by: { $0.path < $1.path }) : Array(found.prefix(1)) {
            guard openFiles.count < 16, !openFiles.contains(file.file) else {
                throw NftFailure("include-loop", "this file includes itself", at: place)
            }
            let outer = source
            openFiles.append(file.file)
            reading.includedFiles.append(file.file)
            source = TokenSource(file.bytes, range: 0..<file.bytes.count, firstLine: 1, file: file.file)
            defer {
                source = outer
                openFiles.removeLast()
            }
            switch block {
            case .file: readFile()
            case .table: try readTableItems(isIncluded: true)
            case .chain(let index): try readChainItems(index, isIncluded: true)
            }
        }
    }

    /// Whether a path of the input is the one that is meant: its last parts are the same.
    private func ends(_ path: String, with wanted: String) -> Bool {
        let wantedParts = wanted.split(separator: "/").filter { $0 != "." }
        let parts = path.split(separator: "/").filter { $0 != "." }
        guard let name = wantedParts.last, parts.last == name else { return false }
        // An absolute path of the node lies anywhere in the input.
        let shared = min(parts.count, wantedParts.count)
        return parts.suffix(shared).elementsEqual(wantedParts.suffix(shared)) || parts.count == 1
    }

    private func matches(_ path: String, _ pattern: String) -> Bool {
        let parts = path.split(separator: "/")
        let wanted = pattern.split(separator: "/").filter { $0 != "." }
        guard let name = parts.last, let last = wanted.last, name.first != "." else { return false }
        if parts.count > 1, wanted.count > 1 {
            let folder = wanted[wanted.count - 2]
            guard parts[parts.count - 2] == folder else { return false }
        }
        return matches(Array(name.utf8)[...], Array(last.utf8)[...])
    }

    /// `*` and `?` of a shell.
    private func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == UInt8(ascii: "*") {
            var rest = text
            while true {
                if matches(rest, pattern.dropFirst()) { return true }
                if rest.isEmpty { return false }
                rest = rest.dropFirst()
            }
        }
        guard let byte = text.first, first == UInt8(ascii: "?") || first == byte else { return false }
        return matches(text.dropFirst(), pattern.dropFirst())
    }
}
