import ChainGraph
import NetTypes
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

/// The order of things at a hook.
@Suite struct HookPlanTests {
    func compile(_ text: String) throws -> CompiledRuleset {
        let node = try readSnapshot(files: [SourceFile(path: "rules", text: text)], settings: SnapshotSettings())
        return CompiledRuleset(LinkedRuleset(node.ruleset, names: node.names))
    }

    func plan(_ compiled: CompiledRuleset, _ hook: Hook) -> [String] {
        compiled.plan(.v4, hook).map { step in
            switch step {
            case .defragment: "defragment"
            case .conntrack: "conntrack"
            case .confirm: "confirm"
            case .virtualReplies: "IPVS replies"
            case .virtualRequests: "IPVS requests"
            case .withoutNAT: "-"
            case .chain(let chain): compiled.linked.path(of: chain)
            case .unordered(let legacy, let nfTables):
                "legacy(" + legacy.map { compiled.linked.path(of: $0) }.joined(separator: ",") + ") nf_tables("
                    + nfTables.map { compiled.linked.path(of: $0) }.joined(separator: ",") + ")"
            case .unorderedNAT(let legacyFirst, let nfTablesFirst):
                "nat(\(legacyFirst.map(\.index)) or \(nfTablesFirst.map(\.index)))"
            case .nat(let chains): "nat(" + chains.map { compiled.linked.path(of: $0) }.joined(separator: ",") + ")"
            }
        }
    }

    static let raw = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    static let nat =
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n"
    static let mangle =
        "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"

    /// Source: include/uapi/linux/netfilter_ipv4.h.
    @Test func conntrackAndNatStandBetweenTheTables() throws {
        let compiled = try compile(Self.raw + Self.nat + Self.mangle)
        #expect(
            plan(compiled, .prerouting) == [
                "defragment", "raw/PREROUTING", "conntrack", "mangle/PREROUTING", "nat(nat/PREROUTING)",
            ])
        #expect(plan(compiled, .postrouting) == ["mangle/POSTROUTING", "nat(nat/POSTROUTING)", "confirm"])
        #expect(plan(compiled, .input) == ["mangle/INPUT", "nat(nat/INPUT)", "confirm"])
        #expect(plan(compiled, .forward) == ["mangle/FORWARD"])
    }

    /// Source: `ip_vs_ops` of net/netfilter/ipvs/ip_vs_core.c, Linux 6.x.
    @Test func ipvsStandsBesideNAT() throws {
        let node = try readSnapshot(
            files: [SourceFile(path: "rules", text: Self.nat + Self.mangle)], settings: SnapshotSettings())
        let linked = LinkedRuleset(node.ruleset, names: node.names)
        let compiled = CompiledRuleset(linked, balanced: [.v4])
        #expect(
            plan(compiled, .input) == [
                "mangle/INPUT", "IPVS replies", "IPVS requests", "nat(nat/INPUT)", "confirm",
            ])
        #expect(
            plan(compiled, .output) == [
                "defragment", "conntrack", "mangle/OUTPUT", "nat(nat/OUTPUT)", "IPVS replies", "IPVS requests",
            ])
        #expect(plan(compiled, .forward) == ["mangle/FORWARD", "IPVS replies"])
        #expect(plan(compiled, .postrouting) == ["mangle/POSTROUTING", "nat(nat/POSTROUTING)", "confirm"])
        #expect(compiled.plan(.v6, .forward).contains(.virtualReplies) == false)
    }

    /// Observed on Linux 6.18: nothing is tracked where no rule needs it.
    @Test func withoutARuleThatNeedsItConntrackIsOff() throws {
        let compiled = try compile(Self.raw + Self.mangle)
        #expect(!compiled.tracksV4)
        #expect(plan(compiled, .prerouting) == ["raw/PREROUTING", "mangle/PREROUTING"])
        let idle = try compile("*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j ACCEPT\nCOMMIT\n")
        #expect(!idle.tracksV4)
        let one = try compile(
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:UNUSED - [0:0]\n-A UNUSED -m state --state NEW\nCOMMIT\n"
        )
        #expect(one.tracksV4)
    }

    /// Observed on Linux 6.18; net/netfilter/xt_CT.c `xt_ct_tg_check`.
    @Test(arguments: [("NOTRACK", false), ("CT --notrack", false), ("CT --zone 1", true)])
    func whatIsLeftUntrackedNeedsNoTracking(_ target: String, _ tracks: Bool) throws {
        let compiled = try compile(
            "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -j \(target)\nCOMMIT\n")
        #expect(compiled.tracksV4 == tracks)
    }

    /// Of two chains at one priority that registered last runs first, which no dump tells; one that does nothing may
    /// stand anywhere.
    @Test func chainsOfBothBackendsAtOnePriorityAreUnordered() throws {
        func both(_ legacy: String, _ nfTables: String) throws -> [String] {
            let head = "*mangle\n:FORWARD ACCEPT [0:0]\n"
            let node = try readSnapshot(
                files: [
                    SourceFile(path: "legacy", text: "# Generated by iptables-save v1.8.9\n\(head)\(legacy)COMMIT\n"),
                    SourceFile(
                        path: "nft", text: "# Generated by iptables-save v1.8.9 (nf_tables)\n\(head)\(nfTables)COMMIT\n"
                    ),
                ], settings: SnapshotSettings())
            return plan(CompiledRuleset(LinkedRuleset(node.ruleset, names: node.names)), .forward)
        }
        let rule = "-A FORWARD -j ACCEPT\n"
        #expect(try both(rule, rule) == ["legacy(mangle/FORWARD) nf_tables(mangle/FORWARD)"])
        #expect(try both(rule, "").count == 2)
        #expect(try both("", rule).count == 2)
    }

    /// `sysctl -a` writes a dot of an interface's name as a slash, people as a dot.
    @Test(arguments: ["net.ipv4.conf.eth0/10.forwarding", "net.ipv4.conf.eth0.10.forwarding"])
    func settingsOfInterfacesWithADot(_ key: String) throws {
        let node = try readSnapshot(
            files: [
                SourceFile(path: "sysctl", text: "\(key) = 1\nnet.ipv4.conf.all.forwarding = 0\n"),
                SourceFile(path: "rules", text: "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -i eth0.10\nCOMMIT\n"),
            ], settings: SnapshotSettings())
        let model = HostModel(node.ruleset, node.host, names: node.names)
        let interface = try #require(model.names.find("eth0.10"))
        #expect(model.interfaceSetting(.v4, interface, "forwarding") == 1)
        #expect(model.interfaceSetting(.v6, interface, "forwarding") == nil)
        #expect(model.commonSetting(.v4, "forwarding") == 0)
    }
}
