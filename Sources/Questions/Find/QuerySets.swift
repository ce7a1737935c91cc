public import HeaderSpace
internal import NetTypes
public import PathModel
internal import RuleModel
public import SourceText

extension PreparedQuery {
    /// The packets of `space` that it asks about, of those that the kernel takes for whole.
    public func packets(in space: PacketSpace, on model: HostModel) -> PacketSet {
        var parts = [
            of(from, in: space, isSource: true), of(to, in: space, isSource: false), ofInterfaces(in: space, on: model),
            ofTypes(in: space),
        ]
        for field in PacketField.allCases {
            guard let tests = query.tests[field] else { continue }
            // What no rule of the host tracks has no state that one could look at.
            if field == .state, !space.free.contains(.state) { continue }
            var own = either(tests.map { Negatable(packets($0.value, field, space), isNegated: $0.isNegated) }, space)
            switch field {
            case .sourcePort, .destinationPort: own = space.and(own, space.protocolsWithPorts)
            case .tcpFlags: own = space.and(own, space.packets(.protocol, UInt128(IPProtocol.tcp.rawValue)))
            case .user, .group: own = space.and(own, madeHere(space))
            case .inInterface, .state, .protocol, .destination, .source, .ttl, .tos, .length, .mark, .connectionMark,
                .mac:
                break
            }
            parts.append(own)
        }
        if query.tests[.state] == nil, !query.isOfAnyState, space.free.contains(.state) {
            parts.append(space.packets(.state, UInt128(ArrivalState.new.rawValue)))
        }
        return parts.reduce(.all) { space.and($0, $1) }
    }

    /// Whether packets that leave by `interface` (`nil`: that do not leave) are asked for.
    public func admits(leavingBy interface: Symbol?, on model: HostModel) -> Bool {
        if query.outInterfaces.isEmpty { return true }
        guard let interface else { return false }
        let name = model.names.text(interface)
        let wanted = query.outInterfaces.filter { !$0.isNegated }
        let isWanted = wanted.isEmpty || wanted.contains { matches(name, $0.value) }
        return isWanted && !query.outInterfaces.contains { $0.isNegated && matches(name, $0.value) }
    }

    // MARK: One field

    private func packets(_ test: PacketQuery.Test, _ field: PacketField, _ space: PacketSpace) -> PacketSet {
        switch test {
        case .range(let range): space.packets(field, from: UInt128(range.first), through: UInt128(range.last))
        case .masked(let value, let mask): space.packets(field, UInt128(value), mask: UInt128(mask))
        }
    }

    /// Those in one of the wanted sets, or in any where none is wanted, but in none that is left out.
    private func either(_ sets: [Negatable<PacketSet>], _ space: PacketSpace) -> PacketSet {
        let wanted = sets.filter { !$0.isNegated }.map { $0.value }
        let unwanted = sets.filter { $0.isNegated }.map { $0.value }
        return space.subtract(wanted.isEmpty ? .all : space.union(wanted), space.union(unwanted))
    }

    private func ofInterfaces(in space: PacketSpace, on model: HostModel) -> PacketSet {
        if query.inInterfaces.isEmpty { return .all }
        return either(
            query.inInterfaces.map { test in
                let numbers = space.interfaces.indices.filter { number in
                    space.interfaces[number].map { matches(model.names.text($0), test.value) } ?? false
                }
                return Negatable(
                    space.union(numbers.map { space.packets(.inInterface, UInt128($0)) }), isNegated: test.isNegated)
            }, space)
    }

    private func ofTypes(in space: PacketSpace) -> PacketSet {
        if query.icmpTypes.isEmpty { return .all }
        let icmp: IPProtocol = space.version == .v4 ? .icmp : .icmpv6
        let own = either(
            query.icmpTypes.map { test in
                guard let (type, code) = try? test.value.resolve(space.version) else {
                    return Negatable(.none, isNegated: test.isNegated)
                }
                let value = UInt128(type) << 8 | UInt128(code ?? 0)
                let packets = space.packets(.destinationPort, value, mask: code == nil ? 0xff00 : 0xffff)
                return Negatable(packets, isNegated: test.isNegated)
            }, space)
        return space.and(own, space.packets(.protocol, UInt128(icmp.rawValue)))
    }

    private func madeHere(_ space: PacketSpace) -> PacketSet {
        space.interfaces.firstIndex(of: nil).map { space.packets(.inInterface, UInt128($0)) } ?? .none
    }

    // MARK: Ends

    private func of(_ ends: [End], in space: PacketSpace, isSource: Bool) -> PacketSet {
        either(
            ends.map { end in
                Negatable(
                    space.union(end.choices.map { packets($0, isSource, space) }), isNegated: end.isNegated)
            }, space)
    }

    private func packets(_ choice: Choice, _ isSource: Bool, _ space: PacketSpace) -> PacketSet {
        let field = isSource ? PacketField.source : .destination
        var result: PacketSet
        switch choice.addresses {
        case .all: result = .all
        case .madeHere: result = madeHere(space)
        case .ranges(let ranges): result = space.union(ranges.map { space.packets(field, in: $0) })
        case .allBut(let prefixes):
            let own = prefixes.map { space.packets(field, in: AddressRange($0.address, $0.last)) }
            result = space.complement(space.union(own))
        }
        if let proto = choice.protocol { result = space.and(result, space.packets(.protocol, UInt128(proto.rawValue))) }
        if choice.ports.isEmpty { return result }
        let ports = choice.ports.map {
            space.packets(
                isSource ? .sourcePort : .destinationPort, from: UInt128($0.first), through: UInt128($0.last))
        }
        return space.and(space.and(result, space.protocolsWithPorts), space.union(ports))
    }
}
