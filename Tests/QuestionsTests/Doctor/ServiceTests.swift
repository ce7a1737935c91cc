import Foundation
import Questions
import Testing

@Suite("Doctor: Services")
struct ServiceTests {
    private let empty =
        "[0:0] -A KUBE-SERVICES -d 10.96.10.12/32 -p tcp -m comment --comment \"default/empty has no endpoints\" -m tcp --dport 8080 -j REJECT --reject-with icmp-port-unreachable\n"
    private let emptyPort =
        "[0:0] -A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment \"default/empty has no endpoints\" -m addrtype --dst-type LOCAL -m tcp --dport 30082 -j REJECT --reject-with icmp-port-unreachable\n"
    private let loop =
        "[0:0] -A cali-cidr-block -d 10.96.0.0/12 -m comment --comment \"cali:Y7yx6NcEkDkD1Bnj\" -j DROP\n"

    @Test func `a Service without endpoints, which Calico's loop prevention hides`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(
            try node.titles("no-endpoints") == [
                "problem: service default/empty has no endpoint",
                "risk: pods that ask a Service without endpoints get no answer: filter/cali-cidr-block:1 (Calico's loop prevention) drops before kube-proxy's rule refuses",
            ])
        let open = try node.replacing("iptables-save.txt", loop, "")
        #expect(
            try open.titles("no-endpoints") == [
                "problem: service default/empty has no endpoint: connections are refused"
            ])
        #expect(
            try open.findings("no-endpoints").first?.example
                == "--in cali11111111111 --from 10.244.1.10:40000 --to 10.96.10.12:8080/tcp")
        let full = try node.replacing("iptables-save.txt", empty, "").replacing("iptables-save.txt", emptyPort, "")
        #expect(try full.titles("no-endpoints").isEmpty)
    }

    @Test func `a node port without endpoints hides what listens there`() throws {
        let node = try Clinic(folder: "calico-node")
        func listening(_ port: Int) throws -> Clinic {
            try node.adding("ss.txt", "tcp   LISTEN 0 128 0.0.0.0:\(port) 0.0.0.0:* users:((\"nginx\",pid=7,fd=3))\n")
        }
        #expect(
            try listening(30082).titles("no-endpoints").dropFirst().first
                == "problem: nginx listens on tcp port 30082 here, and the rule for service default/empty, which has no endpoint, refuses what comes for it"
        )
        #expect(try listening(30083).titles("no-endpoints").count == 2)
    }

    @Test func `maps of kube-proxy's nftables mode tell of Services without endpoints`() throws {
        let node = try Clinic(folder: "calico-node-kubeproxy-nft")
        #expect(
            try node.titles("no-endpoints").first?.hasPrefix("problem: service default/empty has no endpoint") == true)
        let local = try node.replacing(
            "nft.txt", "8080 comment \"default/empty\" : goto reject-chain", "8080 comment \"default/empty\" : drop")
        #expect(try node.titles("no-local-endpoint").isEmpty)
        #expect(
            try local.titles("no-local-endpoint") == [
                "risk: this node drops what comes from outside for default/empty: externalTrafficPolicy is Local, and no endpoint is here"
            ])
        #expect(try node.titles("source-ranges").count == 1)
        #expect(
            try node.findings("source-ranges").first?.traffic
                == "other clients of 198.51.100.80:80/tcp: they get no answer")
    }

    @Test func `virtual services of IPVS without a server`() throws {
        func node(_ server: String) -> Clinic {
            Clinic(
                noRules,
                "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\nTCP  10.96.0.1:443 rr\n\(server)"
            )
        }
        let title = "problem: IPVS has no server for 10.96.0.1:443/tcp: what goes there is refused or dropped"
        #expect(try node("").titles("no-endpoints") == [title])
        #expect(try node("  -> 192.0.2.10:6443 Masq 0 0 0\n").titles("no-endpoints") == [title])
        #expect(try node("  -> 192.0.2.10:6443 Masq 1 0 0\n").titles("no-endpoints").isEmpty)
    }

    @Test func `Local policy without an endpoint here`() throws {
        let drop = emptyPort.replacing("has no endpoints", "has no local endpoints").replacing(
            "REJECT --reject-with icmp-port-unreachable", "DROP")
        let outside = try Clinic(folder: "calico-node").replacing("iptables-save.txt", emptyPort, drop)
        #expect(
            try outside.titles("no-local-endpoint") == [
                "risk: this node drops what comes from outside for default/empty: externalTrafficPolicy is Local, and no endpoint is here"
            ])
        let inner = empty.replacing("has no endpoints", "has no local endpoints").replacing(
            "REJECT --reject-with icmp-port-unreachable", "DROP")
        let inside = try Clinic(folder: "calico-node").replacing("iptables-save.txt", empty, inner)
        #expect(
            try inside.titles("no-local-endpoint") == [
                "problem: pods of this node can't reach default/empty: internalTrafficPolicy is Local, and no endpoint is here"
            ])
        #expect(try Clinic(folder: "calico-node").titles("no-local-endpoint").isEmpty)
    }

    @Test func `clients outside of the source ranges`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(
            try node.titles("source-ranges") == [
                "note: the load balancer of default/weblocal:http takes clients of 203.0.113.0/24 only"
            ])
        let drop =
            "[0:0] -A KUBE-PROXY-FIREWALL -d 198.51.100.80/32 -p tcp -m comment --comment \"default/weblocal:http traffic not"
        let dropped = try node.replacing("iptables-save.txt", drop, drop.replacing("[0:0]", "[9:540]"))
        #expect(
            try dropped.titles("source-ranges") == [
                "risk: the load balancer of default/weblocal:http takes clients of 203.0.113.0/24 only: 9 packets of others were dropped"
            ])
        #expect(try Clinic(folder: "flannel-docker").titles("source-ranges").isEmpty)
    }

    @Test func `a bridge port that is not in hairpin mode`() throws {
        let node = try Clinic(folder: "flannel-docker")
        #expect(try node.titles("hairpin").isEmpty)
        let off = try node.replacing("ip-link.txt", "hairpin on", "hairpin off")
        let found = try off.findings("hairpin")
        #expect(
            found.map(\.title) == [
                "a pod that reaches itself by a Service gets no answer: bridge ports veth1f0c6aa and veth93c7a2e are not in hairpin mode"
            ])
        #expect(found.first?.remedies.first?.hasSuffix("bridge link set dev veth1f0c6aa hairpin on") == true)
    }

    @Test func `an endpoint's chain that does not mark its own packets`() throws {
        let mark =
            "[0:0] -A KUBE-SEP-USKAY64JPFHIPHIG -s 10.244.1.10/32 -m comment --comment \"default/web:http\" -j KUBE-MARK-MASQ\n"
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("hairpin").isEmpty)
        #expect(
            try node.replacing("iptables-save.txt", mark, "").titles("hairpin") == [
                "problem: endpoint 10.244.1.10:80 of service default/web:http gets no answer from itself: no rule masquerades what it sends to itself"
            ])
    }

    @Test func `a rule before kube-proxy's takes what is to be masqueraded`() throws {
        let node = try Clinic(folder: "flannel-docker")
        let jump =
            "[1:40] -A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING\n"
        let rule = "[0:0] -A POSTROUTING -s 172.30.0.0/16 -d 172.30.0.0/16 -j ACCEPT\n"
        let found = try node.replacing("iptables-save.txt", jump, rule + jump).findings("hairpin")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: nat/POSTROUTING:1 takes what a pod sends to itself by a Service before kube-proxy's rule masquerades it: the pod gets a packet from its own address, and no answer"
            ])
        #expect(try node.replacing("iptables-save.txt", jump, jump + rule).titles("hairpin").isEmpty)
        let careful = rule.replacing("-j ACCEPT", with: "-m mark ! --mark 0x4000/0x4000 -j ACCEPT")
        #expect(try node.replacing("iptables-save.txt", jump, careful + jump).titles("hairpin").isEmpty)
    }

    @Test func `packets between pods of one bridge pass by iptables`() throws {
        let node = try Clinic(folder: "flannel-docker")
        #expect(try node.titles("bridge-nf-call-iptables").isEmpty)
        let off = try node.replacing(
            "sysctl.txt", "net.bridge.bridge-nf-call-iptables = 1", "net.bridge.bridge-nf-call-iptables = 0")
        #expect(
            try off.titles("bridge-nf-call-iptables") == [
                "problem: packets between pods on docker0 pass by iptables: an endpoint's answer to a pod on the same bridge is not translated back"
            ])
        // No Services, no translation to undo.
        let docker = try Clinic(folder: "docker-forward-drop").replacing(
            "sysctl.txt", "net.bridge.bridge-nf-call-iptables = 1", "net.bridge.bridge-nf-call-iptables = 0")
        #expect(try docker.titles("bridge-nf-call-iptables").isEmpty)
    }

    private func udp(_ reply: String, port: Int = 53) -> String {
        "udp 17 29 src=10.244.1.11 dst=10.96.0.10 sport=40000 dport=53 src=\(reply) dst=10.244.1.11 sport=\(port) dport=40000 [ASSURED] mark=0 use=1\n"
    }

    @Test func `UDP entries that lead to an endpoint that is gone`() throws {
        let node = try Clinic(folder: "calico-node")
        func with(_ entry: String) throws -> Clinic {
            try node.replacing("conntrack.txt", "conntrack v1.4.7", entry + "conntrack v1.4.7")
        }
        #expect(
            try with(udp("10.244.7.7")).titles("stale-conntrack") == [
                "problem: 1 UDP connection of kube-system/kube-dns:dns leads to 10.244.7.7:53, which is no endpoint of it any more"
            ])
        #expect(
            try with(udp("10.96.0.10")).titles("stale-conntrack") == [
                "problem: 1 UDP connection to 10.96.0.10:53/udp was made before service kube-system/kube-dns:dns had an endpoint, and goes on untranslated"
            ])
        #expect(try with(udp("10.244.2.21")).titles("stale-conntrack").isEmpty)
    }

    @Test func `a connection table that is nearly full`() throws {
        func table(_ count: Int) -> Clinic {
            Clinic(
                noRules, "net.netfilter.nf_conntrack_count = \(count)\nnet.netfilter.nf_conntrack_max = 1000\n")
        }
        #expect(
            try table(999).titles("conntrack-full") == ["problem: the connection table is full: 999 of 1000 entries"])
        #expect(
            try table(900).titles("conntrack-full") == [
                "risk: the connection table is nearly full: 900 of 1000 entries"
            ])
        #expect(try table(500).titles("conntrack-full").isEmpty)
    }
}

@Suite("Doctor: Docker")
struct DockerDoctorTests {
    private let raw = """
        *raw
        :PREROUTING ACCEPT [0:0]
        [4:240] -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
        COMMIT

        """

    @Test func `Docker 28 drops what comes for a container's own address`() throws {
        let node = try Clinic(folder: "docker-forward-drop")
        #expect(try node.titles("docker-direct-access").isEmpty)
        let found = try node.adding("iptables-save.txt", raw).findings("docker-direct-access")
        #expect(
            found.map(\.title) == [
                "Docker (28 and later) drops what others than the container's own bridge send to 172.17.0.2 directly: 4 packets"
            ])
        #expect(found.first?.severity == .risk)
        #expect(found.first?.example?.hasSuffix("--to 172.17.0.2:80/tcp") == true)
    }

    private func withUFW(_ policy: String) throws -> Clinic {
        try Clinic(folder: "docker-forward-drop")
            .replacing(
                "iptables-save.txt", ":INPUT ACCEPT [0:0]\n:FORWARD DROP", ":INPUT \(policy) [0:0]\n:FORWARD DROP"
            )
            .replacing(
                "iptables-save.txt", ":DOCKER-USER - [0:0]\n", ":DOCKER-USER - [0:0]\n:ufw-before-input - [0:0]\n"
            )
            .replacing(
                "iptables-save.txt", "[0:0] -A FORWARD -j DOCKER-USER\n",
                "[0:0] -A INPUT -j ufw-before-input\n[0:0] -A FORWARD -j DOCKER-USER\n")
    }

    @Test func `published ports are open though ufw denies what comes in`() throws {
        let found = try withUFW("DROP").findings("docker-bypasses-firewall")
        #expect(
            found.map(\.title) == [
                "tcp port 8080 is open to the outside though ufw denies what comes in: Docker publishes it, and what is translated to a container is forwarded, not for INPUT"
            ])
        #expect(found.first?.remedies.first?.contains("--ctorigdstport 8080") == true)
        #expect(try withUFW("ACCEPT").titles("docker-bypasses-firewall").isEmpty)
    }

    @Test func `a rule of DOCKER-USER for the port that the client wrote never holds`() throws {
        func node(_ port: Int) throws -> Clinic {
            try Clinic(folder: "docker-forward-drop").replacing(
                "iptables-save.txt", "[0:0] -A DOCKER-USER -j RETURN\n",
                "[0:0] -A DOCKER-USER -i eth0 -p tcp -m tcp --dport \(port) -j DROP\n[0:0] -A DOCKER-USER -j RETURN\n")
        }
        #expect(
            try node(8080).titles("docker-bypasses-firewall") == [
                "risk: filter/DOCKER-USER:1 asks for tcp port 8080, which no packet has there: Docker has translated it to port 80 before"
            ])
        #expect(try node(80).titles("docker-bypasses-firewall").isEmpty)
    }
}
