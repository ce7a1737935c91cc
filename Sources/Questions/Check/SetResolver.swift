internal import HeaderSpace
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel

/// Why a set means nothing on a node: a sentence without a final stop.
struct UnanswerableSet: Error, Hashable {
    let message: String
    /// Of the constraints in the policy, in bytes.
    let offset: Int
}

/// How much of what a set does not say is taken as usual.
enum Breadth: Hashable {
    /// All but the state is as for a connection's first packet of any program: a SYN, 64 hops, short.
    case usual
    /// Any packet of a new connection.
    case new
    /// Any packet.
    case every
}

/// Makes sets of packets of a policy's, each once.
final class SetResolver {
    private let policy: CheckPolicy
    private let model: HostModel
    private let cluster: ClusterObjects
    private var prepared: [Prepared: Result<PreparedQuery, UnanswerableSet>] = [:]
    private var named: [Key: PacketSet] = [:]
    private(set) var notes: [String] = []
    /// Of the sets with a name.
    private let known: [SetTraits]

    private struct Prepared: Hashable {
        let constraints: PacketConstraints
        let isOfAnyState: Bool
    }

    private struct Key: Hashable {
        let place: Int
        let version: IPVersion
        let breadth: Breadth
    }

    init(_ policy: CheckPolicy, on model: HostModel, _ cluster: ClusterObjects) {
        self.policy = policy
        self.model = model
        self.cluster = cluster
        var known: [SetTraits] = []
        for set in policy.sets { known.append(set.traits(known)) }
        self.known = known
    }

    func traits(of set: PolicySet) -> SetTraits { set.traits(known) }

    /// The packets of `set` in a space.
    func packets(_ set: PolicySet, _ breadth: Breadth, in space: PacketSpace) throws(UnanswerableSet) -> PacketSet {
        switch set {
        case .packets(let constraints): return try packets(constraints, breadth, in: space)
        case .anyOf(let parts):
            var sets: [PacketSet] = []
            for part in parts { sets.append(try packets(part, breadth, in: space)) }
            return space.union(sets)
        case .except(let own, let others):
            return space.subtract(try packets(own, breadth, in: space), try packets(others, .every, in: space))
        case .named(let place):
            let key = Key(place: place, version: space.version, breadth: breadth)
            if let known = named[key] { return known }
            let made = try packets(policy.sets[place], breadth, in: space)
            named[key] = made
            return made
        }
    }

    private func packets(
        _ constraints: PacketConstraints, _ breadth: Breadth, in space: PacketSpace
    ) throws(UnanswerableSet) -> PacketSet {
        let prepared = try prepare(constraints, breadth)
        guard prepared.versions.contains(space.version) else { return .none }
        let own = prepared.packets(in: space, on: model)
        return breadth == .usual ? space.and(own, usual(constraints.query, space)) : own
    }

    private func prepare(
        _ constraints: PacketConstraints, _ breadth: Breadth
    ) throws(UnanswerableSet) -> PreparedQuery {
        var own = constraints
        if breadth == .every, own.query.tests[.state] == nil { own.query.isOfAnyState = true }
        let key = Prepared(constraints: constraints, isOfAnyState: own.query.isOfAnyState)
        if let known = prepared[key] { return try known.get() }
        do throws(PacketFailure) {
            let made = try Questions.prepare(own.query, cluster, on: model)
            prepared[key] = .success(made)
            for note in made.notes where !notes.contains(note) { notes.append(note) }
            return made
        } catch {
            let failure = UnanswerableSet(message: error.message, offset: constraints.offset)
            prepared[key] = .failure(failure)
            throw failure
        }
    }

    /// What a connection's first packet has in the fields that `query` does not speak of.
    private func usual(_ query: PacketQuery, _ space: PacketSpace) -> PacketSet {
        var result = PacketSet.all
        func take(_ field: PacketField, _ packets: @autoclosure () -> PacketSet) {
            guard query.tests[field] == nil, space.free.contains(field) else { return }
            result = space.and(result, packets())
        }
        let isTCP = space.packets(.protocol, UInt128(IPProtocol.tcp.rawValue))
        // Whoever asks for established connections does not mean their first packet.
        let isNew = query.tests[.state] == nil && !query.isOfAnyState
        take(
            .tcpFlags,
            !isNew ? .all : space.or(space.complement(isTCP), space.packets(.tcpFlags, UInt128(TCPFlags.syn.rawValue))))
        take(.ttl, space.packets(.ttl, 64))
        take(.tos, space.packets(.tos, 0))
        take(.length, space.packets(.length, from: 0, through: 576))
        take(.mark, space.packets(.mark, 0))
        take(.connectionMark, space.packets(.connectionMark, 0))
        return result
    }
}

/// What is known of a set without looking at a node.
struct SetTraits: Hashable {
    /// Fields that it limits.
    var limited: Set<PacketField> = []
    /// Of those, the ones that may have one value only where nobody asks.
    var free: Set<PacketField> = []
    /// Whether packets made on the host are meant.
    var takesOwn = false

    mutating func add(_ other: SetTraits) {
        limited.formUnion(other.limited)
        free.formUnion(other.free)
        takesOwn = takesOwn || other.takesOwn
    }
}

extension PolicySet {
    /// - Parameter named: the traits of the sets with names.
    fileprivate func traits(_ named: [SetTraits]) -> SetTraits {
        var result = SetTraits()
        switch self {
        case .packets(let constraints): result = constraints.query.traits
        case .anyOf(let parts): for part in parts { result.add(part.traits(named)) }
        case .except(let own, let others):
            result = own.traits(named)
            result.free.formUnion(others.traits(named).free)
        case .named(let place): if place < named.count { result = named[place] }
        }
        return result
    }
}

extension PacketQuery {
    fileprivate var traits: SetTraits {
        var result = SetTraits()
        result.free = fields
        result.limited = fields
        for (ends, address, port) in [
            (from, PacketField.source, PacketField.sourcePort), (to, .destination, .destinationPort),
        ] {
            for end in ends {
                if end.value.place != .anywhere { result.limited.insert(address) }
                if !end.value.ports.isEmpty { result.limited.insert(port) }
                if end.value.protocol != nil { result.limited.insert(.protocol) }
                // A name may stand for ports of one protocol too.
                if case .named = end.value.place { result.limited.formUnion([port, .protocol]) }
            }
        }
        if !inInterfaces.isEmpty { result.limited.insert(.inInterface) }
        if !icmpTypes.isEmpty { result.limited.formUnion([.protocol, .destinationPort]) }
        result.takesOwn =
            from.contains { !$0.isNegated && $0.value.place == .host } || tests[.user] != nil || tests[.group] != nil
        return result
    }
}
