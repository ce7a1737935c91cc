internal import ChainGraph
internal import PacketPath
internal import RuleModel

/// Commands that reach the chain they are for: `iptables`, `iptables-legacy` and `nft` show and change each its own
/// chains, and one that is for another tool's leaves this chain as it is and opens or closes that one.
extension Patient {
    /// `filter/FORWARD`; with whose it is where another chain is called so too.
    func path(of chain: ChainID) -> String { linked.path(of: chain) + ownerText(chain) }

    /// `filter/FORWARD:3`
    func cite(_ rule: RuleReference) -> String {
        "\(linked.path(of: rule.chain)):\(rule.index + 1)" + ownerText(rule.chain)
    }

    private func ownerText(_ chain: ChainID) -> String {
        let own = linked.table(of: chain)
        let chainName = linked.chain(chain).name
        // A table's name and a chain's are symbols: the same text is the same symbol.
        let isAmbiguous = linked.ruleset.tables.contains { other in
            (other.backend != own.backend || other.isNative != own.isNative) && other.name == own.name
                && other.family.isMet(with: own.family) && other.chains.contains { $0.name == chainName }
        }
        guard isAmbiguous else { return "" }
        return own.isNative ? " of nft's table \(own.family.name) \(name(own.name))" : " of \(toolName(own))"
    }

    /// `iptables-legacy`, `ip6tables-nft`, `iptables` where there is but the one.
    func toolName(_ table: Table) -> String {
        let version = table.family == .ip6 ? "ip6tables" : "iptables"
        switch table.backend {
        case .legacy: return version + "-legacy"
        case .nfTables:
            let hasLegacy = linked.ruleset.tables.contains { $0.backend == .legacy && $0.iptables != nil }
            return version + (hasLegacy ? "-nft" : "")
        }
    }

    /// `iptables -t mangle`; `nil` for a chain that iptables does not show.
    func iptables(for chain: ChainID) -> String? { iptables(for: linked.table(of: chain)) }

    private func iptables(for table: Table) -> String? {
        guard !table.isNative, let kind = table.iptables else { return nil }
        return toolName(table) + (kind == .filter ? "" : " -t \(kind.name)")
    }

    /// `inet filter forward`, as nft's commands name a chain.
    func nftName(_ chain: ChainID) -> String {
        let table = linked.table(of: chain)
        return "\(table.family.name) \(name(table.name)) \(name(linked.chain(chain).name))"
    }

    /// Lets through by default what comes to a base chain's end.
    func acceptingPolicy(_ chain: ChainID) -> String {
        if let tool = iptables(for: chain) { return "\(tool) -P \(name(linked.chain(chain).name)) ACCEPT" }
        return "nft 'chain \(nftName(chain)) { policy accept; }'"
    }

    /// Puts a rule first in a chain; both texts say the same one.
    func insertion(into chain: ChainID, _ rule: String, nft: String) -> String {
        if let tool = iptables(for: chain) { return "\(tool) -I \(name(linked.chain(chain).name)) \(rule)" }
        return "nft insert rule \(nftName(chain)) \(nft)"
    }

    /// The base chain of a hook that leads to `chain`, or is it.
    func baseChain(_ hook: Hook, above chain: ChainID) -> ChainID? {
        baseChains(hook).first { $0 == chain || leads($0, to: chain) }
    }

    /// The chain where a rule or policy ended a way, and the base chain above it.
    func baseChain(ending way: TracedWay) -> ChainID? {
        guard let hook = way.decider?.view.hook, let chain = way.rule?.chain ?? way.policy else { return nil }
        return baseChain(hook, above: chain)
    }

    /// Empties all that a backend of iptables' has for a version of IP, policies first: `-F` leaves them, and one of DROP
    /// then drops all that the rules let through.
    func emptying(_ backend: Backend, _ family: TableFamily) -> String {
        func tool(_ table: Table) -> String? {
            table.backend == backend && table.family == family ? iptables(for: table) : nil
        }
        let closed = chainIDs.filter { linked.chain($0).base?.policy == .drop && tool(linked.table(of: $0)) != nil }
        let emptied = linked.ruleset.tables.compactMap(tool).flatMap { ["\($0) -F", "\($0) -X"] }
        return (closed.map(acceptingPolicy) + emptied).joined(separator: "; ")
    }
}

extension TableFamily {
    /// Whether some packets pass tables of both families.
    fileprivate func isMet(with other: TableFamily) -> Bool {
        self == other || self == .inet && (other == .ip || other == .ip6)
            || other == .inet && (self == .ip || self == .ip6)
    }
}
