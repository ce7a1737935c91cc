/// What a chain or rule of Calico's is for.
///
/// A rule that jumps to a chain has that chain's purpose. Source: projectcalico/calico felix/rules (static.go,
/// endpoints.go, policy.go, dispatch.go, nat.go, endpoint_mark.go), v3.22 to v3.33.
public enum CalicoPurpose: Hashable, Sendable {
    /// iptables' table, or the prefix of a chain's name in nftables mode.
    public enum Layer: UInt8, Hashable, Sendable {
        case raw, mangle, nat, filter

        public var name: String {
            switch self {
            case .raw: "raw"
            case .mangle: "mangle"
            case .nat: "nat"
            case .filter: "filter"
            }
        }
    }

    /// Which of a host endpoint's policies.
    public enum HostPolicy: UInt8, Hashable, Sendable {
        /// What the host itself gets and sends.
        case normal
        /// `applyOnForward`: what passes through.
        case forwarded
        /// `doNotTrack`, before connection tracking.
        case untracked
        /// `preDNAT`, on the addresses that the sender wrote.
        case preDNAT
        /// Egress policy on what the host sends to a Service, after its translation.
        case translated
    }

    public enum Tunnel: UInt8, Hashable, Sendable {
        case ipip, vxlan, wireguard

        public var name: String {
            switch self {
            case .ipip: "IP-in-IP"
            case .vxlan: "VXLAN"
            case .wireguard: "WireGuard"
            }
        }
    }

    // Chains, and the rules that jump to them.
    case entry(Layer, hook: String)
    /// Finds a workload's chain by its interface.
    case workloadDispatch(PolicyDirection)
    case workload(WorkloadName, PolicyDirection)
    case policy(PolicyName, PolicyDirection)
    /// Several policies with the same selector.
    case policyGroup(String, PolicyDirection)
    case profile(String, PolicyDirection)
    case hostDispatch(PolicyDirection, HostPolicy)
    /// `interface` is empty for the host endpoint of all interfaces.
    case hostEndpoint(interface: String, PolicyDirection, HostPolicy)
    /// Ports that no policy can close.
    case failsafe(PolicyDirection)
    case workloadToHost
    case loopPrevention
    case natOutgoing
    case floatingIP(changesSource: Bool)
    case dscp
    /// ARP requests that workloads may send (nftables mode, v3.32 and later).
    case arp
    case spoofingExceptions
    case wireguardMark
    // kube-proxy in ipvs mode.
    case serviceCheck, setEndpointMark, fromEndpointMark, forwardByEndpointMark
    case endpointMark(WorkloadName)
    // eBPF mode.
    case untrackedPolicy, untrackedFlows
    /// A chain of Felix's of 2016 and before.
    case historic
    /// A chain with Calico's prefix that no version known here makes.
    case unknownChain

    // Rules of every endpoint's chains.
    case established
    case invalid
    case clearMarks
    /// The name is empty where the rule's comment was cut.
    case tierStart(String)
    case tierEnd(String, PolicyDirection)
    case returnIfPolicyAccepted(PolicyDirection)
    case returnIfProfileAccepted(PolicyDirection)
    case noProfile(PolicyDirection)
    case endpointDisabled(PolicyDirection)
    case unknownInterface(PolicyDirection)
    case forwardedByDefault
    case encapsulatedFromWorkload(Tunnel)
    case packetRate(PolicyDirection)
    case connectionCount(PolicyDirection)
    /// Tells the flow log what the next rule does: `DPI|default`.
    case flowLog(String)

    // Rules of policies and profiles.
    case policyRule(PolicyName, PolicyDirection, PolicyRulePart)
    case profileRule(String, PolicyDirection, PolicyRulePart)
    /// The one rule of a policy's chain that has none in this direction: it matches nothing.
    case emptyPolicy(PolicyName, PolicyDirection)
    case emptyProfile(String, PolicyDirection)
    /// Of a group: leaves it once one of its policies has decided.
    case returnOnVerdict

    // Rules of the entry chains.
    case untrackedTunnel(Tunnel)
    case fromWorkload
    case antiSpoofing
    case spoofingException(WorkloadName)
    /// Policy accepted the packet at an earlier hook.
    case acceptedBefore(Layer)
    case hostEndpointAccepted(Layer)
    case tunnelFromHost(Tunnel)
    case tunnelFromStranger(Tunnel)
    case tunnelToHost(Tunnel)
    /// What the host itself sends to its workloads is not judged.
    case hostToWorkload
    /// The last word on what a workload sends to its own host.
    case endpointToHostAction
    case neighbourDiscovery
    /// DHCP, DNS or the metadata service of OpenStack.
    case openStack
    case explicitAccept
    case markForwarded
    case serviceLoop
    case noTranslation
    case tunnelMasquerade(interface: String)
    case setDSCP
    case flowOffload
    // kube-proxy in ipvs mode.
    case toService, toNodePort, markedByEndpoint, otherEndpointMark
    case set(CalicoSet)
    /// A rule of eBPF mode, where programs and not rules decide.
    case bpf
    case unknownRule
}

extension CalicoPurpose {
    /// A clause for a person.
    public var text: String {
        switch self {
        case .entry(let layer, let hook): "its rules of \(layer.name) at \(hook)"
        case .workloadDispatch(let way):
            way == .egress ? "finds the workload that a packet comes from" : "finds the workload that a packet goes to"
        case .workload(let workload, let way): "\(way.name) policy of \(workload.text)"
        case .policy(let name, let way): "\(name.text), \(way.name)"
        case .policyGroup(_, let way): "policies with the same selector, \(way.name)"
        case .profile(let name, let way): "\(Self.profileText(name)), \(way.name)"
        case .hostDispatch(let way, let policy): "finds the host endpoint's \(policy.words)\(way.name) policy"
        case .hostEndpoint(let interface, let way, let policy):
            "\(policy.words)\(way.name) policy of the host endpoint of "
                + (interface.isEmpty ? "all interfaces" : interface)
        case .failsafe(let way): "failsafe ports, \(way == .ingress ? "inbound" : "outbound")"
        case .workloadToHost: "what workloads send to their own host"
        case .loopPrevention: "drops what would circle between this host and its router"
        case .natOutgoing: "gives what pods send out of the cluster this host's address (natOutgoing)"
        case .floatingIP(let changesSource):
            changesSource ? "floating IP: the source of hairpin traffic" : "floating IPs of workloads"
        case .arp: "ARP of workloads"
        case .dscp: "sets the DSCP of traffic that leaves the cluster"
        case .spoofingExceptions: "sources that the anti-spoofing check lets a workload use"
        case .wireguardMark: "marks what did not come by WireGuard, for the reverse path check"
        case .serviceCheck: "finds what goes to a Service (kube-proxy in ipvs mode)"
        case .setEndpointMark: "marks which endpoint a packet came from (kube-proxy in ipvs mode)"
        case .fromEndpointMark: "finds the source endpoint by its mark (kube-proxy in ipvs mode)"
        case .forwardByEndpointMark: "policy for what ipvs forwards"
        case .endpointMark(let endpoint): "the mark of \(endpoint.text)"
        case .untrackedPolicy: "untracked policy (eBPF mode)"
        case .untrackedFlows: "flows that are not tracked (eBPF mode)"
        case .historic: "left by a Felix of before 2017"
        case .unknownChain: "a chain of Calico's that this program does not know"
        case .established: "lets replies and other packets of known connections through"
        case .invalid: "drops what conntrack calls invalid"
        case .clearMarks: "clears its own marks"
        case .tierStart(let tier): "start of \(Self.tierText(tier))"
        case .tierEnd(let tier, let way):
            "end of \(Self.tierText(tier)): \(way.name) policy applies, and none allowed or passed the packet"
        case .returnIfPolicyAccepted: "leaves: a policy accepted the packet"
        case .returnIfProfileAccepted: "leaves: a profile accepted the packet"
        case .noProfile(let way): "drops: no profile allows the packet, \(way.name)"
        case .endpointDisabled: "drops: the endpoint is administratively down"
        case .unknownInterface(let way):
            way == .egress
                ? "drops what comes from an interface that no workload endpoint has"
                : "drops what goes to an interface that no workload endpoint has"
        case .forwardedByDefault: "lets forwarded traffic through: no policy of the host endpoint is about it"
        case .encapsulatedFromWorkload(let tunnel): "drops \(tunnel.name) packets that a workload makes itself"
        case .packetRate(let way): "limit on packets \(way.preposition) the workload"
        case .connectionCount(let way): "limit on connections \(way.preposition) the workload"
        case .flowLog: "tells the flow log"
        case .policyRule(let name, let way, let rule): rule.text(of: "\(name.text), \(way.name)")
        case .profileRule(let name, let way, let rule): rule.text(of: "\(Self.profileText(name)), \(way.name)")
        case .emptyPolicy(let name, let way): "\(name.text) has no \(way.name) rules"
        case .emptyProfile(let name, let way): "\(Self.profileText(name)) has no \(way.name) rules"
        case .returnOnVerdict: "leaves: a policy has decided"
        case .untrackedTunnel(let tunnel): "keeps \(tunnel.name) packets out of connection tracking"
        case .fromWorkload: "marks what comes from a workload"
        case .antiSpoofing: "drops what a workload sends from an address that is not its own"
        case .spoofingException(let workload): "a source that \(workload.text) may use"
        case .acceptedBefore(let layer):
            layer == .filter
                ? "leaves what passed FORWARD as it is" : "lets through what policy accepted at an earlier hook"
        case .hostEndpointAccepted: "lets through what the host endpoint's policy accepted"
        case .tunnelFromHost(let tunnel): "lets \(tunnel.name) packets of Calico's hosts in"
        case .tunnelFromStranger(let tunnel): "drops \(tunnel.name) packets of hosts that are not Calico's"
        case .tunnelToHost(let tunnel): "lets \(tunnel.name) packets to Calico's hosts out"
        case .hostToWorkload: "does not judge what the host itself sends to its workloads"
        case .endpointToHostAction:
            "DefaultEndpointToHostAction: the last word on what policy allowed a workload to send to its host"
        case .neighbourDiscovery: "lets IPv6 neighbour and multicast listener discovery in"
        case .openStack: "DHCP, DNS or metadata of OpenStack"
        case .explicitAccept: "lets through what policy accepted"
        case .markForwarded: "marks what passed FORWARD, for mangle POSTROUTING"
        case .serviceLoop: "drops what goes to a Service address that nothing translated"
        case .noTranslation: "leaves the source as it is"
        case .tunnelMasquerade(let interface):
            "gives what this host sends into the tunnel \(interface) from another of its addresses the tunnel's address"
        case .setDSCP: "sets the DSCP of a workload's packets"
        case .flowOffload: "hands established connections to the flow table"
        case .toService: "goes to a Service (kube-proxy in ipvs mode)"
        case .toNodePort: "goes to a node port (kube-proxy in ipvs mode)"
        case .markedByEndpoint: "carries the mark of the endpoint it came from (kube-proxy in ipvs mode)"
        case .otherEndpointMark: "marks what comes from no endpoint of Calico's (kube-proxy in ipvs mode)"
        case .set(let set): set.text
        case .bpf: "eBPF mode: programs decide, not this rule"
        case .unknownRule: "a rule of Calico's that this program does not know"
        }
    }

    private static func tierText(_ tier: String) -> String { tier.isEmpty ? "a tier" : "tier \(tier)" }

    /// `kns.shop` is what Calico makes of a namespace, `ksa.shop.web` of a service account.
    /// Source: libcalico-go/lib/backend/k8s/conversion/constants.go.
    private static func profileText(_ name: String) -> String {
        if name.hasPrefix("kns.") { return "profile of namespace \(name.dropFirst(4))" }
        let parts = name.split(separator: ".", maxSplits: 2)
        if parts.count == 3, parts[0] == "ksa" { return "profile of service account \(parts[1])/\(parts[2])" }
        return name.hasPrefix("_") ? "the profile of chain id \(name)" : "profile \(name)"
    }
}

extension CalicoPurpose.HostPolicy {
    /// With a blank behind.
    fileprivate var words: String {
        switch self {
        case .normal: ""
        case .forwarded: "forward "
        case .untracked: "untracked "
        case .preDNAT: "pre-DNAT "
        case .translated: "translated "
        }
    }
}

extension PolicyRulePart {
    fileprivate func text(of owner: String) -> String {
        let what: String
        switch (step, action) {
        case (.condition, _): what = "notes a part of its conditions"
        case (.decision, _): what = action.verb
        case (.verdict, .deny): what = "drops what it denied"
        case (.verdict, .pass): what = "leaves with what it passed on"
        case (.verdict, .allow), (.verdict, .log): what = "leaves with what it allowed"
        case (.flowLog, _): what = "tells the flow log"
        }
        return "\(number) of \(owner): \(what)"
    }
}
