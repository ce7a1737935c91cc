internal import ChainGraph
internal import RuleModel
internal import SourceText

/// Which versions of Felix write such rules.
public struct FelixVersionRange: Hashable, Sendable {
    public struct Version: Hashable, Sendable, Comparable {
        public var minor: Int
        public var patch: Int

        public static func < (a: Version, b: Version) -> Bool {
            a.minor == b.minor ? a.patch < b.patch : a.minor < b.minor
        }

        /// `v3.30`, `v3.28.2`; a patch that stands for all of them is left out.
        public var text: String { patch == 0 || patch == Self.anyPatch ? "v3.\(minor)" : "v3.\(minor).\(patch)" }

        static let anyPatch = Int.max
    }

    /// One thing that tells.
    public struct Sign: Hashable, Sendable {
        /// A clause: `cali-FORWARD clears 0x1a0000`.
        public var text: String
        public var earliest: Version?
        public var latest: Version?
    }

    public var signs: [Sign] = []

    public init() {}

    /// `nil` where nothing tells.
    public var earliest: Version? { signs.compactMap { $0.earliest }.max() }
    public var latest: Version? { signs.compactMap { $0.latest }.min() }
    /// Whether signs speak against each other, as with rules that an older Felix has left.
    public var isContradictory: Bool {
        guard let earliest, let latest else { return false }
        return latest < earliest
    }

    /// `v3.30 to v3.31`, `v3.33 or later`, `v3.27 or earlier`.
    public var text: String {
        switch (earliest, latest) {
        case (let first?, let last?): first.text == last.text ? first.text : "\(first.text) to \(last.text)"
        case (let first?, nil): "\(first.text) or later"
        case (nil, let last?): "\(last.text) or earlier"
        case (nil, nil): "an unknown version"
        }
    }

    private mutating func from(_ minor: Int, patch: Int = 0, _ text: String) {
        add(Sign(text: text, earliest: Version(minor: minor, patch: patch), latest: nil))
    }

    private mutating func upTo(_ minor: Int, patch: Int = Version.anyPatch, _ text: String) {
        add(Sign(text: text, earliest: nil, latest: Version(minor: minor, patch: patch)))
    }

    private mutating func add(_ sign: Sign) {
        if !signs.contains(where: { $0.earliest == sign.earliest && $0.latest == sign.latest }) { signs.append(sign) }
    }

    // MARK: Signs

    /// Source: projectcalico/calico, tags v3.22.0 to v3.32.0 and the main branch of August 2026.
    init(_ linked: LinkedRuleset) {
        let marks = CalicoMarks(linked)
        if let marks {
            if marks.hasDrop {
                from(30, "cali-FORWARD leaves a bit for denied packets (\(goHexadecimal(marks.drop)))")
            } else {
                upTo(29, "cali-FORWARD clears three bits in a row: there is none for denied packets")
            }
        }
        for index in linked.chainIDs {
            let id = ChainID(index)
            let facts = ChainFacts(linked: linked, id: id)
            guard let chain = FelixChain(facts) else { continue }
            if chain.isNative { from(29, "rules are in nftables mode") }
            takeChain(facts, chain, marks)
        }
        takeAbsences(linked)
    }

    private mutating func takeChain(_ facts: ChainFacts, _ chain: FelixChain, _ marks: CalicoMarks?) {
        if chain.name == "cali-rpf-skip" { from(23, "there is a chain cali-rpf-skip") }
        if chain.name == "cali-egress-dscp" { from(31, "there is a chain cali-egress-dscp") }
        if chain.name.hasPrefix("cali-gi-") || chain.name.hasPrefix("cali-go-") {
            from(28, "policies are in groups (\(facts.name))")
        }
        let isEndpoint = chain.name.hasPrefix("cali-fw-") || chain.name.hasPrefix("cali-tw-")
        let isPolicy = chain.name.hasPrefix("cali-pi-") || chain.name.hasPrefix("cali-po-")
        for index in facts.linked.chain(facts.id).rules.indices {
            let rule = FelixRule(facts.facts(index))
            guard rule.hash != nil else { continue }
            for comment in rule.comments { takeComment(comment, isPolicy: isPolicy) }
            if isEndpoint, case .mark(0, let mask) = rule.act, let marks, rule.comments.isEmpty {
                if mask == marks.accept | marks.pass { from(28, "endpoints' chains clear two bits at once") }
                if mask == marks.accept { upTo(27, "endpoints' chains clear one bit at their start") }
            }
            if isPolicy, case .flowLog = rule.act { from(30, "policies tell a flow log") }
            if rule.act == .flowOffload { from(33, "connections are handed to a flow table") }
            takeSet(facts.linked.name(rule.set))
            if !chain.isOwn, chain.layer == .nat, chain.name == "POSTROUTING", !chain.isNative {
                takePostrouting(rule.hash ?? "", facts, index)
            }
            if chain.name == "cali-POSTROUTING", chain.layer == .nat, rule.act == .translate, rule.protocolNumber == 17
            {
                from(33, "UDP has a rule of its own before the masquerading into tunnels")
            }
        }
    }

    private mutating func takeComment(_ comment: String, isPolicy: Bool) {
        if comment == "Start of policies" { upTo(27, "'Start of policies'") }
        if comment.hasPrefix("Start of tier ") { from(29, "'\(comment)'") }
        if comment.hasPrefix("End of tier ") { from(30, "'\(comment)'") }
        if comment.hasSuffix(" if no policies passed packet"), !comment.hasPrefix("End of tier ") {
            upTo(29, "'\(comment)'")
        }
        if comment.holds("whitelisted hosts") { upTo(22, "'\(comment)'") }
        if comment.hasSuffix(" allowed hosts"), comment.holds(" VXLAN ") { from(23, "'\(comment)'") }
        guard isPolicy, comment.hasSuffix(" ingress") || comment.hasSuffix(" egress") else { return }
        if comment.hasPrefix("Policy ") { upTo(31, "'\(comment)'") }
        if comment.holds("Policy "), !comment.hasPrefix("Policy ") { from(32, "'\(comment)'") }
    }

    private mutating func takeSet(_ name: String) {
        if name.hasSuffix("network-ip-pools") { from(31, patch: 6, "the set of pools is called \(name)") }
        if name.hasSuffix("all-ipam-pools") { upTo(32, patch: 0, "the set of pools is called \(name)") }
    }

    private mutating func takePostrouting(_ hash: String, _ facts: ChainFacts, _ index: Int) {
        let reference = RuleReference(chain: facts.id, index: index)
        let text = FelixText(linked: facts.linked)
        for (name, isAppended) in [("POSTROUTING", false), ("POSTROUTING*appends*", true)] {
            let spelling = text.spelling(of: reference, chain: name)
            guard HashChain(name).after(spelling, giving: hash, limit: 64) != nil else { continue }
            if isAppended {
                from(28, patch: 2, "nat POSTROUTING's jump is appended")
            } else {
                upTo(28, patch: 1, "nat POSTROUTING's jump is inserted")
            }
        }
    }

    /// What a whole table lacks.
    private mutating func takeAbsences(_ linked: LinkedRuleset) {
        let absences: [(table: String, witness: String, absent: String, minor: Int)] = [
            ("raw", "cali-PREROUTING", "cali-rpf-skip", 22), ("mangle", "cali-POSTROUTING", "cali-egress-dscp", 30),
        ]
        for table in linked.ruleset.tables.indices where !linked.ruleset.tables[table].isNative {
            let name = linked.name(linked.ruleset.tables[table].name)
            for absence in absences where absence.table == name {
                guard let witness = linked.names.find(absence.witness),
                    linked.chainID(table: table, named: witness) != nil, !linked.ruleset.tables[table].isPartial
                else { continue }
                let absent = linked.names.find(absence.absent).flatMap { linked.chainID(table: table, named: $0) }
                if absent == nil { upTo(absence.minor, "\(name) has no chain \(absence.absent)") }
            }
        }
    }
}
