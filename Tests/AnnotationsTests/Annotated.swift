import Annotations
import ChainGraph
import Foundation
import RuleModel
import Snapshot
import SourceText
import Testing

/// A rule set out of text, with what is known of its makers.
struct Annotated {
    let rules: AnnotatedRuleset
    var linked: LinkedRuleset { rules.linked }

    init(_ text: String, cluster: ClusterObjects = ClusterObjects()) throws {
        try self.init(bytes: Array(text.utf8), cluster)
    }

    /// A file that another module's tests keep, such as `IptablesTextTests/Fixtures/real-….txt`.
    init(fixture path: String) throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        try self.init(bytes: Array(try Data(contentsOf: tests.appending(path: path))), ClusterObjects())
    }

    private init(bytes: [UInt8], _ cluster: ClusterObjects) throws {
        let node = try readSnapshot(files: [SourceFile(path: "rules", bytes: bytes)])
        rules = AnnotatedRuleset(LinkedRuleset(node.ruleset, names: node.names), cluster: cluster)
    }

    /// The chain of that path: `filter/DOCKER`.
    func chain(_ path: String) throws -> ChainID {
        try #require(linked.chainIDs.map { ChainID($0) }.first { linked.path(of: $0) == path }, "\(path)")
    }

    /// `Docker: published ports of containers`, a dash where nothing is known.
    func purpose(_ path: String) throws -> String { told(rules.purpose(of: try chain(path))) }

    /// What each rule of a chain is for.
    func texts(_ path: String) throws -> [String] {
        let id = try chain(path)
        return linked.chain(id).rules.indices.map {
            rules.purpose(of: RuleReference(chain: id, index: $0))?.text ?? "-"
        }
    }

    /// Every chain, with the rules in it.
    func golden(where isWanted: (String) -> Bool = { _ in true }) -> String {
        var text = ""
        for id in linked.chainIDs.map({ ChainID($0) }) where isWanted(linked.path(of: id)) {
            text += "\(linked.path(of: id)) — \(told(rules.purpose(of: id)))\n"
            for index in linked.chain(id).rules.indices {
                let purpose = rules.purpose(of: RuleReference(chain: id, index: index))
                text += "    \(purpose?.maker == rules.purpose(of: id)?.maker ? purpose?.text ?? "-" : told(purpose))\n"
            }
        }
        return text
    }

    private func told(_ purpose: Purpose?) -> String {
        purpose.map { "\($0.maker.name): \($0.text)" } ?? "-"
    }
}
