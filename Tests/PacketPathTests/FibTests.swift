import NetTypes
import PacketPath
import RuleModel
import Testing

/// What `fib` finds in the routing tables.
@Suite struct FibTests {
    /// A group of the link is looked up by the device that the packet came in by, also where the rule does not say so.
    /// Source: net/ipv6/netfilter/nft_fib_ipv6.c `nft_fib6_flowi_init`, Linux 6.18; observed there.
    @Test(arguments: [
        ("ff02::1", "fib daddr oifname \"eth0\"", false), ("ff02::1", "fib daddr oifname \"eth1\"", true),
        ("ff05::1", "fib daddr oifname \"eth0\"", true), ("fe80::9", "fib daddr oifname \"eth1\"", true),
        ("ff02::1", "fib daddr . iif oifname \"eth1\"", true),
    ])
    func anAddressOfALinkIsLookedUpOnThePacketsOwn(destination: String, condition: String, holds: Bool) throws {
        let routes = ["eth0", "eth1"].map {
            "multicast ff00::/8 dev \($0) table local proto kernel metric 256 pref medium\n"
                + "fe80::/64 dev \($0) proto kernel metric 256 pref medium\n"
        }
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook prerouting priority 0; \(condition) drop; }; }",
            routes: routes.joined())
        var packet = NativeWorld.packet(version: .v6)
        packet.destination = try #require(IPAddress(destination))
        let dropped = world.rules(world.trace(packet)) == ["c:1 drop"]
        #expect(dropped == holds)
    }

    /// The first address of what is reached without a router is the routers' there, `::` that of a default route.
    /// Source: include/net/ip6_route.h `ipv6_anycast_destination`, Linux 6.18; observed there.
    @Test(arguments: [
        ("2001:db8:9::", "anycast", true), ("2001:db8:9::", "unicast", false), ("2001:db8:9::1", "unicast", true),
        ("2001:db8:8::", "anycast", false), ("2001:db8:8::", "unicast", true),
    ])
    func theFirstAddressOfASubnetIsItsRouters(source: String, type: String, holds: Bool) throws {
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook prerouting priority 0; fib saddr type \(type) drop; }; }",
            routes: """
                2001:db8:9::/64 dev eth1 metric 256 pref medium
                2001:db8:8::/64 via 2001:db8:2::9 dev eth1 metric 256 pref medium

                """)
        var packet = NativeWorld.packet(version: .v6)
        packet.source = try #require(IPAddress(source))
        let dropped = world.rules(world.trace(packet)) == ["c:1 drop"]
        #expect(dropped == holds)
    }
}
