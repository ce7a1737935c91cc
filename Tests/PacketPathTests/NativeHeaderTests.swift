import NetTypes
import RuleModel
import Testing

@testable import PacketPath

/// What nft puts before a native rule, and what native rules write into headers. Observed on Linux 6.18 with nft 1.0.6.
@Suite struct NativeHeaderTests {
    private func mark(_ rules: String, _ packet: Packet) throws -> UInt32? {
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook forward priority 0; \(rules) } }")
        return world.trace(packet).last?.packet.mark
    }

    /// `nft --debug=netlink`: `meta nfproto ipv6` comes first, unless a statement before has asked for the version already.
    @Test(arguments: [
        ("meta mark set 1 exthdr dst missing", UInt32(0)), ("meta mark set 1 ip option rr exists", 1),
        ("meta mark set 1 ip6 saddr ::1 exthdr dst missing", 1),
        ("meta mark set 1 meta nfproto ipv6 exthdr dst exists", 1),
        ("meta mark set 1 meta nfproto { ipv6 } frag id 5", 1), ("meta mark set 1 meta protocol ip6 rt type 0", 0),
        ("meta mark set 1 ct l3proto ipv6 hbh nexthdr 6", 1),
        ("meta mark set 1 icmpv6 type echo-request exthdr dst exists", 1),
        ("meta mark set 1 meta nfproto != ipv6 exthdr dst exists", 0),
        ("meta mark set 1 ip6 hoplimit set 5 frag id 5", 1),
        ("meta mark set 1 reject with icmpv6 type no-route", 0), ("meta mark set 1 reject with tcp reset", 0),
        ("meta mark set 1 meta l4proto tcp reject with tcp reset", 1),
        ("meta mark set 1 th dport 80 reject with tcp reset", 0),
        ("meta mark set 1 tcp option timestamp exists", 1), ("meta mark set 1 ip6 saddr ::1", 1),
    ])
    func whatNeedsAHeaderAsksForItsProtocolFirst(_ rule: String, _ expected: UInt32) throws {
        #expect(try mark(rule, NativeWorld.packet(.udp)) == expected)
    }

    /// From 198.51.100.7 to 203.0.113.9, port 80, of 8 bytes, from `offset` on, in units of 8.
    private func datagram(checksum: UInt16, offset: UInt8 = 0) throws -> Packet {
        var bytes: [UInt8] = [0x45, 0, 0, 36, 0, 1, 0, offset, 64, 17, 0, 0]
        bytes += NativeWorld.packet().source.bytes + NativeWorld.packet().destination.bytes
        bytes += [0x9c, 0x40, 0, 80, 0, 16, UInt8(checksum >> 8), UInt8(checksum & 255)]
        bytes += [UInt8](repeating: 0x2e, count: 8)
        let decoded = Packet(decoding: bytes.span)
        var packet = try #require(decoded)
        packet.bytes = checksum == 0 ? bytes : packet.encoded()
        return packet
    }

    /// Source: net/netfilter/nft_payload.c `nft_payload_csum_inet`: 0 is taken for a checksum, and no right one comes of it.
    @Test(arguments: [(UInt16(0), ConnectionStates.invalid), (1, .new)])
    func aWriteIntoADatagramWithoutAChecksumGivesItAWrongOne(_ checksum: UInt16, _ state: ConnectionStates) throws {
        let world = try NativeWorld(
            """
            table inet t {
                chain a { type filter hook prerouting priority -300; udp dport set 8080; }
                chain b { type filter hook forward priority 0; ct state new; }
            }
            """)
        let trace = world.trace(try datagram(checksum: checksum))
        #expect(trace.last?.packet.destinationPort == 8080)
        let states = trace.steps.compactMap { step -> ConnectionStates? in
            if case .conntrack(let states, _, _) = step.kind { return states }
            return nil
        }
        #expect(states == [state])
    }

    /// Source: net/netfilter/nft_payload.c `nft_payload_set_eval`.
    @Test func nothingIsWrittenIntoALaterFragment() throws {
        let world = try NativeWorld(
            "table inet t { chain a { type filter hook prerouting priority -450; udp dport set 8080 meta mark set 1; }; }"
        )
        #expect(world.trace(try datagram(checksum: 1, offset: 2)).last?.packet.mark == 0)
        #expect(world.trace(try datagram(checksum: 1)).last?.packet.mark == 1)
    }

    /// Source: include/linux/skbuff.h `skb_csum_unnecessary`: what conntrack has found right is not summed up again, but a
    /// datagram without a checksum was not.
    @Test(arguments: [(UInt16(0), false), (1, true)])
    func rejectAnswersWhatConntrackFoundRight(_ checksum: UInt16, _ isAnswered: Bool) throws {
        let world = try NativeWorld(
            """
            table inet t {
                chain a { type filter hook prerouting priority 0; udp dport set 8080; @th,64,16 set 0x1234; }
                chain b { type filter hook forward priority 0; ct state new reject; }
            }
            """)
        #expect(world.trace(try datagram(checksum: checksum)).answer.isEmpty == !isAnswered)
    }

    /// A size that is known leaves the other options known. Source: net/netfilter/nft_rt.c `get_tcpmss`.
    @Test func theRoutesSizeIsKnown() throws {
        var packet = NativeWorld.packet()
        packet.maximumSegmentSize = 9000
        let world = try NativeWorld.forward("tcp flags syn tcp option maxseg size set rt mtu")
        let trace = world.trace(packet)
        #expect(trace.last?.packet.maximumSegmentSize == 1460)
        #expect(trace.last?.packet.unknown.contains(.tcpOptions) == false)
    }

    /// The MTU of lo is more than 16 bits hold: net/netfilter/nft_rt.c `get_tcpmss`; observed on Linux 6.18.
    @Test(arguments: [("2001:db8:1::1", 536), ("192.0.2.1", 65495)])
    func overLoIPv6HasTCPsLeastSize(_ address: String, _ size: UInt16) throws {
        let world = try World(
            "table inet t {\n\tchain o {\n\t\ttype filter hook output priority 0; policy accept;\n\t\ttcp option maxseg size set rt mtu\n\t}\n}\n",
            routerAddresses)
        var packet = try world.packet(address, address)
        packet.maximumSegmentSize = 65500
        let trace = world.trace(packet, in: nil)
        #expect(trace.last?.packet.maximumSegmentSize == size)
    }
}
