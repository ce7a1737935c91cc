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

extension Maker {
    /// One word for it, as options and classes of style sheets have it: `kube-proxy`.
    public var word: String {
        switch self {
        case .calico: "calico"
        case .kubeProxy: "kube-proxy"
        case .kubelet: "kubelet"
        case .docker: "docker"
        case .flannel: "flannel"
        case .ipMasqAgent: "ip-masq-agent"
        case .portmap: "portmap"
        case .cniBridge: "cni-bridge"
        case .kubeRouter: "kube-router"
        case .cilium: "cilium"
        case .istio: "istio"
        case .netavark: "netavark"
        case .libvirt: "libvirt"
        case .firewalld: "firewalld"
        case .ufw: "ufw"
        case .fail2ban: "fail2ban"
        case .openwrt: "openwrt"
        case .tailscale: "tailscale"
        case .awsVPC: "aws-vpc-cni"
        case .neutron: "openstack"
        case .weave: "weave"
        }
    }
}
