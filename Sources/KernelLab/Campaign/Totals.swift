internal import NetTypes

/// What a campaign counted. Written and read as lines, since its workers are processes of their own.
public struct Totals: Sendable {
    public var ruleSets = 0
    public var packets = 0
    public var agreed = 0
    public var disagreed = 0
    public var skipped: [String: Int] = [:]
    /// Packets of IPv6, and packets of flows.
    public var packetsV6 = 0
    public var packetsOfFlows = 0
    /// Packets whose answer was not sure, and by what it hung on.
    public var undecided = 0
    public var undecidedBy: [String: Int] = [:]
    /// Parts of rules, by name: how often one was met and matched, and how often it did not.
    public var met: [String: (matched: Int, missed: Int)] = [:]
    /// Features that this kernel lacks.
    public var lacking: Set<String> = []
    /// Folders that hold what disagreed.
    public var kept: [String] = []

    public init() {}

    mutating func add(_ verdict: Verdict, isOfFlow: Bool) {
        packets += 1
        if verdict.packet.packet.version == .v6 { packetsV6 += 1 }
        if isOfFlow { packetsOfFlows += 1 }
        switch verdict.finding {
        case .agrees(let open):
            agreed += 1
            if !open.isEmpty { undecided += 1 }
            for name in open { undecidedBy[name, default: 0] += 1 }
        case .disagrees: disagreed += 1
        case .skipped(let reason): skipped[reason, default: 0] += 1
        }
    }

    public mutating func add(_ other: Totals) {
        ruleSets += other.ruleSets
        packets += other.packets
        agreed += other.agreed
        disagreed += other.disagreed
        packetsV6 += other.packetsV6
        packetsOfFlows += other.packetsOfFlows
        undecided += other.undecided
        for (reason, count) in other.skipped { skipped[reason, default: 0] += count }
        for (name, count) in other.undecidedBy { undecidedBy[name, default: 0] += count }
        for (label, count) in other.met {
            met[label, default: (0, 0)].matched += count.matched
            met[label, default: (0, 0)].missed += count.missed
        }
        lacking.formUnion(other.lacking)
        kept += other.kept
    }
}

extension Totals {
    /// One count a line: `KIND TAB NAME TAB NUMBER…`.
    public var lines: [String] {
        var lines = numbers.map { "number\t\($0.name)\t\(self[keyPath: $0.path])" }
        lines += skipped.map { "skipped\t\($0.key)\t\($0.value)" }
        lines += undecidedBy.map { "undecided\t\($0.key)\t\($0.value)" }
        lines += met.map { "met\t\($0.key)\t\($0.value.matched)\t\($0.value.missed)" }
        lines += lacking.map { "lacking\t\($0)" } + kept.map { "kept\t\($0)" }
        return lines.sorted()
    }

    /// Lines that are none of these are passed over.
    public init(lines: some Sequence<Substring>) {
        for line in lines {
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard words.count >= 2 else { continue }
            let values = words.dropFirst(2).compactMap { Int($0) }
            switch (words[0], values.count) {
            case ("number", 1):
                for number in numbers where number.name == words[1] { self[keyPath: number.path] += values[0] }
            case ("skipped", 1): skipped[words[1], default: 0] += values[0]
            case ("undecided", 1): undecidedBy[words[1], default: 0] += values[0]
            case ("met", 2):
                met[words[1], default: (0, 0)].matched += values[0]
                met[words[1], default: (0, 0)].missed += values[1]
            case ("lacking", 0): lacking.insert(words[1])
            case ("kept", 0): kept.append(words[1])
            default: break
            }
        }
    }

    private var numbers: [(name: String, path: WritableKeyPath<Totals, Int>)] {
        [
            ("rule sets", \.ruleSets), ("packets", \.packets), ("agreed", \.agreed), ("disagreed", \.disagreed),
            ("IPv6", \.packetsV6), ("of flows", \.packetsOfFlows), ("undecided", \.undecided),
        ]
    }

    /// The whole as a person reads it.
    ///
    /// - Parameters:
    ///   - tellsParts: each part of rules with its counts.
    ///   - least: parts met less often than this, matching or not, are told in any case; 0 for none.
    public func report(tellsParts: Bool, least: Int) -> [String] {
        func share(_ count: Int) -> String {
            guard packets > 0 else { return "0 %" }
            let hundredths = count * 10_000 / packets
            return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) %"
        }
        let left = skipped.values.reduce(0, +)
        var lines = [
            "\(packets) packets on \(ruleSets) rule sets: \(agreed) agree, \(disagreed) DISAGREE, \(left) skipped",
            "\(share(packetsV6)) IPv6, \(share(packetsOfFlows)) in flows, \(share(undecided)) undecided",
        ]
        for (name, count) in undecidedBy.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            lines.append("  undecided by \(name): \(count)")
        }
        for (reason, count) in skipped.sorted(by: { $0.key < $1.key }) {
            lines.append("  skipped: \(reason): \(count)")
        }
        if !lacking.isEmpty { lines.append("not had by this kernel: \(lacking.sorted().joined(separator: ", "))") }
        let sorted = met.sorted { $0.key < $1.key }
        if tellsParts {
            lines.append("met, matching and not:")
            for (label, count) in sorted { lines.append("  \(label): \(count.matched) \(count.missed)") }
        }
        // A comment holds for every packet.
        let rare = sorted.filter { part in
            min(part.value.matched, part.value.missed) < least && !part.key.hasPrefix("comment")
        }
        if !rare.isEmpty {
            lines.append("met fewer than \(least) times:")
            for (label, count) in rare { lines.append("  \(label): \(count.matched) \(count.missed)") }
        }
        for path in kept { lines.append("Tools/kernel-compare \(path)") }
        return lines
    }
}
