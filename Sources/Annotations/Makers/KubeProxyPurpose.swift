/// What a chain, rule or mark of kube-proxy's is for.
/// Source: kubernetes pkg/proxy/iptables/proxier.go (v1.30), pkg/proxy/nftables/proxier.go (v1.32).
public enum KubeProxyPurpose: Hashable, Sendable {
    /// Which address of a Service a rule is about.
    public enum Address: UInt8, Hashable, Sendable {
        case cluster, external, loadBalancer, nodePort

        public var text: String {
            switch self {
            case .cluster: "cluster IP"
            case .external: "external IP"
            case .loadBalancer: "load balancer IP"
            case .nodePort: "node port"
            }
        }
    }

    // Chains.
    case services, nodePorts, externalServices, firewalls, healthChecks, canary
    case hook, endpointChecks, clusterIPChecks, rejects, markMasquerade, postrouting, forward
    case service(ServicePortName)
    case localService(ServicePortName)
    case external(ServicePortName)
    case firewall(ServicePortName)
    case endpoint(ServicePortName, address: String)
    /// A chain of a Service or endpoint whose name is not to be found.
    case unnamed(String)

    // Rules.
    case dispatch(ServicePortName, Address)
    case endpointChoice(ServicePortName, endpoint: String, isAffinity: Bool)
    /// Asks for masquerading of what does not come from the pod network.
    case markFromOutside(ServicePortName)
    /// Asks for masquerading of what comes by an external address.
    case markExternal(ServicePortName)
    /// Asks for masquerading of what this host sends to an external address.
    case markLocal(ServicePortName)
    /// Asks for masquerading of an endpoint's own packets to its Service.
    case markHairpin(ServicePortName, endpoint: String)
    case clusterRoute(ServicePortName)
    case noEndpoints(ServicePortName)
    case noLocalEndpoints(ServicePortName)
    case sourceRange(ServicePortName)
    case outsideSourceRanges(ServicePortName)
    case healthCheck(ServicePortName)
    case notMarked, clearMark, masquerade, dropInvalid, acceptMarked, acceptEstablished
    case rejectOtherPorts, dropUnallocated, rejectEmpty, remember
    /// Leaves what this host asks of itself by 127.0.0.0/8 to others.
    case leaveLoopback
    /// Of ipvs mode: what is done with what is in a set.
    case ipvs(KubeProxyIPVSVerb, KubeProxySet)

    // Sets and maps.
    case set(KubeProxySet)
    /// Of nftables mode, with what it holds.
    case map(String)

    /// A clause for a person.
    public var text: String {
        switch self {
        case .services: "finds the Service that a packet is for"
        case .nodePorts: "finds the Service of a node port"
        case .externalServices: "refuses what comes for Services without endpoints by their external addresses"
        case .firewalls: "drops what a Service's source ranges do not allow"
        case .healthChecks: "lets health checks of load balancers in"
        case .canary: "tells kube-proxy or kubelet by its absence that rules were flushed; holds no rules"
        case .hook: "kube-proxy's rules at this hook"
        case .endpointChecks: "refuses what goes to services without endpoints"
        case .clusterIPChecks: "refuses what goes to cluster IPs by ports that no service has"
        case .rejects: "refuses with an answer"
        case .markMasquerade: "marks what is to be masqueraded"
        case .postrouting: "masquerades what is marked for it"
        case .forward: "lets packets of Services through"
        case .service(let name): "service \(name.text): chooses an endpoint"
        case .localService(let name): "service \(name.text): chooses an endpoint on this node"
        case .external(let name): "service \(name.text), reached from outside the cluster"
        case .firewall(let name): "service \(name.text): source ranges of its load balancer"
        case .endpoint(let name, let address): "endpoint \(address) of service \(name.text)"
        case .unnamed(let what): "\(what) whose name is not in this input"
        case .dispatch(let name, let address): "\(address.text) of service \(name.text)"
        case .endpointChoice(let name, let endpoint, false): "service \(name.text): endpoint \(endpoint)"
        case .endpointChoice(let name, let endpoint, true):
            "service \(name.text): endpoint \(endpoint), for clients that had it before (session affinity)"
        case .markFromOutside(let name):
            "marks the connection for masquerading: it comes from outside the pod network to service \(name.text)"
        case .markExternal(let name):
            "marks the connection for masquerading: it comes to service \(name.text) by an address from outside"
        case .markLocal(let name):
            "marks the connection for masquerading: this host itself asks service \(name.text) by an outside address"
        case .markHairpin(let name, let endpoint):
            "marks the connection for masquerading: endpoint \(endpoint) of service \(name.text) reaches itself"
        case .clusterRoute(let name): "service \(name.text): this cluster's own traffic may go to every endpoint"
        case .noEndpoints(let name): "service \(name.text) has no endpoints"
        case .noLocalEndpoints(let name):
            "service \(name.text) has no endpoint on this node, and its policy is Local"
        case .sourceRange(let name): "a source range of service \(name.text)'s load balancer"
        case .outsideSourceRanges(let name):
            "service \(name.text): the client is in none of its load balancer's source ranges"
        case .healthCheck(let name): "health check port of service \(name.text)"
        case .notMarked: "leaves what is not marked for masquerading as it is"
        case .clearMark: "takes the mark off"
        case .masquerade: "masquerades what was marked"
        case .dropInvalid: "drops what conntrack calls invalid"
        case .acceptMarked: "lets through what is marked for masquerading"
        case .acceptEstablished: "lets answers through"
        case .rejectOtherPorts: "refuses ports that a cluster IP does not have"
        case .dropUnallocated: "drops what goes to a cluster IP that no Service has"
        case .rejectEmpty: "refuses what goes to a service without endpoints"
        case .remember: "remembers the client's endpoint (session affinity)"
        case .leaveLoopback: "leaves what this host asks of itself as it is"
        case .ipvs(let verb, let set): verb.text(set)
        case .set(let set): "each element: \(set.element)"
        case .map(let text): text
        }
    }

    /// The Service that it is about.
    public var service: ServicePortName? {
        switch self {
        case .service(let name), .localService(let name), .external(let name), .firewall(let name),
            .endpoint(let name, _), .dispatch(let name, _), .endpointChoice(let name, _, _), .markFromOutside(let name),
            .markExternal(let name), .markLocal(let name), .markHairpin(let name, _), .clusterRoute(let name),
            .noEndpoints(let name), .noLocalEndpoints(let name), .sourceRange(let name), .outsideSourceRanges(let name),
            .healthCheck(let name):
            name
        case .services, .nodePorts, .externalServices, .firewalls, .healthChecks, .canary, .hook, .endpointChecks,
            .clusterIPChecks, .rejects, .markMasquerade,
            .postrouting, .forward, .unnamed, .notMarked, .clearMark, .masquerade, .dropInvalid, .acceptMarked,
            .acceptEstablished, .rejectOtherPorts, .dropUnallocated, .rejectEmpty, .remember, .leaveLoopback, .ipvs,
            .set, .map:
            nil
        }
    }
}
