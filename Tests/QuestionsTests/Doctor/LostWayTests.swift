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
}
