import NetTypes
import Testing

@testable import KernelLab

let canMakeNamespaces = ScratchNamespace.isPossible()

/// A router between 10.0.0.0/24 (eth0) and 10.1.0.0/24 (eth1), with `tun0` to everywhere else in 10.2.0.0/16.
enum Router {
    /// Makes the router in a namespace of its own, with `rules` for iptables-restore, and lends its laboratory.
    /// All on the calling thread, which is back where it was at the end.
    static func run(
        rules: String = "", isLegacy: Bool = false, batch: String = "", isNative: Bool = false,
        _ body: (inout Laboratory) throws -> Void
    ) throws {
        let namespace = try ScratchNamespace()
        let taps = try node(batch)
        let program = isNative ? ["nft", "-f", "-"] : ["iptables-\(isLegacy ? "legacy" : "nft")-restore"]
        if !rules.isEmpty { try ChildProcess.check(program, input: rules) }
        var laboratory = try Laboratory(taps: taps, countsLegacy: isLegacy)
        try body(&laboratory)
        try namespace.leave()
    }

    private static func node(_ batch: String) throws -> TapSet {
        var taps = TapSet()
        taps.add(try TapDevice("eth0", index: 10))
        taps.add(try TapDevice("eth1", index: 11))
        taps.add(try TapDevice("tun0", index: 12, hasLinkHeader: false))
        try ScratchNamespace.set("net.ipv4.ip_forward", to: "1")
        try ScratchNamespace.set("net.ipv6.conf.all.forwarding", to: "1")
        try ChildProcess.check(
            ["ip", "-batch", "-"],
            input: """
                link set lo up
                address add 10.0.0.1/24 dev eth0
                address add 10.1.0.1/24 brd 10.1.0.255 dev eth1
                address add fd00::1/64 dev eth0 nodad
                address add fd01::1/64 dev eth1 nodad
                link set eth0 addrgenmode none
                link set eth1 addrgenmode none
                address add fe80::1/64 dev eth1 nodad
                link set eth0 up
                link set eth1 up
                link set tun0 up
                route add 10.2.0.0/16 dev tun0
                \(batch)

                """)
        return taps
    }

    static func tcp(_ source: String, _ destination: String, port: UInt16, from: UInt16 = 4000) throws -> [UInt8] {
        var packet = Packet(
            source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)), protocol: .tcp)
        (packet.sourcePort, packet.destinationPort) = (from, port)
        packet.tcpFlags = .syn
        return packet.encoded(identification: 1)
    }
}

extension Observation {
    /// Its rules, as `FORWARD 1 accept`.
    var ruleWords: [String] { steps.map { "\($0.chain.chain) \($0.number) \($0.verdict.name)" } }

    var decoded: Packet? { Packet(decoding: packet.span) }
    var decodedOuter: Packet? { Packet(decoding: outer.span) }
}
