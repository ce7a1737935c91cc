public import NetTypes
public import SourceText

/// One condition of a rule. A rule applies when every one of its matches holds.
///
/// A match is data, never a closure: reader, writer, simulator and linter each `switch` over all cases. Cases with
/// more than a few bytes are boxed so that the common ones stay small.
public enum Match: Hashable, Sendable {
    // The part of a rule that every iptables rule may have.
    indirect case source(Negatable<AddressMask>)
    indirect case destination(Negatable<AddressMask>)
    case sourceV4(V4Mask)
    case destinationV4(V4Mask)
    case inInterface(Negatable<InterfacePattern>)
    case outInterface(Negatable<InterfacePattern>)
    case `protocol`(Negatable<ProtocolTest>)
    /// `-f`: second and further fragments; `.not` is `! -f`.
    case laterFragment(isNegated: Bool)

    // `-m NAME`, in the order of the names.
    case addressType(AddressTypeMatch)
    indirect case ah(AHMatch)
    indirect case bpf(BPFMatch)
    indirect case cgroup(CgroupMatch)
    indirect case cluster(ClusterMatch)
    case comment(Symbol)
    indirect case connectionBytes(ConnectionBytesMatch)
    case connectionLabel(ConnectionLabelMatch)
    indirect case connectionLimit(ConnectionLimitMatch)
    case connectionMark(Negatable<MaskedWord>)
    indirect case conntrack(ConntrackMatch)
    case cpu(Negatable<UInt32>)
    indirect case dccp(DCCPMatch)
    indirect case deviceGroup(DeviceGroupMatch)
    case dscp(Negatable<UInt8>)
    indirect case destinationOptions(IPv6OptionsMatch)
    case ecn(ECNMatch)
    case esp(Negatable<NumberRange<UInt32>>)
    case eui64
    indirect case frag(FragmentHeaderMatch)
    indirect case hashLimit(HashLimitMatch)
    indirect case hopByHop(IPv6OptionsMatch)
    case helper(Negatable<Symbol>)
    /// `-m hl` (IPv6) and `-m ttl` (IPv4).
    case timeToLive(TimeToLiveMatch)
    /// `-m icmp` and `-m icmp6`.
    case icmp(ICMPMatch)
    case ipComp(IPCompMatch)
    indirect case addressRange(AddressRangeMatch)
    case ipv6Header(IPv6HeaderMatch)
    indirect case ipvs(IPVSMatch)
    case length(Negatable<NumberRange<UInt16>>)
    case limit(LimitMatch)
    case mac(Negatable<MACAddress>)
    case mark(Negatable<MaskedWord>)
    case mobilityHeader(Negatable<NumberRange<UInt8>>)
    indirect case multiport(MultiportMatch)
    case accounting(Symbol)
    case operatingSystem(OSFMatch)
    indirect case owner(OwnerMatch)
    indirect case physicalDevice(PhysicalDeviceMatch)
    case packetType(Negatable<PacketType>)
    indirect case policy(PolicyMatch)
    case quota(Negatable<UInt64>)
    indirect case rateEstimate(RateEstimateMatch)
    case realm(Negatable<MaskedWord>)
    indirect case recent(RecentMatch)
    case reversePath(ReversePathMatch)
    indirect case routingHeader(RoutingHeaderMatch)
    indirect case sctp(SCTPMatch)
    indirect case set(SetMatch)
    case socket(SocketMatch)
    indirect case segmentRouting(SegmentRoutingMatch)
    case state(Negatable<ConnectionStates>)
    case statistic(StatisticMatch)
    indirect case string(StringMatch)
    case tcp(TCPMatch)
    case tcpMSS(Negatable<NumberRange<UInt16>>)
    indirect case time(TimeMatch)
    case tos(Negatable<MaskedWord>)
    indirect case u32(Negatable<U32Program>)
    case udp(UDPMatch)
    case udplite(UDPMatch)

    /// A comparison of a native rule of nf_tables.
    indirect case native(Comparison)

    /// A match this program does not know, or could not read. Kept word for word (`text` begins with its `-m` or
    /// option and is written back as it came) and answers "perhaps".
    case unknown(module: Symbol, text: Symbol)
}

/// `-s`/`-d` with an IPv4 address: the common case, small.
public struct V4Mask: Hashable, Sendable {
    /// Bits outside `mask` are zero.
    public var address: UInt32
    public var mask: UInt32
    public var isNegated: Bool

    public init(address: UInt32, mask: UInt32, isNegated: Bool = false) {
        self.address = address & mask
        self.mask = mask
        self.isNegated = isNegated
    }
}

/// `eth0`, or `cali+` for every name that begins so (`+` alone: every interface).
public struct InterfacePattern: Hashable, Sendable {
    /// The name, without the `+` of a prefix.
    public var name: Symbol
    public var isPrefix: Bool

    public init(name: Symbol, isPrefix: Bool) {
        self.name = name
        self.isPrefix = isPrefix
    }
}

/// `-p`: a protocol as it was spelled, since `/etc/protocols` differs between machines.
public struct ProtocolTest: Hashable, Sendable {
    /// 0 stands for every protocol.
    public var number: IPProtocol
    /// Whether the dump has the number although it has a name here, or a name that is not the one printed by default.
    public var spelling: Symbol

    /// `spelling` is `.empty` for the name (or number) that this program would write itself.
    public init(_ number: IPProtocol, spelling: Symbol = .empty) {
        self.number = number
        self.spelling = spelling
    }
}
