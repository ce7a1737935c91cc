internal import NetTypes
internal import RuleModel
internal import SourceText

/// What of a node's addresses and interfaces is its own, and what the like of it is on every node.
struct LocalNames {
    /// What interfaces stand for whose names differ between nodes; by their name here.
    private var interfaces: [String: String] = [:]
    private var addresses: [IPAddress: String] = [:]
    private var prefixes: [IPPrefix: String] = [:]
    /// Networks of this node's own bridges: each address in them is a container's.
    private var bridges: [(prefix: IPPrefix, tag: String)] = []
    /// The address that others know this node by; empty where the input does not tell.
    private(set) var nodeAddresses: Set<IPAddress> = []
    /// Of each version the first of these.
    private(set) var mainAddresses: [IPAddress] = []

    static let podInterface = "interface of a pod"

    init(_ host: HostState, _ names: NameTable) {
        for route in host.routes where route.destination.length == 0 && route.type == .unicast {
            guard route.table == RoutingRule.mainTable, let interface = route.interface else { continue }
            interfaces[names.text(interface)] = "interface of the default route"
        }
        for interface in host.interfaces {
            let name = names.text(interface.name)
            let shown = tag(ofInterface: name) ?? name
            let isBridge = interface.kind == .bridge || Self.isBridgeName(name)
            for (index, own) in interface.addresses.enumerated() where !own.address.isLoopback {
                addresses[own.address] = "address \(index + 1) of \(shown)"
                if let broadcast = own.broadcast { addresses[broadcast] = "broadcast address of \(shown)" }
                if !own.prefix.isHost, !own.address.isLinkLocal {
                    prefixes[own.prefix] = "network \(index + 1) of \(shown)"
                    if isBridge { bridges.append((own.prefix, "address in the network of \(shown)")) }
                }
                guard interfaces[name] != nil, !own.address.isLinkLocal else { continue }
                nodeAddresses.insert(own.address)
                if !mainAddresses.contains(where: { $0.version == own.address.version }) {
                    mainAddresses.append(own.address)
                }
            }
        }
        for route in host.routes {
            if route.type == .blackhole {
                prefixes[route.destination] = prefixes[route.destination] ?? "block of this node's pods"
            } else if route.destination.isHost, let interface = route.interface,
                Self.isPodInterface(names.text(interface)), addresses[route.destination.address] == nil
            {
                addresses[route.destination.address] = "address of a pod of this node"
            }
        }
    }

    /// What `name` stands for on every node; `nil` where it is the same everywhere.
    func tag(ofInterface name: String) -> String? {
        if let known = interfaces[name] { return known }
        if Self.isPodInterface(name) { return Self.podInterface }
        return Self.isDockerBridge(name) ? "bridge of Docker" : nil
    }

    func tag(of address: IPAddress) -> String? {
        if let known = addresses[address] { return known }
        for bridge in bridges where bridge.prefix.contains(address) { return bridge.tag }
        return nil
    }

    func tag(of prefix: IPPrefix) -> String? { prefix.isHost ? tag(of: prefix.address) : prefixes[prefix] }

    /// One end of a pod's or container's link: a prefix and digits that a hash gave.
    static func isPodInterface(_ name: String) -> Bool {
        digits(of: name, after: "cali", 11...11) || digits(of: name, after: "veth", 7...11)
            || digits(of: name, after: "lxc", 12...12) || digits(of: name, after: "tap", 11...11)
            || digits(of: name, after: "eni", 11...11)
    }

    private static func isDockerBridge(_ name: String) -> Bool { digits(of: name, after: "br-", 12...12) }

    static func isBridgeName(_ name: String) -> Bool {
        name == "docker0" || name == "docker_gwbridge" || name == "cni0" || name == "cbr0" || isDockerBridge(name)
    }

    private static func digits(of name: String, after prefix: String, _ counts: ClosedRange<Int>) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        let rest = name.utf8.dropFirst(prefix.utf8.count)
        guard counts.contains(rest.count) else { return false }
        for byte in rest {
            switch byte {
            case 0x30...0x39, 0x61...0x66, 0x2d: continue
            default: return false
            }
        }
        return true
    }
}
