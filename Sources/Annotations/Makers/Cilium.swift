internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// Cilium's rules of iptables, which only help its eBPF programs: policy and load balancing are decided there.
///
/// Source: cilium pkg/datapath/iptables/iptables.go (v1.10 to v1.16), pkg/datapath/linux/linux_defaults/mark.go.
enum Cilium {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        // While it starts it keeps the rules of the run before under another name.
        let name = rest(of: chain.name, after: "OLD_") ?? chain.name
        switch name {
        case "CILIUM_PRE_raw", "CILIUM_OUTPUT_raw":
            return words("takes what goes to and from Cilium's proxies out of conntrack")
        case "CILIUM_PRE_mangle": return words("hands what eBPF chose to Cilium's proxies")
        case "CILIUM_POST_mangle": return words("marks what leaves, for Cilium")
        case "CILIUM_PRE_nat": return words("translations of Cilium's for what comes in")
        case "CILIUM_OUTPUT_nat": return words("translations of Cilium's for what this host sends")
        case "CILIUM_POST_nat": return words("by which address pods leave the cluster")
        case "CILIUM_INPUT", "CILIUM_OUTPUT", "CILIUM_FORWARD":
            return words("lets through what eBPF decided already; policy is not here")
        default: return nil
        }
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .cilium else { return nil }
        for comment in rule.comments {
            if let known = known(comment) { return words(known) }
        }
        let outline = rule.outline
        return outline.effect == .masquerade ? words("pods leave the cluster by this node's address") : nil
    }

    private static func known(_ comment: String) -> String? {
        if let rest = rest(of: comment, after: "cilium: TPROXY to host "), rest.hasSuffix(" proxy") {
            return "hands what eBPF chose to the proxy \(rest.dropLast(6))"
        }
        switch comment {
        case "cilium: any->pod redirect proxied traffic to host proxy":
            return "keeps what a proxy holds already with that proxy"
        case "cilium: NOTRACK for proxy traffic": return "takes what goes to a proxy out of conntrack"
        case "cilium: NOTRACK for proxy return traffic": return "takes a proxy's answers out of conntrack"
        case "cilium: NOTRACK for L7 proxy upstream traffic", "cilium: NOTRACK for proxy forward traffic":
            return "takes what a proxy sends on out of conntrack"
        case "cilium: ACCEPT for proxy traffic": return "lets in what goes to a proxy"
        case "cilium: ACCEPT for proxy return traffic": return "lets a proxy's answers out"
        case "cilium: ACCEPT for l7 proxy upstream traffic", "cilium: ACCEPT for proxy forward traffic":
            return "lets out what a proxy sends on"
        case "cilium: host->any mark as from host": return "marks what this host itself sends"
        case "cilium: any->cluster on cilium_host forward accept": return "lets what goes to pods through"
        case "cilium: cluster->any on lxc+ forward accept": return "lets what pods send through"
        case "cilium: cluster->any on cilium_host forward accept (nodeport)",
            "cilium: cluster->any on cilium_host forward accept":
            return "lets what comes from pods by cilium_host through"
        case "cilium: cluster->any on cilium_net forward accept (nodeport)":
            return "lets what comes by cilium_net through"
        case "cilium masquerade non-cluster": return "pods leave the cluster by this node's address"
        case "exclude proxy return traffic from masquerade": return "a proxy's answers keep their address"
        case "cilium host->cluster masquerade": return "this host reaches pods by Cilium's own address"
        case "cilium host->cluster from 127.0.0.1 masquerade":
            return "what this host sends from 127.0.0.1 reaches pods by Cilium's own address"
        case "hairpin traffic that originated from a local pod":
            return "a pod that reaches itself by a service is seen with Cilium's own address"
        case "exclude xfrm marks from filter CILIUM_INPUT chain", "exclude xfrm marks from filter CILIUM_OUTPUT chain",
            "exclude xfrm marks from filter CILIUM_FORWARD chain", "exclude xfrm marks from nat CILIUM_POST chain":
            return "leaves what IPsec encrypts to it"
        default: break
        }
        // Others say what they are for in the same words.
        return rest(of: comment, after: "cilium: ")
    }

    static let marks = [
        MarkMeaning(value: 0x200, mask: 0xf00, maker: .cilium, text: "the packet goes to one of Cilium's proxies"),
        MarkMeaning(
            value: 0xa00, mask: 0xf00, maker: .cilium, text: "the packet comes from an ingress proxy of Cilium's"),
        MarkMeaning(
            value: 0xb00, mask: 0xf00, maker: .cilium, text: "the packet comes from an egress proxy of Cilium's"),
        MarkMeaning(value: 0xc00, mask: 0xf00, maker: .cilium, text: "this host itself sent the packet"),
        MarkMeaning(value: 0xd00, mask: 0xf00, maker: .cilium, text: "the packet was decrypted by IPsec"),
        MarkMeaning(value: 0xe00, mask: 0xf00, maker: .cilium, text: "the packet is to be encrypted"),
        MarkMeaning(
            value: 0xf00, mask: 0xf00, maker: .cilium, text: "the packet carries its sender's identity in its mark"),
    ]

    private static func words(_ text: String) -> Purpose { .other(.cilium, text) }
}
