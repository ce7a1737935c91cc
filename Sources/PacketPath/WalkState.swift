internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// An interface as a rule sees it.
enum InterfaceView: Hashable, Sendable {
    /// There is none at this hook (`-o` in PREROUTING): only a match for the empty name can hold.
    case none
    case known(Symbol)
    /// There is one, but the input does not tell which.
    case unknown
}

/// What stays fixed while a hook runs, hence the stale `-o` after a re-route in OUTPUT.
struct HookContext: Hashable, Sendable {
    var hook = Hook.prerouting
    var inInterface = InterfaceView.none
    var outInterface = InterfaceView.none
    /// Bridge ports of a bridged frame.
    var inPort: Symbol?
    var outPort: Symbol?
}

/// What conntrack knows of the packet.
enum Connection: Hashable, Sendable {
    /// Not looked up: before conntrack ran, or conntrack is off.
    case none
    case untracked
    case invalid
    indirect case entry(TrackedConnection)
}

/// The packet's entry and its place in it.
struct TrackedConnection: Hashable, Sendable {
    var entry: ConnectionEntry
    var direction: ConnectionDirection
    /// One of new, related, established.
    var state: ConnectionStates
    /// Made by this packet and not yet in the table.
    var isNew: Bool
    /// A nat step of that kind has settled the mapping of destination or source.
    var hasDestinationMapping = false
    var hasSourceMapping = false
    var destinationIsTranslated = false
    var sourceIsTranslated = false
    /// Whether it is assured hangs on how long it has lived.
    var isPerhapsAssured = false
    /// NAT can change it no more. Source: net/netfilter/nf_nat_core.c `nf_nat_setup_info`.
    var isConfirmed: Bool { !isNew || entry.status.contains(.confirmed) }
}

/// An entry that CT makes up for a packet, of which conntrack takes what it says when it makes the real one.
struct TrackingTemplate: Hashable, Sendable {
    var zone = ConnectionZone()
    /// The zone is the mark that the packet has when conntrack looks at it, which rules behind CT may change.
    /// Source: include/net/netfilter/nf_conntrack_zones.h `nf_ct_zone_tmpl`, Linux 6.18.
    var takesMark = false
    var helper = Symbol.empty
    /// The mark that CONNMARK gives it, as it would an entry. It stays with the rule that made it up, so that packets before
    /// may have left another than 0. Source: net/netfilter/xt_connmark.c, xt_CT.c, Linux 6.18.
    var mark: UInt32 = 0
    var knownMark = UInt32.max
}

/// An address of which a packet's own way tells whether a list of `recent` has it.
struct RecentEntry: Hashable, Sendable {
    var list: Symbol
    var address: IPAddress
    var isListed = true
}

/// Where a packet stands between two stages of its way.
enum Position: Hashable, Sendable {
    /// Behind ingress.
    case reception
    /// Before step `step` of the plan at `hook`.
    case hook(Hook, step: Int)
    /// Between PREROUTING and INPUT or FORWARD.
    case routing
    /// After PREROUTING of a bridged frame.
    case bridging
    /// The first routing decision of a local packet.
    case localRouting
    /// After POSTROUTING.
    case transmit
    /// Behind egress.
    case departure
    /// After INPUT.
    case deliver
    case ended
}

/// One way a packet may take, up to where it stands now.
///
/// Ways are large and are passed on far more often than they change: copies share one `Body` until one of them does.
struct WalkState: Hashable, Sendable {
    /// One element: an array is what copies share.
    private var cell: [Body]

    init(position: Position, packet: Packet) { cell = [Body(position: position, packet: packet)] }

    var body: Body {
        _read { yield cell[0] }
        _modify { yield &cell[0] }
    }

    /// What a way is. Each field is one of `WalkState`, too (`WalkStateFields.swift`).
    struct Body: Hashable, Sendable {
        var position: Position
        var packet: Packet
        var context = HookContext()
        var connection = Connection.none
        /// Set between routing and transmission.
        @Boxed var route: RoutingStep?
        /// Whether the packet was made on this host (in this layer).
        var isLocal = false
        /// Whether the packet asked about was made on this host.
        var startedHere = false
        /// The interface it came in by, kept for later hooks.
        var arrival = InterfaceView.none
        /// Packets inside this one: the one asked about first, the one right inside this at the end.
        var inner: [Packet] = []
        /// What the tunnel says of the packet right inside this one.
        var tunnelHeader: TunnelHeader?
        var layer: UInt8 = 0
        /// Grows when the packet starts again: over lo, or in a tunnel.
        var round = 0
        /// What CT gave the packet before conntrack.
        var template: TrackingTemplate?
        /// Whether the kernel has found the transport header's checksum right and looks no more.
        var hasVerifiedChecksum = false
        /// An error's header as it was when NAT summed it up itself before routing, as nobody's sum was of use.
        var summedAgain: SummedHeader?
        /// By how much addresses have come to differ from what the checksum is for, of a packet that has no bytes.
        var checksumDrift: UInt16 = 0
        /// What rules put in `recent` lists on this way, and what they took out.
        var recentEntries: [RecentEntry] = []
        /// What rules did to sets on this way, and what packets before did.
        var setChanges = SetChanges()
        /// The bridge port the packet came in by, and the one that a bridged frame leaves by.
        var inPort: Symbol?
        var outPort: Symbol?
        /// The device whose chains at ingress or egress are run.
        var device: Symbol?
        /// A frame that a bridge passes through iptables.
        var isBridged = false
        var isLoopedBack = false
        /// Whether it was put together here from two fragments that are known.
        var isPutTogether = false
        /// Whether its bytes lie in one piece since, so that it leaves in fragments as long as there may be.
        var isInOnePiece = false
        /// Set while a datagram comes over lo in fragments.
        @Boxed var fragments: FragmentedDatagram?
        /// Whether it is a copy that the packet's socket does not hold.
        var isWithoutSocket = false
        /// Whether TPROXY gave the packet to a socket of this host, which holds it from then on.
        var isGivenToSocket = false
        /// The mark that a bridge has asked for the route with, before its own chains at ingress.
        var markOnBridge: UInt32?
        /// Whether CT leaves the packet alone: an answer of REJECT about a packet that was not tracked, which has no entry but
        /// counts as a related one's. Source: net/netfilter/nf_conntrack_core.c `nf_conntrack_attach`, net/netfilter/xt_CT.c.
        var isLeftByCT = false
        /// Which packet it is that REJECT's error is about.
        var rejected: ConnectionTuple?
        /// Whether it is REJECT's error about a packet that has too few bytes for NAT to change.
        var quotesTooLittle = false
        /// IPVS has had the packet, and looks at it no more: the kernel's `ipvs_property`, which stays over lo and in a tunnel.
        var isOfIPVS = false
        /// The connection of IPVS that it belongs to.
        @Boxed var virtualConnection: VirtualConnection?
        /// What nat's chains in POSTROUTING did to the copy that the host itself gets of a packet of IPv4 to many: they were
        /// asked of that first, and it is told when the packet comes to them.
        var natOfCopy: [Step]?

        var outcome: Outcome?
        /// How it may go on, where it was not followed further.
        var possibleOutcomes: [Outcome] = []
        var reason: Reason?
        var rejectWith: RejectWith?

        /// How the way came about: not part of what it is.
        var history = History()

        init(position: Position, packet: Packet) {
            self.position = position
            self.packet = packet
        }

        /// The interface of its route, read in place.
        var routeInterface: Symbol? { _route.cell.isEmpty ? nil : _route.cell[0].interface }
        /// Whether its route puts packets into something else, read in place.
        var isEncapsulating: Bool {
            if _route.cell.isEmpty { return false }
            return _route.cell[0].route?.nextHops.contains { $0.encapsulation != .empty } ?? false
        }
        /// The gateway of its route, read in place.
        var routeNextHop: IPAddress? { _route.cell.isEmpty ? nil : _route.cell[0].nextHop }
    }

    /// What is told of a way but does not change where it goes on.
    struct History: Hashable, Sendable {
        var steps: [Step] = []
        var assumptions: [Assumption] = []
        var settled: [Settled] = []
        var probability: Double? = 1
        var defaultsUsed: PacketFields = []
        /// Connections of layers that the packet has left.
        var entries: [ConnectionEntry] = []
    }

    /// An unknown that has its answer on this way.
    struct Settled: Hashable, Sendable {
        var name: String
        var isYes: Bool
        /// The way's probability before the answer, where the answer has no chance of its own: a join of both answers
        /// has it again.
        var probabilityBefore: Double?

        static func == (a: Settled, b: Settled) -> Bool { a.name == b.name && a.isYes == b.isYes }

        func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(isYes)
        }
    }

    /// Whether two ways go on alike from here.
    func goesOnLike(_ other: WalkState) -> Bool {
        var a = body
        var b = other.body
        a.history = History()
        b.history = History()
        if position == .ended {
            // No later rule asks; later packets do, for whom a join keeps what both agree in.
            a.setChanges = b.setChanges
            a.recentEntries = b.recentEntries
        }
        // Which fields are defaults is told, and does not matter to the way.
        return a == b
    }

    /// Whether it goes out as what is made here does: IPVS sends on by OUTPUT what came in.
    var goesOutFromHere: Bool { isLocal || isOfIPVS && context.hook == .output }

    /// What a match sees now.
    var view: PacketView {
        PacketView(
            packet: packet, hook: context.hook, inInterface: known(context.inInterface),
            outInterface: known(context.outInterface), state: states, connectionMark: connectionMark)
    }

    private func known(_ interface: InterfaceView) -> Symbol? {
        if case .known(let name) = interface { return name }
        return nil
    }

    /// States as `--ctstate` sees them; empty where conntrack is off.
    var states: ConnectionStates {
        switch connection {
        case .none: return []
        case .untracked: return .untracked
        case .invalid: return .invalid
        case .entry(let tracked):
            var states = tracked.state
            if tracked.sourceIsTranslated { states.insert(.snat) }
            if tracked.destinationIsTranslated { states.insert(.dnat) }
            return states
        }
    }

    /// `nil` without an entry.
    var connectionMark: UInt32? {
        if case .entry(let tracked) = connection { return tracked.entry.mark }
        return nil
    }

    mutating func record(_ kind: Step.Kind) {
        history.steps.append(Step(kind, SharedView(view), layer: layer))
    }
}
