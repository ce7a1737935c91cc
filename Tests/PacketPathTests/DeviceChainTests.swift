import ChainGraph
import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// Chains that are hung on devices. Observed on Linux 6.18.
@Suite struct DeviceChainTests {
    private func netdev(_ hook: String, _ device: String, _ rules: String, policy: String = "accept") throws
        -> NativeWorld
    {
        try NativeWorld(
            """
            table netdev d {
                chain c {
                    type filter hook \(hook) devices = { \(device) } priority 0; policy \(policy);
                    \(rules)
                }
            }
            table inet t {
                chain f {
                    type filter hook forward priority 0; policy accept;
                    meta mark 0x7 counter
                }
            }
            """)
    }

    /// Before the IP layer, which takes the time to live off later. Source: net/core/dev.c `__netif_receive_skb_core`.
    @Test func ingressComesBeforeAllElse() throws {
        let world = try netdev("ingress", "\"eth1\"", "ip ttl 64 meta mark set 0x7")
        #expect(world.rules(world.trace()) == ["c:1 continue", "f:1 continue"])
        let dropping = try netdev("ingress", "\"eth1\"", "tcp dport 80 drop")
        let trace = dropping.trace()
        #expect(trace.outcome == .dropped)
        #expect(trace.steps.first?.view.hook == .ingress)
        #expect(trace.last?.packet.ttl == 64)
    }

    @Test(arguments: [("\"eth1\"", true), ("\"eth0\"", false), ("\"eth0\", \"eth1\"", true), ("\"eth*\"", true)])
    func onlyTheChainsOfItsDeviceAreAsked(devices: String, isDropped: Bool) throws {
        let world = try netdev("ingress", devices, "", policy: "drop")
        let trace = world.trace()
        #expect(trace.outcome == (isDropped ? .dropped : .forwarded))
        #expect(trace.reason == (isDropped ? .policy : nil))
    }

    @Test(arguments: [
        ("ct state invalid", "inet", true), ("meta nfproto ipv4", "inet", true), ("meta length 60", "netdev", true),
        ("iifname \"eth1\"", "netdev", true), ("oif 0", "netdev", true), ("meta skuid 0", "netdev", false),
        ("rt classid 1", "inet", false), ("fib saddr . iif oif exists", "netdev", true),
    ])
    func whatIngressKnows(condition: String, family: String, holds: Bool) throws {
        let world = try NativeWorld(
            "table \(family) d { chain c { type filter hook ingress device \"eth1\" priority 0; \(condition) drop; }; }"
        )
        #expect(world.trace().outcome == (holds ? .dropped : .forwarded))
    }

    /// At egress the packet begins at its frame. Source: net/core/dev.c `__dev_queue_xmit`.
    @Test(arguments: [
        ("meta length 74", true), ("meta length 60", false), ("ip ttl 63", true), ("iif 0", true),
        ("oifname \"eth0\"", true), ("ether saddr 02:00:00:00:00:01", true), ("ether type ip", true),
        ("meta skuid 0", false), ("meta mark 0x0", true),
    ])
    func whatEgressKnows(condition: String, holds: Bool) throws {
        let world = try netdev("egress", "\"eth0\"", "\(condition) drop")
        let trace = world.trace()
        #expect(trace.outcome == (holds ? .dropped : .forwarded))
        if holds { #expect(world.rules(trace).last == "c:1 drop") }
    }

    @Test func whatIsSentPassesEgressBehindPostrouting() throws {
        let world = try NativeWorld(
            """
            table inet t { chain p { type filter hook postrouting priority 300; meta mark set 0x9; }; }
            table netdev d { chain c { type filter hook egress device "eth0" priority -500; meta mark 0x9 meta skuid 5 drop; }; }
            """)
        var packet = NativeWorld.packet()
        packet.source = .v4(192, 0, 2, 1)
        (packet.hasSocket, packet.userID) = (true, 5)
        let trace = world.trace(packet, in: nil)
        #expect(world.rules(trace) == ["p:1 continue", "c:1 drop"])
        #expect(trace.outcome == .dropped)
    }

    @Test func overLoEgressAndIngressRun() throws {
        let world = try NativeWorld(
            """
            table netdev d {
                chain e { type filter hook egress device "lo" priority 0; meta mark set 0x1; }
                chain i { type filter hook ingress device "lo" priority 0; meta mark 0x1 meta mark set 0x2; }
            }
            table inet t { chain p { type filter hook prerouting priority -400; meta mark 0x2 counter; }; }
            """)
        var packet = NativeWorld.packet()
        (packet.source, packet.destination) = (.v4(127, 0, 0, 1), .v4(127, 0, 0, 1))
        let trace = world.trace(packet, in: nil)
        #expect(world.rules(trace) == ["e:1 continue", "i:1 continue", "p:1 continue"])
        #expect(trace.outcome == .delivered)
    }

    /// A routing header of which there is one byte, a later fragment that is to begin with AH: family inet drops the packet
    /// without a rule, family netdev asks its rules. One that is to begin with TCP is a packet as any.
    @Test(
        arguments: [
            ("inet", [0x2b], [6], Outcome.filtered), ("netdev", [0x2b], [6], .dropped),
            ("inet", [0x2c], [0x33, 0, 0, 0x19, 0, 0, 0, 9, 1, 2, 3, 4], .filtered),
            ("netdev", [0x2c], [0x33, 0, 0, 0x19, 0, 0, 0, 9, 1, 2, 3, 4], .dropped),
            ("inet", [0x2c], [6, 0, 0, 0x19, 0, 0, 0, 9, 1, 2, 3, 4], .dropped),
        ] as [(String, [UInt8], [UInt8], Outcome)])
    func headersThatCannotBeFollowed(family: String, kind: [UInt8], headers: [UInt8], outcome: Outcome) throws {
        let world = try NativeWorld(
            "table \(family) d { chain c { type filter hook ingress device \"eth1\" priority 0; counter drop; }; }")
        var bytes: [UInt8] = [0x60, 0, 0, 0, 0, UInt8(headers.count)] + kind + [64]
        bytes += NativeWorld.packet(version: .v6).source.bytes + NativeWorld.packet(version: .v6).destination.bytes
        bytes += headers
        let decoded = Packet(decoding: bytes.span)
        let packet = try #require(decoded)
        let trace = world.trace(packet)
        #expect(trace.outcome == outcome)
        #expect(trace.reason == (outcome == .filtered ? .badHeader : .rule))
    }

    /// Where priorities are alike the chain that was registered last runs first, whatever its family.
    @Test func chainsOfOneDeviceRunByPriority() throws {
        let world = try NativeWorld(
            """
            table netdev d {
                chain a { type filter hook ingress device "eth1" priority 0; counter; }
                chain b { type filter hook ingress device "eth1" priority -5; counter; }
            }
            table inet t { chain c { type filter hook ingress device "eth1" priority 0; counter; }; }
            """)
        #expect(world.rules(world.trace()) == ["b:1 continue", "c:1 continue", "a:1 continue"])
    }

    /// An answer of family netdev comes from the packet's destination and leaves by the device at once; one of family inet
    /// is routed. Source: net/netfilter/nft_reject_netdev.c, nft_reject_inet.c, Linux 6.18.
    @Test(arguments: [("netdev", "203.0.113.9", 0), ("inet", "198.51.100.1", 1)])
    func rejectAtIngressAnswers(family: String, source: String, outputRules: Int) throws {
        let world = try NativeWorld(
            """
            table \(family) d { chain c { type filter hook ingress device "eth1" priority 0; reject with icmpx type port-unreachable; }; }
            table inet t { chain o { type filter hook output priority 0; counter; }; }
            """)
        let trace = world.trace()
        #expect(trace.outcome == .rejected)
        let answer = try #require(trace.answer.first)
        #expect(answer.outcome == .sent)
        #expect(answer.outInterface.map { world.model.names.text($0) } == "eth1")
        #expect(answer.last.map { "\($0.packet.source)" } == source)
        #expect(world.rules(answer).count == outputRules)
    }

    /// Before its own route is known the packet is answered by the one to its sender: never to many, and not in another's
    /// name to the host itself. Source: net/ipv4/netfilter/nf_reject_ipv4.c, net/ipv4/icmp.c, Linux 6.18.
    @Test(arguments: [("192.0.2.255", false), ("239.1.1.1", false), ("192.0.2.1", false), ("198.51.100.7", true)])
    func rejectBeforeRoutingAnswersBySender(source: String, isAnswered: Bool) throws {
        for hook in ["ingress device \"eth1\"", "prerouting"] {
            let world = try NativeWorld(
                "table inet d { chain c { type filter hook \(hook) priority 0; reject with icmpx type port-unreachable; }; }"
            )
            var packet = NativeWorld.packet(.udp)
            packet.source = try #require(IPAddress(source))
            let trace = world.trace(packet)
            #expect(trace.outcome == .rejected)
            #expect((trace.answer.first?.outcome == .sent) == isAnswered, "\(hook)")
        }
    }

    /// Source: net/netfilter/nft_fwd_netdev.c, Linux 6.18.
    @Test(arguments: [("fwd to \"eth0\"", UInt8(64)), ("fwd ip to 192.0.2.9 device \"eth0\"", 63)])
    func fwdSendsOutAtOnce(statement: String, ttl: UInt8) throws {
        let world = try netdev("ingress", "\"eth1\"", "\(statement)\n counter")
        let trace = world.trace()
        #expect(world.rules(trace) == ["c:1 stolen"])
        #expect(trace.outcome == .forwarded)
        #expect(trace.outInterface.map { world.model.names.text($0) } == "eth0")
        #expect(trace.last?.packet.ttl == ttl)
    }

    /// The port's chains first, then the bridge's own, and none of the bridge's where the frame stays on it.
    @Test(arguments: [("10.9.0.1", ["p:1 continue", "b:1 continue"]), ("10.9.0.7", ["p:1 continue", "e:1 continue"])])
    func aBridgesPortComesBeforeTheBridge(destination: String, rules: [String]) throws {
        var world = try NativeWorld(
            """
            table netdev d {
                chain p { type filter hook ingress device "eth1" priority 0; counter; }
                chain b { type filter hook ingress device "br0" priority 0; counter; }
                chain e { type filter hook egress device "eth0" priority 0; counter; }
            }
            """, sysctls: routerSettings + "net.bridge.bridge-nf-call-iptables = 0\n",
            routes: "local 10.9.0.1 dev br0 table local proto kernel scope host src 10.9.0.1\n")
        var bridge = NetworkInterface(name: world.model.intern("br0"), place: .none)
        bridge.kind = .bridge
        bridge.addresses = [InterfaceAddress(.v4(10, 9, 0, 1), prefixLength: 24)]
        var host = world.model.host
        for index in host.interfaces.indices where !host.interfaces[index].isLoopback {
            host.interfaces[index].master = bridge.name
        }
        host.interfaces.append(bridge)
        world.model = HostModel(world.model.linked.ruleset, host, names: world.model.names)
        var packet = NativeWorld.packet()
        packet.source = .v4(10, 9, 0, 5)
        packet.destination = try #require(IPAddress(destination))
        #expect(world.rules(world.trace(packet)) == rules)
    }
}
