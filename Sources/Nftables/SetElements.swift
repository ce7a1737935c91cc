internal import RuleModel
internal import SourceText

// Elements of sets and maps.
extension Reader {
    /// Gives a set that is written in a rule a name and adds it to the table.
    mutating func anonymousSet(
        _ elements: [ElementSyntax], _ key: [(type: DataType, bits: Int)], _ value: NativeSet.Value, at place: Place
    ) throws(NftFailure) -> Symbol {
        let number = anonymousCounts[table, default: 0]
        let name = names.intern((value == .none ? "__set" : "__map") + String(number))
        var made = NativeSet(name: name, widths: key.map { Self.width($0.type, bits: $0.bits) }, place: place)
        made.key = key.map { $0.type }
        made.flags = [.anonymous, .constant]
        made.value = value
        if case .data = value, elements.contains(where: { $0.hasConcatenatedData }) {
            made.value = concatenatedValue(value, elements)
        }
        if hasGarbledConstants, key.count > 1 {
            made.isTerse = true
        } else {
            try append(elements, to: &made, bits: key.map { $0.bits })
        }
        for index in 0..<made.elements.count where made.elements.isRange(index) { made.flags.insert(.interval) }
        anonymousCounts[table] = number + 1
        if table < reading.tables.count { reading.tables[table].sets.append(made) }
        return name
    }

    /// The data of a map to addresses with ports, which its elements alone tell.
    private func concatenatedValue(_ value: NativeSet.Value, _ elements: [ElementSyntax]) -> NativeSet.Value {
        guard case .data(let type, _) = value else { return value }
        for element in elements {
            if case .value(let data) = element.data, case .concatenation(let parts) = data.node {
                return .concatenation([type] + [DataType](repeating: .internetService, count: parts.count - 1))
            }
        }
        return value
    }

    /// - Parameter bits: of each part of a key, where types alone don't tell.
    mutating func append(
        _ elements: [ElementSyntax], to set: inout NativeSet, bits: [Int]
    ) throws(NftFailure) {
        for element in elements {
            // A variable that is a set stands for its elements.
            if case .set(let inner) = element.key.node {
                try enter()
                defer { leave() }
                try append(inner, to: &set, bits: bits)
                continue
            }
            let data = try elementData(element, set)
            if case .any = element.key.node {
                set.catchAll = data
                continue
            }
            if set.key.isEmpty {
                throw NftFailure("unknown-type", "the type of this set is not known", at: element.key.place)
            }
            let (low, high) = try keyEnds(element.key, set.key, bits)
            set.elements.append(low, high, data, element.options.extra)
        }
    }

    private func keyEnds(
        _ value: Value, _ types: [DataType], _ bits: [Int]
    ) throws(NftFailure) -> (low: [UInt8], high: [UInt8]) {
        var parts = [value]
        if case .concatenation(let inner) = value.node { parts = inner }
        guard parts.count == types.count else {
            throw NftFailure(
                "bad-value", "this has \(parts.count) part\(parts.count == 1 ? "" : "s"), the key has \(types.count)",
                at: value.place)
        }
        var low: [UInt8] = []
        var high: [UInt8] = []
        for index in parts.indices {
            let (first, last) = try ends(parts[index], types[index], bits: index < bits.count ? bits[index] : 0)
            low += sized(first, types[index], index < bits.count ? bits[index] : 0)
            high += sized(last, types[index], index < bits.count ? bits[index] : 0)
        }
        return (low, high)
    }

    private func sized(_ literal: Literal, _ type: DataType, _ bits: Int) -> [UInt8] {
        let width = Self.width(type, bits: bits)
        let bytes = literal.bytes.suffix(width)
        return [UInt8](repeating: 0, count: width - bytes.count) + bytes
    }

    private mutating func elementData(_ element: ElementSyntax, _ set: NativeSet) throws(NftFailure)
        -> NativeElements.Data
    {
        func missing(_ wanted: String) -> NftFailure {
            NftFailure("missing-value", "an element of this map leads to \(wanted)", at: element.dataPlace)
        }
        switch set.value {
        case .none:
            guard case .none = element.data else {
                throw NftFailure("bad-value", "elements of a set lead to nothing", at: element.key.place)
            }
            return .none
        case .verdict:
            guard case .verdict(let verdict) = element.data else { throw missing("a verdict") }
            return .verdict(verdict.model)
        case .object:
            guard case .value(let value) = element.data else { throw missing("an object") }
            switch value.node {
            case .word(let text), .quoted(let text): return .object(names.intern(text.span))
            default: throw NftFailure("bad-value", "an object's name is wanted here", at: value.place)
            }
        case .data(let type, let bits):
            guard case .value(let value) = element.data else { throw missing("a value") }
            let (low, high) = try ends(value, type, bits: bits)
            return low == high ? .literal(low.bytes) : .range(low.bytes, high.bytes)
        case .concatenation(let types):
            guard case .value(let value) = element.data else { throw missing("a value") }
            let (low, high) = try keyEnds(value, types, [])
            return low == high ? .literal(low) : .range(low, high)
        }
    }
}

extension ElementSyntax {
    /// Where its data stands, or else its key.
    fileprivate var dataPlace: Place {
        if case .value(let value) = data { value.place } else { key.place }
    }

    fileprivate var hasConcatenatedData: Bool {
        if case .value(let value) = data, case .concatenation = value.node { return true }
        return false
    }
}

extension VerdictSyntax {
    var model: NativeVerdict {
        switch self {
        case .accept: .accept
        case .drop: .drop
        case .continue: .continue
        case .return: .return
        case .jump(let chain): .jump(chain)
        case .goto(let chain): .goto(chain)
        case .queue(let number): .queue(number)
        }
    }
}
