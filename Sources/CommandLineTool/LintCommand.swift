internal import Annotations
internal import Answers
internal import PathModel
internal import Questions
internal import Reports
internal import Snapshot
internal import SourceText

struct LintSettings: SnapshotCommandSettings, Hashable {
    var common = CommonSettings()
    var json = false
    var listsChecks = false
    var checks: [String] = []
    var failOn = LintFinding.Severity.problem
    var silences: String?

    static let options: [Option<LintSettings>] =
        [
            .flag("--json", group: "What to show", help: "a JSON object a line, one for each finding") {
                $0.json = true
            },
            .value(
                "--check", name: "NAME,…", kind: .words(lintChecks.map(\.name)), group: "What to look for",
                help: "these checks only; may be given again. --list tells the names"
            ) { (settings, text) throws(UsageFailure) in
                for name in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                    guard lintChecks.contains(where: { $0.name == name }) else {
                        throw UsageFailure("there is no check '\(name)'; 'hookline lint --list' tells their names")
                    }
                    settings.checks.append(name)
                }
            },
            .flag("--list", group: "What to look for", help: "the checks and what each looks for") {
                $0.listsChecks = true
            },
            .value(
                "--silence", name: "FILE", kind: .file, group: "What to look for",
                help:
                    "findings not to tell, a line for each: CHECK, or CHECK and a file:line, a chain or a set; # begins a comment"
            ) { settings, text in settings.silences = text },
            .value(
                "--fail-on", name: "SEVERITY", kind: .words(LintFinding.Severity.allCases.map(\.name)),
                group: "What to look for",
                help: "exit with 1 where a finding is as grave as that: hint, warning or problem (the default)"
            ) { (settings, text) throws(UsageFailure) in
                guard let severity = LintFinding.Severity.allCases.first(where: { $0.name == text }) else {
                    throw UsageFailure("'\(text)' is not one of hint, warning and problem")
                }
                settings.failOn = severity
            },
        ] + commonOptions(LintSettings.self)
}

let lintCommand = Command(
    name: "lint", summary: "dead, shadowed, contradicting and risky rules",
    synopsis: "[OPTION…] SNAPSHOT…",
    about: [
        "Looks through the rules themselves: rules that can never match or that an earlier one makes needless, chains and sets that are missing or not used, marks that nobody sets or asks for, and what iptables-restore, nft or the kernel would refuse to load. Each finding quotes the lines that it is about, says what it comes to and what to do.",
        "A finding that is meant so is silenced by a comment of the rule, chain or set that has hookline:allow=CHECK in it, or by a line in a file (--silence). What known programs write on purpose (Calico, kube-proxy, Docker, firewalld, ufw, …) is no finding.",
    ],
    options: LintSettings.options.map(\.description),
    examples: [
        Command.Example(text: "what is wrong with these rules", call: "hookline lint /etc/iptables/rules.v4"),
        Command.Example(text: "this machine", call: "sudo hookline lint --live"),
        Command.Example(
            text: "a gate before rollout",
            call: "hookline lint --fail-on warning --silence lint.allow rules.v4 || exit 1"),
    ],
    run: { (arguments, console) throws(Stop) in try lint(arguments, console) })

private func lint(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = LintSettings()
    let paths: [String]
    do { paths = try parse(arguments, LintSettings.options, into: &settings) } catch { throw .usage(error) }
    if settings.listsChecks {
        var output = console.output()
        let rows = lintChecks.map { [RichText($0.name, .strong), RichText($0.summary)] }
        render(Document([.table(rows)]), settings.common.style(console.surroundings), into: &output)
        try console.finish(&output)
        return ExitStatus.answered
    }
    let silences = try readSilences(settings.silences, console)
    let names = Set(settings.checks)
    let request = LintRequest(
        names: names, silences: silences,
        telling: NodeTelling(paths, isJSON: settings.json, settings.common, console))
    let (looked, haveProblems) = try NodeInput(paths, settings.common, console).map(console) { number, loaded in
        request.look(at: loaded, number)
    }
    var output = console.output()
    for node in looked { output.write(node.text) }
    try console.finish(&output)
    let usedSilences = looked.reduce(into: Set<Int>()) { $0.formUnion($1.usedSilences) }
    if let path = settings.silences, names.isEmpty {
        for (index, entry) in silences.entries.enumerated() where !usedSilences.contains(index) {
            console.error(
                "\(escapedForTerminal(path)):\(entry.line): note: nothing is silenced by '\(escapedForTerminal(entry.text))' [unused-silence]"
            )
        }
    }
    let isGrave = looked.contains { $0.gravest.map { $0 >= settings.failOn } ?? false }
    return settings.common.status(isGrave ? ExitStatus.notAsExpected : ExitStatus.answered, haveProblems)
}

/// What is asked of each node, and how it is told.
private struct LintRequest: Sendable {
    var names: Set<String>
    var silences: Silences
    var telling: NodeTelling

    /// What was found on one node.
    struct Answer: Sendable {
        var text: [UInt8]
        var usedSilences: Set<Int>
        var gravest: LintFinding.Severity?
    }

    func look(at loaded: LoadedNode, _ number: Int) -> Answer {
        let model = loaded.makeModel()
        let annotations = AnnotatedRuleset(model.linked, cluster: loaded.node.cluster)
        let files = loaded.node.files
        let (found, used) = silences.applied(
            to: Questions.lint(
                LintedNode(model, annotations: annotations, diagnostics: loaded.node.diagnostics), only: names),
            files: files)
        let text = telling.text(of: loaded, number) { json in
            for result in found { writeLintJSON(result, node: loaded.name, model: model, files: files, into: &json) }
        } report: { snapshot in
            let checked = names.isEmpty ? lintChecks.count : names.count
            return lintReport(found, checked: checked, snapshot: snapshot, model: model, files: files)
        }
        return Answer(text: text, usedSilences: used, gravest: found.map { $0.finding.severity }.max())
    }
}

/// The silences of a file; none where none is given.
private func readSilences(_ path: String?, _ console: borrowing Console) throws(Stop) -> Silences {
    guard let path else { return Silences() }
    var bytes: [UInt8] = []
    do {
        let next = try console.surroundings.openFile(path)
        while true {
            let piece = try next()
            if piece.isEmpty { break }
            bytes += piece
        }
    } catch {
        throw .message("\(escapedForTerminal(path)): error: \(error.call): \(error.reason)")
    }
    do {
        return try Silences(bytes)
    } catch {
        throw .message(
            "\(escapedForTerminal(path)):\(error.line):\(error.column): error: \(escapedForTerminal(error.message))")
    }
}
