import CommandLineTool
import Foundation
import SourceText
import Testing

/// The answers to the questions of `Rulesets/`, as a person reads them and as JSON.
///
/// `UPDATE_GOLDEN=1 swift test --filter GoldenTests` writes `Expected/` anew, twice, and fails where the two differ.
@Suite(.serialized) struct GoldenTests {
    /// Whether there is anything to compare with, or to be written.
    static var isRecorded: Bool {
        updates || folders.contains { FileManager.default.fileExists(atPath: expected.appendingPathComponent($0).path) }
    }

    struct Question: Sendable, CustomTestStringConvertible {
        let folder: String
        let name: String
        let arguments: [String]
        var testDescription: String { "\(folder)/\(name)" }
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let expected = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Expected")

    /// Folders of `Rulesets/` that have a list of questions.
    static let folders: [String] = {
        let rulesets = root.appendingPathComponent("Rulesets")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: rulesets.path)) ?? []
        return names.sorted().filter { name in
            FileManager.default.fileExists(
                atPath: rulesets.appendingPathComponent(name).appendingPathComponent("questions.txt").path)
        }
    }()

    static func questions(_ folder: String) -> [Question] {
        let file = root.appendingPathComponent("Rulesets/\(folder)/questions.txt")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            guard !line.hasPrefix("#"), let colon = line.firstIndex(of: ":") else { return nil }
            let name = line[..<colon].trimmingCharacters(in: .whitespaces)
            let arguments = line[line.index(after: colon)...].split(separator: " ").map(String.init)
            return Question(folder: folder, name: name, arguments: arguments)
        }
    }

    /// One call in the repository's folder: paths are shown as the user would type them from there.
    static func call(_ arguments: [String]) -> (output: String, status: Int32, error: String) {
        _ = FileManager.default.changeCurrentDirectoryPath(root.path)
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
        let status = run(arguments, surroundings)
        return (
            String(decoding: recorder.output, as: UTF8.self), status, String(decoding: recorder.error, as: UTF8.self)
        )
    }

    private func answer(_ question: Question, _ more: [String]) -> (text: String, status: Int32, error: String) {
        let call = Self.call(["trace", "Rulesets/\(question.folder)"] + question.arguments + more)
        return (call.output, call.status, call.error)
    }

    static var updates: Bool { ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" }

    @Test(
        "the answers are as expected", .enabled(if: isRecorded, "no answers were recorded yet"), arguments: folders)
    func answers(_ folder: String) throws {
        let questions = Self.questions(folder)
        #expect(!questions.isEmpty)
        #expect(Set(questions.map(\.name)).count == questions.count, "two questions have one name")
        let directory = Self.expected.appendingPathComponent(folder)
        var files: [String: String] = [:]
        var lines = ""
        for question in questions {
            let text = answer(question, [])
            #expect(text.status == 0, "\(question): \(text.error)")
            files[question.name + ".txt"] = text.text
            let json = answer(question, ["--json"])
            #expect(json.status == 0, "\(question): \(json.error)")
            lines += json.text
        }
        files["answers.jsonl"] = lines
        if Self.updates {
            try write(files, to: directory)
            for question in questions {
                #expect(
                    answer(question, []).text == files[question.name + ".txt"], "\(question) differs when asked again")
            }
        }
        for (name, text) in files.sorted(by: { $0.key < $1.key }) {
            let there = try? String(contentsOf: directory.appendingPathComponent(name), encoding: .utf8)
            #expect(there == text, "\(folder)/\(name)")
        }
        let known = Set((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? [])
        #expect(known.subtracting(files.keys).isEmpty, "answers to no question")
    }

    private func write(_ files: [String: String], to directory: URL) throws {
        try? FileManager.default.removeItem(at: directory)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for (name, text) in files { try Data(text.utf8).write(to: directory.appendingPathComponent(name)) }
    }
}
