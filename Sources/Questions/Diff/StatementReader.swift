internal import NetTypes
internal import RuleModel
internal import SourceText

/// Says what one node's statements mean in words that all nodes of a comparison share.
///
/// With `replacesLocal` what is the node's own gives way to what it stands for; without, only the spelling does.
struct StatementReader {
    let table: MeaningTable
    let names: NameTable
    let local: LocalNames
    let keepsComments: Bool
    var replacesLocal = false
    /// What stands for the local values of the statement that is read, in its order.
    var tags: [Symbol] = []
    /// Whether anything local was replaced since this was last set to `false`.
    var hasReplaced = false
    /// Whether what was replaced was of one pod or container: there are as many of these as the node has pods.
    var isOfPod = false
    /// By the node's own symbols, the chains of the table that is read.
    var chains: [Symbol: ChainLabel] = [:]
    /// By the node's own symbols, what sets of that table are that have no name of their own.
    var anonymousSets: [Symbol: (exact: Symbol, local: Symbol)] = [:]
    private var shared: [Symbol?]

    /// What a chain is called by on every node.
    struct ChainLabel {
        var label: Symbol
        var isOfPod: Bool
    }

    init(_ table: MeaningTable, names: NameTable, local: LocalNames, keepsComments: Bool) {
        self.table = table
        self.names = names
        self.local = local
        self.keepsComments = keepsComments
        shared = [Symbol?](repeating: nil, count: names.count)
    }

    /// What `statement` means; `nil` where it says nothing about packets.
    mutating func meaning(_ statement: Statement) -> Meaning? {
        tags = []
        switch statement {
        case .match(let match):
            guard let read = self.match(match) else { return nil }
            return Meaning(statement: .match(read), tags: tags)
        case .target(.native(let native)):
            guard let read = self.native(native) else { return nil }
            return Meaning(statement: .target(.native(read)), tags: tags)
        case .target(let target): return Meaning(statement: .target(self.target(target)), tags: tags)
        }
    }

    // MARK: Names

    /// The symbol that this name has on all nodes.
    mutating func name(_ symbol: Symbol) -> Symbol {
        let index = Int(symbol.index)
        guard index < shared.count else { return table.names.intern(names.text(symbol)) }
        if let known = shared[index] { return known }
        let bytes = Array(names.bytes(symbol))
        let made = table.names.intern(bytes.span)
        shared[index] = made
        return made
    }

    mutating func name(_ symbol: Negatable<Symbol>) -> Negatable<Symbol> {
        Negatable(name(symbol.value), isNegated: symbol.isNegated)
    }

    mutating func chain(_ symbol: Symbol) -> Symbol {
        let own = name(symbol)
        guard replacesLocal, let chain = chains[symbol] else { return own }
        if chain.isOfPod { isOfPod = true }
        if chain.label != own { hasReplaced = true }
        return chain.label
    }

    mutating func set(_ symbol: Symbol) -> Symbol {
        guard let known = anonymousSets[symbol] else { return name(symbol) }
        if known.exact != known.local, replacesLocal { hasReplaced = true }
        return replacesLocal ? known.local : known.exact
    }

    mutating func interface(_ symbol: Symbol) -> Symbol {
        guard replacesLocal, let tag = local.tag(ofInterface: names.text(symbol)) else { return name(symbol) }
        replace(by: tag)
        return .empty
    }

    mutating func pattern(_ pattern: Negatable<InterfacePattern>) -> Negatable<InterfacePattern> {
        let value = pattern.value
        let own = value.isPrefix ? name(value.name) : interface(value.name)
        return Negatable(InterfacePattern(name: own, isPrefix: value.isPrefix), isNegated: pattern.isNegated)
    }

    mutating func pattern(_ given: Negatable<InterfacePattern>?) -> Negatable<InterfacePattern>? {
        guard let given else { return nil }
        return pattern(given)
    }

    /// Notes that a value of the statement that is read stands for `tag`.
    mutating func replace(by tag: String) {
        tags.append(table.names.intern(tag))
        hasReplaced = true
        if tag == LocalNames.podInterface { isOfPod = true }
    }

    // MARK: Addresses

    mutating func address(_ address: IPAddress) -> IPAddress {
        guard replacesLocal, let tag = local.tag(of: address) else { return address }
        replace(by: tag)
        return .zero(address.version)
    }

    mutating func address(_ given: IPAddress?) -> IPAddress? {
        guard let given else { return nil }
        return address(given)
    }

    mutating func prefix(_ prefix: IPPrefix) -> IPPrefix {
        guard replacesLocal, let tag = local.tag(of: prefix) else { return prefix }
        replace(by: tag)
        return IPPrefix(.zero(prefix.address.version), length: 0)
    }

    mutating func prefix(_ given: IPPrefix?) -> IPPrefix? {
        guard let given else { return nil }
        return prefix(given)
    }

    mutating func mask(_ mask: AddressMask) -> AddressMask {
        // Bits outside the mask stand for nothing.
        let plain = AddressMask(mask.address, mask: mask.mask)
        guard replacesLocal, let length = plain.prefixLength else { return plain }
        let own = IPPrefix(plain.address, length: length)
        guard let tag = local.tag(of: own) else { return plain }
        replace(by: tag)
        return AddressMask(.zero(plain.address.version), mask: .zero(plain.address.version))
    }

    mutating func mask(_ given: Negatable<AddressMask>?) -> Negatable<AddressMask>? {
        guard let given else { return nil }
        return Negatable(mask(given.value), isNegated: given.isNegated)
    }

    mutating func v4(_ given: V4Mask) -> V4Mask {
        guard replacesLocal else { return given }
        let old = AddressMask(IPAddress(v4: given.address), mask: IPAddress(v4: given.mask))
        let new = mask(old)
        return V4Mask(address: new.address.v4Bits, mask: new.mask.v4Bits, isNegated: given.isNegated)
    }

    mutating func range(_ range: AddressRange) -> AddressRange {
        guard replacesLocal else { return range }
        // A range that is no prefix is nobody's network.
        guard range.isSingle else {
            guard let prefix = range.prefix, let tag = local.tag(of: prefix) else { return range }
            replace(by: tag)
            return AddressRange(.zero(range.first.version), .zero(range.first.version))
        }
        let own = address(range.first)
        return AddressRange(own, own)
    }

    mutating func range(_ given: Negatable<AddressRange>?) -> Negatable<AddressRange>? {
        guard let given else { return nil }
        return Negatable(range(given.value), isNegated: given.isNegated)
    }
}

/// A protocol by its number alone.
func spellingless(_ test: Negatable<ProtocolTest>?) -> Negatable<ProtocolTest>? {
    guard let test else { return nil }
    return Negatable(ProtocolTest(test.value.number), isNegated: test.isNegated)
}
