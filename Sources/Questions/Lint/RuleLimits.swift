internal import PathModel
internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// Why no packet can meet the conditions of one rule.
struct Contradiction: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// Two conditions on one field, which no value meets together.
        case field(RuleLimits.Field)
        /// A range that ends before it begins.
        case emptyRange(RuleLimits.Field)
        /// A test that asks for a value with bits outside its mask.
        case outsideMask(String)
        case packetMark, connectionMark
        case states
        case interface(isIn: Bool)
        /// A condition and its own negation.
        case negation
    }

    var kind: Kind
    /// The statements that can't hold together.
    var statements: [Int]
}

/// What the conditions of one rule leave of each field of a packet: read in the order of the statements, until nothing is
/// left.
struct RuleLimits {
    enum Field: Hashable, Sendable {
        /// The version of IP.
        case version
        case transport, source, destination, sourcePort, destinationPort, length, hopLimit, dscp, icmpType
        /// Another value that nft compares.
        case other(Expression)
    }

    private let linked: LinkedRuleset
    private let chain: ChainID
    private let family: TableFamily
    private var fields: [Field: ValueSet] = [:]
    private var users: [Field: [Int]] = [:]
    private var marks = MaskedLimits()
    private var connectionMarks = MaskedLimits()
    private var states: UInt32 = .max
    private var inNames: [Negatable<InterfacePattern>] = []
    private var outNames: [Negatable<InterfacePattern>] = []
    private var plain: [Match: Int] = [:]
    private var statement = 0
    private(set) var contradiction: Contradiction?

    /// - Parameter rule: one of `chain`.
    init(_ rule: Rule, of chain: ChainID, in linked: LinkedRuleset) {
        self.linked = linked
        self.chain = chain
        family = linked.table(of: chain).family
        for (index, own) in rule.statements.enumerated() {
            guard case .match(let match) = own else { continue }
            statement = index
            read(match)
            if contradiction != nil { return }
        }
    }

    /// What is left of a field.
    func values(of field: Field) -> ValueSet { fields[field] ?? .all }

    // MARK: Noting

    private mutating func note(_ field: Field, _ values: ValueSet, isNegated: Bool = false) {
        guard contradiction == nil else { return }
        let own = isNegated ? values.inverted : values
        let left = (fields[field] ?? .all).intersection(own)
        fields[field] = left
        users[field, default: []].append(statement)
        if left.isEmpty { contradiction = Contradiction(kind: .field(field), statements: users[field] ?? []) }
    }

    private mutating func note<Number>(_ field: Field, _ range: NumberRange<Number>, isNegated: Bool) {
        if range.first > range.last {
            if !isNegated, contradiction == nil {
                contradiction = Contradiction(kind: .emptyRange(field), statements: [statement])
            }
            return
        }
        note(field, ValueSet(UInt128(range.first), UInt128(range.last)), isNegated: isNegated)
    }

    private mutating func note(_ protocols: [IPProtocol]) {
        note(
            .transport,
            ValueSet(protocols.map { ValueSet.Run(low: UInt128($0.rawValue), high: UInt128($0.rawValue)) }))
    }

    private mutating func note(_ version: IPVersion) {
        note(.version, ValueSet(UInt128(version.rawValue), UInt128(version.rawValue)))
    }

    private mutating func note(_ field: Field, _ mask: Negatable<AddressMask>) {
        note(mask.value.address.version)
        guard let length = mask.value.prefixLength else { return }
        let prefix = IPPrefix(mask.value.address, length: length)
        note(field, ValueSet(number(prefix.address), number(prefix.last)), isNegated: mask.isNegated)
    }

    private mutating func note(_ field: Field, _ range: Negatable<AddressRange>?) {
        guard let range else { return }
        if range.value.last < range.value.first {
            if !range.isNegated, contradiction == nil {
                contradiction = Contradiction(kind: .emptyRange(field), statements: [statement])
            }
            return
        }
        note(field, ValueSet(number(range.value.first), number(range.value.last)), isNegated: range.isNegated)
    }

    private func number(_ address: IPAddress) -> UInt128 { UInt128(address.high) << 64 | UInt128(address.low) }

    private mutating func note(_ states: Negatable<ConnectionStates>) {
        // SNAT and DNAT are asked beside the state: either will do.
        guard states.value.isDisjoint(with: [.snat, .dnat]) else { return }
        let own = UInt32(states.value.rawValue)
        self.states &= states.isNegated ? ~own : own
        if self.states & 0x1f == 0, contradiction == nil {
            contradiction = Contradiction(kind: .states, statements: [statement])
        }
    }

    private mutating func note(_ pattern: Negatable<InterfacePattern>, isIn: Bool) {
        let others = isIn ? inNames : outNames
        let isImpossible =
            pattern.isNegated && pattern.value.isPrefix && pattern.value.name == .empty
            || others.contains { excludes($0, pattern) || excludes(pattern, $0) }
        if isIn { inNames.append(pattern) } else { outNames.append(pattern) }
        if isImpossible, contradiction == nil {
            contradiction = Contradiction(kind: .interface(isIn: isIn), statements: [statement])
        }
    }

    /// Whether no name is as both want it.
    private func excludes(_ a: Negatable<InterfacePattern>, _ b: Negatable<InterfacePattern>) -> Bool {
        switch (a.isNegated, b.isNegated) {
        case (false, false): !covers(a.value, b.value) && !covers(b.value, a.value)
        case (true, false): covers(a.value, b.value)
        case (false, true): covers(b.value, a.value)
        case (true, true): false
        }
    }

    /// Whether every name of `b` is one of `a`.
    private func covers(_ a: InterfacePattern, _ b: InterfacePattern) -> Bool {
        if !a.isPrefix { return !b.isPrefix && a.name == b.name }
        return linked.names.bytes(b.name).starts(with: linked.names.bytes(a.name))
    }

    private mutating func notePlain(_ match: Match, negation: Match) {
        if let other = plain[negation], contradiction == nil {
            contradiction = Contradiction(kind: .negation, statements: [other, statement])
        }
        plain[match] = statement
    }

    // MARK: iptables

    private mutating func read(_ match: Match) {
        switch match {
        case .source(let mask): note(.source, mask)
        case .destination(let mask): note(.destination, mask)
        case .sourceV4(let mask): note(.source, wide(mask))
        case .destinationV4(let mask): note(.destination, wide(mask))
        case .inInterface(let pattern): note(pattern, isIn: true)
        case .outInterface(let pattern): note(pattern, isIn: false)
        case .protocol(let test):
            let number = UInt128(test.value.number.rawValue)
            // 0 is every protocol.
            let values = number == 0 ? ValueSet.all : ValueSet(number, number)
            note(.transport, values, isNegated: test.isNegated)
        case .addressRange(let match):
            note(.source, match.source)
            note(.destination, match.destination)
        case .tcp(let match):
            note([.tcp])
            note(.sourcePort, match.sourcePorts, isNegated: match.inversion.contains(.sourcePorts))
            note(.destinationPort, match.destinationPorts, isNegated: match.inversion.contains(.destinationPorts))
            if !match.inversion.contains(.flags), !match.flagsMask.isSuperset(of: match.flagsValue) {
                contradiction = contradiction ?? Contradiction(kind: .outsideMask("TCP's flags"), statements: [statement])
            }
        case .udp(let match): readUDP(match, .udp)
        case .udplite(let match): readUDP(match, .udplite)
        case .sctp(let match):
            note([.sctp])
            if let ports = match.sourcePort { note(.sourcePort, ports.value, isNegated: ports.isNegated) }
            if let ports = match.destinationPort { note(.destinationPort, ports.value, isNegated: ports.isNegated) }
        case .dccp(let match):
            note([.dccp])
            if let ports = match.sourcePort { note(.sourcePort, ports.value, isNegated: ports.isNegated) }
            if let ports = match.destinationPort { note(.destinationPort, ports.value, isNegated: ports.isNegated) }
        case .multiport(let match): readMultiport(match)
        case .icmp(let match):
            note([match.version == .v4 ? .icmp : .icmpv6])
            guard !match.isNegated, !(match.version == .v4 && match.type == 255) else { break }
            note(.icmpType, NumberRange(match.type), isNegated: false)
        case .tcpMSS(let range):
            note([.tcp])
            if !range.isNegated, range.value.first > range.value.last { note(.length, range.value, isNegated: false) }
        case .length(let range): note(.length, range.value, isNegated: range.isNegated)
        case .timeToLive(let match): readHopLimit(match)
        case .dscp(let value): note(.dscp, NumberRange(value.value), isNegated: value.isNegated)
        case .mark(let word): readMark(word, isConnection: false)
        case .connectionMark(let word): readMark(word, isConnection: true)
        case .state(let states): note(states)
        case .conntrack(let match): if let states = match.state { note(states) }
        case .set(let match): readSet(match)
        case .mac(let value): notePlain(match, negation: .mac(value.flipped))
        case .packetType(let value): notePlain(match, negation: .packetType(value.flipped))
        case .helper(let value): notePlain(match, negation: .helper(value.flipped))
        case .native(let comparison): read(comparison)
        case .laterFragment, .addressType, .ah, .bpf, .cgroup, .cluster, .comment, .connectionBytes, .connectionLabel,
            .connectionLimit, .cpu, .deviceGroup, .destinationOptions, .ecn, .esp, .eui64, .frag, .hashLimit, .hopByHop,
            .ipComp, .ipv6Header, .ipvs, .limit, .mobilityHeader, .accounting, .operatingSystem, .owner,
            .physicalDevice, .policy, .quota, .rateEstimate, .realm, .recent, .reversePath, .routingHeader, .socket,
            .segmentRouting, .statistic, .string, .time, .tos, .u32, .unknown:
            break
        }
    }

    private func wide(_ mask: V4Mask) -> Negatable<AddressMask> {
        Negatable(
            AddressMask(IPAddress(v4: mask.address), mask: IPAddress(v4: mask.mask)), isNegated: mask.isNegated)
    }

    private mutating func readUDP(_ match: UDPMatch, _ transport: IPProtocol) {
        note([transport])
        note(.sourcePort, match.sourcePorts, isNegated: match.sourceIsNegated)
        note(.destinationPort, match.destinationPorts, isNegated: match.destinationIsNegated)
    }

    private mutating func readMultiport(_ match: MultiportMatch) {
        note([.tcp, .udp, .sctp, .dccp, .udplite])
        let ranges = match.ports.value
        if let empty = ranges.first(where: { $0.first > $0.last }) {
            note(match.side == .source ? .sourcePort : .destinationPort, empty, isNegated: false)
            return
        }
        let values = ValueSet(ranges.map { ValueSet.Run(low: UInt128($0.first), high: UInt128($0.last)) })
        switch match.side {
        case .source: note(.sourcePort, values, isNegated: match.ports.isNegated)
        case .destination: note(.destinationPort, values, isNegated: match.ports.isNegated)
        case .either: break
        }
    }

    private mutating func readHopLimit(_ match: TimeToLiveMatch) {
        let value = UInt128(match.value)
        switch match.comparison {
        case .equal: note(.hopLimit, ValueSet(value, value))
        case .notEqual: note(.hopLimit, ValueSet(value, value), isNegated: true)
        case .less: note(.hopLimit, value == 0 ? ValueSet([]) : ValueSet(0, value - 1))
        case .greater: note(.hopLimit, value == 255 ? ValueSet([]) : ValueSet(value + 1, 255))
        }
    }

    private mutating func readMark(_ word: Negatable<MaskedWord>, isConnection: Bool) {
        guard contradiction == nil else { return }
        if !word.isNegated, word.value.value & ~word.value.mask != 0 {
            contradiction = Contradiction(
                kind: .outsideMask(isConnection ? "the connection's mark" : "the mark"), statements: [statement])
        } else if isConnection {
            connectionMarks.add(word.value.value, under: word.value.mask, isNegated: word.isNegated)
            if connectionMarks.isImpossible {
                contradiction = Contradiction(kind: .connectionMark, statements: [statement])
            }
        } else {
            marks.add(word.value.value, under: word.value.mask, isNegated: word.isNegated)
            if marks.isImpossible { contradiction = Contradiction(kind: .packetMark, statements: [statement]) }
        }
    }

    private mutating func readSet(_ match: SetMatch) {
        guard match.packets == nil, match.bytes == nil, !match.returnsNoMatch else { return }
        var bare = SetMatch()
        bare.name = match.name
        bare.directions = match.directions
        var negation = bare
        negation.name = match.name.flipped
        notePlain(.set(bare), negation: .set(negation))
    }
}

extension Negatable {
    fileprivate var flipped: Negatable { Negatable(value, isNegated: !isNegated) }
}

// MARK: - nft

extension RuleLimits {
    private mutating func read(_ comparison: Comparison) {
        for expression in comparison.expressions { readImplied(by: expression) }
        guard contradiction == nil else { return }
        switch comparison.left {
        case .meta(.mark), .connection(.mark, _), .masked(.meta(.mark), _, _), .masked(.connection(.mark, _), _, _):
            readMark(comparison)
        case .connection(.state, nil): readState(comparison)
        case .meta(.inName), .meta(.inIndex): readName(comparison, isIn: true)
        case .meta(.outName), .meta(.outIndex): readName(comparison, isIn: false)
        default: readValues(comparison)
        }
    }

    /// What a field says by being there: the header that has it is.
    private mutating func readImplied(by expression: Expression) {
        if case .field(let field) = expression {
            switch field.row.header {
            case .ip: note(.v4)
            case .ip6: note(.v6)
            case .ether, .vlan, .arp, .igmp, .icmp, .icmpv6, .tcp, .udp, .udplite, .sctp, .dccp, .ah, .esp, .comp, .gre,
                .th:
                break
            }
            if let transport = field.row.header.transport { note([IPProtocol(transport)]) }
        }
        for part in expression.parts { readImplied(by: part) }
    }

    private func field(_ expression: Expression) -> Field {
        switch expression {
        case .field(let field):
            switch (field.row.header, field.row.name) {
            case (.ip, "saddr"), (.ip6, "saddr"): return .source
            case (.ip, "daddr"), (.ip6, "daddr"): return .destination
            case (.ip, "protocol"): return .transport
            case (.tcp, "sport"), (.udp, "sport"), (.udplite, "sport"), (.sctp, "sport"), (.dccp, "sport"),
                (.th, "sport"):
                return .sourcePort
            case (.tcp, "dport"), (.udp, "dport"), (.udplite, "dport"), (.sctp, "dport"), (.dccp, "dport"),
                (.th, "dport"):
                return .destinationPort
            case (.icmp, "type"), (.icmpv6, "type"): return .icmpType
            default: return .other(expression)
            }
        case .meta(.layer4Protocol): return .transport
        default: return .other(expression)
        }
    }

    private mutating func readValues(_ comparison: Comparison) {
        let field = field(comparison.left)
        if case .other(let expression) = field, !isSteady(expression) { return }
        if comparison.left == .meta(.networkProtocol) || comparison.left == .meta(.protocol) {
            readVersion(comparison)
            return
        }
        guard let values = values(comparison.right) else { return }
        switch comparison.relation {
        case .equal: note(field, values)
        case .notEqual: note(field, values, isNegated: true)
        case .less: if let low = values.runs.first?.low { note(field, low == 0 ? ValueSet([]) : ValueSet(0, low - 1)) }
        case .lessOrEqual: if let low = values.runs.first?.low { note(field, ValueSet(0, low)) }
        case .greater:
            if let low = values.runs.first?.low { note(field, low == .max ? ValueSet([]) : ValueSet(low + 1, .max)) }
        case .greaterOrEqual: if let low = values.runs.first?.low { note(field, ValueSet(low, .max)) }
        case .anyBit, .noBit: break
        }
    }

    /// Whether it has one value for all comparisons of a rule, and one that is compared as a number of the wire's order.
    private func isSteady(_ expression: Expression) -> Bool {
        if expression.type.isHostOrder || expression.type.isBitmask { return false }
        switch expression {
        case .field, .payload, .extensionHeader: return true
        case .literal, .meta, .connection, .route, .fib, .socket, .operatingSystem, .unknown, .numberGenerator, .hash,
            .symmetricHash, .concatenation, .masked, .shifted, .map, .range:
            return false
        }
    }

    private func values(_ operand: Comparison.Operand) -> ValueSet? {
        switch operand {
        case .literal(let literal):
            guard let number = number(literal.bytes[...]) else { return nil }
            return ValueSet(number, number)
        case .range(let low, let high):
            guard let low = number(low.bytes[...]), let high = number(high.bytes[...]), low <= high else { return nil }
            return ValueSet(low, high)
        case .set(let name):
            guard let set = linked.set(named: name, besides: chain), set.flags.contains(.anonymous),
                set.elements.widths.count == 1
            else { return nil }
            var runs: [ValueSet.Run] = []
            for index in 0..<set.elements.count {
                guard let low = number(set.elements.low(index)), let high = number(set.elements.high(index)) else {
                    return nil
                }
                runs.append(ValueSet.Run(low: low, high: high))
            }
            return ValueSet(runs)
        case .expression: return nil
        }
    }

    private func number(_ bytes: ArraySlice<UInt8>) -> UInt128? {
        bytes.count > 16 ? nil : bytes.reduce(0) { $0 << 8 | UInt128($1) }
    }

    private mutating func readVersion(_ comparison: Comparison) {
        guard comparison.relation == .equal, let number = comparison.right.number else { return }
        // Numbers of families for nfproto, of Ethernet for protocol.
        switch (comparison.left, number) {
        case (.meta(.networkProtocol), 2), (.meta(.protocol), 0x0800): note(.v4)
        case (.meta(.networkProtocol), 10), (.meta(.protocol), 0x86dd): note(.v6)
        default: break
        }
    }

    private mutating func readMark(_ comparison: Comparison) {
        guard comparison.relation == .equal || comparison.relation == .notEqual,
            let number = comparison.right.number, number <= UInt64(UInt32.max)
        else { return }
        var mask = UInt32.max
        var isConnection = false
        switch comparison.left {
        case .masked(let value, let and, let xor):
            guard xor.number == 0, let own = and.number else { return }
            mask = UInt32(truncatingIfNeeded: own)
            if case .connection = value { isConnection = true }
        case .connection: isConnection = true
        default: break
        }
        let word = MaskedWord(UInt32(truncatingIfNeeded: number), mask: mask)
        readMark(Negatable(word, isNegated: comparison.relation == .notEqual), isConnection: isConnection)
    }

    private mutating func readState(_ comparison: Comparison) {
        let bits: UInt64
        switch comparison.right {
        case .literal(let literal):
            guard let number = literal.number else { return }
            bits = number
        case .set(let name):
            guard let set = linked.set(named: name, besides: chain), set.flags.contains(.anonymous) else { return }
            bits = (0..<set.elements.count).reduce(0) { bits, index in
                bits | set.elements.low(index).suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
            }
        case .range, .expression: return
        }
        switch comparison.relation {
        case .equal, .anyBit: states &= nativeStates(bits)
        case .notEqual, .noBit: states &= ~nativeStates(bits)
        case .less, .lessOrEqual, .greater, .greaterOrEqual: return
        }
        if states & 0x1f == 0 { contradiction = Contradiction(kind: .states, statements: [statement]) }
    }

    private mutating func readName(_ comparison: Comparison, isIn: Bool) {
        guard comparison.relation == .equal || comparison.relation == .notEqual,
            let name = comparison.right.name
        else { return }
        guard let symbol = linked.names.find(name.text) else { return }
        let pattern = InterfacePattern(name: symbol, isPrefix: name.isPrefix)
        note(Negatable(pattern, isNegated: comparison.relation == .notEqual), isIn: isIn)
    }
}

/// The bits of `ct state` as those of iptables.
/// Source: include/uapi/linux/netfilter/nf_conntrack_common.h `NF_CT_STATE_…`: 1 invalid, 2 established, 4 related, 8 new,
/// 64 untracked.
func nativeStates(_ bits: UInt64) -> UInt32 {
    var states: ConnectionStates = []
    if bits & 1 != 0 { states.insert(.invalid) }
    if bits & 2 != 0 { states.insert(.established) }
    if bits & 4 != 0 { states.insert(.related) }
    if bits & 8 != 0 { states.insert(.new) }
    if bits & 64 != 0 { states.insert(.untracked) }
    return UInt32(states.rawValue)
}
