import Annotations
import ChainGraph
import Foundation
import RuleModel
import SourceText
import Testing

@Suite struct CalicoRulesTests {
    @Test(arguments: RealRulesets.calico) func dump(_ name: String) throws {
        let linked = try RealRulesets.linked(try RealRulesets.text(name))
        let rules = AnnotatedRuleset(linked)
        var text = ""
        for index in linked.chainIDs {
            let id = ChainID(index)
            text += "\(linked.path(of: id)): \(rules.purpose(of: id)?.text ?? "-")\n"
            for index in linked.chain(id).rules.indices {
                let reference = RuleReference(chain: id, index: index)
                text += "   \(index + 1) \(rules.purpose(of: reference)?.text ?? "-")\n"
            }
        }
        try text.write(toFile: "/tmp/hl/scratch/dump-\(name)", atomically: true, encoding: .utf8)
    }
}
