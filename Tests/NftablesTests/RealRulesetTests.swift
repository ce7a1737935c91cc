import RuleModel
import SourceText
import Testing

@testable import Nftables

/// Rule sets of real programs: `Fixtures/README.md` says where they come from.
@Suite struct RealRulesetTests {
    static let files = Fixture.all("real-")

    /// How many statements nft's text does not tell.
    static let foreign: [String: Int] = ["real-ufw-0.36.2-as-nft-list.txt": 30]

    @Test("a real rule set is read without a problem and without an unknown", arguments: files)
    func isRead(_ fixture: Fixture) throws {
        let read = Read(try fixture.bytes(), path: fixture.name)
        #expect(read.rendered == [])
        #expect(read.rules.count > 40)
        let unknowns = read.unknowns
        #expect(unknowns.allSatisfy { $0.hasPrefix("xt match ") })
        #expect(unknowns.count == RealRulesetTests.foreign[fixture.name] ?? 0)
    }

    @Test("there are such files") func areThere() {
        #expect(RealRulesetTests.files.count == 5)
    }
}
