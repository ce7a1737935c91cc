import NetTypes
import PacketPath
import PathModel
import RuleModel
import Testing

/// What REJECT sends, on its own way out. Observed on Linux 6.18.
@Suite struct RejectAnswerTests {
    func world() throws -> World {
        try World(
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A PREROUTING -d 192.0.2.50/32 -j DNAT --to-destination 198.51.100.9
            -A POSTROUTING -p tcp -o eth0 -j SNAT --to-source 192.0.2.7-192.0.2.9
            -A POSTROUTING -o eth0 -j MASQUERADE
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A INPUT -p tcp -j REJECT --reject-with tcp-reset
            -A FORWARD -p tcp -j REJECT --reject-with tcp-reset
            -A FORWARD -p udp -j REJECT --reject-with icmp-port-unreachable
            COMMIT

            """, routerAddresses, routerRoutes, routerSettings)
    }

    @Test func aResetIsAskedOfTheNatRulesThatItsConnectionHasNotMet() throws {
        let world = try world()
        let local = world.trace(try world.packet("203.0.113.9", "192.0.2.1"), in: "eth0")
        let answer = try #require(local.answer.first)
        #expect(world.rules(answer) == ["nat/POSTROUTING:1 accept"])
        #expect(answer.branches.isEmpty)
        // The mapping is of the other direction.
        #expect(answer.last?.packet.source == .v4(192, 0, 2, 1))
        #expect(answer.last?.packet.sourcePort == 80)
        #expect(answer.connections.isEmpty)
        #expect(local.senderView == .reset)
    }

    @Test func itsSourceIsTheAddressThatWasAsked() throws {
        let world = try world()
        let forwarded = world.trace(try world.packet("203.0.113.9", "192.0.2.50"), in: "eth0")
        let answer = try #require(forwarded.answer.first)
        #expect(world.rules(answer) == ["nat/POSTROUTING:1 accept"])
        #expect(answer.last?.packet.source == .v4(192, 0, 2, 50))
    }

    /// Source: net/ipv4/icmp.c `icmp_pointers`, Linux 6.18.
    @Test(arguments: [(UInt8(8), true), (9, false), (10, false), (13, true), (3, false), (19, false)])
    func noErrorAnswersWhatAnnouncesARouter(_ type: UInt8, isAnswered: Bool) throws {
        let world = try World(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p icmp -j REJECT\nCOMMIT\n", routerAddresses, routerRoutes,
            routerSettings)
        var packet = try world.packet("203.0.113.9", "192.0.2.1", .icmp)
        packet.icmpType = type
        #expect(world.trace(packet, in: "eth0").answer.isEmpty == !isAnswered)
    }

    /// Source: net/ipv4/ip_output.c `__ip_make_skb`, Linux 6.18.
    @Test func anErrorToAGroupGoesNoFartherThanTheLink() throws {
        let world = try World(
            "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -j REJECT\nCOMMIT\n", routerAddresses, routerRoutes,
            routerSettings)
        for (source, ttl) in [("239.1.1.1", UInt8(1)), ("192.0.2.1", 64)] {
            let trace = world.trace(try world.packet(source, "192.0.2.1", .udp), in: nil)
            #expect(try #require(trace.answer.first).last?.packet.ttl == ttl)
        }
    }

    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_set_closing`; observed on Linux 6.18.
    @Test(arguments: [("tcp-reset", TCPState.close), ("icmp-port-unreachable", .established)])
    func aResetClosesTheConnection(_ answer: String, _ state: TCPState) throws {
        let world = try World(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate INVALID\n"
                + "-A INPUT -p tcp -m length --length 61 -j REJECT --reject-with \(answer)\nCOMMIT\n",
            routerAddresses, routerRoutes, routerSettings)
        var table = world.model.connections
        var packet = try world.packet("203.0.113.9", "192.0.2.1")
        packet.tcpFlags = .ack
        for length in [UInt32(60), 61] {
            packet.length = length
            let request = TraceRequest(packet: packet, origin: .interface(world.interface("eth0")))
            for entry in PacketPath.trace(request, on: world.model, connections: table).connections {
                table.update(entry)
            }
        }
        #expect(table.entries.map(\.tcpState) == [state])
    }

    /// Source: net/ipv4/netfilter/nf_reject_ipv4.c `nf_send_reset`, Linux 6.18, which gives up first.
    @Test(arguments: [("192.0.2.1", TCPState.close), ("224.0.0.1", .synReceived)])
    func aResetThatHasNoWayClosesNothing(_ source: String, _ state: TCPState) throws {
        let world = try World(
            "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -m conntrack --ctstate INVALID\n"
                + "-A OUTPUT -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n",
            routerAddresses, routerRoutes, routerSettings)
        var table = world.model.connections
        let packet = try world.packet("203.0.113.9", source)
        let question = TraceRequest(packet: packet, origin: .interface(world.interface("eth0")))
        for entry in PacketPath.trace(question, on: world.model, connections: table).connections { table.update(entry) }
        var answer = try world.packet(source, "203.0.113.9", sport: 80, dport: 40000)
        answer.tcpFlags = [.syn, .ack]
        let trace = PacketPath.trace(
            TraceRequest(packet: answer, origin: .host), on: world.model, connections: table)
        #expect(trace.outcome == .rejected)
        #expect(trace.connections.map(\.tcpState) == [state])
    }

    /// The answer has the packet's connection: net/ipv4/netfilter/nf_reject_ipv4.c `nf_ct_attach`; observed on Linux 6.18.
    @Test func rulesThatTheAnswerMeetsMarkTheConnection() throws {
        let world = try World(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A OUTPUT -j CONNMARK --set-mark 0x10
            COMMIT
            *filter
            :FORWARD ACCEPT [0:0]
            -A FORWARD -i eth0 -j REJECT
            COMMIT

            """, routerAddresses, routerRoutes, routerSettings)
        var table = world.model.connections
        func send(_ packet: Packet, in interface: String) -> [UInt32] {
            let request = TraceRequest(packet: packet, origin: .interface(world.interface(interface)))
            let trace = PacketPath.trace(request, on: world.model, connections: table)
            for entry in trace.connections { table.update(entry) }
            return table.entries.map(\.mark)
        }
        #expect(send(try world.packet("198.51.100.7", "203.0.113.9", .udp), in: "eth1") == [0])
        let back = try world.packet("203.0.113.9", "198.51.100.7", .udp, sport: 80, dport: 40000)
        #expect(send(back, in: "eth0") == [0x10])
    }

    @Test func anICMPErrorIsAskedOfNone() throws {
        let world = try world()
        let forwarded = world.trace(try world.packet("203.0.113.9", "192.0.2.50", .udp), in: "eth0")
        let answer = try #require(forwarded.answer.first)
        #expect(world.rules(answer).isEmpty)
    }

    /// Past OUTPUT and nat, so that a translated packet's reset comes from where its sender never sent to.
    @Test(arguments: [("192.0.2.9", SenderView.reset), ("192.0.2.50", .timeout)])
    func aResetToABridgePortGoesOutAsAFrame(_ destination: String, _ view: SenderView) throws {
        let world = try World(
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A PREROUTING -d 192.0.2.50/32 -j DNAT --to-destination 192.0.2.9
            -A POSTROUTING -p tcp -j ACCEPT
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT DROP [0:0]
            -A FORWARD -p tcp -j REJECT --reject-with tcp-reset
            COMMIT

            """,
            routerAddresses.replacing("eth0", with: "br0")
                + """
                4: port1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel master br0 state UP group default qlen 1000
                    link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff

                """, routerRoutes.replacing("eth0", with: "br0"),
            routerSettings + "net.bridge.bridge-nf-call-iptables = 1\n")
        let trace = world.trace(try world.packet("192.0.2.8", destination), in: "port1")
        #expect(trace.outcome == .rejected)
        let answer = try #require(trace.answer.first)
        #expect(world.rules(answer).isEmpty)
        #expect(answer.outcome == .sent)
        #expect(answer.outInterface == world.interface("port1"))
        #expect(trace.senderView == view)
    }

    /// Most protocols' payload is summed up as if it began with an internet checksum.
    /// Source: include/net/netfilter/nf_reject.h `nf_reject_verify_csum`; observed on Linux 6.18.
    @Test(arguments: [
        (UInt8(108), [UInt8](arrayLiteral: 0, 1, 0xff, 0xfe), true), (108, [0x3b, 0, 0, 5], false), (108, [], true),
        (33, [0x3b, 0, 0, 5], false), (4, [0x3b, 0, 0, 5], false), (47, [0x3b, 0, 0, 5], true),
        (50, [0x3b, 0, 0, 5], true), (132, [0x3b, 0, 0, 5], true), (17, [0x9c, 0x40, 0, 53, 0, 8, 0, 0], true),
        (17, [0x9c, 0x40, 0, 53, 0, 8, 0, 1], false), (6, [0x9c, 0x40, 0, 53, 0, 8, 0, 1], false),
    ])
    func whatDoesNotSumUpIsNotAnswered(_ kind: UInt8, _ payload: [UInt8], _ isAnswered: Bool) throws {
        let world = try World(
            "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j REJECT\nCOMMIT\n", routerAddresses, routerRoutes,
            routerSettings)
        let header: [UInt8] = [0x45, 0, 0, UInt8(20 + payload.count), 0, 1, 0, 0, 64, kind, 0, 0]
        let bytes = header + [203, 0, 113, 9, 198, 51, 100, 9] + payload
        let packet = Packet(decoding: bytes.span)
        let trace = world.trace(try #require(packet), in: "eth0")
        #expect(trace.outcome == .rejected)
        #expect(trace.answer.isEmpty != isAnswered)
        if !isAnswered { #expect(trace.senderView == .timeout) }
    }

    /// With IPv6 the pseudo header counts for all of them, also for those whose own checksum covers none.
    /// Source: net/netfilter/utils.c `nf_ip6_checksum`, Linux 6.18.
    @Test(arguments: [(UInt8(0), UInt8(0), false), (0x45, 0x2a, true)])
    func igmpOfIPv6SumsUpWithThePseudoHeader(_ high: UInt8, _ low: UInt8, _ isAnswered: Bool) throws {
        let world = try World(
            "# Generated by ip6tables-save v1.8.9\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j REJECT\nCOMMIT\n",
            routerAddresses, routerRoutesV6, "net.ipv6.conf.all.forwarding = 1\n")
        let source = try #require(IPAddress("2001:db8:1::9"))
        let destination = try #require(IPAddress("2001:db8:2::9"))
        var payload: [UInt8] = [0x16, 0, 0, 0, 0xe9, 0xff, high, low]
        if isAnswered {
            var sum: UInt32 = 0
            let all = source.bytes + destination.bytes + [0, 8, 0, 2] + payload[..<6]
            for place in stride(from: 0, to: all.count, by: 2) {
                sum += UInt32(all[place]) << 8 | UInt32(all[place + 1])
            }
            while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
            (payload[6], payload[7]) = (UInt8(~sum >> 8 & 0xff), UInt8(~sum & 0xff))
        }
        let bytes = [0x60, 0, 0, 0, 0, 8, 2, 64] + source.bytes + destination.bytes + payload
        let packet = Packet(decoding: bytes.span)
        #expect(world.trace(try #require(packet), in: "eth0").answer.isEmpty == !isAnswered)
    }

    /// What answers an untracked packet has no entry, and CT leaves it alone: net/netfilter/nf_conntrack_core.c
    /// `nf_conntrack_attach`, net/netfilter/xt_CT.c `xt_ct_target`; observed on Linux 6.18.
    @Test func theAnswerAboutAnUntrackedPacketIsNotLeftUntracked() throws {
        let world = try World(
            """
            *raw
            :OUTPUT ACCEPT [0:0]
            -A PREROUTING -p udp -j NOTRACK
            -A OUTPUT -j NOTRACK
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A INPUT -j REJECT
            -A OUTPUT -m conntrack --ctstate UNTRACKED
            -A OUTPUT -m conntrack --ctstate INVALID
            COMMIT

            """, routerAddresses, routerRoutes, routerSettings)
        let trace = world.trace(try world.packet("203.0.113.9", "192.0.2.1", .udp), in: "eth0")
        let answer = try #require(trace.answer.first)
        // Whether what it quotes is of a connection is left open.
        let rules = ([answer] + answer.branches.map(\.trace)).flatMap(world.rules)
        #expect(rules.contains("filter/OUTPUT:2 continue"))
        #expect(!rules.contains("filter/OUTPUT:1 continue"))
    }

    /// An address that a route of another table takes in is no source: net/ipv4/route.c `ip_route_output_key_hash_rcu`.
    @Test func noErrorComesFromAnAddressThatIsNotTheHosts() throws {
        let world = try World(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j REJECT\nCOMMIT\n", routerAddresses,
            routerRoutes + "local default dev lo table 101 scope host\n", routerSettings,
            "0:\tfrom all lookup local\n100:\tfrom all iif eth0 lookup 101\n32766:\tfrom all lookup main\n")
        for (destination, isAnswered) in [("198.51.100.9", false), ("192.0.2.1", true)] {
            let trace = world.trace(try world.packet("203.0.113.9", destination, .udp), in: "eth0")
            #expect(trace.outcome == .rejected)
            #expect(trace.answer.isEmpty == !isAnswered)
        }
    }

    /// Source: net/ipv4/icmp.c `__icmp_send`: only what came for this host is answered from where it was sent to.
    @Test(arguments: [
        ("203.0.113.9", IPAddress.v4(192, 0, 2, 1)), ("127.0.0.1", .v4(127, 0, 0, 1)),
    ])
    func whatIsRejectedInOUTPUTIsAnsweredFromHere(_ destination: String, _ source: IPAddress) throws {
        let world = try World(
            "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -j REJECT\nCOMMIT\n", routerAddresses, routerRoutes,
            routerSettings)
        let trace = world.trace(try world.packet("192.0.2.1", destination, .udp), in: nil)
        #expect(try #require(trace.answer.first).last?.packet.source == source)
    }
}
