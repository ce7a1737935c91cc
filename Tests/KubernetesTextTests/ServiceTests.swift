import KubernetesText
import NetTypes
import RuleModel
import SourceText
import Testing

@Suite struct ServiceTests {
    @Test func readsAServiceWhole() throws {
        let reading = read(
            """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec:
              clusterIP: 10.96.0.20
              clusterIPs: [10.96.0.20, "fd00:96::20"]
              externalIPs: [198.51.100.9]
              externalTrafficPolicy: Local
              internalTrafficPolicy: Cluster
              healthCheckNodePort: 32000
              loadBalancerSourceRanges: [198.51.100.0/24, 192.0.2.7]
              ports:
              - {name: http, nodePort: 30080, port: 80, protocol: TCP, targetPort: 8080}
              - {name: dns, port: 53, protocol: UDP, targetPort: dns}
              selector: {app: web, tier: front}
              sessionAffinity: ClientIP
              sessionAffinityConfig: {clientIP: {timeoutSeconds: 600}}
              type: LoadBalancer
            status:
              loadBalancer: {ingress: [{ip: 203.0.113.80, ipMode: VIP}, {hostname: lb.example}]}
            """)
        let service = try #require(reading.objects.services.first)
        #expect(reading.diagnostics.isEmpty && service.kind == .loadBalancer && !service.isHeadless)
        #expect(service.clusterAddresses.map(\.description) == ["10.96.0.20", "fd00:96::20"])
        #expect(service.externalAddresses == [IPAddress("198.51.100.9")])
        #expect(service.loadBalancerAddresses == [IPAddress("203.0.113.80")])
        #expect(service.sourceRanges.map(\.description) == ["198.51.100.0/24", "192.0.2.7/32"])
        #expect(service.externalPolicy == .local && service.internalPolicy == .cluster)
        #expect(service.healthCheckPort == 32000 && service.affinitySeconds == 600)
        #expect(service.selector.text == "app=web,tier=front")
        #expect(service.selector.selects([Label("tier", "front"), Label("app", "web")]) == true)
        #expect(service.selector.selects([Label("app", "web")]) == false)
        let ports = service.ports
        #expect(ports.map(\.name) == ["http", "dns"] && ports.map(\.number) == [80, 53])
        #expect(ports.map(\.nodePort) == [30080, nil] && ports.map(\.protocol) == [.tcp, .udp])
        #expect(ports.map(\.target) == [.number(8080), .name("dns")])
    }

    @Test func aHeadlessServiceHasNoAddress() throws {
        let service = try #require(
            read("{kind: Service, apiVersion: v1, metadata: {name: a}, spec: {clusterIP: None, clusterIPs: [None]}}")
                .objects.services.first)
        #expect(service.isHeadless && service.clusterAddresses.isEmpty && service.kind == .clusterIP)
        #expect(service.affinitySeconds == nil && service.healthCheckPort == nil)
    }

    @Test func readsEndpointsOfBothKinds() throws {
        let text = """
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: web-x1, namespace: shop, labels: {kubernetes.io/service-name: web}}
            addressType: IPv4
            endpoints:
            - addresses: [10.244.1.10]
              conditions: {ready: true, serving: true, terminating: false}
              nodeName: node-a
              targetRef: {kind: Pod, name: web-1, namespace: shop}
            - addresses: [10.244.2.20]
              conditions: {ready: false, serving: true, terminating: true}
            - addresses: [10.244.2.21]
            ports:
            - {name: http, port: 8080, protocol: TCP}
            - {name: "", port: null, protocol: UDP}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: names}
            addressType: FQDN
            endpoints: [{addresses: [db.example]}]
            ---
            apiVersion: v1
            kind: Endpoints
            metadata: {name: web, namespace: shop}
            subsets:
            - addresses: [{ip: 10.244.1.10, nodeName: node-a, targetRef: {kind: Pod, name: web-1}}]
              notReadyAddresses: [{ip: 10.244.2.20}]
              ports: [{name: http, port: 8080}]
            """
        let reading = read(text)
        #expect(reading.diagnostics.isEmpty && reading.objects.endpointSets.count == 3)
        let slice = try #require(reading.objects.endpointSets.first)
        #expect(slice.source == .endpointSlice && slice.namespace == "shop" && slice.service == "web")
        #expect(slice.ports.map(\.number) == [8080, nil] && slice.ports.map(\.protocol) == [.tcp, .udp])
        #expect(slice.endpoints.map(\.isReady) == [true, false, true])
        #expect(slice.endpoints.map(\.isServing) == [true, true, nil])
        #expect(slice.endpoints.map(\.isTerminating) == [false, true, false])
        #expect(slice.endpoints.map(\.pod) == ["web-1", "", ""] && slice.endpoints.map(\.node) == ["node-a", "", ""])
        #expect(
            slice.endpoints.map { quoted($0.place, in: text) } == [
                "10.244.1.10", "10.244.2.20", "10.244.2.21",
            ])
        #expect(reading.objects.endpointSets[1].endpoints.isEmpty)
        let endpoints = try #require(reading.objects.endpointSets.last)
        #expect(endpoints.source == .endpoints && endpoints.service == "web")
        #expect(endpoints.endpoints.map(\.isReady) == [true, false])
        #expect(endpoints.endpoints.map(\.pod) == ["web-1", ""])
    }
}
