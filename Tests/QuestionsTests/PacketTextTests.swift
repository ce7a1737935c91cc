import NetTypes
import Questions
import RuleModel
import Testing

/// Lines as kernels, tcpdump and conntrack print them.
@Suite struct PacketTextTests {
    private func end(_ text: String) -> PacketEnd? { IPAddress(text).map { .address($0) } }

    @Test func ufwLine() throws {
        let packet = try readPacketText(
            "Oct 10 06:25:17 web kernel: [123456.789012] [UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:fe:08:00 SRC=198.51.100.7 DST=192.0.2.1 LEN=60 TOS=0x08 PREC=0x40 TTL=52 ID=54321 DF PROTO=TCP SPT=40123 DPT=22 WINDOW=29200 RES=0x00 SYN URGP=0 MARK=0x1 "
        )
        #expect(packet.arrival == .interface("eth0"))
        #expect(packet.source == end("198.51.100.7"))
        #expect(packet.destination == end("192.0.2.1"))
        #expect(packet.protocol == .tcp)
        #expect(packet.sourcePort == 40123)
        #expect(packet.destinationPort == 22)
        #expect(packet.tcpFlags == .syn)
        #expect(packet.ttl == 52)
        #expect(packet.length == 60)
        #expect(packet.dscp == 0x48 >> 2)
        #expect(packet.mark == 1)
        #expect(packet.dontFragment == true)
        #expect(packet.mac?.description == "02:00:00:00:00:fe")
        #expect(packet.notes.isEmpty)
    }

    @Test func logOfAForwardedPacketTellsThatItMayBeChanged() throws {
        let packet = try readPacketText(
            "fw drop: IN=eth0 OUT=eth1 MAC= SRC=198.51.100.7 DST=10.0.0.8 LEN=40 TOS=0x00 PREC=0x00 TTL=51 ID=0 PROTO=TCP SPT=1 DPT=80 WINDOW=0 RES=0x00 ACK RST URGP=0"
        )
        #expect(packet.tcpFlags == [.ack, .rst])
        #expect(packet.notes.count == 1)
        #expect(packet.notes.first?.contains("OUT=eth1") == true)
    }

    @Test func logOfALocalPacket() throws {
        let packet = try readPacketText(
            "IN= OUT=eth0 SRC=192.0.2.1 DST=192.0.2.53 LEN=71 TOS=0x00 PREC=0x00 TTL=64 ID=1 DF PROTO=UDP SPT=40000 DPT=53 LEN=51 UID=1000 GID=1000"
        )
        #expect(packet.arrival == .host)
        #expect(packet.length == 71)
        #expect(packet.userID == 1000)
        #expect(packet.groupID == 1000)
    }

    @Test func logOfAnICMPErrorStopsAtTheQuotedPacket() throws {
        let packet = try readPacketText(
            "IN=eth0 OUT= MAC= SRC=10.0.0.1 DST=192.0.2.1 LEN=88 TOS=0x00 PREC=0xC0 TTL=63 ID=5 PROTO=ICMP TYPE=3 CODE=1 [SRC=192.0.2.1 DST=10.9.9.9 LEN=60 TOS=0x00 PREC=0x00 TTL=62 ID=6 DF PROTO=TCP SPT=1 DPT=2 WINDOW=1 RES=0x00 SYN URGP=0 ]"
        )
        #expect(packet.source == end("10.0.0.1"))
        #expect(packet.icmpType == .number(type: 3, code: 1))
        #expect(packet.sourcePort == nil)
        #expect(packet.length == 88)
    }

    @Test func logOfIPv6AndOfAFragment() throws {
        let packet = try readPacketText(
            "IN=eth0 OUT= MAC= SRC=2001:0db8:0000:0000:0000:0000:0000:0007 DST=2001:0db8:0000:0000:0000:0000:0000:0001 LEN=72 TC=0 HOPLIMIT=60 FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0 ID=7 SEQ=1"
        )
        #expect(packet.protocol == .icmpv6)
        #expect(packet.ttl == 60)
        #expect(packet.icmpIdentifier == 7)
        let fragment = try readPacketText(
            "IN=eth0 OUT= SRC=10.0.0.1 DST=10.0.0.2 LEN=1500 TOS=0x00 PREC=0x00 TTL=64 ID=9 MF FRAG:185 PROTO=UDP")
        #expect(fragment.fragmentOffset == 185)
        #expect(fragment.moreFragments == true)
    }

    @Test func tcpdumpLines() throws {
        let syn = try readPacketText(
            "12:00:00.123456 IP 10.244.1.5.40000 > 10.96.0.10.443: Flags [S], seq 1, win 64240, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0"
        )
        #expect(syn.source == end("10.244.1.5"))
        #expect(syn.sourcePort == 40000)
        #expect(syn.destinationPort == 443)
        #expect(syn.protocol == .tcp)
        #expect(syn.tcpFlags == .syn)
        #expect(syn.maximumSegmentSize == 1460)
        let answer = try readPacketText("IP6 2001:db8::1.443 > 2001:db8::7.40000: Flags [S.E], seq 1, ack 2, length 0")
        #expect(answer.tcpFlags == [.syn, .ack, .ece])
        #expect(answer.source == end("2001:db8::1"))
        let udp = try readPacketText("12:00:00.1 IP 10.0.0.1.5000 > 10.0.0.2.6000: UDP, length 20")
        #expect(udp.protocol == .udp)
        #expect(udp.notes.isEmpty)
        let dns = try readPacketText("12:00:00.1 IP 10.0.0.1.5000 > 10.0.0.2.53: 4660+ A? example.com. (29)")
        #expect(dns.protocol == .udp)
        #expect(dns.notes.count == 1)
        let none = try readPacketText("IP 10.0.0.1.1 > 10.0.0.2.2: Flags [none], seq 1, length 0")
        #expect(none.tcpFlags == [])
    }

    @Test func tcpdumpOnAnyInterface() throws {
        let packet = try readPacketText(
            "12:00:00.123456 eth0  In  IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64")
        #expect(packet.arrival == .interface("eth0"))
        #expect(packet.icmpType == .name("echo-request"))
        #expect(packet.icmpIdentifier == 7)
        let out = try readPacketText(
            "12:00:00.1 eth1  Out IP 10.0.0.1 > 10.0.0.2: ICMP echo reply, id 7, seq 1, length 64")
        #expect(out.arrival == nil)
        #expect(out.notes.first?.contains("leaving by eth1") == true)
    }

    @Test func tcpdumpWithLinkHeader() throws {
        let packet = try readPacketText(
            "12:00:00.1 02:00:00:00:00:fe > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 74: 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], seq 1, length 0"
        )
        #expect(packet.mac?.description == "02:00:00:00:00:fe")
        #expect(packet.source == end("10.0.0.1"))
        #expect(packet.destinationPort == 80)
    }

    @Test func tcpdumpWithHeaderFields() throws {
        let packet = try readPacketText(
            "12:00:00.1 IP (tos 0xb8, ttl 63, id 1, offset 0, flags [DF], proto TCP (6), length 60)\n    10.0.0.1.40000 > 10.0.0.2.80: Flags [S], cksum 0x1 (correct), seq 1, length 0"
        )
        #expect(packet.ttl == 63)
        #expect(packet.dscp == 46)
        #expect(packet.length == 60)
        #expect(packet.dontFragment == true)
        #expect(packet.fragmentOffset == nil)
        let six = try readPacketText(
            "12:00:00.1 IP6 (flowlabel 0x1, hlim 61, next-header UDP (17) payload length: 28) 2001:db8::1.5000 > 2001:db8::2.53: [udp sum ok] 1+ A? a. (20)"
        )
        #expect(six.ttl == 61)
        #expect(six.length == 68)
        #expect(six.protocol == .udp)
    }

    @Test(
        "reads protocols without ports from tcpdump",
        arguments: [
            ("IP 10.0.0.1 > 10.0.0.2: GREv0, length 88: IP 1.1.1.1 > 2.2.2.2: ICMP echo request", IPProtocol.gre),
            ("IP 10.0.0.1 > 10.0.0.2: ESP(spi=0x1,seq=0x1), length 100", .esp),
            ("IP 10.0.0.1 > 10.0.0.2: IP 10.244.0.1 > 10.244.1.1: ICMP echo request, id 1, seq 1, length 64", .ipip),
            ("IP 10.0.0.1 > 224.0.0.18: VRRPv2, Advertisement, vrid 1", IPProtocol(112)),
            ("IP 10.0.0.1 > 10.0.0.2:  ip-proto-99 20", IPProtocol(99)),
        ])
    func otherProtocols(_ text: String, _ expected: IPProtocol) throws {
        #expect(try readPacketText(text).protocol == expected)
    }

    @Test func conntrackLine() throws {
        let packet = try readPacketText(
            "tcp      6 431999 ESTABLISHED src=10.244.1.5 dst=10.96.0.10 sport=40000 dport=53 src=10.244.2.7 dst=10.244.1.5 sport=53 dport=40000 [ASSURED] mark=16384 use=1"
        )
        #expect(packet.source == end("10.244.1.5"))
        #expect(packet.destination == end("10.96.0.10"))
        #expect(packet.destinationPort == 53)
        #expect(packet.tcpFlags == .ack)
        let entry = try #require(packet.connection)
        #expect(entry.reply.source == IPAddress("10.244.2.7"))
        #expect(entry.reply.destinationPort == 40000)
        #expect(entry.mark == 16384)
        #expect(entry.status.contains(.assured))
        #expect(entry.status.contains(.seenReply))
    }

    @Test func conntrackLinesOfOtherForms() throws {
        let unreplied = try readPacketText(
            "ipv4     2 udp      17 29 src=10.0.0.1 dst=10.0.0.2 sport=5000 dport=53 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=53 dport=5000 mark=0 zone=3 use=1"
        )
        #expect(unreplied.protocol == .udp)
        #expect(unreplied.connection?.status.contains(.seenReply) == false)
        #expect(unreplied.connection?.zone == 3)
        let ping = try readPacketText(
            "icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 mark=0 use=1"
        )
        #expect(ping.icmpType == .number(type: 8, code: 0))
        #expect(ping.connection?.original.sourcePort == 77)
        let gre = try readPacketText("unknown  47 597 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1 mark=0 use=1")
        #expect(gre.protocol == .gre)
    }

    @Test func jsonObject() throws {
        let packet = try readPacketText("{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\"}")
        #expect(packet.source == end("10.0.0.1"))
    }

    @Test(
        "tells why a text can't be read",
        arguments: [
            ("", "no text"), ("hello world", "can't tell what this is"),
            ("IN=eth0 OUT= SRC=1.2.3 DST=10.0.0.1 PROTO=TCP", "'1.2.3' is not an address"),
            ("IN=eth0 OUT= SRC=10.0.0.2 DST=10.0.0.1", "no PROTO="),
            ("IP web.example.80 > 10.0.0.1.5: Flags [S]", "tcpdump -n prints numbers"),
            ("IP 10.0.0.1.1 > 10.0.0.2.2: Flags [Z]", "a TCP flag that is not known"),
            ("IP 10.0.0.1 > 10.0.0.2: what", "does not tell the protocol"),
            ("IP 10.0.0.1 > 10.0.0.2: ICMP type-99, length 8", "is not known here"),
            ("tcp 6 src=10.0.0.1 dst=10.0.0.2", "src= and dst= twice"),
            ("tcp six src=10.0.0.1 dst=10.0.0.2 x", "begins with a protocol's name"),
            ("tcp 6 9 X src=10.0.0.1 dst=10.0.0.2 sport=70000 dport=1 src=10.0.0.2 dst=10.0.0.1", "'70000' is not"),
        ])
    func refuses(_ text: String, _ message: String) {
        #expect {
            _ = try readPacketText(text)
        } throws: { error in
            guard let failure = error as? PacketFailure else { return false }
            return failure.message.contains(message)
        }
    }
}
