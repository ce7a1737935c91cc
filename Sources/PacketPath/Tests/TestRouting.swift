internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Matches that ask the routing tables.
extension Evaluator {
    // MARK: addrtype

    /// Source: net/netfilter/xt_addrtype.c.
    func testAddressType(_ match: AddressTypeMatch, _ state: WalkState) -> Answer {
        var interface = InterfaceView.none
        if match.limitsToInInterface {
            interface = state.context.inInterface
        } else if match.limitsToOutInterface {
            interface = state.context.outInterface
        }
        var answer = Answer.yes
        if let test = match.source {
            answer = testTypes(test, state.packet.source, .source, interface, state)
        }
        if let test = match.destination {
            answer = answer && testTypes(test, state.packet.destination, .destination, interface, state)
        }
        return answer
    }

    private func testTypes(
        _ test: Negatable<AddressTypes>, _ address: IPAddress, _ field: PacketFields, _ interface: InterfaceView,
        _ state: WalkState
    ) -> Answer {
        let subject = field == .source ? "source" : "destination"
        if !state.packet.unknown.isDisjoint(with: field) {
            return .negate(perhaps("\(subject) type", listing(test.value)), if: test.isNegated)
        }
        func holds(on name: Symbol?) -> Bool? {
            address.version == .v4
                ? addressType(address, on: name).map { test.value.contains(AddressTypes(rawValue: 1 << bit($0))) }
                : holdsV6(test.value, address, on: name)
        }
        var known: Bool?
        switch interface {
        case .none: known = holds(on: nil)
        case .known(let name): known = holds(on: name)
        case .unknown:
            for one in model.host.interfaces where one.isUp {
                let answer = holds(on: one.name)
                if answer == nil || known != nil && known != answer {
                    known = nil
                    break
                }
                known = answer
            }
        }
        if let known { return Answer(known != test.isNegated) }
        // What follows from the address alone, or from what this way has already taken it for.
        if address.version == .v4, address.isMulticast || test.value == .multicast {
            return Answer((address.isMulticast && test.value.contains(.multicast)) != test.isNegated)
        }
        let local = localUnknown(address, "").name
        if state.history.settled.contains(WalkState.Settled(name: local, isYes: true)) {
            return Answer(test.value.contains(.local) != test.isNegated)
        }
        let types = listing(test.value)
        return .negate(
            .perhaps(
                Unknown(
                    "addrtype@\(address):\(types)", whenYes: "\(address) is an address of type \(types)",
                    whenNo: "\(address) is not an address of type \(types)")), if: test.isNegated)
    }

    /// Whether `address` is one of this host's, as rules and routing ask it: one variable for both.
    func localUnknown(_ address: IPAddress, _ why: String) -> Unknown {
        Unknown(
            "addrtype@\(address):LOCAL", whenYes: "\(address) is an address of this host\(why)",
            whenNo: "\(address) is not an address of this host\(why)")
    }

    private func listing(_ types: AddressTypes) -> String {
        var text = ""
        for (type, name) in AddressTypes.names where types.contains(type) { text += (text.isEmpty ? "" : ",") + name }
        return text
    }

    /// Source: include/uapi/linux/rtnetlink.h `RTN_…`.
    func bit(_ type: RouteType) -> UInt16 {
        switch type {
        case .unicast: 1
        case .local: 2
        case .broadcast: 3
        case .anycast: 4
        case .multicast: 5
        case .blackhole: 6
        case .unreachable: 7
        case .prohibit: 8
        case .throw: 9
        case .nat: 10
        }
    }

    /// MULTICAST, UNICAST and UNSPEC must all hold where they are asked, by the address's form; of LOCAL, ANYCAST and
    /// UNREACHABLE one, by its route. Source: net/netfilter/xt_addrtype.c `match_type6`.
    private func holdsV6(_ asked: AddressTypes, _ address: IPAddress, on interface: Symbol?) -> Bool? {
        if asked.contains(.multicast), !address.isMulticast { return false }
        if asked.contains(.unicast), !isUnicastV6(address) { return false }
        if asked.contains(.unspecified), !address.isZero { return false }
        guard !asked.isDisjoint(with: [.local, .anycast, .unreachable]) else { return true }
        var query = RouteQuery(destination: address)
        query.outInterface = interface
        var found: AddressTypes = []
        if let interface, asked.contains(.local) {
            guard let type = addressType(address, on: interface) else { return nil }
            if type == .local { found = .local }
        }
        switch routeLookup(query, .v6) {
        case .none: found = .unreachable
        case .found(let decision):
            switch decision.type {
            // An error route makes the look-up fail as no route does.
            case .blackhole, .unreachable, .prohibit, .throw: found = .unreachable
            case .local: if interface == nil { found.insert(.local) }
            case .anycast: found.insert(.anycast)
            case .unicast, .broadcast, .multicast, .nat: break
            }
        case .several(let choices):
            if choices.contains(where: { $0.weight == 0 }) { return nil }
        case .unknown:
            // The host's own addresses are known without routes.
            guard interface == nil, asked == .local else { return nil }
            guard let type = addressType(address) else { return nil }
            if type == .local { found.insert(.local) }
        }
        return !found.isDisjoint(with: asked)
    }

    /// Source: net/ipv6/addrconf_core.c `__ipv6_addr_type`: all but ::, multicast and IPv4-mapped addresses.
    func isUnicastV6(_ address: IPAddress) -> Bool {
        !address.isZero && !address.isMulticast && !(address.high == 0 && address.low >> 32 == 0xffff)
    }

    // MARK: rpfilter

    /// Source: net/ipv4/netfilter/ipt_rpfilter.c, net/ipv6/netfilter/ip6t_rpfilter.c.
    func testReversePath(_ match: ReversePathMatch, _ state: WalkState) -> Answer {
        guard case .known(let interface) = state.context.inInterface else {
            // The kernel allows it in PREROUTING only.
            if case .none = state.context.inInterface { return .no }
            return .negate(reversePathUnknown(match, state), if: match.isInverted)
        }
        let packet = state.packet
        if packet.unknown.contains(.source) {
            return .negate(reversePathUnknown(match, state), if: match.isInverted)
        }
        let answer: Answer
        if state.isLoopedBack || packet.packetType == .loopback || isLoopback(interface) {
            answer = .yes
        } else if packet.source.isZero, packet.version == .v6 || isLimitedOrLocalMulticast(packet.destination) {
            answer = .yes
        } else {
            answer = lookUpReverse(match, interface, state)
        }
        return .negate(answer, if: match.isInverted)
    }

    func isLoopback(_ name: Symbol) -> Bool {
        model.interface(name)?.isLoopback ?? names.text(name).utf8.elementsEqual("lo".utf8)
    }

    /// 255.255.255.255 and 224.0.0.0/24.
    func isLimitedOrLocalMulticast(_ address: IPAddress) -> Bool {
        address.v4Bits == .max || address.v4Bits >> 8 == 0xe0_0000
    }

    private func lookUpReverse(_ match: ReversePathMatch, _ interface: Symbol, _ state: WalkState) -> Answer {
        let packet = state.packet
        var query = RouteQuery(destination: packet.source)
        query.mark = match.usesMark ? packet.mark : 0
        query.ignoresLinkState = true
        if match.usesMark, packet.unknown.contains(.mark) { query.unknown.insert(.mark) }
        switch packet.version {
        case .v4:
            // Multicast, broadcast and 0.0.0.0 are no source to ask with.
            let isPlain = !packet.destination.isMulticast && packet.destination.v4Bits != .max
            query.source = isPlain ? packet.destination : .zero(.v4)
            query.tos = packet.tos
            if packet.unknown.contains(.dscp) { query.unknown.insert(.dscp) }
        case .v6:
            if isUnicastV6(packet.destination) { query.source = packet.destination }
            query.tos = packet.tos
            // Not the transport's where there are extension headers: net/ipv6/netfilter/ip6t_rpfilter.c, Linux 6.18.
            query.protocol = packet.bytes.count > 6 ? IPProtocol(packet.bytes[6]) : packet.protocol
            if packet.source.isLinkLocal {
                query.outInterface = interface
            } else if !match.isLoose {
                query.preferredInterface = interface
            }
        }
        switch routeLookup(query, packet.version) {
        case .none: return .no
        case .found(let decision): return Answer(passes(decision, match, interface))
        case .several(let choices):
            var common: Bool?
            for choice in choices {
                let one = choice.decision.map { passes($0, match, interface) } ?? false
                if let common, common != one { return reversePathUnknown(match, state) }
                common = one
            }
            return common.map { Answer($0) } ?? .no
        case .unknown: return reversePathUnknown(match, state)
        }
    }

    private func passes(_ decision: RouteDecision, _ match: ReversePathMatch, _ interface: Symbol) -> Bool {
        switch decision.type {
        case .unicast: break
        case .local:
            guard match.acceptsLocal else { return false }
            if decision.route?.destination.address.version == .v6 { return true }
        // A route to a multicast group is an ordinary one for IPv6.
        case .multicast: guard version(of: decision) == .v6 else { return false }
        case .broadcast, .anycast, .blackhole, .unreachable, .prohibit, .throw, .nat: return false
        }
        if match.isLoose { return true }
        let hops = decision.route?.nextHops ?? []
        // Any next hop of the route will do for IPv4, dead ones too: fib_frontend.c `fib_info_nh_uses_dev`.
        let devices = version(of: decision) == .v4 ? hops.map { $0.interface } : [decision.nextHop?.interface]
        return devices.contains { $0 == interface || isPort($0, of: interface) }
    }

    private func version(of decision: RouteDecision) -> IPVersion? { decision.route?.destination.address.version }

    func isPort(_ name: Symbol?, of master: Symbol) -> Bool {
        guard let name, let interface = model.interface(name), interface.master == master else { return false }
        return model.interface(master)?.kind == .vrf
    }

    private func reversePathUnknown(_ match: ReversePathMatch, _ state: WalkState) -> Answer {
        let source = state.packet.source
        let options =
            (match.isLoose ? ":loose" : "") + (match.usesMark ? ":mark" : "") + (match.acceptsLocal ? ":local" : "")
        let way = match.isLoose ? "this host has a route back to \(source)" : "the way back to \(source)"
        return .perhaps(
            Unknown(
                "rpfilter@\(source)\(options)",
                whenYes: match.isLoose ? way : "\(way) is by the interface the packet came in by",
                whenNo: match.isLoose
                    ? "this host has no route back to \(source)"
                    : "\(way) is not by the interface the packet came in by"))
    }

    // MARK: policy, ipvs

    func hasDecider(_ kind: OtherDecider.Kind) -> Bool {
        model.host.otherDeciders.contains { $0.kind == kind }
    }

    /// Source: net/netfilter/xt_policy.c: without IPsec `--pol none` holds and all else fails.
    func testPolicy(_ match: PolicyMatch, _ state: WalkState, _ rule: RuleReference) -> Answer {
        let wantsNone = match.wantsIPsec == false
        guard hasDecider(.xfrm) else { return Answer(wantsNone) }
        let side = match.isOut ? "will be" : "was"
        // `--pol ipsec` alone has one element that asks nothing.
        let asksNothing = !match.isStrict && match.elements.allSatisfy { $0 == PolicyMatch.Element() }
        if asksNothing || wantsNone {
            let isProtected = Answer.perhaps(
                Unknown(
                    "policy@\(match.isOut ? "out" : "in")", yes: "ipsec", no: "none",
                    whenYes: "the packet \(side) protected by IPsec",
                    whenNo: "the packet \(side) not protected by IPsec"
                ))
            return .negate(isProtected, if: wantsNone)
        }
        return perhaps(
            "policy", of: rule, "the packet \(side) protected by IPsec as the rule asks",
            "the packet \(side) not protected by IPsec as the rule asks")
    }
}
