internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

// Comparisons and statements of nft's own rules.
extension RuleFacts {
    func note(_ comparison: Comparison, in outline: inout RuleOutline) {
        let isNegated = comparison.relation == .notEqual || comparison.relation == .noBit
        switch comparison.left {
        case .field(let field): note(field.row, comparison, isNegated, in: &outline)
        case .meta(.inName), .meta(.inIndex): outline.input = text(of: comparison.right, isNegated)
        case .meta(.outName), .meta(.outIndex): outline.output = text(of: comparison.right, isNegated)
        case .meta(.layer4Protocol): noteProtocol(comparison.right, isNegated, in: &outline)
        // A rule for one version of IP asks for nothing that an operator would miss.
        case .meta(.networkProtocol): break
        case .meta(.mark), .masked(.meta(.mark), _, _): noteMark(comparison, isNegated, in: &outline)
        case .connection(.state, _), .connection(.status, _):
            noteStates(comparison, isNegated, in: &outline)
        case .fib(let query) where query.result == .addressType:
            guard case .literal(let literal) = comparison.right else {
                outline.asksMore = true
                break
            }
            if literal.number != Self.localAddress {
                switch literal.number {
                case 3 where !isNegated: outline.manyfold = "broadcasts"
                case 5 where !isNegated: outline.manyfold = "multicasts"
                default: outline.asksMore = true
                }
                break
            }
            if query.flags.contains(.source) { outline.isFromLocal = !isNegated } else { outline.isLocal = !isNegated }
        default:
            if case .set(let name) = comparison.right, let set = linked.set(named: name, besides: reference.chain),
                !set.flags.contains(.anonymous)
            {
                outline.sets.append(RuleOutline.SetUse(name: linked.name(name), isNegated: isNegated))
            } else {
                outline.asksMore = true
            }
        }
    }

    /// RTN_LOCAL; 3 is RTN_BROADCAST, 5 RTN_MULTICAST. Source: include/uapi/linux/rtnetlink.h, Linux 6.1.
    private static let localAddress: UInt64 = 2

    private func note(
        _ row: HeaderField.Row, _ comparison: Comparison, _ isNegated: Bool, in outline: inout RuleOutline
    ) {
        switch (row.header, row.name) {
        case (.ip, "saddr"), (.ip6, "saddr"):
            if let use = namedSet(comparison.right, isNegated) {
                outline.sets.append(use)
            } else {
                outline.source = text(of: comparison.right, isNegated)
            }
        case (.ip, "daddr"), (.ip6, "daddr"):
            if let use = namedSet(comparison.right, isNegated) {
                outline.sets.append(use)
            } else {
                outline.destination = text(of: comparison.right, isNegated)
            }
        case (.ip, "protocol"), (.ip6, "nexthdr"): noteProtocol(comparison.right, isNegated, in: &outline)
        case (let header, "dport"), (let header, "sport"):
            if header != .th { outline.transport = header.name }
            guard let text = text(of: comparison.right, isNegated)?.wanted else {
                outline.asksMore = true
                break
            }
            if row.name == "dport" { outline.destinationPorts = text } else { outline.sourcePorts = text }
        case (.icmp, "type"), (.icmpv6, "type"):
            outline.transport = row.header.name
            if case .literal(let literal) = comparison.right, !isNegated {
                let type = UInt8(truncatingIfNeeded: literal.number ?? 0)
                outline.icmpType = icmpTypeText(type, row.header == .icmp ? .v4 : .v6)
            } else {
                outline.asksMore = true
            }
        default: outline.asksMore = true
        }
    }

    private func noteProtocol(_ operand: Comparison.Operand, _ isNegated: Bool, in outline: inout RuleOutline) {
        var names: [String] = []
        for literal in literals(of: operand) {
            guard let number = literal.number else { continue }
            names.append(IPProtocol(UInt8(truncatingIfNeeded: number)).shortName)
        }
        if isNegated || names.isEmpty { outline.asksMore = true } else { outline.transport = list(names) }
    }

    private func noteMark(_ comparison: Comparison, _ isNegated: Bool, in outline: inout RuleOutline) {
        guard case .literal(let literal) = comparison.right, let value = word(literal),
            comparison.relation == .equal || comparison.relation == .notEqual
        else {
            outline.asksMore = true
            return
        }
        var test = MaskedWord(value)
        if case .masked(_, let and, let xor) = comparison.left, let mask = word(and), let flip = word(xor) {
            test = MaskedWord(value ^ flip, mask: mask)
        }
        outline.marks.append(Negatable(test, isNegated: isNegated))
    }

    private func noteStates(_ comparison: Comparison, _ isNegated: Bool, in outline: inout RuleOutline) {
        var states: ConnectionStates = []
        for literal in literals(of: comparison.right) { states.formUnion(self.states(literal)) }
        if states.isEmpty { outline.asksMore = true } else { outline.states = Negatable(states, isNegated: isNegated) }
    }

    /// The bits of nft's words are those of the kernel.
    /// Source: include/net/netfilter/nf_conntrack.h `NF_CT_STATE_BIT`, nf_conntrack_common.h `IPS_DST_NAT`, Linux 6.1.
    private func states(_ literal: Literal) -> ConnectionStates {
        guard let number = literal.number else { return [] }
        var states: ConnectionStates = []
        if literal.type == .connectionStatus {
            if number & 0x10 != 0 { states.insert(.snat) }
            if number & 0x20 != 0 { states.insert(.dnat) }
            return states
        }
        if number & 0x01 != 0 { states.insert(.invalid) }
        if number & 0x02 != 0 { states.insert(.established) }
        if number & 0x04 != 0 { states.insert(.related) }
        if number & 0x08 != 0 { states.insert(.new) }
        if number & 0x40 != 0 { states.insert(.untracked) }
        return states
    }

    private func word(_ literal: Literal) -> UInt32? { literal.number.map { UInt32(truncatingIfNeeded: $0) } }

    // MARK: Operands

    /// A set of a name of its own.
    private func namedSet(_ operand: Comparison.Operand, _ isNegated: Bool) -> RuleOutline.SetUse? {
        guard case .set(let name) = operand, let set = linked.set(named: name, besides: reference.chain),
            !set.flags.contains(.anonymous)
        else { return nil }
        return RuleOutline.SetUse(name: linked.name(name), isNegated: isNegated)
    }

    private func literals(of operand: Comparison.Operand) -> [Literal] {
        switch operand {
        case .literal(let literal): return [literal]
        case .range, .expression: return []
        case .set(let name):
            guard let set = linked.set(named: name, besides: reference.chain), let type = set.key.first,
                set.key.count == 1
            else { return [] }
            return (0..<min(set.elements.count, 8)).map { index in
                Literal(Array(set.elements.low(index)), type, bits: set.elements.width * 8)
            }
        }
    }

    private func text(of operand: Comparison.Operand, _ isNegated: Bool) -> Negatable<String>? {
        switch operand {
        case .literal(let literal): return Negatable(text(of: literal), isNegated: isNegated)
        case .range(let low, let high): return Negatable(text(low, high), isNegated: isNegated)
        case .expression: return nil
        case .set(let name):
            guard let set = linked.set(named: name, besides: reference.chain), let type = set.key.first,
                set.key.count == 1
            else { return nil }
            if !set.flags.contains(.anonymous) { return Negatable("@" + linked.name(name), isNegated: isNegated) }
            let texts = (0..<min(set.elements.count, 7)).map { index in
                text(
                    Literal(Array(set.elements.low(index)), type, bits: set.elements.width * 8),
                    Literal(Array(set.elements.high(index)), type, bits: set.elements.width * 8))
            }
            return Negatable(list(texts), isNegated: isNegated)
        }
    }

    private func text(_ low: Literal, _ high: Literal) -> String {
        if low == high { return text(of: low) }
        if low.type == .interfaceName { return text(of: low) + "*" }
        if let first = IPAddress(bytes: low.bytes), let last = IPAddress(bytes: high.bytes),
            let prefix = AddressRange(first, last).prefix
        {
            return "\(first)/\(prefix.length)"
        }
        return text(of: low) + "-" + text(of: high)
    }

    func text(of literal: Literal) -> String {
        switch literal.type {
        case .ipv4Address, .ipv6Address: return IPAddress(bytes: literal.bytes).map { "\($0)" } ?? "?"
        case .interfaceName, .interfaceIndex, .string:
            return String(decoding: literal.bytes.prefix { $0 != 0 }, as: UTF8.self)
        default: return literal.number.map { "\($0)" } ?? "?"
        }
    }

    // MARK: Statements

    func effect(of statement: NativeStatement) -> RuleOutline.Effect {
        switch statement {
        case .verdictMap: return .dispatch
        case .reject: return .reject
        case .log: return .log
        case .notrack: return .notrack
        case .translate(let translation): return effect(of: translation)
        case .tproxy(_, let address, let port): return .tproxy(translated(address, port))
        case .assign(.meta(.mark), let value):
            if value.contains(where: { if case .connection(.mark, _) = $0 { true } else { false } }) {
                return .restoreMark
            }
            return .mark(written(value))
        case .assign(.connection(.mark, _), let value):
            if value.contains(where: { $0 == .meta(.mark) }) { return .saveMark }
            return .connectionMark(written(value))
        case .assign(.connection(.zone, _), .literal(let literal)):
            return .zone(UInt16(truncatingIfNeeded: literal.number ?? 0))
        default: return .other
        }
    }

    private func effect(of translation: NativeTranslation) -> RuleOutline.Effect {
        let text = translated(translation.address, translation.port)
        switch translation.kind {
        case .dnat: return .destination(text)
        case .snat: return .source(text)
        case .masquerade: return .masquerade
        case .redirect: return .redirect(text)
        }
    }

    private func translated(_ address: Expression?, _ port: Expression?) -> String {
        var text = ""
        if let address {
            switch address {
            case .literal(let literal): text = self.text(of: literal)
            case .range(let low, let high): text = self.text(low, high)
            default: return ""
            }
            if case .literal(let literal) = address, literal.type == .ipv6Address, port != nil { text = "[\(text)]" }
        }
        guard let port else { return text }
        switch port {
        case .literal(let literal): return text + ":" + self.text(of: literal)
        case .range(let low, let high): return text + ":" + self.text(low, high)
        default: return text
        }
    }

    /// What is written, as `(word & ~mask) ^ value`.
    private func written(_ value: Expression) -> MaskedWord {
        switch value {
        case .literal(let literal): return MaskedWord(word(literal) ?? 0)
        case .masked(_, let and, let xor): return MaskedWord(word(xor) ?? 0, mask: ~(word(and) ?? .max))
        default: return MaskedWord(0, mask: 0)
        }
    }
}
