internal import KernelLink
package import NetTypes

/// The rules of one random host: `iptables-save`, `ip6tables-save` and `ipset save`. One seed, one rule set.
///
/// Every text loads with iptables-nft 1.8.9 where the features are there. Chains form no loops.
package struct RandomRules: Sendable {
    package let seed: UInt64
    package let iptables: String
    package let ip6tables: String
    package let ipset: String
    /// Native tables for `nft -f`; empty without.
    package let native: String
    /// What packets need to meet these rules, by version.
    package let hintsV4: [PacketHint]
    package let hintsV6: [PacketHint]
    /// Whether some rule is decided by time or chance.
    package let hasUndecided: Bool
    /// Whether some rule remembers packets beyond their connections.
    package let remembers: Bool

    /// - Parameter nativeShare: per cent of seeds that have native tables, half of them with no others.
    package init(
        seed: UInt64, topology: RandomTopology, features: RandomFeatures = .everything, nativeShare: Int = 0
    ) {
        self.seed = seed
        var chance = Chance(seed: seed, purpose: 2)
        let certainties = Certainties(undecided: chance.percent(4), remembers: chance.percent(5))
        var setDraw = SetDraw(topology, chance: Chance(seed: seed, purpose: 3))
        let sets = setDraw.draw(features.setTypes)
        ipset = sets.map(\.text).joined()
        var four = DumpDraw(
            RuleDraft(topology, .v4, sets: sets, chance: Chance(seed: seed, purpose: 4)), features, certainties)
        var six = DumpDraw(
            RuleDraft(topology, .v6, sets: sets, chance: Chance(seed: seed, purpose: 6)), features, certainties)
        var nativeChance = Chance(seed: seed, purpose: 7)
        let native = nativeChance.percent(nativeShare) ? RandomNative(seed: seed, topology: topology) : nil
        let isAlone = native != nil && nativeChance.percent(50)
        iptables = isAlone ? "" : four.text()
        ip6tables = isAlone ? "" : six.text()
        self.native = native?.text ?? ""
        hintsV4 = four.draft.hints + (native?.hintsV4 ?? [])
        hintsV6 = six.draft.hints + (native?.hintsV6 ?? [])
        hasUndecided = four.drewUndecided || six.drewUndecided
        remembers = four.drewRemembering || six.drewRemembering
    }

    package func hints(_ version: IPVersion) -> [PacketHint] { version == .v4 ? hintsV4 : hintsV6 }

    /// As files of a snapshot.
    package var files: [SnapshotText] {
        var files: [SnapshotText] = []
        if !iptables.isEmpty { files.append(SnapshotText(name: "iptables-save.txt", text: iptables)) }
        if !ip6tables.isEmpty { files.append(SnapshotText(name: "ip6tables-save.txt", text: ip6tables)) }
        if !native.isEmpty { files.append(SnapshotText(name: "nft.txt", text: native)) }
        if !ipset.isEmpty { files.append(SnapshotText(name: "ipset-save.txt", text: ipset)) }
        return files
    }
}

/// Which matches and targets a rule set may have besides those that are decided.
struct Certainties {
    let undecided: Bool
    let remembers: Bool

    func allow(_ certainty: Certainty) -> Bool {
        switch certainty {
        case .decided: true
        case .undecided: undecided
        case .remembers: remembers
        }
    }
}

/// Draws one dump.
struct DumpDraw {
    private(set) var draft: RuleDraft
    private let matches: [MatchEntry]
    private let targets: [TargetEntry]
    private let tracks: Bool
    private(set) var drewUndecided = false
    private(set) var drewRemembering = false

    /// A chain while its rules are drawn.
    private struct Chain {
        let name: String
        /// Whence it is reached.
        let hooks: RuleHooks
        /// 0 for base chains; a rule leads only to chains further down.
        let depth: Int
        var isBase: Bool { depth == 0 }
    }

    /// What may stand in one chain, with how often.
    private struct Choices {
        var matches: [MatchEntry] = []
        var matchWeights: [Int] = []
        var targets: [TargetEntry] = []
        var targetWeights: [Int] = []
        /// Chains that a rule may lead to.
        var below: [String] = []
    }

    init(_ draft: RuleDraft, _ features: RandomFeatures, _ certainties: Certainties) {
        self.draft = draft
        let version = draft.version
        // Without conntrack fragments stay fragments.
        let tracks = self.draft.percent(86)
        self.tracks = tracks
        matches = features.matches.filter {
            features.has($0, version) && certainties.allow($0.certainty) && (tracks ? !$0.needsFragments : !$0.tracks)
        }
        targets = features.targets.filter {
            features.has($0, version) && certainties.allow($0.certainty) && (tracks || !$0.tracks)
        }
    }

    mutating func text() -> String {
        var text = ""
        let likely: [RuleTable: Int] = [.raw: 65, .mangle: 85, .nat: 75, .filter: 100, .security: 20]
        for table in RuleTable.allCases where draft.percent(likely[table] ?? 0) {
            if table == .nat, !tracks { continue }
            draft.table = table
            write(table, &text)
        }
        return text
    }

    private mutating func write(_ table: RuleTable, _ text: inout String) {
        text += "*\(table.rawValue)\n"
        var chains: [Chain] = []
        for hook in table.hooks {
            chains.append(Chain(name: hook.rawValue, hooks: hook.set, depth: 0))
            let drops = table != .nat && draft.percent(table == .filter ? 4 : 1)
            text += ":\(hook.rawValue) \(drops ? "DROP" : "ACCEPT") [0:0]\n"
        }
        let letter = table.rawValue.prefix(3).uppercased()
        for number in 0..<draft.chance.number(0...6) {
            var hooks = draft.pick(table.hooks).set
            if draft.percent(30) { hooks.formUnion(draft.pick(table.hooks).set) }
            if draft.percent(10) { hooks = RuleHooks(table.hooks.map(\.set)) }
            let chain = Chain(name: "\(letter)\(number)", hooks: hooks, depth: draft.chance.number(1...5))
            chains.append(chain)
            text += ":\(chain.name) - [0:0]\n"
        }
        for chain in chains {
            draft.hooks = chain.hooks
            let choices = choices(chain, chains)
            for _ in 0..<draft.pick(chain.isBase ? [0, 1, 2, 3, 3, 4, 5] : [0, 1, 1, 2, 3, 4]) {
                guard let rule = rule(chain, choices) else { continue }
                text += "-A \(chain.name)\(rule)\n"
            }
        }
        text += "COMMIT\n"
    }

    private func choices(_ chain: Chain, _ chains: [Chain]) -> Choices {
        var choices = Choices()
        for match in matches
        where match.tables.contains(draft.table.set) && match.hooks.isSuperset(of: chain.hooks) {
            choices.matches.append(match)
            choices.matchWeights.append(match.weight)
        }
        for target in targets
        where target.tables.contains(draft.table.set) && target.hooks.isSuperset(of: chain.hooks) {
            choices.targets.append(target)
            choices.targetWeights.append(target.weight)
        }
        choices.below =
            chains.filter { $0.depth > chain.depth && $0.hooks.isSuperset(of: chain.hooks) }.map(\.name)
        return choices
    }

    /// The words of a rule behind its chain; `nil` where none came of it.
    private mutating func rule(_ chain: Chain, _ choices: Choices) -> String? {
        draft.number = nil
        draft.newHints = []
        var target = ""
        var isFinal = false
        if !choices.below.isEmpty, draft.percent(chain.isBase ? 45 : 30) {
            target = "\(draft.percent(20) ? "-g" : "-j") \(draft.pick(choices.below))"
        } else {
            guard let index = draft.chance.weighted(choices.targetWeights) else { return nil }
            let entry = choices.targets[index]
            if !entry.protocols.isEmpty { draft.number = draft.pick(entry.protocols) }
            guard let words = entry.write(&draft) else { return nil }
            target = words
            isFinal = entry.isFinal
            note(entry.certainty)
        }
        // Where a packet's way ends early, few packets may end there.
        let isNAT = draft.table == .nat
        let count =
            isFinal && !isNAT
            ? draft.pick(chain.isBase ? [1, 2, 2, 3] : [1, 1, 2])
            : draft.pick(target.hasPrefix("-j") || isNAT ? [0, 1, 1, 1, 2, 3] : [1, 1, 2])
        var words: [String] = []
        var names: [String] = []
        for _ in 0..<count {
            guard let index = draft.chance.weighted(choices.matchWeights) else { break }
            let entry = choices.matches[index]
            guard !names.contains(entry.name) else { continue }
            let chosen = draft.number
            if !entry.protocols.isEmpty {
                if let chosen {
                    guard entry.protocols.contains(chosen) else { continue }
                } else {
                    draft.number = draft.pick(entry.protocols)
                }
            }
            guard let text = entry.write(&draft) else {
                draft.number = chosen
                continue
            }
            names.append(entry.name)
            words.append(text)
            note(entry.certainty)
        }
        let common = commonMatches(chain, fewOthers: isFinal && !isNAT && words.count < 2)
        draft.hints += draft.newHints
        return ([""] + [common].filter { !$0.isEmpty } + words + [target].filter { !$0.isEmpty })
            .joined(separator: " ")
    }

    private mutating func note(_ certainty: Certainty) {
        switch certainty {
        case .decided: break
        case .undecided: drewUndecided = true
        case .remembers: drewRemembering = true
        }
    }

    /// `-s`, `-d`, `-i`, `-o`, `-p`, `-f`.
    private mutating func commonMatches(_ chain: Chain, fewOthers: Bool) -> String {
        let more = fewOthers ? 25 : 0
        var words: [String] = []
        if draft.percent(18 + more) { words.append("\(draft.not())-s \(draft.place())") }
        if draft.percent(18 + more) { words.append("\(draft.not())-d \(draft.place())") }
        // A chain of its own may name an interface that its hook does not have: it then never matches.
        let mayMiss = !chain.isBase && draft.percent(10)
        if RuleHooks.incoming.contains(chain.hooks) || mayMiss, draft.percent(12 + more) {
            words.append("\(draft.not())-i \(draft.interface())")
        }
        if RuleHooks.outgoing.contains(chain.hooks) || mayMiss, draft.percent(12 + more) {
            words.append("\(draft.not())-o \(draft.interface())")
        }
        if let number = draft.number {
            draft.hint(.protocol(number))
            words.append("-p \(ProtocolWords.name(number, draft.version))")
        } else if draft.percent(15 + more) {
            let number = draft.pick([6, 6, 17, 17, draft.isV4 ? 1 : 58, 132, 47, 50, 51, 136, 33, 2, 108] as [UInt8])
            draft.hint(.protocol(number))
            words.append(
                "\(draft.not())-p \(draft.percent(20) ? "\(number)" : ProtocolWords.name(number, draft.version))")
        }
        if draft.isV4, draft.percent(2) {
            draft.hint(.fragment)
            words.append("\(draft.not(40))-f")
        }
        return words.joined(separator: " ")
    }
}
