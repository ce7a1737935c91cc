/// kubelet's own chains: what it leaves on a node beside kube-proxy.
///
/// Source: kubernetes pkg/kubelet/kubelet_network_linux.go (v1.16 to v1.34). Up to v1.27 it also made KUBE-MARK-DROP,
/// and KUBE-MARK-MASQ and KUBE-POSTROUTING as kube-proxy makes them.
enum Kubelet {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        switch chain.name {
        case "KUBE-KUBELET-CANARY":
            words("tells kubelet by its absence that rules were flushed; holds no rules")
        case "KUBE-IPTABLES-HINT": words("tells others which backend of iptables this node uses; holds no rules")
        case "KUBE-MARK-DROP": words("marks what is to be dropped")
        case "KUBE-FIREWALL" where chain.tableName == "filter": words("keeps others out of 127.0.0.0/8")
        default: nil
        }
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .kubelet else { return nil }
        let outline = rule.outline
        switch outline.effect {
        case .mark: return words("marks the packet to be dropped")
        case .drop:
            return outline.marks.isEmpty
                ? words("drops what comes from elsewhere to 127.0.0.0/8") : words("drops what is marked to be dropped")
        default: return nil
        }
    }

    static let marks = [MarkMeaning(mask: 0x8000, maker: .kubelet, text: "the packet is to be dropped")]

    private static func words(_ text: String) -> Purpose { .other(.kubelet, text) }
}
