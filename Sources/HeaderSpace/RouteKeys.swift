internal import NetTypes
internal import PacketPath
internal import RuleModel
internal import SourceText

/// Sources that the kernel's checks treat alike for packets of one interface.
struct SourceClass {
    /// What is asked of one of them is remembered by this.
    struct Key: Hashable {
        var form: AddressForm?
        var isOwn: Bool
        var type: RouteType?
        /// Whether the route back is by the interface itself.
        var isBack: Bool
        var hasRoute: Bool
        /// The source itself where routing rules tell more of the way back than one look for it does.
        var address: IPAddress?
        /// The port of a bridge that it is behind.
        var port: Symbol?
        /// Which routing rules and routes ask for it: of `askedSources`.
        var asked: [Bool] = []
    }

    var key: Key
    var packets: PacketSet
    /// One of them.
    var address: IPAddress
}

/// What the checks before a hook look at of a flow, beside addresses.
struct CheckedFlow: Hashable {
    /// Of which `ip rule` may ask.
    private let mark: FieldSource
    private let tos: FieldSource
    private let ttl: FieldSource
    /// A socket's are not passed on.
    private let isGivenToSocket: Bool

    init(_ flow: Flow) {
        (mark, tos, ttl, isGivenToSocket) = (flow[.mark], flow[.tos], flow[.ttl], flow.isGivenToSocket)
    }
}

/// What decides which packets the checks before a hook end.
struct RefusalKey: Hashable {
    /// What `ip rule` and its like tell apart, the way's own packets left out.
    var part: PacketSet
    var type: RouteType?
    var interfaces: [Symbol]
    /// The MTUs, in bytes, that the packets may be too long for.
    var limits: Set<UInt32>
    var destination: DestinationKind
    var source: FieldSource
    var flow: CheckedFlow
}

/// One packet's question to the checks, which many share.
struct CheckKey: Hashable {
    var part: PacketSet
    var type: RouteType?
    var destination: DestinationKind
    var source: SourceClass.Key
    var interface: Int
    /// Whether it would leave by the interface that it came by.
    var turnsRound: Bool
    /// The interfaces that it may leave by where `ip rule` asks for one: the way back is asked for as if it came by them.
    /// Source: net/ipv4/fib_frontend.c `__fib_validate_source`, Linux 6.18.
    var departures: [Symbol]
    /// The MTUs, in bytes, that it may be too long for.
    var limits: Set<UInt32>
    var flow: CheckedFlow
}

/// What the checks say of packets with one key.
enum Checked: Hashable {
    case passes
    case ends(PathEnd)
    /// Not the same for all of them, or by something that is not known.
    case open
}

/// Which packets the checks before a hook end, by interface and source.
struct Refusals {
    var ends: [(end: PathEnd, packets: PacketSet)] = []
    /// Those of which one packet does not tell for all interfaces and sources.
    var open: [PacketSet] = []
}

/// Destinations that are routed alike.
struct RoutedDestinations: Hashable {
    var route: Stages.RouteClass
    var destination: DestinationKind
}
