import RuleModel

// Which case a match or target is: a new case does not compile until it stands here, and a test asks for a saved rule with it.

enum MatchKind: CaseIterable {
    case source, destination, sourceV4, destinationV4, inInterface, outInterface, `protocol`, laterFragment
    case addressType, ah, bpf, cgroup, cluster, comment, connectionBytes, connectionLabel, connectionLimit
    case connectionMark, conntrack, cpu, dccp, deviceGroup, dscp, destinationOptions, ecn, esp, eui64, frag
    case hashLimit, hopByHop, helper, timeToLive, icmp, ipComp, addressRange, ipv6Header, ipvs, length, limit
    case mac, mark, mobilityHeader, multiport, accounting, operatingSystem, owner, physicalDevice, packetType
    case policy, quota, rateEstimate, realm, recent, reversePath, routingHeader, sctp, set, socket
    case segmentRouting, state, statistic, string, tcp, tcpMSS, time, tos, u32, udp, udplite, native, unknown

    init(_ match: Match) {
        switch match {
        case .source: self = .source
        case .destination: self = .destination
        case .sourceV4: self = .sourceV4
        case .destinationV4: self = .destinationV4
        case .inInterface: self = .inInterface
        case .outInterface: self = .outInterface
        case .protocol: self = .protocol
        case .laterFragment: self = .laterFragment
        case .addressType: self = .addressType
        case .ah: self = .ah
        case .bpf: self = .bpf
        case .cgroup: self = .cgroup
        case .cluster: self = .cluster
        case .comment: self = .comment
        case .connectionBytes: self = .connectionBytes
        case .connectionLabel: self = .connectionLabel
        case .connectionLimit: self = .connectionLimit
        case .connectionMark: self = .connectionMark
        case .conntrack: self = .conntrack
        case .cpu: self = .cpu
        case .dccp: self = .dccp
        case .deviceGroup: self = .deviceGroup
        case .dscp: self = .dscp
        case .destinationOptions: self = .destinationOptions
        case .ecn: self = .ecn
        case .esp: self = .esp
        case .eui64: self = .eui64
        case .frag: self = .frag
        case .hashLimit: self = .hashLimit
        case .hopByHop: self = .hopByHop
        case .helper: self = .helper
        case .timeToLive: self = .timeToLive
        case .icmp: self = .icmp
        case .ipComp: self = .ipComp
        case .addressRange: self = .addressRange
        case .ipv6Header: self = .ipv6Header
        case .ipvs: self = .ipvs
        case .length: self = .length
        case .limit: self = .limit
        case .mac: self = .mac
        case .mark: self = .mark
        case .mobilityHeader: self = .mobilityHeader
        case .multiport: self = .multiport
        case .accounting: self = .accounting
        case .operatingSystem: self = .operatingSystem
        case .owner: self = .owner
        case .physicalDevice: self = .physicalDevice
        case .packetType: self = .packetType
        case .policy: self = .policy
        case .quota: self = .quota
        case .rateEstimate: self = .rateEstimate
        case .realm: self = .realm
        case .recent: self = .recent
        case .reversePath: self = .reversePath
        case .routingHeader: self = .routingHeader
        case .sctp: self = .sctp
        case .set: self = .set
        case .socket: self = .socket
        case .segmentRouting: self = .segmentRouting
        case .state: self = .state
        case .statistic: self = .statistic
        case .string: self = .string
        case .tcp: self = .tcp
        case .tcpMSS: self = .tcpMSS
        case .time: self = .time
        case .tos: self = .tos
        case .u32: self = .u32
        case .udp: self = .udp
        case .udplite: self = .udplite
        case .native: self = .native
        case .unknown: self = .unknown
        }
    }
}

enum TargetKind: CaseIterable {
    case accept, drop, `return`, jump, goto, queue, nfQueue, reject, dnat, snat, masquerade, redirect, netmap
    case mark, connectionMark, connectionSecurityMark, ct, notrack, classify, checksumFill, dscp, tos, timeToLive
    case ecn, tcpMSS, tcpOptionStrip, hmark, prefixTranslation, securityMark, log, nfLog, ulog, audit, set
    case tee, idleTimer, led, rateEstimate, trace, tproxy, synproxy, clusterIP, native, unknown

    init(_ target: Target) {
        switch target {
        case .accept: self = .accept
        case .drop: self = .drop
        case .return: self = .return
        case .jump: self = .jump
        case .goto: self = .goto
        case .queue: self = .queue
        case .nfQueue: self = .nfQueue
        case .reject: self = .reject
        case .dnat: self = .dnat
        case .snat: self = .snat
        case .masquerade: self = .masquerade
        case .redirect: self = .redirect
        case .netmap: self = .netmap
        case .mark: self = .mark
        case .connectionMark: self = .connectionMark
        case .connectionSecurityMark: self = .connectionSecurityMark
        case .ct: self = .ct
        case .notrack: self = .notrack
        case .classify: self = .classify
        case .checksumFill: self = .checksumFill
        case .dscp: self = .dscp
        case .tos: self = .tos
        case .timeToLive: self = .timeToLive
        case .ecn: self = .ecn
        case .tcpMSS: self = .tcpMSS
        case .tcpOptionStrip: self = .tcpOptionStrip
        case .hmark: self = .hmark
        case .prefixTranslation: self = .prefixTranslation
        case .securityMark: self = .securityMark
        case .log: self = .log
        case .nfLog: self = .nfLog
        case .ulog: self = .ulog
        case .audit: self = .audit
        case .set: self = .set
        case .tee: self = .tee
        case .idleTimer: self = .idleTimer
        case .led: self = .led
        case .rateEstimate: self = .rateEstimate
        case .trace: self = .trace
        case .tproxy: self = .tproxy
        case .synproxy: self = .synproxy
        case .clusterIP: self = .clusterIP
        case .native: self = .native
        case .unknown: self = .unknown
        }
    }
}
