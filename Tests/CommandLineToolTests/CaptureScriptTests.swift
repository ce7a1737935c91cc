import ArchiveFile
import Foundation
import HostText
import KernelLab
import RuleModel
import SourceText
import Testing

@testable import CommandLineTool

private func works(_ words: [String]) -> Bool { (try? ChildProcess.run(words))?.status == 0 }

private let canMakeHost =
    ScratchNamespace.isPossible()
    && [["nft", "--version"], ["iptables-nft", "--version"], ["ip", "-V"], ["ipset", "--version"], ["ss", "-V"]]
        .allSatisfy(works)

/// Shells that are here.
private let shells: [[String]] = [["sh"], ["busybox", "sh"], ["bash", "--posix"]].filter { works($0 + ["-c", ":"]) }

/// `Tools/capture.sh`: what `hookline capture` does, by a shell and the machine's own tools.
@Suite struct CaptureScriptTests {
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Tools/capture.sh").path

    /// A router with sets, tunnels, both kinds of rules, a listener and a connection.
    private static let host = """
        set -e
        ip link set lo up
        ip link add eth0 type veth peer name far0
        ip link add eth1.5 type veth peer name far1
        ip link add vx type vxlan id 7 remote 192.0.2.9 dstport 4789
        for l in eth0 far0 eth1.5 far1 vx; do ip link set $l addrgenmode none; ip link set $l up; done
        ip addr add 192.0.2.1/24 dev eth0
        ip addr add 10.1.0.1/24 dev eth1.5
        ip addr add 10.2.0.1/24 dev vx
        ip addr add 2001:db8::1/64 dev eth0 nodad
        ip route add default via 192.0.2.254
        ip route add 10.9.0.0/16 via 10.1.0.7 table 100
        ip rule add fwmark 0x9 lookup 100 priority 50
        ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:99 dev eth0
        for l in all eth0 eth1/5; do sysctl -qw net.ipv4.conf.$l.rp_filter=0; done
        sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.ip_forward=1
        ipset create known hash:net comment
        ipset add known 198.51.100.0/24 comment "a b"
        nft add table ip a
        nft add chain ip a f '{ type filter hook forward priority 0; policy accept; }'
        nft add rule ip a f tcp dport 24 drop
        iptables-nft -A FORWARD -p tcp --dport 23 -j REJECT
        iptables-nft -A FORWARD -m set --match-set known src -p tcp --dport 80 -j ACCEPT
        iptables-nft -A FORWARD -i eth0 -m conntrack ! --ctstate DNAT -j DROP
        iptables-nft -t mangle -A PREROUTING -p udp --dport 9 -j MARK --set-mark 9
        iptables-nft -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.1.0.5:80
        ip6tables-nft -A INPUT -p tcp --dport 22 -j ACCEPT
        iptables-legacy -A INPUT -p tcp --dport 25 -j DROP 2>/dev/null || true
        conntrack -I -p tcp -s 198.51.100.9 -d 192.0.2.1 --sport 999 --dport 22 --state ESTABLISHED -t 500 || true
        python3 -c '
        import os, socket, signal
        server = socket.socket()
        server.bind(("192.0.2.1", 7777))
        server.listen(5)
        if os.fork(): os._exit(0)
        signal.alarm(60)
        signal.pause()
        '

        """

    private static let questions = [
        "--in eth0 --from 198.51.100.7 --to 10.1.0.5:80/tcp", "--in eth0 --from 203.0.113.7 --to 10.1.0.5:80/tcp",
        "--in eth0 --from 198.51.100.7 --to 192.0.2.1:8080/tcp --round-trip",
        "--in eth1.5 --from 10.1.0.5 --to 198.51.100.7:23/tcp", "--in eth1.5 --from 10.1.0.5 --to 198.51.100.7:24/tcp",
        "--in eth1.5 --from 10.1.0.5 --to 10.9.0.1:9/udp", "--in eth1.5 --from 10.1.0.5 --to 10.2.0.9:5/udp",
        "--from host --to internet:443/tcp", "--in eth0 --from 2001:db8::7 --to [2001:db8::1]:22/tcp",
        "--in eth0 --from 198.51.100.9 --to 192.0.2.1:25/tcp", "--in eth0 --from 198.51.100.9 --to 192.0.2.1:7777/tcp",
        "--in eth0 --from 10.1.0.77 --to 192.0.2.1:7778/tcp", "--in eth0 --from 198.51.100.9:999 --to 192.0.2.1:22/tcp",
    ]

    /// An answer without the places where it was read.
    private func answer(_ question: String, _ folder: String) -> String {
        let result = call(["trace", folder] + question.split(separator: " ").map(String.init) + ["--json"])
        #expect(result.status == 0, "\(question): \(result.error)")
        return result.output.replacing(/"(file|line|handle)":("[^"]*"|\d+),?/, with: "")
            .replacing(/[^ "]*\/[a-z0-9-]*\.txt:\d+/, with: "FILE").replacing(
                /hookline-script-[0-9]+-\w+-\w+/, with: "")
    }

    private func folder(_ name: String) -> URL {
        FileManager.default.temporaryDirectory.appendingPathComponent(
            "hookline-script-\(ProcessInfo.processInfo.processIdentifier)-\(name)")
    }

    @Test(.enabled(if: canMakeHost, "needs root, namespaces, nft, iptables-nft, ip, ipset and ss"), arguments: shells)
    func answersAsOursDoes(_ shell: [String]) throws {
        let (ours, theirs) = (folder(shell[0] + "-ours"), folder(shell[0] + "-theirs"))
        for one in [ours, theirs] { try? FileManager.default.removeItem(at: one) }
        defer { for one in [ours, theirs] { try? FileManager.default.removeItem(at: one) } }
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sh", "-s"], input: Self.host)
        // The kernel adds routes of a link that has come up by and by.
        var captured = Call()
        var ran: ChildProcess.Result?
        for _ in 0..<40 {
            captured = call(["capture", "-o", ours.path])
            try? FileManager.default.removeItem(at: theirs)
            ran = try ChildProcess.run(shell + [Self.script, "-o", theirs.path])
            if call(["capture", "-o", ours.path]).written == captured.written { break }
        }
        _ = try? ChildProcess.run(["sh", "-c", "kill $(ss -lntp | sed -n 's/.*pid=\\([0-9]*\\),.*/\\1/p')"])
        try namespace.leave()
        let script = try #require(ran)
        #expect(script.status == 0 && script.errorText == "", "\(script.errorText)")
        #expect(script.outputText == theirs.path + "\n")
        try FileManager.default.createDirectory(at: ours, withIntermediateDirectories: true)
        for (path, text) in captured.written { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
        for question in Self.questions {
            #expect(answer(question, ours.path) == answer(question, theirs.path), "\(question)")
        }
        for path in [ours.path, theirs.path] {
            let inputs = call(["show", path, "--inputs"])
            #expect(inputs.output.contains("Nothing is missing."), "\(inputs.output)")
            #expect(!inputs.output.contains("Not recognised"), "\(inputs.output)")
        }
        // Nothing was loaded, and nothing secret taken.
        let settings = try String(contentsOf: theirs.appendingPathComponent("sysctl.txt"), encoding: .utf8)
        #expect(settings.contains("/proc/sys/net/ipv4/conf/eth1.5/rp_filter:0\n"))
        #expect(!settings.contains("_key") && !settings.contains("secret"))
    }

    @Test(.enabled(if: canMakeHost, "needs root and namespaces"), arguments: shells)
    func anArchiveOnStandardOutputIsReadable(_ shell: [String]) throws {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["nft", "add", "table", "ip", "t"])
        let text = try Data(contentsOf: URL(fileURLWithPath: Self.script))
        let result = try ChildProcess.run(shell + ["-s", "--", "-o", "-"], input: Array(text))
        try namespace.leave()
        #expect(result.status == 0 && result.errorText == "", "\(result.errorText)")
        let members = try CaptureTests.members(result.output)
        #expect(members.count > 12)
        let host = ProcessInfo.processInfo.hostName
        #expect(members.values.contains("# Written by hookline as `hostname`\n\(host)\n"))
        #expect(members.keys.allSatisfy { $0.hasPrefix("hookline-") && $0.hasSuffix(".txt") })
    }

    /// As in images that hold little: neither tar nor gzip nor awk. What comes is one text.
    @Test(.enabled(if: canMakeHost, "needs root and namespaces")) func withoutTarItIsOneText() throws {
        let programs = folder("programs")
        try? FileManager.default.removeItem(at: programs)
        try FileManager.default.createDirectory(at: programs, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: programs) }
        for name in [
            "sh", "sed", "grep", "find", "sort", "cat", "date", "uname", "id", "tr", "mkdir", "rm", "ls", "ip",
        ] {
            let path = try ChildProcess.check(["sh", "-c", "command -v \(name)"]).split(separator: "\n")[0]
            try FileManager.default.createSymbolicLink(
                atPath: programs.appendingPathComponent(name).path, withDestinationPath: String(path))
        }
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sh", "-s"], input: Self.host)
        let result = try ChildProcess.run([
            "env", "PATH=\(programs.path)", programs.path + "/sh", Self.script, "-o", "-",
        ])
        _ = try? ChildProcess.run(["sh", "-c", "kill $(ss -lntp | sed -n 's/.*pid=\\([0-9]*\\),.*/\\1/p')"])
        try namespace.leave()
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.errorText.contains("note: tar is missing; this is one text"))
        #expect(result.errorText.contains("warning: not read: listening sockets: ss and netstat are missing"))
        var around = Around()
        around.input = result.outputText
        let traced = call("trace - --in eth0 --from 198.51.100.7 --to 10.1.0.5:80/tcp --json", around)
        #expect(traced.output.contains("\"outcome\":\"forwarded\""), "\(traced.error)\(traced.output)")
        #expect(traced.error.contains("not read when this was captured: listening sockets"))
    }

    @Test func nothingIsWrittenOver() throws {
        let taken = folder("taken")
        try FileManager.default.createDirectory(at: taken, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: taken) }
        let file = taken.appendingPathComponent("a.tgz")
        try Data("kept".utf8).write(to: file)
        for path in [taken.path, file.path] {
            let result = try ChildProcess.run(["sh", Self.script, "-o", path])
            #expect(result.status == 2 && result.output.isEmpty)
            #expect(result.errorText.hasPrefix("capture.sh: error: '\(path)' is there already"))
        }
        #expect(try Data(contentsOf: file) == Data("kept".utf8))
    }

    @Test func wordsThatAreNotKnownAreTold() throws {
        let result = try ChildProcess.run(["sh", Self.script, "--frobnicate"])
        #expect(result.status == 2)
        #expect(result.errorText.hasPrefix("capture.sh: error: '--frobnicate' is not known here; usage:"))
        let help = try ChildProcess.run(["sh", Self.script, "--help"])
        #expect(help.status == 0 && help.outputText.contains("usage: capture.sh [-o FILE.tar.gz|DIRECTORY|-]"))
    }

    /// Its own way from /proc/net/ip_vs to what `ipvsadm -Ln` prints is that of `hookline capture`.
    @Test func virtualServicesAreTheSame() throws {
        let text = try String(contentsOfFile: Self.script, encoding: .utf8)
        let start = try #require(text.range(of: "services of IPVS' awk '")).upperBound
        let end = try #require(text.range(of: "' /proc/net/ip_vs", range: start..<text.endIndex)).lowerBound
        var dump = HostDump()
        let services = """
            IP Virtual Server version 1.2.1 (size=4096)
            Prot LocalAddress:Port Scheduler Flags
              -> RemoteAddress:Port Forward Weight ActiveConn InActConn
            TCP  0A600001:01BB rr persistent 10800 FFFFFFFF
              -> C000020A:192B      Masq    1      2          3         
            FWM  0000000A sh persistent 300 FFFFFF00

            """
        dump.virtualServices = Array(services.utf8)
        let ours = try #require(writeToolTexts(dump).first { $0.name == "ipvsadm.txt" })
        let theirs = try ChildProcess.check(["awk", String(text[start..<end])], input: services)
        func words(_ text: String) -> [[Substring]] { text.split(separator: "\n").map { $0.split(separator: " ") } }
        #expect(words(String(decoding: ours.bytes, as: UTF8.self)).dropFirst().elementsEqual(words(theirs)))
    }
}
