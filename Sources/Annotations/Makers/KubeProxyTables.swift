internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// kube-proxy's nftables mode: its chains carry the names of what they are for.
/// Source: kubernetes pkg/proxy/nftables/proxier.go (v1.32).
extension KubeProxyRules {
    func nativePurpose(of chain: ChainFacts) -> KubeProxyPurpose? {
        guard chain.tableName == "kube-proxy" else { return nil }
        switch chain.name {
        case "services": return .services
        case "mark-for-masquerade": return .markMasquerade
        case "masquerading": return .postrouting
        case "firewall-check": return .firewalls
        case "service-endpoints-check", "nodeport-endpoints-check", "cluster-ips-check", "reject-chain":
            return .externalServices
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

    private func doubleUnderscore(_ text: Substring) -> Substring.Index? {
        var last: Substring.Index?
        for index in text.indices where text[index] == "_" {
            if let before = last, text.index(after: before) == index { return before }
            last = index
        }
        return nil
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
        switch (chain, rule.rule.target) {
        case (.postrouting, .return?): return .notMarked
        case (.postrouting, .native(.assign)?): return .clearMark
        case (.postrouting, .native(.translate)?), (.postrouting, .masquerade?): return .masquerade
        case (.firewall(let name), .drop?): return .outsideSourceRanges(name)
        case (.externalServices, .drop?): return .dropUnallocated
        default: break
        }
        for comment in rule.comments where comment == "Reject traffic to invalid ports of ClusterIPs" {
            return .rejectOtherPorts
        }
        return nil
    }
}

/// `10.244.1.10:80`, `[2001:db8::1]:80`.
func endpointText(_ address: IPAddress, port: UInt16?) -> String {
    guard let port else { return "\(address)" }
    return address.version == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
}
