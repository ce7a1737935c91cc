import Foundation
import Testing

@Suite("Doctor: what it shows")
struct DoctorExamplesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Rulesets")

    static var folders: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
        return names.filter { $0 != "kernel" && !$0.hasSuffix(".md") }.sorted()
    }

    /// Every finding on every recorded node; a new one has to be read, and to be true.
    static let expected: [String: [String]] = [:]

    @Test(arguments: folders)
    func `finds on a recorded node what is true of it, and shows packets that trace follows`(_ folder: String) throws {
        let path = Self.root.appending(path: folder).path
        let answer = call(["doctor", "--json", path])
        #expect(answer.status == 0 || answer.status == 1, "\(answer.error)")
        var checks: [String] = []
        for line in answer.output.split(separator: "\n") {
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            let check = try #require(object["check"] as? String)
            let severity = try #require(object["severity"] as? String)
            checks.append("\(severity) \(check)")
            guard let example = object["example"] as? String else { continue }
            let trace = call(["trace", path] + example.split(separator: " ").map(String.init))
            #expect(trace.status == 0, "\(example): \(trace.error)")
            try expectShown(object, trace.output, example)
        }
        #expect(checks == Self.expected[folder] ?? [], "\(folder)")
    }

    /// What decides about the example is what the finding quotes: one of its rules is on the packet's way.
    private func expectShown(_ finding: [String: Any], _ trace: String, _ example: String) throws {
        let evidence = try #require(finding["evidence"] as? [[String: Any]])
        let rules = evidence.compactMap { $0["line"] as? String }.filter { $0.hasPrefix("-A ") }
        let check = finding["check"] as? String ?? ""
        // These are about what no rule decides.
        if rules.isEmpty || ["mtu", "hairpin"].contains(check) { return }
        #expect(rules.contains { trace.contains($0.prefix(60)) }, "\(example): \(trace)")
    }
}
