/// Why a part of a rule could not be read, and the word that shows it.
struct RuleFailure: Error, Sendable {
    enum Reason: Sendable {
        /// An option at the end of the line, or before the next one, that wants a value.
        case missingValue
        /// A match or target without an option that it can't do without, such as `--mark`.
        case missingOption(String)
        /// The value is not what the option takes; the text says what that is: `an IPv4 address`.
        case bad(Kind, String)
        /// `!` before an option that can't be negated.
        case cannotNegate
        case repeatedOption
        case unknownOption
        case unknownMatch
        case unknownTarget
        /// A word that is no option and no option's value.
        case unexpectedWord
        case unterminatedQuote
        /// The input ends inside this line.
        case cutLine
    }

    /// What a value was to be. The raw value is the diagnostic's code.
    enum Kind: String, Sendable {
        case address = "bad-address"
        case port = "bad-port"
        case number = "bad-number"
        case name = "bad-name"
        case value = "bad-value"
    }

    let reason: Reason
    /// Index of the offending word in the rule's line.
    let word: Int

    init(_ reason: Reason, word: Int) {
        self.reason = reason
        self.word = word
    }
}

extension RuleFailure.Reason {
    /// The stable name of this finding.
    var code: String {
        switch self {
        case .missingValue: "missing-value"
        case .missingOption: "missing-option"
        case .bad(let kind, _): kind.rawValue
        case .cannotNegate: "cannot-negate"
        case .repeatedOption: "repeated-option"
        case .unknownOption: "unknown-option"
        case .unknownMatch: "unknown-match"
        case .unknownTarget: "unknown-target"
        case .unexpectedWord: "unexpected-word"
        case .unterminatedQuote: "unterminated-quote"
        case .cutLine: "cut-line"
        }
    }

    /// A sentence that quotes `word`, the offending text.
    func sentence(quoting word: String) -> String {
        switch self {
        case .missingValue: "option '\(word)' wants a value"
        case .missingOption(let option): "'\(word)' wants the option \(option)"
        case .bad(_, let expected): "'\(word)' is not \(expected)"
        case .cannotNegate: "'\(word)' can't be negated"
        case .repeatedOption: "option '\(word)' stands here a second time"
        case .unknownOption: "option '\(word)' is not known"
        case .unknownMatch: "match '\(word)' is not known"
        case .unknownTarget: "target '\(word)' is not known"
        case .unexpectedWord: "'\(word)' belongs to no option"
        case .unterminatedQuote: "the quote that begins at '\(word)' does not end"
        case .cutLine: "the input ends inside this rule, at '\(word)'"
        }
    }
}
