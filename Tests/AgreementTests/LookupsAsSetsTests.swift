import Foundation
import HeaderSpace
import NetTypes
import Testing

/// What hangs on a look-up of a route, or on its limits.
extension MatchesAsSetsTests {
    /// Of the type of service IPv4 looks at bits 0x1c alone when it asks for a way back, IPv6 at the upper six.
    @Test(arguments: [IPVersion.v4, .v6]) func theWayBackHangsOnTheTypeOfService(_ version: IPVersion) throws {
        let (file, source) =
            version == .v4 ? ("ip-rule.txt", UInt128(0xc000_0207)) : ("ip6-rule.txt", UInt128(0x2001_0db8) << 96 | 7)
        let rules = "0:\tfrom all lookup local\n100:\tfrom all tos 0x10 blackhole\n32766:\tfrom all lookup main\n"
        let found = try follow(
            "-A PREROUTING -m rpfilter --loose --invert -j DROP", version, more: [file: rules], free: [.tos])
        for tos in [UInt128(0x10), 0x50, 0x52, 0x13, 0x04, 0] {
            #expect(found.difference(found.packets(.tos, tos), found.packets(.source, source)) == nil, "\(tos)")
        }
    }

    /// A route that says more than its link takes lets packets come to a bridge that its ports are too narrow for.
    @Test(arguments: [1280, 1400, 1504]) func whatARouteAllowsMayBeTooLongForABridge(_ limit: Int) throws {
        var more: [String: String] = [:]
        for name in ["ip-addr.txt", "ip-link.txt", "ip-route.txt", "sysctl.txt"] {
            let path = Rulesets.path + "bridge-netfilter/\(name)"
            more[name] = try String(contentsOfFile: path, encoding: .utf8).replacing("mtu 1500", with: "mtu 1300")
        }
        more["ip-route.txt"] = "10.9.0.0/24 via 10.0.0.9 dev br0 mtu \(limit)\n" + (more["ip-route.txt"] ?? "")
        let found = try follow("-A OUTPUT -m ttl --ttl-eq 9 -j DROP", origin: .host, more: more, free: [.length])
        let there = found.packets(.destination, 0x0a09_0005)
        for length in [1280, 1281, 1300, 1304, 1305, 1400, 1401, 1505] {
            let own = found.packets(.length, UInt128(length))
            #expect(found.difference(there, own, found.packets(.protocol, 6)) == nil, "\(length)")
        }
    }

    /// Which port NAT drew is not known; the connection has the one that the packet came with, too.
    @Test func theConnectionKnowsThePortThatWasReplaced() throws {
        let found = try follow(
            "COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j REDIRECT --to-ports 2000-2010 --random\nCOMMIT\n"
                + "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m conntrack --ctorigdstport 53:8080 -j DROP")
        let there = found.packets(.destination, 0xc000_0201)
        for port in [UInt128(80), 9000] {
            #expect(found.difference(found.packets(.protocol, 6), found.packets(.destinationPort, port), there) == nil)
        }
    }

    /// Where a rule of routing asks for a port that NAT drew, the way back is not told.
    @Test func aDrawnPortThatRoutingAsksForIsNotTold() throws {
        let rules =
            "0:\tfrom all lookup local\n100:\tfrom all ipproto tcp sport 2000-2100 blackhole\n32766:\tfrom all lookup main\n"
        let settings = "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 1\nnet.ipv4.conf.eth0.rp_filter = 1\n"
        let found = try follow(
            "COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j REDIRECT --to-ports 2000-2010 --random",
            more: ["ip-rule.txt": rules, "sysctl.txt": settings])
        #expect(found.difference(found.packets(.protocol, 6), found.packets(.destination, 0xc000_0201)) == nil)
        #expect(found.difference(found.packets(.protocol, 17), found.packets(.destination, 0xc000_0201)) == nil)
    }

    /// IPv6 sends to an address of its own from that, also where NETMAP made the address.
    @Test func theSourceHangsOnWhatNETMAPMadeOfTheDestination() throws {
        let addresses = """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536
                inet6 ::1/128 scope host
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
                inet6 2001:db8::1/64 scope global
                inet6 2001:db8::2/64 scope global
            """
        let routes = """
            default via 2001:db8::fe dev eth0
            2001:db8::/64 dev eth0 proto kernel metric 256
            local ::1 dev lo table local proto kernel
            local 2001:db8::1 dev eth0 table local proto kernel
            local 2001:db8::2 dev eth0 table local proto kernel
            """
        let rules =
            "COMMIT\n*nat\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A OUTPUT -j NETMAP --to 2001:db8::/64\n"
            + "-A POSTROUTING -j MASQUERADE"
        let found = try follow(
            rules, .v6, origin: .host, more: ["ip-addr.txt": addresses, "ip-route.txt": routes])
        let prefix = UInt128(0x2001_0db8_ffff_0000) << 64
        for own in [UInt128(1), 2, 3] {
            #expect(found.difference(found.packets(.destination, prefix | own), found.packets(.source, 1)) == nil)
        }
    }

    /// An error to an address of this host that got another prefix on its way out, and another type of service: NAT sums it up.
    @Test func anErrorWithAWrongSumMayComeToNothing() throws {
        let rules =
            ":POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j SNPT --src-pfx 2001:db8:1::/64 --dst-pfx 2001:db8:2::/64\n"
            + "-A POSTROUTING -m hl --hl-gt 2 -j TOS --set-tos 0x10\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j REDIRECT"
        let found = try follow(rules, .v6, origin: .host, asksMore: true, free: [.ttl, .state])
        let related = found.packets(.state, UInt128(ArrivalState.related.rawValue))
        let own = found.packets(.destination, 0x2001_0db8 << 96 | 1)
        for hops in [UInt128(1), 2, 3, 64] {
            #expect(found.difference(found.packets(.protocol, 58), related, own, found.packets(.ttl, hops)) == nil)
        }
    }
}
