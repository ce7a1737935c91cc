import Foundation
import Testing

/// Where a VXLAN device sends a packet. Source: drivers/net/vxlan/vxlan_core.c `vxlan_xmit`, Linux 6.18; that one without
/// an entry drops it was observed there.
@Suite("Tunnels: the other end") struct TunnelEndTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Rulesets/flannel-docker")

    /// What becomes of a container's packet to another node's, with these forwarding entries and this line about the link.
    private func trace(entries: String?, link: (String) -> String = { $0 }, neighbours: Bool = true) throws -> String {
        var files: [String: String] = [:]
        for name in ["iptables-save.txt", "ip-addr.txt", "ip-link.txt", "ip-route.txt", "ip-rule.txt", "sysctl.txt"] {
            files[name] = try String(contentsOf: Self.root.appending(path: name), encoding: .utf8)
        }
        files["ip-link.txt"] = files["ip-link.txt"].map(link)
        if neighbours {
            files["ip-neigh.txt"] = try String(contentsOf: Self.root.appending(path: "ip-neigh.txt"), encoding: .utf8)
        }
        files["bridge-fdb.txt"] = entries.map { "33:33:00:00:00:01 dev eth0 self permanent\n" + $0 }
        let folder = try Folder(files)
        let answer = call([
            "trace", folder.path, "--in", "docker0", "--from", "172.30.24.4:40000", "--to", "172.30.25.7:8080/tcp",
        ])
        #expect(answer.status == 0, "\(answer.error)")
        return answer.output
    }

    private let own = "8a:11:53:0c:b7:f2 dev flannel.1 dst 192.168.10.12 self permanent\n"
    private let other = "56:bc:75:d2:40:09 dev flannel.1 dst 192.168.10.13 self permanent\n"
    private let all = "00:00:00:00:00:00 dev flannel.1 dst 192.168.10.14 self permanent\n"

    @Test func anEntryTellsIt() throws {
        #expect(try trace(entries: own + other).contains("192.168.10.12:8472"))
        // Also where all others go elsewhere, and where the device has a remote.
        #expect(try trace(entries: all + own).contains("192.168.10.12:8472"))
        let remote = try trace(entries: own) { $0.replacing("vxlan id 1 ", with: "vxlan id 1 remote 192.168.10.15 ") }
        #expect(remote.contains("192.168.10.12:8472"))
    }

    @Test func allOthersGoWhereAllZerosLead() throws {
        #expect(try trace(entries: other + all).contains("192.168.10.14:8472"))
        let remote = try trace(entries: other) { $0.replacing("vxlan id 1 ", with: "vxlan id 1 remote 192.168.10.15 ") }
        #expect(remote.contains("192.168.10.15:8472"))
        let several = try trace(entries: all + all.replacing("10.14", with: "10.16"))
        #expect(several.contains("it sends the packet to 2 of them"))
    }

    @Test func withoutAnEntryThePacketIsLost() throws {
        let lost = try trace(entries: other)
        #expect(lost.hasPrefix("FILTERED"), "\(lost)")
        #expect(lost.contains("`bridge fdb` has no entry there for the hardware address of 172.30.25.0"), "\(lost)")
    }

    @Test func whatIsNotInTheInputIsNotKnown() throws {
        #expect(try trace(entries: nil).contains("flannel.1 is not known: `bridge fdb` is not in the input"))
        let without = try trace(entries: own, neighbours: false)
        #expect(without.contains("`ip neigh` tells no hardware address of 172.30.25.0"), "\(without)")
        let external = try trace(entries: other) { $0.replacing("vxlan id 1 ", with: "vxlan external id 0 ") }
        #expect(external.contains("chooses it for each packet"), "\(external)")
        let group = try trace(entries: own.replacing("dst 192.168.10.12", with: "nhid 10"))
        #expect(group.contains("a group of nexthops stands for it"), "\(group)")
    }
}
