internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m rpfilter`
    mutating func readReversePath() throws(RuleFailure) -> Match {
        var match = ReversePathMatch()
        while try beginOption() {
            if takes("--loose") {
                match.isLoose = true
            } else if takes("--validmark") {
                match.usesMark = true
            } else if takes("--accept-local") {
                match.acceptsLocal = true
            } else if takes("--invert") {
                match.isInverted = true
            } else {
                break
            }
        }
        return .reversePath(match)
    }
}

extension RuleWriter {
    mutating func writeReversePath(_ match: ReversePathMatch) {
        if match.isLoose { option("--loose") }
        if match.usesMark { option("--validmark") }
        if match.acceptsLocal { option("--accept-local") }
        if match.isInverted { option("--invert") }
    }
}
