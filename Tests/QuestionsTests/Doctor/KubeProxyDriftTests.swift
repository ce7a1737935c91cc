import Questions
import Testing

@Suite("Doctor: kube-proxy's rules against the objects")
struct KubeProxyDriftTests {
    static let rules = """
        *nat
        :PREROUTING ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        :KUBE-SERVICES - [0:0]
        :KUBE-SVC-CDGGSHYLG3RE2FKL - [0:0]
        :KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]
        -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -A KUBE-SERVICES -d 10.96.10.10/32 -p tcp -m comment --comment "default/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-CDGGSHYLG3RE2FKL
        -A KUBE-SVC-CDGGSHYLG3RE2FKL -m comment --comment "default/web:http -> 10.244.1.10:80" -j KUBE-SEP-AAAAAAAAAAAAAAAA
        -A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -m comment --comment "default/web:http" -m tcp -j DNAT --to-destination 10.244.1.10:80
        COMMIT

        """

    static func objects(_ address: String = "10.96.10.10", _ endpoint: String = "10.244.1.10", more: String = "")
        -> String
    {
        """
        apiVersion: v1
        kind: List
        items:
        - apiVersion: v1
          kind: Service
          metadata: {name: web, namespace: default}
          spec: {clusterIP: \(address), ports: [{name: http, port: 80, protocol: TCP}]}
        - apiVersion: discovery.k8s.io/v1
          kind: EndpointSlice
          metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
          addressType: IPv4
          endpoints: [{addresses: [\(endpoint)], conditions: {ready: true}}]
          ports: [{name: http, port: 80, protocol: TCP}]
        - apiVersion: v1
          kind: Service
          metadata: {name: kubernetes, namespace: default}
          spec: {clusterIP: 10.96.0.1, ports: []}
        - apiVersion: discovery.k8s.io/v1
          kind: EndpointSlice
          metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
          addressType: IPv4
          endpoints: []
          ports: []
        \(more)
        """
    }

    @Test func `rules that say what the objects say are well`() throws {
        #expect(try Clinic(Self.rules, Self.objects()).titles("stale-kube-proxy").isEmpty)
        #expect(try Clinic(Self.rules).titles("stale-kube-proxy").isEmpty)
    }

    @Test func `a cluster IP that was changed`() throws {
        let found = try Clinic(Self.rules, Self.objects("10.96.10.99")).titles("stale-kube-proxy")
        #expect(
            found == [
                "problem: service default/web:http is translated by 10.96.10.10:80/tcp, and its cluster IP is 10.96.10.99",
                "problem: no rule of kube-proxy's translates default/web:http (10.96.10.99:80), which has endpoints",
            ])
    }

    @Test func `a Service that is gone, and one that is not there yet`() throws {
        let other = Self.objects().replacing("name: web", with: "name: shop").replacing(
            "service-name: web", with: "service-name: shop"
        )
        .replacing("10.96.10.10", with: "10.96.10.11")
        #expect(
            try Clinic(Self.rules, other).titles("stale-kube-proxy") == [
                "problem: no rule of kube-proxy's translates default/shop:http (10.96.10.11:80), which has endpoints",
                "risk: kube-proxy's rules are for a Service that the cluster does not have: default/web:http",
            ])
    }

    @Test func `an endpoint that no pod has any more`() throws {
        let pods = """
            - apiVersion: v1
              kind: Pod
              metadata: {name: web-1, namespace: default}
              spec: {nodeName: node-a}
              status: {podIP: 10.244.1.77, phase: Running}
            - apiVersion: v1
              kind: Pod
              metadata: {name: kube-proxy-x, namespace: kube-system}
              spec: {nodeName: node-a, hostNetwork: true}
              status: {podIP: 192.0.2.10, phase: Running}
            """
        let found = try Clinic(Self.rules, Self.objects(endpoint: "10.244.1.77", more: pods)).findings(
            "stale-kube-proxy")
        #expect(
            found.map(\.title) == [
                "kube-proxy's rules lead to an endpoint that is gone: 10.244.1.10:80 of default/web:http",
                "kube-proxy's rules lack a ready endpoint: 10.244.1.77 of default/web",
            ])
        #expect(found.first?.evidence.first?.text == "no endpoint of the Service, and no pod has this address")
        #expect(found.first?.doubts.isEmpty == false)
    }

    @Test func `another node's rules have other endpoints`() throws {
        let node = Clinic(Self.rules)
        #expect(try node.beside(Clinic(Self.rules)).titles("stale-kube-proxy").isEmpty)
        let other = Clinic(Self.rules.replacing("10.244.1.10:80", with: "10.244.2.20:80"))
        let found = try node.beside(other).findings("stale-kube-proxy")
        #expect(
            found.map(\.title) == [
                "kube-proxy's rules differ from those on another node of the input: default/web:http"
            ])
        #expect(
            found.first?.evidence.first?.text
                == "here default/web:http has 10.244.1.10:80, there 10.244.2.20:80")
    }

    @Test func `of many nodes the one that differs is told, and told once`() throws {
        let usual = Clinic(Self.rules)
        let stale = Clinic(Self.rules.replacing("10.244.1.10:80", with: "10.244.2.20:80"))
        #expect(
            try stale.beside(usual).beside(usual).beside(usual).titles("stale-kube-proxy") == [
                "risk: kube-proxy's rules differ from those on 3 other nodes: default/web:http"
            ])
        #expect(try usual.beside(usual).beside(usual).beside(stale).titles("stale-kube-proxy").isEmpty)
        let local = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: default}
            spec: {clusterIP: 10.96.10.10, internalTrafficPolicy: Local, ports: [{name: http, port: 80}]}

            """
        #expect(try stale.with(local).beside(usual).beside(usual).titles("stale-kube-proxy").isEmpty)
        // Where nothing tells of the policy, that each node has its own does.
        let third = Clinic(Self.rules.replacing("10.244.1.10:80", with: "10.244.3.30:80"))
        #expect(try usual.beside(stale).beside(third).titles("stale-kube-proxy").isEmpty)
    }
}

extension KubeProxyDriftTests {
    fileprivate static func objects(endpoint: String, more: String) -> String {
        objects("10.96.10.10", endpoint, more: more)
    }
}
