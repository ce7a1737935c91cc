internal import RuleModel
internal import SourceText

// Rules that change sets.
extension Reader {
    /// `add @s { … }`, `update @s { … }`, `delete @s { … }`, `set add … @s`, `meter m { … }`, `flow add @f`.
    mutating func readSetStatement() throws(NftFailure) -> NativeStatement {
        switch word {
        case "flow": return try readFlow()
        case "meter":
            advance()
            return try readMeter()
        case "set":
            // As nft wrote it up to 0.8.
            advance()
            let operation = try operation()
            var change = SetChange(operation, set: .empty, key: try runtimeExpression())
            if take("timeout") { change.timeout = try duration() }
            try expect("@")
            change.set = try name("a set's name")
            return .changeSet(change)
        default:
            let operation = try operation()
            try expect("@")
            let set = try name("a set's name")
            return .changeSet(try readChange(operation, set))
        }
    }

    private mutating func operation() throws(NftFailure) -> SetChange.Operation {
        if take("add") { return .add }
        if take("update") { return .update }
        if take("delete") { return .delete }
        throw unexpected("add, update or delete")
    }

    /// At the brace.
    private mutating func readChange(
        _ operation: SetChange.Operation, _ set: Symbol
    ) throws(NftFailure) -> SetChange {
        try expect("{")
        skipNewlines()
        var change = SetChange(operation, set: set, key: try runtimeExpression())
        try readChangeOptions(&change)
        if take(":") {
            let declared = table < reading.tables.count ? reading.tables[table].sets.first { $0.name == set } : nil
            switch declared?.value {
            case .data(let type, let bits): change.value = try statementExpression(type, bits: bits)
            case .concatenation(let types):
                change.value = try statementExpression(types.first ?? .integer, bits: 0)
            case .verdict, .object, .some(.none), nil: change.value = try statementExpression(.integer, bits: 32)
            }
            try readChangeOptions(&change)
        }
        skipNewlines()
        try expect("}")
        return change
    }

    private mutating func readChangeOptions(_ change: inout SetChange) throws(NftFailure) {
        while true {
            switch word {
            case "timeout":
                advance()
                change.timeout = try duration()
            case "expires":
                advance()
                _ = try duration()
            case "comment":
                advance()
                _ = try quoted("a comment")
            case "counter", "limit", "quota", "last", "ct": change.states.append(try readState())
            default: return
            }
        }
    }

    /// Behind `meter`: it makes its set itself.
    private mutating func readMeter() throws(NftFailure) -> NativeStatement {
        let first = source.position
        let name = try name("a meter's name")
        let size = take("size") ? try number(UInt32.self) : nil
        let change = try readChange(.update, name)
        if table < reading.tables.count, !reading.tables[table].sets.contains(where: { $0.name == name }) {
            let key = change.key.keyParts
            var made = NativeSet(
                name: name, widths: key.map { Self.width($0.type, bits: $0.bits) }, place: place(from: first))
            made.key = key.map { $0.type }
            made.flags = [.dynamic]
            made.size = size
            if change.timeout != nil { made.flags.insert(.timeout) }
            reading.tables[table].sets.append(made)
        }
        return .changeSet(change)
    }

    private mutating func readFlow() throws(NftFailure) -> NativeStatement {
        advance()
        if take("table") {
            // As nft wrote meters up to 0.8.
            return try readMeter()
        }
        guard take("add") || take("offload") else { throw unexpected("'add'") }
        try expect("@")
        return .flow(try name("a flowtable"))
    }
}
