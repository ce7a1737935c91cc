internal import Answers

/// Shells that completions are made for.
enum Shell: String, Hashable, Sendable, CaseIterable {
    case bash, zsh, fish
}

let completionsCommand = Command(
    name: "completions", summary: "completions for bash, zsh or fish", synopsis: "bash|zsh|fish",
    about: ["Writes a shell's completions to standard output."], options: [],
    examples: [
        Command.Example(text: "for this shell", call: "source <(hookline completions bash)"),
        Command.Example(
            text: "for fish", call: "hookline completions fish > ~/.config/fish/completions/hookline.fish"),
    ],
    run: { (arguments, console) throws(Stop) in
        guard arguments.count == 1, let shell = Shell(rawValue: arguments[0]) else {
            throw .usage(UsageFailure("completions takes one of bash, zsh and fish"))
        }
        return try write(completions(shell), console)
    })

/// The completions of `shell`, made from the option tables.
func completions(_ shell: Shell) -> String {
    switch shell {
    case .bash: bashCompletions()
    case .zsh: zshCompletions()
    case .fish: fishCompletions()
    }
}

/// `--help`, which every command has.
private let helpOption = OptionDescription(
    names: ["--help", "-h"], group: "", help: "tell how the command is used", valueName: nil, valueKind: .text)

private func bashCompletions() -> String {
    var text = """
        # bash completion for hookline
        _hookline() {
            local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" options=""
            if [ "$COMP_CWORD" -eq 1 ]; then
                COMPREPLY=($(compgen -W "\(Command.all.map(\.name).joined(separator: " ")) --help --version" -- "$current"))
                return
            fi
            case "${COMP_WORDS[1]}" in

        """
    for command in Command.all {
        text += "    \(command.name))\n"
        text += "        case \"$previous\" in\n"
        for option in command.options where option.valueName != nil {
            text += "        \(option.names.joined(separator: "|"))) "
            switch option.valueKind {
            case .words(let words):
                text += "COMPREPLY=($(compgen -W \"\(words.joined(separator: " "))\" -- \"$current\"))"
            case .file: text += "COMPREPLY=($(compgen -f -- \"$current\"))"
            case .text: text += "COMPREPLY=()"
            }
            text += "; return ;;\n"
        }
        text += "        esac\n"
        let names = (command.options + [helpOption]).flatMap(\.names)
        text += "        options=\"\(names.joined(separator: " "))\"\n"
        if command.name == "completions" {
            text += "        options=\"\(Shell.allCases.map(\.rawValue).joined(separator: " "))\"\n"
        }
        text += "        ;;\n"
    }
    text += """
            esac
            case "$current" in
            -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
            *) if [ "${COMP_WORDS[1]}" = completions ]; then COMPREPLY=($(compgen -W "$options" -- "$current"))
               else COMPREPLY=($(compgen -f -- "$current")); fi ;;
            esac
        }
        complete -o filenames -F _hookline hookline

        """
    return text
}

/// `text` for single quotes of a shell.
private func singleQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}

private func zshCompletions() -> String {
    func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            if character == "[" || character == "]" || character == ":" || character == "\\" { result += "\\" }
            result.append(character)
        }
        return result
    }
    var text = "#compdef hookline\n\n_hookline() {\n  local -a commands\n  commands=(\n"
    for command in Command.all {
        text += "    \(singleQuoted("\(command.name):\(escaped(command.summary))"))\n"
    }
    text += "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
    text += "  local name=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $name in\n"
    for command in Command.all {
        text += "    \(command.name))\n      _arguments"
        for option in command.options + [helpOption] {
            for name in option.names {
                var spec = "\(name)[\(escaped(option.help))]"
                if let value = option.valueName {
                    switch option.valueKind {
                    case .words(let words): spec += ":\(value):(\(words.joined(separator: " ")))"
                    case .file: spec += ":\(value):_files"
                    case .text: spec += ":\(value): "
                    }
                }
                text += " \\\n        \(singleQuoted(spec))"
            }
        }
        if command.name == "completions" {
            text += " \\\n        '1:shell:(\(Shell.allCases.map(\.rawValue).joined(separator: " ")))'"
        } else {
            text += " \\\n        '*:snapshot:_files'"
        }
        text += "\n      ;;\n"
    }
    return text + "  esac\n}\n\n_hookline \"$@\"\n"
}

private func fishCompletions() -> String {
    var text = "# fish completion for hookline\n"
    let isFirst = "__fish_use_subcommand"
    for command in Command.all {
        text += "complete -c hookline -f -n \(isFirst) -a \(command.name) -d \(singleQuoted(command.summary))\n"
    }
    text += "complete -c hookline -n \(isFirst) -l help -d 'list the commands'\n"
    text += "complete -c hookline -n \(isFirst) -l version -d 'print the version'\n"
    for command in Command.all {
        let condition = "-n '__fish_seen_subcommand_from \(command.name)'"
        if command.name == "completions" {
            text +=
                "complete -c hookline -f \(condition) -a '\(Shell.allCases.map(\.rawValue).joined(separator: " "))'\n"
        }
        for option in command.options + [helpOption] {
            text += "complete -c hookline \(condition)"
            for name in option.names {
                text += name.hasPrefix("--") ? " -l \(name.dropFirst(2))" : " -s \(name.dropFirst())"
            }
            if option.valueName != nil {
                switch option.valueKind {
                case .words(let words): text += " -x -a '\(words.joined(separator: " "))'"
                case .file: text += " -r -F"
                case .text: text += " -x"
                }
            }
            text += " -d \(singleQuoted(option.help))\n"
        }
    }
    return text
}
