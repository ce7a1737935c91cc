import NetTypes
import PacketPath
import PathModel
import RuleModel
import Testing

/// IPVS, from the kernel's source (net/netfilter/ipvs, Linux 6.x): no kernel at hand has it.
@Suite struct IPVSTests {
    static let addresses =
        routerAddresses + """
            4: ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default
                link/ether 02:00:00:00:00:04 brd ff:ff:ff:ff:ff:ff
                inet 198.18.0.80/32 scope global ipvs0
                   valid_lft forever preferred_lft forever

            """

    static let routes =
        routerRoutes + "local 198.18.0.80 dev ipvs0 table local proto kernel scope host src 198.18.0.80\n"

    /// One rule at each hook that counts what passes, one in nat that would answer a second question.
    static let rules = """
        *nat
        :PREROUTING ACCEPT [0:0]
        :INPUT ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        -A INPUT -j MARK --set-xmark 0x1/0x1
        -A OUTPUT -j MARK --set-xmark 0x2/0x2
        -A POSTROUTING -p udp -j MASQUERADE
        COMMIT
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        -A INPUT -p tcp -j ACCEPT
        -A FORWARD -p tcp -j ACCEPT
        -A OUTPUT -m conntrack --ctstate DNAT -j DROP
        -A OUTPUT -p tcp -j ACCEPT
        COMMIT

        """

    static let on = routerSettings + "net.ipv4.vs.conntrack = 1\n"

    static func services(_ flags: String = "rr", _ servers: String...) -> String {
        "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n"
            + "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\nTCP  198.18.0.80:80 \(flags)\n"
            + servers.map { "  -> \($0) 0 0\n" }.joined()
    }

    static func world(
        _ services: String, rules: String = rules, settings: String = on, _ more: String = ""
    ) throws -> World {
        try World(rules, addresses, routes, settings, services, more)
    }

    func asked(_ world: World, _ adjust: (inout TraceRequest) -> Void = { _ in }) throws -> Trace {
        world.trace(try world.packet("203.0.113.9", "198.18.0.80"), in: "eth0", adjust)
    }

    func act(_ trace: Trace) -> VirtualServiceStep? {
        for step in trace.steps { if case .ipvs(let step) = step.kind { return step } }
        return nil
    }

    // MARK: The way to a real server

    /// `ip_vs_in_hook` at LOCAL_IN, before nat there; `ip_vs_nat_xmit` sends through LOCAL_OUT, where NAT's mapping is
    /// settled already, and POST_ROUTING. Conntrack's DNAT flag is NAT's alone.
    @Test func whatComesToAServiceGoesOutByOutput() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:8080 Masq 1"))
        let trace = try asked(world)
        #expect(trace.outcome == .forwarded)
        #expect(trace.branches.isEmpty)
        #expect(
            world.rules(trace) == ["filter/INPUT:1 accept", "filter/OUTPUT:2 accept", "nat/POSTROUTING policy accept"])
        #expect(trace.last?.packet.destination == .v4(198, 51, 100, 9))
        #expect(trace.last?.packet.destinationPort == 8080)
        #expect(trace.last?.packet.source == .v4(203, 0, 113, 9))
        #expect(trace.last?.packet.ttl == 63)
        #expect(trace.outInterface == world.interface("eth1"))
        let step = try #require(act(trace))
        #expect(step.act == .request)
        #expect(step.address == .v4(198, 18, 0, 80))
        #expect(step.server == .v4(198, 51, 100, 9))
        #expect(step.scheduler == "rr")
        #expect(!step.isFromConnection)
        let entry = try #require(trace.connection)
        #expect(entry.original.destination == .v4(198, 18, 0, 80))
        #expect(entry.reply.source == .v4(198, 51, 100, 9))
        #expect(entry.reply.sourcePort == 8080)
        #expect(entry.status.contains(.confirmed))
        #expect(trace.virtualConnections.first?.server == .v4(198, 51, 100, 9))
    }

    @Test func anotherPortOfTheAddressIsTheHostsOwn() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:8080 Masq 1"))
        let trace = world.trace(try world.packet("203.0.113.9", "198.18.0.80", dport: 81), in: "eth0")
        #expect(trace.outcome == .delivered)
        #expect(act(trace) == nil)
        #expect(world.trace(try world.packet("203.0.113.9", "198.18.0.80", .udp), in: "eth0").outcome == .delivered)
        #expect(world.trace(try world.packet("203.0.113.9", "198.18.0.80", .icmp), in: "eth0").outcome == .delivered)
    }

    /// `do_output_route4` asks for the server alone; a server of the host's own keeps the packet where it is.
    @Test func aServerOnThisHostGetsThePacketAtInput() throws {
        let world = try Self.world(Self.services("rr", "192.0.2.1:8080 Masq 1"))
        let trace = try asked(world)
        #expect(trace.outcome == .delivered)
        #expect(trace.last?.packet.destination == .v4(192, 0, 2, 1))
        #expect(trace.last?.packet.destinationPort == 8080)
        #expect(trace.last?.packet.ttl == 64)
        // nat of INPUT stands behind.
        #expect(world.rules(trace) == ["filter/INPUT:1 accept", "nat/INPUT:1 continue", "nat/INPUT policy accept"])
        #expect(trace.connection?.reply.source == .v4(192, 0, 2, 1))
    }

    @Test func aServerWithoutARouteIsUnreachable() throws {
        let world = try World(
            Self.rules, Self.addresses, Self.routes.replacingDefault, Self.on,
            Self.services("rr", "10.9.9.9:80 Masq 1"))
        let trace = world.trace(try world.packet("198.51.100.7", "198.18.0.80"), in: "eth1")
        #expect(trace.outcome == .unroutable)
        #expect(trace.senderView == .unreachable(type: 3, code: 1))
    }

    /// `crosses_local_route_boundary`, `decrement_ttl`, `ensure_mtu_is_adequate`.
    @Test func whatCannotBeSentOn() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:80 Masq 1"))
        var packet = try world.packet("203.0.113.9", "198.18.0.80")
        packet.ttl = 1
        #expect(world.trace(packet, in: "eth0").reason == .ttl)
        packet = try world.packet("203.0.113.9", "198.18.0.80")
        packet.length = 1501
        packet.dontFragment = true
        #expect(world.trace(packet, in: "eth0").reason == .tooBig)
        packet.dontFragment = false
        #expect(world.trace(packet, in: "eth0").outcome == .forwarded)
        let local = world.trace(try world.packet("127.0.0.1", "198.18.0.80"), in: nil)
        #expect(local.outcome == .filtered)
        #expect(local.reason == .martianSource)
    }

    /// LOCAL_OUT -98, behind nat at -100, and once more through OUTPUT from the start.
    @Test func thisHostAsksAService() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:8080 Masq 1"))
        let trace = world.trace(try world.packet("192.0.2.1", "198.18.0.80"), in: nil)
        #expect(trace.outcome == .sent)
        #expect(
            world.rules(trace) == [
                "nat/OUTPUT:1 continue", "nat/OUTPUT policy accept", "filter/OUTPUT:2 accept",
                "nat/POSTROUTING policy accept",
            ])
        #expect(trace.last?.packet.destination == .v4(198, 51, 100, 9))
        #expect(trace.last?.packet.ttl == 63)
    }

    // MARK: Which server

    @Test func roundRobinIsAsLikelyEachOnes() throws {
        let world = try Self.world(
            Self.services("rr", "198.51.100.9:80 Masq 1", "198.51.100.8:80 Masq 3", "198.51.100.7:80 Masq 0"))
        let trace = try asked(world)
        #expect(trace.branches.map(\.probability) == [0.5, 0.5])
        #expect(
            trace.branches.map { $0.assumptions.first?.name } == ["ipvs@198.18.0.80:80/tcp", "ipvs@198.18.0.80:80/tcp"])
        #expect(trace.branches.map { $0.assumptions.first?.value } == ["198.51.100.9:80", "198.51.100.8:80"])
        let one = try asked(world) { $0.assumptions = ["ipvs@198.18.0.80:80/tcp": "198.51.100.8:80"] }
        #expect(one.branches.isEmpty)
        #expect(one.last?.packet.destination == .v4(198, 51, 100, 8))
        #expect(one.assumptions.first { $0.name.hasPrefix("ipvs@") }?.isGiven == true)
        let kind = try asked(world) { $0.assumptions = ["ipvs": "198.51.100.9:80"] }
        #expect(kind.last?.packet.destination == .v4(198, 51, 100, 9))
    }

    @Test func weightsAreChancesOfWeightedRoundRobinAlone() throws {
        let servers = ["198.51.100.9:80 Masq 1", "198.51.100.8:80 Masq 3"]
        #expect(
            try asked(Self.world(Self.services("wrr", servers[0], servers[1]))).branches.map(\.probability) == [
                0.25, 0.75,
            ])
        #expect(
            try asked(Self.world(Self.services("lc", servers[0], servers[1]))).branches.map(\.probability) == [
                nil, nil,
            ])
        // `ip_vs_fo_schedule`: the heaviest.
        let failover = try asked(Self.world(Self.services("fo", servers[0], servers[1])))
        #expect(failover.branches.isEmpty)
        #expect(failover.last?.packet.destination == .v4(198, 51, 100, 8))
    }

    /// `ip_vs_sched_persist`, `ip_vs_check_template`: a template may still lead to a server of weight 0, unless
    /// `expire_quiescent_template` is set.
    @Test func aPersistentServiceKeepsItsClients() throws {
        let text = Self.services("rr persistent 300", "198.51.100.9:80 Masq 1", "198.51.100.8:80 Masq 0")
        let trace = try asked(Self.world(text))
        #expect(trace.branches.map(\.probability) == [nil, nil])
        let quiescent = try asked(Self.world(text, settings: Self.on + "net.ipv4.vs.expire_quiescent_template = 1\n"))
        #expect(quiescent.branches.isEmpty)
        #expect(quiescent.last?.packet.destination == .v4(198, 51, 100, 9))
    }

    /// `ip_vs_leave`.
    @Test(arguments: [[], ["198.51.100.9:80 Masq 0"]]) func withoutAServerItIsRefused(_ servers: [String]) throws {
        let world = try Self.world(Self.services("rr") + servers.map { "  -> \($0) 0 0\n" }.joined())
        let trace = try asked(world)
        #expect(trace.outcome == .rejected)
        #expect(trace.reason == .noServer)
        #expect(trace.rejectWith == .icmpPortUnreachable)
        #expect(trace.senderView == .unreachable(type: 3, code: 3))
        #expect(act(trace)?.act == .refused)
        #expect(trace.answer.first?.last?.packet.source == .v4(198, 18, 0, 80))
        #expect(trace.decidedBy == trace.steps.count - 1)
    }

    /// `ip_vs_service_find`: the mark comes first; `ip_vs_schedule`: without persistence no service has all ports.
    @Test func servicesByMarkAndOfAllPorts() throws {
        let world = try Self.world(
            Self.services("rr", "198.51.100.9:80 Masq 1") + "FWM  7 rr\n  -> 198.51.100.7:0 Masq 1 0 0\n")
        let marked = world.trace(try world.packet("203.0.113.9", "192.0.2.1", dport: 81, mark: 7), in: "eth0")
        #expect(marked.last?.packet.destination == .v4(198, 51, 100, 7))
        #expect(marked.last?.packet.destinationPort == 81)
        #expect(act(marked)?.mark == 7)
        let both = world.trace(try world.packet("203.0.113.9", "198.18.0.80", mark: 7), in: "eth0")
        #expect(both.last?.packet.destination == .v4(198, 51, 100, 7))
        func whole(_ flags: String) throws -> Trace {
            let text = Self.services("rr").replacing(":80 rr", with: ":0 \(flags)")
            let world = try Self.world(text + "  -> 198.51.100.6:0 Masq 1 0 0\n")
            return world.trace(try world.packet("203.0.113.9", "198.18.0.80", dport: 4711), in: "eth0")
        }
        #expect(try whole("rr persistent 300").last?.packet.destinationPort == 4711)
        #expect(try whole("rr").reason == .noServer)
    }

    // MARK: Conntrack

    /// `ip_vs_nat_send_or_cont`, `ip_vs_notrack`: with net.ipv4.vs.conntrack off NAT sees nothing of it.
    @Test func withoutConntrackNothingIsMasqueraded() throws {
        let text = Self.services("rr", "198.51.100.9:80 Masq 1").replacing("TCP ", with: "UDP ")
        func trace(_ settings: String, _ addresses: String = Self.addresses) throws -> Trace {
            let world = try World(Self.rules, addresses, Self.routes, settings, text)
            return world.trace(try world.packet("203.0.113.9", "198.18.0.80", .udp), in: "eth0")
        }
        #expect(try trace(Self.on).last?.packet.source == .v4(198, 51, 100, 1))
        let off = try trace(routerSettings + "net.ipv4.vs.conntrack = 0\n")
        #expect(off.last?.packet.source == .v4(203, 0, 113, 9))
        #expect(off.last?.state == .untracked)
        #expect(off.connections.isEmpty)
        let unasked = try trace(routerSettings)
        #expect(unasked.last?.state == .untracked)
        #expect(unasked.assumptions.contains { $0.name == "ipvs-conntrack" && $0.value == "off" })
        // kube-proxy switches it on.
        let kube = try trace(routerSettings, Self.addresses.replacing("ipvs0", with: "kube-ipvs0"))
        #expect(kube.last?.packet.source == .v4(198, 51, 100, 1))
        #expect(kube.assumptions.contains { $0.name == "ipvs-conntrack" && $0.value == "on" })
    }

    // MARK: The way back

    /// `ip_vs_out_hook` at FORWARD 100: behind the rules there, which see the server.
    @Test func theAnswerGetsTheVirtualAddressBack() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:8080 Masq 1"))
        let reply = try #require(try asked(world) { $0.traceReply = true }.reply.first)
        #expect(reply.outcome == .forwarded)
        #expect(world.rules(reply) == ["filter/FORWARD:1 accept"])
        #expect(reply.last?.packet.source == .v4(198, 18, 0, 80))
        #expect(reply.last?.packet.sourcePort == 80)
        #expect(reply.last?.packet.destination == .v4(203, 0, 113, 9))
        #expect(act(reply)?.act == .reply)
        let forward = try #require(
            reply.steps.first { if case .rule = $0.kind { true } else { false } })
        #expect(forward.view.packet.source == .v4(198, 51, 100, 9))
    }

    @Test func aServerOnThisHostAnswersByOutput() throws {
        let world = try Self.world(Self.services("rr", "192.0.2.1:8080 Masq 1"))
        let reply = try #require(try asked(world) { $0.traceReply = true }.reply.first)
        #expect(reply.outcome == .sent)
        #expect(reply.last?.packet.source == .v4(198, 18, 0, 80))
        #expect(reply.last?.packet.sourcePort == 80)
        #expect(reply.outInterface == world.interface("eth0"))
    }

    @Test func thisHostGetsItsAnswerAtInput() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:8080 Masq 1"))
        let trace = world.trace(try world.packet("192.0.2.1", "198.18.0.80"), in: nil) { $0.traceReply = true }
        let reply = try #require(trace.reply.first)
        #expect(reply.outcome == .delivered)
        #expect(reply.last?.packet.source == .v4(198, 18, 0, 80))
        #expect(reply.last?.packet.sourcePort == 80)
    }

    /// Without conntrack the answer is found by IPVS's own connection all the same.
    @Test func theAnswerIsFoundWithoutConntrack() throws {
        let world = try Self.world(
            Self.services("rr", "198.51.100.9:8080 Masq 1"), rules: "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n",
            settings: routerSettings + "net.ipv4.vs.conntrack = 0\n")
        let reply = try #require(try asked(world) { $0.traceReply = true }.reply.first)
        #expect(reply.last?.packet.source == .v4(198, 18, 0, 80))
    }

    private func entry(_ server: String) -> String {
        "tcp      6 100 ESTABLISHED src=203.0.113.9 dst=198.18.0.80 sport=40000 dport=80 src=\(server) dst=203.0.113.9 "
            + "sport=8080 dport=40000 [ASSURED] mark=0 use=1\n"
    }

    /// An entry of conntrack's table tells which server IPVS chose before.
    @Test func anOldConnectionKeepsItsServer() throws {
        let services = Self.services("rr", "198.51.100.9:8080 Masq 1", "198.51.100.8:8080 Masq 0")
        let world = try Self.world(services, entry("198.51.100.8"))
        func trace(_ source: String, _ sport: UInt16, _ destination: String, _ dport: UInt16, _ interface: String)
            throws -> Trace
        {
            var packet = try world.packet(source, destination, sport: sport, dport: dport)
            packet.tcpFlags = .ack
            return world.trace(packet, in: interface)
        }
        let there = try trace("203.0.113.9", 40000, "198.18.0.80", 80, "eth0")
        #expect(there.outcome == .forwarded)
        #expect(there.last?.packet.destination == .v4(198, 51, 100, 8))
        #expect(act(there)?.isFromConnection == true)
        #expect(there.last?.state == .established)
        let back = try trace("198.51.100.8", 8080, "203.0.113.9", 40000, "eth1")
        #expect(back.last?.packet.source == .v4(198, 18, 0, 80))
        #expect(back.last?.packet.sourcePort == 80)
    }

    /// `ip_vs_in_hook`: "the destination server is not available".
    @Test func aConnectionWhoseServerIsGoneIsDropped() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:8080 Masq 1"), entry("198.51.100.8"))
        var packet = try world.packet("203.0.113.9", "198.18.0.80")
        packet.tcpFlags = .ack
        let trace = world.trace(packet, in: "eth0")
        #expect(trace.outcome == .dropped)
        #expect(trace.reason == .serverGone)
        #expect(act(trace)?.act == .gone)
    }

    /// `tcp_conn_schedule`: only a SYN begins a connection, unless `sloppy_tcp` is set.
    @Test func whatIsInTheMiddleOfAFlowIsNotScheduled() throws {
        let services = Self.services("rr", "198.51.100.9:8080 Masq 1")
        func trace(_ settings: String, _ more: String) throws -> Trace {
            let world = try Self.world(services, settings: settings, more)
            var packet = try world.packet("203.0.113.9", "198.18.0.80")
            packet.tcpFlags = .ack
            return world.trace(packet, in: "eth0")
        }
        let none = "conntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.\n"
        #expect(try trace(Self.on, none).outcome == .delivered)
        #expect(try trace(Self.on + "net.ipv4.vs.sloppy_tcp = 1\n", none).outcome == .forwarded)
        // Without a table IPVS may have a connection.
        let open = try trace(Self.on, "")
        #expect(Set(open.branches.map(\.trace.outcome)) == [.forwarded, .delivered])
        #expect(open.branches.first?.assumptions.first?.name == "ipvs-connection@198.18.0.80:80/tcp")
    }

    // MARK: Other ways to send on

    /// `ip_vs_dr_xmit`: the packet as it is, to the server's link.
    @Test func directRoutingLeavesThePacketAsItIs() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:80 Route 1"))
        let trace = try asked(world)
        #expect(trace.outcome == .forwarded)
        #expect(trace.last?.packet.destination == .v4(198, 18, 0, 80))
        #expect(trace.outInterface == world.interface("eth1"))
        #expect(trace.nextHop == .v4(198, 51, 100, 9))
        #expect(trace.connection?.reply.source == .v4(198, 18, 0, 80))
        #expect(act(trace)?.method == .route)
    }

    /// `ip_vs_tunnel_xmit`: the outer packet is made here, and has no connection yet.
    @Test func aTunnelWrapsThePacket() throws {
        let world = try Self.world(Self.services("rr", "198.51.100.9:80 Tunnel 1"))
        let trace = try asked(world)
        #expect(trace.outcome == .forwarded)
        #expect(trace.last?.packet.protocol == .ipip)
        #expect(trace.last?.packet.source == .v4(198, 51, 100, 1))
        #expect(trace.last?.packet.destination == .v4(198, 51, 100, 9))
        #expect(trace.last?.packet.length == 80)
        #expect(trace.inner.first?.destination == .v4(198, 18, 0, 80))
        #expect(trace.inner.first?.ttl == 63)
        #expect(trace.steps.last?.layer == 1)
        // The inner packet's entry is confirmed before it is wrapped.
        #expect(trace.connections.contains { $0.original.destination == .v4(198, 18, 0, 80) })
        #expect(trace.outInterface == world.interface("eth1"))
    }

    // MARK: -m ipvs

    /// net/netfilter/xt_ipvs.c: between IPVS and SNAT a connection is found, nowhere else.
    @Test(arguments: [
        ("--ipvs", true), ("! --ipvs", false), ("--vaddr 198.18.0.80/32 --vport 80", true),
        ("--vaddr 198.18.0.81/32", false),
        ("! --vaddr 198.18.0.81/32", true), ("--vport 81", false), ("--vmethod MASQ", true), ("--vmethod GATE", false),
        ("! --vmethod IPIP", true), ("--vdir ORIGINAL", true), ("--vdir REPLY", false), ("--vproto 6", true),
        ("--vproto 17", false), ("--vportctl 80", false),
    ]) func theMatchAsksTheConnection(_ options: String, _ matches: Bool) throws {
        let rules =
            "*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -m ipvs \(options) -j MARK --set-xmark 0x9/0xff\n"
            + "COMMIT\n"
        let world = try Self.world(Self.services("rr", "198.51.100.9:8080 Masq 1"), rules: Self.rules + rules)
        let trace = try asked(world) { $0.traceReply = true }
        #expect(trace.branches.isEmpty)
        #expect((trace.last?.packet.mark == 9) == matches)
        // What goes by no service is of none.
        let other = world.trace(try world.packet("203.0.113.9", "198.51.100.9", dport: 8080), in: "eth0")
        #expect((other.last?.packet.mark == 9) == (options == "! --ipvs"))
    }
}

extension String {
    /// Without a default route.
    fileprivate var replacingDefault: String { replacing("default via 192.0.2.254 dev eth0\n", with: "") }
}
