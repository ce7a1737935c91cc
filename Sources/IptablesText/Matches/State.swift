internal import NetTypes
internal import RuleModel

private let states: Keywords<ConnectionStates> = [
    ("INVALID", .invalid), ("NEW", .new), ("RELATED", .related), ("ESTABLISHED", .established),
    ("UNTRACKED", .untracked),
]

extension RuleReader {
    /// `-m state`
    mutating func readState() throws(RuleFailure) -> Match {
        var result: Negatable<ConnectionStates>?
        while try beginOption() {
            guard takes("--state") else { break }
            try refuseSecond(result)
            let isNegated = negation()
            let range = try value()
            var wanted: ConnectionStates = []
            for part in list(range) ?? [] {
                guard let state = find(anyCase: part, in: states) else { throw bad(.value, "a list of states") }
                wanted.formUnion(state)
            }
            guard !wanted.isEmpty else { throw bad(.value, "a list of states") }
            result = Negatable(wanted, isNegated: isNegated)
        }
        guard let result else { throw missing("--state") }
        return .state(result)
    }
}

extension RuleWriter {
    mutating func writeState(_ match: Negatable<ConnectionStates>) {
        option("--state", isNegated: match.isNegated)
        var separator: StaticString = " "
        for state in states where match.value.contains(state.value) {
            put(separator)
            put(state.name)
            separator = ","
        }
    }
}
