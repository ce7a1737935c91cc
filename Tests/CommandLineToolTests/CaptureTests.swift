import ArchiveFile
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

    @Test func nothingIsMissing() throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["nft", "add", "table", "ip", "t"])
        let result = call("show --live --inputs")
        try namespace.leave()
        #expect(result.error == "")
        #expect(result.output.hasSuffix("\nNothing is missing.\n"))
    }

    /// What else decides, and who listens, told as the tools tell it.
    @Test func socketsAndOtherDecidersAreRead() throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sh", "-s"], input: Self.host + Self.others)
        let result = call("capture -o /made")
        let inputs = call("show --live --inputs")
        let traced = call("trace --live --in eth0 --from 192.0.2.9 --to 192.0.2.1:7777/tcp --json")
        let tools = try ChildProcess.check(["ss", "-lntu"])
        // Ends the listener.
        _ = try? ChildProcess.run(["sh", "-c", "kill $(ss -lntp | sed -n 's/.*pid=\\([0-9]*\\),.*/\\1/p')"])
        try namespace.leave()
        let sockets = try #require(result.written["/made/ss.txt"])
        for line in sockets.split(separator: "\n").dropFirst(2) {
            let words = line.split(separator: " ")
            #expect(words.count == 7 && tools.contains(" \(words[4]) "), "\(line)")
        }
        #expect(sockets.split(separator: "\n").count == tools.split(separator: "\n").count + 1)
        #expect(sockets.contains(" *:7777  *:*  users:((\""))
        #expect(result.written["/made/tc.txt"]?.contains("qdisc clsact ffff: dev eth0 parent ffff:fff1\n") == true)
        #expect(
            result.written["/made/ip-xfrm-policy.txt"]?.hasSuffix(
                "src 10.0.0.0/8 dst 10.77.0.0/16 proto 6\n\tdir out action block priority 9\n") == true)
        #expect(result.written["/made/uname.txt"]?.isEmpty == false)
        #expect(inputs.output.contains("src 10.0.0.0/8 dst 10.77.0.0/16 proto 6 (live/ip-xfrm-policy.txt:2)"))
        #expect(traced.output.contains("\"listener\":{"), "\(traced.output)")
    }

    /// A listener that lives as long as it is let, a place for filters, and an IPsec policy.
    private static let others = """
        tc qdisc add dev eth0 clsact
        ip xfrm policy add src 10.0.0.0/8 dst 10.77.0.0/16 proto tcp dir out action block priority 9
        python3 -c '
        import os, socket, signal
        server = socket.socket(socket.AF_INET6)
        server.bind(("::", 7777))
        server.listen(5)
        if os.fork(): os._exit(0)
        signal.alarm(60)
        signal.pause()
        '

        """

    /// Another namespace, by a process that is in it and by a file.
    @Test func anotherNamespaceIsRead() throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(
            ["sh", "-s"],
            input: "ip link add inside type dummy 2>/dev/null || ip link add inside type veth peer name o\n")
        let number = try ChildProcess.check(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"])
        let process = String(number.prefix { $0 != "\n" })
        try namespace.leave()
        defer { _ = try? ChildProcess.run(["kill", process]) }
        for name in [process, "/proc/\(process)/ns/net"] {
            let result = call(["capture", "--netns", name, "-o", "/made"])
            #expect(result.status == 0, "\(result.error)")
            #expect(result.written["/made/ip-addr.txt"]?.contains(": inside") == true)
        }
        // Back where it was.
        #expect(call("capture -o /made").written["/made/ip-addr.txt"]?.contains(": inside") == false)
    }

    @Test func thisMachineIsRedactedToo() throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sh", "-s"], input: Self.host)
        let result = call("capture --redact -o /made")
        try namespace.leave()
        #expect(result.status == 0)
        let all = result.written.values.joined(separator: "\n")
        for word in ["10.1.0.5", "far0", "node-a", "198.51.100.0/24 "] { #expect(!all.contains(word), "\(word)") }
        #expect(result.written["/made/iptables-save.txt"]?.contains("-j DNAT --to-destination 10.") == true)
        #expect(result.written["/made/capture-notes.txt"]?.contains("redacted\n") == true)
    }

    /// What this kernel lets one read and no other machine shall know.
    @Test func noSecretIsTaken() throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.run(["sysctl", "-qw", "net.ipv4.tcp_fastopen_key=01234567-89abcdef-01234567-89abcdef"])
        let result = call("capture -o /made")
        try namespace.leave()
        let settings = try #require(result.written["/made/sysctl.txt"])
        #expect(settings.contains("net.ipv4.ip_forward"))
        for word in ["_key", "secret", "89abcdef"] { #expect(!settings.contains(word)) }
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
        let name = "hookline-node-a-20261126T110457Z"
        #expect(result.output == name + ".tar.gz\n")
        let members = try Self.members(try #require(result.writtenBytes[name + ".tar.gz"]))
        #expect(members[name + "/ip-addr.txt"]?.contains("1: lo:") == true)
        #expect(result.error.contains("there are no rules in this network namespace [no-rules]"))
    }

    static func members(_ archive: [UInt8]) throws -> [String: String] {
        var members: [String: String] = [:]
        try readArchive(bytes: archive) { member in
            if case .file(let name, let bytes) = member { members[name] = String(decoding: bytes, as: UTF8.self) }
        }
        return members
    }

    /// An archive on standard output holds what a directory does.
    @Test func anArchiveHoldsWhatADirectoryDoes() throws {
        let namespace = try ScratchNamespace()
        let folder = call("capture -o /made")
        let archive = call("capture -o -")
        try namespace.leave()
        let members = try Self.members(archive.outputBytes)
        let names = members.keys.map { $0.replacingOccurrences(of: "hookline-node-a-20261126T110457Z", with: "/made") }
        #expect(Set(names) == Set(folder.written.keys))
        #expect(names.count > 12)
    }

    @Test func nothingIsWrittenOver() throws {
        let namespace = try ScratchNamespace()
        let result = call("capture -o /taken")
        let archive = call("capture -o /taken.tgz")
        try namespace.leave()
        #expect(result.status == 2 && archive.status == 2)
        #expect(result.written.isEmpty && result.output.isEmpty && archive.writtenBytes.isEmpty)
        #expect(result.error == "/taken: error: mkdir: file exists\n")
        #expect(archive.error == "/taken.tgz: error: open: file exists\n")
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
        #expect(inputs.output.contains("rules of iptables-legacy, which could not be read: ip filter, ip nat (-:"))
        let alone = call("show -", Around(input: String(decoding: unread.bytes, as: UTF8.self)))
        #expect(alone.status == 2)
        #expect(alone.error.contains("the rules here could not be read, and there are no others"))
    }

    @Test func complaintsOfTheProgramAreTold() {
        #expect(saveLegacy(["/bin/false"]) == .failure("/bin/false: it failed"))
        #expect(saveLegacy(["/bin/echo"]) == .success(Array("-c\n".utf8)))
    }

    @Test(arguments: ["a.tar", "a.tar.xz", "a.zip"]) func otherArchivesAreNotWritten(_ name: String) {
        let result = call("capture -o \(name)")
        #expect(result.status == 2)
        #expect(result.error == "hookline: error: an archive is written as .tar.gz, not as '\(name)'\n")
    }

    @Test func noArchiveGoesToATerminal() {
        var around = Around()
        around.outputIsTerminal = true
        let result = call("capture -o -", around)
        #expect(result.status == 2)
        #expect(result.error.contains("an archive is nothing for a terminal"))
    }

    @Test(arguments: ["nosuchname", "/nowhere", "999999999", ".", "../no-such-place/x"])
    func aNamespaceThatIsNotThereIsTold(_ name: String) {
        let result = call(["capture", "--netns", name, "-o", "/made"])
        #expect(result.status == 2 && result.written.isEmpty)
        #expect(result.error.hasPrefix("hookline: error: entering '\(name)': "))
        #expect(result.error.contains("no such namespace") || result.error.contains("names no namespace"))
    }

    @Test(.enabled(if: ScratchNamespace.isPossible(), "needs root")) func aFileThatIsNoNamespaceIsTold() {
        let result = call("capture --netns /etc/passwd -o /made")
        #expect(result.status == 2)
        #expect(result.error == "hookline: error: entering '/etc/passwd': it is no network namespace\n")
    }

    @Test func takesNoSnapshot() {
        let result = call("capture node/")
        #expect(result.status == 2)
        #expect(
            result.error
                == "hookline: error: capture reads this machine; with --redact it takes a snapshot such as 'node/'\n")
    }

    @Test func aSnapshotIsRedacted() throws {
        var around = Around()
        around.input += "# kubectl get pods -o yaml\napiVersion: v1\nkind: acme\n"
        let result = call("capture --redact - -o /made --mapping /map", around)
        #expect(result.status == 0)
        #expect(result.output == "/made\n")
        let text = try #require(result.written["/made/input.txt"])
        #expect(
            text.contains(":FORWARD DROP [0:0]") && text.contains("inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0")
        )
        #expect(!text.contains("10.1.0.") && !text.contains("acme") && !text.contains("02:00:00:00:00:01"))
        #expect(result.written["/made/capture-notes.txt"] == "# Written by hookline as `capture notes`\nredacted\n")
        let mapping = String(decoding: try #require(result.writtenBytes["/map"]), as: UTF8.self)
        #expect(mapping.contains("\n10.1.0.0/24\t10."))
        #expect(
            result.error.contains("input.txt:39: note: left out: 2 lines of kubectl or calicoctl objects [left-out]"))
        // What it is read as again.
        let shown = call("show - --inputs", Around(input: text))
        #expect(shown.status == 0)
    }

    @Test func aRedactedArchiveBearsNoName() throws {
        let result = call("capture --redact -")
        #expect(result.output == "hookline-redacted-20261126T110457Z.tar.gz\n")
        let members = try CaptureTests.members(
            try #require(result.writtenBytes["hookline-redacted-20261126T110457Z.tar.gz"]))
        #expect(members.count == 2)
        // Each call has a key of its own.
        let other = try #require(call("capture --redact -").writtenBytes.values.first)
        #expect(try CaptureTests.members(other) != members)
    }

    @Test func redactionOfNothingIsAFailure() {
        let result = call("capture --redact - -o /made", Around(input: "our own words\n"))
        #expect(result.status == 0 || result.error.contains("nothing in this input is known"))
        #expect(call("capture --mapping /m -o /made").error == "hookline: error: --mapping goes with --redact\n")
        #expect(call("capture --redact - --netns a").error.contains("--netns is of this machine"))
        #expect(call("capture --redact /nowhere").status == 2)
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
        #expect(throws: (any Error).self) { try surroundings.createFile(folder.path + "/a", [2]) }
        try surroundings.createFile(folder.path + "/b", [2])
        #expect(try readFile(folder.path + "/a") == [1])
        #expect(try readFile(folder.path + "/b") == [2])
        #expect(surroundings.calendarTime() > 1_700_000_000)
        #expect(!surroundings.hostName.isEmpty)
        #expect(surroundings.timeStamp().count == 16)
    }
}
