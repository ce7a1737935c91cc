internal import Annotations
internal import Answers
internal import NetTypes
internal import Pages
internal import PathModel
internal import Questions
internal import Reports
internal import Server
internal import Snapshot
internal import Synchronization

/// What `hookline serve` answers: the page, what the page asks, and the JSON interface. Nothing of it reads a file.
final class PageService: Sendable {
    private let session: Mutex<PageSession>
    private let page: [UInt8]
    private let token: String?

    init(
        _ session: PageSession, title: String, comparison: PageComparison? = nil, picture: [UInt8]? = nil,
        token: String?
    ) {
        let more = (comparison.map { session.changes($0) } ?? []) + session.findings()
        page = makePage(
            title: title, sections: session.sections(more: more, picture: picture, canFold: true), answerer: .server,
            hasComparison: comparison != nil)
        self.session = Mutex(session)
        self.token = token
    }

    func answer(_ request: ServerRequest) -> ServerReply {
        var reply = refusal(request) ?? answerAllowed(request)
        reply.headers += [
            ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Content-Security-Policy", "frame-ancestors 'none'"),
        ]
        return reply
    }

    /// Why the request is not answered: who asks is not who may.
    private func refusal(_ request: ServerRequest) -> ServerReply? {
        guard let host = request.host else { return ServerReply(400, "a request names its host") }
        if let origin = request.origin, origin != "http://" + host {
            return ServerReply(403, "another site's page may not ask")
        }
        if let token {
            let given = request.token ?? request.authorization.flatMap { bearer($0) } ?? ""
            return isSame(given, token) ? nil : ServerReply(401, "the token of the printed address is needed")
        }
        // A name of someone else's that leads here (DNS rebinding) is no name of this server.
        return isLoopback(host) ? nil : ServerReply(403, "this server is not '\(host)'")
    }

    /// Whether `host`, with a port or without, is this machine whatever a name server says.
    private func isLoopback(_ host: String) -> Bool {
        var name = host
        if let colon = host.lastIndex(of: ":"), host.last != "]" {
            guard UInt16(host[host.index(after: colon)...]) != nil else { return false }
            name = String(host[..<colon])
        }
        if name == "localhost" || name == "[::1]" { return true }
        guard let address = IPAddress(name), address.version == .v4 else { return false }
        return address.low >> 24 == 127
    }

    private func bearer(_ text: String) -> String? {
        let words = text.split(separator: " ")
        return words.count == 2 && words[0] == "Bearer" ? String(words[1]) : nil
    }

    /// Takes the same time wherever the two differ.
    private func isSame(_ a: String, _ b: String) -> Bool {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        guard a.count == b.count else { return false }
        var difference: UInt8 = 0
        for index in a.indices { difference |= a[index] ^ b[index] }
        return difference == 0
    }

    private func answerAllowed(_ request: ServerRequest) -> ServerReply {
        let isRead = request.method == "GET" || request.method == "HEAD"
        switch request.path {
        case "/": return isRead ? html(page) : wrongMethod("GET")
        case "/api/lint", "/api/doctor", "/api/show":
            return isRead ? json(listing(String(request.path.dropFirst(5)))) : wrongMethod("GET")
        case "/page/trace", "/page/chain", "/page/rules", "/page/search", "/api/packets", "/api/trace":
            return request.method == "POST" ? ask(request) : wrongMethod("POST")
        default: return ServerReply(404, "there is nothing at this path")
        }
    }

    private func html(_ bytes: [UInt8]) -> ServerReply { ServerReply(200, "text/html; charset=utf-8", bytes) }
    private func json(_ bytes: [UInt8]) -> ServerReply { ServerReply(200, "application/json", bytes) }

    private func wrongMethod(_ method: String) -> ServerReply {
        var reply = ServerReply(405, "only \(method) here")
        reply.headers.append(("Allow", method))
        return reply
    }

    private func ask(_ request: ServerRequest) -> ServerReply {
        let text = String(decoding: request.body, as: UTF8.self)
        do throws(UsageFailure) {
            switch request.path {
            case "/api/packets": return json(session.withLock { $0.packets(request.body) })
            case "/api/trace":
                let words = text.split(whereSeparator: \.isNewline).map(String.init)
                return json(try trace(words + ["--json"]))
            case "/page/trace":
                let words = text.split(separator: "\0", omittingEmptySubsequences: false).dropLast().map(String.init)
                return html(try trace(words))
            case "/page/search": return html(session.withLock { $0.search(text) })
            case "/page/chain":
                guard let chain = Int(text) else { throw UsageFailure("a chain's number") }
                return html(session.withLock { $0.chain(chain) })
            default:
                let numbers = text.split(separator: " ").map { Int($0) }
                guard numbers.count == 2, let chain = numbers[0], let start = numbers[1] else {
                    throw UsageFailure("a chain's number and a rule's")
                }
                return html(session.withLock { $0.rules(ofChain: chain, from: start) })
            }
        } catch {
            return ServerReply(400, error.message)
        }
    }

    private func trace(_ words: [String]) throws(UsageFailure) -> [UInt8] {
        let result = session.withLock { session -> Result<[UInt8], UsageFailure> in
            do throws(UsageFailure) { return .success(try session.trace(words)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// What the command of this name writes with `--json`.
    private func listing(_ name: String) -> [UInt8] {
        let (node, model, owners) = session.withLock { ($0.node, $0.model, $0.owners) }
        var json = JSONWriter(OutputBuffer())
        switch name {
        case "lint":
            for result in lint(LintedNode(model, annotations: owners, diagnostics: node.diagnostics)) {
                writeLintJSON(result, model: model, files: node.files, into: &json)
            }
        case "doctor":
            for diagnosis in examine(Patient(model, annotations: owners, cluster: node.cluster)) {
                writeDoctorJSON(diagnosis, model: model, files: node.files, into: &json)
            }
        default: writeRulesetJSON(model, files: node.files, owners: owners, into: &json)
        }
        return json.output.gathered
    }
}
