import Annotations
import Testing

/// What writes rules on a node of a cluster, beside Calico.
@Suite struct ClusterMakersTests {
    @Test func k3sNamesPodsOfItsPolicies() throws {
        let rules = try Annotated(
            fixture: "IptablesTextTests/Fixtures/real-k3s-flannel-kuberouter-netpol-iptables.txt")
        #expect(
            rules.golden { $0.hasSuffix("KUBE-POD-FW-4BDGZEWEU32YM75H") || $0.hasSuffix("FLANNEL-POSTRTG") } == """
                filter/KUBE-POD-FW-4BDGZEWEU32YM75H — kube-router: network policies of pod default/redis-84f85f9cdc-nfbl2
                    lets answers through
                    drops what conntrack calls invalid
                    lets in what the pod's own node sends
                    no network policy selects the pod for what it sends
                    no network policy selects the pod for what comes to it
                    logs what no network policy of pod default/redis-84f85f9cdc-nfbl2 allows
                    refuses what no network policy of pod default/redis-84f85f9cdc-nfbl2 allows
                    takes the mark of the policies off
                    marks the packet as allowed by this pod's policies
                nat/FLANNEL-POSTRTG — flannel: by which address pods leave the pod network
                    leaves what kube-proxy masquerades to it
                    10.42.0.0/24 to 10.42.0.0/16: the address stays
                    10.42.0.0/16 to 10.42.0.0/24: the address stays
                    from outside to pods of 10.42.0.0/24 on this node: the client's address stays
                    pods of 10.42.0.0/16 leave by this node's address
                    what is not of pod network 10.42.0.0/16 reaches it by this node's address

                """)
    }

    /// Source: kube-router pkg/controllers/netpol/policy.go and docs/how-it-works.md, v2.2.
    @Test func kubeRouterNamesPoliciesAndServices() throws {
        let rules = try Annotated(
            """
            *filter
            :INPUT ACCEPT [0:0]
            :KUBE-NWPLCY-2AQPO27D74WKKNXC - [0:0]
            :KUBE-POD-FW-AAAAAAAAAAAAAAAA - [0:0]
            :KUBE-ROUTER-SERVICES - [0:0]
            -A KUBE-NWPLCY-2AQPO27D74WKKNXC -m comment --comment "rule to ACCEPT traffic from source pods to dest pods selected by policy name backend namespace shop" -m set --match-set KUBE-SRC-HXXMJKQ43MW3EL2V src -m set --match-set KUBE-DST-IZMNXX7C6SXMJM4O dst -j MARK --set-xmark 0x10000/0x10000
            -A KUBE-NWPLCY-2AQPO27D74WKKNXC -m comment --comment "rule to ACCEPT traffic from source pods to dest pods selected by policy name backend namespace shop" -m mark --mark 0x10000/0x10000 -j RETURN
            -A KUBE-POD-FW-AAAAAAAAAAAAAAAA -d 10.1.1.1/32 -m comment --comment "run through nw policy backend" -j KUBE-NWPLCY-2AQPO27D74WKKNXC
            -A KUBE-ROUTER-SERVICES -m comment --comment "allow input traffic to ipvs services" -m set --match-set kube-router-svip-prt dst,dst -j ACCEPT
            -A KUBE-ROUTER-SERVICES -m comment --comment "reject all unexpected traffic to service IPs" -m set ! --match-set kube-router-local-ips dst -j REJECT --reject-with icmp-port-unreachable
            COMMIT

            """)
        #expect(
            rules.golden { $0.contains("KUBE") } == """
                filter/KUBE-NWPLCY-2AQPO27D74WKKNXC — kube-router: network policy shop/backend
                    network policy shop/backend: allows it
                    network policy shop/backend: goes on, since it allowed it
                filter/KUBE-POD-FW-AAAAAAAAAAAAAAAA — kube-router: network policies of a pod
                    network policy backend
                filter/KUBE-ROUTER-SERVICES — kube-router: lets in what is for services, and nothing else to their addresses
                    lets in what is for a service's port
                    refuses ports that a service's address does not have

                """)
        #expect(rules.rules.purpose(ofSet: "KUBE-SRC-HXXMJKQ43MW3EL2V")?.maker == .kubeRouter)
        #expect(rules.rules.purpose(ofSet: "inet6:kube-router-local-pods")?.text == "pods on this node")
    }

    /// Source: flannel pkg/trafficmngr/nftables/nftables.go, v0.26, and network/iptables.go, v0.11.
    @Test func flannelByNftAndAsItWas() throws {
        let table = try Annotated(
            """
            table ip flannel-ipv4 {
            \tchain forward {
            \t\ttype filter hook forward priority filter; policy accept;
            \t\tip saddr 10.244.0.0/16 accept
            \t\tip daddr 10.244.0.0/16 accept
            \t}
            \tchain postrtg {
            \t\ttype nat hook postrouting priority srcnat; policy accept;
            \t\tmeta mark 0x00004000 return
            \t\tip saddr 10.244.0.0/24 ip daddr 10.244.0.0/16 return
            \t\tip saddr != 10.244.0.0/16 ip daddr 10.244.0.0/24 return
            \t\tip saddr 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random
            \t}
            }

            """)
        #expect(
            table.golden() == """
                flannel-ipv4/forward — flannel: lets packets of the pod network through
                    lets what pods of 10.244.0.0/16 send through
                    lets what goes to pods of 10.244.0.0/16 through
                flannel-ipv4/postrtg — flannel: by which address pods leave the pod network
                    leaves what kube-proxy masquerades to it
                    10.244.0.0/24 to 10.244.0.0/16: the address stays
                    from outside to pods of 10.244.0.0/24 on this node: the client's address stays
                    pods of 10.244.0.0/16 leave by this node's address

                """)
        let old = try Annotated(
            """
            *nat
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN
            -A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE
            -A POSTROUTING ! -s 10.244.0.0/16 -d 10.244.0.0/24 -j RETURN
            -A POSTROUTING ! -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE
            -A POSTROUTING -s 10.9.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE
            COMMIT
            *filter
            :FORWARD ACCEPT [0:0]
            -A FORWARD -s 10.244.0.0/16 -j ACCEPT
            -A FORWARD -d 10.244.0.0/16 -j ACCEPT
            -A FORWARD -s 10.9.0.0/16 -j ACCEPT
            COMMIT

            """)
        #expect(
            try old.texts("nat/POSTROUTING") == [
                "10.244.0.0/16 to 10.244.0.0/16: the address stays",
                "pods of 10.244.0.0/16 leave by this node's address",
                "from outside to pods of 10.244.0.0/24 on this node: the client's address stays",
                "what is not of pod network 10.244.0.0/16 reaches it by this node's address", "-",
            ])
        #expect(
            try old.texts("filter/FORWARD") == [
                "lets what pods of 10.244.0.0/16 send through", "lets what goes to pods of 10.244.0.0/16 through", "-",
            ])
    }

    /// Source: kubernetes-sigs/ip-masq-agent cmd/ip-masq-agent/ip-masq-agent.go, v2.12; GKE calls the chain IP-MASQ.
    @Test(arguments: ["IP-MASQ-AGENT", "IP-MASQ"]) func ipMasqAgent(_ chain: String) throws {
        let rules = try Annotated(
            """
            *nat
            :POSTROUTING ACCEPT [0:0]
            :\(chain) - [0:0]
            -A POSTROUTING -m comment --comment "ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom \(chain) chain" -m addrtype ! --dst-type LOCAL -j \(chain)
            -A \(chain) -d 10.0.0.0/8 -m comment --comment "ip-masq-agent: local traffic is not subject to MASQUERADE" -j RETURN
            -A \(chain) -m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)" -j MASQUERADE --random-fully
            COMMIT

            """)
        #expect(
            try rules.texts("nat/POSTROUTING") == ["which destinations pods reach by their own address"])
        #expect(
            try rules.texts("nat/\(chain)") == [
                "to 10.0.0.0/8: pods keep their own address", "to everything else pods go by this node's address",
            ])
    }

    /// Source: amazon-vpc-cni-k8s pkg/networkutils/network.go, v1.15, its test of v1.5 (a chain for each network), and
    /// connmark_nft.go.
    @Test func awsVPC() throws {
        let rules = try Annotated(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -i eth0 -m comment --comment "AWS, primary ENI" -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark 0x80/0x80
            -A PREROUTING -i eni+ -m comment --comment "AWS, primary ENI" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :AWS-CONNMARK-CHAIN-0 - [0:0]
            :AWS-SNAT-CHAIN-0 - [0:0]
            :AWS-SNAT-CHAIN-1 - [0:0]
            -A PREROUTING -i eni+ -m comment --comment "AWS, outbound connections" -j AWS-CONNMARK-CHAIN-0
            -A POSTROUTING -m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-0
            -A AWS-CONNMARK-CHAIN-0 -d 10.10.0.0/16 -m comment --comment "AWS CONNMARK CHAIN, VPC CIDR" -j RETURN
            -A AWS-CONNMARK-CHAIN-0 -m comment --comment "AWS, CONNMARK" -j CONNMARK --set-xmark 0x80/0x80
            -A AWS-SNAT-CHAIN-0 ! -d 10.10.0.0/16 -m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-1
            -A AWS-SNAT-CHAIN-1 ! -o vlan+ -m comment --comment "AWS, SNAT" -m addrtype ! --dst-type LOCAL -j SNAT --to-source 10.10.10.20 --random-fully
            COMMIT

            """)
        #expect(
            rules.golden() == """
                mangle/PREROUTING — -
                    the AWS VPC CNI: marks connections that come by the primary interface, so that answers leave by it
                    the AWS VPC CNI: takes the mark from the connection: answers of pods leave by the primary interface
                nat/PREROUTING — -
                    the AWS VPC CNI: marks connections of pods that leave the VPC
                nat/POSTROUTING — -
                    the AWS VPC CNI: by which address pods leave the VPC
                nat/AWS-CONNMARK-CHAIN-0 — the AWS VPC CNI: marks connections of pods that leave the VPC
                    to 10.10.0.0/16: no address is changed
                    marks the connection: it leaves the VPC by the primary interface
                nat/AWS-SNAT-CHAIN-0 — the AWS VPC CNI: by which address pods leave the VPC
                    goes on unless it goes to 10.10.0.0/16
                nat/AWS-SNAT-CHAIN-1 — the AWS VPC CNI: by which address pods leave the VPC
                    pods leave the VPC by this node's address 10.10.10.20

                """)
        let table = try Annotated(
            """
            table ip aws-cni {
            \tchain nat-prerouting {
            \t\ttype nat hook prerouting priority -90; policy accept;
            \t\tfib daddr type local return
            \t\tiifname "eni*" counter packets 0 bytes 0 jump snat-mark
            \t\tcounter packets 0 bytes 0 meta mark set ct mark & 0x00000080
            \t}
            \tchain snat-mark {
            \t\tip daddr 10.0.0.0/8 counter packets 0 bytes 0 return
            \t\tcounter packets 0 bytes 0 ct mark set ct mark | 0x00000080
            \t}
            }

            """)
        #expect(
            try table.texts("aws-cni/nat-prerouting") == [
                "leaves what is for this host as it is", "marks connections of pods that leave the VPC",
                "takes the mark from the connection: by the primary interface",
            ])
        #expect(
            try table.texts("aws-cni/snat-mark") == [
                "to 10.0.0.0/8: no address is changed",
                "marks the connection: it leaves the VPC by the primary interface",
            ])
    }

    /// Source: istio tools/istio-iptables/pkg/capture/run.go and cni/pkg/iptables/iptables.go, v1.24.
    @Test func istioInAPod() throws {
        let rules = try Annotated(
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :ISTIO_INBOUND - [0:0]
            :ISTIO_IN_REDIRECT - [0:0]
            :ISTIO_OUTPUT - [0:0]
            :ISTIO_REDIRECT - [0:0]
            -A PREROUTING -p tcp -j ISTIO_INBOUND
            -A OUTPUT -j ISTIO_OUTPUT
            -A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN
            -A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
            -A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
            -A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN
            -A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
            -A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
            -A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
            -A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
            -A ISTIO_OUTPUT -j ISTIO_REDIRECT
            -A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
            COMMIT

            """)
        #expect(
            rules.golden() == """
                nat/PREROUTING — -
                    Istio: what comes to this pod
                nat/OUTPUT — -
                    Istio: what this pod sends
                nat/ISTIO_INBOUND — Istio: what comes to this pod
                    tcp port 15008 is left out: it comes in without the proxy
                    hands what comes to this pod to its proxy
                nat/ISTIO_IN_REDIRECT — Istio: hands what comes to this pod to its proxy
                    hands what comes to this pod to its proxy (port 15006)
                nat/ISTIO_OUTPUT — Istio: what this pod sends
                    what the proxy passes on to the pod goes on as it is
                    hands what comes to this pod to its proxy
                    what the application sends goes on as it is
                    what the proxy sends goes on as it is
                    what goes to the pod itself goes on as it is
                    hands what this pod sends to its proxy
                nat/ISTIO_REDIRECT — Istio: hands what this pod sends to its proxy
                    hands what this pod sends to its proxy (port 15001)

                """)
        let ambient = try Annotated(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :ISTIO_OUTPUT - [0:0]
            :ISTIO_PRERT - [0:0]
            -A PREROUTING -j ISTIO_PRERT
            -A OUTPUT -j ISTIO_OUTPUT
            -A ISTIO_OUTPUT -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
            -A ISTIO_PRERT -m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff
            COMMIT
            *nat
            :POSTROUTING ACCEPT [0:0]
            :ISTIO_POSTRT - [0:0]
            -A POSTROUTING -j ISTIO_POSTRT
            -A ISTIO_POSTRT -p tcp -m owner --socket-exists -m set --match-set istio-inpod-probes-v4 dst -j SNAT --to-source 169.254.7.127
            COMMIT

            """)
        #expect(try ambient.texts("mangle/ISTIO_PRERT") == ["marks the connection as the proxy's own"])
        #expect(try ambient.texts("mangle/ISTIO_OUTPUT") == ["takes the mark from the connection"])
        #expect(try ambient.texts("nat/ISTIO_POSTRT") == ["lets kubelet's probes reach pods from 169.254.7.127"])
        #expect(ambient.rules.purpose(ofSet: "istio-inpod-probes-v4")?.text == "pods of the mesh on this node")
    }

    /// Source: istio tools/istio-nftables/pkg/constants/constants.go and capture/run.go, v1.28.
    @Test func istioByNft() throws {
        let rules = try Annotated(
            """
            table inet istio-proxy-nat {
            \tchain prerouting {
            \t\ttype nat hook prerouting priority dstnat; policy accept;
            \t\tmeta l4proto tcp jump istio-inbound
            \t}
            \tchain istio-inbound {
            \t\ttcp dport 15008 return
            \t\tmeta l4proto tcp jump istio-in-redirect
            \t}
            \tchain istio-in-redirect {
            \t\tmeta l4proto tcp redirect to :15006
            \t}
            \tchain istio-output {
            \t\tmeta skuid 1337 return
            \t\tip daddr 127.0.0.1 return
            \t}
            }

            """)
        #expect(
            rules.golden() == """
                istio-proxy-nat/prerouting — Istio: what comes to this pod
                    what comes to this pod
                istio-proxy-nat/istio-inbound — Istio: what comes to this pod
                    tcp port 15008 is left out: it comes in without the proxy
                    hands what comes to this pod to its proxy
                istio-proxy-nat/istio-in-redirect — Istio: hands what comes to this pod to its proxy
                    hands what comes to this pod to its proxy (port 15006)
                istio-proxy-nat/istio-output — Istio: what this pod sends
                    what the proxy sends goes on as it is
                    what goes to the pod itself goes on as it is

                """)
    }

    /// Source: a node of 2018 with Weave Net 2.5 (public issue text), weaveworks/weave docs/weave-npc.md.
    @Test func weave() throws {
        let rules = try Annotated(
            """
            *nat
            :POSTROUTING ACCEPT [0:0]
            :WEAVE - [0:0]
            -A POSTROUTING -j WEAVE
            -A WEAVE -s 10.32.0.0/12 -d 224.0.0.0/4 -j RETURN
            -A WEAVE ! -s 10.32.0.0/12 -d 10.32.0.0/12 -j MASQUERADE
            -A WEAVE -s 10.32.0.0/12 ! -d 10.32.0.0/12 -j MASQUERADE
            COMMIT
            *filter
            :FORWARD ACCEPT [0:0]
            :WEAVE-NPC - [0:0]
            :WEAVE-NPC-DEFAULT - [0:0]
            :WEAVE-NPC-EGRESS - [0:0]
            :WEAVE-NPC-EGRESS-ACCEPT - [0:0]
            -A FORWARD -i weave -m comment --comment "NOTE: this must go before \\'-j KUBE-FORWARD\\'" -j WEAVE-NPC-EGRESS
            -A FORWARD -o weave -j DROP
            -A WEAVE-NPC -m state --state RELATED,ESTABLISHED -j ACCEPT
            -A WEAVE-NPC-DEFAULT -m set --match-set weave-abc dst -m comment --comment "DefaultAllow ingress isolation for namespace: shop" -j ACCEPT
            -A WEAVE-NPC-EGRESS -m mark ! --mark 0x40000/0x40000 -j DROP
            -A WEAVE-NPC-EGRESS-ACCEPT -j MARK --set-xmark 0x40000/0x40000
            COMMIT

            """)
        #expect(
            try rules.texts("nat/WEAVE") == [
                "goes on as it is", "what is not of 10.32.0.0/12 reaches it by this node's address",
                "pods of 10.32.0.0/12 leave by this node's address",
            ])
        #expect(
            try rules.texts("filter/WEAVE-NPC-DEFAULT") == [
                "a network policy allows it: DefaultAllow ingress isolation for namespace: shop"
            ])
        #expect(try rules.texts("filter/WEAVE-NPC-EGRESS") == ["drops what no network policy allows"])
        #expect(
            try rules.texts("filter/WEAVE-NPC-EGRESS-ACCEPT") == ["marks the packet as allowed by a network policy"])
    }
}
