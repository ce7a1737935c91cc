internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Addresses, protocol and interfaces: what every iptables rule may ask.
// Source: net/ipv4/netfilter/ip_tables.c `ip_packet_match`, net/ipv6/netfilter/ip6_tables.c `ip6_packet_match`.
extension Evaluator {
    func testSource(_ test: Negatable<AddressMask>, _ packet: Packet) -> Answer {
        guard test.value.address.version == packet.version else { return .no }
        return .negate(
            ask(
                .source, packet, "source", relation: "in", text(test.value), test.value.contains(packet.source)),
            if: test.isNegated)
    }

    func testDestination(_ test: Negatable<AddressMask>, _ packet: Packet) -> Answer {
        guard test.value.address.version == packet.version else { return .no }
        return .negate(
            ask(
                .destination, packet, "destination", relation: "in", text(test.value),
                test.value.contains(packet.destination)), if: test.isNegated)
    }

    func testSource(_ test: V4Mask, _ packet: Packet) -> Answer {
        guard packet.version == .v4 else { return .no }
        return .negate(
            ask(
                .source, packet, "source", relation: "in", text(widened(test)),
                packet.source.v4Bits & test.mask == test.address), if: test.isNegated)
    }

    func testDestination(_ test: V4Mask, _ packet: Packet) -> Answer {
        guard packet.version == .v4 else { return .no }
        return .negate(
            ask(
                .destination, packet, "destination", relation: "in", text(widened(test)),
                packet.destination.v4Bits & test.mask == test.address), if: test.isNegated)
    }

    private func widened(_ test: V4Mask) -> AddressMask {
        AddressMask(IPAddress(v4: test.address), mask: IPAddress(v4: test.mask))
    }

    /// Protocol 0 is every protocol, negated too: both `ip_packet_match`s skip the test then.
    func testProtocol(_ test: Negatable<ProtocolTest>, _ packet: Packet) -> Answer {
        let wanted = test.value.number
        if wanted.rawValue == 0 { return .yes }
        return .negate(
            ask(.protocol, packet, "protocol", wanted.shortName, packet.protocol == wanted), if: test.isNegated)
    }

    /// `-f` is of IPv4 alone.
    func testLaterFragment(isNegated: Bool, _ packet: Packet) -> Answer {
        guard packet.version == .v4 else { return .no }
        return .negate(
            ask(.fragment, packet, "fragment offset", "above 0", packet.fragmentOffset > 0), if: isNegated)
    }

    // MARK: Interfaces

    /// Where a hook has no such interface the kernel compares with the empty name.
    func testInterface(_ test: Negatable<InterfacePattern>, _ view: InterfaceView, isIn: Bool) -> Answer {
        let pattern = test.value
        if pattern.isPrefix, pattern.name == .empty { return Answer(!test.isNegated) }
        switch view {
        case .none: return .negate(.no, if: test.isNegated)
        case .known(let name): return .negate(Answer(matches(name, pattern)), if: test.isNegated)
        case .unknown:
            return .negate(
                interfaceUnknown(pattern, isIn: isIn) { matches($0.name, pattern) }, if: test.isNegated)
        }
    }

    /// What can be said of an interface that is not known: if all of the host's agree, that.
    private func interfaceUnknown(
        _ pattern: InterfacePattern, isIn: Bool, _ holds: (NetworkInterface) -> Bool
    ) -> Answer {
        if let common = allInterfacesAgree(holds) { return Answer(common) }
        let text = names.text(pattern.name) + (pattern.isPrefix ? "+" : "")
        let pin: Unknown.Pin? =
            pattern.isPrefix ? nil : (isIn ? .inInterface(pattern.name) : .outInterface(pattern.name))
        return .perhaps(
            Unknown(
                (isIn ? "in@" : "out@") + text,
                whenYes: isIn ? "the packet came in by \(text)" : "the packet leaves by \(text)",
                whenNo: isIn ? "the packet did not come in by \(text)" : "the packet does not leave by \(text)",
                pins: pin))
    }

    /// What `holds` says of every interface that is up, where the input has them and they agree.
    func allInterfacesAgree(_ holds: (NetworkInterface) -> Bool) -> Bool? {
        guard model.host.knowsInterfaces else { return nil }
        var common: Bool?
        for interface in model.host.interfaces where interface.isUp {
            let one = holds(interface)
            if let common, common != one { return nil }
            common = one
        }
        return common
    }

    /// Source: include/linux/netfilter/x_tables.h `ifname_compare_aligned`: bytes under a mask, which `+` cuts short.
    func matches(_ name: Symbol, _ pattern: InterfacePattern) -> Bool {
        if !pattern.isPrefix { return name == pattern.name }
        return hasPrefix(name, pattern.name)
    }

    func hasPrefix(_ name: Symbol, _ prefix: Symbol) -> Bool { names.bytes(name).starts(with: names.bytes(prefix)) }

    /// Source: net/netfilter/xt_physdev.c.
    func testPhysicalDevice(_ match: PhysicalDeviceMatch, _ state: WalkState) -> Answer {
        let inPort = state.context.inPort
        let outPort = state.context.outPort
        // Not bridged: only what is asked in the negative holds.
        guard state.isBridged || inPort != nil || outPort != nil else {
            return Answer(
                match.inDevice?.isNegated != false && match.outDevice?.isNegated != false
                    && !asksPositively(match.isIn) && !asksPositively(match.isOut) && !asksPositively(match.isBridged))
        }
        func agrees(_ asked: Negatable<Bool>?, _ value: Bool) -> Bool {
            guard let asked else { return true }
            return value != asksNegatively(asked)
        }
        let hasOutPort =
            outPort != nil
            || (state.isBridged && (state.context.hook == .forward || state.context.hook == .postrouting))
        guard agrees(match.isBridged, hasOutPort), agrees(match.isIn, inPort != nil), agrees(match.isOut, hasOutPort)
        else { return .no }
        // A frame without an incoming port passes `--physdev-in`, negated or not; one without an outgoing port fails.
        if let test = match.inDevice, let inPort, matches(inPort, test.value) == test.isNegated { return .no }
        if let test = match.outDevice {
            guard hasOutPort else { return .no }
            guard let outPort else {
                return .perhaps(
                    Unknown(
                        "out-port", whenYes: "the bridge port the frame leaves by is as asked",
                        whenNo: "the bridge port the frame leaves by is not as asked"))
            }
            if matches(outPort, test.value) == test.isNegated { return .no }
        }
        return .yes
    }

    private func asksPositively(_ asked: Negatable<Bool>?) -> Bool { asked.map { !asksNegatively($0) } ?? false }

    /// `! --physdev-is-in`, in either spelling of a negated flag.
    private func asksNegatively(_ asked: Negatable<Bool>) -> Bool { asked.value == asked.isNegated }

    /// Source: net/netfilter/xt_devgroup.c.
    func testDeviceGroup(_ match: DeviceGroupMatch, _ state: WalkState) -> Answer {
        testGroup(match.source, state.context.inInterface, isIn: true)
            && testGroup(match.destination, state.context.outInterface, isIn: false)
    }

    private func testGroup(_ test: Negatable<MaskedWord>?, _ view: InterfaceView, isIn: Bool) -> Answer {
        guard let test else { return .yes }
        func holds(_ interface: NetworkInterface) -> Bool {
            (interface.group ^ test.value.value) & test.value.mask == 0
        }
        let side = isIn ? "incoming" : "outgoing"
        let unknown: Answer
        switch view {
        // The kernel refuses such a rule at a hook without the interface.
        case .none: return .no
        case .known(let name):
            if let interface = model.interface(name) {
                return .negate(Answer(holds(interface)), if: test.isNegated)
            }
            unknown = .perhaps(
                Unknown(
                    "devgroup@\(names.text(name)):\(masked(test.value))",
                    whenYes: "interface \(names.text(name)) is in group \(masked(test.value))",
                    whenNo: "interface \(names.text(name)) is not in group \(masked(test.value))"))
        case .unknown:
            if let common = allInterfacesAgree(holds) { return .negate(Answer(common), if: test.isNegated) }
            unknown = .perhaps(
                Unknown(
                    "devgroup@\(side):\(masked(test.value))",
                    whenYes: "the \(side) interface is in group \(masked(test.value))",
                    whenNo: "the \(side) interface is not in group \(masked(test.value))"))
        }
        return .negate(unknown, if: test.isNegated)
    }

    /// Source: net/netfilter/xt_iprange.c.
    func testAddressRange(_ match: AddressRangeMatch, _ packet: Packet) -> Answer {
        var answer = Answer.yes
        if let range = match.source {
            answer = .negate(
                ask(
                    .source, packet, "source", relation: "in", "\(range.value.first)-\(range.value.last)",
                    range.value.contains(packet.source)), if: range.isNegated)
        }
        guard let range = match.destination else { return answer }
        return answer
            && .negate(
                ask(
                    .destination, packet, "destination", relation: "in", "\(range.value.first)-\(range.value.last)",
                    range.value.contains(packet.destination)), if: range.isNegated)
    }
}
