internal import Glibc
internal import NetTypes
internal import RuleModel

/// What trace events, frames and counters say of one packet.
struct Judgement {
    private struct Place {
        var event: TraceEvent
        var hook: Hook?
        /// Where it stands among all events.
        var position: Int
        var priority: Int32 = 0
        /// Whether the event tells a part of the addresses alone.
        var hidesAddresses = false

        var isOfDevice: Bool { hook?.isOfDevice == true }
    }

    private enum Kind {
        case ours, outer, other
        /// What TEE sends besides.
        case copy
        /// What comes back to the host of a packet that it sent to many, with IPv4 before the packet itself.
        case looped
    }

    /// A copy that left by a link, with its headers as they last were.
    private struct Copy {
        var link: UInt32
        var isWhole: Bool
        var network: [UInt8]
    }

    /// The number of lo in each namespace.
    private static let loopback: UInt32 = 1

    var seen = Observation()
    let sent: IPHeader
    /// Headers that the trace leaves out: those of the sent packet between the first 40 bytes and the transport header.
    private let leftOut: [UInt8]
    /// The sent packet where it is a fragment of IPv6: the trace shows 20 bytes of a later one, and none as headers.
    private let fragment: [UInt8]
    private let isLaterFragment: Bool
    private let chains: KernelChains
    let tunnelPorts: Set<UInt16>
    /// Sent by this host.
    let isLocal: Bool
    let isFragment: Bool
    private var ours: [Place] = []
    private var outer: [Place] = []
    /// Where the packet, or the one around it, was seen last.
    var last: TraceEvent? { (outer.isEmpty ? ours : outer).last?.event }
    private var others: [Place] = []
    private var knowsConnection = false
    /// The links that copies of the packet left by, as TEE makes them, each before the packet itself.
    private var copiesLeft: [Copy] = []
    /// Those whose frames were found.
    private var copiesSeen: [Copy] = []
    /// Answers that came out of an interface: a reset to a bridge's port passes no hook.
    private var answersSeen: [ObservedAnswer] = []

    /// Sorts the events into those of our packet, of a tunnel's packet around it, and of others.
    ///
    /// - Parameter isFrameToMany: whether it came in a frame to a group or to all.
    init(
        _ sent: IPHeader, _ packet: [UInt8], _ events: [TraceEvent], _ chains: KernelChains,
        _ tunnelPorts: Set<UInt16>, isLocal: Bool, isFrameToMany: Bool
    ) {
        (self.sent, self.chains, self.tunnelPorts) = (sent, chains, tunnelPorts)
        self.isLocal = isLocal
        leftOut = Self.leftOut(of: packet)
        let layout = PacketLayout(packet)
        isFragment = Packet(decoding: packet.span)?.isFragment ?? false
        fragment = isFragment && sent.version == .v6 ? packet : []
        isLaterFragment = layout.map { $0.fragmentOffset > 0 } ?? false
        seen.isTraced = Self.isTraced(packet)
        var hooks: [UInt32: Hook] = [:]
        var kinds: [UInt32: Kind] = [:]
        // What is sent to many the host itself gets too: a copy, of IPv4 made before POSTROUTING and of IPv6 behind it.
        // The one that comes to POSTROUTING first is who nat's chains are asked of.
        var isLooped = false
        var hasLeftOutput = false
        var lastCopy: UInt32?
        var lastReceived: UInt32?
        var bases: [UInt32: BaseChain] = [:]
        for (position, told) in events.enumerated() {
            let event = withHeaders(told)
            if let base = chains.bases[event.key] {
                hooks[event.identity] = base.hook
                bases[event.identity] = base
            }
            let hook = hooks[event.identity]
            let isTold = kinds[event.identity] == .copy || kinds[event.identity] == .looped && hook == .postrouting
            if !event.network.isEmpty, !isTold {
                var kind = kind(event)
                let isNew = kinds[event.identity] == nil && !ours.isEmpty
                if kind == .ours, event.station?.isLast == false {
                    switch hook {
                    // A copy that TEE made; where the host's own packet has left OUTPUT perhaps in the place of a looped one.
                    case .output where !isLocal || isNew || hasLeftOutput: kind = .copy
                    // NAT may have made it one to many.
                    case .postrouting where isLocal && isNew && (sent.isToMany || event.header?.isToMany == true):
                        isLooped = true
                        kind = ours.contains(where: { $0.hook == .postrouting }) ? .copy : .looped
                    // What a bridge passes on of a frame to many that the host takes in. A frame for the host alone is
                    // new here too: it has another interface since the bridge has passed it up. In and out of what
                    // it passes on stands the bridge itself.
                    case .forward
                    where !isLocal && isNew && isFrameToMany && event.header?.isToMany == true
                        && event.inIndex == event.outIndex:
                        kind = .copy
                    case .postrouting where !isLocal && isNew && seen.hasCopies: kind = .copy
                    case .prerouting where isLooped && !cameBackItself(event): kind = .copy
                    // A copy that TEE sent over lo, where it does not keep its identity, comes before the packet.
                    case .prerouting where isLocal && isNew && copiesLeft.contains { $0.link == Self.loopback }:
                        kind = .copy
                    // What TEE sent to the host itself: a packet from the wire passes PREROUTING once, and INPUT, where
                    // one of a bridged packet that comes back by the bridge passes INPUT alone.
                    case .prerouting where !isLocal && isNew && seen.hasCopies:
                        kind = .copy
                    case .input
                    where !isLocal && isNew && seen.hasCopies
                        && (ours.contains { $0.hook == .input } || isBackAsCopy(event)):
                        kind = .copy
                    case .ingress where !isLocal && isNew && isBackAsCopy(event): kind = .copy
                    case .input
                    where !isLocal && isNew && event.inIndex == Self.loopback
                        && copiesLeft.contains { $0.link == Self.loopback }:
                        kind = .copy
                    default: break
                    }
                }
                // Of what is sent to many, and of fragments, each has a way of its own by the devices.
                if kind == .ours, isNew {
                    let isBack = hook == .ingress && isLocal && event.inIndex != Self.loopback
                    if hook == .egress || isBack { kind = .copy }
                }
                kinds[event.identity] = kind
            }
            // The kernel may have sent something of its own accord before.
            if hook == .postrouting, !ours.isEmpty { hasLeftOutput = true }
            if kinds[event.identity] == .copy, hook == .prerouting, !event.network.isEmpty,
                event.identity != lastReceived,
                let copy = copiesLeft.firstIndex(where: { $0.link == Self.loopback })
            {
                lastReceived = event.identity
                // One that was put together leaves in fragments again, of which each comes back by itself.
                if !Self.hasMoreFragments(event.network) { copiesLeft.remove(at: copy) }
            }
            let base = bases[event.identity]
            let place = Place(
                event: event, hook: hook, position: position, priority: base.map { Self.place(of: $0) } ?? 0,
                hidesAddresses: event.network != told.network)
            switch kinds[event.identity] ?? .other {
            case .ours: ours.append(place)
            case .looped:
                seen.hasCopies = true
                if base?.type == .nat { ours.append(place) }
            case .copy:
                seen.hasCopies = true
                if event.kind == .rule, event.verdict == .drop {
                    let isReject = chains.rule(event.key, handle: event.handle)?.isReject == true
                    if isReject { seen.hasRejectedCopy = true }
                }
                // One of a bridged packet passes POSTROUTING as a packet, and again as a frame.
                if !isLooped, event.station?.isLast(of: .postrouting) == true, lastCopy != event.identity {
                    let isWhole = Self.isWhole(event.network)
                    copiesLeft.append(Copy(link: event.outIndex, isWhole: isWhole, network: event.network))
                    lastCopy = event.identity
                }
            case .outer: outer.append(place)
            case .other: others.append(place)
            }
        }
        // A frame that a bridge takes in too: what it passes on is a copy.
        if !isLocal, ours.contains(where: { $0.hook == .forward }), ours.contains(where: { $0.hook == .input }) {
            ours.removeAll { $0.hook == .forward || $0.hook == .postrouting }
            seen.hasCopies = true
        }
        guard isLooped, let first = ours.firstIndex(where: { $0.hook == .postrouting }) else { return }
        var sorted = ours[first...].sorted {
            if $0.hook == .postrouting, $1.hook == .postrouting {
                return ($0.priority, $0.position) < ($1.priority, $1.position)
            }
            if $0.hook == .postrouting || $1.hook == .postrouting { return $0.hook == .postrouting }
            return $0.position < $1.position
        }
        // What ended before the nat chains did not come to them, though its copy did.
        if let end = sorted.firstIndex(where: { $0.event.isDrop && kinds[$0.event.identity] == .ours }) {
            sorted.removeSubrange((end + 1)...)
        }
        ours.replaceSubrange(first..., with: sorted)
    }

    /// Whether what comes in by an interface is what TEE sent to many there. Of a bridged packet's copy a bridge lets none
    /// come to PREROUTING again: net/bridge/br_netfilter_hooks.c `ip_sabotage_in`, Linux 6.18.
    private func isBackAsCopy(_ event: TraceEvent) -> Bool {
        event.header?.isToMany == true && copiesLeft.contains { $0.link == event.inIndex }
            && ours.allSatisfy { $0.event.network.isEmpty || $0.event.inIndex != event.inIndex }
    }

    /// Whether a packet of IPv6 that comes in by lo is the sent one, which left by lo: what is sent to many over lo has no
    /// copy. Source: net/ipv6/ip6_output.c `ip6_finish_output2`, Linux 6.18.
    private func cameBackItself(_ event: TraceEvent) -> Bool {
        let own = ours.last { $0.hook == .postrouting && !$0.event.network.isEmpty }
        return sent.version == .v6 && event.inIndex == Self.loopback && own?.event.outIndex == Self.loopback
    }

    /// Where among POSTROUTING's chains the kernel asks one: all of nat's together, whatever priorities they have.
    /// Source: net/netfilter/nf_nat_proto.c `nf_nat_ipv4_ops`, Linux 6.18.
    private static func place(of base: BaseChain) -> Int32 { base.type == .nat ? 100 : base.priority }

    /// An event of a later fragment of IPv6 with its headers in place: the kernel has found none and tells the packet's
    /// first bytes as those of the transport. It may be one that the host made of the datagram which the sent one
    /// completed. Source: include/net/netfilter/nf_tables_ipv6.h, Linux 6.18.
    private func withHeaders(_ event: TraceEvent) -> TraceEvent {
        // The version and the flow label: rules may have changed the traffic class between them.
        func start(_ bytes: [UInt8]) -> [UInt8] { [bytes[0] & 0xf0, bytes[1] & 0x0f, bytes[2], bytes[3]] }
        guard event.network.isEmpty, event.transport.count == 20, fragment.count >= 40,
            start(event.transport) == start(fragment)
        else { return event }
        var event = event
        event.network = event.transport + fragment[20..<40]
        event.transport = isLaterFragment ? Array(fragment.dropFirst(40).prefix(20)) : []
        return event
    }

    /// The packet as an event shows it.
    private func packet(_ event: TraceEvent) -> [UInt8] {
        // Another first header: put together from fragments.
        let isWhole = event.network.count == 40 && event.header?.protocol == sent.protocol && !event.transport.isEmpty
        return event.network + (isWhole ? leftOut : []) + event.transport
    }

    private func kind(_ event: TraceEvent) -> Kind {
        guard let header = event.header else { return .other }
        if header.isSame(as: sent), header.answer == sent.answer, header.icmpType == sent.icmpType { return .ours }
        if header.protocol == .udp, tunnelPorts.contains(header.destinationPort) { return .outer }
        return .other
    }

    /// Of a packet that came by a tunnel: what was seen of the packet around it is told first, or not at all. Where
    /// nothing came out of the tunnel it is all that is told.
    mutating func unwrap(observesWrapping: Bool) {
        guard let first = ours.first?.position else {
            if observesWrapping { ours = outer }
            outer = []
            return
        }
        if observesWrapping {
            for place in outer where place.position < first { note(place, layer: 0) }
            seen.connection = nil
            knowsConnection = false
        }
        outer.removeAll { $0.position < first }
    }

    mutating func judge(_ left: [(name: String, packet: [UInt8])], _ node: NodeView, isLocal: Bool, error: Int32) {
        for place in ours { note(place, layer: 0) }
        for place in outer { note(place, layer: 1) }
        for (name, packet) in left where mayBeOurs(name, node) { note(frame: packet, name, node) }
        conclude(node, isLocal: isLocal, error: error)
        addAnswers(node)
    }

    /// Whether the event is of an untracked packet to which a rule before conntrack may yet give a zone, and with that a
    /// connection.
    private func mayYetBeTracked(_ place: Place) -> Bool {
        guard place.hook == .prerouting || place.hook == .output, place.priority < -200 else { return false }
        return place.event.connection?.state == .untracked && place.event.station?.isLast != true
    }

    private mutating func note(_ place: Place, layer: Int) {
        let event = place.event
        // Before conntrack there is what CT made up at most.
        if layer == 0, !knowsConnection {
            if event.table != "raw", !mayYetBeTracked(place) { seen.connection = event.connection }
            // Behind it at the end of its first hook: what has none there is invalid, whatever it is over lo.
            knowsConnection = seen.connection != nil || event.station?.isLast == true
        }
        guard event.table != ProbeTable.name else { return }
        switch event.kind {
        case .rule:
            guard event.handle != 0, let verdict = event.verdict else { return }
            let rule = chains.rule(event.key, handle: event.handle)
            seen.steps.append(
                ObservedStep(
                    layer: layer, hook: place.hook, chain: event.key, number: rule?.number ?? 0, verdict: verdict,
                    isReject: rule?.isReject ?? false))
        case .policy:
            let policy = event.policy ?? (event.verdict == .drop ? .drop : .accept)
            seen.policies.append(ObservedPolicy(layer: layer, hook: place.hook, chain: event.key, policy: policy))
        case .return: break
        }
    }

    /// Whether a frame may be our packet's where TEE has sent others: they leave first, perhaps by other interfaces.
    private func mayBeOurs(_ name: String, _ node: NodeView) -> Bool {
        // What the host takes in it passes on nowhere: a frame to many that its bridge floods is told nowhere else where
        // no bridged frame passes iptables.
        if outer.isEmpty, ours.last?.hook == .input { return false }
        guard seen.hasCopies, outer.isEmpty else { return true }
        guard let out = ownLink(node) else { return false }
        return name == out || node.master(name) == out
    }

    /// The link that the packet left by.
    private func ownLink(_ node: NodeView) -> String? {
        let own = ours.filter { !$0.isOfDevice }
        guard let last = own.last, last.event.station?.isLast(of: .postrouting) == true else { return nil }
        let told = own.last { !$0.event.network.isEmpty } ?? last
        return node.name(told.event.outIndex)
    }

    private mutating func note(frame packet: [UInt8], _ name: String, _ node: NodeView) {
        guard let header = IPHeader(packet) else { return }
        if let kind = header.answer, isAboutOurs(header, packet) {
            let fate = ObservedAnswer.Fate.left(interface: name, to: header.destination)
            answersSeen.append(ObservedAnswer(kind: kind, fate: fate))
        }
        if header.isSame(as: sent), header.answer == sent.answer {
            if let copy = copy(of: packet, name, node) {
                copiesSeen.append(copiesLeft.remove(at: copy))
                return
            }
            // A bridge floods one whose neighbour it has not heard of.
            if !isLikeOwn(packet), copiesSeen.contains(where: { Self.isAlike($0.network, packet) }) { return }
            seen.frames.append(SeenFrame(interface: node.master(name), packet: packet))
            (seen.port, seen.interface, seen.packet) = (name, node.master(name), packet)
            return
        }
        guard header.protocol == .udp, tunnelPorts.contains(header.destinationPort) else { return }
        // The headers of UDP, VXLAN and Ethernet.
        let start = header.transportOffset + 8 + 8 + 14
        guard packet.count > start + 20, let inner = IPHeader(packet.span.extracting(start...)), inner.isSame(as: sent)
        else { return }
        (seen.port, seen.interface) = (name, node.master(name))
        (seen.packet, seen.outer) = (Array(packet[start...]), Array(packet[..<start]))
    }

    /// The copy that a frame may be: one with its headers, or where no headers tell the first, as copies are sent before
    /// the packet but may wait for a neighbour.
    private func copy(of packet: [UInt8], _ name: String, _ node: NodeView) -> Int? {
        // One that must not be fragmented may have been too large to leave: what leaves in its place is the packet.
        let isWhole = Self.isWhole(packet)
        // By a bridge's port itself the packet leaves behind all copies that the bridge has passed on there.
        let link = seen.hasCopies && ownLink(node) == name ? name : node.master(name)
        let possible = copiesLeft.indices.filter { index in
            node.name(copiesLeft[index].link) == link && (isWhole || !copiesLeft[index].isWhole)
        }
        if let same = possible.first(where: { Self.isAlike(copiesLeft[$0].network, packet) }) { return same }
        return isLikeOwn(packet) ? nil : possible.first
    }

    /// Whether a frame has the headers that the packet had at last.
    private func isLikeOwn(_ packet: [UInt8]) -> Bool {
        let own = ours.last { $0.event.station?.isLast(of: .postrouting) == true && !$0.event.network.isEmpty }
        return own.map { Self.isAlike($0.event.network, packet) } ?? false
    }

    private mutating func conclude(_ node: NodeView, isLocal: Bool, error: Int32) {
        let all = outer.isEmpty ? ours : outer
        if let end = all.last, end.isOfDevice, endsAtDevice(end) { return }
        let events = all.filter { !$0.isOfDevice }
        guard let last = events.last else {
            let isRoute = isLocal && [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ENETDOWN].contains(error)
            seen.outcome = isRoute ? .unroutable(error: error) : .unseen(error: error)
            // What the call took meets the probe in OUTPUT before all else: its events are missing. The kernel tells none
            // where it gets no memory for them at once. Source: net/netfilter/nft_trace.c `nft_trace_notify`.
            if isLocal, error == 0, seen.isTraced, seen.interface.isEmpty { seen.outcome = .lost }
            // A frame that a bridge passed on by itself, or a packet that is not traced.
            if !seen.interface.isEmpty, !isLocal || !seen.isTraced {
                seen.outcome = isLocal ? .sent(isSeen: true) : .forwarded(isSeen: true)
                seen.isPastHooks = true
            }
            return
        }
        // Only the first event of a chain tells the interfaces and the headers.
        let told = events.last { !$0.event.network.isEmpty } ?? last
        let leaving = ours.last { !$0.event.network.isEmpty && $0.event.station?.isLast(of: .postrouting) == true }
        if let leaving { seen.innerInterface = node.name(leaving.event.outIndex) }
        seen.mark = all.last?.event.mark ?? 0
        seen.outcome = outcome(last, isLocal: isLocal)
        // What came out of an interface is of no packet that was delivered: the bridge passed it on to others.
        let isHere = seen.interface.isEmpty || seen.outcome == .delivered
        if isHere, let place = ours.last(where: { !$0.event.network.isEmpty }) {
            seen.packet = packet(place.event)
            seen.hidesAddresses = place.hidesAddresses
        }
        switch seen.outcome {
        case .delivered: seen.interface = node.name(told.event.inIndex)
        case .forwarded(isSeen: false), .sent(isSeen: false):
            seen.interface = node.name(told.event.outIndex)
            // What goes out by lo comes in there, unless the IP layer refuses it.
            if seen.interface == "lo" { seen.outcome = .gone(after: .postrouting) }
        default: break
        }
    }

    /// Whether the packet ended in a chain of a device.
    private mutating func endsAtDevice(_ end: Place) -> Bool {
        guard end.event.isDrop || end.event.verdict == .stolen else { return false }
        seen.mark = end.event.mark
        if end.event.verdict == .stolen {
            seen.outcome = .forwarded(isSeen: !seen.interface.isEmpty)
        } else if end.event.kind == .rule, let step = seen.steps.last {
            seen.outcome = step.isReject ? .rejected(.rule(step)) : .dropped(.rule(step))
        } else {
            seen.outcome = .dropped(.policy(end.event.key))
        }
        if end.event.isDrop, let told = (outer.isEmpty ? ours : outer).last(where: { !$0.event.network.isEmpty }) {
            (seen.packet, seen.hidesAddresses) = (packet(told.event), told.hidesAddresses)
        }
        return true
    }

    private func outcome(_ last: Place, isLocal: Bool) -> ObservedOutcome {
        // A datagram of which a fragment is dropped is lost, wherever the other gets.
        if let step = seen.steps.first(where: { $0.verdict == .drop }), isFragment {
            return step.isReject ? .rejected(.rule(step)) : .dropped(.rule(step))
        }
        let event = last.event
        if let step = seen.steps.last, event.kind == .rule, event.table != ProbeTable.name {
            if event.verdict == .drop { return step.isReject ? .rejected(.rule(step)) : .dropped(.rule(step)) }
            if case .queue? = event.verdict { return .queued(.rule(step)) }
        }
        if event.kind == .policy, event.policy == .drop || event.verdict == .drop {
            return .dropped(.policy(event.key))
        }
        if event.station?.isLast(of: .input) == true { return .delivered }
        if event.station?.isLast(of: .postrouting) == true {
            let isSeen = !seen.interface.isEmpty
            return isLocal ? .sent(isSeen: isSeen) : .forwarded(isSeen: isSeen)
        }
        return .gone(after: last.hook)
    }

    /// Errors and resets that the kernel sent because of the packet.
    private mutating func addAnswers(_ node: NodeView) {
        seen.hasOthers = !others.isEmpty
        var order: [UInt32] = []
        var groups: [UInt32: [TraceEvent]] = [:]
        for place in others {
            if groups[place.event.identity] == nil { order.append(place.event.identity) }
            groups[place.event.identity, default: []].append(place.event)
        }
        for identity in order {
            // At egress it has left all other hooks.
            guard let all = groups[identity], let events = all.last?.isDrop == true ? all : all.beforeEgress,
                let last = events.last,
                let told = events.last(where: { !$0.network.isEmpty }), let header = told.header,
                let kind = header.answer, isAboutOurs(header, told.network + told.transport)
            else { continue }
            let fate: ObservedAnswer.Fate
            if last.verdict == .drop || last.policy == .drop {
                fate = .dropped(last.key, number: chains.rule(last.key, handle: last.handle)?.number)
            } else if last.station?.isLast(of: .input) == true {
                fate = .delivered
            } else if last.station?.isLast(of: .postrouting) == true {
                fate = .left(interface: node.name(told.outIndex), to: header.destination)
            } else {
                fate = .gone
            }
            let answer = ObservedAnswer(kind: kind, fate: fate)
            // Its way out over lo was told as a packet of its own; what TEE sent meanwhile did not come in there.
            let isArrival = events.first?.station?.hook == .prerouting
            let onLoopback = seen.answers.firstIndex { isArrival && $0.kind == kind && $0.isOnLoopback }
            if let onLoopback { seen.answers[onLoopback] = answer } else { seen.answers.append(answer) }
        }
        for answer in answersSeen where !seen.answers.contains(where: { $0.kind == answer.kind }) {
            seen.answers.append(answer)
        }
    }

    /// Whether an answer may be one to our packet: REJECT may have met what the kernel sent of its own accord too, such as
    /// a redirect before FORWARD.
    private func isAboutOurs(_ header: IPHeader, _ packet: [UInt8]) -> Bool {
        header.quotedTag(packet).map { $0 == sent.tag } ?? true
    }
}
