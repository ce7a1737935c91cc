internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// kube-proxy's nftables mode: its chains carry the names of what they are for.
/// Source: kubernetes pkg/proxy/nftables/proxier.go (v1.32).
extension KubeProxyRules {
    func nativePurpose(of chain: ChainFacts) -> KubeProxyPurpose? {
        guard chain.tableName == "kube-proxy" else { return nil }
        if chain.isBase { return .hook }
        switch chain.name {
        case "services": return .services
        case "mark-for-masquerade": return .markMasquerade
        case "masquerading": return .postrouting
        case "firewall-check": return .firewalls
        case "service-endpoints-check", "nodeport-endpoints-check": return .endpointChecks
        case "cluster-ips-check": return .clusterIPChecks
        case "reject-chain": return .rejects
        default: break
        }
        // service-FY5PMXPG-kube-system/kube-dns/udp/dns, endpoint-…__10.42.2.218/8080
        let parts = chain.name.split(separator: "-", maxSplits: 2)
        guard parts.count == 3, parts[1].utf8.count == 8 else { return nil }
        var object = parts[2][...]
        var address = ""
        if parts[0] == "endpoint", let mark = doubleUnderscore(object) {
            let place = object[object.index(mark, offsetBy: 2)...].split(separator: "/")
            if place.count == 2, let ip = IPAddress(String(place[0])) {
                address = endpointText(ip, port: UInt16(place[1]))
            }
            object = object[..<mark]
        }
        let names = object.split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 4 else { return nil }
        let name = ServicePortName(namespace: String(names[0]), name: String(names[1]), port: String(names[3]))
        switch parts[0] {
        case "service": return .service(name)
        case "local": return .localService(name)
        case "external": return .external(name)
        case "firewall": return .firewall(name)
        case "endpoint": return .endpoint(name, address: address)
        default: return nil
        }
    }

    func nativePurpose(of rule: RuleFacts, in chain: KubeProxyPurpose) -> KubeProxyPurpose? {
        if rule.jump == "mark-for-masquerade" {
            switch chain {
            case .service(let name): return .markFromOutside(name)
            case .external(let name): return rule.rule.statements.count > 1 ? .markLocal(name) : .markExternal(name)
            case .endpoint(let name, let address): return .markHairpin(name, endpoint: address)
            default: return nil
            }
        }
        let outline = rule.outline
        for comment in rule.comments where comment == "Reject traffic to invalid ports of ClusterIPs" {
            return .rejectOtherPorts
        }
        switch (chain, outline.effect) {
        case (.services, .dispatch):
            return outline.sets.contains { $0.name == "nodeport-ips" } ? .nodePorts : .services
        case (.endpointChecks, .dispatch), (.firewalls, .dispatch): return chain
        case (.clusterIPChecks, .drop): return .dropUnallocated
        case (.rejects, .reject): return .rejectEmpty
        case (.markMasquerade, .mark): return .markMasquerade
        case (.postrouting, .return): return .notMarked
        case (.postrouting, .mark): return .clearMark
        case (.postrouting, .masquerade): return .masquerade
        case (.firewall(let name), .drop): return .outsideSourceRanges(name)
        case (.firewall(let name), .return), (.firewall(let name), .accept): return .sourceRange(name)
        case (.service, .dispatch), (.localService, .dispatch): return chain
        case (.service(let name), .goto(let target)), (.localService(let name), .goto(let target)):
            guard let entry = rule.chain.sibling(target),
                case .endpoint(_, let address)? = nativePurpose(of: entry)
            else { return nil }
            return .endpointChoice(name, endpoint: address, isAffinity: !outline.sets.isEmpty)
        case (.endpoint, .destination): return chain
        case (.endpoint, .other) where !outline.sets.isEmpty: return .remember
        case (.endpoint, .nothing) where !outline.sets.isEmpty: return .remember
        default: return nil
        }
    }

    /// An ipset of ipvs mode, or a set or map of nftables mode.
    static func purpose(ofSet name: String, table: String?) -> KubeProxyPurpose? {
        guard let table else { return KubeProxySet(name: name).map { .set($0) } }
        guard table == "kube-proxy" else { return nil }
        switch name {
        case "cluster-ips": return .map("cluster IPs of services")
        case "nodeport-ips": return .map("addresses of this node that node ports are reached by")
        case "service-ips": return .map("addresses and ports of services")
        case "service-nodeports": return .map("node ports of services")
        case "no-endpoint-services": return .map("services without endpoints")
        case "no-endpoint-nodeports": return .map("node ports of services without endpoints")
        case "firewall-ips": return .map("load balancer IPs that have source ranges")
        case "hairpin-connections": return .map("endpoints that reach themselves by their service")
        default: return name.hasPrefix("affinity-") ? .map("clients of a service with their endpoint") : nil
        }
    }
}

/// `10.244.1.10:80`, `[2001:db8::1]:80`.
func endpointText(_ address: IPAddress, port: UInt16?) -> String {
    guard let port else { return "\(address)" }
    return address.version == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
}
