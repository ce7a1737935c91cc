internal import KernelLink
internal import NetTypes
internal import RuleModel
internal import SourceText

/// A TAP device that stands for an interface of the snapshot.
struct TapPlan: Hashable {
    let name: String
    /// 0: the kernel chooses.
    let index: UInt32
    /// Whether it carries IP packets without a link header, as tunnels do.
    let isPlain: Bool
    let hasCarrier: Bool
}

/// What makes the snapshot's interfaces: TAPs, and lines of `ip -batch`.
struct LinkCommands {
    /// A TAP, or a line that makes a bridge.
    enum Device: Hashable {
        case tap(TapPlan)
        case line(String)
    }

    /// In the order of their indices, in which the kernel looks for an address where it needs any: it keeps links as they
    /// were made (net/ipv4/devinet.c `inet_select_addr`).
    private(set) var devices: [Device] = []
    /// Tunnels and settings of links, to be run after the devices are there.
    private(set) var links: [String] = []
    /// Addresses of both versions, then `up`.
    private(set) var addresses: [String] = []
    /// Ports of bridges, each with its bridge.
    private(set) var bridges: [String: String] = [:]

    var taps: [TapPlan] {
        devices.compactMap { device in
            if case .tap(let plan) = device { return plan }
            return nil
        }
    }

    private let host: HostState
    private let names: NameTable

    init(_ host: HostState, names: NameTable) {
        self.host = host
        self.names = names
        let masters = Set(host.interfaces.compactMap(\.master))
        links.append("link set lo up")
        var tunnels: [String] = []
        for interface in host.interfaces.sorted(by: { $0.index < $1.index }) where !isLoopback(interface) {
            make(interface, isBridge: masters.contains(interface.name), &tunnels)
        }
        links += tunnels
        for interface in host.interfaces {
            guard let master = interface.master, isBridge(master) else { continue }
            bridges[names.text(interface.name)] = names.text(master)
            links.append("link set \(names.text(interface.name)) master \(names.text(master))")
            // Who is behind which port the snapshot says, and no packet: net/bridge/br_input.c `br_handle_frame_finish`.
            links.append("link set \(names.text(interface.name)) type bridge_slave learning off")
            if interface.isHairpin == true {
                links.append("link set \(names.text(interface.name)) type bridge_slave hairpin on")
            }
            let flooding = [
                ("flood", interface.takesUnknown), ("mcast_flood", interface.takesMulticast),
                ("bcast_flood", interface.takesBroadcast),
            ]
            for (word, isOn) in flooding where !isOn {
                links.append("link set \(names.text(interface.name)) type bridge_slave \(word) off")
            }
        }
        for interface in host.interfaces { addAddresses(interface) }
        for interface in host.interfaces where interface.isUp {
            addresses.append("link set \(names.text(interface.name)) up")
        }
    }

    private func isLoopback(_ interface: NetworkInterface) -> Bool {
        interface.isLoopback || names.text(interface.name) == "lo"
    }

    private func isBridge(_ name: Symbol) -> Bool {
        guard let own = host.interface(name) else { return true }
        return own.vrfTable == nil && (own.kind == .bridge || own.kind == .other && !own.isMaster)
    }

    private mutating func make(_ interface: NetworkInterface, isBridge: Bool, _ tunnels: inout [String]) {
        let name = names.text(interface.name)
        var settings = ["link set \(name) mtu \(interface.mtu) addrgenmode none"]
        if interface.group > 0 { settings.append("link set \(name) group \(interface.group)") }
        let index = interface.index > 0 ? " index \(interface.index)" : ""
        if let mac = interface.mac { settings.append("link set \(name) address \(mac)") }
        if interface.kind == .bridge || isBridge && interface.vrfTable == nil {
            devices.append(.line("link add \(name)\(index) type bridge stp_state 0 mcast_snooping 0"))
        } else if interface.kind == .vxlan, let tunnel = interface.tunnel, let identifier = tunnel.identifier {
            // After the device below, which it names.
            var words = "link add \(name)\(index) type vxlan id \(identifier)"
            if let local = tunnel.local { words += " local \(local)" }
            if let remote = tunnel.remote { words += " remote \(remote)" }
            if let device = tunnel.device { words += " dev \(names.text(device))" }
            words += " dstport \(tunnel.port ?? 8472) nolearning"
            tunnels.append(words)
            tunnels += settings
            return
        } else {
            let isPlain = interface.mac == nil || interface.isPointToPoint
            devices.append(
                .tap(
                    TapPlan(
                        name: name, index: interface.index, isPlain: isPlain, hasCarrier: interface.hasCarrier)))
            if isPlain { settings = ["link set \(name) mtu \(interface.mtu)"] }
        }
        links += settings
    }

    /// The kernel lists IPv6 addresses newest first, so they are added from the last.
    private mutating func addAddresses(_ interface: NetworkInterface) {
        let old = interface.addresses.filter { $0.address.version == .v4 }
        let new = interface.addresses.filter { $0.address.version == .v6 }.reversed()
        for address in old + new {
            if isLoopback(interface), address.address.isLoopback { continue }
            // The routes that come with an address are in the snapshot's routes where it has them.
            let isRouted = host.routesKnown(address.address.version) == .none
            var words = "address add "
            if let peer = address.peer {
                words += "\(address.address) peer \(peer)/\(address.prefixLength)"
            } else {
                words += "\(address.address)/\(address.prefixLength)"
            }
            if let broadcast = address.broadcast { words += " brd \(broadcast)" }
            words += " dev \(names.text(interface.name)) scope \(address.scope.rawValue)"
            if address.address.version == .v6 { words += " nodad" }
            if !isRouted { words += " noprefixroute" }
            addresses.append(words)
        }
    }
}
