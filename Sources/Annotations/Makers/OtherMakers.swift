internal import NetTypes
internal import RuleModel

/// All makers but Calico and kube-proxy, whose rules name objects of the input: asked in the order of `Maker`.
enum OtherMakers {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        for maker in Maker.allCases {
            if let purpose = purpose(of: chain, maker) { return purpose }
        }
        return nil
    }

    /// - Parameter chain: what the chain that the rule stands in is for.
    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        for maker in Maker.allCases {
            if let purpose = purpose(of: rule, in: chain, maker) { return purpose }
        }
        return nil
    }

    /// - Parameters:
    ///   - table: the native table that the set is of; `nil` for an ipset.
    ///   - isV6: whether its elements are addresses of IPv6.
    static func purpose(ofSet name: String, table: String? = nil, isV6: Bool = false) -> Purpose? {
        for maker in Maker.allCases {
            if let purpose = purpose(ofSet: name, table: table, isV6: isV6, maker) { return purpose }
        }
        return nil
    }

    /// The marks that programs use whose chains are there.
    static func marks(where hasChain: (String) -> Bool) -> [MarkMeaning] {
        var found: [MarkMeaning] = []
        for maker in Maker.allCases where signs(of: maker).contains(where: hasChain) { found += marks(of: maker) }
        return found
    }

    /// The marks that `maker` uses where it is not told to use others.
    static func marks(of maker: Maker) -> [MarkMeaning] {
        switch maker {
        case .kubeProxy: KubeProxyRules.marks
        case .kubelet: Kubelet.marks
        case .portmap: Portmap.marks
        case .kubeRouter: KubeRouter.marks
        case .cilium: Cilium.marks
        case .istio: Istio.marks
        case .netavark: Netavark.marks
        case .tailscale: Tailscale.marks
        case .awsVPC: AWSVPC.marks
        case .weave: Weave.marks
        case .calico, .docker, .flannel, .ipMasqAgent, .cniBridge, .libvirt, .firewalld, .ufw, .fail2ban, .openwrt,
            .neutron:
            []
        }
    }

    /// Chains that only `maker` makes, and that are there where it marks packets.
    private static func signs(of maker: Maker) -> [String] {
        switch maker {
        case .kubeProxy: ["KUBE-MARK-MASQ", "KUBE-POSTROUTING", "mark-for-masquerade"]
        case .kubelet: ["KUBE-MARK-DROP"]
        case .portmap: ["CNI-HOSTPORT-SETMARK"]
        case .kubeRouter: ["KUBE-ROUTER-FORWARD"]
        case .cilium: ["CILIUM_PRE_mangle", "CILIUM_OUTPUT", "CILIUM_PRE_raw"]
        case .istio: ["ISTIO_DIVERT", "ISTIO_PRERT", "istio-divert", "istio-prerouting"]
        case .netavark: ["NETAVARK-HOSTPORT-SETMARK"]
        case .tailscale: ["ts-forward", "ts-postrouting"]
        case .awsVPC: ["AWS-CONNMARK-CHAIN-0", "snat-mark"]
        case .weave: ["WEAVE-NPC-EGRESS-ACCEPT"]
        case .calico, .docker, .flannel, .ipMasqAgent, .cniBridge, .libvirt, .firewalld, .ufw, .fail2ban, .openwrt,
            .neutron:
            []
        }
    }

    private static func purpose(of chain: ChainFacts, _ maker: Maker) -> Purpose? {
        switch maker {
        case .calico, .kubeProxy: nil
        case .kubelet: Kubelet.purpose(of: chain)
        case .docker: Docker.purpose(of: chain)
        case .flannel: Flannel.purpose(of: chain)
        case .ipMasqAgent: IPMasqAgent.purpose(of: chain)
        case .portmap: Portmap.purpose(of: chain)
        case .cniBridge: CNIBridge.purpose(of: chain)
        case .kubeRouter: KubeRouter.purpose(of: chain)
        case .cilium: Cilium.purpose(of: chain)
        case .istio: Istio.purpose(of: chain)
        case .netavark: Netavark.purpose(of: chain)
        case .libvirt: Libvirt.purpose(of: chain)
        case .firewalld: Firewalld.purpose(of: chain)
        case .ufw: UFW.purpose(of: chain)
        case .fail2ban: Fail2ban.purpose(of: chain)
        case .openwrt: OpenWrt.purpose(of: chain)
        case .tailscale: Tailscale.purpose(of: chain)
        case .awsVPC: AWSVPC.purpose(of: chain)
        case .neutron: Neutron.purpose(of: chain)
        case .weave: Weave.purpose(of: chain)
        }
    }

    private static func purpose(of rule: RuleFacts, in chain: Purpose?, _ maker: Maker) -> Purpose? {
        switch maker {
        case .calico, .kubeProxy: nil
        case .kubelet: Kubelet.purpose(of: rule, in: chain)
        case .docker: Docker.purpose(of: rule, in: chain)
        case .flannel: Flannel.purpose(of: rule, in: chain)
        case .ipMasqAgent: IPMasqAgent.purpose(of: rule, in: chain)
        case .portmap: Portmap.purpose(of: rule, in: chain)
        case .cniBridge: CNIBridge.purpose(of: rule, in: chain)
        case .kubeRouter: KubeRouter.purpose(of: rule, in: chain)
        case .cilium: Cilium.purpose(of: rule, in: chain)
        case .istio: Istio.purpose(of: rule, in: chain)
        case .netavark: Netavark.purpose(of: rule, in: chain)
        case .libvirt: Libvirt.purpose(of: rule, in: chain)
        case .firewalld: Firewalld.purpose(of: rule, in: chain)
        case .ufw: UFW.purpose(of: rule, in: chain)
        case .fail2ban: Fail2ban.purpose(of: rule, in: chain)
        case .openwrt: OpenWrt.purpose(of: rule, in: chain)
        case .tailscale: Tailscale.purpose(of: rule, in: chain)
        case .awsVPC: AWSVPC.purpose(of: rule, in: chain)
        case .neutron: Neutron.purpose(of: rule, in: chain)
        case .weave: Weave.purpose(of: rule, in: chain)
        }
    }

    private static func purpose(ofSet name: String, table: String?, isV6: Bool, _ maker: Maker) -> Purpose? {
        switch maker {
        case .kubeProxy: KubeProxyRules.purpose(ofSet: name, table: table).map { .kubeProxy($0) }
        case .docker: Docker.purpose(ofSet: name, table: table)
        case .kubeRouter: KubeRouter.purpose(ofSet: name)
        case .istio: Istio.purpose(ofSet: name)
        case .fail2ban: Fail2ban.purpose(ofSet: name, isV6: isV6)
        case .neutron: Neutron.purpose(ofSet: name)
        case .weave: Weave.purpose(ofSet: name)
        case .calico, .kubelet, .flannel, .ipMasqAgent, .portmap, .cniBridge, .cilium, .netavark, .libvirt, .firewalld,
            .ufw, .openwrt, .tailscale, .awsVPC:
            nil
        }
    }
}
