internal import NetTypes
internal import RuleModel
internal import SourceText

extension ClusterReading {
    mutating func readPod(_ object: ClusterObject) {
        guard isNew("Pod", object) else { return }
        var pod = Pod(namespace: object.namespace, name: object.name, place: object.place)
        let spec = object.spec
        let status = object.status
        var addresses = self.addresses((status?["podIPs"]?.elements ?? []).compactMap { $0["ip"] }, object.source)
        if let main = address(status?["podIP"], object.source), !addresses.contains(main) {
            addresses.insert(main, at: 0)
        }
        pod.addresses = addresses
        pod.node = spec?["nodeName"]?.text ?? ""
        pod.isHostNetwork = spec?["hostNetwork"]?.isTrue ?? false
        pod.labels = object.metadata?["labels"]?.labels ?? []
        pod.phase = status?["phase"]?.text ?? ""
        pod.isReady = condition("Ready", of: status)
        pod.serviceAccount = spec?["serviceAccountName"]?.text ?? spec?["serviceAccount"]?.text ?? ""
        // Containers that start first and stay have ports as the others do.
        let early = (spec?["initContainers"]?.elements ?? []).filter { $0["restartPolicy"]?.text == "Always" }
        for container in (spec?["containers"]?.elements ?? []) + early {
            for value in container["ports"]?.elements ?? [] {
                guard let number = value["containerPort"]?.port else { continue }
                var port = ContainerPort(
                    name: value["name"]?.text ?? "", number: number, protocol: readProtocol(value["protocol"]))
                port.hostPort = value["hostPort"]?.port.flatMap { $0 == 0 ? nil : $0 }
                port.hostAddress = address(value["hostIP"], object.source)
                pod.ports.append(port)
            }
        }
        objects.pods.append(pod)
    }

    mutating func readNamespace(_ object: ClusterObject) {
        guard isNew("Namespace", object) else { return }
        var namespace = Namespace(name: object.name, place: object.place)
        namespace.labels = object.metadata?["labels"]?.labels ?? []
        objects.namespaces.append(namespace)
    }

    mutating func readNode(_ object: ClusterObject) {
        guard isNew("Node", object) else { return }
        let source = object.source
        var node = ClusterNode(name: object.name, source: .kubernetes, place: object.place)
        node.addresses += nodeAddresses(object.status?["addresses"], source)
        var ranges = object.spec?["podCIDRs"]?.elements ?? []
        if ranges.isEmpty, let only = object.spec?["podCIDR"] { ranges = [only] }
        node.podRanges = prefixes(ranges, source)
        node.isReady = condition("Ready", of: object.status)
        node.labels = object.metadata?["labels"]?.labels ?? []
        // With Kubernetes as its data store, Calico keeps what it knows of a node in annotations.
        let annotations = object.metadata?["annotations"]
        for key in ["IPv4Address", "IPv6Address"] {
            if let address = address(annotations?["projectcalico.org/" + key], source) {
                node.addresses.append(NodeAddress(.bgp, address))
            }
        }
        for key in [
            "IPv4VXLANTunnelAddr", "IPv4IPIPTunnelAddr", "IPv4WireguardInterfaceAddr", "IPv6VXLANTunnelAddr",
            "IPv6WireguardInterfaceAddr",
        ] {
            if let address = address(annotations?["projectcalico.org/" + key], source) {
                node.tunnelAddresses.append(address)
            }
        }
        node.autonomousSystem = object.annotation("projectcalico.org/ASNumber") ?? ""
        node.flannelBackend = object.annotation("flannel.alpha.coreos.com/backend-type") ?? ""
        objects.nodes.append(node)
    }

    /// `[{type: InternalIP, address: 192.0.2.10}, …]`
    private mutating func nodeAddresses(_ list: JSONValue?, _ source: ObjectSource) -> [NodeAddress] {
        var found: [NodeAddress] = []
        for value in list?.elements ?? [] {
            let kind: NodeAddress.Kind
            switch value["type"]?.text {
            case "InternalIP": kind = .internal
            case "ExternalIP": kind = .external
            default: continue
            }
            if let address = address(value["address"], source) { found.append(NodeAddress(kind, address)) }
        }
        return found
    }

    mutating func readCalicoNode(_ object: ClusterObject) {
        guard isNew("projectcalico.org/Node", object) else { return }
        let source = object.source
        var node = ClusterNode(name: object.name, source: .calico, place: object.place)
        let spec = object.spec
        for key in ["ipv4Address", "ipv6Address"] {
            if let address = address(spec?["bgp"]?[key], source) { node.addresses.append(NodeAddress(.bgp, address)) }
        }
        node.addresses += nodeAddresses(spec?["addresses"], source)
        let tunnels = [
            spec?["ipv4VXLANTunnelAddr"], spec?["ipv6VXLANTunnelAddr"], spec?["bgp"]?["ipv4IPIPTunnelAddr"],
            spec?["wireguard"]?["interfaceIPv4Address"], spec?["wireguard"]?["interfaceIPv6Address"],
        ]
        node.tunnelAddresses = addresses(tunnels.compactMap { $0 }, source)
        node.podRanges = prefixes(object.status?["podCIDRs"]?.elements ?? [], source)
        node.labels = object.metadata?["labels"]?.labels ?? []
        node.autonomousSystem = spec?["bgp"]?["asNumber"]?.text ?? ""
        objects.nodes.append(node)
    }

    mutating func readNetworkSet(_ object: ClusterObject) {
        guard isNew("NetworkSet", object) else { return }
        var set = NetworkSet(namespace: object.namespace, name: object.name, place: object.place)
        set.labels = object.metadata?["labels"]?.labels ?? []
        set.nets = prefixes(object.spec?["nets"]?.elements ?? [], object.source)
        objects.networkSets.append(set)
    }
}

/// A condition's `True` or `False`; `nil` for `Unknown` and where it is not told.
private func condition(_ type: String, of status: JSONValue?) -> Bool? {
    for condition in status?["conditions"]?.elements ?? [] where condition["type"]?.text == type {
        switch condition["status"]?.text {
        case "True", "true": return true
        case "False", "false": return false
        default: return nil
        }
    }
    return nil
}
