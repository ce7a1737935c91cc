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
    /// Takes the words behind the name; `nil`: not in this version.
    let run: (@Sendable ([String], borrowing Console) throws(Stop) -> Int32)?

    static let all: [Command] = [
        traceCommand, findCommand, diffCommand, checkCommand, doctorCommand, lintCommand, showCommand, graphCommand,
        captureCommand, completionsCommand, manCommand, helpCommand,
        later("replay", "every packet of a capture, and what the rules do with it"),
    ]

    static func named(_ name: String) -> Command? { all.first { $0.name == name } }

    /// Those that this version has, without the ones for packagers.
    static var shown: [Command] { all.filter { $0.run != nil } }

    private static func later(_ name: String, _ summary: String) -> Command {
        Command(name: name, summary: summary, synopsis: "", about: [], options: [], examples: [], run: nil)
    }
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
