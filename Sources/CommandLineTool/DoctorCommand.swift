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
    let nodes = try loadNodes(paths, settings.common, console)
    let models = console.surroundings.concurrentMap(nodes) { _, loaded in loaded.makeModel() }
    let names = Set(settings.checks)
    let found = console.surroundings.concurrentMap(nodes) { index, loaded in
        let cluster = loaded.node.cluster
        let patient = Patient(
            models[index], annotations: AnnotatedRuleset(models[index].linked, cluster: cluster), cluster: cluster,
            others: models.indices.filter { $0 != index }.map { models[$0] })
        return examine(patient, only: names)
    }
    var output = console.output()
    if settings.json {
        var json = JSONWriter(output)
        for (index, loaded) in nodes.enumerated() {
            for diagnosis in found[index] {
                writeDoctorJSON(
                    diagnosis, node: loaded.name, model: models[index], files: loaded.node.files, into: &json)
            }
        }
        try console.finish(&json.output)
    } else {
        let checked = names.isEmpty ? doctorChecks.count : names.count
        let style = settings.common.style(console.surroundings)
        for (index, loaded) in nodes.enumerated() {
            var snapshot = settings.common.isLive ? "--live" : paths.joined(separator: " ")
            if !loaded.name.isEmpty {
                snapshot += " --node \(loaded.name)"
                let space: [Block] = index > 0 ? [.space] : []
                render(Document(space + [.heading(RichText(loaded.name))]), style, into: &output)
            }
            let document = doctorReport(
                found[index], checked: checked, snapshot: snapshot, model: models[index], files: loaded.node.files)
            render(document, style, into: &output)
        }
        try console.finish(&output)
    }
    let isGrave = found.joined().contains { $0.finding.severity >= settings.failOn }
    return nodes.status(isGrave ? ExitStatus.notAsExpected : ExitStatus.answered, settings.common)
}
