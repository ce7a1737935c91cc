import Pages
import Server
import SourceText
import Testing

@testable import CommandLineTool

/// Who is answered by `hookline serve`, and what.
@Suite struct PageServiceTests {
    private func service(token: String? = nil) throws -> PageService {
        let session = try PageSession(
            files: [SourceFile(path: "-", text: hostSnapshot)], name: nil)
        return PageService(session, title: "-", comparison: nil, token: token)
    }

    private func request(
        _ method: String = "GET", _ path: String = "/", host: String? = "127.0.0.1:4680", origin: String? = nil,
        authorization: String? = nil, token: String? = nil, body: String = ""
    ) -> ServerRequest {
        ServerRequest(
            method: method, path: path, host: host, origin: origin, authorization: authorization, token: token,
            body: Array(body.utf8))
    }

    @Test(
        "only this machine's own names are answered",
        arguments: [
            ("127.0.0.1:4680", 200), ("localhost:4680", 200), ("[::1]:4680", 200), ("127.0.0.1", 200),
            ("localhost", 200),
            ("evil.example:4680", 403), ("evil.example", 403), ("127.0.0.1.evil.example:80", 403), ("", 403),
            ("[::1].x:1", 403),
            ("127.evil.example:4680", 403),
        ])
    func host(_ host: String, _ status: Int) throws {
        #expect(try service().answer(request(host: host)).status == status)
    }

    @Test func aRequestWithoutAHostIsRefused() throws {
        #expect(try service().answer(request(host: nil)).status == 400)
    }

    @Test func anotherSitesPageIsRefused() throws {
        let service = try service()
        #expect(service.answer(request(origin: "http://127.0.0.1:4680")).status == 200)
        for origin in ["http://evil.example", "null", "https://127.0.0.1:4680", ""] {
            #expect(service.answer(request("POST", "/api/packets", origin: origin)).status == 403)
        }
    }

    @Test func aTokenIsNeededWhereThereIsOne() throws {
        let service = try service(token: "secret")
        for (authorization, token) in [
            (nil, nil), (nil, "wrong1"), (nil, ""), ("Bearer wrong1", nil), ("Basic secret", nil), ("secret", nil),
        ]
            as [(String?, String?)]
        {
            let reply = service.answer(
                request(host: "node-a:4680", authorization: authorization, token: token))
            #expect(reply.status == 401)
        }
        #expect(service.answer(request(host: "node-a:4680", token: "secret")).status == 200)
        #expect(service.answer(request("GET", "/api/lint", authorization: "Bearer secret")).status == 200)
    }

    @Test(
        "only its own paths are there",
        arguments: [
            "/etc/passwd", "//", "/..", "/api", "/api/", "/api/lint/", "/page/sections", "/index.html", "", "*",
        ])
    func paths(_ path: String) throws {
        for method in ["GET", "POST", "PUT", "OPTIONS"] {
            #expect(try service().answer(request(method, path)).status == 404)
        }
    }

    @Test func methodsThatAPathDoesNotHaveAreRefused() throws {
        let service = try service()
        #expect(service.answer(request("POST", "/")).status == 405)
        #expect(service.answer(request("DELETE", "/api/lint")).status == 405)
        let reply = service.answer(request("GET", "/api/trace"))
        #expect(reply.status == 405 && reply.headers.contains { $0 == ("Allow", "POST") })
    }

    @Test func theJSONIsTheCommandLines() throws {
        let service = try service()
        func body(_ method: String, _ path: String, _ body: String = "") -> String {
            String(decoding: service.answer(request(method, path, body: body)).body, as: UTF8.self)
        }
        let words = ["--in", "eth0", "--from", "192.0.2.7", "--to", "192.0.2.1:22/tcp"]
        #expect(
            body("POST", "/api/trace", words.joined(separator: "\n"))
                == call(["trace", "-"] + words + ["--json"]).output)
        #expect(body("GET", "/api/lint") == call(["lint", "--json", "-"]).output)
        #expect(body("GET", "/api/doctor") == call(["doctor", "--json", "-"]).output)
        #expect(body("GET", "/api/show") == call(["show", "--format", "json", "-"]).output)
    }

    @Test func whatCantBeReadIsTold() throws {
        let service = try service()
        for (path, body) in [
            ("/api/trace", "--from\nnonsense"), ("/api/trace", ""), ("/page/trace", "--packets\0/etc/passwd\0"),
            ("/page/rules", "x y"),
            ("/page/rules", "1"), ("/page/rules", "99999999999999999999 0"),
        ] {
            let reply = service.answer(request("POST", path, body: body))
            #expect(reply.status == 400 && !reply.body.isEmpty, "\(path) \(body)")
        }
        #expect(service.answer(request("POST", "/page/rules", body: "123456 -1")).status == 200)
    }

    @Test func noReplyIsKeptOrFramed() throws {
        for reply in [try service().answer(request()), try service().answer(request("GET", "/x"))] {
            let names = reply.headers.map(\.0)
            for name in ["X-Content-Type-Options", "Cache-Control", "Content-Security-Policy"] {
                #expect(names.contains(name))
            }
        }
    }
}
