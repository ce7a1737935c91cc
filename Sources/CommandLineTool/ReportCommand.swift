internal import Annotations
internal import Answers
internal import ArchiveFile
internal import Pages
internal import PathModel
internal import Questions
internal import Reports
internal import Snapshot
internal import SourceText

struct ReportSettings: SnapshotCommandSettings, Hashable {
    var common = CommonSettings()
    var outputPath: String?
    var before: String?
    var isEmpty = false
    var enginePath: String?

    static let options: [Option<ReportSettings>] =
        [
            .value(
                "--output", "-o", name: "FILE", kind: .file, group: "What to write",
                help: "where to write the page; standard output without it"
            ) { settings, text in settings.outputPath = text },
            .value(
                "--before", name: "SNAPSHOT", kind: .file, group: "What to write",
                help: "an earlier snapshot: what changed since is shown too, side by side"
            ) { settings, text in settings.before = text },
            .flag(
                "--empty", group: "What to write",
                help: "a page without a snapshot, which takes dumps that are pasted or dropped into it"
            ) { $0.isEmpty = true },
            .value(
                "--engine", name: "FILE", kind: .file, group: "What to write",
                help: "the engine.wasm for the packet box; without it the one that stands beside the program"
            ) { settings, text in settings.enginePath = text },
        ] + commonOptions(ReportSettings.self)
}

let reportCommand = Command(
    name: "report", summary: "one HTML page to look at: rules, findings, and a box that traces packets",
    synopsis: "[OPTION…] SNAPSHOT… -o FILE",
    about: [
        "Writes a page that is one file and needs no network: what the snapshot holds, its chains with their rules, who wrote them and what for, what 'hookline doctor' and 'hookline lint' find, a search, and a box that takes a packet as 'hookline trace' does and answers with the same engine, within the page.",
        "The page holds the snapshot's own texts: whoever has it has these. 'hookline capture --redact' makes a snapshot that others may see.",
        "The engine is WebAssembly that Tools/embedded makes; without it the page can be read and not asked, which is told.",
    ],
    options: ReportSettings.options.map(\.description),
    examples: [
        Command.Example(text: "a page to send", call: "hookline report node-a.tar.gz -o node-a.html"),
        Command.Example(
            text: "what an upgrade did", call: "hookline report --before before.tar.gz after.tar.gz -o upgrade.html"),
        Command.Example(text: "this machine", call: "sudo hookline report --live -o here.html"),
        Command.Example(text: "a page for dumps that are pasted into it", call: "hookline report --empty -o try.html"),
    ],
    run: { (arguments, console) throws(Stop) in try report(arguments, console) })

private func report(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = ReportSettings()
    let paths: [String]
    do { paths = try parse(arguments, ReportSettings.options, into: &settings) } catch { throw .usage(error) }
    if settings.isEmpty {
        if !paths.isEmpty || settings.before != nil || settings.common.isLive {
            throw .usage(UsageFailure("--empty takes no snapshot"))
        }
        // The one that finds, where there is one.
        let names = ["finding-engine.wasm", "engine.wasm"]
        guard let engine = try readEngine(settings.enginePath, names, console) else {
            throw .message(noEngine("error"))
        }
        return try put(makePage(title: "", sections: [], answerer: .engineAlone(try packed(engine))), settings, console)
    }
    let engine = try readEngine(settings.enginePath, ["engine.wasm"], console)
    let loaded = try load(paths, settings.common, console).forPage(paths, console.surroundings)
    let progress = Progress("making the page", console.surroundings)
    defer { progress.finish() }
    let session = PageSession(loaded.node)
    let comparison = try comparison(loaded, paths, settings.before, settings.common, console)
    let more = (comparison.map { session.changes($0) } ?? []) + session.findings()
    let picture = chainPicture(session, console)
    let sections = session.sections(more: more, picture: picture, canFold: engine != nil)
    var answerer = PageAnswerer.nobody
    if let engine {
        let name = SourceFile(path: "", text: loaded.node.name ?? "")
        answerer = .engine(try packed(engine), files: try packed(Pages.packed([name] + pageFiles(loaded.node))))
    } else {
        console.error(noEngine("note"))
    }
    let page = makePage(
        title: pageTitle(paths, settings.common, loaded.node, console), sections: sections, answerer: answerer,
        hasComparison: comparison != nil)
    progress.finish()
    return loaded.status(try put(page, settings, console), settings.common)
}

private func noEngine(_ severity: String) -> String {
    "hookline: \(severity): there is no engine.wasm beside the program, so no page can trace packets; Tools/embedded makes it, or --engine names it [no-engine]"
}

/// The chain graph with links to the page's chains; `nil` where it is too large to be drawn, which is told.
func chainPicture(_ session: PageSession, _ console: borrowing Console) -> [UInt8]? {
    var settings = DotSettings()
    settings.title = "Chain graph"
    settings.link = { "#" + PageAnchors.id(of: $0) }
    do {
        return try chainSVG(ChainPicture(session.owners, ChainPictureSettings()), settings, hasStyle: false, console)
    } catch {
        if case .message(let text) = error { console.error(text.replacing("error:", with: "note: no picture:")) }
        return nil
    }
}

/// How `loaded` differs from what stands at `path`, if that is given.
func comparison(
    _ loaded: LoadedNode, _ paths: [String], _ path: String?, _ common: CommonSettings, _ console: borrowing Console
) throws(Stop) -> PageComparison? {
    guard let path else { return nil }
    var fromFile = common
    fromFile.isLive = false
    var earlier = try load([path], fromFile, console).forPage([path], console.surroundings)
    var later = loaded
    (earlier.name, later.name) = comparedTitles(
        pageTitle([path], fromFile, earlier.node, console), pageTitle(paths, common, loaded.node, console))
    var nodes = [diffedNode(earlier), diffedNode(later)]
    let difference = compare(nodes[0].node, nodes[1].node)
    let packets = difference.areOneNode ? comparedPackets(&nodes) : nil
    return PageComparison(difference: difference, nodes: nodes, packets: packets)
}

private func put(_ page: [UInt8], _ settings: ReportSettings, _ console: borrowing Console) throws(Stop) -> Int32 {
    if settings.outputPath ?? "-" == "-", console.surroundings.outputIsTerminal {
        throw .usage(UsageFailure("a page is nothing for a terminal: -o FILE"))
    }
    try console.write(page, to: settings.outputPath)
    return ExitStatus.answered
}

private func packed(_ bytes: [UInt8]) throws(Stop) -> [UInt8] {
    do { return try gzip(bytes) } catch { throw .message("hookline: error: \(error.message)") }
}

/// The engine at `path`, or the first one of `names` that stands beside this program; `nil` where none does.
private func readEngine(
    _ path: String?, _ names: [String], _ console: borrowing Console
) throws(Stop) -> [UInt8]? {
    if let path { return try readEngine(at: path) }
    let directory = console.surroundings.programDirectory
    if directory.isEmpty { return nil }
    for name in names {
        // Installed beside it, in share, or in the build directory.
        for place in [name, "../share/hookline/\(name)", "../../wasm/\(name)"] {
            guard (try? fileKind("\(directory)/\(place)", followsLinks: true)) != nil else { continue }
            return try readEngine(at: "\(directory)/\(place)")
        }
    }
    return nil
}

private func readEngine(at path: String) throws(Stop) -> [UInt8] {
    let bytes: [UInt8]
    do {
        bytes = try readFile(path, limit: 64 << 20)
    } catch {
        throw .message("\(escapedForTerminal(path)): error: \(error.call): \(error.reason)")
    }
    guard isEngine(bytes) else {
        throw .message("\(escapedForTerminal(path)): error: this is no engine of hookline \(hooklineVersion)")
    }
    return bytes
}

/// Whether `bytes` are WebAssembly, of the engine of this version.
private func isEngine(_ bytes: [UInt8]) -> Bool {
    guard bytes.starts(with: [0, 0x61, 0x73, 0x6d]) else { return false }
    let mark = Array(engineMark.utf8)
    var start = 0
    while start + mark.count <= bytes.count {
        if bytes[start] == mark[0], bytes[start..<start + mark.count].elementsEqual(mark) { return true }
        start += 1
    }
    return false
}
