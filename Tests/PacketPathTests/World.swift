import ChainGraph
import NetTypes
import PacketPath
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

/// A host made of what its tools would print, and packets to send to it.
struct World {
    let model: HostModel
    let node: NodeState

    /// - Parameter parts: the text of each input, as `iptables-save`, `ip addr`, … print it.
    init(_ parts: String...) throws {
        let files = parts.enumerated().map { SourceFile(path: "input\($0.offset)", text: $0.element) }
        node = try readSnapshot(files: files, settings: SnapshotSettings())
        model = HostModel(node.ruleset, node.host, names: node.names)
    }

    /// The interface's symbol; an interface that no input names matches nothing.
    func interface(_ name: String) -> Symbol { model.names.find(name) ?? Symbol(index: .max) }

    func packet(
        _ source: String, _ destination: String, _ protocol: IPProtocol = .tcp, sport: UInt16 = 40000,
        dport: UInt16 = 80, mark: UInt32 = 0
    ) throws -> Packet {
        var packet = Packet(
            source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)),
            protocol: `protocol`)
        if `protocol`.hasPorts {
            packet.sourcePort = sport
            packet.destinationPort = dport
        }
        if `protocol` == .tcp { packet.tcpFlags = .syn }
        if `protocol` == .icmp { packet.icmpType = 8 }
        if `protocol` == .icmpv6 { packet.icmpType = 128 }
        packet.length = 60
        packet.mark = mark
        return packet
    }

    func trace(_ packet: Packet, in interface: String?, _ adjust: (inout TraceRequest) -> Void = { _ in }) -> Trace {
        var request = TraceRequest(
            packet: packet, origin: interface.map { .interface(self.interface($0)) } ?? .host)
        adjust(&request)
        return PacketPath.trace(request, on: model)
    }

    /// Rules met, as `filter/FORWARD:1 accept`, of the trace and its first branches.
    func rules(_ trace: Trace) -> [String] {
        trace.steps.compactMap { step in
            switch step.kind {
            case .rule(let rule):
                "\(model.linked.path(of: rule.rule.chain)):\(rule.rule.index + 1) \(rule.verdict.name)"
                    + (step.isCertain ? "" : "?")
            case .policy(let chain, let verdict): "\(model.linked.path(of: chain)) policy \(verdict.name)"
            default: nil
            }
        }
    }
}

/// A router: eth0 192.0.2.1/24 to the world, eth1 198.51.100.1/24 inside.
let routerAddresses = """
    1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
        link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
        inet 127.0.0.1/8 scope host lo
           valid_lft forever preferred_lft forever
        inet6 ::1/128 scope host
           valid_lft forever preferred_lft forever
    2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
        link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
        inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0
           valid_lft forever preferred_lft forever
        inet6 2001:db8:1::1/64 scope global
           valid_lft forever preferred_lft forever
    3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
        link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
        inet 198.51.100.1/24 brd 198.51.100.255 scope global eth1
           valid_lft forever preferred_lft forever
        inet6 2001:db8:2::1/64 scope global
           valid_lft forever preferred_lft forever

    """

let routerRoutes = """
    default via 192.0.2.254 dev eth0
    192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1
    198.51.100.0/24 dev eth1 proto kernel scope link src 198.51.100.1
    local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
    local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1
    broadcast 127.255.255.255 dev lo table local proto kernel scope link src 127.0.0.1
    local 192.0.2.1 dev eth0 table local proto kernel scope host src 192.0.2.1
    broadcast 192.0.2.255 dev eth0 table local proto kernel scope link src 192.0.2.1
    local 198.51.100.1 dev eth1 table local proto kernel scope host src 198.51.100.1
    broadcast 198.51.100.255 dev eth1 table local proto kernel scope link src 198.51.100.1

    """

let routerSettings = """
    net.ipv4.ip_forward = 1
    net.ipv4.conf.all.rp_filter = 0
    net.ipv4.conf.eth0.rp_filter = 0
    net.ipv4.conf.eth1.rp_filter = 0

    """
