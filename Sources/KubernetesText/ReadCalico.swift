internal import NetTypes
internal import RuleModel
internal import SourceText

extension ClusterReading {
    mutating func readPool(_ object: ClusterObject) {
        let spec = object.spec
        guard isNew("IPPool", object), let range = prefix(spec?["cidr"], object.source) else { return }
        var pool = IPPool(name: object.name, range: range, place: object.place)
        pool.ipip = encapsulation(spec?["ipipMode"])
        pool.vxlan = encapsulation(spec?["vxlanMode"])
        pool.masqueradesOutgoing = spec?["natOutgoing"]?.isTrue ?? false
        if let size = spec?["blockSize"]?.number?.unsigned, size > 0, size <= UInt64(range.address.version.addressBits)
        {
            pool.blockLength = UInt8(size)
        }
        pool.isDisabled = spec?["disabled"]?.isTrue ?? false
        pool.nodeSelector = spec?["nodeSelector"]?.text ?? ""
        objects.pools.append(pool)
    }

    mutating func readHostEndpoint(_ object: ClusterObject) {
        guard isNew("HostEndpoint", object) else { return }
        let spec = object.spec
        var endpoint = HostEndpoint(name: object.name, place: object.place)
        endpoint.node = spec?["node"]?.text ?? ""
        endpoint.interface = spec?["interfaceName"]?.text ?? ""
        endpoint.addresses = addresses(spec?["expectedIPs"]?.elements ?? [], object.source)
        endpoint.profiles = spec?["profiles"]?.texts ?? []
        endpoint.labels = object.metadata?["labels"]?.labels ?? []
        for value in spec?["ports"]?.elements ?? [] {
            guard let number = value["port"]?.port else { continue }
            endpoint.ports.append(
                ContainerPort(
                    name: value["name"]?.text ?? "", number: number, protocol: readProtocol(value["protocol"])))
        }
        objects.hostEndpoints.append(endpoint)
    }

    mutating func readWorkloadEndpoint(_ object: ClusterObject) {
        guard isNew("WorkloadEndpoint", object) else { return }
        let spec = object.spec
        var endpoint = WorkloadEndpoint(namespace: object.namespace, name: object.name, place: object.place)
        endpoint.pod = spec?["pod"]?.text ?? ""
        endpoint.node = spec?["node"]?.text ?? ""
        endpoint.interface = spec?["interfaceName"]?.text ?? ""
        endpoint.addresses = addresses(spec?["ipNetworks"]?.elements ?? [], object.source)
        endpoint.profiles = spec?["profiles"]?.texts ?? []
        endpoint.labels = object.metadata?["labels"]?.labels ?? []
        objects.workloadEndpoints.append(endpoint)
    }

    mutating func readFelixConfiguration(_ object: ClusterObject) {
        guard isNew("FelixConfiguration", object) else { return }
        var configuration = FelixConfiguration(name: object.name, place: object.place)
        for member in object.spec?.object ?? [] where !member.value.isNull {
            configuration.settings.append(
                FelixConfiguration.Setting(
                    key: member.key, value: member.value.text ?? member.value.json,
                    place: object.source.place(of: member)))
        }
        objects.felixConfigurations.append(configuration)
    }

    mutating func readBGPConfiguration(_ object: ClusterObject) {
        guard isNew("BGPConfiguration", object) else { return }
        let spec = object.spec
        var configuration = BGPConfiguration(name: object.name, place: object.place)
        configuration.autonomousSystem = spec?["asNumber"]?.text ?? ""
        configuration.hasNodeMesh = spec?["nodeToNodeMeshEnabled"]?.boolean
        configuration.listenPort = spec?["listenPort"]?.port
        func ranges(_ key: String) -> [JSONValue] { (spec?[key]?.elements ?? []).compactMap { $0["cidr"] } }
        configuration.serviceClusterRanges = prefixes(ranges("serviceClusterIPs"), object.source)
        configuration.serviceExternalRanges = prefixes(ranges("serviceExternalIPs"), object.source)
        configuration.serviceLoadBalancerRanges = prefixes(ranges("serviceLoadBalancerIPs"), object.source)
        objects.bgpConfigurations.append(configuration)
    }

    mutating func readBGPPeer(_ object: ClusterObject) {
        guard isNew("BGPPeer", object) else { return }
        let spec = object.spec
        var peer = BGPPeer(name: object.name, place: object.place)
        peer.node = spec?["node"]?.text ?? ""
        peer.nodeSelector = spec?["nodeSelector"]?.text ?? ""
        peer.peerSelector = spec?["peerSelector"]?.text ?? ""
        peer.autonomousSystem = spec?["asNumber"]?.text ?? ""
        if let text = spec?["peerIP"]?.text { peer.peerAddress = addressBeforePort(text) }
        objects.bgpPeers.append(peer)
    }

    mutating func readAddressBlock(_ object: ClusterObject) {
        let spec = object.spec
        guard isNew("IPAMBlock", object), spec?["deleted"]?.isTrue != true,
            let range = prefix(spec?["cidr"], object.source)
        else { return }
        var block = IPAMBlock(range: range, place: object.place)
        // `host:NAME`; `virtual:…` is of a load balancer.
        let affinity = spec?["affinity"]?.text ?? ""
        if affinity.hasPrefix("host:") { block.node = String(affinity.dropFirst("host:".utf8.count)) }
        guard let allocations = spec?["allocations"]?.array else {
            objects.addressBlocks.append(block)
            return
        }
        let attributes = spec?["attributes"]?.elements ?? []
        var used = 0
        for (ordinal, allocation) in allocations.enumerated() {
            guard let index = allocation.number?.unsigned.flatMap({ Int(exactly: $0) }) else { continue }
            used += 1
            guard attributes.indices.contains(index), let address = addressInBlock(range, ordinal) else { continue }
            let owner = attributes[index]["secondary"] ?? attributes[index]["activeOwnerAttrs"]
            block.owners.append(
                AddressOwner(
                    address: address, namespace: owner?["namespace"]?.text ?? "", pod: owner?["pod"]?.text ?? "",
                    node: owner?["node"]?.text ?? ""))
        }
        block.usedCount = used
        objects.addressBlocks.append(block)
    }
}

private func encapsulation(_ value: JSONValue?) -> IPPool.Encapsulation {
    switch value?.text?.lowercased() {
    case "always": .always
    case "crosssubnet": .crossSubnet
    default: .never
    }
}

/// The address of a block at `ordinal`.
private func addressInBlock(_ range: IPPrefix, _ ordinal: Int) -> IPAddress? {
    let (low, overflow) = range.address.low.addingReportingOverflow(UInt64(ordinal))
    if overflow { return nil }
    let address = IPAddress(range.address.version, high: range.address.high, low: low)
    return range.contains(address) ? address : nil
}

/// `192.0.2.1`, `192.0.2.1:179`, `[2001:db8::1]:179`.
private func addressBeforePort(_ text: String) -> IPAddress? {
    if let address = IPAddress(text) { return address }
    if text.hasPrefix("["), let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) {
        return IPAddress(String(text[text.index(after: text.startIndex)..<end]))
    }
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
    return IPAddress(String(text[..<colon]))
}
