internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m comment`
    mutating func readComment() throws(RuleFailure) -> Match {
        var comment: Symbol?
        while try beginOption() {
            guard takes("--comment") else { break }
            try refuseSecond(comment)
            comment = try symbol()
        }
        guard let comment else { throw missing("--comment") }
        return .comment(comment)
    }
}

extension RuleWriter {
    mutating func writeComment(_ text: Symbol) {
        option("--comment")
        quoted(text)
    }
}
