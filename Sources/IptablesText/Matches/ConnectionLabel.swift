internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m connlabel`. A label is a number here: what `/etc/connlabel.conf` names it is not in the dump.
    mutating func readConnectionLabel() throws(RuleFailure) -> Match {
        var label: Negatable<UInt16>?
        var match = ConnectionLabelMatch()
        while try beginOption() {
            if takes("--label") {
                try refuseSecond(label)
                label = Negatable(try number(upTo: 127), isNegated: negation())
            } else if takes("--set") {
                match.sets = true
            } else {
                break
            }
        }
        guard let label else { throw missing("--label") }
        match.label = label
        return .connectionLabel(match)
    }
}

extension RuleWriter {
    mutating func writeConnectionLabel(_ match: ConnectionLabelMatch) {
        option("--label", isNegated: match.label.isNegated)
        put(" \"")
        put(match.label.value)
        put("\"")
        if match.sets { option("--set") }
    }
}
