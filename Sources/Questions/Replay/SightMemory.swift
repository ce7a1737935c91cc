internal import NetTypes
internal import PacketPath
internal import RuleModel
internal import SourceText

/// The last packets of a capture, to know one that is seen again: on the bridge behind its port, or leaving.
///
/// A fixed number is kept, so that memory does not grow with the capture.
struct SightMemory {
    /// How many packets are kept. A packet is through a host in less time than so many others take to come.
    static let size = 8192

    /// A packet by all of its bytes. What two different packets have in common by chance is a 64-bit hash with a key of
    /// this process's own, beside their length and addresses.
    struct Identity: Hashable {
        var source: IPAddress
        var destination: IPAddress
        var length: UInt32
        var digest: Int

        init(_ packet: Packet) {
            source = packet.source
            destination = packet.destination
            length = packet.length
            var hasher = Hasher()
            var word: UInt64 = 0
            for (index, byte) in packet.bytes.enumerated() {
                word = word << 8 | UInt64(byte)
                if index & 7 == 7 { hasher.combine(word) }
            }
            hasher.combine(word)
            digest = hasher.finalize()
        }
    }

    /// A packet as it is to leave, by what no rule and no hop changes of it.
    struct Leaving: Hashable {
        var source: IPAddress
        var destination: IPAddress
        var `protocol`: IPProtocol
        /// `nil` where NAT draws it.
        var sourcePort: UInt16?
        var destinationPort: UInt16
        var ttl: UInt8
        var length: UInt32
        /// IPv4's identification; 0 for IPv6.
        var identification: UInt16
        var sequence: UInt32

        init(_ packet: Packet, hasPort: Bool) {
            source = packet.source
            destination = packet.destination
            `protocol` = packet.protocol
            let port = packet.protocol.isICMP ? packet.icmpIdentifier : packet.sourcePort
            sourcePort = hasPort ? port : nil
            destinationPort = packet.destinationPort
            ttl = packet.ttl
            length = packet.length
            identification = packet.version == .v4 ? packet.bytes.word16(at: 4) ?? 0 : 0
            sequence = packet.protocol == .tcp ? packet.tcpSequence : 0
        }
    }

    /// One sight of a packet.
    struct Sight: Hashable {
        var frame: Int
        /// `nil` where it is not known.
        var interface: Symbol?
        /// Whether the packet does not leave, by the rules.
        var isBlocked = false
    }

    /// A packet that a rule is to answer with, by what does not hang on chance.
    struct Answer: Hashable {
        var source: IPAddress
        var destination: IPAddress
        var `protocol`: IPProtocol
        var sourcePort: UInt16
        var destinationPort: UInt16
        var kind: UInt8

        init(_ packet: Packet) {
            source = packet.source
            destination = packet.destination
            `protocol` = packet.protocol
            sourcePort = packet.sourcePort
            destinationPort = packet.destinationPort
            kind = packet.protocol == .tcp ? packet.tcpFlags.intersection(.rst).rawValue : packet.icmpType
        }
    }

    private var sights = Ring<Identity>()
    private var answers = Ring<Answer>()
    private var leaving = Ring<Leaving>()

    /// The first sight of `packet` on another interface than `interface`; `nil`: it is new, and kept.
    mutating func see(_ packet: Packet, frame: Int, on interface: Symbol?) -> Int? {
        let identity = Identity(packet)
        if let known = sights[identity] {
            if known.interface != interface, known.interface != nil, interface != nil { return known.frame }
        }
        sights.add(identity, Sight(frame: frame, interface: interface))
        return nil
    }

    /// Keeps how the packet of `frame` is to leave, or would if the rules let it.
    mutating func expect(_ trace: Trace, of frame: Int) {
        for branch in trace.branches { expect(branch.trace, of: frame) }
        for answer in trace.answer.flatMap({ $0.leaves }) {
            if let last = answer.last { answers.add(Answer(last.packet), Sight(frame: frame, interface: nil)) }
        }
        guard trace.branches.isEmpty, var last = trace.inner.first ?? trace.last?.packet else { return }
        let isForwarded = trace.outcome == .forwarded || !trace.inner.isEmpty && trace.outcome == .sent
        if !isForwarded {
            guard trace.outcome == .dropped || trace.outcome == .rejected, let hook = trace.last?.hook else { return }
            switch hook {
            case .prerouting, .ingress: if last.ttl > 0 { last.ttl -= 1 }
            case .forward, .postrouting: break
            case .input, .output, .egress: return
            }
        }
        let isDrawn = last.sourcePortChoices != nil || last.unknown.contains(.sourcePort)
        let key = Leaving(last, hasPort: !isDrawn)
        if isForwarded || leaving[key] == nil {
            leaving.add(key, Sight(frame: frame, interface: nil, isBlocked: !isForwarded))
        }
    }

    /// The frame with the packet that a rule answers with `packet`.
    func question(of packet: Packet) -> Int? { answers[Answer(packet)]?.frame }

    /// The sight of the packet that leaves as `packet`.
    func origin(of packet: Packet) -> Sight? {
        leaving[Leaving(packet, hasPort: true)] ?? leaving[Leaving(packet, hasPort: false)]
    }
}

extension Trace {
    fileprivate var leaves: [Trace] { branches.isEmpty ? [self] : branches.flatMap { $0.trace.leaves } }
}

/// The last sights by a key: the oldest goes when another comes.
private struct Ring<Key: Hashable> {
    private var sights: [Key: SightMemory.Sight] = [:]
    private var keys: [Key] = []
    private var next = 0

    subscript(key: Key) -> SightMemory.Sight? { sights[key] }

    mutating func add(_ key: Key, _ sight: SightMemory.Sight) {
        if sights.updateValue(sight, forKey: key) != nil { return }
        if keys.count < SightMemory.size {
            keys.append(key)
        } else {
            sights[keys[next]] = nil
            keys[next] = key
            next = (next + 1) % SightMemory.size
        }
    }
}
