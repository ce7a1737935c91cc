import NetTypes
import PacketPath
import RuleModel
import Testing

/// What the host sends to many, and what of it comes back. Observed on Linux 6.18.
@Suite struct ManyTests {
    /// The copy for the host passes POSTROUTING first, without a socket: nat's chains are asked of it alone.
    /// Source: net/ipv4/ip_output.c `ip_mc_output`, Linux 6.18.
    @Test(arguments: [("192.0.2.255", false), ("255.255.255.255", false), ("224.0.0.1", false), ("192.0.2.9", true)])
    func natAsksNoSocketOfWhatGoesToMany(_ destination: String, _ isAsked: Bool) throws {
        let world = try World(
            """
            *mangle
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -m owner --socket-exists
            COMMIT
            *nat
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -m owner --socket-exists -j MARK --set-mark 3
            -A POSTROUTING -j MARK --set-mark 5
            COMMIT

            """, routerAddresses,
            routerRoutes + "broadcast 192.0.2.255 dev eth0 table local proto kernel scope link src 192.0.2.1\n",
            routerSettings)
        var packet = try world.packet("192.0.2.1", destination, .udp)
        packet.hasSocket = true
        packet.userID = 0
        let trace = world.trace(packet, in: nil)
        let rules = world.rules(trace)
        #expect(rules.contains("mangle/POSTROUTING:1 continue"))
        #expect(rules.contains("nat/POSTROUTING:1 continue") == isAsked)
        #expect(rules.contains("nat/POSTROUTING:2 continue"))
        #expect(trace.last?.packet.mark == (isAsked ? 5 : 0))
    }

    /// Source: net/ipv4/route.c `__mkroute_output`, Linux 6.18.
    @Test func aGroupOverLoIsForTheHostOnlyWhereItHasJoined() throws {
        let world = try World(
            "*mangle\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n", routerAddresses, routerRoutes, routerSettings)
        let other = try world.packet("127.0.0.1", "239.1.1.1", .udp)
        let out = world.trace(other, in: nil) { $0.assumptions = ["multicast-joined": "no"] }
        #expect(out.reason == .notJoined)
        #expect(world.trace(try world.packet("127.0.0.1", "224.0.0.1", .udp), in: nil).outcome == .delivered)
    }
}
