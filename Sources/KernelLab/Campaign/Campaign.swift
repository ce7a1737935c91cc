public import KernelLink
internal import NetTypes
internal import PacketPath
internal import RuleModel

/// A comparison of random hosts, rule sets and packets with the kernel.
public struct CampaignSettings: Sendable {
    public var seed: UInt64 = 1
    public var ruleSets = 100
    /// Rule sets that are loaded one after another into one host.
    public var ruleSetsOfHost = 10
    public var packetsOfRuleSet = 100
    /// Per cent of rule sets that have native tables of nf_tables.
    public var nativeShare = 0
    /// This worker does every `workers`-th host, from `worker` on.
    public var worker = 0
    public var workers = 1
    /// Where scenarios that disagree are kept.
    public var folder = "kernel-compare-found"
    /// After so many disagreements the worker stops.
    public var mostKept = 10
    public var shrinkTries = 300

    public init() {}

    /// Far from those of other seeds.
    func seed(ofHost host: Int) -> UInt64 { seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(host) &* 0x1_0000 }
}

public struct Campaign {
    private let settings: CampaignSettings
    private let tell: (String) -> Void
    private var totals = Totals()
    private var features: RandomFeatures

    /// - Parameter tell: takes a line for a person, as things happen.
    public init(_ settings: CampaignSettings, tell: @escaping (String) -> Void) throws(LabFailure) {
        self.settings = settings
        self.tell = tell
        features = try availableFeatures()
        totals.lacking = Set(features.leftOut)
    }

    /// Compares, and returns what was counted.
    public mutating func run() -> Totals {
        let hosts = (settings.ruleSets + settings.ruleSetsOfHost - 1) / settings.ruleSetsOfHost
        for host in stride(from: settings.worker, to: hosts, by: settings.workers) {
            let count = min(settings.ruleSetsOfHost, settings.ruleSets - host * settings.ruleSetsOfHost)
            let seed = settings.seed(ofHost: host)
            do throws(LabFailure) {
                try compare(host: seed, ruleSets: count)
            } catch {
                totals.skipped["host \(seed): \(error)", default: 0] += 1
                tell("host \(seed): \(error)")
            }
            if totals.kept.count >= settings.mostKept {
                tell("\(totals.kept.count) disagreements are enough: stopped")
                break
            }
        }
        return totals
    }

    private mutating func compare(host seed: UInt64, ruleSets: Int) throws(LabFailure) {
        let topology = RandomTopology(seed: seed)
        var next = 0
        while next < ruleSets, totals.kept.count < settings.mostKept {
            // Tables of iptables-legacy stay with their hooks, and nothing that is loaded later tells of them.
            let end = (next..<ruleSets).first { backend(of: $0) == .legacy }.map { $0 + 1 } ?? ruleSets
            try compare(host: seed, topology, ruleSets: next..<end)
            next = end
        }
    }

    private func backend(of ruleSet: Int) -> Backend { ruleSet % 5 == 4 ? .legacy : .nfTables }

    /// Some of a host's rule sets, in a namespace of their own.
    private mutating func compare(
        host seed: UInt64, _ topology: RandomTopology, ruleSets: Range<Int>
    ) throws(LabFailure) {
        let namespace = try ScratchNamespace()
        var driver = Driver(try Bench(topology.files, neighbours: topology.addresses))
        for line in driver.bench.scratch.leftOut { tell("host \(seed): not made: \(line)") }
        for index in ruleSets where totals.kept.count < settings.mostKept {
            let ruleSeed = seed &+ UInt64(index) &+ 1
            do throws(LabFailure) {
                try compare(ruleSet: ruleSeed, topology, index, &driver)
            } catch {
                totals.skipped["\(error)", default: 0] += 1
                tell("rule set \(ruleSeed): \(error)")
            }
        }
        for (label, count) in driver.judge.coverage.counts {
            totals.met[label, default: (0, 0)].matched += count.matched
            totals.met[label, default: (0, 0)].missed += count.missed
        }
        try namespace.leave()
    }

    private mutating func compare(
        ruleSet seed: UInt64, _ topology: RandomTopology, _ index: Int, _ driver: inout Driver
    ) throws(LabFailure) {
        let rules = RandomRules(
            seed: seed, topology: topology, features: features, nativeShare: settings.nativeShare)
        var packets = RandomPackets(seed: seed, topology: topology, rules: rules, features: features)
        try driver.load(rules.files, backend(of: index))
        try driver.bench.scratch.laboratory.holdResets(true)
        totals.ruleSets += 1
        let isOfFlows = index % 2 == 1
        var sent = 0
        var found = 0
        while sent < settings.packetsOfRuleSet {
            var verdicts: [Verdict]
            if isOfFlows {
                verdicts = try driver.converse(packets.conversation())
            } else {
                try driver.forget()
                verdicts = [try driver.send(packets.single())]
            }
            for verdict in verdicts {
                sent += 1
                totals.add(verdict, isOfFlow: isOfFlows)
                guard case .disagrees(let differences) = verdict.finding else { continue }
                found += 1
                if found == 1 { try keep(seed, differences, verdict.account, &driver) }
            }
            if found > 0 || driver.isFlooded { break }
        }
    }

    /// Makes a small scenario of what the bench just saw, and keeps it.
    private mutating func keep(
        _ seed: UInt64, _ differences: [String], _ account: [String], _ driver: inout Driver
    ) throws(LabFailure) {
        var scenario = Scenario(
            texts: driver.bench.host + driver.bench.rules, backend: driver.bench.backend, packets: driver.history,
            before: driver.before)
        let rules = driver.bench.rules.map { SnapshotText(name: $0.name, text: $0.withoutHeader) }
        scenario = scenario.shrunk(on: &driver, tries: settings.shrinkTries)
        try driver.load(rules, scenario.backend)
        let folder = "\(settings.folder)/seed-\(seed)"
        let told = differences.map { "- \($0)\n" }.joined()
        let seen = account.map { "    \($0)\n" }.joined()
        try scenario.write(
            to: folder,
            "# Random rule set \(seed)\n\nWhat differed when it was found:\n\n\(told)\nWhat the kernel did:\n\n\(seen)\n"
                + "The last packet of `\(Scenario.flowName)` is the one; `Tools/kernel-compare` sends all of them again.\n"
        )
        totals.kept.append(folder)
        tell("\(folder): \(differences.joined(separator: "; "))")
    }
}

extension RandomTopology {
    /// Addresses that answer on every link.
    fileprivate var addresses: [IPAddress] {
        let far = RandomPools.far(.v4) + RandomPools.far(.v6)
        return pools.neighbours.map(\.address) + pools.gateways.map(\.address) + far
    }
}

/// What this kernel has of all that rules may hold, tried out in a namespace.
private func availableFeatures() throws(LabFailure) -> RandomFeatures {
    let namespace = try ScratchNamespace()
    try ChildProcess.check(["ip", "link", "set", "lo", "up"])
    var available: Set<String> = []
    for feature in RandomFeatures.candidates where feature.program == .sets {
        _ = try ChildProcess.run(["ipset", "destroy"])
        let result = try ChildProcess.run(["ipset", "restore"], input: Array(feature.text.utf8))
        if result.status == 0 { available.insert(feature.name) }
    }
    for version in [IPVersion.v4, .v6] {
        let features = RandomFeatures.candidates.filter { $0.program == .tables(version) }
        available.formUnion(try loadable(features, version))
    }
    try namespace.leave()
    return RandomFeatures(available: available)
}

/// Those that load, found by halves, since mostly all do.
private func loadable(_ features: [RandomFeature], _ version: IPVersion) throws(LabFailure) -> [String] {
    guard let first = features.first else { return [] }
    let program = version == .v4 ? "iptables-nft-restore" : "ip6tables-nft-restore"
    let empty = ["raw", "mangle", "nat", "filter", "security"].map { "*\($0)\nCOMMIT\n" }.joined()
    _ = try ChildProcess.run([program], input: Array(empty.utf8))
    _ = try ChildProcess.run(["ipset", "-exist", "restore"], input: Array(first.needs.utf8))
    let text = features.map(\.text).joined()
    if try ChildProcess.run([program], input: Array(text.utf8)).status == 0 { return features.map(\.name) }
    if features.count == 1 { return [] }
    let half = features.count / 2
    return try loadable(Array(features[..<half]), version) + loadable(Array(features[half...]), version)
}
