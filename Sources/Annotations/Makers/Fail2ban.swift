internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// fail2ban's jails: chains (`f2b-sshd`), ipsets of that name, or sets of nft's table f2b-table.
///
/// Source: fail2ban config/action.d/iptables.conf, iptables-ipset.conf, nftables.conf (1.0.2; 0.8: fail2ban-NAME).
enum Fail2ban {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName == "f2b-table" { return words("addresses that jails banned") }
        guard !chain.isBase, let jail = rest(of: chain.name, after: "f2b-") ?? rest(of: chain.name, after: "fail2ban-"),
            !jail.isEmpty
        else { return nil }
        return words("jail \(jail): addresses banned")
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        let outline = rule.outline
        if chain == nil || rule.chain.tableName == "f2b-table" {
            for set in outline.sets where !set.isNegated {
                guard let jail = jail(ofSet: set.name, isV6: rule.chain.table.family == .ip6) else { continue }
                return words("jail \(jail): its banned addresses reach \(reached(outline)) no more")
            }
        }
        guard chain?.maker == .fail2ban,
            let jail = rest(of: rule.chain.name, after: "f2b-")
                ?? rest(of: rule.chain.name, after: "fail2ban-")
        else { return nil }
        switch outline.effect {
        case .return where outline.isUnconditional: return words("jail \(jail): nobody else is banned")
        case .return: return outline.source?.wanted.map { words("jail \(jail): \($0) is never banned") }
        case .drop, .reject: return outline.source?.wanted.map { words("jail \(jail): \($0) is banned") }
        default: return nil
        }
    }

    private static func reached(_ outline: RuleOutline) -> String {
        outline.destinationPorts.isEmpty ? "this host" : outline.service
    }

    static func purpose(ofSet name: String, isV6: Bool) -> Purpose? {
        jail(ofSet: name, isV6: isV6).map { words("jail \($0): addresses banned") }
    }

    /// `f2b-sshd`, for IPv6 `f2b-sshd6`; of nft `addr-set-sshd`, `addr6-set-sshd`.
    private static func jail(ofSet name: String, isV6: Bool) -> String? {
        if let jail = rest(of: name, after: "f2b-"), !jail.isEmpty {
            return isV6 && jail.hasSuffix("6") ? String(jail.dropLast()) : jail
        }
        for prefix in ["addr-set-", "addr6-set-"] {
            if let jail = rest(of: name, after: prefix), !jail.isEmpty { return jail }
        }
        return nil
    }

    private static func words(_ text: String) -> Purpose { .other(.fail2ban, text) }
}
