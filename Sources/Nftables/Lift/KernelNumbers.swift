internal import NetTypes
internal import RuleModel

// Numbers of the kernel and of nft for what the model has names for.

/// Source: include/uapi/linux/netfilter/nf_tables.h `nft_meta_keys`, Linux 6.18; in their order. `nil`: secmark.
let kernelMetaKeys: [MetaKey?] = [
    .length, .protocol, .priority, .mark, .inIndex, .outIndex, .inName, .outName, .inType, .outType, .userID, .groupID,
    .traces, .classIdentifier, nil, .networkProtocol, .layer4Protocol, .bridgeInName, .bridgeOutName, .packetType, .cpu,
    .inGroup, .outGroup, .cgroup, .random, .isSecured, .inKind, .outKind, .bridgePVID, .bridgeProtocol, .time, .day,
    .hour, .slaveInIndex, .slaveInName,
]

/// `nft_ct_keys`, likewise.
let kernelConnectionKeys: [ConnectionKey?] = [
    .state, .direction, .status, .mark, nil, .expiration, .helper, .networkProtocol, .source, .destination, .protocol,
    .sourcePort, .destinationPort, .label, .packets, .bytes, .averagePacket, .zone, .eventMask, .sourceV4,
    .destinationV4, .sourceV6, .destinationV6, .identifier,
]

/// `NFT_OBJECT_…`
let kernelObjects: [ObjectKind?] = [
    nil, .counter, .quota, .helper, .limit, nil, .tunnel, .timeout, .securityMark, .expectation, .synproxy,
]

/// The types of keys and data are nft's own affair; the kernel keeps their numbers.
/// Source: nftables include/datatype.h `enum datatypes`, 1.0.6.
let nftDataTypes: [DataType?] = [
    nil, .verdict, .networkProtocol, .bitmask, .integer, .string, .linkAddress, .ipv4Address, .ipv6Address,
    .etherAddress, .etherType, .arpOperation, .internetProtocol, .internetService, .icmpType, .tcpFlag,
    .dccpPacketType, .mobilityType, .time, .mark, .interfaceIndex, .interfaceType, .realm, .classIdentifier, .userID,
    .groupID, .connectionState, .connectionDirection, .connectionStatus, .icmpv6Type, .connectionLabel, .packetType,
    .icmpCode, .icmpv6Code, .icmpxCode, .deviceGroup, .dscp, .ecn, .fibAddressType, .boolean, .connectionEvent,
    .interfaceName, .igmpType, .time, .hour, .day, .cgroup2,
]

/// The parts of a key's type: six bits each, the first in the highest. Source: nftables include/datatype.h `TYPE_BITS`.
func nftTypes(_ number: UInt32) -> [DataType]? {
    var types: [DataType] = []
    var rest = number
    repeat {
        let index = Int(rest & 0x3f)
        guard index < nftDataTypes.count, let type = nftDataTypes[index] else { return nil }
        types.insert(type, at: 0)
        rest >>= 6
    } while rest != 0
    return types
}

/// `NFPROTO_…`
func tableFamily(_ number: UInt8) -> TableFamily? {
    switch number {
    case 1: .inet
    case 2: .ip
    case 3: .arp
    case 5: .netdev
    case 7: .bridge
    case 10: .ip6
    default: nil
    }
}

extension TableFamily {
    /// The hook of that number. Source: include/uapi/linux/netfilter.h, netfilter_arp.h, netfilter_bridge.h, Linux 6.18.
    func hook(_ number: UInt32) -> Hook? {
        switch self {
        case .netdev:
            switch number {
            case 0: .ingress
            case 1: .egress
            default: nil
            }
        case .arp:
            switch number {
            case 0: .input
            case 1: .output
            case 2: .forward
            default: nil
            }
        case .ip, .ip6, .inet, .bridge:
            switch number {
            case 0: .prerouting
            case 1: .input
            case 2: .forward
            case 3: .output
            case 4: .postrouting
            case 5 where self == .inet: .ingress
            default: nil
            }
        }
    }
}

func ipVersion(_ number: UInt32) -> IPVersion? {
    switch number {
    case 2: .v4
    case 10: .v6
    default: nil
    }
}

extension Expression {
    /// Whether the kernel has the value as a number of this machine's order in its register.
    ///
    /// Source: nftables src/meta.c `meta_templates`, src/ct.c `ct_templates`, src/rt.c, src/numgen.c, src/hash.c, 1.0.6.
    var isHostOrder: Bool {
        switch self {
        case .literal(let literal), .range(let literal, _): literal.type.isNumberInHostOrder
        case .field, .payload, .extensionHeader, .operatingSystem, .unknown, .concatenation: false
        case .meta(let key):
            switch key {
            case .length, .cpu, .cgroup, .bridgePVID: true
            case .random, .protocol, .bridgeProtocol, .traces: false
            default: key.type.isNumberInHostOrder
            }
        case .connection(let key, _):
            switch key {
            case .packets, .bytes, .averagePacket, .zone: true
            default: key.type.isNumberInHostOrder
            }
        case .route(let key): key == .mtu || key.type.isNumberInHostOrder
        case .fib(let query): query.result.type.isNumberInHostOrder
        case .socket(let key): key.type.isNumberInHostOrder
        case .numberGenerator, .hash, .symmetricHash: true
        case .masked(let value, _, _), .shifted(let value, _): value.isHostOrder
        case .map: false
        }
    }
}

extension DataType {
    /// As `isHostOrder`, names apart: their characters stand in the order in which they are read.
    var isNumberInHostOrder: Bool {
        switch self {
        case .interfaceName, .string: false
        default: isHostOrder
        }
    }
}
