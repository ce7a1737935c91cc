internal import Answers
internal import Reports
internal import SourceText

/// Answers one call and returns the status to exit with.
///
/// - Parameter arguments: the words behind the program's name.
public func run(_ arguments: [String], _ surroundings: Surroundings) -> Int32 {
    let console = Console(surroundings: surroundings)
    do {
        return try dispatch(arguments, console)
    } catch {
        switch error {
        case .usage(let failure):
            console.error("hookline: error: \(escapedForTerminal(failure.message))")
            return ExitStatus.failed
        case .message(let text):
            console.error(text)
            return ExitStatus.failed
        case .closed: return ExitStatus.brokenPipe
        }
    }
}

private func dispatch(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    guard let first = arguments.first else {
        throw .usage(UsageFailure("no command; 'hookline --help' lists them"))
    }
    switch first {
    case "--help", "-h": return try write(overviewText(), console)
    case "--version", "-V": return try write("hookline \(hooklineVersion)\n", console)
    default: break
    }
    guard !first.hasPrefix("-") else {
        throw .usage(unknownOption(first, among: ["--help", "--version"]))
    }
    guard let command = Command.named(first) else {
        let hint = suggestion(for: first, among: Command.all.map(\.name))
        throw .usage(
            UsageFailure("unknown command '\(first)'\(hint.isEmpty ? "; 'hookline --help' lists them" : hint)"))
    }
    let rest = Array(arguments.dropFirst())
    if asksForHelp(rest) { return try write(helpText(command), console) }
    return try command.run(rest, console)
}

/// Whether `--help` is among the options.
private func asksForHelp(_ arguments: [String]) -> Bool {
    arguments.prefix { $0 != "--" }.contains { $0 == "--help" || $0 == "-h" }
}

/// Writes a text to standard output.
func write(_ text: String, _ console: borrowing Console) throws(Stop) -> Int32 {
    var output = console.output()
    output.write(text)
    try console.finish(&output)
    return ExitStatus.answered
}
