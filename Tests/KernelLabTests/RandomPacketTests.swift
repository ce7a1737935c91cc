import KernelLab
import NetTypes
import Testing

@Suite struct RandomPacketTests {
    private static func stream(_ seed: UInt64) -> RandomPackets {
        let topology = RandomTopology(seed: seed)
        return RandomPackets(
            seed: seed, topology: topology, rules: RandomRules(seed: seed, topology: topology))
    }

    private static let packets: [RandomPacket] = (UInt64(0)..<50).flatMap { seed in
        var stream = stream(seed)
        return (0..<100).map { _ in stream.single() }
    }

    @Test func bytesAreThePacketWithRightChecksums() {
        for packet in Self.packets.map(\.packet) {
            #expect(packet.encoded() == packet.bytes)
            #expect(packet.bytes.count == Int(packet.length))
            let decoded = Packet(decoding: packet.bytes.span)
            #expect(decoded?.source == packet.source && decoded?.destination == packet.destination)
            #expect(decoded?.destinationPort == packet.destinationPort)
        }
    }

    @Test func allKindsOfPacketsAreMade() {
        let packets = Self.packets.map(\.packet)
        let four = packets.filter { $0.version == .v4 }.count
        #expect(four * 100 / packets.count > 58 && four * 100 / packets.count < 72)
        let kinds: [UInt8] = [1, 2, 6, 17, 33, 47, 50, 51, 58, 108, 132, 135, 136, 253]
        for kind in kinds { #expect(packets.contains { $0.protocol.rawValue == kind }, "protocol \(kind)") }
        let extensions = Set(packets.flatMap { PacketLayout($0.bytes)?.extensions.map(\.kind.rawValue) ?? [] })
        #expect(extensions == [0, 43, 44, 51, 60])
        let conditions: [(String, (Packet) -> Bool)] = [
            ("first fragment", { $0.moreFragments && $0.fragmentOffset == 0 }),
            ("later fragment", { $0.fragmentOffset > 0 }), ("segment size", { $0.maximumSegmentSize != nil }),
            ("no flags", { $0.protocol == .tcp && $0.tcpFlags == [] }), ("mark", { $0.mark != 0 }),
            ("last hop", { $0.ttl == 1 }), ("congestion", { $0.tos & 3 != 0 }),
            ("broadcast", { $0.packetType == .broadcast }),
            ("multicast", { $0.packetType == .multicast }), ("loopback", { $0.destination.isLoopback }),
            ("error", { $0.protocol == .icmp && $0.icmpType == 3 && $0.bytes.count > 48 }),
            ("cut short", { $0.protocol == .udp && !$0.isFragment && $0.unknown.contains(.destinationPort) }),
            ("user", { $0.userID == 33 }),
            ("header options", { $0.version == .v4 && $0.bytes.first == 0x46 }), ("large", { $0.length > 1300 }),
        ]
        for (name, holds) in conditions { #expect(packets.contains(where: holds), "\(name)") }
    }

    @Test func packetsComeFromInterfacesThatAreThere() {
        for seed in UInt64(0)..<30 {
            let names = RandomTopology(seed: seed).interfaces.map(\.name)
            let bridges = RandomTopology(seed: seed).interfaces.filter { $0.role == .bridge }.map(\.name)
            var stream = Self.stream(seed)
            for _ in 0..<60 {
                let packet = stream.single()
                switch packet.arrival {
                case .wire(let name):
                    #expect(names.contains(name) && !bridges.contains(name))
                    #expect(packet.destinationMAC != nil && packet.packet.sourceMAC != nil)
                    #expect(packet.packet.userID == nil)
                case .host: #expect(packet.packet.hasSocket && packet.packet.userID != nil)
                }
            }
        }
    }

    @Test func packetsCarryWhatTheirRulesLookFor() {
        var wanted = 0
        var carried = 0
        for seed in UInt64(0)..<50 {
            let topology = RandomTopology(seed: seed)
            let rules = RandomRules(seed: seed, topology: topology)
            var indexes: Set<UInt32> = []
            for case .index(let index) in rules.hintsV4 { indexes.insert(index) }
            guard !indexes.isEmpty, rules.iptables.contains("--espspi") else { continue }
            wanted += 1
            var stream = RandomPackets(seed: seed, topology: topology, rules: rules)
            let fits = (0..<200).contains { _ in
                let packet = stream.single().packet
                return packet.protocol == .esp && packet.version == .v4 && packet.bytes.count >= 24
                    && indexes.contains(packet.bytes[20..<24].reduce(0) { $0 << 8 | UInt32($1) })
            }
            if fits { carried += 1 }
        }
        #expect(wanted > 5)
        #expect(carried * 10 > wanted * 8, "\(carried) of \(wanted)")
    }

    @Test func aReplyGoesBackAndAnErrorQuotes() throws {
        var packet = Packet(source: v4(10, 0, 0, 5), destination: v4(203, 0, 113, 5), protocol: .tcp)
        (packet.sourcePort, packet.destinationPort) = (40000, 80)
        packet.tcpFlags = .syn
        packet.length = 40
        packet.bytes = packet.encoded()
        var change = PacketChange()
        change.tcpFlags = [.syn, .ack]
        change.tcpSequence = 5000
        change.tcpAcknowledgement = 1001
        let reply = try #require(change.reply(to: packet))
        #expect(reply.source == packet.destination && reply.destination == packet.source)
        #expect(reply.sourcePort == 80 && reply.destinationPort == 40000)
        #expect(reply.tcpFlags == [.syn, .ack] && reply.tcpAcknowledgement == 1001)
        let error = try #require(PacketError.tooBig.packet(about: packet, from: v4(10, 0, 0, 14)))
        #expect(error.icmpType == 3 && error.icmpCode == 4 && error.destination == packet.source)
        #expect(Array(error.bytes.dropFirst(28)) == packet.bytes)
        var echo = Packet(source: v4(10, 0, 0, 5), destination: v4(203, 0, 113, 5), protocol: .icmp)
        echo.icmpType = 8
        echo.icmpIdentifier = 7
        let answer = try #require(PacketChange().reply(to: echo))
        #expect(answer.icmpType == 0 && answer.icmpIdentifier == 7)
        echo.icmpType = 3
        #expect(PacketChange().reply(to: echo) == nil)
    }

    @Test func fragmentsAreThePiecesOfOnePacket() throws {
        var pairs = 0
        for seed in UInt64(0)..<60 {
            var stream = Self.stream(seed)
            for _ in 0..<20 {
                let steps = stream.conversation()
                guard case .first(let first)? = steps.first, steps.count == 2, case .next(let next) = steps[1] else {
                    continue
                }
                pairs += 1
                let inOrder = first.packet.moreFragments
                let (one, two) = inOrder ? (first.packet, next.packet) : (next.packet, first.packet)
                #expect(one.moreFragments && one.fragmentOffset == 0)
                #expect(!two.moreFragments && two.fragmentOffset == 8)
                #expect(one.source == two.source && one.protocol == two.protocol)
            }
        }
        #expect(pairs > 20)
    }

    @Test func conversationsHaveEveryKindOfStep() {
        var kinds: Set<String> = []
        for seed in UInt64(0)..<60 {
            var stream = Self.stream(seed)
            for _ in 0..<20 {
                for (place, step) in stream.conversation().enumerated() {
                    switch step {
                    case .first: #expect(place == 0)
                    case .sameAgain: kinds.insert("same")
                    case .replyToLast: kinds.insert("reply")
                    case .errorAboutLast: kinds.insert("error")
                    case .next: kinds.insert("next")
                    case .clash: kinds.insert("clash")
                    case .rulesChanged: kinds.insert("rules")
                    }
                }
            }
        }
        #expect(kinds == ["same", "reply", "error", "next", "clash", "rules"])
    }
}
