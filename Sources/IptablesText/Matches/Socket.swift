internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m socket`
    mutating func readSocket() throws(RuleFailure) -> Match {
        var match = SocketMatch()
        while try beginOption() {
            if takes("--transparent") {
                match.transparent = true
            } else if takes("--nowildcard") {
                match.noWildcard = true
            } else if takes("--restore-skmark") {
                match.restoresMark = true
            } else {
                break
            }
        }
        return .socket(match)
    }
}

extension RuleWriter {
    mutating func writeSocket(_ match: SocketMatch) {
        if match.transparent { option("--transparent") }
        if match.noWildcard { option("--nowildcard") }
        if match.restoresMark { option("--restore-skmark") }
    }
}
