import Answers
import Foundation
import Snapshot
import SourceText
import Testing

@testable import Pages

@Suite struct PageSessionTests {
    private static let rules = """
        *filter
        :INPUT DROP [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :WEB - [0:0]
        -A INPUT -p tcp -m tcp --dport 80 -j WEB
        -A INPUT -i lo -j ACCEPT
        -A WEB -s 192.0.2.0/24 -j ACCEPT
        -A WEB -j GONE
        COMMIT

        """

    private static let others = "--packets, --output, --kernel, --live and --node are the command line's alone"

    private func session(_ rules: String = rules) throws -> PageSession {
        try PageSession(files: [SourceFile(path: "rules", text: rules)], name: nil)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func chainsAndRulesHaveIDsAndJumpsLeadToThem() throws {
        let sections = text(try session().sections(canFold: true))
        #expect(sections.contains("<li id=\"c0r1\"><code>-A INPUT -p tcp -m tcp --dport 80 -j WEB</code>"))
        #expect(sections.contains("<a href=\"#c3\">WEB</a>"))
        #expect(sections.contains("Reached from <a href=\"#c0\">filter/INPUT</a>"))
        #expect(sections.contains("no chain GONE"))
        #expect(sections.contains("rules:6"))
    }

    @Test func aTraceLeadsToTheRulesThatDecided() throws {
        var session = try session()
        let answer = text(
            try session.trace(["--in", "eth0", "--from", "192.0.2.7", "--to", "192.0.2.1:80/tcp", "--state", "new"]))
        #expect(answer.contains("<a href=\"#c3r1\">"), "\(answer)")
    }

    @Test(
        "what a page can't be asked is refused",
        arguments: [
            (["--packets", "/etc/passwd"], Self.others),
            (["-o", "x.svg"], Self.others),
            (["--live"], Self.others),
            (["other"], "'other' is no option; the snapshot is the page's own"),
            (["--from", "192.0.2.7"], "the packet has no destination: --to ADDRESS[:PORT][/PROTOCOL]"),
            (["--form", "x"], "unknown option '--form'; did you mean '--from'?"),
        ])
    func refuses(_ words: [String], _ message: String) throws {
        var session = try session()
        #expect(throws: UsageFailure(message)) { _ = try session.trace(words) }
    }

    @Test func badLinesOfPacketsGetTheirErrorInPlace() throws {
        var session = try session()
        let good =
            "{\"source\":\"192.0.2.7\",\"destination\":\"192.0.2.1\",\"protocol\":\"tcp\",\"destinationPort\":80,\"in\":\"eth0\"}"
        let answer = text(session.packets(Array("\(good)\n\n{\"id\":3,\"wrong\":1}\r\n".utf8)))
        let lines = answer.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("{\"hookline\":1"))
        #expect(lines[1].contains("-:3:9: error:") && lines[1].hasSuffix("\"id\":3}"), "\(lines[1])")
    }

    @Test func aSearchFindsRulesAndChainsWhateverTheirCase() throws {
        let found = text(try session().search("web"))
        #expect(found.contains("<a href=\"#c3\">filter/WEB</a>"))
        #expect(found.contains("<a href=\"#c0r1\">"))
        #expect(found.contains("4 found"), "\(found)")
        #expect(text(try session().search("")) == "")
    }

    @Test func rulesComeInPieces() throws {
        var rules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        for number in 0..<2_500 { rules += "-A INPUT -s 10.0.\(number / 250).\(number % 250) -j DROP\n" }
        let session = try session(rules + "COMMIT\n")
        let first = text(session.rules(ofChain: 0, from: 0))
        #expect(
            first.contains("<ol class=\"rules\" start=\"1\">") && first.contains("data-from=\"1000\">1500 more rules"))
        let last = text(session.rules(ofChain: 0, from: 2_000))
        #expect(last.contains("id=\"c0r2500\"") && !last.contains("<button"))
        for (chain, start) in [(0, 9_999), (-1, 0), (99, 0), (0, -5)] {
            #expect(!text(session.rules(ofChain: chain, from: start)).contains("<li"))
        }
    }

    @Test func manyRulesAreFoldedWhereSomebodyCanUnfoldThem() throws {
        let session = try session()
        #expect(!text(session.sections(canFold: true, foldedFrom: 4)).contains("id=\"c0r1\""))
        #expect(text(session.sections(canFold: true, foldedFrom: 4)).contains("1 chain more"))
        #expect(text(session.chain(3)).hasPrefix("<details class=\"chain\" id=\"c3\" data-folded>"))
        #expect(text(session.chain(4)).isEmpty && text(session.chain(-1)).isEmpty)
        #expect(text(session.sections(canFold: true, foldedFrom: 5)).contains("id=\"c0r1\""))
        #expect(text(session.sections(canFold: false, foldedFrom: 4)).contains("id=\"c0r1\""))
    }

    @Test func noTextOfARuleSetIsMarkup() throws {
        let hostile = "<img src=x onerror=alert(1)>"
        let rules = """
            *filter
            :INPUT DROP [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :<img/src=x> - [0:0]
            -A INPUT -m comment --comment "\(hostile)\\"'" -j <img/src=x>
            -A INPUT -i <img/src=x> -j <img/src=gone>
            -A FORWARD -m set --match-set <img/src=x> src -j LOG --log-prefix "\(hostile)"
            -A FORWARD --bogus <img/src=x>
            COMMIT

            """
        var session = try PageSession(
            files: [SourceFile(path: hostile, text: rules)], name: hostile)
        var all = session.sections(canFold: true) + session.search("img") + session.rules(ofChain: 0, from: 0)
        all += try session.trace([
            "--in", hostile, "--from", "192.0.2.7", "--to", "192.0.2.1:80/tcp", "--detail", "full",
        ])
        all += makePage(title: hostile, sections: [], answerer: .nobody)
        #expect(!text(all).contains("<img"))
        #expect(text(all).contains("&lt;img src=x onerror=alert(1)&gt;"))
    }

    @Test func filesArePackedAndUnpacked() {
        let files = [
            SourceFile(path: "a", text: "x\n"), SourceFile(path: "", text: ""), SourceFile(path: "ü", text: "é"),
        ]
        let bytes = packed(files)
        let again = unpackedFiles(bytes)
        #expect(again.map(\.path) == files.map(\.path) && again.map(\.bytes) == files.map(\.bytes))
        for count in 0..<bytes.count { #expect(unpackedFiles(Array(bytes[..<count])).count < 3) }
        #expect(unpackedFiles([255, 255, 255, 255, 1]).isEmpty)
    }

    @Test func aPageLetsNothingInOrOut() {
        for answerer in [PageAnswerer.engine([1], files: [2]), .engineAlone([1]), .nobody, .server] {
            let policy = contentPolicy(answerer)
            #expect(policy.hasPrefix("default-src 'none'; script-src 'sha256-"))
            #expect(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'") && !policy.contains("http"))
            if case .server = answerer {
                #expect(policy.contains("connect-src 'self'"))
            } else {
                #expect(policy.contains("connect-src 'none'"))
            }
        }
        let page = text(makePage(title: "t", sections: Array("<p>s</p>".utf8), answerer: .engine([1], files: [2])))
        #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("src=\""))
    }
}
