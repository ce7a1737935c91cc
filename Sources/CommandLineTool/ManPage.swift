internal import Answers

let manCommand = Command(
    name: "man", summary: "the manual page, for man(1)", synopsis: "",
    about: ["Writes the manual page in the language of man(7) to standard output."], options: [],
    examples: [Command.Example(text: "read it", call: "hookline man | man -l -")],
    run: { (arguments, console) throws(Stop) in
        if let first = arguments.first { throw .usage(UsageFailure("man takes no words, and there is '\(first)'")) }
        return try write(manPage(), console)
    })

let helpCommand = Command(
    name: "help", summary: "how a command is used", synopsis: "[COMMAND]", about: ["The same as COMMAND --help."],
    options: [], examples: [Command.Example(text: "on tracing", call: "hookline help trace")],
    run: { (arguments, console) throws(Stop) in
        guard let name = arguments.first else { return try write(overviewText(), console) }
        guard let command = Command.named(name) else {
            let hint = suggestion(for: name, among: Command.all.map(\.name))
            throw .usage(UsageFailure("no command '\(name)'\(hint)"))
        }
        return try write(helpText(command), console)
    })

/// `hookline.1`, made from the option tables.
func manPage() -> String {
    var page = ManWriter()
    page.line(".TH HOOKLINE 1 \"\" \"hookline \(hooklineVersion)\" \"User Commands\"")
    page.section("NAME")
    page.text("hookline - which way a packet takes through the rules of a Linux host, and which rule decided")
    page.section("SYNOPSIS")
    for command in Command.all {
        page.line(".B hookline \(ManWriter.escaped(command.name))")
        if !command.synopsis.isEmpty { page.line(ManWriter.escaped(command.synopsis)) }
        page.line(".br")
    }
    page.section("DESCRIPTION")
    page.text(
        "hookline answers questions about the rules of a Linux host from a snapshot: what iptables-save, ip6tables-save, ipset, ip, sysctl, conntrack and ss print. It needs no traffic, no root and no cluster."
    )
    page.line(".PP")
    page.text(
        "A snapshot is a file, several files, a directory or an archive; '-' is standard input. What is in a file is told by its contents. Files on one command line are one node together."
    )
    for command in Command.all { page.command(command) }
    page.section("EXIT STATUS")
    page.item("0", "The question was answered.")
    page.item("1", "The answer is not as --expect says.")
    page.item(
        "2",
        "The call can't be read, there is no rule set in the input, or, with --strict, a line of the input can't be read."
    )
    page.section("ENVIRONMENT")
    page.item("NO_COLOR", "If it is set and not empty, the output has no colour unless --color=always says so.")
    return page.page
}

private struct ManWriter {
    var page = ""

    mutating func line(_ text: String) { page += text + "\n" }

    mutating func text(_ text: String) { line(ManWriter.escaped(text)) }

    mutating func section(_ title: String) { line(".SH \(title)") }

    mutating func item(_ head: String, _ text: String) {
        line(".TP")
        line(".B \(ManWriter.escaped(head))")
        self.text(text)
    }

    mutating func command(_ command: Command) {
        section("HOOKLINE \(command.name.uppercased())")
        for (index, paragraph) in command.about.enumerated() {
            if index > 0 { line(".PP") }
            text(paragraph)
        }
        for group in groups(of: command.options) {
            line(".SS \(ManWriter.escaped(group.title))")
            for option in group.options { item(optionHead(option), capitalisedSentence(option.help)) }
        }
        if command.examples.isEmpty { return }
        line(".SS Examples")
        for example in command.examples {
            line(".PP")
            text(capitalisedSentence(example.text) + ":")
            line(".PP")
            line(".nf")
            line(".RS 4")
            text(example.call)
            line(".RE")
            line(".fi")
        }
    }

    private func capitalisedSentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

    /// Backslashes and hyphens for roff; no line may begin with a dot or a quote.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "'": result += "\\(aq"
            case "…": result += "\\&..."
            default: result.append(character)
            }
        }
        return result.hasPrefix(".") ? "\\&" + result : result
    }
}
