internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Comparisons of nft.
extension RuleLimits {
    mutating func read(_ comparison: Comparison) {
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
        if comparison.left == .meta(.networkProtocol) || comparison.left == .meta(.protocol) {
            readVersion(comparison)
            return
        }
        let field = field(comparison.left)
        if case .other(let expression) = field, !isSteady(expression) { return }
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

    /// Whether it has one value for all comparisons of a rule, and one that is compared as a number of the wire's
    /// order.
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
        let pattern = NamePattern(bytes: Array(name.text.utf8), isPrefix: name.isPrefix)
        note(Negatable(pattern, isNegated: comparison.relation == .notEqual), isIn: isIn)
    }
}

/// The bits of `ct state` as those of iptables. Source: include/uapi/linux/netfilter/nf_conntrack_common.h
/// `NF_CT_STATE_…`: 1 invalid, 2 established, 4 related, 8 new, 64 untracked.
func nativeStates(_ bits: UInt64) -> UInt32 {
    var states: ConnectionStates = []
    if bits & 1 != 0 { states.insert(.invalid) }
    if bits & 2 != 0 { states.insert(.established) }
    if bits & 4 != 0 { states.insert(.related) }
    if bits & 8 != 0 { states.insert(.new) }
    if bits & 64 != 0 { states.insert(.untracked) }
    return UInt32(states.rawValue)
}
