import NetTypes
import PacketPath
import RuleModel
import Testing

/// What `rt` and `meta rtclassid` find where a packet is delivered: it has a route there, which leads to no gateway.
/// Source: net/netfilter/nft_rt.c `nft_rt_get_eval`, net/netfilter/nft_meta.c `nft_meta_get_eval_rtclassid`, Linux 6.18;
/// observed there.
@Suite struct RouteValueTests {
    @Test(arguments: [
        ("input", "rt classid 0", IPVersion.v4, true), ("input", "rt classid != 5", .v4, true),
        ("input", "rt classid 5", .v4, false), ("input", "meta rtclassid 0", .v4, true),
        ("input", "meta rtclassid 0", .v6, true), ("input", "rt classid 0", .v6, true),
        ("input", "ip daddr 0.0.0.0/0 rt nexthop 198.51.100.1", .v4, true),
        ("input", "ip daddr 0.0.0.0/0 rt nexthop 198.51.100.7", .v4, false),
        ("input", "rt ip6 nexthop 2001:db8:2::1", .v6, true),
        // Before the routing decision there is none.
        ("prerouting", "meta rtclassid 0", .v4, false), ("prerouting", "rt classid 0", .v6, false),
        ("prerouting", "ip daddr 0.0.0.0/0 rt nexthop 198.51.100.1", .v4, false),
    ])
    func whatIsDeliveredHasARoute(_ hook: String, _ condition: String, _ version: IPVersion, _ holds: Bool) throws {
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook \(hook) priority 0; \(condition) drop; }; }",
            routes: "local 2001:db8:2::1 dev eth1 table local proto kernel metric 0 pref medium\n")
        var packet = NativeWorld.packet(version: version)
        packet.destination = try #require(IPAddress(version == .v4 ? "198.51.100.1" : "2001:db8:2::1"))
        let trace = world.trace(packet)
        #expect(trace.outcome == (holds ? .dropped : .delivered))
    }
}
