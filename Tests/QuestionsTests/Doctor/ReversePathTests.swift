import Foundation
import Questions
import Testing

@Suite("Doctor: reverse path, invalid packets, several iptables")
struct ReversePathTests {
    private let links = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
            link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
            inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0
        3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
            link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
            inet 192.0.2.11/24 brd 192.0.2.255 scope global eth1

        """
    private let routes = """
        default via 192.0.2.1 dev eth0
        192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.10
        192.0.2.0/24 dev eth1 proto kernel scope link src 192.0.2.11 metric 100

        """
    private let neighbours = """
        192.0.2.1 dev eth0 lladdr 02:00:00:00:00:fe REACHABLE
        192.0.2.77 dev eth1 lladdr 02:00:00:00:00:77 REACHABLE

        """

    private func sysctls(_ value: Int) -> String {
        "net.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.eth0.rp_filter = \(value)\nnet.ipv4.conf.eth1.rp_filter = \(value)\nnet.ipv4.ip_forward = 1\n"
    }

    @Test func `a second card in the same network gets nothing where rp_filter is strict`() throws {
        let clinic = Clinic(noRules, links, routes, neighbours, sysctls(1))
        let found = try clinic.findings("reverse-path")
        #expect(
            found.map(\.title) == [
                "the reverse path check (rp_filter) drops what neighbour 192.0.2.77 sends in by eth1: the way back leaves by eth0"
            ])
        #expect(found.first?.severity == .problem)
        #expect(found.first?.example == "--in eth1 --from 192.0.2.77:40000 --to 192.0.2.11:80/tcp")
        #expect(
            try clinic.quotes(try #require(found.first)) == [
                "192.0.2.77 dev eth1 lladdr 02:00:00:00:00:77 REACHABLE", "net.ipv4.conf.all.rp_filter is 0",
                "net.ipv4.conf.eth1.rp_filter is 1",
                "192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.10",
            ])
        #expect(try Clinic(noRules, links, routes, neighbours, sysctls(2)).titles("reverse-path").isEmpty)
    }

    @Test func `a default route of another table tells of packets that would come in by it`() throws {
        let more = "default via 192.0.2.1 dev eth1 table 100\n"
        let clinic = Clinic(noRules, links, routes + more, sysctls(1))
        #expect(
            try clinic.titles("reverse-path") == [
                "risk: the reverse path check (rp_filter) drops what the outside sends in by eth1: the way back leaves by eth0"
            ])
        #expect(try Clinic(noRules, links, routes, sysctls(1)).titles("reverse-path").isEmpty)
    }

    @Test func `a loose check asks for any way back, and is told so`() throws {
        let own = routes.replacing("default via 192.0.2.1 dev eth0\n", "")
        let far = "198.51.100.7 dev eth1 lladdr 02:00:00:00:00:78 REACHABLE\n"
        let found = try Clinic(noRules, links, own, far, sysctls(2)).findings("reverse-path")
        #expect(
            found.map(\.title) == [
                "the reverse path check (rp_filter) drops what neighbour 198.51.100.7 sends in by eth1: no route leads back"
            ])
        #expect(
            found.first?.remedies == [
                "give it a way back: ip route add 198.51.100.7 dev eth1, or turn the check off (rp_filter=0)"
            ])
        #expect(try Clinic(noRules, links, routes, far, sysctls(2)).titles("reverse-path").isEmpty)
    }

    @Test func `Cilium's pods come in by links that no route leads back by`() throws {
        let more = """
            4: cilium_host@cilium_net: <BROADCAST,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff
                inet 10.0.1.1/32 scope global cilium_host
            5: lxc1234@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                link/ether 02:00:00:00:00:04 brd ff:ff:ff:ff:ff:ff

            """
        func node(_ value: Int) -> Clinic {
            Clinic(
                noRules, links + more,
                routes + "10.0.1.0/24 via 10.0.1.1 dev cilium_host src 10.0.1.1\n10.0.1.1 dev cilium_host scope link\n",
                sysctls(0) + "net.ipv4.conf.lxc1234.rp_filter = \(value)\n")
        }
        #expect(
            try node(1).titles("reverse-path") == [
                "risk: the reverse path check (rp_filter) drops what a pod of 10.0.1.0/24 sends in by lxc1234: the way back leaves by cilium_host"
            ])
        #expect(try node(0).titles("reverse-path").isEmpty)
    }

    @Test func `a pod that uses an address of another falls at Calico's rule whatever the sysctl`() throws {
        let node = try Clinic(folder: "calico-node")
            .replacing("sysctl.txt", ".rp_filter = 1", ".rp_filter = 0")
        #expect(try node.titles("reverse-path").isEmpty)
        let found = try node.adding(
            "ip-neigh.txt", "10.9.9.9 dev cali11111111111 lladdr 02:42:0a:f4:01:0a REACHABLE\n"
        ).findings("reverse-path")
        let finding = try #require(found.first)
        #expect(
            finding.title
                == "the reverse path rule raw/cali-PREROUTING:5 drops what neighbour 10.9.9.9 sends in by cali11111111111: the way back leaves by eth0"
        )
        #expect(finding.severity == .problem)
        #expect(finding.remedies.first?.contains("allowedSourcePrefixes: '[\"10.9.9.9/32\"]'") == true)
    }

    @Test func `a pod whose route is gone is to get it back, not leave to spoof`() throws {
        let node = try Clinic(folder: "calico-node")
            .without("ip-route.txt", "10.244.1.10 dev cali11111111111")
        let found = try node.findings("reverse-path")
        #expect(found.count == 1 && found.first?.remedies.count == 1)
        #expect(found.first?.remedies.first?.hasPrefix("give the pod its route back") == true)
        let names = doctorChecks.map(\.name)
        let links = try #require(names.firstIndex(of: "pod-links"))
        #expect(try links < #require(names.firstIndex(of: "reverse-path")), "the cause comes first")
        #expect(
            try node.titles("pod-links") == ["problem: no route leads to the pod behind cali11111111111"])
    }

    @Test func `drops of Calico's rule are told by its counter`() throws {
        let node = try Clinic(folder: "calico-node")
        let line = "[0:0] -A cali-PREROUTING -m comment --comment \"cali:\(hash)\""
        let dropped = try node.replacing("iptables-save.txt", line, line.replacing("[0:0]", "[7:420]"))
        #expect(try node.titles("reverse-path").isEmpty)
        #expect(
            try dropped.titles("reverse-path") == [
                "note: the reverse path rule raw/cali-PREROUTING:5 has dropped 7 packets"
            ])
    }

    /// The hash of the rule that drops spoofed sources.
    private let hash = "uvipz_NmQPrGYnTB"
}

@Suite("Doctor: packets that conntrack finds invalid")
struct ConntrackInvalidTests {
    private func rules(_ count: Int) -> String {
        """
        # Generated by iptables-save v1.8.9 (nf_tables)
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [10:600]
        :OUTPUT ACCEPT [0:0]
        :KUBE-FORWARD - [0:0]
        [90:5400] -A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
        [\(count):300] -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
        COMMIT

        """
    }

    @Test func `a counter of a rule that drops invalid packets is evidence`() throws {
        let clinic = Clinic(rules(5))
        #expect(try clinic.titles("conntrack-invalid") == ["risk: 5 packets that conntrack found invalid were dropped"])
        #expect(try Clinic(rules(0)).titles("conntrack-invalid").isEmpty)
    }

    @Test func `a connection that was seen in one direction only makes it a problem`() throws {
        let entry =
            "tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000 mark=0 use=1\n"
        let found = try Clinic(rules(5), entry).findings("conntrack-invalid")
        #expect(found.first?.severity == .problem)
        #expect(found.first?.evidence.count == 2)
        let answered = entry.replacing("[UNREPLIED] ", "").replacing(" mark=0", " [ASSURED] mark=0")
        #expect(try Clinic(rules(5), answered).findings("conntrack-invalid").first?.severity == .risk)
    }

    @Test func `a kube-proxy that does not drop them lets untranslated answers pass`() throws {
        let rules = """
            *filter
            :FORWARD ACCEPT [0:0]
            :KUBE-FORWARD - [0:0]
            -A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
            -A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
            COMMIT

            """
        func node(_ liberal: Int) -> Clinic {
            Clinic(rules, "net.netfilter.nf_conntrack_tcp_be_liberal = \(liberal)\nnet.ipv4.ip_forward = 1\n")
        }
        #expect(try node(0).findings("conntrack-invalid").map(\.severity) == [.risk])
        #expect(try node(1).titles("conntrack-invalid").isEmpty)
    }
}

@Suite("Doctor: several iptables")
struct SeveralIptablesTests {
    private func dump(_ backend: String, _ rules: String) -> String {
        "# Generated by iptables-save v1.8.9 (\(backend))\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:KUBE-FORWARD - [0:0]\n\(rules)COMMIT\n"
    }

    @Test func `rules of both that one program wrote are a problem`() throws {
        let rule = "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n"
        let both = Clinic(dump("legacy", rule), dump("nf_tables", rule))
        #expect(
            try both.titles("two-iptables") == [
                "problem: iptables-legacy and -nft both have rules in force, and kube-proxy has chains in both: those of one are left over"
            ])
        #expect(try Clinic(dump("legacy", ""), dump("nf_tables", rule)).titles("two-iptables").isEmpty)
    }

    @Test func `one dump that came in twice is no second iptables`() throws {
        let rules = """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :KUBE-FORWARD - [0:0]
            -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
            -A FORWARD -j KUBE-FORWARD
            -A OUTPUT -p tcp -m tcp --dport 25 -j DROP
            -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
            COMMIT

            """
        func twice(_ second: String) -> Clinic {
            Clinic(
                "# Generated by iptables-save v1.8.9 (nf_tables)\n" + rules,
                "# Generated by iptables-save v1.8.9 (legacy)\n" + second)
        }
        #expect(try twice(rules).titles("two-iptables").isEmpty)
        #expect(try twice(rules.replacing("25", "26")).titles("two-iptables").count == 1)
    }

    @Test func `rules of both that drop nothing are worth a note`() throws {
        let rule = "-A INPUT -p tcp --dport 22 -j ACCEPT\n"
        #expect(
            try Clinic(dump("legacy", rule), dump("nf_tables", rule)).findings("two-iptables").map(\.severity) == [
                .note
            ])
        let drop = "-A INPUT -p tcp --dport 23 -j DROP\n"
        #expect(
            try Clinic(dump("legacy", drop), dump("nf_tables", rule)).findings("two-iptables").map(\.severity) == [
                .risk
            ])
    }

    @Test func `a DNAT that lost its address is found`() throws {
        func nat(_ target: String) -> Clinic {
            Clinic(
                "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]\n-A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -m tcp -j DNAT \(target)\nCOMMIT\n"
            )
        }
        #expect(
            try nat("--to-destination :0 --persistent").titles("misread-rules") == [
                "problem: 1 rule of DNAT has lost the address to translate to"
            ])
        #expect(
            try nat("[unsupported revision]").titles("misread-rules") == [
                "risk: 1 rule is of a revision that the iptables which made this dump does not know"
            ])
        #expect(try nat("--to-destination 10.244.1.10:80").titles("misread-rules").isEmpty)
    }

    @Test func `rules whose mark match is lost are found`() throws {
        func filter(_ match: String) -> Clinic {
            Clinic(
                "*filter\n:INPUT ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\n-A KUBE-FIREWALL -m comment --comment \"kubernetes firewall for dropping marked packets\" \(match)-j DROP\nCOMMIT\n"
            )
        }
        #expect(
            try filter("").titles("misread-rules") == [
                "problem: filter/KUBE-FIREWALL:1 drops everything: its mark match is lost"
            ])
        #expect(try filter("-m mark --mark 0x8000/0x8000 ").titles("misread-rules").isEmpty)
        func nat(_ match: String) -> Clinic {
            Clinic(
                "*nat\n:POSTROUTING ACCEPT [0:0]\n:KUBE-POSTROUTING - [0:0]\n-A POSTROUTING -j KUBE-POSTROUTING\n-A KUBE-POSTROUTING \(match)-j RETURN\n-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0\n-A KUBE-POSTROUTING -j MASQUERADE\nCOMMIT\n"
            )
        }
        #expect(
            try nat("").titles("misread-rules") == [
                "problem: nat/KUBE-POSTROUTING:1 leaves before anything is masqueraded: its mark match is lost"
            ])
        #expect(try nat("-m mark ! --mark 0x4000/0x4000 ").titles("misread-rules").isEmpty)
    }
}

extension String {
    func replacing(_ old: String, _ new: String) -> String { replacingOccurrences(of: old, with: new) }
}
