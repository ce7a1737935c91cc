internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A table of which the dump has no end. Observed with iptables-restore 1.8.9 and nft 1.0.6: neither loads such a file.
let cutOff = LintCheck("cut-off", "tables that the dump ends in: rules may be missing, and not loaded") { node in
    node.linked.ruleset.tables.filter { $0.isCutOff }.map { table in
        let name = "\(table.family.name) \(node.name(table.name))"
        var finding = LintFinding(
            .problem, "the dump ends within table \(name): rules may be missing",
            at: [LintFinding.Citation(table.place)], of: [name],
            remedies: ["dump the rules again, and the whole of them"])
        finding.meaning = node.refusal(table)
        return finding
    }
}

/// Lines that can't be what a tool prints, and words that are not known here: what loads them is asked, or no one is.
let unreadable = LintCheck(
    "unreadable", "what can't be read: wrong values, which are not loaded, and words that are not known here"
) { node in
    let unknown: Set = ["unknown-option", "unknown-match", "unknown-target", "unexpected-word"]
    let told = node.diagnostics.filter { $0.severity == .error || unknown.contains($0.code) }
    if told.isEmpty { return [] }
    // Ranges that end before they begin have a check of their own.
    let others = Set(emptyRange.run(node).flatMap { $0.citations }.map { SourceLine($0.place) })
    var rules: [SourceLine: RuleReference] = [:]
    node.forEachRule { reference, rule in rules[SourceLine(rule.place)] = reference }
    return told.compactMap { diagnostic in
        let line = SourceLine(diagnostic.place)
        if others.contains(line) { return nil }
        let rule = rules[line]
        let citation = rule.map { node.cite($0) } ?? LintFinding.Citation(diagnostic.place)
        let subject = rule.map { node.linked.path(of: $0.chain) } ?? diagnostic.code
        let isWrong = diagnostic.severity == .error
        var finding = LintFinding(
            isWrong ? .problem : .warning, diagnostic.message, at: [citation], of: [subject],
            remedies: [isWrong ? "write it as its tool prints it" : "look whether the word is written right"])
        finding.meaning =
            isWrong
            ? "what loads these rules refuses the whole file, and nothing here has looked at the line"
            : "no check has looked at the rule; what loads it refuses the whole file where it does not know the word either"
        return finding
    }
}

/// A line of a file.
private struct SourceLine: Hashable {
    let file: FileID
    let line: UInt32

    init(_ place: Place) { (file, line) = (place.file, place.line) }
}

/// A target or match in a table, or at a hook, where the kernel does not let it be.
///
/// Observed with iptables-legacy-restore, iptables-nft-restore 1.8.9 and nft 1.0.6 on Linux 6.18. A chain that no base
/// chain leads to is looked at for its table alone.
let wrongTable = LintCheck(
    "wrong-table", "targets and matches in a table or at a hook where the kernel refuses them: not loaded"
) { node in
    var findings: [LintFinding] = []
    node.forEachRule { reference, rule in
        let table = node.linked.table(of: reference.chain)
        let entries = node.entries[reference.chain.index]
        for statement in rule.statements {
            guard let demand = demand(of: statement, in: table, with: rule),
                let title = demand.broken(by: table, entries)
            else { continue }
            findings.append(
                node.refused(
                    "\(node.path(reference)): \(title)", at: reference,
                    remedies: ["move the rule to where it may be, or use another target or condition"]))
            return
        }
    }
    return findings
}

/// Where a target or match may be.
private struct Demand {
    var name: String
    /// Of iptables; empty: any.
    var tables: [IptablesTable] = []
    /// Empty: any.
    var hooks: [Hook] = []
    /// Of nft: the type of base chain that must lead there.
    var type: ChainType?

    init(_ name: String, tables: [IptablesTable] = [], hooks: [Hook] = [], type: ChainType? = nil) {
        self.name = name
        self.tables = tables
        self.hooks = hooks
        self.type = type
    }

    /// What a person reads, where the rule may not be there.
    func broken(by table: Table, _ entries: ChainEntries) -> String? {
        if let own = table.iptables, !tables.isEmpty, !tables.contains(own) {
            return "\(name) may only be in the table \(alternatives(tables.map { $0.name })), and stands in \(own.name)"
        }
        if let type, let hook = entries.hooks.first(where: { !entries.hooks(of: type).contains($0) }) {
            return "\(name) may only be in chains of type nat, and a chain of another type at \(hook.name) leads here"
        }
        if !hooks.isEmpty, let hook = entries.hooks.first(where: { !hooks.contains($0) }) {
            return
                "\(name) may only be at \(alternatives(hooks.map { $0.name })), and packets come here from \(hook.name)"
        }
        return nil
    }
}

private func demand(of statement: Statement, in table: Table, with rule: Rule) -> Demand? {
    switch statement {
    case .match(let match): table.iptables == nil ? nil : demand(of: match)
    case .target(let target): demand(of: target, backend: table.backend)
    }
}

private func demand(of target: Target, backend: Backend) -> Demand? {
    switch target {
    case .reject: Demand("REJECT", tables: [.filter], hooks: [.input, .forward, .output])
    case .dnat: Demand("DNAT", tables: [.nat], hooks: [.prerouting, .output])
    case .redirect: Demand("REDIRECT", tables: [.nat], hooks: [.prerouting, .output])
    case .snat: Demand("SNAT", tables: [.nat], hooks: [.postrouting, .input])
    case .masquerade: Demand("MASQUERADE", tables: [.nat], hooks: [.postrouting])
    case .netmap: Demand("NETMAP", tables: [.nat])
    case .tproxy: Demand("TPROXY", tables: [.mangle], hooks: [.prerouting])
    case .ct: Demand("CT", tables: [.raw])
    case .notrack: Demand("NOTRACK", tables: [.raw])
    case .timeToLive(let target): Demand(target.version == .v4 ? "TTL" : "HL", tables: [.mangle])
    case .tos: Demand("TOS", tables: [.mangle])
    case .dscp: Demand("DSCP", tables: [.mangle])
    case .ecn: Demand("ECN", tables: [.mangle])
    case .checksumFill: Demand("CHECKSUM", tables: [.mangle])
    case .classify: Demand("CLASSIFY", hooks: [.forward, .output, .postrouting])
    case .tcpMSS(.clampToPathMTU): Demand("TCPMSS --clamp-mss-to-pmtu", hooks: [.forward, .output, .postrouting])
    case .synproxy: Demand("SYNPROXY", hooks: [.input, .forward])
    // iptables-nft has a statement of nft's own for it.
    case .trace: backend == .legacy ? Demand("TRACE", tables: [.raw]) : nil
    case .native(let statement): demand(of: statement)
    case .accept, .drop, .return, .jump, .goto, .queue, .nfQueue, .mark, .connectionMark, .connectionSecurityMark,
        .tcpMSS, .tcpOptionStrip, .hmark, .prefixTranslation, .securityMark, .log, .nfLog, .ulog, .audit, .set, .tee,
        .idleTimer, .led, .rateEstimate, .clusterIP, .unknown:
        nil
    }
}

private func demand(of statement: NativeStatement) -> Demand? {
    switch statement {
    case .reject: Demand("reject", hooks: [.ingress, .prerouting, .input, .forward, .output])
    case .translate(let translation):
        switch translation.kind {
        case .snat: Demand("snat", hooks: [.postrouting, .input], type: .nat)
        case .masquerade: Demand("masquerade", hooks: [.postrouting], type: .nat)
        case .dnat: Demand("dnat", hooks: [.prerouting, .output], type: .nat)
        case .redirect: Demand("redirect", hooks: [.prerouting, .output], type: .nat)
        }
    case .tproxy: Demand("tproxy", hooks: [.prerouting])
    case .continue, .verdictMap, .counter, .limit, .quota, .connectionCount, .last, .object, .objectMap, .assign, .log,
        .queue, .duplicate, .forward, .synproxy, .notrack, .changeSet, .flow, .resetOption, .xtables, .unknown:
        nil
    }
}

private func demand(of match: Match) -> Demand? {
    switch match {
    case .owner: return Demand("-m owner", hooks: [.output, .postrouting])
    case .cgroup: return Demand("-m cgroup", hooks: [.input, .output, .postrouting])
    case .reversePath: return Demand("-m rpfilter", tables: [.raw, .mangle], hooks: [.prerouting])
    case .socket: return Demand("-m socket", hooks: [.prerouting, .input])
    case .mac: return Demand("-m mac", hooks: [.prerouting, .input, .forward])
    case .policy(let match):
        return match.isOut
            ? Demand("-m policy --dir out", hooks: [.forward, .output, .postrouting])
            : Demand("-m policy --dir in", hooks: [.prerouting, .input, .forward])
    case .deviceGroup(let match):
        if match.destination != nil {
            return Demand("-m devgroup --dst-group", hooks: [.forward, .output, .postrouting])
        }
        return Demand("-m devgroup --src-group", hooks: [.prerouting, .input, .forward])
    case .addressType(let match):
        if match.limitsToInInterface {
            return Demand("-m addrtype --limit-iface-in", hooks: [.prerouting, .input, .forward])
        }
        if match.limitsToOutInterface {
            return Demand("-m addrtype --limit-iface-out", hooks: [.forward, .output, .postrouting])
        }
        return nil
    case .physicalDevice(let match):
        // Source: net/netfilter/xt_physdev.c `physdev_mt_check`, Linux 6.18.
        guard match.outDevice != nil || match.isOut != nil, match.isBridged != .is(true) else { return nil }
        return Demand("-m physdev --physdev-out", hooks: [.prerouting, .input, .forward, .postrouting])
    default: return nil
    }
}

/// Observed with iptables 1.8.9, legacy and nft: `The "nat" table is not intended for filtering`; in chains of one's
/// own too. A policy of DROP is loaded.
let dropInNAT = LintCheck("drop-in-nat", "DROP in iptables' table nat: not loaded") { node in
    var findings: [LintFinding] = []
    for chain in node.chainIDs where node.linked.table(of: chain).iptables == .nat {
        for (index, rule) in node.linked.chain(chain).rules.enumerated() {
            guard case .drop? = rule.target else { continue }
            let reference = RuleReference(chain: chain, index: index)
            findings.append(
                node.refused(
                    "\(node.path(reference)) drops in the table nat, which iptables refuses", at: reference,
                    remedies: ["drop in the table filter: nat sees only the first packet of each connection"]))
        }
    }
    return findings
}

/// Observed with iptables 1.8.9, legacy and nft: `Can't use -o with PREROUTING`, or INPUT, `Can't use -i with OUTPUT`,
/// or POSTROUTING; in chains of one's own it is loaded.
let refusedInterface = LintCheck(
    "refused-interface", "-o before routing and -i behind it in iptables' own chains: not loaded"
) { node in
    var findings: [LintFinding] = []
    for chain in node.chainIDs where node.linked.table(of: chain).iptables != nil {
        guard let base = node.linked.chain(chain).base else { continue }
        for (index, rule) in node.linked.chain(chain).rules.enumerated() {
            let option: String? =
                switch base.hook {
                case .prerouting, .input: rule.statements.contains(where: isOutInterface) ? "-o" : nil
                case .output, .postrouting: rule.statements.contains(where: isInInterface) ? "-i" : nil
                case .forward, .ingress, .egress: nil
                }
            guard let option else { continue }
            let reference = RuleReference(chain: chain, index: index)
            let name = node.name(node.linked.chain(chain).name)
            findings.append(
                node.refused(
                    "\(node.path(reference)) has \(option), which iptables refuses in \(name)", at: reference,
                    remedies: [
                        option == "-o"
                            ? "leave out -o: before routing no packet has an outgoing interface yet"
                            : "leave out -i: what this host sends came in by no interface"
                    ]))
        }
    }
    return findings
}

private func isOutInterface(_ statement: Statement) -> Bool {
    if case .match(.outInterface) = statement { return true }
    return false
}

private func isInInterface(_ statement: Statement) -> Bool {
    if case .match(.inInterface) = statement { return true }
    return false
}

/// A match or target of one protocol in a rule that does not ask for it.
///
/// Observed with iptables 1.8.9 on Linux 6.18: legacy refuses all of these; iptables-nft loads `! -p tcp -m tcp`, which
/// never matches, and TCPMSS without `--syn`.
let needsProtocol = LintCheck(
    "needs-protocol", "ports, flags and targets of a protocol in rules that do not ask for it: not loaded"
) { node in
    var findings: [LintFinding] = []
    node.forEachRule { reference, rule in
        guard let need = node.unmetNeed(rule, reference) else { return }
        let names = alternatives(need.protocols.map { "-p \($0.shortName)" })
        findings.append(
            node.refused(
                "\(node.path(reference)): \(need.name) needs \(names)", at: reference,
                remedies: ["ask for the protocol, in a rule for each where there are several"]))
    }
    return findings + node.translationsWithoutProtocol
}

/// `a`, `a or b`, `a, b or c`.
private func alternatives(_ texts: [String]) -> String {
    guard let last = texts.last, texts.count > 1 else { return texts.joined() }
    return texts.dropLast().joined(separator: ", ") + " or " + last
}

private struct Need {
    var name: String
    var protocols: [IPProtocol]
    /// iptables takes a port for ICMP too, which the kernel takes for an identifier.
    var allowsICMP = false

    init(_ name: String, _ protocols: IPProtocol...) {
        self.name = name
        self.protocols = protocols
    }
}

extension LintedNode {
    /// Whether iptables refuses the rule for its protocol.
    func isRefusedForProtocol(_ rule: Rule, _ reference: RuleReference) -> Bool { unmetNeed(rule, reference) != nil }

    /// Whether iptables refuses a range that ends before it begins.
    func isRefusedForRange(_ found: Contradiction, _ reference: RuleReference) -> Bool {
        guard linked.table(of: reference.chain).iptables != nil, case .emptyRange(let field) = found.kind else {
            return false
        }
        return field == .sourcePort || field == .destinationPort
    }

    fileprivate func unmetNeed(_ rule: Rule, _ reference: RuleReference) -> Need? {
        let table = linked.table(of: reference.chain)
        guard table.iptables != nil else { return nil }
        var asked: Negatable<IPProtocol>?
        var need: Need?
        for statement in rule.statements {
            switch statement {
            case .match(.protocol(let test)): asked = Negatable(test.value.number, isNegated: test.isNegated)
            // A rule in nft's own words has the protocol among its comparisons.
            case .match(.native): return nil
            case .match(let match): need = need ?? Questions.need(of: match)
            case .target(let target): need = need ?? Questions.need(of: target)
            }
        }
        guard let need else { return nil }
        if case .is(let transport)? = asked {
            if need.protocols.contains(transport) || need.allowsICMP && transport.isICMP { return nil }
        }
        if case .not? = asked, table.backend == .nfTables { return nil }
        return need
    }

    /// Translations of nft to a port in rules that ask for no protocol.
    ///
    /// Observed with nft 1.0.6: `transport protocol mapping is only valid after transport protocol match`.
    fileprivate var translationsWithoutProtocol: [LintFinding] {
        var findings: [LintFinding] = []
        forEachRule { reference, rule in
            for statement in rule.statements {
                guard case .target(.native(.translate(let translation))) = statement, case .literal? = translation.port,
                    !rule.statements.contains(where: speaksOfTransport)
                else { continue }
                findings.append(
                    refused(
                        "\(path(reference)): \(translation.kind.name) to a port needs a protocol", at: reference,
                        remedies: ["ask for the protocol before it: meta l4proto { tcp, udp }"]))
                return
            }
        }
        return findings
    }
}

/// Whether a statement may say which protocol a packet has: what is not plainly something else.
private func speaksOfTransport(_ statement: Statement) -> Bool {
    guard case .match(.native(let comparison)) = statement else {
        if case .match(.protocol) = statement { return true }
        return false
    }
    return comparison.expressions.contains { expression in
        expression.contains { part in
            switch part {
            case .field(let field): field.row.header.base == .transport || field.row.type == .internetProtocol
            case .meta(.layer4Protocol), .payload, .unknown, .connection, .map: true
            default: false
            }
        }
    }
}

private func need(of match: Match) -> Need? {
    switch match {
    case .tcp: Need("-m tcp", .tcp)
    case .udp: Need("-m udp", .udp)
    case .udplite: Need("-m udplite", .udplite)
    case .sctp: Need("-m sctp", .sctp)
    case .dccp: Need("-m dccp", .dccp)
    case .icmp(let match): match.version == .v4 ? Need("-m icmp", .icmp) : Need("-m icmp6", .icmpv6)
    case .tcpMSS: Need("-m tcpmss", .tcp)
    case .multiport: Need("-m multiport", .tcp, .udp, .udplite, .sctp, .dccp)
    default: nil
    }
}

private func need(of target: Target) -> Need? {
    switch target {
    case .reject(.tcpReset): return Need("REJECT --reject-with tcp-reset", .tcp)
    case .tcpMSS: return Need("TCPMSS", .tcp)
    case .synproxy: return Need("SYNPROXY", .tcp)
    case .tproxy: return Need("TPROXY", .tcp, .udp)
    case .dnat(let nat), .snat(let nat), .redirect(let nat):
        if nat.ports == nil { return nil }
        var need = Need("a translation to a port", .tcp, .udp, .sctp, .dccp)
        need.allowsICMP = true
        return need
    default: return nil
    }
}

/// Observed with iptables 1.8.9, legacy and nft: `invalid portrange (min > max)`. Ranges of lengths and addresses are
/// loaded, and never match.
let emptyRange = LintCheck("empty-range", "ranges of ports that end before they begin: not loaded") { node in
    var findings: [LintFinding] = []
    node.forEachRule { reference, rule in
        // What is read has its lower port first.
        guard rule.statements.contains(where: isUnread),
            let found = RuleLimits(rule, of: reference.chain, in: node.linked).contradiction,
            node.isRefusedForRange(found, reference)
        else { return }
        findings.append(
            node.refused(
                "\(node.path(reference)) has a range of ports that ends before it begins", at: reference,
                remedies: ["write the lower port first"]))
    }
    return findings
}

private func isUnread(_ statement: Statement) -> Bool {
    if case .match(.unknown) = statement { return true }
    return false
}
