internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// What rules did to sets since the input was taken, for packets that come later.
public struct SetChanges: Hashable, Sendable {
    var sets: [ChangedSet] = []
    var natives: [ChangedNativeSet] = []

    public init() {}

    subscript(_ name: NativeSetName) -> ChangedNativeSet? { natives.first { $0.name == name } }

    mutating func change(_ name: NativeSetName, _ body: (inout ChangedNativeSet) -> Void) {
        if let index = natives.firstIndex(where: { $0.name == name }) {
            body(&natives[index])
        } else {
            var set = ChangedNativeSet(name: name)
            body(&set)
            natives.append(set)
        }
    }

    subscript(_ name: Symbol) -> ChangedSet? { sets.first { $0.name == name } }

    mutating func change(_ name: Symbol, _ body: (inout ChangedSet) -> Void) {
        if let index = sets.firstIndex(where: { $0.name == name }) {
            body(&sets[index])
        } else {
            var set = ChangedSet(name: name)
            body(&set)
            sets.append(set)
        }
    }

    /// Whether it is not known of some set what a rule did to it.
    public var isInDoubt: Bool { sets.contains { $0.isUncertain } }

    /// Nothing is sure of the sets of which `self` and `other` tell different things.
    func agreed(with other: SetChanges) -> SetChanges {
        if self == other { return self }
        var result = self
        for set in sets + other.sets where self[set.name] != other[set.name] {
            result.change(set.name) { $0.doubt() }
        }
        for set in natives + other.natives where self[set.name] != other[set.name] {
            result.change(set.name) { $0.doubt() }
        }
        return result
    }
}

/// What rules did to one set.
struct ChangedSet: Hashable, Sendable {
    let name: Symbol
    /// Elements of the input that were taken out, by their place in it.
    var removed: [Int] = []
    var added: [SetElement] = []
    /// How often it was changed: what was taken for granted of it before need not hold after.
    var count = 0
    /// Whether an element was put in or taken out of which it is not known which.
    var isUncertain = false

    mutating func doubt() {
        count += 1
        isUncertain = true
    }
}

extension SetIndex.Entry {
    /// Elements whose first address is `prefix`, or those without an address, as `changes` left them.
    func elements(at prefix: IPPrefix?, _ changes: ChangedSet?) -> [SetElement] {
        var result: [SetElement] = []
        for index in prefix.map({ byAddress[$0] ?? [] }) ?? withoutAddress
        where changes?.removed.contains(index) != true {
            result.append(set.elements[index])
        }
        for element in changes?.added ?? [] where element.address == prefix { result.append(element) }
        return result
    }

    /// Lengths of the prefixes that elements have, the longest first.
    func lengths(_ changes: ChangedSet?) -> [UInt8] {
        guard let changes, !changes.added.isEmpty else { return lengths }
        var all = lengths
        for element in changes.added {
            if let length = element.address?.length, !all.contains(length) { all.append(length) }
        }
        return all.sorted(by: >)
    }
}

extension Evaluator {
    private enum Operation { case add, delete }

    /// `-j SET --add-set` and `--del-set`: the packet's own later matches see what they did.
    /// Source: net/netfilter/xt_set.c `set_target_v3`; observed on Linux 6.18.
    func changeSets(_ target: SetTarget, _ state: inout WalkState) {
        if let add = target.add { _ = change(.add, add.set, add.directions, target, &state) }
        if let delete = target.delete { _ = change(.delete, delete.set, delete.directions, target, &state) }
    }

    /// - Returns: whether the kernel's call succeeds, by which a list:set ends with the first member that takes the
    ///   element; `nil` where that is not known.
    private func change(
        _ operation: Operation, _ name: Symbol, _ directions: [Bool], _ target: SetTarget, _ state: inout WalkState,
        isMember: Bool = false
    ) -> Bool? {
        guard let entry = model.sets.entries[name], entry.set.type != .unknown else {
            state.setChanges.change(name) { $0.doubt() }
            return nil
        }
        let set = entry.set
        // Source: net/netfilter/ipset/ip_set_core.c `ip_set_add`.
        guard directions.count >= set.type.dimension, set.version == nil || set.version == state.packet.version else {
            return false
        }
        if set.type == .listSet {
            if isMember { return false }
            // Source: net/netfilter/ipset/ip_set_list_set.c `list_set_kadd`, `list_set_kdel`.
            var isSure = true
            for member in set.elements.compactMap({ $0.member }) {
                switch change(operation, member, directions, target, &state, isMember: true) {
                case true? where isSure: return true
                case true?, nil:
                    // It may have ended with a member before.
                    isSure = false
                    state.setChanges.change(member) { $0.doubt() }
                case false?: continue
                }
            }
            return isSure ? false : nil
        }
        var match = SetMatch()
        match.name = .is(name)
        match.directions = directions
        switch setKey(for: set, match, state) {
        case .nothing: return false
        case .unknown:
            state.setChanges.change(name) { $0.doubt() }
            return nil
        case .key(let key):
            let element = element(of: key, in: entry, state.setChanges[name])
            return operation == .add
                ? add(element, to: entry, target, &state) : delete(element, from: entry, &state)
        }
    }

    /// The element that the kernel makes of a packet's key: of a network the most specific prefix length that the set
    /// has. Source: net/netfilter/ipset/ip_set_hash_net.c `hash_net4_kadt`; observed on Linux 6.18.
    private func element(of key: SetKey, in entry: SetIndex.Entry, _ changes: ChangedSet?) -> SetElement {
        let type = entry.set.type
        var element = SetElement(place: .none)
        func longest(_ part: (SetElement) -> IPPrefix?) -> UInt8? {
            var best: UInt8?
            for (index, element) in entry.set.elements.enumerated() where changes?.removed.contains(index) != true {
                if let length = part(element)?.length { best = max(best ?? 0, length) }
            }
            for element in changes?.added ?? [] {
                if let length = part(element)?.length { best = max(best ?? 0, length) }
            }
            return best
        }
        if let first = key.first {
            let length = type.hasNetworkFirst ? longest { $0.address } : entry.set.netmask
            element.address = IPPrefix(first, length: length ?? UInt8(first.version.addressBits))
        }
        if let second = key.second {
            let length = type.hasNetworkSecond ? longest { $0.second } : nil
            element.second = IPPrefix(second, length: length ?? UInt8(second.version.addressBits))
        }
        if type.hasPort {
            element.protocol = key.protocol
            element.port = PortRange(key.port, key.port)
        }
        element.mac = key.mac
        element.mark = key.mark
        element.interface = key.interface
        if entry.set.hasCounters { element.counters = Counters(packets: 0, bytes: 0) }
        return element
    }

    private func add(
        _ element: SetElement, to entry: SetIndex.Entry, _ target: SetTarget, _ state: inout WalkState
    ) -> Bool? {
        let name = entry.set.name
        let (found, isCovered) = find(element, in: entry, state.setChanges[name])
        if isCovered { return target.exists }
        if let found {
            // An element that is there is refused, or gets what a new one would have, its `nomatch` gone.
            let lacksMAC = entry.set.type == .bitmapIPMAC && found.mac == nil
            guard target.exists || lacksMAC else { return false }
        } else if let limit = maximumCount(of: entry.set) {
            let changes = state.setChanges[name]
            let count = entry.set.elements.count - (changes?.removed.count ?? 0) + (changes?.added.count ?? 0)
            if count >= limit {
                // What has run out makes room, and `forceadd` throws some other element out.
                guard entry.set.hasTimeout || hasWord("forceadd", in: entry.set) else { return false }
                state.setChanges.change(name) { $0.doubt() }
                return nil
            }
        }
        remove(element, from: entry, &state)
        state.setChanges.change(name) {
            $0.count += 1
            $0.added.append(element)
        }
        return true
    }

    private func delete(_ element: SetElement, from entry: SetIndex.Entry, _ state: inout WalkState) -> Bool? {
        let name = entry.set.name
        let (found, isCovered) = find(element, in: entry, state.setChanges[name])
        if isCovered {
            // A range in one element, of which one part goes.
            state.setChanges.change(name) { $0.doubt() }
            return nil
        }
        guard found != nil else { return entry.set.isIncomplete ? nil : false }
        remove(element, from: entry, &state)
        state.setChanges.change(name) { $0.count += 1 }
        return true
    }

    private func remove(_ element: SetElement, from entry: SetIndex.Entry, _ state: inout WalkState) {
        let indexes = candidates(for: element, in: entry).filter { entry.isSame(entry.set.elements[$0], element) }
        if indexes.isEmpty, state.setChanges[entry.set.name] == nil { return }
        state.setChanges.change(entry.set.name) { changes in
            for index in indexes where !changes.removed.contains(index) { changes.removed.append(index) }
            changes.added.removeAll { entry.isSame($0, element) }
        }
    }

    /// The element that is there already, and whether one that stands for more has this one in it.
    private func find(
        _ element: SetElement, in entry: SetIndex.Entry, _ changes: ChangedSet?
    ) -> (same: SetElement?, isCovered: Bool) {
        if let same = changes?.added.first(where: { entry.isSame($0, element) }) { return (same, false) }
        for index in candidates(for: element, in: entry) where changes?.removed.contains(index) != true {
            if entry.isSame(entry.set.elements[index], element) { return (entry.set.elements[index], false) }
        }
        let type = entry.set.type
        if type.hasNetworkFirst { return (nil, false) }
        for length in element.address == nil ? [] : entry.lengths {
            guard let address = element.address?.address else { continue }
            for index in entry.byAddress[IPPrefix(address, length: length)] ?? []
            where changes?.removed.contains(index) != true {
                if entry.covers(entry.set.elements[index], element) { return (nil, true) }
            }
        }
        for index in element.address == nil ? entry.withoutAddress : []
        where changes?.removed.contains(index) != true {
            if entry.covers(entry.set.elements[index], element) { return (nil, true) }
        }
        return (nil, false)
    }

    private func candidates(for element: SetElement, in entry: SetIndex.Entry) -> [Int] {
        element.address.map { entry.byAddress[$0] ?? [] } ?? entry.withoutAddress
    }

    /// `maxelem` of the hash types.
    private func maximumCount(of set: AddressSet) -> Int? {
        let words = names.text(set.creationText).split(separator: " ")
        guard let index = words.firstIndex(of: "maxelem"), index + 1 < words.count else { return nil }
        return Int(words[index + 1])
    }

    private func hasWord(_ word: String, in set: AddressSet) -> Bool {
        names.text(set.creationText).split(separator: " ").contains { $0 == word }
    }
}

extension SetIndex.Entry {
    /// Whether two elements have one key: what the kernel calls the same element.
    fileprivate func isSame(_ a: SetElement, _ b: SetElement) -> Bool {
        // An address of bitmap:ip,mac is there once, with whatever hardware address.
        if set.type == .bitmapIPMAC { return a.address == b.address }
        return a.address == b.address && a.second == b.second && a.protocol == b.protocol && a.port == b.port
            && a.mac == b.mac && a.mark == b.mark && a.interface == b.interface
            && a.isPhysicalDevice == b.isPhysicalDevice && a.isWildcard == b.isWildcard
    }

    /// Whether `a`, that the reader kept as a range, has `b` in it.
    fileprivate func covers(_ a: SetElement, _ b: SetElement) -> Bool {
        func has(_ a: IPPrefix?, _ b: IPPrefix?) -> Bool {
            a == b || a.flatMap { a in b.map { a.contains($0.address) } } == true
        }
        guard has(a.address, b.address), has(a.second, b.second), a.mac == b.mac, a.mark == b.mark else { return false }
        guard a.protocol == nil || a.protocol == b.protocol else { return false }
        return a.port == b.port || b.port.map { a.port?.contains($0.first) == true } == true
    }
}

extension SetType {
    /// Whether the first part of its elements is a network and not an address.
    fileprivate var hasNetworkFirst: Bool {
        switch self {
        case .hashNet, .hashNetNet, .hashNetPort, .hashNetPortNet, .hashNetInterface: true
        case .bitmapIP, .bitmapIPMAC, .bitmapPort, .hashIP, .hashMAC, .hashIPMAC, .hashIPMark, .hashIPPort,
            .hashIPPortIP, .hashIPPortNet, .listSet, .unknown:
            false
        }
    }

    fileprivate var hasNetworkSecond: Bool { self == .hashIPPortNet || self == .hashNetNet || self == .hashNetPortNet }

    fileprivate var hasPort: Bool {
        switch self {
        case .bitmapPort, .hashIPPort, .hashIPPortIP, .hashIPPortNet, .hashNetPort, .hashNetPortNet: true
        case .bitmapIP, .bitmapIPMAC, .hashIP, .hashMAC, .hashIPMAC, .hashIPMark, .hashNet, .hashNetNet,
            .hashNetInterface, .listSet, .unknown:
            false
        }
    }
}
