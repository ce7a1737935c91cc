import Foundation
import Questions
import Testing

/// Causes that were there and that nothing was said of.
@Suite("Doctor: what was passed over in silence")
struct SilentCauseTests {
    private func twoNodes() throws -> Clinic {
        try Clinic(folder: "calico-two-nodes/node-a").beside(Clinic(folder: "calico-two-nodes/node-b"))
    }

    private func objects(_ folder: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "Rulesets/\(folder)/objects.yaml"), encoding: .utf8)
    }

    // MARK: kube-proxy

    @Test func `KUBE-POSTROUTING without MASQUERADE`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("rules-flushed").isEmpty)
        let found = try node.without("iptables-save.txt", "kubernetes service traffic requiring SNAT")
            .findings("rules-flushed")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: nat/KUBE-POSTROUTING masquerades nothing: what kube-proxy marks for it keeps its source"
            ])
        let nft = try Clinic(folder: "calico-node-kubeproxy-nft")
        #expect(try nft.titles("rules-flushed").isEmpty)
        #expect(
            try nft.replacing("nft.txt", "\t\tmeta mark set meta mark ^ 0x00004000\n\t\tmasquerade fully-random\n", "")
                .titles("rules-flushed") == [
                    "problem: kube-proxy/masquerading masquerades nothing: what kube-proxy marks for it keeps its source"
                ])
    }

    @Test func `a node port that no rule translates`() throws {
        let node = try Clinic(folder: "calico-node").with(objects("calico-node"))
        #expect(try node.titles("stale-kube-proxy").isEmpty)
        let found = try node.without("iptables-save.txt", "--dport 30080 -j KUBE-EXT").titles("stale-kube-proxy")
        #expect(
            found == [
                "problem: no rule of kube-proxy's translates node port 30080/tcp (default/web:http), which has endpoints"
            ])
    }

    @Test func `IPVS without the address, with servers that are gone, and without connections`() throws {
        let node = try Clinic(folder: "calico-node-ipvs").with(objects("calico-node-ipvs"))
        #expect(try node.titles("kube-proxy-modes").isEmpty)
        let bare = try node.without("ip-addr.txt", "inet 10.96.10.10/32").without("ip-route.txt", "local 10.96.10.10 ")
        #expect(
            try bare.titles("kube-proxy-modes") == [
                "problem: IPVS has 10.96.10.10:80/tcp, and no link of this host has the address"
            ])
        #expect(
            try bare.findings("kube-proxy-modes").first?.remedies.first?.hasSuffix(
                "ip addr add 10.96.10.10/32 dev kube-ipvs0") == true)
        #expect(
            try node.replacing("ipvsadm.txt", "10.244.2.20:80 ", "10.244.2.99:80 ").titles("kube-proxy-modes") == [
                "problem: IPVS leads to a server that is no endpoint any more: 10.244.2.99:80 of default/web"
            ])
        #expect(
            try node.replacing("sysctl.txt", "net.ipv4.vs.conntrack = 1", "net.ipv4.vs.conntrack = 0")
                .titles("kube-proxy-modes") == [
                    "problem: net.ipv4.vs.conntrack is 0: what IPVS sends on is not tracked, and no rule masquerades it"
                ])
    }

    @Test func `rules of two modes of kube-proxy`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("kube-proxy-modes").isEmpty)
        let listing = """
            IP Virtual Server version 1.2.1 (size=4096)
            Prot LocalAddress:Port Scheduler Flags
              -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
            TCP  10.96.10.10:80 rr
              -> 10.244.1.10:80               Masq    1      0          0

            """
        let both = node.with(listing)
        #expect(
            try both.titles("kube-proxy-modes").contains(
                "risk: Services are here in 2 of kube-proxy's modes, iptables, IPVS: those of one are left over"))
        #expect(
            try both.titles("decided-elsewhere") == [
                "note: IPVS has virtual services too, and gets what no rule has translated before"
            ])
        #expect(
            try Clinic(folder: "calico-node-ipvs").titles("decided-elsewhere") == [
                "note: IPVS chooses the backends of Services, not rules"
            ])
    }

    // MARK: Containers

    @Test func `br_netfilter that is not loaded`() throws {
        let node = try Clinic(folder: "flannel-docker")
        #expect(try node.titles("bridge-nf-call-iptables").isEmpty)
        let found = try node.without("sysctl.txt", "net.bridge.").findings("bridge-nf-call-iptables")
        #expect(found.map(\.severity) == [.risk])
        #expect(found.first?.doubts.isEmpty == false)
        // A few settings are no listing of all.
        let few = node.lacking("sysctl.txt").with("net.ipv4.ip_forward = 1\n")
        #expect(try few.titles("bridge-nf-call-iptables").isEmpty)
    }

    /// `ip addr` alone does not tell that a link is a bridge.
    @Test func `containers that a native policy cuts off`() throws {
        func node(_ policy: String) -> Clinic {
            Clinic(
                """
                table inet filter {
                	chain forward {
                		type filter hook forward priority filter; policy \(policy);
                		ct state established,related accept
                		iifname "docker0" oifname "docker0" accept
                	}
                }
                table ip nat {
                	chain postrouting {
                		type nat hook postrouting priority srcnat; policy accept;
                		ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
                	}
                }

                """,
                """
                2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
                    link/ether 52:54:00:00:00:0a brd ff:ff:ff:ff:ff:ff
                    inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0
                4: docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                    link/ether 02:42:00:00:00:01 brd ff:ff:ff:ff:ff:ff
                    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0

                """,
                "default via 192.0.2.1 dev eth0\n172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1\n192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.10\n"
            )
        }
        #expect(
            try node("drop").titles("forward-policy-drop") == [
                "problem: the policy of filter/forward is DROP, and no rule there accepts what pods send to the outside"
            ])
        #expect(try node("accept").titles("forward-policy-drop").isEmpty)
        // What masquerades for docker0 is care enough.
        #expect(try node("drop").titles("rules-flushed").isEmpty)
    }

    @Test func `Docker's chains are gone, and firewalld's native ones are all there is`() throws {
        let firewalld = """
            table inet firewalld {
            	chain filter_FORWARD {
            		type filter hook forward priority filter + 10; policy accept;
            		ct state established,related accept
            		reject with icmpx admin-prohibited
            	}
            }

            """
        let docker = try Clinic(folder: "docker-forward-drop")
        #expect(try docker.titles("rules-flushed").isEmpty)
        #expect(try docker.with(firewalld).titles("rules-flushed").isEmpty)
        let found = try docker.lacking("iptables-save.txt").with(firewalld).findings("rules-flushed")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: Docker's network docker0 is here, and no table of iptables or nft has Docker's chains"
            ])
        #expect(found.first?.doubts.count == 2)
    }

    /// Docker's own bridge beside Calico's links: what is on it is no pod, and others need not see its address.
    @Test func `a bridge of Docker beside pods is no pods' network`() throws {
        let rule = "[0:0] -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"
        let first = "[0:0] -A POSTROUTING -m comment --comment \"cali:0i8pjzKKPyA34aQD\" -j cali-POSTROUTING\n"
        let node = try Clinic(folder: "calico-node").replacing("iptables-save.txt", first, rule + first)
            .adding(
                "ip-addr.txt",
                "9: docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default\n    link/ether 02:42:c0:8c:3a:6a brd ff:ff:ff:ff:ff:ff\n    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\n"
            ).adding("ip-route.txt", "172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1\n")
        #expect(try node.titles("pod-masquerade").isEmpty)
    }

    // MARK: Calico

    @Test func `a route that goes straight where the other node sends by a tunnel`() throws {
        #expect(try twoNodes().titles("pod-routes").isEmpty)
        let plain = try twoNodes().replacing(
            "ip-route.txt", "10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink",
            "10.244.2.0/24 via 192.0.2.20 dev eth0")
        let found = try plain.findings("pod-routes")
        #expect(
            found.map(\.title) == [
                "the route to 10.244.2.0/24 goes straight by eth0 to 192.0.2.20, and the node there sends what is for pods here by a tunnel: the two ways differ"
            ])
        #expect(found.first?.example == "--in cali11111111111 --from 10.244.1.10:40000 --to 10.244.2.20:80/tcp")
        // WireGuard's routes stand in a table of their own.
        let encrypted = try plain.adding(
            "ip-addr.txt",
            "9: wireguard.cali: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1440 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/none\n"
        ).adding("ip-route.txt", "10.244.2.0/24 dev wireguard.cali table 1\n")
        #expect(try encrypted.titles("pod-routes").isEmpty)
        // By itself a node knows what the pool is to be sent by, and that its tunnel is set up.
        let alone = try Clinic(folder: "calico-node").with(objects("calico-node"))
        #expect(try alone.titles("pod-routes").isEmpty)
        #expect(
            try alone.replacing(
                "ip-route.txt", "10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink",
                "10.244.2.0/24 via 192.0.2.20 dev eth0"
            ).titles("pod-routes") == [
                "problem: the route to 10.244.2.0/24 goes straight by eth0 to 192.0.2.20, and the pool default-ipv4-ippool is sent by VXLAN always: the two ways differ"
            ])
    }

    @Test func `a director that stands by lacks the address as it should`() throws {
        let rules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
        let links =
            "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000\n    link/ether 52:54:00:00:00:0a brd ff:ff:ff:ff:ff:ff\n    inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0\n"
        let listing =
            "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\nTCP  192.0.2.100:80 rr\n  -> 192.0.2.11:80                Masq    1      0          0\n"
        #expect(try Clinic(rules, links, listing).titles("kube-proxy-modes").isEmpty)
    }

    @Test func `tunnels of two networks`() throws {
        #expect(try twoNodes().titles("tunnel-interface").isEmpty)
        #expect(
            try twoNodes().replacing("ip-link.txt", "vxlan id 4096", "vxlan id 4097").titles("tunnel-interface") == [
                "problem: vxlan.calico has VNI 4097 here and VNI 4096 on another node: neither takes what the other sends"
            ])
        #expect(
            try twoNodes().replacing("ip-link.txt", "dstport 4789", "dstport 8472").titles("tunnel-interface") == [
                "problem: vxlan.calico has port 8472 here and port 4789 on another node: neither takes what the other sends"
            ])
    }

    @Test func `a rule that keeps the host from its own pods`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("foreign-drop").isEmpty)
        let output = "[0:0] -A OUTPUT -j KUBE-FIREWALL\n"
        let found = try node.replacing(
            "iptables-save.txt", output, output + "[0:0] -A OUTPUT -d 10.244.0.0/16 -j DROP\n"
        )
        .findings("foreign-drop")
        #expect(found.first?.severity == .problem)
        #expect(
            found.first?.title.hasSuffix("drops what this host sends to its own pods: kubelet's probes of them fail")
                == true)
        #expect(found.first?.example?.hasPrefix("--from host") == true)
    }

    @Test func `a pod's link that the chain towards pods does not know`() throws {
        let rule =
            "[0:0] -A cali-to-wl-dispatch -o cali33333333333 -m comment --comment \"cali:eEZy4gySOswFRXYW\" -g cali-tw-cali33333333333\n"
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("unknown-pod-interface").isEmpty)
        #expect(
            try node.replacing("iptables-save.txt", rule, "").titles("unknown-pod-interface") == [
                "problem: Calico drops all that goes to cali33333333333: filter/cali-to-wl-dispatch does not know it"
            ])
    }
}
