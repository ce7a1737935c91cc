import Foundation
import NetTypes
import Questions
import RuleModel
import SourceText
import Testing

@Suite("Doctor: tunnels, pod links, packet sizes")
struct TunnelTests {
    @Test func `a node that Calico's set lacks is dropped, and the set is named`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("tunnel-blocked").isEmpty)
        let found = try node.replacing(
            "ipset-save.txt", "add cali40all-vxlan-net 192.0.2.20", "add cali40all-vxlan-net 192.0.2.21"
        ).findings("tunnel-blocked")
        #expect(
            found.map(\.title) == [
                "VXLAN packets that 192.0.2.20 sends this node are dropped by filter/cali-INPUT:2: cali40all-vxlan-net does not have that node"
            ])
        #expect(found.first?.severity == .problem)
        #expect(found.first?.example?.hasSuffix("--to 192.0.2.10:4789/udp") == true)
        #expect(found.first?.evidence.count == 3)
    }

    @Test func `IP-in-IP of a node that the set lacks is dropped`() throws {
        let node = try Clinic(folder: "calico-node-ipip")
        #expect(try node.titles("tunnel-blocked").isEmpty)
        let found = try node.replacing(
            "ipset-save.txt", "add cali40all-hosts-net 192.0.2.20", "add cali40all-hosts-net 192.0.2.21"
        ).findings("tunnel-blocked")
        #expect(
            found.map(\.title) == [
                "IP-in-IP packets that 192.0.2.20 sends this node are dropped by filter/cali-INPUT:2: cali40all-hosts-net does not have that node"
            ])
    }

    @Test func `the host's firewall drops the tunnel`() throws {
        let found = try Clinic(folder: "host-firewall").findings("tunnel-blocked")
        #expect(
            found.map(\.title) == ["IP-in-IP packets that 10.20.0.13 sends this node are dropped by filter/LOGDROP:3"])
        let flannel = try Clinic(folder: "flannel-docker")
        #expect(try flannel.titles("tunnel-blocked").isEmpty)
        let input = "[0:0] -A INPUT -j KUBE-FIREWALL\n"
        let closed = try flannel.replacing(
            "iptables-save.txt", input, input + "[0:0] -A INPUT -i eth0 -p udp -m udp --dport 8472 -j DROP\n")
        let blocked = try closed.findings("tunnel-blocked")
        #expect(
            blocked.map(\.title) == ["VXLAN packets that 192.168.10.13 sends this node are dropped by filter/INPUT:3"])
        // The other node is more evidence of the same.
        #expect(blocked.first?.evidence.count == 3)
    }

    @Test func `a Node of the objects that the set lacks is found without a route to it`() throws {
        var cluster = ClusterObjects()
        func add(_ name: String, _ address: UInt32) {
            var node = ClusterNode(
                name: name, source: .kubernetes, place: Place(file: FileID(0), line: 1, start: 0, end: 1))
            node.addresses = [NodeAddress(.internal, IPAddress(v4: address))]
            cluster.nodes.append(node)
        }
        add("node-a", 0xc000_020a)
        add("node-b", 0xc000_0214)
        let node = try Clinic(folder: "calico-node")
        #expect(try node.with(cluster).titles("tunnel-blocked").isEmpty)
        add("node-c", 0xc000_021e)
        #expect(
            try node.with(cluster).titles("tunnel-blocked") == [
                "problem: cali40all-vxlan-net lacks node node-c: Calico drops their tunnel packets here"
            ])
    }

    @Test func `a pod's link without a chain is dropped as unknown`() throws {
        let dispatch =
            "[0:0] -A cali-from-wl-dispatch -i cali33333333333 -m comment --comment \"cali:nKPmyrWAAZ-au3V2\" -g cali-fw-cali33333333333\n"
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("unknown-pod-interface").isEmpty)
        let found = try node.replacing("iptables-save.txt", dispatch, "").findings("unknown-pod-interface")
        #expect(
            found.map(\.title) == [
                "Calico drops all that comes from cali33333333333: filter/cali-from-wl-dispatch does not know it"
            ])
        #expect(
            try Clinic(folder: "calico-node").replacing("iptables-save.txt", dispatch, "").quotes(
                try #require(found.first)
            ).last == "10.244.1.12 dev cali33333333333 scope link")
    }

    @Test func `links of another prefix are behind no policy`() throws {
        func node(_ prefix: String) throws -> Clinic {
            var node = try Clinic(folder: "calico-node")
            for file in ["ip-addr.txt", "ip-link.txt", "ip-route.txt", "ip-neigh.txt", "bridge-fdb.txt", "sysctl.txt"] {
                for digits in ["11111111111", "12222222222", "33333333333", "44444444444"] {
                    node = try node.replacing(file, "cali" + digits, prefix + digits)
                }
            }
            return node
        }
        let found = try node("eni").findings("unknown-pod-interface")
        #expect(
            found.map(\.title) == [
                "Calico's rules ask for pod links cali… and cali…, and the pods of this node are behind eni11111111111, eni12222222222, eni33333333333 and 1 more: no policy holds for them"
                    .replacing("cali… and cali…", "cali…")
            ])
        #expect(found.first?.remedies.first?.contains("interfacePrefix: eni") == true)
    }

    @Test func `pods that send larger packets than the tunnel takes`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(
            try node.titles("mtu") == [
                "risk: pods may send packets of 1500 bytes, and vxlan.calico takes 1450: larger ones get through only once the sender is told (ICMP)"
            ])
        let fits = try node.replacing("ip-addr.txt", "mtu 1450", "mtu 1500").replacing(
            "ip-link.txt", "mtu 1450", "mtu 1500")
        #expect(try fits.titles("mtu").isEmpty)
        let output = "[0:0] -A OUTPUT -j KUBE-FIREWALL\n"
        let silent = try node.replacing(
            "iptables-save.txt", output,
            output + "[0:0] -A OUTPUT -p icmp -m icmp --icmp-type 3/4 -j DROP\n")
        #expect(
            try silent.titles("mtu") == [
                "problem: pods may send packets of 1500 bytes, and vxlan.calico takes 1450: larger ones are dropped, and the sender is not told"
            ])
    }
}
