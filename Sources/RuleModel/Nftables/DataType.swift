/// What the bits of a value mean, as nft names it in `type` and prints it.
///
/// Source: nftables src/datatype.c, src/rt.c, src/ct.c, src/meta.c, 1.0.6.
public enum DataType: UInt8, Hashable, Sendable, CaseIterable {
    case integer, bitmask, string, boolean
    case ipv4Address, ipv6Address, linkAddress, etherAddress, etherType, arpOperation
    case internetProtocol, internetService, icmpType, icmpCode, icmpv6Type, icmpv6Code, icmpxCode, igmpType
    case tcpFlag, dccpPacketType, mobilityType, dscp, ecn
    case mark, realm, classIdentifier, userID, groupID, time, day, hour
    case interfaceIndex, interfaceName, interfaceType, packetType, deviceGroup, cgroup2
    case networkProtocol, connectionState, connectionDirection, connectionStatus, connectionLabel, connectionEvent
    case fibAddressType, verdict

    /// As nft writes it.
    public var name: String {
        switch self {
        case .integer: "integer"
        case .bitmask: "bitmask"
        case .string: "string"
        case .boolean: "boolean"
        case .ipv4Address: "ipv4_addr"
        case .ipv6Address: "ipv6_addr"
        case .linkAddress: "ll_addr"
        case .etherAddress: "ether_addr"
        case .etherType: "ether_type"
        case .arpOperation: "arp_op"
        case .internetProtocol: "inet_proto"
        case .internetService: "inet_service"
        case .icmpType: "icmp_type"
        case .icmpCode: "icmp_code"
        case .icmpv6Type: "icmpv6_type"
        case .icmpv6Code: "icmpv6_code"
        case .icmpxCode: "icmpx_code"
        case .igmpType: "igmp_type"
        case .tcpFlag: "tcp_flag"
        case .dccpPacketType: "dccp_pkttype"
        case .mobilityType: "mh_type"
        case .dscp: "dscp"
        case .ecn: "ecn"
        case .mark: "mark"
        case .realm: "realm"
        case .classIdentifier: "classid"
        case .userID: "uid"
        case .groupID: "gid"
        case .time: "time"
        case .day: "day"
        case .hour: "hour"
        case .interfaceIndex: "iface_index"
        case .interfaceName: "ifname"
        case .interfaceType: "iface_type"
        case .packetType: "pkt_type"
        case .deviceGroup: "devgroup"
        case .cgroup2: "cgroupsv2"
        case .networkProtocol: "nf_proto"
        case .connectionState: "ct_state"
        case .connectionDirection: "ct_dir"
        case .connectionStatus: "ct_status"
        case .connectionLabel: "ct_label"
        case .connectionEvent: "ct_event"
        case .fibAddressType: "fib_addrtype"
        case .verdict: "verdict"
        }
    }

    /// Bits of a value, 0 where the type has no size of its own.
    public var bits: Int {
        switch self {
        case .integer, .bitmask, .string, .linkAddress, .verdict: 0
        case .boolean, .internetProtocol, .icmpType, .icmpCode, .icmpv6Type, .icmpv6Code, .icmpxCode, .igmpType,
            .tcpFlag, .mobilityType, .packetType, .day, .networkProtocol, .connectionDirection:
            8
        case .dccpPacketType: 4
        case .dscp: 6
        case .ecn: 2
        case .etherType, .arpOperation, .internetService, .interfaceType: 16
        case .ipv4Address, .mark, .realm, .classIdentifier, .userID, .groupID, .hour, .interfaceIndex, .deviceGroup,
            .connectionState, .connectionStatus, .connectionEvent, .fibAddressType:
            32
        case .etherAddress: 48
        case .time, .cgroup2: 64
        case .ipv6Address, .interfaceName, .connectionLabel: 128
        }
    }

    /// Whether the kernel keeps a value as a number of the machine's byte order, and not as the wire has it.
    public var isHostOrder: Bool {
        switch self {
        case .mark, .realm, .classIdentifier, .userID, .groupID, .time, .day, .hour, .interfaceIndex, .interfaceType,
            .packetType, .deviceGroup, .cgroup2, .networkProtocol, .connectionState, .connectionDirection,
            .connectionStatus, .connectionLabel, .connectionEvent, .fibAddressType, .interfaceName, .string, .boolean:
            true
        case .integer, .bitmask, .ipv4Address, .ipv6Address, .linkAddress, .etherAddress, .etherType, .arpOperation,
            .internetProtocol, .internetService, .icmpType, .icmpCode, .icmpv6Type, .icmpv6Code, .icmpxCode, .igmpType,
            .tcpFlag, .dccpPacketType, .mobilityType, .dscp, .ecn, .verdict:
            false
        }
    }

    /// Whether a value is a set of flags: compared without an operator, any common bit will do.
    public var isBitmask: Bool {
        switch self {
        case .bitmask, .tcpFlag, .connectionState, .connectionStatus, .connectionLabel, .connectionEvent: true
        default: false
        }
    }
}

/// A constant. `bytes` is the number with its highest byte first whatever the kernel's order is; a name (of an
/// interface, of a string) is its characters, filled up with zeros behind them.
///
/// An interface's index (`iif "eth0"`) is held as the name it has in the text too, in 16 bytes: a rule set does not say
/// which interface has which index. Where the text has a number, the characters are its digits.
public struct Literal: Hashable, Sendable {
    public var bytes: [UInt8]
    public var type: DataType
    /// Bits that count, at the low end of `bytes`.
    public var bits: Int

    public init(_ bytes: [UInt8], _ type: DataType, bits: Int) {
        self.bytes = bytes
        self.type = type
        self.bits = bits
    }

    public init(_ number: UInt64, _ type: DataType, bits: Int) {
        let count = (bits + 7) / 8
        bytes = (0..<count).map { index in
            let shift = (count - 1 - index) * 8
            return shift < 64 ? UInt8(truncatingIfNeeded: number >> UInt64(shift)) : 0
        }
        self.type = type
        self.bits = bits
    }

    /// The number, where it fits.
    public var number: UInt64? {
        guard bytes.dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
        return bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
