import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

private func words(_ interface: NetworkInterface?, _ read: Read) -> String? {
    guard let interface else { return nil }
    var parts = ["\(interface.index) \(interface.kind) \(interface.isUp ? "up" : "down") mtu \(interface.mtu)"]
    if !interface.hasCarrier { parts.append("no-carrier") }
    if interface.isLoopback { parts.append("loopback") }
    if interface.isPointToPoint { parts.append("ptp") }
    if let mac = interface.mac { parts.append("\(mac)") }
    if let master = read.name(interface.master) { parts.append("in \(master)") }
    if interface.group != 0 { parts.append("group \(interface.group)") }
    if let table = interface.vrfTable { parts.append("table \(table)") }
    if let tunnel = interface.tunnel {
        if let local = tunnel.local { parts.append("local \(local)") }
        if let remote = tunnel.remote { parts.append("remote \(remote)") }
        if let port = tunnel.port { parts.append("port \(port)") }
        if let identifier = tunnel.identifier { parts.append("id \(identifier)") }
        if let device = read.name(tunnel.device) { parts.append("over \(device)") }
        if tunnel.mark != 0 { parts.append("mark \(tunnel.mark)") }
    }
    return parts.joined(separator: " ")
}

private func addresses(_ interface: NetworkInterface?) -> [String] {
    (interface?.addresses ?? []).map { address in
        var parts = ["\(address.address)/\(address.prefixLength)"]
        if let peer = address.peer { parts.append("peer \(peer)") }
        if let broadcast = address.broadcast { parts.append("brd \(broadcast)") }
        if address.scope != .global { parts.append("\(address.scope)") }
        if address.isSecondary { parts.append("secondary") }
        if address.isDeprecated { parts.append("deprecated") }
        if address.isTentative { parts.append("tentative") }
        return parts.joined(separator: " ")
    }
}

@Suite struct LinkTextTests {
    /// As `ip addr` of iproute2 6.1 printed it on Linux 6.18.
    static let addr = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
               valid_lft forever preferred_lft forever
            inet6 ::1/128 scope host 
               valid_lft forever preferred_lft forever
        2: p0@d0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop master br0 state DOWN group default qlen 1000
            link/ether 7a:31:ba:14:c8:aa brd ff:ff:ff:ff:ff:ff
        3: d0@p0: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1400 qdisc noqueue state LOWERLAYERDOWN group 77 qlen 1000
            link/ether 46:bb:61:f0:b9:f8 brd ff:ff:ff:ff:ff:ff
            inet 169.254.0.5/16 scope link noprefixroute d0
               valid_lft forever preferred_lft forever
            inet 10.0.0.1/24 brd 10.0.0.255 scope global d0
               valid_lft forever preferred_lft forever
            inet 10.9.0.1 peer 10.9.0.2/32 scope global d0
               valid_lft forever preferred_lft forever
            inet 10.1.0.1/24 scope global deprecated dynamic d0:x
               valid_lft 100sec preferred_lft 0sec
            inet 10.0.0.2/24 scope global secondary d0
               valid_lft forever preferred_lft forever
            inet6 2001:db8:1::9 peer 2001:db8:1::7/64 scope global tentative 
               valid_lft forever preferred_lft forever
            inet6 2001:db8::9/128 scope global deprecated tentative 
               valid_lft forever preferred_lft 0sec
        6: tun0: <POINTOPOINT,MULTICAST,NOARP> mtu 1500 qdisc noop state DOWN group default qlen 500
            link/none 

        """

    static let addressesOfD0 = [
        "169.254.0.5/16 link", "10.0.0.1/24 brd 10.0.0.255", "10.9.0.1/32 peer 10.9.0.2", "10.1.0.1/24 deprecated",
        "10.0.0.2/24 secondary", "2001:db8:1::9/64 peer 2001:db8:1::7 tentative",
        "2001:db8::9/128 deprecated tentative",
    ]

    @Test func linksAndAddressesAreRead() {
        let read = Read(Self.addr)
        #expect(read.kinds == [.addresses])
        #expect(read.complaints.isEmpty)
        #expect(words(read.interface("lo"), read) == "1 loopback up mtu 65536 loopback 00:00:00:00:00:00")
        #expect(words(read.interface("p0"), read) == "2 other down mtu 1500 7a:31:ba:14:c8:aa in br0")
        #expect(words(read.interface("d0"), read) == "3 other up mtu 1400 no-carrier 46:bb:61:f0:b9:f8 group 77")
        #expect(words(read.interface("tun0"), read) == "6 other down mtu 1500 ptp")
        #expect(addresses(read.interface("lo")) == ["127.0.0.1/8 host", "::1/128 host"])
        #expect(addresses(read.interface("d0")) == Self.addressesOfD0)
        #expect(read.host.knowsInterfaces && read.host.knowsAddressesV4 && read.host.knowsAddressesV6)
        #expect(read.interface("d0")?.place.line == 9)
    }

    @Test func windowsLineEndsChangeNothing() {
        let read = Read(Self.addr.replacing("\n", with: "\r\n"))
        #expect(addresses(read.interface("d0")) == Self.addressesOfD0)
        #expect(words(read.interface("p0"), read) == "2 other down mtu 1500 7a:31:ba:14:c8:aa in br0")
    }

    @Test func theOneLineFormHasTheSameAddresses() {
        let read = Read(
            """
            1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
            3: d0    inet 169.254.0.5/16 scope link noprefixroute d0\\       valid_lft forever preferred_lft forever
            3: d0    inet 10.0.0.1/24 brd 10.0.0.255 scope global d0\\       valid_lft forever preferred_lft forever
            3: d0    inet 10.9.0.1 peer 10.9.0.2/32 scope global d0\\       valid_lft forever preferred_lft forever
            3: d0    inet 10.1.0.1/24 scope global deprecated dynamic d0:x\\       valid_lft 100sec preferred_lft 0sec
            3: d0    inet 10.0.0.2/24 scope global secondary d0\\       valid_lft forever preferred_lft forever
            3: d0    inet6 2001:db8:1::9 peer 2001:db8:1::7/64 scope global tentative \\       valid_lft forever
            3: d0    inet6 2001:db8::9/128 scope global deprecated tentative \\       valid_lft forever

            """)
        #expect(read.kinds == [.addressLines])
        #expect(read.complaints.isEmpty)
        #expect(addresses(read.interface("d0")) == Self.addressesOfD0)
        // Interfaces without an address are not in it.
        #expect(!read.host.knowsInterfaces)
        #expect(read.host.knowsAddressesV4 && read.host.knowsAddressesV6)
    }

    @Test func oneLineLinksAreRead() {
        let read = Read(
            """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    \
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            2: p0@d0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop master br0 state DOWN mode DEFAULT group default qlen 1000\\    \
            link/ether 7a:31:ba:14:c8:aa brd ff:ff:ff:ff:ff:ff

            """)
        #expect(words(read.interface("p0"), read) == "2 other down mtu 1500 7a:31:ba:14:c8:aa in br0")
        #expect(read.host.knowsInterfaces)
        #expect(!read.host.knowsAddressesV4)
    }

    @Test func oneVersionAloneIsKnownForThatVersionOnly() {
        let read = Read(
            """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
                inet 127.0.0.1/8 scope host lo
                   valid_lft forever preferred_lft forever

            """)
        #expect(read.host.knowsAddressesV4)
        #expect(!read.host.knowsAddressesV6 && !read.host.knowsInterfaces)
    }

    @Test func briefFormsAreRead() {
        let read = Read(
            """
            lo               UNKNOWN        127.0.0.1/8 ::1/128 
            br0              DOWN           
            d0@p0            UP             10.0.0.1/24 10.9.0.1 peer 10.9.0.2/32 fe80::1/64 

            """)
        #expect(read.kinds == [.addressesBrief])
        #expect(addresses(read.interface("d0")) == ["10.0.0.1/24", "10.9.0.1/32 peer 10.9.0.2", "fe80::1/64 link"])
        #expect(read.interface("br0")?.isUp == false)
        let links = Read(
            """
            lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> 
            v1@v2            LOWERLAYERDOWN be:ac:91:b8:4e:8b <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> 

            """)
        #expect(links.kinds == [.linksBrief])
        #expect(links.interface("v1")?.isUp == true)
        #expect(links.interface("v1")?.mac?.description == "be:ac:91:b8:4e:8b")
    }

    /// Lines of `ip -d link`: bridge, vxlan, veth and tun as iproute2 6.1 printed them on Linux 6.18; the others follow
    /// iproute2's ip/iplink_*.c and ip/link_*.c, 6.1.
    static let kinds: [(line: String, expected: String)] = [
        ("bridge forward_delay 1500 hello_time 200 vlan_filtering 0 addrgenmode eui64", "bridge"),
        ("veth addrgenmode eui64 numtxqueues 2", "veth"),
        (
            "vxlan id 4096 local 10.0.0.1 dev eth0 srcport 0 0 dstport 4789 nolearning ttl auto ageing 300 udpcsum",
            "vxlan local 10.0.0.1 port 4789 id 4096 over eth0"
        ),
        (
            "vxlan id 7 remote 10.0.0.9 srcport 0 0 dstport 8472 ttl auto ageing 300",
            "vxlan remote 10.0.0.9 port 8472 id 7"
        ),
        (
            "ipip any remote 10.0.0.7 local 10.0.0.1 ttl inherit nopmtudisc fwmark 0x10 addrgenmode eui64",
            "ipip local 10.0.0.1 remote 10.0.0.7 mark 16"
        ),
        ("gre remote any local 10.0.0.1 ttl inherit ikey 0.0.0.5 okey 0.0.0.5", "gre local 10.0.0.1 id 5"),
        ("sit ip6ip remote 10.0.0.3 local any ttl 64", "sit remote 10.0.0.3"),
        ("geneve id 3 remote 10.0.0.4 dstport 6081 ttl auto", "geneve remote 10.0.0.4 port 6081 id 3"),
        ("vlan protocol 802.1Q id 10 <REORDER_HDR> addrgenmode eui64", "vlan id 10 over eth0"),
        ("vrf table 100 addrgenmode eui64", "vrf table 100"),
        ("wireguard addrgenmode none", "wireguard"),
        ("tun type tap pi off vnet_hdr off persist on", "tun"),
        ("dummy addrgenmode eui64", "dummy"), ("bond mode 802.3ad miimon 100", "bond"),
        ("macvlan mode bridge", "other"),
    ]

    @Test("the kind of a link and where it leads is read", arguments: kinds)
    func kind(line: String, expected: String) {
        let read = Read(
            """
            5: x@eth0: <BROADCAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group default
                link/none promiscuity 0
                \(line)

            """)
        #expect(read.complaints.isEmpty)
        let parts = expected.split(separator: " ", maxSplits: 1)
        let rest = parts.count > 1 ? " \(parts[1])" : ""
        #expect(words(read.interface("x"), read) == "5 \(parts[0]) up mtu 1450\(rest)")
    }

    /// As iproute2 6.1 prints it on Linux 6.18.
    @Test(arguments: [("on", true), ("off", false)])
    func hairpinModeOfABridgePortIsRead(_ word: String, _ isHairpin: Bool) {
        let text = Read(
            """
            5: p: <BROADCAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master br0 state UP mode DEFAULT group default
                link/ether 0e:5f:d5:1c:33:a1 brd ff:ff:ff:ff:ff:ff promiscuity 1
                veth
                bridge_slave state forwarding priority 32 cost 2 hairpin \(word) guard off learning \(word)

            """)
        #expect(text.interface("p")?.isHairpin == isHairpin)
        #expect(text.interface("p")?.isLearning == isHairpin)
        #expect(text.interface("p")?.kind == .veth)
        let json = Read(
            """
            [{"ifindex":5,"ifname":"p","flags":["UP"],"mtu":1500,"link_type":"ether","linkinfo":{"info_kind":"veth",\
            "info_slave_kind":"bridge","info_slave_data":{"state":"forwarding","hairpin":\(isHairpin),"learning":\(isHairpin)}}}]

            """)
        #expect(json.interface("p")?.isHairpin == isHairpin)
        #expect(json.interface("p")?.isLearning == isHairpin)
        let state = Read(
            "5: p: <UP> mtu 1450 master br0\n    link/ether 0e:5f:d5:1c:33:a1\n"
                + "    bridge_slave state learning priority 32 hairpin \(word)\n")
        #expect(state.interface("p")?.isLearning == nil)
        #expect(state.interface("p")?.isHairpin == isHairpin)
    }

    @Test func tunnelsWithoutDetailsTellTheirEnds() {
        let read = Read(
            """
            7: tun1@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN group default qlen 1000
                link/ipip 10.0.0.1 peer 10.0.0.7
            8: tunl0@NONE: <NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN group default qlen 1000
                link/ipip 0.0.0.0 brd 0.0.0.0

            """)
        #expect(words(read.interface("tun1"), read) == "7 ipip up mtu 1480 ptp local 10.0.0.1 remote 10.0.0.7")
        #expect(words(read.interface("tunl0"), read) == "8 ipip up mtu 1480")
    }

    /// The form follows iproute2's ip/iptunnel.c, 6.1.
    @Test func tunnelsAreReadFromTheirOwnCommand() {
        let read = Read(
            """
            tun1: ip/ip remote 10.0.0.7 local 10.0.0.1 dev eth0 ttl 64 nopmtudisc
            gre1: gre/ip remote any local 10.0.0.1 ttl inherit key 5
            tunl0: any/ip remote any local any ttl inherit nopmtudisc

            """)
        #expect(read.kinds == [.tunnels])
        #expect(read.complaints.isEmpty)
        #expect(
            words(read.interface("tun1"), read) == "0 ipip up mtu 1500 local 10.0.0.1 remote 10.0.0.7 over eth0")
        #expect(words(read.interface("gre1"), read) == "0 gre up mtu 1500 local 10.0.0.1 id 5")
        #expect(words(read.interface("tunl0"), read) == "0 ipip up mtu 1500")
    }

    /// As `ip -d -j addr` of iproute2 6.1 printed it on Linux 6.18; vrf after iproute2's ip/iplink_vrf.c.
    @Test func theJSONSaysTheSame() {
        let read = Read(
            """
            [{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue",\
            "operstate":"UNKNOWN","group":"default","txqlen":1000,"link_type":"loopback","address":"00:00:00:00:00:00",\
            "broadcast":"00:00:00:00:00:00","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,\
            "scope":"host","label":"lo","valid_life_time":4294967295},{"family":"inet6","local":"::1","prefixlen":128,\
            "scope":"host"}]},
            {"ifindex":3,"link":"p0","ifname":"d0","flags":["NO-CARRIER","BROADCAST","UP"],"mtu":1400,"master":"br0",\
            "group":"77","link_type":"ether","address":"46:bb:61:f0:b9:f8","linkinfo":{"info_kind":"veth"},"addr_info":[\
            {"family":"inet","local":"10.9.0.1","address":"10.9.0.2","prefixlen":32,"scope":"global","label":"d0"},{},\
            {"family":"inet","local":"10.0.0.2","prefixlen":24,"broadcast":"10.0.0.255","scope":"global",\
            "secondary":true},{"family":"inet6","local":"2001:db8::9","prefixlen":128,"scope":"global",\
            "deprecated":true,"tentative":true}]},{},
            {"ifindex":4,"ifname":"vx1","flags":["BROADCAST","MULTICAST"],"mtu":1500,"group":"default",\
            "link_type":"ether","address":"1a:31:da:3d:57:3d","linkinfo":{"info_kind":"vxlan","info_data":{"id":7,\
            "remote":"10.0.0.9","port_range":{"low":0,"high":0},"port":8472,"learning":true}},"addr_info":[]},
            {"ifindex":5,"ifname":"blue","flags":["UP"],"mtu":1500,"group":"default","link_type":"ether",\
            "linkinfo":{"info_kind":"vrf","info_data":{"table":100}},"addr_info":[]}]

            """)
        #expect(read.kinds == [.addressesJSON])
        #expect(read.complaints.isEmpty)
        #expect(words(read.interface("lo"), read) == "1 loopback up mtu 65536 loopback 00:00:00:00:00:00")
        #expect(words(read.interface("d0"), read) == "3 veth up mtu 1400 no-carrier 46:bb:61:f0:b9:f8 in br0 group 77")
        #expect(
            words(read.interface("vx1"), read)
                == "4 vxlan down mtu 1500 1a:31:da:3d:57:3d remote 10.0.0.9 port 8472 id 7")
        #expect(words(read.interface("blue"), read) == "5 vrf up mtu 1500 table 100")
        #expect(addresses(read.interface("lo")) == ["127.0.0.1/8 host", "::1/128 host"])
        #expect(
            addresses(read.interface("d0")) == [
                "10.9.0.1/32 peer 10.9.0.2", "10.0.0.2/24 brd 10.0.0.255 secondary",
                "2001:db8::9/128 deprecated tentative",
            ])
        #expect(read.host.knowsInterfaces && read.host.knowsAddressesV4 && read.host.knowsAddressesV6)
        #expect(read.host.otherDeciders.map(\.kind) == [.vrf])
        #expect(read.interface("vx1")?.place.line == 3)
    }

    @Test func twoListingsOfOneHostAreOneHost() {
        let read = Read(
            Self.addr + """
                # ip -d link
                3: d0@p0: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1400 qdisc noqueue state LOWERLAYERDOWN
                    link/ether 46:bb:61:f0:b9:f8 brd ff:ff:ff:ff:ff:ff link-netns x promiscuity 0 minmtu 68
                    veth addrgenmode eui64

                """)
        #expect(read.kinds == [.addresses, .addresses])
        #expect(read.host.interfaces.count == 4)
        #expect(read.interface("d0")?.kind == .veth)
        #expect(addresses(read.interface("d0")) == Self.addressesOfD0)
    }

    @Test func statisticsAreNoAddresses() {
        let read = Read(
            """
            3: d0@p0: <BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000
                link/ether 46:bb:61:f0:b9:f8 brd ff:ff:ff:ff:ff:ff
                RX:  bytes packets errors dropped  missed   mcast           
                         0       0      0       0       0       0 
                TX:  bytes packets errors dropped carrier collsns           
                         0       0      0       1       0       0 
                inet 10.0.0.1/24 scope global d0

            """)
        #expect(read.complaints.isEmpty)
        #expect(addresses(read.interface("d0")) == ["10.0.0.1/24"])
    }

    @Test func ifconfigTellsAddresses() {
        let read = Read(
            """
            d0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500
                    inet 10.0.0.1  netmask 255.255.255.0  broadcast 10.0.0.255
                    inet6 fe80::8de:feff:fe51:8f7  prefixlen 64  scopeid 0x20<link>
                    ether 46:bb:61:f0:b9:f8  txqueuelen 1000  (Ethernet)

            d0:x: flags=4099<UP,BROADCAST,MULTICAST>  mtu 1500
                    inet 10.1.0.1  netmask 255.255.255.0  broadcast 0.0.0.0

            """)
        #expect(read.kinds == [.ifconfig])
        #expect(read.complaints.isEmpty)
        #expect(
            addresses(read.interface("d0")) == [
                "10.0.0.1/24 brd 10.0.0.255", "fe80::8de:feff:fe51:8f7/64 link", "10.1.0.1/24",
            ])
        #expect(read.host.interfaces.count == 1)
        let old = Read(
            """
            eth0      Link encap:Ethernet  HWaddr 46:bb:61:f0:b9:f8  
                      inet addr:10.0.0.1  Bcast:10.0.0.255  Mask:255.255.255.0
                      inet6 addr: fe80::1/64 Scope:Link
                      UP BROADCAST RUNNING MULTICAST  MTU:1400  Metric:1

            """)
        #expect(addresses(old.interface("eth0")) == ["10.0.0.1/24 brd 10.0.0.255", "fe80::1/64 link"])
        #expect(old.interface("eth0")?.mtu == 1400)
    }

    @Test func whatCanNotBeReadIsTold() {
        let read = Read(
            """
            2: eth0: <BROADCAST,UP> mtu 1500 group fancy
                inet 10.0.0.300/24 scope global eth0
                inet 10.0.0.3/33 scope global eth0
            3 eth1

            """)
        #expect(
            read.complaints == [
                "group-name: fancy", "bad-address: 10.0.0.300/24", "bad-address: 10.0.0.3/33", "bad-link: 3 eth1",
            ])
        #expect(read.interface("eth0")?.hasUnknownGroup == true)
        let json = Read("[{\"ifindex\":1,\"ifname\":\"lo\",\n\"mtu\":]")
        #expect(json.reading.diagnostics.map(\.code) == ["bad-json"])
        #expect(json.reading.diagnostics.first?.place.line == 2)
    }
}
