import Annotations
import NetTypes
import RuleModel
import SourceText
import Testing

/// kube-proxy in ipvs and nftables mode, old versions and large clusters; kubelet beside it.
@Suite struct KubeProxyModesTests {
    /// Source: kubernetes pkg/proxy/ipvs/proxier.go and ipset.go, v1.34; comments as on a node (public issue text).
    @Test func ipvsMode() throws {
        let rules = try Annotated(
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :KUBE-LOAD-BALANCER - [0:0]
            :KUBE-MARK-MASQ - [0:0]
            :KUBE-NODE-PORT - [0:0]
            :KUBE-POSTROUTING - [0:0]
            :KUBE-SERVICES - [0:0]
            -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
            -A KUBE-LOAD-BALANCER -m comment --comment "Kubernetes service load balancer ip + port with externalTrafficPolicy=local" -m set --match-set KUBE-LOAD-BALANCER-LOCAL dst,dst -j RETURN
            -A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ
            -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
            -A KUBE-NODE-PORT -p tcp -m comment --comment "Kubernetes nodeport TCP port for masquerade purpose" -m set --match-set KUBE-NODE-PORT-TCP dst -j KUBE-MARK-MASQ
            -A KUBE-POSTROUTING -m comment --comment "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose" -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE
            -A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN
            -A KUBE-SERVICES -m comment --comment "Kubernetes service lb portal" -m set --match-set KUBE-LOAD-BALANCER dst,dst -j KUBE-LOAD-BALANCER
            -A KUBE-SERVICES ! -s 10.244.0.0/16 -m comment --comment "Kubernetes service cluster ip + port for masquerade purpose" -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ
            -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT
            -A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :KUBE-IPVS-FILTER - [0:0]
            :KUBE-NODE-PORT - [0:0]
            :KUBE-PROXY-FIREWALL - [0:0]
            :KUBE-SOURCE-RANGES-FIREWALL - [0:0]
            -A KUBE-IPVS-FILTER -m set --match-set KUBE-LOAD-BALANCER dst,dst -j RETURN
            -A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT --reject-with icmp-port-unreachable
            -A KUBE-NODE-PORT -m comment --comment "Kubernetes health check node port" -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j ACCEPT
            -A KUBE-PROXY-FIREWALL -m comment --comment "Kubernetes service load balancer ip + port for load balancer with sourceRange" -m set --match-set KUBE-LOAD-BALANCER-FW dst,dst -j KUBE-SOURCE-RANGES-FIREWALL
            -A KUBE-SOURCE-RANGES-FIREWALL -m comment --comment "Kubernetes service load balancer ip + port + source cidr for packet filter purpose" -m set --match-set KUBE-LOAD-BALANCER-SOURCE-CIDR dst,dst,src -j RETURN
            -A KUBE-SOURCE-RANGES-FIREWALL -j DROP
            COMMIT

            """)
        #expect(
            rules.golden { $0.contains("KUBE") } == """
                nat/KUBE-LOAD-BALANCER — kube-proxy: marks what is to be masqueraded
                    a load balancer IP whose service has the policy Local: goes on as it is
                    marks the connection for masquerading: it comes to a load balancer IP with its port
                nat/KUBE-MARK-MASQ — kube-proxy: marks what is to be masqueraded
                    marks what is to be masqueraded
                nat/KUBE-NODE-PORT — kube-proxy: finds the Service of a node port
                    marks the connection for masquerading: it comes to a TCP node port
                nat/KUBE-POSTROUTING — kube-proxy: masquerades what is marked for it
                    masquerades what an endpoint on this node sends to itself by its service
                nat/KUBE-SERVICES — kube-proxy: finds the Service that a packet is for
                    leaves what this host asks of itself as it is
                    a load balancer IP with its port
                    marks the connection for masquerading: it comes from outside the pod network to a cluster IP with its port
                    finds the Service of a node port
                    a cluster IP with its port: goes on to IPVS, which chooses the endpoint
                filter/KUBE-IPVS-FILTER — kube-proxy: drops what a Service's source ranges do not allow
                    a load balancer IP with its port: goes on as it is
                    refuses what comes to an address of a service by a port that it does not have
                filter/KUBE-NODE-PORT — kube-proxy: lets health checks of load balancers in
                    lets in what comes to a health check port of a load balancer
                filter/KUBE-PROXY-FIREWALL — kube-proxy: drops what a Service's source ranges do not allow
                    a load balancer IP that has source ranges
                filter/KUBE-SOURCE-RANGES-FIREWALL — kube-proxy: drops what a Service's source ranges do not allow
                    a load balancer IP with one of its source ranges: goes on as it is
                    drops it: the client is in none of the load balancer's source ranges

                """)
    }

    @Test func everySetOfIpvsModeIsKnown() throws {
        let rules = try Annotated("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n")
        #expect(KubeProxySet.allCases.count == 17)
        #expect(rules.rules.purpose(ofSet: "KUBE-LOOP-BACK")?.maker == .kubeProxy)
        #expect(
            rules.rules.purpose(ofSet: "KUBE-6-CLUSTER-IP")?.text == "each element: a cluster IP with its port")
        #expect(rules.rules.purpose(ofSet: "KUBE-NODE-PORT-LOCAL-SCTP-HASH")?.maker == .kubeProxy)
        #expect(rules.rules.purpose(ofSet: "KUBE-MINE") == nil)
        #expect(
            rules.rules.purpose(ofSet: "service-ips", table: "kube-proxy")?.text == "addresses and ports of services")
        #expect(rules.rules.purpose(ofSet: "service-ips", table: "mine") == nil)
    }

    @Test func nftablesMode() throws {
        let rules = try Annotated(fixture: "NftablesTests/Fixtures/real-kubeproxy-nftables-mode-k3s-nft.txt")
        let wanted = [
            "nat-prerouting", "services", "external-P6J77WGM-riset/hellopod-np-svc/tcp/", "filter-forward",
            "service-endpoints-check", "masquerading", "cluster-ips-check", "mark-for-masquerade", "reject-chain",
            "endpoint-OLBBPMRA-riset/latency-extender-svc/tcp/http__10.42.0.174/3001",
        ]
        #expect(
            rules.golden { wanted.contains(String($0.dropFirst("kube-proxy/".count))) } == """
                kube-proxy/nat-prerouting — kube-proxy: kube-proxy's rules at this hook
                    finds the Service that a packet is for
                kube-proxy/services — kube-proxy: finds the Service that a packet is for
                    finds the Service that a packet is for
                    finds the Service of a node port
                kube-proxy/external-P6J77WGM-riset/hellopod-np-svc/tcp/ — kube-proxy: service riset/hellopod-np-svc, reached from outside the cluster
                    marks the connection for masquerading: it comes to service riset/hellopod-np-svc by an address from outside
                    service riset/hellopod-np-svc: chooses an endpoint
                kube-proxy/filter-forward — kube-proxy: kube-proxy's rules at this hook
                    refuses what goes to services without endpoints
                    refuses what goes to cluster IPs by ports that no service has
                kube-proxy/service-endpoints-check — kube-proxy: refuses what goes to services without endpoints
                    refuses what goes to services without endpoints
                kube-proxy/masquerading — kube-proxy: masquerades what is marked for it
                    leaves what is not marked for masquerading as it is
                    takes the mark off
                    masquerades what was marked
                kube-proxy/cluster-ips-check — kube-proxy: refuses what goes to cluster IPs by ports that no service has
                    refuses ports that a cluster IP does not have
                    drops what goes to a cluster IP that no Service has
                kube-proxy/mark-for-masquerade — kube-proxy: marks what is to be masqueraded
                    marks what is to be masqueraded
                kube-proxy/reject-chain — kube-proxy: refuses with an answer
                    refuses what goes to a service without endpoints
                kube-proxy/endpoint-OLBBPMRA-riset/latency-extender-svc/tcp/http__10.42.0.174/3001 — kube-proxy: endpoint 10.42.0.174:3001 of service riset/latency-extender-svc:http
                    marks the connection for masquerading: endpoint 10.42.0.174:3001 of service riset/latency-extender-svc:http reaches itself
                    endpoint 10.42.0.174:3001 of service riset/latency-extender-svc:http

                """)
    }

    /// Source: kubernetes pkg/proxy/nftables/proxier.go, v1.32: session affinity, source ranges.
    @Test func affinityAndSourceRangesByNftables() throws {
        let rules = try Annotated(
            """
            table ip kube-proxy {
            \tset affinity-AAAAAAAA-shop/web/tcp/http__10.244.1.7/80 {
            \t\ttype ipv4_addr
            \t\tflags dynamic,timeout
            \t\ttimeout 3h
            \t}
            \tchain service-BBBBBBBB-shop/web/tcp/http {
            \t\tip saddr @affinity-AAAAAAAA-shop/web/tcp/http__10.244.1.7/80 goto endpoint-AAAAAAAA-shop/web/tcp/http__10.244.1.7/80
            \t}
            \tchain endpoint-AAAAAAAA-shop/web/tcp/http__10.244.1.7/80 {
            \t\tupdate @affinity-AAAAAAAA-shop/web/tcp/http__10.244.1.7/80 { ip saddr }
            \t\tmeta l4proto tcp dnat to 10.244.1.7:80
            \t}
            \tchain firewall-BBBBBBBB-shop/web/tcp/http {
            \t\tip saddr { 192.0.2.0/24 } return
            \t\tdrop
            \t}
            }

            """)
        #expect(
            try rules.texts("kube-proxy/service-BBBBBBBB-shop/web/tcp/http") == [
                "service shop/web:http: endpoint 10.244.1.7:80, for clients that had it before (session affinity)"
            ])
        #expect(
            try rules.texts("kube-proxy/endpoint-AAAAAAAA-shop/web/tcp/http__10.244.1.7/80") == [
                "remembers the client's endpoint (session affinity)", "endpoint 10.244.1.7:80 of service shop/web:http",
            ])
        #expect(
            try rules.texts("kube-proxy/firewall-BBBBBBBB-shop/web/tcp/http") == [
                "a source range of service shop/web:http's load balancer",
                "service shop/web:http: the client is in none of its load balancer's source ranges",
            ])
    }

    /// Up to v1.16 a Service's chains had no comments, and endpoints have none where there are more than 1,000.
    @Test func chainsWithoutCommentsHaveTheNameOfWhatLeadsToThem() throws {
        let rules = try Annotated(
            fixture: "IptablesTextTests/Fixtures/real-kubeproxy1.16-docker-oldcalico-iptables.txt")
        #expect(
            rules.golden { $0.contains("NPX46M4PTMTKRN6Y") || $0.contains("SEP") } == """
                nat/KUBE-SEP-QAX236RR3UXXQODE — kube-proxy: endpoint 10.128.0.183:6443 of service default/kubernetes:https
                    marks the connection for masquerading: endpoint 10.128.0.183:6443 of service default/kubernetes:https reaches itself
                    endpoint 10.128.0.183:6443 of service default/kubernetes:https
                nat/KUBE-SVC-NPX46M4PTMTKRN6Y — kube-proxy: service default/kubernetes:https: chooses an endpoint
                    endpoint 10.128.0.183:6443 of service default/kubernetes:https
                nat/KUBE-FW-NPX46M4PTMTKRN6Y — kube-proxy: a service's source ranges whose name is not in this input
                    -
                nat/KUBE-XLB-NPX46M4PTMTKRN6Y — kube-proxy: a service reached from outside whose name is not in this input
                    endpoint 10.128.0.183:6443 of service default/kubernetes:https

                """)
    }

    /// The hash of a Service's port is made of its name: KUBE-SVC-CDGGSHYLG3RE2FKL is default/web:http by TCP.
    @Test func objectsOfTheInputNameWhatHasNoComment() throws {
        var web = Service(namespace: "default", name: "web", place: .none)
        web.ports = [ServicePort(name: "http", number: 80, protocol: .tcp)]
        var cluster = ClusterObjects()
        cluster.services = [web]
        let text = "*nat\n:KUBE-SVC-CDGGSHYLG3RE2FKL - [0:0]\n:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]\nCOMMIT\n"
        let rules = try Annotated(text, cluster: cluster)
        #expect(
            try rules.purpose("nat/KUBE-SVC-CDGGSHYLG3RE2FKL")
                == "kube-proxy: service default/web:http: chooses an endpoint")
        #expect(
            try rules.purpose("nat/KUBE-SVC-AAAAAAAAAAAAAAAA")
                == "kube-proxy: a service whose name is not in this input")
    }

    @Test func chainsThatLeadInACircleEnd() throws {
        let rules = try Annotated(
            """
            *nat
            :KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
            :KUBE-SVC-BBBBBBBBBBBBBBBB - [0:0]
            -A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-SVC-BBBBBBBBBBBBBBBB
            -A KUBE-SVC-BBBBBBBBBBBBBBBB -j KUBE-SVC-AAAAAAAAAAAAAAAA
            COMMIT

            """)
        #expect(
            try rules.purpose("nat/KUBE-SVC-AAAAAAAAAAAAAAAA")
                == "kube-proxy: a service whose name is not in this input")
    }

    @Test func kubeletsChainsAreItsOwn() throws {
        let rules = try Annotated(fixture: "IptablesTextTests/Fixtures/real-cilium-kubeproxy-ipvs-iptables.txt")
        #expect(try rules.purpose("filter/KUBE-FIREWALL") == "kubelet: keeps others out of 127.0.0.0/8")
        #expect(
            try rules.texts("filter/KUBE-FIREWALL") == [
                "drops what is marked to be dropped", "drops what comes from elsewhere to 127.0.0.0/8",
            ])
        #expect(try rules.texts("nat/KUBE-MARK-DROP") == ["marks the packet to be dropped"])
        #expect(
            try rules.purpose("nat/KUBE-FIREWALL") == "kube-proxy: drops what a Service's source ranges do not allow")
    }
}
