import Foundation
import Testing

@Suite("What of the input was lost or is not followed stands in the answer")
struct LossTests {
    /// A dump that ends before its COMMIT, whose rules take all that they name.
    private static let cut =
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -j ACCEPT\n"
    private static let whole = cut + "COMMIT\n"
    private static let addresses =
        "2: eth0: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP\n    inet 10.0.0.1/24 scope global eth0\n"
    private static let addressesWithXDP = addresses.replacing("qdisc fq", with: "xdp qdisc fq")
    private static let packet = "--in eth0 --from 192.0.2.7:5 --to 10.0.0.1:22/tcp".split(separator: " ").map(
        String.init)

    private static func missing(_ table: String) -> String {
        "rules that may be missing from table \(table), which is cut off, decide about packets too, "
    }

    private func check(_ snapshot: String, _ options: [String] = []) -> Call {
        var around = Around()
        around.files = ["policy.yaml": ["statements:\n  - name: it\n    allow: {in: eth0, to: '10.0.0.1:22/tcp'}\n"]]
        return call(["check"] + options + [snapshot, "policy.yaml"], around)
    }

    private func object(_ answer: Call) throws -> [String: Any] {
        let line = try #require(answer.output.split(separator: "\n").first)
        return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    private func deciders(_ object: [String: Any]?) -> [String] {
        (object?["otherDeciders"] as? [[String: Any]])?.compactMap { $0["name"] as? String } ?? []
    }

    @Test func `a trace through a table that is cut off is not decided`() throws {
        let folder = try Folder(["cut/rules": Self.cut, "cut/addr": Self.addresses])
        let text = call(["trace", folder["cut"]] + Self.packet)
        #expect(
            text.output.hasPrefix(
                "NOT ONLY THESE RULES DECIDE: \(Self.missing("filter"))"
            ))
        #expect(text.output.contains("/cut/rules:1."))
        let json = call(["trace", folder["cut"], "--json"] + Self.packet)
        #expect(try object(json)["outcome"] as? String == "undecided")
        #expect(deciders(try object(json)) == ["cut-off"])
        let sixth = call(["trace", folder["cut"], "--in", "eth0", "--from", "2001:db8::7", "--to", "2001:db8::8"])
        #expect(sixth.status == 0 && !sixth.output.contains("NOT ONLY"), "another version's table")
        let given = call(["trace", folder["cut"], "--json", "--assume", "cut-off=pass"] + Self.packet)
        #expect(try object(given)["outcome"] as? String == "delivered")
    }

    @Test func `find, diff and check say that a table is cut off`() throws {
        let folder = try Folder([
            "cut/rules": Self.cut, "cut/addr": Self.addresses, "whole/rules": Self.whole, "whole/addr": Self.addresses,
        ])
        for question in [["accepted"], ["matrix", "--port", "22"], ["why-not", "filter/INPUT:1"]] {
            let text = call(["find", folder["cut"]] + question)
            #expect(
                text.output.contains("NOT ONLY THESE RULES DECIDE: rules that may be missing from table filter"),
                "\(question)")
            let json = call(["find", folder["cut"], "--json"] + question)
            #expect(deciders(try object(json)) == ["cut-off"], "\(question)")
        }
        #expect(!call(["find", folder["whole"], "accepted"]).output.contains("NOT ONLY"))
        let sixth = call(["find", folder["cut"], "-6", "accepted"])
        #expect(sixth.status == 0 && !sixth.output.contains("NOT ONLY"), "another version's table")
        #expect(call(["find", folder["cut"], "--at", "input", "accepted"]).output.contains("NOT ONLY"))
        let diff = call(["diff", "--packets", folder["cut"], folder["whole"]])
        #expect(!diff.output.contains("No packet is treated differently"))
        #expect(diff.output.contains("- rules that may be missing from table filter"))
        for paths in [["cut", "cut"], ["cut", "cut", "cut"]] {
            let text = call(["diff", "--no-packets"] + paths.map { folder[$0] })
            #expect(text.output.contains("Not compared, though it may differ:") && text.output.contains("is cut off"))
            let json = try object(call(["diff", "--no-packets", "--json"] + paths.map { folder[$0] }))
            #expect((json["notCompared"] as? [String])?.count == paths.count)
        }
        #expect(check(folder["whole"]).output.hasPrefix("HOLDS"))
        #expect(check(folder["cut"]).output.hasPrefix("NOT PROVED"))
    }

    @Test func `lint and doctor pass no table that is cut off`() throws {
        let folder = try Folder(["cut/rules": Self.cut, "cut/addr": Self.addresses])
        let lint = call(["lint", folder["cut"]])
        #expect(lint.status == 1)
        #expect(lint.output.contains("the dump ends within table ip filter: rules may be missing. [cut-off]"))
        let doctor = call(["doctor", folder["cut"]])
        #expect(doctor.output.contains("RISK: not all rules are known: causes among the others are not found."))
        #expect(
            doctor.output.contains(
                Self.missing("filter")))
    }

    @Test func `a native table that is cut off may be missing rules for both versions`() throws {
        let text = "table inet t {\n\tchain c {\n\t\ttype filter hook input priority 0; policy drop;\n\t\taccept\n"
        let folder = try Folder(["cut/a.nft": text, "cut/addr": Self.addresses])
        for source in ["192.0.2.7", "2001:db8::7"] {
            let to = source.contains(":") ? "2001:db8::1" : "10.0.0.1"
            let answer = call(["trace", folder["cut"], "--in", "eth0", "--from", source, "--to", to])
            #expect(
                answer.output.hasPrefix(
                    "NOT ONLY THESE RULES DECIDE: \(Self.missing("t"))"
                ))
        }
    }

    /// What stands behind the place where nft's listing was cut may be of any family.
    @Test(arguments: ["table ip6 b {\n\tchain c {\n", "table arp b {\n\tchain c {\n"])
    func `a native listing that is cut off may lack tables of every family`(_ end: String) throws {
        let whole = "table ip a {\n\tchain c {\n\t\ttype filter hook input priority 0; policy accept;\n\t}\n}\n"
        let folder = try Folder(["cut/a.nft": whole + end, "cut/addr": Self.addresses])
        #expect(deciders(try object(call(["trace", folder["cut"], "--json"] + Self.packet))) == ["cut-off"])
        #expect(check(folder["cut"]).output.hasPrefix("NOT PROVED"))
    }

    /// Observed with arptables-nft-save and ebtables-nft-save 1.8.9.
    @Test(arguments: ["arptables", "ebtables"]) func `what has no COMMIT by its nature is not cut off`(_ tool: String)
        throws
    {
        let chains =
            tool == "arptables" ? ":INPUT ACCEPT\n:OUTPUT ACCEPT\n" : ":INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n"
        let rules =
            "# Generated by \(tool)-nft-save v1.8.9 (nf_tables) on Fri Nov 27 19:06:41 2026\n*filter\n\(chains)"
            + "-A INPUT -j DROP\n# Completed on Fri Nov 27 19:06:41 2026\n"
        let folder = try Folder(["a/rules": Self.whole, "a/\(tool)-save.txt": rules, "a/addr": Self.addresses])
        #expect(try object(call(["trace", folder["a"], "--json"] + Self.packet))["outcome"] as? String == "delivered")
        #expect(check(folder["a"]).output.hasPrefix("HOLDS"))
        #expect(!call(["lint", folder["a"]]).output.contains("cut-off"))
    }

    @Test func `a listing that ends between two tables is told, too`() throws {
        let whole = "table ip a {\n\tchain c {\n\t\ttype filter hook input priority 0; policy accept;\n\t}\n}\n"
        let folder = try Folder(["cut/a.nft": whole + "tab", "cut/addr": Self.addresses])
        let notes = try object(call(["trace", folder["cut"], "--json"] + Self.packet))["notes"] as? [String]
        #expect(notes?.first?.contains("/a.nft:6: ") == true)
    }

    @Test func `a statement about one version does not hang on the other's table`() throws {
        let folder = try Folder([
            "a/rules": Self.whole, "a/addr": Self.addresses,
            "a/ip6tables-save.txt": "# Generated by ip6tables-save\n" + Self.cut,
        ])
        #expect(check(folder["a"]).output.hasPrefix("HOLDS"))
        #expect(!check(folder["a"]).output.contains("cut off"))
    }

    /// What is missing may let through what the rest drops.
    @Test func `what the rest of a table does is not proved`() throws {
        let rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n"
        let folder = try Folder([
            "cut/rules": rules, "whole/rules": rules + "COMMIT\n", "cut/addr": Self.addresses,
            "whole/addr": Self.addresses,
        ])
        #expect(check(folder["whole"]).output.hasPrefix("FAILS"))
        #expect(check(folder["cut"]).output.hasPrefix("NOT PROVED"))
        #expect(check(folder["cut"]).output.contains("unread-rules"))
    }

    @Test func `what is said of the first version is said of the one that is told first`() throws {
        let folder = try Folder([
            "a/ip6tables-save.txt": "# Generated by ip6tables-save\n" + Self.cut, "a/addr": Self.addresses,
            "a/ip6-route.txt":
                "2001:db8::/64 dev eth0 proto kernel metric 256 pref medium\ndefault via 2001:db8::9 dev eth0 metric 1024 pref medium\n",
        ])
        let answer = call(["find", folder["a"], "spoofing"])
        #expect(answer.status == 0 && answer.output.contains("NOT ONLY THESE RULES DECIDE: \(Self.missing("filter"))"))
    }

    @Test func `of many programs on devices three are told`() throws {
        let links = (1...20).map { "\($0): eth\($0): <BROADCAST,UP> mtu 1500 xdp qdisc fq state UP\n" }.joined()
        let folder = try Folder([
            "a/rules": Self.whole, "a/addr": Self.addresses + links.replacing("1: eth1:", with: "1: eth21:"),
        ])
        let output = check(folder["a"]).output
        #expect(output.matches(of: /an XDP program/).count == 4 && output.contains("as 17 more lines tell"))
    }

    @Test func `a program on a device stands over what find, diff and check say of rules`() throws {
        let folder = try Folder([
            "a/rules": Self.whole, "a/addr": Self.addressesWithXDP,
        ])
        let sentence = "an XDP program decides about packets before any rule on eth0"
        let found = call(["find", folder["a"], "accepted"])
        #expect(found.output.contains("NOT ONLY THESE RULES DECIDE: \(sentence)"))
        #expect(deciders(try object(call(["find", folder["a"], "--json", "accepted"]))) == ["xdp"])
        let alone = call(["find", folder["a"], "--at", "input", "accepted"])
        #expect(alone.status == 0 && !alone.output.contains("NOT ONLY"))
        let diff = call(["diff", "--packets", folder["a"], folder["a"]])
        #expect(diff.status == 0)
        #expect(diff.output.contains("not all could be followed") && diff.output.contains(sentence))
        let checked = check(folder["a"])
        #expect(checked.output.hasPrefix("HOLDS") && checked.output.contains("- \(sentence)"))
        let grounds = try object(check(folder["a"], ["--json"]))["assumptions"] as? [String]
        #expect(grounds?.contains { $0.hasPrefix(sentence) } == true)
    }

    @Test func `lines that could not be read are what an answer rests on`() throws {
        let folder = try Folder([
            "a/rules": Self.whole, "a/addr": Self.addresses,
            "a/ip-route.txt":
                "default via 10.0.0.254 dev eth0\n10.9.0.0/33 via 10.0.0.9 dev eth0\n10.8.0.0/40 via 10.0.0.9 dev eth0\n",
        ])
        let loss = "/a/ip-route.txt:2: '10.9.0.0/33' is not a destination of a route, and 1 more of this file"
        let rests = call(["trace", folder["a"]] + Self.packet)
        #expect(rests.output.contains(loss))
        let notes = try object(call(["trace", folder["a"], "--json"] + Self.packet))["notes"] as? [String]
        #expect(notes?.first?.hasSuffix(loss) == true)
        #expect(call(["find", folder["a"], "accepted"]).output.contains(loss))
        #expect(check(folder["a"]).output.contains(loss))
    }

    @Test func `find, check and diff say what the snapshot lacks`() throws {
        let folder = try Folder(["a/rules": Self.whole, "a/addr": Self.addresses])
        let lack = "ot in the snapshot: ip rule (the three rules that every kernel has are assumed)"
        #expect(call(["find", folder["a"], "accepted"]).output.contains("N\(lack)."))
        let missing = try object(call(["find", folder["a"], "--json", "accepted"]))["missing"] as? [[String: Any]]
        #expect(missing?.contains { $0["name"] as? String == "rules" } == true)
        let alone = call(["find", folder["a"], "--at", "input", "accepted"])
        #expect(alone.status == 0 && !alone.output.contains(lack), "chains alone are asked without routes")
        #expect(check(folder["a"]).output.contains("- n\(lack)"))
        #expect(call(["diff", "--packets", folder["a"], folder["a"]]).output.contains("- n\(lack)"))
    }

    @Test func `a doctor without what it looks at says so`() throws {
        let folder = try Folder(["a/rules": Self.whole])
        let answer = call(["doctor", folder["a"]])
        #expect(answer.status == 0)
        #expect(answer.output.hasPrefix("Nothing found, but "))
        #expect(answer.output.contains(" known causes could not be looked for: none of the other "))
        #expect(answer.output.contains("is at work here, as far as the snapshot tells."))
        let one = call(["doctor", "--check", "conntrack-full", folder["a"]])
        #expect(one.output.hasPrefix("Nothing was looked for: the snapshot lacks what shows it."))
        #expect(
            answer.output.contains("Not in the snapshot, so that causes found by them are not: ip6tables-save -c; ip"))
    }
}
