import Annotations
import ChainGraph
import NetTypes
import PacketPath
import PathModel
import Reports
import RuleModel
import Snapshot
import SourceText

/// A host out of one file of rules and one of everything else.
struct World {
    var model: HostModel
    let files: [SourceFile]

    init(_ rules: String, _ state: String = World.network) throws {
        let files = [SourceFile(path: "rules", text: rules), SourceFile(path: "state", text: state)]
        let node = try readSnapshot(files: files)
        self.files = node.files
        model = HostModel(node.ruleset, node.host, names: node.names)
    }

    /// Two wires: eth0 to the world, eth1 to 10.1.0.0/24.
    static let network = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
               valid_lft forever preferred_lft forever
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
            link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
            inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0
               valid_lft forever preferred_lft forever
        3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
            link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
            inet 10.1.0.1/24 brd 10.1.0.255 scope global eth1
               valid_lft forever preferred_lft forever
        # ip route
        default via 192.0.2.254 dev eth0
        10.1.0.0/24 dev eth1 proto kernel scope link src 10.1.0.1
        192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1
        # ip rule
        0:	from all lookup local
        32766:	from all lookup main
        32767:	from all lookup default
        # sysctl -a
        net.ipv4.ip_forward = 1
        net.ipv4.conf.all.forwarding = 1
        net.ipv4.conf.all.rp_filter = 0
        net.ipv4.conf.eth0.rp_filter = 0
        net.ipv4.conf.eth1.rp_filter = 0

        """

    /// A TCP SYN that comes in by eth0.
    static func packet(
        _ source: String = "198.51.100.7", _ destination: String = "192.0.2.1", port: UInt16 = 22
    ) throws -> Packet {
        guard let source = IPAddress(source), let destination = IPAddress(destination) else { throw Failure() }
        var packet = Packet(source: source, destination: destination, protocol: .tcp)
        packet.sourcePort = 40000
        packet.destinationPort = port
        packet.tcpFlags = .syn
        packet.length = 40
        packet.unknown = [.mac, .owner, .payload, .otherHeaders, .tcpOptions]
        return packet
    }

    struct Failure: Error {}

    mutating func answer(
        _ packet: Packet, in interface: String = "eth0", _ change: (inout TraceRequest) -> Void = { _ in }
    ) -> TraceAnswer {
        var request = TraceRequest(packet: packet, origin: .interface(model.intern(interface)))
        change(&request)
        return TraceAnswer(trace: trace(request, on: model), request: request)
    }

    func text(_ answer: TraceAnswer, _ detail: Detail = .path) -> String {
        var bytes: [UInt8] = []
        var output = OutputBuffer { piece in
            bytes += piece
            return true
        }
        let annotations = AnnotatedRuleset(model.linked)
        let report = traceReport(answer, model, annotations: annotations, files: files, detail: detail)
        render(report, TextStyle(), into: &output)
        output.flush()
        return String(decoding: bytes, as: UTF8.self)
    }

    func json(_ answer: TraceAnswer) throws -> JSONValue {
        let bytes = written { writeTraceJSON(answer, model, files: files, into: &$0) }
        return try readJSON(bytes.span)
    }
}

/// What `body` writes as JSON.
func written(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var bytes: [UInt8] = []
    var json = JSONWriter(
        OutputBuffer { piece in
            bytes += piece
            return true
        })
    body(&json)
    json.output.flush()
    return bytes
}

/// What `body` writes as text.
func text(_ body: (inout OutputBuffer) -> Void) -> String {
    var bytes: [UInt8] = []
    var output = OutputBuffer { piece in
        bytes += piece
        return true
    }
    body(&output)
    output.flush()
    return String(decoding: bytes, as: UTF8.self)
}

/// A filter table with these lines, the policies all ACCEPT.
func filter(_ lines: String..., chains: [String] = []) -> String {
    var text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    for chain in chains { text += ":\(chain) - [0:0]\n" }
    for line in lines { text += line + "\n" }
    return text + "COMMIT\n"
}
