import Foundation
import Testing

@Suite("Of rules as they are written the answer says what it can't tell")
struct WrittenRulesTests {
    private static let addresses =
        "2: eth0: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP\n    inet 10.0.0.1/24 scope global eth0\n"
    private static let packet = "--in eth0 --from 192.0.2.7:5 --to 10.0.0.1:22/tcp".split(separator: " ").map(
        String.init)

    private func table(_ rules: String) -> String {
        "table inet t {\n chain c {\n  type filter hook input priority 0; policy drop;\n  \(rules)\n }\n}\n"
    }

    private func outcome(_ answer: Call) throws -> String? {
        let line = try #require(answer.output.split(separator: "\n").first)
        return (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["outcome"] as? String
    }

    @Test(arguments: ["delete rule inet t c handle 2", "replace rule inet t c handle 2 tcp dport 23 accept"])
    func `rules that are changed by the kernel's number are in doubt`(command: String) throws {
        let rules = table("tcp dport 22 accept") + command + "\n"
        let folder = try Folder(["n/rules.nft": rules, "n/addr": Self.addresses])
        let text = call(["trace", folder["n"]] + Self.packet)
        #expect(text.output.hasPrefix("NOT ONLY THESE RULES DECIDE: what becomes of the rules of table t"))
        #expect(text.error.contains("[unknown-handle]"))
        #expect(try outcome(call(["trace", folder["n"], "--json"] + Self.packet)) == "undecided")
    }

    @Test func `a file that a chain includes is read in its place`() throws {
        let rules = table("include \"parts/in.nft\"\n  tcp dport 22 accept")
        let folder = try Folder([
            "m/rules.nft": rules, "parts/in.nft": "tcp dport 22 drop\n", "m/addr": Self.addresses,
        ])
        let whole = call(["trace", folder["m"], folder["parts/in.nft"], "--json"] + Self.packet)
        #expect(try outcome(whole) == "dropped", "\(whole.error)")
        // Nobody would know the file for rules of nft's by itself.
        let together = try Folder([
            "n/rules.nft": rules, "n/parts/in.nft": "tcp dport 22 drop\n", "n/parts/other": "tcp dport 23\n",
            "n/addr": Self.addresses,
        ])
        let found = call(["trace", together["n"], "--json"] + Self.packet)
        #expect(try outcome(found) == "dropped", "\(found.error)")
        let missing = call(["trace", folder["m"], "--json"] + Self.packet)
        #expect(try outcome(missing) == "undecided" && missing.error.contains("[missing-include]"))
    }

    @Test func `a file that begins by removing all rules is one of nft's`() throws {
        let rules = "#!/usr/sbin/nft -f\nflush ruleset;\ntable inet t { chain c { type filter hook input priority 0; "
        let folder = try Folder(["n/rules": rules + "tcp dport 22 drop;}\n}\n", "n/addr": Self.addresses])
        let answer = call(["trace", folder["n"], "--json"] + Self.packet)
        #expect(try outcome(answer) == "dropped", "\(answer.error)")
    }

    @Test func `what is shown as nft's text is nft's`() throws {
        let rules = table("jump { ip saddr 10.0.0.9 accept; goto { tcp dport 22 drop; }; }")
        let folder = try Folder(["n/rules.nft": rules, "n/addr": Self.addresses])
        let shown = call(["show", "--format", "nft", folder["n"]])
        #expect(shown.output.contains("jump { ip saddr 10.0.0.9 accept; goto { tcp dport 22 drop; }; }"))
        #expect(!shown.output.contains("@"))
        let again = try Folder(["n/rules.nft": shown.output, "n/addr": Self.addresses])
        #expect(try outcome(call(["trace", again["n"], "--json"] + Self.packet)) == "dropped")
    }

    @Test func `whether a packet may be cut in pieces is taken for granted and told`() throws {
        let rules = table("ip frag-off & 0x4000 == 0 accept\n  ip frag-off & 0x1fff != 0 accept")
        let folder = try Folder(["n/rules.nft": rules, "n/addr": Self.addresses])
        let text = call(["trace", folder["n"]] + Self.packet)
        #expect(text.output.hasPrefix("DROPPED"))
        #expect(text.output.contains("is taken to have its don't-fragment flag set: a rule looks at it"))
        let found = call(["find", folder["n"], "accepted", "--in", "eth0", "--to", "10.0.0.1:22/tcp"])
        #expect(!found.output.hasPrefix("NO"), "\(found.output)")
        // Where a rule looks at other bits alone nothing is taken for granted.
        let other = try Folder(["n/rules.nft": table("ip frag-off & 0x1fff != 0 accept"), "n/addr": Self.addresses])
        #expect(!call(["trace", other["n"]] + Self.packet).output.contains("don't-fragment"))
    }
}
