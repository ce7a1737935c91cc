internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// OpenStack: Neutron's agents, and Nova as it was before.
///
/// Source: neutron agent/linux/iptables_manager.py, iptables_firewall.py, iptables_comments.py, agent/l3/router_info.py
/// (2016 to 2024); nova network/linux_net.py (2016). Names of chains are cut: the agent's to 16 characters, the whole
/// to 28.
enum Neutron {
    private static let agents = [
        ("neutron-openvswi-", "the Open vSwitch agent"), ("neutron-linuxbri-", "the Linux bridge agent"),
        ("neutron-l3-agent-", "the L3 agent"), ("neutron-dhcp-age-", "the DHCP agent"),
        ("neutron-vpn-agen-", "the VPN agent"), ("neutron-meter-", "the metering agent"),
        ("nova-api-", "Nova's API"), ("nova-compute-", "Nova's compute agent"), ("nova-network-", "Nova's network"),
    ]

    static func purpose(of chain: ChainFacts) -> Purpose? {
        switch chain.name {
        case "neutron-filter-top", "nova-filter-top": return words("what is asked first, for all of OpenStack's agents")
        case "neutron-postrouting-bottom", "nova-postrouting-bottom":
            return words("what is asked last, for all of OpenStack's agents")
        default: break
        }
        for (prefix, agent) in agents {
            if let name = rest(of: chain.name, after: prefix) { return text(of: name, agent).map { words($0) } }
        }
        return nil
    }

    private static func text(of name: String, _ agent: String) -> String? {
        switch name {
        case "INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING": return "rules of \(agent) at this hook"
        case "local": return "rules of \(agent) for what is asked first"
        case "sg-chain": return "finds the port of the virtual machine"
        case "sg-fallback": return "drops what no security group allows"
        case "snat": return "by which address packets leave (\(agent))"
        case "float-snat": return "floating IPs: by which address virtual machines leave"
        case "mark": return "marks what comes by an interface (\(agent))"
        case "scope": return "keeps networks of different address scopes apart"
        case "floatingip": return "marks for floating IPs"
        case "port-forwarding", "pf": return "ports of floating IPs that are forwarded"
        default: break
        }
        // A letter, and the first ten characters of the port's id.
        guard let kind = name.first, name.utf8.count > 8, name.utf8.count <= 11 else { return nil }
        let port = name.dropFirst()
        guard port.utf8.allSatisfy({ isHexadecimal($0) || $0 == UInt8(ascii: "-") }) else { return nil }
        switch kind {
        case "i": return "port \(port)…: security groups for what goes to the virtual machine"
        case "o": return "port \(port)…: security groups for what the virtual machine sends"
        case "s": return "port \(port)…: addresses that the virtual machine may send from"
        default: return nil
        }
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .neutron, let chain else { return nil }
        let outline = rule.outline
        let port = port(chain.text)
        for comment in rule.comments {
            if let text = known(comment, outline, port: port) { return words(text) }
        }
        switch outline.effect {
        case .zone(let zone):
            return outline.bridgeInput.map { words("\($0): its connections are tracked in zone \(zone)") }
        case .return, .accept:
            guard let port else {
                return rule.chain.name.hasSuffix("-sg-chain")
                    ? words("lets through what the security groups allowed") : accepted(outline)
            }
            return words("\(port): a security group allows \(what(outline))")
        case .drop: return words(port.map { "\($0): drops \(what(outline))" } ?? "drops \(what(outline))")
        case .destination(let to):
            return outline.destination?.wanted.map { words("floating IP \($0) of \(to)") }
        case .source(let address):
            if let machine = outline.source?.wanted { return words("\(machine) leaves by floating IP \(address)") }
            return words("leaves by the router's address \(address)")
        case .redirect: return words("questions for metadata go to the agent's proxy")
        case .jump(let target) where target.holds("-s") && port != nil:
            return words("\(port ?? ""): may the virtual machine send from this address?")
        default: return nil
        }
    }

    private static func accepted(_ outline: RuleOutline) -> Purpose? {
        guard outline.effect == .accept else { return nil }
        return words("lets \(what(outline)) in")
    }

    private static func known(_ comment: String, _ outline: RuleOutline, port: String?) -> String? {
        let before = port.map { $0 + ": " } ?? ""
        switch comment {
        case "Perform source NAT on outgoing traffic.": return "by which address packets leave"
        case "Default drop rule for unmatched traffic.": return "drops what no security group allows"
        case "Direct traffic from the VM interface to the security group chain.", "Jump to the VM specific chain.",
            "Direct incoming traffic from VM to the security group chain.":
            if let device = outline.bridgeOutput { return "what goes to the virtual machine at \(device)" }
            return outline.bridgeInput.map { "what the virtual machine at \($0) sends" }
        case "Allow traffic from defined IP/MAC pairs.":
            return outline.source?.wanted.map { "\(before)may send from \($0)" }
        case "Drop traffic without an IP/MAC allow rule.":
            return "\(before)drops what comes from an address not its own"
        case "Allow DHCP client traffic.": return "\(before)may ask for an address (DHCP)"
        case "Prevent DHCP Spoofing by VM.": return "\(before)may not give out addresses (DHCP)"
        case "Send unmatched traffic to the fallback chain.": return "\(before)drops what no security group allows"
        case "Direct packets associated with a known session to the RETURN chain.":
            return "\(before)lets answers through"
        case "Accept all packets when port security is disabled.":
            return "\(before)port security is off: lets everything through"
        case "Drop IPv6 Router Advts from VM Instance.": return "\(before)may not advertise itself as a router"
        case "Allow IPv6 ICMP traffic.": return "\(before)lets ICMPv6 through"
        default: break
        }
        if comment.hasPrefix("Drop packets that appear related to an existing connection") {
            return "\(before)drops what conntrack calls invalid"
        }
        return nil
    }

    private static func port(_ text: String) -> String? {
        guard text.hasPrefix("port "), let end = text.firstIndex(of: ":") else { return nil }
        return String(text[..<end])
    }

    private static func what(_ outline: RuleOutline) -> String {
        var text = outline.service.isEmpty ? "everything" : outline.service
        if let source = outline.source?.wanted { text += " from \(source)" }
        if let destination = outline.destination?.wanted { text += " to \(destination)" }
        for set in outline.sets where !set.isNegated {
            text += set.name.hasPrefix("NIPv") ? " from members of a security group" : " of ipset \(set.name)"
        }
        return text
    }

    /// Source: neutron agent/linux/ipset_manager.py `get_name`.
    static func purpose(ofSet name: String) -> Purpose? {
        guard name.hasPrefix("NIPv4") || name.hasPrefix("NIPv6"), name.utf8.count > 5 else { return nil }
        return words("members of security group \(name.dropFirst(5))…")
    }

    private static func words(_ text: String) -> Purpose { .other(.neutron, text) }
}
