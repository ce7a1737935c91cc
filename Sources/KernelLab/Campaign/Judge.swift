internal import ChainGraph
internal import Glibc
internal import HostText
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// One packet put to both, and what came of it.
struct Verdict {
    enum Finding: Hashable {
        /// `undecided`: the names of what this program said that it can't know, without their places.
        case agrees(undecided: [String])
        case disagrees([String])
        /// Nothing can be compared; why.
        case skipped(String)
    }

    var packet: LabPacket
    var seen: Observation
    var trace: Trace
    var finding: Finding
    /// The way of the trace that is the kernel's.
    var way: Way?
    /// What the kernel did, in lines.
    var account: [String] = []

    var disagrees: Bool {
        if case .disagrees = finding { return true }
        return false
    }

    var agrees: Bool {
        if case .agrees = finding { return true }
        return false
    }
}

/// A packet as it was sent, its bytes with their tag.
struct LabPacket: Hashable {
    var packet: Packet
    var arrival: PacketArrival
    var destinationMAC: MACAddress?
    /// Whether connections were forgotten before it.
    var isFresh = false
}

/// What this program knows of a host while packets pass it: the model, and what earlier packets left behind.
struct Judge {
    var model: HostModel
    var connections: ConnectionIndex
    var sets = SetChanges()
    /// TAPs that stand for tunnels.
    var standIns: Set<String> = []
    /// What the packets met of the rules.
    private(set) var coverage = Coverage()
    /// The fragment before, where it waits for others.
    private var kept: LabPacket?
    /// Fragments of IPv6 that the kernel may keep, and until when.
    private var waiting: [FragmentKey: ContinuousClock.Instant] = [:]
    private var labels: RuleLabels
    /// Whether what nobody can know decided what a rule did to some set.
    private var doubtsSets = false
    /// Whether no packet has met these rules yet.
    private var isUnused = true

    init(_ model: HostModel) {
        self.model = model
        labels = RuleLabels(model.linked)
        connections = model.connections
    }

    /// Takes other rules, and keeps what packets left behind but for sets.
    mutating func replace(_ model: HostModel) {
        self.model = model
        labels = RuleLabels(model.linked)
        sets = SetChanges()
        doubtsSets = false
        isUnused = true
    }

    /// Forgets the connections, as the laboratory does.
    mutating func forget() { connections = model.connections }

    /// Takes mark, labels and zone of a connection from the kernel's table.
    mutating func takeMarks(of entry: ConnectionEntry, from kernel: KernelConnection) {
        guard kernel.entry.reply == entry.reply else { return }
        if kernel.entry.fullZone != entry.fullZone {
            var gone = entry
            gone.isGone = true
            connections.update(gone)
        }
        var entry = entry
        (entry.mark, entry.labels) = (kernel.entry.mark, kernel.entry.labels)
        (entry.zone, entry.zoneDirection) = (kernel.entry.zone, kernel.entry.zoneDirection)
        connections.update(entry)
    }

    /// Takes the port that NAT drew for a connection from the kernel's table: what it may be was told of the packet that
    /// had it drawn. `false` for one that is none of those.
    mutating func takePort(of entry: ConnectionEntry, from kernel: KernelConnection) -> Bool {
        guard kernel.entry.fullZone == entry.fullZone else { return true }
        guard entry.mayBeAnswered(by: kernel.entry.reply) else { return false }
        connections.update(entry.answered(by: kernel.entry.reply))
        return true
    }

    mutating func judge(_ packet: LabPacket, _ seen: Observation) -> Verdict {
        let whole = kept.flatMap { $0.tag == packet.tag ? Packet(joining: $0.packet, packet.packet) : nil }
        kept = nil
        let mayComplete = keepsWaiting(packet, completes: whole != nil)
        let isFirst = isUnused
        isUnused = false
        let trace = PacketPath.trace(
            request(packet, whole: whole), on: model, connections: connections, setChanges: sets)
        var verdict = Verdict(packet: packet, seen: seen, trace: trace, finding: .skipped(""))
        if case .lost = seen.outcome {
            verdict.finding = .skipped("the kernel lost trace events")
            return verdict
        }
        let isInFragments = packet.packet.isFragment || packet.packet.length > 1280
        if isInFragments, IPVersion.allCases.contains(where: { !model.linked.baseChains($0, .egress).isEmpty }) {
            verdict.finding = .skipped("each fragment has its own way through egress")
            return verdict
        }
        if let reason = unsendable(packet, seen) {
            verdict.finding = .skipped(reason)
            return verdict
        }
        let sendsCopies = packet.packet.isFragment && ways(of: trace).contains(where: sendsCopy)
        if sendsCopies { verdict.finding = .skipped("copies leave in fragments of the same looks") }
        if whole == nil, packet.packet.isFragment, ways(of: trace).contains(where: isPutTogether) {
            // The kernel keeps it until the others are there.
            var fragment = packet
            let held = Comparison(model: model, seen: seen).untilKept(trace)
            if let then = held.fragment { fragment.packet = then }
            if sendsCopies {
                kept = fragment
                return verdict
            }
            verdict.finding = heldFinding(seen, held.differences)
            if mayComplete, verdict.disagrees {
                verdict.finding = .skipped("the kernel may have kept another fragment of the same number")
                return verdict
            }
            // Where that hangs on what nobody knows, it may have gone another way.
            if !verdict.disagrees || ways(of: trace).allSatisfy(isPutTogether) {
                kept = fragment
                return verdict
            }
        }
        if sendsCopies { return verdict }
        var comparison = Comparison(model: model, seen: seen)
        let left = seen.innerInterface.isEmpty ? seen.interface : seen.innerInterface
        comparison.holdsResets = true
        comparison.passesStandIn = standIns.contains(left)
        let agreement = comparison.agreement(of: trace)
        guard agreement.agrees else {
            let difference = Difference(
                texts: agreement.differences, packet: packet, seen: seen, trace: trace,
                completesFragments: whole != nil,
                isFirst: isFirst)
            if let reason = excuse(for: difference) {
                verdict.finding = .skipped(reason)
                return verdict
            }
            verdict.finding = .disagrees(agreement.differences)
            verdict.account = comparison.account + comparison.account(of: trace).prefix(16)
            return verdict
        }
        verdict.way = agreement.way
        coverage.add(agreement.way.steps, &labels)
        let open = unknowns(of: trace)
        // What looks at a port that NAT draws can't be known either.
        let drawn = drawsPort(trace) ? openByDrawnPort : []
        // How long a connection has lived is not told.
        let timed: Set<String> = packet.packet.protocol == .udp ? ["ct-status"] : []
        // Nor what earlier packets have made of the mark that a CT rule's template has.
        let remembered: Set<String> = model.compiled.marksTemplates ? ["mark"] : []
        let doubtsSets =
            doubtsSets || !excused.isDisjoint(with: open) || agreement.way.steps.contains(where: mayChangeSet)
        let needless = open.filter {
            !excused.contains(wholeField(of: $0)) && !drawn.contains(wholeField(of: $0)) && !timed.contains($0)
                && !remembered.contains($0) && !(doubtsSets && ofDoubtfulSets.contains($0))
        }
        verdict.finding =
            needless.isEmpty
            ? .agrees(undecided: open)
            : .disagrees(["undecided although all is known: \(needless.joined(separator: ", "))"])
        if !needless.isEmpty { verdict.account = comparison.account + comparison.account(of: trace).prefix(16) }
        for entry in agreement.way.end.connections { connections.update(entry) }
        sets = agreement.way.end.setChanges
        self.doubtsSets = doubtsSets && sets.isInDoubt
        // The kernel's errors meet rules too; those of REJECT are followed.
        if seen.hasOthers, agreement.way.end.outcome != .rejected {
            sets.doubtAll(changedBy: model)
            self.doubtsSets = sets.isInDoubt
        }
        return verdict
    }

    func targets(of steps: [Step]) -> [Target] {
        var targets: [Target] = []
        for case .rule(let step) in steps.map(\.kind) {
            for case .target(let target) in model.linked.rule(step.rule).statements { targets.append(target) }
        }
        return targets
    }

    /// Notes a fragment that the kernel may keep; whether one from another conversation, under other rules perhaps, may be
    /// there that it goes with. Those of IPv4 have the tag for their number, which comes again much later.
    /// Source: net/ipv6/netfilter/nf_conntrack_reasm.c, which keeps them for `IPV6_FRAG_TIMEOUT`, Linux 6.18.
    private mutating func keepsWaiting(_ packet: LabPacket, completes: Bool) -> Bool {
        guard let key = FragmentKey(packet.packet) else { return false }
        let now = ContinuousClock.now
        let isWaitedFor = waiting[key].map { $0 > now } ?? false
        waiting[key] = completes ? nil : now + .seconds(60)
        return isWaitedFor && !completes
    }

    /// Whether a rule did something to a set on some ways alone, which then went on alike: what decided is told no more. A
    /// copy that it sent may have met others.
    private func mayChangeSet(_ step: Step) -> Bool {
        guard case .rule(let rule) = step.kind else { return false }
        for case .target(let target) in model.linked.rule(rule.rule).statements {
            switch target {
            case .tee, .native(.duplicate): return true
            case .set(let set) where !step.isCertain && (set.add != nil || set.delete != nil): return true
            default: continue
            }
        }
        return false
    }

    private func sendsCopy(_ way: Way) -> Bool {
        targets(of: way.steps).contains {
            switch $0 {
            case .tee, .native(.duplicate): true
            default: false
            }
        }
    }

    /// What to make of a fragment that waits for others.
    private func heldFinding(_ seen: Observation, _ differences: [String]) -> Verdict.Finding {
        switch seen.outcome {
        case .gone, .unseen: return differences.isEmpty ? .agrees(undecided: []) : .disagrees(differences)
        case .forwarded, .sent, .delivered, .dropped, .rejected, .queued, .unroutable, .lost:
            return .disagrees(["a fragment that hookline keeps: kernel \(seen.outcome)"])
        }
    }

    private func request(_ packet: LabPacket, whole: Packet?) -> TraceRequest {
        var origin = Origin.host
        if case .wire(let name) = packet.arrival {
            // An interface that no input speaks of does not occur here.
            origin = .interface(model.names.find(name) ?? .empty)
        }
        var request = TraceRequest(packet: packet.packet, origin: origin)
        request.completes = whole
        request.recordsMisses = true
        request.destinationMAC = packet.destinationMAC
        request.isFromRawSocket = packet.arrival == .host
        request.holdsResets = true
        // No program runs there, and no socket is connected.
        request.assumptions["multicast-joined"] = "no"
        request.assumptions["socket"] = "no"
        for socket in model.host.listeners ?? [] where BoundSockets.isTransparent(socket) {
            guard let address = socket.address else { continue }
            let name = "socket@\(address):\(socket.port)/\(socket.protocol.shortName):transparent"
            request.assumptions[name] = "yes"
            request.assumptions[name + ":wildcard"] = "yes"
        }
        return request
    }

    /// Why a raw socket could not send what another might.
    private func unsendable(_ packet: LabPacket, _ seen: Observation) -> String? {
        guard packet.arrival == .host else { return nil }
        switch seen.outcome {
        case .unseen(error: EMSGSIZE): return "a raw socket sends no more than the link takes"
        case .unseen(error: EINVAL), .unroutable(error: EINVAL), .unseen(error: EADDRNOTAVAIL):
            guard packet.packet.version == .v6 else { return nil }
            if packet.packet.source.isLinkLocal { return "a socket is bound to a link's address with the link alone" }
            return packet.packet.source.isMulticast ? "no socket can be bound to this group" : nil
        default: return nil
        }
    }

    private func isPutTogether(_ way: Way) -> Bool { way.steps.contains(where: \.isDefragmentation) }
}

extension Step {
    var isDefragmentation: Bool {
        if case .defragmentation = kind { return true }
        return false
    }
}

/// By what the kernel finds the datagram that a fragment of IPv6 belongs to.
private struct FragmentKey: Hashable {
    var source: IPAddress
    var destination: IPAddress
    var number: [UInt8]

    /// `nil` for what is no fragment of IPv6.
    init?(_ packet: Packet) {
        guard packet.version == .v6, let header = PacketLayout(packet.bytes)?.firstExtension(.fragment),
            packet.bytes.count >= header.offset + 8
        else { return nil }
        (source, destination) = (packet.source, packet.destination)
        number = Array(packet.bytes[header.offset + 4..<header.offset + 8])
    }
}

/// What nobody can know from a snapshot and a packet: chance, the time, other programs, what rules counted before.
private let excused: Set<String> = [
    "limit", "hashlimit", "connlimit", "connlimit-empty", "template-mark", "quota", "statistic", "rateest", "recent",
    "time", "cpu",
    "nfqueue", "synproxy", "tproxy", "given-socket", "clusterip", "assured", "path-mtu", "next-hop", "neighbour-header",
    "nat-address",
    "nat-port", "rule",
    // Whose chains were hung up last, legacy's or nf_tables': no dump tells. Nor which nft loaded a text.
    "order", "nft-merges",
    // A packet's ports are known here until NAT draws one: net/netfilter/nf_nat_core.c `nf_nat_l4proto_unique_tuple`.
    "source-port", "destination-port", "reply-source-port", "reply-destination-port",
]

/// What may look at a port, by itself or as part of the packet's bytes.
private let openByDrawnPort: Set<String> = [
    "set", changedSet, "mark", "connection-mark", "string", "u32", "bpf", "original-source-port",
    "original-destination-port", "route",
    // A map of a native rule, and `@th,16,16`.
    "value", "vmap", "nat-address", "", "source-.-destination-port", "destination-.-destination-port",
    // The sum changes with the port.
    "tcp-checksum", "udp-checksum",
]

/// The field that `tcp dport & 0xff` asks for a part of.
private func wholeField(of kind: String) -> String { String(kind.split(separator: "-&-", maxSplits: 1).first ?? "") }

/// A set to which a rule may have done something.
private let changedSet = "changed-set"

/// What hangs on a set of which nobody knows what rules did to it: SET takes marks from it.
private let ofDoubtfulSets: Set<String> = [changedSet, "mark"]

/// Whether NAT drew a port for the packet, or has drawn one for its connection.
private func drawsPort(_ trace: Trace) -> Bool {
    let ports: PacketFields = [.sourcePort, .destinationPort]
    return ways(of: trace).contains { way in
        way.end.connections.contains { $0.translatedPorts != nil }
            || way.steps.contains {
                $0.view.packet.sourcePortChoices != nil || !$0.view.packet.unknown.isDisjoint(with: ports)
            }
    }
}

/// The kinds of the assumptions that a trace's branches rest on, sorted; empty for a sure answer.
private func unknowns(of trace: Trace) -> [String] {
    var found: Set<String> = []
    func visit(_ trace: Trace) {
        for branch in trace.branches {
            for assumption in branch.assumptions where !assumption.isGiven {
                for name in assumption.name.split(separator: "+") {
                    let kind = String(name.drop { $0 == "!" }.prefix { $0 != "@" && $0 != "=" })
                    found.insert(kind == "set" && name.contains("#") ? changedSet : kind)
                }
            }
            visit(branch.trace)
        }
        if trace.branches.isEmpty, trace.reason == .tooManyBranches { found.insert("too-many-branches") }
        if trace.branches.isEmpty, trace.outcome == .undecided { found.insert(trace.reason?.name ?? "undecided") }
    }
    visit(trace)
    return found.sorted()
}
