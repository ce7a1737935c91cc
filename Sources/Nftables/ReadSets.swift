internal import RuleModel
internal import SourceText

// Declarations of sets and maps.
extension Reader {
    /// `{ type …; flags …; elements = { … } }` of a set or map.
    mutating func readSetBlock(_ name: Symbol, isMap: Bool, at place: Place) throws(NftFailure) {
        var made = NativeSet(name: name, widths: [], place: place)
        var bits: [Int] = []
        // Elements may stand before the type.
        var elements: [ElementSyntax] = []
        var hasElements = false
        try expect("{")
        scopes.append([:])
        defer { scopes.removeLast() }
        while true {
            skipSeparators()
            if take("}") { break }
            if isAtEnd { throw unexpected("'}'") }
            if try readDefinition() { continue }
            switch word {
            case "type":
                advance()
                let types = try dataTypes()
                made.key = types
                bits = types.map { Self.declaredBits($0) }
                if take(":") { made.value = try mapValue() }
            case "typeof":
                advance()
                let first = source.position
                let key = try typeOf()
                made.key = key.map { $0.type }
                bits = key.map { $0.bits }
                made.typeOf = text(from: first)
                if take(":") {
                    made.value = try typeOfValue()
                    made.typeOf = text(from: first)
                }
            case "flags":
                advance()
                repeat { try readSetFlag(&made) } while take(",")
            case "timeout":
                advance()
                made.timeout = try duration()
                // nft does not print the flag where it prints this.
                made.flags.insert(.timeout)
            case "gc-interval":
                advance()
                made.garbageInterval = try duration()
            case "size":
                advance()
                made.size = try number(UInt32.self)
            case "policy":
                advance()
                made.prefersMemory = isAt("memory")
                guard take("memory") || take("performance") else { throw unexpected("'memory' or 'performance'") }
            case "auto-merge":
                advance()
                made.flags.insert(.autoMerge)
            case "comment":
                advance()
                made.comment = try quoted("a comment")
            case "elements":
                advance()
                try expect("=")
                hasElements = true
                let value = isAt("$") ? try variable() : try setValue()
                guard case .set(let inner) = value.node else {
                    throw NftFailure("bad-value", "a set is wanted here", at: value.place)
                }
                elements += inner
            case "counter", "limit", "quota", "last", "ct":
                made.states.append(try readState())
            default: throw unexpected("a property of a set")
            }
            guard isAtRuleEnd else { throw unexpected("the end of the line") }
        }
        if made.key.isEmpty {
            throw NftFailure("unknown-type", "set \(names.text(name)) has neither type nor typeof", at: place)
        }
        if isMap, made.value == .none {
            throw NftFailure("unknown-type", "map \(names.text(name)) does not say what it leads to", at: place)
        }
        made.elements = NativeElements(widths: zip(made.key, bits).map { Self.width($0, bits: $1) })
        add(made)
        if hasElements { appendTold(elements, toSet: name, bits: bits) }
    }

    private mutating func add(_ set: NativeSet) {
        guard table < reading.tables.count else { return }
        if let known = reading.tables[table].sets.firstIndex(where: { $0.name == set.name }) {
            // Declared once more: what is there stays.
            if reading.tables[table].sets[known].key == set.key { return }
            reading.tables[table].sets[known] = set
        } else {
            reading.tables[table].sets.append(set)
        }
    }

    /// Adds elements one by one, so that one that can't be read costs no other.
    mutating func appendTold(_ elements: [ElementSyntax], toSet name: Symbol, bits: [Int]) {
        guard table < reading.tables.count,
            let index = reading.tables[table].sets.firstIndex(where: { $0.name == name })
        else { return }
        // Taken out meanwhile, so that it is not copied at each.
        var set = reading.tables[table].sets[index]
        reading.tables[table].sets[index].elements = NativeElements(widths: [])
        for element in elements {
            do throws(NftFailure) {
                try append([element], to: &set, bits: bits)
            } catch {
                set.isTerse = true
                report(error)
            }
        }
        reading.tables[table].sets[index] = set
    }

    /// The bits of each part of a set's key, as far as its widths tell them.
    func keyBits(_ set: NativeSet) -> [Int] {
        zip(set.key, set.elements.widths).map { type, width in
            type.bits > 0 ? min(type.bits, width * 8) : width * 8
        }
    }

    private mutating func readSetFlag(_ set: inout NativeSet) throws(NftFailure) {
        switch word {
        case "constant": set.flags.insert(.constant)
        case "interval": set.flags.insert(.interval)
        case "timeout": set.flags.insert(.timeout)
        case "dynamic": set.flags.insert(.dynamic)
        default: throw unexpected("constant, interval, timeout or dynamic")
        }
        advance()
    }

    /// Bits of what is declared by a type's name. Plain numbers, of which `typeof` alone tells how large they are, are so
    /// declared in nft's JSON and where the kernel's sets are written: here as large as they may be.
    private static func declaredBits(_ type: DataType) -> Int { type == .integer ? 64 : type.bits }

    private mutating func dataTypes() throws(NftFailure) -> [DataType] {
        var types = [try dataType()]
        while take(".") { types.append(try dataType()) }
        return types
    }

    private mutating func dataType() throws(NftFailure) -> DataType {
        let name = word
        for type in DataType.allCases where type.name == name {
            advance()
            return type
        }
        // Names that nft had before.
        let older: DataType
        switch name {
        case "fib_addr_type": older = .fibAddressType
        case "lladdr": older = .linkAddress
        case "icmpx_type": older = .icmpxCode
        default: throw unexpected("a data type")
        }
        advance()
        return older
    }

    private mutating func mapValue() throws(NftFailure) -> NativeSet.Value {
        _ = take("interval")
        switch word {
        case "counter": advance(); return .object(.counter)
        case "quota": advance(); return .object(.quota)
        case "limit": advance(); return .object(.limit)
        case "synproxy": advance(); return .object(.synproxy)
        case "secmark": advance(); return .object(.securityMark)
        case "ct":
            advance()
            if take("helper") { return .object(.helper) }
            if take("timeout") { return .object(.timeout) }
            if take("expectation") { return .object(.expectation) }
            throw unexpected("helper, timeout or expectation")
        default: break
        }
        let types = try dataTypes()
        if types.count > 1 { return .concatenation(types) }
        return types[0] == .verdict ? .verdict : .data(types[0], bits: Self.declaredBits(types[0]))
    }

    private mutating func typeOf() throws(NftFailure) -> [(type: DataType, bits: Int)] {
        let key = try runtimeExpression()
        return key.keyParts
    }

    private mutating func typeOfValue() throws(NftFailure) -> NativeSet.Value {
        _ = take("interval")
        if take("verdict") { return .verdict }
        if ["counter", "quota", "limit", "synproxy", "secmark"].contains(word) { return try mapValue() }
        let parts = try typeOf()
        if parts.count > 1 { return .concatenation(parts.map { $0.type }) }
        return .data(parts[0].type, bits: parts[0].bits)
    }
}
