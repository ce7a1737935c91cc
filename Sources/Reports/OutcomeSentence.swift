internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Puts what became of a packet into words.
struct OutcomeWords {
    let quotes: Quotes

    /// `DROPPED`, with the role that colours it.
    func word(_ trace: Trace) -> TextRun { TextRun(trace.outcome.title, trace.outcome.role) }

    /// `is dropped by rule 3 of filter/FORWARD`: what the packet does, without subject and final stop.
    func predicate(_ way: Way) -> String {
        guard let tunnel = way.tunnel, let last = way.trace.last, way.trace.branches.isEmpty,
            !way.trace.outcome.isThrough, way.trace.outcome != .undecided
        else { return ownPredicate(way) }
        return "goes into a packet of \(quotes.name(tunnel)), \(packetText(last.packet)), which \(ownPredicate(way))"
    }

    private func ownPredicate(_ way: Way) -> String {
        let trace = way.trace
        switch trace.outcome {
        case .forwarded where !trace.branches.isEmpty: return "is forwarded on every way it may take"
        case .sent where !trace.branches.isEmpty: return "is sent on every way it may take"
        case .delivered where !trace.branches.isEmpty: return "is delivered to this host on every way it may take"
        case .dropped where !trace.branches.isEmpty: return "is dropped\(byAll(way)) on every way it may take"
        case .rejected where !trace.branches.isEmpty: return "is rejected\(byAll(way)) on every way it may take"
        case .forwarded:
            return "is forwarded" + (way.tunnel == nil ? exit(way) + changed(way) : changed(way) + exit(way))
        case .sent: return "is sent" + (way.tunnel == nil ? exit(way) + changed(way) : changed(way) + exit(way))
        case .delivered: return "is delivered to this host" + changed(way)
        case .dropped: return dropped(way)
        case .rejected where trace.reason == .noServer:
            return "is rejected with \(trace.rejectWith?.name ?? "nothing"): IPVS has no real server for it"
        case .rejected:
            let with = trace.rejectWith.map { " with \($0.name)" } ?? ""
            return "is rejected\(by(way))\(with)"
        case .queued: return "is handed to a program in user space\(by(way))" + queue(way)
        case .unroutable, .filtered: return outside(way)
        case .undecided:
            switch trace.reason {
            case .tooManyBranches?: return "may go more ways than were followed"
            case .unknownRule?: return "meets what this program does not understand"
            default: return choices(way) ?? "goes one way or another by what the snapshot does not tell"
            }
        }
    }

    /// `is dropped or forwarded, by chance`; `nil` where one of the ways is not told to its end.
    private func choices(_ way: Way) -> String? {
        var ends: [String] = []
        for leaf in way.leaves {
            let end: String
            switch leaf.trace.outcome {
            case .dropped, .filtered: end = "dropped"
            case .rejected: end = "rejected"
            case .forwarded: end = "forwarded"
            case .sent: end = "sent"
            case .delivered: end = "delivered to this host"
            case .queued: end = "handed to a program in user space"
            case .unroutable: end = "without a route"
            case .undecided: return nil
            }
            if !ends.contains(end) { ends.append(end) }
        }
        guard let last = ends.popLast(), !ends.isEmpty else { return nil }
        var text = "is "
        for (index, end) in ends.enumerated() { text += (index == 0 ? "" : ", ") + end }
        let isChance = way.trace.branches.allSatisfy { $0.probability != nil }
        return text + " or \(last), " + (isChance ? "by chance" : "depending on what the snapshot does not tell")
    }

    /// `dropped by rule 3 of filter/FORWARD` behind the outcome's word: what is not in that word already.
    func clause(_ way: Way) -> String {
        let sentence = predicate(way)
        let known = "is \(way.trace.outcome.name)"
        guard sentence.utf8.starts(with: known.utf8) else { return ": it " + sentence }
        return String(decoding: sentence.utf8.dropFirst(known.utf8.count), as: UTF8.self)
    }

    /// ` by eth1 to 198.51.100.9`.
    private func exit(_ way: Way) -> String {
        var text = ""
        if let tunnel = way.tunnel {
            text += " through the tunnel \(quotes.name(tunnel))"
            if let last = way.trace.last { text += " inside \(packetText(last.packet))" }
            if let interface = way.trace.outInterface { text += " by \(quotes.name(interface))" }
            return text
        }
        if let interface = way.trace.outInterface {
            text += " by \(quotes.name(interface))"
        } else {
            text += " by an interface that is not known"
        }
        if let hop = way.trace.nextHop { text += " to \(hop)" }
        return text
    }

    /// ` as tcp A -> B`, where an address or port is another one than at first.
    private func changed(_ way: Way) -> String {
        guard let last = way.lastOwn else { return "" }
        let first = way.ownPacket
        let sourceIsOther = !first.source.isZero && (last.source != first.source || last.sourcePort != first.sourcePort)
        let isOther =
            sourceIsOther || last.destination != first.destination || last.destinationPort != first.destinationPort
            || last.unknown.contains(.source) != first.unknown.contains(.source)
            || last.sourcePortChoices != first.sourcePortChoices
        if isOther { return "\(way.tunnel == nil ? "," : "") as \(packetText(last))" }
        return first.source.isZero && !last.source.isZero ? " from \(last.source)" : ""
    }

    /// ` by rule 3 of filter/FORWARD`, where all ways end by it.
    private func byAll(_ way: Way) -> String {
        let leaves = way.leaves
        let first = leaves.first.map { by($0) } ?? ""
        return leaves.allSatisfy { by($0) == first } ? first : ""
    }

    /// ` by rule 3 of filter/FORWARD`.
    private func by(_ way: Way) -> String {
        guard let index = way.trace.decidedBy, index < way.steps.count else { return "" }
        switch way.steps[index].kind {
        case .rule(let rule): return " by \(ruleName(rule.rule))"
        case .policy(let chain, _): return " by the policy of \(chainName(chain))"
        default: return ""
        }
    }

    /// `rule 3 of filter/FORWARD`.
    func ruleName(_ rule: RuleReference) -> String { "rule \(rule.index + 1) of \(chainName(rule.chain))" }

    func chainName(_ chain: ChainID) -> String { quotes.linked.path(of: chain) }

    private func dropped(_ way: Way) -> String {
        switch way.trace.reason {
        case .natNoAddress?: return "is dropped\(by(way)): there is no address to translate it to"
        case .serverGone?:
            return "is dropped: IPVS has sent its connection to a real server that the service does not have any more"
        case .natInterface?:
            return "is dropped: its connection was masqueraded for another interface than it would leave by"
        case .policy?:
            if let index = way.trace.decidedBy, index < way.steps.count,
                case .policy(let chain, _) = way.steps[index].kind
            {
                return "is dropped by the policy of \(chainName(chain)): no rule there took it"
            }
            return "is dropped by a policy"
        default: return "is dropped\(by(way))"
        }
    }

    private func queue(_ way: Way) -> String {
        guard let index = way.trace.decidedBy, index < way.steps.count, case .rule(let rule) = way.steps[index].kind,
            case .nfQueue(let queue)? = quotes.linked.rule(rule.rule).target
        else { return "" }
        return " (queue \(queue.queue)), which decides"
    }

    /// What ended the packet outside the rules.
    private func outside(_ way: Way) -> String {
        let last = way.trace.last?.packet ?? way.packet
        switch way.trace.reason {
        case .noRoute?: return "has no route to \(last.destination)"
        case .blackhole?: return "meets a blackhole \(routeOrRule(way)) and vanishes"
        case .unreachable?: return "meets an unreachable \(routeOrRule(way))"
        case .prohibit?: return "meets a prohibit \(routeOrRule(way))"
        case .rpFilter?: return "is dropped by the reverse path check\(reversePath(way, last.source))"
        case .martianSource?:
            let own = quotes.model.host.interfaces.contains { $0.addresses.contains { $0.address == last.source } }
            let what = own ? "the address of this host, \(last.source)," : "\(last.source)"
            return "is dropped as a martian: what comes from the wire may not have \(what) as its source"
        case .martianDestination?:
            return
                "is dropped as a martian: what comes from the wire may not have \(last.destination) as its destination"
        case .notAddressed?:
            if last.packetType == .otherHost {
                return "is not taken: its frame is addressed to another host" + frame(way)
            }
            let many = "its frame is addressed to many (\(last.packetType == .broadcast ? "broadcast" : "multicast"))"
            let isForwarded = lastRouting(way)?.type == .unicast
            return isForwarded ? "is not forwarded: \(many)" : "is not taken: \(many), of which this host takes none"
        case .badHeader?: return "is not taken: its header is not as it must be"
        case .beyondScope? where last.source.isLinkLocal && !last.destination.isMulticast:
            return "is not forwarded: \(last.source) is known on its own link only"
        case .beyondScope?: return "does not leave this host: \(last.destination) means something within it only"
        case .notJoined?: return "is not taken: this host has not joined the group \(last.destination)"
        case .forwardingOff?: return "is not for this host, and forwarding is off" + forwardingSysctl(way, last.version)
        case .ttl? where last.destination.isMulticast && last.ttl == 0:
            return "does not leave this host: its \(last.version == .v4 ? "TTL" : "hop limit") is 0"
        case .ttl?: return "is not forwarded: its \(last.version == .v4 ? "TTL" : "hop limit") runs out here"
        case .tooBig?: return "is larger than the way on allows and must not be fragmented"
        case .fragmentsApart?: return "is never put together: of its fragments one is tracked, and another is not"
        case .hairpinOff?:
            return "would leave by the bridge port it came in by, and that port is not in hairpin mode"
        case .givenToSocket?:
            return "is not forwarded: TPROXY gave it to a socket of this host, and its route is not one of type local"
        case .ipv6Disabled?:
            return "is not taken: IPv6 is off on the interface it comes in by (disable_ipv6 is 1)"
        case .otherTunnel?:
            let number = way.trace.tunnelHeader?.identifier.map { "\($0)" } ?? "another"
            return "is not taken out of its tunnel: its VNI is \(number), and this host has \(vniText(last))"
        case .tunnelLoop?: return "goes nowhere: its route leads into the tunnel that it is in already"
        case .portBlocked?:
            return "is not passed on: a port of the bridge is down, blocked or isolated (`ip -d link` shows it)"
        case .interfaceDown?: return "is not taken: the interface it comes in by is down (`ip link` shows it)"
        case .notFlooded?:
            return
                "is not passed on: the bridge has no entry for the frame's address, and no other port is sent such frames (flood off)"
        case .noTunnelEnd?:
            let device = lastRouting(way)?.interface.map { quotes.name($0) } ?? "the tunnel"
            let hop = lastRouting(way)?.nextHop ?? last.destination
            return "does not leave by \(device): `bridge fdb` has no entry there for the hardware address of \(hop)"
        case .natNoAddress?: return "has no address to be translated to"
        case .natInterface?: return "belongs to a connection that was masqueraded for another interface"
        case .unknownRule? where way.trace.outcome == .filtered:
            return "is lost where it is not followed"
        case .rule?, .policy?, .noServer?, .serverGone?, .unknownRule?, .tooManyBranches?, nil:
            return "ends between the rules"
        }
    }
}

extension OutcomeWords {
    /// What routing ended the packet with: a route, or an `ip rule` itself.
    private func routeOrRule(_ way: Way) -> String { lastRouting(way)?.route == nil ? "rule" : "route" }

    /// The last look-up of the way, where it found something.
    func lastRouting(_ way: Way) -> RoutingStep? {
        for step in way.steps.reversed() {
            guard case .routing(let routing) = step.kind else { continue }
            return routing.route == nil && routing.rule == nil ? nil : routing
        }
        return nil
    }

    /// ` (66:00:00:00:00:77; vxlan.calico has 66:00:00:00:00:02)`, of a frame that came by a tunnel.
    private func frame(_ way: Way) -> String {
        guard let frame = way.trace.tunnelHeader?.destinationMAC, let device = lastTunnel(way),
            let own = quotes.model.interface(device)?.mac
        else { return "" }
        return " (\(frame); \(quotes.name(device)) has \(own))"
    }

    private func lastTunnel(_ way: Way) -> Symbol? {
        for step in way.steps.reversed() {
            if case .decapsulation(let interface) = step.kind { return interface }
        }
        return nil
    }

    /// `4097 (vxlan.calico)`: the numbers of the tunnels that an outer packet's port is of.
    private func vniText(_ outer: Packet) -> String {
        let tunnels = quotes.model.host.interfaces.filter {
            ($0.kind == .vxlan || $0.kind == .geneve) && $0.tunnel?.identifier != nil
                && ($0.tunnel?.port ?? outer.destinationPort) == outer.destinationPort
        }
        return listed(tunnels.map { "\($0.tunnel?.identifier ?? 0) (\(quotes.name($0.name)))" })
    }

    /// ` (net.ipv4.conf.all.rp_filter=2, loose): no route leads back to A`.
    private func reversePath(_ way: Way, _ source: IPAddress) -> String {
        guard let interface = way.trace.last?.inInterface ?? way.steps.first?.view.inInterface else {
            return " (rp_filter)"
        }
        let own = sysctl("net.ipv4.conf.\(keyed(interface)).rp_filter")
        let all = sysctl("net.ipv4.conf.all.rp_filter")
        let strict = "packets to \(source) would not leave by \(quotes.name(interface))"
        guard let largest = [own, all].compactMap({ $0 }).max(by: { $0.value < $1.value }) else {
            return " (rp_filter): \(strict)"
        }
        return largest.value == 1
            ? " (\(largest.name)=1, strict): \(strict)"
            : " (\(largest.name)=\(largest.value), loose): no route leads back to \(source)"
    }

    /// ` (net.ipv4.conf.eth0.forwarding=0)`, where the input has it.
    private func forwardingSysctl(_ way: Way, _ version: IPVersion) -> String {
        var names: [String] = []
        switch version {
        case .v4:
            if let interface = way.trace.last?.inInterface {
                names.append("net.ipv4.conf.\(keyed(interface)).forwarding")
            }
            names += ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"]
        case .v6: names.append("net.ipv6.conf.all.forwarding")
        }
        for case let found? in names.map({ sysctl($0) }) { return " (\(found.name)=\(found.value))" }
        return ""
    }

    /// An interface as `sysctl` writes it within a key: `eth0/5` for eth0.5.
    private func keyed(_ interface: Symbol) -> String {
        var key = ""
        for character in quotes.name(interface).unicodeScalars {
            key.unicodeScalars.append(character == "." ? "/" : character)
        }
        return key
    }

    private func sysctl(_ name: String) -> (name: String, value: Int)? {
        quotes.model.sysctl(name).map { (name, $0) }
    }
}

/// What a program of this host that sends the packet is told at once; `nil` where nothing tells it.
///
/// Observed on Linux 6.18: `connect` and `sendto` fail with the route's own error; a packet that OUTPUT or POSTROUTING
/// drops fails `sendto` with EPERM, while TCP goes on trying.
func localSenderSentence(_ trace: Trace, _ packet: Packet) -> String? {
    switch (trace.outcome, trace.reason) {
    case (.unroutable, .noRoute?): return failure("Network is unreachable")
    case (.unroutable, .unreachable?) where trace.senderView == .timeout: return nil
    case (.unroutable, .unreachable?): return failure("No route to host")
    case (.unroutable, .prohibit?): return failure("Permission denied")
    case (.unroutable, .blackhole?): return failure("Invalid argument")
    case (.dropped, _) where packet.protocol != .tcp && trace.last.map { isOnTheWayOut($0.hook) } == true:
        return failure("Operation not permitted")
    default: return nil
    }
}

private func failure(_ words: String) -> String { "the program that sends it is told at once: \"\(words)\"" }

private func isOnTheWayOut(_ hook: Hook) -> Bool {
    switch hook {
    case .output, .postrouting: true
    case .ingress, .prerouting, .input, .forward, .egress: false
    }
}

/// What the sender notices, as a sentence without a final stop; `nil` where it can't be told.
func senderSentence(_ view: SenderView?, _ trace: Trace, _ version: IPVersion) -> String? {
    switch view {
    case nil: return nil
    case .answer?: return nil
    case .timeout?: return "the sender sees nothing: it waits until it gives up (timeout)"
    case .reset?: return "the sender gets a TCP reset (\"Connection refused\")"
    case .unreachable(let type, let code)?:
        let name = icmpName(type, code, version) ?? "type \(type) code \(code)"
        let words = errorWords(type, code, version).map { " (\"\($0)\")" } ?? ""
        return "the sender gets \(version == .v4 ? "ICMP" : "ICMPv6") \(name), \(type)/\(code)\(words)"
    }
}

/// What programs of the sender say of an ICMP error. Source: net/ipv4/icmp.c `icmp_err_convert`, net/ipv6/icmp.c
/// `tab_unreach`.
private func errorWords(_ type: UInt8, _ code: UInt8, _ version: IPVersion) -> String? {
    switch (version, type, code) {
    case (.v4, 3, 3), (.v6, 1, 4): "Connection refused"
    case (.v4, 3, 0), (.v4, 3, 9), (.v6, 1, 0): "Network is unreachable"
    case (.v4, 3, 1), (.v4, 3, 10), (.v4, 3, 13), (.v6, 1, 3): "No route to host"
    case (.v4, 3, 2): "Protocol not available"
    case (.v6, 1, 1), (.v6, 1, 5), (.v6, 1, 6): "Permission denied"
    default: nil
    }
}
