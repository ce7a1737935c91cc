import Foundation
import Questions
import Testing

@Suite("Doctor: KUBE-FIREWALL and the packet's mark")
struct MarkTests {
    private let portals =
        "[0:0] -A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n"
    private let metadata =
        "[0:0] -A PREROUTING -d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j DNAT --to-destination 127.0.0.1:8181\n"

    @Test func `what is translated to loopback needs route_localnet`() throws {
        let node = try Clinic(folder: "calico-node").replacing("iptables-save.txt", portals, portals + metadata)
        #expect(try node.titles("kube-firewall").isEmpty)
        let closed = try node.replacing("sysctl.txt", ".route_localnet = 1", ".route_localnet = 0")
        let found = try closed.findings("kube-firewall")
        #expect(
            found.map(\.title) == [
                "nat/PREROUTING:3 translates to 127.0.0.1, and the kernel drops it: packets from the wire may not go to 127.0.0.0/8"
            ])
        #expect(found.first?.example?.contains("--to 169.254.169.254:80/tcp") == true)
    }

    @Test func `an old KUBE-FIREWALL drops what is translated to loopback`() throws {
        func node(_ states: String) throws -> Clinic {
            try Clinic(folder: "flannel-docker")
                .replacing("iptables-save.txt", portals, portals + metadata.replacing("cali+", "docker0"))
                .replacing(
                    "iptables-save.txt", "[0:0] -A KUBE-FIREWALL ",
                    "[0:0] -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate \(states) -j DROP\n[0:0] -A KUBE-FIREWALL "
                )
                .replacing("sysctl.txt", "docker0.route_localnet = 0", "docker0.route_localnet = 1")
        }
        #expect(
            try node("RELATED,ESTABLISHED").titles("kube-firewall") == [
                "problem: nat/PREROUTING:2 translates to 127.0.0.1, and KUBE-FIREWALL drops that"
            ])
        #expect(try node("RELATED,ESTABLISHED,DNAT").titles("kube-firewall").isEmpty)
    }

    private func marking(_ mark: String) -> Clinic {
        Clinic(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -i eth1 -j MARK --set-xmark \(mark)
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :KUBE-FIREWALL - [0:0]
            -A INPUT -j KUBE-FIREWALL
            -A KUBE-FIREWALL -m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark 0x8000/0x8000 -j DROP
            COMMIT

            """)
    }

    @Test func `a rule that sets kubelet's drop bit is found`() throws {
        #expect(
            try marking("0x8001/0xffff").titles("kube-firewall") == [
                "risk: KUBE-FIREWALL drops what mangle/PREROUTING:1 marks: both use the bit 0x8000"
            ])
        #expect(try marking("0x1/0xff").titles("kube-firewall").isEmpty)
    }

    private let tailscale = """
        *filter
        :FORWARD ACCEPT [0:0]
        :ts-forward - [0:0]
        :cali-FORWARD - [0:0]
        -A FORWARD -j ts-forward
        -A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
        -A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
        -A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
        -A cali-FORWARD -m comment --comment "cali:W_vvds1Nw3n9QE2f" -j MARK --set-xmark 0x0/0x1a0000
        COMMIT

        """

    @Test func `Tailscale and Calico use the same bits`() throws {
        let found = try Clinic(tailscale).findings("mark-conflict")
        #expect(
            found.map(\.title) == [
                "Calico and Tailscale use the same bits of the packet's mark (0x1f0000): each reads what the other wrote"
            ])
        #expect(found.first?.severity == .risk)
        #expect(found.first?.remedies.first?.contains("iptablesMarkMask") == true)
        let moved = tailscale.replacing("0x0/0x1a0000", "0x0/0x1a000000")
        #expect(try Clinic(moved).titles("mark-conflict").isEmpty)
    }

    @Test func `kube-router and Calico use the same bits`() throws {
        let rules = """
            *filter
            :FORWARD ACCEPT [0:0]
            :KUBE-ROUTER-FORWARD - [0:0]
            :cali-FORWARD - [0:0]
            -A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
            -A FORWARD -m comment --comment "kube-router netpol - 4IA2OSFRMVNDXBVV" -j KUBE-ROUTER-FORWARD
            -A KUBE-ROUTER-FORWARD -m comment --comment "rule to explicitly ACCEPT traffic that comply to network policies" -m mark --mark 0x20000/0x20000 -j ACCEPT
            -A cali-FORWARD -m comment --comment "cali:W_vvds1Nw3n9QE2f" -j MARK --set-xmark 0x0/0x1a0000
            COMMIT

            """
        #expect(try Clinic(rules).titles("mark-conflict").count == 1)
        #expect(try Clinic(rules.replacing("0x0/0x1a0000", "0x0/0x1a000000")).titles("mark-conflict").isEmpty)
    }

    @Test(arguments: [
        (
            "calico-node", "iptables-save.txt",
            "-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully\n"
        ),
        (
            "calico-node-ipvs", "iptables-save.txt",
            "-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully\n"
        ),
        ("calico-node-kubeproxy-nft", "nft.txt", "^ 0x00004000\n\t\tmasquerade fully-random\n"),
    ])
    func whatIsMarkedForMasqueradingNeedsARuleThatDoesIt(_ node: String, _ file: String, _ rule: String) throws {
        let whole = try Clinic(folder: node)
        #expect(try whole.titles("rules-flushed").isEmpty)
        let counted = whole.text(of: file)?.contains("[0:0] " + rule) == true ? "[0:0] " + rule : rule
        let left = rule.hasPrefix("^") ? "^ 0x00004000\n" : ""
        let titles = try whole.replacing(file, counted, left).titles("rules-flushed")
        #expect(titles.count == 1)
        #expect(titles.first?.contains("masquerades nothing: what kube-proxy marks for it keeps its source") == true)
    }

    private func services(_ mangle: String, mask: String = "0x4000/0x4000") -> Clinic {
        Clinic(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            \(mangle)
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :KUBE-MARK-MASQ - [0:0]
            :KUBE-NODEPORTS - [0:0]
            :KUBE-POSTROUTING - [0:0]
            -A PREROUTING -j KUBE-NODEPORTS
            -A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
            -A KUBE-MARK-MASQ -j MARK --set-xmark \(mask)
            -A KUBE-NODEPORTS -p tcp -m comment --comment "default/web:http" -m tcp --dport 30080 -j KUBE-MARK-MASQ
            -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
            -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
            -A KUBE-POSTROUTING -j MASQUERADE
            COMMIT

            """)
    }

    @Test func `a restored mark replaces all bits where no mask is given`() throws {
        #expect(
            try services("-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff")
                .titles("mark-conflict") == [
                    "risk: mangle/PREROUTING:1 replaces the packet's whole mark by the connection's: bits of kube-proxy are lost there"
                ])
        #expect(
            try services("-A PREROUTING -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80").titles("mark-conflict")
                .isEmpty)
    }

    @Test func `a mark that is set whole between PREROUTING and POSTROUTING takes kube-proxy's away`() throws {
        let whole = "-j MARK --set-xmark 0x1/0xffffffff"
        #expect(
            try services("-A FORWARD \(whole)").titles("mark-conflict") == [
                "risk: mangle/FORWARD:1 replaces the packet's whole mark: bits of kube-proxy are lost there"
            ])
        // What comes before kube-proxy's rules takes nothing away.
        #expect(try services("-A PREROUTING \(whole)").titles("mark-conflict").isEmpty)
        #expect(try services("-A FORWARD -j MARK --set-xmark 0x1/0xf").titles("mark-conflict").isEmpty)
    }

    @Test func `a masquerade mark that no one reads is a problem`() throws {
        #expect(
            try services("", mask: "0x8000/0x8000").titles("mark-conflict") == [
                "problem: KUBE-MARK-MASQ sets 0x8000, and KUBE-POSTROUTING asks for 0x4000: what is to be masqueraded is not"
            ])
        #expect(try services("").titles("mark-conflict").isEmpty)
    }

    @Test func `flannel's nft rule compares the whole mark`() throws {
        func nft(_ mark: String) -> Clinic {
            Clinic(
                tailscale.replacing("0x0/0x1a0000", "0x0/0x1a000000"),
                """
                table ip flannel-ipv4 {
                \tchain postrtg {
                \t\ttype nat hook postrouting priority srcnat; policy accept;
                \t\t\(mark) return
                \t}
                }

                """)
        }
        #expect(
            try nft("meta mark 0x00004000").titles("mark-conflict") == [
                "risk: flannel leaves what kube-proxy masquerades alone only where no other bit of the mark is set, and Tailscale sets others"
            ])
        #expect(try nft("meta mark & 0x00004000 == 0x00004000").titles("mark-conflict").isEmpty)
    }
}
