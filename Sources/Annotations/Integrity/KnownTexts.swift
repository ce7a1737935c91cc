internal import ChainGraph
internal import RuleModel
internal import SourceText

/// Texts that Felix may have written: those it writes everywhere, those of the other rules of the rule set, and jumps to
/// the chains that there are.
struct KnownTexts {
    /// What stood where the hashes stop fitting.
    enum Step {
        /// A rule before the next one.
        case gap(original: String, HashChain)
        /// Another text of the next one.
        case changed(original: String, HashChain)
    }

    /// Without `-A CHAIN HASH `.
    private var texts: [String] = []

    /// Texts that are tried at most.
    private static let limit = 20_000

    init(_ linked: LinkedRuleset, _ text: FelixText) {
        var seen: Set<String> = []
        let marks = CalicoMarks(linked)
        if let marks {
            for version in ["4", "6"] {
                let fixed = StaticTexts.iptables(marks, version: version) + StaticTexts.native(marks, version: version)
                for text in fixed where seen.insert(text).inserted { texts.append(text) }
            }
        }
        for index in linked.chainIDs {
            let id = ChainID(index)
            let facts = ChainFacts(linked: linked, id: id)
            guard let chain = FelixChain(facts) else { continue }
            for rule in linked.chain(id).rules.indices where texts.count < Self.limit {
                guard FelixRule(facts.facts(rule)).hash != nil else { continue }
                var spelling = text.spelling(of: RuleReference(chain: id, index: rule), chain: "")
                spelling.head = Array(spelling.head.dropFirst(3))
                let likely = spelling.likely
                if seen.insert(likely).inserted { texts.append(likely) }
            }
            guard chain.isOwn else { continue }
            for jump in Self.jumps(to: facts.name, chain, marks) where seen.insert(jump).inserted {
                texts.append(jump)
            }
        }
    }

    /// Rules that lead to a chain of that name.
    private static func jumps(to name: String, _ chain: FelixChain, _ marks: CalicoMarks?) -> [String] {
        let verbs =
            chain.isNative ? ["counter jump \(name)", "counter goto \(name)"] : ["--jump \(name)", "--goto \(name)"]
        var found = verbs
        if let marks {
            for bit in [marks.pass, marks.accept] {
                let bit = goHexadecimal(bit)
                let condition = chain.isNative ? "meta mark & \(bit) == 0" : "-m mark --mark 0/\(bit)"
                found.append("\(condition) \(verbs[0])")
            }
        }
        for (prefix, isFrom) in [
            ("cali-fw-", true), ("cali-tw-", false), ("cali-fh-", true), ("cali-th-", false), ("cali-fhfw-", true),
            ("cali-thfw-", false), ("cali-sm-", true),
        ] where chain.name.hasPrefix(prefix) && !chain.isNative {
            let option = isFrom ? "--in-interface" : "--out-interface"
            found.append("\(option) \(chain.name.dropFirst(prefix.utf8.count)) --goto \(name)")
        }
        return found
    }

    func step(from state: HashChain, chain: String, _ next: FelixSpelling, _ hash: String) -> Step? {
        let head = next.head.isEmpty ? "" : "-A \(chain) HASH "
        for text in texts {
            let changed = state.after(head + text)
            if changed.name == hash { return .changed(original: text, changed) }
            if changed.after(next, giving: hash, limit: 16) != nil { return .gap(original: text, changed) }
        }
        return nil
    }
}
