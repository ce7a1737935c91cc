/// Something that the input does not hold and that some answers need.
public struct MissingInput: Hashable, Sendable {
    /// `addresses`, `routes`, `rules`, `sets`, `sysctl`, `connections`, `listeners`, `ip6tables`, …: never reworded.
    public var name: String
    /// The command that supplies it.
    public var command: String
    /// What is assumed or can't be told without it.
    public var effect: String

    public init(name: String, command: String, effect: String) {
        self.name = name
        self.command = command
        self.effect = effect
    }

    /// Whether it is all rules of one IP version.
    public var isRules: Bool { name == "iptables" || name == "ip6tables" }

    /// Whether it is rules, of which the snapshot has others of that version: what the host does not have, it does not lack.
    public var isTable: Bool { name == "tables" || name == "filter" || name == "filter6" }

    /// As an answer says what it rests on: a sentence without a final stop.
    public var text: String { "not in the snapshot: \(command) (\(effect))" }
}
