import KubernetesText
import NetTypes
import RuleModel
import SourceText
import Testing

@Suite struct CalicoTests {
    static let text = """
        apiVersion: projectcalico.org/v3
        kind: IPPool
        metadata: {name: default-ipv4-ippool}
        spec:
          cidr: 10.244.0.0/16
          ipipMode: Never
          vxlanMode: CrossSubnet
          natOutgoing: true
          blockSize: 28
          nodeSelector: all()
        ---
        apiVersion: projectcalico.org/v3
        kind: IPPool
        metadata: {name: six}
        spec: {cidr: "fd00::/48", disabled: true, ipipMode: Always}
        ---
        apiVersion: projectcalico.org/v3
        kind: HostEndpoint
        metadata: {name: node-a-eth0, labels: {host: a}}
        spec:
          node: node-a
          interfaceName: eth0
          expectedIPs: [192.0.2.10]
          profiles: [projectcalico-default-allow]
          ports: [{name: ssh, port: 22, protocol: TCP}]
        ---
        apiVersion: projectcalico.org/v3
        kind: WorkloadEndpoint
        metadata: {name: node--a-k8s-web--1-eth0, namespace: shop}
        spec:
          interfaceName: cali11111111111
          ipNetworks: [10.244.1.10/32]
          node: node-a
          pod: web-1
          profiles: [kns.shop, ksa.shop.web]
        ---
        apiVersion: projectcalico.org/v3
        kind: Profile
        metadata: {name: kns.shop}
        spec: {ingress: [{action: Allow}], egress: [{action: Allow}], labelsToApply: {pcns.name: shop}}
        ---
        apiVersion: crd.projectcalico.org/v1
        kind: FelixConfiguration
        metadata: {name: default}
        spec:
          chainInsertMode: Append
          iptablesMarkMask: 4294901760
          failsafeInboundHostPorts: [{port: 22, protocol: tcp}]
          bpfEnabled: false
        ---
        apiVersion: crd.projectcalico.org/v1
        kind: BGPConfiguration
        metadata: {name: default}
        spec:
          asNumber: 64512
          nodeToNodeMeshEnabled: false
          serviceClusterIPs: [{cidr: 10.96.0.0/12}]
          serviceLoadBalancerIPs: [{cidr: 203.0.113.0/24}]
        ---
        apiVersion: projectcalico.org/v3
        kind: BGPPeer
        metadata: {name: tor}
        spec: {peerIP: "192.0.2.1:1790", asNumber: 64600, nodeSelector: rack == 'r1'}
        ---
        apiVersion: projectcalico.org/v3
        kind: GlobalNetworkSet
        metadata: {name: bad, labels: {role: bad}}
        spec: {nets: [198.51.100.0/24, 203.0.113.9]}
        ---
        apiVersion: crd.projectcalico.org/v1
        kind: IPAMBlock
        metadata: {name: 10-244-1-8-29}
        spec:
          affinity: host:node-a
          cidr: 10.244.1.8/29
          allocations: [0, null, 1, null, null, null, null, 0]
          attributes:
          - {handle_id: vxlan-tunnel-addr-node-a, secondary: {node: node-a, type: vxlanTunnelAddress}}
          - {handle_id: k8s, secondary: {namespace: shop, node: node-a, pod: web-1}}
        """

    @Test func readsPools() {
        let pools = read(Self.text).objects.pools
        #expect(pools.map(\.range.description) == ["10.244.0.0/16", "fd00::/48"])
        #expect(pools.map(\.vxlan) == [.crossSubnet, .never] && pools.map(\.ipip) == [.never, .always])
        #expect(pools.map(\.masqueradesOutgoing) == [true, false] && pools.map(\.isDisabled) == [false, true])
        #expect(pools.map(\.blockLength) == [28, 122] && pools.map(\.nodeSelector) == ["all()", ""])
    }

    @Test func readsEndpointsAndProfiles() {
        let objects = read(Self.text).objects
        let host = objects.hostEndpoints[0]
        #expect(host.node == "node-a" && host.interface == "eth0" && host.addresses == [IPAddress("192.0.2.10")])
        #expect(host.profiles == ["projectcalico-default-allow"] && host.ports.map(\.number) == [22])
        let workload = objects.workloadEndpoints[0]
        #expect(workload.pod == "web-1" && workload.interface == "cali11111111111")
        #expect(workload.addresses == [IPAddress("10.244.1.10")] && workload.profiles.count == 2)
        #expect(objects.profiles[0].ingress.map(\.action) == [.allow])
        #expect(objects.profiles[0].labelsToApply == [Label("pcns.name", "shop")])
        #expect(objects.networkSets[0].nets.map(\.description) == ["198.51.100.0/24", "203.0.113.9/32"])
    }

    @Test func readsConfigurations() {
        let reading = read(Self.text)
        #expect(reading.diagnostics.isEmpty)
        let felix = reading.objects.felixConfigurations[0]
        #expect(felix.value("ChainInsertMode") == "Append" && felix.value("bpfEnabled") == "false")
        #expect(felix.value("iptablesMarkMask") == "4294901760" && felix.value("none") == nil)
        #expect(felix.value("failsafeInboundHostPorts") == #"[{"port":22,"protocol":"tcp"}]"#)
        #expect(felix.settings.first.map { quoted($0.place, in: Self.text) } == "chainInsertMode: Append")
        let bgp = reading.objects.bgpConfigurations[0]
        #expect(bgp.autonomousSystem == "64512" && bgp.hasNodeMesh == false)
        #expect(bgp.serviceClusterRanges.map(\.description) == ["10.96.0.0/12"])
        #expect(bgp.serviceLoadBalancerRanges.map(\.description) == ["203.0.113.0/24"])
        let peer = reading.objects.bgpPeers[0]
        #expect(peer.peerAddress == IPAddress("192.0.2.1") && peer.nodeSelector == "rack == 'r1'")
    }

    @Test func readsWhoHasTheAddressesOfABlock() {
        let block = read(Self.text).objects.addressBlocks[0]
        #expect(block.node == "node-a" && block.range.description == "10.244.1.8/29" && block.usedCount == 3)
        #expect(
            block.owners == [
                AddressOwner(address: IPAddress(v4: 0x0af4_0108), namespace: "", pod: "", node: "node-a"),
                AddressOwner(address: IPAddress(v4: 0x0af4_010a), namespace: "shop", pod: "web-1", node: "node-a"),
                AddressOwner(address: IPAddress(v4: 0x0af4_010f), namespace: "", pod: "", node: "node-a"),
            ])
    }

    @Test func nothingInAnObjectStopsTheReader() {
        // Every value replaced by another kind of value: readers take what they can.
        let lines = Self.text.split(separator: "\n", omittingEmptySubsequences: false)
        for index in lines.indices {
            for other in ["5", "[]", "{}", "[[{a: [1]}]]", "-1", "99999999999999999999", "~", "'\\u{1}'"] {
                guard let colon = lines[index].firstIndex(of: ":") else { continue }
                var changed = lines.map(String.init)
                changed[index] = lines[index][...colon] + " " + other
                let reading = read(changed.joined(separator: "\n"))
                #expect(reading.objects.pools.count <= 2)
            }
        }
    }
}
