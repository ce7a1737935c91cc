internal import RuleModel
internal import SourceText

/// Gives rules that ask for interfaces by number their names.
///
/// nft writes an index as the interface's name, and so does the model, in which no number is compared. Where a text has
/// numbers, or an order among them (`iif > 1`, `iif 1-2`), what the host's interfaces are called takes their place; what
/// can't be told so is left open.
struct InterfaceNumbers {
    private let numbers: [(name: Symbol, index: UInt32)]
    /// Whether the number of every interface is known.
    private let isComplete: Bool
    private var names: NameTable

    /// - Returns: the rule set, and the names that it takes further.
    static func named(_ ruleset: Ruleset, _ host: HostState, _ names: NameTable) -> (ruleset: Ruleset, names: NameTable)
    {
        guard ruleset.tables.contains(where: { $0.isNative }) else { return (ruleset, names) }
        var changed = ruleset
        var numbers = InterfaceNumbers(host, names)
        for table in changed.tables.indices where changed.tables[table].isNative {
            numbers.name(&changed.tables[table])
        }
        return (changed, numbers.names)
    }

    private init(_ host: HostState, _ names: NameTable) {
        numbers = host.interfaces.compactMap { $0.index == 0 ? nil : ($0.name, $0.index) }
        isComplete = !host.interfaces.isEmpty && numbers.count == host.interfaces.count
        self.names = names
    }

    private mutating func name(_ table: inout Table) {
        for set in table.sets.indices where isOfIndexes(table.sets[set]) { name(&table.sets[set]) }
        for chain in table.chains.indices {
            for rule in table.chains[chain].rules.indices {
                for place in table.chains[chain].rules[rule].statements.indices {
                    guard case .match(.native(var comparison)) = table.chains[chain].rules[rule].statements[place],
                        isIndex(comparison.left), name(&comparison, &table)
                    else { continue }
                    table.chains[chain].rules[rule].statements[place] = .match(.native(comparison))
                }
            }
        }
    }

    /// Whether it is a number of an interface, also one of which bits are changed.
    private func isIndex(_ expression: Expression) -> Bool {
        switch expression {
        case .meta(let key): key.type == .interfaceIndex
        case .fib(let query): query.result == .interfaceIndex && !query.testsPresence
        case .masked(let inner, _, _), .shifted(let inner, _): isIndex(inner)
        default: false
        }
    }

    // MARK: Comparisons

    /// - Returns: whether it is another now.
    private mutating func name(_ comparison: inout Comparison, _ table: inout Table) -> Bool {
        let left = comparison.left
        // Stands for a number that is not in the model.
        let hidden = Expression.unknown(names.intern("the interface's number"), .interfaceIndex)
        switch left {
        case .masked, .shifted:
            comparison.left = hidden
            return true
        default: break
        }
        let range: ClosedRange<UInt32>?
        var isNegated = false
        switch (comparison.right, comparison.relation) {
        case (.literal(let literal), .equal), (.literal(let literal), .notEqual):
            guard let number = number(literal.bytes[...]), number > 0, self.name(of: number) == nil, !isComplete else {
                return false
            }
            range = nil
        case (.literal(let literal), let relation):
            guard let number = number(orOfName: literal.bytes[...]) else {
                range = nil
                break
            }
            switch relation {
            case .less: range = number == 0 ? nil : 0...number - 1
            case .lessOrEqual: range = 0...number
            case .greater: range = number == .max ? nil : number + 1...UInt32.max
            case .greaterOrEqual: range = number...UInt32.max
            case .equal, .notEqual, .anyBit, .noBit: range = nil
            }
        case (.range(let low, let high), let relation):
            isNegated = relation == .notEqual
            range = bounds(low.bytes[...], high.bytes[...])
        case (.set, _), (.expression, _): return false
        }
        guard let range, isComplete else {
            comparison.left = hidden
            return true
        }
        var made = NativeSet(name: freshName(table), widths: [16], place: .none)
        made.key = [.interfaceIndex]
        made.flags = [.anonymous, .constant]
        for name in within(range) { made.elements.append(name, name) }
        comparison = Comparison(left, isNegated ? .notEqual : .equal, .set(made.name))
        table.sets.append(made)
        return true
    }

    private mutating func freshName(_ table: Table) -> Symbol {
        var number = table.sets.count
        while true {
            let name = names.intern("__set@\(number)")
            if !table.sets.contains(where: { $0.name == name }) { return name }
            number += 1
        }
    }

    // MARK: Sets

    private func isOfIndexes(_ set: NativeSet) -> Bool {
        if case .data(.interfaceIndex, _) = set.value { return true }
        return set.key.contains(.interfaceIndex)
    }

    private func name(_ set: inout NativeSet) {
        let old = set.elements
        var made = NativeElements(widths: old.widths)
        for index in 0..<old.count {
            var data = old.value(index)
            if case .data(.interfaceIndex, _) = set.value, case .literal(let bytes) = data,
                let number = number(bytes[...]), let name = self.name(of: number)
            {
                data = .literal(name)
            }
            guard let keys = keys(old, index, set.key) else {
                set.isTerse = true
                continue
            }
            for key in keys { made.append(key.low, key.high, data, old.extra(index)) }
        }
        set.elements = made
    }

    /// The element's keys, one for each interface of a range; `nil` where it is not known which those are.
    private func keys(_ elements: NativeElements, _ index: Int, _ types: [DataType]) -> [(low: [UInt8], high: [UInt8])]?
    {
        var keys: [(low: [UInt8], high: [UInt8])] = [([], [])]
        var start = 0
        for (part, width) in elements.widths.enumerated() {
            let low = elements.low(index).dropFirst(start).prefix(width)
            let high = elements.high(index).dropFirst(start).prefix(width)
            start += width
            guard part < types.count, types[part] == .interfaceIndex else {
                for key in keys.indices {
                    keys[key].low += low
                    keys[key].high += high
                }
                continue
            }
            guard let options = names(low, high) else { return nil }
            keys = keys.flatMap { key in options.map { (key.low + $0, key.high + $0) } }
        }
        return keys
    }

    private func names(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) -> [[UInt8]]? {
        if low == high {
            guard let number = number(low) else { return [Array(low)] }
            return self.name(of: number).map { [$0] } ?? (isComplete ? [Array(low)] : nil)
        }
        guard isComplete, let range = bounds(low, high) else { return nil }
        return within(range)
    }

    // MARK: Numbers and names

    /// The number that is written, where no interface is called so.
    private func number(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        guard let number = UInt32(text), !numbers.contains(where: { names.text($0.name) == text }) else { return nil }
        return number
    }

    private func number(orOfName bytes: ArraySlice<UInt8>) -> UInt32? {
        if let number = number(bytes) { return number }
        let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        if text.isEmpty { return 0 }
        return numbers.first { names.text($0.name) == text }?.index
    }

    private func bounds(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) -> ClosedRange<UInt32>? {
        guard let first = number(orOfName: low), let last = number(orOfName: high), first <= last else { return nil }
        return first...last
    }

    /// The name of the interface with this number; 0 is that of none.
    private func name(of number: UInt32) -> [UInt8]? {
        if number == 0 { return [UInt8](repeating: 0, count: 16) }
        return numbers.first { $0.index == number }.map { padded($0.name) }
    }

    private func within(_ range: ClosedRange<UInt32>) -> [[UInt8]] {
        var found = range.contains(0) ? [[UInt8](repeating: 0, count: 16)] : []
        for one in numbers where range.contains(one.index) { found.append(padded(one.name)) }
        return found
    }

    private func padded(_ name: Symbol) -> [UInt8] {
        let bytes = Array(names.text(name).utf8.prefix(16))
        return bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
    }
}
