public import NetTypes
public import PacketCapture

/// What a frame of a capture is on the host whose rules are asked.
public struct ReplayedFrame: Hashable, Sendable {
    public var number: Int
    public var time: CaptureTime?
    /// Where it was seen, as far as the capture tells.
    public var interface: String?
    public var fate: Fate
    /// What leaves by it, the outermost packet first: perhaps a packet that another frame is answered for. Empty where
    /// nothing leaves.
    public var leaving: [Packet] = []

    public enum Fate: Hashable, Sendable {
        /// It is followed.
        case packet(SeenPacket)
        /// It shows a packet that is answered by another frame.
        case passedOver(PassedOver)
        /// There is no packet in it that could be followed.
        case unreadable(Unreadable)
    }

    public struct Unreadable: Hashable, Sendable {
        /// A sentence without a final stop.
        public var message: String
        /// Whether the frame has another protocol than IP, as is usual.
        public var isOtherProtocol = false
    }

    public struct PassedOver: Hashable, Sendable {
        public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
            /// The packet of another frame, seen again by another interface that it passes.
            case again
            /// The packet of another frame as it leaves, behind the rules.
            case leaving
            /// The same, of a packet that does not leave by these rules.
            case leftAllTheSame
            /// What a REJECT answered the packet of another frame with.
            case answer

            /// As the JSON has it.
            public var name: String {
                switch self {
                case .again: "again"
                case .leaving: "leaving"
                case .leftAllTheSame: "left-all-the-same"
                case .answer: "answer"
                }
            }
        }

        public var kind: Kind
        /// The frame that is followed for it.
        public var answeredBy: Int
    }
}

/// A packet of a capture that is followed, and how it was taken.
public struct SeenPacket: Hashable, Sendable {
    public var prepared: PreparedPacket
    /// Whether it was made on the host.
    public var isMadeHere: Bool
    /// What told whether it was made here or came in.
    public var evidence: Evidence
    /// Whether no entry of the connection table is the packet's.
    public var isWithoutEntry = false
    /// What was put right or left open, for a summary.
    public private(set) var remarks: Set<Remark> = []

    /// Keeps a remark and tells it with the answer.
    public mutating func add(_ remark: Remark) {
        if remarks.insert(remark).inserted { prepared.notes.append("it is one of the packets \(remark.words)") }
    }

    public enum Evidence: UInt8, Hashable, Sendable, CaseIterable {
        case linkHeader, captureFlags, hardwareAddress, loopback, source

        /// Behind `by`.
        public var words: String {
            switch self {
            case .linkHeader: "the link header of the capture on all interfaces"
            case .captureFlags: "the direction that the capture tells of each frame"
            case .hardwareAddress: "hardware addresses of this host's interfaces"
            case .loopback: "the loopback interface"
            case .source: "the source address alone"
            }
        }
    }

    public enum Remark: UInt8, Hashable, Sendable, CaseIterable {
        case cut, leftToCard, wrongChecksum, rightened, merged, noLength, foreignFrame, unknownAddresses
        case seenLeaving, gap, perhapsForwarded

        /// What is told of the packets with it, behind their count; a sentence without a final stop.
        public var words: String {
            switch self {
            case .cut:
                "not captured whole: a rule that looks at what is missing can't be decided (capture with tcpdump -s 0)"
            case .leftToCard:
                "with a checksum that is left to the network card: taken as right, as the kernel takes it"
            case .wrongChecksum:
                "with a wrong checksum: where it arrives, conntrack takes such a packet for invalid (--any-checksum takes it for right)"
            case .rightened: "with a wrong checksum, taken for right (--any-checksum)"
            case .merged:
                "longer than their link's MTU: several packets that the kernel or the card has put together, which rules see as one"
            case .noLength:
                "without a length in the IP header, to be cut in pieces by the network card: the frame's own was taken"
            case .foreignFrame:
                "in frames to another hardware address than this host's: taken as for this host, as no frame before showed that the capture is its own"
            case .unknownAddresses:
                "leaving, taken as made here: the snapshot has no addresses to tell (add the output of `ip addr`)"
            case .seenLeaving:
                "seen leaving only: followed as they came in, by the way back to their source, before their connection's translation and with a TTL that is one higher"
            case .gap:
                "acknowledging or going beyond what no frame before had: the capture lacks frames, so TCP's windows count no more for their connections"
            case .perhapsForwarded:
                "leaving with an address of this host's and a TTL one below its own: taken as made here, but perhaps made elsewhere and translated (capture on all interfaces, or add the output of `conntrack -L`)"
            }
        }
    }
}
