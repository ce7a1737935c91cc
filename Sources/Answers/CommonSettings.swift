/// What all commands on a snapshot take.
public struct CommonSettings: Hashable, Sendable {
    public enum Color: String, Hashable, Sendable, CaseIterable {
        case auto, always, never
    }

    public var color = Color.auto
    public var isStrict = false
    public var latest = false
    public var isLive = false
    public var node: String?
    public init() {}
}

/// Settings of a command on a snapshot.
public protocol SnapshotCommandSettings: Sendable {
    var common: CommonSettings { get set }
}

/// The options that all commands on a snapshot have.
public func commonOptions<Settings: SnapshotCommandSettings>(_: Settings.Type) -> [Option<Settings>] {
    let group = "Options of every command"
    return [
        .value(
            "--node", name: "NAME", group: group, help: "which node, where the snapshot holds several"
        ) { settings, text in settings.common.node = text },
        .flag(
            "--live", group: group,
            help: "instead of a snapshot: this machine itself, read over netlink and from /proc, as root"
        ) { $0.common.isLive = true },
        .flag(
            "--latest", group: group,
            help:
                "of two dumps of one table, or listings of other routes, the later counts; without it they are an error"
        ) { $0.common.latest = true },
        .flag(
            "--strict", group: group, help: "exit with 2 where a line of the input can't be read"
        ) { $0.common.isStrict = true },
        .value(
            "--color", name: "WHEN", kind: .words(CommonSettings.Color.allCases.map({ $0.rawValue })), group: group,
            help: "colour the output: auto (on a terminal, unless NO_COLOR is set), always or never"
        ) { (settings, text) throws(UsageFailure) in
            guard let color = CommonSettings.Color(rawValue: text) else {
                throw UsageFailure("'\(text)' is not one of auto, always and never")
            }
            settings.common.color = color
        },
    ]
}
