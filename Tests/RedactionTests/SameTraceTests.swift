import CommandLineTool
import Foundation
import Snapshot
import SourceText
import Testing

@testable import Redaction

/// Packets whose addresses are replaced too take the way through a redacted snapshot that they took through the first.
@Suite(.serialized) struct SameTraceTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Rulesets")

    static let folders: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
        return names.sorted().filter {
            FileManager.default.fileExists(atPath: root.appendingPathComponent("\($0)/questions.txt").path)
        }
    }()

    private func questions(_ folder: String) throws -> [[String]] {
        let text = try String(contentsOf: Self.root.appendingPathComponent("\(folder)/questions.txt"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            guard !line.hasPrefix("#"), let colon = line.firstIndex(of: ":") else { return nil }
            return line[line.index(after: colon)...].split(separator: " ").map(String.init)
        }
    }

    private func call(_ arguments: [String]) -> (output: String, error: String) {
        final class Recorder {
            var output: [UInt8] = []
            var error: [UInt8] = []
        }
        let recorder = Recorder()
        let surroundings = Surroundings(
            writeOutput: { (bytes) throws(FileFailure) in recorder.output += bytes },
            writeError: { recorder.error += $0 },
            readInput: { (_) throws(FileFailure) in [] },
            openFile: { (path) throws(FileFailure) in throw FileFailure(call: "open", code: 2, path: path) },
            writeFile: { (path, _) throws(FileFailure) in throw FileFailure(call: "open", code: 13, path: path) },
            now: { 0 })
        _ = run(arguments, surroundings)
        return (String(decoding: recorder.output, as: UTF8.self), String(decoding: recorder.error, as: UTF8.self))
    }

    @Test(arguments: folders) func tracesStayTheSame(_ folder: String) throws {
        let original = Self.root.appendingPathComponent(folder).path
        let target = FileManager.default.temporaryDirectory.appendingPathComponent(
            "hookline-same-\(ProcessInfo.processInfo.processIdentifier)/\(folder)")
        try? FileManager.default.removeItem(at: target)
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: target) }
        var redactor = Redactor(key: .random())
        let redacted = redactor.redact(try gatherFiles([original]).files)
        for file in redacted.files {
            let place = target.appendingPathComponent(file.path)
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.bytes).write(to: place)
        }
        let all = try questions(folder)
        #expect(!all.isEmpty)
        // What --assume names a rule by has another chain's name there.
        for question in all
        where !Self.isChosenByHash(folder, question) && !Self.isByName(question) && !question.contains("--assume") {
            var other: [String] = []
            for (position, word) in question.enumerated() {
                let isNamed = position > 0 && ["--from", "--to", "--in", "--mac"].contains(question[position - 1])
                other.append(isNamed ? redactor.redact(word) : word)
            }
            let (a, b) = (
                call(["trace", original] + question + ["--json"]), call(["trace", target.path] + other + ["--json"])
            )
            #expect(codes(a.error) == codes(b.error), "\(b.error)")
            let (first, second) = (try object(a.output), try object(b.output))
            // Which address stands for the internet is chosen anew.
            let picks = question.contains { $0.hasPrefix("internet") }
            if let difference = difference(first, second, &redactor, picks, "") {
                Issue.record("\(question.joined(separator: " ")) as \(other.joined(separator: " ")): \(difference)")
            }
        }
    }

    /// Objects of Kubernetes are left out: nothing has their names there.
    private static func isByName(_ question: [String]) -> Bool {
        question.contains { word in ["pod:", "svc:", "node:"].contains { word.hasPrefix($0) } }
    }

    /// A rule that chooses one of several by a hash of addresses chooses another for other addresses: NAT to a range
    /// (`find_best_ips_proto` of net/netfilter/nf_nat_core.c, Linux 6.18) and nft's `jhash`.
    private static func isChosenByHash(_ folder: String, _ question: [String]) -> Bool {
        let chosen = ["nat-redirect-netmap": [":7000/tcp"], "nft-nat": [":443/tcp", ":53/udp"]][folder] ?? []
        return question.contains { word in chosen.contains { word.hasSuffix($0) } }
    }

    private func codes(_ error: String) -> [String] {
        error.matches(of: /\[([a-z0-9-]+)\]\n/).map { String($0.output.1) }.filter { $0 != "not-recognised" }
    }

    private func object(_ text: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    /// Where two answers say different things; names and addresses are the same where one stands for the other.
    private func difference(_ a: Any, _ b: Any, _ redactor: inout Redactor, _ picks: Bool, _ place: String) -> String? {
        if let a = a as? [String: Any], let b = b as? [String: Any] {
            if Set(a.keys) != Set(b.keys) { return "\(place): \(a.keys.sorted()) and \(b.keys.sorted())" }
            // What steps say in words is in the explanation again, in sentences that are not taken apart here.
            for key in a.keys.sorted() where key != "file" && key != "explanation" {
                guard let left = a[key], let right = b[key] else { continue }
                if let found = difference(left, right, &redactor, picks, "\(place).\(key)") { return found }
            }
            return nil
        }
        if let a = a as? [Any], let b = b as? [Any] {
            if a.count != b.count { return "\(place): \(a.count) and \(b.count)" }
            for (index, pair) in zip(a, b).enumerated() {
                if let found = difference(pair.0, pair.1, &redactor, picks, "\(place)[\(index)]") { return found }
            }
            return nil
        }
        if let a = a as? String, let b = b as? String {
            return isSame(a, b, &redactor, picks) ? nil : "\(place): \(a) and \(b)"
        }
        return "\(a)" == "\(b)" ? nil : "\(place): \(a) and \(b)"
    }

    private func isSame(_ a: String, _ b: String, _ redactor: inout Redactor, _ picks: Bool) -> Bool {
        if a == b || redactor.redact(a) == b { return true }
        // A sentence with names in it: word by word.
        let (left, right) = (a.split { " ,;'()/@:".contains($0) }, b.split { " ,;'()/@:".contains($0) })
        guard left.count == right.count else { return false }
        for (one, other) in zip(left, right) where one != other && redactor.redact(String(one)) != other {
            if picks, one.contains("."), other.contains(".") { continue }
            return false
        }
        return true
    }

    /// Nothing that was replaced is left anywhere.
    @Test(arguments: folders) func nothingThatWasReplacedIsLeft(_ folder: String) throws {
        var redactor = Redactor(key: .random())
        let redacted = redactor.redact(try gatherFiles([Self.root.appendingPathComponent(folder).path]).files)
        let gone = Set(redactor.replacements.map(\.original)).subtracting(redactor.replacements.map(\.replacement))
        var left: Set<String> = []
        for file in redacted.files {
            for line in file.bytes.split(separator: 10) {
                for token in tokens(of: Array(line)) {
                    left.insert(String(decoding: Array(line)[token.range], as: UTF8.self))
                }
            }
        }
        #expect(left.intersection(gone).filter { $0.count > 3 }.isEmpty)
        #expect(redacted.files.count > 5)
    }
}
