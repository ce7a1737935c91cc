internal import Annotations
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports
internal import RuleModel
internal import Snapshot
internal import SourceText

/// Answers a packet that may cross several nodes: out of one's tunnel or wire and into the next.
struct ClusterTracer {
    /// A packet crosses no more nodes than this: enough for there and back by a third.
    private static let limit = 4

    let nodes: [LoadedNode]
    private var models: [HostModel]
    private let settings: TraceSettings

    init(_ nodes: [LoadedNode], _ settings: TraceSettings) {
        self.nodes = nodes
        self.settings = settings
        models = nodes.map { $0.makeModel() }
    }

    /// The node that the packet starts on.
    func start(_ description: PacketDescription) throws(UsageFailure) -> Int {
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
            throw UsageFailure("no one node has \(address); --node says where the packet starts: \(names)")
        case .named(let kind, let name)?:
            if kind == "node", let index = nodes.firstIndex(where: { $0.name == name }) { return index }
            for node in nodes {
                for pod in node.node.cluster.pods where "\(pod.namespace)/\(pod.name)" == name {
                    if let index = nodes.firstIndex(where: { $0.node.name == pod.node }) { return index }
                    if let address = pod.addresses.first, let home = home(of: address, among: models) { return home }
                }
            }
            throw UsageFailure("it is not known which node \(kind):\(name) is on; --node says it: \(names)")
        case .host?, .internet?, nil:
            throw UsageFailure("several nodes are here; --node says where the packet starts: \(names)")
        }
    }

    /// Follows the packet on `index` and on from there.
    mutating func answer(_ description: PacketDescription, at index: Int) throws(PacketFailure) -> TraceAnswer {
        var tracer = Tracer(nodes[index].node, models[index], settings)
        var answer = try tracer.answer(description)
        models[index] = tracer.model
        follow(&answer, from: index, depth: 1)
        return answer
    }

    private func follow(_ answer: inout TraceAnswer, from index: Int, depth: Int) {
        guard depth < Self.limit else { return }
        for (place, end) in answer.trace.ends.enumerated() {
            guard let arriving = arrival(of: end, from: index, among: models) else { continue }
            var there = self.answer(arriving, reply: settings.roundTrip, connections: [])
            follow(&there, from: arriving.node, depth: depth + 1)
            answer.back[place] = back(there, to: index, connections: end.connections)
            answer.onward[place] = nodeAnswer(there, arriving.node)
        }
        // The reply that was taken to come straight back is told by the nodes themselves.
        if !answer.onward.isEmpty { answer.trace.removeReplies() }
    }

    /// The reply that the last node sends, on the node that the packet came from.
    private func back(_ there: TraceAnswer, to index: Int, connections: [ConnectionEntry]) -> NodeAnswer? {
        guard settings.roundTrip, there.onward.isEmpty, there.trace.branches.isEmpty,
            let reply = there.trace.reply.first, reply.branches.isEmpty
        else { return nil }
        for node in models.indices where node != index {
            guard let arriving = arrival(of: reply, from: node, among: models), arriving.node == index else { continue }
            return nodeAnswer(answer(arriving, reply: false, connections: connections), index)
        }
        return nil
    }

    private func answer(
        _ arriving: ArrivingPacket, reply: Bool, connections: [ConnectionEntry]
    ) -> TraceAnswer {
        var request = arriving.request
        request.traceReply = reply
        request.recordsMisses = settings.detail == .full
        let model = models[arriving.node]
        var table = model.connections
        for entry in connections { table.update(entry) }
        let trace = PacketPath.trace(request, on: model, connections: table)
        var answer = TraceAnswer(trace: trace, request: request)
        answer.missing = missingInputs(for: trace, request, of: nodes[arriving.node].node.missing)
        return answer
    }

    private func nodeAnswer(_ answer: TraceAnswer, _ index: Int) -> NodeAnswer {
        let node = nodes[index].node
        return NodeAnswer(
            node: nodes[index].name, answer: answer, model: models[index],
            annotations: AnnotatedRuleset(models[index].linked, cluster: node.cluster), files: node.files)
    }

    func model(_ index: Int) -> HostModel { models[index] }
}

extension Trace {
    fileprivate mutating func removeReplies() {
        reply = []
        for index in branches.indices { branches[index].trace.removeReplies() }
    }
}
