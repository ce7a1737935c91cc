import NetTypes
import PacketPath
import PathModel
import Reports
import SourceText
import Testing

/// What is told of packets that IPVS takes.
@Suite struct VirtualServiceTests {
    static let services = """
        # ipvsadm -Ln
        IP Virtual Server version 1.2.1 (size=4096)
        Prot LocalAddress:Port Scheduler Flags
          -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
        TCP  192.0.2.1:22 rr
          -> 10.1.0.9:2222                Masq    1      0          0
        TCP  192.0.2.1:23 rr

        """

    private func world(_ services: String = services) throws -> World {
        try World(
            filter("-A INPUT -p tcp -j ACCEPT"),
            World.network.replacing("# ip route", with: services + "# ip route")
                + "# sysctl -a\nnet.ipv4.vs.conntrack = 1\n")
    }

    @Test func theServerAndTheWayAreTold() throws {
        var world = try world()
        let answer = world.answer(try World.packet())
        let text = world.text(answer)
        #expect(text.hasPrefix("FORWARDED: tcp 198.51.100.7:40000 -> 192.0.2.1:22 from eth0 is forwarded by eth1"))
        #expect(text.contains("- IPVS: service address 192.0.2.1:22/tcp, real server 10.1.0.9:2222 (masquerade).\n"))
        #expect(text.contains("\n    IPVS: service address 192.0.2.1:22/tcp, real server 10.1.0.9:2222 (masquerade)\n"))
        let value = try world.json(answer)
        let step = try #require(value["steps"]?.array?.first { $0["kind"]?.string == "ipvs" })
        #expect(step["act"]?.string == "request")
        #expect(step["virtualService"]?["address"]?.string == "192.0.2.1")
        #expect(step["virtualService"]?["port"]?.number?.unsigned == 22)
        #expect(step["virtualService"]?["protocol"]?.string == "tcp")
        #expect(step["virtualService"]?["scheduler"]?.string == "rr")
        #expect(step["virtualService"]?["file"]?.string == "state")
        #expect(step["realServer"]?["address"]?.string == "10.1.0.9")
        #expect(step["realServer"]?["port"]?.number?.unsigned == 2222)
        #expect(step["forwarding"]?.string == "masquerade")
        #expect(step["fromConnection"] == nil)
    }

    @Test func aServiceWithoutServersRefuses() throws {
        var world = try world()
        let answer = world.answer(try World.packet(port: 23))
        let text = world.text(answer)
        #expect(
            text.hasPrefix(
                "REJECTED: tcp 198.51.100.7:40000 -> 192.0.2.1:23 from eth0 is rejected with icmp-port-unreachable: "
                    + "IPVS has no real server for it.\n"))
        #expect(
            text.contains(
                "- IPVS: service address 192.0.2.1:23/tcp has no real server that takes connections "
                    + "(state:19: TCP  192.0.2.1:23 rr).\n"))
        #expect(text.contains("\nIPVS's own answer\n  SENT: icmp port-unreachable 192.0.2.1 -> 198.51.100.7"))
        let value = try world.json(answer)
        #expect(value["reason"]?.string == "ipvs-no-server")
        let index = try #require(value["decidedBy"]?.number?.unsigned)
        #expect(value["steps"]?.array?[Int(index)]["act"]?.string == "refused")
    }

    @Test func theAnswerIsTold() throws {
        var world = try world()
        let text = world.text(world.answer(try World.packet()) { $0.traceReply = true })
        #expect(
            text.contains(
                "IPVS: answer of real server 10.1.0.9:2222, whose source becomes the service address 192.0.2.1:22/tcp"))
    }

    /// IPVS is another decider only where its services are not known, or for errors about its connections.
    @Test func ipvsIsNoOtherDeciderWhereItIsFollowed() throws {
        var followed = try world()
        let plain = followed.answer(try World.packet())
        #expect(relevantDeciders(plain.trace, plain.request, on: followed.model).isEmpty)
        var error = try World.packet()
        error.protocol = .icmp
        error.icmpType = 3
        let refused = followed.answer(error)
        #expect(relevantDeciders(refused.trace, refused.request, on: followed.model).map(\.name) == ["ipvs"])
        let link = "4: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default qlen 1000\n"
        var unknown = try world(link)
        let answer = unknown.answer(try World.packet())
        #expect(relevantDeciders(answer.trace, answer.request, on: unknown.model).map(\.name) == ["ipvs"])
    }
}
