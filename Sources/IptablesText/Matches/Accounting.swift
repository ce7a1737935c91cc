internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m nfacct`
    mutating func readAccounting() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeAccounting(_ match: Symbol) {
    }
}
