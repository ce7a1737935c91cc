import ChainGraph
import HeaderSpace
import NetTypes
import PacketPath
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

/// Packets drawn from each class of the sets' answer end as the class says where they are followed alone.
@Suite struct SetsAgainstTraces {
    @Test(arguments: [
        "host-firewall", "docker-forward-drop", "flannel-docker", "calico-node", "calico-node-ipip", "ipv6",
        "rp-filter",
        "policy-routing", "nat-redirect-netmap", "notrack-invalid", "ipset-types", "limit-statistic",
        "local-output-reroute", "reject-answer-dropped", "nft-nat", "nft-traps", "nft-ingress", "calico-node-nft",
        "calico-node-kubeproxy-nft",
    ])
    func agree(_ folder: String) throws {
        try check([Rulesets.path + folder], folder)
    }

    /// What other programs wrote, on the host of `nft-nat`: rules of public texts and of firewalld, whose origins
    /// `Native/README.md` tells.
    @Test(arguments: [
        "kubeproxy-nftables-mode-k3s-nft", "firewalld-1.3.3-nft", "openwrt-fw4-nft",
        "calico-nftables-mode-node-nopods-nft",
    ])
    func agreeOnNative(_ name: String) throws {
        let host = ["ip-addr", "ip-link", "ip-route", "ip-rule", "ip6-rule", "sysctl"]
        let rules = Rulesets.path + "../Tests/AgreementTests/Native/\(name).txt"
        try check(host.map { Rulesets.path + "nft-nat/\($0).txt" } + [rules], name)
    }

    private func check(_ paths: [String], _ folder: String) throws {
        let node = try loadSnapshot(paths)
        let model = HostModel(node.ruleset, node.host, names: node.names)
        for version in IPVersion.allCases {
            for origin in PacketOrigin.allCases {
                let space = PacketSpace(version, for: [model])
                let analysis = analyze(model, origin, in: space)
                #expect(!space.isExhausted)
                let total = space.union(analysis.classes.map { $0.packets })
                #expect(space.possibly(total) == analysis.domain, "every packet has an end")
                let (asked, found) = disagreements(analysis, on: model, each: 20, seed: 7)
                #expect(asked > 0)
                for one in found.prefix(5) {
                    Issue.record("\(folder) \(version) \(origin): \(one.text): \(one.example.text(model))")
                }
                print(
                    "\(folder) v\(version.rawValue) \(origin): \(analysis.classes.count) classes, \(asked) asked, \(found.count) off"
                )
            }
        }
    }
}

enum Rulesets {
    static var path: String {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/") + "/Rulesets/"
    }
}

extension ExamplePacket {
    func text(_ model: HostModel) -> String {
        let arrival = arrival.map { model.names.text($0) } ?? "host"
        return
            "in \(arrival) \(packet.source):\(packet.sourcePort) > \(packet.destination):\(packet.destinationPort) "
            + "proto \(packet.protocol.rawValue) \(state) flags \(packet.tcpFlags.rawValue) ttl \(packet.ttl) "
            + "length \(packet.length) icmp \(packet.icmpType)/\(packet.icmpCode)"
    }
}
