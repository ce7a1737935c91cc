import NetTypes
import PacketPath
import RuleModel
import Testing

/// Frames between the ports of a bridge. Observed on Linux 6.18 where no source is named.
@Suite struct BridgeTests {
    /// br0 192.0.2.1/24 and 10.1.2.1/28 with .8 behind port1 and .9 behind port2; what is sent to 192.0.2.50 goes to .8.
    func world(
        hairpin: String, calls: Int = 1, to target: String = "192.0.2.8", via gateway: String = "192.0.2.254",
        settings: String = "", translating: String = ""
    ) throws -> World {
        let slave = hairpin.isEmpty ? "" : "    bridge_slave state forwarding priority 32 cost 2 \(hairpin) guard off\n"
        func port(_ number: Int) -> String {
            """
            \(number + 3): port\(number): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq master br0 state UP group default
                link/ether 02:00:00:00:01:0\(number) brd ff:ff:ff:ff:ff:ff

            """ + slave
        }
        return try World(
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A PREROUTING -d 192.0.2.50/32 -j DNAT --to-destination \(target)\(translating)
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A FORWARD -j ACCEPT
            COMMIT

            """,
            routerAddresses.replacing("eth0", with: "br0").replacing(
                "scope global br0", with: "scope global br0\n    inet 10.1.2.1/28 scope global br0") + port(1)
                + port(2),
            routerRoutes.replacing("eth0", with: "br0").replacing("via 192.0.2.254", with: "via \(gateway)")
                + "10.1.2.0/28 dev br0 proto kernel scope link src 10.1.2.1\n",
            routerSettings.replacing("eth0", with: "br0") + "net.bridge.bridge-nf-call-iptables = \(calls)\n"
                + settings,
            """
            192.0.2.8 dev br0 lladdr 02:00:00:00:02:08 REACHABLE
            192.0.2.9 dev br0 lladdr 02:00:00:00:02:09 REACHABLE

            """,
            """
            02:00:00:00:02:08 dev port1 master br0
            02:00:00:00:02:09 dev port2 master br0

            """)
    }

    /// Source: net/netfilter/nf_nat_masquerade.c `nf_nat_masquerade_ipv4`, Linux 6.18.
    @Test func whoHasNoAddressYetIsNotMasqueraded() throws {
        let world = try world(hairpin: "hairpin on", translating: "\n-A POSTROUTING -j MASQUERADE")
        for (source, translated) in [("0.0.0.0", "0.0.0.0"), ("192.0.2.8", "192.0.2.1")] {
            let trace = world.trace(try world.packet(source, "192.0.2.9", .udp), in: "port1") {
                $0.destinationMAC = MACAddress(bits: 0x0200_0000_0209)
            }
            #expect(trace.outcome == .forwarded)
            #expect("\(try #require(trace.last).packet.source)" == translated)
        }
    }

    /// Source: net/bridge/br_forward.c `should_deliver`, Linux 6.18.
    @Test(arguments: [
        ("hairpin on", Outcome.forwarded, Reason?.none), ("hairpin off", .filtered, .hairpinOff),
    ])
    func aFrameGoesBackByItsPortInHairpinModeOnly(_ mode: String, _ outcome: Outcome, _ reason: Reason?) throws {
        let world = try world(hairpin: mode)
        for interface in ["port1", "br0"] {
            let trace = world.trace(try world.packet("192.0.2.8", "192.0.2.50"), in: interface)
            #expect(trace.outcome == outcome)
            #expect(trace.reason == reason)
            #expect(world.rules(trace).contains("filter/FORWARD:1 accept") == (outcome == .forwarded))
        }
        // From the other port it is another port's.
        #expect(world.trace(try world.packet("192.0.2.9", "192.0.2.50"), in: "port2").outcome == .forwarded)
    }

    /// The frame goes to the gateway, here behind the port it came by. Observed on Linux 6.18.
    @Test func aGatewaysPortIsItsWay() throws {
        for (mode, reason) in [("hairpin on", Reason?.none), ("hairpin off", .hairpinOff)] {
            let world = try world(hairpin: mode, to: "203.0.113.9", via: "192.0.2.8")
            #expect(world.trace(try world.packet("192.0.2.8", "192.0.2.50"), in: "port1").reason == reason)
        }
    }

    /// Source: net/ipv4/route.c `ip_route_input_slow`; observed on Linux 6.18.
    @Test func whereNothingIsForwardedNothingTurnsRound() throws {
        let world = try world(hairpin: "hairpin on", settings: "net.ipv4.conf.br0.forwarding = 0\n")
        let trace = world.trace(try world.packet("192.0.2.9", "192.0.2.50"), in: "port2")
        #expect(trace.reason == .forwardingOff)
        #expect(!world.rules(trace).contains("filter/FORWARD:1 accept"))
    }

    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_pre_routing_finish`, which looks the route up as for any packet that
    /// comes in; observed on Linux 6.18.
    @Test func whatTurnsRoundOnABridgeHasToHaveComeByTheWayBack() throws {
        let settings = "net.ipv4.conf.br0.rp_filter = 1\n"
        for (source, reason) in [("192.0.2.9", Reason?.none), ("198.51.100.9", .rpFilter)] {
            let world = try world(hairpin: "hairpin on", settings: settings)
            #expect(world.trace(try world.packet(source, "192.0.2.50"), in: "port2").reason == reason)
        }
    }

    @Test func whatIsNotToldOfHairpinModeIsOpen() throws {
        let world = try world(hairpin: "")
        let packet = try world.packet("192.0.2.8", "192.0.2.50")
        let trace = world.trace(packet, in: "port1")
        #expect(trace.outcome == .undecided)
        #expect(trace.branches.map { $0.assumptions.first?.name } == ["hairpin@port1", "hairpin@port1"])
        let off = world.trace(packet, in: "port1") { $0.assumptions = ["hairpin": "off"] }
        #expect(off.reason == .hairpinOff)
    }

    /// The host routes the packet, and its own frame may leave by any port. Source: net/bridge/br_device.c `br_dev_xmit`.
    @Test func aRoutedPacketNeedsNoHairpinMode() throws {
        let world = try world(hairpin: "hairpin off", calls: 0)
        #expect(world.trace(try world.packet("192.0.2.8", "192.0.2.50"), in: "br0").outcome == .forwarded)
    }

    @Test func theFramesDestinationTellsWhetherItIsForTheHost() throws {
        let world = try world(hairpin: "hairpin off")
        let packet = try world.packet("192.0.2.8", "198.51.100.7")
        let toHost = world.trace(packet, in: "port1") { $0.destinationMAC = MACAddress(bits: 0x0200_0000_0001) }
        #expect(toHost.outInterface == world.interface("eth1"))
        #expect(toHost.last?.packet.ttl == 63)
        let past = world.trace(packet, in: "port1") { $0.destinationMAC = MACAddress(bits: 0x0200_0000_0209) }
        #expect(past.outInterface == world.interface("br0"))
        #expect(past.last?.packet.ttl == 64)
        // Behind the port it came by.
        let back = world.trace(packet, in: "port1") { $0.destinationMAC = MACAddress(bits: 0x0200_0000_0208) }
        #expect(back.reason == .hairpinOff)
    }

    @Test func whatIsForAnotherHostStaysOnTheBridge() throws {
        let world = try world(hairpin: "hairpin off")
        var packet = try world.packet("192.0.2.8", "198.51.100.7")
        packet.packetType = .otherHost
        #expect(world.trace(packet, in: "port1").outInterface == world.interface("br0"))
        #expect(world.trace(packet, in: "eth1").reason == .notAddressed)
    }

    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_dev_queue_xmit`, net/core/dev.c `__is_skb_forwardable`, Linux 6.18.
    @Test(arguments: [
        (1, UInt32(1504), true, Reason?.some(.tooBig)), (1, 1504, false, nil), (0, 1504, true, nil),
        (0, 1505, false, .tooBig),
    ])
    func aFrameTooLongForItsPortIsNotSent(
        _ calls: Int, _ length: UInt32, _ keepsWhole: Bool, _ reason: Reason?
    ) throws {
        let world = try world(hairpin: "", calls: calls)
        var packet = try world.packet("192.0.2.8", "192.0.2.9")
        (packet.length, packet.dontFragment) = (length, keepsWhole)
        #expect(world.trace(packet, in: "port1").reason == reason)
    }
}
