import NetTypes

/// The tables of iptables.
package enum RuleTable: String, CaseIterable, Sendable {
    case raw, mangle, nat, filter, security

    var set: RuleTables { RuleTables(rawValue: 1 << UInt8(Self.allCases.firstIndex(of: self) ?? 0)) }

    var hooks: [RuleHook] {
        switch self {
        case .raw: [.prerouting, .output]
        case .mangle: RuleHook.allCases
        case .nat: [.prerouting, .input, .output, .postrouting]
        case .filter, .security: [.input, .forward, .output]
        }
    }
}

/// The hooks of iptables, by the names of their base chains.
package enum RuleHook: String, CaseIterable, Sendable {
    case prerouting = "PREROUTING"
    case input = "INPUT"
    case forward = "FORWARD"
    case output = "OUTPUT"
    case postrouting = "POSTROUTING"

    var set: RuleHooks { RuleHooks(rawValue: 1 << UInt8(Self.allCases.firstIndex(of: self) ?? 0)) }
}

struct RuleTables: OptionSet, Sendable {
    let rawValue: UInt8
    static let raw = RuleTable.raw.set
    static let mangle = RuleTable.mangle.set
    static let nat = RuleTable.nat.set
    static let filter = RuleTable.filter.set
    static let security = RuleTable.security.set
    static let all = RuleTables(rawValue: 0x1f)
}

struct RuleHooks: OptionSet, Sendable {
    let rawValue: UInt8
    static let prerouting = RuleHook.prerouting.set
    static let input = RuleHook.input.set
    static let forward = RuleHook.forward.set
    static let output = RuleHook.output.set
    static let postrouting = RuleHook.postrouting.set
    static let all = RuleHooks(rawValue: 0x1f)
    /// Where a packet has the interface it came in by.
    static let incoming: RuleHooks = [.prerouting, .input, .forward]
    /// Where a packet has the interface it leaves by.
    static let outgoing: RuleHooks = [.forward, .output, .postrouting]
}

/// The versions of IP that a match or target is for.
struct RuleVersions: OptionSet, Sendable {
    let rawValue: UInt8
    static let v4 = RuleVersions(rawValue: 1)
    static let v6 = RuleVersions(rawValue: 2)
    static let both: RuleVersions = [.v4, .v6]

    func has(_ version: IPVersion) -> Bool { isSuperset(of: version == .v4 ? .v4 : .v6) }
}

/// Whether the packet, the set-up and the connection decide what a match or target does.
package enum Certainty: Sendable {
    case decided
    /// Time, chance or a secret decides.
    case undecided
    /// What came before decides, beyond the connection: sets that rules fill, counts.
    case remembers
}

/// A match that rules are drawn with: where it may stand, how often it is drawn, and how it is written.
struct MatchEntry: Sendable {
    /// The module's name, with the option after it where an option is an entry of its own.
    let name: String
    var versions = RuleVersions.both
    var tables = RuleTables.all
    var hooks = RuleHooks.all
    /// The protocols one of which `-p` must name; empty where any or none will do.
    var protocols: [UInt8] = []
    var weight = 10
    var certainty = Certainty.decided
    /// Whether its presence alone switches conntrack on.
    var tracks = false
    /// Asks for fragments, which only a host without conntrack shows to rules: drawn for such a host alone.
    var needsFragments = false
    /// Words of the rule; `nil` where this set-up gives it nothing to say.
    let write: @Sendable (inout RuleDraft) -> String?
}

/// A target that rules are drawn with.
struct TargetEntry: Sendable {
    let name: String
    var versions = RuleVersions.both
    var tables = RuleTables.all
    var hooks = RuleHooks.all
    var protocols: [UInt8] = []
    var weight = 10
    var certainty = Certainty.decided
    /// A packet that it takes goes no further, or goes elsewhere: it stands behind narrow matches.
    var isFinal = false
    /// Whether its presence alone switches conntrack on.
    var tracks = false
    let write: @Sendable (inout RuleDraft) -> String?
}
