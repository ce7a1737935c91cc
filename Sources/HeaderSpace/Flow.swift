internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What packets that stand at one place have in common, beside the hook: where their fields come from and what the kernel
/// knows of them. Packets of one flow go on alike where no rule tells them apart.
struct Flow: Hashable {
    /// What conntrack made of them.
    enum Standing: Hashable {
        case none
        /// What the packet's arriving state says, which differs among them; the entry is that of `Tracked(arriving:)`.
        case arrived
        case untracked, invalid
        case tracked(Tracked)
    }

    /// An entry of the connection table that packets make, or belong to.
    struct Tracked: Hashable {
        /// One of new, related, established.
        var state: ConnectionStates
        var mark: FieldSource
        /// Where the fields of the entry's original direction come from.
        var source: FieldSource
        var destination: FieldSource
        var sourcePort: FieldSource
        var destinationPort: FieldSource
        var isDestinationTranslated = false
        var isSourceTranslated = false
        /// A nat step has settled the mapping of that end.
        var hasDestinationMapping = false
        var hasSourceMapping = false
        /// It is in the table: NAT changes it no more.
        var isConfirmed = false
        var helper = Symbol.empty
        var zone = ConnectionZone()
        var labels: [UInt16] = []
    }

    private var sources: [FieldSource]
    /// Whether no rule has written to what conntrack takes an entry of.
    var isAsArrived: Bool {
        isArriving(.source) && isArriving(.destination) && isArriving(.sourcePort) && isArriving(.destinationPort)
            && template == nil
    }
    var standing = Standing.none
    /// Whether CT gave them an entry of its making before conntrack.
    var template: Template?
    var route: RoutingStep?
    /// Whether they were made here and came back by lo.
    var isLoopedBack = false
    /// Whether they came by lo: NAT may have taken those that came back the route that they came by.
    var arrivesByLo = false
    /// Whether TPROXY gave them to a socket, which is nothing to be passed on.
    var isGivenToSocket = false
    /// Whether this host made them.
    var startedHere = false
    /// Whether they are asked about as the copies without a socket that they have.
    var isWithoutSocket = false
    /// Sets that rules on the way have changed.
    var changedSets: [Symbol] = []
    var native = NativeTraces()

    /// What CT says before conntrack looks.
    struct Template: Hashable {
        var helper = Symbol.empty
        var zone = ConnectionZone()
    }

    init(_ space: PacketSpace) { sources = PacketField.allCases.map { space.source($0) } }

    subscript(field: PacketField) -> FieldSource {
        get { sources[Int(field.rawValue)] }
        set { sources[Int(field.rawValue)] = newValue }
    }

    /// Fields that rules have not written to, of those that are free in `space`.
    func isArriving(_ field: PacketField) -> Bool { self[field] == .arriving }

    /// Whether any of `fields` may differ among its packets.
    func differs(in fields: PacketFields, _ space: PacketSpace) -> Bool {
        for field in PacketField.allCases where !fields.isDisjoint(with: field.fields) {
            switch self[field] {
            case .arriving, .bits, .lowered, .unknown, .various: return true
            case .constant: continue
            }
        }
        return false
    }
}

/// Packets that stand at one place and are of one flow.
struct Way {
    var packets: PacketSet
    var flow: Flow
}

extension PacketSpace {
    /// `ways` with those of one flow taken together, in the order in which flows were met.
    func merged(_ ways: [Way]) -> [Way] {
        if ways.count < 2 { return ways.filter { !$0.packets.isEmpty } }
        var places: [Flow: Int] = [:]
        var groups: [(flow: Flow, sets: [PacketSet])] = []
        for way in ways where !way.packets.isEmpty {
            if let place = places[way.flow] {
                groups[place].sets.append(way.packets)
            } else {
                places[way.flow] = groups.count
                groups.append((way.flow, [way.packets]))
            }
        }
        return groups.map { Way(packets: union($0.sets), flow: $0.flow) }
    }
}
