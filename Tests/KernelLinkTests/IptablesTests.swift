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

    /// Rules that nft put into tables of iptables, and what of iptables means the same.
    static let foreign = [
        (
            "filter INPUT ct state established,related counter accept",
            "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        ),
        ("filter INPUT ct state ! invalid counter", "-m conntrack ! --ctstate INVALID"),
        ("filter INPUT meta mark & 0xff00 == 0x100 counter accept", "-m mark --mark 0x100/0xff00 -j ACCEPT"),
        ("filter INPUT counter meta mark set 0x5", "-j MARK --set-xmark 0x5/0xffffffff"),
        ("filter INPUT counter meta mark set mark and 0xffff00ff xor 0x300", "-j MARK --set-xmark 0x300/0xff00"),
        (
            "filter INPUT ip saddr 10.0.0.0/8 counter reject",
            "-s 10.0.0.0/8 -j REJECT --reject-with icmp-port-unreachable"
        ),
        ("filter INPUT counter reject with icmp host-prohibited", "-j REJECT --reject-with icmp-host-prohibited"),
        (
            "filter INPUT tcp dport 22 counter reject with tcp reset",
            "-p tcp -m tcp --dport 22 -j REJECT --reject-with tcp-reset"
        ),
        (
            "filter INPUT log prefix \"a b\" level info flags skuid counter",
            "-j LOG --log-prefix \"a b\" --log-level 6 --log-uid"
        ),
        ("filter INPUT counter notrack", "-j NOTRACK"),
        ("nat POSTROUTING oifname \"eth0\" counter masquerade random", "-o eth0 -j MASQUERADE --random"),
        (
            "nat POSTROUTING ip protocol tcp counter masquerade to :1000-2000",
            "-p tcp -j MASQUERADE --to-ports 1000-2000"
        ),
        (
            "nat POSTROUTING counter snat to 10.0.0.1-10.0.0.9 persistent",
            "-j SNAT --to-source 10.0.0.1-10.0.0.9 --persistent"
        ),
        (
            "nat PREROUTING udp dport 53 counter dnat to 10.0.0.1:5353",
            "-p udp -m udp --dport 53 -j DNAT --to-destination 10.0.0.1:5353"
        ),
        (
            "nat PREROUTING tcp dport 80 counter redirect to :8080",
            "-p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080"
        ),
        // What iptables can't say stays unknown: first a change, then a question; two changes.
        (
            "filter INPUT counter meta mark set 0x5 ip saddr 10.0.0.1",
            "-m nft --expression cmp -j MARK --set-xmark 0x5/0xffffffff"
        ),
        ("filter INPUT counter meta mark set 0x5 accept", "-j nft --expression immediate"),
        ("filter INPUT ct state { new, established } counter", "-m nft --expression lookup"),
        ("filter INPUT ip ttl 5 counter", "-m ttl --ttl-eq 5"),
        ("filter INPUT ip length 5-9 counter", "-m nft --expression cmp"),
    ]

    @Test(
        "a rule that nft put into a table of iptables is read where iptables has the same, and unknown else",
        .enabled(if: canLoadIptables, "needs root, namespaces and iptables-nft"), arguments: foreign)
    func readsRulesOfNftInTablesOfIptables(_ rule: String, _ expected: String) throws {
        let namespace = try ScratchNamespace()
        let table = rule.prefix { $0 != " " }
        let hooks = table == "nat" ? ":PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n" : ":INPUT ACCEPT\n"
        _ = try IptablesNode(isV6: false).load("*\(table)\n\(hooks)-A OUTPUT -m cpu --cpu 0 -j ACCEPT\nCOMMIT")
        try ChildProcess.check(["nft", "add rule ip \(rule)"])
        let dump = try KernelDump.read()
        try namespace.leave()
        var names = NameTable()
        let text = writeIptablesSave(liftNftables(dump, names: &names).tables, names: names)
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let found = lines.first { $0.hasPrefix("-A") && !$0.hasPrefix("-A OUTPUT") } ?? ""
        let chain = rule.split(separator: " ")[1]
        #expect(found == "-A \(chain) \(expected)")
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
        "the rule sets of Rulesets are the same over netlink as in iptables-save",
        .enabled(if: canLoadIptables, "needs root, namespaces and iptables-nft"), arguments: Fixtures.rulesets())
    func rulesetsMeanTheirText(_ name: String) throws {
        for isV6 in [false, true] {
            let file = isV6 ? "ip6tables-save.txt" : "iptables-save.txt"
            guard let text = Fixtures.ofRuleset(name, file) else { continue }
            let namespace = try ScratchNamespace()
            if let sets = Fixtures.ofRuleset(name, "ipset-save.txt") {
                _ = try ChildProcess.run(["ipset", "restore"], input: Array(sets.utf8))
            }
            let node = IptablesNode(isV6: isV6)
            let left = try node.load(text)
            let found = try node.readBoth()
            try namespace.leave()
            #expect(left.isEmpty)
            #expect(found.differences.isEmpty, "\(found.differences.joined(separator: "\n"))")
            #expect(found.ruleCount > 0)
        }
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
