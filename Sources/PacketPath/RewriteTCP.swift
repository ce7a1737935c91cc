internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Targets that write into a TCP header. They drop a packet whose header is cut short.
extension Evaluator {
    /// Runs `rewrite` on a packet that was given as bytes; `otherwise` on one that was not or no longer is known.
    private func rewriting(
        _ state: inout WalkState, _ rewrite: (HeaderBytes, inout Packet) throws(HeaderFailure) -> Void,
        otherwise: (inout Packet) -> Void
    ) -> Action {
        // nf_tables' view of AH is none of these targets'.
        guard let headers = HeaderBytes(state.packet, isNFT: false) else {
            otherwise(&state.packet)
            return .continue
        }
        do {
            try rewrite(headers, &state.packet)
        } catch {
            if error == .malformed { return .drop }
            otherwise(&state.packet)
        }
        return .continue
    }

    /// Bytes of the TCP header at `start`, which must be there whole.
    private func headerSize(_ start: Int, _ headers: HeaderBytes) throws(HeaderFailure) -> Int {
        try headers.require(start, 20)
        let size = Int(try headers.byte(start + 12) >> 4) * 4
        if size < 20 { throw .malformed }
        return size
    }

    /// Source: net/netfilter/xt_TCPMSS.c: a size is only ever lowered; a SYN without data that has none gets one.
    func setMSS(_ target: TCPMSSTarget, _ state: inout WalkState, _ changes: inout [Change]) -> Action {
        if state.packet.fragmentOffset > 0 { return .continue }
        // The kernel asks to write all of the packet.
        if state.isPutTogether { state.isInOnePiece = true }
        let before = state.packet.maximumSegmentSize
        // What a path is taken to carry where the option is missing: that of the smallest MTU.
        let leastOf = state.packet.version == .v4 ? UInt16(536) : 1220
        let wanted: UInt16? =
            switch target {
            case .set(let size): size
            case .clampToPathMTU: clampedSize(state)
            }
        func lower(_ packet: inout Packet) {
            // Of a size that was not told only a bound would be known.
            guard let wanted, !packet.unknown.contains(.tcpOptions) else {
                packet.unknown.insert(.tcpOptions)
                return
            }
            packet.maximumSegmentSize = min(before ?? wanted, wanted)
        }
        let action = rewriting(&state) { (headers, packet) throws(HeaderFailure) in
            let start = headers.layout.transport.offset
            let size = try headerSize(start, headers)
            try headers.require(start, size)
            guard let bytes = packet.currentBytes, bytes.count >= start + size else { throw .unknown }
            if TCPOption.maximumSegmentSize(in: bytes, header: start) != nil {
                lower(&packet)
            } else if headers.length == start + size, size < 60 {
                packet.addMaximumSegmentSize(min(wanted ?? leastOf, leastOf), header: start, bytes)
            }
        } otherwise: { packet in
            lower(&packet)
        }
        let isLost = wanted == nil && state.packet.unknown.contains(.tcpOptions)
        let after = isLost ? nil : state.packet.maximumSegmentSize
        if isLost || after != before {
            func value(_ size: UInt16?) -> Change.Value { size.map { .number(UInt32($0)) } ?? .unknown }
            changes.append(Change(.mss, before: value(before), after: value(after)))
            if !isLost, case .clampToPathMTU = target { assumePath(&state) }
        }
        return action
    }

    /// What the paths there and back carry beside the headers.
    /// Source: net/netfilter/xt_TCPMSS.c `tcpmss_mangle_packet`, Linux 6.18.
    private func clampedSize(_ state: WalkState) -> UInt16? {
        let headers: UInt32 = state.packet.version == .v4 ? 40 : 60
        guard let least = leastMTU(state), least > headers else { return nil }
        return UInt16(clamping: least - headers)
    }

    /// The MTU, in bytes, of the paths there and back. That the kernel has learned of no smaller one is assumed.
    /// Source: net/netfilter/xt_TCPMSS.c `tcpmss_reverse_mtu`, net/netfilter/nft_rt.c `get_tcpmss`, Linux 6.18.
    func leastMTU(_ state: WalkState) -> UInt32? {
        let packet = state.packet
        guard let route = state.route, route.isKnown, !packet.unknown.contains(.source),
            let out = pathMTU(route.route, route.interface, packet.version)
        else { return nil }
        let back: UInt32
        switch routeLookup(RouteQuery(destination: packet.source), packet.version) {
        case .unknown, .several: return nil
        case .none: back = .max
        case .found(let decision):
            switch decision.type {
            case .blackhole, .unreachable, .prohibit, .throw, .nat: back = .max
            case .unicast, .local, .broadcast, .multicast, .anycast:
                let interface = decision.type == .local ? names.find("lo") : decision.nextHop?.interface
                let route = isSentToMany(packet.source, decision.type, decision.route) ? nil : decision.route
                guard let mtu = pathMTU(route, interface, packet.version) else { return nil }
                back = mtu
            }
        }
        return min(out, back)
    }

    /// Whether what is sent to `address` goes by no route's own terms: IPv4 leaves the route aside for broadcasts, and for
    /// groups where it is not about groups alone. Source: net/ipv4/route.c `__mkroute_output`, Linux 6.18.
    func isSentToMany(_ address: IPAddress, _ type: RouteType, _ route: Route?) -> Bool {
        guard address.version == .v4 else { return false }
        if address.v4Bits == .max || type == .broadcast { return true }
        return address.isMulticast && (route?.destination.length ?? 0) < 4
    }

    func assumePath(_ state: inout WalkState) {
        let name = "path-mtu"
        if state.history.assumptions.contains(where: { $0.name == name }) { return }
        state.history.assumptions.append(
            Assumption(
                name: name, value: "route",
                text: "the path takes what its first link takes: no smaller MTU has been learned", step: nil))
    }

    /// Source: include/net/ip.h `ip_dst_mtu_maybe_forward`, include/net/ip6_route.h `ip6_dst_mtu_maybe_forward`, Linux 6.18.
    private func pathMTU(_ route: Route?, _ interface: Symbol?, _ version: IPVersion) -> UInt32? {
        guard let mtu = route?.mtu ?? interface.flatMap({ model.mtu($0, version) }) else { return nil }
        return min(mtu, version == .v4 ? 65535 : 65535 + 40)
    }

    /// Source: net/netfilter/xt_TCPOPTSTRIP.c: options become no-operations; one that does not fit ends the list.
    func stripOptions(_ kinds: [UInt8], _ state: inout WalkState) -> Action {
        if state.packet.fragmentOffset > 0 { return .continue }
        return rewriting(&state) { (headers, packet) throws(HeaderFailure) in
            let start = headers.layout.transport.offset
            let end = start + (try headerSize(start, headers))
            try headers.require(start, end - start)
            guard var bytes = packet.currentBytes, bytes.count >= end else { throw .unknown }
            for option in TCPOption.all(in: bytes, header: start) {
                if option.offset + 1 >= end || option.offset + option.length > end { break }
                guard kinds.contains(option.kind) else { continue }
                for place in option.offset..<option.offset + option.length { bytes[place] = 1 }
            }
            packet.bytes = packet.currentBytes ?? []
            packet.rewrite(bytes)
            if TCPOption.maximumSegmentSize(in: bytes, header: start) == nil { packet.maximumSegmentSize = nil }
        } otherwise: { packet in
            if kinds.contains(2) { packet.maximumSegmentSize = nil }
        }
    }

    /// Source: net/ipv4/netfilter/ipt_ECN.c: a later fragment's data are taken for a header.
    func setECN(_ target: ECNTarget, _ state: inout WalkState, _ changes: inout [Change]) -> Action {
        if let ect = target.ect { setTOS(state.packet.tos & ~3 | ect & 3, &state, &changes) }
        guard target.ece != nil || target.cwr != nil, state.packet.protocol == .tcp else { return .continue }
        func set(_ flags: inout TCPFlags) {
            for (value, flag) in [(target.ece, TCPFlags.ece), (target.cwr, .cwr)] {
                guard let value else { continue }
                if value { flags.insert(flag) } else { flags.remove(flag) }
            }
        }
        return rewriting(&state) { (headers, packet) throws(HeaderFailure) in
            let start = headers.layout.transport.offset
            try headers.require(start, 20)
            guard headers.isLaterFragment else { return set(&packet.tcpFlags) }
            var flags = TCPFlags(rawValue: try headers.byte(start + 13))
            set(&flags)
            guard var bytes = packet.currentBytes, bytes.count > start + 13 else { throw .unknown }
            bytes[start + 13] = flags.rawValue
            packet.bytes = bytes
        } otherwise: { packet in
            set(&packet.tcpFlags)
        }
    }
}

extension Packet {
    /// Puts the option before all others, as xt_TCPMSS does.
    fileprivate mutating func addMaximumSegmentSize(_ size: UInt16, header start: Int, _ current: [UInt8]) {
        guard current.count > start + 12 else { return }
        var bytes = current
        bytes[start + 12] += 0x10
        bytes.insert(contentsOf: [2, 4, UInt8(size >> 8), UInt8(size & 0xff)], at: start + 20)
        length += 4
        let place = version == .v4 ? 2 : 4
        let written = version == .v4 ? length : length - 40
        bytes[place] = UInt8(truncatingIfNeeded: written >> 8)
        bytes[place + 1] = UInt8(truncatingIfNeeded: written)
        self.bytes = current
        rewrite(bytes)
        maximumSegmentSize = size
        unknown.remove(.tcpOptions)
    }
}
