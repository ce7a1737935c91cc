internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// OpenWrt's firewall: fw4 (`table inet fw4`) and fw3 (iptables).
///
/// Source: openwrt/firewall4 root/usr/share/firewall4/templates/ruleset.uc (22.03 to 24.10), openwrt/firewall3 zones.c
/// and defaults.c (`zone_chains`, `default_chains`; 2015 to 2022).
enum OpenWrt {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative {
            return chain.tableName == "fw4" ? nativePurpose(of: chain).map { words($0) } : nil
        }
        guard !chain.isBase else { return nil }
        if let text = zonePurpose(of: chain.name) { return words(text) }
        // Names that are not telling alone: fw3 gives all of its rules a comment.
        guard isOwn(chain) else { return nil }
        switch chain.name {
        case "reject": return words("refuses with an answer")
        case "syn_flood": return words("drops new TCP connections above a rate")
        case "input_rule", "output_rule", "forwarding_rule", "prerouting_rule", "postrouting_rule":
            return words("rules of the operator's own")
        default: break
        }
        for (prefix, what) in custom {
            guard let zone = rest(of: chain.name, after: prefix), zone.hasSuffix("_rule") else { continue }
            return words("rules of the operator's own for zone \(zone.dropLast(5)): \(what)")
        }
        return nil
    }

    private static let custom = [
        ("input_", "what comes to this host"), ("output_", "what this host sends"),
        ("forwarding_", "what is forwarded"), ("prerouting_", "before routing"), ("postrouting_", "after routing"),
    ]

    /// `zone_lan_input`, `zone_wan_src_REJECT`, …
    private static func zonePurpose(of name: String) -> String? {
        guard let rest = rest(of: name, after: "zone_") else { return nil }
        for (suffix, what) in zoneChains where rest.hasSuffix(suffix) {
            let zone = rest.dropLast(suffix.count)
            return zone.isEmpty ? nil : "zone \(zone): \(what)"
        }
        return nil
    }

    private static let zoneChains = [
        ("_input", "what comes to this host"), ("_output", "what this host sends there"),
        ("_forward", "what comes from there and is forwarded"),
        ("_src_ACCEPT", "lets in what comes from there"), ("_src_REJECT", "refuses what comes from there"),
        ("_src_DROP", "drops what comes from there"), ("_dest_ACCEPT", "lets out what goes there"),
        ("_dest_REJECT", "refuses what goes there"), ("_dest_DROP", "drops what goes there"),
        ("_postrouting", "by which address packets leave"), ("_prerouting", "ports that are forwarded"),
        ("_helper", "helpers for protocols"), ("_notrack", "what is not tracked"),
    ]

    private static func isOwn(_ chain: ChainFacts) -> Bool {
        for hook in ["INPUT", "FORWARD", "PREROUTING", "POSTROUTING"] {
            guard let base = chain.sibling(hook) else { continue }
            for comment in base.comments(first: 16) where comment.hasPrefix("!fw3") { return true }
        }
        return false
    }

    private static func nativePurpose(of chain: ChainFacts) -> String? {
        if chain.isBase { return "OpenWrt's rules at this hook" }
        switch chain.name {
        case "handle_reject": return "refuses with an answer"
        case "syn_flood": return "drops new TCP connections above a rate"
        default: break
        }
        for (prefix, what) in nativeChains {
            if let zone = rest(of: chain.name, after: prefix), !zone.isEmpty { return "zone \(zone): \(what)" }
        }
        return nil
    }

    private static let nativeChains = [
        ("input_", "what comes to this host"), ("output_", "what this host sends there"),
        ("forward_", "what comes from there and is forwarded"), ("helper_", "helpers for protocols"),
        ("accept_from_", "lets in what comes from there"), ("reject_from_", "refuses what comes from there"),
        ("drop_from_", "drops what comes from there"), ("accept_to_", "lets out what goes there"),
        ("reject_to_", "refuses what goes there"), ("drop_to_", "drops what goes there"),
        ("dstnat_", "ports that are forwarded"), ("srcnat_", "by which address packets leave"),
        ("notrack_", "what is not tracked"), ("mangle_", "changes to packets"),
    ]

    // MARK: Rules

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        let isOwn = chain?.maker == .openwrt
        guard isOwn || (chain == nil && rule.chain.isBase) else { return nil }
        if let text = entered(rule) { return words(text) }
        for comment in rule.comments {
            if let text = rest(of: comment, after: "!fw4: ") ?? rest(of: comment, after: "!fw3: ") {
                return words(said(text, of: rule, chain))
            }
            if comment == "!fw3" || comment == "!fw4" { return uncommented(rule, chain) }
        }
        return isOwn ? uncommented(rule, chain) : nil
    }

    /// The zone of an interface: a rule at a hook that leads to the zone's chain.
    private static func entered(_ rule: RuleFacts) -> String? {
        guard rule.chain.isBase, let jump = rule.jump, let chain = rule.chain.sibling(jump),
            case .other(.openwrt, let text)? = purpose(of: chain), text.hasPrefix("zone "),
            let end = text.firstIndex(of: ":")
        else { return nil }
        let outline = rule.outline
        guard let interface = outline.input?.wanted ?? outline.output?.wanted else { return nil }
        return "\(text[..<end]) (\(interface))\(text[end...])"
    }

    /// The words of the comment; the zone before it where it only has the name of a rule (`Allow-Ping`).
    private static func said(_ text: String, of rule: RuleFacts, _ chain: Purpose?) -> String {
        guard !text.holds(" "), let zone = zone(chain) else { return lowerFirst(text) }
        let outline = rule.outline
        let what = outline.service.isEmpty ? "" : " (\(outline.service))"
        return "\(zone): rule \(text)\(what)"
    }

    private static func uncommented(_ rule: RuleFacts, _ chain: Purpose?) -> Purpose? {
        let outline = rule.outline
        let zone = zone(chain).map { $0 + ": " } ?? ""
        switch outline.effect {
        case .jump, .goto: return nil
        case .accept where outline.isForKnownConnections: return words("lets answers through")
        case .accept where outline.input?.wanted == "lo" || outline.output?.wanted == "lo":
            return words("lets what stays on this host through")
        case .accept: return words(zone + "lets it through")
        case .drop where outline.isForInvalid: return words("drops what conntrack calls invalid")
        case .drop: return words(zone + "drops it")
        case .reject: return words(zone + "refuses it")
        case .return: return words(zone + "goes on")
        case .masquerade: return words(zone + "what leaves takes this host's address")
        case .destination(let to): return words(zone + "forwards \(outline.service) to \(to)")
        case .redirect(let to):
            return words(zone + "forwards \(outline.service) to port \(to.dropFirst()) of this host")
        default: return nil
        }
    }

    private static func zone(_ chain: Purpose?) -> String? {
        guard case .other(.openwrt, let text)? = chain, text.hasPrefix("zone "), let end = text.firstIndex(of: ":")
        else {
            return nil
        }
        return String(text[..<end])
    }

    private static func lowerFirst(_ text: String) -> String {
        guard let first = text.utf8.first, first >= UInt8(ascii: "A"), first <= UInt8(ascii: "Z") else { return text }
        return String(decoding: [first | 0x20], as: UTF8.self) + text.dropFirst()
    }

    private static func words(_ text: String) -> Purpose { .other(.openwrt, text) }
}
