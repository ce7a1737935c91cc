internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// libvirt's virtual networks and its filters of guests.
///
/// Source: libvirt src/network/network_iptables.c and network_nftables.c (v10.4), src/util/viriptables.c (v4.10: rules
/// in the built-in chains), src/nwfilter/nwfilter_ebiptables_driver.c.
enum Libvirt {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName == "libvirt_network" {
            switch chain.name {
            case "forward": return words("what is forwarded to and from virtual networks")
            case "guest_output": return guestOutput
            case "guest_input": return guestInput
            case "guest_cross": return guestCross
            case "guest_nat": return guestNAT
            case "guest_to_host": return words("what guests send to this host")
            case "host_to_guest": return words("what this host sends to guests")
            default: return nil
            }
        }
        switch chain.name {
        case "LIBVIRT_INP": return words("lets guests ask for names and addresses")
        case "LIBVIRT_OUT": return words("lets answers to guests about names and addresses out")
        case "LIBVIRT_FWI": return guestInput
        case "LIBVIRT_FWO": return guestOutput
        case "LIBVIRT_FWX": return guestCross
        case "LIBVIRT_PRT":
            return chain.tableName == "nat" ? guestNAT : words("fills in checksums that guests' DHCP clients ask for")
        case "libvirt-in": return words("filters of guests: what guests send")
        case "libvirt-out": return words("filters of guests: what goes to guests")
        case "libvirt-in-post": return words("filters of guests: what guests send and is allowed")
        case "libvirt-host-in": return words("filters of guests: what guests send to this host")
        default: return filterPurpose(of: chain)
        }
    }

    private static let guestOutput = words("what virtual networks send outside")
    private static let guestInput = words("what comes to virtual networks from outside")
    private static let guestCross = words("what guests of one virtual network send each other")
    private static let guestNAT = words("by which address guests leave their network")

    /// `FI-vnet0`: rules of a filter for one guest, where libvirt's own chains lead to it.
    private static func filterPurpose(of chain: ChainFacts) -> Purpose? {
        let name = chain.name
        guard name.utf8.count > 3 else { return nil }
        let guest = String(name.dropFirst(3))
        let (entry, what): (String, String)
        switch name.prefix(3) {
        case "FI-", "FJ-": (entry, what) = ("libvirt-in", "what it sends")
        case "FO-", "FP-": (entry, what) = ("libvirt-out", "what goes to it")
        case "HI-", "HJ-": (entry, what) = ("libvirt-host-in", "what it sends to this host")
        default: return nil
        }
        guard let entry = chain.sibling(entry),
            entry.rules.indices.contains(where: { entry.facts($0).jump == name })
        else { return nil }
        return words("filter of guest \(guest): \(what)")
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        let outline: RuleOutline
        if chain?.maker == .libvirt {
            outline = rule.outline
            if case .other(_, let text)? = chain, text.hasPrefix("filter of guest ") {
                return filtered(outline).map { words("\(text): \($0)") }
            }
        } else {
            // Up to version 5.0 its rules stood in the built-in chains.
            guard chain == nil, rule.chain.isBase, rule.jump == nil, let table = rule.chain.table.iptables else {
                return nil
            }
            outline = rule.outline
            switch table {
            case .filter, .mangle:
                guard isOwn(outline.input) || isOwn(outline.output) else { return nil }
            case .nat:
                guard let subnet = outline.source?.wanted, isSubnet(subnet, of: rule.chain) else { return nil }
            case .raw, .security: return nil
            }
        }
        return purpose(of: outline)
    }

    private static func purpose(of outline: RuleOutline) -> Purpose? {
        switch outline.effect {
        case .accept: return accepted(outline)
        case .reject, .drop:
            if let bridge = outline.output?.wanted { return words("network \(bridge): nothing else comes in") }
            return outline.input?.wanted.map { words("network \($0): nothing else goes out") }
        case .return:
            return outline.destination?.wanted.map { words("what guests send to \($0) keeps its address") }
        case .masquerade:
            return outline.source?.wanted.map { words("guests of \($0) leave by this host's address") }
        case .other where outline.destinationPorts == "68":
            return outline.output?.wanted.map { words("network \($0): fills in checksums of DHCP answers") }
        default: return nil
        }
    }

    private static func accepted(_ outline: RuleOutline) -> Purpose? {
        let service: String? =
            switch outline.destinationPorts {
            case "53": "names (\(outline.service))"
            case "67", "68": "addresses (\(outline.service))"
            case "": nil
            default: outline.service
            }
        let from = outline.input?.wanted
        let to = outline.output?.wanted
        if let service {
            if let from { return words("network \(from): guests may ask for \(service)") }
            return to.map { words("network \($0): answers about \(service) go out") }
        }
        if let from, from == to { return words("network \(from): guests may reach each other") }
        if let to {
            let subnet = outline.destination?.wanted.map { " (\($0))" } ?? ""
            return words(
                outline.isForKnownConnections
                    ? "network \(to)\(subnet): answers come in" : "network \(to)\(subnet): everything comes in")
        }
        guard let from else { return nil }
        return words("network \(from)\(outline.source?.wanted.map { " (\($0))" } ?? ""): guests may reach others")
    }

    /// A rule of a guest's filter: RETURN and ACCEPT allow, DROP and REJECT do not.
    private static func filtered(_ outline: RuleOutline) -> String? {
        let what = outline.service.isEmpty ? "it" : outline.service
        switch outline.effect {
        case .return, .accept: return "\(what) is allowed"
        case .drop, .reject: return "\(what) is refused"
        default: return nil
        }
    }

    /// `virbr0`: no one else names bridges so.
    private static func isOwn(_ interface: Negatable<String>?) -> Bool {
        guard let number = interface?.wanted.flatMap({ rest(of: $0, after: "virbr") }), !number.isEmpty else {
            return false
        }
        return number.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    }

    /// Whether filter FORWARD lets guests of `subnet` out by one of libvirt's bridges.
    private static func isSubnet(_ subnet: String, of chain: ChainFacts) -> Bool {
        guard let forward = chain.cousin("FORWARD", table: .filter) else { return false }
        for index in forward.rules.indices.prefix(256) {
            let outline = forward.facts(index).outline
            if outline.source?.wanted == subnet, isOwn(outline.input), outline.effect == .accept { return true }
        }
        return false
    }

    private static func words(_ text: String) -> Purpose { .other(.libvirt, text) }
}
