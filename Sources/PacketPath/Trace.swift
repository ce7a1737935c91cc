public import ChainGraph
public import NetTypes
public import RuleModel
public import SourceText

/// What became of a packet, in the words of the command line's JSON.
public enum Outcome: UInt8, Hashable, Sendable, CaseIterable {
    case forwarded, sent, delivered, dropped, rejected, queued, unroutable, filtered, undecided

    public var name: String {
        switch self {
        case .forwarded: "forwarded"
        case .sent: "sent"
        case .delivered: "delivered"
        case .dropped: "dropped"
        case .rejected: "rejected"
        case .queued: "queued"
        case .unroutable: "unroutable"
        case .filtered: "filtered"
        case .undecided: "undecided"
        }
    }
}

extension Outcome {
    /// Whether the packet got where it was going.
    public var isThrough: Bool {
        switch self {
        case .forwarded, .sent, .delivered: true
        case .dropped, .rejected, .queued, .unroutable, .filtered, .undecided: false
        }
    }
}

/// Why it ended so.
public enum Reason: UInt8, Hashable, Sendable, CaseIterable {
    case rule, policy, noRoute, blackhole, unreachable, prohibit, rpFilter, martianSource, martianDestination
    case ipv6Disabled, notAddressed, badHeader, beyondScope, notJoined, forwardingOff, ttl, tooBig, fragmentsApart,
        hairpinOff
    case givenToSocket, noTunnelEnd, otherTunnel, tunnelLoop, portBlocked, notFlooded, interfaceDown
    case natNoAddress, natInterface, noServer, serverGone, unknownRule, tooManyBranches

    public var name: String {
        switch self {
        case .rule: "rule"
        case .policy: "policy"
        case .noRoute: "no-route"
        case .blackhole: "blackhole"
        case .unreachable: "unreachable"
        case .prohibit: "prohibit"
        case .rpFilter: "rp-filter"
        case .martianSource: "martian-source"
        case .martianDestination: "martian-destination"
        case .ipv6Disabled: "ipv6-disabled"
        case .notAddressed: "not-addressed"
        case .badHeader: "bad-header"
        case .beyondScope: "beyond-scope"
        case .notJoined: "not-joined"
        case .forwardingOff: "forwarding-off"
        case .ttl: "ttl"
        case .tooBig: "too-big"
        case .fragmentsApart: "fragments-apart"
        case .hairpinOff: "hairpin-off"
        case .givenToSocket: "given-to-socket"
        case .noTunnelEnd: "no-tunnel-end"
        case .otherTunnel: "other-tunnel"
        case .tunnelLoop: "tunnel-loop"
        case .portBlocked: "port-blocked"
        case .notFlooded: "not-flooded"
        case .interfaceDown: "interface-down"
        case .natNoAddress: "nat-no-address"
        case .natInterface: "nat-interface"
        case .noServer: "ipvs-no-server"
        case .serverGone: "ipvs-server-gone"
        case .unknownRule: "unknown-rule"
        case .tooManyBranches: "too-many-branches"
        }
    }
}

/// What a rule did, in the words of the JSON.
public enum StepVerdict: UInt8, Hashable, Sendable {
    case accept, drop, reject, jump, goto, `return`, `continue`, queue
    /// The rule has taken the packet for itself: `fwd`.
    case stolen

    public var name: String {
        switch self {
        case .accept: "accept"
        case .drop: "drop"
        case .reject: "reject"
        case .jump: "jump"
        case .goto: "goto"
        case .return: "return"
        case .continue: "continue"
        case .queue: "queue"
        case .stolen: "stolen"
        }
    }
}

/// The packet and its surroundings at one moment: what a match could see.
public struct PacketView: Hashable, Sendable {
    public var packet: Packet
    public var hook: Hook
    /// `nil`: there is none at this hook, or it is not known.
    public var inInterface: Symbol?
    public var outInterface: Symbol?
    public var state: ConnectionStates
    public var connectionMark: UInt32?

    public init(
        packet: Packet, hook: Hook, inInterface: Symbol?, outInterface: Symbol?, state: ConnectionStates,
        connectionMark: UInt32?
    ) {
        self.packet = packet
        self.hook = hook
        self.inInterface = inInterface
        self.outInterface = outInterface
        self.state = state
        self.connectionMark = connectionMark
    }
}

/// A view that steps have in common.
struct SharedView: Hashable, Sendable {
    /// One element: an array is what copies share.
    private var cell: [PacketView]

    init(_ view: PacketView) { cell = [view] }

    var view: PacketView {
        _read { yield cell[0] }
        _modify { yield &cell[0] }
    }
}

/// A value that a rule changed, with the name it has in the JSON's `set`.
public struct Change: Hashable, Sendable {
    public enum Field: UInt8, Hashable, Sendable {
        case mark, connectionMark, ttl, dscp, priority, zone, mss, notrack, helper, source, destination

        public var name: String {
            switch self {
            case .mark: "mark"
            case .connectionMark: "ctMark"
            case .ttl: "ttl"
            case .dscp: "dscp"
            case .priority: "priority"
            case .zone: "zone"
            case .mss: "mss"
            case .notrack: "notrack"
            case .helper: "helper"
            case .source: "source"
            case .destination: "destination"
            }
        }
    }

    public enum Value: Hashable, Sendable {
        case number(UInt32)
        case address(IPAddress)
        case name(Symbol)
        case unknown
    }

    public var field: Field
    public var before: Value
    public var after: Value

    public init(_ field: Field, before: Value, after: Value) {
        self.field = field
        self.before = before
        self.after = after
    }
}

/// A rule whose matches all held.
public struct RuleStep: Hashable, Sendable {
    public var rule: RuleReference
    public var verdict: StepVerdict
    /// Where a jump or goto leads.
    public var target: ChainID?
    /// `--reject-with`, for `reject`.
    public var rejectWith: RejectWith?
    public var changes: [Change] = []
    /// Whether it is a match that drops the packet, which so does not match the rule.
    public var isDropOfMatch = false
    /// Whether the rule's counter counts the packet that its match drops.
    public var isCounted = false
    /// Whether the rule did not match after all: a later part of it failed, and what it had changed stays so.
    public var isBroken = false
}

/// How an address or port was translated.
public struct TranslationStep: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable {
        case dnat, snat, masquerade, redirect, netmap
        /// No rule: the port was changed because the tuple was taken.
        case clash

        public var name: String {
            switch self {
            case .dnat: "dnat"
            case .snat: "snat"
            case .masquerade: "masquerade"
            case .redirect: "redirect"
            case .netmap: "netmap"
            case .clash: "clash"
            }
        }
    }

    public var kind: Kind
    public var source: IPAddress?
    public var sourcePort: UInt16?
    /// Ports that the source port may have where it can't be known.
    public var sourcePortChoices: PortRange?
    public var destination: IPAddress?
    public var destinationPort: UInt16?
    /// Whether the connection's entry says so, not a rule asked now.
    public var isFromEntry: Bool
}

/// What the routing tables decided.
public struct RoutingStep: Hashable, Sendable {
    /// `nil` where the input does not tell.
    public var interface: Symbol?
    public var nextHop: IPAddress?
    /// The source address that routing chose for a local packet without one.
    public var source: IPAddress?
    public var type: RouteType
    public var table: UInt32
    /// `nil`: no route was found, or none is known.
    public var route: Route?
    /// The `ip rule` that led there, `.none`'s place where the default rules were assumed.
    public var rule: RoutingRule?
    public var isReroute = false
    public var isKnown = true
}

/// One thing that happened to the packet.
public struct Step: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case rule(RuleStep)
        /// A rule that was met and did not match (`--detail full`): the first statement that failed.
        case miss(RuleReference, statement: Int)
        /// A base chain's policy.
        case policy(ChainID, StepVerdict)
        case conntrack(ConnectionStates, direction: ConnectionDirection, isFromEntry: Bool)
        case translation(TranslationStep)
        indirect case routing(RoutingStep)
        /// Fragments were put together before the first rule.
        case defragmentation
        /// The packet goes on inside another one from `interface`.
        case encapsulation(interface: Symbol)
        /// The inner packet goes on from `interface`.
        case decapsulation(interface: Symbol)
        /// A packet that came back over lo.
        case loopback
        /// The packet goes to a socket; `Listener`'s index in the host's list where one listens.
        case delivery(listener: Int?)
        /// IPVS took it, refused it, or gave it the virtual address back.
        indirect case ipvs(VirtualServiceStep)
        /// Something outside the rules ended it (`Reason`).
        case end(Reason)
    }

    /// One element: an array is what copies share. A way's steps are copied wherever it forks.
    private var cell: [Body]

    private struct Body: Hashable, Sendable {
        var kind: Kind
        var view: SharedView
        var layer: UInt8 = 0
        var isCertain = true
    }

    public init(_ kind: Kind, _ view: PacketView) { self.init(kind, SharedView(view)) }

    init(_ kind: Kind, _ view: SharedView, layer: UInt8 = 0) { cell = [Body(kind: kind, view: view, layer: layer)] }

    public var kind: Kind {
        _read { yield cell[0].kind }
        _modify { yield &cell[0].kind }
    }

    /// The packet and what was known of it before this step.
    public var view: PacketView {
        _read { yield cell[0].view.view }
        _modify { yield &cell[0].view.view }
    }

    /// 0 for the packet asked about, 1 for the one that encapsulates it, …
    public var layer: UInt8 {
        _read { yield cell[0].layer }
        _modify { yield &cell[0].layer }
    }

    /// `false` where a way with and one without this step were joined because nothing else differs.
    public var isCertain: Bool {
        _read { yield cell[0].isCertain }
        _modify { yield &cell[0].isCertain }
    }
}

/// Something the answer takes for granted.
public struct Assumption: Hashable, Sendable {
    /// As `--assume NAME=VALUE` takes it: `limit@filter/INPUT:3`.
    public var name: String
    public var value: String
    /// A sentence without a final stop.
    public var text: String
    /// The step that asked, as index into the steps of the whole way; `nil` for what no rule asked.
    public var step: Int?
    /// Set by `--assume`.
    public var isGiven = false

    public init(name: String, value: String, text: String, step: Int?) {
        self.name = name
        self.value = value
        self.text = text
        self.step = step
    }
}

/// What the sender of the packet notices.
public enum SenderView: Hashable, Sendable {
    /// An answer, if whoever gets the packet gives one.
    case answer
    case timeout
    case reset
    /// An ICMP error of this type and code.
    case unreachable(type: UInt8, code: UInt8)
}

/// A packet's way: common steps, then an end or branches.
public struct Trace: Hashable, Sendable {
    public var outcome = Outcome.undecided
    public var reason: Reason?
    /// For `too-many-branches`: how the ways that were not followed may end. None else is possible, not every one is.
    public var possibleOutcomes: [Outcome] = []
    public var rejectWith: RejectWith?
    /// Index into the steps of the whole way (those of enclosing traces first).
    public var decidedBy: Int?
    public var acceptedBy: [Int] = []
    public var steps: [Step] = []
    /// The packet as it last was: left, delivered or dropped. For a tunnel the outer one.
    public var last: PacketView?
    /// The packets inside `last`: the one asked about first, the one right inside `last` at the end.
    public var inner: [Packet] = []
    /// What the tunnel says of the packet right inside `last`, or of `last` itself where it was unpacked for somebody else.
    public var tunnelHeader: TunnelHeader?
    /// The interface it left by.
    public var outInterface: Symbol?
    public var nextHop: IPAddress?
    public var assumptions: [Assumption] = []
    public var branches: [Branch] = []
    public var senderView: SenderView?
    /// The way of a REJECT's own answer, where there is one.
    public var answer: [Trace] = []
    /// The reply's way (`--round-trip`): at most one.
    public var reply: [Trace] = []
    /// The connection entry after the packet, for `--flows` and the reply.
    public var connection: ConnectionEntry?
    /// All entries that the packet made or renewed, those of tunnels too.
    public var connections: [ConnectionEntry] = []
    /// The connection that IPVS made for the packet, or found it to be of: at most one.
    public var virtualConnections: [VirtualConnection] = []
    /// What rules had done to sets by the end of this packet's way, for `--flows`.
    public var setChanges = SetChanges()
    /// Fields with default values that a rule looked at.
    public var defaultsUsed: PacketFields = []

    public init() {}

    public struct Branch: Hashable, Sendable {
        /// What sets this branch apart from its siblings.
        public var assumptions: [Assumption]
        public var probability: Double?
        public var trace: Trace
    }
}

extension Trace {
    /// The entries that all ways of the packet leave.
    public var agreedConnections: [ConnectionEntry] {
        guard let first = branches.first else { return connections }
        return branches.dropFirst().reduce(first.trace.agreedConnections) { common, branch in
            let others = branch.trace.agreedConnections
            return common.filter { others.contains($0) }
        }
    }

    /// The connections of IPVS that all ways of the packet leave.
    public var agreedVirtualConnections: [VirtualConnection] {
        guard let first = branches.first else { return virtualConnections }
        return branches.dropFirst().reduce(first.trace.agreedVirtualConnections) { common, branch in
            let others = branch.trace.agreedVirtualConnections
            return common.filter { others.contains($0) }
        }
    }
}
