internal import ChainGraph
internal import RuleModel
internal import SourceText

/// What Felix's chains and rules are for: by names, comments and shapes, in iptables and nftables mode.
///
/// Source: projectcalico/calico felix/rules (rule_defs.go, static.go, endpoints.go, policy.go, dispatch.go, nat.go),
/// felix/dataplane/linux/int_dataplane.go, v3.22 to v3.33.
struct CalicoRules: Sendable {
    let names: CalicoNames
    let marks: CalicoMarks?

    init(_ linked: LinkedRuleset, _ cluster: ClusterObjects) {
        names = CalicoNames(cluster)
        marks = CalicoMarks(linked)
    }

    // MARK: Chains

    func purpose(of facts: ChainFacts) -> CalicoPurpose? {
        guard let chain = FelixChain(facts), chain.isOwn else { return nil }
        return entryPurpose(chain) ?? fixedPurpose(chain) ?? namedPurpose(facts, chain)
    }

    private func entryPurpose(_ chain: FelixChain) -> CalicoPurpose? {
        switch chain.name {
        case "cali-PREROUTING", "cali-INPUT", "cali-FORWARD", "cali-OUTPUT", "cali-POSTROUTING":
            .entry(chain.layer, hook: String(chain.name.dropFirst(5)))
        default: nil
        }
    }

    private func fixedPurpose(_ chain: FelixChain) -> CalicoPurpose? {
        switch chain.name {
        case "cali-rpf-skip", "cali-rpf": .spoofingExceptions
        case "cali-wireguard-incoming-mark": .wireguardMark
        case "cali-failsafe-in": .failsafe(.ingress)
        case "cali-failsafe-out": .failsafe(.egress)
        case "cali-wl-to-host": .workloadToHost
        case "cali-cidr-block": .loopPrevention
        case "cali-nat-outgoing": .natOutgoing
        case "cali-fip-dnat": .floatingIP(changesSource: false)
        case "cali-fip-snat": .floatingIP(changesSource: true)
        case "cali-egress-dscp": .dscp
        case "cali-forward-check": .serviceCheck
        case "cali-from-endpoint-mark": .fromEndpointMark
        case "cali-forward-endpoint-mark": .forwardByEndpointMark
        case "cali-untracked-policy": .untrackedPolicy
        case "cali-untracked-flows": .untrackedFlows
        case "cali-arp-dispatch": .arp
        default: nil
        }
    }

    /// Chains with the name of an object, and dispatch chains, which become trees where there are many interfaces.
    private func namedPurpose(_ facts: ChainFacts, _ chain: FelixChain) -> CalicoPurpose {
        if chain.name.hasPrefix("felix-") { return .historic }
        let dispatches: [(prefix: String, purpose: CalicoPurpose)] = [
            ("cali-from-wl-dispatch", .workloadDispatch(.egress)),
            ("cali-to-wl-dispatch", .workloadDispatch(.ingress)),
            ("cali-from-hep-forward", .hostDispatch(.ingress, .forwarded)),
            ("cali-to-hep-forward", .hostDispatch(.egress, .forwarded)),
            ("cali-from-host-endpoint", .hostDispatch(.ingress, hostPolicy(chain.layer, .ingress))),
            ("cali-to-host-endpoint", .hostDispatch(.egress, hostPolicy(chain.layer, .egress))),
            ("cali-set-endpoint-mark", .setEndpointMark),
        ]
        for (prefix, purpose) in dispatches where isTree(chain.name, of: prefix) { return purpose }
        let id = { (prefix: String) in String(chain.name.dropFirst(prefix.utf8.count)) }
        switch prefix(of: chain.name) {
        case "cali-fw-": return .workload(names.workload(id("cali-fw-")), .egress)
        case "cali-tw-": return .workload(names.workload(id("cali-tw-")), .ingress)
        case "cali-pi-": return .policy(names.policy(of: facts, id: id("cali-pi-"), .ingress), .ingress)
        case "cali-po-": return .policy(names.policy(of: facts, id: id("cali-po-"), .egress), .egress)
        case "cali-pri-": return .profile(names.profile(of: facts, id: id("cali-pri-"), .ingress), .ingress)
        case "cali-pro-": return .profile(names.profile(of: facts, id: id("cali-pro-"), .egress), .egress)
        case "cali-gi-": return .policyGroup(id("cali-gi-"), .ingress)
        case "cali-go-": return .policyGroup(id("cali-go-"), .egress)
        case "cali-fh-": return host(id("cali-fh-"), .ingress, hostPolicy(chain.layer, .ingress))
        case "cali-th-": return host(id("cali-th-"), .egress, hostPolicy(chain.layer, .egress))
        case "cali-fhfw-": return host(id("cali-fhfw-"), .ingress, .forwarded)
        case "cali-thfw-": return host(id("cali-thfw-"), .egress, .forwarded)
        case "cali-sm-": return .endpointMark(names.workload(id("cali-sm-")))
        case "cali-arp-": return .arp
        default: return .unknownChain
        }
    }

    /// `cali-fw-`: to the second dash.
    private func prefix(of name: String) -> String {
        var dashes = 0
        for index in name.indices where name[index] == "-" {
            dashes += 1
            if dashes == 2 { return String(name[...index]) }
        }
        return name
    }

    private func isTree(_ name: String, of root: String) -> Bool {
        name == root || name.hasPrefix(root + "-")
    }

    private func hostPolicy(_ layer: CalicoPurpose.Layer, _ way: PolicyDirection) -> CalicoPurpose.HostPolicy {
        switch layer {
        case .raw: .untracked
        case .mangle: way == .ingress ? .preDNAT : .translated
        case .nat, .filter: .normal
        }
    }

    /// The host endpoint of all interfaces has a name of its own, which does not always fit into a chain's name.
    private func host(_ id: String, _ way: PolicyDirection, _ policy: CalicoPurpose.HostPolicy) -> CalicoPurpose {
        let all = "any-interface-at-all"
        let isAll = id == all || id == lengthLimitedID(all, prefixLength: 10)
        return .hostEndpoint(interface: isAll ? "" : id, way, policy)
    }

    /// What the set or, in nftables mode, the map `name` is for.
    func purpose(ofSet name: String) -> CalicoPurpose? {
        if let set = CalicoSet(name: name) { return .set(names.named(set)) }
        if name.hasSuffix("-cali-from-wl-dispatch") { return .workloadDispatch(.egress) }
        if name.hasSuffix("-cali-to-wl-dispatch") { return .workloadDispatch(.ingress) }
        return name.hasSuffix("-cali-arp-dispatch") ? .arp : nil
    }

    // MARK: Rules

    /// What `facts` is for; `chain` is the purpose of the chain that it stands in, `nil` for chains that are not
    /// Felix's.
    func purpose(of facts: RuleFacts, in chain: CalicoPurpose?) -> CalicoPurpose? {
        let rule = FelixRule(facts)
        guard let place = FelixChain(ChainFacts(linked: facts.linked, id: facts.reference.chain)) else { return nil }
        guard let chain else { return foreignPurpose(of: rule, facts, place) }
        switch chain {
        case .policy, .profile:
            let parts = parts(of: facts.reference.chain, facts.linked)
            return policyPurpose(rule, parts[facts.reference.index], in: chain)
        default: break
        }
        if let purpose = commentedPurpose(of: rule, facts, place, chain) { return purpose }
        if let purpose = jumpPurpose(of: rule, facts) { return purpose }
        return shapedPurpose(of: rule, facts, place, chain) ?? .unknownRule
    }

    /// A rule of Felix's in a chain of the kernel's.
    private func foreignPurpose(of rule: FelixRule, _ facts: RuleFacts, _ place: FelixChain) -> CalicoPurpose? {
        if let purpose = jumpPurpose(of: rule, facts) { return purpose }
        guard rule.hash != nil else {
            return facts.linked.name(rule.set) == "felix-masq-ipam-pools" ? .historic : nil
        }
        if Self.isBPF(rule) { return .bpf }
        if rule.has("Policy explicitly accepted packet.") { return .explicitAccept }
        if place.name == "FORWARD", case .mark = rule.act { return .markForwarded }
        return .unknownRule
    }

    /// Rules that eBPF mode puts into the kernel's chains, by comment.
    static func isBPF(_ rule: FelixRule) -> Bool {
        for comment in rule.comments {
            switch comment {
            case "Pre-approved by BPF programs.", "Accept packets from flows that pre-date BPF.",
                "REJECT/rst packets from unknown TCP flows.", "From workload without BPF seen mark",
                "To workload, check workload is known.", "To workload, mark has already been verified.",
                "To workload, drop IPv6.", "Mark pre-established flows.", "Mark pre-established host flows.",
                "Mark connections with ExtToServiceConnmark", "BPF loopback SNAT", " device, mark verified, accept.",
                "Jump to target for packets with Bypass mark", "Mark traffic towards the host - it is TRACKed",
                "Check if forwarded traffic needs to be TRACKed", "Drop packets from unknown flows.", "link-local":
                return true
            default:
                if comment.hasPrefix("MarkSeen") || comment.hasPrefix("Track interface ")
                    || comment.hasSuffix(" packets from unknown non-TCP flows.")
                {
                    return true
                }
            }
        }
        return false
    }

    /// A jump, or a look-up in the map that leads to the workloads' chains, has the purpose of where it leads.
    private func jumpPurpose(of rule: FelixRule, _ facts: RuleFacts) -> CalicoPurpose? {
        switch rule.act {
        case .jump(let name), .goto(let name):
            guard name.hasPrefix("cali-") || name.hasPrefix("felix-"), let symbol = rule.target else { return nil }
            guard let target = facts.linked.sibling(of: facts.reference.chain, named: symbol) else {
                return .unknownChain
            }
            return purpose(of: ChainFacts(linked: facts.linked, id: target))
        default: return nil
        }
    }
}
