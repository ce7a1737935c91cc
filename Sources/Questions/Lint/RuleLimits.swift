internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Why no packet can meet the conditions of one rule.
struct Contradiction: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// Two conditions on one field, which no value meets together.
        case field(RuleLimits.Field)
        /// A range that ends before it begins.
        case emptyRange(RuleLimits.Field)
        /// A test that asks for a value with bits outside its mask.
        case outsideMask(String)
        case packetMark, connectionMark
        case states
        case interface(isIn: Bool)
        /// A condition and its own negation.
        case negation
        /// A part of the connection along with a state of packets that have none.
        case noConnection
    }

    var kind: Kind
    /// The statements that can't hold together.
    var statements: [Int]
}

/// What the conditions of one rule leave of each field of a packet: read in the order of the statements, until nothing
/// is left.
struct RuleLimits {
    enum Field: Hashable, Sendable {
        /// The version of IP.
        case version
        case transport, source, destination, sourcePort, destinationPort, length, hopLimit, dscp, icmpType
        /// Another value that nft compares.
        case other(Expression)
    }

    let linked: LinkedRuleset
    let chain: ChainID
    private var fields: [Field: ValueSet] = [:]
    private var users: [Field: [Int]] = [:]
    private var marks = MaskedLimits()
    private var connectionMarks = MaskedLimits()
    var states: UInt32 = .max
    private var inNames: [Negatable<NamePattern>] = []
    private var outNames: [Negatable<NamePattern>] = []
    private var plain: [Match: Int] = [:]
    var statement = 0
    private var connectionStatement: Int?
    var contradiction: Contradiction?

    /// - Parameter rule: one of `chain`.
    init(_ rule: Rule, of chain: ChainID, in linked: LinkedRuleset) {
        self.linked = linked
        self.chain = chain
        for (index, own) in rule.statements.enumerated() {
            guard case .match(let match) = own else { continue }
            statement = index
            read(match)
            if contradiction != nil { return }
            if asksForConnection(match) { connectionStatement = index }
        }
        // Without a connection there is none of these to be asked.
        if let connectionStatement, states & 0x1f & ~UInt32((ConnectionStates([.invalid, .untracked])).rawValue) == 0 {
            contradiction = Contradiction(kind: .noConnection, statements: [connectionStatement])
        }
    }

    /// Whether a match never holds where a packet has no connection. Source: net/netfilter/xt_connmark.c `connmark_mt`,
    /// xt_connlabel.c, xt_helper.c, nft_ct.c `nft_ct_get_eval`, Linux 6.18.
    private func asksForConnection(_ match: Match) -> Bool {
        switch match {
        case .connectionMark, .connectionLabel, .connectionBytes: true
        case .native(let comparison):
            switch comparison.left {
            case .connection(.mark, _), .masked(.connection(.mark, _), _, _), .connection(.direction, _),
                .connection(.helper, _), .connection(.status, _):
                true
            default: false
            }
        default: false
        }
    }

    /// What is left of a field.
    func values(of field: Field) -> ValueSet { fields[field] ?? .all }

    // MARK: Noting

    mutating func note(_ field: Field, _ values: ValueSet, isNegated: Bool = false) {
        guard contradiction == nil else { return }
        let own = isNegated ? values.inverted : values
        let left = (fields[field] ?? ValueSet(0, highest(field))).intersection(own)
        fields[field] = left
        users[field, default: []].append(statement)
        if left.isEmpty { contradiction = Contradiction(kind: .field(field), statements: users[field] ?? []) }
    }

    /// The highest value that a field can have.
    private func highest(_ field: Field) -> UInt128 {
        switch field {
        case .transport, .hopLimit, .icmpType: 0xff
        case .dscp: 0x3f
        case .sourcePort, .destinationPort, .length: 0xffff
        case .source, .destination: values(of: .version) == ValueSet(4, 4) ? 0xffff_ffff : .max
        case .version, .other: .max
        }
    }

    mutating func note<Number>(_ field: Field, _ range: NumberRange<Number>, isNegated: Bool) {
        if range.first > range.last {
            if !isNegated, contradiction == nil {
                contradiction = Contradiction(kind: .emptyRange(field), statements: [statement])
            }
            return
        }
        note(field, ValueSet(UInt128(range.first), UInt128(range.last)), isNegated: isNegated)
    }

    mutating func note(_ protocols: [IPProtocol]) {
        note(
            .transport,
            ValueSet(protocols.map { ValueSet.Run(low: UInt128($0.rawValue), high: UInt128($0.rawValue)) }))
    }

    mutating func note(_ version: IPVersion) {
        note(.version, ValueSet(UInt128(version.rawValue), UInt128(version.rawValue)))
    }

    mutating func note(_ field: Field, _ mask: Negatable<AddressMask>) {
        note(mask.value.address.version)
        guard let length = mask.value.prefixLength else { return }
        let prefix = IPPrefix(mask.value.address, length: length)
        note(field, ValueSet(number(prefix.address), number(prefix.last)), isNegated: mask.isNegated)
    }

    mutating func note(_ field: Field, _ range: Negatable<AddressRange>?) {
        guard let range else { return }
        if range.value.last < range.value.first {
            if !range.isNegated, contradiction == nil {
                contradiction = Contradiction(kind: .emptyRange(field), statements: [statement])
            }
            return
        }
        note(field, ValueSet(number(range.value.first), number(range.value.last)), isNegated: range.isNegated)
    }

    private func number(_ address: IPAddress) -> UInt128 { UInt128(address.high) << 64 | UInt128(address.low) }

    mutating func note(_ states: Negatable<ConnectionStates>) {
        // SNAT and DNAT are asked beside the state: either will do.
        guard states.value.isDisjoint(with: [.snat, .dnat]) else { return }
        let own = UInt32(states.value.rawValue)
        self.states &= states.isNegated ? ~own : own
        if self.states & 0x1f == 0, contradiction == nil {
            contradiction = Contradiction(kind: .states, statements: [statement])
        }
    }

    mutating func note(_ pattern: Negatable<NamePattern>, isIn: Bool) {
        let others = isIn ? inNames : outNames
        let isImpossible =
            pattern.isNegated && pattern.value == .everything
            || others.contains { excludes($0, pattern) || excludes(pattern, $0) }
        if isIn { inNames.append(pattern) } else { outNames.append(pattern) }
        if isImpossible, contradiction == nil {
            contradiction = Contradiction(kind: .interface(isIn: isIn), statements: [statement])
        }
    }

    private func names(_ pattern: Negatable<InterfacePattern>) -> Negatable<NamePattern> {
        let name = NamePattern(
            bytes: Array(linked.names.bytes(pattern.value.name)), isPrefix: pattern.value.isPrefix)
        return Negatable(name, isNegated: pattern.isNegated)
    }

    /// Whether no name is as both want it.
    private func excludes(_ a: Negatable<NamePattern>, _ b: Negatable<NamePattern>) -> Bool {
        switch (a.isNegated, b.isNegated) {
        case (false, false): !a.value.covers(b.value) && !b.value.covers(a.value)
        case (true, false): a.value.covers(b.value)
        case (false, true): b.value.covers(a.value)
        case (true, true): false
        }
    }

    mutating func notePlain(_ match: Match, negation: Match) {
        if let other = plain[negation], contradiction == nil {
            contradiction = Contradiction(kind: .negation, statements: [other, statement])
        }
        plain[match] = statement
    }

    // MARK: iptables

    private mutating func read(_ match: Match) {
        switch match {
        case .source(let mask): note(.source, mask)
        case .destination(let mask): note(.destination, mask)
        case .sourceV4(let mask): note(.source, wide(mask))
        case .destinationV4(let mask): note(.destination, wide(mask))
        case .inInterface(let pattern): note(names(pattern), isIn: true)
        case .outInterface(let pattern): note(names(pattern), isIn: false)
        case .protocol(let test):
            let number = UInt128(test.value.number.rawValue)
            // 0 is every protocol.
            let values = number == 0 ? ValueSet.all : ValueSet(number, number)
            note(.transport, values, isNegated: test.isNegated)
        case .addressRange(let match):
            note(.source, match.source)
            note(.destination, match.destination)
        case .tcp(let match):
            note([.tcp])
            note(.sourcePort, match.sourcePorts, isNegated: match.inversion.contains(.sourcePorts))
            note(.destinationPort, match.destinationPorts, isNegated: match.inversion.contains(.destinationPorts))
            if !match.inversion.contains(.flags), !match.flagsMask.isSuperset(of: match.flagsValue) {
                contradiction =
                    contradiction ?? Contradiction(kind: .outsideMask("TCP's flags"), statements: [statement])
            }
        case .udp(let match): readUDP(match, .udp)
        case .udplite(let match): readUDP(match, .udplite)
        case .sctp(let match):
            note([.sctp])
            if let ports = match.sourcePort { note(.sourcePort, ports.value, isNegated: ports.isNegated) }
            if let ports = match.destinationPort { note(.destinationPort, ports.value, isNegated: ports.isNegated) }
        case .dccp(let match):
            note([.dccp])
            if let ports = match.sourcePort { note(.sourcePort, ports.value, isNegated: ports.isNegated) }
            if let ports = match.destinationPort { note(.destinationPort, ports.value, isNegated: ports.isNegated) }
        case .multiport(let match): readMultiport(match)
        case .icmp(let match):
            note([match.version == .v4 ? .icmp : .icmpv6])
            guard !match.isNegated, !(match.version == .v4 && match.type == 255) else { break }
            note(.icmpType, NumberRange(match.type), isNegated: false)
        case .tcpMSS(let range):
            note([.tcp])
            if !range.isNegated, range.value.first > range.value.last { note(.length, range.value, isNegated: false) }
        case .length(let range): note(.length, range.value, isNegated: range.isNegated)
        case .timeToLive(let match): readHopLimit(match)
        case .dscp(let value): note(.dscp, NumberRange(value.value), isNegated: value.isNegated)
        case .mark(let word): readMark(word, isConnection: false)
        case .connectionMark(let word): readMark(word, isConnection: true)
        case .state(let states): note(states)
        case .conntrack(let match): if let states = match.state { note(states) }
        case .set(let match): readSet(match)
        case .mac(let value): notePlain(match, negation: .mac(value.flipped))
        case .packetType(let value): notePlain(match, negation: .packetType(value.flipped))
        case .helper(let value): notePlain(match, negation: .helper(value.flipped))
        case .native(let comparison): read(comparison)
        case .laterFragment, .addressType, .ah, .bpf, .cgroup, .cluster, .comment, .connectionBytes, .connectionLabel,
            .connectionLimit, .cpu, .deviceGroup, .destinationOptions, .ecn, .esp, .eui64, .frag, .hashLimit, .hopByHop,
            .ipComp, .ipv6Header, .ipvs, .limit, .mobilityHeader, .accounting, .operatingSystem, .owner,
            .physicalDevice, .policy, .quota, .rateEstimate, .realm, .recent, .reversePath, .routingHeader, .socket,
            .segmentRouting, .statistic, .string, .time, .tos, .u32:
            break
        // What the reader does not take is kept word for word; a range that is turned round is one reason.
        case .unknown(_, let text):
            guard contradiction == nil, let field = reversedRange(in: linked.name(text)) else { break }
            contradiction = Contradiction(kind: .emptyRange(field), statements: [statement])
        }
    }

    private func wide(_ mask: V4Mask) -> Negatable<AddressMask> {
        Negatable(
            AddressMask(IPAddress(v4: mask.address), mask: IPAddress(v4: mask.mask)), isNegated: mask.isNegated)
    }

    private mutating func readUDP(_ match: UDPMatch, _ transport: IPProtocol) {
        note([transport])
        note(.sourcePort, match.sourcePorts, isNegated: match.sourceIsNegated)
        note(.destinationPort, match.destinationPorts, isNegated: match.destinationIsNegated)
    }

    private mutating func readMultiport(_ match: MultiportMatch) {
        note([.tcp, .udp, .sctp, .dccp, .udplite])
        let ranges = match.ports.value
        if let empty = ranges.first(where: { $0.first > $0.last }) {
            note(match.side == .source ? .sourcePort : .destinationPort, empty, isNegated: false)
            return
        }
        let values = ValueSet(ranges.map { ValueSet.Run(low: UInt128($0.first), high: UInt128($0.last)) })
        switch match.side {
        case .source: note(.sourcePort, values, isNegated: match.ports.isNegated)
        case .destination: note(.destinationPort, values, isNegated: match.ports.isNegated)
        case .either: break
        }
    }

    private mutating func readHopLimit(_ match: TimeToLiveMatch) {
        let value = UInt128(match.value)
        switch match.comparison {
        case .equal: note(.hopLimit, ValueSet(value, value))
        case .notEqual: note(.hopLimit, ValueSet(value, value), isNegated: true)
        case .less: note(.hopLimit, value == 0 ? ValueSet([]) : ValueSet(0, value - 1))
        case .greater: note(.hopLimit, value == 255 ? ValueSet([]) : ValueSet(value + 1, 255))
        }
    }

    mutating func readMark(_ word: Negatable<MaskedWord>, isConnection: Bool) {
        guard contradiction == nil else { return }
        if !word.isNegated, word.value.value & ~word.value.mask != 0 {
            contradiction = Contradiction(
                kind: .outsideMask(isConnection ? "the connection's mark" : "the mark"), statements: [statement])
        } else if isConnection {
            connectionMarks.add(word.value.value, under: word.value.mask, isNegated: word.isNegated)
            if connectionMarks.isImpossible {
                contradiction = Contradiction(kind: .connectionMark, statements: [statement])
            }
        } else {
            marks.add(word.value.value, under: word.value.mask, isNegated: word.isNegated)
            if marks.isImpossible { contradiction = Contradiction(kind: .packetMark, statements: [statement]) }
        }
    }

    private mutating func readSet(_ match: SetMatch) {
        guard match.packets == nil, match.bytes == nil, !match.returnsNoMatch else { return }
        var bare = SetMatch()
        bare.name = match.name
        bare.directions = match.directions
        var negation = bare
        negation.name = match.name.flipped
        notePlain(.set(bare), negation: .set(negation))
    }
}

extension Negatable {
    fileprivate var flipped: Negatable { Negatable(value, isNegated: !isNegated) }
}

/// A name, or the beginning of names.
struct NamePattern: Hashable, Sendable {
    var bytes: [UInt8]
    var isPrefix: Bool

    static let everything = NamePattern(bytes: [], isPrefix: true)

    /// Whether every name of `other` is one of its own.
    func covers(_ other: NamePattern) -> Bool {
        isPrefix ? other.bytes.starts(with: bytes) : self == other
    }
}

/// The field of the first `--option 90:80` in the words of a match, where the range ends before it begins.
private func reversedRange(in text: String) -> RuleLimits.Field? {
    var field: RuleLimits.Field?
    for word in text.split(separator: " ") {
        switch word {
        case "--sport", "--source-port", "--sports", "--source-ports": field = .sourcePort
        case "--dport", "--destination-port", "--dports", "--destination-ports", "--ports": field = .destinationPort
        case "--length": field = .length
        case "!": field = nil
        default:
            guard let field else { continue }
            for range in word.split(separator: ",") {
                let ends = range.split(separator: ":").compactMap { UInt32($0) }
                if ends.count == 2, ends[0] > ends[1] { return field }
            }
        }
    }
    return nil
}
