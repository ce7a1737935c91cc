import Questions
import Testing

@Suite("Doctor: rules that were flushed, changed or doubled")
struct FlushedRulesTests {
    @Test func `nothing is flushed on the healthy nodes`() throws {
        for folder in [
            "calico-node", "calico-node-nft", "calico-node-kubeproxy-nft", "flannel-docker", "docker-forward-drop",
        ] {
            #expect(try Clinic(folder: folder).titles("rules-flushed").isEmpty, "\(folder)")
        }
    }

    @Test func `a canary that is gone from one table tells that the table was flushed`() throws {
        let node = try Clinic(folder: "calico-node").replacing(
            "iptables-save.txt", ":KUBE-PROXY-CANARY - [0:0]\n:KUBE-SEP", ":KUBE-SEP")
        let found = try node.findings("rules-flushed")
        #expect(
            found.map(\.title) == [
                "KUBE-PROXY-CANARY is in mangle and not in nat: something flushed nat, and kube-proxy has not repaired it"
            ])
        #expect(found.first?.severity == .problem)
    }

    @Test func `kube-proxy's chains are in filter only`() throws {
        let found = try Clinic(
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :KUBE-FORWARD - [0:0]
            :KUBE-SERVICES - [0:0]
            -A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
            -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
            COMMIT

            """
        ).findings("rules-flushed")
        #expect(
            found.map(\.title) == [
                "nat has no KUBE-SERVICES, though filter has kube-proxy's chains: no Service is translated"
            ])
        #expect(found.first?.evidence.count == 2)
    }

    /// A Calico node with these tables emptied.
    private func flushed(_ isFlushed: (String) -> Bool) throws -> Clinic {
        let node = try Clinic(folder: "calico-node")
        let text = try #require(node.text(of: "iptables-save.txt"))
        var kept: [Substring] = []
        var table = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("*") { table = String(line.dropFirst()) }
            let isRule = line.contains("-A ") || (line.hasPrefix(":") && line.contains(" - "))
            if !isRule || !isFlushed(table) { kept.append(line) }
        }
        return try node.replacing("iptables-save.txt", text, kept.joined(separator: "\n") + "\n")
    }

    @Test func `one table was flushed, and Calico's chains with it`() throws {
        #expect(
            try flushed { $0 == "filter" }.titles("rules-flushed").contains(
                "problem: filter has no chain of Calico's, though mangle has: something flushed filter"))
        #expect(
            try flushed { $0 == "nat" }.titles("rules-flushed").contains(
                "problem: nat has no chain of Calico's, though mangle has: something flushed nat"))
    }

    @Test func `all tables were flushed on a node of Calico's`() throws {
        let node = try flushed { _ in true }
        let found = try node.findings("rules-flushed")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: Calico's pods are here, and not one chain of its own: something flushed all tables"
            ])
        #expect(found.first?.doubts.count == 1, "the other iptables may have them")
        let objects = """
            apiVersion: v1
            kind: Node
            metadata: {name: node-a}
            status: {addresses: [{type: InternalIP, address: 192.0.2.10}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: default}
            spec: {clusterIP: 10.96.10.10, ports: [{port: 80}]}

            """
        #expect(
            try node.with(objects).titles("rules-flushed").first
                == "problem: Services are here, and nothing of kube-proxy's: no Service is translated on this node")
        // Pods of another plugin, and no sign of Felix.
        #expect(
            try node.replacing("ip-addr.txt", "vxlan.calico", "vxlan1").replacing(
                "ip-link.txt", "vxlan.calico", "vxlan1"
            )
            .replacing("ipset-save.txt", "cali40", "mine40").titles("rules-flushed").isEmpty)
    }

    static let hint = """
        *mangle
        :PREROUTING ACCEPT [0:0]
        :KUBE-IPTABLES-HINT - [0:0]
        COMMIT
        *nat
        :PREROUTING ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        COMMIT

        """

    @Test func `kubelet's hint is there, and nothing of kube-proxy's`() throws {
        let found = try Clinic(Self.hint).findings("rules-flushed")
        #expect(
            found.map(\.title) == [
                "kubelet's chains are here, and nothing of kube-proxy's: no Service is translated on this node"
            ])
        #expect(found.first?.severity == .risk && found.first?.doubts.isEmpty == false)
        // Without the table nothing is known of it.
        let mangle = String(Self.hint[..<(try #require(Self.hint.firstRange(of: "*nat"))).lowerBound])
        #expect(try Clinic(mangle).titles("rules-flushed").isEmpty)
        // Another program may do it.
        #expect(try Clinic(Self.hint, "table ip kube-proxy {\n}\n").titles("rules-flushed").isEmpty)
    }

    @Test func `chains of Calico's that nothing jumps to`() throws {
        let node = try Clinic(folder: "calico-node").without("iptables-save.txt", "-j cali-FORWARD")
        let found = try node.findings("rules-flushed")
        #expect(
            found.map(\.title) == [
                "Calico's rules in filter/cali-FORWARD are never asked: no rule of filter/FORWARD leads there"
            ])
        #expect(found.first?.traffic == "packets of pods: no network policy is enforced on them")
        let services = try Clinic(folder: "calico-node").without(
            "iptables-save.txt", "-A PREROUTING -m comment --comment \"kubernetes service portals\"")
        #expect(
            try services.titles("rules-flushed") == [
                "problem: kube-proxy's rules in nat/KUBE-SERVICES are never asked: no rule of nat/PREROUTING leads there"
            ])
    }

    @Test func `Docker's bridge without Docker's chains`() throws {
        let rules = """
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            COMMIT

            """
        let bridge = """
            3: docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
                link/ether 02:42:c0:8c:3a:6a brd ff:ff:ff:ff:ff:ff
                inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0
                   valid_lft forever preferred_lft forever
            4: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master docker0 state UP group default
                link/ether 02:42:c0:8c:3a:6b brd ff:ff:ff:ff:ff:ff

            """
        let found = try Clinic(rules, bridge).findings("rules-flushed")
        #expect(found.map(\.title) == ["Docker's network docker0 is here, and neither nat nor filter has its chains"])
        #expect(found.first?.severity == .problem)
        #expect(try Clinic(rules, bridge.replacing("docker0", with: "virbr0")).titles("rules-flushed").isEmpty)
        let half = rules.replacing(":POSTROUTING ACCEPT [0:0]\n", with: ":POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n")
        #expect(
            try Clinic(half, bridge).titles("rules-flushed") == [
                "problem: Docker's network docker0 is here, and filter does not have its chains"
            ])
    }

    @Test func `a rule that stands twice`() throws {
        let node = try Clinic(folder: "flannel-docker")
        #expect(try node.titles("duplicate-rules").isEmpty)
        let rule = "-A POSTROUTING -s 172.30.24.0/24 ! -o docker0 -j MASQUERADE\n"
        let found = try node.replacing("iptables-save.txt", rule, rule + "[0:0] " + rule).findings("duplicate-rules")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "note: a rule of Docker's stands twice in nat/POSTROUTING"
            ])
        #expect(found.first?.evidence.count == 2)
    }

    @Test func `rules of Calico's that were changed, taken away or put in by hand`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("calico-integrity").isEmpty)
        let edited = try node.replacing(
            "iptables-save.txt", "\"cali:Iw2UxqFlsieFxKPG\" -j cali-pro-ksa.default.default",
            "\"cali:Iw2UxqFlsieFxKPG\" -j cali-pro-kns.default")
        #expect(
            try edited.titles("calico-integrity") == [
                "risk: filter/cali-fw-cali12222222222:11 is not as Felix wrote it"
            ])
        let gone = try node.without("iptables-save.txt", "cali:lKoly_QlaheSPZiR")
        #expect(
            try gone.titles("calico-integrity") == [
                "risk: a rule of Felix's is gone before filter/cali-fw-cali12222222222:2"
            ])
        let line = "[0:0] -A cali-pro-kns.default"
        let foreign = try node.replacing(
            "iptables-save.txt", line, "[0:0] -A cali-pro-kns.default -s 10.244.1.12/32 -j DROP\n" + line)
        #expect(
            try foreign.titles("calico-integrity") == [
                "risk: filter/cali-pro-kns.default:1 stands in a chain of Calico's and is not Felix's"
            ])
    }
}
