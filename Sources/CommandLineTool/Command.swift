internal import Answers

/// One command as help, completions and man page tell it.
struct Command: Sendable {
    struct Example: Sendable {
        let text: String
        let call: String
    }

    let name: String
    /// One line for the list of commands.
    let summary: String
    /// Behind `hookline NAME`.
    let synopsis: String
    /// Paragraphs.
    let about: [String]
    let options: [OptionDescription]
    let examples: [Example]
    /// Takes the words behind the name.
    let run: @Sendable ([String], borrowing Console) throws(Stop) -> Int32

    static let all: [Command] = [
        traceCommand, findCommand, diffCommand, checkCommand, doctorCommand, lintCommand, showCommand, graphCommand,
        reportCommand, serveCommand, captureCommand, replayCommand, completionsCommand, manCommand, helpCommand,
    ]

    static func named(_ name: String) -> Command? { all.first { $0.name == name } }

}

/// Why a command ends before its answer is complete.
enum Stop: Error {
    /// The call can't be read.
    case usage(UsageFailure)
    /// A message that is ready to be shown.
    case message(String)
    /// Nobody reads the output any more.
    case closed
}
