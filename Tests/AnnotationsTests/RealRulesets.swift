import Annotations
import ChainGraph
import Foundation
import RuleModel
import Snapshot
import SourceText
import Testing

/// Rule sets that real programs wrote: fixtures of the readers' tests, where their README says where they come from.
enum RealRulesets {
    static let calico =
        ["v3.25", "v3.28.0", "v3.29", "v3.30", "v3.30-flowlogs", "v3.31", "v3.31-ipvs", "v3.32"]
        .map { "real-calico-version-\($0).txt" }
        + ["real-calico-version-head-v3.33.txt", "real-calico-version-head-v3.33-flowlogs.txt"]
        + [
            "real-calico-node-iptables.txt", "real-calico-v3.30-node-nopods-iptables.txt",
            "real-calico-aks-kubenet-v3.2x-filter-iptables.txt", "real-calico-nftables-mode-node-nopods-nft.txt",
        ]

    static func text(_ name: String) throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        for folder in ["IptablesTextTests", "NftablesTests"] {
            let url = tests.appendingPathComponent(folder).appendingPathComponent("Fixtures")
                .appendingPathComponent(name)
            if FileManager.default.fileExists(atPath: url.path) { return try String(contentsOf: url, encoding: .utf8) }
        }
        throw CocoaError(.fileNoSuchFile)
    }

    static func linked(_ text: String) throws -> LinkedRuleset {
        let node = try readSnapshot(files: [SourceFile(path: "rules", bytes: Array(text.utf8))])
        return LinkedRuleset(node.ruleset, names: node.names)
    }
}

extension AnnotatedRuleset {
    /// The chain at `TABLE/NAME`.
    func chain(_ path: String) throws -> ChainID {
        try #require(linked.chainIDs.map { ChainID($0) }.first { linked.path(of: $0) == path })
    }

    /// The words for each rule of the chain at `TABLE/NAME`; `-` where a rule has no purpose.
    func texts(_ path: String) throws -> [String] {
        let id = try chain(path)
        return linked.chain(id).rules.indices.map { purpose(of: RuleReference(chain: id, index: $0))?.text ?? "-" }
    }
}
