internal import Answers
internal import RuleModel
internal import Snapshot
internal import SourceText

/// Reads this machine: its rules and all else that a snapshot holds, but for what a note says.
func loadLive(_ common: CommonSettings, _ console: borrowing Console) throws(Stop) -> LoadedNode {
    let progress = Progress("reading this machine", console.surroundings)
    defer { progress.finish() }
    let live = try LiveTexts.read()
    let node: NodeState
    do {
        node = try readSnapshot(files: live.files, settings: common.snapshotSettings)
    } catch {
        progress.finish()
        tellUnread(live, console)
        throw .message(
            live.hasRules ? error.description : "hookline: error: there are no rules in this network namespace")
    }
    progress.finish()
    tell(live.diagnostics + node.diagnostics, node, console)
    tellUnread(live, console)
    let isBad = (live.diagnostics + node.diagnostics).contains { $0.severity > .note }
    return LoadedNode(node: node, hasProblems: isBad || !live.unread.isEmpty)
}

/// Says what of this machine could not be read.
func tellUnread(_ live: LiveTexts, _ console: borrowing Console) {
    for entry in live.unread {
        console.error("hookline: warning: \(escapedForTerminal("\(entry.what): \(entry.why)")) [not-read]")
    }
}
