package import NetTypes

/// One interface of a random host.
package struct RandomInterface: Sendable {
    package enum Role: Sendable, Hashable {
        case plain, bridge
        /// A port of the bridge of this name.
        case port(of: String)
    }

    package let name: String
    package let index: Int
    package let mac: MACAddress
    package var role = Role.plain
    package var mtu = 1500
    package var group = 0
    /// With the lengths of their subnets, the primary one of each subnet first.
    package var addresses: [(address: IPAddress, length: UInt8)] = []

    package func addresses(_ version: IPVersion) -> [(address: IPAddress, length: UInt8)] {
        addresses.filter { $0.address.version == version }
    }
}

/// A random host without its rules: interfaces, addresses, routes, settings, neighbours. One seed, one host.
package struct RandomTopology: Sendable {
    package let seed: UInt64
    package internal(set) var interfaces: [RandomInterface] = []
    package internal(set) var pools = RandomPools()
    /// Main and other tables, as `ip route show table all` prints them, without what the kernel makes by itself.
    var routes: [String] = []
    var routesV6: [String] = []
    var rules: [String] = []
    var rulesV6: [String] = []
    var sysctls: [(name: String, value: Int)] = []
    var sockets: [RandomSocket] = []
    package internal(set) var hasDefaultRoute = false

    package init(seed: UInt64) {
        self.seed = seed
        var chance = Chance(seed: seed, purpose: 1)
        drawInterfaces(&chance)
        drawNeighbours(&chance)
        drawRoutes(&chance)
        drawPolicy(&chance)
        drawSettings(&chance)
        var maskedChance = Chance(seed: seed, purpose: 11)
        drawMaskedMark(&maskedChance)
        var socketChance = Chance(seed: seed, purpose: 12)
        drawSockets(&socketChance)
    }

    /// Interfaces that IP is spoken on: all but bridge ports.
    package var routed: [RandomInterface] {
        interfaces.filter { interface in
            if case .port = interface.role { return false }
            return true
        }
    }

    package func pools(_ version: IPVersion) -> VersionPools { VersionPools(pools, version) }

    private static let names = ["eth0", "eth1", "lan0", "lan1", "wan0"]

    private mutating func drawInterfaces(_ chance: inout Chance) {
        let count = chance.number(2...5)
        let bridged = chance.percent(35) ? chance.below(count) : nil
        var index = 2
        func mac(_ index: Int) -> MACAddress { MACAddress(bits: 0x0200_0000_0100 + UInt64(index)) }
        for number in 0..<count {
            var interface = RandomInterface(
                name: bridged == number ? "br0" : Self.names[number], index: index, mac: mac(index))
            index += 1
            if bridged == number { interface.role = .bridge }
            if chance.percent(20) { interface.mtu = chance.pick([1280, 1300, 1400, 1450, 1480]) }
            if chance.percent(25) { interface.group = chance.pick([1, 5, 16]) }
            drawAddresses(of: &interface, number: number, isLast: number == count - 1, &chance)
            interfaces.append(interface)
            if bridged == number {
                for port in 0..<2 {
                    var slave = RandomInterface(name: "port\(port)", index: index, mac: mac(index))
                    index += 1
                    slave.role = .port(of: interface.name)
                    slave.mtu = interface.mtu
                    interfaces.append(slave)
                    pools.bridgePorts.append(slave.name)
                }
            }
            pools.interfaceNames.append(interface.name)
        }
    }

    private mutating func drawAddresses(
        of interface: inout RandomInterface, number: Int, isLast: Bool, _ chance: inout Chance
    ) {
        let n = UInt8(number)
        var own: [(IPAddress, UInt8)] = []
        if isLast, chance.percent(60) {
            own = [(v4(192, 0, 2, 1), 24), (v6(0x2001_0db8_0000_0001, 1), 64)]
        } else {
            own = [
                (v4(10, 0, n, 1), chance.percent(80) ? 24 : 25), (v6(0xfd00_0000_0000_0001 + UInt64(number), 1), 64),
            ]
        }
        if chance.percent(30) { own.append((sibling(own[0].0, 2), own[0].1)) }
        if chance.percent(30) { own.append((sibling(own[1].0, 2), 64)) }
        if chance.percent(20) { own.append((v4(10, 1, n, 1), 28)) }
        if chance.percent(20) { own.append((v6(0xfd01_0000_0000_0001 + UInt64(number), 1), 64)) }
        if chance.percent(50) { own.append((v6(0xfe80_0000_0000_0000, 0x100 + UInt64(number)), 64)) }
        interface.addresses = own.map { (address: $0.0, length: $0.1) }
        for (address, length) in own where !address.isLinkLocal {
            pools.own.append(address)
            let subnet = IPPrefix(address, length: length)
            guard !pools.subnets.contains(subnet) else { continue }
            pools.subnets.append(subnet)
            if address.version == .v4 { pools.broadcasts.append(subnet.last) }
        }
    }

    private mutating func drawNeighbours(_ chance: inout Chance) {
        let hasPorts = !pools.bridgePorts.isEmpty
        var mac: UInt64 = 0x0200_0000_0200
        for interface in routed {
            for prefix in Set(interface.addresses.map { IPPrefix($0.address, length: $0.length) }).sorted()
            where !prefix.address.isLinkLocal {
                for host in [5, 6, 9] {
                    mac += 1
                    var neighbour = RandomPools.Neighbour(
                        address: sibling(prefix.address, UInt64(host)), interface: interface.name,
                        mac: MACAddress(bits: mac))
                    if hasPorts, interface.role == .bridge { neighbour.port = chance.pick(pools.bridgePorts) }
                    pools.neighbours.append(neighbour)
                }
                mac += 1
                var gateway = RandomPools.Neighbour(
                    address: sibling(prefix.address, 14), interface: interface.name, mac: MACAddress(bits: mac))
                if hasPorts, interface.role == .bridge { gateway.port = chance.pick(pools.bridgePorts) }
                pools.gateways.append(gateway)
            }
        }
    }

    private mutating func drawSettings(_ chance: inout Chance) {
        let forwards = !chance.percent(4)
        let forwardsV6 = !chance.percent(4)
        sysctls = [
            ("net.ipv4.ip_forward", forwards ? 1 : 0), ("net.ipv4.conf.all.forwarding", forwards ? 1 : 0),
            ("net.ipv6.conf.all.forwarding", forwardsV6 ? 1 : 0),
            ("net.ipv4.conf.all.rp_filter", chance.pick([0, 0, 0, 0, 0, 1, 2])),
            ("net.ipv4.conf.all.src_valid_mark", chance.percent(20) ? 1 : 0),
            ("net.ipv4.conf.all.accept_local", chance.percent(5) ? 1 : 0),
            ("net.ipv4.conf.all.route_localnet", chance.percent(8) ? 1 : 0),
            ("net.netfilter.nf_conntrack_tcp_loose", chance.percent(6) ? 0 : 1),
            ("net.bridge.bridge-nf-call-iptables", chance.percent(85) ? 1 : 0),
            ("net.bridge.bridge-nf-call-ip6tables", chance.percent(85) ? 1 : 0),
            ("net.ipv4.fwmark_reflect", chance.percent(8) ? 1 : 0),
            ("net.ipv6.fwmark_reflect", chance.percent(8) ? 1 : 0),
        ]
        for interface in routed {
            let base = "net.ipv4.conf.\(interface.name)"
            sysctls += [
                ("\(base).forwarding", chance.percent(4) ? (forwards ? 0 : 1) : forwards ? 1 : 0),
                ("\(base).rp_filter", chance.percent(20) ? chance.pick([0, 1, 2]) : 0),
                ("\(base).src_valid_mark", chance.percent(15) ? 1 : 0),
                ("\(base).accept_local", chance.percent(5) ? 1 : 0),
                ("\(base).route_localnet", chance.percent(8) ? 1 : 0),
            ]
        }
        sysctls.append(("net.ipv4.conf.lo.forwarding", forwards ? 1 : 0))
        sysctls.append(("net.ipv4.conf.lo.rp_filter", 0))
    }
}

/// The address with the same first 64 bits (IPv4: 28) whose last bits are `host`.
func sibling(_ address: IPAddress, _ host: UInt64) -> IPAddress {
    switch address.version {
    case .v4: IPAddress(v4: address.v4Bits & 0xffff_fff0 | UInt32(truncatingIfNeeded: host))
    case .v6: IPAddress(v6High: address.high, low: host)
    }
}
