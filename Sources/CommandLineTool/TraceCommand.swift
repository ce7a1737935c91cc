internal import Annotations
internal import Answers
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

let traceCommand = Command(
    name: "trace", summary: "where does this packet go, and which rule decided?",
    synopsis: "[OPTION…] SNAPSHOT… --from ADDRESS --to ADDRESS[:PORT][/PROTOCOL]",
    about: [
        "Follows one packet through rules, conntrack, NAT and routing of a snapshot, and tells what becomes of it, which rule decided, and why that rule matched.",
        "What the snapshot does not settle is told: as an assumption, or as branches with what each takes.",
    ],
    options: TraceSettings.options.map(\.description),
    examples: [
        Command.Example(
            text: "why does this connection fail",
            call: "hookline trace node-a/ --in eth0 --from 198.51.100.7 --to 192.0.2.1:22/tcp"),
        Command.Example(
            text: "with which source does a pod's packet leave",
            call: "hookline trace node-a/ --from 10.244.1.5 --to 203.0.113.10:443/tcp --round-trip"),
        Command.Example(
            text: "a packet made on this host, over IPv6",
            call: "hookline trace node-a/ --from host --to [2001:db8::1]:443/tcp"),
        Command.Example(
            text: "a line of the kernel's log",
            call: "hookline trace node-a/ --packet \"$(dmesg | grep 'UFW BLOCK' | tail -1)\""),
        Command.Example(
            text: "a gate in a script",
            call: "hookline trace node-a/ --from internet --to host:22/tcp --expect drop"),
        Command.Example(
            text: "a page to mail, or a picture of the way",
            call: "hookline trace node-a/ --from internet --to host:22/tcp -o path.html"),
        Command.Example(
            text: "ask this machine's kernel too",
            call: "sudo hookline trace node-a/ --in eth0 --from 198.51.100.7 --to 192.0.2.1:443/tcp --kernel"),
        Command.Example(
            text: "many packets", call: "hookline trace node-a/ --packets packets.jsonl --flows | jq .outcome"),
    ],
    run: { (arguments, console) throws(Stop) in try trace(arguments, console) })

private func trace(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    if arguments.isEmpty {
        throw .usage(UsageFailure("no snapshot and no packet; 'hookline trace --help' tells how to name both"))
    }
    var settings = TraceSettings()
    let paths: [String]
    do { paths = try parse(arguments, TraceSettings.options, into: &settings) } catch { throw .usage(error) }
    if settings.packetsPath != nil {
        if settings.describesPacket || settings.packetText != nil {
            throw .usage(
                UsageFailure("--packets brings packets of its own; the other options for one packet do not go with it"))
        }
        if settings.outputPath != nil { throw .usage(UsageFailure("-o draws one packet; --packets brings many")) }
        if settings.megaflow { throw .usage(UsageFailure("--megaflow tells of one packet; --packets brings many")) }
        if settings.flows, settings.asksKernel {
            throw .usage(UsageFailure("--kernel asks for one packet at a time; --flows does not go with it"))
        }
        return try tracePackets(paths, settings, console)
    }
    let form: TraceForm?
    do { form = try TraceForm(settings) } catch { throw .usage(error) }
    let description: PacketDescription
    do { description = try settings.description() } catch { throw .usage(error) }
    let nodes = try loadNodes(paths, settings.common, console)
    var tracer = ClusterTracer(nodes, settings)
    let start: Int
    let answer: TraceAnswer
    do { start = try tracer.start(description) } catch { throw .usage(error) }
    do { answer = try tracer.answer(description, at: start) } catch { throw .usage(UsageFailure(error.message)) }
    let unused = tracer.unusedAssumptions()
    if let first = unused.wrongValues.first { throw .usage(first) }
    try write(
        answer, tracer.model(start), nodes[start].node, settings, form, snapshot: paths.joined(separator: " "), console)
    for name in unused.names {
        console.error(
            "hookline: note: nothing on this packet's way asks for the assumption '\(escapedForTerminal(name))'")
    }
    let isExpected =
        settings.expectation?.isMet(by: answer.finalOutcome, losesReply: answer.losesReply) ?? true
    if settings.expectation != nil, isExpected {
        for input in answer.missing where input.isRules || input.isTable {
            console.error("hookline: note: --expect is met as far as the rules are known: \(input.text)")
        }
    }
    // Of several nodes the kernel is asked about the first alone.
    let isAgreed = answer.kernel?.agrees ?? true
    return nodes.status(isExpected && isAgreed ? ExitStatus.answered : ExitStatus.notAsExpected, settings.common)
}

private func write(
    _ answer: TraceAnswer, _ model: HostModel, _ node: NodeState, _ settings: TraceSettings, _ form: TraceForm?,
    snapshot: String, _ console: borrowing Console
) throws(Stop) {
    var output = console.output()
    if settings.json {
        var json = JSONWriter(output)
        settings.writeJSON(answer, model, node, into: &json)
        try console.finish(&json.output)
        return
    }
    let document = settings.document(answer, model, node, snapshot: snapshot)
    if let form {
        let title = traceTitle(answer)
        let made: [UInt8]
        switch form {
        case .svg: made = try pathSVG(document, title: title, console)
        case .png: made = try pathPNG(document, title: title, console)
        case .html: made = tracePage(document, title: title)
        }
        try console.write(made, to: settings.outputPath)
        return
    }
    render(document, settings.common.style(console.surroundings), into: &output)
    try console.finish(&output)
}

/// What `-o` makes of an answer, as the file's ending tells.
private enum TraceForm {
    case svg, png, html

    /// `nil`: text or JSON, on standard output.
    init?(_ settings: TraceSettings) throws(UsageFailure) {
        guard let path = settings.outputPath else { return nil }
        if settings.json { throw UsageFailure("--json goes to standard output; -o draws") }
        if path.hasSuffix(".svg") {
            self = .svg
        } else if path.hasSuffix(".png") {
            self = .png
        } else if path.hasSuffix(".html") || path.hasSuffix(".htm") {
            self = .html
        } else {
            throw UsageFailure("the name '\(path)' does not tell the format: .svg, .png or .html")
        }
    }
}
