internal import Annotations
internal import Answers
internal import Reports
internal import RuleModel

struct GraphSettings: SnapshotCommandSettings, Hashable {
    enum Format: String, Hashable, Sendable, CaseIterable {
        case svg, png, dot, mermaid
    }

    var common = CommonSettings()
    var format: Format?
    var outputPath: String?
    var picture = ChainPictureSettings()

    static let options: [Option<GraphSettings>] = formOptions + cutOptions + commonOptions(GraphSettings.self)

    private static let formOptions: [Option<GraphSettings>] = {
        let group = "What to write"
        return [
            .value(
                "--output", "-o", name: "FILE", kind: .file, group: group,
                help: "where to write; .svg, .png, .dot, .gv, .mmd and .mermaid tell the format"
            ) { settings, text in settings.outputPath = text },
            .value(
                "--format", name: "FORMAT", kind: .words(Format.allCases.map(\.rawValue)), group: group,
                help: "svg, png, dot (Graphviz, the default without a file) or mermaid"
            ) { (settings, text) throws(UsageFailure) in
                guard let format = Format(rawValue: text) else {
                    throw UsageFailure("'\(text)' is not one of svg, png, dot and mermaid")
                }
                settings.format = format
            },
            .value(
                "--fold", name: "N", group: group,
                help: "like chains of a table, so many or more, are one node (4); 0: each its own"
            ) { (settings, text) throws(UsageFailure) in
                let count = try number(text, maximum: 1_000_000_000, of: "a count")
                settings.picture.foldsFrom = count == 0 ? nil : Int(count)
            },
        ]
    }()

    private static let cutOptions: [Option<GraphSettings>] = {
        let group = "How much of it (each may be given several times)"
        return [
            .value(
                "--hook", name: "HOOK", kind: .words(Hook.allCases.map(\.name)), group: group,
                help: "only what is reached from this hook"
            ) { (settings, text) throws(UsageFailure) in
                guard let hook = Hook.allCases.first(where: { $0.name == asciiLowercase(text) }) else {
                    throw UsageFailure("'\(text)' is not one of \(Hook.allCases.map(\.name).joined(separator: ", "))")
                }
                settings.picture.hooks.insert(hook)
            },
            .value(
                "--table", name: "TABLE", group: group, help: "only this table: a name, or family and name (\"ip nat\")"
            ) { settings, text in settings.picture.tables.append(text) },
            .value(
                "--chain", name: "CHAIN", group: group,
                help: "only this chain, what leads to it and what it leads to"
            ) { settings, text in settings.picture.chains.append(text) },
            .value(
                "--owner", name: "MAKER", kind: .words(Maker.allCases.map(\.word) + ["unknown"]), group: group,
                help: "only chains of this maker, and what leads to them; unknown: those that no maker is known of"
            ) { (settings, text) throws(UsageFailure) in
                let word = asciiLowercase(text)
                if word == "unknown" {
                    settings.picture.owners.insert(.unknown)
                } else if let maker = Maker.allCases.first(where: { $0.word == word }) {
                    settings.picture.owners.insert(.maker(maker))
                } else {
                    let words = Maker.allCases.map(\.word) + ["unknown"]
                    let hint = suggestion(for: word, among: words)
                    throw UsageFailure(
                        "no maker '\(text)'" + (hint.isEmpty ? ": \(words.joined(separator: ", "))" : hint))
                }
            },
            .value(
                "--depth", name: "N", group: group,
                help: "no more than so many jumps from the hooks, or from the chains of --chain"
            ) { (settings, text) throws(UsageFailure) in
                settings.picture.depth = Int(try number(text, maximum: 1_000_000_000, of: "a depth"))
            },
        ]
    }()
}

private func asciiLowercase(_ text: String) -> String { text.lowercased() }
