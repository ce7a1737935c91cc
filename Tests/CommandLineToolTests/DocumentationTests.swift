import Answers
import Foundation
import Testing

@testable import CommandLineTool

/// Help, completions and the man page are made from the option tables; the files in `Docs/` are what was made last.
@Suite struct DocumentationTests {
    static var docs: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Docs")
    }

    static let files: [(name: String, text: String)] = [
        ("hookline.1", manPage()), ("completions/hookline.bash", completions(.bash)),
        ("completions/_hookline", completions(.zsh)), ("completions/hookline.fish", completions(.fish)),
    ]

    @Test("the files in Docs are up to date", arguments: 0..<files.count) func fileIsUpToDate(_ index: Int) throws {
        let (name, text) = Self.files[index]
        let url = Self.docs.appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        let there = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
        #expect(there == text, "UPDATE_GOLDEN=1 swift test --filter DocumentationTests writes Docs/\(name) anew")
    }

    static let commands = Command.all

    @Test("everything a command has is told everywhere", arguments: 0..<commands.count)
    func everywhere(_ index: Int) {
        let command = Self.commands[index]
        let help = helpText(command)
        let man = manPage().replacing("\\-", with: "-")
        for option in command.options {
            #expect(!option.help.isEmpty)
            for name in option.names {
                #expect(help.contains(name), "help: \(name)")
                #expect(man.contains(name), "man page: \(name)")
                for shell in [Shell.bash, .zsh] { #expect(completions(shell).contains(name), "\(shell): \(name)") }
                let fish = name.hasPrefix("--") ? "-l \(name.dropFirst(2)) " : "-s \(name.dropFirst()) "
                #expect(completions(.fish).contains(fish), "fish: \(name)")
            }
        }
        #expect(!command.examples.isEmpty)
        #expect(!command.summary.isEmpty)
    }

    @Test func noOptionIsThereTwice() {
        for command in Self.commands {
            let names = command.options.flatMap(\.names)
            #expect(Set(names).count == names.count, "\(command.name)")
        }
    }

    @Test func helpFitsAHundredColumns() {
        for command in Self.commands {
            for line in helpText(command).split(separator: "\n") where !line.hasPrefix("    hookline") {
                #expect(line.count <= 100, "\(line)")
            }
        }
    }

    @Test func everyExampleCanBeRead() throws {
        for command in Self.commands {
            for example in command.examples where example.call.hasPrefix("hookline trace") {
                let words = example.call.split(separator: " ").map(String.init)
                let own = words.dropFirst(2).prefix { $0 != "|" && $0 != ">" && !$0.contains("$(") }
                if own.contains("--packet") { continue }
                var settings = TraceSettings()
                #expect(throws: Never.self) { _ = try parse(Array(own), TraceSettings.options, into: &settings) }
            }
        }
    }

    @Test func everyExampleOfFindCanBeRead() {
        for example in findCommand.examples {
            var settings = FindSettings()
            let words = example.call.split(separator: " ").map(String.init).dropFirst(2)
            #expect(throws: Never.self, "\(example.call)") {
                let rest = try parse(Array(words), FindSettings.options, into: &settings)
                let place = rest.firstIndex { FindWord.named($0) != nil }
                #expect(place == 1, "a snapshot, then a word: \(example.call)")
            }
        }
    }
}
