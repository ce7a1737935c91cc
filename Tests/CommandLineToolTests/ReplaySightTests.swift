import CommandLineTool
import SourceText
import Testing

/// Where packets of a capture came from, and which frames show the same packet.
@Suite struct ReplaySightTests {
    private static let client: [UInt8] = [198, 51, 100, 7]
    private static let host: [UInt8] = [192, 0, 2, 1]
    private static let inside: [UInt8] = [10, 1, 0, 9]

    /// A router: eth0 outside, eth1 inside, which translates both ways.
    private static let router = hostSnapshot.replacing(
        "-A INPUT -p icmp",
        with:
            "-A FORWARD -m conntrack --ctstate INVALID -j DROP\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -i eth1 -j ACCEPT\n-A FORWARD -p tcp --dport 80 -j ACCEPT\n-A FORWARD -p tcp --dport 81 -j REJECT --reject-with tcp-reset\n-A INPUT -p icmp"
    ).replacing(
        "# ip addr\n",
        with:
            "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.9:80\n-A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 192.0.2.1\nCOMMIT\n# ip addr\n"
    )

    private func results(_ options: String, _ capture: [UInt8], snapshot: String = router) throws -> [JSONValue] {
        var around = Around(captures: ["cap": capture])
        around.input = snapshot
        let line = "replay - cap --json \(options)"
        let call = call(line, around)
        #expect(call.error == "")
        // However many threads follow the packets, what one shows of another is the same.
        around.threads = 3
        #expect(CommandLineToolTests.call(line, around).output == call.output)
        return try call.output.split(separator: "\n").map { try readJSON(Array($0.utf8).span) }
    }

    private func pcap(_ frames: [[UInt8]], link: UInt32 = 1) -> [UInt8] {
        pcapHeader(link: link) + frames.flatMap { pcapRecord($0) }
    }

    private func outcomes(_ results: [JSONValue]) -> [String] {
        results.map { $0["outcome"]?.string ?? $0["passedOver"]?.string ?? "?" }
    }

    /// A TCP packet between two ends with right checksums.
    private func segment(
        _ from: ([UInt8], UInt16), _ to: ([UInt8], UInt16), flags: UInt8 = 2, ttl: UInt8 = 64, id: UInt16 = 7
    ) -> [UInt8] {
        ipv4(6, tcp(from.1, to.1, flags: flags, from: from.0, to: to.0), from: from.0, to: to.0, ttl: ttl, id: id)
    }

    @Test func aCaptureOnAllInterfacesShowsAPacketMoreThanOnce() throws {
        let syn = { (ttl: UInt8, to: [UInt8], port: UInt16) in
            self.segment((Self.client, 40000), (to, port), ttl: ttl)
        }
        let capture = pcap(
            [
                cooked2(0x0800, 0, index: 2, syn(64, Self.host, 8080)),
                cooked2(0x0800, 4, index: 3, syn(63, Self.inside, 80)),
                cooked2(0x0800, 0, index: 3, segment((Self.inside, 80), (Self.client, 40000), flags: 0x12, id: 0)),
                cooked2(
                    0x0800, 4, index: 2, segment((Self.host, 8080), (Self.client, 40000), flags: 0x12, ttl: 63, id: 0)),
                cooked2(0x0800, 4, index: 2, segment((Self.host, 5000), (Self.client, 443))),
            ], link: 276)
        let results = try results("--flows", capture)
        #expect(outcomes(results) == ["forwarded", "leaving", "forwarded", "leaving", "sent"])
        #expect(results[1]["answeredBy"]?.number?.unsigned == 1)
        #expect(results[3]["answeredBy"]?.number?.unsigned == 3)
        #expect(results.map { $0["seenOn"]?.string } == ["eth0", "eth1", "eth1", "eth0", "eth0"])
        #expect(results[4]["madeHere"] == results[4]["madeHere"])
        #expect(results[0]["out"]?["destination"]?.string == "10.1.0.9")
    }

    /// Where only one interface was captured, what leaves by it is followed as it came in.
    @Test func answersThatAreSeenLeavingOnlyCountForTheirConnection() throws {
        let frames = [
            ReplayTests.arriving(segment((Self.client, 40000), (Self.host, 8080))),
            ReplayTests.leaving(segment((Self.host, 8080), (Self.client, 40000), flags: 0x12, ttl: 63)),
            ReplayTests.arriving(segment((Self.client, 40000), (Self.host, 8080), flags: 0x10)),
        ]
        let results = try results("--flows", pcap(frames))
        #expect(outcomes(results) == ["forwarded", "forwarded", "forwarded"])
        let answer = results[1]
        #expect(answer["out"]?["source"]?.string == "192.0.2.1")
        #expect(answer["out"]?["ttl"]?.number?.unsigned == 63)
        #expect(answer["notes"]?.array?.contains { $0.string?.contains("seen leaving only") == true } == true)
        let state = results[2]["steps"]?.array?.first { $0["kind"]?.string == "conntrack" }?["state"]?.string
        #expect(state == "established")
    }

    /// A router that translates nothing: what leaves has addresses that are not its own.
    @Test func whatOthersMadeAndIsSeenLeavingOnlyIsFollowed() throws {
        let frames = [
            ReplayTests.leaving(segment((Self.inside, 80), (Self.client, 40000), ttl: 63))
        ]
        let plain = Self.router.replacing(
            "-A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 192.0.2.1\n", with: "")
        let results = try results("", pcap(frames), snapshot: plain)
        #expect(outcomes(results) == ["forwarded"])
        #expect(results[0]["out"]?["ttl"]?.number?.unsigned == 63)
        #expect(results[0]["out"]?["interface"]?.string == "eth0")
    }

    @Test func whatLeavesAlthoughTheRulesDropItIsToldFirst() throws {
        let frames = [
            cooked2(0x0800, 0, index: 2, segment((Self.client, 40000), (Self.inside, 25))),
            cooked2(0x0800, 4, index: 3, segment((Self.client, 40000), (Self.inside, 25), ttl: 63)),
        ]
        #expect(outcomes(try results("", pcap(frames, link: 276))) == ["dropped", "left-all-the-same"])
        var around = Around(captures: ["cap": pcap(frames, link: 276)])
        around.input = Self.router
        let text = call("replay - cap --flows", around).output
        #expect(text.contains("\n\nTHE CAPTURE SHOWS OTHERWISE: 1 frame (the first is 2) shows a packet leaving"))
    }

    @Test func whatARejectAnswersIsNoPacketOfItsOwn() throws {
        let frames = [
            ReplayTests.arriving(segment((Self.client, 40000), (Self.inside, 81))),
            ReplayTests.leaving(segment((Self.inside, 81), (Self.client, 40000), flags: 0x14)),
        ]
        let results = try results("--flows", pcap(frames))
        #expect(outcomes(results) == ["rejected", "answer"])
        #expect(results[1]["answeredBy"]?.number?.unsigned == 1)
    }

    /// A bridge shows its port's frames again, and a packet that is sent twice by its sender is two packets.
    @Test func whatAnotherInterfaceShowsAgainIsPassedOver() throws {
        let packet = segment((Self.client, 40000), (Self.host, 22))
        let frame = { (index: UInt32) in cooked2(0x0800, 0, index: index, packet) }
        let results = try results("", pcap([frame(2), frame(3), frame(2)], link: 276))
        #expect(outcomes(results) == ["delivered", "again", "delivered"])
    }

    @Test func theSourceTellsWhereNothingElseDoes() throws {
        let capture = pcap(
            [segment((Self.host, 5000), (Self.client, 443)), segment((Self.client, 5000), (Self.host, 22))], link: 101)
        let results = try results("", capture)
        #expect(outcomes(results) == ["sent", "delivered"])
        #expect(results[1]["notes"]?.array?.first?.string == "taken as come in, by the source address alone")
        // On eth1 it would be a packet of someone else with eth0's network.
        let named = try self.results("--in eth1", capture)
        #expect(named[1]["steps"]?.array?.isEmpty == false)
        #expect(named[1]["seenOn"]?.string == "eth1")
    }

    /// pcapng's direction counts more than the source: what comes in with an address of the host's own is a martian.
    @Test func aDirectionThatTheCaptureTellsCounts() throws {
        let flags = option(2, little32(1)) + little32(0)
        let packet = segment((Self.host, 5000), (Self.host, 22))
        let capture = sectionHeader() + interfaceBlock("eth1", link: 101) + packetBlock(packet, options: flags)
        let results = try results("", capture)
        #expect(outcomes(results) == ["filtered"])
        #expect(results[0]["reason"]?.string == "martian-source")
    }

    @Test func whatTheKernelPutTogetherIsNotHeldAgainstTheMTU() throws {
        let body = [UInt8](repeating: 1, count: 3000)
        let left = folded(pseudoHeader(6, 3020, Self.client, Self.inside))
        let merged = ipv4(
            6, tcp(40000, 80, flags: 0x10, payload: body, checksum: left), from: Self.client, to: Self.inside)
        let results = try results("", pcap([ReplayTests.arriving(merged)]))
        #expect(outcomes(results) == ["forwarded"])
        #expect(results[0]["out"]?["length"]?.number?.unsigned == 3040)
        // One of ICMP is one packet.
        let echo = ipv4(
            1, [8, 0] + big16(~folded([8, 0, 0, 0] + body)) + body.dropLast(0), from: Self.client, to: Self.inside)
        #expect(outcomes(try self.results("", pcap([ReplayTests.arriving(echo)])))[0] == "filtered")
    }

    /// A frame that the capture lacks makes no packet invalid.
    @Test func lostFramesDoNotMakePacketsInvalid() throws {
        let ack = { (sequence: UInt32, acknowledgement: UInt32) -> [UInt8] in
            var bytes = tcp(40000, 80, flags: 0x10, checksum: 0, from: Self.client, to: Self.inside)
            bytes.replaceSubrange(4..<12, with: big32(sequence) + big32(acknowledgement))
            let sum = ~folded(pseudoHeader(6, bytes.count, Self.client, Self.inside) + bytes)
            bytes.replaceSubrange(16..<18, with: big16(sum))
            return ReplayTests.arriving(ipv4(6, bytes, from: Self.client, to: Self.inside))
        }
        var answer = tcp(80, 40000, flags: 0x12, checksum: 0, from: Self.inside, to: Self.client)
        answer.replaceSubrange(8..<12, with: big32(1001))
        answer.replaceSubrange(16..<18, with: big16(~folded(pseudoHeader(6, 20, Self.inside, Self.client) + answer)))
        let synAck = ethernet(
            0x0800, ipv4(6, answer, from: Self.inside, to: Self.client), to: [2, 0, 0, 0, 0, 2],
            from: [2, 0, 0, 0, 0, 0x77])
        let frames = [
            ReplayTests.arriving(segment((Self.client, 40000), (Self.inside, 80))), synAck, ack(1001, 1001),
            ack(1001, 900_000),
        ]
        let plain = Self.router.replacing(
            "-A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 192.0.2.1\n", with: "")
        let results = try results("--flows", pcap(frames), snapshot: plain)
        #expect(outcomes(results) == ["forwarded", "forwarded", "forwarded", "forwarded"])
        #expect(
            results[3]["notes"]?.array?.contains { $0.string?.contains("the capture lacks frames") == true } == true)
        #expect(results[2]["notes"]?.array?.contains { $0.string?.contains("lacks frames") == true } == false)
    }

    // MARK: Checksums

    @Test func checksumsAsTheKernelTakesThem() throws {
        let right = ReplayTests.arriving(segment((Self.client, 1), (Self.host, 22)))
        let left = ReplayTests.arriving(
            ipv4(6, tcp(2, 22, checksum: folded(pseudoHeader(6, 20, Self.client, Self.host)))))
        let wrong = ReplayTests.arriving(ipv4(6, tcp(3, 22, checksum: 0x1234)))
        var header = ReplayTests.arriving(segment((Self.client, 4), (Self.host, 22)))
        header[24] ^= 1
        let strict = hostSnapshot.replacing(
            "-A INPUT -p tcp", with: "-A INPUT -m conntrack --ctstate INVALID -j DROP\n-A INPUT -p tcp")
        let results = try results("", pcap([right, left, wrong, header]), snapshot: strict)
        #expect(outcomes(results) == ["delivered", "delivered", "dropped", "?"])
        #expect(results[3]["error"]?.string?.contains("the checksum of its IPv4 header is wrong") == true)
        let any = try self.results("--any-checksum", pcap([wrong, header]), snapshot: strict)
        #expect(outcomes(any) == ["delivered", "delivered"])
    }

    // MARK: VLANs and tunnels

    private static let tagged = hostSnapshot.replacing(
        "# ip route",
        with:
            "4: eth0.10@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n    inet 172.16.0.1/24 scope global eth0.10\n       valid_lft forever preferred_lft forever\n# ip route"
    )

    @Test func aTaggedFrameComesInByItsDevice() throws {
        let packet = segment((Self.client, 1), (Self.host, 22))
        let tags: [[UInt16]] = [[10], [11]]
        let capture =
            sectionHeader() + interfaceBlock("eth0") + tags.flatMap { packetBlock(ethernet(0x0800, packet, tags: $0)) }
        let results = try results("", capture, snapshot: Self.tagged)
        let first = results[0]["steps"]?.array?.first
        #expect(first != nil)
        #expect(results[0]["notes"]?.array?.first?.string?.contains("seen on eth0.10") == true)
        #expect(
            results[1]["error"]?.string?.hasSuffix("tagged with VLAN 11, of which the snapshot has no device on eth0")
                == true)
    }

    private static let vxlan = hostSnapshot.replacing(
        "# ip route",
        with:
            "4: vxlan.calico: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default\n    link/ether 66:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n    inet 10.244.1.0/32 scope global vxlan.calico\n       valid_lft forever preferred_lft forever\n# ip route"
    ).replacing(
        "-A INPUT -i eth0 -j DROP",
        with:
            "-A INPUT -p udp --dport 4789 -j ACCEPT\n-A INPUT -i eth0 -j DROP\n-A FORWARD -i vxlan.calico -p tcp --dport 80 -j ACCEPT"
    ).replacing("10.1.0.0/24 dev eth1", with: "10.244.1.5 dev eth1 scope link\n10.1.0.0/24 dev eth1")
        .replacing("# sysctl -a", with: "# sysctl -a\nnet.ipv4.conf.vxlan/calico.rp_filter = 0")

    @Test func whatATunnelCarriesIsFollowedBehindIt() throws {
        let pod: [UInt8] = [10, 244, 1, 5]
        let inner = segment(([10, 244, 2, 9], 40000), (pod, 80))
        let outer = ipv4(17, udp(50000, 4789, [8, 0, 0, 0, 0, 0x10, 0, 0] + ethernet(0x0800, inner)))
        let capture = pcap([ReplayTests.arriving(outer), ethernet(0x0800, inner, to: [0x66, 0, 0, 0, 0, 1])])
        let results = try results("", capture, snapshot: Self.vxlan)
        #expect(outcomes(results) == ["forwarded", "again"])
        #expect(results[0]["out"]?["interface"]?.string == "eth1")
        #expect(results[0]["steps"]?.array?.contains { $0["kind"]?.string == "decapsulation" } == true)
        // By --inner it is a packet by itself; without a tunnel here the outer one is all there is.
        let alone = try self.results("--inner", pcap([ReplayTests.arriving(outer)]), snapshot: Self.vxlan)
        #expect(alone[0]["out"]?["destination"]?.string == "10.244.1.5")
        #expect(alone[0]["steps"]?.array?.contains { $0["kind"]?.string == "decapsulation" } == false)
        let elsewhere = try self.results("", pcap([ReplayTests.arriving(outer)]), snapshot: hostSnapshot)
        #expect(outcomes(elsewhere) == ["dropped"])
    }

    /// Random frames are answered or told, and end nothing.
    @Test func hostileCaptures() throws {
        var random = Sequence(seed: 3)
        let seeds = ReplayTests.packets.map { ReplayTests.arriving($0) }
        var frames: [[UInt8]] = []
        for _ in 0..<400 {
            var bytes = seeds[random.next(seeds.count)]
            for _ in 0..<random.next(5) { bytes[random.next(bytes.count)] = UInt8(random.next(256)) }
            if random.next(4) == 0 { bytes.removeLast(random.next(bytes.count)) }
            frames.append(bytes)
        }
        for flows in ["", "--flows"] {
            let results = try results(flows, pcap(frames), snapshot: Self.vxlan)
            #expect(results.count == frames.count)
        }
    }
}
