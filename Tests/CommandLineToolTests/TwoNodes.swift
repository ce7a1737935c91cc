import Foundation

/// A copy of the two nodes of Rulesets/, with files of it changed.
final class TwoNodes {
    let path: String

    /// - Parameter changes: what becomes of a file's text, by its path below the folder.
    init(_ changes: [String: (String) -> String] = [:]) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let copy = FileManager.default.temporaryDirectory.appending(path: "hookline-nodes-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: root.appending(path: "Rulesets/calico-two-nodes"), to: copy)
        path = copy.path
        for (name, change) in changes {
            let file = copy.appending(path: name)
            let text = try String(contentsOf: file, encoding: .utf8)
            let changed = change(text)
            precondition(changed != text, "\(name) is as it was")
            try Data(changed.utf8).write(to: file)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension String {
    /// Without the lines that have `part`.
    func withoutLines(with part: String) -> String {
        split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains(part) }.joined(separator: "\n")
    }
}
