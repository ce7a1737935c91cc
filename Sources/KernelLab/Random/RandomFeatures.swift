package import NetTypes
import RuleModel

/// One thing that a host may lack: a match, a target, a type of set. The text loads on a host that has it.
package struct RandomFeature: Sendable {
    package enum Program: Sendable, Hashable {
        /// `iptables-restore` or `ip6tables-restore`.
        case tables(IPVersion)
        /// `ipset restore`.
        case sets
    }

    /// Such as `ip match tcp`, `ip6 target TEE`, `set hash:ip`.
    package let name: String
    package let program: Program
    package let text: String
    /// Sets that must be there before; for `ipset restore`.
    package let needs: String
}

/// The matches, targets and types of sets that rules are drawn from.
package struct RandomFeatures: Sendable {
    let matches: [MatchEntry]
    let targets: [TargetEntry]
    let setTypes: [SetType]
    /// The names of those that are left out.
    package let leftOut: [String]
    private let available: Set<String>?

    package static let everything = RandomFeatures(available: nil)

    /// Only features with these names; `nil` for all.
    package init(available: Set<String>?) {
        self.available = available
        func has(_ name: String) -> Bool { available?.contains(name) ?? true }
        matches = Self.allMatches
        targets = Targets.all
        setTypes = RandomSet.types.filter { has("set \($0.name)") }
        leftOut = available.map { known in Self.candidates.map(\.name).filter { !known.contains($0) } } ?? []
    }

    static let allMatches = HeaderMatches.all + NetworkMatches.all + HostMatches.all + RateMatches.all

    func has(_ match: MatchEntry, _ version: IPVersion) -> Bool {
        match.versions.has(version)
            && (available?.contains(Self.name(of: match.name, "match", version)) ?? true)
    }

    func has(_ target: TargetEntry, _ version: IPVersion) -> Bool {
        target.versions.has(version)
            && (available?.contains(Self.name(of: target.name, "target", version)) ?? true)
    }

    private static func name(of entry: String, _ kind: String, _ version: IPVersion) -> String {
        "\(version == .v4 ? "ip" : "ip6") \(kind) \(entry)"
    }

    /// Every feature, with a rule or set that only loads where it is there. Which of them load is the host's answer.
    package static let candidates: [RandomFeature] = sets + [.v4, .v6].flatMap { tables($0) }

    private static let probedSet =
        "create probed hash:ip family inet hashsize 1024 maxelem 65536 skbinfo\n"
        + "create probed6 hash:ip family inet6 hashsize 1024 maxelem 65536 skbinfo\n"

    private static let sets: [RandomFeature] = RandomSet.types.map { type in
        var header = "create x \(type.name)"
        if RandomSet.hasVersion(type) { header += " family inet" }
        switch type {
        case .bitmapIP, .bitmapIPMAC: header += " range 10.0.0.0/16"
        case .bitmapPort: header += " range 0-65535"
        case .hashIP, .hashMAC, .hashIPMAC, .hashIPMark, .hashIPPort, .hashIPPortIP, .hashIPPortNet, .hashNet,
            .hashNetNet, .hashNetPort, .hashNetPortNet, .hashNetInterface, .listSet, .unknown:
            break
        }
        return RandomFeature(name: "set \(type.name)", program: .sets, text: header + "\n", needs: "")
    }

    private static func tables(_ version: IPVersion) -> [RandomFeature] {
        let topology = RandomTopology.forProbes
        var sets: [RandomSet] = []
        for (name, family) in [("probed", IPVersion.v4), ("probed6", .v6)] {
            var set = RandomSet(name: name, type: .hashIP, version: family)
            set.keepsPackets = true
            sets.append(set)
        }
        let draft = RuleDraft(topology, version, sets: sets, chance: Chance(seed: 1))
        let matches = allMatches.filter { $0.versions.has(version) }.compactMap { entry -> RandomFeature? in
            guard let (words, table, hook) = probe(draft, entry.tables, entry.hooks, entry.protocols, entry.write)
            else { return nil }
            return feature(name(of: entry.name, "match", version), version, "*\(table)\n-A \(hook)\(words)\nCOMMIT\n")
        }
        let targets = Targets.all.filter { $0.versions.has(version) }.compactMap { entry -> RandomFeature? in
            guard let (words, table, hook) = probe(draft, entry.tables, entry.hooks, entry.protocols, entry.write)
            else { return nil }
            return feature(name(of: entry.name, "target", version), version, "*\(table)\n-A \(hook)\(words)\nCOMMIT\n")
        }
        return matches + targets
    }

    private static func feature(_ name: String, _ version: IPVersion, _ text: String) -> RandomFeature {
        RandomFeature(name: name, program: .tables(version), text: text, needs: probedSet)
    }

    /// A rule in the first place where the entry may stand.
    private static func probe(
        _ draft: RuleDraft, _ tables: RuleTables, _ hooks: RuleHooks, _ protocols: [UInt8],
        _ write: (inout RuleDraft) -> String?
    ) -> (words: String, table: String, hook: String)? {
        for table in [RuleTable.filter, .mangle, .nat, .raw, .security] where tables.contains(table.set) {
            for hook in table.hooks where hooks.contains(hook.set) {
                var draft = draft
                draft.table = table
                draft.hooks = hook.set
                draft.number = protocols.first
                guard let words = write(&draft) else { continue }
                let named = protocols.first.map { " -p \(ProtocolWords.name($0, draft.version))" } ?? ""
                return ("\(named) \(words)", table.rawValue, hook.rawValue)
            }
        }
        return nil
    }
}

extension RandomTopology {
    /// The first one with a bridge: some features have nothing to say elsewhere.
    static let forProbes: RandomTopology = {
        for seed in UInt64(0)..<1000 {
            let topology = RandomTopology(seed: seed)
            if !topology.pools.bridgePorts.isEmpty { return topology }
        }
        return RandomTopology(seed: 0)
    }()
}

/// How `-p` names protocols.
enum ProtocolWords {
    static func name(_ number: UInt8, _ version: IPVersion) -> String {
        IPProtocol(number).name ?? "\(number)"
    }
}
