internal import ChainGraph
public import HeaderSpace
public import NetTypes
internal import PacketPath
public import PathModel
public import RuleModel
public import SourceText

/// Asks statements of a policy of one node, or of one node before and after a change.
///
/// Packets are followed once for each IP version and origin, whatever the number of statements.
public final class Checker {
    let policy: CheckPolicy
    /// One, or those before and after.
    public let models: [HostModel]
    let resolver: SetResolver
    /// For rules that are named by their text.
    let files: [SourceFile]
    private let free: Set<PacketField>
    private let recordsRules: Bool
    private let missingRules: [MissingInput]
    private var spaces: [IPVersion: CheckedSpace] = [:]
    /// Versions of packets that statements spoke of: of all so far, and of the one that is answered.
    public private(set) var versions: Set<IPVersion> = []
    private var ownVersions: Set<IPVersion> = []

    /// - Parameters:
    ///   - models: one for statements on one snapshot, two for those that compare. Their names must come from one table.
    ///   - missing: what the models' snapshots lack.
    ///   - cluster: what names of pods and services stand for.
    ///   - files: of the last of the models.
    public init(
        _ policy: CheckPolicy, on models: [HostModel], missing: [MissingInput], cluster: ClusterObjects,
        files: [SourceFile]
    ) {
        missingRules = missing.filter { $0.isRules || $0.isTable }
        self.policy = policy
        self.files = files
        self.models = models
        resolver = SetResolver(policy, on: models[models.count - 1], cluster)
        var free: Set<PacketField> = []
        var recordsRules = false
        for statement in policy.statements where statement.isComparison == (models.count > 1) {
            for set in statement.sets { free.formUnion(resolver.traits(of: set).free) }
            if case .unreachable = statement.claim { recordsRules = true }
        }
        self.free = free
        self.recordsRules = recordsRules
    }

    /// What was taken for names and for granted so far; sentences without a final stop.
    public var notes: [String] {
        var notes: [String] = []
        for decider in models.flatMap({ $0.unfollowedDeciders.about(versions) }) where !notes.contains(decider.text) {
            notes.append(decider.text)
        }
        notes += resolver.notes
        return notes + spaces.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { $0.value.granted }
    }

    /// What becomes of one statement.
    ///
    /// - Parameter index: of the policy's statements.
    public func answer(_ index: Int) -> StatementAnswer {
        let statement = policy.statements[index]
        ownVersions = []
        var findings: [CheckFinding]
        do throws(UnanswerableSet) {
            findings = try self.findings(statement)
        } catch {
            var finding = CheckFinding(.unanswerable(error.message), .refused)
            finding.offset = error.offset
            findings = [finding]
        }
        if spaces.values.contains(where: { $0.space.isExhausted }) {
            findings = [
                CheckFinding(
                    .tooLarge(
                        "the sets of packets of this node need more memory than one answer may take: narrow the statement down, or ask `hookline find` with --from and --to"
                    ), .refused)
            ]
        }
        // What can't be read may decide anything.
        let unread = models.flatMap { $0.unreadRules.about(ownVersions) }
        // What is missing from a table may let through what its other rules drop, too.
        if unread.contains(where: { $0.isOfRules }) {
            for index in findings.indices where findings[index].kind == .violated {
                findings[index].kind = .notProved
                findings[index].unknowns = unknowns(unread)
            }
        }
        if !unread.isEmpty, !findings.contains(where: { $0.kind == .violated }) {
            var finding = CheckFinding(.notProved, .refused)
            finding.unknowns = unknowns(unread)
            findings.append(finding)
        }
        // A table that the host may have decides about what the others let through.
        let lack = missingInputs(forAllOf: Array(ownVersions), of: missingRules).filter { $0.isTable }
        if !lack.isEmpty, !findings.contains(where: { $0.kind == .violated || $0.kind == .notProved }) {
            var finding = CheckFinding(.notProved, .refused)
            finding.unknowns = lack.map { absent($0) }
            findings.append(finding)
        }
        var verdict = StatementAnswer.Verdict.holds
        for finding in findings {
            switch finding.kind {
            case .violated, .unanswerable: verdict = .fails
            case .notProved, .tooLarge: verdict = max(verdict, statement.takesPossibly ? .conceded : .notProved)
            case .empty: verdict = max(verdict, statement.takesNone ? .conceded : .fails)
            }
        }
        return StatementAnswer(statement: index, findings: findings, verdict: verdict)
    }

    /// A packet of each kind that a statement wants through and that leaves the node for another host; the first of many.
    public func examplesLeaving(_ index: Int) -> [ExamplePacket] {
        guard case .allow(let set) = policy.statements[index].claim else { return [] }
        var examples: [ExamplePacket] = []
        // What can't be asked has been told.
        try? ask(set, .usual) { (asked) throws(UnanswerableSet) in
            let meant = possible(asked, set)
            for one in asked.followed.analysis.classes where one.end.outcome == .forwarded || one.end.outcome == .sent {
                if examples.count == Checker.leavingCount { return }
                let own = asked.space.possibly(asked.space.and(one.packets, meant))
                if let example = asked.space.example(of: own) { examples.append(example) }
            }
        }
        return examples
    }

    private static let leavingCount = 64

    /// Says that another node does not let through a packet that this one sends on.
    ///
    /// - Parameters:
    ///   - isSure: whether that is so whatever the unknowns are.
    ///   - beyond: what becomes of it, as a clause.
    public func refute(_ answer: inout StatementAnswer, by example: ExamplePacket, isSure: Bool, beyond: String) {
        var finding = CheckFinding(isSure ? .violated : .notProved, .refused)
        finding.example = example
        finding.beyond = beyond
        answer.findings.append(finding)
        let isConceded = !isSure && policy.statements[answer.statement].takesPossibly
        answer.verdict = max(answer.verdict, isSure ? .fails : isConceded ? .conceded : .notProved)
    }

    private func unknowns(_ unread: [UnfollowedDecider]) -> [CheckFinding.Unknown] {
        unread.map { CheckFinding.Unknown(name: "unread-rules", meaning: $0.text) }
    }

    private func absent(_ rules: MissingInput) -> CheckFinding.Unknown {
        CheckFinding.Unknown(
            name: rules.name, meaning: "rules that are not in the snapshot (`\(rules.command)`) say the same")
    }

    /// Notes that a statement speaks of packets of `version`.
    func noteAsked(_ version: IPVersion) {
        versions.insert(version)
        ownVersions.insert(version)
    }

    private func findings(_ statement: PolicyStatement) throws(UnanswerableSet) -> [CheckFinding] {
        switch statement.claim {
        case .allow(let set): return try allowed(set)
        case .deny(let set): return try denied(set)
        case .translate(let set, let translation): return try translated(set, translation)
        case .same(let set): return try same(set, but: [])
        case .alike(let set, let other): return try alike(set, other)
        case .change(let change):
            var found: [CheckFinding] = []
            if let set = change.allowed { found += try allowed(set) }
            if let set = change.denied { found += try denied(set) }
            if change.isAll {
                found += try same(nil, but: [change.allowed, change.denied].compactMap { $0 }).map { finding in
                    var own = finding
                    own.isElse = true
                    return own
                }
            }
            return found
        case .unreachable(let name): return unreachable(name)
        }
    }

    // MARK: Spaces

    func space(_ version: IPVersion) -> CheckedSpace {
        if let known = spaces[version] { return known }
        let made = CheckedSpace(version, models, free: free, recordsRules: recordsRules)
        spaces[version] = made
        return made
    }

    /// Packets of one version and origin that a statement speaks of, and what becomes of them.
    struct Asked {
        let checked: CheckedSpace
        let origin: PacketOrigin
        let packets: PacketSet
        let followed: CheckedSpace.Followed

        var space: PacketSpace { checked.space }
    }

    /// Goes through the packets of `set` by version and origin, where there are any.
    func ask(
        _ set: PolicySet, _ breadth: Breadth, _ body: (Asked) throws(UnanswerableSet) -> Void
    ) throws(UnanswerableSet) {
        let last = models.count - 1
        for version in IPVersion.allCases {
            let checked = space(version)
            let packets = try resolver.packets(set, breadth, in: checked.space)
            if packets.isEmpty { continue }
            for origin in PacketOrigin.allCases where origin == .wire || resolver.traits(of: set).takesOwn {
                let own = checked.space.and(packets, checked.space.domain(origin, on: models[last]))
                if own.isEmpty { continue }
                noteAsked(version)
                let followed = checked.follow(origin, last)
                try body(Asked(checked: checked, origin: origin, packets: own, followed: followed))
            }
        }
    }

    // MARK: Findings

    /// What a set of packets that is against a statement shows: for each rule or policy that decided, an example.
    ///
    /// - Parameters:
    ///   - wrong: packets of which what is against it is known; with unknowns in it.
    ///   - doubtful: those of which it is not known; told where none is surely wrong.
    ///   - isMeant: classes whose ends are told.
    func findings(
        _ wrong: PacketSet, or doubtful: PacketSet, _ fault: CheckFinding.Fault, _ asked: Asked,
        among isMeant: (PacketClass) -> Bool
    ) -> [CheckFinding] {
        let space = asked.space
        let surely = space.always(wrong)
        // Rules that are not in the snapshot may say otherwise.
        let lack = missingInputs(forAllOf: [space.version], of: missingRules).map { absent($0) }
        let isSure = !surely.isEmpty && lack.isEmpty
        let against = isSure ? wrong : space.or(wrong, doubtful)
        if against.isEmpty { return [] }
        let shown = isSure ? surely : space.possibly(against)
        var found: [CheckFinding] = []
        var seen: Set<Decider> = []
        for one in asked.followed.analysis.classes where isMeant(one) {
            let own = space.and(one.packets, against)
            if own.isEmpty { continue }
            let packets = space.and(space.possibly(own), shown)
            guard let example = space.example(of: packets) else { continue }
            guard seen.insert(Decider(one.end)).inserted else { continue }
            if found.count >= Checker.shownCount {
                found[0].moreCount += 1
                continue
            }
            var finding = CheckFinding(isSure ? .violated : .notProved, fault)
            finding.example = example
            finding.end = one.end
            if !isSure { finding.unknowns = lack + unknowns(space.and(own, packets), space) }
            found.append(finding)
        }
        if found.isEmpty {
            var finding = CheckFinding(isSure ? .violated : .notProved, fault)
            finding.example = space.example(of: shown)
            finding.unknowns = lack + unknowns(against, space)
            found.append(finding)
        }
        return found
    }

    /// How many rules are shown for one statement, version and origin.
    private static let shownCount = 3

    /// Names of what decides whether a packet is in a set, the first few.
    func unknowns(_ set: PacketSet, _ space: PacketSpace) -> [CheckFinding.Unknown] {
        space.unknownNames(set).prefix(8).map { name in
            CheckFinding.Unknown(name: name, meaning: space.meaning(ofUnknown: name)?.whenYes ?? "")
        }
    }

    private struct Decider: Hashable {
        let outcome: Outcome
        let reason: Reason?
        let rule: RuleReference?
        let chain: ChainID?

        init(_ end: PathEnd) {
            outcome = end.outcome
            reason = end.reason
            rule = end.rule
            chain = end.chain
        }
    }
}

extension PolicyStatement {
    /// All sets that it names.
    var sets: [PolicySet] {
        switch claim {
        case .allow(let set), .deny(let set), .translate(let set, _), .same(let set): [set]
        case .alike(let set, let other): [set, other]
        case .change(let change): [change.allowed, change.denied].compactMap { $0 }
        case .unreachable: []
        }
    }
}
