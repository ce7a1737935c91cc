import NetTypes
import RuleModel
import Snapshot
import SourceText
import Testing

@testable import KernelLab

/// The commands that make a snapshot's node again.
@Suite struct NodeCommandTests {
    private func node(_ text: String) throws -> NodeState {
        try readSnapshot(files: [SourceFile(path: "node", text: "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n" + text)])
    }

    private static let links = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0
            inet 127.0.0.1/8 scope host lo
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc fq state UP group 7 qlen 1000
            link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0
            inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0
            inet6 2001:db8::2/64 scope global
            inet6 2001:db8::1/64 scope global
        3: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff promiscuity 0
            bridge forward_delay 1500 hello_time 200
        4: p1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq master br0 state UP group default qlen 1000
            link/ether 02:00:00:00:00:04 brd ff:ff:ff:ff:ff:ff promiscuity 0
        5: tunl0@NONE: <NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN group default qlen 1000
            link/ipip 0.0.0.0 brd 0.0.0.0 promiscuity 0
            inet 10.9.0.1/32 scope global tunl0
        6: v4: <BROADCAST,MULTICAST> mtu 1450 qdisc noqueue state DOWN group default qlen 1000
            link/ether 02:00:00:00:00:06 brd ff:ff:ff:ff:ff:ff promiscuity 0
            vxlan id 4096 local 192.0.2.1 dev eth0 srcport 0 0 dstport 4789 nolearning ttl auto

        """

    private static let routes = """
        default via 192.0.2.254 dev eth0 proto static metric 100
        192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1
        10.8.0.0/16 dev eth0 table 100 scope link mtu 1300
        blackhole 10.7.0.0/16
        10.6.0.0/16 proto static
        \tnexthop via 192.0.2.7 dev eth0 weight 2
        \tnexthop via 192.0.2.8 dev eth0 weight 1
        local 192.0.2.1 dev eth0 table local proto kernel scope host src 192.0.2.1

        """

    @Test func interfacesBecomeTapsBridgesAndTunnels() throws {
        let node = try node(Self.links + Self.routes)
        let commands = LinkCommands(node.host, names: node.names)
        #expect(
            commands.taps == [
                TapPlan(name: "eth0", index: 2, isPlain: false, hasCarrier: true),
                TapPlan(name: "p1", index: 4, isPlain: false, hasCarrier: true),
                TapPlan(name: "tunl0", index: 5, isPlain: true, hasCarrier: true),
            ])
        #expect(
            commands.links == [
                "link set lo up", "link set eth0 mtu 1400 addrgenmode none", "link set eth0 group 7",
                "link set eth0 address 02:00:00:00:00:01",
                "link set br0 mtu 1500 addrgenmode none", "link set br0 address 02:00:00:00:00:03",
                "link set p1 mtu 1500 addrgenmode none", "link set p1 address 02:00:00:00:00:04",
                "link set tunl0 mtu 1480",
                "link add v4 index 6 type vxlan id 4096 local 192.0.2.1 dev eth0 dstport 4789 nolearning",
                "link set v4 mtu 1450 addrgenmode none", "link set v4 address 02:00:00:00:00:06",
                "link set p1 master br0", "link set p1 type bridge_slave learning off",
            ])
        #expect(commands.bridges == ["p1": "br0"])
        // As their indices say: `inet_select_addr` asks them so.
        #expect(commands.devices.count == 4)
        #expect(commands.devices[1] == .line("link add br0 index 3 type bridge stp_state 0 mcast_snooping 0"))
    }

    /// The kernel lists IPv6 addresses newest first; and routes come from the snapshot, not with the addresses.
    @Test func addressesComeInTheirOrderAndWithoutRoutes() throws {
        let node = try node(Self.links + Self.routes)
        #expect(
            LinkCommands(node.host, names: node.names).addresses.prefix(3) == [
                "address add 192.0.2.1/24 brd 192.0.2.255 dev eth0 scope 0 noprefixroute",
                "address add 2001:db8::1/64 dev eth0 scope 0 nodad",
                "address add 2001:db8::2/64 dev eth0 scope 0 nodad",
            ])
        #expect(!LinkCommands(node.host, names: node.names).addresses.contains("link set v4 up"))
    }

    @Test func gatewaysComeBehindWhatReachesThem() throws {
        let node = try node(Self.links + Self.routes)
        #expect(
            RouteCommands(node.host, .v4, names: node.names).routes == [
                "route add 192.0.2.0/24 table 254 src 192.0.2.1 scope 253 dev eth0",
                "route add 10.8.0.0/16 table 100 mtu 1300 scope 253 dev eth0",
                "route add blackhole 10.7.0.0/16 table 254",
                "route add 0.0.0.0/0 table 254 metric 100 scope 0 via 192.0.2.254 dev eth0",
                "route add 10.6.0.0/16 table 254 scope 0 nexthop via 192.0.2.7 dev eth0 weight 2"
                    + " nexthop via 192.0.2.8 dev eth0 weight 1",
            ])
    }

    @Test func rulesThatAreGoneAreDeleted() throws {
        let node = try node(
            Self.links + Self.routes
                + """
                0:\tfrom all lookup local
                100:\tnot from 10.0.0.0/8 to 192.0.2.0/24 iif eth0 fwmark 0x1/0xff lookup 100
                32766:\tfrom all lookup main

                """)
        #expect(
            RouteCommands(node.host, .v4, names: node.names).rules == [
                "rule add pref 100 not from 10.0.0.0/8 to 192.0.2.0/24 iif eth0 fwmark 0x1/0xff lookup 100",
                "rule del pref 32767 from all lookup 253",
            ])
    }

    /// What is not of packets, or not of a namespace, must not be written at all.
    @Test func settingsThatReachTheHostStayOut() throws {
        let node = try node(
            """
            kernel.panic = 1
            net.core.rmem_max = 7
            net.netfilter.nf_conntrack_max = 5
            net.ipv4.conf.eth0.send_redirects = 1
            net.ipv4.conf.eth0/1.rp_filter = 2
            net.ipv4.conf.all.rp_filter = 1
            net.ipv4.ip_forward = 1
            net.ipv6.conf.eth0.accept_ra = 1

            """)
        #expect(
            settings(node.host) == [
                Setting(path: "net/ipv4/ip_forward", value: "1"),
                Setting(path: "net/ipv4/conf/all/rp_filter", value: "1"),
                Setting(path: "net/ipv4/conf/eth0.1/rp_filter", value: "2"),
            ])
    }
}
