internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Which end of a connection a nat step may change.
enum Manipulation: Hashable, Sendable {
    case source, destination

    init(_ hook: Hook) { self = hook == .prerouting || hook == .output ? .destination : .source }
}

extension TrackedConnection {
    /// Whether NAT changes that end of the packet.
    func isTranslated(_ manipulation: Manipulation) -> Bool {
        (manipulation == .destination) != (direction == .reply) ? destinationIsTranslated : sourceIsTranslated
    }
}

extension ConnectionTuple {
    /// The tuple of the packets that answer these.
    var inverted: ConnectionTuple {
        var other = ConnectionTuple(source: destination, destination: source, protocol: `protocol`)
        other.sourcePort = `protocol`.isICMP ? sourcePort : destinationPort
        other.destinationPort = `protocol`.isICMP ? 0 : sourcePort
        if `protocol`.isICMP {
            other.icmpType = ConnectionTuple.answer(to: icmpType, `protocol`)
            other.icmpCode = icmpCode
        }
        return other
    }

    private static func answer(to type: UInt8, _ protocol: IPProtocol) -> UInt8 {
        if `protocol` == .icmpv6 {
            switch type {
            case 128: return 129
            case 129: return 128
            case 139: return 140
            case 140: return 139
            default: return type
            }
        }
        switch type {
        case 8: return 0
        case 0: return 8
        case 13: return 14
        case 14: return 13
        case 15: return 16
        case 16: return 15
        case 17: return 18
        case 18: return 17
        default: return type
        }
    }

    /// The tuple of `packet` itself.
    init(_ packet: Packet) {
        self.init(source: packet.source, destination: packet.destination, protocol: packet.protocol)
        if packet.protocol.isICMP {
            sourcePort = packet.icmpIdentifier
            icmpType = packet.icmpType
            icmpCode = packet.icmpCode
        } else if packet.protocol.isTrackedByPorts {
            sourcePort = packet.sourcePort
            destinationPort = packet.destinationPort
        }
    }
}

extension Evaluator {
    /// The NAT step of a hook: a new connection's mapping is settled by the chains of type nat, then the packet is
    /// changed as its entry says.
    func natStep(_ chains: [ChainID], _ state: __owned WalkState) -> [WalkState] {
        guard case .entry(let tracked) = state.connection else { return [state] }
        let manipulation = Manipulation(state.context.hook)
        let isSettled = manipulation == .destination ? tracked.hasDestinationMapping : tracked.hasSourceMapping
        // A REJECT's reset has the packet's entry, whose source no rule has been asked of where the packet ended before:
        // it is asked of the reset. An ICMP error never is. Source: net/netfilter/nf_nat_core.c `nf_nat_inet_fn`,
        // net/netfilter/nf_nat_proto.c `nf_nat_ipv4_fn`; observed on Linux 6.18.
        let isAsked = tracked.state == .new || tracked.state == .related && !state.packet.protocol.isICMP
        if isRedirectOfTranslated(tracked, state.packet) {
            var state = state
            state.outcome = .dropped
            state.reason = .natNoAddress
            return [state]
        }
        var state = consume state
        if isErrorWithWrongSum(tracked, &state) { return [ended(state, .filtered, .badHeader)] }
        if leavesElsewhere(tracked, manipulation, state) {
            var (state, gone) = (state, tracked)
            gone.entry.isGone = true
            state.connection = .entry(gone)
            state.outcome = .dropped
            state.reason = .natInterface
            return [state]
        }
        guard isAsked, !isSettled else {
            return [rewritable(applyEntry(state, manipulation), manipulation)]
        }
        var open = [consume state]
        var results: [WalkState] = []
        for chain in chains {
            var next: [WalkState] = []
            // Handed over one by one, so that each is changed in place.
            open.reverse()
            while let state = open.popLast() {
                for end in concluded(walk(chain, consume state), of: chain) {
                    let way = end.state
                    if way.outcome != nil || end.verdict == .passedBy || isMapped(way, manipulation) {
                        results.append(way)
                    } else {
                        next.append(way)
                    }
                }
            }
            open = joined(next)
        }
        results += open.map {
            tracked.isConfirmed ? applyEntry($0, manipulation) : bindToItself($0, manipulation)
        }
        if tracked.direction == .reply {
            results = results.map { $0.outcome == nil ? applyEntry($0, manipulation) : $0 }
        }
        return joined(results.map { rewritable($0, manipulation) })
    }

    /// Whether a masqueraded connection's packet leaves by another interface than its first one did: the kernel drops it and
    /// forgets the connection. Source: net/netfilter/nf_nat_core.c `nf_nat_inet_fn`, `nf_nat_oif_changed`, Linux 6.18.
    private func leavesElsewhere(
        _ tracked: TrackedConnection, _ manipulation: Manipulation, _ state: WalkState
    ) -> Bool {
        guard state.context.hook == .postrouting, manipulation == .source, tracked.direction == .original,
            tracked.hasSourceMapping, let interface = tracked.entry.masqueradeInterface,
            case .known(let out) = state.context.outInterface
        else { return false }
        if tracked.state.contains(.related), state.packet.protocol.isICMP { return false }
        return out != interface
    }

    /// A packet of GRE, or an error that quotes one of a protocol which NAT looks into, with fewer than eight bytes of it.
    private func isCutOff(_ packet: Packet) -> Bool {
        guard !packet.unknown.contains(.length), !packet.bytes.isEmpty else { return false }
        if packet.protocol == .gre {
            guard let layout = PacketLayout(packet.bytes) else { return false }
            return Int(packet.length) < layout.transport.offset + 8
        }
        guard !packet.unknown.contains(.payload), let quoted = QuotedPacket(packet) else { return false }
        return quoted.isTooShortForNAT
    }

    /// NAT drops a packet of GRE that it has to change, and an error that quotes what it has to change, if there are fewer
    /// than eight bytes behind the IP header.
    /// Source: net/netfilter/nf_nat_proto.c `gre_manip_pkt`, `nf_nat_icmp_reply_translation`; observed on Linux 6.18.
    private func rewritable(_ state: WalkState, _ manipulation: Manipulation) -> WalkState {
        guard state.outcome == nil, case .entry(let tracked) = state.connection, tracked.isTranslated(manipulation)
        else { return state }
        let isAsked = state.packet.protocol == .gre || tracked.state == .related && state.packet.protocol.isICMP
        guard isAsked, state.quotesTooLittle || isCutOff(state.packet) else { return state }
        var state = state
        state.outcome = .dropped
        state.reason = .natNoAddress
        return state
    }

    /// A redirect about a translated packet would tell the wrong hosts of each other, and is dropped.
    /// Source: net/netfilter/nf_nat_proto.c `nf_nat_icmp_reply_translation`, Linux 6.18.
    private func isRedirectOfTranslated(_ tracked: TrackedConnection, _ packet: Packet) -> Bool {
        guard tracked.state == .related, tracked.sourceIsTranslated || tracked.destinationIsTranslated else {
            return false
        }
        return packet.protocol == .icmp && packet.icmpType == 5 || packet.protocol == .icmpv6 && packet.icmpType == 137
    }

    private func isMapped(_ state: WalkState, _ manipulation: Manipulation) -> Bool {
        guard case .entry(let tracked) = state.connection else { return true }
        return manipulation == .destination ? tracked.hasDestinationMapping : tracked.hasSourceMapping
    }

    /// A flow that no rule maps keeps its addresses; if its reply tuple is taken, its source port is changed.
    /// Observed on Linux 6.18.
    private func bindToItself(_ state: WalkState, _ manipulation: Manipulation) -> WalkState {
        var state = state
        guard case .entry(var tracked) = state.connection else { return state }
        if manipulation == .destination {
            let mapping = mapped(tracked, to: nil, NATTarget(), .destination, state)
            take(mapping, .destination, &state)
            return state
        }
        guard tracked.direction == .original else {
            tracked.hasSourceMapping = true
            state.connection = .entry(tracked)
            return state
        }
        let mapping = mapped(tracked, to: nil, NATTarget(), .source, state)
        take(mapping, .source, &state)
        if let choices = mapping.portChoices {
            let step = TranslationStep(
                kind: .clash, source: nil, sourcePort: nil, sourcePortChoices: choices, destination: nil,
                destinationPort: nil, isFromEntry: false)
            state.record(.translation(step))
        }
        return state
    }

    /// Changes the packet to what the entry says for its direction. Source: net/netfilter/nf_nat_core.c `nf_nat_packet`.
    private func applyEntry(_ state: WalkState, _ manipulation: Manipulation) -> WalkState {
        guard case .entry(let tracked) = state.connection else { return state }
        guard tracked.isTranslated(manipulation) else { return state }
        var state = state
        let isReply = tracked.direction == .reply
        let wanted = (isReply ? tracked.entry.original : tracked.entry.reply).inverted
        var step = TranslationStep(
            kind: (manipulation == .destination) != isReply ? .dnat : .snat, source: nil, sourcePort: nil,
            sourcePortChoices: nil, destination: nil, destinationPort: nil, isFromEntry: true)
        // An error has the connection's addresses and no ports.
        let isError = tracked.state == .related && state.packet.protocol.isICMP
        let hasPorts = state.packet.protocol.isTrackedByPorts && !isError
        if state.packet.protocol.isICMP, !isError, isReply || tracked.entry.translatedPorts == nil {
            state.packet.icmpIdentifier = wanted.sourcePort
            if isReply { state.packet.sourcePortChoices = nil }
        }
        if isError {
            translateQuoted(&state.packet, tracked, manipulation)
            // Source: net/netfilter/nf_nat_proto.c `nf_nat_icmpv6_reply_translation`, Linux 6.18.
            if state.packet.version == .v6 {
                state.packet.sumAgain()
                state.checksumDrift = 0
            }
        }
        if manipulation == .destination {
            guard
                state.packet.destination != wanted.destination
                    || hasPorts && state.packet.destinationPort != wanted.destinationPort
            else { return state }
            step.destination = wanted.destination
            if hasPorts { step.destinationPort = wanted.destinationPort }
        } else {
            let choices = isReply || isError ? nil : tracked.entry.translatedPorts
            guard
                state.packet.source != wanted.source || hasPorts && state.packet.sourcePort != wanted.sourcePort
                    || choices != nil
            else { return state }
            step.source = wanted.source
            step.sourcePortChoices = choices
            if hasPorts, choices == nil { step.sourcePort = wanted.sourcePort }
        }
        state.record(.translation(step))
        change(&state.packet, step)
        if manipulation == .destination, !isReply, hasPorts, let choices = tracked.entry.translatedDestinationPorts {
            state.packet.destinationPortChoices = choices
            state.packet.unknown.insert(.destinationPort)
        }
        return state
    }

    private func change(_ packet: inout Packet, _ step: TranslationStep) {
        if let source = step.source { packet.source = source }
        if let port = step.sourcePort {
            packet.sourcePort = port
            packet.sourcePortChoices = nil
            packet.defaulted.remove(.sourcePort)
            packet.unknown.remove(.sourcePort)
        }
        if let choices = step.sourcePortChoices { packet.sourcePortChoices = choices }
        if let destination = step.destination { packet.destination = destination }
        if let port = step.destinationPort {
            packet.destinationPort = port
            packet.destinationPortChoices = nil
            packet.unknown.remove(.destinationPort)
        }
    }

    /// DNAT, SNAT, MASQUERADE and REDIRECT: makes the connection's mapping.
    func translate(
        _ target: Target, _ nat: NATTarget, _ rule: RuleReference, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        guard case .entry(let tracked) = state.connection else { return .continue }
        if tracked.isConfirmed { return .accept }
        let version = state.packet.version
        let current = tracked.entry.reply.inverted
        switch target {
        case .masquerade:
            // Who has no address yet keeps none. Source: net/netfilter/nf_nat_masquerade.c `nf_nat_masquerade_ipv4`.
            if version == .v4, tracked.entry.original.source.v4Bits == 0 { return .accept }
            let out = state.context.outInterface
            guard case .known(let interface) = out else {
                return chooseSource(nil, nat, .masquerade, rule, &state)
            }
            guard model.knowsAddresses(version) else { return chooseSource(nil, nat, .masquerade, rule, &state) }
            // What goes to many goes by no route's gateway.
            let isForMany =
                state.startedHere
                && state.route.map { isSentToMany(state.packet.destination, $0.type, $0.route) } == true
            let gateway = isForMany ? nil : state.routeNextHop
            // A gateway of IPv6 stands on no subnet of IPv4. Source: include/net/route.h `rt_nexthop`, Linux 6.18.
            let nextHop = gateway.flatMap { $0.version == version ? $0 : nil } ?? state.packet.destination
            guard let address = masqueradeAddress(interface, nextHop: nextHop, state.packet) else {
                state.reason = .natNoAddress
                return .drop
            }
            if version == .v6,
                RouteFinder(model, .v6).hangsOnTemporaryAddresses(interface, to: state.packet.destination)
            {
                state.history.assumptions.append(
                    Assumption(
                        name: "temporary-addresses", value: "preferred",
                        text: "\(names.text(interface)) prefers its temporary addresses (use_tempaddr is 2)", step: nil)
                )
            }
            let action = chooseSource(address, nat, .masquerade, rule, &state)
            if case .entry(var masqueraded) = state.connection {
                masqueraded.entry.masqueradeInterface = interface
                state.connection = .entry(masqueraded)
            }
            return action
        case .redirect:
            if state.context.hook == .output {
                let loopback = version == .v4 ? IPAddress(v4: 0x7f00_0001) : IPAddress(v6High: 0, low: 1)
                return chooseDestination([loopback], nat, .redirect, rule, &state)
            }
            guard case .known(let interface) = state.context.inInterface, model.knowsAddresses(version) else {
                state.packet.unknown.insert(.destination)
                return chooseDestination([state.packet.destination], nat, .redirect, rule, &state)
            }
            guard let address = redirectAddress(interface, toward: state.packet.destination) else {
                state.reason = .natNoAddress
                return .drop
            }
            return chooseDestination([address], nat, .redirect, rule, &state)
        case .dnat:
            guard let range = nat.addresses else {
                return chooseDestination([current.destination], nat, .dnat, rule, &state)
            }
            if let address = chosen(of: range, nat, .destination, state) {
                return chooseDestination([address], nat, .dnat, rule, &state)
            }
            guard let addresses = members(of: range) else {
                state.packet.unknown.insert(.destination)
                return chooseDestination([range.first], nat, .dnat, rule, &state)
            }
            return chooseDestination(addresses, nat, .dnat, rule, &state)
        case .snat:
            guard let range = nat.addresses else { return chooseSource(current.source, nat, .snat, rule, &state) }
            if range.isSingle { return chooseSource(range.first, nat, .snat, rule, &state) }
            if let address = chosen(of: range, nat, .source, state) {
                return chooseSource(address, nat, .snat, rule, &state)
            }
            guard let addresses = members(of: range) else { return chooseSource(nil, nat, .snat, rule, &state) }
            return .choices(
                addresses.map { address in
                    var way = chosen(address, range, rule, state)
                    _ = chooseSource(address, nat, .snat, rule, &way)
                    return way
                })
        default: return .continue
        }
    }

    /// Addresses of a range that are followed one by one; `nil` for more than 16, of which the one taken is not known.
    private func members(of range: AddressRange) -> [IPAddress]? {
        var result: [IPAddress] = []
        var next: IPAddress? = range.first
        while let address = next, address <= range.last {
            if result.count == 16 { return nil }
            result.append(address)
            next = address.successor
        }
        return result.isEmpty ? nil : result
    }

    private func chosen(_ address: IPAddress, _ range: AddressRange, _ rule: RuleReference, _ state: WalkState)
        -> WalkState
    {
        var state = state
        let name = "nat-address@\(cite(rule))"
        state.history.assumptions.append(
            Assumption(
                name: name, value: "\(address)",
                text: "the kernel chooses \(address) (of \(range.first) to \(range.last))",
                step: state.history.steps.count))
        state.history.settled.append(WalkState.Settled(name: "\(name)=\(address)", isYes: true))
        state.history.probability = nil
        return state
    }

    private func chooseDestination(
        _ addresses: [IPAddress], _ nat: NATTarget, _ kind: TranslationStep.Kind, _ rule: RuleReference,
        _ state: inout WalkState
    ) -> Action {
        func map(_ state: inout WalkState, to address: IPAddress) {
            guard case .entry(let tracked) = state.connection else { return }
            let isUnknown = state.packet.unknown.contains(.destination)
            take(mapped(tracked, to: isUnknown ? nil : address, nat, .destination, state), .destination, &state)
        }
        guard addresses.count > 1, let range = nat.addresses else {
            map(&state, to: addresses[0])
            return .accept
        }
        let entering = state
        return .choices(
            addresses.map { address in
                var way = chosen(address, range, rule, entering)
                map(&way, to: address)
                return way
            })
    }

    /// - Parameter address: `nil` where the input does not tell which.
    private func chooseSource(
        _ address: IPAddress?, _ nat: NATTarget, _ kind: TranslationStep.Kind, _ rule: RuleReference,
        _ state: inout WalkState
    ) -> Action {
        guard case .entry(let tracked) = state.connection else { return .continue }
        if address == nil { state.packet.unknown.insert(.source) }
        var mapping = mapped(tracked, to: address, nat, .source, state)
        if address == nil { mapping.isTranslation = true }
        take(mapping, .source, &state)
        return .accept
    }

    /// NETMAP: the leading bits are replaced, the others stay.
    func mapPrefix(
        _ target: AddressMask, _ rule: RuleReference, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        func moved(_ address: IPAddress) -> IPAddress {
            IPAddress(
                address.version, high: address.high & ~target.mask.high | target.address.high,
                low: address.low & ~target.mask.low | target.address.low)
        }
        if case .entry(let tracked) = state.connection, tracked.isConfirmed { return .accept }
        let plain = NATTarget()
        if Manipulation(state.context.hook) == .destination {
            return chooseDestination([moved(state.packet.destination)], plain, .netmap, rule, &state)
        }
        return chooseSource(moved(state.packet.source), plain, .netmap, rule, &state)
    }

    /// The address MASQUERADE takes: one of the outgoing interface, on the next hop's subnet where there is one.
    /// Source: net/netfilter/nf_nat_masquerade.c; observed on Linux 6.18.
    private func masqueradeAddress(_ interface: Symbol, nextHop: IPAddress, _ packet: Packet) -> IPAddress? {
        let finder = RouteFinder(model, packet.version)
        switch packet.version {
        case .v4: return finder.selectV4Address(interface, toward: nextHop, scope: .global)
        case .v6: return finder.selectV6Address(interface, to: packet.destination)
        }
    }

    /// The address REDIRECT takes in PREROUTING: the incoming interface's first; for IPv6 one of the destination's scope
    /// where that is not global. Source: net/netfilter/nf_nat_redirect.c `nf_nat_redirect_ipv6`, Linux 6.18.
    private func redirectAddress(_ interface: Symbol, toward destination: IPAddress) -> IPAddress? {
        guard let own = model.interface(interface) else { return nil }
        if destination.version == .v4 { return own.addresses.first { $0.address.version == .v4 }?.address }
        let scope = scopeBits(destination)
        // The kernel keeps global addresses before link-local ones (net/ipv6/addrconf.c `ipv6_link_dev_addr`).
        let usable = own.addresses.filter {
            $0.address.version == .v6 && !$0.isTentative && (scope == 0 || scope == scopeBits($0.address))
        }
        return (usable.first { $0.scope == .global } ?? usable.first)?.address
    }
}

/// What bits of `IPV6_ADDR_SCOPE_MASK` an IPv6 address has; 0: global. Source: net/ipv6/addrconf_core.c
/// `__ipv6_addr_type`.
private func scopeBits(_ address: IPAddress) -> UInt8 {
    if address.isMulticast {
        switch UInt8(truncatingIfNeeded: address.high >> 48) & 15 {
        case 1: return 0x10
        case 2: return 0x20
        case 5: return 0x40
        default: return 0
        }
    }
    if address.isLoopback { return 0x10 }
    switch address.high >> 54 {
    case 0x3fa: return 0x20
    case 0x3fb: return 0x40
    default: return 0
    }
}
