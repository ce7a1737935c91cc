internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// firewalld's zones and policies, by nft (`table inet firewalld`) and by iptables.
///
/// Source: firewalld src/firewall/core/nftables.py, ipXtables.py, fw_zone.py `zone_base_chain`, fw_policy.py
/// `policy_base_chain_name` (v0.8, v1.3), ipXtables.py `build_dispatch_stage1_rules` (v2.4).
enum Firewalld {
    /// What a chain's name says: `filter_IN_public_allow`, of iptables `IN_public_allow`.
    struct Name {
        enum Part: Equatable { case whole, pre, log, deny, allow, post }

        /// `IN`, `FWD`, `POST`, …
        var hook: String
        /// `zone public`, `policy allow-host-ipv6`.
        var object: String
        var part: Part

        var text: String {
            switch (part, hook) {
            case (.whole, "IN"): "\(object): what comes to this host"
            case (.whole, "POST"): "\(object): by which address packets leave"
            case (.whole, "PRE"): "\(object): what comes in, before it is routed"
            case (.whole, "OUT"): "\(object): what this host sends"
            case (.whole, "FWDI"): "\(object): what comes from there and is forwarded"
            case (.whole, "FWDO"): "\(object): what is forwarded there"
            case (.whole, _): "\(object): what is forwarded"
            case (.pre, _): "\(object): rich rules of negative priority"
            case (.post, _): "\(object): rich rules of positive priority"
            case (.log, _): "\(object): what is logged"
            case (.deny, _): "\(object): what is refused"
            case (.allow, "IN"): "\(object): services and ports that are open"
            case (.allow, "POST"): "\(object): masquerading"
            case (.allow, "PRE"): "\(object): ports that are forwarded"
            case (.allow, _): "\(object): what is let through"
            }
        }
    }

    static func purpose(of chain: ChainFacts) -> Purpose? {
        guard let bare = bareName(of: chain) else { return nil }
        if chain.isBase { return words("firewalld's rules at this hook") }
        if let text = shared(bare) { return words(text) }
        return name(of: chain).map { words($0.text) }
    }

    /// The chain's name without the table that nft's form has before it; `nil` where it is not firewalld's.
    private static func bareName(of chain: ChainFacts) -> String? {
        if chain.table.isNative {
            guard chain.tableName == "firewalld" else { return nil }
            for table in ["filter_", "nat_", "mangle_", "raw_"] {
                if let bare = rest(of: chain.name, after: table) { return bare }
            }
            return nil
        }
        // Its names alone are not telling: its own chain at the hook must be there too.
        guard !chain.isBase else { return nil }
        for hook in ["INPUT", "PREROUTING", "FORWARD", "OUTPUT"] {
            guard let direct = chain.sibling(hook + "_direct") ?? chain.sibling(hook + "_ZONES") else { continue }
            return direct.isBase ? nil : chain.name
        }
        return nil
    }

    /// Chains that belong to no zone.
    private static func shared(_ name: String) -> String? {
        for hook in ["INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"] {
            guard let rest = rest(of: name, after: hook + "_") else { continue }
            switch rest {
            case "direct": return "rules of the operator's own (direct rules)"
            case "ZONES", "dispatch": return "finds the zone that a packet is in"
            case "ZONES_SOURCE", "IN_ZONES_SOURCE": return "finds the zone of a packet by its source"
            case "OUT_ZONES_SOURCE": return "finds the zone of a packet by its destination"
            case "IN_ZONES": return "finds the zone of the interface that a packet comes by"
            case "OUT_ZONES": return "finds the zone of the interface that a packet leaves by"
            case "POLICIES_pre": return "policies that are asked before the zone"
            case "POLICIES_post": return "policies that are asked after the zone"
            case "dnat": return "refuses what was forwarded to a port but no zone lets through"
            default: return nil
            }
        }
        return nil
    }

    private static func name(of chain: ChainFacts) -> Name? {
        guard let bare = bareName(of: chain), let mark = bare.firstIndex(of: "_") else { return nil }
        let hook = String(bare[..<mark])
        switch hook {
        case "IN", "FWD", "FWDI", "FWDO", "OUT", "PRE", "POST": break
        default: return nil
        }
        var object = String(bare[bare.index(after: mark)...])
        var part = Name.Part.whole
        let parts: [(String, Name.Part)] = [
            ("_pre", .pre), ("_log", .log), ("_deny", .deny), ("_allow", .allow), ("_post", .post),
        ]
        for (suffix, meaning) in parts where object.hasSuffix(suffix) {
            // A zone may be named so too: then there is no chain without the suffix.
            guard chain.sibling(String(chain.name.dropLast(suffix.count))) != nil else { break }
            object = String(object.dropLast(suffix.count))
            part = meaning
            break
        }
        guard !object.isEmpty else { return nil }
        return Name(hook: hook, object: named(object), part: part)
    }

    /// `policy_allow-host-ipv6` is a policy; everything else a zone.
    private static func named(_ object: String) -> String {
        if let policy = rest(of: object, after: "policy_") { return "policy \(policy)" }
        return "zone \(object)"
    }

    // MARK: Rules

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .firewalld else { return nil }
        let outline = rule.outline
        if rule.chain.isBase { return basePurpose(of: outline, rule.chain) }
        if let name = name(of: rule.chain) { return purpose(of: outline, in: name) }
        switch outline.effect {
        case .jump(let target), .goto(let target): return zonePurpose(of: outline, rule.chain, target)
        case .reject, .drop: return words("refuses what was forwarded to a port but no zone lets through")
        default: return nil
        }
    }

    private static func basePurpose(of outline: RuleOutline, _ chain: ChainFacts) -> Purpose? {
        switch outline.effect {
        case .accept:
            if outline.isForKnownConnections { return words("lets answers through") }
            if case .is(let states)? = outline.states, states.contains(.dnat) {
                return words("lets through what was forwarded to a port")
            }
            if outline.input?.wanted == "lo" || outline.output?.wanted == "lo" {
                return words("lets what stays on this host through")
            }
            return outline.transport == "icmpv6" ? words("lets neighbour discovery past the check of the source") : nil
        case .drop:
            if outline.isForInvalid { return words("drops what conntrack calls invalid") }
            return chain.name == "filter_PREROUTING"
                ? words("drops what has a source that is not reached this way") : nil
        case .reject:
            if outline.destination != nil { return words("refuses IPv4 addresses wrapped in IPv6 ones") }
            return outline.isUnconditional ? words("refuses what no zone took") : nil
        default: return nil
        }
    }

    /// Which zone a packet is in.
    private static func zonePurpose(of outline: RuleOutline, _ chain: ChainFacts, _ target: String) -> Purpose? {
        guard let entry = chain.sibling(target), let name = name(of: entry) else { return nil }
        if name.object.hasPrefix("policy ") { return words(name.text) }
        if let interface = outline.input?.wanted ?? outline.output?.wanted {
            return words("interface \(interface) is in \(name.object)")
        }
        if let source = outline.source?.wanted ?? outline.destination?.wanted {
            return words("\(source) is in \(name.object)")
        }
        if let set = outline.sets.first { return words("addresses of ipset \(set.name) are in \(name.object)") }
        return outline.isUnconditional ? words("everything else is in \(name.object), the default") : nil
    }

    private static func purpose(of outline: RuleOutline, in name: Name) -> Purpose? {
        let object = name.object
        switch outline.effect {
        case .accept:
            if outline.isUnconditional { return words("\(object): lets the rest through") }
            return words("\(object): lets \(what(outline)) \(name.hook == "IN" ? "in" : "through")")
        case .reject, .drop:
            let verb = outline.effect == .drop ? "drops" : "refuses"
            return words("\(object): \(verb) \(outline.isUnconditional ? "the rest" : what(outline))")
        case .destination(let to): return words("\(object): forwards \(what(outline)) to \(to)")
        case .redirect(let to):
            return words("\(object): forwards \(what(outline)) to port \(to.dropFirst()) of this host")
        case .masquerade: return words("\(object): what leaves takes this host's address")
        case .log: return words("\(object): logs \(what(outline))")
        case .mark: return words("\(object): marks \(what(outline))")
        default: return nil
        }
    }

    private static func what(_ outline: RuleOutline) -> String {
        var text = outline.service.isEmpty ? "everything" : outline.service
        if let source = outline.source?.wanted { text += " from \(source)" }
        if let destination = outline.destination?.wanted { text += " to \(destination)" }
        for set in outline.sets where !set.isNegated { text += " of ipset \(set.name)" }
        if let output = outline.output?.wanted { text += " out by \(output)" }
        return text
    }

    private static func words(_ text: String) -> Purpose { .other(.firewalld, text) }
}
