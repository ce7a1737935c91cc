/// What the kernel keeps of a TCP connection beside its state: what each end may send, and the last packet.
///
/// Source: include/linux/netfilter/nf_conntrack_tcp.h `ip_ct_tcp`, Linux 6.18.
public struct TCPTrack: Hashable, Sendable {
    /// One end, by the packets that it sent.
    public struct End: Hashable, Sendable {
        /// Behind the last byte that it sent.
        public var end: UInt32 = 0
        /// Behind the last byte that it may send.
        public var maximumEnd: UInt32 = 0
        /// The largest window that it offered; 0 before its first packet.
        public var maximumWindow: UInt32 = 0
        public var maximumAcknowledgement: UInt32?
        public var scale: UInt8 = 0
        public var scalesWindow = false
        public var sendsSACK = false
        /// Its packets are let through outside of the window too, since its beginning was not seen.
        public var isLiberal = false
        /// It was the first to send a FIN.
        public var closesFirst = false

        public init() {}
    }

    /// What kind of packet came last, as far as flags tell.
    public enum Kind: UInt8, Hashable, Sendable { case none, syn, synAck, fin, ack, reset }

    public var original = End()
    public var reply = End()
    public var lastKind = Kind.none
    public var lastDirection = ConnectionDirection.original
    public var lastAcknowledgement: UInt32 = 0
    public var lastEnd: UInt32 = 0
    public var lastWindow: UInt32 = 0
    /// What a SYN that was let through unseen would make of the end that sent it.
    public var offered = End()
    public var expectsChallenge = false
    /// Both ends sent a SYN.
    public var isSimultaneous = false

    public init() {}

    public subscript(direction: ConnectionDirection) -> End {
        get { direction == .original ? original : reply }
        set { if direction == .original { original = newValue } else { reply = newValue } }
    }
}
