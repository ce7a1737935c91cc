import NetTypes
import PathModel
import RuleModel
import Testing

@testable import PacketPath

/// What a router does by its addresses, routes and settings alone. Observed on Linux 6.18.
@Suite struct RouterTests {
    private static let links = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
            inet6 ::1/128 scope host
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            link/ether 02:00:00:00:00:10 brd ff:ff:ff:ff:ff:ff
            inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0
            inet6 2001:db8::1/64 scope global
        3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            link/ether 02:00:00:00:00:11 brd ff:ff:ff:ff:ff:ff
            inet 10.0.1.1/24 brd 10.0.1.255 scope global eth1
            inet6 2001:db8:1::1/64 scope global
            inet6 2001:db8:1::77/64 scope global tentative dadfailed
        4: eth2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            link/ether 02:00:00:00:00:12 brd ff:ff:ff:ff:ff:ff
            inet 10.0.2.1/24 brd 10.0.2.255 scope global eth2
            inet 198.51.100.1/24 scope global eth2

        """

    private static let routes = """
        default via 10.0.2.14 dev eth2
        10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1
        10.0.1.0/24 dev eth1 proto kernel scope link src 10.0.1.1
        10.0.2.0/24 dev eth2 proto kernel scope link src 10.0.2.1
        198.51.100.0/24 dev eth2 proto kernel scope link src 198.51.100.1

        """

    private static let routesV6 = """
        2001:db8::/64 dev eth0 proto kernel metric 256 pref medium
        2001:db8:1::/64 dev eth1 proto kernel metric 256 pref medium
        default via 2001:db8:1::14 dev eth1 metric 1024 pref medium

        """

    private static let settings = """
        net.ipv4.conf.all.forwarding = 1
        net.ipv4.conf.all.rp_filter = 0
        net.ipv4.conf.eth0.rp_filter = 0
        net.ipv4.conf.eth1.rp_filter = 0

        """

    /// - Parameter settings: those beside IPv4's forwarding.
    private func world(
        _ table: String = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", routes: String = "", routesV6: String = "",
        settings: String = "net.ipv6.conf.all.forwarding = 1\n", rules: String = "", more: String = ""
    ) throws -> World {
        let known = rules.isEmpty ? "# Written by hookline as `uname -r`\n6.18.0\n" : rules
        return try World(
            table, Self.links, Self.routes + routes, Self.routesV6 + routesV6, Self.settings + settings, known, more)
    }

    private func outcome(
        _ world: World, _ source: String, _ destination: String, in interface: String? = "eth0"
    ) throws -> Outcome? { try trace(world, source, destination, in: interface).outcome }

    private func trace(
        _ world: World, _ source: String, _ destination: String, in interface: String? = "eth0"
    ) throws -> Trace { world.trace(try world.packet(source, destination, .udp), in: interface) }

    /// Source: net/ipv6/addrconf.c `addrconf_join_anycast`, Linux 6.18.
    @Test func aRouterTakesInWhatIsForTheRoutersOfASubnet() throws {
        let router = try world()
        #expect(try outcome(router, "2001:db8::5", "2001:db8:1::") == .delivered)
        #expect(try outcome(router, "2001:db8::5", "2001:db8:1::5") == .forwarded)
        let host = try world(settings: "net.ipv6.conf.all.forwarding = 0\n")
        #expect(try outcome(host, "2001:db8::5", "2001:db8:1::") == .filtered)
        let unknown = try trace(try world(settings: ""), "2001:db8::5", "2001:db8:1::")
        #expect(unknown.outcome == .delivered)
        #expect(unknown.assumptions.contains { $0.name == "forwarding" })
    }

    @Test func anAddressThatAnotherHostHasIsNotTheHosts() throws {
        #expect(try outcome(try world(), "2001:db8::5", "2001:db8:1::77") == .forwarded)
    }

    /// `net.ipv4.ip_forward` and `net.ipv4.conf.all.forwarding` are one setting.
    @Test func theSettingOfAllInterfacesIsThatOfTheHost() throws {
        let off = try World(
            "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", Self.links, Self.routes, "net.ipv4.conf.all.forwarding = 0\n")
        let trace = try trace(off, "10.0.0.5", "10.0.1.5")
        #expect(trace.outcome == .filtered)
        #expect(trace.reason == .forwardingOff)
    }

    @Test func whatIPv4RoutesByLoCirclesUntilItsTimeIsOver() throws {
        let open = try world(routes: "10.99.0.0/16 dev lo scope link\n")
        let circling = try trace(open, "10.0.0.5", "10.99.0.1")
        #expect(circling.outcome == .filtered)
        #expect(circling.reason == .ttl)
        #expect(try outcome(open, "0.0.0.0", "10.99.0.1", in: nil) == .delivered)
        let closed = try world(
            "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -i lo -o lo -j DROP\nCOMMIT\n",
            routes: "10.99.0.0/16 dev lo scope link\n")
        #expect(try outcome(closed, "10.0.0.5", "10.99.0.1") == .dropped)
    }

    /// Source: net/ipv6/route.c `fib6_is_reject`, Linux 6.18.
    @Test func whatIPv6RoutesByLoHasNoRoute() throws {
        let world = try world(routesV6: "2001:db8:77::/48 dev lo metric 1024 pref medium\n")
        for interface in ["eth0", nil] {
            let source = interface == nil ? "::" : "2001:db8::5"
            let trace = try trace(world, source, "2001:db8:77::1", in: interface)
            #expect(trace.outcome == .unroutable)
            #expect(trace.reason == .unreachable)
        }
    }

    /// Source: net/ipv4/route.c `ip_route_input_slow`, include/linux/inetdevice.h `IN_DEV_BFORWARD`, Linux 6.18.
    @Test func whatIsForASubnetIsPassedOnWhereBothSettingsSaySo() throws {
        let (all, own) = ("net.ipv4.conf.all.bc_forwarding = 1\n", "net.ipv4.conf.eth0.bc_forwarding = 1\n")
        for (settings, expected) in [(all, Outcome.delivered), (own, .delivered), (all + own, .forwarded)] {
            let trace = try trace(try world(settings: settings), "10.0.0.5", "10.0.1.255")
            #expect(trace.outcome == expected, "\(settings)")
        }
        let world = try world(settings: all + own + "net.ipv4.conf.eth0.forwarding = 0\n")
        #expect(try outcome(world, "10.0.0.5", "10.0.1.255") == .forwarded)
        // A frame to many goes no farther, and not to the host either.
        let near = try trace(world, "10.0.0.5", "10.0.0.255")
        #expect(near.outcome == .filtered)
        #expect(near.reason == .notAddressed)
    }

    @Test func whereAnotherRuleStandsBeforeTheLocalOneASourceOfTheHostsOwnMayCome() throws {
        let rules = """
            51:\tfrom all to 10.0.1.1 iif lo lookup 77
            100:\tfrom all lookup local
            32766:\tfrom all lookup main
            32767:\tfrom all lookup default

            """
        let table = "10.0.1.1 via 10.0.0.5 dev eth0 table 77\n"
        #expect(try outcome(try world(routes: table, rules: rules), "10.0.1.1", "10.0.0.1") == .delivered)
        let usual = try trace(try world(), "10.0.1.1", "10.0.0.1")
        #expect(usual.outcome == .filtered)
        #expect(usual.reason == .martianSource)
    }

    /// Source: include/net/route.h `rt_nexthop`, Linux 6.18.
    @Test func masqueradeAsksForTheDestinationWhereTheGatewayIsOfIPv6() throws {
        let world = try world(
            "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth2 -j MASQUERADE\nCOMMIT\n",
            routes: "198.51.100.128/25 via inet6 2001:db8:2::14 dev eth2\n")
        let trace = try trace(world, "10.0.0.5", "198.51.100.200")
        #expect("\(try #require(trace.last).packet.source)" == "198.51.100.1")
    }

    /// Source: net/ipv6/addrconf.c `ipv6_dev_get_saddr`, Linux 6.18.
    @Test func anInterfaceMayUseItsOwnAddressesAlone() throws {
        let links = Self.links.replacing(
            "    inet 198.51.100.1/24", with: "    inet6 fe80::12/64 scope link\n    inet 198.51.100.1/24")
        for (setting, source) in [(0, "2001:db8:1::1"), (1, "fe80::12")] {
            let world = try World(
                "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", links, Self.routes,
                "default via fe80::14 dev eth2 metric 1024 pref medium\n",
                "net.ipv6.conf.eth2.use_oif_addrs_only = \(setting)\nnet.ipv6.conf.eth2.use_tempaddr = 0\n"
                    + "net.ipv6.conf.eth0.use_tempaddr = 0\nnet.ipv6.conf.eth1.use_tempaddr = 0\n")
            let trace = try trace(world, "::", "2001:db8:1:8000::9", in: nil)
            #expect("\(try #require(trace.last).packet.source)" == source)
        }
    }

    /// Source: include/net/ip6_route.h `ip6_route_get_saddr`, Linux 6.18. IPv4 takes the destination.
    @Test func whatARouteAloneTakesInIsNoSourceOfIPv6() throws {
        let world = try world(
            routes: "local 10.77.0.0/16 dev lo table local proto static scope host\n",
            routesV6: "local 2001:db8:99::/48 dev lo table local metric 1024 pref medium\n",
            settings: "net.ipv6.conf.eth0.use_tempaddr = 0\nnet.ipv6.conf.eth1.use_tempaddr = 0\n"
                + "net.ipv6.conf.lo.use_tempaddr = 0\nnet.ipv6.conf.eth2.use_tempaddr = 0\n")
        for (zero, there, source) in [
            ("::", "2001:db8:99::4", "2001:db8::1"), ("0.0.0.0", "10.77.0.4", "10.77.0.4"),
            ("::", "2001:db8:1::1", "2001:db8:1::1"),
        ] {
            let trace = try trace(world, zero, there, in: nil)
            #expect("\(try #require(trace.last).packet.source)" == source)
        }
    }

    /// Source: net/ipv4/icmp.c `__icmp_send`, Linux 6.18.
    @Test func errorsMayComeFromWhereThePacketCame() throws {
        for (setting, source) in [(0, "10.0.2.1"), (1, "10.0.0.1")] {
            let world = try world(
                "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j REJECT --reject-with icmp-admin-prohibited\nCOMMIT\n",
                settings: "net.ipv4.icmp_errors_use_inbound_ifaddr = \(setting)\n")
            let trace = world.trace(try world.packet("8.8.8.8", "10.0.1.5", .udp), in: "eth0")
            let reply = try #require(trace.answer.first)
            #expect("\(try #require(reply.last).packet.source)" == source)
        }
    }

    /// Source: net/ipv6/addrlabel.c, Linux 6.18.
    @Test func labelsOfAddressesChooseTheSource() throws {
        let links = Self.links.replacing(
            "    inet6 2001:db8:1::1/64", with: "    inet6 fd00::1/64 scope global\n    inet6 2001:db8:1::1/64")
        let usual = "prefix fc00::/7 label 5\nprefix ::/0 label 1\n"
        for (labels, source) in [(usual, "2001:db8:1::1"), ("prefix 2001:db8:99::/48 label 5\n" + usual, "fd00::1")] {
            let world = try World(
                "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", links, Self.routes, Self.routesV6, labels,
                "net.ipv6.conf.eth0.use_tempaddr = 0\nnet.ipv6.conf.eth1.use_tempaddr = 0\n")
            let trace = try trace(world, "::", "2001:db8:99::9", in: nil)
            #expect("\(try #require(trace.last).packet.source)" == source)
        }
    }

    @Test func nothingComesByAnInterfaceThatIsDown() throws {
        let links = Self.links.replacing("eth0: <BROADCAST,MULTICAST,UP,LOWER_UP>", with: "eth0: <BROADCAST,MULTICAST>")
        let world = try World("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", links, Self.routes, Self.settings)
        let trace = try trace(world, "10.0.0.5", "10.0.1.5")
        #expect(trace.outcome == .filtered)
        #expect(trace.reason == .interfaceDown)
        #expect(trace.senderView == .timeout)
    }

    /// A gateway that does not answer is passed over by nexthop objects, and by plain routes where they are told so.
    @Test func aGatewayThatDoesNotAnswerMayBePassedOver() throws {
        let neighbours = "10.0.1.66 dev eth1 FAILED\n10.0.2.14 dev eth2 lladdr 02:00:00:00:00:22 PERMANENT\n"
        let plain =
            "10.55.0.0/16\n\tnexthop via 10.0.1.66 dev eth1 weight 1\n\tnexthop via 10.0.2.14 dev eth2 weight 1\n"
        let byObject = plain.replacing("10.55.0.0/16\n", with: "10.55.0.0/16 nhid 10\n")
        for (routes, setting, count) in [(plain, 0, 2), (plain, 1, 0), (byObject, 0, 0)] {
            let world = try world(
                routes: routes, settings: "net.ipv4.fib_multipath_use_neigh = \(setting)\n", more: neighbours)
            let trace = try trace(world, "10.0.0.5", "10.55.0.9")
            #expect(trace.branches.count == count, "\(setting) \(routes)")
            if count == 0 { #expect(trace.last?.outInterface == world.interface("eth2")) }
        }
    }

    /// Source: net/ipv4/ip_input.c `ip_protocol_deliver_rcu`, net/ipv6/ip6_input.c `ip6_protocol_deliver_rcu`, Linux 6.18.
    @Test func whatNobodyUnderstandsIsAnsweredByAnError() throws {
        let world = try world()
        let cases: [(String, String, UInt8, SenderView?)] = [
            ("10.0.0.5", "10.0.0.1", 98, .unreachable(type: 3, code: 2)),
            ("2001:db8::5", "2001:db8::1", 200, .unreachable(type: 4, code: 1)), ("10.0.0.5", "10.0.0.1", 47, nil),
        ]
        for (source, destination, number, view) in cases {
            let packet = try world.packet(source, destination, IPProtocol(number))
            let trace = world.trace(packet, in: "eth0")
            #expect(trace.outcome == .delivered)
            #expect(trace.senderView == view)
        }
    }

    @Test func aClosedPortOfNoAddressIsAnswered() throws {
        let world = try World(
            "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", Self.links, Self.routes,
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n")
        let trace = try trace(world, "0.0.0.0", "0.0.0.0", in: nil)
        #expect(trace.outcome == .delivered)
        #expect(trace.senderView == .unreachable(type: 3, code: 3))
    }

    /// Source: net/ipv6/exthdrs.c `ipv6_rthdr_rcv`, `ip6_parse_tlv`, Linux 6.18.
    @Test(
        arguments: [
            (43, [17, 2, 0, 1, 0, 0, 0, 0], SenderView.unreachable(type: 4, code: 0), false),
            (43, [17, 2, 0, 0, 0, 0, 0, 0], .answer, false), (43, [17, 2, 4, 1, 0, 0, 0, 0], .timeout, false),
            (43, [17, 2, 4, 1, 0, 0, 0, 0], nil, true),
            (60, [17, 0, 0x9e, 4, 0, 0, 0, 0], .unreachable(type: 4, code: 2), false),
            (60, [17, 0, 0x5e, 4, 0, 0, 0, 0], .timeout, false), (60, [17, 0, 1, 4, 0, 0, 0, 0], .answer, false),
        ] as [(UInt8, [UInt8], SenderView?, Bool)])
    func headersForTheHostAloneAreRead(_ kind: UInt8, _ start: [UInt8], _ view: SenderView?, _ isOn: Bool) throws {
        let world = try world(
            settings:
                "net.ipv6.conf.all.seg6_enabled = \(isOn ? 1 : 0)\nnet.ipv6.conf.eth0.seg6_enabled = \(isOn ? 1 : 0)\n")
        var packet = try world.packet("2001:db8::5", "2001:db8::1", .udp)
        var header = start
        if kind == 43 { header += [UInt8](repeating: 0, count: 16) }
        let transport: [UInt8] = [0x9c, 0x40, 0, 80, 0, 8, 0, 0]
        let source: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11)
        packet.bytes =
            [0x60, 0, 0, 0, 0, UInt8(header.count + 8), kind, 64] + source + [5] + source + [1] + header + transport
        packet.length = UInt32(packet.bytes.count)
        let trace = world.trace(packet, in: "eth0")
        #expect(trace.senderView == view)
        #expect(trace.outcome == (view == .answer ? .delivered : view == nil ? .undecided : .filtered))
    }

    /// Source: drivers/net/vxlan/vxlan_core.c `vxlan_xmit_one`, Linux 6.18.
    @Test(arguments: [("", Outcome.forwarded), ("df set ", .filtered), ("df inherit ", .forwarded)])
    func aTunnelsPacketsMayNotBeFragmented(_ word: String, _ outcome: Outcome) throws {
        let links =
            Self.links + """
                5: vx0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UNKNOWN group default
                    link/ether 02:00:00:00:00:50 brd ff:ff:ff:ff:ff:ff
                    vxlan id 7 remote 10.0.1.5 srcport 0 0 dstport 4789 ttl auto ageing 300 \(word)udpcsum
                    inet 10.7.0.1/24 scope global vx0

                """
        let world = try World(
            "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", links,
            Self.routes + "10.7.0.0/24 dev vx0 proto kernel scope link src 10.7.0.1\n", Self.settings)
        var packet = try world.packet("10.0.0.5", "10.7.0.5", .udp)
        packet.length = 1480
        let outer = world.trace(packet, in: "eth0")
        #expect((outer.outcome == .filtered) == (outcome == .filtered))
        if outcome == .filtered { #expect(outer.reason == .tooBig) }
    }

    /// What is inside is nobody's here to say.
    @Test func aTunnelTakesWhatComesToIt() throws {
        let links =
            Self.links + """
                5: vx0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default
                    link/ether 02:00:00:00:00:50 brd ff:ff:ff:ff:ff:ff
                    vxlan id 7 remote 10.0.1.5 srcport 0 0 dstport 4789 ttl auto ageing 300 udpcsum
                6: gre1@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1476 qdisc noqueue state UNKNOWN group default
                    link/gre 10.0.0.1 peer 10.0.0.5

                """
        let world = try World("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", links, Self.routes, Self.settings)
        for (source, proto, isTaken) in [
            ("10.0.0.5", IPProtocol.udp, true), ("10.0.0.5", .gre, true), ("10.0.0.6", .gre, false),
        ] {
            let trace = world.trace(try world.packet(source, "10.0.0.1", proto, dport: 4789), in: "eth0")
            #expect(trace.outcome == .delivered)
            #expect(trace.assumptions.contains { $0.name == "inside" } == isTaken)
            #expect(trace.senderView == nil)
        }
    }
}
