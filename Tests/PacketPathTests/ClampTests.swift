import NetTypes
import PacketPath
import PathModel
import Testing

/// TCPMSS by what the paths there and back take. Source: net/netfilter/xt_TCPMSS.c `tcpmss_mangle_packet`, Linux 6.18.
@Suite struct ClampTests {
    @Test(arguments: [("eth0", UInt16(1360)), ("eth1", 1360), ("lo", 1460)])
    func theSmallerOfBothWaysDecides(_ narrow: String, _ size: UInt16) throws {
        let addresses = routerAddresses.replacing(
            "\(narrow): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500",
            with: "\(narrow): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400")
        let world = try World(
            "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\n"
                + "COMMIT\n", addresses, routerRoutes, routerSettings)
        var packet = try world.packet("198.51.100.7", "203.0.113.9")
        packet.maximumSegmentSize = 8960
        let trace = world.trace(packet, in: "eth1")
        #expect(trace.last?.packet.maximumSegmentSize == size)
        #expect(trace.assumptions.contains { $0.name == "path-mtu" })
    }
}
