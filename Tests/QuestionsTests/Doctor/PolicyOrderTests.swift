import Foundation
import Questions
import Testing

@Suite("Doctor: order of rules, host endpoints, untracked policy")
struct PolicyOrderTests {
    private let entry = "[0:0] -A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\" -j cali-FORWARD\n"

    @Test func `a rule above Calico's jump decides first`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("rule-order").isEmpty)
        let found = try node.replacing(
            "iptables-save.txt", entry, "[0:0] -A FORWARD -s 10.244.0.0/16 -j ACCEPT\n" + entry
        ).findings("rule-order")
        let finding = try #require(found.first)
        #expect(found.count == 1)
        #expect(
            finding.title
                == "filter/FORWARD:1 accepts what pods of this node send to each other before Calico's policies are asked"
        )
        #expect(finding.severity == .risk)
        #expect(finding.evidence.count == 2)
        let drop = try node.replacing(
            "iptables-save.txt", entry, "[0:0] -A FORWARD -d 203.0.113.0/24 -i cali+ -j DROP\n" + entry)
        // No packet that is followed goes there.
        #expect(try drop.titles("rule-order").isEmpty)
    }

    @Test func `a rule above ufw's takes what ufw would refuse`() throws {
        func node(_ rule: String) -> Clinic {
            Clinic(
                """
                *filter
                :INPUT DROP [0:0]
                :ufw-before-input - [0:0]
                \(rule)
                -A INPUT -j ufw-before-input
                -A ufw-before-input -i lo -j ACCEPT
                COMMIT

                """)
        }
        #expect(
            try node("-A INPUT -p tcp -m tcp --dport 3306 -j ACCEPT").titles("rule-order") == [
                "risk: filter/INPUT:1 accepts before ufw's rules are asked"
            ])
        #expect(try node("-A INPUT -i lo -j ACCEPT").titles("rule-order").isEmpty)
    }

    private func tables(_ last: String) -> Clinic {
        Clinic(
            addresses, routes,
            "net.ipv4.ip_forward = 0\nnet.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.eth0.rp_filter = 0\n",
            """
            table inet mine {
            \tchain input {
            \t\ttype filter hook input priority -10; policy accept;
            \t\ttcp dport 8443 accept
            \t}
            }
            table inet firewall {
            \tchain input {
            \t\ttype filter hook input priority 0; policy drop;
            \t\tct state established,related accept
            \t\t\(last)
            \t}
            }

            """)
    }

    @Test func `an accept of nft does not keep a later base chain from dropping`() throws {
        let found = try tables("tcp dport 22 accept").findings("accept-not-final")
        #expect(
            found.map(\.title) == [
                "mine/input:1 accepts tcp port 8443, and firewall/input drops it all the same: an accept ends only its own base chain"
            ])
        #expect(found.first?.severity == .problem)
        #expect(found.first?.example?.contains(":8443/tcp") == true)
        #expect(try tables("tcp dport { 22, 8443 } accept").titles("accept-not-final").isEmpty)
    }

    private let jump =
        "[0:0] -A cali-fh-eth0 -m comment --comment \"cali:95twscPLmeXxyE4d\" -m mark --mark 0x0/0x20000 -j cali-pi-_g793MoklaroR4oJlST7\n"

    @Test func `a host endpoint without a policy drops all but the failsafe ports`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("host-endpoint").isEmpty)
        let found = try node.replacing("iptables-save.txt", jump, "").findings("host-endpoint")
        #expect(
            found.map(\.title) == [
                "the host endpoint of eth0 has no policy for what comes in: all but the failsafe ports is dropped"
            ])
        #expect(found.first?.severity == .problem)
        #expect(found.first?.traffic.contains("tcp 22, udp 68, tcp 179") == true)
    }

    @Test func `failsafe chains that accept nothing lock the operator out`() throws {
        let node = try Clinic(folder: "calico-node").replacing(
            "iptables-save.txt", "[0:0] -A cali-failsafe-in ", "# ")
        #expect(
            try node.titles("host-endpoint") == [
                "risk: no failsafe port is open: a policy that is wrong for the host endpoint locks you out"
            ])
    }

    @Test func `rules of nft have their comments behind what they do`() throws {
        #expect(try Clinic(folder: "calico-node-nft").titles("host-endpoint").isEmpty)
    }

    @Test func `pods that may not reach their host are told with the Service that is here`() throws {
        let action = "-m comment --comment \"Configured DefaultEndpointToHostAction\" -j ACCEPT"
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("endpoint-to-host").isEmpty)
        let found = try node.replacing("iptables-save.txt", action, action.replacing("ACCEPT", "DROP"))
            .findings("endpoint-to-host")
        #expect(
            found.map(\.title) == [
                "pods may not reach their own host: defaultEndpointToHostAction is Drop, and the endpoint 192.0.2.10:6443 of service default/kubernetes:https is here"
            ])
        #expect(found.first?.severity == .problem)
        #expect(found.first?.example == "--in cali11111111111 --from 10.244.1.10:40000 --to 10.96.0.1:443/tcp")
    }

    private func untracked(_ answer: String) throws -> Clinic {
        let dispatch = ":cali-from-host-endpoint - [0:0]\n:cali-rpf-skip - [0:0]\n"
        let rules = """
            :cali-from-host-endpoint - [0:0]
            :cali-fh-eth0 - [0:0]
            :cali-th-eth0 - [0:0]
            :cali-pi-default.fast - [0:0]
            :cali-po-default.fast - [0:0]
            :cali-rpf-skip - [0:0]

            """
        let jumps = """
            [0:0] -A PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-PREROUTING
            [0:0] -A cali-from-host-endpoint -i eth0 -g cali-fh-eth0
            [0:0] -A cali-to-host-endpoint -o eth0 -g cali-th-eth0
            [0:0] -A cali-fh-eth0 -j cali-pi-default.fast
            [0:0] -A cali-fh-eth0 -m mark --mark 0x10000/0x10000 -j NOTRACK
            [0:0] -A cali-fh-eth0 -m mark --mark 0x10000/0x10000 -j RETURN
            [0:0] -A cali-th-eth0 -j cali-po-default.fast
            [0:0] -A cali-th-eth0 -m mark --mark 0x10000/0x10000 -j NOTRACK
            [0:0] -A cali-th-eth0 -m mark --mark 0x10000/0x10000 -j RETURN
            [0:0] -A cali-pi-default.fast -p tcp -m multiport --dports 9000 -j MARK --set-xmark 0x10000/0x10000
            \(answer)
            [0:0] -A OUTPUT -m comment --comment "cali:tVnHkvAo15HuiPy0" -j cali-OUTPUT
            [0:0] -A cali-OUTPUT -m comment --comment "cali:clI8WObfCl4yhr60" -j MARK --set-xmark 0x0/0x1b0000

            """
        let old = """
            [0:0] -A PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-PREROUTING
            [0:0] -A OUTPUT -m comment --comment "cali:tVnHkvAo15HuiPy0" -j cali-OUTPUT
            [0:0] -A cali-OUTPUT -m comment --comment "cali:clI8WObfCl4yhr60" -j MARK --set-xmark 0x0/0x1b0000

            """
        return try Clinic(folder: "calico-node").replacing("iptables-save.txt", dispatch, rules)
            .replacing("iptables-save.txt", old, jumps)
    }

    @Test func `answers to what an untracked policy lets in need a policy of their own`() throws {
        let found = try untracked("").findings("untracked-policy")
        #expect(
            found.map(\.title) == [
                "answers to what the untracked policy lets in on tcp port 9000 are dropped: filter/cali-th-eth0:2"
            ])
        #expect(found.first?.example?.contains("--tcp-flags syn,ack") == true)
        let answers =
            "[0:0] -A cali-po-default.fast -p tcp -m multiport --sports 9000 -j MARK --set-xmark 0x10000/0x10000"
        #expect(try untracked(answers).titles("untracked-policy").isEmpty)
    }
}
