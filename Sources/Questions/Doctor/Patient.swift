public import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
public import PathModel
public import RuleModel
internal import SourceText

/// One node as the doctor sees it.
public struct Patient: Sendable {
    public let model: HostModel
    public let annotations: AnnotatedRuleset
    /// What the cluster's own objects say; empty where they are not in the input.
    public let cluster: ClusterObjects
    /// All nodes of the input, and which of them this one is.
    let fleet: Fleet
    let number: Int
    /// An address of each version that `internet` stands for, worked out once: checks ask for thousands of packets.
    private let internet: [IPVersion: IPAddress]

    public init(
        _ model: HostModel, annotations: AnnotatedRuleset, cluster: ClusterObjects, number: Int = 0,
        of fleet: Fleet = Fleet()
    ) {
        self.model = model
        self.annotations = annotations.complete()
        self.cluster = cluster
        self.fleet = fleet
        self.number = number
        var internet: [IPVersion: IPAddress] = [:]
        for version in [IPVersion.v4, .v6] { internet[version] = try? internetAddress(version, on: model).address }
        self.internet = internet
    }

    var host: HostState { model.host }
    var linked: LinkedRuleset { model.linked }

    func name(_ symbol: Symbol) -> String { model.names.text(symbol) }

    /// The interface of this name.
    func interface(named name: String) -> NetworkInterface? {
        host.interfaces.first { self.name($0.name) == name }
    }

    /// The base chains of this hook, IPv4's and IPv6's each once, in the order they run.
    func baseChains(_ hook: Hook) -> [ChainID] {
        var found: [ChainID] = []
        for version in [IPVersion.v4, .v6] {
            for chain in linked.baseChains(version, hook) where !found.contains(chain) { found.append(chain) }
        }
        return found
    }

    /// Follows a packet, and what answers it where that is asked; `nil` where it can't be described so on this node.
    func trace(_ description: PacketDescription, andReply: Bool = false) -> (trace: Trace, options: String)? {
        var own = model
        var known = description
        if case .address(let address)? = description.destination, description.source == .internet {
            known.source = internet[address.version].map { .address($0) } ?? .internet
        } else if case .address(let address)? = description.source, description.destination == .internet {
            known.destination = internet[address.version].map { .address($0) } ?? .internet
        }
        guard var request = try? prepare(known, cluster, on: &own).request else { return nil }
        request.traceReply = andReply
        return (PacketPath.trace(request, on: own), traceOptions(description) + (andReply ? " --round-trip" : ""))
    }
}

/// The options of `hookline trace` for a packet that the doctor made.
func traceOptions(_ description: PacketDescription) -> String {
    var words: [String] = []
    if case .interface(let name)? = description.arrival { words += ["--in", name] }
    func end(_ end: PacketEnd?, _ port: UInt16?) -> String {
        switch end {
        case .address(let address)?:
            guard let port else { return "\(address)" }
            return address.version == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
        case .host?: return port.map { "host:\($0)" } ?? "host"
        case .internet?: return port.map { "internet:\($0)" } ?? "internet"
        case .named(let kind, let name)?: return "\(kind):\(name)"
        case nil: return ""
        }
    }
    words += ["--from", end(description.source, description.sourcePort)]
    let suffix = description.protocol.flatMap { $0.hasPorts ? "/\($0.shortName)" : nil } ?? ""
    words += ["--to", end(description.destination, description.destinationPort) + suffix]
    if let transport = description.protocol, !transport.hasPorts { words += ["--proto", transport.shortName] }
    if let flags = description.tcpFlags {
        let names = TCPFlags.names.filter { flags.contains($0.flag) }.map { $0.name }
        words += ["--tcp-flags", names.isEmpty ? "none" : names.joined(separator: ",")]
    }
    if let length = description.length { words += ["--length", "\(length)"] }
    if let state = description.state, let name = ConnectionStates.names.first(where: { $0.state == state })?.name {
        words += ["--state", name.lowercased()]
    }
    return words.joined(separator: " ")
}
