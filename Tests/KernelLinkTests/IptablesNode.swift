import Foundation
import IptablesText
import KernelLab
import KernelLink
import NetTypes
import Nftables
import RuleModel
import SourceText
import Testing

/// Whether iptables-nft can be asked here.
let canLoadIptables: Bool = {
    guard ScratchNamespace.isPossible() else { return false }
    let found = try? ChildProcess.run(["iptables-nft", "--version"])
    return found?.status == 0
}()

/// iptables-nft of one family in the calling thread's namespace.
struct IptablesNode {
    let isV6: Bool

    /// Makes the sets and counters that rules ask for.
    func prepare() throws {
        let family = isV6 ? " family inet6" : ""
        for set in [
            "snet hash:net\(family) counters timeout 0", "spair hash:ip,port\(family)",
            "sthree hash:ip,port,ip\(family)", "sskb hash:ip\(family) skbinfo timeout 0",
        ] {
            try ChildProcess.check(["ipset", "create"] + set.split(separator: " ").map(String.init))
        }
        // Rules ask for rate estimators that others made.
        let estimators = ["RE1", "RE2"].map {
            "-A INPUT -j RATEEST --rateest-name \($0) --rateest-interval 250ms --rateest-ewmalog 500ms\n"
        }
        _ = try load("*filter\n\(estimators.joined())COMMIT")
        // NFNL_SUBSYS_ACCT, NFNL_MSG_ACCT_NEW, NFACCT_NAME; NLM_F_CREATE.
        var counter = NetlinkRequest(subsystem: 7, message: 0, flags: 0x400)
        counter.put(1, text: "bytes-in")
        var socket = try NetlinkSocket(.netfilter)
        try socket.perform(counter)
    }

    /// Makes a set for each name that rules ask for.
    func makeSets(named text: String) throws {
        var words = text.split { $0 == " " || $0 == "\n" }.makeIterator()
        var names: Set<Substring> = []
        while let word = words.next() {
            if word == "--match-set" || word == "--add-set", let name = words.next() { names.insert(name) }
        }
        let lines = names.map { "create \($0) hash:ip,port\(isV6 ? " family inet6" : "")\n" }
        try ChildProcess.check(["ipset", "restore"], input: lines.joined())
    }

    /// Loads what of `text` iptables-nft takes; the lines that it does not take come back.
    func load(_ text: String) throws -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var left: [String] = []
        while true {
            let restored = try ChildProcess.run(
                [isV6 ? "ip6tables-nft-restore" : "iptables-nft-restore", "--noflush"],
                input: Array((lines.joined(separator: "\n") + "\n").utf8))
            if restored.status == 0 { return left }
            let words = restored.errorText.split { !$0.isNumber && !$0.isLetter }
            guard let place = words.lastIndex(of: "line"), place + 1 < words.count, let line = Int(words[place + 1]),
                line > 0, line <= lines.count, lines[line - 1].hasPrefix("-A")
            else {
                Issue.record("\(restored.errorText)")
                return lines
            }
            left.append(lines.remove(at: line - 1))
        }
    }

    /// What differs between the two readings, as text.
    struct Comparison {
        var ruleCount = 0
        var differences: [String] = []
    }

    func readBoth() throws -> Comparison {
        let text = try ChildProcess.run([isV6 ? "ip6tables-nft-save" : "iptables-nft-save", "-c"]).output
        return compareIptables(text, try KernelDump.read())
    }
}

/// What differs between a dump of iptables-save and the same tables over netlink.
func compareIptables(_ text: [UInt8], _ dump: KernelDump) -> IptablesNode.Comparison {
    var names = NameTable()
    let lifted = liftNftables(dump, names: &names)
    let read = readIptablesSave(text.span, file: FileID(0), names: &names)
    var found = IptablesNode.Comparison()
    found.differences = (lifted.diagnostics + read.diagnostics).map(\.message)
    func rows(_ table: Table) -> String { "\(table.family.name) \(names.text(table.name))" }
    let live = lifted.tables.filter { $0.iptables != nil }
    if Set(live.map(rows)) != Set(read.tables.map(rows)) {
        found.differences.append("tables \(lifted.tables.map(rows)), not \(read.tables.map(rows))")
    }
    for table in read.tables {
        guard let other = live.first(where: { $0.name == table.name && $0.family == table.family }) else { continue }
        // iptables-save shows built-in chains that are not there too.
        let shown = table.chains.filter { chain in
            other.chains.contains { $0.name == chain.name } || chain.base?.policy != .accept || !chain.rules.isEmpty
        }
        if other.chains.map(\.name) != shown.map(\.name) {
            func list(_ chains: [Chain]) -> String { chains.map { names.text($0.name) }.joined(separator: " ") }
            found.differences.append("\(rows(table)): chains \(list(other.chains)), not \(list(shown))")
        }
        for chain in table.chains {
            guard let same = other.chains.first(where: { $0.name == chain.name }) else { continue }
            let place = "\(rows(table)) \(names.text(chain.name))"
            if same.base != chain.base || same.policyCounters != chain.policyCounters
                || same.rules.count != chain.rules.count
            {
                found.differences.append("\(place): other policy, counters or rules")
            }
            for (a, b) in zip(same.rules, chain.rules) {
                found.ruleCount += 1
                if a.statements == b.statements, same.counters(of: a) == chain.counters(of: b) { continue }
                let texts = (
                    ruleText(a, in: other, chain: same, names: names),
                    ruleText(b, in: table, chain: chain, names: names)
                )
                // iptables-save rounds rates of -m rateest from 1 Mbit on.
                if texts.0 == texts.1, texts.0.contains("-m rateest") { continue }
                found.differences.append(
                    texts.0 == texts.1
                        ? "\(place): \(texts.0)\nnetlink \(a.statements)\n   text \(b.statements)"
                        : "\(place)\nnetlink \(texts.0)\n   text \(texts.1)")
            }
        }
    }
    return found
}
