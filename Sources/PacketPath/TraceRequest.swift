public import NetTypes
public import RuleModel
public import SourceText

/// Where a packet comes from.
public enum Origin: Hashable, Sendable {
    /// From the wire by this interface.
    case interface(Symbol)
    /// From the wire; the interface is found in the routes back to its source.
    case anyInterface
    /// Made on this host.
    case host
}

/// A packet to follow and how.
public struct TraceRequest: Hashable, Sendable {
    public var packet: Packet
    /// The datagram that `packet` is the last missing fragment of; `nil` where others are not known.
    public var completes: Packet?
    public var origin: Origin
    /// The bridge port a bridged frame came in by, and the one it would leave by.
    public var inPort: Symbol?
    public var outPort: Symbol?
    /// Where the frame is sent to; on a bridge it tells whether the packet is for the host. `nil`: as the packet's own
    /// addresses have it.
    public var destinationMAC: MACAddress?
    /// Whether a raw socket sends it, header and all: its route is looked up without the packet's protocol and ports.
    public var isFromRawSocket = false
    /// Whether REJECT's resets are dropped before any other rule in OUTPUT, as a laboratory does that keeps the host's own.
    public var holdsResets = false
    /// `--state`: what conntrack would say of the packet; `nil` to work it out.
    public var state: ConnectionStates?
    public var connectionMark: UInt32?
    /// Packets inside `packet`: the innermost first, the one right inside `packet` at the end.
    public var inner: [Packet] = []
    /// What the tunnel that `packet` comes by says of the one right inside it; `nil` where that is not known.
    public var tunnelHeader: TunnelHeader?
    /// `--assume NAME=VALUE`.
    public var assumptions: [String: String] = [:]
    public var traceReply = false
    /// Records rules that were met and did not match.
    public var recordsMisses = false
    /// Tests each rule of a chain by its statements, also where an index tells that it can't match: the plain walk, which
    /// the other is held against.
    public var walksPlainly = false
    /// A bound on leaves; what is beyond ends as `too-many-branches`.
    public var maximumLeaves = 64

    public init(packet: Packet, origin: Origin) {
        self.packet = packet
        self.origin = origin
    }
}
