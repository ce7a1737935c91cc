internal import Answers
internal import Snapshot
internal import SourceText

// A page is handed on: it names a snapshot, and does not tell where that lies on the machine that made the page.

/// What a page is called: the name of its snapshot's file or folder; the node's where it was read from several or from
/// standard input.
func pageTitle(
    _ paths: [String], _ common: CommonSettings, _ node: NodeState, _ console: borrowing Console
) -> String {
    let surroundings = console.surroundings
    let name = common.isLive ? surroundings.hostName : paths.count == 1 ? lastName(paths[0], surroundings) : nil
    guard let name, !name.isEmpty else { return node.name ?? common.node ?? "Snapshot" }
    return name + (common.node.map { " --node \($0)" } ?? "")
}

/// What two snapshots of one page are called, `earlier` and `later` where nothing else tells them apart.
func comparedTitles(_ earlier: String, _ later: String) -> (earlier: String, later: String) {
    earlier == later ? ("\(earlier) (earlier)", "\(later) (later)") : (earlier, later)
}

private func lastName(_ path: String, _ surroundings: Surroundings) -> String? {
    last(of: path) ?? surroundings.fullPath(path).flatMap(last)
}

private func last(of path: String) -> String? {
    path.split(separator: "/").last.map(String.init).flatMap { [".", "..", "-"].contains($0) ? nil : $0 }
}

extension LoadedNode {
    /// The same with files named as a page names them: of an absolute path that was given, the last part stays.
    func forPage(_ paths: [String], _ surroundings: Surroundings) -> LoadedNode {
        var result = self
        for path in paths where path.hasPrefix("/") {
            guard let name = lastName(path, surroundings) else { continue }
            var whole = path
            while whole.count > 1, whole.hasSuffix("/") { whole.removeLast() }
            result.node.rename { own in
                own == whole || own.hasPrefix(whole + "/") ? name + own.dropFirst(whole.count) : own
            }
        }
        return result
    }
}
