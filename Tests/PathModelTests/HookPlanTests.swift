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
            case .chain(let chain): compiled.linked.path(of: chain)
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
