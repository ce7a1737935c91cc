internal import HeaderSpace
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import Snapshot
internal import SourceText

/// A comparison of what sets of packets say of random hosts and rule sets with what single packets say.
public struct SetCampaign {
    private let settings: CampaignSettings
    private let tell: (String) -> Void
    private var totals = SetTotals()

    /// - Parameter tell: takes a line for a person, as things happen.
    public init(_ settings: CampaignSettings, tell: @escaping (String) -> Void) {
        self.settings = settings
        self.tell = tell
    }

    /// Compares, and returns what was counted.
    public mutating func run() throws(LabFailure) -> SetTotals {
        let hosts = (settings.ruleSets + settings.ruleSetsOfHost - 1) / settings.ruleSetsOfHost
        for host in stride(from: settings.worker, to: hosts, by: settings.workers) {
            let count = min(settings.ruleSetsOfHost, settings.ruleSets - host * settings.ruleSetsOfHost)
            let seed = settings.seed(ofHost: host)
            let topology = RandomTopology(seed: seed)
            for index in 0..<count {
                try compare(ruleSet: seed &+ UInt64(index) &+ 1, topology, index % 5 == 4 ? .legacy : .nfTables)
                guard totals.kept.count < settings.mostKept else {
                    tell("\(totals.kept.count) disagreements are enough: stopped")
                    return totals
                }
            }
        }
        return totals
    }

    private mutating func compare(
        ruleSet seed: UInt64, _ topology: RandomTopology, _ backend: Backend
    ) throws(LabFailure) {
        let rules = RandomRules(seed: seed, topology: topology, nativeShare: settings.nativeShare)
        let texts = topology.files + rules.files.map { $0.asSaved(by: backend) }
        let node = try readNode(texts)
        let model = HostModel(node.ruleset, node.host, names: node.names)
        totals.ruleSets += 1
        var kinds: Set<Bool> = []
        for version in IPVersion.allCases {
            let space = PacketSpace(version, for: [model])
            let analyses = PacketOrigin.allCases.map { analyze(model, $0, in: space) }
            var packets = RandomPackets(seed: seed, topology: topology, rules: rules)
            var numbers = SeededNumbers(seed: seed)
            if space.isExhausted {
                totals.exhausted += 1
                continue
            }
            var examples: [(analysis: Int, example: ExamplePacket)] = []
            // Half of them out of the classes, each class in turn.
            let places = analyses.enumerated().flatMap { number, analysis in
                analysis.classes.map { (number, $0.packets) }
            }
            for count in 0..<settings.packetsOfRuleSet / 2 where !places.isEmpty {
                let (number, set) = places[count % places.count]
                if let example = space.random(of: set, &numbers) { examples.append((number, example)) }
            }
            // And half as rules and hosts suggest, as far as they can be plain.
            var tries = settings.packetsOfRuleSet
            while examples.count < settings.packetsOfRuleSet, tries > 0 {
                tries -= 1
                let drawn = packets.single()
                guard let arrival = arrival(of: drawn, topology, model) else { continue }
                let number = drawn.arrival == .host ? 1 : 0
                // Most connections are new, some are not.
                let state = ArrivalState(rawValue: UInt8(numbers.next() % 10)) ?? .new
                if let example = space.example(
                    like: drawn.packet, arrival: arrival, state: state, in: analyses[number].domain)
                {
                    examples.append((number, example))
                }
            }
            for (number, example) in examples {
                let agreement = analyses[number].compare(example, on: model)
                // What is looked up makes sets, too.
                if space.isExhausted {
                    totals.exhausted += 1
                    break
                }
                totals.add(agreement)
                guard let difference = agreement.difference else { continue }
                let kind = agreement.isNeedless ? "needless" : "wrong"
                // One of each kind.
                guard kinds.insert(agreement.isNeedless).inserted else { continue }
                try keep("\(kind)-\(seed)", texts, example, difference)
            }
        }
    }

    /// The interface that a packet of the host's rules comes by; `.some(nil)`: it is made here.
    private func arrival(of packet: RandomPacket, _ topology: RandomTopology, _ model: HostModel) -> Symbol?? {
        switch packet.arrival {
        case .host: return .some(nil)
        case .wire(let name):
            let interface = topology.interfaces.first { $0.name == name }
            // Bridged frames are followed one by one alone.
            guard let interface, interface.role == .plain else { return nil }
            return model.names.find(name).map { .some($0) }
        }
    }

    /// Makes the host and its rules small as long as both still say different things, and keeps them.
    private mutating func keep(
        _ name: String, _ texts: [SnapshotText], _ example: ExamplePacket, _ difference: String
    ) throws(LabFailure) {
        var small = SetScenario(texts: texts, arrival: nil, example: example)
        if let arrival = example.arrival {
            let node = try readNode(texts)
            small.arrival = node.names.text(arrival)
        }
        var told = difference
        if settings.shrinkTries > 0 {
            small.shrink(tries: settings.shrinkTries)
            told = small.difference() ?? "NOT SEEN AGAIN: \(difference)"
        }
        let folder = "\(settings.folder)/\(name)"
        try small.write(to: folder, "\(told)\n\(small.packetText)\n\nfirst: \(difference)\n")
        totals.kept.append(folder)
        tell("\(folder): \(told): \(small.packetText)")
    }
}

/// A host, its rules and one packet, of which sets and a trace may say different things.
struct SetScenario {
    var texts: [SnapshotText]
    /// `nil`: made here.
    var arrival: String?
    var example: ExamplePacket

    var packetText: String {
        let packet = example.packet
        let ports = packet.protocol.isICMP ? "type \(packet.icmpType)/\(packet.icmpCode)" : ""
        return "in \(arrival ?? "-") \(packet.source):\(packet.sourcePort) > \(packet.destination):"
            + "\(packet.destinationPort) protocol \(packet.protocol.rawValue) \(ports) \(example.state) "
            + "flags \(packet.tcpFlags.rawValue) ttl \(packet.ttl) tos \(packet.tos) length \(packet.length) "
            + "ct mark \(example.connectionMark) uid \(packet.userID ?? 0) mac \(packet.sourceMAC?.bits ?? 0)"
    }

    /// What both say differently; `nil` where they agree, or where the texts are no host.
    func difference() -> String? {
        guard let node = try? readNode(texts) else { return nil }
        let model = HostModel(node.ruleset, node.host, names: node.names)
        let space = PacketSpace(example.packet.version, for: [model])
        let analysis = analyze(model, arrival == nil ? .host : .wire, in: space)
        var symbol: Symbol?
        if let arrival {
            guard let found = model.names.find(arrival) else { return nil }
            symbol = found
        }
        guard !space.isExhausted,
            let again = space.example(
                like: example.packet, arrival: symbol, state: example.state, in: analysis.domain)
        else { return nil }
        return analysis.compare(again, on: model).difference
    }

    /// Leaves out lines, many at first, as long as something differs.
    mutating func shrink(tries: Int) {
        var tries = tries
        for (place, text) in texts.enumerated().reversed() where text.isRules {
            var lines = text.text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
            var size = max(1, lines.count / 2)
            while size > 0, tries > 0 {
                var start = 0
                while start < lines.count, tries > 0 {
                    let end = min(start + size, lines.count)
                    let isWhole = lines[start..<end].contains { $0.hasPrefix("*") || $0 == "COMMIT" }
                    if isWhole, size == 1 {
                        start = end
                        continue
                    }
                    var next = self
                    let rest = Array(lines[..<start] + lines[end...])
                    next.texts[place] = SnapshotText(name: text.name, text: rest.map { $0 + "\n" }.joined())
                    tries -= 1
                    if next.difference() != nil {
                        self = next
                        lines = rest
                    } else {
                        start = end
                    }
                }
                size /= 2
            }
        }
    }

    func write(to folder: String, _ words: String) throws(LabFailure) {
        try makeFolder(folder)
        for text in texts { try writeFile("\(folder)/\(text.name)", text.text) }
        try writeFile("\(folder)/README.md", words)
    }
}

/// Counts of a comparison of sets with packets.
public struct SetTotals: Sendable {
    var ruleSets = 0
    var packets = 0
    var disagreed = 0
    /// Of those that disagree: where sets ask for what a trace knows.
    var needless = 0
    /// Those of which one says what the other rules out.
    var wrong: Int { disagreed - needless }
    /// What they ask for then.
    var asked: [String: Int] = [:]
    /// Of several ends by what nobody knows.
    var open = 0
    /// Of ways that sets do not follow.
    var unfollowed = 0
    var exhausted = 0
    var kept: [String] = []

    mutating func add(_ agreement: PacketAgreement) {
        packets += 1
        if agreement.difference != nil {
            disagreed += 1
            if agreement.isNeedless {
                needless += 1
                for name in agreement.unknowns {
                    asked[String(name.prefix { $0 != "@" }), default: 0] += 1
                }
            }
        }
        if agreement.isUnfollowed {
            unfollowed += 1
        } else if agreement.ends > 1 {
            open += 1
        }
    }

    /// As a worker tells them.
    public var lines: [String] {
        let counts = [ruleSets, packets, disagreed, needless, open, unfollowed, exhausted]
        let names = asked.sorted { $0.key < $1.key }.map { "asked \($0.value) \($0.key)" }
        return [(["counts"] + counts.map { "\($0)" }).joined(separator: " ")] + names
    }

    mutating func add(line: some StringProtocol) {
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().map { Int($0) ?? 0 }
        switch words.first {
        case "counts" where numbers.count == 7:
            ruleSets += numbers[0]
            packets += numbers[1]
            disagreed += numbers[2]
            needless += numbers[3]
            open += numbers[4]
            unfollowed += numbers[5]
            exhausted += numbers[6]
        case "asked" where numbers.count == 2: asked[String(words[2]), default: 0] += numbers[0]
        default: break
        }
    }

    var report: [String] {
        func share(_ count: Int) -> String {
            let tenths = packets == 0 ? 0 : count * 1000 / packets
            return "\(count) (\(tenths / 10).\(tenths % 10) %)"
        }
        return [
            "\(ruleSets) rule sets, \(packets) packets, \(wrong) off; sets ask what a trace knows: \(share(needless))",
            "several ends, by what the input does not tell: \(share(open)); not followed: \(share(unfollowed))",
        ] + asked.sorted { $0.value > $1.value }.map { "  asked needlessly: \($0.value) \($0.key)" }
            + (exhausted == 0 ? [] : ["analyses given up for their size: \(exhausted)"])
    }
}
