/// What a set of Felix's holds, by its name.
///
/// Source: projectcalico/calico felix/ipsets/ipset_defs.go, felix/rules/rule_defs.go; nftables mode writes `-` for `:`.
public enum CalicoSet: Hashable, Sendable {
    /// Pools whose outgoing packets are masqueraded.
    case masqueradedPools
    /// All pools of addresses.
    case pools
    case hosts
    /// Other hosts that VXLAN packets may come from.
    case tunnelHosts
    case thisHost
    /// Workloads whose outgoing packets get a DSCP.
    case dscpSources
    case istioWorkloads
    case notOffloaded
    /// Endpoints of a selector; `text` is empty where it is not known.
    case selector(id: String, text: String)
    /// Addresses and ports of endpoints that have a port of that name.
    case namedPort(id: String, text: String)
    /// Backends of a Service.
    case service(id: String, text: String)
    case temporary
    case unknown(String)

    init?(name: String) {
        let id: Substring
        if name.hasPrefix("cali40") || name.hasPrefix("cali60") {
            id = name.dropFirst(6)
        } else if name.hasPrefix("cali4t") || name.hasPrefix("cali6t") {
            self = .temporary
            return
        } else if name.hasPrefix("felix-") {
            id = name.dropFirst(6)
        } else {
            return nil
        }
        switch id {
        case "masq-ipam-pools": self = .masqueradedPools
        case "all-ipam-pools", "network-ip-pools": self = .pools
        case "all-hosts-net", "all-hosts": self = .hosts
        case "all-vxlan-net": self = .tunnelHosts
        case "this-host": self = .thisHost
        case "dscp-src-net": self = .dscpSources
        case "all-istio-weps": self = .istioWorkloads
        case "no-flow-offload": self = .notOffloaded
        default: self = Self.hashed(String(id))
        }
    }

    private static func hashed(_ id: String) -> CalicoSet {
        guard let end = id.firstIndex(where: { $0 == ":" || $0 == "-" }) else { return .unknown(id) }
        switch id[..<end] {
        case "s": return .selector(id: id, text: "")
        case "n": return .namedPort(id: id, text: "")
        case "svc", "svcnoport": return .service(id: id, text: "")
        default: return .unknown(id)
        }
    }

    /// A noun for a person.
    public var text: String {
        switch self {
        case .masqueradedPools: "pods' addresses that are masqueraded when they leave the cluster (natOutgoing)"
        case .pools: "all pods' addresses (IP pools)"
        case .hosts: "Calico's hosts"
        case .tunnelHosts: "hosts that VXLAN packets may come from"
        case .thisHost: "this host's addresses"
        case .dscpSources: "workloads whose outgoing packets get a DSCP"
        case .istioWorkloads: "workloads of the Istio mesh"
        case .notOffloaded: "endpoints whose packets stay out of the flow table"
        case .selector(_, let text): text.isEmpty ? "endpoints that a selector chooses" : text
        case .namedPort(_, let text): text.isEmpty ? "endpoints with a named port" : text
        case .service(_, let text): text.isEmpty ? "backends of a service" : text
        case .temporary: "a set that Felix is filling"
        case .unknown: "a set of Calico's that this program does not know"
        }
    }
}
