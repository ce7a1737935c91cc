internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// What kube-proxy's IPVS mode needs besides virtual services, and what a mode that was used before has left.
/// Source: kubernetes pkg/proxy/ipvs/README.md, proxier.go (v1.30); net/netfilter/ipvs/ip_vs_core.c (`NF_INET_LOCAL_IN`).
let proxyModes = DoctorCheck(
    "kube-proxy-modes",
    "IPVS lacks an address, has servers that are gone or no connection tracking; or kube-proxy's rules of another mode"
) { patient in
    patient.missingVirtualAddresses + patient.staleServers + patient.untrackedVirtualServices + patient.leftoverModes
}

extension Patient {
    /// An address and port of IPVS's that has servers.
    private struct VirtualFront {
        var address: IPAddress
        var port: UInt16
        var transport: IPProtocol
        var service: VirtualService

        var text: String {
            (address.version == .v6 ? "[\(address)]" : "\(address)") + ":\(port)/\(transport.shortName)"
        }
    }

    private var virtualFronts: [VirtualFront] {
        (host.virtualServices ?? []).compactMap { service in
            guard case .address(let transport, let address, let port) = service.key, !service.servers.isEmpty else {
                return nil
            }
            return VirtualFront(address: address, port: port, transport: transport, service: service)
        }
    }

    // MARK: Addresses

    /// IPVS takes packets in INPUT: those whose destination is no address of this host go on without it.
    fileprivate var missingVirtualAddresses: [DoctorFinding] {
        let lacking = virtualFronts.filter { front in
            host.knowsAddresses(front.address.version) && !isOwn(front.address)
                && !host.routes.contains { $0.type == .local && $0.destination.contains(front.address) }
        }
        let device = interface(named: "kube-ipvs0")
        // Of two directors of another kind, the one that stands by lacks the address as it should.
        guard let first = lacking.first, device != nil || hasMaker(.kubeProxy) else { return [] }
        var finding = DoctorFinding(
            .problem,
            device == nil
                ? "IPVS has \(list(lacking.map { $0.text })), and the link kube-ipvs0, which has these addresses, is missing"
                : "IPVS has \(list(lacking.map { $0.text })), and no link of this host has the \(lacking.count == 1 ? "address" : "addresses")",
            evidence: lacking.prefix(3).map { DoctorFinding.Evidence($0.service.place) } + [
                device.map { DoctorFinding.Evidence($0.place, "has no \(first.address)") }
                    ?? DoctorFinding.Evidence(.none, "ip addr has no \(first.address)")
            ],
            remedies: [
                "restart kube-proxy's pod on this node, which puts the addresses on kube-ipvs0"
                    + (device == nil
                        ? ""
                        : "; at once: ip addr add \(first.address)/\(first.address.version.addressBits) dev kube-ipvs0")
            ])
        finding.traffic =
            "packets to \(lacking.count == 1 ? "it" : "them") from pods and from outside: they are routed as if to another host, and IPVS does not see them"
        if let pod = samplePods.first, pod.address.version == first.address.version {
            finding.example =
                follow(
                    packet(
                        in: name(pod.interface.name), from: .address(pod.address), to: .address(first.address),
                        first.transport, port: first.port))?.options
        }
        return [finding]
    }

    // MARK: Servers

    /// Servers that no EndpointSlice has.
    fileprivate var staleServers: [DoctorFinding] {
        let isWhole = lists("EndpointSlice") || lists("Endpoints")
        var objects: [String: Set<IPAddress>] = [:]
        for set in cluster.endpointSets {
            objects["\(set.namespace)/\(set.service)", default: []].formUnion(set.endpoints.flatMap { $0.addresses })
        }
        var stale: [(text: String, place: Place)] = []
        for front in virtualFronts {
            guard let service = service(of: front) else { continue }
            let name = "\(service.namespace)/\(service.name)"
            // Without a slice of it in the input its endpoints are not known, unless the input has all.
            guard let endpoints = objects[name] ?? (isWhole ? [] : nil) else { continue }
            // One of weight 0 is being given up: connections that it has may end.
            for server in front.service.servers where server.weight > 0 && !endpoints.contains(server.address) {
                let text = "\(server.address):\(server.port) of \(name)"
                if !stale.contains(where: { $0.text == text }) { stale.append((text, server.place)) }
            }
        }
        guard !stale.isEmpty else { return [] }
        var finding = DoctorFinding(
            .problem,
            "IPVS leads to \(stale.count == 1 ? "a server that is" : "servers that are") no endpoint any more: \(list(stale.map { $0.text }))",
            evidence: stale.prefix(4).map { DoctorFinding.Evidence($0.place, "no endpoint of the Service") },
            remedies: [
                "see kube-proxy's log on this node (kubectl -n kube-system logs), and restart its pod: it writes all servers anew"
            ])
        finding.traffic = "that share of the Service's new connections: they time out or reach another pod"
        finding.doubts = ["whether objects and servers were saved at the same time: kube-proxy needs a second or so"]
        if !isWhole { finding.doubts.append("whether the input has all EndpointSlices of these Services") }
        return [finding]
    }

    private func service(of front: VirtualFront) -> Service? {
        cluster.services.first { service in
            let addresses =
                service.clusterAddresses + service.externalAddresses + service.loadBalancerAddresses
            return service.ports.contains { port in
                port.protocol == front.transport
                    && (port.number == front.port && addresses.contains(front.address)
                        || port.nodePort == front.port && isOwn(front.address) && !addresses.contains(front.address))
            }
        }
    }

    // MARK: Connections

    /// What IPVS sends on past conntrack is translated by no rule, and rules that ask for its state do not know it.
    fileprivate var untrackedVirtualServices: [DoctorFinding] {
        let key = "net.ipv4.vs.conntrack"
        guard model.sysctl(key) == 0, let told = told(sysctl: key),
            let front = virtualFronts.first(where: { $0.service.servers.contains { $0.method == .masquerade } }),
            let chain = chains(where: { $0 == .kubeProxy(.postrouting) }).first
        else { return [] }
        let masquerade = rules(of: chain).first { mayTranslateSource($0) }
        var finding = DoctorFinding(
            .problem, "\(key) is 0: what IPVS sends on is not tracked, and no rule masquerades it",
            evidence: [told, DoctorFinding.Evidence(front.service.place)]
                + (masquerade.map { [evidence($0, "is not asked for what is not tracked")] } ?? []),
            remedies: [
                "sysctl -w \(key)=1, and find what set it to 0 (/etc/sysctl.d): kube-proxy sets it to 1 when it starts in IPVS mode"
            ])
        finding.traffic =
            "node ports and load balancers whose endpoint is on another node, and what pods send to themselves by a Service: answers pass this node by"
        return [finding]
    }

    // MARK: Modes

    private enum ProxyMode: String {
        case iptables, nftables, ipvs = "IPVS"
    }

    /// Where there is something of each of kube-proxy's modes.
    private var proxyModesHere: [(mode: ProxyMode, place: Place)] {
        var found: [(mode: ProxyMode, place: Place)] = []
        let fronts = serviceFronts
        let maps = Set(frontElements(["service-ips", "service-nodeports"]).map { $0.place })
        if let front = fronts.first(where: { !maps.contains($0.place) }) { found.append((.iptables, front.place)) }
        if let front = fronts.first(where: { maps.contains($0.place) }) { found.append((.nftables, front.place)) }
        let known = Set(fronts.compactMap { $0.address })
        let own = virtualFronts.first { front in
            known.contains(front.address) || cluster.services.contains { $0.clusterAddresses.contains(front.address) }
        }
        if let own { found.append((.ipvs, own.service.place)) }
        return found
    }

    fileprivate var leftoverModes: [DoctorFinding] {
        let modes = proxyModesHere
        guard modes.count > 1 else { return [] }
        let names = modes.map { $0.mode.rawValue }
        let hasIPVS = modes.contains { $0.mode == .ipvs }
        var finding = DoctorFinding(
            .risk,
            "Services are here in \(modes.count) of kube-proxy's modes, \(names.joined(separator: ", ")): those of \(modes.count == 2 ? "one are" : "all but one are") left over",
            evidence: modes.map { DoctorFinding.Evidence($0.place, "of the mode \($0.mode.rawValue)") },
            remedies: [
                "see which mode kube-proxy is to run in (its ConfigMap), drain the node, stop kube-proxy there, run kube-proxy --cleanup on it, which removes what all modes left, and start it again; a reboot does it too"
            ])
        finding.traffic =
            "packets to Services: "
            + (hasIPVS
                ? "rules translate them in PREROUTING and OUTPUT before IPVS is asked in INPUT, so that IPVS gets none that rules know"
                : "the chain that is asked first decides, and what is left over leads to endpoints that may be gone")
        return [finding]
    }
}
