import Questions
import RuleModel
import SourceText
import Testing

@Suite("Doctor: ways to other nodes' pods that are refused or lost")
struct LostWayTests {
    private func node(_ route: String) throws -> Clinic {
        try Clinic(folder: "calico-node")
            .replacing("ip-route.txt", "10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink", route)
    }

    @Test func `a route that refuses another node's block`() throws {
        let drops = try node("blackhole 10.244.2.0/24 proto bird").with(NodeNetworkTests.cluster)
        #expect(
            try drops.titles("pod-routes") == [
                "problem: the route to 10.244.2.0/24 drops what goes to the block 10.244.2.0/26 of node node-b"
            ])
        let refuses = try node("unreachable 10.244.2.0/24 metric 1024").with(NodeNetworkTests.cluster)
        #expect(
            try refuses.titles("pod-routes").first?.hasPrefix("problem: the route to 10.244.2.0/24 refuses") == true)
        // The way that is preferred counts.
        let both = try node(
            "10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink \nunreachable 10.244.2.0/24 metric 1024"
        ).with(NodeNetworkTests.cluster)
        #expect(try both.titles("pod-routes").isEmpty)
    }

    @Test func `a route that refuses an endpoint, without objects`() throws {
        #expect(
            try node("prohibit 10.244.2.0/24").titles("pod-routes").contains(
                "problem: the route to 10.244.2.0/24 refuses what goes to the endpoint 10.244.2.20:80 of default/web:http"
            ))
        // The tunnel has its address of a block of the node's own.
        #expect(
            try node("prohibit 10.244.2.0/24").replacing("ip-addr.txt", "10.244.1.0/32", "10.244.2.0/32")
                .titles("pod-routes").allSatisfy { !$0.contains("refuses") })
    }

    @Test func `a route that refuses the pod of another node of the input`() throws {
        let other = Clinic(
            "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n",
            "# ip route show table all\n10.244.7.20 dev cali77777777777 scope link\n")
        let here = try node("10.244.2.0/24 via 10.244.2.0 dev vxlan.calico onlink \nblackhole 10.244.7.0/26")
        #expect(try here.titles("pod-routes").isEmpty, "nobody is known to be there")
        #expect(
            try here.beside(other).titles("pod-routes") == [
                "problem: the route to 10.244.7.0/26 drops what goes to the pod 10.244.7.20 of another node"
            ])
    }

    @Test func `a tunnel that is set up, and no route by it`() throws {
        #expect(
            try Clinic(folder: "calico-node").without("ip-route.txt", "10.244.2.0/24 via").titles("pod-routes") == [
                "problem: no route leads to the pods of the node behind 10.244.2.0, though vxlan.calico knows the way there"
            ])
    }

    @Test func `a tunnel that Calico's rules are for is missing`() throws {
        #expect(
            try Clinic(folder: "calico-node-ipip").titles("tunnel-interface").isEmpty)
        func lacking(_ folder: String, _ files: [String], _ device: String) throws -> Clinic {
            try files.reduce(Clinic(folder: folder)) { node, file in
                try node.replacing(file, device, "other0")
            }
        }
        let node = try lacking("calico-node", ["ip-addr.txt", "ip-link.txt"], "vxlan.calico:")
        #expect(
            try node.findings("tunnel-interface").map(\.title) == ["the tunnel vxlan.calico is missing"])
        let other = try lacking("calico-node-ipip", ["ip-addr.txt", "ip-link.txt"], "tunl0@NONE:")
        #expect(try other.titles("tunnel-interface") == ["problem: the tunnel tunl0 is missing"])
    }

    @Test func `a tunnel that flannel's annotation is for is missing`() throws {
        func object(_ backend: String) -> String {
            """
            apiVersion: v1
            kind: Node
            metadata: {name: node-a, annotations: {flannel.alpha.coreos.com/backend-type: \(backend)}}
            status: {addresses: [{type: InternalIP, address: 192.168.10.11}]}

            """
        }
        let node = try Clinic(folder: "flannel-docker")
        #expect(try node.with(object("vxlan")).titles("tunnel-interface").isEmpty)
        let lacking = try node.replacing("ip-addr.txt", "flannel.1:", "other0:")
            .replacing("ip-link.txt", "flannel.1:", "other0:")
        #expect(try lacking.with(object("host-gw")).titles("tunnel-interface").isEmpty)
        let calico = try Clinic(folder: "calico-node").with(
            object("vxlan").replacing("192.168.10.11", with: "192.0.2.10"))
        #expect(try calico.titles("tunnel-interface").isEmpty, "Calico has taken flannel's place")
        #expect(
            try lacking.with(object("vxlan")).titles("tunnel-interface") == [
                "problem: the tunnel flannel.1 is missing"
            ])
    }
}
