import CommandLineTool
import Foundation
import Testing

/// Packets to Services that nothing has translated: what is told of them.
@Suite struct UntakenServiceTests {
    /// The listings of a folder of Rulesets/, with one of them changed.
    private func node(_ folder: String, _ file: String, without part: String) throws -> Folder {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Rulesets/\(folder)")
        var texts: [String: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: root.path) {
            guard name != "README.md", name != "questions.txt" else { continue }
            texts[name] = try String(contentsOf: root.appending(path: name), encoding: .utf8)
        }
        let lines = try #require(texts[file]).split(separator: "\n", omittingEmptySubsequences: false)
        texts[file] = lines.filter { part.isEmpty || !$0.contains(part) }.joined(separator: "\n")
        return try Folder(texts)
    }

    @Test func aNodePortThatNoRuleTranslates() throws {
        let told = "is service default/web:http's, and no rule of kube-proxy's on this node translates the packet"
        let packet = ["--in", "eth0", "--from", "203.0.113.7", "--to", "192.0.2.10:30080/tcp"]
        let healthy = try node("calico-node", "iptables-save.txt", without: "")
        #expect(!call(["trace", healthy.path] + packet).output.contains(told))
        let lost = try node("calico-node", "iptables-save.txt", without: "--dport 30080 -j KUBE-EXT")
        #expect(call(["trace", lost.path] + packet).output.contains(told))
    }

    @Test func aServiceOfIPVSWhoseAddressIsOnNoLink() throws {
        let told = "(IPVS has it, and no link of this host has the address, so that IPVS was not asked)"
        let packet = ["--in", "cali11111111111", "--from", "10.244.1.10", "--to", "10.96.10.10:80/tcp"]
        let healthy = try node("calico-node-ipvs", "ip-addr.txt", without: "")
        #expect(!call(["trace", healthy.path] + packet).output.contains(told))
        let lines = try node("calico-node-ipvs", "ip-addr.txt", without: "inet 10.96.10.10/32")
        let routes = URL(fileURLWithPath: lines["ip-route.txt"])
        let text = try String(contentsOf: routes, encoding: .utf8).split(separator: "\n")
        try text.filter { !$0.hasPrefix("local 10.96.10.10 ") }.joined(separator: "\n").appending("\n").write(
            to: routes, atomically: true, encoding: .utf8)
        #expect(call(["trace", lines.path] + packet).output.contains(told))
    }
}
