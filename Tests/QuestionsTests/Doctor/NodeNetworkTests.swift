import Questions
import Testing

/// Cases of operators' guides for Calico and flannel, each on a node made from it.
@Suite("Doctor: routes, tunnels, pools")
struct NodeNetworkTests {
    // MARK: BGP

    static let status = """
        Calico process is running.

        IPv4 BGP status
        +--------------+-------------------+-------+----------+-------------+
        | PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |    INFO     |
        +--------------+-------------------+-------+----------+-------------+
        | 192.0.2.20   | node-to-node mesh | up    | 09:04:39 | Established |
        | 192.0.2.30   | node-to-node mesh | start | 09:04:40 | Connect     |
        +--------------+-------------------+-------+----------+-------------+

        """

    @Test func `BGP between nodes is dropped`() throws {
        let rules =
            "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n"
        let node = Clinic(rules, addresses, routes, Self.status.replacing("192.0.2.30", with: "192.0.2.31"))
        let found = try node.findings("bgp-blocked")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: BGP from 192.0.2.31 to this node (tcp port 179) is dropped by the policy of filter/INPUT"
            ])
        #expect(found.first?.example == "--in eth0 --from 192.0.2.31:40000 --to 192.0.2.1:179/tcp")
        let open = rules.replacing("--dport 22", with: "--dport 179")
        let waits = try Clinic(open, addresses, routes, Self.status).findings("bgp-blocked")
        #expect(waits.map(\.title) == ["a BGP session is not established: 192.0.2.30 (Connect)"])
        let well = Self.status.replacing("start | 09:04:40 | Connect     ", with: "up    | 09:04:40 | Established ")
        #expect(try Clinic(open, addresses, routes, well).titles("bgp-blocked").isEmpty)
        // Without a session or a listener nothing is said of BGP.
        #expect(try Clinic(rules, addresses, routes).titles("bgp-blocked").isEmpty)
    }

    /// The guide: "AS 号不匹配", numbers that do not agree.
    @Test func `a peer's AS number is not its node's`() throws {
        func cluster(_ number: String, node: String = "", configuration: String = "") -> String {
            """
            apiVersion: v1
            kind: List
            items:
            - apiVersion: projectcalico.org/v3
              kind: BGPPeer
              metadata: {name: rack-1}
              spec: {peerIP: 192.0.2.20, asNumber: \(number)}
            - apiVersion: projectcalico.org/v3
              kind: Node
              metadata: {name: node-b}
              spec:
                bgp: {ipv4Address: 192.0.2.20/24\(node)}
            \(configuration)
            """
        }
        let node = Clinic(noRules, addresses, routes)
        let differs = try node.with(cluster("64513", node: ", asNumber: 64514")).findings("bgp-numbers")
        #expect(
            differs.map { "\($0.severity.name): \($0.title)" } == [
                "problem: BGPPeer rack-1 expects AS 64513 of 192.0.2.20, and node node-b is of AS 64514"
            ])
        #expect(try node.with(cluster("64513", node: ", asNumber: 64513")).titles("bgp-numbers").isEmpty)
        // 1.2 is 65538; a node without a number has the default's.
        #expect(try node.with(cluster("'1.2'", node: ", asNumber: 65538")).titles("bgp-numbers").isEmpty)
        let configuration = """
            - apiVersion: projectcalico.org/v3
              kind: BGPConfiguration
              metadata: {name: default}
              spec: {asNumber: 63400}

            """
        #expect(try node.with(cluster("63400", configuration: configuration)).titles("bgp-numbers").isEmpty)
        #expect(
            try node.with(cluster("64512", configuration: configuration)).titles("bgp-numbers") == [
                "problem: BGPPeer rack-1 expects AS 64512 of 192.0.2.20, and node node-b is of AS 63400"
            ])
        #expect(try node.with(cluster("64512")).titles("bgp-numbers").isEmpty)
        #expect(
            try node.with(cluster("63400")).titles("bgp-numbers") == [
                "risk: BGPPeer rack-1 expects AS 63400 of 192.0.2.20, and node node-b is of AS 64512"
            ])
        // The router's own number is not in the input: told beside the session that does not open.
        let down = try node.with(Self.status).with(cluster("64513").replacing("192.0.2.20,", with: "192.0.2.30,"))
            .findings("bgp-blocked")
        #expect(down.first?.evidence.last?.text == "AS 64513 is expected of it")
    }

    /// The guides: are calico-felix, calico-bird and calico-confd running on this node?
    @Test func `daemons of this node are not running`() throws {
        let node = Clinic(noRules, addresses, routes)
        #expect(try node.with(Self.status).titles("daemons-down").isEmpty)
        #expect(
            try node.with("Calico process is not running.\n").titles("daemons-down") == [
                "problem: Felix does not run on this node: its rules, sets and routes of pods stay as they were"
            ])
        let withoutBird = "Calico process is running.\n\nThe BGP backend process (BIRD) is not running.\n"
        // As VXLAN has it.
        #expect(try node.with(withoutBird).titles("daemons-down").isEmpty)
        let pool = """
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: pods}
            spec: {cidr: 10.244.0.0/16, ipipMode: Always, vxlanMode: Never}

            """
        let needed = ["problem: BIRD does not run on this node, and routes to pods come by BGP"]
        #expect(try node.with(withoutBird).with(pool).titles("daemons-down") == needed)
        #expect(
            try node.with(Self.status + "\nINFO: BIRDv6 process: 'bird6' is not running.\n").with(pool).titles(
                "daemons-down"
            ).isEmpty)
        #expect(
            try node.with("Calico process is running.\n\nINFO: BIRDv4 process: 'bird' is not running.\n").with(pool)
                .titles("daemons-down") == needed)
        let byFelix = """
            apiVersion: projectcalico.org/v3
            kind: FelixConfiguration
            metadata: {name: default}
            spec: {programClusterRoutes: Enabled}

            """
        #expect(try node.with(withoutBird).with(pool + "---\n" + byFelix).titles("daemons-down").isEmpty)
    }

    /// The guide: see whether this node's calico-node is ready: Felix may not have written its rules.
    @Test(arguments: [true, false]) func `the pod that keeps the rules is not ready`(isReady: Bool) throws {
        let pods = """
            apiVersion: v1
            kind: List
            items:
            - apiVersion: v1
              kind: Node
              metadata: {name: node-a}
              status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
            - apiVersion: v1
              kind: Pod
              metadata: {name: calico-node-x, namespace: calico-system, labels: {k8s-app: calico-node}}
              spec: {nodeName: node-a, hostNetwork: true}
              status: {phase: Running, conditions: [{type: Ready, status: '\(isReady ? "True" : "False")'}]}
            - apiVersion: v1
              kind: Pod
              metadata: {name: calico-node-y, namespace: calico-system, labels: {k8s-app: calico-node}}
              spec: {nodeName: node-b, hostNetwork: true}
              status: {phase: Running, conditions: [{type: Ready, status: 'False'}]}

            """
        #expect(
            try Clinic(noRules, addresses, routes).with(pods).titles("daemons-down")
                == (isReady
                    ? []
                    : [
                        "risk: calico-system/calico-node-x, which writes Calico's rules, sets and routes on this node, is not ready"
                    ]))
    }

    // MARK: To the outside

    @Test func `the set of masqueraded pools is empty or missing`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("outgoing-broken").isEmpty)
        #expect(
            try node.without("ipset-save.txt", "add cali40masq-ipam-pools").titles("outgoing-broken") == [
                "problem: the set cali40masq-ipam-pools is empty: Calico masquerades no pod"
            ])
        #expect(
            try node.without("ipset-save.txt", "cali40masq-ipam-pools").titles("outgoing-broken") == [
                "problem: the set cali40masq-ipam-pools, by which Calico masquerades pods, does not exist"
            ])
    }

    @Test func `natOutgoing is off, and pods leave with their own address`() throws {
        let pool = """
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: newben-pool}
            spec: {blockSize: 26, cidr: 10.244.0.0/16, ipipMode: Never, natOutgoing: false, nodeSelector: all(), vxlanMode: Always}

            """
        let node = try Clinic(folder: "calico-node").without("iptables-save.txt", "-A cali-nat-outgoing")
        let off = try node.with(pool).findings("outgoing-broken")
        #expect(
            off.map { "\($0.severity.name): \($0.title)" } == [
                "risk: the pod 10.244.1.10 (cali11111111111) leaves by eth0 with its own private address: answers come back only if the network outside has routes to pods"
            ])
        #expect(off.first?.evidence.map(\.text) == ["natOutgoing is off", "empty: no pool has natOutgoing"])
        let lost = node.with(pool.replacing("natOutgoing: false", with: "natOutgoing: true"))
        #expect(
            try lost.titles("outgoing-broken") == [
                "problem: the pool newben-pool asks for natOutgoing, and no rule of Calico's masquerades it"
            ])
        #expect(
            try Clinic(folder: "calico-node").with(pool.replacing("false", with: "true")).titles("outgoing-broken")
                .isEmpty)
    }

    @Test func `a node without a default route, and a firewall that drops pods`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(
            try node.without("ip-route.txt", "default via").titles("outgoing-broken") == [
                "problem: this node has no default route: its pods reach nothing outside the networks it knows"
            ])
        let jump = "[0:0] -A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\" -j cali-FORWARD\n"
        let found = try node.replacing(
            "iptables-save.txt", jump, "[0:0] -A FORWARD -s 10.244.0.0/16 -o eth0 -j DROP\n" + jump
        )
        .findings("outgoing-broken")
        #expect(
            found.map(\.title) == [
                "filter/FORWARD:1 drops what the pod 10.244.1.10 (cali11111111111) sends to the outside"
            ])
    }

    // MARK: Routes between nodes

    static let cluster = """
        apiVersion: v1
        kind: List
        items:
        - apiVersion: projectcalico.org/v3
          kind: Node
          metadata: {name: node-a}
          spec: {bgp: {ipv4Address: 192.0.2.10/24}, ipv4VXLANTunnelAddr: 10.244.1.0}
        - apiVersion: projectcalico.org/v3
          kind: Node
          metadata: {name: node-b}
          spec: {bgp: {ipv4Address: 192.0.2.20/24}, ipv4VXLANTunnelAddr: 10.244.2.0}
        - apiVersion: crd.projectcalico.org/v1
          kind: IPAMBlock
          metadata: {name: 10-244-2-0-26}
          spec: {affinity: "host:node-b", cidr: 10.244.2.0/26}
        - apiVersion: crd.projectcalico.org/v1
          kind: IPAMBlock
          metadata: {name: 10-244-1-0-26}
          spec: {affinity: "host:node-a", cidr: 10.244.1.0/26}

        """

    @Test func `no route leads to another node's block`() throws {
        let node = try Clinic(folder: "calico-node").with(Self.cluster)
        #expect(try node.titles("pod-routes").isEmpty)
        #expect(
            try node.without("ip-route.txt", "10.244.2.0/24 via").titles("pod-routes") == [
                "problem: no route leads to 10.244.2.0/26 of node node-b"
            ])
    }

    @Test func `a next hop that is not the tunnel of the block's node`() throws {
        let node = try Clinic(folder: "calico-node").with(Self.cluster)
        let found = try node.replacing("ip-route.txt", "10.244.2.0/24 via 10.244.2.0", "10.244.2.0/24 via 10.244.9.0")
            .findings("pod-routes")
        #expect(
            found.first?.title
                == "the route to 10.244.2.0/24 goes to 10.244.9.0, and the block is on node node-b, whose tunnel address is 10.244.2.0"
        )
    }

    @Test func `the neighbour or forwarding entry of the tunnel is missing or wrong`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("pod-routes").isEmpty)
        #expect(
            try node.without("ip-neigh.txt", "vxlan.calico").titles("pod-routes") == [
                "problem: vxlan.calico does not know the hardware address of 10.244.2.0: packets by it do not leave"
            ])
        #expect(
            try node.without("bridge-fdb.txt", "66:00:00:00:00:02").titles("pod-routes") == [
                "problem: vxlan.calico does not know which node 66:00:00:00:00:02 (10.244.2.0) is behind: packets by it do not leave"
            ])
        let found = try node.with(Self.cluster).replacing("bridge-fdb.txt", "dst 192.0.2.20", "dst 192.0.2.99")
            .findings("pod-routes")
        #expect(
            found.map(\.title) == ["vxlan.calico sends what is for 10.244.2.0 to 192.0.2.99, which is not that node"])
    }

    /// The addresses of the node that flannel-docker's sends to.
    private static let otherFlannelNode = """
        1: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default
            link/ether 8a:11:53:0c:b7:f2 brd ff:ff:ff:ff:ff:ff
            inet 172.30.25.0/32 scope global flannel.1
               valid_lft forever preferred_lft forever
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
            link/ether 02:16:3e:0a:00:0c brd ff:ff:ff:ff:ff:ff
            inet 192.168.10.12/24 scope global eth0
               valid_lft forever preferred_lft forever

        """

    /// The guide: mysql's node had an old hardware address of the caller's flannel.1 and sent answers to that.
    @Test func `flannel's neighbour has another hardware address than the interface there`() throws {
        let other = Clinic(noRules, Self.otherFlannelNode)
        let node = try Clinic(folder: "flannel-docker").beside(other)
        #expect(try node.titles("pod-routes").isEmpty)
        let found = try node.replacing("ip-neigh.txt", "8a:11:53:0c:b7:f2", "8a:11:53:0c:00:00").findings("pod-routes")
        #expect(
            found.first?.title
                == "flannel.1 sends to 172.30.25.0 by the hardware address 8a:11:53:0c:00:00, and its flannel.1 there has 8a:11:53:0c:b7:f2: it drops what is for another"
        )
    }

    @Test func `the tunnel there has another number or port`() throws {
        func other(_ id: Int, _ port: Int) -> Clinic {
            Clinic(
                noRules,
                """
                1: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group default
                    link/ether 8a:11:53:0c:b7:f2 brd ff:ff:ff:ff:ff:ff promiscuity 0
                    vxlan id \(id) local 192.168.10.12 dev eth0 srcport 0 0 dstport \(port) nolearning ttl auto ageing 300

                """,
                Self.otherFlannelNode)
        }
        let node = try Clinic(folder: "flannel-docker")
        #expect(try node.beside(other(1, 8472)).titles("tunnel-interface").isEmpty)
        #expect(
            try node.beside(other(2, 8472)).titles("tunnel-interface") == [
                "problem: flannel.1 has VNI 1 here and VNI 2 on another node: neither takes what the other sends"
            ])
        #expect(
            try node.beside(other(1, 4789)).titles("tunnel-interface") == [
                "problem: flannel.1 has port 8472 here and port 4789 on another node: neither takes what the other sends"
            ])
    }

    // MARK: The tunnel's interface

    @Test func `a tunnel that is down, has no address, or one outside the node's blocks`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("tunnel-interface").isEmpty)
        #expect(
            try node.replacing(
                "ip-addr.txt", "vxlan.calico: <BROADCAST,MULTICAST,UP,LOWER_UP>", "vxlan.calico: <BROADCAST,MULTICAST>"
            )
            .replacing(
                "ip-link.txt", "vxlan.calico: <BROADCAST,MULTICAST,UP,LOWER_UP>", "vxlan.calico: <BROADCAST,MULTICAST>"
            )
            .titles("tunnel-interface") == ["problem: the tunnel vxlan.calico is down"])
        #expect(
            try node.without("ip-addr.txt", "inet 10.244.1.0/32").titles("tunnel-interface") == [
                "problem: the tunnel vxlan.calico has no address"
            ])
        #expect(
            try node.replacing("ip-addr.txt", "inet 10.244.1.0/32", "inet 10.244.7.0/32").titles("tunnel-interface")
                == [
                    "problem: the tunnel vxlan.calico has 10.244.7.0, which is in none of this node's blocks (10.244.1.0/26)"
                ])
    }

    @Test func `a tunnel whose packets are too large for what is below`() throws {
        let node = try Clinic(folder: "calico-node")
        let found = try node.replacing("ip-addr.txt", "mtu 1450", "mtu 1480").replacing(
            "ip-link.txt", "mtu 1450", "mtu 1480"
        )
        .findings("tunnel-interface")
        #expect(
            found.map(\.title) == [
                "vxlan.calico takes packets of 1480 bytes and adds 50, and eth0 below it carries 1500"
            ])
        #expect(found.first?.remedies.first?.hasPrefix("ip link set vxlan.calico mtu 1450 or less") == true)
    }

    // MARK: Two plugins, leftovers

    @Test func `flannel's tunnel beside Calico's`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("two-plugins").isEmpty)
        let flannel = """
            9: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default
                link/ether 8a:11:53:0c:b7:f2 brd ff:ff:ff:ff:ff:ff
                inet 10.42.0.0/32 scope global flannel.1
                   valid_lft forever preferred_lft forever

            """
        let found = try node.adding("ip-addr.txt", flannel).findings("two-plugins")
        #expect(
            found.map(\.title) == [
                "this node has the tunnels of Calico and flannel: two network plugins, or one that was not cleaned away"
            ])
        // Canal: Calico's policies on flannel's network.
        let canal = try Clinic(folder: "flannel-docker").with(
            "*raw\n:PREROUTING ACCEPT [0:0]\n:cali-PREROUTING - [0:0]\n-A PREROUTING -j cali-PREROUTING\nCOMMIT\n")
        #expect(try canal.titles("two-plugins").isEmpty)
    }

    /// The guide's node: `br-…` of Docker, and `cali980e384bbd4` without a route.
    @Test func `bridges and pod links that are left`() throws {
        let left = """
            21: br-1691e1aaa0bf: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN group default
                link/ether 02:42:9d:6e:51:7a brd ff:ff:ff:ff:ff:ff
                inet 172.18.0.1/16 brd 172.18.255.255 scope global br-1691e1aaa0bf
                   valid_lft forever preferred_lft forever
            22: cali980e384bbd4@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
                link/ether ee:ee:ee:ee:ee:ee brd ff:ff:ff:ff:ff:ff

            """
        let healthy = try Clinic(folder: "calico-node")
        #expect(try healthy.titles("pod-links").isEmpty)
        let node = try healthy.adding("ip-addr.txt", left)
        #expect(
            try node.titles("two-plugins") == [
                "note: the bridge br-1691e1aaa0bf has an address and a route, and no container: left of a network of Docker's"
            ])
        #expect(try node.titles("pod-links") == ["problem: no route leads to the pod behind cali980e384bbd4"])
        #expect(
            try node.replacing("ip-addr.txt", "172.18.0.1/16", "10.244.0.1/16").titles("two-plugins").first?.hasPrefix(
                "problem: the bridge br-1691e1aaa0bf takes 10.244.") == true)
    }

    @Test func `routes to links that are gone or down`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(
            try node.adding("ip-route.txt", "10.244.1.40 dev cali99999999999 scope link\n").titles("pod-links") == [
                "problem: the route to 10.244.1.40 leads to cali99999999999, and there is no such interface"
            ])
        #expect(
            try node.replacing(
                "ip-route.txt", "10.244.1.10 dev cali11111111111 scope link",
                "10.244.1.10 dev cali11111111111 scope link linkdown"
            )
            .titles("pod-links") == ["problem: the route to 10.244.1.10 leads to cali11111111111, and the link is down"]
        )
    }

    // MARK: Addresses

    @Test func `a pool with fewer blocks than there are nodes`() throws {
        let pool = """
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: p}
            spec: {cidr: 10.244.0.0/26, blockSize: 26, vxlanMode: Always, natOutgoing: true}

            """
        let node = try Clinic(folder: "calico-node").with(Self.cluster)
        #expect(
            try node.with(pool).titles("address-pool") == [
                "problem: the pool p (10.244.0.0/26) has 1 block of 64 addresses, and there are 2 nodes"
            ])
        #expect(try node.with(pool.replacing("0/26", with: "0/20")).titles("address-pool").isEmpty)
        #expect(
            try node.with(pool.replacing("0/26", with: "0/25")).titles("address-pool") == [
                "risk: the pool p (10.244.0.0/25) has 2 blocks of 64 addresses, and there are 2 nodes"
            ])
    }

    static let usage = """
        +----------+-----------------+-----------+------------+-----------+
        | GROUPING |      CIDR       | IPS TOTAL | IPS IN USE | IPS FREE  |
        +----------+-----------------+-----------+------------+-----------+
        | IP Pool  | 10.244.0.0/26   |        64 | 64 (100%)  | 0 (0%)    |
        | Block    | 10.244.0.0/28   |        16 | 16 (100%)  | 0 (0%)    |
        +----------+-----------------+-----------+------------+-----------+

        """

    @Test func `a pool without a free address`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(
            try node.with(Self.usage).titles("address-pool") == ["problem: the pool 10.244.0.0/26 has no free address"])
        let free = Self.usage.replacing("64 (100%)  | 0 (0%)    |\n| Block", with: "12 (19%)   | 52 (81%)  |\n| Block")
        #expect(try node.with(free).titles("address-pool").isEmpty)
    }

    @Test func `two pods with one address, and two routes of one`() throws {
        func pods(_ second: String) -> String {
            """
            apiVersion: v1
            kind: List
            items:
            - apiVersion: v1
              kind: Pod
              metadata: {name: a, namespace: shop}
              spec: {nodeName: node-a}
              status: {podIP: 10.244.1.10, phase: Running}
            - apiVersion: v1
              kind: Pod
              metadata: {name: b, namespace: shop}
              spec: {nodeName: node-b}
              status: {podIP: \(second), phase: Running}

            """
        }
        let node = try Clinic(folder: "calico-node")
        #expect(
            try node.with(pods("10.244.1.10")).titles("duplicate-address") == [
                "problem: pod shop/a on node-a and pod shop/b on node-b have the same address 10.244.1.10"
            ])
        #expect(try node.with(pods("10.244.2.10")).titles("duplicate-address").isEmpty)
        #expect(
            try node.with(
                pods("10.244.1.10").replacing(
                    "10.244.1.10, phase: Running}\n- ", with: "10.244.1.10, phase: Succeeded}\n- ")
            )
            .titles("duplicate-address").isEmpty)
        #expect(
            try node.adding("ip-route.txt", "10.244.1.10 dev cali12222222222 scope link metric 5\n").titles(
                "duplicate-address")
                == [
                    "problem: 10.244.1.10 is routed to two links, cali11111111111 and cali12222222222: only cali11111111111 gets packets"
                ])
        let other = Clinic(noRules, "10.244.1.10 dev cali55555555555 scope link\ndefault via 192.0.2.1 dev eth0\n")
        #expect(
            try node.beside(other).titles("duplicate-address") == [
                "problem: 10.244.1.10 is a pod's here (cali11111111111) and one's on another node (cali55555555555)"
            ])
    }

    /// The guide: telnet to a node port works once and hangs then.
    @Test func `tcp_tw_recycle with NAT`() throws {
        let node = try Clinic(folder: "flannel-docker")
        #expect(try node.titles("tcp-tw-recycle").isEmpty)
        let found = try node.with("net.ipv4.tcp_tw_recycle = 1\nnet.ipv4.tcp_timestamps = 1\n").findings(
            "tcp-tw-recycle")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: tcp_tw_recycle is on: of clients that come from one address only those with the largest timestamp get through"
            ])
        #expect(
            try node.with("net.ipv4.tcp_tw_recycle = 0\nnet.ipv4.tcp_timestamps = 1\n").titles("tcp-tw-recycle").isEmpty
        )
    }

    @Test func `addresses of pods that are gone`() throws {
        func objects(_ pod: String) -> String {
            """
            apiVersion: v1
            kind: List
            items:
            - apiVersion: v1
              kind: Pod
              metadata: {name: \(pod), namespace: shop}
              spec: {nodeName: node-a}
              status: {podIP: 10.244.1.10, phase: Running}
            - apiVersion: v1
              kind: Pod
              metadata: {name: kube-proxy-x, namespace: kube-system}
              spec: {nodeName: node-a, hostNetwork: true}
              status: {podIP: 192.0.2.10, phase: Running}
            - apiVersion: crd.projectcalico.org/v1
              kind: IPAMBlock
              metadata: {name: 10-244-1-8-29}
              spec:
                affinity: host:node-a
                cidr: 10.244.1.8/29
                allocations: [null, null, 0, null, null, null, null, null]
                attributes:
                - {handle_id: k8s, secondary: {namespace: shop, node: node-a, pod: web-1}}

            """
        }
        let node = try Clinic(folder: "calico-node")
        #expect(try node.with(objects("web-1")).titles("address-pool").isEmpty)
        #expect(
            try node.with(objects("web-2")).titles("address-pool") == [
                "note: 1 address is taken for pods that are gone: 10.244.1.10 (shop/web-1)"
            ])
    }

    /// The guide: from each node of the mesh a route comes, `172.16.32.192/26 via 192.168.1.249 dev eth0 proto bird`.
    @Test func `a session that brings no route`() throws {
        let rules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
        let status = Self.status.replacing("start | 09:04:40 | Connect     ", with: "up    | 09:04:40 | Established ")
        let learnt = routes + "10.244.2.0/26 via 192.0.2.20 dev eth0 proto bird\n"
        #expect(
            try Clinic(rules, addresses, learnt, status).titles("bgp-blocked") == [
                "risk: the session with 192.0.2.30 is established, and no route goes by it"
            ])
        #expect(
            try Clinic(rules, addresses, learnt + "10.244.3.0/26 via 192.0.2.30 dev eth0 proto bird\n", status)
                .titles("bgp-blocked").isEmpty)
    }

    @Test func `two nodes with one name`() throws {
        let node = try Clinic(folder: "calico-node").with("# Written by hookline as `hostname`\npaas-187\n")
        let other = Clinic(noRules, addresses, "# Written by hookline as `hostname`\npaas-187\n")
        #expect(try node.titles("node-names").isEmpty)
        #expect(
            try node.beside(other).titles("node-names") == [
                "problem: two nodes of the input are called paas-187: Calico takes them for one"
            ])
        #expect(
            try node.beside(Clinic(noRules, addresses, "# Written by hookline as `hostname`\npaas-188\n")).titles(
                "node-names"
            ).isEmpty)
        #expect(
            try node.with(Self.cluster).titles("node-names") == [
                "note: this host is called paas-187, and the cluster calls the node with its address node-a"
            ])
    }
}
