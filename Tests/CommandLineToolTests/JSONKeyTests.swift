import Foundation
import SourceText
import Testing

/// What commands write as JSON, for whoever reads it with another program.
@Suite struct JSONKeyTests {
    private static let rulesets = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Rulesets").path

    @Test(arguments: [
        "doctor --json calico-node", "lint --json nft-traps", "show --format json flannel-docker",
        "trace --json --detail full flannel-docker --in docker0 --from 172.30.24.4:40000 --to 172.30.25.7:8080/tcp",
        "find --json calico-node who-reaches 10.244.1.11",
        "diff --json flannel-docker flannel-docker-replaced",
    ])
    func noObjectHasAKeyTwice(_ words: String) throws {
        let arguments = words.split(separator: " ").map { word in
            let path = Self.rulesets + "/" + word
            return FileManager.default.fileExists(atPath: path) ? path : String(word)
        }
        let answer = call(arguments)
        #expect(!answer.output.isEmpty, "\(answer.error)")
        for line in answer.output.split(separator: "\n") { check(try readJSON(Array(line.utf8).span), words) }
    }

    private func check(_ value: JSONValue, _ words: String) {
        if let members = value.object {
            let keys = members.map { $0.key }
            #expect(Set(keys).count == keys.count, "\(words): \(keys)")
            for member in members { check(member.value, words) }
        } else if let values = value.array {
            for value in values { check(value, words) }
        }
    }
}
