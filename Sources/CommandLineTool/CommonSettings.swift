internal import Answers
internal import Reports
internal import Snapshot

extension CommonSettings {
    var snapshotSettings: SnapshotSettings {
        var settings = SnapshotSettings()
        settings.latest = latest
        settings.node = node
        return settings
    }

    func style(_ surroundings: Surroundings) -> TextStyle {
        TextStyle(
            width: surroundings.outputIsTerminal ? surroundings.terminalWidth.map { max($0, 40) } : nil,
            usesColor: usesColor(surroundings))
    }

    private func usesColor(_ surroundings: Surroundings) -> Bool {
        switch color {
        case .always: true
        case .never: false
        case .auto:
            surroundings.outputIsTerminal && (surroundings.environment["NO_COLOR"] ?? "").isEmpty
                && surroundings.environment["TERM"] != "dumb"
        }
    }
}
