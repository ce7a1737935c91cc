import NetTypes
import RuleModel
import Testing

@testable import PacketPath

/// Every kind of match has a row in some table, so that none is added without its meaning being pinned.
@Suite struct EveryMatchTests {
    enum Name: String, CaseIterable {
        case source, destination, sourceV4, destinationV4, inInterface, outInterface, `protocol`, laterFragment,
            addressType, ah, bpf, cgroup, cluster, comment, connectionBytes, connectionLabel, connectionLimit,
            connectionMark, conntrack, cpu, dccp, deviceGroup, dscp, destinationOptions, ecn, esp, eui64, frag,
            hashLimit, hopByHop, helper, timeToLive, icmp, ipComp, addressRange, ipv6Header, ipvs, length, limit, mac,
            mark, mobilityHeader, multiport, accounting, operatingSystem, owner, physicalDevice, packetType, policy,
            quota, rateEstimate, realm, recent, reversePath, routingHeader, sctp, set, socket, segmentRouting, state,
            statistic, string, tcp, tcpMSS, time, tos, u32, udp, udplite, unknown
    }

    /// `nil` for comparisons of native rules, which have tests of their own.
    static func name(_ match: Match) -> Name? {
        switch match {
        case .source: .source
        case .destination: .destination
        case .sourceV4: .sourceV4
        case .destinationV4: .destinationV4
        case .inInterface: .inInterface
        case .outInterface: .outInterface
        case .protocol: .protocol
        case .laterFragment: .laterFragment
        case .addressType: .addressType
        case .ah: .ah
        case .bpf: .bpf
        case .cgroup: .cgroup
        case .cluster: .cluster
        case .comment: .comment
        case .connectionBytes: .connectionBytes
        case .connectionLabel: .connectionLabel
        case .connectionLimit: .connectionLimit
        case .connectionMark: .connectionMark
        case .conntrack: .conntrack
        case .cpu: .cpu
        case .dccp: .dccp
        case .deviceGroup: .deviceGroup
        case .dscp: .dscp
        case .destinationOptions: .destinationOptions
        case .ecn: .ecn
        case .esp: .esp
        case .eui64: .eui64
        case .frag: .frag
        case .hashLimit: .hashLimit
        case .hopByHop: .hopByHop
        case .helper: .helper
        case .timeToLive: .timeToLive
        case .icmp: .icmp
        case .ipComp: .ipComp
        case .addressRange: .addressRange
        case .ipv6Header: .ipv6Header
        case .ipvs: .ipvs
        case .length: .length
        case .limit: .limit
        case .mac: .mac
        case .mark: .mark
        case .mobilityHeader: .mobilityHeader
        case .multiport: .multiport
        case .accounting: .accounting
        case .operatingSystem: .operatingSystem
        case .owner: .owner
        case .physicalDevice: .physicalDevice
        case .packetType: .packetType
        case .policy: .policy
        case .quota: .quota
        case .rateEstimate: .rateEstimate
        case .realm: .realm
        case .recent: .recent
        case .reversePath: .reversePath
        case .routingHeader: .routingHeader
        case .sctp: .sctp
        case .set: .set
        case .socket: .socket
        case .segmentRouting: .segmentRouting
        case .state: .state
        case .statistic: .statistic
        case .string: .string
        case .tcp: .tcp
        case .tcpMSS: .tcpMSS
        case .time: .time
        case .tos: .tos
        case .u32: .u32
        case .udp: .udp
        case .udplite: .udplite
        case .unknown: .unknown
        case .native: nil
        }
    }

    static var rows: [MatchCase] {
        HeaderMatchTests.frame + HeaderMatchTests.interfaces + HeaderMatchTests.ports + HeaderMatchTests.manyPorts
            + HeaderMatchTests.icmp + HeaderMatchTests.fields + HeaderMatchTests.hidden + ConnectionMatchTests.states
            + ConnectionMatchTests.entries + ConnectionMatchTests.extras + ConnectionMatchTests.chance
            + HostMatchTests.bridges + HostMatchTests.links + HostMatchTests.sockets + HostMatchTests.addressTypes
            + HostMatchTests.reversePaths + HostMatchTests.others + PayloadMatchTests.words
            + PayloadMatchTests.programs + PayloadMatchTests.strings + elsewhere
    }

    /// Matches whose tables have another shape.
    static let elsewhere = [
        MatchCase("-m set --match-set gone src", "set@gone:198.51.100.7"),
        MatchCase(
            "-m cluster --cluster-local-nodemask 0x00000001 --cluster-total-nodes 2 --cluster-hash-seed 0x00000001",
            "no", "no entry"),
        MatchCase(
            "-m cluster ! --cluster-local-nodemask 0x00000001 --cluster-total-nodes 2 --cluster-hash-seed 0x00000001",
            "no", "no entry"),
        MatchCase(
            "-m cluster --cluster-local-nodemask 0x00000008 --cluster-total-nodes 8 --cluster-hash-seed 0x00000001",
            "yes", "10.1.2.3"
        ) {
            $0.packet.source = .v4(10, 1, 2, 3)
            $0.track()
        },
        MatchCase(
            "-m cluster ! --cluster-local-nodemask 0x00000008 --cluster-total-nodes 8 --cluster-hash-seed 0x00000001",
            "no", "10.1.2.3"
        ) {
            $0.packet.source = .v4(10, 1, 2, 3)
            $0.track()
        },
    ]

    @Test(arguments: elsewhere) func holds(_ row: MatchCase) throws { try row.check() }

    @Test func everyMatchHasARow() throws {
        var seen: Set<Name> = []
        for row in Self.rows {
            for match in try row.lab().matches { if let name = Self.name(match) { seen.insert(name) } }
        }
        #expect(Set(Name.allCases).subtracting(seen).map(\.rawValue) == [])
    }

    /// A rule tells which defaults it looked at.
    @Test(
        arguments: [
            ("-s 10.0.0.0/8 -p tcp -m tcp --dport 80", [.source, .protocol, .destinationPort]),
            ("-p tcp -m tcp --tcp-flags SYN,ACK SYN", [.protocol, .tcpFlags]),
            ("-m ttl --ttl-eq 3", .ttl), ("-m dscp --dscp 0x2e", .dscp), ("-m length --length 60", .length),
            ("-p tcp -m multiport --ports 22", [.protocol, .sourcePort, .destinationPort]),
            ("-m conntrack --ctstate NEW --ctorigdstport 80", [.connectionState, .destinationPort]),
            ("-m addrtype --dst-type LOCAL", .destination), ("-m limit --limit 3/hour", []),
            ("-m set --match-set x src,dst", [.source, .destination, .protocol, .destinationPort]),
            ("-p icmp -m icmp --icmp-type 8", [.protocol, .icmpType]), ("-m u32 --u32 \"0xc=0xa000009\"", .source),
            ("-m u32 --u32 \"4&0x1FFF=0\"", .fragment), ("-m u32 --u32 \"8=1\"", [.ttl, .protocol]),
            ("-m bpf --bytecode \"3,48 0 0 9,21 0 1 17,6 0 0 1\"", .protocol),
            (
                "-m bpf --bytecode \"4,177 0 0 0,72 0 0 2,21 0 1 80,6 0 0 1\"",
                [
                    .sourcePort, .destinationPort, .icmpType, .tcpFlags, .tcpOptions, .length, .protocol, .payload,
                    .otherHeaders,
                ]
            ),
        ] as [(String, PacketFields)])
    func fields(_ row: (conditions: String, fields: PacketFields)) throws {
        let lab = try MatchLab(row.conditions)
        let evaluator = lab.evaluator
        var fields: PacketFields = []
        for match in lab.matches { fields.formUnion(evaluator.fields(of: match, in: .v4)) }
        #expect(fields == row.fields)
    }
}
