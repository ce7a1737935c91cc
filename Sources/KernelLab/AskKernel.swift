internal import ChainGraph
internal import KernelLink
internal import NetTypes
public import PacketPath
public import PathModel
internal import RuleModel
public import Snapshot
internal import SourceText

/// What this machine's kernel did with a packet, beside what a trace says of it.
public struct KernelAnswer: Hashable, Sendable {
    /// What it did otherwise, in words; empty where it agrees.
    public var differences: [String] = []
    /// The kernel's account, rule by rule, in words.
    public var account: [String] = []
    /// What of the snapshot could not be made again.
    public var leftOut: [String] = []

    public var agrees: Bool { differences.isEmpty }
}

/// Why a packet could not be put to the kernel: a sentence without a final stop.
public struct KernelRefusal: Error, Hashable, Sendable {
    public let words: String
}

private func isTakenByIPVS(_ trace: Trace) -> Bool {
    trace.steps.contains { if case .ipvs = $0.kind { true } else { false } }
        || trace.branches.contains { isTakenByIPVS($0.trace) } || trace.reply.contains { isTakenByIPVS($0) }
}

/// Builds the snapshot's node again in a scratch namespace of this machine, sends the very packet of `request`, and
/// compares what the kernel did with `trace`, and with its reply where it has one.
///
/// The host's own rules, links and connections are not touched: all happens in the new namespace, which ends with the
/// call.
public func askKernel(
    _ request: TraceRequest, of node: NodeState, _ model: HostModel, _ trace: Trace
) throws(KernelRefusal) -> KernelAnswer {
    let lacking = inputsLacking(node.host, request.packet.version)
    if !lacking.isEmpty {
        throw KernelRefusal(
            words: "the snapshot does not have what the node is made of: \(lacking.joined(separator: ", "))")
    }
    let rules = node.host.routingRules(request.packet.version) ?? []
    if request.origin == .host,
        rules.contains(where: { $0.protocol != nil || $0.sourcePorts != nil || $0.destinationPorts != nil })
    {
        // Observed on Linux 6.18: the first look-up of a raw socket's packet has neither.
        throw KernelRefusal(
            words: "an 'ip rule' asks for protocol or ports, and the laboratory's raw socket is routed without them")
    }
    if isTakenByIPVS(trace) {
        throw KernelRefusal(
            words: "IPVS takes the packet, whose virtual services are not built again in the laboratory")
    }
    do throws(LabFailure) {
        let namespace = try ScratchNamespace()
        var scratch = try ScratchNode(node)
        try scratch.load(node)
        var answer = KernelAnswer()
        answer.leftOut = scratch.leftOut
        let question = try KernelQuestion(request, trace, model, &scratch)
        try question.ask(&scratch, into: &answer)
        try namespace.leave()
        return answer
    } catch {
        throw KernelRefusal(words: error.description)
    }
}

/// Commands whose output a node can't be made again without.
private func inputsLacking(_ host: HostState, _ version: IPVersion) -> [String] {
    var lacking: [String] = []
    if !host.knowsInterfaces || !host.knowsAddresses(version) { lacking.append("ip -d addr") }
    if host.routesKnown(version) == .none { lacking.append("ip route show table all") }
    return lacking
}

/// One packet to be put to the kernel, with its answer.
private struct KernelQuestion {
    let request: TraceRequest
    let trace: Trace
    let model: HostModel
    let packet: Packet
    /// `nil`: made here.
    let arrival: String?
    /// Whether no route gives the host's own packet a source, so that it can't be sent.
    var hasNoSource = false

    init(
        _ request: TraceRequest, _ trace: Trace, _ model: HostModel, _ scratch: inout ScratchNode
    ) throws(LabFailure) {
        var packet = request.packet
        if !packet.unknown.isDisjoint(with: [.source, .destination, .protocol]) {
            throw LabFailure(call: "", code: 0, words: "the packet's addresses or protocol are not known")
        }
        switch request.origin {
        case .host:
            arrival = nil
            if packet.source.isZero {
                if let source = scratch.laboratory.sourceAddress(to: packet.destination, mark: packet.mark) {
                    packet.source = source
                } else {
                    hasNoSource = true
                }
            }
        case .interface(let name): arrival = model.names.text(request.inPort ?? name)
        case .anyInterface:
            guard let name = ways(of: trace).first?.steps.first?.view.inInterface else {
                throw LabFailure(
                    call: "", code: 0, words: "nothing tells by which interface the packet comes in: --in INTERFACE")
            }
            arrival = model.names.text(name)
        }
        self.packet = packet
        self.request = request
        self.trace = trace
        self.model = model
    }

    func ask(_ scratch: inout ScratchNode, into answer: inout KernelAnswer) throws(LabFailure) {
        if hasNoSource {
            var seen = Observation()
            seen.outcome = .unroutable(error: 0)
            return compare(seen, trace, scratch, nil, "", into: &answer)
        }
        try makeState(&scratch)
        let hasReply = !trace.reply.isEmpty
        // The host's own resets would end the connection whose reply is asked about.
        try scratch.laboratory.holdResets(hasReply)
        let seen = try scratch.laboratory.observe(dispatch(packet, from: arrival))
        compare(seen, trace, scratch, arrival, "", into: &answer)
        // Of a reply that comes by a tunnel the packet inside is sent; the laboratory wraps it.
        guard answer.agrees, let reply = trace.reply.first,
            let first = ways(of: reply).first?.steps.first(where: { $0.layer == 0 })?.view.packet
        else { return }
        let back: String?
        switch seen.outcome {
        case .delivered: back = nil
        case .forwarded, .sent: back = seen.innerInterface.isEmpty ? seen.interface : seen.innerInterface
        default: return
        }
        var way = dispatch(first, from: back)
        way.observesWrapping = true
        let returned = try scratch.laboratory.observe(way)
        compare(returned, reply, scratch, back, "reply: ", into: &answer)
    }

    private func dispatch(_ packet: Packet, from arrival: String?) -> Dispatch {
        var sender = LocalSender()
        sender.mark = packet.mark
        sender.userID = packet.userID
        sender.groupID = packet.groupID
        var dispatch = Dispatch(packet.encoded(), arrival.map { .interface($0) } ?? .host(sender))
        if arrival != nil, packet.mark != 0 { dispatch.mark = packet.mark }
        dispatch.sourceMAC = packet.sourceMAC
        return dispatch
    }

    private func makeState(_ scratch: inout ScratchNode) throws(LabFailure) {
        guard let state = request.state, state != .new else { return }
        guard state == .established else {
            throw LabFailure(call: "--state", code: 0, words: "only 'new' and 'established' can be made for the kernel")
        }
        var original = ConnectionTuple(
            source: packet.source, destination: packet.destination, protocol: packet.protocol)
        var reply = ConnectionTuple(
            source: packet.destination, destination: packet.source, protocol: packet.protocol)
        (original.sourcePort, original.destinationPort) = (packet.sourcePort, packet.destinationPort)
        (reply.sourcePort, reply.destinationPort) = (packet.destinationPort, packet.sourcePort)
        if packet.protocol.isICMP {
            (original.icmpType, original.icmpCode) = (packet.icmpType, packet.icmpCode)
            original.sourcePort = packet.icmpIdentifier
        }
        var entry = ConnectionEntry(original: original, reply: reply, place: .none)
        entry.status = [.seenReply, .assured, .confirmed]
        entry.mark = request.connectionMark ?? 0
        if packet.protocol == .tcp { entry.tcpState = .established }
        try scratch.laboratory.netfilter.add(entry)
    }

    private func compare(
        _ seen: Observation, _ trace: Trace, _ scratch: borrowing ScratchNode, _ arrival: String?, _ what: String,
        into answer: inout KernelAnswer
    ) {
        var comparison = Comparison(model: model, seen: seen)
        let left = seen.innerInterface.isEmpty ? seen.interface : seen.innerInterface
        comparison.holdsResets = !self.trace.reply.isEmpty
        comparison.passesStandIn =
            scratch.standIns.contains(left) || arrival.map { scratch.standIns.contains($0) } ?? false
        if case .lost = seen.outcome {
            answer.differences.append(what + "the kernel lost events of its trace: ask again")
        }
        answer.differences += comparison.agreement(of: trace).differences.map { what + $0 }
        answer.account += comparison.account.map { what + $0 }
    }
}

/// The release of the running kernel, such as `6.18.0`.
public func kernelVersion() -> String { ScratchNamespace.setting("kernel.osrelease") ?? "of unknown version" }
