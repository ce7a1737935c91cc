internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What a native set has for the keys of packets of one class.
enum NativeHit: Hashable {
    /// There is no key.
    case absent
    case miss
    /// An element with what it leads to; its index where it has limits of its own.
    case hit(NativeElements.Data, element: Int?)
    /// One of several by chance, with their shares.
    case several([NativeOption])
    /// Bits of the key that nobody knows decide; `nil` is what no element has.
    case open([NativeElements.Data?])
    /// The input does not have the set, or not all of it.
    case unknown
}

struct NativeOption: Hashable {
    var data: NativeElements.Data?
    var share: UInt64
}

struct NativeFound {
    var packets: PacketSet
    var hit: NativeHit
}

/// What decides which elements a class's keys have.
struct LookupKey: Hashable {
    var set: NativeSetName
    var bits: [Bit?]
}

// Looking keys up in native sets and maps: as `Evaluator.lookUp` does for one packet.
extension SetEvaluator {
    func nativeSet(_ name: Symbol, _ rule: RuleReference) -> (name: NativeSetName, index: NativeSetIndex?) {
        let full = NativeSetName(table: model.linked.tableIndex(of: rule.chain), name: name)
        return (full, model.compiled.nativeSets[full])
    }

    /// The words of the key, each part as wide as the set's.
    func keyCases(_ key: Expression, for name: Symbol, _ asked: Asked) -> [NativeCase] {
        let widths = nativeSet(name, asked.rule).index?.set.elements.widths
        if case .concatenation(let parts) = key, let widths, widths.count == parts.count {
            return concatenated(zip(parts, widths).map { ($0, $1) }, asked)
        }
        let own = cases(of: key, asked)
        guard let widths, widths.count == 1 else { return own }
        return grouped(own.map { NativeCase(packets: $0.packets, word: $0.word.fitted(to: widths[0])) })
    }

    func lookUp(_ key: Expression, in name: Symbol, _ asked: Asked) -> [NativeFound] {
        let (full, index) = nativeSet(name, asked.rule)
        var result: [NativeFound] = []
        for one in keyCases(key, for: name, asked) {
            guard let index else {
                result.append(NativeFound(packets: one.packets, hit: one.word == .absent ? .absent : .unknown))
                continue
            }
            let changes = asked.flow.native.changes.filter { $0.set == full }
            result += find(one, index, full, changes)
        }
        return result.filter { !$0.packets.isEmpty }
    }

    private func find(
        _ one: NativeCase, _ index: NativeSetIndex, _ name: NativeSetName, _ changes: [NativeSetChange]
    ) -> [NativeFound] {
        let isInDoubt = changes.contains { $0.kind == .doubt }
        switch one.word {
        case .absent: return [NativeFound(packets: one.packets, hit: .absent)]
        case .unknown:
            if isInDoubt || index.set.isTerse { return [NativeFound(packets: one.packets, hit: .unknown)] }
            var all: [NativeElements.Data?] = []
            for element in index.liveElements where !all.contains(index.set.elements.value(element)) {
                all.append(index.set.elements.value(element))
            }
            for case .added(let data) in changes.map({ $0.kind }) where !all.contains(data) { all.append(data) }
            guard !all.isEmpty else { return [NativeFound(packets: one.packets, hit: missed(index))] }
            if !all.contains(index.set.catchAll) { all.append(index.set.catchAll) }
            return [NativeFound(packets: one.packets, hit: .open(all))]
        case .choices(let choices): return [NativeFound(packets: one.packets, hit: drawn(choices, index, changes))]
        case .bits(let bits):
            if isInDoubt { return [NativeFound(packets: one.packets, hit: .unknown)] }
            if bits.contains(nil) { return perhaps(bits, one.packets, index, changes) }
            return changed(bits, one.packets, index, name, changes)
        }
    }

    /// What a key has that no element has.
    private func missed(_ index: NativeSetIndex) -> NativeHit {
        if index.set.isTerse { return .unknown }
        return index.set.catchAll.map { .hit($0, element: nil) } ?? .miss
    }

    private func hit(_ element: Int, _ index: NativeSetIndex) -> NativeHit {
        let elements = index.set.elements
        return .hit(elements.value(element), element: elements.extra(element)?.states.isEmpty == false ? element : nil)
    }

    private func drawn(_ choices: [NativeChoice], _ index: NativeSetIndex, _ changes: [NativeSetChange]) -> NativeHit {
        // What rules have changed meanwhile they changed for packets' own keys, not for drawn ones.
        if !changes.isEmpty { return .unknown }
        var result: [NativeOption] = []
        func add(_ data: NativeElements.Data?, _ share: UInt64) {
            if let place = result.firstIndex(where: { $0.data == data }) {
                result[place].share += share
            } else {
                result.append(NativeOption(data: data, share: share))
            }
        }
        for choice in choices {
            guard let bytes = choice.bytes else {
                add(nil, choice.share)
                continue
            }
            let key = index.set.elements.widths.count == 1 ? RuleWidth.fitted(bytes, index.set.elements.width) : bytes
            if let found = index.find(key) {
                add(index.set.elements.value(found), choice.share)
            } else if index.set.isTerse {
                return .unknown
            } else {
                add(index.set.catchAll, choice.share)
            }
        }
        return .several(result)
    }

    // MARK: Known keys

    /// With what rules on the way put in and took out.
    private func changed(
        _ bits: [Bit?], _ packets: PacketSet, _ index: NativeSetIndex, _ name: NativeSetName,
        _ changes: [NativeSetChange]
    ) -> [NativeFound] {
        if changes.isEmpty { return elements(bits, packets, index, name) }
        var result: [NativeFound] = []
        var rest = packets
        // The last change of a key counts.
        for change in changes.reversed() {
            let same = space.and(rest, space.compare(bits, isEqualTo: change.key).yes)
            if same.isEmpty || change.key.count != bits.count { continue }
            rest = space.subtract(rest, same)
            switch change.kind {
            case .added(let data): result.append(NativeFound(packets: same, hit: .hit(data, element: nil)))
            case .removed: result.append(NativeFound(packets: same, hit: missed(index)))
            case .doubt: result.append(NativeFound(packets: same, hit: .unknown))
            }
        }
        return result + elements(bits, rest, index, name)
    }

    private func elements(_ bits: [Bit?], _ packets: PacketSet, _ index: NativeSetIndex, _ name: NativeSetName)
        -> [NativeFound]
    {
        if packets.isEmpty { return [] }
        if let exact = space.constant(bits) {
            return [NativeFound(packets: packets, hit: index.find(exact).map { hit($0, index) } ?? missed(index))]
        }
        let key = LookupKey(set: name, bits: bits)
        let groups: [NativeFound]
        if let known = lookups[key] {
            groups = known
        } else {
            groups = made(bits, index)
            lookups[key] = groups
        }
        if packets == .all { return groups }
        return groups.map { NativeFound(packets: space.and(packets, $0.packets), hit: $0.hit) }
    }

    /// All packets by what the set has for them, elements that lead to the same as one.
    private func made(_ bits: [Bit?], _ index: NativeSetIndex) -> [NativeFound] {
        let elements = index.set.elements
        var places: [NativeHit: Int] = [:]
        var groups: [(hit: NativeHit, keys: [[UInt8]], sets: [PacketSet])] = []
        func group(_ hit: NativeHit) -> Int {
            if let place = places[hit] { return place }
            places[hit] = groups.count
            groups.append((hit, [], []))
            return groups.count - 1
        }
        var seen: Set<[UInt8]> = []
        var ranges: [Int] = []
        for element in index.liveElements {
            if elements.isRange(element) {
                ranges.append(element)
                continue
            }
            let key = Array(elements.low(element))
            if seen.insert(key).inserted { groups[group(hit(element, index))].keys.append(key) }
        }
        let single = space.packets(where: bits, areOneOf: Array(seen))
        var boxes: [PacketSet] = []
        // The first of those that fit counts, which is asked only where they lead to different things.
        var decided = single
        let isOne =
            !index.set.isMap && groups.count < 2 && ranges.allSatisfy { elements.extra($0)?.states.isEmpty != false }
        for element in ranges {
            var own = packets(bits, element, index)
            if own.isEmpty { continue }
            boxes.append(own)
            if !isOne {
                own = space.subtract(own, decided)
                decided = space.or(decided, own)
            }
            groups[group(hit(element, index))].sets.append(own)
        }
        var result = groups.map { group in
            let keyed =
                groups.count == 1 ? single : space.packets(where: bits, areOneOf: group.keys)
            return NativeFound(packets: space.or(keyed, space.union(group.sets)), hit: group.hit)
        }
        let all = space.or(single, space.union(boxes))
        result.append(NativeFound(packets: space.complement(all), hit: missed(index)))
        return result.filter { !$0.packets.isEmpty }
    }

    /// Packets of which each part of the key lies in the element's range of it; bits that nobody knows may be any.
    private func packets(_ bits: [Bit?], _ element: Int, _ index: NativeSetIndex) -> PacketSet {
        let elements = index.set.elements
        guard bits.count == elements.width * 8 else { return .none }
        let (low, high) = (Array(elements.low(element)), Array(elements.high(element)))
        var result = PacketSet.all
        var start = 0
        for width in elements.widths {
            let end = start + width
            let own = Array(bits[start * 8..<end * 8])
            let (first, last) = (Array(low[start..<end]), Array(high[start..<end]))
            start = end
            if first == last {
                result = space.and(result, space.packets(where: own, are: first))
            } else {
                let outside = outside(own, first, last)
                result = space.subtract(result, outside)
            }
            if result.isEmpty { return .none }
        }
        return result
    }

    /// Packets whose part lies surely below or above a range.
    private func outside(_ bits: [Bit?], _ low: [UInt8], _ high: [UInt8]) -> PacketSet {
        space.or(
            space.packets(where: bits, areBelow: NativeWord.bits(low), filling: true),
            // Bits of the right side count as the opposite: here as 0.
            space.packets(where: NativeWord.bits(high), areBelow: bits, filling: true))
    }

    // MARK: Keys of which bits are not known

    private func perhaps(
        _ bits: [Bit?], _ packets: PacketSet, _ index: NativeSetIndex, _ changes: [NativeSetChange]
    ) -> [NativeFound] {
        if index.set.isTerse { return [NativeFound(packets: packets, hit: .unknown)] }
        var options: [(data: NativeElements.Data, sets: [PacketSet])] = []
        func add(_ data: NativeElements.Data, _ set: PacketSet) {
            let set = space.and(set, packets)
            if set.isEmpty { return }
            if let place = options.firstIndex(where: { $0.data == data }) {
                options[place].sets.append(set)
            } else {
                options.append((data, [set]))
            }
        }
        for element in index.liveElements {
            add(index.set.elements.value(element), self.packets(bits, element, index))
        }
        for case .added(let data) in changes.map({ $0.kind }) { add(data, .all) }
        // Packets that the same elements are possible for.
        var regions: [(packets: PacketSet, data: [NativeElements.Data?])] = [(packets, [])]
        for option in options {
            let own = space.union(option.sets)
            if regions.count > 64 { return [NativeFound(packets: packets, hit: .unknown)] }
            regions = regions.flatMap { region in
                [
                    (space.and(region.packets, own), region.data + [option.data]),
                    (space.subtract(region.packets, own), region.data),
                ].filter { !$0.0.isEmpty }
            }
        }
        return regions.map { region in
            if region.data.isEmpty { return NativeFound(packets: region.packets, hit: missed(index)) }
            let data = region.data.contains(index.set.catchAll) ? region.data : region.data + [index.set.catchAll]
            return NativeFound(packets: region.packets, hit: .open(data))
        }
    }

    // MARK: Maps as values

    /// `KEY map @m`
    func mapped(_ key: Expression, _ name: Symbol, _ asked: Asked) -> [NativeCase] {
        func bytes(_ data: NativeElements.Data) -> [UInt8]? {
            guard case .literal(let bytes) = data else { return nil }
            return bytes
        }
        func choices(_ options: [NativeOption]) -> NativeWord {
            var result: [NativeChoice] = []
            for one in options {
                guard let data = one.data else {
                    NativeValue.add(NativeChoice(bytes: nil, share: one.share), to: &result)
                    continue
                }
                guard let bytes = bytes(data) else { return .unknown }
                NativeValue.add(NativeChoice(bytes: bytes, share: one.share), to: &result)
            }
            return .choices(result)
        }
        return grouped(
            lookUp(key, in: name, asked).map { found in
                let word: NativeWord
                switch found.hit {
                case .absent, .miss: word = .absent
                case .hit(let data, _): word = bytes(data).map { NativeWord($0) } ?? .unknown
                case .several(let options): word = choices(options)
                case .open(let data): word = choices(data.map { NativeOption(data: $0, share: 0) })
                case .unknown: word = .unknown
                }
                return NativeCase(packets: found.packets, word: word)
            })
    }
}
