import Answers
import Snapshot
import Testing

@testable import CommandLineTool

@Suite struct ParsingTests {
    struct Settings: Sendable, Equatable {
        var isLoud = false
        var name = ""
    }

    static let options: [Answers.Option<Settings>] = [
        .flag("--loud", "-l", group: "", help: "") { $0.isLoud = true },
        .value("--name", "-n", name: "NAME", group: "", help: "") { (settings, text) throws(UsageFailure) in
            if text.isEmpty { throw UsageFailure("a name has letters") }
            settings.name = text
        },
    ]

    private func parsed(_ arguments: [String]) throws -> (Settings, [String]) {
        var settings = Settings()
        let words = try parse(arguments, Self.options, into: &settings)
        return (settings, words)
    }

    @Test func valuesStandBehindTheirOptionOrAfterItsEqualsSign() throws {
        for arguments in [["--name", "x"], ["--name=x"], ["-n", "x"]] {
            #expect(try parsed(arguments).0.name == "x")
        }
        #expect(try parsed(["--name=a=b"]).0.name == "a=b")
        #expect(try parsed(["--name", "--loud"]).0 == Settings(isLoud: false, name: "--loud"))
    }

    @Test func wordsMayStandAnywhere() throws {
        let (settings, words) = try parsed(["a", "--loud", "b", "-", "--", "--name"])
        #expect(settings.isLoud)
        #expect(words == ["a", "b", "-", "--name"])
    }

    @Test(
        "tells what is wrong with a call",
        arguments: [
            (["--nmae", "x"], "unknown option '--nmae'; did you mean '--name'?"),
            (["--lou"], "unknown option '--lou'; did you mean '--loud'?"), (["--quiet"], "unknown option '--quiet'"),
            (["-x"], "unknown option '-x'; did you mean '-l'?"),
            (["--name"], "option '--name' needs a value: --name NAME"),
            (["--loud=1"], "option '--loud' takes no value"), (["--name="], "--name: a name has letters"),
        ])
    func refuses(_ arguments: [String], _ message: String) {
        #expect(throws: UsageFailure(message)) { try parsed(arguments) }
    }

    @Test func theOptionsOfASnapshotArriveWhereItIsLoaded() throws {
        var settings = ShowSettings()
        let paths = try parse(["a", "--node", "worker-1", "--latest", "b"], ShowSettings.options, into: &settings)
        #expect(paths == ["a", "b"])
        #expect(settings.common.snapshotSettings.node == "worker-1")
        #expect(settings.common.snapshotSettings.latest)
    }

    @Test(
        "counts the letters that differ",
        arguments: [
            ("", "", 0), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "acb", 1), ("from", "form", 1), ("a", "xyz", 3),
        ])
    func distance(_ a: String, _ b: String, _ expected: Int) {
        #expect(editDistance(Array(a.utf8), Array(b.utf8)) == expected)
        #expect(editDistance(Array(b.utf8), Array(a.utf8)) == expected)
    }
}
