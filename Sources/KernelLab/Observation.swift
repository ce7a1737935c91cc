public import NetTypes
public import RuleModel

/// A packet to put into a scratch namespace.
public struct Dispatch: Sendable {
    public enum Entrance: Hashable, Sendable {
        /// From outside, by a TAP, by a bridge (at the port where the sender is known to be) or by a VXLAN device.
        case interface(String)
        /// From the host itself.
        case host(LocalSender)
    }

    /// From the IP header on. Its identification or flow label is replaced by the tag.
    public var packet: [UInt8]
    public var entrance: Entrance
    /// What an arriving packet is marked with before anything else sees it; `nil`: as it comes, which is 0 (0 too for
    /// what a tunnel unpacks).
    public var mark: UInt32?
    public var sourceMAC: MACAddress?
    public var destinationMAC: MACAddress?
    /// By what the packet is known again, from 1; `nil`: the next free one. Fragments of one packet have one.
    public var tag: UInt16?
    /// Of a packet that comes by a tunnel the outer one is observed too.
    public var observesWrapping = false

    public init(_ packet: [UInt8], _ entrance: Entrance) {
        self.packet = packet
        self.entrance = entrance
    }
}

/// A rule that gave a verdict.
public struct ObservedStep: Hashable, Sendable {
    /// 1 for the packet around the one that was sent, in a tunnel; else 0.
    public var layer: Int
    public var hook: Hook?
    public var chain: ChainKey
    /// From 1 within its chain; 0 where the rule is not known, as after a change.
    public var number: Int
    public var verdict: TraceVerdict
    /// Whether its target is REJECT.
    public var isReject: Bool
}

/// A base chain that came to its end.
public struct ObservedPolicy: Hashable, Sendable {
    public var layer: Int
    public var hook: Hook?
    public var chain: ChainKey
    public var policy: Policy
}

/// What decided.
public enum ObservedReason: Hashable, Sendable {
    case rule(ObservedStep)
    case policy(ChainKey)
    /// A rule of iptables-legacy, or a policy, by its counter.
    case legacy(LegacyRule)
}

/// What became of a packet.
public enum ObservedOutcome: Hashable, Sendable {
    /// `isSeen`: whether it came out of the interface; else it was last seen behind all of POSTROUTING's chains.
    case forwarded(isSeen: Bool)
    case sent(isSeen: Bool)
    case delivered
    case dropped(ObservedReason)
    case rejected(ObservedReason)
    case queued(ObservedReason)
    /// The kernel threw it away outside of all chains, after this hook.
    case gone(after: Hook?)
    /// No hook saw it; the error of the call that sent it, or 0.
    case unseen(error: Int32)
    /// The call that sent it failed for want of a route.
    case unroutable(error: Int32)
    /// Trace events were lost: nothing can be said.
    case lost

    /// The word for it, as the command line says it.
    public var name: String {
        switch self {
        case .forwarded: "forwarded"
        case .sent: "sent"
        case .delivered: "delivered"
        case .dropped: "dropped"
        case .rejected: "rejected"
        case .queued: "queued"
        case .gone: "gone"
        case .unseen: "unseen"
        case .unroutable: "unroutable"
        case .lost: "lost"
        }
    }
}

/// A packet that the kernel sent because of ours, and what became of it.
public struct ObservedAnswer: Hashable, Sendable {
    public enum Fate: Hashable, Sendable {
        /// By a rule (its number) or a policy (`nil`).
        case dropped(ChainKey, number: Int?)
        /// To this host.
        case delivered
        case left(interface: String, to: IPAddress)
        /// No trace tells what ended it: a legacy table, a queue, or the IP layer between two hooks.
        case gone
    }

    public var kind: AnswerKind
    public var fate: Fate

    /// Whether it was seen last on its way out by lo: the IP layer refused it there.
    var isOnLoopback: Bool {
        if case .left("lo", _) = fate { return true }
        return false
    }
}

/// A packet as it came out of an interface.
public struct SeenFrame: Hashable, Sendable {
    /// Of a bridge's port the bridge.
    public var interface: String
    public var packet: [UInt8]
}

/// All that was seen of one packet.
public struct Observation: Hashable, Sendable {
    public var tag: UInt16 = 0
    public var outcome: ObservedOutcome = .unseen(error: 0)
    /// Rules that matched, in the kernel's order. Those of iptables-legacy are in `counts`.
    public var steps: [ObservedStep] = []
    public var policies: [ObservedPolicy] = []
    /// The interface that it left by (of a bridge's port the bridge), or that it was delivered by.
    public var interface = ""
    /// The port or link whose TAP the frame came out of, empty where none did.
    public var port = ""
    /// The interface that the packet itself left by, where a tunnel carries it on by another.
    public var innerInterface = ""
    /// As it left, or as it was seen last: of the latter the first bytes only.
    public var packet: [UInt8] = []
    /// Whether the addresses in `packet` are those that it was sent with: the kernel tells the first 20 bytes of a later
    /// fragment of IPv6.
    public var hidesAddresses = false
    /// The packet around it, where a tunnel carries it on.
    public var outer: [UInt8] = []
    public var mark: UInt32 = 0
    /// Conntrack's word when the first chain behind it looked. `nil` where the packet has none or the kernel (before
    /// 6.16) does not tell; an invalid one has none.
    public var connection: TraceConnection?
    public var answers: [ObservedAnswer] = []
    /// Whether there were copies, by TEE or to the host itself of what it sent to many: nothing else is told of them, but
    /// that `counts` has them too.
    public var hasCopies = false
    /// Whether REJECT met a copy: its answer looks like one to the packet itself.
    public var hasRejectedCopy = false
    /// Frames that look like the packet's, in the order in which they were read: TEE's too where nothing is traced.
    public var frames: [SeenFrame] = []
    /// Whether other packets than answers passed hooks meanwhile, such as a reply to a timestamp request or what asks for a
    /// neighbour: `counts` has them too.
    public var hasOthers = false
    /// Whether it left without a hook having seen it, so that its mark is not known.
    public var isPastHooks = false
    /// Whether the kernel tells trace events of such a packet: else it is known by its frames and `counts` alone.
    public var isTraced = true
    /// Rules and policies of iptables-legacy that counted meanwhile, the kernel's answers among the packets counted.
    public var counts: [LegacyCount] = []

    /// Whether the host may have answered it by no rule's word.
    var isAnsweredUnasked: Bool {
        switch outcome {
        case .delivered, .gone: hasOthers
        case .forwarded, .sent, .dropped, .rejected, .queued, .unseen, .unroutable, .lost: false
        }
    }
}
