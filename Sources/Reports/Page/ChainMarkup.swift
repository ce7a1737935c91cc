public import Annotations
public import ChainGraph
internal import NetTypes
public import PathModel
internal import RuleModel
public import SourceText

/// Writes the chains of a node for a page: which follow each other at the hooks, and each with its rules.
public struct ChainMarkup: Sendable {
    /// Rules that are written at once; the page asks for those behind them when it is to show them.
    public static let pieceCount = 1_000

    private let quotes: Quotes
    private let owners: AnnotatedRuleset
    /// For each chain those that jump to it, each once.
    private let callers: [[ChainID]]

    public init(_ model: HostModel, files: [SourceFile], owners: AnnotatedRuleset) {
        quotes = Quotes(model: model, files: files)
        self.owners = owners
        let linked = model.linked
        var callers = [[ChainID]](repeating: [], count: linked.chainCount)
        for index in linked.chainIDs {
            for jump in linked.jumps[index] {
                guard let target = jump.target, callers[target.index].last != ChainID(index) else { continue }
                callers[target.index].append(ChainID(index))
            }
        }
        self.callers = callers
    }

    private var linked: LinkedRuleset { quotes.linked }

    public var ruleCount: Int {
        var count = 0
        for index in linked.chainIDs { count += linked.chain(ChainID(index)).rules.count }
        return count
    }

    /// The base chains by hook, in the order that a packet meets them, as links.
    public func writeHooks(into page: inout MarkupWriter) {
        for version in [IPVersion.v4, .v6] {
            guard Hook.allCases.contains(where: { !linked.baseChains(version, $0).isEmpty }) else { continue }
            page.markup("<h3>IPv")
            page.number(Int(version.rawValue))
            page.markup("</h3>\n<ol class=\"hooks\">")
            for hook in Hook.allCases {
                let chains = linked.baseChains(version, hook)
                if chains.isEmpty { continue }
                page.markup("<li><b>")
                page.text(hookTitle(hook))
                page.markup("</b><ol>")
                for chain in chains {
                    page.markup("<li>")
                    page.link(to: PageAnchors.id(of: chain), linked.path(of: chain))
                    page.markup(" <span class=\"quiet\">")
                    page.text(counted(linked.chain(chain).rules.count, "rule"))
                    if linked.chain(chain).base?.policy == .drop { page.markup(", policy DROP") }
                    page.markup("</span></li>")
                }
                page.markup("</ol></li>")
            }
            page.markup("</ol>\n")
        }
    }

    /// All chains, each closed until it is opened.
    ///
    /// - Parameter isFolded: whether rules are left out, and chains that hang on no hook, for the page to ask for.
    public func writeChains(isFolded: Bool, into page: inout MarkupWriter) {
        var isWritten = [Bool](repeating: false, count: linked.chainCount)
        var order: [ChainID] = []
        for hook in Hook.allCases {
            for version in [IPVersion.v4, .v6] {
                for chain in linked.baseChains(version, hook) where !isWritten[chain.index] {
                    isWritten[chain.index] = true
                    order.append(chain)
                }
            }
        }
        if !isFolded { for index in linked.chainIDs where !isWritten[index] { order.append(ChainID(index)) } }
        for chain in order { writeChain(chain, isFolded: isFolded, into: &page) }
        if isFolded {
            page.markup("<p class=\"quiet\">")
            page.text("\(counted(linked.chainCount - order.count, "chain")) more: links and the search lead to them.")
            page.markup("</p>\n")
        }
    }

    /// One chain, closed.
    public func writeChain(_ id: ChainID, isFolded: Bool, into page: inout MarkupWriter) {
        let chain = linked.chain(id)
        page.markup("<details class=\"chain\" id=\"c")
        page.number(id.index)
        page.markup("\"")
        if isFolded { page.markup(" data-folded") }
        page.markup("><summary><b>")
        page.text(linked.path(of: id))
        page.markup("</b> <span class=\"quiet\">")
        page.text(counted(chain.rules.count, "rule"))
        let table = linked.table(of: id)
        if let base = chain.base {
            page.text(", \(base.hook.name), policy ")
            page.markup(base.policy == .drop ? "</span><b class=\"bad\">DROP</b><span class=\"quiet\">" : "ACCEPT")
            page.text(", priority \(base.priority)")
        }
        page.text(", \(table.family.name) \(table.backend.name)")
        if table.isCutOff { page.markup(", the dump is cut off") }
        page.markup("</span>")
        if let owner = owners.purpose(of: id) {
            page.markup(" <span class=\"owner\">")
            page.text("\(owner.maker.name): \(owner.text)")
            page.markup("</span>")
        }
        page.markup("</summary>")
        if !isFolded { writeRules(of: id, from: 0, count: .max, into: &page) }
        page.markup("</details>\n")
    }

    /// The chains that lead to `id`, and its rules from `start` on, at most `count`.
    public func writeRules(of id: ChainID, from start: Int, count: Int, into page: inout MarkupWriter) {
        let chain = linked.chain(id)
        if start == 0 { writeCallers(of: id, into: &page) }
        guard start < chain.rules.count else { return }
        let end = min(chain.rules.count, start + min(count, chain.rules.count))
        var targets: [Int: [Jump]] = [:]
        for jump in linked.jumps[id.index] where jump.rule >= start && jump.rule < end {
            targets[jump.rule, default: []].append(jump)
        }
        let owner = owners.purpose(of: id)
        page.markup("<ol class=\"rules\" start=\"")
        page.number(start + 1)
        page.markup("\">\n")
        // For a piece of a long chain each rule is asked alone.
        let isPiece = chain.rules.count > ChainMarkup.pieceCount && count != .max
        let purposes = isPiece ? nil : owners.purposes(ofRulesIn: id)
        for index in start..<end {
            let reference = RuleReference(chain: id, index: index)
            writeRule(
                reference, chain.rules[index], chain, targets[index] ?? [],
                purposes.map { $0[index] } ?? owners.purpose(of: reference), owner, into: &page)
        }
        page.markup("</ol>\n")
        if end < chain.rules.count {
            page.markup("<button type=\"button\" class=\"more\" data-chain=\"")
            page.number(id.index)
            page.markup("\" data-from=\"")
            page.number(end)
            page.markup("\">")
            page.text(counted(chain.rules.count - end, "more rule"))
            page.markup("</button>\n")
        }
    }

    private func writeCallers(of id: ChainID, into page: inout MarkupWriter) {
        let own = callers[id.index]
        if own.isEmpty {
            if linked.chain(id).base == nil { page.markup("<p class=\"quiet\">No rule leads here.</p>\n") }
            return
        }
        page.markup("<p class=\"quiet\">Reached from ")
        for (index, caller) in own.prefix(20).enumerated() {
            if index > 0 { page.markup(", ") }
            page.link(to: PageAnchors.id(of: caller), linked.path(of: caller))
        }
        if own.count > 20 { page.text(" and \(own.count - 20) more chains") }
        page.markup("</p>\n")
    }

    private func writeRule(
        _ reference: RuleReference, _ rule: Rule, _ chain: Chain, _ jumps: [Jump], _ owner: Purpose?,
        _ chainOwner: Purpose?, into page: inout MarkupWriter
    ) {
        page.markup("<li id=\"")
        page.text(PageAnchors.id(of: reference))
        page.markup("\"><code>")
        page.text(withoutTabs(quotes.text(reference)))
        page.markup("</code>")
        writeJumps(jumps, into: &page)
        page.markup(" <small>")
        if let location = quotes.location(rule.place) { page.text(location) }
        if let counters = chain.counters(of: rule) {
            page.text(" \(counted(Int(clamping: counters.packets), "packet")), \(counters.bytes) bytes")
        }
        page.markup("</small>")
        if let owner, owner != chainOwner {
            page.markup(" <span class=\"owner\">")
            if owner.maker != chainOwner?.maker { page.text(owner.maker.name + ": ") }
            page.text(owner.text)
            page.markup("</span>")
        }
        page.markup("</li>\n")
    }

    private func writeJumps(_ jumps: [Jump], into page: inout MarkupWriter) {
        for jump in jumps.prefix(20) {
            if let target = jump.target {
                page.markup(" <span class=\"jump\">\u{2192} ")
                page.link(to: PageAnchors.id(of: target), quotes.name(linked.chain(target).name))
                page.markup("</span>")
            } else {
                page.markup(" <b class=\"bad\">\u{2192} no chain ")
                page.text(quotes.name(jump.name))
                page.markup("</b>")
            }
        }
        if jumps.count > 20 { page.text(" and to \(jumps.count - 20) more chains") }
    }

    // MARK: Search

    /// Rules and chains in which `words` stand, letters small or not, as a list of links; at most `limit` of them.
    public func writeMatches(of words: String, limit: Int, into page: inout MarkupWriter) {
        let needle = Array(words.lowercased().utf8)
        if needle.isEmpty { return }
        var found = 0
        page.markup("<ol class=\"found\">")
        for index in linked.chainIDs {
            let id = ChainID(index)
            if contains(linked.path(of: id), needle) {
                found += 1
                if found <= limit {
                    page.markup("<li>")
                    page.link(to: PageAnchors.id(of: id), linked.path(of: id))
                    page.markup("</li>")
                }
            }
            for number in linked.chain(id).rules.indices {
                let reference = RuleReference(chain: id, index: number)
                let text = quotes.text(reference)
                guard contains(text, needle) else { continue }
                found += 1
                if found > limit { continue }
                page.markup("<li><a href=\"#")
                page.text(PageAnchors.id(of: reference))
                page.markup("\"><code>")
                page.text(withoutTabs(text))
                page.markup("</code></a> <small>")
                page.text(quotes.cite(reference))
                page.markup("</small></li>")
            }
        }
        page.markup("</ol><p class=\"quiet\">")
        page.text(found > limit ? "\(found) found, the first \(limit) shown" : "\(found) found")
        page.markup("</p>\n")
    }

    private func contains(_ text: String, _ needle: [UInt8]) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count >= needle.count else { return false }
        let first = needle[0]
        var start = 0
        while start <= bytes.count - needle.count {
            if small(bytes[start]) == first {
                var length = 1
                while length < needle.count, small(bytes[start + length]) == needle[length] { length += 1 }
                if length == needle.count { return true }
            }
            start += 1
        }
        return false
    }

    private func small(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte }
}
