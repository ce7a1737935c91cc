import Foundation
import Testing

@Suite("Check: what it says of a policy")
struct CheckCommandTests {
    /// The answer for a policy on `hostSnapshot`, or on `snapshot`.
    private func check(_ policy: String, _ options: [String] = [], snapshot: String = hostSnapshot) -> Call {
        var around = Around()
        around.input = snapshot
        around.files = ["policy.yaml": [policy]]
        return call(["check"] + options + ["-", "policy.yaml"], around)
    }

    /// The options of the first example that an answer in JSON has.
    private func example(_ answer: Call) throws -> [String] {
        let line = try #require(answer.output.split(separator: "\n").first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let findings = try #require(object["findings"] as? [[String: Any]])
        let examples = try #require(findings.first?["examples"] as? [[String: Any]])
        let options = try #require(examples.first?["options"] as? String)
        return words(options)
    }

    /// The words that a shell makes of options.
    private func words(_ options: String) -> [String] {
        options.replacing("'", with: "").split(separator: " ").map(String.init)
    }

    // MARK: Claims

    @Test(arguments: [
        "allow: {in: eth0, to: 'host:22/tcp'}",
        "allow: {from: 10.1.0.0/24, to: 'host:80/tcp', ip: 4}",
        "allow: {in: eth0, to: host, state: [established, related]}",
        "deny: {in: eth0, to: 'host:80/tcp'}",
        "deny: {in: eth0, to: host, proto: udp}",
        "deny: {in: eth1, to: 10.7.0.1}",
        "deny: {in: eth0, to: host, proto: tcp, except: {to: 'any:22/tcp'}}",
        "translate: {in: eth1, from: 10.1.0.5, to: 'host:80/tcp'}\n    as: unchanged",
        "same: {in: eth0, to: 'host:80/tcp'}\n    as: {in: eth0, to: 'host:443/tcp'}",
    ])
    func `holds where every packet is as it says`(_ claim: String) {
        let answer = check("statements:\n  - name: it\n    \(claim)\n")
        #expect(answer.status == 0, "\(answer.output)\(answer.error)")
        #expect(answer.output.hasPrefix("HOLDS: it"), "\(answer.output)")
        #expect(answer.output.contains("1 statement: 1 holds."))
    }

    /// What no network carries is left aside for each IP version by itself: of IPv6 nothing else is left on a host without
    /// such addresses.
    @Test func martiansOfOneVersionAreNoneOfTheStatement() {
        let answer = check("statements:\n  - name: it\n    allow: {from: internet, to: 'host:22/tcp'}\n")
        #expect(answer.output.hasPrefix("HOLDS: it"), "\(answer.output)")
    }

    /// Rules that are not in the snapshot may refuse what the others let through.
    @Test func withoutRulesOfAVersionNothingIsSaidForSure() {
        let policy = "statements:\n  - name: it\n    deny: {in: eth0, to: 'host:443/tcp', ip: 6}\n"
        let addresses = hostSnapshot.replacing(
            "inet 192.0.2.1/24", with: "inet6 2001:db8::1/64 scope global\n    inet 192.0.2.1/24")
        let answer = check(policy, snapshot: addresses)
        #expect(answer.output.contains("NOT PROVED: it") && answer.status == 1, "\(answer.output)\(answer.error)")
        #expect(answer.output.contains("ip6tables: whether rules that are not in the snapshot"), "\(answer.output)")
    }

    @Test(arguments: [
        ("allow: {in: eth0, to: 'host:80/tcp'}", "-A INPUT -i eth0 -j DROP", "dropped"),
        ("deny: {in: eth0, to: 'host:1-1023/tcp'}", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", "delivered"),
        ("allow: {in: eth1, to: 192.0.2.7}", ":FORWARD DROP [0:0]", "dropped"),
        ("deny: {in: eth0, to: host, state: established}", "RELATED,ESTABLISHED -j ACCEPT", "delivered"),
        ("translate: {in: eth0, to: 'host:22/tcp'}", "--dport 22 -j ACCEPT", "delivered"),
        ("translate: {in: eth0, to: 'host:22/tcp'}\n    as: {to: 10.1.0.9}", "--dport 22 -j ACCEPT", "delivered"),
        ("unreachable-rule: filter/INPUT:4", "-A INPUT -i eth0 -j DROP", "dropped"),
        ("unreachable-rule: -A INPUT -i eth0 -j DROP", "-A INPUT -i eth0 -j DROP", "dropped"),
    ])
    func `shows a packet that breaks it and the rule that decided`(
        _ claim: String, _ rule: String, _ outcome: String
    ) throws {
        let policy = "statements:\n  - name: it\n    \(claim)\n"
        let answer = check(policy)
        #expect(answer.status == 1, "\(answer.error)")
        #expect(answer.output.hasPrefix("FAILS: it"), "\(answer.output)")
        #expect(answer.output.contains(rule), "\(answer.output)")
        let options = try example(check(policy, ["--json"]))
        #expect(answer.output.contains("hookline trace - " + options.joined(separator: " ")))
        let trace = call(["trace", "-"] + options + ["--json"])
        #expect(trace.status == 0, "\(trace.error)")
        #expect(trace.output.contains("\"outcome\":\"\(outcome)\""), "\(options): \(trace.output)")
    }

    @Test func `what depends on the unknown is not proved, unless that is enough`() {
        let claim = "statements:\n  - name: ping\n    allow: {in: eth0, to: 192.0.2.1, proto: icmp, icmp-type: 8/0}\n"
        let answer = check(claim)
        #expect(answer.status == 1)
        #expect(answer.output.hasPrefix("NOT PROVED: ping"), "\(answer.output)")
        #expect(answer.output.contains("limit@filter/INPUT:3"))
        let conceded = check(claim + "    possibly: ok\n")
        #expect(conceded.status == 0)
        #expect(conceded.output.hasPrefix("LET PASS: ping"), "\(conceded.output)")
    }

    @Test func `what depends on no unknown fails even where that would be enough`() {
        let answer = check("statements:\n  - name: it\n    deny: {in: eth0, to: 'host:22/tcp'}\n    possibly: ok\n")
        #expect(answer.status == 1)
        #expect(answer.output.hasPrefix("FAILS: it"), "\(answer.output)")
    }

    @Test func `a claim about no packet fails, unless that is enough`() {
        let claim = "statements:\n  - name: it\n    deny: {from: host, to: any, in: eth0}\n"
        #expect(check(claim).status == 1)
        #expect(check(claim).output.contains("No packet is meant by it"), "\(check(claim).output)")
        #expect(check(claim + "    empty: ok\n").status == 0)
    }

    @Test func `what a set names and the snapshot lacks fails that statement alone`() {
        let answer = check(
            "statements:\n  - name: a\n    deny: {in: eth7}\n  - name: b\n    allow: {in: eth0, to: 'host:22/tcp'}\n")
        #expect(answer.status == 1)
        #expect(answer.output.contains("there is no interface 'eth7'"), "\(answer.output)")
        #expect(answer.output.contains("HOLDS: b"))
    }

    @Test func `packets that differ only in the port are shown in pairs`() {
        let answer = check(
            """
            statements:
              - name: it
                same: {in: eth0, to: 'host:22/tcp'}
                as: {in: eth0, to: 'host:23/tcp'}

            """)
        #expect(answer.status == 1)
        #expect(answer.output.contains(":22") && answer.output.contains(":23"), "\(answer.output)")
        #expect(answer.output.split(separator: "\n").filter { $0.contains("hookline trace") }.count == 2)
    }

    @Test func `rules that can't be read leave nothing proved`() {
        let unread = hostSnapshot + "# nft -j list ruleset\n{\"nftables\": [{\"metainfo\": {\n"
        let policy = "statements:\n  - name: it\n    allow: {in: eth0, to: 'host:22/tcp'}\n"
        let read = check(policy)
        #expect(read.status == 0 && read.output.hasPrefix("HOLDS"), "\(read.output)")
        let answer = check(policy, snapshot: unread)
        #expect(answer.status == 1 && !answer.output.hasPrefix("HOLDS"), "\(answer.output)\(answer.error)")
    }

    // MARK: Changes

    /// Files of two snapshots, before and after `change` was made to the first one's text.
    private func changed(_ old: String, _ new: String, _ body: (_ before: String, _ after: String) -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "check-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (before, after) = (folder.appending(path: "before.txt"), folder.appending(path: "after.txt"))
        try #require(hostSnapshot.contains(old))
        try Data(hostSnapshot.utf8).write(to: before)
        try Data(hostSnapshot.replacing(old, with: new).utf8).write(to: after)
        body(before.path, after.path)
    }

    private func compare(_ before: String, _ after: String, _ claim: String) -> Call {
        var around = Around()
        around.files = ["policy.yaml": ["statements:\n  - name: it\n    \(claim)\n"]]
        return call(["check", "--before", before, after, "policy.yaml"], around)
    }

    private static let drop = "-A INPUT -i eth0 -j DROP"
    private static let web = "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n-A INPUT -i eth0 -j DROP"

    @Test func `a change that does what it says and nothing else holds`() throws {
        let claim = "change: {allow: {in: eth0, to: '192.0.2.1:80/tcp'}, nothing-else: true}"
        let narrow = "-A INPUT -d 192.0.2.1 -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT\n" + Self.drop
        try changed(Self.drop, narrow) { before, after in
            let answer = compare(before, after, claim)
            #expect(answer.status == 0, "\(answer.output)\(answer.error)")
        }
        try changed(Self.drop, Self.web) { before, after in
            let answer = compare(before, after, claim)
            #expect(answer.status == 1)
            #expect(answer.output.contains("192.0.2.255:80"), "it takes what is sent to all too: \(answer.output)")
        }
    }

    @Test func `a change that does more is shown with both rules`() throws {
        try changed(Self.drop, "-A INPUT -p tcp -m tcp --dport 80:81 -j ACCEPT\n" + Self.drop) { before, after in
            let answer = compare(before, after, "change: {allow: {in: eth0, to: 'host:80/tcp'}, nothing-else: true}")
            #expect(answer.status == 1)
            #expect(answer.output.contains(":81"), "\(answer.output)")
            #expect(
                answer.output.contains("before.txt:9:") && answer.output.contains("after.txt:9:"), "\(answer.output)")
            #expect(answer.output.contains("--dport 80:81 -j ACCEPT"))
            #expect(answer.output.split(separator: "\n").filter { $0.contains("hookline trace") }.count == 2)
        }
    }

    @Test func `a change that does not do what it says fails`() throws {
        try changed(Self.drop, Self.web) { before, after in
            let answer = compare(before, after, "change: {allow: {in: eth0, to: 'host:443/tcp'}}")
            #expect(answer.status == 1)
            #expect(answer.output.contains(":443"), "\(answer.output)")
        }
    }

    @Test func `a rule that says the same in other words changes nothing`() throws {
        try changed(Self.drop, "-A INPUT -i eth0 -m comment --comment x -j DROP\n" + Self.drop) { before, after in
            #expect(compare(before, after, "same: {}").status == 0)
            #expect(compare(before, after, "change: {nothing-else: true}").status == 0)
        }
        try changed(Self.drop, Self.web) { before, after in
            #expect(compare(before, after, "same: {}").status == 1)
            #expect(compare(before, after, "same: {in: eth1}").status == 0, "what the policy accepts already")
            #expect(compare(before, after, "same: {to: 'any:81/tcp'}").status == 0)
        }
    }

    @Test func `a new interface is an interface of the one snapshot`() throws {
        try changed("3: eth1:", "3: dmz0:") { before, after in
            let answer = compare(before, after, "same: {in: eth0, to: 'host:22/tcp'}")
            #expect(answer.status == 0, "\(answer.output)\(answer.error)")
        }
    }

    @Test func `what goes on over a bridge is not proved the same, and not said to differ`() {
        let node = Self.root + "Rulesets/docker-forward-drop"
        let answer = compare(node, node, "same: {in: docker0, to: 172.17.100.9}")
        #expect(answer.status == 1)
        #expect(answer.output.hasPrefix("NOT PROVED: it"), "\(answer.output)")
        #expect(compare(node, node, "same: {in: eth0, to: 192.168.1.10}").status == 0)
    }

    @Test func `nodes of two clusters are compared by name`() {
        let cluster = Self.root + "Rulesets/calico-two-nodes"
        let answer = compare(cluster, cluster, "same: {ip: 4, in: [eth0, cali+]}")
        #expect(answer.status == 0, "\(answer.output)\(answer.error)")
        #expect(answer.output.contains("HOLDS: it, on node-a") && answer.output.contains("HOLDS: it, on node-b"))
        let other = compare(Self.root + "Rulesets/calico-node", cluster, "same: {}")
        #expect(other.status == 1)
        #expect(other.output.contains("has no node 'node-b'"), "\(other.output)")
    }

    // MARK: What can't be read

    @Test(arguments: [
        ("statements: []", "policy.yaml:1:13: error: 'statements' is a list"),
        ("statements:\n  - allow: {}\n", "policy.yaml:2:5: error: a statement has a 'name'"),
        (
            "statements:\n  - name: a\n    alow: {}\n",
            "policy.yaml:3:5: error: a statement has no 'alow'; did you mean 'allow'?"
        ),
        ("statements:\n  - name: a\n    allow: {to: '10.0.0.0/33'}\n", "policy.yaml:3:17: error: '/33'"),
        (
            "statements:\n  - name: a\n    allow: {too: 10.0.0.1}\n",
            "policy.yaml:3:13: error: a set of packets has no 'too'; did you mean 'to'?"
        ),
        ("statements:\n  - name: a\n    allow: web\n", "policy.yaml:3:12: error: no set 'web' stands before this"),
        (
            "statements:\n  - name: a\n    allow: {}\n    deny: {}\n",
            "policy.yaml:4:5: error: a statement makes one claim"
        ),
        (
            "statements:\n  - name: a\n    allow: {}\n  - name: a\n    deny: {}\n",
            "policy.yaml:4:11: error: an earlier statement is named 'a' too"
        ),
        ("statements:\n  - name: a\n    same: {}\n", "policy.yaml:2:11: error: 'a' compares with a snapshot"),
        (
            "statements:\n  - name: a\n    allow: {}\n    possibly: yes\n",
            "policy.yaml:4:15: error: 'possibly' can only be 'ok'"
        ),
        ("statements:\n  - name: a\n    allow: {to: [10.0.0.1, {}]}\n", "policy.yaml:3:28: error: 'to' is text"),
        ("statements:\n  - name: a\n    change: {}\n    before: x\n", "policy.yaml:3:13: error: a change has"),
        (
            "sets: {a: b, b: a}\nstatements:\n  - name: a\n    allow: a\n",
            "policy.yaml:1:11: error: no set 'b' stands before this"
        ),
        ("statements: [\n", "policy.yaml:2:1: error: this is no YAML"),
        ("a: &a [1]\nb: *c\n", "policy.yaml:2:4: error: no anchor '&c'"),
        ("", "policy.yaml:1:1: error: "),
        ("--- {}\n--- {}\n", "policy.yaml:2:5: error: a policy is one YAML document"),
    ])
    func `tells where a policy can't be read`(_ policy: String, _ message: String) {
        let answer = check(policy)
        #expect(answer.status == 2)
        #expect(answer.output.isEmpty)
        #expect(answer.error.hasPrefix(message), "\(answer.error)")
        #expect(answer.error.contains("^"))
    }

    @Test func `tells every failure of a policy at once`() {
        let answer = check("statements:\n  - name: a\n    allow: 1\n  - name: b\n    deny: 2\n")
        #expect(answer.error.split(separator: "\n").filter { $0.contains("error:") }.count == 2, "\(answer.error)")
    }

    @Test func `a policy that is a bomb is refused`() {
        var text = "sets:\n  s0: &a0 [{}, {}]\n"
        for number in 1...40 {
            text += "  s\(number): &a\(number) [*a\(number - 1), *a\(number - 1)]\n"
        }
        let answer = check(text + "statements:\n  - name: a\n    allow: s40\n")
        #expect(answer.status == 2)
        #expect(answer.error.contains("aliases repeat more than"), "\(answer.error)")
    }

    @Test func `sets made of sets are made once each`() {
        var text = "sets:\n  s0: [{in: eth0, to: 'host:22/tcp'}]\n"
        for number in 1...60 { text += "  s\(number): [s\(number - 1), s\(number - 1)]\n" }
        #expect(check(text + "statements:\n  - name: a\n    allow: s60\n").status == 0)
    }

    @Test func `names drive no terminal and no log`() {
        let policy = "statements:\n  - name: \"a\\e[31m\\n::error::x\"\n    deny: {in: eth0, to: 'host:22/tcp'}\n"
        for form in [["--github"], ["--junit", "-"], ["--sarif", "-"], ["--json"]] {
            let answer = check(policy, form)
            #expect(answer.status == 1)
            #expect(!answer.output.contains("\u{1b}"), "\(form): \(answer.output)")
            #expect(!answer.output.contains("\n::error::"), "\(form): \(answer.output)")
        }
    }

    @Test(arguments: [
        ([], "check takes a snapshot and a policy"), (["policy.yaml"], "check takes a snapshot and a policy"),
        (["--json", "--github", "-", "policy.yaml"], "does not go with --json"),
        (["-", "nowhere.yaml"], "nowhere.yaml: error: open"), (["-", "-"], "standard input can be one of"),
        (["--junit", "-", "--json", "-", "policy.yaml"], "one form of answer"),
        (["--statement", "x", "-", "policy.yaml"], "no statement 'x'"),
        (["--before", "/nowhere", "-", "policy.yaml"], ""),
    ])
    func `tells which calls can't be read`(_ arguments: [String], _ message: String) {
        var around = Around()
        around.files = ["policy.yaml": ["statements:\n  - name: a\n    allow: {in: eth0, to: 'host:22/tcp'}\n"]]
        let answer = call(["check"] + arguments, around)
        if message.isEmpty {
            #expect(answer.status == 0, "a snapshot that nothing compares with is not read")
        } else {
            #expect(answer.status == 2)
            #expect(answer.error.contains(message), "\(answer.error)")
            #expect(answer.output.isEmpty)
        }
    }

    // MARK: Forms

    private static let two = """
        statements:
          - name: ssh & <more>
            deny: {in: eth0, to: 'host:22/tcp'}
            why: nobody may
          - name: web
            deny: {in: eth0, to: 'host:80/tcp'}

        """

    @Test func `JSON has a line for each statement`() throws {
        let answer = check(Self.two, ["--json"])
        let lines = try answer.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(lines.map { $0["statement"] as? String } == ["ssh & <more>", "web"])
        #expect(lines.map { $0["verdict"] as? String } == ["fails", "holds"])
        #expect(lines[0]["line"] as? Int == 2)
        #expect(lines[0]["why"] as? String == "nobody may")
        let finding = try #require((lines[0]["findings"] as? [[String: Any]])?.first)
        #expect(finding["kind"] as? String == "violated")
        #expect(finding["outcome"] as? String == "delivered")
        let decider = try #require((finding["decidedBy"] as? [[String: Any]])?.first)
        #expect(decider["text"] as? String == "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT")
        #expect(decider["line"] as? Int == 7)
    }

    @Test func `JUnit has a case for each statement`() {
        let answer = check(Self.two, ["--junit", "out.xml"])
        let text = answer.written["out.xml"] ?? ""
        #expect(text.contains("tests=\"2\" failures=\"1\""), "\(text)")
        #expect(text.contains("name=\"ssh &amp; &lt;more&gt;\""))
        #expect(text.contains("<failure type=\"fails\""))
        #expect(answer.output.hasPrefix("FAILS"), "the text is told beside it")
    }

    @Test func `SARIF places statements and rules`() throws {
        let answer = check(Self.two, ["--sarif", "-"])
        let root = try #require(
            try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any], "\(answer.output)")
        let run = try #require((root["runs"] as? [[String: Any]])?.first)
        let results = try #require(run["results"] as? [[String: Any]])
        #expect(results.count == 1)
        #expect(results[0]["ruleId"] as? String == "deny")
        let place = try #require(
            (results[0]["locations"] as? [[String: Any]])?.first?["physicalLocation"] as? [String: Any])
        #expect((place["region"] as? [String: Any])?["startLine"] as? Int == 2)
        #expect((results[0]["relatedLocations"] as? [[String: Any]])?.count == 1)
    }

    @Test func `annotations stand below the text`() throws {
        let answer = check(Self.two, ["--github"])
        let last = try #require(answer.output.split(separator: "\n").last)
        #expect(last.hasPrefix("::error file=policy.yaml,line=2,col=11,title=FAILS%3A ssh & <more>::"), "\(last)")
        #expect(last.contains("%0A"))
    }

    // MARK: Examples

    private static let root =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/"

    /// As `.ci/run` calls them.
    @Test(arguments: [
        ["Rulesets/host-firewall", "Examples/check/host-firewall.yaml"],
        [
            "--before", "Rulesets/docker-forward-drop", "Examples/check/docker-forward-after",
            "Examples/check/docker-forward.yaml",
        ],
    ])
    func `the documented examples hold`(_ words: [String]) throws {
        let policy = try #require(words.last)
        var around = Around()
        around.files = [Self.root + policy: [try String(contentsOfFile: Self.root + policy, encoding: .utf8)]]
        let answer = call(["check"] + words.map { $0.hasPrefix("--") ? $0 : Self.root + $0 }, around)
        #expect(answer.status == 0, "\(answer.output)\(answer.error)")
    }

    @Test(arguments: ["host-firewall", "docker-forward-drop", "flannel-docker", "calico-node", "nft-ingress"])
    func `every example is what it is said to be`(_ folder: String) throws {
        let snapshot = Self.root + "Rulesets/" + folder
        var around = Around()
        around.files = [
            "policy.yaml": [
                """
                statements:
                  - {name: a, allow: {}}
                  - {name: b, allow: {from: host}}
                  - {name: c, deny: {}}
                  - {name: d, deny: {state: any}}
                  - {name: e, translate: {}}
                  - {name: f, translate: {from: host}, as: unchanged}

                """
            ]
        ]
        let answer = call(["check", "--json", snapshot, "policy.yaml"], around)
        #expect(answer.status == 1, "\(answer.error)")
        var count = 0
        for line in answer.output.split(separator: "\n") {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            for finding in try #require(object["findings"] as? [[String: Any]]) {
                guard finding["kind"] as? String == "violated", let outcome = finding["outcome"] as? String else {
                    continue
                }
                for example in try #require(finding["examples"] as? [[String: Any]]) {
                    let options = try #require(example["options"] as? String)
                    let trace = call(["trace", snapshot, "--json"] + words(options))
                    #expect(trace.status == 0, "\(options): \(trace.error)")
                    #expect(trace.output.contains("\"outcome\":\"\(outcome)\""), "\(options): \(outcome)")
                    count += 1
                }
            }
        }
        #expect(count > 3)
    }
}
