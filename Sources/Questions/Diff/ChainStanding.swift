internal import Annotations

/// How a chain relates to the chains of other nodes.
struct ChainStanding {
    var need = Part.Need.always
    /// What it is called by on every node where its name is made of a hash; `nil`: its name.
    var label: String?
    /// The same without what tells it from others of its kind.
    var looseLabel: String?

    /// By what `purpose` says of the chain `name`.
    init(_ purpose: Purpose?, name: String) {
        guard let purpose else { return }
        switch purpose {
        case .calico(let calico):
            switch calico {
            case .workload, .endpointMark, .workloadDispatch, .spoofingExceptions: need = .ofPod
            case .policy, .policyGroup, .profile: need = .wherePodsNeedIt
            default: break
            }
        case .kubeProxy(let proxy):
            label = "kube-proxy: \(proxy.text)"
            switch proxy {
            case .localService: need = .wherePodsNeedIt
            case .endpoint(let service, _): looseLabel = "kube-proxy: endpoint of \(service.text)"
            default: break
            }
        case .other(let maker, let text):
            need = Self.need(maker, name)
            if Self.isHashed(maker, name) { label = "\(maker.name): \(text)" }
        }
    }

    private static func need(_ maker: Maker, _ name: String) -> Part.Need {
        switch maker {
        case .cniBridge: isLong(name, after: "CNI-") ? .ofPod : .always
        case .portmap: name.hasPrefix("CNI-DN-") || name.hasPrefix("CNI-SN-") ? .ofPod : .always
        case .kubeRouter:
            name.hasPrefix("KUBE-POD-FW-")
                ? .ofPod : (name.hasPrefix("KUBE-NWPLCY-") ? .wherePodsNeedIt : .always)
        case .neutron: name.hasPrefix("neutron-") ? .ofPod : .always
        case .calico, .kubeProxy, .kubelet, .docker, .flannel, .ipMasqAgent, .cilium, .istio, .netavark, .libvirt,
            .firewalld, .ufw, .fail2ban, .openwrt, .tailscale, .awsVPC, .weave:
            .always
        }
    }

    /// Whether the name may differ between nodes, or from one time to the next, where the chain is the same.
    private static func isHashed(_ maker: Maker, _ name: String) -> Bool {
        switch maker {
        case .kubeRouter: name.hasPrefix("KUBE-NWPLCY-") || name.hasPrefix("KUBE-POD-FW-")
        case .netavark: name.hasPrefix("NETAVARK-") || name.hasPrefix("nv_")
        case .cniBridge, .portmap, .weave, .neutron: true
        case .calico, .kubeProxy, .kubelet, .docker, .flannel, .ipMasqAgent, .cilium, .istio, .libvirt, .firewalld,
            .ufw, .fail2ban, .openwrt, .tailscale, .awsVPC:
            false
        }
    }

    private static func isLong(_ name: String, after prefix: String) -> Bool {
        name.hasPrefix(prefix) && name.utf8.count >= prefix.utf8.count + 16
    }
}
