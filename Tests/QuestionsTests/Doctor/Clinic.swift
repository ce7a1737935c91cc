import Annotations
import Foundation
import PathModel
import Questions
import RuleModel
import Snapshot
import SourceText
import Testing

/// A node out of listings, with changes to them, and what the doctor finds on it.
struct Clinic {
    private var texts: [(path: String, text: String)] = []
    /// Empty: what the listings themselves hold.
    var cluster = ClusterObjects()
    /// The other nodes of the input.
    var others: [Clinic] = []

    /// Listings as they are.
    init(_ texts: String...) {
        self.texts = texts.enumerated().map { ("input-\($0.offset)", $0.element) }
    }

    /// The listings of a folder of Rulesets/.
    init(folder: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Rulesets/\(folder)")
        for name in try FileManager.default.contentsOfDirectory(atPath: root.path).sorted() {
            guard name.hasSuffix(".txt"), name != "questions.txt" else { continue }
            texts.append((name, try String(contentsOf: root.appending(path: name), encoding: .utf8)))
        }
    }

    func text(of file: String) -> String? { texts.first { $0.path == file }?.text }

    /// With every `old` of a listing, which must be there, replaced.
    func replacing(_ file: String, _ old: String, _ new: String) throws -> Clinic {
        var copy = self
        let index = try #require(texts.firstIndex { $0.path == file }, "\(file)")
        try #require(texts[index].text.contains(old), "\(old)")
        copy.texts[index].text = texts[index].text.replacingOccurrences(of: old, with: new)
        return copy
    }

    /// With lines more at a listing's end.
    func adding(_ file: String, _ lines: String) throws -> Clinic {
        var copy = self
        let index = try #require(texts.firstIndex { $0.path == file }, "\(file)")
        copy.texts[index].text += lines
        return copy
    }

    /// Without the lines of a listing that hold `part`; there must be one.
    func without(_ file: String, _ part: String) throws -> Clinic {
        var copy = self
        let index = try #require(texts.firstIndex { $0.path == file }, "\(file)")
        let lines = texts[index].text.split(separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.contains { $0.contains(part) }, "\(part)")
        copy.texts[index].text = lines.filter { !$0.contains(part) }.joined(separator: "\n")
        return copy
    }

    /// Without the listings of these names.
    func lacking(_ files: String...) -> Clinic {
        var copy = self
        copy.texts.removeAll { files.contains($0.path) }
        return copy
    }

    /// With another node in the input.
    func beside(_ other: Clinic) -> Clinic {
        var copy = self
        copy.others.append(other)
        return copy
    }

    /// With another listing.
    func with(_ text: String) -> Clinic {
        var copy = self
        copy.texts.append(("more-\(texts.count)", text))
        return copy
    }

    func with(_ cluster: ClusterObjects) -> Clinic {
        var copy = self
        copy.cluster = cluster
        return copy
    }

    /// What one check finds.
    func findings(_ check: String) throws -> [DoctorFinding] {
        try #require(doctorChecks.contains { $0.name == check }, "\(check)")
        let found = examine(try patient(), only: [check]).map(\.finding)
        for finding in found {
            #expect(!finding.evidence.isEmpty, "\(finding.title)")
            #expect(finding.evidence.allSatisfy { !$0.place.isNone || !$0.text.isEmpty }, "\(finding.title)")
            #expect(!finding.remedies.isEmpty, "\(finding.title)")
            for text in [finding.title, finding.traffic] + finding.remedies + finding.doubts {
                #expect(!text.hasSuffix("."), "\(text)")
            }
        }
        return found
    }

    /// The node as checks see it.
    func patient() throws -> Patient {
        let (model, own) = try read()
        let owners = AnnotatedRuleset(model.linked, cluster: own)
        let facts = try others.map { other in
            let model = try other.read().model
            return NodeFacts(model, annotations: AnnotatedRuleset(model.linked, cluster: own))
        }
        return Patient(
            model, annotations: owners, cluster: own, of: Fleet([NodeFacts(model, annotations: owners)] + facts))
    }

    private func read() throws -> (model: HostModel, cluster: ClusterObjects) {
        let node = try readSnapshot(files: texts.map { SourceFile(path: $0.path, text: $0.text) })
        return (HostModel(node.ruleset, node.host, names: node.names), cluster.isEmpty ? node.cluster : cluster)
    }

    /// `problem: title`, for each.
    func titles(_ check: String) throws -> [String] {
        try findings(check).map { "\($0.severity.name): \($0.title)" }
    }

    /// The lines that a finding quotes.
    func quotes(_ finding: DoctorFinding) throws -> [String] {
        finding.evidence.compactMap { evidence in
            guard !evidence.place.isNone else { return evidence.text }
            let file = SourceFile(path: "", text: texts[Int(evidence.place.file.index)].text)
            return file.text(evidence.place).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }
}
