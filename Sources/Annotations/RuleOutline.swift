internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// What a rule asks for and does, in one form for iptables and nft: as much as annotators need to tell rules apart and
/// to name what they are about.
struct RuleOutline {
    /// What happens to a packet that meets the rule.
    enum Effect: Equatable {
        case nothing, accept, drop, reject, `return`
        case jump(String)
        case `goto`(String)
        /// To one of several chains, by a verdict map.
        case dispatch
        /// To an address, a port, or both: `172.17.0.2:80`, `:15001`; empty where only the packet says it.
        case destination(String)
        case source(String)
        case masquerade
        case redirect(String)
        case mark(MaskedWord)
        case connectionMark(MaskedWord)
        /// The mark goes from the connection to the packet, or the other way.
        case restoreMark, saveMark
        case tproxy(String)
        case notrack
        case zone(UInt16)
        case log
        case other
    }

    /// A set that the rule looks an address or a port up in.
    struct SetUse: Equatable {
        var name: String
        var isNegated: Bool
    }

    var source: Negatable<String>?
    var destination: Negatable<String>?
    var input: Negatable<String>?
    var output: Negatable<String>?
    /// Ports of a bridge (`-m physdev`).
    var bridgeInput: String?
    var bridgeOutput: String?
    /// `tcp`, `udp`, or others by their name.
    var transport = ""
    var sourcePorts = ""
    var destinationPorts = ""
    /// The one ICMP type that it asks for: `echo requests`.
    var icmpType = ""
    var states: Negatable<ConnectionStates>?
    /// Whether the destination must be an address of this host (`true`) or must not.
    var isLocal: Bool?
    /// Whether the source must be one of this host.
    var isFromLocal: Bool?
    /// `broadcasts`, `multicasts`
    var manyfold = ""
    var marks: [Negatable<MaskedWord>] = []
    var sets: [SetUse] = []
    var isLimited = false
    var hasComment = false
    /// Whether it asks for something that is not in this outline.
    var asksMore = false
    var effect = Effect.nothing

    /// Whether every packet meets it.
    var isUnconditional: Bool {
        source == nil && destination == nil && input == nil && output == nil && bridgeInput == nil
            && bridgeOutput == nil && transport.isEmpty && states == nil && isLocal == nil && isFromLocal == nil
            && marks.isEmpty && sets.isEmpty && !isLimited && !asksMore
    }

    var isVerdict: Bool { effect == .accept || effect == .drop || effect == .reject || effect == .return }
    var refuses: Bool { effect == .drop || effect == .reject }

    /// `tcp port 8080`, with the address of this host that it is bound to: `tcp port 192.0.2.10:8080`.
    var bound: String {
        guard let address = destination?.wanted, !destinationPorts.isEmpty else { return service }
        return portText(transport, (address.contains(":") ? "[\(address)]" : address) + ":" + destinationPorts)
    }

    /// Whether the rule is for answers of connections that are known.
    var isForKnownConnections: Bool {
        guard case .is(let states)? = states else { return false }
        return states.contains(.established) && !states.contains(.new)
    }

    var isForInvalid: Bool { states == .is(.invalid) }

    /// `tcp port 80`, `udp ports 9000-9010`, `ICMP`; empty where it asks for neither.
    var service: String {
        if !destinationPorts.isEmpty { return portText(transport, destinationPorts) }
        if !sourcePorts.isEmpty { return "\(transport) from \(portText("", sourcePorts))" }
        switch transport {
        case "icmp", "icmp, icmpv6": return icmpType.isEmpty ? "ICMP" : "ICMP " + icmpType
        case "icmpv6": return icmpType.isEmpty ? "ICMPv6" : "ICMPv6 " + icmpType
        case "": return manyfold
        default: return transport
        }
    }
}

/// What operators call an ICMP type. Source: RFC 792, RFC 4443, RFC 4861, RFC 2710.
func icmpTypeText(_ type: UInt8, _ version: IPVersion) -> String {
    switch (version, type) {
    case (.v4, 0), (.v6, 129): "echo replies"
    case (.v4, 8), (.v6, 128): "echo requests"
    case (.v4, 3), (.v6, 1): "destination unreachable"
    case (.v4, 5), (.v6, 137): "redirects"
    case (.v4, 11), (.v6, 3): "time exceeded"
    case (.v4, 12), (.v6, 4): "parameter problems"
    case (.v6, 2): "packet too big"
    case (.v6, 130), (.v6, 131), (.v6, 132), (.v6, 143): "multicast listeners"
    case (.v6, 133), (.v6, 134): "router discovery"
    case (.v6, 135), (.v6, 136): "neighbour discovery"
    default: "type \(type)"
    }
}

/// `tcp port 80`, `udp ports 80, 443`.
func portText(_ transport: String, _ ports: String) -> String {
    let isOne = !ports.utf8.contains { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ",") }
    return (transport.isEmpty ? "" : transport + " ") + (isOne ? "port " : "ports ") + ports
}

extension Negatable<String> {
    /// The value where it is asked for; `nil` where it is excluded.
    var wanted: String? {
        if case .is(let value) = self { return value }
        return nil
    }

    var excluded: String? {
        if case .not(let value) = self { return value }
        return nil
    }
}

extension RuleFacts {
    /// What it asks for and does.
    var outline: RuleOutline {
        var outline = RuleOutline()
        for statement in rule.statements {
            switch statement {
            case .match(let match): note(match, in: &outline)
            case .target(let target): note(target, in: &outline)
            }
        }
        return outline
    }

    private func note(_ match: Match, in outline: inout RuleOutline) {
        switch match {
        case .comment: outline.hasComment = true
        case .sourceV4(let mask): outline.source = text(of: mask)
        case .destinationV4(let mask): outline.destination = text(of: mask)
        case .source(let mask): outline.source = text(of: mask)
        case .destination(let mask): outline.destination = text(of: mask)
        case .inInterface(let pattern): outline.input = text(of: pattern)
        case .outInterface(let pattern): outline.output = text(of: pattern)
        case .protocol(.is(let test)): outline.transport = test.number.shortName
        case .tcp(let tcp):
            if outline.transport.isEmpty { outline.transport = "tcp" }
            note(tcp.destinationPorts, isNegated: tcp.inversion.contains(.destinationPorts), in: &outline)
            noteSource(tcp.sourcePorts, isNegated: tcp.inversion.contains(.sourcePorts), in: &outline)
            if !tcp.flagsMask.isEmpty || tcp.option != 0 { outline.asksMore = true }
        case .udp(let udp), .udplite(let udp):
            note(udp.destinationPorts, isNegated: udp.destinationIsNegated, in: &outline)
            noteSource(udp.sourcePorts, isNegated: udp.sourceIsNegated, in: &outline)
        case .multiport(let ports):
            guard case .is(let ranges) = ports.ports, ports.side == .destination else {
                outline.asksMore = true
                break
            }
            outline.destinationPorts = list(ranges.map { text(of: $0) })
        case .icmp(let icmp):
            if !icmp.isNegated, icmp.type != 255 { outline.icmpType = icmpTypeText(icmp.type, icmp.version) }
        case .state(let states): outline.states = states
        case .conntrack(let conntrack): outline.states = conntrack.state ?? outline.states
        case .addressType(let types): note(types, in: &outline)
        case .physicalDevice(let device):
            if case .is(let pattern)? = device.inDevice { outline.bridgeInput = text(of: pattern) }
            if case .is(let pattern)? = device.outDevice { outline.bridgeOutput = text(of: pattern) }
            if device.isIn != nil || device.isOut != nil { outline.asksMore = true }
        case .mark(let mark): outline.marks.append(mark)
        case .set(let set):
            outline.sets.append(
                RuleOutline.SetUse(name: linked.name(set.name.value), isNegated: set.name.isNegated))
        case .limit, .hashLimit: outline.isLimited = true
        case .native(let comparison): note(comparison, in: &outline)
        default: outline.asksMore = true
        }
    }

    private func note(_ ports: PortRange, isNegated: Bool, in outline: inout RuleOutline) {
        if isNegated { outline.asksMore = true } else if !ports.isAll { outline.destinationPorts = text(of: ports) }
    }

    private func noteSource(_ ports: PortRange, isNegated: Bool, in outline: inout RuleOutline) {
        if isNegated { outline.asksMore = true } else if !ports.isAll { outline.sourcePorts = text(of: ports) }
    }

    private func note(_ types: AddressTypeMatch, in outline: inout RuleOutline) {
        if let destination = types.destination {
            switch destination {
            case .is(.local), .not(.local): outline.isLocal = !destination.isNegated
            case .is(.broadcast): outline.manyfold = "broadcasts"
            case .is(.multicast): outline.manyfold = "multicasts"
            case .is, .not: outline.asksMore = true
            }
        }
        if let source = types.source {
            if source.value == .local { outline.isFromLocal = !source.isNegated } else { outline.asksMore = true }
        }
    }

    // MARK: Targets

    private func note(_ target: Target, in outline: inout RuleOutline) {
        let effect = effect(of: target)
        if case .native(let statement) = target {
            switch statement {
            case .counter, .last, .objectMap: return
            // One of iptables' matches or targets that nft can't print.
            case .quota, .connectionCount, .xtables:
                outline.asksMore = true
                return
            case .limit:
                outline.isLimited = true
                return
            case .changeSet(let change):
                outline.sets.append(RuleOutline.SetUse(name: linked.name(change.set), isNegated: false))
                return
            default: break
            }
        }
        // What is logged on the way to a verdict is the verdict's rule.
        if effect != .log || outline.effect == .nothing { outline.effect = effect }
    }

    private func effect(of target: Target) -> RuleOutline.Effect {
        switch target {
        case .accept: .accept
        case .drop: .drop
        case .reject: .reject
        case .return: .return
        case .jump(let name): .jump(linked.name(name))
        case .goto(let name): .goto(linked.name(name))
        case .dnat(let nat): .destination(text(of: nat))
        case .snat(let nat): .source(text(of: nat))
        case .masquerade: .masquerade
        case .redirect(let nat): .redirect(text(of: nat))
        case .mark(let operation): .mark(operation.word)
        case .connectionMark(let target):
            switch target.operation {
            case .set: .connectionMark(MaskedWord(target.value, mask: target.connectionMask))
            case .save: .saveMark
            case .restore: .restoreMark
            }
        case .ct(let ct):
            if let zone = ct.zone { .zone(zone) } else if ct.notrack { .notrack } else { .other }
        case .notrack: .notrack
        case .tproxy(let tproxy): .tproxy(":\(tproxy.port)")
        case .log, .nfLog, .ulog: .log
        case .native(let statement): effect(of: statement)
        default: .other
        }
    }

    private func text(of nat: NATTarget) -> String {
        var text = ""
        if let addresses = nat.addresses {
            text = addresses.isSingle ? "\(addresses.first)" : "\(addresses.first)-\(addresses.last)"
            if addresses.first.version == .v6, nat.ports != nil { text = "[\(text)]" }
        }
        if let ports = nat.ports { text += ":" + self.text(of: ports) }
        return text
    }

    // MARK: Texts

    func text(of ports: PortRange) -> String { ports.isSingle ? "\(ports.first)" : "\(ports.first)-\(ports.last)" }

    func list(_ texts: [String]) -> String {
        var text = ""
        for part in texts.prefix(6) { text += (text.isEmpty ? "" : ", ") + part }
        return texts.count > 6 ? text + ", …" : text
    }

    private func text(of mask: V4Mask) -> Negatable<String> {
        let whole = AddressMask(IPAddress(v4: mask.address), mask: IPAddress(v4: mask.mask))
        return Negatable(text(of: whole), isNegated: mask.isNegated)
    }

    private func text(of mask: Negatable<AddressMask>) -> Negatable<String> {
        Negatable(text(of: mask.value), isNegated: mask.isNegated)
    }

    /// `10.0.0.0/8`, an address alone without its length.
    private func text(of mask: AddressMask) -> String {
        guard let length = mask.prefixLength else { return "\(mask.address)/\(mask.mask)" }
        return Int(length) == mask.address.version.addressBits ? "\(mask.address)" : "\(mask.address)/\(length)"
    }

    private func text(of pattern: Negatable<InterfacePattern>) -> Negatable<String> {
        Negatable(text(of: pattern.value), isNegated: pattern.isNegated)
    }

    private func text(of pattern: InterfacePattern) -> String {
        linked.name(pattern.name) + (pattern.isPrefix ? "*" : "")
    }
}
