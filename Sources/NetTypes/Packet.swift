/// Fields of a packet, as sets: which were defaulted, which are not known, which a rule looks at.
public struct PacketFields: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let source = PacketFields(rawValue: 1 << 0)
    public static let destination = PacketFields(rawValue: 1 << 1)
    public static let `protocol` = PacketFields(rawValue: 1 << 2)
    public static let sourcePort = PacketFields(rawValue: 1 << 3)
    public static let destinationPort = PacketFields(rawValue: 1 << 4)
    public static let icmpType = PacketFields(rawValue: 1 << 5)
    public static let tcpFlags = PacketFields(rawValue: 1 << 6)
    public static let ttl = PacketFields(rawValue: 1 << 7)
    public static let dscp = PacketFields(rawValue: 1 << 8)
    public static let length = PacketFields(rawValue: 1 << 9)
    public static let mark = PacketFields(rawValue: 1 << 10)
    public static let mac = PacketFields(rawValue: 1 << 11)
    /// The owner of the sending socket: user, group, process.
    public static let owner = PacketFields(rawValue: 1 << 12)
    public static let inInterface = PacketFields(rawValue: 1 << 13)
    /// Options of the TCP header, such as the maximum segment size.
    public static let tcpOptions = PacketFields(rawValue: 1 << 14)
    /// What follows the transport header.
    public static let payload = PacketFields(rawValue: 1 << 15)
    /// Fields of ESP, AH, IPComp, SCTP chunks, DCCP, IPv6 extension headers, IP identification and options.
    public static let otherHeaders = PacketFields(rawValue: 1 << 16)
    public static let connectionState = PacketFields(rawValue: 1 << 17)
    public static let connectionMark = PacketFields(rawValue: 1 << 18)
    public static let packetType = PacketFields(rawValue: 1 << 19)
    public static let fragment = PacketFields(rawValue: 1 << 20)

    /// Each single field with its name on the command line and in JSON.
    public static let names: [(field: PacketFields, name: String)] = [
        (.source, "source"), (.destination, "destination"), (.protocol, "proto"), (.sourcePort, "sport"),
        (.destinationPort, "dport"), (.icmpType, "icmp-type"), (.tcpFlags, "tcp-flags"), (.ttl, "ttl"), (.dscp, "dscp"),
        (.length, "length"), (.mark, "mark"), (.mac, "mac"), (.owner, "uid"), (.inInterface, "in"),
        (.tcpOptions, "tcp-options"), (.payload, "payload"), (.otherHeaders, "headers"), (.connectionState, "state"),
        (.connectionMark, "ct-mark"), (.packetType, "pkt-type"), (.fragment, "fragment"),
    ]
}

/// How a frame was addressed on the link, as `-m pkttype` and nft `meta pkttype` see it.
public enum PacketType: UInt8, Hashable, Sendable {
    case unicast = 0
    case broadcast = 1
    case multicast = 2
    case otherHost = 3
    case outgoing = 4
    case loopback = 5
}

/// One packet of one layer: the header fields that rules can see, host order, plus the kernel's mark.
public struct Packet: Hashable, Sendable {
    public var source: IPAddress
    public var destination: IPAddress
    public var `protocol`: IPProtocol
    /// 0 where the protocol has no ports.
    public var sourcePort: UInt16 = 0
    public var destinationPort: UInt16 = 0
    /// The ports the source port may have where NAT chose it and the choice can't be known; else `nil`.
    public var sourcePortChoices: PortRange?
    /// The ports that the destination port, which `unknown` has then, is one of; `nil` where nothing tells.
    public var destinationPortChoices: PortRange?
    public var icmpType: UInt8 = 0
    public var icmpCode: UInt8 = 0
    public var icmpIdentifier: UInt16 = 0
    public var tcpFlags: TCPFlags = []
    /// Time to live or hop limit.
    public var ttl: UInt8 = 64
    /// The whole type-of-service or traffic-class byte: DSCP in the upper six bits, ECN in the lower two.
    public var tos: UInt8 = 0
    /// Bytes of the IP packet, headers included.
    public var length: UInt32 = 0
    public var dontFragment = false
    /// In units of 8 bytes; above 0 for every fragment but the first.
    public var fragmentOffset: UInt16 = 0
    public var moreFragments = false
    /// Whether it stands for several segments of one stream, each of which is a packet on the wire: the kernel holds none
    /// of them against a link's MTU (`skb_is_gso`).
    public var isSegmented = false
    /// The kernel's `skb->mark`.
    public var mark: UInt32 = 0
    /// Set by CLASSIFY: `skb->priority`.
    public var priority: UInt32 = 0
    public var sourceMAC: MACAddress?
    public var packetType: PacketType = .unicast
    public var userID: UInt32?
    public var groupID: UInt32?
    /// Whether the packet belongs to a socket of this host.
    public var hasSocket = false
    /// Maximum segment size option of a SYN, where given.
    public var maximumSegmentSize: UInt16?
    public var tcpSequence: UInt32 = 1000
    public var tcpAcknowledgement: UInt32 = 0
    /// The packet as it was given, from its IP header on; empty where its bytes are not known. It is not kept up to
    /// date: what the other fields say of the packet counts, and `encoded` brings both together.
    public var bytes: [UInt8] = []
    /// Fields whose value is a default and not the user's word.
    public var defaulted: PacketFields = []
    /// Fields whose value is not known at all: a match on one answers perhaps.
    public var unknown: PacketFields = []

    public init(source: IPAddress, destination: IPAddress, protocol: IPProtocol) {
        self.source = source
        self.destination = destination
        self.protocol = `protocol`
    }

    public var version: IPVersion { destination.version }

    public var isFragment: Bool { fragmentOffset > 0 || moreFragments }

    /// Whether it is TCP's and, by flags that are known, does not begin a connection.
    public var isWithinConnection: Bool {
        `protocol` == .tcp && !unknown.contains(.tcpFlags) && (!tcpFlags.contains(.syn) || tcpFlags.contains(.ack))
    }

    public var dscp: UInt8 {
        get { tos >> 2 }
        set { tos = newValue << 2 | tos & 3 }
    }
}
