import Foundation
import RuleModel
import SourceText
import Testing

@testable import Nftables

/// A file of `Fixtures`.
struct Fixture: Sendable, CustomTestStringConvertible {
    let name: String

    var testDescription: String { name }

    private static var folder: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    }

    /// Those whose names begin so.
    static func all(_ start: String) -> [Fixture] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasPrefix(start) }.sorted().map { Fixture(name: $0) }
    }

    func bytes() throws -> [UInt8] { [UInt8](try Data(contentsOf: Fixture.folder.appendingPathComponent(name))) }
}

/// What was read, with the names in it.
struct Read {
    var names = NameTable()
    var reading = NftablesReading()
    let file: SourceFile

    init(_ bytes: [UInt8], path: String = "test.nft", includes: [IncludableFile] = []) {
        file = SourceFile(path: path, bytes: bytes)
        reading = readNftables(bytes, file: FileID(0), names: &names, includes: includes)
    }

    init(_ text: String, includes: [IncludableFile] = []) { self.init(Array(text.utf8), includes: includes) }

    var rules: [Rule] { reading.tables.flatMap { $0.chains.flatMap(\.rules) } }

    /// Each statement that says of itself that it is not known, as it was written.
    var unknowns: [String] {
        rules.flatMap(\.statements).compactMap { statement in
            switch statement {
            case .target(.native(.unknown(let text))): names.text(text)
            case .target(.native(.xtables(let text))): names.text(text)
            case .match(.native(let comparison)):
                comparison.left.contains { if case .unknown = $0 { true } else { false } } ? "\(comparison)" : nil
            default: nil
            }
        }
    }

    var rendered: [String] { reading.diagnostics.map { $0.rendered(in: file) } }
}
