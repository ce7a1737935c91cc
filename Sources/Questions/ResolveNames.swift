internal import NetTypes
internal import PathModel
internal import RuleModel

/// What a name stands for.
struct NamedTarget {
    /// `pod shop/web-1`, for sentences.
    let title: String
    let addresses: [IPAddress]
    /// Ports it is known to have; of a service, all there are.
    var ports: [(name: String, number: UInt16, protocol: IPProtocol)] = []
    var service: Service?
    var notes: [String] = []
}

/// `description` with addresses, ports and protocols for the names of pods, services and nodes in it.
func resolveNames(
    _ description: PacketDescription, _ cluster: ClusterObjects, on model: HostModel
) throws(PacketFailure) -> PacketDescription {
    guard description.hasNames else { return description }
    var result = description
    let from = try namedEnd(description.source)
    let to = try namedEnd(description.destination)
    let source = try from.map { (end) throws(PacketFailure) in try target(end, cluster) }
    let destination = try to.map { (end) throws(PacketFailure) in try target(end, cluster) }
    if let from, from.kind == .svc {
        throw PacketFailure(
            "a service sends no packets: --from takes one of its pods\(backendsClause(source, cluster))")
    }
    let version = version(source, destination, description)
    if let from, let source {
        result.source = .address(try choose(source, version, &result.notes))
        if let port = from.port { try result.setSourcePort(try portNumber(port, source)) }
        if let value = from.protocol { try result.setProtocol(value) }
    }
    if let to, let destination {
        let address = try choose(destination, version, &result.notes)
        result.destination = .address(address)
        if let value = to.protocol { try result.setProtocol(value) }
        if let service = destination.service {
            try setServicePort(to.port, service, destination, address, &result)
            if let note = tellMissingRules(service, address, result, on: model) { result.notes.append(note) }
        } else if let port = to.port {
            try setPort(port, destination, &result)
        }
    }
    return result
}

extension PacketDescription {
    fileprivate var hasNames: Bool {
        for end in [source, destination] { if case .named? = end { return true } }
        return false
    }
}

private func namedEnd(_ end: PacketEnd?) throws(PacketFailure) -> NamedEnd? {
    guard case .named(let kind, let name)? = end else { return nil }
    return try NamedEnd(kind: kind, text: name)
}

// MARK: What a name stands for

func target(_ end: NamedEnd, _ cluster: ClusterObjects) throws(PacketFailure) -> NamedTarget {
    if cluster.pods.isEmpty && cluster.services.isEmpty && cluster.nodes.isEmpty {
        throw PacketFailure(
            "'\(end.text)' is not known: the snapshot holds no objects of Kubernetes; add the output of "
                + "`kubectl get pods,services,endpointslices,nodes -A -o yaml`, or give an address")
    }
    switch end.kind {
    case .pod: return try podTarget(end, cluster)
    case .svc: return try serviceTarget(end, cluster)
    case .node: return try nodeTarget(end, cluster)
    }
}

private func podTarget(_ end: NamedEnd, _ cluster: ClusterObjects) throws(PacketFailure) -> NamedTarget {
    let pods = cluster.pods.filter { $0.name == end.name && (end.namespace == nil || $0.namespace == end.namespace) }
    guard let pod = pods.first else {
        let known = cluster.pods.map { "\($0.namespace)/\($0.name)" }
        throw PacketFailure("there is no '\(end.text)'; \(nearNames(end.name, among: known, of: "pods"))")
    }
    let title = "pod \(pod.namespace)/\(pod.name)"
    guard pods.count == 1 else {
        throw PacketFailure(
            "several namespaces have a pod '\(end.name)': \(pods.map({ $0.namespace }).sorted().joined(separator: ", "))"
        )
    }
    guard !pod.addresses.isEmpty else {
        let phase = pod.phase.isEmpty ? "" : " (\(pod.phase))"
        throw PacketFailure("\(title) has no address\(phase)")
    }
    var target = NamedTarget(title: title, addresses: pod.addresses)
    target.ports = pod.ports.map { ($0.name, $0.number, $0.protocol) }
    if pod.isFinished {
        target.notes.append("\(title) has ended (\(pod.phase)): its address may be another pod's by now")
    }
    return target
}

private func serviceTarget(_ end: NamedEnd, _ cluster: ClusterObjects) throws(PacketFailure) -> NamedTarget {
    let services = cluster.services.filter {
        $0.name == end.name && (end.namespace == nil || $0.namespace == end.namespace)
    }
    guard let service = services.first else {
        let known = cluster.services.map { "\($0.namespace)/\($0.name)" }
        throw PacketFailure("there is no '\(end.text)'; \(nearNames(end.name, among: known, of: "services"))")
    }
    guard services.count == 1 else {
        throw PacketFailure(
            "several namespaces have a service '\(end.name)': "
                + services.map { $0.namespace }.sorted().joined(separator: ", "))
    }
    let title = "service \(service.namespace)/\(service.name)"
    var target = NamedTarget(title: title, addresses: service.clusterAddresses)
    target.ports = service.ports.map { ($0.name, $0.number, $0.protocol) }
    target.service = service
    if service.clusterAddresses.isEmpty {
        let why =
            service.kind == .externalName
            ? "only stands for another name" : service.isHeadless ? "is headless" : "has no cluster address"
        throw PacketFailure("\(title) \(why): give an address or a pod\(backendsClause(target, cluster))")
    }
    return target
}

private func nodeTarget(_ end: NamedEnd, _ cluster: ClusterObjects) throws(PacketFailure) -> NamedTarget {
    let nodes = cluster.nodes.filter { $0.name == end.name }
    guard !nodes.isEmpty else {
        var known: [String] = []
        for node in cluster.nodes where !known.contains(node.name) { known.append(node.name) }
        throw PacketFailure("there is no '\(end.text)'; \(nearNames(end.name, among: known, of: "nodes"))")
    }
    var addresses: [IPAddress] = []
    for kind in [NodeAddress.Kind.internal, .bgp, .external] {
        for node in nodes {
            for own in node.addresses where own.kind == kind && !addresses.contains(own.address) {
                addresses.append(own.address)
            }
        }
    }
    guard !addresses.isEmpty else { throw PacketFailure("node \(end.name) has no address in the snapshot") }
    return NamedTarget(title: "node \(end.name)", addresses: addresses)
}

/// `: shop/web-1, shop/web-2`, the pods behind a service; empty where none is known.
private func backendsClause(_ target: NamedTarget?, _ cluster: ClusterObjects) -> String {
    guard let service = target?.service else { return "" }
    var pods: [String] = []
    for set in cluster.endpointSets where set.namespace == service.namespace && set.service == service.name {
        for endpoint in set.endpoints where !endpoint.pod.isEmpty {
            let name = "pod:\(set.namespace)/\(endpoint.pod)"
            if !pods.contains(name) { pods.append(name) }
        }
    }
    if pods.isEmpty { return "" }
    return ": " + pods.prefix(5).joined(separator: ", ") + (pods.count > 5 ? ", …" : "")
}

// MARK: Addresses

/// The version that both ends have, IPv4 where both are possible.
private func version(_ source: NamedTarget?, _ destination: NamedTarget?, _ description: PacketDescription) -> IPVersion
{
    for end in [description.source, description.destination] {
        if case .address(let address)? = end { return address.version }
    }
    if description.protocol == .icmpv6 { return .v6 }
    if description.protocol == .icmp { return .v4 }
    func has(_ target: NamedTarget?, _ version: IPVersion) -> Bool {
        target?.addresses.contains { $0.version == version } ?? true
    }
    for version in [IPVersion.v4, .v6] where has(source, version) && has(destination, version) { return version }
    return source?.addresses.first?.version ?? destination?.addresses.first?.version ?? .v4
}

private func choose(_ target: NamedTarget, _ version: IPVersion, _ notes: inout [String]) throws(PacketFailure)
    -> IPAddress
{
    let own = target.addresses.filter { $0.version == version }
    guard let chosen = own.first else {
        let list = target.addresses.map { $0.description }.joined(separator: ", ")
        throw PacketFailure(
            "\(target.title) has no IPv\(version.rawValue) address, which the other end needs; it has \(list)")
    }
    notes += target.notes
    if target.addresses.count > 1 {
        let others = target.addresses.filter { $0 != chosen }.map { $0.description }.joined(separator: ", ")
        notes.append("\(target.title) is taken to be \(chosen), not \(others)")
    } else {
        notes.append("\(target.title) is \(chosen)")
    }
    return chosen
}

// MARK: Ports

func portList(_ target: NamedTarget) -> String {
    target.ports.map { ($0.name.isEmpty ? "" : $0.name + " ") + "\($0.number)/\($0.protocol.shortName)" }
        .joined(separator: ", ")
}

/// A port by number, or by the name that the end has for it.
func portNumber(_ text: String, _ target: NamedTarget) throws(PacketFailure) -> UInt16 {
    if let number = UInt16(text) { return number }
    guard let port = target.ports.first(where: { $0.name == text }) else { throw unknownPort(text, target) }
    return port.number
}

func unknownPort(_ text: String, _ target: NamedTarget) -> PacketFailure {
    let known = target.ports.isEmpty ? "it names no ports" : "it has \(portList(target))"
    return PacketFailure("\(target.title) has no port '\(text)'; \(known)")
}

/// Of a pod or node: numbers are taken as they are, names bring their protocol.
private func setPort(
    _ text: String, _ target: NamedTarget, _ description: inout PacketDescription
) throws(PacketFailure) {
    try description.setDestinationPort(try portNumber(text, target))
    if UInt16(text) == nil, description.protocol == nil,
        let port = target.ports.first(where: { $0.name == text })
    {
        try description.setProtocol(port.protocol)
    }
}

/// Of a service: it takes the ports that it has, each with its protocol, and no others.
private func setServicePort(
    _ text: String?, _ service: Service, _ target: NamedTarget, _ address: IPAddress,
    _ description: inout PacketDescription
) throws(PacketFailure) {
    if let ipProtocol = description.protocol, !ipProtocol.hasPorts, text == nil { return }
    var fitting = target.ports
    if let text {
        fitting = fitting.filter { $0.name == text || UInt16(text) == $0.number }
    } else if let number = description.destinationPort {
        fitting = fitting.filter { $0.number == number }
    }
    if let ipProtocol = description.protocol { fitting = fitting.filter { $0.protocol == ipProtocol } }
    let wanted = text ?? description.destinationPort.map { "\($0)" }
    guard let port = fitting.first else {
        let suffix = description.protocol.map { "/\($0.shortName)" } ?? ""
        guard let wanted else {
            throw PacketFailure("\(target.title) has no port of \(suffix.dropFirst()); it has \(portList(target))")
        }
        throw PacketFailure(
            "\(target.title) has no port '\(wanted)\(suffix)'; it has \(portList(target)) "
                + "(--to \(address):PORT asks for any)")
    }
    guard fitting.count == 1 else {
        throw PacketFailure(
            wanted == nil
                ? "\(target.title) has several ports: \(portList(target)); --to svc:NAMESPACE/NAME:PORT says which"
                : "\(target.title) has '\(wanted ?? "")' for several protocols: \(portList(target)); add /tcp or /udp")
    }
    try description.setDestinationPort(port.number)
    if description.protocol == nil {
        try description.setProtocol(port.protocol)
    }
    if wanted == nil {
        description.notes.append("\(target.title) is asked at port \(port.number)/\(port.protocol.shortName)")
    }
}

/// Says where the node's rules do not have what the object says.
private func tellMissingRules(
    _ service: Service, _ address: IPAddress, _ description: PacketDescription, on model: HostModel
) -> String? {
    guard let port = description.destinationPort, let ipProtocol = description.protocol else { return nil }
    let spot = ServiceSpot(address: address, port: port, protocol: ipProtocol)
    let name = service.ports.first { $0.number == port && $0.protocol == ipProtocol }?.name ?? ""
    let title = "\(service.namespace)/\(service.name)" + (name.isEmpty ? "" : ":" + name)
    switch findService(spot, named: title, on: model) {
    case .there: return nil
    case .elsewhere(let other): return "the object \(title) has \(spot), the rules of this node have \(other) for it"
    case .addressOnly:
        return "the object \(title) has \(spot); rules of this node mention \(address), but not with this port"
    case .missing: return "the object \(title) has \(spot), no rule of this node mentions it"
    }
}
