internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Follows sets of packets through a host's model, rule by rule, as `PacketPath` follows one: the same plan of hooks, the
/// same matches and targets. Where the kernel decides without rules, `PacketPath`'s own stages are asked with one packet of
/// each class that they tell apart.
final class SetEvaluator {
    let space: PacketSpace
    let model: HostModel
    let stages: Stages
    /// The interfaces of `space` by this host's symbols.
    let interfaces: [Symbol?]
    var record: SetRecord
    /// Where packets must go behind NAT to be followed on; `nil`: anywhere.
    var goal: IPAddress?
    /// Address classes of the routing tables, made when first asked for.
    var atoms: [PacketField: [AddressAtom]] = [:]
    /// Classes of destinations for each of which the host prefers one source, by where destinations come from.
    var sourceChoices: [FieldSource: [AddressAtom]] = [:]
    var specials: [PacketField: [PacketSet]] = [:]
    var interfaceSets: [Negatable<InterfacePattern>: PacketSet] = [:]
    var memberSets: [MemberKey: PacketSet] = [:]
    var sourceClasses: [Symbol: [SourceClass]] = [:]
    var routesBack: [IPAddress: Stages.RouteClass] = [:]
    var refusals: [RefusalKey: Refusals] = [:]
    var checks: [CheckKey: Checked] = [:]
    var chainReads: [ChainID: ChainReads] = [:]
    var summaries: [SummaryKey: ChainSummary] = [:]
    /// Summaries in the order in which they were done.
    var completed: [ChainSummary] = []
    /// Whether some rule exchanges prefixes: what the copy of a packet to a group meets then shows in the packet's bytes.
    lazy var exchangesPrefixes = model.linked.ruleset.hasStatement {
        if case .target(.prefixTranslation) = $0 { return true }
        return false
    }
    /// How many rules lead to each chain.
    let callers: [Int]
    /// Chains that are being walked.
    var openChains: Set<ChainID> = []
    /// What is noted of rules that packets meet outside any summary, and of those of the summary that is made.
    let root: ChainSummary
    var current: ChainSummary
    var nameCases: [NameKey: [NativeCase]] = [:]
    var fibCases: [FibKey: [NativeCase]] = [:]
    var lookups: [LookupKey: [NativeFound]] = [:]

    /// Where packets stand: what a rule sees beside the packet.
    struct Context: Hashable {
        var hook: Hook
        /// `nil`: none, as in OUTPUT.
        var hasInInterface: Bool
        var outInterface: Symbol?
    }

    init(_ space: PacketSpace, _ model: HostModel, recordsRules: Bool) {
        self.space = space
        self.model = model
        stages = Stages(model)
        interfaces = space.symbols(of: model)
        record = SetRecord(recordsRules: recordsRules)
        var callers = [Int](repeating: 0, count: model.linked.jumps.count)
        for jumps in model.linked.jumps {
            for jump in jumps { if let target = jump.target { callers[target.index] += 1 } }
        }
        self.callers = callers
        root = ChainSummary(Flow(space))
        current = root
    }

    /// The rule as names of unknowns cite it: `filter/INPUT:3`.
    func cite(_ rule: RuleReference) -> String { "\(model.linked.path(of: rule.chain)):\(rule.index + 1)" }

    /// Where the unknown is as `isYes` says.
    func unknown(_ name: String, _ text: String, isYes: Bool = true) -> PacketSet {
        let set =
            isYes
            ? space.unknown(name, whenYes: text, whenNo: "not: \(text)")
            : space.unknown(name, whenYes: "not: \(text)", whenNo: text)
        return isYes ? set : space.complement(set)
    }

    /// One packet of `way` as it stands at `hook`.
    func situation(_ way: Way, _ hook: Hook) -> Situation? {
        space.values(in: way.packets).map { situation($0, way.flow, hook) }
    }

    /// The packet with these fields as it arrived, as it stands at `hook`.
    func situation(_ values: FieldValues, _ flow: Flow, _ hook: Hook) -> Situation {
        var packet = space.packet(values)
        apply(flow, values, to: &packet)
        var situation = Situation(packet)
        situation.hook = hook
        situation.arrival = space.arrival(values, interfaces)
        if flow.arrivesByLo { situation.arrival = model.names.find("lo") }
        situation.isLoopedBack = flow.isLoopedBack
        situation.isGivenToSocket = flow.isGivenToSocket
        situation.startedHere = flow.startedHere
        situation.isWithoutSocket = flow.isWithoutSocket
        situation.route = flow.route
        switch flow.standing {
        case .none: break
        case .arrived:
            // Who asks about the state has parted them by it.
            let state = ArrivalState(rawValue: UInt8(truncatingIfNeeded: values[.state])) ?? .new
            return self.situation(values, standing(state, Way(packets: .all, flow: flow)).flow, hook)
        case .untracked: situation.standing = .untracked
        case .invalid: situation.standing = .invalid
        case .tracked(let tracked):
            var original = space.packet(values)
            set(.source, tracked.source, values, &original)
            set(.destination, tracked.destination, values, &original)
            set(.sourcePort, tracked.sourcePort, values, &original)
            set(.destinationPort, tracked.destinationPort, values, &original)
            situation.original = original
            let mark = space.value(tracked.mark, of: .connectionMark, values) ?? 0
            situation.standing = .tracked(state: tracked.state, mark: UInt32(truncatingIfNeeded: mark))
            situation.helper = tracked.helper
            situation.isDestinationTranslated = tracked.isDestinationTranslated
            situation.isSourceTranslated = tracked.isSourceTranslated
            situation.hasDestinationMapping = tracked.hasDestinationMapping
            situation.hasSourceMapping = tracked.hasSourceMapping
            situation.zone = tracked.zone
            situation.labels = tracked.labels
        }
        return situation
    }

    private func apply(_ flow: Flow, _ values: FieldValues, to packet: inout Packet) {
        for field in PacketField.allCases { set(field, flow[field], values, &packet) }
        packet.unknown.formUnion(PacketFields(rawValue: flow.native.lost))
        if let priority = space.value(flow.native.priority, of: .mark, values) {
            packet.priority = UInt32(truncatingIfNeeded: priority)
        }
        if let type = flow.native.packetType.flatMap({ PacketType(rawValue: $0) }) { packet.packetType = type }
    }

    /// Gives `packet` the value that `source` makes of an arriving packet's `values`.
    private func set(
        _ field: PacketField, _ source: FieldSource, _ values: FieldValues, _ packet: inout Packet
    ) {
        if source == .arriving { return }
        guard let value = space.value(source, of: field, values) else {
            packet.unknown.formUnion(field.fields)
            return
        }
        switch field {
        case .inInterface, .state, .protocol, .connectionMark, .mac, .user, .group: break
        case .destination: packet.destination = space.address(value)
        case .destinationPort:
            if packet.protocol.hasPorts { packet.destinationPort = UInt16(truncatingIfNeeded: value) }
        case .source: packet.source = space.address(value)
        case .sourcePort: if packet.protocol.hasPorts { packet.sourcePort = UInt16(truncatingIfNeeded: value) }
        case .tcpFlags: if packet.protocol == .tcp { packet.tcpFlags = TCPFlags(rawValue: UInt8(value & 0xff)) }
        case .ttl: packet.ttl = UInt8(value & 0xff)
        case .tos: packet.tos = UInt8(value & 0xff)
        case .length: if space.free.contains(.length) { packet.length = UInt32(truncatingIfNeeded: value) }
        case .mark: packet.mark = UInt32(truncatingIfNeeded: value)
        }
    }
}

/// What an analysis notes of rules on the way.
struct SetRecord {
    let recordsRules: Bool
    /// Packets, as they arrived, for which all matches of a rule held.
    var hits = RuleSets()
    /// Packets that came to a rule.
    var reached = RuleSets()
    var endings: [SetEnding] = []
    /// What is taken for granted, by name.
    var granted: [String: String] = [:]
}

/// What became of packets, and by what.
struct SetEnding {
    var packets: PacketSet
    /// Only those of them that are in this too.
    var within = PacketSet.all
    var flow: Flow
    var end: PathEnd
}
