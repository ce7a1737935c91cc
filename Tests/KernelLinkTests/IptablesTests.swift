import Foundation
import IptablesText
import KernelLab
import KernelLink
import Nftables
import RuleModel
import SourceText
import Testing

/// What `iptables-save` and the kernel say of the same tables, loaded by iptables-nft-restore.
@Suite struct IptablesTests {
    static let saved = [
        "saved-targets-v4-nft.txt", "saved-targets-v6-nft.txt", "saved-matches-a-m-v4-nft.txt",
        "saved-matches-a-m-v6-nft.txt", "saved-matches-n-z-v4-nft.txt", "saved-matches-n-z-v6-nft.txt",
        "typed-v4-nft.txt", "typed-v6-nft.txt", "written-and-saved.txt",
    ]

    @Test(
        "each form of a rule is the same over netlink as in iptables-save",
        .enabled(if: canLoadIptables, "needs root, namespaces and iptables-nft"), arguments: saved)
    func formsMeanTheirText(_ name: String) throws {
        let text = try Fixtures.ofIptables(name)
        for isV6 in [false, true] where name.contains(isV6 ? "-v6" : "-v4") || name.contains("written") {
            let namespace = try ScratchNamespace()
            let node = IptablesNode(isV6: isV6)
            try node.prepare()
            let left = try node.load(loadable(String(decoding: text, as: UTF8.self), isV6: isV6))
            let found = try node.readBoth()
            try namespace.leave()
            #expect(found.differences.isEmpty, "\(found.differences.joined(separator: "\n"))")
            #expect(left.count < 4, "\(left)")
            #expect(found.ruleCount > (isV6 && name.contains("written") ? 5 : 50))
        }
    }

    /// Lines for iptables-nft-restore of a fixture: as they are, those after `<`, or those between tabs.
    private func loadable(_ text: String, isV6: Bool) -> String {
        let lines = text.split(separator: "\n")
        if text.contains("\t-A") {
            let family = isV6 ? "ip6" : "ip"
            let rules = lines.map { $0.split(separator: "\t") }.filter { $0.count == 3 && $0[0] == family }
            return "*filter\n:foo - [0:0]\n\(rules.map { $0[1] }.joined(separator: "\n"))\nCOMMIT"
        }
        guard text.contains("\n< ") else { return text }
        var result = ""
        for line in lines {
            if line.hasPrefix("*") {
                result += (result.isEmpty ? "" : "COMMIT\n") + line + "\n:t - [0:0]\n:foo - [0:0]\n"
            } else if line.hasPrefix("< ") {
                result += "-A t \(line.dropFirst(2))\n"
            }
        }
        return result + "COMMIT"
    }

    @Test(
        "two tests of one port in a rule are both read, of which iptables-save shows the later",
        .enabled(if: canLoadIptables, "needs root, namespaces and iptables-nft"))
    func readsMoreThanIptablesSaveShows() throws {
        let namespace = try ScratchNamespace()
        let rule = "-A INPUT -p udp -m udp --sport 5 --dport 80 -m comment --comment x -m udp --dport 99"
        let left = try IptablesNode(isV6: false).load("*filter\n\(rule)\nCOMMIT")
        let saved = try ChildProcess.run(["iptables-nft-save"]).outputText
        let dump = try KernelDump.read()
        try namespace.leave()
        var names = NameTable()
        let live = String(
            decoding: writeIptablesSave(liftNftables(dump, names: &names).tables, names: names), as: UTF8.self)
        #expect(left.isEmpty)
        #expect(live.contains(rule + "\n"))
        #expect(saved.contains("-A INPUT -p udp -m udp --sport 5 --dport 99 -m comment --comment x\n"))
    }

    static let real = [
        "real-calico-node-iptables.txt", "real-calico-version-head-v3.33-flowlogs.txt",
        "real-docker-20.10-iptables.txt",
        "real-fail2ban-1.0.2-iptables.txt", "real-openstack-neutron-ovs-iptables.txt",
        "real-podman-netavark-1.4-iptables.txt", "real-ufw-0.36.2-iptables.txt", "real-ufw-0.36.2-ip6tables.txt",
        "real-k3s-flannel-kuberouter-netpol-iptables.txt", "real-cilium-kubeproxy-ipvs-iptables.txt",
    ]

    @Test(
        "a real rule set is the same over netlink as in iptables-save",
        .enabled(if: canLoadIptables, "needs root, namespaces and iptables-nft"), arguments: real)
    func realRulesMeanTheirText(_ name: String) throws {
        let text = String(decoding: try Fixtures.ofIptables(name), as: UTF8.self)
        let namespace = try ScratchNamespace()
        let node = IptablesNode(isV6: name.contains("ip6tables"))
        try node.makeSets(named: text)
        let left = try node.load(text)
        let found = try node.readBoth()
        try namespace.leave()
        #expect(found.differences.isEmpty, "\(found.differences.joined(separator: "\n"))")
        #expect(left.isEmpty)
        #expect(found.ruleCount > 5)
    }

    @Test(
        "random rules are the same over netlink as in iptables-save",
        .enabled(if: canLoadIptables, "needs root, namespaces and iptables-nft"), arguments: 1..<9)
    func randomRulesMeanTheirText(_ seed: Int) throws {
        let topology = RandomTopology(seed: UInt64(seed))
        let rules = RandomRules(seed: UInt64(seed), topology: topology)
        for isV6 in [false, true] {
            let namespace = try ScratchNamespace()
            _ = try ChildProcess.run(["ipset", "restore"], input: Array(rules.ipset.utf8))
            let node = IptablesNode(isV6: isV6)
            _ = try node.load(isV6 ? rules.ip6tables : rules.iptables)
            let found = try node.readBoth()
            try namespace.leave()
            #expect(found.differences.isEmpty, "\(found.differences.joined(separator: "\n"))")
            #expect(found.ruleCount > 0)
        }
    }
}
