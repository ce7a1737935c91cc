import NetTypes
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// What rules ask of the host's interfaces, sockets and routes. What is said to be observed was so on Linux 6.18.
@Suite struct HostMatchTests {
    /// net/netfilter/xt_physdev.c.
    static let bridges: [MatchCase] = [
        MatchCase("-m physdev --physdev-in p0", "no", "not bridged"),
        // Observed: what is asked in the negative holds of a packet that no bridge has seen.
        MatchCase("-m physdev ! --physdev-in p0", "yes", "not bridged"),
        MatchCase("-m physdev ! --physdev-is-bridged", "yes", "not bridged"),
        MatchCase("-m physdev --physdev-is-bridged", "no", "not bridged"),
        MatchCase("-m physdev ! --physdev-in p0 --physdev-is-in", "no", "not bridged"),
        MatchCase("-m physdev --physdev-in p+", "yes", "bridged") { $0.bridged("p0", "p1") },
        MatchCase("-m physdev ! --physdev-in p0", "no", "bridged") { $0.bridged("p0", "p1") },
        MatchCase("-m physdev --physdev-out p1 --physdev-is-bridged", "yes", "bridged") { $0.bridged("p0", "p1") },
        MatchCase("-m physdev --physdev-is-bridged", "no", "from a port to this host") { $0.bridged("p0", nil) },
        MatchCase("-m physdev --physdev-is-in", "yes", "from a port to this host") { $0.bridged("p0", nil) },
        MatchCase("-m physdev ! --physdev-is-out --physdev-is-in", "yes", "from a port to this host") {
            $0.bridged("p0", nil)
        },
        // Without an outgoing port --physdev-out fails, negated or not; without an incoming one --physdev-in passes.
        MatchCase("-m physdev ! --physdev-out p9", "no", "from a port to this host") { $0.bridged("p0", nil) },
        MatchCase("-m physdev --physdev-in p9", "yes", "to a port only") { $0.bridged(nil, "p1") },
    ]

    /// net/netfilter/xt_devgroup.c, xt_mac.c, xt_pkttype.c, net/ipv6/netfilter/ip6t_eui64.c.
    static let links: [MatchCase] = [
        MatchCase("-m devgroup --src-group 0x7", "yes", "eth1 in group 7") { $0.group("eth1", 7) },
        MatchCase("-m devgroup ! --src-group 0x7", "no", "eth1 in group 7") { $0.group("eth1", 7) },
        MatchCase("-m devgroup --src-group 0x1/0x1 ! --dst-group 0x7", "yes", "eth1 in group 7") {
            $0.group("eth1", 7)
        },
        MatchCase("-m devgroup --dst-group 0x7", "devgroup@outgoing:0x7", "eth1 in group 7, way out not known") {
            $0.group("eth1", 7)
            $0.state.context.outInterface = .unknown
        },
        MatchCase("-m devgroup --dst-group 0x9", "no", "way out not known, no such group") {
            $0.state.context.outInterface = .unknown
        },
        MatchCase("-m mac --mac-source 02:00:00:00:01:07", "yes"),
        MatchCase("-m mac ! --mac-source 02:00:00:00:01:07", "no"),
        MatchCase("-m mac --mac-source 02:00:00:00:01:08", "no"),
        MatchCase("-m mac --mac-source 02:00:00:00:01:08", "mac@02:00:00:00:01:08", "not known") {
            $0.packet.sourceMAC = nil
        },
        MatchCase("-m mac ! --mac-source 02:00:00:00:01:08", "no", "from a tunnel without frames") {
            $0.kind("eth1", .wireguard)
            $0.packet.sourceMAC = nil
        },
        MatchCase("-m mac ! --mac-source 02:00:00:00:01:08", "no", "over lo", hook: .input) {
            $0.state.context.inInterface = $0.interface("lo")
        },
        MatchCase("-m eui64", "yes", "made of the MAC", version: .v6) {
            $0.packet.source = IPAddress(v6High: 0x2001_0db8_0002_0000, low: 0x0000_00ff_fe00_0107)
        },
        MatchCase("-m eui64", "no", "not made of any MAC", version: .v6),
        MatchCase("-m eui64", "mac@2001:db8:2::ff:fe00:107", "MAC not known", version: .v6) {
            $0.packet.source = IPAddress(v6High: 0x2001_0db8_0002_0000, low: 0x0000_00ff_fe00_0107)
            $0.packet.sourceMAC = nil
        },
        MatchCase("-m pkttype --pkt-type unicast", "yes"),
        MatchCase("-m pkttype ! --pkt-type broadcast", "yes"),
        MatchCase("-m pkttype --pkt-type multicast", "yes", "to a group, type not given", hook: .prerouting) {
            $0.packet.destination = .v4(224, 0, 0, 5)
            $0.packet.defaulted = .packetType
        },
        MatchCase("-m pkttype --pkt-type broadcast", "yes", "to a subnet's broadcast", hook: .prerouting) {
            $0.packet.destination = .v4(198, 51, 100, 255)
            $0.packet.defaulted = .packetType
        },
        MatchCase("-m pkttype --pkt-type broadcast", "no", "in a unicast frame all the same", hook: .prerouting) {
            $0.packet.destination = .v4(198, 51, 100, 255)
        },
        MatchCase("-m pkttype --pkt-type multicast", "yes", "looped back to a group") {
            $0.packet.packetType = .loopback
            $0.packet.destination = .v4(224, 0, 0, 5)
        },
    ]

    /// net/netfilter/xt_owner.c, xt_cgroup.c, xt_socket.c.
    static let sockets: [MatchCase] = [
        MatchCase("-m owner --uid-owner 1000", "yes", "user 1000", hook: .output) { $0.sent(by: 1000) },
        MatchCase("-m owner ! --uid-owner 0-999", "yes", "user 1000", hook: .output) { $0.sent(by: 1000) },
        MatchCase("-m owner --socket-exists", "yes", "user 1000", hook: .output) { $0.sent(by: 1000) },
        MatchCase("-m owner ! --socket-exists", "no", "user 1000", hook: .output) { $0.sent(by: 1000) },
        MatchCase("-m owner --uid-owner 1000", "owner@user:1000", "user not known", hook: .output) {
            $0.packet.hasSocket = true
        },
        MatchCase("-m owner ! --gid-owner 5-7", "!owner@group:5-7", "group not known", hook: .output) {
            $0.sent(by: 1000)
        },
        MatchCase("-m owner --gid-owner 24 --suppl-groups", "owner@groups:24", "another group", hook: .output) {
            $0.sent(by: 1000)
            $0.packet.groupID = 7
        },
        // Without a socket a rule matches where all it asks is in the negative.
        MatchCase("-m owner --uid-owner 0-4294967294", "no", "forwarded", hook: .postrouting),
        MatchCase("-m owner ! --uid-owner 1000", "yes", "forwarded", hook: .postrouting),
        MatchCase("-m owner ! --uid-owner 1000 --gid-owner 7", "no", "forwarded", hook: .postrouting),
        MatchCase("-m owner ! --socket-exists", "yes", "forwarded", hook: .postrouting),
        // Observed: a RST of REJECT has no socket, ICMP of the kernel one that nobody owns.
        MatchCase("-m owner --socket-exists", "no", "a RST of REJECT", hook: .output),
        MatchCase("-m owner ! --uid-owner 0", "yes", "a RST of REJECT", hook: .output),
        MatchCase("-m owner --socket-exists", "yes", "ICMP of the kernel", hook: .output) { $0.echo() },
        MatchCase("-m owner ! --socket-exists", "no", "ICMP of the kernel", hook: .output) { $0.echo() },
        MatchCase("-m owner --uid-owner 0", "no", "ICMP of the kernel", hook: .output) { $0.echo() },
        MatchCase("-m owner --socket-exists ! --uid-owner 0", "yes", "ICMP of the kernel", hook: .output) { $0.echo() },
        MatchCase("-m cgroup --cgroup 1048577", "cgroup@0x100001", "user 1000", hook: .output) { $0.sent(by: 1000) },
        MatchCase("-m cgroup ! --path \"/\"", "!cgroup@/", "user 1000", hook: .output) { $0.sent(by: 1000) },
        MatchCase("-m cgroup ! --cgroup 1", "no", "forwarded", hook: .postrouting),
        MatchCase("-m socket", "socket@203.0.113.9:80/tcp", "sockets not known", hook: .prerouting),
        MatchCase("-m socket", "no", "none listens", hook: .prerouting) { $0.host.listeners = [] },
        MatchCase("-m socket", "yes", "one listens on the address", hook: .prerouting) {
            $0.listens(.v4(203, 0, 113, 9))
        },
        MatchCase("-m socket", "no", "one listens on every address", hook: .prerouting) { $0.listens(nil) },
        MatchCase("-m socket --nowildcard", "yes", "one listens on every address", hook: .prerouting) {
            $0.listens(nil)
        },
        MatchCase(
            "-m socket --transparent", "socket@203.0.113.9:80/tcp:transparent", "one listens", hook: .prerouting
        ) { $0.listens(.v4(203, 0, 113, 9)) },
        MatchCase("-m socket", "socket@203.0.113.9:80/tcp", "perhaps connected", hook: .prerouting) {
            $0.host.listeners = []
            $0.packet.tcpFlags = .ack
        },
        MatchCase("-m socket", "no", "a protocol without sockets", hook: .prerouting) { $0.packet.protocol = .gre },
    ]

    /// net/netfilter/xt_addrtype.c. Observed.
    static let addressTypes: [MatchCase] = [
        MatchCase("-m addrtype --dst-type LOCAL", "no"),
        MatchCase("-m addrtype --dst-type UNICAST", "yes"),
        MatchCase("-m addrtype ! --dst-type LOCAL,BROADCAST", "yes"),
        MatchCase("-m addrtype --dst-type LOCAL", "yes", "to 192.0.2.1") { $0.packet.destination = .v4(192, 0, 2, 1) },
        MatchCase("-m addrtype --dst-type LOCAL --limit-iface-in", "no", "to eth0's address, from eth1") {
            $0.packet.destination = .v4(192, 0, 2, 1)
        },
        MatchCase("-m addrtype --dst-type UNICAST --limit-iface-in", "yes", "to eth0's address, from eth1") {
            $0.packet.destination = .v4(192, 0, 2, 1)
        },
        MatchCase("-m addrtype --dst-type BROADCAST", "yes", "to a subnet's broadcast") {
            $0.packet.destination = .v4(198, 51, 100, 255)
        },
        MatchCase("-m addrtype --dst-type BROADCAST", "yes", "to everyone") {
            $0.packet.destination = .v4(255, 255, 255, 255)
        },
        MatchCase("-m addrtype --src-type UNICAST --dst-type MULTICAST", "yes", "to a group") {
            $0.packet.destination = .v4(224, 0, 0, 5)
        },
        MatchCase("-m addrtype ! --src-type LOCAL --dst-type LOCAL", "no"),
        MatchCase("-m addrtype --dst-type LOCAL", "addrtype@203.0.113.9:LOCAL", "addresses not known") {
            $0.host.interfaces = []
            $0.host.routes = []
            $0.host.knowsAddressesV4 = false
        },
        MatchCase("-m addrtype --dst-type LOCAL", "destination-type@LOCAL", "destination not known") {
            $0.packet.unknown = .destination
        },
        MatchCase("-m addrtype --dst-type LOCAL", "yes", "to eth0's address", version: .v6) { $0.toV6(1, 1) },
        MatchCase("-m addrtype --dst-type UNICAST,LOCAL", "yes", "to eth0's address", version: .v6) { $0.toV6(1, 1) },
        MatchCase("-m addrtype --dst-type UNICAST,LOCAL", "no", "to another host", version: .v6),
        MatchCase("-m addrtype --dst-type UNICAST", "yes", "to another host", version: .v6),
        MatchCase("-m addrtype --dst-type MULTICAST,LOCAL", "no", "to eth0's address", version: .v6) { $0.toV6(1, 1) },
        MatchCase("-m addrtype --dst-type LOCAL --limit-iface-in", "no", "to eth0's address, from eth1", version: .v6) {
            $0.toV6(1, 1)
        },
        // A look-up that must leave by eth1 finds no way there.
        MatchCase(
            "-m addrtype --dst-type UNREACHABLE --limit-iface-in", "yes", "to eth0's address, from eth1", version: .v6
        ) {
            $0.toV6(1, 1)
        },
        MatchCase("-m addrtype --dst-type UNREACHABLE", "no", "to eth0's address", version: .v6) { $0.toV6(1, 1) },
        MatchCase("-m addrtype --dst-type ANYCAST", "yes", "to eth0's anycast address", version: .v6) { $0.toV6(1, 0) },
        MatchCase("-m addrtype ! --dst-type LOCAL", "yes", "to eth0's anycast address", version: .v6) { $0.toV6(1, 0) },
        MatchCase("-m addrtype --dst-type UNREACHABLE", "yes", "to an unreachable prefix", version: .v6) { lab in
            lab.toV6(0x66, 1)
            var route = Route(destination: IPPrefix(lab.packet.destination, length: 48), place: .none)
            route.type = .unreachable
            lab.host.routes.append(route)
        },
        MatchCase("-m addrtype --dst-type UNSPEC", "no", version: .v6),
    ]

    /// net/ipv4/netfilter/ipt_rpfilter.c, net/ipv6/netfilter/ip6t_rpfilter.c. Observed.
    static let reversePaths: [MatchCase] = [
        MatchCase("-m rpfilter", "yes", "from eth1's subnet", hook: .prerouting),
        MatchCase("-m rpfilter --invert", "no", "from eth1's subnet", hook: .prerouting),
        MatchCase("-m rpfilter", "no", "from elsewhere", hook: .prerouting) { $0.packet.source = .v4(8, 8, 8, 8) },
        MatchCase("-m rpfilter --invert", "yes", "from elsewhere", hook: .prerouting) {
            $0.packet.source = .v4(8, 8, 8, 8)
        },
        MatchCase("-m rpfilter --loose", "yes", "from elsewhere", hook: .prerouting) {
            $0.packet.source = .v4(8, 8, 8, 8)
        },
        MatchCase("-m rpfilter --accept-local", "no", "from eth0's own address", hook: .prerouting) {
            $0.packet.source = .v4(192, 0, 2, 1)
        },
        MatchCase("-m rpfilter --loose --accept-local", "yes", "from eth0's own address", hook: .prerouting) {
            $0.packet.source = .v4(192, 0, 2, 1)
        },
        MatchCase("-m rpfilter --loose", "no", "from eth0's own address", hook: .prerouting) {
            $0.packet.source = .v4(192, 0, 2, 1)
        },
        MatchCase("-m rpfilter --invert", "yes", "from an unreachable prefix", hook: .prerouting) {
            $0.routed("10.67.0.0/16", .unreachable)
            $0.packet.source = .v4(10, 67, 0, 1)
        },
        MatchCase("-m rpfilter", "yes", "eth1 is one of two next hops", hook: .prerouting) {
            $0.routed("10.68.0.0/16", .unicast, "eth0", "eth1")
            $0.packet.source = .v4(10, 68, 0, 1)
        },
        MatchCase("-m rpfilter", "yes", "over lo", hook: .prerouting) {
            $0.packet.source = .v4(8, 8, 8, 8)
            $0.state.context.inInterface = $0.interface("lo")
        },
        MatchCase("-m rpfilter", "yes", "0.0.0.0 to everyone, as DHCP", hook: .prerouting) {
            $0.packet.source = .v4(0, 0, 0, 0)
            $0.packet.destination = .v4(255, 255, 255, 255)
        },
        MatchCase("-m rpfilter", "no", "0.0.0.0 to one host: the default route is elsewhere", hook: .prerouting) {
            $0.packet.source = .v4(0, 0, 0, 0)
        },
        MatchCase("-m rpfilter", "no", "the mark does not count", hook: .prerouting) { $0.markedBack() },
        MatchCase("-m rpfilter --validmark", "yes", "the mark counts", hook: .prerouting) { $0.markedBack() },
        MatchCase("-m rpfilter", "rpfilter@8.8.8.8", "routes not known", hook: .prerouting) {
            $0.packet.source = .v4(8, 8, 8, 8)
            $0.host.routes = []
            $0.host.routesKnownV4 = .none
        },
        MatchCase("-m rpfilter", "yes", "from eth1's subnet", hook: .prerouting, version: .v6),
        MatchCase("-m rpfilter --loose", "yes", "from elsewhere", hook: .prerouting, version: .v6) {
            $0.packet.source = IPAddress(v6High: 0x2001_4860_0000_0000, low: 1)
        },
        MatchCase("-m rpfilter", "no", "from elsewhere", hook: .prerouting, version: .v6) {
            $0.packet.source = IPAddress(v6High: 0x2001_4860_0000_0000, low: 1)
        },
        // IPv6 accepts a local source by any interface.
        MatchCase("-m rpfilter --accept-local", "yes", "from eth0's own address", hook: .prerouting, version: .v6) {
            $0.packet.source = IPAddress(v6High: 0x2001_0db8_0001_0000, low: 1)
        },
        MatchCase("-m rpfilter --loose", "no", "from eth0's own address", hook: .prerouting, version: .v6) {
            $0.packet.source = IPAddress(v6High: 0x2001_0db8_0001_0000, low: 1)
        },
        MatchCase("-m rpfilter", "yes", "eth1's route to it has the worse metric", hook: .prerouting, version: .v6) {
            $0.routed("2001:db8:78::/64", .unicast, "eth0")
            $0.routed("2001:db8:78::/64", .unicast, "eth1", metric: 20)
            $0.packet.source = IPAddress(v6High: 0x2001_0db8_0078_0000, low: 1)
        },
        MatchCase("-m rpfilter", "yes", "from ::", hook: .prerouting, version: .v6) { $0.packet.source = .zero(.v6) },
    ]

    /// net/netfilter/xt_policy.c, xt_ipvs.c, xt_realm.c.
    static let others: [MatchCase] = [
        MatchCase("-m policy --dir in --pol none", "yes", "no IPsec"),
        MatchCase("-m policy --dir in --pol ipsec", "no", "no IPsec"),
        MatchCase("-m policy --dir in --pol ipsec --proto esp", "no", "no IPsec"),
        MatchCase("-m policy --dir in --pol none", "!policy@in", "IPsec") { $0.decides(.xfrm) },
        MatchCase("-m policy --dir out --pol ipsec", "policy@out", "IPsec") { $0.decides(.xfrm) },
        MatchCase("-m policy --dir out --pol ipsec --proto esp", "policy@filter/FORWARD:1", "IPsec") {
            $0.decides(.xfrm)
        },
        MatchCase("-m ipvs --ipvs", "no", "no IPVS"),
        MatchCase("-m ipvs ! --ipvs", "yes", "no IPVS"),
        MatchCase("-m ipvs ! --vmethod IPIP", "no", "no IPVS"),
        MatchCase("-m ipvs ! --ipvs", "!ipvs@filter/FORWARD:1", "IPVS") { $0.decides(.ipvs) },
        MatchCase("-m ipvs --vmethod MASQ", "ipvs@filter/FORWARD:1", "IPVS") { $0.decides(.ipvs) },
        MatchCase("-m realm ! --realm 0x1/0xf", "yes"),
    ]

    @Test(arguments: bridges + links) func interfacesAndFrames(_ row: MatchCase) throws { try row.check() }

    @Test(arguments: sockets + others) func socketsAndPolicies(_ row: MatchCase) throws { try row.check() }

    @Test(arguments: addressTypes + reversePaths) func routes(_ row: MatchCase) throws { try row.check() }
}

extension MatchLab {
    mutating func bridged(_ inPort: String?, _ outPort: String?) {
        state.isBridged = outPort != nil
        state.context.inPort = inPort.map { names.intern($0) }
        state.context.outPort = outPort.map { names.intern($0) }
    }

    mutating func change(_ name: String, _ body: (inout NetworkInterface) -> Void) {
        let symbol = names.intern(name)
        for index in host.interfaces.indices where host.interfaces[index].name == symbol {
            body(&host.interfaces[index])
        }
    }

    mutating func group(_ name: String, _ group: UInt32) { change(name) { $0.group = group } }

    mutating func kind(_ name: String, _ kind: InterfaceKind) { change(name) { $0.kind = kind } }

    mutating func sent(by user: UInt32) {
        packet.hasSocket = true
        packet.userID = user
    }

    mutating func listens(_ address: IPAddress?) {
        host.listeners = [
            Listener(protocol: .tcp, address: address, version: .v4, port: 80, process: "httpd", place: .none)
        ]
    }

    mutating func decides(_ kind: OtherDecider.Kind) {
        host.otherDeciders.append(OtherDecider(kind, evidence: "", place: .none))
    }

    /// Sends the packet to 2001:db8:`net`::`host`.
    mutating func toV6(_ net: UInt64, _ host: UInt64) {
        packet.destination = IPAddress(v6High: 0x2001_0db8_0000_0000 | net << 16, low: host)
    }

    /// Adds a route of the main table.
    mutating func routed(
        _ prefix: String, _ type: RouteType, _ interfaces: String..., metric: UInt32 = 0, table: UInt32 = 254
    ) {
        guard let destination = IPPrefix(prefix) else { return }
        var route = Route(destination: destination, place: .none)
        route.type = type
        route.metric = metric
        route.table = table
        route.nextHops = interfaces.map { NextHop(interface: names.intern($0)) }
        host.routes.append(route)
    }

    /// The way back is by eth1 only for packets with mark 5, as this one.
    mutating func markedBack() {
        packet.source = .v4(10, 69, 0, 1)
        packet.mark = 5
        routed("10.69.0.0/16", .unicast, "eth1", table: 9)
        var rule = RoutingRule(priority: 100, action: .lookup(table: 9), place: .none)
        rule.mark = MaskedWord(5)
        host.routingRulesV4 = [rule] + RoutingRule.defaults(.v4)
    }

    /// A frame keeps the type that it came with: the route of its packet changes nothing about it. Observed on Linux 6.18;
    /// source: net/ethernet/eth.c `eth_type_trans`. No error answers what is for many all the same.
    @Test(arguments: [
        (UInt64?(0x0200_0000_0002), PacketType.unicast, "filter/INPUT:1"),
        (0x0100_5e00_00ff, .multicast, "filter/INPUT:2"), (nil, .unicast, "filter/INPUT:3"),
    ]) func aFrameKeepsItsType(_ row: (mac: UInt64?, type: PacketType, rule: String)) throws {
        let world = try World(
            """
            # Generated by iptables-save v1.8.9 (nf_tables)
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A INPUT -m pkttype --pkt-type unicast -j REJECT
            -A INPUT -m pkttype --pkt-type multicast -j REJECT
            -A INPUT -m pkttype --pkt-type broadcast -j REJECT
            COMMIT

            """, routerAddresses, routerRoutes, routerSettings)
        var packet = try world.packet("198.51.100.9", "198.51.100.255", .udp)
        packet.packetType = row.type
        let trace = world.trace(packet, in: "eth1") { $0.destinationMAC = row.mac.map { MACAddress(bits: $0) } }
        #expect(world.rules(trace) == ["\(row.rule) reject"])
        #expect(trace.answer.isEmpty)
    }
}
