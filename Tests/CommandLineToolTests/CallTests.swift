import Answers
import CommandLineTool
import Foundation
import Testing

/// The manners: what goes where, and with which status it ends.
@Suite struct CallTests {
    @Test(
        "a call that can't be read is one line on standard error and status 2",
        arguments: [
            ("", "no command; 'hookline --help' lists them"),
            ("trcae", "unknown command 'trcae'; did you mean 'trace'?"),
            ("xyzzy", "unknown command 'xyzzy'; 'hookline --help' lists them"),
            ("--vresion", "unknown option '--vresion'; did you mean '--version'?"),
            ("diff - -u", "diff compares two nodes or more; here is one"),
            ("capture node", "with --redact it takes a snapshot"),
            ("replay a", "a snapshot and a capture"), ("trace -", "the packet has no source: --from ADDRESS"),
            ("trace - --from 10.0.0.1", "the packet has no destination"),
            ("trace --from host --to 10.0.0.1", "no snapshot"),
            ("trace - --form 10.0.0.1", "unknown option '--form'; did you mean '--from'?"),
            ("trace --live - --from host --to 10.0.0.1", "--live takes no snapshot beside it"),
            ("trace - --from 10.0.0.300 --to 10.0.0.1", "--from: '10.0.0.300' is not an address"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2/24", "--to: '/24' in '10.0.0.2/24' is a prefix length"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2/tcp", "a tcp packet has a destination port"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2/tcp --proto udp", "--proto: the packet is said to be tcp and udp"),
            (
                "trace - --from 10.0.0.1 --to 10.0.0.2:80 --dport 81",
                "--dport: the destination port is said to be 80 and 81"
            ),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --sport x", "--sport: 'x' is not a port"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --dport 65536", "--dport: '65536' is not a port"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --ttl 256", "--ttl: '256' is not a TTL"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --mark 0x1ffffffff", "--mark: '0x1ffffffff' is not a mark"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --ct-mark a", "--ct-mark: 'a' is not a mark"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --dscp 64", "--dscp: '64' is not a DSCP value"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --length 70000", "--length: '70000' is not a length"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --uid root", "--uid: 'root' is not a user's number"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --mac 1:2", "--mac: '1:2' is not a hardware address"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --state old", "--state: 'old' is not a state"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --tcp-flags x", "--tcp-flags: 'x' is not a TCP flag"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --icmp-type x", "--icmp-type: 'x' is not an ICMP type"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --icmp-code 256", "--icmp-code: '256' is not an ICMP code"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --detail all", "'all' is not one of summary, path and full"),
            (
                "trace - --from 10.0.0.1 --to 10.0.0.2 --expect yes",
                "--expect: 'yes' is not one of accept, drop, forwarded"
            ),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --assume limit", "--assume: 'limit' is not NAME=VALUE"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --color red", "'red' is not one of auto, always and never"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --in=", "--in: an interface has a name"),
            ("trace - --from 10.0.0.1 --to 10.0.0.2 --flows", "--flows goes with --packets"),
            ("trace - --packets p --from 10.0.0.1", "--packets brings packets of its own"),
            ("trace - --packets -", "standard input can't be both"),
            ("trace - --packet hello", "--packet: --packet can't tell what this is"),
            ("trace - --from pod:a/b --to 10.0.0.1", "objects of Kubernetes"),
            ("trace - --from host --to 10.0.0.1 --in eth0", "is made here and does not come in by eth0"),
            ("show - --format xml", "'xml' is not one of tree, iptables-save, nft and json"), ("show", "no snapshot"),
            ("graph - --format gif", "'gif' is not one of svg, png, dot and mermaid"),
            ("graph - -o chains.gif", "does not tell the format"), ("graph - -o chains", "does not tell the format"),
            ("graph - --hook nowhere", "'nowhere' is not one of ingress, prerouting"),
            ("graph - --table nowhere", "--table: no table 'nowhere'"),
            ("graph - --table filte", "no table 'filte'; did you mean 'filter'?"),
            ("graph - --chain INPU", "--chain: no chain 'INPU'; did you mean 'INPUT'?"),
            ("graph - --owner kubeproxy", "no maker 'kubeproxy'; did you mean 'kube-proxy'?"),
            ("graph - --owner nobody", "no maker 'nobody': calico, kube-proxy, "),
            ("graph - --depth many", "--depth: "), ("graph - --fold -1", "--fold: "),
            ("completions", "one of bash, zsh and fish"),
            ("completions tcsh", "one of bash, zsh and fish"), ("man x", "man takes no words"),
            ("help trcae", "no command 'trcae'; did you mean 'trace'?"),
        ])
    func badCalls(_ line: String, _ message: String) {
        let call = call(line)
        #expect(call.status == 2)
        #expect(call.output == "")
        #expect(call.error.hasPrefix("hookline: error: "))
        #expect(call.error.contains(message), "\(call.error)")
        #expect(call.error.split(separator: "\n").count == 1)
    }

    @Test func noRulesAtAllIsStatusTwoWithThePlace() {
        let call = call("trace - --from 10.0.0.1 --to 10.0.0.2:80", Around(input: "hello\n"))
        #expect(call.status == 2)
        #expect(call.output == "")
        #expect(call.error.contains("error: "))
    }

    @Test func aFileThatIsNotThere() {
        let call = call("show nowhere.txt")
        #expect(call.status == 2)
        #expect(call.output == "")
        #expect(call.error == "nowhere.txt: error: stat: no such file or directory\n")
    }

    @Test func versionAndHelpGoToStandardOutput() {
        #expect(call("--version").output == "hookline \(hooklineVersion)\n")
        let help = call("--help")
        #expect(help.status == 0)
        for name in ["trace", "show", "graph", "completions"] { #expect(help.output.contains("\n  \(name)")) }
        #expect(help.output.contains("replay"))
        for name in ["trace", "show", "graph"] {
            for line in ["\(name) --help", "\(name) -h", "help \(name)", "\(name) --bogus --help"] {
                let own = call(line)
                #expect(own.status == 0, "\(line)")
                #expect(own.output.hasPrefix("usage: hookline \(name) "))
                #expect(own.output.contains("Examples:"))
                #expect(own.error == "")
            }
        }
    }

    private let packet = "--in eth0 --from 198.51.100.7 --to 192.0.2.1:80/tcp"

    @Test func linesThatCannotBeReadAreToldAndStrictMakesThemAFailure() {
        let input = hostSnapshot.replacing(
            "-A INPUT -i eth0 -j DROP\n", with: "-A INPUT --bogus\n-A INPUT -i eth0 -j DROP\n")
        let plain = call("trace - \(packet)", Around(input: input))
        #expect(plain.status == 0)
        #expect(plain.output.contains("192.0.2.1:80"))
        #expect(plain.error.contains("-:9:10: "))
        #expect(plain.error.contains("\n    -A INPUT --bogus\n             ^\n"))
        let strict = call("trace - \(packet) --strict", Around(input: input))
        #expect(strict.status == 2)
        #expect(strict.output == plain.output)
        #expect(call("trace - \(packet) --strict").status == 0)
    }

    @Test func ofOneKindOfDiagnosticTwentyAreShown() {
        let bad = String(repeating: "-A INPUT --bogus -j DROP\n", count: 25)
        let input = hostSnapshot.replacing("-A INPUT -i eth0 -j DROP\n", with: bad)
        let call = call("show -", Around(input: input))
        let lines = call.error.split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("-:") }.count == 20)
        #expect(lines.last?.hasPrefix("hookline: and 5 more of [") == true)
    }

    @Test func aReaderThatWentAwayEndsItQuietly() {
        let call = call("trace - \(packet)", Around(failingWrite: (1, 32)))
        #expect(call.status == 141)
        #expect(call.error == "")
    }

    @Test func aFullDiskIsAnError() {
        let call = call("trace - \(packet)", Around(failingWrite: (1, 28)))
        #expect(call.status == 2)
        #expect(call.error == "standard output: error: write: no space left on device\n")
    }

    @Test func colourIsForTerminals() {
        func isColored(_ options: String, _ around: Around) -> Bool {
            call("trace - \(packet) \(options)", around).output.contains("\u{1b}[")
        }
        let terminal = Around(outputIsTerminal: true)
        #expect(!isColored("", Around()))
        #expect(isColored("", terminal))
        #expect(isColored("--color always", Around()))
        #expect(!isColored("--color never", terminal))
        #expect(!isColored("", Around(outputIsTerminal: true, environment: ["NO_COLOR": "1"])))
        #expect(isColored("", Around(outputIsTerminal: true, environment: ["NO_COLOR": ""])))
        #expect(!isColored("", Around(outputIsTerminal: true, environment: ["TERM": "dumb"])))
        #expect(isColored("--color=always", Around(environment: ["NO_COLOR": "1"])))
        #expect(!isColored("--json --color always", Around()))
    }

    @Test func aTerminalsWidthIsKept() {
        let narrow = call(
            "trace - \(packet) --detail summary",
            Around(outputIsTerminal: true, width: 50, environment: ["NO_COLOR": "1"]))
        let lines = narrow.output.split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 50 }, "\(narrow.output)")
        let wide = call("trace - \(packet) --detail summary")
        #expect(wide.output.split(separator: "\n").contains { $0.count > 80 })
    }

    @Test func workOverASecondIsShownOnATerminalOnly() {
        let terminal = call("trace - \(packet)", Around(errorIsTerminal: true, step: 1))
        #expect(terminal.error.hasPrefix("\r\u{1b}[Kreading - …"))
        #expect(terminal.error.hasSuffix("\r\u{1b}[K"))
        #expect(call("trace - \(packet)", Around(step: 1)).error == "")
        #expect(call("trace - \(packet)", Around(errorIsTerminal: true)).error == "")
    }
}

@Suite struct SnapshotOptionTests {
    @Test func aFileBelowAFolderThatCanNotBeReadIsTold() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("hookline-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        try Data(hostSnapshot.utf8).write(to: root.appendingPathComponent("all"))
        try Data("notes".utf8).write(to: root.appendingPathComponent("notes"))
        try Data([0xff, 0xfe] + "default".utf8.flatMap { [$0, 0] }).write(to: root.appendingPathComponent("routes"))
        let shown = call(["show", root.path])
        #expect(shown.status == 0)
        #expect(shown.error.hasPrefix("\(root.path)/routes: warning: UTF-16 text"))
        #expect(!shown.error.contains("notes"))
        #expect(call(["show", root.path, "--strict"]).status == 2)
    }

    @Test func traceWithoutAnythingTellsWhatItNeeds() {
        #expect(call(["trace"]).error.contains("no snapshot and no packet; 'hookline trace --help'"))
    }

    @Test func twoDumpsOfOneTableAreAnErrorUnlessTheLatestIsAskedFor() {
        let table = "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
        let header = "$ iptables-save\n# Generated by iptables-save v1.8.9 (nf_tables)\n"
        let input = header + table + header + table.replacing("INPUT DROP", with: "INPUT ACCEPT")
        let error = call("show -", Around(input: input))
        #expect(error.status == 2)
        #expect(error.output == "")
        #expect(error.error.hasPrefix("-:"))
        #expect(error.error.contains("error: "))
        let latest = call("show - --latest", Around(input: input))
        #expect(latest.status == 0)
        #expect(latest.output.contains("filter/INPUT  0 rules, policy ACCEPT"))
    }
}
