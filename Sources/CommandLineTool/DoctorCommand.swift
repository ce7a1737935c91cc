internal import Annotations
internal import Answers
internal import PathModel
internal import Questions
internal import Reports
internal import Snapshot
internal import SourceText

struct DoctorSettings: SnapshotCommandSettings, Hashable {
    var common = CommonSettings()
    var json = false
    var listsChecks = false
    var checks: [String] = []
    var failOn = DoctorFinding.Severity.problem

    static let options: [Option<DoctorSettings>] =
        [
            .flag("--json", group: "What to show", help: "a JSON object a line, one for each finding") {
                $0.json = true
            },
            .value(
                "--check", name: "NAME", kind: .words(doctorChecks.map(\.name)), group: "What to look for",
                help: "this check only; may be given again. --list tells the names"
            ) { (settings, text) throws(UsageFailure) in
                guard doctorChecks.contains(where: { $0.name == text }) else {
                    throw UsageFailure("there is no check '\(text)'; 'hookline doctor --list' tells their names")
                }
                settings.checks.append(text)
            },
            .flag("--list", group: "What to look for", help: "the checks and what each looks for") {
                $0.listsChecks = true
            },
            .value(
                "--fail-on", name: "SEVERITY", kind: .words(DoctorFinding.Severity.allCases.map(\.name)),
                group: "What to look for",
                help: "exit with 1 where a finding is as grave as that: note, risk or problem (the default)"
            ) { (settings, text) throws(UsageFailure) in
                guard let severity = DoctorFinding.Severity.allCases.first(where: { $0.name == text }) else {
                    throw UsageFailure("'\(text)' is not one of note, risk and problem")
                }
                settings.failOn = severity
            },
        ] + commonOptions(DoctorSettings.self)
}

let doctorCommand = Command(
    name: "doctor", summary: "is one of the known causes of drops and unexpected SNAT at work here?",
    synopsis: "[OPTION…] SNAPSHOT…",
    about: [
        "Looks through a node's snapshot for known causes of lost packets and of sources that change unexpectedly. Each finding quotes the lines that show it, says which packets it hits, with one that 'hookline trace' follows, and what to do.",
        "No finding is made without evidence: what the snapshot does not hold is not looked at. 'hookline show --inputs' tells what is missing.",
    ],
    options: DoctorSettings.options.map(\.description),
    examples: [
        Command.Example(text: "what is wrong with this node", call: "hookline doctor node-a.tar.gz"),
        Command.Example(text: "this machine", call: "sudo hookline doctor --live"),
        Command.Example(text: "a gate in a script", call: "hookline doctor --fail-on risk node-a/ || exit 1"),
    ],
    run: { (arguments, console) throws(Stop) in try doctor(arguments, console) })

private func doctor(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = DoctorSettings()
    let paths: [String]
    do { paths = try parse(arguments, DoctorSettings.options, into: &settings) } catch { throw .usage(error) }
    if settings.listsChecks {
        var output = console.output()
        let rows = doctorChecks.map { [RichText($0.name, .strong), RichText($0.summary)] }
        render(Document([.table(rows)]), settings.common.style(console.surroundings), into: &output)
        try console.finish(&output)
        return ExitStatus.answered
    }
    let request = DoctorRequest(
        names: Set(settings.checks),
        telling: NodeTelling(paths, isJSON: settings.json, settings.common, console))
    let input = try NodeInput(paths, settings.common, console)
    let (fleet, first) = try fleet(of: input, paths, settings.common, console)
    let (looked, haveProblems) = try input.map(console) { number, loaded in
        request.look(at: loaded, first + number, of: fleet)
    }
    var output = console.output()
    for node in looked { output.write(node.text) }
    try console.finish(&output)
    let isGrave = looked.contains { $0.gravest.map { $0 >= settings.failOn } ?? false }
    return settings.common.status(isGrave ? ExitStatus.notAsExpected : ExitStatus.answered, haveProblems)
}

/// What all nodes say of each other, and which of them the first one of `input` is.
private func fleet(
    of input: NodeInput, _ paths: [String], _ common: CommonSettings, _ console: borrowing Console
) throws(Stop) -> (fleet: Fleet, first: Int) {
    guard let name = common.node else { return (Fleet(try facts(of: input, console).map { $0.facts }), 0) }
    // Standard input can't be read a second time.
    if paths.contains("-") { return (Fleet(), 0) }
    // The chosen one is compared with the others all the same, as far as they can be read.
    var every = common
    every.node = nil
    do {
        let all = try facts(of: NodeInput(paths, every, console, tells: false), console)
        // What was asked for may be a folder within a node's own.
        guard let first = all.firstIndex(where: { $0.folder == name }) else { return (Fleet(), 0) }
        return (Fleet(all.map { $0.facts }), first)
    } catch {
        guard case .message(let text) = error else { throw error }
        console.error("hookline: warning: '\(name)' is not compared with the other nodes: \(text)")
        return (Fleet(), 0)
    }
}

/// What each node tells the others. Nodes are read twice, since what all of them say is known only then.
private func facts(
    of input: NodeInput, _ console: borrowing Console
) throws(Stop) -> [(facts: NodeFacts, folder: String)] {
    guard input.count > 1 else { return [] }
    return try input.map(console, tells: false) { _, loaded in
        let model = loaded.makeModel()
        let facts = NodeFacts(model, annotations: AnnotatedRuleset(model.linked, cluster: loaded.node.cluster))
        return (facts, loaded.folder)
    }.results
}

/// What is asked of each node, and how it is told.
private struct DoctorRequest: Sendable {
    var names: Set<String>
    var telling: NodeTelling

    /// What was found on one node.
    struct Answer: Sendable {
        var text: [UInt8]
        var gravest: DoctorFinding.Severity?
    }

    func look(at loaded: LoadedNode, _ number: Int, of fleet: Fleet) -> Answer {
        let model = loaded.makeModel()
        let cluster = loaded.node.cluster
        let files = loaded.node.files
        let patient = Patient(
            model, annotations: AnnotatedRuleset(model.linked, cluster: cluster), cluster: cluster, number: number,
            of: fleet)
        let found = examine(patient, only: names)
        let text = telling.text(of: loaded, number) { json in
            for diagnosis in found {
                writeDoctorJSON(diagnosis, node: loaded.name, model: model, files: files, into: &json)
            }
        } report: { snapshot in
            let gaps = doctorGaps(patient, only: names, missing: loaded.node.missing)
            return doctorReport(found, gaps: gaps, snapshot: snapshot, model: model, files: files)
        }
        return Answer(text: text, gravest: found.map { $0.finding.severity }.max())
    }
}
