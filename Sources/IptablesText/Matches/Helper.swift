internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m helper`
    mutating func readHelper() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeHelper(_ match: Negatable<Symbol>) {
    }
}
