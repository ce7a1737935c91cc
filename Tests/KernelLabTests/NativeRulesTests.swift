import NetTypes
import PacketPath
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

@testable import KernelLab

/// Native rules, as this machine's kernel judges them: each text is loaded by `nft -f` and met by each packet.
@Suite("native rules in the kernel", .serialized, .enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
struct NativeRulesTests {
    static let packets: [(name: String, packet: Packet)] = {
        func make(_ source: String, _ destination: String, _ protocol: IPProtocol) -> Packet {
            var packet = Packet(
                source: IPAddress(source) ?? .zero(.v4), destination: IPAddress(destination) ?? .zero(.v4),
                protocol: `protocol`)
            if `protocol`.hasPorts { (packet.sourcePort, packet.destinationPort) = (4000, 80) }
            if `protocol` == .tcp { packet.tcpFlags = .syn }
            if `protocol`.isICMP { packet.icmpType = `protocol` == .icmp ? 8 : 128 }
            return packet
        }
        return [
            ("SYN", make("10.0.0.9", "10.1.0.9", .tcp)), ("datagram", make("10.0.0.9", "10.1.0.9", .udp)),
            ("echo", make("10.0.0.9", "10.1.0.9", .icmp)), ("SYN of IPv6", make("fd00::9", "fd01::9", .tcp)),
            ("echo of IPv6", make("fd00::9", "fd01::9", .icmpv6)), ("GRE", make("10.0.0.9", "10.1.0.9", .gre)),
        ]
    }()

    static let host = [
        """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
            inet6 ::1/128 scope host
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
            link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
            inet 10.0.0.1/24 scope global eth0
            inet6 fd00::1/64 scope global
        3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
            link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
            inet 10.1.0.1/16 scope global eth1
            inet6 fd01::1/64 scope global

        """,
        """
        10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1
        10.1.0.0/16 dev eth1 proto kernel scope link src 10.1.0.1
        local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
        local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1
        local 10.0.0.1 dev eth0 table local proto kernel scope host src 10.0.0.1
        broadcast 10.0.0.255 dev eth0 table local proto kernel scope link src 10.0.0.1
        local 10.1.0.1 dev eth1 table local proto kernel scope host src 10.1.0.1
        broadcast 10.1.255.255 dev eth1 table local proto kernel scope link src 10.1.0.1
        fd00::/64 dev eth0 proto kernel metric 256 pref medium
        fd01::/64 dev eth1 proto kernel metric 256 pref medium
        local ::1 dev lo table local proto kernel metric 0 pref medium
        local fd00::1 dev eth0 table local proto kernel metric 0 pref medium
        local fd01::1 dev eth1 table local proto kernel metric 0 pref medium

        """,
        """
        10.1.0.9 dev eth1 lladdr 02:00:00:00:03:09 REACHABLE
        fd01::9 dev eth1 lladdr 02:00:00:00:03:09 REACHABLE
        fd01::40 dev eth1 lladdr 02:00:00:00:03:09 REACHABLE
        fd01::77 dev eth1 lladdr 02:00:00:00:03:09 REACHABLE
        fd00::9 dev eth0 lladdr 02:00:00:00:03:09 REACHABLE

        """,
        "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv4.conf.all.rp_filter = 0\n"
            + "net.netfilter.nf_conntrack_acct = 1\n",
    ]

    /// A node with `text` as its only rules.
    static func node(_ text: String) throws -> NodeState {
        let files = (host + [text]).enumerated().map { SourceFile(path: "input\($0.offset)", text: $0.element) }
        let node = try readSnapshot(files: files, settings: SnapshotSettings())
        #expect(!node.diagnostics.contains { $0.severity == .error }, "\(node.diagnostics.map(\.message))")
        return node
    }

    static func differences(
        _ text: String, _ plain: Packet, _ bytes: [UInt8]? = nil, origin: Origin? = nil, state: ConnectionStates? = nil
    ) throws -> [String] {
        let node = try node(text)
        let model = HostModel(node.ruleset, node.host, names: node.names)
        var packet = plain
        if origin == nil {
            let bytes = bytes ?? packet.encoded(identification: 1)
            guard let decoded = Packet(decoding: bytes.span) else { return ["no packet"] }
            packet = decoded
            packet.sourceMAC = MACAddress(bits: 0x0200_0000_0309)
        }
        let arrival = try #require(model.names.find("eth0"))
        var request = TraceRequest(packet: packet, origin: origin ?? .interface(arrival))
        request.state = state
        request.connectionMark = state == nil ? nil : 0x7
        let trace = PacketPath.trace(request, on: model)
        let answer = try askKernel(request, of: node, model, trace)
        // An answer that leaves nothing open is the one that shows most.
        let open = ways(of: trace).count > 1 ? trace.branches.flatMap { $0.assumptions.map { "open: \($0.name)" } } : []
        return answer.differences + answer.leftOut + open
    }

    @Test(arguments: rules.map(\.name))
    func rulesAreMetAsInTheKernel(_ name: String) throws {
        let text = try #require(Self.rules.first { $0.name == name }).text
        for (word, packet) in Self.packets {
            let found = try Self.differences("table inet t {\n\(text)\n}\n", packet)
            #expect(found == [], "\(word)")
        }
    }

    /// Packets that are not plain, as bytes from their IP header on.
    static let oddPackets: [(name: String, bytes: [UInt8])] = {
        func v4(_ protocol: UInt8, _ rest: [UInt8], fragment: UInt16 = 0, options: [UInt8] = []) -> [UInt8] {
            let header = 20 + options.count
            let length = header + rest.count
            var bytes: [UInt8] = [0x40 | UInt8(header / 4), 0x20, UInt8(length >> 8), UInt8(length & 0xff), 0, 7]
            bytes += [UInt8(fragment >> 8), UInt8(fragment & 0xff), 64, `protocol`, 0, 0, 10, 0, 0, 9, 10, 1, 0, 9]
            bytes += options
            var sum: UInt32 = 0
            for index in stride(from: 0, to: bytes.count, by: 2) {
                sum += UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
            }
            while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
            (bytes[10], bytes[11]) = (UInt8(~sum >> 8 & 0xff), UInt8(~sum & 0xff))
            return bytes + rest
        }
        func v6(_ next: UInt8, _ rest: [UInt8]) -> [UInt8] {
            let address: [UInt8] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]
            var to = address
            to[1] = 1
            return [0x60, 0, 0, 0, UInt8(rest.count >> 8), UInt8(rest.count & 0xff), next, 64] + address + to + rest
        }
        let ports: [UInt8] = [0x0f, 0xa0, 0, 80]
        let syn: [UInt8] = ports + [0, 0, 3, 0xe8, 0, 0, 0, 0, 0x50, 0x02, 0x20, 0, 0, 0, 0, 0]
        let options: [UInt8] =
            ports + [0, 0, 3, 0xe8, 0, 0, 0, 0, 0x80, 0xc2, 0x20, 0, 0, 0, 0, 0] + [
                2, 4, 5, 0xb4, 4, 2, 1, 1, 3, 3, 7, 0,
            ]
        let datagram: [UInt8] = ports + [0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
        let unreachable: [UInt8] = [3, 4, 0, 0, 0, 0, 5, 0] + v4(17, datagram)
        return [
            ("SYN with options", v4(6, options)), ("SYN of IPv6 with options", v6(6, options)),
            ("IP options", v4(6, syn, options: [0x94, 4, 0, 0])), ("datagram with data", v4(17, datagram)),
            ("SYN, ACK", v4(6, ports + [0, 0, 3, 0xe8, 0, 0, 0, 0, 0x50, 0x12, 0x20, 0, 0, 0, 0, 0])),
            ("a header cut short", v4(6, Array(syn[..<12]))), ("an error", v4(1, unreachable)),
            ("hop-by-hop options", v6(0, [60, 0, 1, 4, 0, 0, 0, 0] + [6, 0, 1, 4, 0, 0, 0, 0] + syn)),
            ("AH", v6(51, [6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 12) + syn)),
            ("a first fragment", v4(17, datagram, fragment: 0x2000)),
            ("a later fragment", v4(17, datagram, fragment: 2)),
            ("a first fragment of IPv6", v6(44, [17, 0, 0, 1, 0, 0, 0, 7] + datagram)),
            ("SCTP", v4(132, ports + [0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 8, 0, 0, 0, 1])),
        ]
    }()

    @Test func headersAreReadAsInTheKernel() throws {
        for (word, bytes) in Self.oddPackets {
            guard let packet = Packet(decoding: bytes.span) else {
                Issue.record("\(word) is no packet")
                continue
            }
            let found = try Self.differences("table inet t {\n\(Self.headerRules)\n}\n", packet, bytes)
            #expect(found == [], "\(word)")
        }
    }

    @Test(arguments: [("10.0.0.9", "10.0.0.1", 80), ("10.0.0.9", "10.0.0.1", 81), ("fd00::9", "fd00::1", 80)])
    func packetsToThisHostMeetInput(_ source: String, _ destination: String, _ port: Int) throws {
        for kind in [IPProtocol.tcp, .udp] {
            var packet = Packet(
                source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)),
                protocol: kind)
            (packet.sourcePort, packet.destinationPort) = (4000, UInt16(port))
            if kind == .tcp { packet.tcpFlags = .syn }
            #expect(try Self.differences("table inet t {\n\(Self.hostRules)\n}\n", packet) == [], "\(kind)")
        }
    }

    @Test(arguments: [("10.1.0.9", 80), ("10.1.0.9", 82), ("10.1.0.9", 83), ("10.0.0.1", 80), ("fd01::9", 83)])
    func packetsOfThisHostMeetOutput(_ destination: String, _ port: Int) throws {
        for kind in [IPProtocol.tcp, .udp] {
            let to = try #require(IPAddress(destination))
            var packet = Packet(source: .zero(to.version), destination: to, protocol: kind)
            (packet.sourcePort, packet.destinationPort) = (4000, UInt16(port))
            if kind == .tcp { packet.tcpFlags = .syn }
            packet.length = to.version == .v4 ? 40 : 60
            packet.userID = 0
            packet.groupID = 0
            #expect(
                try Self.differences("table inet t {\n\(Self.hostRules)\n}\n", packet, origin: .host) == [], "\(kind)")
        }
    }

    /// Of a connection that is known already.
    @Test func packetsOfAKnownConnectionAreJudgedAsInTheKernel() throws {
        let rules = try #require(Self.rules.first { $0.name == "connections" }).text
        let translations = try #require(Self.rules.first { $0.name == "translations" }).text
        for (word, packet) in Self.packets where packet.protocol == .tcp || packet.protocol == .udp {
            var packet = packet
            if packet.protocol == .tcp { packet.tcpFlags = .ack }
            for text in [rules, translations] {
                let found = try Self.differences("table inet t {\n\(text)\n}\n", packet, state: .established)
                #expect(found == [], "\(word)")
            }
        }
    }
}
