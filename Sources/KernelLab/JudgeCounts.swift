internal import NetTypes
internal import RuleModel

extension Judgement {
    /// What the counters of iptables-legacy say of a packet that some hook did not let through.
    mutating func add(counts: [LegacyCount]) {
        // Outside tunnels what counts of the other version is of packets that the kernel sends of its own accord.
        let counts = tunnelPorts.isEmpty ? counts.filter { $0.rule.version == sent.version } : counts
        seen.counts = counts
        // What was put together here comes back in fragments: where one is dropped the datagram is lost. Of IPv4 INPUT gets
        // it whole, so that what counted there beside the packet was an answer to it; and what is lost has none.
        if isLocal, isFragment, seen.outcome == .delivered {
            for rule in counts.map(\.rule)
            where rule.chain == "PREROUTING" || rule.chain == "INPUT" && rule.version == .v6 {
                if rule.target == .drop, !seen.hasOthers { seen.outcome = .dropped(.legacy(rule)) }
                if rule.target == .named("REJECT") { seen.outcome = .rejected(.legacy(rule)) }
            }
            return
        }
        let last = last
        guard case .gone(let hook) = seen.outcome, last?.station?.isLast != true else { return }
        // What other hooks' chains dropped was an answer to it.
        let others = Hook.allCases.filter { $0 != hook }.map { $0.name.uppercased() }
        let rules = counts.map(\.rule).filter { rule in
            let isElsewhere =
                ["filter", "security"].contains(rule.table) && (hook == .prerouting || hook == .postrouting)
            return !isElsewhere && !others.contains(rule.chain) && isEntered(rule, hook, counts)
        }
        // Nobody answers what was dropped or queued: where REJECT counted too, that became of its answer.
        if let rule = rules.first(where: { $0.target == .named("REJECT") }) {
            seen.outcome = .rejected(.legacy(rule))
            return
        }
        // Nor did it itself, where an answer from here was counted.
        if !isLocal, !seen.hasCopies, counts.contains(where: { $0.rule.chain == "OUTPUT" }) { return }
        // A queue that nobody listens on may have been passed by in another hook.
        if let rule = rules.first(where: { $0.target == .drop && $0.chain == hook?.name.uppercased() }) {
            seen.outcome = .dropped(.legacy(rule))
            return
        }
        for rule in rules {
            switch rule.target {
            case .drop: seen.outcome = .dropped(.legacy(rule))
            case .queue, .named("NFQUEUE"):
                // Nobody listens: one that a queue lets by then goes on to the tables behind.
                if isPast(rule, hook, counts) { continue }
                seen.outcome = .queued(.legacy(rule))
            case .accept, .return, .goesOn, .named: continue
            }
            return
        }
    }
}

/// Whether a rule of `hook`'s own chain may have led a packet to `rule`'s, if it is none of a hook's: a chain that several
/// hooks lead to counts what the others led there, too. Where a rule leads the counters do not tell.
private func isEntered(_ rule: LegacyRule, _ hook: Hook?, _ counts: [LegacyCount]) -> Bool {
    guard let hook, !Hook.allCases.contains(where: { $0.name.uppercased() == rule.chain }) else { return true }
    return counts.contains { count in
        count.rule.version == rule.version && count.rule.table == rule.table
            && count.rule.chain == hook.name.uppercased() && count.rule.target == .goesOn
    }
}

/// Whether a packet that ended in `hook` was counted by a table behind that of `rule`.
private func isPast(_ rule: LegacyRule, _ hook: Hook?, _ counts: [LegacyCount]) -> Bool {
    // Of INPUT's chains nat's come last. Source: include/uapi/linux/netfilter_ipv4.h `nf_ip_hook_priorities`.
    let order =
        hook == .input ? ["mangle", "filter", "security", "nat"] : ["raw", "mangle", "nat", "filter", "security"]
    guard let hook, let own = order.firstIndex(of: rule.table) else { return false }
    return counts.contains { count in
        count.rule.version == rule.version && count.rule.chain == hook.name.uppercased()
            && (order.firstIndex(of: count.rule.table) ?? 0) > own
    }
}
