import HostText
import NetTypes
import RuleModel
import SourceText

/// What the input lacks, with the command that supplies it and what is assumed instead.
func missingInputs(_ node: NodeState) -> [MissingInput] {
    var missing: [MissingInput] = []
    func add(_ name: String, _ command: String, _ effect: String) {
        missing.append(MissingInput(name: name, command: command, effect: effect))
    }
    let host = node.host
    let families = Set(node.ruleset.tables.map({ $0.family }))
    // Where all tables are listed, a family that is not among them has none.
    let isWhole = node.inputs.contains { $0.kind == .nftTables }
    if !isWhole, !families.contains(.ip), !families.contains(.inet) {
        add("iptables", "iptables-save -c", "IPv4 packets meet no rules")
    }
    if !isWhole, !families.contains(.ip6), !families.contains(.inet) {
        add("ip6tables", "ip6tables-save -c", "IPv6 packets meet no rules")
    }
    if !isWhole, node.lacksTranslations {
        add("tables", "iptables-save", "table nat is not in the snapshot, so what is translated is not known")
    }
    for (family, name, command) in [(TableFamily.ip, "filter", "iptables-save"), (.ip6, "filter6", "ip6tables-save")]
    where !isWhole && node.lacksFilter(family) {
        add(
            name, command,
            "table filter is not in the snapshot: where the host has one, what it drops is not known")
    }
    if !host.knowsInterfaces || !host.knowsAddressesV4 {
        add("addresses", "ip -d addr", "which addresses are this host's is not known")
    }
    let needsV6 = families.contains(.ip6) || host.knowsAddressesV6
    // What is there is not asked for again.
    func addBoth(_ name: String, _ words: String, lacksV4: Bool, lacksV6: Bool, _ effect: String) {
        let commands = (lacksV4 ? ["ip \(words)"] : []) + (lacksV6 ? ["ip -6 \(words)"] : [])
        if !commands.isEmpty { add(name, commands.joined(separator: "; "), effect) }
    }
    addBoth(
        "routes", "route show table all", lacksV4: host.routesKnownV4 != .allTables,
        lacksV6: needsV6 && host.routesKnownV6 == .none,
        "where packets leave is not known, or known from the main table only")
    addBoth(
        "rules", "rule", lacksV4: host.routingRulesV4 == nil, lacksV6: needsV6 && host.routingRulesV6 == nil,
        "the three rules that every kernel has are assumed")
    if !host.knowsSets, node.usesSets {
        add("sets", "ipset save", "whether an address is in a set is not known")
    }
    if host.sysctls.isEmpty {
        add("sysctl", "sysctl -a", "the kernel's defaults are assumed, with forwarding on")
    }
    if host.connections == nil {
        add("connections", "conntrack -L", "every packet is taken for the first one of its connection")
    }
    if host.listeners == nil {
        add("listeners", "ss -lntup", "whether something listens on a port is not known")
    }
    return missing
}

extension NodeState {
    /// Whether a table nat should be there and is not: `iptables -S` and `iptables-save -t` tell of one table alone, and
    /// programs that translate have chains in filter, too.
    fileprivate var lacksTranslations: Bool {
        let own = ruleset.tables.filter { $0.family == .ip }
        if own.contains(where: { $0.iptables == .nat }) { return false }
        if inputs.contains(where: { $0.kind == .iptablesRules }) { return true }
        let starts: [StaticString] = ["KUBE-", "cali-", "DOCKER"]
        return own.contains { table in
            table.iptables != nil
                && table.chains.contains { chain in
                    let name = names.bytes(chain.name)
                    return starts.contains { name.span.starts(with: $0) }
                }
        }
    }

    /// Whether tables of iptables are there but filter is not, and nothing tells that the host has none: iptables-save lists
    /// those alone that are loaded, and `-t` one alone.
    fileprivate func lacksFilter(_ family: TableFamily) -> Bool {
        let own = ruleset.tables.filter { $0.family == family && $0.iptables != nil }
        if own.isEmpty || own.contains(where: { $0.iptables == .filter }) { return false }
        // nft would show it.
        let isListed = inputs.contains { $0.kind == .nftText || $0.kind == .nftJSON }
        return !isListed || own.contains { $0.backend == .legacy }
    }

    /// Whether any rule asks an ipset.
    var usesSets: Bool {
        for table in ruleset.tables {
            for chain in table.chains {
                for rule in chain.rules {
                    for statement in rule.statements {
                        switch statement {
                        case .match(.set): return true
                        case .target(.set): return true
                        default: continue
                        }
                    }
                }
            }
        }
        return false
    }
}
