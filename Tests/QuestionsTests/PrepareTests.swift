import NetTypes
import PacketPath
import PathModel
import Questions
import RuleModel
import Testing

@Suite struct PrepareTests {
    private func description(
        from: String, to: String, _ change: (inout PacketDescription) throws -> Void = { _ in }
    ) throws -> PacketDescription {
        var packet = PacketDescription()
        try packet.setSource(try readEndpoint(from))
        try packet.setDestination(try readEndpoint(to))
        try change(&packet)
        return packet
    }

    private func prepared(
        from: String, to: String, on model: HostModel? = nil,
        _ change: (inout PacketDescription) throws -> Void = { _ in }
    ) throws -> PreparedPacket {
        var model = try model ?? host(noRules, addresses, routes)
        return try prepare(try description(from: from, to: to, change), ClusterObjects(), on: &model)
    }

    @Test func defaultsOfATCPPacket() throws {
        let packet = try prepared(from: "198.51.100.7", to: "192.0.2.1:80").request.packet
        #expect(packet.protocol == .tcp)
        #expect(packet.sourcePort == 40000)
        #expect(packet.tcpFlags == .syn)
        #expect(packet.ttl == 64)
        #expect(packet.length == 40)
        #expect(packet.mark == 0)
        #expect(
            packet.defaulted == [
                .protocol, .sourcePort, .tcpFlags, .ttl, .dscp, .length, .mark, .otherHeaders, .dontFragment,
            ])
        #expect(packet.unknown.isSuperset(of: [.mac, .owner, .tcpOptions, .payload]))
    }

    @Test func withoutAPortItIsAnEchoRequest() throws {
        let four = try prepared(from: "198.51.100.7", to: "192.0.2.1").request.packet
        #expect(four.protocol == .icmp)
        #expect(four.icmpType == 8)
        #expect(four.length == 28)
        #expect(four.defaulted.contains(.icmpType))
        let six = try prepared(from: "2001:db8:1::1", to: "2001:db8::1").request.packet
        #expect(six.protocol == .icmpv6)
        #expect(six.icmpType == 128)
        #expect(six.length == 48)
    }

    @Test func whatCannotBeDefaultedIsNotKnown() throws {
        let plain = try prepared(from: "198.51.100.7", to: "192.0.2.1:80").request.packet
        #expect(!plain.unknown.contains(.otherHeaders))
        let esp = try prepared(from: "198.51.100.7", to: "192.0.2.1/esp").request.packet
        #expect(esp.unknown.isSuperset(of: [.otherHeaders, .payload]))
    }

    @Test func theProtocolComesFromEitherEnd() throws {
        let packet = try prepared(from: "198.51.100.7:500/udp", to: "192.0.2.1:500").request.packet
        #expect(packet.protocol == .udp)
        #expect(packet.sourcePort == 500)
        #expect(!packet.defaulted.contains(.protocol))
        #expect(!packet.defaulted.contains(.sourcePort))
    }

    @Test(
        "tells what does not fit together",
        arguments: [
            ("10.9.9.9/tcp", "192.0.2.1/udp", "said to be tcp and udp"),
            ("10.9.9.9", "2001:db8::1", "10.9.9.9 is IPv4 and 2001:db8::1 is IPv6"),
            ("10.9.9.9", "192.0.2.1/tcp", "has a destination port"),
            ("10.9.9.9", "192.0.2.1/udp", "has a destination port"),
            ("10.9.9.9", "192.0.2.1/sctp", "has a destination port"), ("10.9.9.9:5", "192.0.2.1/gre", "has no ports"),
            ("10.9.9.9", "192.0.2.1/icmpv6", "IPv4 has icmp"), ("2001:db8:1::1", "2001:db8::1/icmp", "IPv6 has icmpv6"),
            ("pod:default/a", "192.0.2.1:80", "objects of Kubernetes"),
            ("10.9.9.9", "svc:default/a:80", "'svc:default/a' is not known"),
        ])
    func refuses(_ from: String, _ to: String, _ message: String) {
        #expect {
            _ = try prepared(from: from, to: to)
        } throws: { error in
            guard let failure = error as? PacketFailure else { return false }
            return failure.message.contains(message)
        }
    }

    @Test func aPacketOfThisHost() throws {
        let local = try prepared(from: "host", to: "203.0.113.9:443/tcp").request
        #expect(local.origin == .host)
        #expect(local.packet.source.isZero)
        #expect(local.packet.hasSocket)
        let own = try prepared(from: "192.0.2.1", to: "203.0.113.9:443/tcp")
        #expect(own.request.origin == .host)
        #expect(own.notes.first?.contains("this host's address on eth0") == true)
        let spoofed = try prepared(from: "192.0.2.1", to: "203.0.113.9:443/tcp") { $0.arrival = .interface("eth1") }
        #expect(spoofed.request.origin != .host)
        #expect(throws: PacketFailure.self) {
            _ = try prepared(from: "host", to: "203.0.113.9:443/tcp") { $0.arrival = .interface("eth1") }
        }
    }

    @Test func withoutAnInterfaceTheRoutesTell() throws {
        #expect(try prepared(from: "198.51.100.7", to: "192.0.2.1:80").request.origin == .anyInterface)
    }

    @Test func thisHostAsDestinationIsTheAddressOfTheInterface() throws {
        let given = try prepared(from: "198.51.100.7", to: "host:22") { $0.arrival = .interface("eth1") }
        #expect(given.request.packet.destination == IPAddress("10.1.0.1"))
        let routed = try prepared(from: "10.1.0.7", to: "host:22")
        #expect(routed.request.packet.destination == IPAddress("10.1.0.1"))
        #expect(routed.notes == ["host: 10.1.0.1, the address of eth1"])
        let local = try prepared(from: "host", to: "host:22")
        #expect(local.request.packet.destination == IPAddress("127.0.0.1"))
        #expect(throws: PacketFailure.self) {
            _ = try prepared(from: "10.1.0.7", to: "host:22", on: try host(noRules))
        }
    }

    @Test func theInternetIsWhatOnlyTheDefaultRouteCovers() throws {
        // 203.0.113.0/24 has a route of its own, and a rule names 198.51.100.0/24: neither is just anyone.
        let rules = noRules.replacing("COMMIT\n", with: "-A INPUT -s 198.51.100.0/24 -j DROP\nCOMMIT\n")
        let model = try host(rules, addresses, routes)
        let prepared = try prepared(from: "internet", to: "192.0.2.1:80", on: model)
        let address = prepared.request.packet.source
        #expect(!IPPrefix(IPAddress(v4: 0xcb00_7100), length: 24).contains(address))
        #expect(!IPPrefix(IPAddress(v4: 0xc633_6400), length: 24).contains(address))
        #expect(!IPPrefix(IPAddress(v4: 0xc000_0200), length: 24).contains(address))
        #expect(prepared.notes == ["internet: \(address), which only the default route covers"])
        let unknown = try self.prepared(from: "internet", to: "192.0.2.1:80", on: try host(noRules))
        #expect(unknown.notes.first?.contains("no routes") == true)
    }

    @Test func anInterfaceThatTheHostDoesNotHaveIsTold() throws {
        #expect(throws: PacketFailure("the snapshot has no interface 'eth9'; it has lo, eth0, eth1")) {
            try prepared(from: "198.51.100.7", to: "192.0.2.1:80") { $0.arrival = .interface("eth9") }
        }
        // One that a log names may have been there.
        let logged = try prepared(from: "198.51.100.7", to: "192.0.2.1:80") {
            $0.arrival = .interface("eth9")
            $0.arrivalMayBeGone = true
        }
        #expect(logged.notes.first?.contains("no interface 'eth9'") == true)
    }

    @Test func aPortOfABridgeIsSeenAsTheBridge() throws {
        let ports = addresses.replacing(
            "3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP",
            with: "3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq master br0 state UP")
        var model = try host(noRules, ports, routes)
        let prepared = try prepare(
            try description(from: "10.1.0.7", to: "10.1.0.8:80") { $0.arrival = .interface("eth1") }, ClusterObjects(),
            on: &model)
        #expect(prepared.request.origin == .interface(model.intern("br0")))
        #expect(prepared.request.inPort == model.intern("eth1"))
        #expect(prepared.notes.contains { $0.hasPrefix("eth1 is a port of br0") })
    }

    @Test func anICMPNameNeedsItsVersion() {
        #expect(throws: PacketFailure.self) {
            _ = try prepared(from: "198.51.100.7", to: "192.0.2.1") { $0.icmpType = try ICMPTypeText("packet-too-big") }
        }
    }

    @Test func optionsWinOverThePacketsText() throws {
        let text = try readPacketText("IP 10.0.0.1.1 > 10.0.0.2.80: Flags [S], seq 1, length 0")
        var option = PacketDescription()
        option.ttl = 3
        option.destinationPort = 81
        let both = text.overlaid(by: option)
        #expect(both.ttl == 3)
        #expect(both.destinationPort == 81)
        #expect(both.sourcePort == 1)
    }
}
