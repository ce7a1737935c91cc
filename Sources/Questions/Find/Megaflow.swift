internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
public import PacketPath
public import PathModel
internal import RuleModel
internal import SourceText

/// All packets that are treated as the one of a trace is: those of its class, or of each of its classes where unknowns decide
/// among several. `nil` where it is not known by which interface the packet comes in.
///
/// The connections of the input are left aside; the packet's state is the one that the trace told.
public func megaflow(of trace: Trace, _ request: TraceRequest, on model: HostModel) -> FindAnswer? {
    let packet = request.packet
    let arrival: Symbol?
    switch request.origin {
    case .host: arrival = nil
    case .interface(let name): arrival = name
    case .anyInterface:
        guard let text = trace.assumptions.first(where: { $0.name == "in" })?.value,
            let name = model.names.find(text)
        else { return nil }
        arrival = name
    }
    var free: Set<PacketField> = []
    if packet.mark != 0 { free.insert(.mark) }
    if packet.ttl != 64 { free.insert(.ttl) }
    if packet.tos != 0 { free.insert(.tos) }
    if packet.protocol == .tcp, packet.tcpFlags != .syn { free.insert(.tcpFlags) }
    if request.connectionMark ?? 0 != 0 { free.insert(.connectionMark) }
    let space = PacketSpace(
        packet.version, for: [model], free: free,
        strangers: model.host.interfaces.isEmpty ? [arrival].compactMap { $0 } : [])
    guard space.interfaces.contains(arrival) else { return nil }
    var example = ExamplePacket(packet: packet, arrival: arrival, state: state(trace, request))
    example.connectionMark = request.connectionMark ?? 0
    let own = space.packets(as: example)
    let analysis = analyze(model, arrival == nil ? .host : .wire, in: space)
    var found: [FoundPackets] = []
    for one in analysis.classes where !space.and(one.packets, own).isEmpty {
        var title = one.end.outcome.name
        if let rule = one.end.rule { title += " by \(model.linked.path(of: rule.chain)):\(rule.index + 1)" }
        if let chain = one.end.chain { title += " by the policy of \(model.linked.path(of: chain))" }
        if let interface = one.end.interface { title += " by \(model.names.text(interface))" }
        if case .given(let address) = one.destination { title += ", to \(address)" }
        if case .given(let address) = one.source { title += ", as \(address)" }
        found.append(FoundPackets(title: title, packets: one.packets))
    }
    if found.isEmpty { return nil }
    return FindAnswer(
        version: packet.version, space: space, asked: analysis.domain, found: found, granted: [])
}

private func state(_ trace: Trace, _ request: TraceRequest) -> ArrivalState {
    var states = request.state ?? .new
    for step in trace.steps {
        guard case .conntrack(let told, _, _) = step.kind else { continue }
        states = told
        break
    }
    if states.contains(.established) { return .established }
    if states.contains(.related) { return .related }
    if states.contains(.invalid) { return .invalid }
    return states.contains(.untracked) ? .untracked : .new
}
