internal import NetTypes
internal import RuleModel
internal import SourceText

// Statements that change where a packet goes.
extension Lifter {
    /// A constant or an expression out of a register.
    mutating func operand(_ register: Int, _ type: DataType, bits: Int) -> Expression? {
        if let bytes = constant(register) {
            return .literal(literal(bytes, type, bits: bits, type.isNumberInHostOrder))
        }
        return value(register)?.expression
    }

    /// Two registers that are the ends of a range, or the same.
    private mutating func operand(_ first: Int, _ last: Int?, _ type: DataType) -> Expression? {
        guard let low = operand(first, type, bits: type.bits) else { return nil }
        guard let last, last != first, case .literal(let start) = low, let bytes = constant(last) else { return low }
        let end = literal(bytes, type, bits: type.bits, false)
        return start == end ? low : .range(start, end)
    }

    /// The version that a statement says; nothing where the table's family does.
    private func version(_ number: UInt32) -> IPVersion? {
        family == .ip || family == .ip6 ? nil : ipVersion(number)
    }

    private func addressType(_ number: UInt32) -> DataType {
        if family == .ip6 { return .ipv6Address }
        return family != .ip && number == 10 ? .ipv6Address : .ipv4Address
    }

    /// Flags: `NF_NAT_RANGE_…`, include/uapi/linux/netfilter/nf_nat.h, Linux 6.18.
    mutating func translate(_ translation: KernelExpression.Translation) -> Bool {
        var made = NativeTranslation(translation.kind)
        if let first = translation.address {
            made.version = version(translation.family)
            guard let address = operand(first, translation.lastAddress, addressType(translation.family)) else {
                return false
            }
            made.address = address
        }
        if let first = translation.port {
            // Nothing of its own there: the port came with the address out of a map.
            if rule.registers[first] != nil {
                guard let port = operand(first, translation.lastPort, .internetService) else { return false }
                made.port = port
            } else if made.address == nil {
                return false
            }
        }
        made.isRandom = translation.flags & 0x04 != 0
        made.isPersistent = translation.flags & 0x08 != 0
        made.isFullyRandom = translation.flags & 0x10 != 0
        made.isPrefix = translation.flags & 0x40 != 0
        rule.statements.append(.target(.native(.translate(made))))
        return true
    }

    /// Types: `NFT_REJECT_…`.
    mutating func reject(_ type: UInt32, _ code: UInt8) -> Bool {
        let made: NativeReject
        switch type {
        case 1: made = .tcpReset
        case 2: made = .icmpx(code: code)
        default:
            switch rule.network {
            case .v4: made = .icmp(code: code)
            case .v6: made = .icmpv6(code: code)
            case .arp, nil: return false
            }
            // nft asks for the version itself.
            if rule.networkDependency?.isField == false { rule.dropNetworkDependency() }
        }
        rule.statements.append(.target(.native(.reject(made))))
        return true
    }

    mutating func tproxy(_ number: UInt32, _ address: Int?, _ port: Int?) -> Bool {
        var to: Expression?
        if let address {
            guard let found = operand(address, nil, addressType(number)) else { return false }
            to = found
        }
        var portTo: Expression?
        if let port {
            guard let found = operand(port, .internetService, bits: 16) else { return false }
            portTo = found
        }
        rule.statements.append(.target(.native(.tproxy(version(number), address: to, port: portTo))))
        return true
    }

    mutating func duplicate(_ address: Int?, _ device: Int?) -> Bool {
        var to: Expression?
        if let address {
            guard let found = operand(address, nil, addressType(rule.network == .v6 ? 10 : 2)) else { return false }
            to = found
        }
        var through: Expression?
        if let device {
            guard let found = operand(device, .interfaceIndex, bits: 128) else { return false }
            through = found
        }
        rule.statements.append(.target(.native(.duplicate(address: to, device: through))))
        return true
    }

    mutating func forward(_ address: Int?, _ device: Int, _ number: UInt32) -> Bool {
        guard let through = operand(device, .interfaceIndex, bits: 128) else { return false }
        var to: Expression?
        if let address {
            guard let found = operand(address, nil, number == 10 ? .ipv6Address : .ipv4Address) else { return false }
            to = found
        }
        rule.statements.append(
            .target(.native(.forward(address: to, device: through, to == nil ? nil : ipVersion(number)))))
        return true
    }
}
