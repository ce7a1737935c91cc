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
        self.nodes = nodes
        self.settings = settings
        tracers = nodes.map { Tracer($0.node, $0.makeModel(), settings) }
    }

    private var models: [HostModel] { tracers.map { $0.model } }

    /// The node that the packet starts on.
    func start(_ description: PacketDescription) throws(UsageFailure) -> Int {
        if nodes.count == 1 { return 0 }
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
        var answer = try tracers[index].answer(description)
        if settings.asksKernel { answer.askKernel(of: nodes[index].node, tracers[index].model) }
        follow(&answer, from: index, depth: 1)
        return answer
    }

    private mutating func follow(_ answer: inout TraceAnswer, from index: Int, depth: Int) {
        guard depth < Self.limit else { return }
        for (place, end) in answer.trace.ends.enumerated() {
            guard let arriving = arrival(of: end, from: index, among: models) else { continue }
            var there = follow(arriving, reply: settings.roundTrip, with: [])
            follow(&there, from: arriving.node, depth: depth + 1)
            answer.back[place] = back(there, to: index, connections: end.connections)
            answer.onward[place] = nodeAnswer(there, arriving.node)
        }
        // The reply that was taken to come straight back is told by the nodes themselves.
        if !answer.onward.isEmpty { answer.trace.removeReplies() }
    }

    /// The reply that the last node sends, on the node that the packet came from.
    private mutating func back(_ there: TraceAnswer, to index: Int, connections: [ConnectionEntry]) -> NodeAnswer? {
        guard settings.roundTrip, there.onward.isEmpty, there.trace.branches.isEmpty,
            let reply = there.trace.reply.first, reply.branches.isEmpty
        else { return nil }
        for node in models.indices where node != index {
            guard let arriving = arrival(of: reply, from: node, among: models), arriving.node == index else { continue }
            return nodeAnswer(follow(arriving, reply: false, with: connections), index)
        }
        return nil
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

extension Trace {
    fileprivate mutating func removeReplies() {
        reply = []
        for index in branches.indices { branches[index].trace.removeReplies() }
    }
}
