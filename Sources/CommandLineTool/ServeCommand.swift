internal import Answers
internal import NetTypes
internal import Pages
internal import Server
internal import SourceText

struct ServeSettings: SnapshotCommandSettings, Hashable {
    var common = CommonSettings()
    var before: String?
    var address = IPAddress(v4: 0x7f00_0001)
    var port: UInt16 = 4680

    static let options: [Option<ServeSettings>] =
        [
            .value(
                "--listen", name: "ADDRESS:PORT", group: "Where to serve",
                help:
                    "127.0.0.1:4680 without it; port 0: any that is free. Others than loopback ask for the printed token"
            ) { (settings, text) throws(UsageFailure) in try settings.listen(text) },
            .value(
                "--before", name: "SNAPSHOT", kind: .file, group: "What to show",
                help: "an earlier snapshot: what changed since is shown too, side by side"
            ) { settings, text in settings.before = text },
        ] + commonOptions(ServeSettings.self)

    private mutating func listen(_ text: String) throws(UsageFailure) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw UsageFailure("'\(text)' is not ADDRESS:PORT")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard let address = IPAddress(host) else {
            throw UsageFailure("'\(host)' is not an address of this machine: 127.0.0.1, [::1], 192.0.2.7")
        }
        self.address = address
        self.port = port
    }
}

let serveCommand = Command(
    name: "serve", summary: "the same page from a server on this machine, and a JSON interface",
    synopsis: "[OPTION…] SNAPSHOT…",
    about: [
        "Serves the page of 'hookline report' on 127.0.0.1, its packet box answered by this program, until it is ended. The snapshot is read once, at the start; nothing else is read of any directory.",
        "POST /api/packets takes the lines of --packets and answers as 'hookline trace --packets' does; POST /api/trace takes the words of a trace, one a line, and answers as 'hookline trace --json'; GET /api/lint, /api/doctor and /api/show answer as 'hookline lint --json', 'doctor --json' and 'show --format json'.",
        "On any other address than loopback every request needs the token of the printed address: ?token=… or Authorization: Bearer …",
    ],
    options: ServeSettings.options.map(\.description),
    examples: [
        Command.Example(text: "look around in a node", call: "hookline serve node-a.tar.gz"),
        Command.Example(
            text: "ask by script", call: "hookline serve node-a.tar.gz & curl -s http://127.0.0.1:4680/api/lint"),
    ],
    run: { (arguments, console) throws(Stop) in try serve(arguments, console) })

private func serve(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = ServeSettings()
    let paths: [String]
    do { paths = try parse(arguments, ServeSettings.options, into: &settings) } catch { throw .usage(error) }
    let loaded = try load(paths, settings.common, console)
    let comparison = try comparison(loaded, paths, settings.before, settings.common, console)
    let session = PageSession(loaded.node)
    let token = settings.address.isLoopback ? nil : newToken()
    let service = PageService(
        session, title: pageTitle(paths, settings.common, loaded.node, console), comparison: comparison,
        picture: chainPicture(session, console), token: token)
    let listener: Listener
    do throws(FileFailure) {
        listener = try Listener(address: "\(settings.address)", port: settings.port) { service.answer($0) }
    } catch {
        throw .message("\(escapedForTerminal(error.path)): error: \(error.call): \(error.reason)")
    }
    let isV6 = settings.address.version == .v6
    let host = isV6 ? "[\(settings.address)]" : "\(settings.address)"
    let address = "http://\(host):\(listener.port)/" + (token.map { "?token=\($0)" } ?? "")
    _ = try write("\(address)\n", console)
    console.surroundings.waitForEnd()
    _ = listener
    return ExitStatus.answered
}

/// 128 bits that nobody can guess.
private func newToken() -> String {
    var generator = SystemRandomNumberGenerator()
    var text = ""
    for _ in 0..<32 { text += String(UInt8.random(in: 0...15, using: &generator), radix: 16) }
    return text
}
