internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m u32`
    mutating func readU32() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeU32(_ match: Negatable<U32Program>) {
    }
}
