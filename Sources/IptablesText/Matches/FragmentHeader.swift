internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m frag`
    mutating func readFragmentHeader() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeFragmentHeader(_ match: FragmentHeaderMatch) {
    }
}
