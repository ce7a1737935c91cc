import KernelLab
import KernelLink
import NetTypes
import Nftables
import RuleModel
import SourceText
import Testing

/// Whether the rules' own answer can be asked for here.
let canLoad: Bool = {
    guard ScratchNamespace.isPossible() else { return false }
    let found = try? ChildProcess.run(["nft", "--version"])
    return found?.status == 0
}()

@Suite struct LiftTests {
    /// What differs between a rule set read over netlink and out of nft's text.
    private func differences(_ dump: KernelDump, _ text: [UInt8]) -> [String] {
        var names = NameTable()
        let lifted = liftNftables(dump, names: &names)
        let read = readNftables(text, file: FileID(0), names: &names)
        var meaning = Meaning(names: names)
        let live = meaning.lines(of: lifted.tables)
        let written = meaning.lines(of: read.tables)
        var found = lifted.diagnostics.map(\.message) + read.diagnostics.map(\.message)
        if live.count != written.count { found.append("\(live.count) tables, not \(written.count)") }
        for (a, b) in zip(live, written) {
            if a.count != b.count { found.append("\(a.count) lines, not \(b.count)") }
            for (one, other) in zip(a, b) where one != other { found.append("netlink \(one)\n   text \(other)") }
        }
        return found
    }

    @Test(
        "what the kernel sends and what nft prints of it are one rule set",
        arguments: ["expressions", "sets", "families"])
    func recordingMeansTheText(_ name: String) throws {
        let found = differences(
            try Fixtures.recording("\(name).netlink"), try Fixtures.bytes("\(name).nft"))
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test(
        "messages with changed bytes are read without harm",
        arguments: ["expressions", "sets", "families", "iptables-v4", "iptables-v6"])
    func anythingMayCome(_ name: String) throws {
        let recording = try Fixtures.recording("\(name).netlink")
        var state: UInt64 = 1
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % max(1, limit)
        }
        func changed(_ messages: [[UInt8]]) -> [[UInt8]] {
            messages.map { message in
                var message = message
                for _ in 0..<next(4) where !message.isEmpty {
                    let offset = next(message.count)
                    switch next(4) {
                    case 0: message[offset] = UInt8(next(256))
                    case 1: message[offset] ^= 1 << UInt8(next(8))
                    case 2: message.removeLast(next(message.count))
                    default: message.replaceSubrange(offset..<message.count, with: message.prefix(next(64)))
                    }
                }
                return message
            }
        }
        var told = 0
        for _ in 0..<150 {
            var dump = recording
            dump.chains = changed(dump.chains)
            dump.sets = changed(dump.sets)
            dump.elements = changed(dump.elements)
            dump.rules = changed(dump.rules)
            dump.objects = changed(dump.objects)
            var names = NameTable()
            let lifted = liftNftables(dump, names: &names)
            #expect(lifted.tables.count == recording.tables.count)
            told += lifted.diagnostics.count
            _ = writeNftables(lifted.tables, names: names)
        }
        #expect(told > 150)
    }

    @Test(
        "a real rule set is the same over netlink as in nft's text",
        .enabled(if: canLoad, "needs root, namespaces and nft"),
        arguments: [
            "real-kubeproxy-nftables-mode-k3s-nft.txt", "real-firewalld-1.3.3-nft.txt", "real-openwrt-fw4-nft.txt",
            "real-calico-nftables-mode-node-nopods-nft.txt",
        ])
    func liveMeansTheText(_ name: String) throws {
        let namespace = try ScratchNamespace()
        let loaded = try ChildProcess.run(["nft", "-f", "-"], input: try Fixtures.ofText(name))
        try #require(loaded.status == 0, "\(loaded.errorText)")
        let text = try ChildProcess.run(["nft", "list", "ruleset"]).output
        let messages = try KernelDump.read()
        try namespace.leave()
        #expect(messages.rules.count > 30)
        let found = differences(messages, text)
        #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }

    @Test(
        "long chains, which are asked for one by one, are read whole and in order",
        .enabled(if: canLoad, "needs root, namespaces and nft"))
    func longChains() throws {
        let namespace = try ScratchNamespace()
        for family in ["ip", "inet"] {
            var text = "table \(family) t {\n"
            for chain in ["a", "b"] {
                let rules = (1...1200).map { "\t\ttcp dport \($0) counter drop\n" }.joined()
                text += "\tchain \(chain) {\n\(rules)\t}\n"
            }
            try ChildProcess.check(["nft", "-f", "-"], input: text + "}\n")
        }
        let text = try ChildProcess.run(["nft", "list", "ruleset"]).output
        let messages = try KernelDump.read()
        try namespace.leave()
        #expect(messages.rules.count == 4800)
        let found = differences(messages, text)
        #expect(found.isEmpty, "\(found.prefix(5).joined(separator: "\n"))")
    }

    @Test("a host without rules has no tables", .enabled(if: canLoad, "needs root, namespaces and nft"))
    func emptyHost() throws {
        let namespace = try ScratchNamespace()
        let messages = try KernelDump.read()
        try namespace.leave()
        #expect(messages.tables.isEmpty)
        #expect(messages.interfaces[1] == Array("lo".utf8))
    }
}
