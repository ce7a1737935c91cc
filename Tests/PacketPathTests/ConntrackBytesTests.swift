import NetTypes
import PacketPath
import PathModel
import RuleModel
import Testing

/// What conntrack makes of a packet by its bytes.
@Suite struct ConntrackBytesTests {
    private static let rulesOfV6 =
        "*mangle\n:PREROUTING ACCEPT [0:0]\n"
        + "-A PREROUTING -s 2001:db8::/32 -m conntrack --ctstate NEW -j MARK --set-mark 0x1\nCOMMIT\n"

    private static let states = """
        *mangle
        :PREROUTING ACCEPT [0:0]
        :INPUT ACCEPT [0:0]
        -A PREROUTING -m conntrack --ctstate NEW -j MARK --set-mark 0x1
        -A PREROUTING -m conntrack --ctstate INVALID -j MARK --set-mark 0x2
        -A PREROUTING -m conntrack --ctstate RELATED -j MARK --set-mark 0x3
        -A PREROUTING -m conntrack --ctstate ESTABLISHED -j MARK --set-mark 0x4
        COMMIT
        *nat
        :PREROUTING ACCEPT [0:0]
        :INPUT ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        -A POSTROUTING -o eth0 -j SNAT --to-source 192.0.2.1
        COMMIT

        """

    private func world(_ connections: String = "", settings: String = "") throws -> World {
        if connections.isEmpty {
            return try World(Self.states, routerAddresses, routerRoutes, routerSettings + settings)
        }
        return try World(Self.states, routerAddresses, routerRoutes, routerSettings + settings, connections)
    }

    /// `packet` as bytes with right checksums, from 198.51.100.7 to 203.0.113.9, its payload put behind its header.
    private func given(_ packet: Packet, _ transport: [UInt8]) throws -> Packet {
        var header: [UInt8] = [0x45, 0, 0, UInt8(20 + transport.count), 0, 1, 0, 0, 64, packet.protocol.rawValue, 0, 0]
        header += packet.source.bytes + packet.destination.bytes
        let bytes = header + transport
        let decoded = Packet(decoding: bytes.span)
        var plain = try #require(decoded)
        plain.bytes = plain.encoded()
        return plain
    }

    private func mark(_ world: World, _ packet: Packet, in interface: String = "eth1") -> UInt32? {
        let trace = world.trace(packet, in: interface)
        return trace.branches.isEmpty ? trace.last?.packet.mark : nil
    }

    /// Of a routing header conntrack asks for two bytes, and for none of what a protocol that it does not know has behind it.
    /// Source: net/ipv6/exthdrs_core.c `ipv6_skip_exthdr`; observed on Linux 6.18.
    @Test(arguments: [
        ("2b0105020000010800000000000000008702", "04", true), ("2b01050200000108000000000000000087", "", false),
        ("2b0105020000010800000000000000001102", "04", false),
    ])
    func aRoutingHeaderMayBeCutShort(_ row: (headers: String, more: String, isNew: Bool)) throws {
        let headers = HeaderBytesTests.bytes(row.headers + row.more)
        var bytes = HeaderBytesTests.bytes("60800119") + [0, UInt8(headers.count), 0x3c, 5]
        bytes += HeaderBytesTests.bytes("20010db8ffff00000000000000000009fd000000000000010000000000000005") + headers
        let world = try World(Self.rulesOfV6, routerAddresses, routerRoutes + routerRoutesV6, routerSettings)
        let decoded = Packet(decoding: bytes.span)
        let trace = world.trace(try #require(decoded), in: "eth1")
        #expect(world.rules(trace).contains("mangle/PREROUTING:1 continue") == row.isNew)
    }

    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_error`, _udp.c `udp_error`, `udplite_error`, Linux 6.18.
    @Test func aHeaderThatCanNotBeIsInvalid() throws {
        let world = try world()
        let tcp = try world.packet("198.51.100.7", "203.0.113.9")
        func tcpHeader(offset: UInt8) -> [UInt8] {
            [0x9c, 0x40, 0, 80, 0, 0, 3, 0xe8, 0, 0, 0, 0, offset << 4, 2, 0x20, 0, 0, 0, 0, 0]
        }
        #expect(mark(world, try given(tcp, tcpHeader(offset: 5))) == 1)
        #expect(mark(world, try given(tcp, tcpHeader(offset: 4))) == 2)
        #expect(mark(world, try given(tcp, tcpHeader(offset: 6))) == 2)
        #expect(mark(world, try given(tcp, Array(tcpHeader(offset: 5).prefix(16)))) == 2)
        let udp = try world.packet("198.51.100.7", "203.0.113.9", .udp)
        #expect(mark(world, try given(udp, [0x9c, 0x40, 0, 80, 0, 8, 0, 1])) == 1)
        #expect(mark(world, try given(udp, [0x9c, 0x40, 0, 80, 0, 9, 0, 1])) == 2)
        // Taken for UDP in the pseudo header, a checksum that is right for UDP-Lite is wrong.
        let lite = try world.packet("198.51.100.7", "203.0.113.9", .udplite)
        #expect(mark(world, try given(lite, [0x9c, 0x40, 0, 80, 0, 8, 0, 1])) == 2)
    }

    /// What no check looks into may be cut off: of IPv6 the place of the header is all that is asked. Observed on Linux
    /// 6.18.
    @Test func aHeaderThatIsNotThereIsNoneOfConntracksBusiness() throws {
        let world = try World(
            Self.rulesOfV6, routerAddresses, routerRoutes, routerSettings + "net.ipv6.conf.all.forwarding = 1\n")
        var bytes: [UInt8] = [0x60, 0, 0, 0, 0, 4, 51, 64]
        bytes += try #require(IPAddress("2001:db8:2::9")).bytes + (try #require(IPAddress("2001:db8:1::9"))).bytes
        bytes += [135, 4, 0, 0]
        let decoded = Packet(decoding: bytes.span)
        let packet = try #require(decoded)
        let states = world.trace(packet, in: "eth1").steps.compactMap { step in
            if case .conntrack(let states, _, _) = step.kind { states } else { nil }
        }
        #expect(states == [.new])
    }

    /// Source: net/netfilter/nf_conntrack_proto_udp.c `udp_error`: of packets from the wire only.
    @Test func aWrongChecksumIsInvalidWhereItIsLookedAt() throws {
        let strict = try world()
        var packet = try given(
            try strict.packet("198.51.100.7", "203.0.113.9", .udp), [0x9c, 0x40, 0, 80, 0, 8, 0, 1])
        packet.bytes[27] ^= 1
        #expect(mark(strict, packet) == 2)
        let loose = try world(settings: "net.netfilter.nf_conntrack_checksum = 0\n")
        #expect(mark(loose, packet) == 1)
    }

    /// Source: net/netfilter/nf_conntrack_proto_sctp.c `do_basic_checks`, `sctp_new`, Linux 6.18.
    @Test(
        arguments: [([1], 1), ([1, 0], 2), ([0], 2), ([6], 2), ([4], 1), ([14], 2), ([8], 1)] as [([UInt8], UInt32)])
    func chunksBeginAnAssociation(_ row: (chunks: [UInt8], mark: UInt32)) throws {
        let world = try world()
        var bytes: [UInt8] = [0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0]
        for kind in row.chunks { bytes += [kind, 0, 0, 20, 0, 0, 0, 7] + [UInt8](repeating: 0, count: 12) }
        let packet = try given(try world.packet("198.51.100.7", "203.0.113.9", .sctp), bytes)
        #expect(mark(world, packet) == row.mark)
    }

    private static let entry =
        "tcp      6 100 ESTABLISHED src=198.51.100.7 dst=203.0.113.9 sport=40000 dport=80 "
        + "src=203.0.113.9 dst=192.0.2.1 sport=80 dport=7000 [ASSURED] mark=0 use=1\n"

    /// An error to `to` about a segment from 192.0.2.1:`port` to 203.0.113.9:80.
    private func error(
        _ world: World, type: UInt8 = 3, to: String = "192.0.2.1", port: UInt16 = 7000
    ) throws -> Packet {
        var segment = try world.packet("192.0.2.1", "203.0.113.9", sport: port)
        segment.length = 40
        let quoted = segment.encoded()
        return try given(try world.packet("203.0.113.1", to, .icmp), [type, 1, 0, 0, 0, 0, 0, 0] + quoted)
    }

    /// Source: net/netfilter/nf_conntrack_proto_icmp.c `nf_conntrack_inet_error`, net/netfilter/nf_nat_proto.c
    /// `nf_nat_icmp_reply_translation`, Linux 6.18.
    @Test func anErrorBelongsToTheConnectionThatItQuotes() throws {
        let world = try world(Self.entry)
        let trace = world.trace(try error(world), in: "eth0")
        #expect(trace.last?.packet.mark == 3)
        #expect(trace.outcome == .forwarded)
        let packet = try #require(trace.last?.packet)
        #expect(packet.destination == IPAddress("198.51.100.7"))
        let bytes = packet.encoded()
        let inner = Array(bytes[28...])
        let decoded = Packet(decoding: inner.span)
        let quoted = try #require(decoded)
        #expect(quoted.source == IPAddress("198.51.100.7"))
        #expect(quoted.sourcePort == 40000)
        // All sums are right again.
        #expect(quoted.bytes == quoted.encoded())
        #expect(packet.currentBytes == bytes)
    }

    /// Source: net/netfilter/nf_conntrack_core.c `nf_conntrack_in`, Linux 6.18, which sets IPS_SEEN_REPLY for replies alone.
    @Test func anErrorIsNoReply() throws {
        let rules = Self.states.replacing(
            "-A PREROUTING -m conntrack --ctstate NEW -j",
            with: "-A PREROUTING -m conntrack --ctstate RELATED --ctstatus SEEN_REPLY -j DROP\n"
                + "-A PREROUTING -m conntrack --ctstate NEW -j")
        let world = try World(rules, routerAddresses, routerRoutes, routerSettings)
        var table = world.model.connections
        var first = try world.packet("198.51.100.7", "203.0.113.9", sport: 7000)
        first.length = 40
        let request = TraceRequest(packet: first, origin: .interface(world.interface("eth1")))
        for entry in PacketPath.trace(request, on: world.model, connections: table).connections { table.update(entry) }
        let back = TraceRequest(packet: try error(world), origin: .interface(world.interface("eth0")))
        let trace = PacketPath.trace(back, on: world.model, connections: table)
        #expect(trace.last?.packet.mark == 3)
    }

    @Test func anErrorAboutNoConnectionIsInvalid() throws {
        let world = try world(Self.entry)
        #expect(mark(world, try error(world, port: 7001), in: "eth0") == 2)
        // It goes to another than the one that sent what it quotes.
        #expect(mark(world, try error(world, to: "198.51.100.9"), in: "eth0") == 2)
    }

    @Test func aRedirectAboutATranslatedConnectionIsDropped() throws {
        let world = try world(Self.entry)
        #expect(world.trace(try error(world, type: 5), in: "eth0").outcome == .dropped)
    }

    /// Source: net/netfilter/nf_conntrack_proto_tcp.c: the entry goes with a reset that is all that ever answered.
    @Test func aRefusedConnectionIsForgotten() throws {
        let world = try world()
        let first = world.trace(try world.packet("198.51.100.7", "203.0.113.9"), in: "eth1")
        var table = world.model.connections
        for entry in first.connections { table.update(entry) }
        #expect(table.entries.count == 1)
        var reset = try world.packet("203.0.113.9", "192.0.2.1", sport: 80, dport: 40000)
        reset.tcpFlags = [.rst, .ack]
        let answer = trace(
            TraceRequest(packet: reset, origin: .interface(world.interface("eth0"))), on: world.model,
            connections: table)
        #expect(answer.last?.packet.destination == IPAddress("198.51.100.7"))
        for entry in answer.connections { table.update(entry) }
        #expect(table.entries.isEmpty)
    }

    /// Source: net/netfilter/nf_nat_proto.c `gre_manip_pkt`, Linux 6.18.
    @Test(arguments: [(4, Outcome.dropped), (8, .forwarded)])
    func natNeedsEightBytesOfGRE(_ row: (count: Int, outcome: Outcome)) throws {
        let world = try world()
        let bytes: [UInt8] = [0, 0, 8, 0, 1, 2, 3, 4]
        let packet = try given(
            try world.packet("198.51.100.7", "203.0.113.9", .gre), Array(bytes.prefix(row.count)))
        #expect(world.trace(packet, in: "eth1").outcome == row.outcome)
    }

    /// `-m conntrack --ctstatus EXPECTED` of what was followed from its first packet on, and where all is one.
    @Test func theTableOfAFlowIsKnown() throws {
        let rules =
            "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstatus EXPECTED -j DROP\n"
            + "-A PREROUTING -m connbytes --connbytes 2:2 --connbytes-mode packets --connbytes-dir both -j DROP\n"
            + "-A PREROUTING -m conntrack --ctdir REPLY -j ACCEPT\nCOMMIT\n"
        // Some other connection, so that the table is known.
        let world = try World(rules, routerAddresses, routerRoutes, routerSettings, Self.entry)
        var table = world.model.connections
        func send(
            _ source: String, _ destination: String, _ ports: (UInt16, UInt16), in interface: String
        ) throws -> Trace {
            let packet = try world.packet(source, destination, .udp, sport: ports.0, dport: ports.1)
            let request = TraceRequest(packet: packet, origin: .interface(world.interface(interface)))
            let trace = PacketPath.trace(request, on: world.model, connections: table)
            for entry in trace.connections { table.update(entry) }
            return trace
        }
        let first = try send("198.51.100.7", "203.0.113.9", (1, 2), in: "eth1")
        #expect(first.outcome == .forwarded)
        let second = try send("203.0.113.9", "198.51.100.7", (2, 1), in: "eth0")
        #expect(second.outcome == .dropped)
        let third = try send("203.0.113.9", "198.51.100.7", (2, 1), in: "eth0")
        #expect(world.rules(third) == ["mangle/PREROUTING:3 accept"])
    }

    /// The entry of a SYN sent again is not renewed, and what renews it counts.
    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_packet`, Linux 6.18.
    @Test func aSYNSentAgainIsNotCounted() throws {
        let rules =
            "*mangle\n:PREROUTING ACCEPT [0:0]\n"
            + "-A PREROUTING -m connbytes --connbytes 2: --connbytes-mode packets --connbytes-dir both -j DROP\nCOMMIT\n"
        let world = try World(rules, routerAddresses, routerRoutes, routerSettings, Self.entry)
        var table = world.model.connections
        func send(_ flags: TCPFlags, isReply: Bool = false) throws -> Outcome {
            var packet =
                try isReply
                ? world.packet("203.0.113.9", "198.51.100.7", sport: 2, dport: 1)
                : world.packet("198.51.100.7", "203.0.113.9", sport: 1, dport: 2)
            packet.tcpFlags = flags
            let request = TraceRequest(packet: packet, origin: .interface(world.interface(isReply ? "eth0" : "eth1")))
            let trace = PacketPath.trace(request, on: world.model, connections: table)
            for entry in trace.connections { table.update(entry) }
            return trace.outcome
        }
        #expect(try send(.syn) == .forwarded)
        #expect(try send(.syn) == .forwarded)
        #expect(try send([.syn, .ack], isReply: true) == .dropped)
    }
}
