import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// `-m set`. Answers for the sets named `observed` were so on Linux 6.18 with the same sets and packets.
@Suite struct SetMatchTests {
    /// The sets, as `ipset save` prints them.
    static let dump = """
        create ni hash:net,iface family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x946426ba
        add ni 10.0.0.0/8,eth1
        add ni 10.0.0.0/24,eth0
        add ni 172.16.0.0/16,eth1
        add ni 172.16.0.0/12,physdev:eth1
        add ni 192.168.0.0/16,e
        create ni2 hash:net,iface family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x73644ccc
        add ni2 192.168.0.0/16,e wildcard
        create n hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x597f6ce4
        add n 10.1.1.0/24
        add n 10.1.0.0/16 nomatch
        add n 10.0.0.0/8
        create npn hash:ip,port,net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x720eece5
        add npn 10.0.0.1,udp:9,10.0.0.0/8
        add npn 10.0.0.1,udp:9,10.9.0.0/16 nomatch
        create ip24 hash:ip family inet hashsize 1024 maxelem 65536 netmask 24 bucketsize 12 initval 0x2bef38b9
        add ip24 10.5.5.0
        create bm bitmap:ip range 10.6.0.0-10.6.255.255 netmask 24
        add bm 10.6.7.0
        create bp bitmap:port range 1-100
        add bp 9
        create hp hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x0f0dba8e
        add hp 10.0.0.3,icmp:echo-request
        add hp 10.0.0.4,udp:9
        add hp 10.0.0.1,gre:0
        add hp 10.0.0.2,tcp:9
        create cnt hash:net family inet hashsize 1024 maxelem 65536 counters bucketsize 12 initval 0x5cb4f979
        add cnt 10.0.0.0/8 packets 5 bytes 500
        add cnt 10.0.0.0/16 packets 1 bytes 10
        create im bitmap:ip,mac range 10.7.0.0-10.7.0.255
        add im 10.7.0.1
        add im 10.7.0.2,02:00:00:00:01:07
        add im 10.7.0.3,02:00:00:00:00:0A
        add im 10.7.0.4,02:00:00:00:00:02
        create six hash:net family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0x5cb4f979
        add six 2001:db8:2::/48
        create pip hash:ip,port,ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x0f0dba8e
        add pip 198.51.100.7,tcp:80,203.0.113.9
        create np hash:net,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x0f0dba8e
        add np 198.51.0.0/16,tcp:80
        add np 198.51.100.0/24,tcp:80 nomatch
        add np 198.51.0.0/16,tcp:40000
        create nn hash:net,net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x0f0dba8e
        add nn 198.51.100.0/24,203.0.0.0/8
        add nn 198.51.0.0/16,203.0.113.0/24 nomatch
        create nxn hash:net,port,net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x0f0dba8e
        add nxn 198.51.0.0/16,tcp:80,203.0.0.0/8
        create mk hash:ip,mark family inet markmask 0x000000ff hashsize 1024 maxelem 65536
        add mk 198.51.100.7,0x00000005
        create hm hash:mac hashsize 1024 maxelem 65536 bucketsize 12 initval 0x0f0dba8e
        add hm 02:00:00:00:01:07
        create him hash:ip,mac family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x0f0dba8e
        add him 198.51.100.7,02:00:00:00:01:07
        create hip hash:ip family inet hashsize 1024 maxelem 65536 timeout 60 bucketsize 12 initval 0x0f0dba8e
        add hip 198.51.100.7 timeout 5
        add hip 198.51.100.8 timeout 0
        create ls list:set size 8
        add ls n
        add ls hp
        create lc list:set size 8 counters
        add lc hip packets 3 bytes 30

        """

    struct Case: Sendable, CustomTestStringConvertible {
        var source: String
        var conditions: String
        var expected: String
        var adjust: @Sendable (inout MatchLab) -> Void

        init(
            _ source: String, _ conditions: String, _ expected: String,
            _ adjust: @escaping @Sendable (inout MatchLab) -> Void = { _ in }
        ) {
            self.source = source
            self.conditions = conditions
            self.expected = expected
            self.adjust = adjust
        }

        var testDescription: String { "\(source) \(conditions)" }
    }

    /// UDP from port 1 to 10.0.0.1:9, come in by eth1, with the source that each row names. Observed.
    static let observed: [Case] = [
        // The interfaces of the longest prefix decide, whatever shorter ones have.
        Case("10.0.0.9", "ni src,src", "no"), Case("10.3.0.9", "ni src,src", "yes"),
        Case("10.0.0.9", "ni src,src", "yes") { $0.state.context.inInterface = $0.interface("eth0") },
        Case("10.3.0.9", "ni src,src", "no") { $0.state.context.inInterface = $0.interface("eth0") },
        Case("172.16.0.9", "ni src,src", "yes"), Case("172.17.0.9", "ni src,src", "no"),
        Case("192.168.0.9", "ni src,src", "no"), Case("192.168.0.9", "ni2 src,src", "yes"),
        Case("10.0.0.9", "n src", "yes"), Case("10.1.0.9", "n src", "no"), Case("10.1.1.9", "n src", "yes"),
        Case("10.1.0.9", "n src --return-nomatch", "yes"), Case("10.0.0.9", "n src --return-nomatch", "no"),
        Case("172.16.0.9", "n src --return-nomatch", "no"),
        Case("10.0.0.9", "npn dst,dst,src", "yes"), Case("10.9.1.9", "npn dst,dst,src", "no"),
        Case("10.5.5.99", "ip24 src", "yes"), Case("10.6.7.99", "bm src", "yes"), Case("10.6.8.99", "bm src", "no"),
        Case("10.0.0.9", "bp dst", "yes"), Case("10.0.0.9", "bp src", "no"), Case("10.0.0.9", "bp dst,dst", "yes"),
        Case("10.0.0.9", "bp dst", "no") { $0.packet.destinationPort = 101 },
        Case("10.0.0.9", "bp dst", "no") { $0.packet.protocol = .dccp },
        Case("10.0.0.4", "hp src,dst", "yes"), Case("10.0.0.4", "hp src", "no"), Case("10.0.0.5", "hp src,dst", "no"),
        Case("10.0.0.4", "hp src,dst", "no") { $0.packet.fragmentOffset = 10 },
        Case("10.0.0.1", "hp src,dst", "yes") { $0.packet.protocol = .gre },
        Case("10.0.0.1", "hp src,dst", "yes") {
            $0.packet.protocol = .gre
            $0.packet.fragmentOffset = 10
        },
        Case("10.0.0.3", "hp src,dst", "yes") { $0.echo() },
        Case("10.0.0.2", "hp src,dst", "yes") { $0.packet.protocol = .tcp },
        Case("10.0.0.2", "hp src,dst", "no"),
        Case("10.0.0.4", "ls src", "yes"), Case("10.1.0.9", "ls src,dst", "no"),
        Case("10.1.0.9", "ls src,dst --return-nomatch", "yes"),
        Case("10.0.0.1", "ls src,dst --return-nomatch", "yes") { $0.packet.protocol = .gre },
        // The packet is counted before its element's counters are asked, and a shorter prefix may have them.
        Case("10.0.0.9", "cnt src --packets-eq 2", "yes"), Case("10.0.0.9", "cnt src --packets-gt 5", "yes"),
        Case("10.0.0.9", "cnt src --packets-eq 3", "no"),
        Case("10.0.0.9", "cnt src ! --update-counters --packets-eq 1", "yes"),
        Case("10.7.0.1", "im src,src", "yes"), Case("10.7.0.2", "im src,src", "yes"),
        Case("10.7.0.4", "im src,dst", "yes"), Case("10.7.0.2", "im src,dst", "no"),
        // The frame's header is still there on the way out.
        Case("10.7.0.2", "im src,src", "yes") {
            $0.state.context.hook = .postrouting
            $0.state.context.inInterface = .none
        },
        Case("10.7.0.2", "im src,src", "no") { $0.state.isLocal = true },
        Case("10.7.0.3", "im src,src", "no"), Case("10.8.0.1", "im src,src", "no"),
    ]

    @Test(arguments: observed) func agreesWithTheKernel(_ row: Case) throws {
        var lab = try lab(row)
        lab.udp(9)
        lab.packet.sourcePort = 1
        lab.packet.source = try #require(IPAddress(row.source))
        lab.packet.destination = .v4(10, 0, 0, 1)
        row.adjust(&lab)
        #expect(lab.verdict == row.expected)
    }

    /// The lab's own packet. Source: the `…_kadt` functions of net/netfilter/ipset/ip_set_*.c.
    static let others: [Case] = [
        Case("", "pip src,dst,dst", "yes"), Case("", "pip src,dst,src", "no"), Case("", "pip src,src,dst", "no"),
        Case("", "np src,dst", "no"), Case("", "np src,src", "yes"),
        Case("", "nn src,dst", "yes"), Case("", "nn dst,src", "no"), Case("", "nxn src,dst,dst", "yes"),
        Case("", "nn src,dst", "no") { $0.packet.source = .v4(198, 51, 7, 7) },
        Case("", "mk src,src", "yes") { $0.packet.mark = 0xff05 },
        Case("", "mk src,src", "no") { $0.packet.mark = 0xff06 },
        Case("", "hm src", "yes"), Case("", "him src,src", "yes"), Case("", "him dst,src", "no"),
        Case("", "hm dst", "no"),
        Case("", "hm dst", "set@hm:203.0.113.9") {
            for index in $0.host.interfaces.indices { $0.host.interfaces[index].mac = nil }
        },
        // A frame for the bridge may have the address of another port. Source: net/bridge/br_input.c.
        Case("", "hm dst", "set@hm:203.0.113.9") { $0.state.inPort = $0.names.intern("port0") },
        Case("", "hip src", "yes"), Case("", "hip dst", "no"),
        // A set of the other version never matches: ip_set_core.c `ip_set_test`.
        Case("", "six src", "no"),
        Case("", "lc src --packets-eq 4", "yes"), Case("", "lc src --packets-eq 3", "no"),
        Case("", "gone src", "set@gone:198.51.100.7"),
        Case("", "n src", "set@n:198.51.100.7") { $0.packet.unknown = .source },
        Case("", "n src", "set@n:198.51.100.7") { lab in
            for index in lab.host.sets.indices { lab.host.sets[index].isIncomplete = true }
        },
        Case("", "n src", "set@n:198.51.100.7") {
            $0.host.sets = []
            $0.host.knowsSets = false
        },
        Case("", "ni src,src", "no") { $0.state.context.inInterface = .none },
        Case("", "ni dst,dst", "set@ni:203.0.113.9,?") { $0.state.context.outInterface = .unknown },
    ]

    @Test(arguments: others) func everyTypeOfSet(_ row: Case) throws {
        var lab = try lab(row)
        row.adjust(&lab)
        #expect(lab.verdict == row.expected)
    }

    @Test func aNegatedMatchOfASetThatCannotMatchHolds() throws {
        for conditions in ["-m set ! --match-set six src", "-m set ! --match-set hp src", "-m set ! --match-set n dst"]
        {
            let lab = try MatchLab(conditions, sets: Self.dump)
            #expect(lab.verdict == "yes", "\(conditions)")
        }
    }

    /// Source: net/netfilter/ipset/ip_set_getport.c `ip_set_get_ip6_port`; observed on Linux 6.18.
    @Test(arguments: [(12, "no"), (16, "no"), (24, "no"), (36, "yes")])
    func aPortIsLookedForBehindExtensionHeaders(_ row: (count: Int, expected: String)) throws {
        var lab = try MatchLab("-m set --match-set bp dst", version: .v6, sets: Self.dump)
        var packet = lab.packet
        packet.destinationPort = 9
        var bytes = packet.encoded()
        // 16 bytes of destination options before the segment.
        bytes.insert(contentsOf: [6, 1, 1, 12] + [UInt8](repeating: 0, count: 12), at: 40)
        (bytes[6], bytes[5]) = (60, UInt8(row.count))
        bytes.removeSubrange((40 + row.count)...)
        let decoded = Packet(decoding: bytes.span)
        lab.packet = try #require(decoded)
        lab.packet.bytes = bytes
        #expect(lab.verdict == row.expected)
    }

    @Test func anUnknownSetIsToldWhy() throws {
        guard case .perhaps(let unread) = try MatchLab("-m set --match-set gone src").answer else {
            Issue.record("certain")
            return
        }
        #expect(unread.whenYes == "set gone, which is not in the input, has the packet's src (198.51.100.7)")
        guard case .perhaps(let missing) = try MatchLab("-m set --match-set gone src", sets: Self.dump).answer else {
            Issue.record("certain")
            return
        }
        #expect(
            missing.whenNo
                == "set gone, which is not in the ipset dump, without which the kernel would refuse the rule, does not have the packet's src (198.51.100.7)"
        )
    }

    private func lab(_ row: Case) throws -> MatchLab {
        let words = row.conditions.split(separator: " ", maxSplits: 2).map(String.init)
        let rest = words.count > 2 ? " " + words[2] : ""
        return try MatchLab("-m set --match-set \(words[0]) \(words[1])\(rest)", sets: Self.dump)
    }

    /// That an element was found does not tell whether it is an exception: two rules ask two things.
    @Test func whatIsNotKnownOfExceptionsIsAnotherThingThanOfElements() throws {
        let plain = try MatchLab("-m set --match-set gone src").verdict
        #expect(plain == "set@gone:198.51.100.7")
        #expect(try MatchLab("-m set --match-set gone src --return-nomatch").verdict == plain + "!nomatch")
        #expect(try MatchLab("-m set --match-set gone src --packets-gt 3").verdict == plain + "!counted")
    }
}
