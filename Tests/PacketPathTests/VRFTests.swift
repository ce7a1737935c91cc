import NetTypes
import PathModel
import RuleModel
import Testing

@testable import PacketPath

/// Interfaces of a VRF are routed by its table. Source: drivers/net/vrf.c, net/l3mdev/l3mdev.c, net/ipv4/fib_frontend.c
/// `fib_add_ifaddr`, Linux 6.18.
@Suite struct VRFTests {
    private static func links(_ table: String) -> String {
        """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
        6: blue: <NOARP,MASTER,UP,LOWER_UP> mtu 65575 qdisc noqueue state UP group default qlen 1000
            link/ether 9a:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
        \(table)7: eth2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel master blue state UP group default
            link/ether 02:00:00:00:00:12 brd ff:ff:ff:ff:ff:ff
            inet 10.0.2.1/24 brd 10.0.2.255 scope global eth2
        8: eth3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default
            link/ether 02:00:00:00:00:13 brd ff:ff:ff:ff:ff:ff
            inet 10.0.3.1/24 brd 10.0.3.255 scope global eth3
        9: eth4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel master blue state UP group default
            link/ether 02:00:00:00:00:14 brd ff:ff:ff:ff:ff:ff
            inet 10.0.4.1/24 brd 10.0.4.255 scope global eth4

        """
    }

    private static let main = """
        default via 10.0.3.254 dev eth3
        10.0.3.0/24 dev eth3 proto kernel scope link src 10.0.3.1

        """

    private static let ofTable = """
        10.0.2.0/24 dev eth2 table 10 proto kernel scope link src 10.0.2.1
        10.0.4.0/24 dev eth4 table 10 proto kernel scope link src 10.0.4.1
        local 10.0.2.1 dev eth2 table 10 proto kernel scope host src 10.0.2.1
        local 10.0.4.1 dev eth4 table 10 proto kernel scope host src 10.0.4.1
        local 10.0.3.1 dev eth3 table local proto kernel scope host src 10.0.3.1
        local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1

        """

    private func world(_ routes: String, table: String = "    vrf table 10 numtxqueues 1\n") throws -> World {
        try World(
            "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", Self.links(table), routes,
            "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 1\n")
    }

    private func trace(_ world: World, _ source: String, _ destination: String, in interface: String) throws -> Trace {
        world.trace(try world.packet(source, destination), in: interface)
    }

    @Test func itsTableIsAsked() throws {
        let world = try world(Self.main + Self.ofTable)
        #expect(try trace(world, "10.0.2.5", "10.0.2.1", in: "eth2").outcome == .delivered)
        let across = try trace(world, "10.0.2.5", "10.0.4.5", in: "eth2")
        #expect(across.outcome == .forwarded)
        #expect(across.last?.outInterface == world.interface("eth4"))
        // What is not in it goes by the main table, and the other way round nothing does.
        #expect(try trace(world, "10.0.2.5", "192.0.2.5", in: "eth2").last?.outInterface == world.interface("eth3"))
        #expect(try trace(world, "10.0.3.5", "10.0.4.5", in: "eth3").last?.outInterface == world.interface("eth3"))
    }

    /// Without the table its addresses tell what is the host's, and no more.
    @Test func ofATableThatIsNotToldOnlyItsAddressesAreKnown() throws {
        for table in ["    vrf table 10 numtxqueues 1\n", ""] {
            let world = try world(Self.main, table: table)
            #expect(try trace(world, "10.0.2.5", "10.0.2.1", in: "eth2").outcome == .delivered)
            let across = try trace(world, "10.0.2.5", "10.0.4.5", in: "eth2")
            #expect(across.outcome == .forwarded)
            #expect(across.last?.outInterface == nil)
        }
    }
}
