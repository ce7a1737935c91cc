import KubernetesText
import NetTypes
import RuleModel
import SourceText
import Testing

@Suite struct WorkloadTests {
    static let pods = """
        apiVersion: v1
        items:
        - apiVersion: v1
          kind: Pod
          metadata:
            labels:
              app: web
              version: 1.5
            name: web-1
            namespace: shop
          spec:
            containers:
            - name: web
              ports:
              - containerPort: 8080
                hostPort: 80
                hostIP: 192.0.2.10
                name: http
                protocol: TCP
              - containerPort: 8125
                protocol: UDP
            initContainers:
            - ports:
              - containerPort: 1
            - restartPolicy: Always
              ports:
              - containerPort: 9000
            nodeName: node-a
            serviceAccountName: web
          status:
            conditions:
            - status: "False"
              type: Ready
            phase: Running
            podIP: 10.244.1.10
            podIPs:
            - ip: 10.244.1.10
            - ip: fd00::10
        - apiVersion: v1
          kind: Pod
          metadata:
            name: proxy
            namespace: kube-system
          spec:
            hostNetwork: true
          status:
            podIP: 192.0.2.10
        kind: List

        """

    @Test func readsAPodWhole() throws {
        let reading = read(Self.pods)
        #expect(reading.diagnostics.isEmpty && reading.objects.pods.count == 2)
        let pod = try #require(reading.objects.pods.first)
        #expect(pod.namespace == "shop" && pod.name == "web-1" && pod.node == "node-a")
        #expect(pod.addresses.map(\.description) == ["10.244.1.10", "fd00::10"])
        #expect(pod.labels == [Label("app", "web"), Label("version", "1.5")])
        #expect(pod.serviceAccount == "web" && pod.phase == "Running" && pod.isReady == false)
        #expect(!pod.isHostNetwork && !pod.isFinished)
        #expect(pod.ports.map(\.number) == [8080, 8125, 9000])
        #expect(pod.ports.map(\.protocol) == [.tcp, .udp, .tcp])
        #expect(pod.ports.first?.hostPort == 80 && pod.ports.first?.name == "http")
        #expect(pod.ports.first?.hostAddress == IPAddress("192.0.2.10"))
        #expect(pod.place.line == 9 && quoted(pod.place, in: Self.pods) == "name: web-1")
        let proxy = try #require(reading.objects.pods.last)
        #expect(proxy.isHostNetwork && proxy.isReady == nil && proxy.addresses == [IPAddress("192.0.2.10")])
    }

    @Test func readsJSONAndTypedListsAlike() {
        let json = #"""
            {"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"a","namespace":"b"},
             "status":{"podIP":"10.0.0.1"}}]}
            """#
        let reading = read(json)
        #expect(reading.objects.pods.map(\.name) == ["a"])
        #expect(reading.objects.listedKinds == ["Pod"])
        #expect(reading.objects.pods.first?.place.line == 1)
    }

    @Test func anObjectThatIsThereTwiceIsReadOnce() {
        #expect(read(Self.pods + "---\n" + Self.pods).objects.pods.count == 2)
    }

    @Test func otherKindsAreCountedAndStrangeThingsTold() {
        let reading = read(
            """
            apiVersion: v1
            items:
            - {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: x}}
            - {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: y}}
            - {apiVersion: v1, kind: Secret, metadata: {name: y}}
            - word
            - {apiVersion: v1, kind: Pod, metadata: {namespace: y}}
            - {a: b}
            - {apiVersion: v1, kind: Pod, metadata: {name: z}, status: {podIP: 10.0.0.300}}
            """)
        #expect(reading.objects.otherKinds.map(\.kind) == ["DaemonSet", "Secret"])
        #expect(reading.objects.otherKinds.map(\.count) == [2, 1])
        #expect(reading.objects.pods.map(\.name) == ["z"])
        #expect(
            reading.diagnostics.map { "\($0.place.line) \($0.message)" } == [
                "6 an object of Kubernetes is expected here", "7 Pod without a name", "8 an object without a kind",
                "9 '10.0.0.300' is not an address",
            ])
        #expect(!reading.objects.isEmpty && read("kind: Secret\nmetadata: {name: a}").objects.isEmpty)
    }

    @Test func readsNodesOfBothKinds() throws {
        let reading = read(
            """
            apiVersion: v1
            kind: Node
            metadata:
              name: node-a
              annotations:
                projectcalico.org/IPv4Address: 192.0.2.10/24
                projectcalico.org/IPv4VXLANTunnelAddr: 10.244.1.0
                projectcalico.org/ASNumber: "64513"
            spec: {podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24, "fd00:1::/64"]}
            status:
              addresses:
              - {address: 192.0.2.10, type: InternalIP}
              - {address: 203.0.113.7, type: ExternalIP}
              - {address: node-a, type: Hostname}
              conditions: [{type: MemoryPressure, status: "False"}, {type: Ready, status: "True"}]
            ---
            apiVersion: projectcalico.org/v3
            kind: Node
            metadata: {name: node-a}
            spec:
              bgp: {asNumber: 64512, ipv4Address: 192.0.2.10/24, ipv4IPIPTunnelAddr: 10.244.1.1}
            ---
            apiVersion: v1
            kind: Namespace
            metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop}}
            """)
        #expect(reading.diagnostics.isEmpty)
        let node = try #require(reading.objects.nodes.first)
        #expect(node.source == .kubernetes && node.isReady == true && node.autonomousSystem == "64513")
        #expect(
            node.addresses.map { "\($0.kind) \($0.address)" } == [
                "internal 192.0.2.10", "external 203.0.113.7", "bgp 192.0.2.10",
            ])
        #expect(node.podRanges.map(\.description) == ["10.244.1.0/24", "fd00:1::/64"])
        #expect(node.tunnelAddresses == [IPAddress("10.244.1.0")])
        let calico = try #require(reading.objects.nodes.last)
        #expect(calico.source == .calico && calico.isReady == nil && calico.autonomousSystem == "64512")
        #expect(calico.addresses == [NodeAddress(.bgp, IPAddress(v4: 0xc000_020a))])
        #expect(calico.tunnelAddresses == [IPAddress("10.244.1.1")])
        #expect(reading.objects.namespaces.first?.labels == [Label("kubernetes.io/metadata.name", "shop")])
    }
}
