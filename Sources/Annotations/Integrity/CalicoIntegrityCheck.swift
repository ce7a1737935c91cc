internal import ChainGraph
internal import RuleModel
internal import SourceText

/// Makes the hashes of all of Felix's chains again and says where they do not fit.
struct CalicoIntegrityCheck {
    /// A rule with a hash that waits to be confirmed.
    private struct Pending {
        var reference: RuleReference
        var hash: String
        var spelling: FelixSpelling
        /// Whether a rule below it was confirmed first.
        var wasPassed = false
    }

    /// A chain where the hashes stop fitting.
    private struct Break {
        var state: HashChain
        var name: String
        var pending: ArraySlice<Pending>
        /// Whether not even the first rule fits.
        var isAtStart: Bool
    }

    private let linked: LinkedRuleset
    private let text: FelixText
    private var result = CalicoIntegrity()
    private var breaks: [Break] = []
    /// How many chains have rules of Felix's.
    private var chainCount = 0

    /// Chains that are looked into for what became of them, at most; it costs thousands of hashes each.
    private static let resolvedBreaks = 48

    init(_ linked: LinkedRuleset) {
        self.linked = linked
        text = FelixText(linked: linked)
    }

    /// `nil` where no rule carries a hash of Felix's.
    static func run(_ linked: LinkedRuleset) -> CalicoIntegrity? {
        var check = CalicoIntegrityCheck(linked)
        for index in linked.chainIDs { check.takeChain(ChainID(index)) }
        guard check.result.hashedCount > 0 else { return nil }
        check.resolve()
        check.findUnreached()
        check.result.findings.sort { $0.rule < $1.rule }
        check.result.version = FelixVersionRange(linked)
        return check.result
    }

    private mutating func takeChain(_ id: ChainID) {
        guard let chain = FelixChain(ChainFacts(linked: linked, id: id)) else { return }
        let name = linked.name(linked.chain(id).name)
        var hashed: [(reference: RuleReference, hash: String)] = []
        var others: [RuleReference] = []
        for index in linked.chain(id).rules.indices {
            let reference = RuleReference(chain: id, index: index)
            if let hash = FelixRule(RuleFacts(linked: linked, reference: reference)).hash {
                hashed.append((reference, hash))
            } else {
                others.append(reference)
            }
        }
        if chain.isOwn {
            // A chain without any hash is as a whole not Felix's, which its name alone does not make it.
            if hashed.isEmpty { return }
            for reference in others { result.findings.append(CalicoIntegrity.Finding(kind: .foreign, rule: reference)) }
            confirm(hashed, name)
        } else if !hashed.isEmpty {
            confirmInKernelChain(hashed, name)
        }
    }

    /// Of a chain of the kernel's: rules that Felix inserts and those it appends are two series.
    private mutating func confirmInKernelChain(_ hashed: [(reference: RuleReference, hash: String)], _ name: String) {
        var appended: [(reference: RuleReference, hash: String)] = []
        var inserted: [(reference: RuleReference, hash: String)] = []
        var state = HashChain(name + "*appends*")
        for rule in hashed {
            let spelling = text.spelling(of: rule.reference, chain: name + "*appends*")
            if let next = state.after(spelling, giving: rule.hash, limit: 64) {
                state = next.state
                appended.append(rule)
            } else {
                inserted.append(rule)
            }
        }
        confirm(appended, name + "*appends*")
        confirm(inserted, name)
    }

    private mutating func confirm(_ hashed: [(reference: RuleReference, hash: String)], _ name: String) {
        guard !hashed.isEmpty else { return }
        chainCount += 1
        result.hashedCount += hashed.count
        var pending: ArraySlice<Pending> = []
        for rule in hashed {
            let spelling = text.spelling(of: rule.reference, chain: name)
            pending.append(Pending(reference: rule.reference, hash: rule.hash, spelling: spelling))
        }
        let count = pending.count
        let state = confirm(&pending, from: HashChain(name))
        if !pending.isEmpty {
            breaks.append(Break(state: state, name: name, pending: pending, isAtStart: pending.count == count))
        }
    }

    /// Confirms rules from the front, and where the first does not fit one that stands further down; gives the hash of
    /// the last.
    private mutating func confirm(_ pending: inout ArraySlice<Pending>, from state: HashChain) -> HashChain {
        var state = state
        var confirmed: Set<String> = []
        while let first = pending.first {
            if let next = state.after(first.spelling, giving: first.hash) {
                if first.wasPassed { add(.misplaced, first) }
                state = next.state
                confirmed.insert(first.hash)
                judge(first, next.text)
                pending.removeFirst()
                continue
            }
            if confirmed.contains(first.hash) {
                add(.copied, first)
                pending.removeFirst()
                continue
            }
            var found: (place: Int, next: (state: HashChain, text: String))?
            for place in pending.indices.dropFirst().prefix(256) where found == nil {
                let other = pending[place]
                if let next = state.after(other.spelling, giving: other.hash, limit: 64) { found = (place, next) }
            }
            guard let found else { break }
            state = found.next.state
            confirmed.insert(pending[found.place].hash)
            judge(pending[found.place], found.next.text)
            for place in pending.startIndex..<found.place { pending[place].wasPassed = true }
            pending.remove(at: found.place)
        }
        // All others fit without these: they were never among them.
        if !pending.isEmpty, pending.allSatisfy({ $0.wasPassed }) {
            for rule in pending { add(.foreign, rule) }
            pending = []
        }
        return state
    }

    /// A rule whose hash fits with its parts that Felix writes is Felix's own if it has no others.
    private mutating func judge(_ rule: Pending, _ text: String) {
        if rule.spelling.isCertain {
            result.verifiedCount += 1
        } else {
            let head =
                rule.spelling.head.isEmpty ? 0 : joinedBySpaces(Array(rule.spelling.head.prefix(3))).utf8.count + 1
            add(.edited(original: String(decoding: text.utf8.dropFirst(head), as: UTF8.self)), rule)
        }
    }

    private mutating func add(_ kind: CalicoIntegrity.Finding.Kind, _ rule: Pending) {
        result.findings.append(CalicoIntegrity.Finding(kind: kind, rule: rule.reference))
    }

    // MARK: What became of a rule that does not fit

    private mutating func resolve() {
        guard !breaks.isEmpty else { return }
        // Names are hashed too: where they were replaced, chains do not even begin as they should.
        let atStart = breaks.count { $0.isAtStart }
        if atStart >= 3, atStart * 4 >= chainCount {
            result.isRedacted = true
            for broken in breaks { result.uncheckedCount += broken.pending.count }
            return
        }
        let known = KnownTexts(linked, text)
        let open = breaks
        breaks = []
        for (index, broken) in open.enumerated() {
            if index < Self.resolvedBreaks { resolve(broken, known) } else { giveUp(broken.pending) }
        }
    }

    /// Tries rules that Felix is known to write in the gap, and in place of the rule that does not fit.
    private mutating func resolve(_ broken: Break, _ known: KnownTexts) {
        var state = broken.state
        var pending = broken.pending
        for _ in 0..<16 {
            guard let first = pending.first else { return }
            guard let step = known.step(from: state, chain: broken.name, first.spelling, first.hash) else { break }
            switch step {
            case .gap(let original, let next):
                add(.missing(original: original), first)
                state = next
            case .changed(let original, let next):
                add(.edited(original: original), first)
                state = next
                pending.removeFirst()
            }
            state = confirm(&pending, from: state)
        }
        giveUp(pending)
    }

    private mutating func giveUp(_ pending: ArraySlice<Pending>) {
        guard let first = pending.first else { return }
        add(first.spelling.isCertain ? .editedOrMissing : .notSpelled, first)
        result.uncheckedCount += pending.count
    }

    /// Chains of Felix's that should be the first that a hook's packets meet, and are met by none.
    private mutating func findUnreached() {
        for index in linked.chainIDs {
            let id = ChainID(index)
            let facts = ChainFacts(linked: linked, id: id)
            guard let chain = FelixChain(facts), !linked.chain(id).rules.isEmpty else { continue }
            let hook: String
            switch chain.name {
            case "cali-PREROUTING", "cali-INPUT", "cali-FORWARD", "cali-OUTPUT", "cali-POSTROUTING":
                hook = String(chain.name.dropFirst(5))
            default: continue
            }
            let kernelName = chain.isNative ? "\(chain.layer.name)-\(hook)" : hook
            guard let symbol = linked.names.find(kernelName), let kernel = linked.sibling(of: id, named: symbol),
                !linked.table(of: id).isPartial, !linked.jumps[kernel.index].contains(where: { $0.target == id })
            else { continue }
            result.findings.append(
                CalicoIntegrity.Finding(
                    kind: .unreached(hook: hook), rule: RuleReference(chain: id, index: 0)))
        }
    }
}
