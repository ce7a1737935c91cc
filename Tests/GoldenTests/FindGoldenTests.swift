import Foundation
import Testing

/// What `hookline find` answers about the nodes of `Rulesets/`. `UPDATE_GOLDEN=1` writes `Expected/find/` anew.
extension GoldenTests {
    static let findCalls: [(name: String, words: String)] = [
        ("host-firewall-accepted", "accepted Rulesets/host-firewall --in eth0 --to host"),
        ("host-firewall-why-not", "why-not filter/INPUT:8 Rulesets/host-firewall"),
        ("docker-forwarded", "forwarded Rulesets/docker-forward-drop -4"),
        ("flannel-leaves-as", "leaves-as 172.30.24.0 Rulesets/flannel-docker"),
        ("calico-dns", "accepted Rulesets/calico-node --from 10.244.1.0/24 --to 10.96.0.10:53/udp"),
        ("calico-who-reaches", "who-reaches 10.244.1.10:80/tcp Rulesets/calico-node --from !host"),
        ("calico-matrix", "matrix --port 22,80 Rulesets/calico-node -4"),
        ("rp-filter-spoofing", "spoofing Rulesets/rp-filter -4"),
        ("nft-translated", "translated Rulesets/nft-nat"),
    ]

    @Test("the sets are as expected", arguments: 0..<findCalls.count) func findAnswers(_ index: Int) throws {
        let (name, words) = Self.findCalls[index]
        var arguments = words.split(separator: " ").map(String.init)
        // The snapshot stands before the word.
        if let place = arguments.firstIndex(where: { $0.hasPrefix("Rulesets/") }) {
            let path = arguments.remove(at: place)
            arguments.insert(path, at: 0)
        }
        let text = Self.call(["find"] + arguments)
        let json = Self.call(["find"] + arguments + ["--json"])
        #expect(text.status == 0 && json.status == 0, "\(text.error)\(json.error)")
        let directory = Self.expected.appendingPathComponent("find")
        if Self.updates {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            for (suffix, answer) in [("txt", text), ("jsonl", json)] {
                try Data(answer.output.utf8).write(to: directory.appendingPathComponent("\(name).\(suffix)"))
            }
        }
        for (suffix, answer) in [("txt", text), ("jsonl", json)] {
            let file = directory.appendingPathComponent("\(name).\(suffix)")
            #expect((try? String(contentsOf: file, encoding: .utf8)) == answer.output, "\(name).\(suffix)")
        }
    }
}
