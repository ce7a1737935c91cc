/// What the kernel takes an SCTP association to be in, from the packets that it saw.
public enum SCTPState: UInt8, Hashable, Sendable, CaseIterable {
    case closed, cookieWait, cookieEchoed, established, shutdownSent, shutdownReceived, shutdownAckSent, heartbeatSent
}

/// What the kernel keeps of an SCTP association beside its ends. Pairs are of the original and the reply direction.
public struct SCTPTrack: Hashable, Sendable {
    public struct Pair<Value: Hashable & Sendable>: Hashable, Sendable {
        public var original: Value
        public var reply: Value

        public init(_ original: Value, _ reply: Value) {
            self.original = original
            self.reply = reply
        }

        public subscript(direction: ConnectionDirection) -> Value {
            get { direction == .original ? original : reply }
            set { if direction == .original { original = newValue } else { reply = newValue } }
        }
    }

    /// `nil` before the first chunk.
    public var state: SCTPState?
    /// The verification tag that packets of each direction carry; 0 where it is not known.
    public var tags = Pair<UInt32>(0, 0)
    /// Whether an INIT was seen.
    public var hasBegun = Pair(false, false)
    /// The direction of a heartbeat whose tag was not the one before.
    public var oddHeartbeat: ConnectionDirection?

    public init() {}
}
