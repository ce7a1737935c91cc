internal import Glibc
public import KernelLink
public import NetTypes
internal import NetlinkBytes
public import RuleModel

/// A scratch namespace with its sockets: packets go in, observations come out.
///
/// Make it when the links, addresses, routes, rules and sets are there: it reads them once.
public struct Laboratory: ~Copyable {
    public private(set) var taps: TapSet
    /// The links as the kernel has them.
    public private(set) var node: NodeView
    /// Where the rules stand.
    public private(set) var chains: KernelChains
    /// For conntrack and for what else is asked of netfilter.
    public var netfilter: NetlinkSocket
    /// For links, addresses, routes and neighbours.
    public var route: NetlinkSocket

    var probe: ProbeTable
    private var trace: TraceReader
    private var counters: LegacyCounters?
    private var lastTag: UInt16 = 0
    /// Reused, so that an observation allocates little.
    private var events: [TraceEvent] = []
    private var lastSent: IPHeader?
    /// The last packet that the host itself sent.
    private var sending = RawSender.Sending(0)
    private(set) var tunnelPorts: Set<UInt16>
    /// Whether something has told the kernel of a path.
    private var mayKnowPaths = false

    /// How long to wait for a frame that is on its way when the packet has been written, in milliseconds. Few are;
    /// but what waits for a neighbour whom nobody can ask for (IPv6, from a link without a link-local address) waits
    /// for good, so that it is better to have the neighbours known.
    public var patience: Int32 = 50
    static let neighbour = MACAddress(bits: 0x0200_0000_00fe)
    static let sender = MACAddress(bits: 0x0200_0000_00fd)

    /// Adds the probe's table to the namespace of the calling thread. With `countsLegacy` the counters of
    /// iptables-legacy are read for each packet.
    public init(taps: consuming TapSet, countsLegacy: Bool = false) throws(LabFailure) {
        // One by one: a value that can't be copied must be whole or not be there when something throws.
        let probe = try ProbeTable()
        var netfilter = try NetlinkSocket(.netfilter)
        var route = try NetlinkSocket(.route)
        let chains = try KernelChains(&netfilter)
        let node = try NodeView(&route)
        let trace = try TraceReader()
        var counters: LegacyCounters?
        if countsLegacy { counters = try LegacyCounters() }
        self.taps = taps
        self.probe = probe
        self.netfilter = netfilter
        self.route = route
        self.chains = chains
        self.node = node
        self.trace = trace
        self.counters = counters
        tunnelPorts = node.tunnelPorts
    }

    // Setting up

    /// Forgets every connection and what was learned of paths, fastest where `known` has them all: the kernel need not look for others then.
    /// Source: net/netfilter/nf_conntrack_core.c `nf_ct_iterate_cleanup_net`, Linux 6.18.
    public mutating func forget(_ known: [ConnectionEntry] = []) throws(LabFailure) {
        for entry in known {
            do throws(LabFailure) {
                try netfilter.delete(entry)
            } catch {
                guard error.code == ENOENT else { throw error }
            }
        }
        try netfilter.flushConnections()
        if mayKnowPaths { try forgetPaths() }
        mayKnowPaths = false
    }

    /// Reads links, addresses and neighbours again, after a change.
    public mutating func readNode() throws(LabFailure) {
        node = try NodeView(&route)
        tunnelPorts = node.tunnelPorts
    }

    /// Reads the rules again, after a change; with `countsLegacy` those of iptables-legacy too.
    public mutating func readRules(countsLegacy: Bool) throws(LabFailure) {
        chains = try KernelChains(&netfilter)
        // Over lo packets are traced already.
        let devices = node.links.values.map(\.name).filter { $0 != "lo" && chains.hasChainsOfDevices }.sorted()
        if try probe.watch(devices, arriving: devices.filter { node.ports(of: $0).isEmpty }) {
            chains = try KernelChains(&netfilter)
        }
        if countsLegacy { counters = try LegacyCounters() } else { counters = nil }
    }

    /// Keeps the host's own resets from going out.
    public mutating func holdResets(_ hold: Bool) throws(LabFailure) { try probe.holdResets(hold, over: &netfilter) }

    /// Gives packets that will arrive their marks, many in one call; `observe` then leaves `mark` at `nil`.
    public mutating func set(marks: [ProbeTable.TagMark]) throws(LabFailure) {
        try probe.set(marks, over: &netfilter)
    }

    /// The source address that the routes choose for the host's own packet; `nil`: no route.
    public mutating func sourceAddress(to destination: IPAddress, mark: UInt32 = 0) -> IPAddress? {
        route.route(to: destination, mark: mark)?.source
    }

    /// A tag that no packet of the last 65,000 had.
    public mutating func nextTag() -> UInt16 {
        lastTag = lastTag % 65_000 + 1
        return lastTag
    }

    // Asking

    /// Sends one packet and says what the kernel did with it.
    public mutating func observe(_ dispatch: Dispatch) throws(LabFailure) -> Observation {
        let tag = dispatch.tag ?? nextTag()
        let packet = dispatch.packet.tagged(tag)
        guard let header = IPHeader(packet) else {
            throw LabFailure(call: "observe", code: EINVAL, words: "not an IP packet")
        }
        _ = try frames()
        try trace.clear()
        if counters != nil { _ = try counters?.since() }
        var code: Int32 = 0
        var isTunnel = false
        var isFrameToMany = false
        switch dispatch.entrance {
        case .host(let sender):
            sending = RawSender.send(packet, as: sender)
            code = sending.error
        case .interface(let name):
            isTunnel = node.link(name)?.tunnel != nil && !taps.contains(name)
            isFrameToMany = (dispatch.destinationMAC ?? frameDestination(of: header, on: name)).bits >> 40 & 1 == 1
            if let mark = dispatch.mark ?? (isTunnel ? 0 : nil) {
                try set(marks: [ProbeTable.TagMark(header.version, tag: tag, mark: mark)])
            }
            do throws(LabFailure) {
                try write(packet, header, to: name, dispatch)
            } catch {
                // As for an interface that is down.
                guard error.call == "write" else { throw error }
                code = error.code
            }
        }
        lastSent = header
        events.removeAll(keepingCapacity: true)
        // Of a later fragment of IPv6 the trace tells no headers.
        let hasNoHeaders = header.version == .v6 && (PacketLayout(packet)?.fragmentOffset ?? 0) > 0
        let (left, isWhole) = try collect(header, isTraced: Judgement.isTraced(packet), hasNoHeaders: hasNoHeaders)
        guard isWhole else {
            var seen = Observation()
            (seen.tag, seen.outcome) = (tag, .lost)
            return seen
        }
        var isLocal = false
        if case .host = dispatch.entrance { isLocal = true }
        var judgement = Judgement(
            header, packet, events, chains, tunnelPorts, isLocal: isLocal, isFrameToMany: isFrameToMany)
        if isTunnel { judgement.unwrap(observesWrapping: dispatch.observesWrapping) }
        judgement.judge(left, node, isLocal: isLocal, error: code)
        judgement.seen.tag = tag
        if counters != nil {
            judgement.add(counts: try counters?.since() ?? [])
            // What the kernel sent of its own accord behind the events may have been counted.
            let known = events.count
            if try !trace.read(into: &events) || events.count > known { judgement.seen.hasOthers = true }
        }
        let isAnsweredOfPath = judgement.seen.answers.contains { $0.kind.tellsOfPath }
        if isAnsweredOfPath || tellsOfPath(packet) { mayKnowPaths = true }
        return judgement.seen
    }

    /// What left, and whether the trace is whole. `events` has the trace.
    private mutating func collect(
        _ sent: IPHeader, isTraced: Bool, hasNoHeaders: Bool
    ) throws(LabFailure) -> (left: [(name: String, packet: [UInt8])], isWhole: Bool) {
        var isWhole = try trace.read(into: &events)
        var left = try frames()
        // Who is told of a neighbour sends what waited for it: there may be more to read.
        if !left.isEmpty { isWhole = try trace.read(into: &events) && isWhole }
        if let bridge = bridgeOfWaiting(sent), try route.tellNeighbours(.v6, Self.neighbour, link: bridge) {
            left += try frames()
            isWhole = try trace.read(into: &events) && isWhole
        }
        // Not for what the kernel sends because of it: that is told by its trace. But for each that TEE sends before it.
        // One of those to many comes back to the host alone.
        var leaving: [UInt32: UInt32] = [:]
        for event in events where event.station?.isLast(of: .postrouting) == true && mayShow(event.outIndex) {
            if hasNoHeaders, event.network.isEmpty { leaving[sent.isToMany ? 0 : event.identity] = event.outIndex }
            guard let header = event.header, mayBe(header, sent) else { continue }
            leaving[header.isToMany ? 0 : event.identity] = event.outIndex
        }
        func isMissing() -> Bool {
            left.count { IPHeader($0.packet).map { mayBe($0, sent) } ?? false } < leaving.count
        }
        // Of what is not traced nobody knows by which link it leaves.
        var links = Set(leaving.values)
        if !isTraced { links.formUnion(node.links.keys) }
        func tellNeighbours() throws(LabFailure) {
            for link in links.sorted() where isMissing() || !isTraced && left.isEmpty {
                guard try route.tellNeighbours(sent.version, Self.neighbour, link: link) else { continue }
                left += try frames()
                isWhole = try trace.read(into: &events) && isWhole
            }
        }
        if sent.version == .v6 { try tellNeighbours() }
        let clock = ContinuousClock()
        let end = clock.now + .milliseconds(patience)
        while isMissing(), clock.now < end {
            left += try frames(waiting: patience)
            isWhole = try trace.read(into: &events) && isWhole
        }
        // Rules at egress may have dropped the kernel's question for the neighbour.
        if sent.version == .v4, isMissing() { try tellNeighbours() }
        return (left, isWhole)
    }

    /// The bridge at which a packet of IPv6 may wait for its neighbour: one that NAT sends to an address on the bridge's
    /// own link is seen no more between PREROUTING and that.
    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_pre_routing_finish_bridge`, Linux 6.18.
    private func bridgeOfWaiting(_ sent: IPHeader) -> UInt32? {
        guard sent.version == .v6, let last = events.last(where: { $0.header.map { mayBe($0, sent) } ?? false }),
            last.station?.hook == .prerouting, let link = node.links[last.inIndex], !node.ports(of: link.name).isEmpty
        else { return nil }
        return last.inIndex
    }

    /// Whether the kernel is still at it: a busy machine leaves packets to a thread of its own (`ksoftirqd`), which may have
    /// gone on with the one that was observed last when the trace was read, or with one of the kernel's own that counters
    /// tell of already. A machine of which others take the processors away may stand still in the middle of a packet's way:
    /// half a second is waited for the packet itself to go on, and longer where it has not been seen at all.
    public mutating func isStillAtIt() throws(LabFailure) -> Bool {
        guard let lastSent else { return false }
        let isUnseen = !events.contains { event in event.header.map { mayBe($0, lastSent) } ?? false }
        for attempt in 0..<(isUnseen ? 100 : 25) {
            usleep(20_000)
            var later: [TraceEvent] = []
            guard try trace.read(into: &later) else { return true }
            let headers = later.map(\.header) + (try frames()).map { IPHeader($0.packet) }
            let isOfPacket = headers.contains { $0.map { mayBe($0, lastSent) } ?? false }
            if isOfPacket || attempt == 0 && !later.isEmpty { return true }
        }
        return false
    }

    /// Whether what goes out by a link comes out of one of the TAPs.
    private func mayShow(_ index: UInt32) -> Bool {
        guard let link = node.links[index] else { return false }
        return taps.contains(link.name) || link.tunnel != nil || !node.ports(of: link.name).isEmpty
    }

    /// Whether a packet may be the one that was sent, or a tunnel's packet around it.
    private func mayBe(_ header: IPHeader, _ sent: IPHeader) -> Bool {
        header.isSame(as: sent) || header.protocol == .udp && tunnelPorts.contains(header.destinationPort)
    }

    /// Everything that left since the last call, as IP packets. Who asks for a neighbour is answered on the way.
    private mutating func frames(
        waiting milliseconds: Int32 = 0
    ) throws(LabFailure) -> [(name: String, packet: [UInt8])] {
        var found: [(name: String, packet: [UInt8])] = []
        var wait = milliseconds
        while true {
            var isAnswered = false
            for (name, frame) in taps.read(waiting: wait) {
                guard taps.hasLinkHeader(name) else {
                    found.append((name, frame))
                    continue
                }
                guard frame.count > 14 else { continue }
                switch (frame[12], frame[13]) {
                case (0x08, 0x06): isAnswered = try answerARP(frame, name) || isAnswered
                case (0x08, 0x00), (0x86, 0xdd):
                    let packet = Array(frame[14...])
                    found.append((name, packet))
                    isAnswered = try tellNeighbour(packet, name) || isAnswered
                default: break
                }
            }
            if !isAnswered { return found }
            wait = 0
        }
    }

    /// Every IPv4 neighbour that the host asks for is there.
    private mutating func answerARP(_ frame: [UInt8], _ name: String) throws(LabFailure) -> Bool {
        guard frame.count >= 42, frame[20] == 0, frame[21] == 1,
            let asked = IPAddress(wire: frame.span, 38..<42), !node.ownAddresses.contains(asked)
        else { return false }
        let neighbour = Self.neighbour.bytes
        let answer =
            Array(frame[6..<12]) + neighbour + Array(frame[12..<20]) + [0, 2] + neighbour + Array(frame[38..<42])
            + Array(frame[22..<32])
        try taps.write(answer, to: name)
        return true
    }

    /// The same for IPv6, past the rules: a packet that waits for the neighbour leaves at once. A question that a packet
    /// of ours is may be about a neighbour that the host knows.
    private mutating func tellNeighbour(_ packet: [UInt8], _ name: String) throws(LabFailure) -> Bool {
        let master = node.master(name)
        guard let header = IPHeader(packet), header.protocol == .icmpv6, header.icmpType == 135,
            let asked = IPAddress(wire: packet.span, 48..<64), !node.ownAddresses.contains(asked),
            node.hardware(of: asked, on: master) == nil, let link = node.link(master)
        else { return false }
        try route.setNeighbour(asked, Self.neighbour, link: link.index)
        return true
    }
}
