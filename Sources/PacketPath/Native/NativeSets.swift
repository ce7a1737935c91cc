internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// What rules did to a native set.
struct ChangedNativeSet: Hashable, Sendable {
    struct Element: Hashable, Sendable {
        var key: [UInt8]
        var data: NativeElements.Data
    }

    let name: NativeSetName
    /// Keys of the input's elements that were taken out.
    var removed: [[UInt8]] = []
    var added: [Element] = []
    /// How often it was changed: what was taken for granted of it before need not hold after.
    var count = 0
    /// Whether an element was put in or taken out of which it is not known which.
    var isUncertain = false

    mutating func doubt() {
        count += 1
        isUncertain = true
    }
}

/// What a native set has for a key.
enum NativeHit: Hashable, Sendable {
    /// Nothing, and no `*` either.
    case miss
    /// An element with what it leads to; its index in the input where it has states of its own.
    case hit(NativeElements.Data, element: Int?)
    /// One of several, or perhaps none (`nil`), with the shares that chance gives them; 0 where it gives none.
    case several([NativePossibility])
    /// The input does not have the set or not all of it.
    case unknown
}

struct NativePossibility: Hashable, Sendable {
    var data: NativeElements.Data?
    var share: UInt64
}

extension Evaluator {
    func nativeSet(_ name: Symbol, _ rule: RuleReference) -> (name: NativeSetName, index: NativeSetIndex?) {
        let full = NativeSetName(table: model.linked.tableIndex(of: rule.chain), name: name)
        return (full, model.compiled.nativeSets[full])
    }

    /// Looks `key` up. Source: net/netfilter/nft_lookup.c, Linux 6.18: `*` has what no other element has.
    func lookUp(_ key: NativeValue, in name: Symbol, _ state: WalkState, _ rule: RuleReference) -> NativeHit {
        let (full, index) = nativeSet(name, rule)
        guard let index else { return .unknown }
        let changes = state.setChanges[full]
        let key = adapted(key, to: index.set)
        switch key {
        case .absent: return .miss
        case .unknown: return possible(nil, index, changes)
        case .bytes(let bytes, let known):
            guard let exact = key.exact else { return possible((bytes, known), index, changes) }
            return find(exact, index, changes)
        case .choices(let choices):
            var result: [NativePossibility] = []
            for choice in choices {
                guard let bytes = choice.bytes else {
                    add(NativePossibility(data: nil, share: choice.share), to: &result)
                    continue
                }
                switch find(bytes, index, changes) {
                case .miss: add(NativePossibility(data: nil, share: choice.share), to: &result)
                case .hit(let data, _): add(NativePossibility(data: data, share: choice.share), to: &result)
                case .several, .unknown: return .unknown
                }
            }
            return .several(result)
        }
    }

    private func add(_ one: NativePossibility, to list: inout [NativePossibility]) {
        if let index = list.firstIndex(where: { $0.data == one.data }) {
            list[index].share += one.share
        } else {
            list.append(one)
        }
    }

    private func find(_ key: [UInt8], _ index: NativeSetIndex, _ changes: ChangedNativeSet?) -> NativeHit {
        if let changes {
            if changes.isUncertain { return .unknown }
            if let own = changes.added.last(where: { $0.key == key }) { return .hit(own.data, element: nil) }
        }
        if let found = index.find(key) {
            let isRemoved = changes?.removed.contains(Array(index.set.elements.low(found))) == true
            if !isRemoved { return .hit(index.set.elements.value(found), element: found) }
        }
        if index.set.isTerse { return .unknown }
        return index.set.catchAll.map { .hit($0, element: nil) } ?? .miss
    }

    /// What a key may lead to of which only some bits are known.
    private func possible(
        _ key: (bytes: [UInt8], known: [UInt8])?, _ index: NativeSetIndex, _ changes: ChangedNativeSet?
    ) -> NativeHit {
        if index.set.isTerse || changes?.isUncertain == true { return .unknown }
        var result: [NativePossibility] = []
        for element in index.liveElements {
            if let key, !index.mayHave(element, key.bytes, known: key.known) { continue }
            add(NativePossibility(data: index.set.elements.value(element), share: 0), to: &result)
        }
        for own in changes?.added ?? [] { add(NativePossibility(data: own.data, share: 0), to: &result) }
        if result.isEmpty { return index.set.catchAll.map { .hit($0, element: nil) } ?? .miss }
        add(NativePossibility(data: index.set.catchAll, share: 0), to: &result)
        return .several(result)
    }

    /// The key with its parts as wide as the set's.
    private func adapted(_ key: NativeValue, to set: NativeSet) -> NativeValue {
        set.elements.widths.count == 1 ? key.fitted(to: set.elements.width) : key
    }

    /// The key expression's value with each part as wide as the set's part.
    func key(_ expression: Expression, for name: Symbol, _ state: WalkState, _ rule: RuleReference) -> NativeValue {
        guard case .concatenation(let parts) = expression, let index = nativeSet(name, rule).index,
            index.set.elements.widths.count == parts.count
        else { return value(of: expression, state, rule) }
        return .concatenated(
            zip(parts, index.set.elements.widths).map { value(of: $0, state, rule).fitted(to: $1) })
    }

    /// `KEY map @m`
    func mapped(_ key: Expression, _ name: Symbol, _ state: WalkState, _ rule: RuleReference) -> NativeValue {
        let value = self.key(key, for: name, state, rule)
        if value == .absent { return .absent }
        func bytes(_ data: NativeElements.Data) -> [UInt8]? {
            guard case .literal(let bytes) = data else { return nil }
            return bytes
        }
        switch lookUp(value, in: name, state, rule) {
        case .miss: return .absent
        case .hit(let data, _): return bytes(data).map { NativeValue($0) } ?? .unknown
        case .several(let possibilities):
            var choices: [NativeChoice] = []
            for one in possibilities {
                guard let data = one.data else {
                    choices.append(NativeChoice(bytes: nil, share: one.share))
                    continue
                }
                guard let bytes = bytes(data) else { return .unknown }
                NativeValue.add(NativeChoice(bytes: bytes, share: one.share), to: &choices)
            }
            return .choices(choices)
        case .unknown: return .unknown
        }
    }

    // MARK: Changes

    /// `add`, `update` and `delete`. Source: net/netfilter/nft_dynset.c, Linux 6.18: the rule breaks where there is no
    /// room for the element; an element that is there stays as it is.
    func change(_ change: SetChange, _ rule: RuleReference, _ state: inout WalkState) -> Action {
        let key = self.key(change.key, for: change.set, state, rule)
        if key == .absent { return .miss }
        let data: NativeValue? = change.value.map { value(of: $0, state, rule) }
        if data == .absent { return .miss }
        let (name, index) = nativeSet(change.set, rule)
        guard let index, let exact = adapted(key, to: index.set).exact else {
            state.setChanges.change(name) { $0.doubt() }
            return change.operation == .delete ? .continue : elementStates(change, rule)
        }
        let found = find(exact, index, state.setChanges[name])
        switch (change.operation, found) {
        case (_, .unknown):
            state.setChanges.change(name) { $0.doubt() }
            return change.operation == .delete ? .continue : elementStates(change, rule)
        case (.delete, .hit):
            state.setChanges.change(name) {
                $0.count += 1
                $0.added.removeAll { $0.key == exact }
                if index.find(exact) != nil, !$0.removed.contains(exact) { $0.removed.append(exact) }
            }
            return .continue
        case (.delete, .miss), (.delete, .several): return .continue
        case (.add, .hit), (.update, .hit): return elementStates(change, rule)
        case (.add, .miss), (.update, .miss), (.add, .several), (.update, .several): break
        }
        if let limit = index.set.size {
            let own = state.setChanges[name]
            let count = index.set.elements.count + (own?.added.count ?? 0) - (own?.removed.count ?? 0)
            if count >= Int(clamping: limit) {
                // What has run out makes room.
                guard index.set.timeout != nil || index.set.flags.contains(.timeout) else { return .miss }
                state.setChanges.change(name) { $0.doubt() }
                return elementStates(change, rule)
            }
        }
        var made = NativeElements.Data.none
        if let data {
            guard let bytes = data.exact else {
                state.setChanges.change(name) { $0.doubt() }
                return elementStates(change, rule)
            }
            made = .literal(bytes)
        }
        state.setChanges.change(name) {
            $0.count += 1
            $0.added.append(ChangedNativeSet.Element(key: exact, data: made))
        }
        return elementStates(change, rule)
    }

    /// The limits that each element gets: those of the rule, or else of the set.
    private func elementStates(_ change: SetChange, _ rule: RuleReference) -> Action {
        let ofSet = nativeSet(change.set, rule).index?.set.states ?? []
        for own in change.states.isEmpty ? ofSet : change.states {
            if let answer = limiting(own, rule) { return .test(answer) }
        }
        return .continue
    }
}
