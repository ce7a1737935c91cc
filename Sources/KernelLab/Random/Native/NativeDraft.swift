import NetTypes

/// The families of native tables that packets of IP meet.
enum NativeFamily: String, CaseIterable, Sendable {
    case ip, ip6, inet, netdev

    /// The version of IP of a rule that names addresses.
    func version(_ chance: inout Chance) -> IPVersion {
        switch self {
        case .ip: .v4
        case .ip6: .v6
        case .inet, .netdev: chance.percent(60) ? .v4 : .v6
        }
    }
}

/// One native rule while it is drawn.
struct NativeDraft {
    var chance: Chance
    var rules: [IPVersion: RuleDraft]
    var family = NativeFamily.ip
    /// Which version the rule's addresses are of.
    var version = IPVersion.v4
    /// The hooks that the chain is reached from.
    var hooks = RuleHooks.input
    var isNAT = false
    /// Before conntrack.
    var isEarly = false
    var isRoute = false
    /// At ingress or egress.
    var isOfDevice = false
    /// A transport that a part of the rule has fixed.
    var transport: String?
    var sets: [NativeSetDraft] = []

    init(_ topology: RandomTopology, seed: UInt64) {
        chance = Chance(seed: seed, purpose: 8)
        rules = [
            .v4: RuleDraft(topology, .v4, sets: [], chance: Chance(seed: seed, purpose: 9)),
            .v6: RuleDraft(topology, .v6, sets: [], chance: Chance(seed: seed, purpose: 10)),
        ]
    }

    /// The drafts of iptables draw addresses, ports and interfaces from the same pools, and keep the hints.
    mutating func with<Value>(_ body: (inout RuleDraft) -> Value) -> Value? {
        guard var draft = rules[version] else { return nil }
        let value = body(&draft)
        rules[version] = draft
        return value
    }

    mutating func hint(_ hint: PacketHint) { _ = with { $0.hint(hint) } }

    mutating func pick<Value>(_ choices: [Value]) -> Value { chance.pick(choices) }

    mutating func percent(_ percent: Int) -> Bool { chance.percent(percent) }

    /// A prefix or address as nft takes it.
    mutating func place() -> String {
        let pools = rules[version]?.pools
        guard let pools else { return "0.0.0.0/0" }
        if percent(45) { return "\(chance.pick(pools.prefixes))" }
        return "\(pools.address(&chance))"
    }

    mutating func address() -> IPAddress {
        rules[version]?.pools.address(&chance) ?? v4(10, 0, 0, 1)
    }

    mutating func range() -> String {
        let two = [address(), address()].sorted()
        return two[0] == two[1] ? "\(two[0])" : "\(two[0])-\(two[1])"
    }

    mutating func port() -> UInt16 {
        let port = pick(RandomPools.ports)
        return port
    }

    mutating func interface() -> String { with { $0.interface() } ?? "lo" }

    /// `value`, `{ a, b }` or `!= value`, of values that `draw` makes.
    mutating func operand(_ draw: (inout NativeDraft) -> String) -> String {
        switch chance.below(10) {
        case 0, 1: return "!= \(draw(&self))"
        case 2, 3, 4:
            var values: [String] = []
            for _ in 0..<chance.number(1...4) {
                let value = draw(&self)
                if !values.contains(value) { values.append(value) }
            }
            return "\(percent(20) ? "!= " : ""){ \(values.joined(separator: ", ")) }"
        default: return draw(&self)
        }
    }

    var addressWord: String { version == .v4 ? "ip" : "ip6" }
}

/// A named set or map of a table.
struct NativeSetDraft: Sendable {
    enum Key: Hashable, Sendable {
        case address(IPVersion), port, mark, interface, addressAndPort(IPVersion), twoAddresses(IPVersion)
    }

    let name: String
    let key: Key
    let isVerdictMap: Bool
    let text: String
}
