internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// ufw: `ufw-*` for IPv4, `ufw6-*` for IPv6.
///
/// Source: ufw 0.36.2 src/backend_iptables.py, conf/before.rules, after.rules, user.rules, src/ufw-init-functions.
enum UFW {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        guard let name = rest(of: chain.name, after: "ufw-") ?? rest(of: chain.name, after: "ufw6-") else { return nil }
        switch name {
        case "not-local": return words("drops what is not for this host")
        case "logging-deny": return words("logs what is refused")
        case "logging-allow": return words("logs what is allowed")
        case "user-limit": return words("refuses who comes too often")
        case "user-limit-accept": return words("lets in who does not come too often")
        default: break
        }
        for (hook, what) in hooks {
            guard name.hasSuffix("-" + hook) else { continue }
            switch name.dropLast(hook.count + 1) {
            case "before": return words("ufw's own rules for \(what), asked before the user's (before.rules)")
            case "after": return words("ufw's own rules for \(what), asked after the user's (after.rules)")
            case "before-logging": return words("logs \(what) before it is judged")
            case "after-logging": return words("logs \(what) that no rule allowed")
            case "reject": return words("refuses \(what) where the default is to reject")
            case "track": return words("lets \(what) through where the default is to allow")
            case "user": return words("the user's rules for \(what)")
            case "user-logging": return words("logs what the user's rules for \(what) ask to log")
            case "skip-to-policy": return words("the default for \(what)")
            default: return nil
            }
        }
        return nil
    }

    private static let hooks = [
        ("input", "what comes in"), ("output", "what goes out"), ("forward", "what is forwarded"),
    ]

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .ufw,
            let name = rest(of: rule.chain.name, after: "ufw-") ?? rest(of: rule.chain.name, after: "ufw6-")
        else { return nil }
        let outline = rule.outline
        if name.hasPrefix("user-"), !name.hasPrefix("user-limit"), !name.hasPrefix("user-logging") {
            return userPurpose(of: outline)
        }
        if case .jump(let target) = outline.effect, target.holds("skip-to-policy") {
            return words("\(what(outline)): to the default, without a line in the log")
        }
        switch outline.effect {
        case .log: return words("a line in the log")
        case .accept: return words(allowed(outline, name))
        case .drop, .reject: return words(refused(outline, name))
        case .return where name == "not-local":
            return words("what is for this host, or for many, goes on")
        case .return where name.hasPrefix("logging-"):
            return words("no line in the log for what conntrack calls invalid")
        default: return nil
        }
    }

    private static func userPurpose(of outline: RuleOutline) -> Purpose? {
        switch outline.effect {
        case .accept: return words("user rule: allow \(what(outline))")
        case .drop: return words("user rule: deny \(what(outline))")
        case .reject: return words("user rule: reject \(what(outline))")
        case .jump(let target) where target.hasSuffix("-user-limit"):
            return words("user rule: limit \(what(outline)): refuses who comes too often")
        case .jump(let target) where target.hasSuffix("-user-limit-accept"):
            return words("user rule: limit \(what(outline)): lets others in")
        case .nothing where outline.asksMore:
            return words("user rule: limit \(what(outline)): counts who comes")
        case .log: return words("user rule: log \(what(outline))")
        default: return nil
        }
    }

    private static func allowed(_ outline: RuleOutline, _ name: String) -> String {
        if name.hasPrefix("skip-to-policy") { return "the default is to allow" }
        if name.hasPrefix("track-") { return "new connections by \(outline.transport) are allowed by default" }
        if name == "user-limit-accept" { return "lets it in" }
        if outline.isForKnownConnections { return "lets answers through" }
        if outline.input?.wanted == "lo" || outline.output?.wanted == "lo" {
            return "lets what stays on this host through"
        }
        return "lets \(what(outline)) through"
    }

    private static func refused(_ outline: RuleOutline, _ name: String) -> String {
        if name.hasPrefix("skip-to-policy") || name.hasPrefix("reject-") { return "the default is to refuse" }
        if name == "user-limit" { return "refuses who comes too often" }
        if name == "not-local" { return "drops what is not for this host" }
        if outline.isForInvalid { return "drops what conntrack calls invalid" }
        return "drops \(what(outline))"
    }

    /// `tcp port 443 from 10.0.0.0/8 in by eth0`
    private static func what(_ outline: RuleOutline) -> String {
        var text = outline.service.isEmpty ? "everything" : outline.service
        if outline.effect == .drop, outline.asksMore, outline.transport.isEmpty { text = "what has a routing header" }
        if let source = outline.source?.wanted { text += " from \(source)" }
        if let destination = outline.destination?.wanted { text += " to \(destination)" }
        if let input = outline.input?.wanted { text += " in by \(input)" }
        if let output = outline.output?.wanted { text += " out by \(output)" }
        return text
    }

    private static func words(_ text: String) -> Purpose { .other(.ufw, text) }
}
