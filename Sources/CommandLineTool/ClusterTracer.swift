internal import Annotations
internal import Answers
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

/// Answers a packet on one node, or across several: out of one's tunnel or wire and into the next.
struct ClusterTracer {
    /// A packet crosses no more nodes than this: enough for there and back by a third.
    private static let limit = 4

    let nodes: [LoadedNode]
    private var tracers: [Tracer]
    private let settings: TraceSettings

    init(_ nodes: [LoadedNode], _ settings: TraceSettings) {
        self.init(nodes, nodes.map { $0.makeModel() }, settings)
    }

    init(_ nodes: [LoadedNode], _ models: [HostModel], _ settings: TraceSettings) {
        self.nodes = nodes
        self.settings = settings
        tracers = zip(nodes, models).map { Tracer($0.node, $1, settings) }
    }

    private var models: [HostModel] { tracers.map { $0.model } }

    /// The node that the packet starts on.
    func start(_ description: PacketDescription) throws(UsageFailure) -> Int {
        if nodes.count == 1 { return 0 }
        if let name = settings.startNode {
            guard let index = nodes.firstIndex(where: { $0.name == name }) else {
                let names = nodes.map(\.name).joined(separator: ", ")
                throw UsageFailure("--start: no node is called '\(escapedForTerminal(name))'; there are \(names)")
            }
            return index
        }
        let models = self.models
        let names = nodes.map(\.name).joined(separator: ", ")
        if case .interface(let name)? = description.arrival {
            let found = nodes.indices.filter { index in
                nodes[index].node.host.interfaces.contains { models[index].names.text($0.name) == name }
            }
            if found.count == 1 { return found[0] }
        }
        switch description.source {
        case .address(let address)?:
            if let home = home(of: address, among: models) { return home }
            // A client from elsewhere comes to the node that it asks.
            if case .address(let asked)? = description.destination, let home = home(of: asked, among: models) {
                return home
            }
            throw UsageFailure(
                "no one node has \(address); --start says which node the packet comes to first: \(names)")
        case .named(let kind, let name)?:
            if kind == "node", let index = nodes.firstIndex(where: { $0.name == name }) { return index }
            for node in nodes {
                for pod in node.node.cluster.pods where "\(pod.namespace)/\(pod.name)" == name {
                    if let index = nodes.firstIndex(where: { $0.node.name == pod.node }) { return index }
                    if let address = pod.addresses.first, let home = home(of: address, among: models) { return home }
                }
            }
            throw UsageFailure("it is not known which node \(kind):\(name) is on; --start says it: \(names)")
        case .host?, .internet?, nil:
            throw UsageFailure(
                "several nodes are here; --start says which one the packet comes to first, or is made on: \(names)")
        }
    }

    /// Follows the packet on `index` and on from there.
    mutating func answer(_ description: PacketDescription, at index: Int) throws(PacketFailure) -> TraceAnswer {
        var answer = try tracers[index].answer(description)
        if settings.asksKernel { answer.askKernel(of: nodes[index].node, tracers[index].model) }
        followOn(&answer, from: index)
        return answer
    }

    /// Follows a packet that comes to `index`, and on from there.
    mutating func answer(_ request: TraceRequest, at index: Int) -> TraceAnswer {
        var answer = tracers[index].follow(request, with: [])
        followOn(&answer, from: index)
        return answer
    }

    private mutating func followOn(_ answer: inout TraceAnswer, from index: Int) {
        if nodes.count == 1 { return }
        follow(&answer, from: index, Travel(isAsking: settings.roundTrip))
        answer.judgeSenders()
        tellSender(&answer)
    }

    /// What a packet brought from the nodes that it came by.
    private struct Travel {
        /// Whether its answer is followed too.
        var isAsking: Bool
        var depth = 1
        /// The connections that it left on each.
        var connections: [Int: [ConnectionEntry]] = [:]
    }

    private mutating func follow(_ answer: inout TraceAnswer, from index: Int, _ travel: Travel) {
        for (place, end) in answer.trace.ends.enumerated() {
            guard let arriving = arrival(of: end, from: index, among: models) else {
                answer.astray[place] = astray(end, from: index)
                // What is not sure to get there has no answer that is.
                if answer.astray[place] != nil { continue }
                let replies = travel.isAsking ? end.reply.flatMap { $0.ends } : []
                if let stray = replies.compactMap({ astrayReply($0, from: index) }).first {
                    answer.strayReplies[place] = stray
                }
                continue
            }
            guard travel.depth < Self.limit else {
                answer.astray[place] = .tooFar(next: nodes[arriving.node].name)
                continue
            }
            var onward = travel
            onward.depth += 1
            onward.connections[index, default: []] += end.connections
            answer.strayReplies[place] = nil
            var there = follow(arriving, reply: travel.isAsking, with: travel.connections[arriving.node] ?? [])
            tracers[arriving.node].takeForGranted(in: &there)
            follow(&there, from: arriving.node, onward)
            tellSender(&there)
            answer.onward[place] = nodeAnswer(there, arriving.node)
            if travel.isAsking { followBack(&answer, place, from: arriving.node, onward) }
        }
        // The reply that was taken to come straight back is told by the nodes themselves, or not known.
        let (onward, astray) = (answer.onward, answer.astray)
        answer.trace.changeEnds { end, place in
            if onward[place] != nil || astray[place] != nil { end.reply = [] }
        }
    }

    /// Follows the answer to one end from the node where it was last, to the node it comes to.
    private mutating func followBack(_ answer: inout TraceAnswer, _ place: Int, from index: Int, _ travel: Travel) {
        var arriving: [ArrivingPacket?] = []
        for reply in answer.lastReplies(at: place) where reply.end.outcome.isThrough && reply.astray == nil {
            let last = reply.node.flatMap { node in nodes.firstIndex { $0.name == node.node } } ?? index
            let next = arrival(of: reply.end, from: last, among: models)
            if !arriving.contains(next) { arriving.append(next) }
        }
        guard let next = arriving.first, let next else { return }
        if arriving.count > 1 {
            answer.strayReplies[place] = .severalNodes
            return
        }
        var back = follow(next, reply: false, with: travel.connections[next.node] ?? [])
        follow(&back, from: next.node, Travel(isAsking: false))
        answer.back[place] = nodeAnswer(back, next.node)
    }

    /// That a packet which comes to none of the nodes has its destination on one.
    private func astray(_ end: Trace, from index: Int) -> Astray? {
        if end.outcome == .delivered, !end.inner.isEmpty { return .wrapped }
        guard end.outcome == .forwarded || end.outcome == .sent, let last = end.last else { return nil }
        let packet = end.inner.first ?? last.packet
        guard !packet.unknown.contains(.destination), let home = home(of: packet.destination, among: models),
            home != index
        else { return nil }
        let outer = end.inner.isEmpty || last.packet.unknown.contains(.destination) ? nil : last.packet.destination
        return .elsewhere(hop: outer ?? end.nextHop, destination: packet.destination, home: nodes[home].name)
    }

    private func astrayReply(_ end: Trace, from index: Int) -> Astray? {
        arrival(of: end, from: index, among: models) == nil ? astray(end, from: index) : nil
    }

    /// Has the packet's sender notice what other nodes do with it, and with its answer.
    private func tellSender(_ answer: inout TraceAnswer) {
        let all = answer
        answer.trace.changeEnds { end, place in
            if let next = all.onward[place]?.answer {
                let views = next.trace.ends.map { $0.senderView }
                let view = views.first ?? nil
                end.senderView = views.allSatisfy { $0 == view } ? view : nil
            }
            if all.astray[place] != nil { end.senderView = nil }
            switch all.replyFate(at: place) {
            case .lost?: if end.senderView != nil { end.senderView = .timeout }
            case .unknown?: end.senderView = nil
            case .arrives?, nil: break
            }
        }
    }

    private mutating func follow(
        _ arriving: ArrivingPacket, reply: Bool, with entries: [ConnectionEntry]
    ) -> TraceAnswer {
        var request = arriving.request
        request.traceReply = reply
        return tracers[arriving.node].follow(request, with: entries)
    }

    private func nodeAnswer(_ answer: TraceAnswer, _ index: Int) -> NodeAnswer {
        let node = nodes[index].node
        let model = tracers[index].model
        return NodeAnswer(
            node: nodes[index].name, answer: answer, model: model,
            annotations: AnnotatedRuleset(model.linked, cluster: node.cluster), files: node.files)
    }

    func model(_ index: Int) -> HostModel { tracers[index].model }

    /// Assumptions that no node asked for, and values that no node has for one.
    func unusedAssumptions() -> (names: [String], wrongValues: [UsageFailure]) {
        let unused = tracers.map { $0.unusedAssumptions() }
        let names = unused.dropFirst().reduce(unused.first?.names ?? []) { common, next in
            common.filter { next.names.contains($0) }
        }
        let wrong = unused.dropFirst().reduce(unused.first?.wrongValues ?? []) { common, next in
            common.filter { next.wrongValues.contains($0) }
        }
        return (names, wrong)
    }
}
