import Foundation
import Testing

/// The rules of the repository that a compiler does not hold.
@Suite struct ArchitectureTests {
    /// Each module's level: imports go to a lower one only, and never to Foundation in the engine.
    static let levels: [String: Int] = [
        "CArchive": -1, "CGraphviz": -1, "CMicroHTTPD": -1, "CNetfilter": -1, "CPcap": -1, "CYAML": -1,
        "SourceText": 0, "NetTypes": 0, "NetlinkBytes": 1,
        "RuleModel": 1,
        "ArchiveFile": 1, "YAMLText": 1, "GraphLayout": 1, "PacketCapture": 1, "CaptureFilter": 1, "Server": 1,
        "IptablesText": 2, "Nftables": 2, "HostText": 2, "KubernetesText": 2, "KernelLink": 2, "ChainGraph": 3,
        "Snapshot": 3, "Redaction": 3, "PathModel": 4, "Annotations": 4,
        "PacketPath": 5, "HeaderSpace": 6, "Questions": 7, "KernelLab": 7, "Reports": 8, "Answers": 9, "Pages": 10,
        "BrowserEngine": 11, "CommandLineTool": 11, "hookline": 12, "kernel-compare": 12,
    ]

    /// Modules that also compile as Embedded Swift.
    static let embedded: Set<String> = [
        "SourceText", "NetTypes", "NetlinkBytes", "RuleModel", "IptablesText", "Nftables", "HostText", "KubernetesText",
        "ChainGraph", "Snapshot", "PathModel", "Annotations", "PacketPath", "HeaderSpace", "PacketCapture", "Questions",
        "Reports", "Answers", "Pages", "BrowserEngine",
    ]

    /// Modules that may name pointers: they wrap C or lend bytes.
    static let audited: Set<String> = [
        "SourceText", "ArchiveFile", "YAMLText", "CaptureFilter", "CommandLineTool", "KernelLink", "KernelLab",
        "GraphLayout", "Server", "BrowserEngine",
    ]

    static let system: Set<String> = ["Glibc", "Musl", "Darwin", "Foundation", "Dispatch", "Synchronization"]

    struct File: Sendable, CustomTestStringConvertible {
        let module: String
        let path: String
        let lines: [String]
        var testDescription: String { path }
    }

    static var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    static let files: [File] = {
        let sources = root.appendingPathComponent("Sources")
        var found: [File] = []
        guard let walker = FileManager.default.enumerator(atPath: sources.path) else { return [] }
        for case let path as String in walker where path.hasSuffix(".swift") {
            let text = (try? String(contentsOf: sources.appendingPathComponent(path), encoding: .utf8)) ?? ""
            let module = path.split(separator: "/").first.map(String.init) ?? ""
            found.append(File(module: module, path: path, lines: text.components(separatedBy: "\n")))
        }
        return found.sorted { $0.path < $1.path }
    }()

    private func imports(of file: File) -> [String] {
        file.lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let index = words.firstIndex(of: "import"), index <= 1, index + 1 < words.count else { return nil }
            return ["public", "internal", "package", "import", "@testable"].contains(words[0]) ? words[index + 1] : nil
        }
    }

    @Test func everyModuleIsListed() {
        #expect(Set(Self.files.map(\.module)).isSubset(of: Self.levels.keys))
        #expect(Self.files.count > 50)
    }

    @Test(arguments: files) func importsGoToALowerLevel(_ file: File) {
        guard let own = Self.levels[file.module] else { return }
        for name in imports(of: file) {
            if let level = Self.levels[name] {
                #expect(level < own, "\(file.path) imports \(name)")
            } else {
                #expect(Self.system.contains(name), "\(file.path) imports \(name)")
                if Self.embedded.contains(file.module) {
                    #expect(file.path == "SourceText/FileReading.swift", "\(file.path) imports \(name)")
                }
            }
        }
    }

    @Test(arguments: files) func aFileIsOneIdea(_ file: File) {
        #expect(file.lines.count <= 500, "\(file.path) has \(file.lines.count) lines")
    }

    @Test(arguments: files) func pointersStayWhereTheyAreAudited(_ file: File) {
        guard !Self.audited.contains(file.module) else { return }
        for (number, line) in file.lines.enumerated() where !line.trimmingCharacters(in: .whitespaces).hasPrefix("//") {
            for word in ["UnsafeRawPointer", "UnsafePointer", "UnsafeMutable", "OpaquePointer", "unsafeBitCast"] {
                #expect(!line.contains(word), "\(file.path):\(number + 1) names \(word)")
            }
        }
    }

    @Test(arguments: files) func nothingEndsTheProgram(_ file: File) {
        for (number, line) in file.lines.enumerated() where !line.trimmingCharacters(in: .whitespaces).hasPrefix("//") {
            for word in ["fatalError(", "try!", "as!", "preconditionFailure("] {
                #expect(!line.contains(word), "\(file.path):\(number + 1) has \(word)")
            }
        }
    }
}
