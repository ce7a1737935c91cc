/// A program that writes rules.
public enum Maker: UInt8, Hashable, Sendable, CaseIterable {
    case calico, kubeProxy, kubelet, docker, flannel, ipMasqAgent, portmap, cniBridge, kubeRouter, cilium, istio
    case netavark, libvirt, firewalld, ufw, fail2ban, openwrt, tailscale, awsVPC, neutron, weave

    /// As its own documentation spells it.
    public var name: String {
        switch self {
        case .calico: "Calico"
        case .kubeProxy: "kube-proxy"
        case .kubelet: "kubelet"
        case .docker: "Docker"
        case .flannel: "flannel"
        case .ipMasqAgent: "ip-masq-agent"
        case .portmap: "CNI portmap"
        case .cniBridge: "CNI bridge and firewall"
        case .kubeRouter: "kube-router"
        case .cilium: "Cilium"
        case .istio: "Istio"
        case .netavark: "Podman (netavark)"
        case .libvirt: "libvirt"
        case .firewalld: "firewalld"
        case .ufw: "ufw"
        case .fail2ban: "fail2ban"
        case .openwrt: "OpenWrt's firewall"
        case .tailscale: "Tailscale"
        case .awsVPC: "the AWS VPC CNI"
        case .neutron: "OpenStack"
        case .weave: "Weave Net"
        }
    }
}
