import NetTypes
import PacketPath
import RuleModel
import Testing

/// Options of IPv4. Observed on Linux 6.18. Source: net/ipv4/ip_options.c `__ip_options_compile`, net/ipv4/ip_input.c
/// `ip_rcv_options`.
@Suite struct IPv4OptionTests {
    private func outcome(_ options: [UInt8], _ destination: String, _ settings: String = "") throws -> Outcome {
        try trace(options, destination, settings).outcome
    }

    private func trace(_ options: [UInt8], _ destination: String, _ settings: String = "") throws -> Trace {
        let world = try World(
            "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n", routerAddresses, routerRoutes, routerSettings + settings)
        var packet = try world.packet("198.51.100.7", destination, .udp)
        let length = UInt8(20 + options.count + 8)
        packet.bytes =
            [0x45 + UInt8(options.count / 4), 0, 0, length, 0, 0, 0, 0, 64, 17, 0, 0] + packet.source.bytes
            + packet.destination.bytes + options + [0x9c, 0x40, 0, 80, 0, 8, 0, 0]
        packet.length = UInt32(length)
        return world.trace(packet, in: "eth1")
    }

    @Test(
        arguments: [
            // Nothing, a record of the route, a timestamp, a router alert.
            ([1, 1, 1, 0], false), ([7, 7, 4, 0, 0, 0, 0, 0], false), ([68, 8, 5, 0, 0, 0, 0, 0], false),
            ([148, 4, 0, 0], false), ([7, 7, 8, 0, 0, 0, 0, 0], false),
            // Too long, too short, a pointer into itself, twice, no room, overflown; then source routes.
            ([7, 9, 4, 0, 0, 0, 0, 0], true), ([7, 1, 1, 0], true), ([7, 7, 3, 0, 0, 0, 0, 0], true),
            ([7, 3, 4, 7, 3, 4, 0, 0], true), ([7, 7, 6, 0, 0, 0, 0, 0], true), ([68, 4, 5, 0xf0], true),
            ([131, 7, 4, 203, 0, 113, 9, 0], true), ([137, 7, 8, 203, 0, 113, 9, 0], true),
        ] as [([UInt8], Bool)])
    func brokenOptionsAndSourceRoutesAreRefused(_ options: [UInt8], _ isRefused: Bool) throws {
        #expect(try outcome(options, "192.0.2.1") == (isRefused ? .filtered : .delivered))
        #expect(try outcome(options, "203.0.113.9") == (isRefused ? .filtered : .forwarded))
    }

    /// Both `all` and the interface must allow them, and `all` does not unasked.
    @Test func whereASourceRouteIsAllowedItIsNotFollowed() throws {
        let options: [UInt8] = [131, 7, 4, 203, 0, 113, 9, 0]
        let allowed = "net.ipv4.conf.all.accept_source_route = 1\nnet.ipv4.conf.eth1.accept_source_route = 1\n"
        #expect(try outcome(options, "192.0.2.1", allowed) == .undecided)
        let ofOne = "net.ipv4.conf.all.accept_source_route = 0\nnet.ipv4.conf.eth1.accept_source_route = 1\n"
        #expect(try outcome(options, "192.0.2.1", ofOne) == .filtered)
    }

    @Test func brokenOptionsAreAnsweredAndSourceRoutesAreNot() throws {
        #expect(try trace([7, 9, 4, 0, 0, 0, 0, 0], "192.0.2.1").senderView == .unreachable(type: 12, code: 0))
        #expect(try trace([131, 7, 4, 203, 0, 113, 9, 0], "192.0.2.1").senderView == .timeout)
    }

    /// Source: net/ipv4/cipso_ipv4.c `cipso_v4_validate`: only who knows the domain takes the label.
    @Test func aSecurityLabelLeavesItOpen() throws {
        let label: [UInt8] = [134, 10, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0]
        let branches = try trace(label, "192.0.2.1").branches
        #expect(Set(branches.map { $0.trace.outcome }) == [.delivered, .filtered])
    }
}
