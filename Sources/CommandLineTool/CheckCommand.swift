internal import Answers
internal import PathModel
internal import Questions
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText
internal import YAMLText

struct CheckSettings: SnapshotCommandSettings, Hashable {
    var common = CommonSettings()
    var json = false
    var annotates = false
    var junitPath: String?
    var sarifPath: String?
    /// The snapshot that a change began with.
    var before: String?
    var names: [String] = []

    static let options: [Option<CheckSettings>] =
        [
            .flag("--json", group: "What to show", help: "a JSON object a line, one for each statement") {
                $0.json = true
            },
            .flag(
                "--github", group: "What to show",
                help: "beside the text an annotation of GitHub Actions for each statement that does not hold"
            ) { $0.annotates = true },
            .value(
                "--junit", name: "FILE", kind: .file, group: "What to show",
                help: "write the answers to FILE as JUnit's XML too; '-': in place of the text"
            ) { settings, text in settings.junitPath = text },
            .value(
                "--sarif", name: "FILE", kind: .file, group: "What to show",
                help: "write the statements that do not hold to FILE as SARIF 2.1.0 too; '-': in place of the text"
            ) { settings, text in settings.sarifPath = text },
            .value(
                "--before", name: "SNAPSHOT", kind: .file, group: "What to ask",
                help: "the snapshot before a change, where the statements name none"
            ) { settings, text in settings.before = text },
            .value(
                "--statement", name: "NAME", group: "What to ask",
                help: "this statement only; may be given again"
            ) { settings, text in settings.names.append(text) },
        ] + commonOptions(CheckSettings.self)
}

let checkCommand = Command(
    name: "check", summary: "do these statements hold? (a gate in CI, before rollout)",
    synopsis: "[OPTION…] SNAPSHOT… POLICY",
    about: [
        "Holds the rules of a snapshot against statements about sets of packets in a YAML file: what must be allowed, denied, translated, the same as before. Every packet is looked at: a statement that holds is proved.",
        "A statement that does not hold is shown with a packet that 'hookline trace' follows and the rule that decided. One that depends on what the snapshot does not tell is not proved, and fails too unless it says 'possibly: ok'. Docs/check.md tells how policies are written.",
    ],
    options: CheckSettings.options.map(\.description),
    examples: [
        Command.Example(
            text: "does this node keep to the policy", call: "hookline check node-a.tar.gz policy.yaml"),
        Command.Example(
            text: "a gate before rollout: what does the new rule set change",
            call: "hookline check --before node-a-now/ node-a-new/ change.yaml"),
        Command.Example(
            text: "in a pull request",
            call: "hookline check --github --sarif check.sarif --junit check.xml rules/ policy.yaml"),
        Command.Example(
            text: "which statements fail",
            call: "hookline check --json node-a/ policy.yaml | jq -r 'select(.holds|not).statement'"),
    ],
    run: { (arguments, console) throws(Stop) in try check(arguments, console) })

private func check(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = CheckSettings()
    var words: [String]
    do { words = try parse(arguments, CheckSettings.options, into: &settings) } catch { throw .usage(error) }
    guard let policyPath = words.popLast(), settings.common.isLive || !words.isEmpty else {
        throw .usage(UsageFailure("check takes a snapshot and a policy: hookline check SNAPSHOT… POLICY"))
    }
    if settings.json, settings.annotates {
        throw .usage(UsageFailure("--github stands beside the text; it does not go with --json"))
    }
    let standardOutputs = [settings.json, settings.junitPath == "-", settings.sarifPath == "-"].filter { $0 }
    if standardOutputs.count > 1 { throw .usage(UsageFailure("standard output takes one form of answer")) }
    let inputs = words + [policyPath] + (settings.before.map { [$0] } ?? [])
    if inputs.filter({ $0 == "-" }).count > 1 {
        throw .usage(UsageFailure("standard input can be one of snapshot and policy only"))
    }
    let (policy, file) = try loadPolicy(policyPath, settings, console)
    var run = CheckRun(policy, file, settings, words)
    try run.load(console)
    let progress = Progress("checking \(policy.statements.count) statements", console.surroundings)
    let statements = run.answers { progress.update("checking: \($0)") }
    progress.finish()
    try write(statements, run.notes, policyPath, settings, console)
    let fails = statements.contains { !$0.verdict.isGood }
    return run.status(fails ? ExitStatus.notAsExpected : ExitStatus.answered)
}

// MARK: The policy

/// Bytes of a policy at most.
private let policyLimit = 16 << 20

private func loadPolicy(
    _ path: String, _ settings: CheckSettings, _ console: borrowing Console
) throws(Stop) -> (CheckPolicy, SourceFile) {
    let file = SourceFile(path: path, bytes: try readPolicyBytes(path, console))
    let documents = readYAML(
        file.bytes.span, in: 0..<file.bytes.count, limits: YAMLLimits(depth: 64, valueCount: 1_000_000))
    var failures: [PolicyFailure] = []
    for document in documents {
        if let failure = document.failure { failures.append(PolicyFailure(failure.message, at: failure.offset)) }
    }
    if failures.isEmpty, documents.count != 1 {
        let offset = documents.count > 1 ? documents[1].value?.start ?? 0 : 0
        failures.append(PolicyFailure("a policy is one YAML document", at: offset))
    }
    guard failures.isEmpty, let root = documents.first?.value else {
        if failures.isEmpty { failures.append(PolicyFailure("the policy is empty", at: 0)) }
        throw stop(failures, file)
    }
    var (policy, found) = readPolicy(root)
    if found.isEmpty {
        for statement in policy.statements
        where statement.isComparison && statement.before == nil && policy.before == nil && settings.before == nil {
            let message = "'\(statement.name)' compares with a snapshot: 'before' names it, or --before SNAPSHOT"
            found.append(PolicyFailure(message, at: statement.offset))
        }
    }
    if !found.isEmpty { throw stop(found, file) }
    for name in settings.names where !policy.statements.contains(where: { $0.name == name }) {
        throw .usage(UsageFailure("--statement: the policy has no statement '\(name)'"))
    }
    if !settings.names.isEmpty { policy.statements.removeAll { !settings.names.contains($0.name) } }
    return (policy, file)
}

private func readPolicyBytes(_ path: String, _ console: borrowing Console) throws(Stop) -> [UInt8] {
    do throws(FileFailure) {
        let read = try console.surroundings.openFile(path)
        var bytes: [UInt8] = []
        while bytes.count <= policyLimit {
            let piece = try read()
            if piece.isEmpty { return bytes }
            bytes += piece
        }
    } catch {
        let isFolder = (try? fileKind(path, followsLinks: true)) == .directory
        throw .message(
            "\(escapedForTerminal(path)): error: \(error.call): \(error.reason)"
                + (isFolder ? "; the policy, a file, stands last: hookline check SNAPSHOT… POLICY" : ""))
    }
    throw .message("\(escapedForTerminal(path)): error: a policy has \(policyLimit >> 20) MiB at most")
}

/// The first failures, each with its line and a caret.
private func stop(_ failures: [PolicyFailure], _ file: SourceFile) -> Stop {
    let shown = failures.prefix(20).map { failure in
        let offset = min(failure.offset, file.bytes.count)
        let place = Place(file: FileID(0), line: file.line(of: offset), start: offset, end: offset)
        return Diagnostic(.error, "policy", failure.message, at: place).rendered(in: file)
    }
    return .message(shown.joined(separator: "\n"))
}

// MARK: The answer

private func write(
    _ statements: [CheckedStatement], _ notes: [String], _ policy: String, _ settings: CheckSettings,
    _ console: borrowing Console
) throws(Stop) {
    if let path = settings.junitPath {
        try console.write(bytes { writeCheckJUnit(statements, policy: policy, into: &$0) }, to: path)
    }
    if let path = settings.sarifPath {
        var json = JSONWriter(OutputBuffer())
        writeCheckSARIF(statements, policy: policy, version: hooklineVersion, into: &json)
        try console.write(json.output.gathered, to: path)
    }
    if settings.junitPath == "-" || settings.sarifPath == "-" { return }
    var output = console.output()
    if settings.json {
        var json = JSONWriter(output)
        for statement in statements { writeCheckJSON(statement, policy: policy, into: &json) }
        try console.finish(&json.output)
        return
    }
    render(checkReport(statements, notes: notes), settings.common.style(console.surroundings), into: &output)
    if settings.annotates { writeCheckAnnotations(statements, policy: policy, into: &output) }
    try console.finish(&output)
}
