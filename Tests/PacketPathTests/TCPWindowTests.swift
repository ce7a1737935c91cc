import NetTypes
import PacketPath
import PathModel
import RuleModel
import Testing

/// Conversations of TCP and SCTP, packet by packet, as conntrack takes them.
///
/// Source: net/netfilter/nf_conntrack_proto_tcp.c, nf_conntrack_proto_sctp.c; each conversation was sent through Linux
/// 6.18 with `kernel-compare`.
@Suite struct TCPWindowTests {
    private static let rules = """
        *mangle
        :PREROUTING ACCEPT [0:0]
        -A PREROUTING -m conntrack --ctstate NEW -j MARK --set-mark 0x1
        -A PREROUTING -m conntrack --ctstate INVALID -j MARK --set-mark 0x2
        -A PREROUTING -m conntrack --ctstate ESTABLISHED -j MARK --set-mark 0x4
        COMMIT

        """

    /// Sends packets one after the other and keeps the connection table.
    private struct Conversation {
        let world: World
        var table: ConnectionIndex

        init(_ settings: String = "", rules: String = TCPWindowTests.rules) throws {
            world = try World(rules, routerAddresses, routerRoutes, routerSettings + settings)
            table = world.model.connections
        }

        /// The mark that the packet gets, from the client or back.
        mutating func send(_ protocol: IPProtocol, back: Bool, _ transport: [UInt8]) throws -> UInt32? {
            let ends = back ? ("203.0.113.9", "198.51.100.7") : ("198.51.100.7", "203.0.113.9")
            let plain = try world.packet(ends.0, ends.1, `protocol`)
            let ports: [UInt8] = back ? [0, 80, 0x9c, 0x40] : [0x9c, 0x40, 0, 80]
            var bytes: [UInt8] = [0x45, 0, 0, UInt8(24 + transport.count), 0, 1, 0, 0, 64, `protocol`.rawValue, 0, 0]
            bytes += plain.source.bytes + plain.destination.bytes + ports + transport
            let decoded = Packet(decoding: bytes.span)
            var packet = try #require(decoded)
            packet.bytes = packet.encoded()
            let request = TraceRequest(packet: packet, origin: .interface(world.interface(back ? "eth0" : "eth1")))
            let trace = PacketPath.trace(request, on: world.model, connections: table)
            for entry in trace.connections { table.update(entry) }
            return trace.last?.packet.mark
        }

        mutating func segment(
            _ flags: TCPFlags, _ sequence: UInt8, _ acknowledged: UInt8 = 0, back: Bool = false, data: Int = 0
        ) throws -> UInt32? {
            try send(
                .tcp, back: back,
                [0, 0, 1, sequence, 0, 0, flags.contains(.ack) ? 1 : 0, acknowledged, 0x50, flags.rawValue, 0, 100]
                    + [0, 0, 0, 0] + [UInt8](repeating: 0, count: data))
        }

        mutating func handshake() throws {
            #expect(try segment(.syn, 0) == 1)
            #expect(try segment([.syn, .ack], 0, 1, back: true) == 4)
            #expect(try segment(.ack, 1, 1) == 4)
        }
    }

    @Test func whatNobodySentCanNotBeAcknowledged() throws {
        var talk = try Conversation()
        try talk.handshake()
        #expect(try talk.segment(.ack, 1, 11, back: true) == 2)
        #expect(try talk.segment(.ack, 1, 1, data: 10) == 4)
        #expect(try talk.segment(.ack, 1, 11, back: true) == 4)
    }

    /// A stream that was picked up in the middle has no bounds, and its server's side keeps none when a SYN begins it anew.
    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_ct_tcp_state_reset`; Rulesets/kernel/seed-15579790276927466011.
    @Test func whatWasPickedUpInTheMiddleStaysFreeOfBounds() throws {
        var talk = try Conversation()
        #expect(try talk.segment(.ack, 0, 0) == 1)
        #expect(try talk.segment(.syn, 0) == 1)
        #expect(try talk.segment([.syn, .ack], 0, 1, back: true) == 4)
        #expect(try talk.segment(.ack, 1, 50, back: true) == 4)
        var other = try Conversation()
        #expect(try other.segment(.syn, 0) == 1)
        #expect(try other.segment([.syn, .ack], 0, 1, back: true) == 4)
        #expect(try other.segment(.ack, 1, 50, back: true) == 2)
    }

    /// The answer that is refused tells where its sender stands: what comes then is measured by that.
    @Test func whatARefusedPacketToldOfItsWindowStaysTold() throws {
        var talk = try Conversation()
        #expect(try talk.segment(.syn, 0) == 1)
        #expect(try talk.segment(.ack, 7, 2) == 2)
        #expect(try talk.segment(.ack, 1, 7, back: true) == 4)
        // Closed, as by a REJECT: FIN of either side is refused, and the last ACK is a little more than was asked for.
        var entry = try #require(talk.table.entries.first)
        entry.tcpState = .close
        talk.table.update(entry)
        #expect(try talk.segment([.fin, .ack], 6, 1) == 2)
        #expect(try talk.segment([.fin, .ack], 1, 7, back: true) == 2)
        #expect(try talk.segment(.ack, 7, 2) == 4)
    }

    @Test func whatIsBeyondTheWindowIsInvalid() throws {
        var talk = try Conversation()
        try talk.handshake()
        // 100 bytes may be under way, and as many again are let through.
        #expect(try talk.segment(.ack, 200, 1) == 4)
        #expect(try talk.segment(.ack, 250, 1) == 2)
        var liberal = try Conversation("net.netfilter.nf_conntrack_tcp_be_liberal = 1\n")
        try liberal.handshake()
        #expect(try liberal.segment(.ack, 250, 1) == 4)
    }

    @Test func aResetHasToFitWhatWasAcknowledged() throws {
        var talk = try Conversation()
        try talk.handshake()
        #expect(try talk.segment(.ack, 1, 1, data: 10) == 4)
        #expect(try talk.segment(.ack, 1, 11, back: true) == 4)
        #expect(try talk.segment(.rst, 5) == 2)
        // One that fits without being exact closes nothing: data goes on.
        #expect(try talk.segment(.rst, 20) == 4)
        #expect(talk.table.entries.first?.tcpState == .established)
        #expect(try talk.segment(.rst, 11) == 4)
        #expect(talk.table.entries.first?.tcpState == .close)
    }

    @Test func aResetOfTheClientBeforeAnythingWasAnsweredHasToFollowItsSYN() throws {
        var talk = try Conversation()
        #expect(try talk.segment(.syn, 0) == 1)
        // The SYN|ACK was lost: an acknowledgement is let through and changes nothing.
        #expect(try talk.segment(.ack, 1, 7, back: true) == 4)
        #expect(try talk.segment(.rst, 6) == 2)
        #expect(try talk.segment(.rst, 1) == 4)
    }

    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_packet`, `tcp_can_early_drop`, Linux 6.18: what is
    /// known of an older connection's numbers says nothing of the one that may have taken its place.
    @Test func aResetOfAConnectionThatIsOverHasToFitNothing() throws {
        for (state, mark) in [(TCPState?.none, UInt32(2)), (.close, 4), (.timeWait, 4)] {
            var talk = try Conversation()
            #expect(try talk.segment(.syn, 0) == 1)
            #expect(try talk.segment(.ack, 1, 7, back: true) == 4)
            if let state {
                var entry = try #require(talk.table.entries.first)
                entry.tcpState = state
                talk.table.update(entry)
            }
            #expect(try talk.segment(.rst, 6) == mark)
        }
    }

    /// The same: what was acknowledged before a SYN that was let through is of no use for its reset.
    @Test func aResetAfterASYNIsNotHeldAgainstWhatWasAcknowledgedBefore() throws {
        var talk = try Conversation()
        try talk.handshake()
        #expect(try talk.segment(.syn, 50) == 4)
        #expect(try talk.segment([.rst, .ack], 0, 51, back: true) == 4)
        #expect(talk.table.entries.first?.tcpState == .close)
    }

    @Test func aConnectionThatTheOtherEndResetIsNotBegunAnewByASYN() throws {
        var talk = try Conversation()
        try talk.handshake()
        #expect(try talk.segment([.rst, .ack], 1, 1, back: true) == 4)
        #expect(try talk.segment(.syn, 50) == 4)
        #expect(try talk.segment(.rst, 1) == 4)
        #expect(try talk.segment(.syn, 60) == 1)
    }

    /// Verification tags count: the one of INIT is the receiver's to use.
    @Test func anAssociationKeepsItsTags() throws {
        func chunk(_ kind: UInt8, tag: UInt8, own: UInt8 = 0) -> [UInt8] {
            [0, 0, 0, tag, 0, 0, 0, 0, kind, 0, 0, 20, 0, 0, 0, own] + [UInt8](repeating: 0, count: 12)
        }
        var talk = try Conversation()
        #expect(try talk.send(.sctp, back: false, chunk(1, tag: 0, own: 7)) == 1)
        #expect(try talk.send(.sctp, back: true, chunk(2, tag: 8, own: 9)) == 2)
        #expect(try talk.send(.sctp, back: true, chunk(2, tag: 7, own: 9)) == 4)
        #expect(try talk.send(.sctp, back: false, chunk(10, tag: 9)) == 4)
        #expect(try talk.send(.sctp, back: true, chunk(11, tag: 7)) == 4)
        #expect(talk.table.entries.first?.sctp?.state == .established)
        #expect(talk.table.entries.first?.status.contains(.assured) == true)
        #expect(try talk.send(.sctp, back: false, chunk(0, tag: 7)) == 2)
        #expect(try talk.send(.sctp, back: false, chunk(7, tag: 9)) == 4)
        #expect(talk.table.entries.first?.sctp?.state == .shutdownSent)
    }

    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_packet`, which counts a packet last of all.
    @Test func whatIsLetThroughAlthoughItDoesNotFitIsNotCounted() throws {
        let rules = Self.rules.replacing(
            "COMMIT",
            with: "-A PREROUTING -m connbytes --connbytes 2:9 --connbytes-mode packets --connbytes-dir reply -j MARK "
                + "--set-mark 0x9\nCOMMIT")
        var flow = try Conversation(rules: rules)
        try flow.handshake()
        #expect(try flow.segment([.syn, .ack], 0, 1, back: true) == 4)
        #expect(try flow.segment(.ack, 1, 1, back: true) == 9)
    }
}
