internal import NetTypes
internal import RuleModel
internal import SourceText

extension ClusterReading {
    mutating func readService(_ object: ClusterObject) {
        guard isNew("Service", object) else { return }
        var service = Service(namespace: object.namespace, name: object.name, place: object.place)
        let spec = object.spec
        let source = object.source
        switch spec?["type"]?.text {
        case "ClusterIP", nil: service.kind = .clusterIP
        case "NodePort": service.kind = .nodePort
        case "LoadBalancer": service.kind = .loadBalancer
        case "ExternalName": service.kind = .externalName
        default: service.kind = .other
        }
        var own = spec?["clusterIPs"]?.elements ?? []
        if own.isEmpty, let only = spec?["clusterIP"] { own = [only] }
        service.isHeadless = own.contains { $0.text == "None" }
        service.clusterAddresses = addresses(own.filter { $0.text != "None" }, source)
        service.externalAddresses = addresses(spec?["externalIPs"]?.elements ?? [], source)
        let balancers = object.status?["loadBalancer"]?["ingress"]?.elements ?? []
        service.loadBalancerAddresses = addresses(balancers.compactMap { $0["ip"] }, source)
        service.sourceRanges = prefixes(spec?["loadBalancerSourceRanges"]?.elements ?? [], source)
        for value in spec?["ports"]?.elements ?? [] {
            guard let number = value["port"]?.port else { continue }
            var port = ServicePort(
                name: value["name"]?.text ?? "", number: number, protocol: readProtocol(value["protocol"]))
            port.nodePort = value["nodePort"]?.port.flatMap { $0 == 0 ? nil : $0 }
            if let target = value["targetPort"] {
                if let number = target.port {
                    port.target = .number(number)
                } else if let name = target.text {
                    port.target = .name(name)
                }
            }
            service.ports.append(port)
        }
        if spec?["internalTrafficPolicy"]?.text == "Local" { service.internalPolicy = .local }
        if spec?["externalTrafficPolicy"]?.text == "Local" { service.externalPolicy = .local }
        if spec?["sessionAffinity"]?.text == "ClientIP" {
            let seconds = spec?["sessionAffinityConfig"]?["clientIP"]?["timeoutSeconds"]?.number?.unsigned
            // Kubernetes' default: three hours.
            service.affinitySeconds = seconds.flatMap { UInt32(exactly: $0) } ?? 10800
        }
        service.healthCheckPort = spec?["healthCheckNodePort"]?.port.flatMap { $0 == 0 ? nil : $0 }
        service.selector = LabelSelector(
            requirements: (spec?["selector"]?.labels ?? []).map {
                LabelRequirement(key: $0.key, relation: .isIn, values: [$0.value])
            })
        objects.services.append(service)
    }

    mutating func readEndpointSlice(_ object: ClusterObject) {
        guard isNew("EndpointSlice", object) else { return }
        let service = object.metadata?["labels"]?["kubernetes.io/service-name"]?.text ?? ""
        var set = EndpointSet(
            source: .endpointSlice, namespace: object.namespace, service: service, place: object.place)
        set.ports = endpointPorts(object.value["ports"])
        // Names stand for addresses that nobody here knows.
        let isNames = object.value["addressType"]?.text == "FQDN"
        for value in isNames ? [] : object.value["endpoints"]?.elements ?? [] {
            var endpoint = ServiceEndpoint(
                addresses: addresses(value["addresses"]?.elements ?? [], object.source),
                place: object.source.place(of: value["addresses"]?.elements.first ?? value))
            let conditions = value["conditions"]
            endpoint.isReady = conditions?["ready"]?.boolean ?? true
            endpoint.isServing = conditions?["serving"]?.boolean
            endpoint.isTerminating = conditions?["terminating"]?.boolean ?? false
            endpoint.node = value["nodeName"]?.text ?? value["topology"]?["kubernetes.io/hostname"]?.text ?? ""
            endpoint.pod = podName(value["targetRef"])
            set.endpoints.append(endpoint)
        }
        objects.endpointSets.append(set)
    }

    mutating func readEndpoints(_ object: ClusterObject) {
        guard isNew("Endpoints", object) else { return }
        for subset in object.value["subsets"]?.elements ?? [] {
            var set = EndpointSet(
                source: .endpoints, namespace: object.namespace, service: object.name, place: object.place)
            set.ports = endpointPorts(subset["ports"])
            for (key, isReady) in [("addresses", true), ("notReadyAddresses", false)] {
                for value in subset[key]?.elements ?? [] {
                    guard let address = address(value["ip"], object.source) else { continue }
                    var endpoint = ServiceEndpoint(
                        addresses: [address], place: object.source.place(of: value["ip"] ?? value))
                    endpoint.isReady = isReady
                    endpoint.node = value["nodeName"]?.text ?? ""
                    endpoint.pod = podName(value["targetRef"])
                    set.endpoints.append(endpoint)
                }
            }
            objects.endpointSets.append(set)
        }
    }
}

private func endpointPorts(_ value: JSONValue?) -> [EndpointPort] {
    (value?.elements ?? []).map {
        EndpointPort(name: $0["name"]?.text ?? "", number: $0["port"]?.port, protocol: readProtocol($0["protocol"]))
    }
}

private func podName(_ reference: JSONValue?) -> String {
    reference?["kind"]?.text == "Pod" ? reference?["name"]?.text ?? "" : ""
}
