internal import Answers

/// What `hookline --help` prints.
func overviewText() -> String {
    var text = "hookline answers questions about the rules of a Linux host from what its tools print.\n\n"
    text += "usage: hookline COMMAND [OPTION…] SNAPSHOT…\n\n"
    let commands = Command.all
    let width = commands.map { $0.name.utf8.count }.max() ?? 0
    for command in commands {
        text += "  " + padded(command.name, to: width) + "  " + command.summary + "\n"
    }
    text += """

        A SNAPSHOT is a file, several files, a directory or an archive with what iptables-save, ip6tables-save, ipset,
        ip addr, ip route, ip rule, sysctl, conntrack and ss print; '-' is standard input. 'hookline capture' writes one
        of this machine, Tools/capture.sh does where nothing is installed, and '--live' reads this machine itself.

        'hookline COMMAND --help' tells more. Exit status: 0 answered, 1 not as expected, 2 no answer.

        """
    return text
}

/// What `hookline COMMAND --help` prints.
func helpText(_ command: Command) -> String {
    var text = "usage: hookline \(command.name) \(command.synopsis)\n\n"
    for paragraph in command.about { text += filled(paragraph, indent: 0) + "\n" }
    for group in groups(of: command.options) {
        text += group.title + ":\n"
        for option in group.options {
            let head = "  " + optionHead(option)
            let column = 28
            if head.count < column - 1 {
                text += padded(head, to: column)
                text += filled(option.help, indent: column, first: 0)
            } else {
                text += head + "\n" + filled(option.help, indent: column)
            }
        }
        text += "\n"
    }
    if !command.examples.isEmpty {
        text += "Examples:\n"
        for example in command.examples {
            text += filled(example.text + ":", indent: 2)
            text += "    \(example.call)\n"
        }
    }
    return text
}

/// `--output FILE, -o FILE`.
func optionHead(_ option: OptionDescription) -> String {
    let names = option.names.joined(separator: ", ")
    return option.valueName.map { "\(names) \($0)" } ?? names
}

/// Options under their headings, in the order of the first of each.
func groups(of options: [OptionDescription]) -> [(title: String, options: [OptionDescription])] {
    var groups: [(title: String, options: [OptionDescription])] = []
    for option in options {
        if let index = groups.firstIndex(where: { $0.title == option.group }) {
            groups[index].options.append(option)
        } else {
            groups.append((option.group, [option]))
        }
    }
    return groups
}

func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

/// `text` broken at spaces to 100 columns; `first` is how far the first line is indented here.
func filled(_ text: String, indent: Int, first: Int? = nil) -> String {
    var result = String(repeating: " ", count: first ?? indent)
    var column = indent
    var isLineStart = true
    for word in text.split(separator: " ") {
        if !isLineStart, column + 1 + word.count > 100 {
            result += "\n" + String(repeating: " ", count: indent)
            column = indent
            isLineStart = true
        }
        if !isLineStart {
            result += " "
            column += 1
        }
        result += word
        column += word.count
        isLineStart = false
    }
    return result + "\n"
}
