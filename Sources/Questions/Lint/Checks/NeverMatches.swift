internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A rule whose conditions no packet can meet together.
let impossibleMatch = LintCheck(
    "impossible-match", "rules whose own conditions no packet can meet together"
) { node in
    var findings: [LintFinding] = []
    node.forEachRule { reference, rule in
        // One condition can contradict another, or be empty itself.
        guard rule.statements.count > 1,
            let found = RuleLimits(rule, of: reference.chain, in: node.linked).contradiction
        else { return }
        if node.isRefusedForProtocol(rule, reference) || node.isRefusedForRange(found, reference) { return }
        var finding = node.finding(
            .warning, "\(node.path(reference)) can never match: \(words(found.kind))", at: reference,
            remedies: ["correct the condition that is wrong, or delete the rule"])
        finding.meaning = "the rule does nothing, whatever the packet"
        findings.append(finding)
    }
    return findings
}

private func words(_ kind: Contradiction.Kind) -> String {
    switch kind {
    case .field(let field): "no packet has \(noun(field)) that all its conditions allow"
    case .emptyRange(let field): "the range for \(noun(field)) ends before it begins"
    case .outsideMask(let what): "it asks for bits of \(what) outside the mask that it looks at"
    case .packetMark: "no mark is as all its conditions want it"
    case .connectionMark: "no connection's mark is as all its conditions want it"
    case .states: "no packet has a connection state that all its conditions allow"
    case .interface(isIn: true): "no interface that packets come in by has a name that its conditions allow"
    case .interface(isIn: false): "no interface that packets leave by has a name that its conditions allow"
    case .negation: "it asks for a thing and for its negation"
    case .noConnection: "it asks for something of the connection, and for packets that have none (INVALID, UNTRACKED)"
    }
}

private func noun(_ field: RuleLimits.Field) -> String {
    switch field {
    case .version: "a version of IP"
    case .transport: "a protocol"
    case .source: "a source address"
    case .destination: "a destination address"
    case .sourcePort: "a source port"
    case .destinationPort: "a destination port"
    case .length: "a length"
    case .hopLimit: "a TTL"
    case .dscp: "a DSCP"
    case .icmpType: "an ICMP type"
    case .other: "a value of one field"
    }
}

/// A rule that asks for an interface where packets have none: the kernel compares with the empty name. Source:
/// include/linux/netfilter/x_tables.h `ip_packet_match`, net/netfilter/nft_meta.c `nft_meta_store_ifname`, Linux 6.18.
/// Forwarded packets have both interfaces in POSTROUTING since Linux 5.7.
let impossibleInterface = LintCheck(
    "impossible-interface", "rules that ask for an outgoing interface before routing, or an incoming one behind it"
) { node in
    var findings: [LintFinding] = []
    node.forEachRule { reference, rule in
        // iptables refuses them in its own base chains, which is another finding.
        let isBuiltIn =
            node.linked.table(of: reference.chain).iptables != nil && node.linked.chain(reference.chain).base != nil
        if isBuiltIn { return }
        let entries = node.entries[reference.chain.index]
        let lacksOut = entries.isOnly([.prerouting, .input, .ingress])
        let lacksIn = entries.isOnly([.output])
        guard lacksOut || lacksIn else { return }
        for statement in rule.statements {
            guard case .match(let match) = statement, let asked = interfaceTest(match),
                asked.isIn ? lacksIn : lacksOut
            else { continue }
            let hooks = list(entries.hooks.map { $0.name })
            let effect = asked.isNegated ? "asks of every packet without effect" : "can never match"
            let cause =
                asked.isIn
                ? "no packet came in by an interface"
                : "the kernel does not know yet which interface a packet will leave by"
            var finding = node.finding(
                .warning, "\(node.path(reference)) \(effect): at \(hooks) \(cause)", at: reference,
                remedies: [
                    asked.isIn
                        ? "ask for the interface in a chain at prerouting, input or forward"
                        : "ask for the interface in a chain at forward, output or postrouting"
                ])
            finding.meaning =
                asked.isNegated
                ? "the condition holds for every packet"
                : "the condition holds for no packet, so that the rule does nothing"
            findings.append(finding)
            return
        }
    }
    return findings
}

/// Whether a match asks for an interface by its name, and which.
func interfaceTest(_ match: Match) -> (isIn: Bool, isNegated: Bool)? {
    switch match {
    // `+` alone is met by the empty name too.
    case .inInterface(let pattern):
        pattern.value.name == .empty ? nil : (true, pattern.isNegated)
    case .outInterface(let pattern):
        pattern.value.name == .empty ? nil : (false, pattern.isNegated)
    case .native(let comparison):
        switch (comparison.left, comparison.relation) {
        case (.meta(.inName), .equal): (true, false)
        case (.meta(.inName), .notEqual): (true, true)
        case (.meta(.outName), .equal): (false, false)
        case (.meta(.outName), .notEqual): (false, true)
        default: nil
        }
    default: nil
    }
}

/// A connection state that packets do not have where the rule stands.
///
/// Source: net/netfilter/xt_conntrack.c `conntrack_mt`: without an entry the state is INVALID, or UNTRACKED where a rule
/// said so. Observed on Linux 6.18: in raw what comes by a wire is INVALID; what comes by lo still has the entry of its
/// way out, and a reset of REJECT's that of the packet it answers.
let stateBeforeConntrack = LintCheck(
    "state-before-conntrack", "rules that ask for a connection's state before conntrack has looked at the packet"
) { node in
    var findings: [LintFinding] = []
    node.forEachRule { reference, rule in
        let entries = node.entries[reference.chain.index]
        guard entries.isBeforeConntrack, let asked = askedStates(rule, reference.chain, node) else { return }
        let known: ConnectionStates = [.invalid, .untracked]
        let title: String
        let severity: LintFinding.Severity
        var meaning: String
        if asked.contains(.invalid) {
            guard endsPacket(rule) else { return }
            severity = .problem
            title = "\(node.path(reference)) stands before conntrack, where every packet is INVALID"
            meaning = "the rule holds for all packets, not for those that conntrack calls invalid"
        } else if asked.isDisjoint(with: known) {
            severity = .warning
            title = "\(node.path(reference)) stands before conntrack, where no packet has a state yet"
            meaning = "the rule does nothing"
        } else {
            return
        }
        if entries.contains(hook: .prerouting) { meaning += "; what comes by lo alone has the state of its way out" }
        if entries.contains(hook: .output) {
            meaning += "; a reset that REJECT sends alone has the state of what it answers"
        }
        var finding = node.finding(
            severity, title, at: reference,
            remedies: [
                "put the rule behind conntrack: into mangle or filter, or a base chain of a priority above -200"
            ])
        finding.meaning = meaning
        findings.append(finding)
    }
    return findings
}

/// The states that all conditions on them allow; `nil` where a rule asks for none.
func askedStates(_ rule: Rule, _ chain: ChainID, _ node: LintedNode) -> ConnectionStates? {
    var states: UInt8 = 0x1f
    var asks = false
    for statement in rule.statements {
        guard case .match(let match) = statement else { continue }
        let own: Negatable<ConnectionStates>
        switch match {
        case .state(let given): own = given
        case .conntrack(let conntrack):
            guard let given = conntrack.state, given.value.isDisjoint(with: [.snat, .dnat]) else { continue }
            own = given
        case .native(let comparison):
            guard case .connection(.state, nil) = comparison.left, let number = comparison.right.number else {
                continue
            }
            let bits = ConnectionStates(rawValue: UInt8(truncatingIfNeeded: nativeStates(number)))
            own = Negatable(bits, isNegated: comparison.relation == .notEqual || comparison.relation == .noBit)
        default: continue
        }
        asks = true
        states &= own.isNegated ? ~own.value.rawValue : own.value.rawValue
    }
    return asks ? ConnectionStates(rawValue: states & 0x1f) : nil
}

/// A rule for one version's ICMP in a table of the other, where no such packet comes.
let icmpFamily = LintCheck(
    "icmp-family", "rules for the ICMP of one version of IP among rules of the other"
) { node in
    var findings: [LintFinding] = []
    node.forEachRule { reference, rule in
        let version: IPVersion
        switch node.linked.table(of: reference.chain).family {
        case .ip: version = .v4
        case .ip6: version = .v6
        case .inet, .arp, .bridge, .netdev:
            let left = RuleLimits(rule, of: reference.chain, in: node.linked).values(of: .version)
            if left == ValueSet(4, 4) { version = .v4 } else if left == ValueSet(6, 6) { version = .v6 } else { return }
        }
        let other: IPProtocol = version == .v4 ? .icmpv6 : .icmp
        let asks = rule.statements.contains { statement in
            guard case .match(let match) = statement else { return false }
            return asksFor(other, match)
        }
        guard asks else { return }
        let own: IPProtocol = version == .v4 ? .icmp : .icmpv6
        var finding = node.finding(
            .warning,
            "\(node.path(reference)) is for \(other.shortName) and sees packets of IPv\(version.rawValue) alone",
            at: reference,
            remedies: [
                "ask for \(own.shortName) here, and put a rule for \(other.shortName) among those of the other version"
            ])
        finding.meaning = "no packet that a host sends meets it"
        findings.append(finding)
    }
    return findings
}

private func asksFor(_ transport: IPProtocol, _ match: Match) -> Bool {
    switch match {
    case .protocol(.is(let test)): return test.number == transport
    case .icmp(let match): return (match.version == .v4 ? IPProtocol.icmp : .icmpv6) == transport
    case .native(let comparison):
        if comparison.relation == .equal, comparison.right.number == UInt64(transport.rawValue) {
            switch comparison.left {
            case .meta(.layer4Protocol): return true
            case .field(let field):
                if field.row.type == .internetProtocol { return true }
            default: break
            }
        }
        return comparison.expressions.contains { expression in
            expression.contains { part in
                if case .field(let field) = part { return field.row.header.transport == transport.rawValue }
                return false
            }
        }
    default: return false
    }
}
