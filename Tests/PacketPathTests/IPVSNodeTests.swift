import Foundation
import NetTypes
import PacketPath
import RuleModel
import Testing

/// A node of a cluster with kube-proxy in ipvs mode, as its tools printed it; its links, routes and further sets are made
/// up to fit.
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
        func set(_ name: String, _ type: String, _ header: String, _ members: String...) -> String {
            "Name: \(name)\nType: \(type)\nRevision: 5\nHeader: \(header)\nSize in memory: 504\nReferences: 1\n"
                + "Number of entries: \(members.count)\nMembers:\n" + members.map { $0 + "\n" }.joined() + "\n"
        }
        let hash = "family inet hashsize 1024 maxelem 65536"
        let others =
            set("cali40masq-ipam-pools", "hash:net", hash, "192.168.0.0/16")
            + set("cali40all-ipam-pools", "hash:net", hash, "192.168.0.0/16")
            + set("KUBE-LOOP-BACK", "hash:ip,port,ip", hash)
            + set("KUBE-NODE-PORT-TCP", "bitmap:port", "range 0-65535", "31195")
        return try World(
            fixture("IptablesTextTests/Fixtures/real-calico-kubeproxy-ipvs-nat-iptables.txt"),
            fixture("HostTextTests/Fixtures/real-calico-kubeproxy-ipvs-ipvsadm.txt"),
            others + sets,
            link(1, "ens160", ["192.168.191.153/24"]) + link(2, "cali1", [])
                + link(3, "kube-ipvs0", services.map { $0 + "/32" }),
            "default via 192.168.191.1 dev ens160\n"
                + "192.168.191.0/24 dev ens160 proto kernel scope link src 192.168.191.153\n"
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
