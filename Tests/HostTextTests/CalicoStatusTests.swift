import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

@Suite struct CalicoStatusTests {
    /// Forms of calicoctl v3.22 to v3.31 (tables of tablewriter and go-pretty alike) and of BIRD 1.6.
    static let status = """
        Calico process is running.

        IPv4 BGP status
        +--------------+-------------------+-------+----------+--------------------------------+
        | PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |              INFO              |
        +--------------+-------------------+-------+----------+--------------------------------+
        | 192.0.2.20   | node-to-node mesh | up    | 09:04:39 | Established                    |
        | 192.0.2.30   | node specific     | start | 09:04:40 | Active Socket: Connection refused |
        +--------------+-------------------+-------+----------+--------------------------------+

        IPv6 BGP status
        No IPv6 peers found.

        """

    static let protocols = """
        BIRD v0.3.3+birdv1.6.8 ready.
        name     proto    table    state  since       info
        static1  Static   master   up     2026-01-01
        kernel1  Kernel   master   up     2026-01-01
        Mesh_192_0_2_20 BGP      master   up     2026-01-01  Established
        Mesh_192_0_2_40 BGP      master   start  2026-01-01  Connect
        Node_fd80__2 BGP      master   up     2026-01-01  Established
        lab      BGP      master   down   2026-01-01

        """

    static let routes = """
        BIRD v0.3.3+birdv1.6.8 ready.
        0.0.0.0/0          via 192.0.2.1 on eth0 [kernel1 2026-01-01] * (10)
        10.244.2.0/26      via 192.0.2.20 on eth0 [Mesh_192_0_2_20 2026-01-01] * (100/0) [i]
                           via 192.0.2.20 on eth0 [Node_192_0_2_20 10:00:00 from 192.0.2.30] (100/0) [i]
        10.244.1.0/26      blackhole [static1 2026-01-01] * (200)
        10.244.1.10/32     dev cali11111111111 [kernel1 2026-01-01] * (10)

        """

    static let usage = """
        +----------+---------------------+------------+------------+-------------------+
        | GROUPING |        CIDR         | IPS TOTAL  | IPS IN USE |     IPS FREE      |
        +----------+---------------------+------------+------------+-------------------+
        | IP Pool  | 10.244.0.0/26       |         64 | 12 (19%)   | 52 (81%)          |
        | Block    | 10.244.0.0/28       |         16 | 1 (6%)     | 15 (94%)          |
        | IP Pool  | 10.0.0.0/8          | 1.6777e+07 | 0 (0%)     | 1.6777e+07 (100%) |
        | IP Pool  | fd1a:29a5:aa4e::/48 | 1.2089e+24 | 0 (0%)     | 1.2089e+24 (100%) |
        +----------+---------------------+------------+------------+-------------------+

        """

    /// What does not fit in a cell goes on in the next row.
    @Test func aRowThatGoesOnIsOneSession() throws {
        let wrapped = Self.status.replacing(
            "| 192.0.2.30   | node specific     | start | 09:04:40 | Active Socket: Connection refused |\n",
            with: "| 192.0.2.30   | node specific     | start | 09:04:40 | Active Socket: Connection      |\n"
                + "|              |                   |       |          | refused                        |\n")
        let whole = try #require(Read(Self.status).reading.cluster.bgpSessions)
        let sessions = try #require(Read(wrapped).reading.cluster.bgpSessions)
        #expect(sessions.map(\.details) == ["Established", "Active Socket: Connection refused"])
        #expect(sessions.map(\.peerAddress) == whole.map(\.peerAddress))
        #expect(sessions.map(\.kind) == whole.map(\.kind))
    }

    @Test func readsSessionsOfANode() throws {
        let read = Read(Self.status)
        #expect(read.kinds == [.nodeStatus] && read.complaints.isEmpty)
        let sessions = try #require(read.reading.cluster.bgpSessions)
        #expect(sessions.map { $0.peerAddress?.description } == ["192.0.2.20", "192.0.2.30"])
        #expect(sessions.map(\.kind) == ["node-to-node mesh", "node specific"])
        #expect(sessions.map(\.isEstablished) == [true, false] && sessions.map(\.since) == ["09:04:39", "09:04:40"])
        #expect(sessions.last?.details == "Active Socket: Connection refused" && sessions.last?.place.line == 8)
    }

    @Test func aNodeWithoutPeersHasNoSessions() {
        let read = Read("Calico process is running.\n\nIPv4 BGP status\nNo IPv4 peers found.\n")
        #expect(read.kinds == [.nodeStatus] && read.reading.cluster.bgpSessions == [])
    }

    @Test func readsSessionsOfTheDaemonOnceEach() throws {
        let read = Read(Self.status + Self.protocols)
        #expect(read.kinds == [.nodeStatus, .birdProtocols] && read.complaints.isEmpty)
        let sessions = try #require(read.reading.cluster.bgpSessions)
        #expect(
            sessions.map { $0.peerAddress?.description ?? $0.kind } == [
                "192.0.2.20", "192.0.2.30", "192.0.2.40", "fd80::2", "lab",
            ])
        #expect(sessions.map(\.state) == ["up", "start", "start", "up", "down"])
        #expect(sessions.map(\.isEstablished) == [true, false, false, true, false])
    }

    @Test func readsRoutesOfTheDaemon() throws {
        let read = Read(Self.routes)
        #expect(read.kinds == [.birdRoutes] && read.complaints.isEmpty && read.host.routes.isEmpty)
        let routes = try #require(read.reading.cluster.bgpRoutes)
        #expect(
            routes.map { "\($0.destination) \($0.nextHop?.description ?? "-") \($0.interface) \($0.origin)" } == [
                "0.0.0.0/0 192.0.2.1 eth0 kernel1", "10.244.2.0/26 192.0.2.20 eth0 Mesh_192_0_2_20",
                "10.244.2.0/26 192.0.2.20 eth0 Node_192_0_2_20", "10.244.1.0/26 -  static1",
                "10.244.1.10/32 - cali11111111111 kernel1",
            ])
        #expect(routes.map(\.isChosen) == [true, true, false, true, true])
    }

    @Test func readsHowMuchOfEachRangeIsUsed() throws {
        let read = Read("$ calicoctl ipam show --show-blocks\n" + Self.usage)
        #expect(read.kinds == [.addressUsage] && read.complaints.isEmpty)
        let usage = try #require(read.reading.cluster.addressUsage)
        #expect(usage.map(\.kind) == [.pool, .block, .pool, .pool])
        #expect(usage.map(\.total) == [64, 16, 16_777_000, UInt64.max] && usage.map(\.used) == [12, 1, 0, 0])
        #expect(usage.map(\.free) == [52, 15, 16_777_000, UInt64.max])
        #expect(usage[1].range.description == "10.244.0.0/28")
    }

    @Test func newerColumnsDoNotShiftTheOthers() throws {
        let read = Read(
            """
            +----------+---------------+-----------+------------+--------------+------------+-------------+
            | GROUPING | CIDR          | IPS TOTAL | IPS IN USE | IPS RESERVED | IPS FREE   | IPS COOLING |
            +----------+---------------+-----------+------------+--------------+------------+-------------+
            | Block    | 10.244.0.0/28 |        16 |     1 (6%) |       2 (1%) |   13 (81%) |      0 (0%) |
            +----------+---------------+-----------+------------+--------------+------------+-------------+
            """)
        #expect(read.reading.cluster.addressUsage?.map(\.free) == [13])
    }
}

@Suite struct ClusterRecognitionTests {
    private func listings(_ text: String, path: String = "x") -> [String] {
        let bytes = Array(text.utf8)
        return recognise(bytes.span, file: FileID(0), path: path).listings.map {
            "\($0.kind) \($0.excerpt.firstLine): "
                + String(decoding: bytes[$0.excerpt.start..<$0.excerpt.end], as: UTF8.self).prefix(20)
        }
    }

    @Test func objectsAreOneListingToTheirEnd() {
        let yaml = """
            # kubectl get pods,services -A -o yaml
            Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice
            apiVersion: v1
            items:
            - apiVersion: v1
              data:
                rules: |
                  *filter
                  -A INPUT -j DROP
              kind: ConfigMap

              text: |
            \t{"a": 1}
            kind: List
            metadata: {}
            ---
            kind: Pod
            # ip route
            default via 10.0.0.1 dev eth0
            lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536
            """
        #expect(
            listings(yaml) == [
                "kubernetes 3: apiVersion: v1\nitems", "routes 19: default via 10.0.0.1",
                "ifconfig 20: lo: flags=73<UP,LOOP",
            ])
        #expect(listings("kind: Pod\napiVersion: v1\n") == ["kubernetes 1: kind: Pod\napiVersion"])
        #expect(listings("- apiVersion: v1\n  kind: Pod\n") == ["kubernetes 1: - apiVersion: v1\n  k"])
        #expect(listings("kind: of\nblue\n").isEmpty)
    }

    @Test func whatKubectlSaysBesideAnOutputIsNoPartOfIt() {
        let text =
            "Defaulted container \"calico-node\" out of: calico-node\r\nUnable to use a TTY - input is not a terminal or the right kind of file\r\n"
            + "default via 10.0.0.1 dev eth0 \r\ncommand terminated with exit code 1\r\n"
        #expect(listings(text) == ["routes 3: default via 10.0.0.1"])
        let bytes = Array(text.utf8)
        #expect(recognise(bytes.span, file: FileID(0), path: "x").linesBefore == 0)
        #expect(Read(text).complaints.isEmpty)
    }

    @Test(arguments: [
        "error: unable to upgrade connection: container not found (\"calico-node\")\r\n",
        "sh: 1: iptables-legacy-save: not found\ncommand terminated with exit code 127\n",
        "OCI runtime exec failed: exec failed: unable to start container process: exec: \"ipset\": not found\n",
        "Error from server (NotFound): pods \"x\" not found\n",
    ])
    func aFailureInPlaceOfAnOutputIsTold(_ text: String) {
        #expect(Read(text).kinds == [.failedCommand])
    }

    @Test func aHostNameIsToldByItsFile() {
        let read = Read("node-a.example\n", path: "diagnostics/hostname")
        #expect(read.kinds == [.hostName] && read.reading.host.name == "node-a.example")
        #expect(Read("node-a two\n", path: "hostname").kinds.isEmpty)
        #expect(Read("node-a\n", path: "name").kinds.isEmpty)
    }

    @Test(
        arguments: [
            ("nodes/worker-6/ip-route.txt", nil), ("nodes/t1/table/rules", nil), ("a/v6/rules", true),
            ("nodes/ip-10-0-0-6/ip-route-v6.txt", true), ("n/ip_-6_route_table_all", true), ("n/ipv4_route", false),
        ] as [(String, Bool?)])
    func aNodesNameSaysNothingOfItsFiles(_ path: String, _ isV6: Bool?) {
        let bytes = Array(path.utf8)
        let hint = ListingHint(bytes.span, 0..<bytes.count, isCommand: false)
        #expect(hint.isV6 == isV6 && hint.table == nil)
    }

    @Test func aConnectionListThatFailedIsNoEmptyList() {
        #expect(
            Read("conntrack v1.4.7 (conntrack-tools): Operation failed: invalid parameters\n").kinds == [.failedCommand]
        )
        #expect(Read("conntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.\n").host.connections == [])
    }
}
