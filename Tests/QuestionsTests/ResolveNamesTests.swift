import NetTypes
import PacketPath
import PathModel
import Questions
import RuleModel
import Snapshot
import SourceText
import Testing

@Suite struct ResolveNamesTests {
    private static let objects = """
        apiVersion: v1
        items:
        - {apiVersion: v1, kind: Node, metadata: {name: worker-1}, status: {addresses: [{type: ExternalIP, address: 203.0.113.1}, {type: InternalIP, address: 192.0.2.9}]}}
        - apiVersion: v1
          kind: Pod
          metadata: {name: web-1, namespace: shop}
          spec: {containers: [{ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]}]}
          status: {podIPs: [{ip: 10.1.0.5}, {ip: "2001:db8:1::5"}]}
        - {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: shop}, status: {podIP: 10.1.0.7}}
        - {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: test}, status: {podIP: 10.1.0.8}}
        - {apiVersion: v1, kind: Pod, metadata: {name: job, namespace: shop}, status: {podIP: 10.1.0.9, phase: Succeeded}}
        - {apiVersion: v1, kind: Pod, metadata: {name: new, namespace: shop}, status: {phase: Pending}}
        - apiVersion: v1
          kind: Service
          metadata: {name: web, namespace: shop}
          spec: {clusterIP: 10.96.0.20, ports: [{name: http, port: 80, targetPort: 8080}]}
        - apiVersion: v1
          kind: Service
          metadata: {name: kube-dns, namespace: kube-system}
          spec: {clusterIPs: [10.96.0.10, "2001:db8:96::10"], ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}, {name: metrics, port: 9153}]}
        - {apiVersion: v1, kind: Service, metadata: {name: db, namespace: shop}, spec: {clusterIP: None}}
        - apiVersion: v1
          kind: Endpoints
          metadata: {name: db, namespace: shop}
          subsets: [{addresses: [{ip: 10.1.0.5, targetRef: {kind: Pod, name: web-1}}]}]
        kind: List

        """

    private static let rules = """
        *nat
        :PREROUTING ACCEPT [0:0]
        :KUBE-SERVICES - [0:0]
        -A PREROUTING -j KUBE-SERVICES
        -A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j ACCEPT
        COMMIT

        """

    private func prepared(
        _ from: String, _ to: String, rules: String = rules, objects: String = objects,
        _ change: (inout PacketDescription) throws -> Void = { _ in }
    ) throws -> PreparedPacket {
        let files = [rules, addresses, routes, objects].enumerated().map {
            SourceFile(path: "input-\($0.offset)", text: $0.element)
        }
        let node = try readSnapshot(files: files.filter { !$0.bytes.isEmpty })
        var model = HostModel(node.ruleset, node.host, names: node.names)
        var packet = PacketDescription()
        try packet.setSource(try readEndpoint(from))
        try packet.setDestination(try readEndpoint(to))
        try change(&packet)
        return try prepare(packet, node.cluster, on: &model)
    }

    private func failure(_ from: String, _ to: String, objects: String = objects) -> String? {
        do {
            _ = try prepared(from, to, objects: objects)
            return nil
        } catch {
            return (error as? PacketFailure)?.message ?? "\(error)"
        }
    }

    @Test func aPodAndAServiceAreTheirAddressesAndPorts() throws {
        let packet = try prepared("pod:shop/client", "svc:shop/web")
        #expect(packet.request.packet.source == IPAddress("10.1.0.7"))
        #expect(packet.request.packet.destination == IPAddress("10.96.0.20"))
        #expect(packet.request.packet.destinationPort == 80 && packet.request.packet.protocol == .tcp)
        #expect(
            packet.notes == [
                "pod shop/client is 10.1.0.7", "service shop/web is 10.96.0.20",
                "service shop/web is asked at port 80/tcp",
            ])
    }

    @Test(arguments: [
        ("svc:kube-system/kube-dns:dns", 53, IPProtocol.udp), ("svc:kube-system/kube-dns:dns-tcp", 53, .tcp),
        ("svc:kube-system/kube-dns:53/udp", 53, .udp), ("svc:kube-dns:9153", 9153, .tcp),
        ("pod:shop/web-1:dns", 53, .udp), ("pod:shop/web-1:http", 8080, .tcp), ("pod:shop/web-1:81/udp", 81, .udp),
        ("node:worker-1:30080/tcp", 30080, .tcp),
    ])
    func aPortIsANumberOrAName(_ to: String, _ port: UInt16, _ ipProtocol: IPProtocol) throws {
        let packet = try prepared("10.1.0.7", to).request.packet
        #expect(packet.destinationPort == port && packet.protocol == ipProtocol)
    }

    @Test func theOtherEndChoosesAmongSeveralAddresses() throws {
        let six = try prepared("2001:db8:1::7", "svc:kube-system/kube-dns:dns")
        #expect(six.request.packet.destination == IPAddress("2001:db8:96::10"))
        #expect(six.notes.contains("service kube-system/kube-dns is taken to be 2001:db8:96::10, not 10.96.0.10"))
        let four = try prepared("pod:shop/web-1", "svc:kube-system/kube-dns:dns")
        #expect(four.request.packet.source == IPAddress("10.1.0.5") && four.request.packet.version == .v4)
        let icmp = try prepared("pod:shop/web-1", "pod:shop/web-1") { $0.protocol = .icmpv6 }
        #expect(icmp.request.packet.source == IPAddress("2001:db8:1::5"))
        #expect(
            failure("2001:db8:1::7", "pod:shop/client")
                == "pod shop/client has no IPv6 address, which the other end needs; it has 10.1.0.7")
    }

    @Test func aNodeIsItsInnerAddress() throws {
        let packet = try prepared("node:worker-1", "10.1.0.7")
        #expect(packet.request.packet.source == IPAddress("192.0.2.9"))
        #expect(packet.notes == ["node worker-1 is taken to be 192.0.2.9, not 203.0.113.1"])
    }

    @Test func aPodThatEndedIsTold() throws {
        #expect(
            try prepared("10.1.0.7", "pod:shop/job").notes
                == [
                    "pod shop/job has ended (Succeeded): its address may be another pod's by now",
                    "pod shop/job is 10.1.0.9",
                ])
    }

    @Test(arguments: [
        ("pod:shop/web-2", "there is no 'pod:shop/web-2'; near it: shop/web-1"),
        ("pod:prod/client", "there is no 'pod:prod/client'; near it: shop/client, test/client"),
        (
            "pod:shop/zzzzzz",
            "there is no 'pod:shop/zzzzzz'; pods here: shop/client, shop/job, shop/new, shop/web-1, test/client"
        ),
        ("pod:client", "several namespaces have a pod 'client': shop, test"),
        ("pod:shop/new", "pod shop/new has no address (Pending)"),
        ("svc:shop/wbe", "there is no 'svc:shop/wbe'; near it: shop/web"),
        ("node:worker-2", "there is no 'node:worker-2'; near it: worker-1"),
        ("svc:shop/db", "service shop/db is headless: give an address or a pod: pod:shop/web-1"),
        (
            "svc:kube-system/kube-dns",
            "service kube-system/kube-dns has several ports: dns 53/udp, dns-tcp 53/tcp, metrics 9153/tcp; --to svc:NAMESPACE/NAME:PORT says which"
        ),
        (
            "svc:kube-system/kube-dns:53",
            "service kube-system/kube-dns has '53' for several protocols: dns 53/udp, dns-tcp 53/tcp, metrics 9153/tcp; add /tcp or /udp"
        ),
        (
            "svc:shop/web:81",
            "service shop/web has no port '81'; it has http 80/tcp (--to 10.96.0.20:PORT asks for any)"
        ),
        (
            "svc:shop/web:80/udp",
            "service shop/web has no port '80/udp'; it has http 80/tcp (--to 10.96.0.20:PORT asks for any)"
        ),
        ("pod:shop/web-1:x", "pod shop/web-1 has no port 'x'; it has http 8080/tcp, dns 53/udp"),
        ("pod:shop/client:x", "pod shop/client has no port 'x'; it names no ports"),
        ("pod:", "'pod:' is not pod:NAMESPACE/NAME[:PORT][/PROTOCOL]"),
        ("pod:a/b/c/d", "'d' in 'pod:a/b/c/d' is not a protocol: tcp, udp, …"),
        ("pod:a/b/c/tcp", "'pod:a/b/c/tcp' is not pod:NAMESPACE/NAME[:PORT][/PROTOCOL]"),
        ("svc:shop/web:80/xyz", "'xyz' in 'svc:shop/web:80/xyz' is not a protocol: tcp, udp, …"),
        ("node:", "'node:' is not node:NAME[:PORT][/PROTOCOL]"),
        ("svc:shop/web:", "'svc:shop/web:' ends where a port should stand"),
    ])
    func whatIsNotThereIsToldWithWhatIs(_ to: String, _ message: String) {
        #expect(failure("10.1.0.77", to) == message)
    }

    @Test func aServiceSendsNothing() {
        #expect(
            failure("svc:shop/web", "10.1.0.7") == "a service sends no packets: --from takes one of its pods")
    }

    @Test func withoutObjectsNamesAreNotKnown() {
        let message = failure("pod:shop/web-1", "10.1.0.7", objects: "")
        #expect(
            message?.hasPrefix("'pod:shop/web-1' is not known: the snapshot holds no objects of Kubernetes") == true)
    }

    @Test(
        arguments: [
            (
                "the rules have nothing", noRules, "svc:kube-system/kube-dns:dns",
                "the object kube-system/kube-dns:dns has 10.96.0.10:53/udp, no rule of this node mentions it"
            ),
            (
                "the rules have another address", rules.replacing("10.96.0.20", with: "10.96.0.21"), "svc:shop/web",
                "the object shop/web:http has 10.96.0.20:80/tcp, the rules of this node have 10.96.0.21:80/tcp for it"
            ),
            (
                "the rules have the address alone", rules.replacing("-m tcp --dport 80 ", with: ""), "svc:shop/web",
                "the object shop/web:http has 10.96.0.20:80/tcp; rules of this node mention 10.96.0.20, but not with this port"
            ),
            ("the rules have it", rules, "svc:shop/web", nil),
            (
                "a map has it",
                "table ip kube-proxy {\n\tmap service-ips {\n\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n"
                    + "\t\telements = { 10.96.0.20 . tcp . 80 : accept }\n\t}\n}\n", "svc:shop/web", nil
            ),
            (
                "a map has another port",
                "table ip kube-proxy {\n\tmap service-ips {\n\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n"
                    + "\t\telements = { 10.96.0.20 . tcp . 81 : accept }\n\t}\n}\n", "svc:shop/web",
                "the object shop/web:http has 10.96.0.20:80/tcp; rules of this node mention 10.96.0.20, but not with this port"
            ),
            (
                "a set has it",
                noRules + "create KUBE-CLUSTER-IP hash:ip,port family inet\nadd KUBE-CLUSTER-IP 10.96.0.20,tcp:80\n",
                "svc:shop/web", nil
            ),
            ("IPVS has it", noRules + "-A -t 10.96.0.20:80 -s rr\n", "svc:shop/web", nil),
        ] as [(String, String, String, String?)])
    func aServiceThatTheRulesDoNotHaveIsTold(
        _ what: String, _ rules: String, _ to: String, _ note: String?
    ) throws {
        let notes = try prepared("10.1.0.7", to, rules: rules).notes
        #expect(notes.last { $0.hasPrefix("the object ") } == note, "\(what)")
    }
}
