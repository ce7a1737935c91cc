import NetTypes
import PacketPath
import PathModel
import RuleModel
import Testing

/// `-m realm`. Every case was observed on Linux 6.18 with these routes.
@Suite struct RealmTests {
    static let routes = """
        10.0.0.0/24 dev wan0 proto kernel scope link src 10.0.0.1
        10.1.0.0/24 dev dm0 proto kernel scope link src 10.1.0.1
        10.2.0.0/16 via 10.1.0.9 dev dm0 realm 5
        10.3.0.0/16 via 10.1.0.9 dev dm0 realms 7/6
        10.5.0.0/16 via 10.1.0.9 dev dm0
        10.6.0.0/16 via 10.1.0.9 dev dm0 realm office
        10.7.0.0/24 via 10.0.0.2 dev wan0 realm 3
        local 10.0.0.1 dev wan0 table local proto kernel scope host src 10.0.0.1
        local 10.1.0.1 dev dm0 table local proto kernel scope host src 10.1.0.1

        """
    static let addresses = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            inet 127.0.0.1/8 scope host lo
               valid_lft forever preferred_lft forever
        2: wan0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
            inet 10.0.0.1/24 scope global wan0
               valid_lft forever preferred_lft forever
        3: dm0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
            inet 10.1.0.1/24 scope global dm0
               valid_lft forever preferred_lft forever

        """
    static let rules = """
        0:\tfrom all lookup local
        32765:\tfrom 10.0.0.2 to 10.5.0.0/16 lookup main realms 9
        32766:\tfrom all lookup main
        32767:\tfrom all lookup default

        """

    static let cases: [(from: String, to: String, hook: String, tag: UInt32?)] = [
        ("10.0.0.2", "10.2.0.1", "FORWARD", 5),
        ("10.7.0.2", "10.2.0.1", "FORWARD", 0x0003_0005),
        ("10.0.0.2", "10.3.0.1", "FORWARD", 0x0007_0006),
        ("10.7.0.2", "10.3.0.1", "FORWARD", 0x0007_0006),
        ("10.0.0.2", "10.5.0.1", "FORWARD", 9),
        ("10.7.0.2", "10.0.0.1", "INPUT", 0x0003_0000),
        ("10.0.0.2", "10.0.0.1", "INPUT", 0),
        ("10.1.0.1", "10.2.0.9", "OUTPUT", 5),
        // A name whose number its host alone knows.
        ("10.0.0.2", "10.6.0.1", "FORWARD", nil),
    ]

    @Test(arguments: cases) func theTagOfTheRouteIsCompared(
        _ row: (from: String, to: String, hook: String, tag: UInt32?)
    ) throws {
        for asked: UInt32 in [0, 3, 5, 6, 9, 0x0003_0000, 0x0003_0005, 0x0007_0006] {
            let world = try World(
                "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                    + "-A \(row.hook) -m realm --realm \(asked) -j DROP\nCOMMIT\n", Self.addresses, Self.routes,
                Self.rules, "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 0\n")
            let trace = world.trace(
                try world.packet(row.from, row.to, .udp), in: row.hook == "OUTPUT" ? nil : "wan0")
            if let tag = row.tag {
                #expect((trace.outcome == .dropped) == (tag == asked), "\(asked)")
                #expect(trace.branches.isEmpty)
            } else {
                #expect(trace.outcome == .undecided)
            }
        }
    }

    /// The same as `ip -j` prints them.
    @Test func realmsInJSON() throws {
        let world = try World(
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m realm --realm 0x70006 -j DROP\nCOMMIT\n",
            #"[{"dst":"10.3.0.0/16","gateway":"10.1.0.9","dev":"dm0","flags":[],"flow":{"from":"7","to":"6"}},{"dst":"10.0.0.0/24","dev":"wan0","protocol":"kernel","scope":"link","prefsrc":"10.0.0.1","flags":[]}]"#,
            #"[{"priority":0,"src":"all","table":"local"},{"priority":32765,"src":"10.0.0.2","dst":"10.5.0.0","dstlen":16,"table":"main","flow_to":"9"}]"#
        )
        #expect(world.model.host.routes.first?.nextHops.first?.realm == 0x0007_0006)
        #expect(world.model.host.routingRulesV4?.map(\.realm) == [0, 9])
    }
}
