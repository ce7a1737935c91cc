internal import NetTypes
internal import PacketPath
public import Questions
internal import RuleModel

/// The connections of a capture, each with what became of its packets.
public struct FlowTable: Sendable {
    /// One connection, or packets with the same ends where none came about.
    public struct Flow: Sendable {
        /// Numbers of the first and the last frame.
        public var frames: ClosedRange<Int>
        public var packetCount = 0
        /// The verdict of the first packet, and of the first that did not get through after others that did.
        public var first: RichText
        public var firstBlocked: (frame: Int, line: RichText)?
        public var blockedCount = 0
    }

    private var flows: [Ends: Int] = [:]
    private var all: [Flow] = []
    /// Packets of flows that are not listed singly.
    public private(set) var otherCount = 0

    /// Flows that are kept: a machine's connection table holds about as many.
    private static let most = 1 << 17

    public init() {}

    public mutating func add(_ frame: ReplayedFrame, _ answer: TraceAnswer, _ writer: ReplayWriter) {
        let own = Ends(answer.request.packet)
        let key = answer.trace.agreedConnections.first.map { Ends($0.original) } ?? own
        let isBlocked = answer.finalOutcome == .undecided || !answer.trace.outcome.isThrough
        guard let index = flows[key] ?? flows[own] else {
            if all.count >= FlowTable.most {
                otherCount += 1
                return
            }
            flows[key] = all.count
            var flow = Flow(frames: frame.number...frame.number, first: writer.verdict(answer))
            flow.packetCount = 1
            flow.blockedCount = isBlocked ? 1 : 0
            all.append(flow)
            return
        }
        flows[key] = index
        all[index].packetCount += 1
        all[index].frames = all[index].frames.lowerBound...max(frame.number, all[index].frames.upperBound)
        guard isBlocked else { return }
        if all[index].blockedCount == 0 { all[index].firstBlocked = (frame.number, writer.verdict(answer)) }
        all[index].blockedCount += 1
    }

    /// A line for each flow, two where its packets fare differently, in the order of their first frames.
    ///
    /// - Parameter onlyBlocked: those alone of which a packet did not get through.
    public func lines(onlyBlocked: Bool) -> [RichText] {
        var lines: [RichText] = []
        for flow in all where !onlyBlocked || flow.blockedCount > 0 {
            let isOne = flow.frames.lowerBound == flow.frames.upperBound
            var line = RichText(
                (isOne
                    ? "frame \(flow.frames.lowerBound)" : "frames \(flow.frames.lowerBound)-\(flow.frames.upperBound)")
                    + ", \(counted(flow.packetCount, "packet")): ", .quiet)
            line = line + flow.first
            lines.append(line)
            if let blocked = flow.firstBlocked {
                var more = RichText(
                    "    \(flow.blockedCount) of them did not get through; first frame \(blocked.frame): ")
                more = more + blocked.line
                lines.append(more)
            }
        }
        if otherCount > 0 {
            lines.append(RichText("and \(counted(otherCount, "packet")) of more flows than are listed"))
        }
        return lines
    }
}

/// The two ends of a flow, whichever way a packet goes.
private struct Ends: Hashable {
    private struct End: Hashable, Comparable {
        var address: IPAddress
        var port: UInt16

        static func < (a: End, b: End) -> Bool { a.address == b.address ? a.port < b.port : a.address < b.address }
    }

    private var low: End
    private var high: End
    private var `protocol`: IPProtocol

    init(_ packet: Packet) {
        let port = packet.protocol.isICMP ? packet.icmpIdentifier : packet.sourcePort
        self.init(packet.source, port, packet.destination, packet.destinationPort, packet.protocol)
    }

    init(_ tuple: ConnectionTuple) {
        self.init(tuple.source, tuple.sourcePort, tuple.destination, tuple.destinationPort, tuple.protocol)
    }

    private init(
        _ source: IPAddress, _ sourcePort: UInt16, _ destination: IPAddress, _ destinationPort: UInt16,
        _ kind: IPProtocol
    ) {
        let from = End(address: source, port: sourcePort)
        // Of ICMP the identifier is both ends'.
        let to = End(address: destination, port: kind.isICMP ? sourcePort : destinationPort)
        (low, high) = from < to ? (from, to) : (to, from)
        `protocol` = kind
    }
}
