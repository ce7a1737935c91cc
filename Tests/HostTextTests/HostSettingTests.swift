import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

/// What little-used settings look like in the outputs of tools. Observed with iproute2 6.1 and conntrack 1.4.7 on Linux 6.18.
@Suite struct HostSettingTests {
    @Test func routesThatBeginWithTheNumberOfTheirTypeAreRead() {
        let read = Read(
            """
            1 default via 10.0.2.14 dev eth2 proto 3
            10.0.0.0/24 dev eth0 proto 2 scope 253 src 10.0.0.1
            2 10.0.0.1 dev eth0 table 255 proto 2 scope 254 src 10.0.0.1
            3 10.0.0.255 dev eth0 table 255 proto 2 scope 253 src 10.0.0.1
            7 10.9.0.0/16 metric 9

            """)
        #expect(read.complaints.isEmpty)
        #expect(read.host.routes.map { $0.type } == [.unicast, .unicast, .local, .broadcast, .unreachable])
        #expect(read.host.routes.map { $0.table } == [254, 254, 255, 255, 254])
        let six = Read("7 2001:db8:fff0::/48 dev lo metric 1024 pref medium\n2 ::1 dev lo table 255 proto 2\n")
        #expect(six.complaints.isEmpty)
        #expect(six.host.routes.map { $0.type } == [.unreachable, .local])
    }

    @Test func aSettingMayBeWrittenWithAColon() {
        let read = Read("net.ipv4.ip_forward: 0\nnet.ipv4.conf.all.rp_filter: 1\n")
        #expect(read.complaints.isEmpty)
        #expect(read.host.sysctls == ["net.ipv4.ip_forward": "0", "net.ipv4.conf.all.rp_filter": "1"])
    }

    @Test func rulesMayAskForAProtocolByNumberAndPassOverAGroup() {
        let text = Read(
            """
            0:\tfrom all lookup local
            77:\tfrom all ipproto ipproto-200 lookup 5
            78:\tfrom all lookup 5 suppress_ifgroup 6
            32766:\tfrom all lookup main

            """)
        let json = Read(
            """
            [{"priority":0,"src":"all","table":"local"},{"priority":77,"src":"all","ipproto":"ipproto-200","table":"5"},\
            {"priority":78,"src":"all","table":"5","suppress_ifgroup":"6"},{"priority":32766,"src":"all","table":"main"}]

            """, path: "ip-rule.json")
        for read in [text, json] {
            #expect(read.complaints.isEmpty)
            let rules = read.host.routingRulesV4 ?? []
            #expect(rules.count == 4)
            #expect(rules.map { $0.protocol?.rawValue } == [nil, 200, nil, nil])
            #expect(rules.map { $0.suppressedGroup } == [nil, nil, 6, nil])
        }
    }

    @Test func labelsOfAddressesAreRead() throws {
        let read = Read("prefix ::1/128 label 0 \nprefix 2001:db8:99::/48 dev eth0 label 99 \nprefix ::/0 label 1 \n")
        let labels = try #require(read.host.addressLabels)
        #expect(read.complaints.isEmpty)
        #expect(labels.map { "\($0.prefix)" } == ["::1/128", "2001:db8:99::/48", "::/0"])
        #expect(labels.map { $0.label } == [0, 99, 1])
        #expect(labels.map { read.name($0.interface) } == [nil, "eth0", nil])
    }

    @Test(arguments: [("accept", 0), ("block", 1)]) func policiesForAllThatHasNoneAreRead(
        _ action: String, _ count: Int
    ) {
        let read = Read("Default policies:\n in:  accept\n fwd: \(action)\n out: accept\n")
        #expect(read.complaints.isEmpty)
        #expect(read.host.otherDeciders.map { $0.kind } == Array(repeating: .xfrm, count: count))
        #expect(read.host.otherDeciders.map { $0.evidence } == Array(repeating: "fwd: block", count: count))
    }

    /// Flags of bridges' ports, and whether a VXLAN's packets may be fragmented.
    @Test func whatALinkIsSentAndHowItSendsIsRead() {
        let text = Read(
            """
            5: p@q: <BROADCAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master br0 state UP mode DEFAULT group default
                link/ether 0e:5f:d5:1c:33:a1 brd ff:ff:ff:ff:ff:ff promiscuity 1
                veth
                bridge_slave state forwarding priority 32 cost 2 hairpin off guard off root_block off fastleave off learning on flood off port_id 0x8001 mcast_router 1 mcast_fast_leave off mcast_flood off bcast_flood off
            6: vx0: <BROADCAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP mode DEFAULT group default
                link/ether 0e:5f:d5:1c:33:a2 brd ff:ff:ff:ff:ff:ff promiscuity 0
                vxlan id 4096 local 192.0.2.1 srcport 0 0 dstport 4789 ttl auto ageing 300 df set udpcsum

            """)
        let json = Read(
            """
            [{"ifindex":5,"link":"q","ifname":"p","flags":["UP"],"mtu":1500,"link_type":"ether","linkinfo":{"info_kind":"veth",\
            "info_slave_kind":"bridge","info_slave_data":{"state":"forwarding","flood":false,"mcast_flood":false,\
            "bcast_flood":false}}},{"ifindex":6,"ifname":"vx0","flags":["UP"],"mtu":1450,"link_type":"ether","linkinfo":\
            {"info_kind":"vxlan","info_data":{"id":4096,"local":"192.0.2.1","port":4789,"df":"set"}}}]

            """)
        for read in [text, json] {
            #expect(read.complaints.isEmpty)
            let port = read.interface("p")
            #expect([port?.takesUnknown, port?.takesMulticast, port?.takesBroadcast] == [false, false, false])
            #expect(read.name(port?.link) == "q")
            #expect(read.interface("vx0")?.tunnel?.fragmenting == .forbidden)
            #expect(read.interface("vx0")?.takesUnknown == true)
        }
    }
}
