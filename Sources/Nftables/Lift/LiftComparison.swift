internal import RuleModel
internal import SourceText

// Comparisons, with the names of what they compare.
extension Lifter {
    /// Adds the comparison of a register with constants; false where it can't be told.
    mutating func compare(_ register: Int, _ relation: Comparison.Relation, _ bytes: [UInt8]) -> Bool {
        guard let held = rule.registers[register] else { return false }
        let isEquality = relation == .equal || relation == .notEqual
        if isEquality, !held.isSwapped, held.steps.isEmpty, case .payload(let base, let offset, _) = held.source,
            let fields = fields(base, offset: offset, bytes), fields.count == 1 || relation == .equal
        {
            rule.loads[held.load].isUsed = true
            for field in fields { add(Comparison(.field(field.field), relation, field.operand)) }
            return true
        }
        if isEquality, held.steps.count == 1, case .mask(let and, let xor)? = held.steps.first,
            xor.allSatisfy({ $0 == 0 }), and.count == bytes.count,
            masked(held, and: and, relation, bytes)
        {
            return true
        }
        guard let value = value(register) else { return false }
        let wanted = literal(bytes, for: value)
        if isEquality, wanted.type == .ipv4Address || wanted.type == .ipv6Address, bytes.count < wanted.bytes.count,
            wanted.bits == wanted.bytes.count * 8
        {
            // A prefix of whole bytes.
            let missing = wanted.bytes.count - bytes.count
            let low = Literal(bytes + [UInt8](repeating: 0, count: missing), wanted.type, bits: wanted.bits)
            let high = Literal(bytes + [UInt8](repeating: 0xff, count: missing), wanted.type, bits: wanted.bits)
            add(Comparison(value.expression, relation, .range(low, high)))
            return true
        }
        if isEquality, wanted.type == .interfaceName, bytes.count < 16 {
            // The beginning of a name.
            var last = wanted
            for index in bytes.count..<max(bytes.count, last.bytes.count) { last.bytes[index] = 0xff }
            add(Comparison(value.expression, relation, .range(wanted, last)))
            return true
        }
        add(Comparison(value.expression, relation, .literal(wanted)))
        return true
    }

    mutating func compare(_ register: Int, isInverted: Bool, _ low: [UInt8], _ high: [UInt8]) -> Bool {
        guard let value = value(register) else { return false }
        add(
            Comparison(
                value.expression, isInverted ? .notEqual : .equal,
                .range(literal(low, for: value), literal(high, for: value))))
        return true
    }

    /// `(value & and) == bytes`, where that is a test of flags or of a prefix.
    private mutating func masked(
        _ held: RegisterValue, and: [UInt8], _ relation: Comparison.Relation, _ bytes: [UInt8]
    ) -> Bool {
        guard let whole = lifted(held), case .masked = whole.expression else { return false }
        var plain = held
        plain.steps = []
        guard let value = lifted(plain) else { return false }
        let type = value.expression.comparedType
        let mask = literal(and, for: value)
        if type.isBitmask, bytes.allSatisfy({ $0 == 0 }) {
            rule.loads[held.load].isUsed = true
            use(value.expression)
            add(Comparison(value.expression, relation == .notEqual ? .anyBit : .noBit, .literal(mask)))
            return true
        }
        guard type == .ipv4Address || type == .ipv6Address || type == .mark,
            bitRun(mask.bytes)?.lead ?? (mask.bytes.allSatisfy { $0 == 0 } ? 0 : nil) == 0
        else { return false }
        let low = literal(bytes, for: value)
        var high = low
        for index in high.bytes.indices where index < mask.bytes.count {
            // Bits beyond the mask never match: nft shows no prefix then.
            if low.bytes[index] & ~mask.bytes[index] != 0 { return false }
            high.bytes[index] |= ~mask.bytes[index]
        }
        rule.loads[held.load].isUsed = true
        use(value.expression)
        add(Comparison(value.expression, relation, .range(low, high)))
        return true
    }

    /// The fields that lie in bytes of the packet, one behind the other, with what each is compared with. nft loads
    /// neighbours together, and of a prefix only the bytes that count.
    private func fields(
        _ base: PayloadBase, offset: Int, _ bytes: [UInt8]
    ) -> [(field: HeaderField, operand: Comparison.Operand)]? {
        guard let header = header(base) else { return nil }
        var result: [(field: HeaderField, operand: Comparison.Operand)] = []
        var bit = offset * 8
        let end = bit + bytes.count * 8
        while bit < end {
            let rest = end - bit
            var found = field(header, offset: bit, bits: rest)
            if found == nil {
                found = headerFields.filter {
                    ($0.row.header == header || header == .vlan && $0.row.header == .ether) && $0.row.offset == bit
                        && $0.row.bits < rest
                }.max { $0.row.bits < $1.row.bits }
            }
            if let found {
                let row = found.row
                let value = slice(bytes, bit: bit - offset * 8, count: row.bits)
                result.append((found, .literal(literal(value, row.type, bits: row.bits, false))))
                bit += row.bits
                continue
            }
            let longer = headerFields.first {
                $0.row.header == header && $0.row.offset == bit && $0.row.bits > rest
                    && ($0.row.type == .ipv4Address || $0.row.type == .ipv6Address)
            }
            guard let longer, bit % 8 == 0 else { return nil }
            let width = longer.row.bits / 8
            let kept = bytes.suffix(rest / 8)
            let missing = width - kept.count
            let low = Literal(kept + [UInt8](repeating: 0, count: missing), longer.row.type, bits: longer.row.bits)
            let high = Literal(
                kept + [UInt8](repeating: 0xff, count: missing), longer.row.type, bits: longer.row.bits)
            result.append((longer, .range(low, high)))
            bit = end
        }
        return result
    }

    /// Some bits of bytes, moved to the low end.
    private func slice(_ bytes: [UInt8], bit: Int, count: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: (count + 7) / 8)
        for index in 0..<count {
            let from = bit + index
            guard from / 8 < bytes.count, bytes[from / 8] & (0x80 >> UInt8(from % 8)) != 0 else { continue }
            let to = result.count * 8 - count + index
            result[to / 8] |= 0x80 >> UInt8(to % 8)
        }
        return result
    }

    // MARK: What nft leaves out

    mutating func add(_ comparison: Comparison) {
        use(comparison.left)
        rule.statements.append(.match(.native(comparison)))
        note(comparison)
    }

    /// Leaves out what was asked only so that this could be.
    ///
    /// Source: nftables src/payload.c `payload_dependency_kill`, `exthdr_dependency_kill`, 1.0.6.
    mutating func use(_ expression: Expression) {
        switch expression {
        case .field(let field):
            switch field.row.header {
            case .ether, .vlan: rule.dropLinkDependency()
            case .ip, .ip6, .arp: rule.dropNetworkDependency()
            case .th: break
            case .icmp, .icmpv6:
                useTransport()
                if rule.networkDependency?.isField == false { rule.dropNetworkDependency() }
            case .igmp, .tcp, .udp, .udplite, .sctp, .dccp, .ah, .esp, .comp, .gre: useTransport()
            }
        case .extensionHeader(let field):
            switch field.holder {
            case .ipv6, .ipv4Option: rule.dropNetworkDependency()
            case .tcpOption, .sctpChunk, .dccpOption: useTransport()
            }
        case .masked(let value, _, _), .shifted(let value, _): use(value)
        default: break
        }
    }

    private mutating func useTransport() {
        // `ip protocol tcp` says that the packet is IPv4 too, where a table sees both.
        if rule.transportDependency?.isField == true, family != .ip, family != .ip6 { return }
        rule.dropTransportDependency()
    }

    /// Learns which headers the packet has from a comparison that was just added.
    private mutating func note(_ comparison: Comparison) {
        guard comparison.relation == .equal, case .literal(let literal) = comparison.right, let number = literal.number
        else { return }
        let index = rule.statements.count - 1
        switch comparison.left {
        case .meta(.layer4Protocol):
            rule.transport = UInt8(truncatingIfNeeded: number)
            rule.transportDependency = RuleState.Dependency(index: index, isField: false)
        case .meta(.networkProtocol):
            guard number == 2 || number == 10 else { return }
            rule.network = number == 2 ? .v4 : .v6
            rule.networkDependency = RuleState.Dependency(index: index, isField: false)
        case .meta(.protocol): noteEtherType(number, index, isField: false)
        case .meta(.inType) where number == 1:
            rule.link = .ether
            rule.linkDependency = RuleState.Dependency(index: index, isField: false)
        case .field(let field): note(field, number, index)
        default: break
        }
    }

    private mutating func note(_ field: HeaderField, _ number: UInt64, _ index: Int) {
        switch (field.row.header, field.row.name) {
        case (.ip, "protocol"), (.ip6, "nexthdr"):
            rule.transport = UInt8(truncatingIfNeeded: number)
            rule.transportDependency = RuleState.Dependency(index: index, isField: true)
        case (.ether, "type") where number == 0x8100:
            rule.link = .vlan
            rule.linkDependency = RuleState.Dependency(index: index, isField: true)
        case (.ether, "type"), (.vlan, "type"): noteEtherType(number, index, isField: true)
        default: break
        }
    }

    private mutating func noteEtherType(_ number: UInt64, _ index: Int, isField: Bool) {
        switch number {
        case 0x0800: rule.network = .v4
        case 0x86dd: rule.network = .v6
        case 0x0806: rule.network = .arp
        default: return
        }
        rule.networkDependency = RuleState.Dependency(index: index, isField: isField)
    }
}

private let headerFields = HeaderField.all
