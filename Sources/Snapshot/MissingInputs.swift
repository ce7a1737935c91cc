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
    let families = Set(node.ruleset.tables.map(\.family))
    // Where all tables are listed, a family that is not among them has none.
    let isWhole = node.inputs.contains { $0.kind == .nftTables }
    if !isWhole, !families.contains(.ip), !families.contains(.inet) {
        add("iptables", "iptables-save -c", "IPv4 packets meet no rules")
    }
    if !isWhole, !families.contains(.ip6), !families.contains(.inet) {
        add("ip6tables", "ip6tables-save -c", "IPv6 packets meet no rules")
    }
    if !host.knowsInterfaces || !host.knowsAddressesV4 {
        add("addresses", "ip -d addr", "which addresses are this host's is not known")
    }
    let needsV6 = families.contains(.ip6) || host.knowsAddressesV6
    if host.routesKnownV4 != .allTables || (needsV6 && host.routesKnownV6 == .none) {
        add(
            "routes", needsV6 ? "ip route show table all; ip -6 route show table all" : "ip route show table all",
            "where packets leave is not known, or known from the main table only")
    }
    if host.routingRulesV4 == nil || (needsV6 && host.routingRulesV6 == nil) {
        add("rules", needsV6 ? "ip rule; ip -6 rule" : "ip rule", "the three rules that every kernel has are assumed")
    }
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
