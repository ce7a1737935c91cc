internal import NetTypes
internal import RuleModel
internal import SourceText

/// A set of the kernel's, while its elements come in.
struct LiftedSet: Sendable {
    /// One value within a key or within what a map leads to.
    struct Part: Sendable, Equatable {
        var type: DataType
        var bits: Int
        var isHostOrder: Bool
        /// Bits of other fields that lie below.
        var shift = 0

        /// Bytes in a register.
        var length: Int { shift > 0 ? (bits + shift + 7) / 8 : (bits + 7) / 8 }
    }

    struct Element: Sendable {
        var key: [UInt8]
        var end: [UInt8]?
        var isEnd: Bool
        var data: NativeElements.Data
        var extra: NativeElements.Extra?
    }

    /// Index in the table's sets.
    var index: Int
    var value: NativeSet.Value
    var keyLength: Int
    var parts: [Part]
    var dataTypes: [DataType] = []
    var dataLength = 0
    var dataParts: [Part] = []
    var isInterval: Bool
    var isAnonymous: Bool
    var elements: [Element] = []
    var catchAll: NativeElements.Data?
}

// Sets: what they hold, and in which order its bytes lie.
extension Lifter {
    mutating func readSet(_ data: Attributes) {
        let name = symbol(data.text(2))
        let key = SetKey(table: table, name: name)
        guard name != .empty, sets[key] == nil, let length = data.word(5), (1...64).contains(length) else { return }
        let flags = data.word(3) ?? 0
        let kept = UserData(data.bytes(13))
        var made = NativeSet(name: name, widths: [], place: .none)
        made.flags = NativeSet.Flags(rawValue: UInt16(flags & 0x37))
        // nft merges what is written in a rule without being told, and notes it all the same.
        if flags & 0x01 == 0, (kept.number(2) ?? 0) != 0 { made.flags.insert(.autoMerge) }
        made.comment = symbol(kept.text(7))
        made.timeout = data.number(11).flatMap { $0 == 0 ? nil : $0 }
        made.garbageInterval = data.number(12).flatMap { $0 == 0 ? nil : $0 }
        made.prefersMemory = data.word(8) == 1
        let isAnonymous = flags & 0x01 != 0
        let isInterval = flags & 0x04 != 0
        let description = data.nest(9)
        if !isAnonymous { made.size = description?.word(1).flatMap { $0 == 0 ? nil : $0 } }
        // Numbers of intervals lie highest byte first; nft notes the order of the others.
        let order = isInterval ? 2 : kept.number(0)
        let parts = parts(data.word(4), length: Int(length), order: order)
        var lifted = LiftedSet(
            index: reading.tables[table].sets.count, value: .none, keyLength: Int(length), parts: parts,
            isInterval: isInterval, isAnonymous: isAnonymous)
        if flags & 0x40 != 0 {
            guard let number = data.word(15), number < kernelObjects.count, let kind = kernelObjects[Int(number)]
            else { return }
            lifted.value = .object(kind)
        } else if flags & 0x08 != 0 {
            readData(data, kept, &lifted)
        }
        made.value = lifted.value
        made.key = parts.map { $0.type }
        sets[key] = lifted
        reading.tables[table].sets.append(made)
    }

    private func readData(_ data: Attributes, _ kept: UserData, _ set: inout LiftedSet) {
        let type = data.word(6) ?? 0
        if type == 0xffff_ff00 {
            set.value = .verdict
            return
        }
        let length = Int(min(data.word(7) ?? 4, 64))
        // A range is kept as two values.
        let isRange = (kept.number(6) ?? 0) != 0
        set.dataLength = length
        set.dataParts = parts(type, length: isRange ? length / 2 : length, order: kept.number(1))
        set.dataTypes = set.dataParts.map { $0.type }
        if set.dataParts.count > 1 {
            set.value = .concatenation(set.dataTypes)
        } else if let part = set.dataParts.first {
            set.value = .data(part.type, bits: part.bits)
        }
    }

    /// - Parameter order: 1 where numbers are in this machine's order, 2 where the highest byte comes first, as far as
    ///   nft noted it.
    private func parts(_ type: UInt32?, length: Int, order: UInt64?) -> [LiftedSet.Part] {
        let types = type.flatMap { nftTypes($0) } ?? [.integer]
        // What has no size of its own takes what the others leave.
        let known = types.reduce(0) { $0 + ($1.bits + 31) / 32 * 4 }
        let unsized = types.filter { $0.bits == 0 }.count
        let rest = unsized == 0 ? 0 : max(1, (length - known) / unsized)
        return types.map { type in
            let isHostOrder: Bool
            switch (type, order) {
            case (_, 2?): isHostOrder = false
            case (.integer, 1?), (.bitmask, 1?): isHostOrder = types.count == 1
            default: isHostOrder = type.isNumberInHostOrder
            }
            return LiftedSet.Part(
                type: type, bits: type.bits > 0 ? type.bits : rest * 8, isHostOrder: isHostOrder)
        }
    }

    /// How a rule asks a set says what lies in it: of sets without a name all, of others where their type does not.
    mutating func noteUse(_ name: Symbol, _ used: [LiftedValue]) {
        let key = SetKey(table: table, name: name)
        guard var set = sets[key] else { return }
        let parts = used.map { value in
            let expression = value.expression
            var bits = expression.bits
            var type = expression.comparedType
            if case .connection(let connectionKey, _) = expression,
                connectionKey == .source || connectionKey == .destination
            {
                type = value.length == 4 ? .ipv4Address : .ipv6Address
                bits = value.length * 8
            }
            return LiftedSet.Part(
                type: type, bits: bits > 0 ? bits : value.length * 8, isHostOrder: value.isHostOrder,
                shift: value.literalShift)
        }
        if set.isAnonymous {
            set.parts = parts
        } else if parts.count == set.parts.count {
            for index in parts.indices where set.parts[index].type == .integer {
                set.parts[index].bits = parts[index].bits
                set.parts[index].isHostOrder = parts[index].isHostOrder
            }
        }
        sets[key] = set
    }

    // MARK: Elements

    mutating func collectElements(_ data: Attributes) {
        let key = SetKey(table: table, name: symbol(data.text(2)))
        guard var set = sets[key] else { return }
        // Taken out meanwhile, so that it is not copied at each.
        sets[key]?.elements = []
        for entry in data.nest(3)?.entries ?? [] where entry.type == 1 {
            collect(Attributes(entry.value), &set)
        }
        sets[key] = set
    }

    private mutating func collect(_ data: Attributes, _ set: inout LiftedSet) {
        let flags = data.word(3) ?? 0
        let value = elementData(data, set)
        if flags & 2 != 0 {
            set.catchAll = value
            return
        }
        guard let key = data.nest(1)?.bytes(1), key.count == set.keyLength else { return }
        let end = data.nest(10)?.bytes(1).flatMap { $0.count == set.keyLength ? Array($0) : nil }
        set.elements.append(
            LiftedSet.Element(key: Array(key), end: end, isEnd: flags & 1 != 0, data: value, extra: extra(data)))
    }

    private mutating func elementData(_ data: Attributes, _ set: LiftedSet) -> NativeElements.Data {
        switch set.value {
        case .none: return .none
        case .object: return .object(symbol(data.text(9)))
        case .verdict:
            guard let verdict = data.nest(2)?.nest(2).flatMap({ self.verdict($0) }) else { return .none }
            return .verdict(verdict)
        case .data, .concatenation:
            guard let bytes = data.nest(2)?.bytes(1) else { return .none }
            let width = set.dataParts.reduce(0) { $0 + ($1.length + 3) / 4 * 4 }
            // A single value is not filled up to a whole word.
            let single = set.dataParts.count == 1 ? set.dataParts[0].length : width
            let low = canonical(Array(bytes), set.dataParts)
            guard bytes.count >= single * 2 else { return .literal(low) }
            return .range(low, canonical(Array(bytes.suffix(bytes.count / 2)), set.dataParts))
        }
    }

    private mutating func extra(_ data: Attributes) -> NativeElements.Extra? {
        // Most elements are a key, its end, flags and a value.
        guard data.entries.contains(where: { $0.type > 3 && $0.type != 10 }) else { return nil }
        var made = NativeElements.Extra()
        made.timeout = data.number(4)
        made.expires = data.number(5)
        made.comment = symbol(UserData(data.bytes(6)).text(0))
        var list = data.nest(11).map { expressions($0, depth: 1) } ?? []
        if list.isEmpty, let one = data.nest(7) { list = [expression(one, depth: 1)] }
        for one in list {
            guard case .statement(let statement) = one else { continue }
            if case .counter(let counters) = statement, made.counter == nil {
                made.counter = counters
            } else {
                made.states.append(statement)
            }
        }
        let isPlain =
            made.timeout == nil && made.expires == nil && made.comment == .empty && made.counter == nil
            && made.states.isEmpty
        return isPlain ? nil : made
    }

    /// The parts of a key or of data as the model has them: numbers highest byte first, without what fills up words.
    private func canonical(_ bytes: [UInt8], _ parts: [LiftedSet.Part]) -> [UInt8] {
        // Addresses above all lie there as they are wanted; an interface's number becomes its name.
        if parts.count == 1, !parts[0].isHostOrder, parts[0].shift == 0, parts[0].type.bits == bytes.count * 8,
            parts[0].type != .interfaceIndex
        {
            return bytes
        }
        var result: [UInt8] = []
        var offset = 0
        for part in parts {
            let piece = Array(bytes.dropFirst(offset).prefix(part.length))
            result += literal(piece, part.type, bits: part.bits, part.isHostOrder, part.shift).bytes
            offset += (part.length + 3) / 4 * 4
        }
        return result
    }

    mutating func finishSets() {
        let keys = sets.keys.sorted { $0.table == $1.table ? $0.name < $1.name : $0.table < $1.table }
        for key in keys {
            guard let set = sets[key] else { continue }
            sets[key]?.elements = []
            guard key.table < reading.tables.count, set.index < reading.tables[key.table].sets.count else { continue }
            var made = reading.tables[key.table].sets[set.index]
            made.key = set.parts.map { $0.type }
            made.catchAll = set.catchAll
            fill(&made, set)
            reading.tables[key.table].sets[set.index] = made
        }
    }

    private func fill(_ made: inout NativeSet, _ set: LiftedSet) {
        var found: [(low: [UInt8], high: [UInt8], element: LiftedSet.Element)] = []
        if set.isInterval, !set.elements.contains(where: { $0.end != nil }) {
            // An end stands before the beginning that lies right behind it.
            let sorted = set.elements.sorted { a, b in
                a.key == b.key ? a.isEnd && !b.isEnd : a.key.lexicographicallyPrecedes(b.key)
            }
            for (index, element) in sorted.enumerated() where !element.isEnd {
                var high = [UInt8](repeating: 0xff, count: element.key.count)
                if index + 1 < sorted.count, sorted[index + 1].key != element.key {
                    high = predecessor(sorted[index + 1].key)
                }
                found.append((canonical(element.key, set.parts), canonical(high, set.parts), element))
            }
        } else {
            for element in set.elements where !element.isEnd {
                let low = canonical(element.key, set.parts)
                found.append((low, element.end.map { canonical($0, set.parts) } ?? low, element))
            }
        }
        found.sort { $0.low.lexicographicallyPrecedes($1.low) }
        made.elements = NativeElements(
            widths: set.parts.map { Reader.width($0.type, bits: $0.bits) })
        for entry in found {
            made.elements.append(entry.low, entry.high, entry.element.data, entry.element.extra)
        }
    }

    private func predecessor(_ key: [UInt8]) -> [UInt8] {
        var key = key
        for index in key.indices.reversed() {
            key[index] &-= 1
            if key[index] != 0xff { break }
        }
        return key
    }
}
