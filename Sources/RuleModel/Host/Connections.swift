public import NetTypes
public import SourceText

/// The addresses and ports of one direction of a connection.
public struct ConnectionTuple: Hashable, Sendable {
    public var source: IPAddress
    public var destination: IPAddress
    public var `protocol`: IPProtocol
    /// For ICMP: the identifier.
    public var sourcePort: UInt16 = 0
    public var destinationPort: UInt16 = 0
    public var icmpType: UInt8 = 0
    public var icmpCode: UInt8 = 0

    public init(source: IPAddress, destination: IPAddress, protocol: IPProtocol) {
        self.source = source
        self.destination = destination
        self.protocol = `protocol`
    }
}

/// One entry of the connection table, as `conntrack -L` prints it or as a packet makes it.
public struct ConnectionEntry: Hashable, Sendable {
    public var original: ConnectionTuple
    public var reply: ConnectionTuple
    public var status: ConnectionStatus = []
    public var mark: UInt32 = 0
    public var zone: UInt16 = 0
    /// The one direction that the zone is of (`zone-orig`, `zone-reply`); `nil`: both.
    public var zoneDirection: ConnectionDirection?
    /// Seconds until it is removed.
    public var expires: UInt32?
    /// The TCP, SCTP or DCCP state's name as printed, `.empty` for others.
    public var protocolState: Symbol = .empty
    /// The same for TCP, where it is one of those that are known.
    public var tcpState: TCPState?
    /// What is known of a TCP connection's windows; `nil` where its packets were not seen.
    public var tcp: TCPTrack?
    /// What is known of an SCTP association; `nil` where its packets were not seen.
    public var sctp: SCTPTrack?
    /// The source ports of which NAT chose one, where it is not known which: `reply` then has the port from before.
    public var translatedPorts: PortRange?
    /// The same for destination ports: `reply` then has the first of them.
    public var translatedDestinationPorts: PortRange?
    /// No nat step has settled this end before the entry was made: rules are still asked, but change nothing any more.
    public var lacksSourceMapping = false
    public var lacksDestinationMapping = false
    /// No rule spoke of labels, or asked for counters, when the entry was made: it has no room for them.
    public var lacksLabels = false
    public var lacksCounters = false
    /// The interface that MASQUERADE took its source's address of; no table tells it.
    public var masqueradeInterface: Symbol?
    public var helper: Symbol = .empty
    public var labels: [UInt16] = []
    /// Counted only with `nf_conntrack_acct`.
    public var originalCounters: Counters?
    public var replyCounters: Counters?
    /// Flowtable offload: its packets bypass FORWARD.
    public var isOffloaded = false
    /// IPVS has given its answers another source than NAT would have: NAT leaves both ends as they are.
    public var isOfVirtualService = false
    /// Made by a packet that was followed, and not told by any table.
    public var isFollowed = false
    /// Whether it was for the destination that NAT gave a flow of ICMP another identifier: both directions have the one.
    public var hasIdentifierOfDestination = false
    /// A packet has ended the connection, and the kernel has forgotten it.
    public var isGone = false
    public var place: Place

    public init(original: ConnectionTuple, reply: ConnectionTuple, place: Place) {
        self.original = original
        self.reply = reply
        self.place = place
    }
}

// Ports that NAT drew.
extension ConnectionEntry {
    /// Whether NAT drew a port of which it is not known which.
    public var hasDrawnPort: Bool { translatedPorts != nil || translatedDestinationPorts != nil }

    /// Whether a packet with this tuple is an answer for some port that NAT may have drawn.
    public func mayBeAnswered(by tuple: ConnectionTuple) -> Bool {
        var told = reply
        if let translatedPorts {
            guard translatedPorts.contains(tuple.nearPort) else { return false }
            told.nearPort = tuple.nearPort
        }
        if let translatedDestinationPorts {
            guard translatedDestinationPorts.contains(tuple.sourcePort) else { return false }
            told.sourcePort = tuple.sourcePort
        }
        return hasDrawnPort && told == tuple
    }

    /// The entry that `tuple` answers.
    public func answered(by tuple: ConnectionTuple) -> ConnectionEntry {
        var entry = self
        (entry.reply, entry.translatedPorts, entry.translatedDestinationPorts) = (tuple, nil, nil)
        return entry
    }
}

extension ConnectionTuple {
    /// What the answers have of the port (of ICMP: the identifier) that NAT gave the questions.
    fileprivate var nearPort: UInt16 {
        get { `protocol`.isICMP ? sourcePort : destinationPort }
        set { if `protocol`.isICMP { sourcePort = newValue } else { destinationPort = newValue } }
    }
}
