import NetTypes
import Testing

@Suite struct ValueTests {
    @Test(
        "protocols are read by number and by name in either case",
        arguments: [
            ("tcp", 6), ("TCP", 6), ("udp", 17), ("icmp", 1), ("ipv6-icmp", 58), ("icmpv6", 58), ("icmp6", 58),
            ("esp", 50), ("47", 47), ("0", 0), ("255", 255), ("256", nil), ("-1", nil), ("", nil), ("nope", nil),
            ("vrrp", 112), ("ospf", 89), ("mh", 135), ("ipencap", 4), ("ipip", 94),
        ] as [(String, UInt8?)])
    func protocols(text: String, number: UInt8?) { #expect(IPProtocol(text)?.rawValue == number) }

    @Test func everyNameOfAProtocolReadsBack() {
        for number in UInt8.min...UInt8.max {
            guard let name = IPProtocol(number).name else { continue }
            #expect(IPProtocol(name)?.rawValue == number, "\(name)")
        }
    }

    @Test func marksCompareUnderTheirMask() {
        #expect(MaskedWord(0x10, mask: 0xf0).matches(0x1f))
        #expect(!MaskedWord(0x10, mask: 0xf0).matches(0x2f))
        // A value with bits outside its mask holds for no mark. Source: net/netfilter/xt_mark.c.
        #expect(!MaskedWord(0x11, mask: 0xf0).matches(0x11))
        #expect(MaskedWord(0x5).matches(5))
    }

    @Test func xmarkClearsThenFlips() {
        #expect(MaskedWord(0x4000, mask: 0x4000).applied(to: 0x4001) == 0x4001)
        #expect(MaskedWord(0x4000, mask: 0).applied(to: 0x4001) == 0x0001)
        #expect(MaskedWord(0, mask: 0xffff).applied(to: 0x1_2345) == 0x1_0000)
    }

    @Test func numberRangesHoldBothEnds() {
        #expect(PortRange(80, 90).contains(80) && PortRange(80, 90).contains(90))
        #expect(!PortRange(80, 90).contains(79) && !PortRange(80, 90).contains(91))
        #expect(!PortRange(90, 80).contains(85))
        #expect(PortRange.all.isAll && PortRange(5).isSingle)
    }

    @Test(
        "MAC addresses are six bytes",
        arguments: [
            ("00:11:22:33:44:55", "00:11:22:33:44:55"), ("AA:bb:Cc:00:0a:FF", "aa:bb:cc:00:0a:ff"),
            ("00:11:22:33:44", nil), ("00-11-22-33-44-55", nil), ("0:11:22:33:44:555", nil), ("gg:11:22:33:44:55", nil),
            ("", nil),
        ] as [(String, String?)])
    func hardwareAddresses(text: String, expected: String?) {
        let bytes = Array(text.utf8)
        #expect(MACAddress(bytes.span)?.description == expected)
    }

    @Test func negationIsAValue() {
        #expect(Negatable(5, isNegated: true) == .not(5))
        #expect(Negatable<Int>.not(5).value == 5)
        #expect(Negatable<Int>.is(5).isNegated == false)
    }

    @Test func aPacketKnowsItsFragmentsAndItsDSCP() throws {
        var packet = Packet(
            source: try #require(IPAddress("10.0.0.1")), destination: try #require(IPAddress("10.0.0.2")),
            protocol: .tcp)
        #expect(!packet.isFragment && packet.version == .v4)
        packet.tos = 0b1011_1001
        #expect(packet.dscp == 46)
        packet.dscp = 10
        #expect(packet.tos == 0b0010_1001)
        packet.moreFragments = true
        #expect(packet.isFragment)
    }
}
