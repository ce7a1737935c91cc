internal import ChainGraph
internal import RuleModel
internal import SourceText

/// Rules outside policies and profiles: by their comments, else by what they do in which chain.
extension CalicoRules {
    /// What the rule's comment says. Felix writes `Reject …` for `Drop …` where IptablesFilterDenyAction is REJECT.
    func commentedPurpose(
        of rule: FelixRule, _ facts: RuleFacts, _ place: FelixChain, _ chain: CalicoPurpose
    ) -> CalicoPurpose? {
        if Self.isBPF(rule) { return .bpf }
        let way = chain.direction ?? .ingress
        for comment in rule.comments {
            if let purpose = fixedComment(comment, way, place, chain) { return purpose }
            if comment.hasPrefix("Start of tier ") { return .tierStart(String(comment.dropFirst(14))) }
            if comment.hasSuffix(" if no policies passed packet") {
                return .tierEnd(tier(endedBy: facts, comment), way)
            }
            if comment.hasSuffix(" if no profiles matched") { return .noProfile(way) }
            if comment.hasSuffix(" packet rate limit") || comment.hasSuffix(" packet rate limit mark") {
                return .packetRate(way)
            }
            if comment.hasSuffix(" connection limit") { return .connectionCount(way) }
            if comment.hasSuffix(" encapped packets originating in workloads") {
                return .encapsulatedFromWorkload(comment.holds("VXLAN") ? .vxlan : .ipip)
            }
            if let purpose = tunnelComment(comment) { return purpose }
        }
        return nil
    }

    private func fixedComment(
        _ comment: String, _ way: PolicyDirection, _ place: FelixChain, _ chain: CalicoPurpose
    ) -> CalicoPurpose? {
        switch comment {
        case "Start of policies": .tierStart("default")
        case "Return if policy accepted": .returnIfPolicyAccepted(way)
        case "Return if profile accepted": .returnIfProfileAccepted(way)
        case "Return on verdict": .returnOnVerdict
        case "Endpoint admin disabled": .endpointDisabled(way)
        case "Allow forwarded traffic by default", "Return for accepted forward traffic": .forwardedByDefault
        case "Unknown interface": .unknownInterface(chain == .fromEndpointMark ? .egress : way)
        case "Unknown endpoint": .unknownInterface(.egress)
        case "Non-Cali endpoint mark": .otherEndpointMark
        case "Skip egress WHEP policy for traffic to local workload": .hostToWorkload
        case "Host endpoint policy accepted packet.": .hostEndpointAccepted(place.layer)
        case "Policy explicitly accepted packet.": .explicitAccept
        case "Configured DefaultEndpointToHostAction": .endpointToHostAction
        case "To kubernetes NodePort service": .toNodePort
        case "To kubernetes service": .toService
        case "set dscp for traffic leaving cluster.": .dscp
        case "Offload established Calico flows.": .flowOffload
        default: nil
        }
    }

    /// `Allow IPv4 VXLAN packets from allowed hosts`, in the words of all versions.
    private func tunnelComment(_ comment: String) -> CalicoPurpose? {
        let tunnel: CalicoPurpose.Tunnel
        if comment.holds("VXLAN packets ") {
            tunnel = .vxlan
        } else if comment.holds("IPIP packets ") {
            tunnel = .ipip
        } else if comment.hasSuffix(" Wireguard packets") {
            tunnel = .wireguard
        } else {
            return nil
        }
        if comment.holds(" from non-") { return .tunnelFromStranger(tunnel) }
        if comment.holds(" packets from ") || comment.hasPrefix("Allow incoming ") { return .tunnelFromHost(tunnel) }
        if comment.holds(" packets to ") || comment.hasPrefix("Allow outgoing ") { return .tunnelToHost(tunnel) }
        return nil
    }

    /// The tier that ends: by its own comment (v3.30 and later), else by the last one that began above it (v3.29);
    /// before there was only one.
    private func tier(endedBy facts: RuleFacts, _ comment: String) -> String {
        if comment.hasPrefix("End of tier ") {
            let rest = comment.dropFirst(12)
            // The tier's name has no dot: it is a label of DNS.
            if let dot = rest.firstIndex(of: ".") { return String(rest[..<dot]) }
        }
        return tierBegun(above: facts.reference, facts.linked) ?? "default"
    }

    /// The tier whose start is the last above `reference`.
    func tierBegun(above reference: RuleReference, _ linked: LinkedRuleset) -> String? {
        for index in (0..<reference.index).reversed() {
            let above = RuleFacts(linked: linked, reference: RuleReference(chain: reference.chain, index: index))
            for comment in FelixRule(above).comments where comment.hasPrefix("Start of tier ") {
                return String(comment.dropFirst(14))
            }
        }
        return nil
    }

    // MARK: By shape

    /// Rules without comments, or whose comments were cut.
    func shapedPurpose(
        of rule: FelixRule, _ facts: RuleFacts, _ place: FelixChain, _ chain: CalicoPurpose
    ) -> CalicoPurpose? {
        switch chain {
        case .entry(let layer, let hook):
            followsHostPolicy(rule, facts) ? .hostEndpointAccepted(layer) : entryPurpose(of: rule, layer, hook)
        case .workloadDispatch(let way):
            rule.act == .dispatch ? chain : (rule.act == .drop || rule.act == .reject ? .unknownInterface(way) : nil)
        case .workload(_, let way), .hostEndpoint(_, let way, _): endpointPurpose(of: rule, way)
        case .policyGroup: rule.act == .return ? .returnOnVerdict : nil
        case .hostDispatch: rule.act == .return ? .hostToWorkload : nil
        case .failsafe, .wireguardMark, .serviceCheck: chain
        case .workloadToHost: workloadToHostPurpose(of: rule)
        case .loopPrevention: rule.act == .drop || rule.act == .reject ? .serviceLoop : nil
        case .natOutgoing: rule.act == .return ? .noTranslation : chain
        case .floatingIP: chain
        case .dscp: .setDSCP
        case .spoofingExceptions: rule.inInterface.map { .spoofingException(names.workload($0)) }
        case .setEndpointMark: rule.act == .drop ? .unknownInterface(.egress) : .otherEndpointMark
        case .endpointMark: chain
        case .forwardByEndpointMark: rule.act == .accept ? .explicitAccept : .clearMarks
        case .fromEndpointMark: .unknownInterface(.egress)
        case .untrackedPolicy, .untrackedFlows: .bpf
        case .historic: .historic
        case .arp: .arp
        default: nil
        }
    }

    private func workloadToHostPurpose(of rule: FelixRule) -> CalicoPurpose {
        if rule.protocolNumber == 58 { return .neighbourDiscovery }
        return rule.protocolNumber == nil ? .endpointToHostAction : .openStack
    }

    /// Felix's order within an endpoint's chain is fixed, so that a few shapes tell its rules apart.
    private func endpointPurpose(of rule: FelixRule, _ way: PolicyDirection) -> CalicoPurpose? {
        if rule.asksConnectionCount { return .connectionCount(way) }
        if rule.asksLimit { return .packetRate(way) }
        if rule.asksConnection {
            return rule.act == .drop || rule.act == .reject ? .invalid : .established
        }
        switch rule.act {
        case .mark(0, let mask):
            guard let marks else { return .clearMarks }
            return mask == marks.pass ? .tierStart("") : .clearMarks
        case .mark: return .forwardedByDefault
        case .flowLog(let prefix): return .flowLog(prefix)
        case .notrack: return .returnIfPolicyAccepted(way)
        case .return where rule.mark?.isSet == true: return .returnIfPolicyAccepted(way)
        case .drop, .reject:
            if rule.protocolNumber == 4 { return .encapsulatedFromWorkload(.ipip) }
            if rule.protocolNumber == 17 { return .encapsulatedFromWorkload(.vxlan) }
            return rule.mark == nil ? .noProfile(way) : .tierEnd("", way)
        default: return nil
        }
    }

    private func entryPurpose(of rule: FelixRule, _ layer: CalicoPurpose.Layer, _ hook: String) -> CalicoPurpose? {
        switch rule.act {
        case .mark(0, _): return .clearMarks
        case .mark: return rule.inInterface == nil ? .bpf : .fromWorkload
        case .notrack: return .untrackedTunnel(.vxlan)
        case .drop, .reject: return rule.asksReversePath ? .antiSpoofing : tunnelShape(of: rule, hook, isDrop: true)
        case .translate:
            if let interface = rule.outInterface { return .tunnelMasquerade(interface: interface) }
            return layer == .nat && hook == "PREROUTING" ? .openStack : nil
        case .dscp: return .setDSCP
        case .flowOffload: return .flowOffload
        case .accept, .return:
            if rule.asksConnection { return .established }
            if let mark = rule.mark {
                if mark.isNegated { return .markedByEndpoint }
                return layer == .mangle && hook == "POSTROUTING" ? .acceptedBefore(.filter) : accepted(before: layer)
            }
            if rule.outInterface != nil { return .hostToWorkload }
            if layer == .raw { return .openStack }
            return tunnelShape(of: rule, hook, isDrop: false)
        default: return nil
        }
    }

    /// Whether the rule lets through what the rule before it has asked the host endpoint's policy about.
    private func followsHostPolicy(_ rule: FelixRule, _ facts: RuleFacts) -> Bool {
        guard facts.reference.index > 0, rule.mark?.isSet == true, rule.act == .accept || rule.act == .return else {
            return false
        }
        let above = RuleReference(chain: facts.reference.chain, index: facts.reference.index - 1)
        switch FelixRule(RuleFacts(linked: facts.linked, reference: above)).act {
        case .jump("cali-from-host-endpoint"), .jump("cali-to-host-endpoint"): return true
        default: return false
        }
    }

    private func accepted(before layer: CalicoPurpose.Layer) -> CalicoPurpose {
        switch layer {
        case .raw: .hostEndpointAccepted(.raw)
        case .mangle: .acceptedBefore(.raw)
        case .nat, .filter: .acceptedBefore(.mangle)
        }
    }

    private func tunnelShape(of rule: FelixRule, _ hook: String, isDrop: Bool) -> CalicoPurpose? {
        let tunnel: CalicoPurpose.Tunnel
        switch rule.protocolNumber {
        case 4: tunnel = .ipip
        case 17: tunnel = rule.namesSet || isDrop ? .vxlan : .wireguard
        default: return nil
        }
        if isDrop { return .tunnelFromStranger(tunnel) }
        return hook == "INPUT" ? .tunnelFromHost(tunnel) : .tunnelToHost(tunnel)
    }
}

extension CalicoPurpose {
    /// The way that a chain asks policy for.
    var direction: PolicyDirection? {
        switch self {
        case .workloadDispatch(let way), .workload(_, let way), .policy(_, let way), .policyGroup(_, let way),
            .profile(_, let way), .hostDispatch(let way, _), .hostEndpoint(_, let way, _), .failsafe(let way):
            way
        default: nil
        }
    }
}
