import Foundation
import HostText
import KernelLab
import SourceText
import Testing

@testable import CommandLineTool

/// Whether a host with rules can be made here.
private let canMakeHost: Bool = {
    guard ScratchNamespace.isPossible() else { return false }
    return [["nft", "--version"], ["iptables-nft", "--version"], ["ip", "-V"], ["ipset", "--version"]].allSatisfy {
        (try? ChildProcess.run($0))?.status == 0
    }
}()

private let hasLegacy: Bool = {
    guard canMakeHost, let namespace = try? ScratchNamespace() else { return false }
    let found = try? ChildProcess.run(["iptables-legacy", "-t", "filter", "-L"])
    try? namespace.leave()
    return found?.status == 0
}()

/// `hookline capture`, and `--live` with all that it captures.
@Suite(.enabled(if: canMakeHost, "needs root, namespaces, nft, iptables-nft, ip and ipset")) struct CaptureTests {
    /// A router with two wires, a tunnel, a set, and rules of both kinds, the native ones made first.
    private static let host = """
        set -e
        ip link set lo up
        ip link add eth0 type veth peer name far0
        ip link add eth1 type veth peer name far1
        for l in eth0 far0 eth1 far1; do ip link set $l addrgenmode none; ip link set $l up; done
        ip addr add 192.0.2.1/24 dev eth0
        ip addr add 10.1.0.1/24 dev eth1
        ip addr add 2001:db8::1/64 dev eth0 nodad
        ip route add default via 192.0.2.254
        ip route add 10.9.0.0/16 via 10.1.0.7 table 100
        ip rule add fwmark 0x9 lookup 100 priority 50
        ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:99 dev eth0
        for l in all eth0 eth1; do sysctl -qw net.ipv4.conf.$l.rp_filter=0; done
        sysctl -qw net.ipv4.ip_forward=1
        ipset create known hash:net
        ipset add known 198.51.100.0/24
        nft add table ip a
        nft add chain ip a f '{ type filter hook forward priority 0; policy accept; }'
        nft add rule ip a f tcp dport 23 drop
        iptables-nft -A FORWARD -p tcp --dport 23 -j REJECT
        iptables-nft -A FORWARD -m set --match-set known src -p tcp --dport 80 -j ACCEPT
        iptables-nft -A FORWARD -i eth0 -j DROP
        iptables-nft -t mangle -A PREROUTING -p udp --dport 9 -j MARK --set-mark 9
        iptables-nft -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.5:80
        ip6tables-nft -A INPUT -p tcp --dport 22 -j ACCEPT

        """

    private static let questions = [
        "trace %@ --in eth0 --from 198.51.100.7 --to 10.1.0.5:80/tcp --json",
        "trace %@ --in eth0 --from 203.0.113.7 --to 10.1.0.5:80/tcp --json",
        "trace %@ --in eth0 --from 198.51.100.7 --to 192.0.2.1:8080/tcp --round-trip --json",
        "trace %@ --in eth1 --from 10.1.0.5 --to 198.51.100.7:23/tcp --json",
        "trace %@ --in eth1 --from 10.1.0.5 --to 10.9.0.1:9/udp --json",
        "trace %@ --from host --to internet:443/tcp --json",
        "trace %@ --in eth0 --from 2001:db8::7 --to [2001:db8::1]:22/tcp --json", "show %@", "show %@ --inputs",
        "show %@ --format iptables-save -c", "show %@ --format nft", "graph %@",
    ]

    private func ask(_ question: String, _ snapshot: String) -> Call {
        call(question.split(separator: " ").map { $0 == "%@" ? snapshot : String($0) })
    }

    /// The same but for the folder, whose name stands in it.
    private func without(_ folder: String, _ text: String) -> String {
        text.replacingOccurrences(of: folder + "/", with: "F/")
    }

    @Test func folderAnswersAsTheMachineItself() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "hookline-capture-\(ProcessInfo.processInfo.processIdentifier)")
        try? FileManager.default.removeItem(at: folder)
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sh", "-s"], input: Self.host)
        var captured = Call()
        var live: [Call] = []
        // The kernel adds routes of a link that has come up by and by.
        for _ in 0..<40 {
            captured = call(["capture", "-o", folder.path + "/"])
            live = Self.questions.map { ask($0, "--live") }
            if call(["capture", "-o", folder.path + "/"]).written == captured.written { break }
        }
        try namespace.leave()
        #expect(captured.status == 0)
        #expect(captured.output == folder.path + "\n")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (path, text) in captured.written { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
        for (question, one) in zip(Self.questions, live) {
            let other = ask(question, folder.path)
            #expect(one.status == 0 && other.status == 0, "\(question): \(one.error)\(other.error)")
            #expect(without("live", one.output) == without(folder.path, other.output), "\(question)")
        }
        #expect(live[0].output.contains("\"outcome\":\"forwarded\""))
        #expect(live[1].output.contains("\"outcome\":\"dropped\""))
        #expect(live[2].output.contains("\"destination\":\"10.1.0.5\""))
        // Both tables want it; that of iptables was made last, and is asked first.
        #expect(live[3].output.contains("\"outcome\":\"rejected\""))
        #expect(live[4].output.contains("\"table\":\"100\""))
        #expect(live[5].output.contains("\"interface\":\"eth0\""))
    }

    @Test func saysWhatIsNeverRead() throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["nft", "add", "table", "ip", "t"])
        let result = call("show --live --inputs")
        try namespace.leave()
        #expect(
            result.error
                == "hookline: note: not read of this machine: listening sockets, traffic control, IPsec policies, IPVS and Open vSwitch [live]\n"
        )
        #expect(result.output.contains("listeners"))
        let missing = result.output.split(separator: "\n").drop { !$0.hasPrefix("Missing") }.dropFirst()
        #expect(missing.count == 1, "\(missing)")
    }

    @Test(.enabled(if: hasLegacy, "needs iptables-legacy")) func rulesOfLegacyAreRead() throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "23", "-j", "DROP"])
        let shown = call("show --live --format iptables-save")
        let captured = call("capture -o /made")
        let path = "/made/iptables-legacy-save.txt"
        try namespace.leave()
        #expect(shown.output.contains("-A INPUT -p tcp -m tcp --dport 23 -j DROP"))
        #expect(captured.written[path]?.contains("--dport 23 -j DROP") == true)
        #expect(!captured.error.contains("no-rules"))
    }

    @Test func aNameTellsHostAndTime() throws {
        let namespace = try ScratchNamespace()
        let result = call("capture")
        try namespace.leave()
        #expect(result.output == "hookline-node-a-20261126T110457Z\n")
        #expect(result.written["hookline-node-a-20261126T110457Z/ip-addr.txt"]?.contains("1: lo:") == true)
        #expect(result.error.contains("there are no rules in this network namespace [no-rules]"))
    }

    @Test func nothingIsWrittenOver() throws {
        let namespace = try ScratchNamespace()
        let result = call("capture -o /taken")
        try namespace.leave()
        #expect(result.status == 2)
        #expect(result.written.isEmpty && result.output.isEmpty)
        #expect(result.error == "/taken: error: mkdir: file exists\n")
    }
}

/// Calls that read nothing.
@Suite struct CaptureCallTests {
    @Test func saysThatTheProgramOfLegacyIsMissing() {
        let result = saveLegacy(["/nowhere/iptables-legacy-save", "/nowhere/iptables-save"])
        #expect(result == .failure("iptables-legacy-save, which alone can read them, is missing"))
    }

    /// No module, no tables; but a list that can't be read is not an empty one.
    @Test func aListOfTablesThatCannotBeReadIsNotEmpty() throws {
        #expect(try legacyTables(at: "/nowhere/ip_tables_names") == [])
        #expect(throws: FileFailure.self) { try legacyTables(at: "/") }
    }

    /// Rules that are there and could not be read leave no answer sure.
    @Test func rulesThatCouldNotBeReadDecideToo() {
        let unread = unreadTables("ip", ["filter", "nat"], why: "iptables-legacy-save is missing")
        var around = Around()
        around.input += String(decoding: unread.bytes, as: UTF8.self)
        let traced = call("trace - --in eth0 --from 192.0.2.7 --to 192.0.2.1:22/tcp --json", around)
        #expect(traced.output.contains("\"outcome\":\"undecided\""))
        let words = "rules of iptables-legacy, which could not be read, decide about packets too (ip filter, ip nat)"
        #expect(traced.output.contains(words))
        let inputs = call("show - --inputs", around)
        #expect(inputs.output.contains("rules of iptables-legacy: ip filter, ip nat (-:"))
        let alone = call("show -", Around(input: String(decoding: unread.bytes, as: UTF8.self)))
        #expect(alone.status == 2)
        #expect(alone.error.contains("the rules here could not be read, and there are no others"))
    }

    @Test func complaintsOfTheProgramAreTold() {
        #expect(saveLegacy(["/bin/false"]) == .failure("/bin/false: it failed"))
        #expect(saveLegacy(["/bin/echo"]) == .success(Array("-c\n".utf8)))
    }

    @Test(arguments: ["a.tar.gz", "a.tgz", "a.tar", "a.zip"]) func archivesAreNotWritten(_ name: String) {
        let result = call("capture -o \(name)")
        #expect(result.status == 2)
        #expect(result.error == "hookline: error: capture writes a directory, not '\(name)'; tar czf packs it\n")
    }

    @Test func takesNoSnapshot() {
        let result = call("capture node/")
        #expect(result.status == 2)
        #expect(result.error == "hookline: error: capture takes -o DIRECTORY, and there is 'node/'\n")
    }

    /// The process's own way of making a directory.
    @Test func directoriesAreNewOrEmpty() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "hookline-directory-\(ProcessInfo.processInfo.processIdentifier)")
        try? FileManager.default.removeItem(at: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let surroundings = Surroundings.process()
        try surroundings.makeDirectory(folder.path)
        try surroundings.makeDirectory(folder.path)
        try surroundings.writeFile(folder.path + "/a", [1])
        #expect(throws: (any Error).self) { try surroundings.makeDirectory(folder.path) }
        #expect(throws: (any Error).self) { try surroundings.makeDirectory(folder.path + "/a") }
        #expect(!surroundings.hostName.isEmpty)
        #expect(surroundings.timeStamp().count == 16)
    }
}
