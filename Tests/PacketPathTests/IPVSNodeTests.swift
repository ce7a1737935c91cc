import Foundation
import NetTypes
import PacketPath
import RuleModel
import Testing

/// A node of a cluster with kube-proxy in ipvs mode, as its tools printed it; its addresses are those that it speaks of.
@Suite struct IPVSNodeTests {
    private func fixture(_ path: String) throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: tests.appendingPathComponent(path), encoding: .utf8)
    }

    private func world() throws -> World {
        func link(_ index: Int, _ name: String, _ addresses: [String]) -> String {
            "\(index): \(name): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default\n"
                + "    link/ether 02:00:00:00:00:0\(index) brd ff:ff:ff:ff:ff:ff\n"
                + addresses.map {
                    "    inet \($0) scope global \(name)\n       valid_lft forever preferred_lft forever\n"
                }
                .joined()
        }
        let services = ["10.96.0.1", "10.96.0.10", "10.99.180.41", "10.100.49.21", "10.101.177.188"]
        let sets = try fixture("HostTextTests/Fixtures/real-calico-kubeproxy-ipvs-ipset-list.txt")
        let others = ["cali40masq-ipam-pools", "cali40all-ipam-pools"].map { name in
            "Name: \(name)\nType: hash:net\nRevision: 6\nHeader: family inet hashsize 1024 maxelem 1048576\nSize in memory: 504\n"
                + "References: 1\nNumber of entries: 1\nMembers:\n192.168.0.0/16\n\n"
        }
        let loop =
            "Name: KUBE-LOOP-BACK\nType: hash:ip,port,ip\nRevision: 5\nHeader: family inet hashsize 1024 maxelem 65536\n"
            + "Size in memory: 504\nReferences: 1\nNumber of entries: 0\nMembers:\n\n"
        return try World(
            fixture("IptablesTextTests/Fixtures/real-calico-kubeproxy-ipvs-nat-iptables.txt"),
            fixture("HostTextTests/Fixtures/real-calico-kubeproxy-ipvs-ipvsadm.txt"),
            others.joined() + loop + sets,
            link(1, "ens160", ["192.168.191.153/24"]) + link(2, "cali1", [])
                + link(3, "kube-ipvs0", services.map { $0 + "/32" }),
            "default via 192.168.191.1 dev ens160\n192.168.191.0/24 dev ens160 proto kernel scope link src 192.168.191.153\n"
                + "192.168.185.0/24 dev cali1 scope link\n",
            "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 0\n")
    }

    @Test func podsReachTheDNSService() throws {
        let world = try world()
        let trace = world.trace(
            try world.packet("192.168.185.9", "10.96.0.10", .udp, dport: 53), in: "cali1")
        #expect(trace.outcome == .forwarded)
        #expect(
            trace.branches.map { $0.trace.last?.packet.destination } == [.v4(192, 168, 185, 1), .v4(192, 168, 185, 3)])
        #expect(trace.branches.map(\.probability) == [0.5, 0.5])
        // From within the pod network nothing is masqueraded.
        #expect(trace.branches.allSatisfy { $0.trace.last?.packet.source == .v4(192, 168, 185, 9) })
        #expect(trace.assumptions.contains { $0.name == "ipvs-conntrack" && $0.value == "on" })
    }

    @Test func whatComesFromOutsideIsMasqueraded() throws {
        let world = try world()
        let trace = world.trace(
            try world.packet("203.0.113.9", "10.100.49.21"), in: "ens160"
        ) {
            $0.assumptions = ["ipvs@10.100.49.21:80/tcp": "192.168.185.14:80"]
        }
        #expect(trace.outcome == .forwarded)
        #expect(world.rules(trace).contains("nat/KUBE-SERVICES:1 jump"))
        #expect(world.rules(trace).contains("nat/KUBE-POSTROUTING:4 accept"))
        #expect(trace.last?.packet.destination == .v4(192, 168, 185, 14))
        #expect(trace.last?.packet.source != .v4(203, 0, 113, 9))
    }

    @Test func theAPIServerIsOnTheNode() throws {
        let world = try world()
        let trace = world.trace(try world.packet("192.168.185.9", "10.96.0.1", dport: 443), in: "cali1")
        #expect(trace.outcome == .delivered)
        #expect(trace.last?.packet.destination == .v4(192, 168, 191, 153))
        #expect(trace.last?.packet.destinationPort == 6443)
    }
}
