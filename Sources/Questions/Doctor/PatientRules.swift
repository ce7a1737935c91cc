internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Looking through the rules of a node.
extension Patient {
    var chainIDs: [ChainID] { linked.chainIDs.map { ChainID($0) } }

    /// Chains that are for what `isWanted` asks, in their order.
    func chains(where isWanted: (Purpose) -> Bool) -> [ChainID] {
        chainIDs.filter { id in annotations.purpose(of: id).map(isWanted) ?? false }
    }

    /// Chains of that name, in every table.
    func chains(named name: String) -> [ChainID] {
        guard let symbol = model.names.find(name) else { return [] }
        return chainIDs.filter { linked.chain($0).name == symbol }
    }

    /// Rules of `chains` that are for what `isWanted` asks.
    func rules(in chains: [ChainID], where isWanted: (Purpose) -> Bool) -> [RuleReference] {
        var found: [RuleReference] = []
        for chain in chains {
            for (index, purpose) in annotations.purposes(ofRulesIn: chain).enumerated() {
                if let purpose, isWanted(purpose) { found.append(RuleReference(chain: chain, index: index)) }
            }
        }
        return found
    }

    func rules(of chain: ChainID) -> [RuleReference] {
        linked.chain(chain).rules.indices.map { RuleReference(chain: chain, index: $0) }
    }

    /// What a rule does in the end.
    func ending(_ rule: RuleReference) -> Target? { linked.rule(rule).target }

    /// Whether a rule translates sources, or has something to do that can't be read.
    func mayTranslateSource(_ rule: RuleReference) -> Bool {
        linked.rule(rule).statements.contains { statement in
            switch statement {
            case .target(.masquerade), .target(.snat), .target(.netmap), .target(.unknown), .target(.native(.unknown)),
                .target(.native(.xtables)):
                true
            case .target(.native(.translate(let translation))):
                translation.kind == .masquerade || translation.kind == .snat
            case .target, .match: false
            }
        }
    }

    /// How many packets have met a rule; `nil` where the dump does not tell.
    func packets(_ rule: RuleReference) -> UInt64? {
        let own = linked.rule(rule)
        if let counters = linked.chain(rule.chain).counters(of: own) { return counters.packets }
        for case .target(.native(.counter(let counters?))) in own.statements { return counters.packets }
        return nil
    }

    func evidence(_ rule: RuleReference, _ text: String = "") -> DoctorFinding.Evidence {
        DoctorFinding.Evidence(linked.rule(rule).place, text)
    }

    /// The ipset of this name.
    func set(named name: String) -> AddressSet? {
        model.names.find(name).flatMap { model.sets.entries[$0]?.set }
    }

    /// Whether `chain` is reached from a base chain at `hook`, jumps followed.
    func isReached(_ chain: ChainID, from hook: Hook) -> Bool { reached(from: hook).contains(chain) }

    /// Every chain that is reached from a base chain at `hook`: for asking of many.
    func reached(from hook: Hook) -> Set<ChainID> {
        var seen: Set<ChainID> = []
        var waiting = baseChains(hook)
        while let next = waiting.popLast() {
            guard seen.insert(next).inserted else { continue }
            waiting += linked.jumps[next.index].compactMap { $0.target }
        }
        return seen
    }

    /// Whether a sysctl is there by any of these names, with its value, for a person: `net.ipv4.ip_forward is 0`.
    func told(sysctl name: String) -> DoctorFinding.Evidence? {
        host.sysctls[name].map { DoctorFinding.Evidence(.none, "\(name) is \($0)") }
    }

    /// A key of one interface, under either spelling of its name.
    func told(sysctl key: String, of interface: String) -> DoctorFinding.Evidence? {
        var name = ""
        for character in interface.unicodeScalars { name.unicodeScalars.append(character == "." ? "/" : character) }
        return told(sysctl: "net.ipv4.conf.\(name).\(key)") ?? told(sysctl: "net.ipv4.conf.\(interface).\(key)")
    }

    /// The interface that has `address`.
    func owner(of address: IPAddress) -> NetworkInterface? { Questions.owner(of: address, on: model) }
}

/// `a`, `a and b`, `a, b and 3 more`.
func list(_ texts: [String], first count: Int = 3) -> String {
    if texts.count == 2 { return texts[0] + " and " + texts[1] }
    var text = ""
    for part in texts.prefix(count) { text += (text.isEmpty ? "" : ", ") + part }
    return texts.count > count ? text + " and \(texts.count - count) more" : text
}

/// `1 packet`, `2 packets`.
func counted(_ count: UInt64, _ noun: String) -> String { "\(count) \(noun)" + (count == 1 ? "" : "s") }

/// What a rule asks of a packet's headers, as far as a packet can be made that meets it.
struct RuleAsk {
    var source: IPPrefix?
    var destination: IPPrefix?
    /// Excluded: the packet must not come from or go there.
    var notSource: IPPrefix?
    var notDestination: IPPrefix?
    var `protocol`: IPProtocol?
    var ports: PortRange?
    var input: String?
    var output: String?
    var notInput: String?
    var notOutput: String?
    /// Whether the destination must be an address of this host.
    var isLocal = false
    var states: Negatable<ConnectionStates>?
    var marks: [Negatable<MaskedWord>] = []
    /// Names of sets, with whether the rule wants them not to match.
    var sets: [Negatable<Symbol>] = []
    /// Whether it asks for something that is not in here.
    var asksMore = false

    /// Whether every packet meets it.
    var isUnconditional: Bool {
        source == nil && destination == nil && notSource == nil && notDestination == nil && self.protocol == nil
            && ports == nil && input == nil && output == nil && notInput == nil && notOutput == nil && !isLocal
            && states == nil && marks.isEmpty && sets.isEmpty && !asksMore
    }
}

extension Patient {
    /// What `rule` asks for.
    func asks(_ rule: RuleReference) -> RuleAsk {
        var ask = RuleAsk()
        for statement in linked.rule(rule).statements {
            guard case .match(let match) = statement else { continue }
            note(match, rule.chain, in: &ask)
        }
        return ask
    }

    private func note(_ match: Match, _ chain: ChainID, in ask: inout RuleAsk) {
        switch match {
        case .comment: break
        case .sourceV4(let mask):
            let whole = AddressMask(IPAddress(v4: mask.address), mask: IPAddress(v4: mask.mask))
            noteSource(Negatable(whole, isNegated: mask.isNegated), in: &ask)
        case .destinationV4(let mask):
            let whole = AddressMask(IPAddress(v4: mask.address), mask: IPAddress(v4: mask.mask))
            noteDestination(Negatable(whole, isNegated: mask.isNegated), in: &ask)
        case .source(let mask): noteSource(mask, in: &ask)
        case .destination(let mask): noteDestination(mask, in: &ask)
        case .inInterface(let pattern):
            let text = text(pattern.value)
            if pattern.isNegated { ask.notInput = text } else { ask.input = text }
        case .outInterface(let pattern):
            let text = text(pattern.value)
            if pattern.isNegated { ask.notOutput = text } else { ask.output = text }
        case .protocol(.is(let test)): ask.protocol = test.number
        case .tcp(let tcp):
            ask.protocol = .tcp
            if tcp.inversion.isEmpty {
                if !tcp.destinationPorts.isAll { ask.ports = tcp.destinationPorts }
                if !tcp.sourcePorts.isAll || !tcp.flagsMask.isEmpty { ask.asksMore = true }
            } else {
                ask.asksMore = true
            }
        case .udp(let udp):
            ask.protocol = .udp
            if udp.destinationIsNegated || !udp.sourcePorts.isAll { ask.asksMore = true }
            if !udp.destinationPorts.isAll { ask.ports = udp.destinationPorts }
        case .multiport(let ports):
            if case .is(let ranges) = ports.ports, ports.side != .source, let first = ranges.first {
                ask.ports = first
            } else {
                ask.asksMore = true
            }
        case .addressType(let types):
            if types.destination == .is(.local), types.source == nil { ask.isLocal = true } else { ask.asksMore = true }
        case .state(let states): ask.states = states
        case .conntrack(let conntrack):
            if let state = conntrack.state { ask.states = state } else { ask.asksMore = true }
        case .mark(let mark): ask.marks.append(mark)
        case .set(let set): ask.sets.append(set.name)
        case .native(let comparison): note(comparison, chain, in: &ask)
        default: ask.asksMore = true
        }
    }

    private func noteSource(_ mask: Negatable<AddressMask>, in ask: inout RuleAsk) {
        guard let length = mask.value.prefixLength else { return ask.asksMore = true }
        let prefix = IPPrefix(mask.value.address, length: length)
        if mask.isNegated { ask.notSource = prefix } else if length > 0 { ask.source = prefix }
    }

    private func noteDestination(_ mask: Negatable<AddressMask>, in ask: inout RuleAsk) {
        guard let length = mask.value.prefixLength else { return ask.asksMore = true }
        let prefix = IPPrefix(mask.value.address, length: length)
        if mask.isNegated { ask.notDestination = prefix } else if length > 0 { ask.destination = prefix }
    }

    private func text(_ pattern: InterfacePattern) -> String { name(pattern.name) + (pattern.isPrefix ? "+" : "") }

    // MARK: nft

    private func note(_ comparison: Comparison, _ chain: ChainID, in ask: inout RuleAsk) {
        guard comparison.relation == .equal || comparison.relation == .anyBit,
            let (low, high) = values(comparison.right, chain)
        else {
            ask.asksMore = true
            return
        }
        switch comparison.left {
        case .field(let field):
            switch (field.row.header, field.row.name) {
            case (.ip, "saddr"), (.ip6, "saddr"): ask.source = prefix(low, high)
            case (.ip, "daddr"), (.ip6, "daddr"): ask.destination = prefix(low, high)
            case (.tcp, "dport"), (.udp, "dport"), (.th, "dport"):
                if let transport = field.row.header.transport { ask.protocol = IPProtocol(transport) }
                ask.ports = PortRange(UInt16(number(low) & 0xffff), UInt16(number(high) & 0xffff))
            case (.ip, "protocol"), (.ip6, "nexthdr"): ask.protocol = IPProtocol(UInt8(number(low) & 0xff))
            default: ask.asksMore = true
            }
        case .meta(.layer4Protocol): ask.protocol = IPProtocol(UInt8(number(low) & 0xff))
        case .meta(.inName): ask.input = interfaceName(low, high)
        case .meta(.outName): ask.output = interfaceName(low, high)
        case .connection(.state, _):
            ask.states = .is(ConnectionStates(rawValue: UInt8(number(low) & 0x7f)))
        case .meta(.networkProtocol), .meta(.protocol): break
        default: ask.asksMore = true
        }
    }

    /// The first and last value that a comparison's right side allows; of a set those of its first element.
    private func values(_ operand: Comparison.Operand, _ chain: ChainID) -> (low: [UInt8], high: [UInt8])? {
        switch operand {
        case .literal(let literal): return (literal.bytes, literal.bytes)
        case .range(let low, let high): return (low.bytes, high.bytes)
        case .set(let name):
            guard let set = linked.set(named: name, besides: chain), set.elements.count > 0 else { return nil }
            return (Array(set.elements.low(0)), Array(set.elements.high(0)))
        case .expression: return nil
        }
    }

    private func number(_ bytes: [UInt8]) -> UInt64 { bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) } }

    private func prefix(_ low: [UInt8], _ high: [UInt8]) -> IPPrefix? {
        guard low.count == high.count, let address = IPAddress(bytes: low) else { return nil }
        var length = 0
        for index in low.indices {
            let differing = low[index] ^ high[index]
            length += differing.leadingZeroBitCount
            if differing != 0 { break }
        }
        return IPPrefix(address, length: UInt8(length))
    }

    private func interfaceName(_ low: [UInt8], _ high: [UInt8]) -> String? {
        let bytes = low.prefix { $0 != 0 }
        return String(decoding: bytes, as: UTF8.self) + (low == high ? "" : "+")
    }
}
