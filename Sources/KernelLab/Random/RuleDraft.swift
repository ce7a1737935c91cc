package import NetTypes

/// One rule while it is drawn: what is known of its place, and the pools it draws from.
struct RuleDraft {
    var chance: Chance
    let version: IPVersion
    let pools: VersionPools
    let interfaces: [String]
    let bridgePorts: [String]
    let sockets: [RandomSocket]
    let sets: [RandomSet]
    var table = RuleTable.filter
    /// The hooks that the chain is reached from.
    var hooks = RuleHooks.input
    /// The protocol that `-p` names, where a match or the target needs one.
    var number: UInt8?
    /// What a packet must have to meet the rules drawn so far.
    var hints: [PacketHint] = []
    /// Of this rule: taken back where no rule comes of it.
    var newHints: [PacketHint] = []

    init(_ topology: RandomTopology, _ version: IPVersion, sets: [RandomSet], chance: Chance) {
        self.chance = chance
        self.version = version
        self.sets = sets
        pools = topology.pools(version)
        interfaces = topology.pools.interfaceNames
        bridgePorts = topology.pools.bridgePorts
        sockets = topology.sockets.filter { ($0.address?.version ?? $0.version ?? version) == version }
    }

    var isV4: Bool { version == .v4 }

    mutating func hint(_ hint: PacketHint) { newHints.append(hint) }

    /// Negation, on one rule in five.
    mutating func not(_ percent: Int = 20) -> String { chance.percent(percent) ? "! " : "" }

    mutating func pick<Value>(_ choices: [Value]) -> Value { chance.pick(choices) }

    mutating func percent(_ percent: Int) -> Bool { chance.percent(percent) }

    mutating func port() -> UInt16 { chance.pick(RandomPools.ports) }

    /// `p`, `p:q`, `p:` or `:q`.
    mutating func ports(_ separator: String = ":") -> String {
        let ports = RandomPools.ports
        switch chance.below(6) {
        case 0:
            let two = chance.some(ports, 2).sorted()
            return "\(two[0])\(separator)\(two[1])"
        case 1 where separator == ":": return "\(port()):"
        case 2 where separator == ":": return ":\(port())"
        default: return "\(port())"
        }
    }

    /// An address or prefix as `-s` takes it: seldom a mask with holes.
    mutating func place() -> String {
        if chance.percent(45) { return "\(chance.pick(pools.prefixes))" }
        if chance.percent(4) { return isV4 ? "10.0.0.5/255.0.0.255" : "fd00::5/ffff::ffff" }
        return "\(pools.address(&chance))"
    }

    mutating func host() -> IPAddress { pools.host(&chance) }

    mutating func interface() -> String {
        let names = interfaces + bridgePorts
        if chance.percent(20) { return chance.pick(["eth+", "lan+", "e+", "br+", "+"]) }
        return chance.percent(8) ? "lo" : chance.pick(names)
    }

    mutating func markTest() -> String {
        let mark = chance.pick(RandomPools.marks + [0])
        hint(.mark(mark))
        if chance.percent(50) { return hexadecimal(mark) }
        let mask = chance.pick([mark | 1, 0xff, 0xf, 0xffff_fff0] as [UInt32])
        // Value bits outside the mask never match: one rule in ten has some.
        return "\(hexadecimal(chance.percent(10) ? mark : mark & mask))/\(hexadecimal(mask))"
    }

    /// Two addresses as a range, the lower one first.
    mutating func range() -> String {
        let two = [pools.address(&chance), pools.address(&chance)].sorted()
        return "\(two[0])-\(two[1])"
    }

    mutating func numbers(_ low: Int, _ high: Int, _ separator: String = ":") -> String {
        let first = chance.number(low...high)
        return chance.percent(50) ? "\(first)" : "\(first)\(separator)\(chance.number(first...high))"
    }
}

/// Something a packet needs for a rule to say yes. Packets follow some of the hints of their rules.
package enum PacketHint: Sendable, Hashable {
    case `protocol`(UInt8)
    case ports(source: UInt16?, destination: UInt16?)
    case tcpFlags(UInt8)
    case tcpOption(UInt8)
    case maximumSegmentSize(UInt16)
    case icmp(type: UInt8, code: UInt8)
    case chunks([UInt8])
    /// The index of an SPI or of IPComp.
    case index(UInt32)
    case ttl(UInt8)
    case tos(UInt8)
    case length(Int)
    case mark(UInt32)
    case payload([UInt8])
    case fragment
    /// An IPv6 extension header by its number; with which form (`PacketDraft.form`), of a fragment with which
    /// identifier, of AH with which index.
    case extensionHeader(UInt8, Int?)
    case user(UInt32)
    case group(UInt32)
    case source(IPAddress)
    case destination(IPAddress)
    case sourceMAC(MACAddress)
    case arrives(String)
    case packetType(PacketType)
    /// The source address is made of the frame's.
    case identifierOfMAC

    /// Whether few packets have it by themselves.
    var isRare: Bool {
        switch self {
        case .tcpOption, .maximumSegmentSize, .chunks, .index, .fragment, .extensionHeader, .identifierOfMAC, .arrives,
            .packetType, .sourceMAC:
            true
        case .protocol, .ports, .tcpFlags, .icmp, .ttl, .tos, .length, .mark, .payload,
            .user, .group, .source,
            .destination:
            false
        }
    }
}
