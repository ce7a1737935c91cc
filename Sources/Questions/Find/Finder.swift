public import ChainGraph
public import HeaderSpace
public import NetTypes
public import PacketPath
public import PathModel
internal import RuleModel
internal import SourceText

/// Which packets a question is about, beside those that its query describes.
public enum FindTopic: Hashable, Sendable {
    /// Every outcome, each with its packets.
    case everything
    /// Those that come to one of these outcomes; the name is the word for it.
    case outcomes([Outcome], name: String)
    /// Those whose source or destination is another in the end.
    case translated(source: Bool, destination: Bool)
    /// Those for which all matches of a rule hold.
    case hits(NamedRules)
    /// Those that come to a rule or a chain.
    case reaches(NamedRules)
    /// Those that a rule drops, rejects, queues, or lets through to the end.
    case decidedBy(NamedRules)
    /// Those that get to an address, translated or not.
    case getTo([QueryEnd])
    /// Those that leave with a source.
    case leavesAs([QueryEnd])
    /// Those that come in by an interface that their source is not routed by, and get through.
    case spoofed

    /// Whether packets that no rule could let through are left aside.
    var isAboutRules: Bool {
        switch self {
        case .everything, .spoofed: false
        case .outcomes(let outcomes, _): !outcomes.contains(.filtered)
        case .translated, .hits, .reaches, .decidedBy, .getTo, .leavesAs: true
        }
    }
}

/// How many packets of those asked about are found.
public enum FoundShare: String, Hashable, Sendable, CaseIterable {
    /// All of them, whatever the unknowns are.
    case always
    /// Some surely.
    case sometimes
    /// None surely, some if the unknowns are one way.
    case possibly
    case never
}

/// One set of packets that was found.
public struct FoundPackets {
    /// What becomes of them, or what was asked: `accepted`.
    public var title: String
    /// With the unknowns that decide about them.
    public var packets: PacketSet
    /// Rules that make them so, with those of each.
    public var rules: [(rule: RuleReference, packets: PacketSet)] = []
}

/// What was found among packets of one IP version.
public struct FindAnswer {
    public var version: IPVersion
    public var space: PacketSpace
    /// What was asked about.
    public var asked: PacketSet
    public var found: [FoundPackets]
    /// Packets that are left out of `asked`: the kernel itself refuses them for their addresses, whatever the rules say.
    public var aside = PacketSet.none
    /// What is taken for granted, as sentences.
    public var granted: [String]
    /// Whether the analysis ran out of room: no answer counts then.
    public var isExhausted: Bool { space.isExhausted }

    public func share(_ packets: PacketSet) -> FoundShare {
        let surely = space.and(space.always(packets), asked)
        if surely == asked { return .always }
        if !surely.isEmpty { return .sometimes }
        return space.and(space.possibly(packets), asked).isEmpty ? .never : .possibly
    }
}

/// Answers questions about all packets of one host.
public struct Finder {
    var model: HostModel
    let query: PreparedQuery
    /// A chain or hook alone, in the place of the whole way; chains of each family.
    public var places: [ChainPlace] = []
    /// Interfaces that packets may come by on a host of which nothing is known but rules.
    private let strangers: [Symbol]

    public init(_ query: PreparedQuery, on model: inout HostModel) {
        self.query = query
        strangers = standIns(&model)
        self.model = model
    }

    /// IP versions to answer for: those asked about that the host has to do with.
    public var versions: [IPVersion] {
        let wanted = query.versions
        if wanted.count < 2 { return wanted }
        let own = wanted.filter { version in
            model.host.knowsAddresses(version) || model.host.routesKnown(version) != .none
                || model.linked.ruleset.tables.contains { table in
                    table.family.sees(version) && table.chains.contains { !$0.rules.isEmpty || $0.base != nil }
                }
        }
        return own.isEmpty ? [.v4] : own
    }

    /// A space for `version` with all that the query asks about.
    public func space(_ version: IPVersion) -> PacketSpace {
        PacketSpace(version, for: [model], free: query.query.fields, strangers: strangers)
    }

    /// All packets that the query describes, and what becomes of them.
    public func analyses(
        _ space: PacketSpace, recordsRules: Bool, goingTo goal: IPAddress? = nil
    ) -> (asked: PacketSet, of: [PathAnalysis]) {
        let described = query.packets(in: space, on: model)
        var asked: [PacketSet] = []
        var analyses: [PathAnalysis] = []
        for origin in PacketOrigin.allCases {
            let own = space.and(space.domain(origin, on: model), described)
            if own.isEmpty { continue }
            asked.append(own)
            analyses.append(
                analyze(model, origin, in: space, only: own, goingTo: goal, recordsRules: recordsRules))
        }
        return (space.union(asked), analyses)
    }

    /// What was found, `complement`: the packets asked about that are not so.
    public func answer(_ topic: FindTopic, _ version: IPVersion, complement: Bool = false) -> FindAnswer {
        let space = space(version)
        var answer = places.isEmpty ? wholeWay(topic, space) : alone(topic, space)
        guard complement else { return answer }
        let asked = answer.asked
        answer.found = answer.found.map { found in
            FoundPackets(title: "not \(found.title)", packets: space.subtract(asked, found.packets))
        }
        return answer
    }

    // MARK: The whole way

    private func wholeWay(_ topic: FindTopic, _ space: PacketSpace) -> FindAnswer {
        var recordsRules = false
        var goal: IPAddress?
        switch topic {
        case .hits, .reaches, .decidedBy, .leavesAs: recordsRules = true
        case .getTo(let ends):
            let own = ends.filter { $0.version == nil || $0.version == space.version }
            if own.count == 1, case .addresses(let range) = own[0].place, range.isSingle { goal = range.first }
        case .everything, .outcomes, .translated, .spoofed: break
        }
        var (asked, analyses) = analyses(space, recordsRules: recordsRules, goingTo: goal)
        var aside = PacketSet.none
        if topic.isAboutRules {
            let refused = analyses.map { $0.refusedForAddresses }
            aside = space.and(asked, space.always(space.union(refused)))
            asked = space.subtract(asked, aside)
        }
        func packets(where isWanted: (PacketClass) -> Bool) -> PacketSet {
            space.union(
                analyses.map { analysis in
                    analysis.packets {
                        isWanted($0) && query.admits(leavingBy: $0.end.interface, on: model)
                    }
                })
        }
        let through = { packets { $0.end.outcome.isThrough } }
        var found: [FoundPackets] = []
        switch topic {
        case .everything:
            for outcome in Outcome.allCases {
                let own = packets { $0.end.outcome == outcome }
                if !own.isEmpty { found.append(FoundPackets(title: outcome.name, packets: own)) }
            }
        case .outcomes(let outcomes, let name):
            found.append(FoundPackets(title: name, packets: packets { outcomes.contains($0.end.outcome) }))
        case .translated(let source, let destination):
            let own = packets { one in
                one.end.outcome.isThrough
                    && (source && (one.source != .unchanged || one.sourcePort != .unchanged)
                        || destination && (one.destination != .unchanged || one.destinationPort != .unchanged))
            }
            found.append(FoundPackets(title: "translated", packets: own))
        case .hits(let names):
            found.append(
                FoundPackets(title: "matched by \(names.text)", packets: recorded(names, analyses) { $0.hits }))
        case .reaches(let names):
            found.append(FoundPackets(title: "brought to \(names.text)", packets: reaching(names, analyses)))
        case .decidedBy(let names):
            let ended = packets { one in one.end.rule.map { names.rules.contains($0) } ?? false }
            let passed = NamedRules(text: names.text, rules: names.rules.filter { isAccept($0) })
            let accepted = space.and(recorded(passed, analyses) { $0.hits }, through())
            found.append(FoundPackets(title: "decided by \(names.text)", packets: space.or(ended, accepted)))
        case .getTo(let ends):
            let own = space.union(
                analyses.flatMap { analysis in
                    analysis.classes.filter { $0.end.outcome.isThrough }.map { one in
                        space.union(ends.map { ending(at: $0, one, space, false) })
                    }
                })
            found.append(FoundPackets(title: "able to reach it", packets: own))
        case .leavesAs(let ends): found.append(leaving(as: ends, analyses, space))
        case .spoofed:
            let foreign = space.arrivingBySourceRoute(on: model, foreign: true) ?? .none
            asked = space.and(asked, foreign)
            found.append(FoundPackets(title: "let through", packets: space.and(through(), foreign)))
        }
        let granted = analyses.flatMap { $0.granted.map { $0.text } }
        return FindAnswer(
            version: space.version, space: space, asked: asked, found: found, aside: aside, granted: unique(granted))
    }

    private func isAccept(_ rule: RuleReference) -> Bool {
        if case .accept? = model.linked.rule(rule).target { return true }
        if case .native? = model.linked.rule(rule).target { return true }
        return false
    }

    private func recorded(
        _ names: NamedRules, _ analyses: [PathAnalysis], _ sets: (PathAnalysis) -> RuleSets
    ) -> PacketSet {
        guard let space = analyses.first?.space else { return .none }
        return space.union(analyses.flatMap { analysis in names.rules.compactMap { sets(analysis)[$0] } })
    }

    /// Packets that come to a rule, or to the first rule of a chain, or where it has none to those that lead to it.
    private func reaching(_ names: NamedRules, _ analyses: [PathAnalysis]) -> PacketSet {
        var rules = names
        for chain in names.chains where !model.linked.chain(chain).rules.isEmpty {
            rules.rules.append(RuleReference(chain: chain, index: 0))
        }
        var callers = NamedRules(text: names.text)
        for chain in names.chains where model.linked.chain(chain).rules.isEmpty {
            callers.rules += model.linked.callers(of: chain)
        }
        guard let space = analyses.first?.space else { return .none }
        return space.or(recorded(rules, analyses) { $0.reached }, recorded(callers, analyses) { $0.hits })
    }

    // MARK: Ends after NAT

    /// Those packets of a class whose destination (or source) in the end is `end`.
    private func ending(at end: QueryEnd, _ one: PacketClass, _ space: PacketSpace, _ isSource: Bool) -> PacketSet {
        let address = isSource ? one.source : one.destination
        let port = isSource ? one.sourcePort : one.destinationPort
        var packets = one.packets
        if let version = end.version, version != space.version { return .none }
        if case .addresses(let range) = end.place {
            let field = isSource ? PacketField.source : .destination
            switch address {
            case .unchanged: packets = space.and(packets, space.packets(field, in: range))
            case .given(let value): if !range.contains(value) { return .none }
            // A value that the kernel makes of the one it had, or chooses: it may be this one.
            case .partly, .unknown, .various: packets = space.and(packets, somewhere(space))
            }
        }
        if let proto = end.protocol {
            packets = space.and(packets, space.packets(.protocol, UInt128(proto.rawValue)))
        }
        if end.ports.isEmpty { return packets }
        switch port {
        case .unchanged:
            let field = isSource ? PacketField.sourcePort : .destinationPort
            let ports = end.ports.map { space.packets(field, from: UInt128($0.first), through: UInt128($0.last)) }
            packets = space.and(space.and(packets, space.union(ports)), space.protocolsWithPorts)
        case .given(let value): if !end.ports.contains(where: { $0.contains(value) }) { return .none }
        case .partly, .unknown, .various: packets = space.and(packets, somewhere(space))
        }
        return packets
    }

    private func somewhere(_ space: PacketSpace) -> PacketSet {
        space.unknown(
            "nat-choice", whenYes: "NAT gives the packet the address or port that is asked for",
            whenNo: "NAT gives the packet another address or port")
    }

    private func leaving(as ends: [QueryEnd], _ analyses: [PathAnalysis], _ space: PacketSpace) -> FoundPackets {
        var sets: [PacketSet] = []
        for analysis in analyses {
            for one in analysis.classes where one.end.outcome == .forwarded || one.end.outcome == .sent {
                guard query.admits(leavingBy: one.end.interface, on: model) else { continue }
                sets += ends.map { ending(at: $0, one, space, true) }
            }
        }
        var found = FoundPackets(title: "leaving with that source", packets: space.union(sets))
        let possible = space.possibly(found.packets)
        var rules: Set<RuleReference> = []
        for analysis in analyses { rules.formUnion(analysis.hits.rules) }
        for rule in rules.sorted() {
            switch model.linked.rule(rule).target {
            case .snat, .masquerade, .netmap: break
            case .native(.translate(let nat)): if nat.kind != .snat && nat.kind != .masquerade { continue }
            default: continue
            }
            let own = space.union(analyses.compactMap { $0.hits[rule] })
            let both = space.and(space.possibly(own), possible)
            if !both.isEmpty { found.rules.append((rule, both)) }
        }
        return found
    }

    // MARK: A place alone

    private func alone(_ topic: FindTopic, _ space: PacketSpace) -> FindAnswer {
        let described = query.packets(in: space, on: model)
        let analyses = aloneAnalyses(space, described)
        let asked = space.union(analyses.map { $0.domain })
        func packets(_ verdicts: (ChainClass) -> Bool) -> PacketSet {
            space.union(analyses.flatMap { $0.classes.filter(verdicts).map { $0.packets } })
        }
        var found: [FoundPackets] = []
        switch topic {
        case .everything, .translated, .getTo, .leavesAs, .spoofed:
            for name in ["accepted", "returned", "dropped", "rejected", "queued", "undecided"] {
                let own = packets { $0.verdict.name == name }
                if !own.isEmpty { found.append(FoundPackets(title: name, packets: own)) }
            }
        case .outcomes(let outcomes, let name):
            let wanted = Set(outcomes.map { $0.isThrough ? "accepted" : $0.name })
            found.append(FoundPackets(title: name, packets: packets { wanted.contains($0.verdict.name) }))
        case .hits(let names):
            let sets = analyses.flatMap { analysis in names.rules.compactMap { analysis.hits[$0] } }
            found.append(FoundPackets(title: "matched by \(names.text)", packets: space.union(sets)))
        case .reaches(let names):
            var rules = names.rules
            for chain in names.chains { rules.append(RuleReference(chain: chain, index: 0)) }
            let sets = analyses.flatMap { analysis in rules.compactMap { analysis.reached[$0] } }
            found.append(FoundPackets(title: "brought to \(names.text)", packets: space.union(sets)))
        case .decidedBy(let names):
            let ended = packets { one in one.rule.map { names.rules.contains($0) } ?? false }
            found.append(FoundPackets(title: "decided by \(names.text)", packets: ended))
        }
        return FindAnswer(version: space.version, space: space, asked: asked, found: found, granted: [])
    }

    func aloneAnalyses(_ space: PacketSpace, _ described: PacketSet) -> [ChainAnalysis] {
        let own = places.filter { place in
            if case .chain(let chain, _) = place { return model.linked.table(of: chain).family.sees(space.version) }
            return true
        }
        let leaving = outInterfaces()
        return own.map { analyze($0, on: model, in: space, only: described, leavingBy: leaving) }
    }

    /// Interfaces that packets may leave by, those that rules name where the host's are not known.
    private func outInterfaces() -> [Symbol] {
        let names: [Symbol]
        if model.host.knowsInterfaces {
            names = model.host.interfaces.map { $0.name }
        } else {
            var found: [Symbol] = []
            for table in model.linked.ruleset.tables {
                for chain in table.chains {
                    for rule in chain.rules {
                        for case .match(.outInterface(let test)) in rule.statements
                        where !test.value.isPrefix && !found.contains(test.value.name) {
                            found.append(test.value.name)
                        }
                    }
                }
            }
            names = found + strangers.filter { !found.contains($0) }
        }
        return names.filter { query.admits(leavingBy: $0, on: model) }
    }
}

private func unique(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
}

/// Names of interfaces for packets that come by one that no rule names, or that a rule names by its beginning alone; none
/// where the host's own are known.
func standIns(_ model: inout HostModel) -> [Symbol] {
    guard model.host.interfaces.isEmpty else { return [] }
    let mentions = model.interfaceMentions
    let named = Set(mentions.filter { !$0.isPrefix }.map { $0.name })
    let beginnings = unique(mentions.filter { $0.isPrefix }.map { $0.name })
    var names = beginnings.map { $0 + "0" }
    let candidates = ["eth0", "other0", "other1", "other2"]
    if let other = candidates.first(where: { name in
        !named.contains(name) && !beginnings.contains { name.hasPrefix($0) }
    }) {
        names.append(other)
    }
    return names.filter { !named.contains($0) }.map { model.intern($0) }
}
