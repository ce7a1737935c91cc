internal import Answers
internal import ArchiveFile
internal import HostText
internal import KernelLink
internal import RuleModel
internal import SourceText

struct CaptureSettings: Hashable {
    var outputPath: String?
    var namespace: String?
    var isRedacted = false
    var mappingPath: String?

    static let options: [Option<CaptureSettings>] = [
        .value(
            "--output", "-o", name: "FILE.tar.gz|DIRECTORY", kind: .file, group: "Where to write",
            help:
                "an archive (.tar.gz or .tgz), a directory that is new or empty, or '-' for an archive on standard output; without it an archive here, named for the host and the time"
        ) { settings, text in settings.outputPath = text },
        .value(
            "--netns", name: "NAME|PATH|PID", group: "What to read",
            help: "another network namespace: by its name (ip netns), its file, or a process in it"
        ) { settings, text in settings.namespace = text },
        .flag(
            "--redact", group: "What to hide",
            help:
                "replace addresses and names, so that traces stay the same: of this machine's snapshot, or of those that are given"
        ) { $0.isRedacted = true },
        .value(
            "--mapping", name: "FILE", kind: .file, group: "What to hide",
            help: "where to write what stands for what; it undoes the redaction, so keep it to yourself"
        ) { settings, text in settings.mappingPath = text },
    ]
}

let captureCommand = Command(
    name: "capture", summary: "write a snapshot of this machine",
    synopsis: "[--netns NAME] [--redact [SNAPSHOT…]] [-o FILE.tar.gz|DIRECTORY]",
    about: [
        "Reads this machine's rules, sets, connections, links, addresses, routes, neighbours, sockets, settings and what else decides about packets over netlink and from /proc, as root, and writes it as nft, iptables-save, ipset, conntrack, ip, bridge, ss, tc, ipvsadm and sysctl would print it. None of these programs is needed, but for iptables-legacy-save where there are rules of iptables-legacy.",
        "What is written answers every question as --live does on the machine. Its name is printed. Nothing on the machine is changed, not even a module of the kernel loaded, and nothing that is there is written over. No key, no environment and no command line of a process is taken. What could not be read is told, and noted in capture-notes.txt.",
        "With --redact, addresses (IPv4, IPv6, MAC) and names are replaced, each by the same one everywhere, under a key that is made for the call and forgotten. Prefixes, ranges, broadcast addresses and kinds of addresses (private, loopback, documentation, …) stay what they are to one another, so that a packet whose addresses are replaced too takes the same way. What is not understood is left out and told: Kubernetes' objects, nft's JSON, raw bytes in rules. What it does not hide: how many rules, links, pods and services there are and how they hang together; ports, protocols, marks, counters, times and settings; the length of names; names that every host has, such as eth0. Snapshots of several nodes in one call are replaced alike.",
        "It works in a container that has the host's network namespace, such as calico-node or one of kubectl debug. Where hookline may not be installed, Tools/capture.sh does the same with a shell and the machine's own tools.",
    ],
    options: CaptureSettings.options.map(\.description),
    examples: [
        Command.Example(text: "of the machine one is on", call: "sudo hookline capture"),
        Command.Example(
            text: "of another machine, to be looked at here", call: "ssh root@node-a hookline capture -o - > node-a.tgz"
        ),
        Command.Example(
            text: "of the network namespace of a container's process",
            call: "sudo hookline capture --netns 4321 -o pod.tgz"),
        Command.Example(
            text: "to be shown to others: a snapshot that is there, without its addresses and names",
            call: "hookline capture --redact node-a.tgz -o shown.tgz --mapping private.txt"),
        Command.Example(
            text: "where hookline is not installed",
            call: "ssh root@node-a sh -s -- -o - < Tools/capture.sh > node-a.tgz"),
    ],
    run: { (arguments, console) throws(Stop) in try capture(arguments, console) })

private func capture(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = CaptureSettings()
    let paths: [String]
    do { paths = try parse(arguments, CaptureSettings.options, into: &settings) } catch { throw .usage(error) }
    if settings.isRedacted { return try redact(paths, settings, console) }
    if let first = paths.first {
        throw .usage(UsageFailure("capture reads this machine; with --redact it takes a snapshot such as '\(first)'"))
    }
    if settings.mappingPath != nil { throw .usage(UsageFailure("--mapping goes with --redact")) }
    let name = defaultName(settings, console.surroundings)
    let place = try CapturePlace(settings.outputPath ?? name + ".tar.gz", console.surroundings)
    let live = try readLive(settings, console)
    try place.write(live.entries, folder: name, console)
    tellUnread(live, console)
    if !live.hasRules { console.error("hookline: note: there are no rules in this network namespace [no-rules]") }
    return try place.tell(console)
}

extension LiveTexts {
    /// The texts as files, with what could not be read.
    var entries: [ArchiveEntry] {
        (unread.isEmpty ? texts : texts + [writeCaptureNotes(unread)]).map {
            ArchiveEntry(name: $0.name, bytes: $0.bytes)
        }
    }
}

func readLive(_ settings: CaptureSettings, _ console: borrowing Console) throws(Stop) -> LiveTexts {
    let progress = Progress("reading this machine", console.surroundings)
    defer { progress.finish() }
    guard let name = settings.namespace else { return try LiveTexts.read() }
    let namespace: NetworkNamespace
    do throws(KernelFailure) {
        namespace = try NetworkNamespace(entering: name)
    } catch {
        throw .message("hookline: error: \(escapedForTerminal(error.description))")
    }
    let live = Result { () throws(Stop) in try LiveTexts.read() }
    namespace.leave()
    return try live.get()
}

/// `hookline-node-a-20261126T110457Z`: two captures of one host stand side by side, in their order.
private func defaultName(_ settings: CaptureSettings, _ surroundings: Surroundings) -> String {
    let isPlain = { (byte: UInt8) in
        byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte == 0x2d || byte == 0x2e
    }
    func plain(_ text: some StringProtocol) -> String { String(decoding: text.utf8.filter(isPlain), as: UTF8.self) }
    let host = plain(surroundings.hostName)
    var parts = ["hookline", host.isEmpty ? "host" : host]
    if let namespace = settings.namespace, let last = namespace.split(separator: "/").last { parts.append(plain(last)) }
    return (parts + [surroundings.timeStamp()]).joined(separator: "-")
}
