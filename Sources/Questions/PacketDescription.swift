public import NetTypes
public import RuleModel

/// A packet as a person or a program described it. What is `nil` was not said.
public struct PacketDescription: Hashable, Sendable {
    /// Where it comes in.
    public enum Arrival: Hashable, Sendable {
        /// Made on this host.
        case host
        case interface(String)
    }

    /// What the asker calls the packet; given back with the answer.
    public enum Identifier: Hashable, Sendable {
        case string(String)
        /// As it was written.
        case number(String)
    }

    public var id: Identifier?
    public var arrival: Arrival?
    /// Whether the interface may have been there when the packet was seen, and not be there in the snapshot.
    public var arrivalMayBeGone = false
    /// Bridge ports of a bridged frame.
    public var inPort: String?
    public var outPort: String?
    public var source: PacketEnd?
    public var destination: PacketEnd?
    public var `protocol`: IPProtocol?
    public var sourcePort: UInt16?
    public var destinationPort: UInt16?
    public var icmpType: ICMPTypeText?
    public var icmpCode: UInt8?
    public var icmpIdentifier: UInt16?
    public var tcpFlags: TCPFlags?
    public var ttl: UInt8?
    public var dscp: UInt8?
    public var ecn: UInt8?
    public var length: UInt32?
    public var mark: UInt32?
    public var mac: MACAddress?
    public var userID: UInt32?
    public var groupID: UInt32?
    public var maximumSegmentSize: UInt16?
    public var dontFragment: Bool?
    public var moreFragments: Bool?
    public var fragmentOffset: UInt16?
    /// The packet itself from its IP header on; what is said besides is written over it.
    public var bytes: [UInt8]?
    public var state: ConnectionStates?
    public var connectionMark: UInt32?
    /// The packet's own entry of the connection table, where the text was one.
    public var connection: ConnectionEntry?
    /// What a reader of the answer should know about how the text was taken; sentences without a final stop.
    public var notes: [String] = []

    public init() {}

    /// Takes the protocol that one end or `--proto` says; two different ones are an error.
    public mutating func setProtocol(_ value: IPProtocol) throws(PacketFailure) {
        if let known = self.protocol, known != value {
            throw PacketFailure("the packet is said to be \(known.shortName) and \(value.shortName)")
        }
        self.protocol = value
    }

    public mutating func setSourcePort(_ port: UInt16) throws(PacketFailure) {
        if let known = sourcePort, known != port {
            throw PacketFailure("the source port is said to be \(known) and \(port)")
        }
        sourcePort = port
    }

    public mutating func setDestinationPort(_ port: UInt16) throws(PacketFailure) {
        if let known = destinationPort, known != port {
            throw PacketFailure("the destination port is said to be \(known) and \(port)")
        }
        destinationPort = port
    }

    public mutating func setSource(_ endpoint: Endpoint) throws(PacketFailure) {
        source = endpoint.end
        if let port = endpoint.port { try setSourcePort(port) }
        if let value = endpoint.protocol { try setProtocol(value) }
    }

    public mutating func setDestination(_ endpoint: Endpoint) throws(PacketFailure) {
        destination = endpoint.end
        if let port = endpoint.port { try setDestinationPort(port) }
        if let value = endpoint.protocol { try setProtocol(value) }
    }

    /// This description with what `other` says in the place of its own: options beside `--packet`.
    public func overlaid(by other: PacketDescription) -> PacketDescription {
        var result = self
        result.id = other.id ?? id
        result.arrival = other.arrival ?? arrival
        result.arrivalMayBeGone = other.arrival == nil ? arrivalMayBeGone : other.arrivalMayBeGone
        result.inPort = other.inPort ?? inPort
        result.outPort = other.outPort ?? outPort
        result.source = other.source ?? source
        result.destination = other.destination ?? destination
        result.protocol = other.protocol ?? self.protocol
        result.sourcePort = other.sourcePort ?? sourcePort
        result.destinationPort = other.destinationPort ?? destinationPort
        result.icmpType = other.icmpType ?? icmpType
        result.icmpCode = other.icmpCode ?? icmpCode
        result.icmpIdentifier = other.icmpIdentifier ?? icmpIdentifier
        result.tcpFlags = other.tcpFlags ?? tcpFlags
        result.ttl = other.ttl ?? ttl
        result.dscp = other.dscp ?? dscp
        result.ecn = other.ecn ?? ecn
        result.length = other.length ?? length
        result.mark = other.mark ?? mark
        result.mac = other.mac ?? mac
        result.userID = other.userID ?? userID
        result.groupID = other.groupID ?? groupID
        result.maximumSegmentSize = other.maximumSegmentSize ?? maximumSegmentSize
        result.dontFragment = other.dontFragment ?? dontFragment
        result.moreFragments = other.moreFragments ?? moreFragments
        result.fragmentOffset = other.fragmentOffset ?? fragmentOffset
        result.bytes = other.bytes ?? bytes
        result.state = other.state ?? state
        result.connectionMark = other.connectionMark ?? connectionMark
        result.connection = other.connection ?? connection
        result.notes = notes + other.notes
        return result
    }
}
