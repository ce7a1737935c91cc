import Foundation

/// Files in a folder of their own, which goes away with this.
final class Folder {
    let path: String

    init(_ files: [String: String]) throws {
        let place = FileManager.default.temporaryDirectory.appending(path: "hookline-\(UUID().uuidString)")
        for (name, text) in files {
            let file = place.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        path = place.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    subscript(_ name: String) -> String { "\(path)/\(name)" }
}
