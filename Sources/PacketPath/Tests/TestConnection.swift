internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// What conntrack knows of the packet.
extension Evaluator {
    /// The states a rule sees: a packet without an entry counts as invalid, also before conntrack ran. One with the
    /// entry that CT made up counts as new.
    ///
    /// Source: net/netfilter/xt_conntrack.c; observed on Linux 6.18 in the raw table.
    private func states(_ state: WalkState) -> ConnectionStates {
        if case .none = state.connection { return state.template == nil ? .invalid : .new }
        return state.states
    }

    private func testStates(_ test: Negatable<ConnectionStates>, _ state: WalkState) -> Answer {
        var asked = ""
        if state.packet.unknown.contains(.connectionState) {
            for (one, name) in ConnectionStates.names where test.value.contains(one) {
                asked += (asked.isEmpty ? "" : ",") + name
            }
        }
        return .negate(
            ask(.connectionState, state.packet, "state", asked, !test.value.isDisjoint(with: states(state))),
            if: test.isNegated)
    }

    /// Source: net/netfilter/xt_state.c; `! --state` is stored as the other states.
    func testState(_ test: Negatable<ConnectionStates>, _ state: WalkState) -> Answer {
        let plain = Negatable(test.value.subtracting([.snat, .dnat]), isNegated: test.isNegated)
        guard case .entry(var tracked) = state.connection else { return testStates(plain, state) }
        // Only `--ctstate` sees translations.
        tracked.sourceIsTranslated = false
        tracked.destinationIsTranslated = false
        var bare = state
        bare.connection = .entry(tracked)
        return testStates(plain, bare)
    }

    /// Source: net/netfilter/xt_conntrack.c `conntrack_mt`. Without an entry `--ctstate` alone decides, whatever else
    /// is asked, and without `--ctstate` nothing matches.
    func testConntrack(_ match: ConntrackMatch, _ state: WalkState, _ rule: RuleReference) -> Answer {
        var answer = Answer.yes
        if let test = match.state { answer = testStates(test, state) }
        let tracked: TrackedConnection
        switch state.connection {
        case .entry(let entry): tracked = entry
        case .none where state.template != nil: tracked = madeUp(state.packet.version)
        case .none, .untracked, .invalid: return match.state == nil ? .no : answer
        }
        if let direction = match.direction, direction != tracked.direction { return .no }
        if let test = match.protocol {
            answer = answer && testEntryProtocol(test, tracked, state.packet)
        }
        let original = tracked.entry.original
        let reply = tracked.entry.reply
        let unknown = unknownOfEntry(tracked, state)
        func address(_ test: Negatable<AddressMask>?, _ address: IPAddress, _ field: PacketFields, _ name: String) {
            guard let test else { return }
            if unknown.isDisjoint(with: field) {
                answer = answer && Answer(test.value.contains(address) != test.isNegated)
            } else {
                answer =
                    answer && .negate(perhaps(name, relation: "in", text(test.value)), if: test.isNegated)
            }
        }
        address(match.originalSource, original.source, .source, "original source")
        address(match.originalDestination, original.destination, .destination, "original destination")
        address(match.replySource, reply.source, .destination, "reply source")
        address(match.replyDestination, reply.destination, .source, "reply destination")
        func port(
            _ test: Negatable<PortRange>?, _ port: UInt16, _ isKnown: Bool, _ name: String, drawn: PortRange? = nil
        ) {
            guard let test else { return }
            if isKnown {
                answer = answer && Answer(test.value.contains(port) != test.isNegated)
            } else if let drawn, test.value.last < drawn.first || drawn.last < test.value.first {
                answer = answer && Answer(test.isNegated)
            } else if let drawn, test.value.first <= drawn.first, drawn.last <= test.value.last {
                answer = answer && Answer(!test.isNegated)
            } else {
                answer = answer && .negate(testHiddenNumber(name, .is(test.value)), if: test.isNegated)
            }
        }
        let isICMP = original.protocol.isICMP
        // What NAT drew of the tuple of the answers: a port, or the identifier of both directions.
        let drawsNear = tracked.entry.translatedPorts != nil
        let drawsFar = tracked.entry.translatedDestinationPorts != nil || drawsNear && isICMP
        let knowsSource = unknown.isDisjoint(with: .sourcePort)
        let knowsDestination = unknown.isDisjoint(with: [.destinationPort, .icmpType])
        port(match.originalSourcePort, original.sourcePort, knowsSource, "original source port")
        port(
            match.originalDestinationPort, farPort(original), knowsDestination,
            "original destination port")
        port(
            match.replySourcePort, reply.sourcePort, knowsDestination && !drawsFar, "reply source port",
            drawn: isICMP ? nil : tracked.entry.translatedDestinationPorts)
        port(
            match.replyDestinationPort, farPort(reply), knowsSource && (!drawsNear || isICMP),
            "reply destination port", drawn: isICMP ? nil : tracked.entry.translatedPorts)
        if let test = match.status { answer = answer && testStatus(test, tracked) }
        if let test = match.expires {
            // Every packet renews the time before the rules run, to what its protocol's state has.
            answer =
                answer
                && (test.value.isAll
                    ? Answer(!test.isNegated)
                    : .negate(
                        perhaps(
                            "ctexpire", of: rule, "the connection's entry has \(span(test.value)) seconds left",
                            "the connection's entry does not have \(span(test.value)) seconds left"),
                        if: test.isNegated))
        }
        return answer
    }

    /// The entry that CT made up for a packet, as a rule behind it in raw sees it: of no addresses, ports and protocol.
    /// Source: net/netfilter/nf_conntrack_core.c `nf_ct_tmpl_alloc`, Linux 6.18.
    private func madeUp(_ version: IPVersion) -> TrackedConnection {
        let none = IPAddress.zero(version)
        let tuple = ConnectionTuple(source: none, destination: none, protocol: IPProtocol(0))
        var entry = ConnectionEntry(original: tuple, reply: tuple, place: .none)
        entry.status = .confirmed
        return TrackedConnection(entry: entry, direction: .original, state: .new, isNew: false)
    }

    private func testEntryProtocol(
        _ test: Negatable<ProtocolTest>, _ tracked: TrackedConnection, _ packet: Packet
    ) -> Answer {
        if tracked.isNew, packet.unknown.contains(.protocol) { return testProtocol(test, packet) }
        return Answer((tracked.entry.original.protocol == test.value.number) != test.isNegated)
    }

    /// The destination's 16 bits of a tuple, which for ICMP are type and code.
    func farPort(_ tuple: ConnectionTuple) -> UInt16 {
        tuple.protocol.isICMP ? UInt16(tuple.icmpType) << 8 | UInt16(tuple.icmpCode) : tuple.destinationPort
    }

    /// `--ctstatus NONE` is an empty mask, which no status meets: observed on Linux 6.18.
    private func testStatus(_ test: Negatable<ConnectionStatus>, _ tracked: TrackedConnection) -> Answer {
        var status = tracked.entry.status
        // A new entry is confirmed at the end of POSTROUTING: over lo PREROUTING and INPUT see it so.
        if !tracked.isNew {
            status.insert(.confirmed)
            // An error about the connection is no packet of it. Source: net/netfilter/nf_conntrack_core.c
            // `nf_conntrack_in`, Linux 6.18.
            if tracked.direction == .reply, !tracked.state.contains(.related) { status.insert(.seenReply) }
        }
        var hasNone = Answer(status.isDisjoint(with: test.value))
        // What lists the table does not tell which entries were expected; what was followed here was not.
        if test.value.contains(.expected), !tracked.isNew, !tracked.entry.place.isNone || !knowsTable {
            hasNone = hasNone && !expected(tracked)
        }
        if test.value.contains(.assured), tracked.isPerhapsAssured { hasNone = hasNone && !assured(tracked) }
        return .negate(hasNone, if: !test.isNegated)
    }

    func assured(_ tracked: TrackedConnection) -> Answer {
        let tuple = tracked.entry.original
        let ends = "from \(tuple.source) to \(tuple.destination)"
        return .perhaps(
            Unknown(
                "assured@\(tuple.source)-\(tuple.destination)",
                whenYes: "the connection \(ends) has had packets both ways for more than two seconds",
                whenNo: "the connection \(ends) has not had packets both ways for two seconds"))
    }

    var knowsTable: Bool { model.host.connections != nil }

    func expected(_ tracked: TrackedConnection) -> Answer {
        let tuple = tracked.entry.original
        return .perhaps(
            Unknown(
                "expected@\(tuple.source)-\(tuple.destination)",
                whenYes: "a helper expected the connection from \(tuple.source) to \(tuple.destination)",
                whenNo: "no helper expected the connection from \(tuple.source) to \(tuple.destination)"))
    }

    /// Nothing matches without an entry, negated or not. Source: net/netfilter/xt_connmark.c.
    func testConnectionMark(_ test: Negatable<MaskedWord>, _ state: WalkState) -> Answer {
        if case .none = state.connection, let template = state.template {
            guard test.value.mask & ~template.knownMark == 0 else {
                let asked = masked(test.value)
                return .negate(
                    .perhaps(
                        Unknown(
                            "template-mark@\(asked)",
                            whenYes: "packets before left CT's entry the mark \(asked)",
                            whenNo: "packets before did not leave CT's entry the mark \(asked)")), if: test.isNegated)
            }
            return Answer(test.value.matches(template.mark) != test.isNegated)
        }
        guard case .entry(let tracked) = state.connection else { return .no }
        return .negate(
            ask(
                .connectionMark, state.packet, "connection mark", masked(test.value),
                test.value.matches(tracked.entry.mark)), if: test.isNegated)
    }

    /// Source: net/netfilter/xt_connlabel.c: without an entry that has room for labels only the negative holds.
    func testConnectionLabel(_ match: ConnectionLabelMatch, _ state: WalkState) -> Answer {
        guard case .entry(let tracked) = state.connection, !tracked.entry.lacksLabels else {
            return Answer(match.label.isNegated)
        }
        return Answer((match.sets || tracked.entry.labels.contains(match.label.value)) != match.label.isNegated)
    }

    /// Source: net/netfilter/xt_connbytes.c, whose rules switch counting on.
    func testConnectionBytes(
        _ match: ConnectionBytesMatch, _ state: WalkState, _ rule: RuleReference
    ) -> Answer {
        guard case .entry(let tracked) = state.connection else { return .no }
        let isNegated = match.isNegated
        func unknown() -> Answer {
            if match.range.value.isAll { return Answer(!isNegated) }
            return .negate(
                perhaps(
                    "connbytes", of: rule, "the connection's counter is in \(span(match.range.value))",
                    "the connection's counter is not in \(span(match.range.value))"), if: isNegated)
        }
        if tracked.entry.lacksCounters { return .no }
        guard let original = tracked.entry.originalCounters, let reply = tracked.entry.replyCounters else {
            // The table lists counters of every entry that has them; the others never match.
            return tracked.entry.place.isNone ? unknown() : .no
        }
        if state.packet.unknown.contains(.length), match.mode != .packets { return unknown() }
        let counted: Counters
        switch match.direction {
        case .original: counted = original
        case .reply: counted = reply
        case .both:
            counted = Counters(packets: original.packets &+ reply.packets, bytes: original.bytes &+ reply.bytes)
        }
        let value: UInt64
        switch match.mode {
        case .packets: value = counted.packets
        case .bytes: value = counted.bytes
        case .averagePacket: value = counted.packets == 0 ? 0 : counted.bytes / counted.packets
        }
        return Answer(match.range.value.contains(value) != isNegated)
    }

    /// Asks the connection that expected this one. Source: net/netfilter/xt_helper.c.
    func testHelper(_ test: Negatable<Symbol>, _ state: WalkState) -> Answer {
        guard case .entry(let tracked) = state.connection else { return Answer(test.isNegated) }
        if tracked.isNew, !tracked.state.contains(.related) { return Answer(test.isNegated) }
        let tuple = tracked.entry.original
        let name = names.text(test.value)
        if !mayHaveExpected(name, state) { return Answer(test.isNegated) }
        let helper = name.isEmpty ? "a helper" : "the helper \(name)"
        return .negate(
            .perhaps(
                Unknown(
                    "helper@\(name.isEmpty ? "any" : name):\(tuple.source)-\(tuple.destination)",
                    whenYes: "\(helper) expected the connection from \(tuple.source) to \(tuple.destination)",
                    whenNo: "not \(helper) expected the connection from \(tuple.source) to \(tuple.destination)")),
            if: test.isNegated)
    }

    /// Whether the helper `name`, or any for an empty name, may have expected a connection here: some connection has it,
    /// a rule gives it, or the kernel gives helpers by itself, as before Linux 6.0 it could.
    func mayHaveExpected(_ name: String, _ state: WalkState) -> Bool {
        if model.host.connections == nil || !model.unreadRules.isEmpty { return true }
        if (model.sysctl("net.netfilter.nf_conntrack_helper") ?? 0) != 0 { return true }
        // The kernel compares as many bytes as its helper's name has.
        func isMeant(_ helper: Symbol) -> Bool {
            helper != .empty && (name.isEmpty || name.utf8.starts(with: names.bytes(helper)))
        }
        return connections.entries.contains { isMeant($0.helper) } || model.helpers.contains { isMeant($0) }
    }

    /// Which node of a cluster the connection's source hashes to. Source: net/netfilter/xt_cluster.c, for a machine
    /// with the low byte first.
    func testCluster(_ match: ClusterMatch, _ state: WalkState, _ rule: RuleReference) -> Answer {
        guard case .entry(let tracked) = state.connection, match.totalNodes > 0 else { return .no }
        // A connection that another expected goes where that one goes, which is not known. What an error is about is.
        let isUnknown =
            tracked.state.contains(.related)
            && (!state.packet.protocol.isICMP || tracked.entry.original == ConnectionTuple(state.packet))
        if isUnknown || tracked.isNew && state.packet.unknown.contains(.source) {
            return .negate(
                perhaps(
                    "cluster", of: rule, "the connection belongs to this node of the cluster",
                    "the connection belongs to another node of the cluster"), if: match.localNodeMask.isNegated)
        }
        let hash = clusterHash(tracked.entry.original.source, seed: match.hashSeed)
        let node = (UInt64(hash) * UInt64(match.totalNodes)) >> 32
        let isLocal = node < 32 && match.localNodeMask.value >> UInt32(node) & 1 == 1
        return Answer(isLocal != match.localNodeMask.isNegated)
    }
}

extension ConnectionBytesMatch {
    /// Whether counters outside the range are asked for: the negative is told by exchanged ends, which are the same for one
    /// number. Source: net/netfilter/xt_connbytes.c `connbytes_mt`.
    package var isNegated: Bool { range.isNegated && range.value.first != range.value.last }
}

/// Of an IPv6 address xt_cluster hashes the first 32 bits only, since it divides a count of words by four; observed on
/// Linux 6.18.
func clusterHash(_ address: IPAddress, seed: UInt32) -> UInt32 {
    let word = UInt32(truncatingIfNeeded: address.version == .v4 ? address.low : address.high >> 32)
    return jenkinsHash([word.byteSwapped], seed: seed)
}
