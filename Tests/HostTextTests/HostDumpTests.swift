import Foundation
import HostText
import KernelLab
import KernelLink
import RuleModel
import SourceText
import Testing

/// Whether a host can be made here, and its tools asked.
private let canMakeHost: Bool = {
    guard ScratchNamespace.isPossible() else { return false }
    return ["ip -V", "ipset --version", "conntrack --version", "bridge -V"].allSatisfy { line in
        (try? ChildProcess.run(line.split(separator: " ").map(String.init)))?.status == 0
    }
}()

/// A host over netlink is the host that its tools print.
@Suite(.enabled(if: canMakeHost, "needs root, namespaces, ip, bridge, ipset and conntrack")) struct HostDumpTests {
    private struct Host {
        var dump: HostDump
        /// What each tool printed, by the command.
        var texts: [(command: String, text: String)]
    }

    /// Makes the host, and reads it both ways.
    private func read() throws -> Host {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sh", "-s"], input: hostWorld)
        let sets = setWorld.split(separator: "\n").map(String.init)
        for line in sets { _ = try ChildProcess.run(["ipset", "restore"], input: Array((line + "\n").utf8)) }
        for line in connectionWorld {
            let words = line.split(separator: " ").map(String.init)
            // What the kernel lacks, such as zones or a protocol, is not made.
            _ = try ChildProcess.run(["conntrack", "-I"] + words + ["-t", "50000"])
        }
        let commands = [
            "ip -d addr", "ip route show table all", "ip -6 route show table all", "ip nexthop", "ip rule",
            "ip -6 rule", "ip neigh", "bridge fdb", "ipset save", "conntrack -L", "conntrack -L -f ipv6", "sysctl -a",
        ]
        var host = Host(dump: HostDump(), texts: [])
        // Links come up one after the other, and routes with them: until nothing changes any more.
        for _ in 0..<40 {
            let before = try moving()
            host.texts = try commands.map { ($0, try run($0)) }
            host.dump = HostDump.read()
            if try moving() == before { break }
        }
        try namespace.leave()
        return host
    }

    private func run(_ command: String) throws -> String {
        try ChildProcess.run(command.split(separator: " ").map(String.init)).outputText
    }

    /// What of a new host changes by itself.
    private func moving() throws -> [String] {
        let routes = try run("ip -6 route show table all").split(separator: "\n")
        return [try run("ip -o link"), "\(routes.count)"]
    }

    @Test func isTheHostThatItsToolsPrint() throws {
        let host = try read()
        #expect(host.dump.unread.isEmpty)
        let kept = host.texts.map { "# \($0.command)\n\($0.text)" }.joined(separator: "\n")
        if ProcessInfo.processInfo.environment["RECORD_HOST"] == "1" { try record(host.dump, kept) }
        var comparison = HostComparison(ours: writeToolTexts(host.dump), tools: kept)
        comparison.compareAll()
        #expect(comparison.differences.isEmpty, "\(comparison.differences.joined(separator: "\n"))")
        #expect(comparison.ours.host.routes.count > 60)
        #expect(comparison.ours.host.sets.count >= 11)
        #expect((comparison.ours.host.connections?.count ?? 0) >= 8)
        #expect(comparison.ours.host.sysctls.count > 500)
    }

    /// Of a setting's file the kernel tells no more than the first read asks for.
    @Test func settingsAreReadWhole() throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sysctl", "-w", "net.ipv4.conf.lo.igmpv2_unsolicited_report_interval=12345"])
        let dump = HostDump.read()
        try namespace.leave()
        let name = "net/ipv4/conf/lo/igmpv2_unsolicited_report_interval"
        #expect(dump.settings?.first { $0.path == name }?.value == Array("12345\n".utf8))
    }

    @Test func anEmptyNamespaceHasNoSetsAndNoConnections() throws {
        let namespace = try ScratchNamespace()
        let dump = HostDump.read()
        try namespace.leave()
        #expect(dump.sets == [])
        #expect(dump.connections == [])
        #expect(dump.links?.count == 1)
        let read = HostComparison(ours: writeToolTexts(dump), tools: "").ours.host
        #expect(read.knowsSets && read.connections == [] && read.knowsNeighbours && read.knowsForwardingEntries)
        #expect(read.routesKnownV4 == .allTables && read.routesKnownV6 == .allTables)
        #expect(read.routingRulesV4?.count == 3 && read.routingRulesV6?.count == 2)
    }

    /// Keeps what the kernel and the tools said, for tests without root.
    private func record(_ dump: HostDump, _ texts: String) throws {
        let folder = HostFixtures.folder
        func hexadecimal(_ bytes: [UInt8]) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        var lines = ""
        let parts: [(String, [[UInt8]]?)] = [
            ("link", dump.links), ("address", dump.addresses), ("route", dump.routesV4), ("route6", dump.routesV6),
            ("nexthop", dump.nextHops), ("rule", dump.rulesV4), ("rule6", dump.rulesV6),
            ("neighbour", dump.neighbours), ("forwarding", dump.forwardingEntries), ("set", dump.sets),
            ("connection", dump.connections),
        ]
        for (word, payloads) in parts {
            for payload in payloads ?? [] { lines += "\(word) \(hexadecimal(payload))\n" }
        }
        let kept = texts.components(separatedBy: "# sysctl -a").first ?? texts
        try Data(lines.utf8).write(to: folder.appendingPathComponent("host.netlink"))
        try Data(kept.utf8).write(to: folder.appendingPathComponent("host.txt"))
    }
}
