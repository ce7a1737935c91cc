internal import HostText
internal import RuleModel
internal import SourceText

struct CaptureSettings: Hashable {
    var outputPath: String?

    static let options: [Option<CaptureSettings>] = [
        .value(
            "--output", "-o", name: "DIRECTORY", kind: .file, group: "Where to write",
            help: "a directory that is new or empty; without it a new one here, named for the host and the time"
        ) { settings, text in settings.outputPath = text }
    ]
}

let captureCommand = Command(
    name: "capture", summary: "write a snapshot of this machine", synopsis: "[-o DIRECTORY]",
    about: [
        "Reads this machine's rules, sets, connections, links, addresses, routes, neighbours and settings over netlink and from /proc, as root, and writes them as nft, iptables-save, ipset, conntrack, ip, bridge and sysctl would print them. None of these programs is needed, but for iptables-legacy-save where there are rules of iptables-legacy.",
        "The directory answers every question as --live does on the machine. Its name is printed. Nothing that is there is written over; what could not be read is told, and noted in not-read.txt.",
    ],
    options: CaptureSettings.options.map(\.description),
    examples: [
        Command.Example(text: "of the machine one is on", call: "sudo hookline capture"),
        Command.Example(
            text: "of another machine, to be looked at here",
            call: "ssh root@node-a 'd=$(hookline capture) && tar cz $d' > node-a.tgz"),
        Command.Example(
            text: "of a container's network namespace",
            call: "sudo nsenter -t 4321 -n hookline capture -o container/"),
    ],
    run: { (arguments, console) throws(Stop) in try capture(arguments, console) })

private func capture(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = CaptureSettings()
    let rest: [String]
    do { rest = try parse(arguments, CaptureSettings.options, into: &settings) } catch { throw .usage(error) }
    if let first = rest.first { throw .usage(UsageFailure("capture takes -o DIRECTORY, and there is '\(first)'")) }
    let surroundings = console.surroundings
    var path = settings.outputPath ?? defaultName(surroundings)
    for ending in [".tar.gz", ".tgz", ".tar", ".zip"] where path.hasSuffix(ending) {
        throw .usage(UsageFailure("capture writes a directory, not '\(path)'; tar czf packs it"))
    }
    if path.isEmpty { throw .usage(UsageFailure("--output wants the name of a directory")) }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    let progress = Progress("reading this machine", surroundings)
    defer { progress.finish() }
    let live = try LiveTexts.read()
    progress.finish()
    do throws(FileFailure) {
        try surroundings.makeDirectory(path)
        for text in live.texts { try surroundings.writeFile(path + "/" + text.name, text.bytes) }
        if !live.unread.isEmpty {
            let lines = live.unread.map { "# \($0.what): \($0.why)\n" }
            try surroundings.writeFile(path + "/not-read.txt", Array(lines.joined().utf8))
        }
    } catch {
        throw .message("\(escapedForTerminal(error.path)): error: \(error.call): \(error.reason)")
    }
    tellUnread(live, console)
    if !live.hasRules { console.error("hookline: note: there are no rules in this network namespace [no-rules]") }
    return try write(path + "\n", console)
}

/// `hookline-node-a-20261126T110457Z`: two captures of one host stand side by side, in their order.
private func defaultName(_ surroundings: Surroundings) -> String {
    let isPlain = { (byte: UInt8) in
        byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte == 0x2d || byte == 0x2e
    }
    let host = String(decoding: surroundings.hostName.utf8.filter(isPlain), as: UTF8.self)
    return "hookline-\(host.isEmpty ? "host" : host)-\(surroundings.timeStamp())"
}
