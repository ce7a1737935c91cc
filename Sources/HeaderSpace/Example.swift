public import NetTypes
public import SourceText

/// One packet of a set, ready for a trace.
public struct ExamplePacket: Hashable, Sendable {
    public var packet: Packet
    /// `nil`: made on this host.
    public var arrival: Symbol?
    /// Its name, where the space is of several hosts.
    public var arrivalName: String?
    public var state: ArrivalState
    public var connectionMark: UInt32 = 0

    package init(packet: Packet, arrival: Symbol?, state: ArrivalState) {
        self.packet = packet
        self.arrival = arrival
        self.state = state
    }
}

/// What each field of one arriving packet holds.
struct FieldValues {
    private var values = [UInt128](repeating: 0, count: PacketField.allCases.count)

    subscript(field: PacketField) -> UInt128 {
        get { values[Int(field.rawValue)] }
        set { values[Int(field.rawValue)] = newValue }
    }
}

extension PacketSpace {
    /// A packet of `set`, with everyday values where the set leaves the choice; `nil` for an empty one.
    public func example(of set: PacketSet) -> ExamplePacket? { values(in: set).map { example($0) } }

    func example(_ values: FieldValues) -> ExamplePacket {
        let state = ArrivalState(rawValue: UInt8(truncatingIfNeeded: values[.state])) ?? .new
        var example = ExamplePacket(packet: packet(values), arrival: arrival(values, interfaces), state: state)
        example.arrivalName = arrival(values, interfaceNames)
        example.connectionMark = UInt32(truncatingIfNeeded: values[.connectionMark])
        return example
    }

    /// The set of the one packet that `example` is, as far as fields are free.
    public func packets(as example: ExamplePacket) -> PacketSet {
        let values = values(of: example)
        return PacketField.allCases.filter { free.contains($0) }.reduce(.all) { and($0, packets($1, values[$1])) }
    }

    /// The fields of `example` as bits, by level.
    func bits(of example: ExamplePacket) -> [Bool] {
        let values = values(of: example)
        var bits = usual + [Bool](repeating: false, count: unknowns.count)
        for field in PacketField.allCases {
            guard let levels = levels(field) else { continue }
            for level in levels {
                bits[place(of: level)] = values[field] >> UInt128(levels.upperBound - 1 - level) & 1 == 1
            }
        }
        return bits
    }

    /// Where unknowns put the packet with these bits in `set`.
    func rest(_ set: PacketSet, _ bits: [Bool]) -> PacketSet {
        PacketSet(node: store.rest(set.node) { field(at: $0) == nil ? nil : bits[place(of: $0)] })
    }

    private func values(of example: ExamplePacket) -> FieldValues {
        let packet = example.packet
        var values = FieldValues()
        let named = example.arrivalName.flatMap { interfaceNames.firstIndex(of: $0) }
        values[.inInterface] = UInt128(named ?? interfaces.firstIndex(of: example.arrival) ?? 0)
        values[.state] = UInt128(example.state.rawValue)
        values[.protocol] = UInt128(packet.protocol.rawValue)
        values[.destination] = number(packet.destination)
        values[.source] = number(packet.source)
        if packet.protocol.isICMP {
            values[.destinationPort] = UInt128(packet.icmpType) << 8 | UInt128(packet.icmpCode)
        } else if packet.protocol.hasPorts {
            values[.destinationPort] = UInt128(packet.destinationPort)
            values[.sourcePort] = UInt128(packet.sourcePort)
        }
        if packet.protocol == .tcp { values[.tcpFlags] = UInt128(packet.tcpFlags.rawValue) }
        values[.ttl] = UInt128(packet.ttl)
        values[.tos] = UInt128(packet.tos)
        values[.length] = UInt128(packet.length)
        values[.mark] = UInt128(packet.mark)
        values[.connectionMark] = UInt128(example.connectionMark)
        values[.mac] = UInt128(packet.sourceMAC?.bits ?? 0)
        values[.user] = UInt128(packet.userID ?? 0)
        values[.group] = UInt128(packet.groupID ?? 0)
        return values
    }

    /// The plain packet of the free fields of `packet`, which is whatever else too; `nil` where `set` has none such.
    package func example(like packet: Packet, arrival: Symbol?, state: ArrivalState, in set: PacketSet)
        -> ExamplePacket?
    {
        guard packet.version == version, interfaces.contains(arrival) else { return nil }
        let bits = bits(of: ExamplePacket(packet: packet, arrival: arrival, state: state))
        return rest(set, bits).isEmpty ? nil : example(values(bits))
    }

    /// The arriving fields of one packet of `set`; `nil` for an empty one.
    func values(in set: PacketSet) -> FieldValues? {
        if set.isEmpty { return nil }
        var bits = usual + [Bool](repeating: false, count: unknowns.count)
        store.example(set.node, &bits) { place(of: $0) }
        return values(bits)
    }

    /// The fields of the packet that has these bits, by level.
    func values(_ bits: [Bool]) -> FieldValues {
        var values = FieldValues()
        for field in PacketField.allCases {
            guard let levels = levels(field) else {
                values[field] = fixedValue(field)
                continue
            }
            var value: UInt128 = 0
            for level in levels { value = value << 1 | (bits[place(of: level)] ? 1 : 0) }
            values[field] = value
        }
        return values
    }

    /// The interface that a packet with these fields arrives by.
    func arrival<Name>(_ values: FieldValues, _ names: [Name?]) -> Name? {
        let place = Int(values[.inInterface])
        return place < names.count ? names[place] : nil
    }

    /// What a field from `source` is in a packet that arrived with `values`; `nil` where that is not known.
    func value(_ source: FieldSource, of field: PacketField, _ values: FieldValues) -> UInt128? {
        switch source {
        case .arriving: return values[field]
        case .constant(let value): return value
        case .lowered(let count): return values[field] &- count
        case .unknown, .various: return nil
        case .bits(let bits):
            return bits.reduce(0) { sum, bit in
                let isOne: Bool
                if let constant = bit.constant {
                    isOne = constant
                } else {
                    isOne = arrived(bit.level, values) != bit.isOpposite
                }
                return sum << 1 | (isOne ? 1 : 0)
            }
        }
    }

    private func arrived(_ level: UInt32, _ values: FieldValues) -> Bool {
        guard let (field, bit) = field(at: level) else { return false }
        return values[field] >> UInt128(bits(field) - 1 - bit) & 1 == 1
    }

    /// The packet with these fields as it arrives.
    func packet(_ values: FieldValues) -> Packet {
        func value(_ field: PacketField) -> UInt128 { values[field] }
        let proto = IPProtocol(UInt8(truncatingIfNeeded: value(.protocol)))
        var packet = Packet(
            source: address(value(.source)), destination: address(value(.destination)), protocol: proto)
        let port = UInt16(truncatingIfNeeded: value(.destinationPort))
        if proto.isICMP {
            packet.icmpType = UInt8(port >> 8)
            packet.icmpCode = UInt8(port & 0xff)
        } else if proto.hasPorts {
            packet.destinationPort = port
            packet.sourcePort = UInt16(truncatingIfNeeded: value(.sourcePort))
        }
        if proto == .tcp { packet.tcpFlags = TCPFlags(rawValue: UInt8(truncatingIfNeeded: value(.tcpFlags))) }
        packet.ttl = UInt8(truncatingIfNeeded: value(.ttl))
        packet.tos = UInt8(truncatingIfNeeded: value(.tos))
        packet.mark = UInt32(truncatingIfNeeded: value(.mark))
        packet.length =
            free.contains(.length) ? UInt32(truncatingIfNeeded: value(.length)) : PacketSpace.headers(proto, version)
        packet.dontFragment = proto == .tcp || proto == .udp
        if packet.destination.isMulticast {
            packet.packetType = .multicast
        } else if packet.destination == IPAddress(v4: .max) {
            packet.packetType = .broadcast
        }
        packet.unknown = .payload
        // Senders set the flag or not, as they like.
        if version == .v4 { packet.unknown.insert(.dontFragment) }
        switch proto {
        case .esp, .ah, .ipcomp, .sctp, .dccp, .mobility: packet.unknown.insert(.otherHeaders)
        case .tcp: packet.unknown.insert(.tcpOptions)
        default: break
        }
        if free.contains(.mac) {
            packet.sourceMAC = MACAddress(bits: UInt64(truncatingIfNeeded: value(.mac)))
        } else {
            packet.unknown.insert(.mac)
        }
        if arrival(values, interfaces) == nil {
            packet.hasSocket = true
            if free.contains(.user) { packet.userID = UInt32(truncatingIfNeeded: value(.user)) }
            if free.contains(.group) { packet.groupID = UInt32(truncatingIfNeeded: value(.group)) }
            if !free.contains(.user) { packet.unknown.insert(.owner) }
        }
        return packet
    }

    /// Bytes of the headers alone.
    static func headers(_ proto: IPProtocol, _ version: IPVersion) -> UInt32 {
        let transport: UInt32 =
            switch proto {
            case .tcp: 20
            case .udp, .udplite, .icmp, .icmpv6: 8
            case .sctp, .dccp: 12
            default: 0
            }
        return (version == .v4 ? 20 : 40) + transport
    }

    /// What a field is where the set leaves the choice: TCP from 192.0.2.7:40000 to port 80, and its like.
    static func usualValue(_ field: PacketField, _ version: IPVersion) -> UInt128 {
        func v6(_ low: UInt64) -> UInt128 { 0x2001_0db8 << 96 | UInt128(low) }
        switch field {
        case .source: return version == .v4 ? 0xc000_0207 : v6(7)
        case .destination: return version == .v4 ? 0xc633_6409 : v6(9)
        case .sourcePort: return 40000
        case .destinationPort: return 80
        case .protocol: return 6
        case .tcpFlags: return 2
        case .ttl: return 64
        case .length: return 60
        case .mac: return 0x0200_0000_0001
        case .inInterface, .state, .tos, .mark, .connectionMark, .user, .group: return 0
        }
    }
}
