import HostText
import NetTypes
import RuleModel
import Testing

@testable import KernelLab
@testable import KernelLink

/// What Linux itself does, seen through the laboratory. Observed on Linux 6.18.
@Suite("the kernel's own answer", .serialized, .enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
struct LaboratoryTests {
    static let rules = """
        *nat
        :PREROUTING ACCEPT
        :POSTROUTING ACCEPT
        -A PREROUTING -p tcp --dport 81 -j DNAT --to 10.1.0.9:80
        -A POSTROUTING -o tun0 -j MASQUERADE
        COMMIT
        *filter
        :INPUT ACCEPT
        :FORWARD DROP
        :OUTPUT ACCEPT
        :U -
        -A FORWARD -m mark --mark 0x7 -j ACCEPT
        -A FORWARD -p tcp --dport 99 -j REJECT --reject-with tcp-reset
        -A FORWARD -p tcp --dport 80 -j U
        -A FORWARD -p tcp --dport 70 -j NFQUEUE --queue-num 3
        -A U -p tcp --sport 1 -j DROP
        -A U -j ACCEPT
        -A OUTPUT -m owner --uid-owner 1234 -j DROP
        COMMIT

        """

    @Test func translatedPacketIsFollowedOutOfTheInterface() throws {
        try Router.run(rules: Self.rules) { laboratory in
            let seen = try laboratory.observe(
                Dispatch(Router.tcp("10.0.0.9", "10.0.0.1", port: 81), .interface("eth0")))
            #expect(seen.outcome == .forwarded(isSeen: true))
            #expect(seen.interface == "eth1")
            #expect(seen.ruleWords == ["PREROUTING 1 accept", "FORWARD 3 jump", "U 2 accept"])
            #expect(seen.steps.map(\.hook) == [.prerouting, .forward, .forward])
            #expect(seen.policies.map(\.chain.chain) == ["POSTROUTING"])
            let packet = try #require(seen.decoded)
            #expect(packet.destination == IPAddress("10.1.0.9"))
            #expect(packet.destinationPort == 80)
            #expect(packet.ttl == 63)
            let connections = try laboratory.netfilter.connections()
            #expect(connections.count == 1)
            let connection = try #require(connections.first)
            #expect(connection.entry.reply.source == IPAddress("10.1.0.9"))
            #expect(connection.entry.tcpState == .synSent)
            #expect(connection.isDestinationTranslated)
            if let told = seen.connection {
                #expect(told.state == .new)
                #expect(told.id == connection.id)
            }
            try laboratory.netfilter.delete(connection.entry)
            #expect(try laboratory.netfilter.connections().isEmpty)
        }
    }

    @Test func packetWithoutLinkHeaderLeavesByATun() throws {
        try Router.run(rules: Self.rules) { laboratory in
            let seen = try laboratory.observe(
                Dispatch(Router.tcp("10.0.0.9", "10.2.0.9", port: 80), .interface("eth0")))
            #expect(seen.outcome == .forwarded(isSeen: true))
            #expect(seen.port == "tun0")
            #expect(seen.ruleWords.last == "POSTROUTING 1 accept")
            let back = try laboratory.observe(
                Dispatch(Router.tcp("10.2.0.8", "10.0.0.9", port: 80), .interface("tun0")))
            #expect(back.interface == "eth0")
        }
    }

    @Test func everyEndIsTold() throws {
        try Router.run(rules: Self.rules) { laboratory in
            func outcome(_ destination: String, _ port: UInt16, from: UInt16 = 4000) throws -> Observation {
                let packet = try Router.tcp("10.0.0.9", destination, port: port, from: from)
                return try laboratory.observe(Dispatch(packet, .interface("eth0")))
            }
            #expect(try outcome("10.1.0.9", 5).outcome == .dropped(.policy(ChainKey(.ip, "filter", "FORWARD"))))
            let dropped = try outcome("10.1.0.9", 80, from: 1)
            #expect(dropped.outcome == .dropped(.rule(try #require(dropped.steps.last))))
            #expect(dropped.ruleWords == ["FORWARD 3 jump", "U 1 drop"])
            let rejected = try outcome("10.1.0.9", 99)
            #expect(rejected.outcome == .rejected(.rule(try #require(rejected.steps.last))))
            let sender = try #require(IPAddress("10.0.0.9"))
            #expect(rejected.answers == [ObservedAnswer(kind: .reset, fate: .left(interface: "eth0", to: sender))])
            let delivered = try outcome("10.0.0.1", 22)
            #expect(delivered.outcome == .delivered)
            #expect(delivered.interface == "eth0")
            // No one listens to the queue, so the packet is thrown away.
            #expect(try outcome("10.1.0.9", 70).outcome.name == "queued")
            let lost = try outcome("10.77.0.1", 80)
            #expect(lost.outcome == .gone(after: .prerouting))
            #expect(lost.answers.map(\.kind) == [.icmp(type: 3, code: 0)])
            try ChildProcess.check(["ip", "link", "set", "eth0", "down"])
            // EIO
            #expect(try outcome("10.1.0.9", 80).outcome == .unseen(error: 5))
        }
    }

    @Test func copiesOfAPacketAreNotTakenForIt() throws {
        let rules = """
            *mangle
            :PREROUTING ACCEPT
            :OUTPUT ACCEPT
            -A PREROUTING -p tcp --dport 80 -j TEE --gateway 10.1.0.7
            -A OUTPUT -m comment --comment copies
            COMMIT

            """
        try Router.run(rules: rules) { laboratory in
            let seen = try laboratory.observe(
                Dispatch(Router.tcp("10.0.0.9", "10.0.0.1", port: 80), .interface("eth0")))
            #expect(seen.hasCopies)
            #expect(seen.outcome == .delivered)
            #expect(seen.interface == "eth0")
            #expect(seen.ruleWords == ["PREROUTING 1 continue"])
            #expect(seen.decoded?.ttl == 64)
            let other = try laboratory.observe(
                Dispatch(Router.tcp("10.0.0.9", "10.2.0.1", port: 80), .interface("eth0")))
            #expect(other.port == "tun0")
        }
    }

    /// The trace of the kernel leaves out what lies between the fixed header and the transport's.
    @Test func aDeliveredPacketHasItsExtensionHeaders() throws {
        try Router.run(rules: Self.rules) { laboratory in
            var packet = try Router.tcp("fd00::9", "fd00::1", port: 80)
            packet.insert(contentsOf: [6, 0, 1, 4, 0, 0, 0, 0], at: 40)
            (packet[6], packet[5]) = (60, packet[5] + 8)
            let seen = try laboratory.observe(Dispatch(packet, .interface("eth0")))
            #expect(seen.outcome == .delivered)
            #expect(seen.decoded?.destinationPort == 80)
        }
    }

    @Test func everyArrivingPacketHasItsOwnMark() throws {
        try Router.run(rules: Self.rules) { laboratory in
            var dispatch = Dispatch(try Router.tcp("10.0.0.9", "10.1.0.9", port: 5), .interface("eth0"))
            dispatch.tag = 9
            dispatch.mark = 7
            let marked = try laboratory.observe(dispatch)
            #expect(marked.outcome == .forwarded(isSeen: true))
            #expect(marked.mark == 7)
            // The same tag again, with another mark: from another connection, so that nothing is remembered.
            dispatch.mark = 8
            #expect(try laboratory.observe(dispatch).outcome.name == "dropped")
            try laboratory.set(marks: (100..<3000).map { .init($0 % 2 == 0 ? .v4 : .v6, tag: $0, mark: 7) })
            dispatch.mark = nil
            dispatch.tag = 2998
            #expect(try laboratory.observe(dispatch).mark == 7)
            var six = Dispatch(try Router.tcp("fd00::9", "fd01::9", port: 5), .interface("eth0"))
            six.tag = 2999
            let seen = try laboratory.observe(six)
            #expect(seen.mark == 7)
            // Its neighbour was asked for and told.
            #expect(seen.outcome == .forwarded(isSeen: true))
        }
    }

    @Test func hostSendsAsAnyUser() throws {
        try Router.run(rules: Self.rules) { laboratory in
            var sender = LocalSender()
            sender.mark = 3
            let packet = try Router.tcp("10.1.0.1", "10.1.0.9", port: 5)
            let sent = try laboratory.observe(Dispatch(packet, .host(sender)))
            #expect(sent.outcome == .sent(isSeen: true))
            #expect(sent.mark == 3)
            sender.userID = 1234
            let dropped = try laboratory.observe(Dispatch(packet, .host(sender)))
            #expect(dropped.ruleWords == ["OUTPUT 1 drop"])
            sender.userID = nil
            #expect(try laboratory.observe(Dispatch(packet, .host(sender))).outcome == .sent(isSeen: true))
            let nowhere = try Router.tcp("10.1.0.1", "10.77.0.9", port: 5)
            // ENETUNREACH
            #expect(try laboratory.observe(Dispatch(nowhere, .host(sender))).outcome == .unroutable(error: 101))
            let destination = try #require(IPAddress("10.1.0.9"))
            #expect(laboratory.sourceAddress(to: destination) == IPAddress("10.1.0.1"))
            let missing = try #require(IPAddress("10.77.0.9"))
            #expect(laboratory.sourceAddress(to: missing) == nil)
        }
    }

    @Test func resetsOfTheHostAreHeldBack() throws {
        try Router.run { laboratory in
            let packet = try Router.tcp("10.0.0.9", "10.0.0.1", port: 22)
            #expect(try laboratory.observe(Dispatch(packet, .interface("eth0"))).answers.map(\.kind) == [.reset])
            try laboratory.holdResets(true)
            #expect(try laboratory.observe(Dispatch(packet, .interface("eth0"))).answers.isEmpty)
            try laboratory.holdResets(false)
            #expect(try laboratory.observe(Dispatch(packet, .interface("eth0"))).answers.map(\.kind) == [.reset])
        }
    }

    @Test func rulesOfIptablesLegacyAreToldByTheirCounters() throws {
        try Router.run(rules: Self.rules, isLegacy: true) { laboratory in
            let packet = try Router.tcp("10.0.0.9", "10.0.0.1", port: 81)
            let seen = try laboratory.observe(Dispatch(packet, .interface("eth0")))
            #expect(seen.outcome == .forwarded(isSeen: true))
            let words = seen.counts.map { "\($0.rule.table) \($0.rule.chain) \($0.rule.number ?? 0) \($0.packets)" }
            #expect(
                Set(words) == [
                    "nat PREROUTING 1 1", "nat POSTROUTING 0 1", "filter FORWARD 3 1", "filter U 2 1",
                ])
            let rejected = try laboratory.observe(
                Dispatch(Router.tcp("10.0.0.9", "10.1.0.9", port: 99), .interface("eth0")))
            let rule = LegacyRule(
                version: .v4, table: "filter", chain: "FORWARD", number: 2, target: .named("REJECT"))
            #expect(rejected.outcome == .rejected(.legacy(rule)))
            let chains = ":FORWARD ACCEPT\n:X -\n-A FORWARD -j X\n-A X -p udp\n-A X -p tcp --dport 5 -j DROP"
            let six = "*filter\n\(chains)\nCOMMIT\n"
            try ChildProcess.check(["ip6tables-legacy-restore"], input: six)
            try laboratory.readRules(countsLegacy: true)
            let dropped = try laboratory.observe(
                Dispatch(Router.tcp("fd00::9", "fd01::9", port: 5), .interface("eth0")))
            let last = LegacyRule(version: .v6, table: "filter", chain: "X", number: 2, target: .drop)
            #expect(dropped.outcome == .dropped(.legacy(last)))
        }
    }

    @Test func tunnelCarriesThePacketInAndOut() throws {
        let batch = """
            link add vx0 type vxlan id 42 local 10.1.0.1 dev eth1 dstport 4789 nolearning
            address add 10.5.0.1/24 dev vx0
            link set vx0 up
            neighbor replace 10.5.0.9 lladdr 02:00:00:00:05:09 dev vx0 nud permanent
            """
        let rules = "table ip f { chain p { type filter hook prerouting priority 0; udp dport 4789 accept; }; }"
        try Router.run(rules: rules, batch: batch, isNative: true) { laboratory in
            try ChildProcess.check(["bridge", "fdb", "append", "02:00:00:00:05:09", "dev", "vx0", "dst", "10.1.0.7"])
            try laboratory.readNode()
            let node = laboratory.node
            #expect(node.link("vx0")?.tunnel?.peers == [IPAddress("10.1.0.7")].compactMap { $0 })
            #expect(node.link("vx0")?.tunnel?.id == 42)
            #expect(node.link("vx0")?.tunnel?.port == 4789)
            let out = try laboratory.observe(Dispatch(Router.tcp("10.0.0.9", "10.5.0.9", port: 80), .interface("eth0")))
            #expect(out.outcome == .forwarded(isSeen: true))
            #expect((out.interface, out.innerInterface) == ("eth1", "vx0"))
            #expect(out.decoded?.destination == IPAddress("10.5.0.9"))
            #expect(out.decodedOuter?.destination == IPAddress("10.1.0.7"))
            var dispatch = Dispatch(try Router.tcp("10.5.0.9", "10.0.0.9", port: 80), .interface("vx0"))
            let into = try laboratory.observe(dispatch)
            #expect(into.outcome == .forwarded(isSeen: true))
            #expect(into.interface == "eth0")
            #expect(into.steps.isEmpty)
            dispatch.observesWrapping = true
            #expect(try laboratory.observe(dispatch).ruleWords == ["p 1 accept"])
            try ChildProcess.check(["nft", "insert", "rule", "ip", "f", "p", "udp", "dport", "4789", "drop"])
            try laboratory.readRules(countsLegacy: false)
            let dropped = try laboratory.observe(dispatch)
            #expect(dropped.outcome.name == "dropped")
            #expect(dropped.ruleWords == ["p 1 drop"])
            dispatch.observesWrapping = false
            #expect(try laboratory.observe(dispatch).outcome == .unseen(error: 0))
        }
    }

    @Test func bridgeIsWrittenToAtThePortWhereTheSenderIs() throws {
        let batch = """
            link add br0 type bridge stp_state 0
            address add 10.6.0.1/24 dev br0
            link set eth0 master br0
            link set eth1 master br0
            link set br0 up
            neighbor replace 10.6.0.9 lladdr 02:00:00:00:06:09 dev br0 nud permanent
            """
        try Router.run(batch: batch) { laboratory in
            try ChildProcess.check(["bridge", "fdb", "replace", "02:00:00:00:06:09", "dev", "eth1", "master", "static"])
            try laboratory.readNode()
            let sender = try #require(IPAddress("10.6.0.9"))
            let hardware = try #require(laboratory.node.hardware(of: sender, on: "br0"))
            #expect(laboratory.node.port(of: hardware, on: "br0") == "eth1")
            #expect(laboratory.node.ports(of: "br0") == ["eth0", "eth1"])
            #expect(laboratory.node.master("eth1") == "br0")
            let seen = try laboratory.observe(Dispatch(Router.tcp("10.6.0.9", "10.6.0.1", port: 80), .interface("br0")))
            #expect(seen.outcome == .delivered)
            #expect(seen.interface == "br0")
            #expect(seen.answers.count == 1)
        }
    }

    /// An error about an echo reply is heeded without a socket: net/ipv4/icmp.c `icmp_err`, Linux 6.18.
    @Test func whatWasLearnedOfPathsIsForgottenWithTheConnections() throws {
        let own = try #require(IPAddress("10.1.0.1")), far = try #require(IPAddress("10.1.0.9"))
        var reply = Packet(source: own, destination: far, protocol: .icmp)
        (reply.icmpType, reply.icmpCode) = (0, 0)
        var message: [UInt8] = [3, 4, 0, 0, 0, 0, 0x02, 0x58] + reply.encoded(identification: 1)
        var sum: UInt32 = 0
        for offset in stride(from: 0, to: message.count - 1, by: 2) {
            sum += UInt32(message[offset]) << 8 | UInt32(message[offset + 1])
        }
        sum = ~((sum >> 16) + (sum & 0xffff))
        (message[2], message[3]) = (UInt8(sum >> 8 & 0xff), UInt8(sum & 0xff))
        let length = UInt8(20 + message.count)
        let error = [0x45, 0, 0, length, 0, 0, 0, 0, 64, 1, 0, 0] + far.bytes + own.bytes + message
        try Router.run { laboratory in
            func route() throws -> String { try ChildProcess.check(["ip", "route", "get", "10.1.0.9"]) }
            #expect(try laboratory.observe(Dispatch(error, .interface("eth1"))).outcome == .delivered)
            #expect(try route().contains("mtu 600"))
            try laboratory.forget()
            #expect(try !route().contains("mtu"))
        }
    }

    @Test func lostEventsAreNeverAnAnswer() throws {
        try Router.run { laboratory in
            var reader = try TraceReader(bufferBytes: 4096)
            let packet = try Router.tcp("10.0.0.9", "10.1.0.9", port: 80)
            for _ in 0..<50 { _ = try laboratory.observe(Dispatch(packet, .interface("eth0"))) }
            var events: [TraceEvent] = []
            #expect(try !reader.read(into: &events))
            events = []
            #expect(try reader.read(into: &events))
            #expect(events.isEmpty)
        }
    }

    @Test func threadIsBackWhereItWas() throws {
        let before = try ChildProcess.check(["readlink", "/proc/self/ns/net"])
        let namespace = try ScratchNamespace()
        #expect(try ChildProcess.check(["readlink", "/proc/self/ns/net"]) != before)
        try ScratchNamespace.set("net.ipv4.ip_forward", to: "1")
        #expect(ScratchNamespace.setting("net.ipv4.ip_forward") == "1")
        #expect(throws: LabFailure.self) { try ScratchNamespace.set("net.no_such", to: "1") }
        try namespace.leave()
        #expect(try ChildProcess.check(["readlink", "/proc/self/ns/net"]) == before)
    }
}
