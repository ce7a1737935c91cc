import RuleModel
import Testing

/// A dump of 700,000 rules must fit into 350 MB: a byte more per statement is 2.5 MB.
@Suite struct SizeTests {
    @Test func statementsAreSmall() {
        #expect(MemoryLayout<Match>.stride == 16)
        #expect(MemoryLayout<Target>.stride <= 16)
        #expect(MemoryLayout<Statement>.stride == 16)
    }

    @Test func aRuleIsHalfACacheLine() { #expect(MemoryLayout<Rule>.stride == 32) }
}
