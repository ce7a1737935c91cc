internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Sockets of this host: who sends, who listens.
extension Evaluator {
    /// Whether the packet comes from a socket of this host. Source: `skb_to_full_sk`; a packet over lo loses its socket
    /// (drivers/net/loopback.c `skb_orphan`).
    func hasSender(_ state: WalkState) -> Bool {
        switch state.context.hook {
        case .output, .postrouting, .egress: break
        case .ingress, .prerouting, .input, .forward: return false
        }
        let packet = state.packet
        return state.isLocal && state.layer == 0 && !state.isWithoutSocket
            && (packet.hasSocket || packet.userID != nil || packet.groupID != nil || packet.unknown.contains(.owner))
    }

    /// Source: net/netfilter/xt_owner.c. Without a socket a rule matches only where all it asks is in the negative.
    func testOwner(_ match: OwnerMatch, _ state: WalkState) -> Answer {
        let exists = match.socketExists.map { $0.value != $0.isNegated }
        guard hasSender(state) else {
            let asksNobody = match.user?.isNegated != false && match.group?.isNegated != false
            // The kernel sends ICMP by a socket of its own, which nobody owns; a RST of REJECT has none.
            // Observed on Linux 6.18.
            if state.isLocal, state.packet.protocol.isICMP, !state.isWithoutSocket {
                return Answer(asksNobody && exists != false)
            }
            return Answer(asksNobody && exists != true && !match.includesSupplementaryGroups)
        }
        if exists == false { return .no }
        let packet = state.packet
        let isKnown = !packet.unknown.contains(.owner)
        var answer = Answer.yes
        if let users = match.user {
            let test: Answer
            if isKnown, let user = packet.userID {
                test = Answer(users.value.contains(user))
            } else {
                test = owner("user", span(users.value))
            }
            answer = .negate(test, if: users.isNegated)
        }
        if let groups = match.group {
            let test: Answer
            if isKnown, let group = packet.groupID, groups.value.contains(group) || !match.includesSupplementaryGroups {
                test = Answer(groups.value.contains(group))
            } else {
                test = owner(match.includesSupplementaryGroups ? "any group" : "group", span(groups.value))
            }
            answer = answer && .negate(test, if: groups.isNegated)
        }
        return answer
    }

    private func owner(_ what: String, _ value: String) -> Answer {
        let name = what == "any group" ? "groups" : what
        return .perhaps(
            Unknown(
                "owner@\(name):\(value)", whenYes: "\(what) \(value) owns the sending socket",
                whenNo: "\(what) \(value) does not own the sending socket"))
    }

    /// Nothing matches without a socket, negated or not. Source: net/netfilter/xt_cgroup.c.
    func testCgroup(_ match: CgroupMatch, _ state: WalkState) -> Answer {
        // At INPUT the kernel may have found the receiving socket already (`early_demux`).
        guard hasSender(state) || state.context.hook == .input else { return .no }
        let asked: String
        let isNegated: Bool
        if let path = match.path {
            asked = names.text(path.value)
            isNegated = path.isNegated
        } else if let classID = match.classID {
            asked = hexadecimal(classID.value)
            isNegated = classID.isNegated
        } else {
            return .no
        }
        if state.context.hook == .input {
            let side = isNegated ? "not in" : "in"
            return .perhaps(
                Unknown(
                    "cgroup@input:\(isNegated ? "not:" : "")\(asked)",
                    whenYes: "the packet is for a known socket that is \(side) control group \(asked)",
                    whenNo: "the packet is not for a known socket that is \(side) control group \(asked)"))
        }
        return .negate(
            .perhaps(
                Unknown(
                    "cgroup@\(asked)", whenYes: "the sending socket is in control group \(asked)",
                    whenNo: "the sending socket is not in control group \(asked)")), if: isNegated)
    }

    /// Source: net/netfilter/xt_socket.c, net/ipv4/netfilter/nf_socket_ipv4.c: the socket that TPROXY gave the packet, which
    /// is transparent; else a connected socket, else the listener that fits best. Listeners on no address count only with
    /// `--nowildcard`.
    func testSocket(_ match: SocketMatch, _ state: WalkState) -> Answer {
        let packet = state.packet
        if state.isGivenToSocket {
            if match.noWildcard { return .yes }
            return .perhaps(
                Unknown(
                    "given-socket", yes: "address", no: "wildcard",
                    whenYes: "the socket that TPROXY gave the packet listens on one address",
                    whenNo: "the socket that TPROXY gave the packet listens on every address"))
        }
        var (own, address, port) = (packet.protocol, packet.destination, packet.destinationPort)
        func unknown() -> Answer {
            let asked = "\(address):\(port)/\(own.shortName)"
            let kind = (match.transparent ? ":transparent" : "") + (match.noWildcard ? ":wildcard" : "")
            return .perhaps(
                Unknown(
                    "socket@\(asked)\(kind)",
                    whenYes: "this host has a\(match.transparent ? " transparent" : "") socket for \(asked)",
                    whenNo: "this host has no\(match.transparent ? " transparent" : "") socket for \(asked)"))
        }
        if !packet.unknown.isDisjoint(with: [.protocol, .destination, .destinationPort]) { return unknown() }
        switch own {
        case .tcp, .udp: if isCutInTransportHeader(packet) { return .no }
        case .icmp, .icmpv6:
            guard quotesAnotherPacket(packet) else { return .no }
            // The quoted packet is one of this host's.
            let told = packet.unknown.contains(.payload) ? nil : QuotedPacket(packet)?.tuple
            guard !packet.unknown.contains(.icmpType), let quoted = told ?? state.rejected else { return unknown() }
            (own, address, port) = (quoted.protocol, quoted.source, quoted.sourcePort)
            guard own == .tcp || own == .udp else { return .no }
        default: return .no
        }
        if let before = beforeSourceNAT(state) { (address, port) = before }
        guard let listeners = model.host.listeners else { return unknown() }
        var isWildcard: Bool?
        for listener in listeners where fits(listener, own, state, address, port) {
            isWildcard = (isWildcard ?? true) && listener.address == nil
        }
        if isNewFlow(state) {
            guard let isWildcard, !isWildcard || match.noWildcard else { return .no }
            return match.transparent ? unknown() : .yes
        }
        // A connected socket has an address, so the wildcard does not matter.
        if let isWildcard, !isWildcard || match.noWildcard, !match.transparent { return .yes }
        return unknown()
    }

    /// Of an answer to what was sent from here through NAT, the socket's own address and port.
    /// Source: net/ipv4/netfilter/nf_socket_ipv4.c `nf_sk_lookup_slow_v4`, net/ipv6/netfilter/nf_socket_ipv6.c
    /// `nf_sk_lookup_slow_v6`, Linux 6.18, which both do so; before 6.15 IPv6 did not. Of an ICMPv6 error it means to, but
    /// asks for the protocol of what the error is about.
    private func beforeSourceNAT(_ state: WalkState) -> (IPAddress, UInt16)? {
        let isError = state.packet.protocol.isICMP
        guard case .entry(let tracked) = state.connection, tracked.direction == .reply, tracked.hasSourceMapping,
            tracked.state == (isError ? .related : .established), !isError || state.packet.version == .v4
        else { return nil }
        return (tracked.entry.original.source, tracked.entry.original.sourcePort)
    }

    /// Whether the packet ends before its header of TCP or UDP does: no socket is looked for then.
    /// Source: net/ipv4/netfilter/nf_socket_ipv4.c `nf_sk_lookup_slow_v4`, Linux 6.18; the same with IPv6.
    private func isCutInTransportHeader(_ packet: Packet) -> Bool {
        guard packet.unknown.isDisjoint(with: [.payload, .otherHeaders]), let bytes = packet.currentBytes,
            let layout = PacketLayout(bytes), layout.isComplete
        else { return false }
        return layout.transport.offset + (packet.protocol == .tcp ? 20 : 8) > bytes.count
    }

    /// Whether no socket can be connected for the packet yet.
    func isNewFlow(_ state: WalkState) -> Bool {
        let packet = state.packet
        guard packet.protocol == .tcp, !packet.unknown.contains(.tcpFlags) else { return false }
        return packet.tcpFlags.contains(.syn) && !packet.tcpFlags.contains(.ack)
    }

    func quotesAnotherPacket(_ packet: Packet) -> Bool {
        if packet.unknown.contains(.icmpType) { return true }
        if packet.version == .v6 { return packet.icmpType < 128 }
        switch packet.icmpType {
        case 3, 4, 5, 11, 12: return true
        default: return false
        }
    }

    /// - Parameter address: `nil` where it is not known.
    func fits(
        _ listener: Listener, _ own: IPProtocol, _ state: WalkState, _ address: IPAddress?, _ port: UInt16
    ) -> Bool {
        let packet = state.packet
        guard listener.protocol == own, listener.port == port else { return false }
        if let version = listener.version, version != packet.version { return false }
        if let own = listener.address, let address, own != address { return false }
        guard let interface = listener.interface else { return true }
        switch state.context.inInterface {
        case .known(let name):
            // A port of a VRF counts as the VRF, too: include/net/inet_sock.h `inet_bound_dev_eq`.
            return name == interface
                || model.interface(interface)?.kind == .vrf && model.interface(name)?.master == interface
        case .none, .unknown: return true
        }
    }

    /// TPROXY: a connected socket, else a listener on the port, gets the packet with the rule's mark, if it is
    /// transparent; without one the packet is dropped as it is.
    /// Source: net/netfilter/xt_TPROXY.c `tproxy_tg4`, Linux 6.18; observed there.
    func proxy(_ target: TPROXYTarget, _ rule: RuleReference, _ state: WalkState) -> Action {
        var packet = state.packet
        guard packet.protocol == .tcp || packet.protocol == .udp else { return .drop }
        let port = target.port == 0 ? packet.destinationPort : target.port
        if isNewFlow(state), packet.unknown.isDisjoint(with: [.destinationPort]),
            model.host.listeners?.contains(where: { fits($0, packet.protocol, state, target.address, port) }) == false
        {
            return .drop
        }
        let mark = target.mark.applied(to: packet.mark)
        let change = Change(.mark, before: .number(packet.mark), after: .number(mark))
        packet.mark = mark
        if target.mark.mask == .max { packet.unknown.remove(.mark) }
        return .acceptChanged(
            Unknown(
                "tproxy@\(cite(rule))", whenYes: "a transparent socket listens on port \(port)",
                whenNo: "no transparent socket listens on port \(port), so the packet is dropped"), packet, change)
    }
}
