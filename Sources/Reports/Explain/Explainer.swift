internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel

/// Tells one whole way of a packet in the words of the programs that wrote the rules: which policies were asked, which
/// Service was meant, who translated it for whom.
struct Explainer {
    let reporter: TraceReporter
    let way: Way

    var quotes: Quotes { reporter.quotes }
    var annotations: AnnotatedRuleset { reporter.annotations }

    func explanations() -> [Explanation] {
        let visits = endpointVisits()
        var told: [Explanation] = []
        for index in way.steps.indices {
            if let place = visits.firstIndex(where: { $0.start == index }) {
                told += explain(visits[place], at: place)
            }
            if case .translation(let translation) = way.steps[index].kind {
                told += explain(translation, at: index)
            }
            if case .ipvs(let virtual) = way.steps[index].kind { told.append(explain(virtual, at: index)) }
        }
        if let index = way.trace.decidedBy, index < way.steps.count,
            !visits.contains(where: { $0.range.contains(index) && $0.isDecided }),
            let end = explainDecision(index)
        {
            told.append(end)
        }
        if let untaken = untakenService { told.append(untaken) }
        return told + explainEnd()
    }

    /// A packet to a Service by an address of this host, such as to a node port, that nothing has translated: it is taken
    /// for the host's own.
    private var untakenService: Explanation? {
        guard !isReply, way.tunnel == nil, way.steps.contains(where: { $0.view.hook == .input && $0.layer == 0 }) else {
            return nil
        }
        var isNew = false
        for step in way.steps {
            switch step.kind {
            case .translation, .ipvs: return nil
            // Rules that translate are asked of what begins a connection alone.
            case .conntrack(let state, _, _): if state == .new { isNew = true }
            default: continue
            }
        }
        // IPVS takes no packet from the midst of a connection that it does not know.
        let packet = way.ownPacket
        guard isNew, virtualService(of: packet) == nil else { return nil }
        // What refuses a Service's packets is told by itself.
        if let index = way.trace.decidedBy, index < way.steps.count, purpose(index)?.maker == .kubeProxy { return nil }
        guard
            let name = annotations.service(at: packet.destination, port: packet.destinationPort, packet.protocol),
            annotations.linked.chainIDs.contains(where: { annotations.purpose(of: ChainID($0))?.maker == .kubeProxy })
        else { return nil }
        return Explanation(
            text:
                "port \(packet.destinationPort)/\(packet.protocol.shortName) of \(addressName(packet.destination)) is"
                + " service \(name.text)'s, and no rule of kube-proxy's on this node translates the packet: it is taken"
                + " for one to the host itself")
    }

    /// IPVS's own for the packet's destination and port.
    private func virtualService(of packet: Packet) -> VirtualService? {
        quotes.model.host.virtualServices?.first {
            $0.key == .address(packet.protocol, packet.destination, port: packet.destinationPort)
        }
    }

    /// The purpose of the rule at `index`, and of its chain where the rule has none of its own.
    func purpose(_ index: Int) -> Purpose? {
        guard case .rule(let step) = way.steps[index].kind else { return nil }
        return annotations.purpose(of: step.rule) ?? annotations.purpose(of: step.rule.chain)
    }

    /// The rule that ended the way where it did not get through, or refused it: who made it, and what for.
    private func explainDecision(_ index: Int) -> Explanation? {
        guard let purpose = purpose(index) else { return nil }
        if way.trace.outcome.isThrough {
            guard case .calico(let own) = purpose, let text = acceptance(own) else { return nil }
            return Explanation(text: way.tunnel == nil ? text : "the outer packet: \(text)", step: index)
        }
        if case .kubeProxy(let own) = purpose {
            let named = own == .rejectEmpty ? serviceOfElement(before: index).map { .noEndpoints($0) } ?? own : own
            if let text = refusal(named) { return Explanation(text: text, step: index) }
        }
        if case .calico(let own) = purpose, let text = denial(own) { return Explanation(text: text, step: index) }
        return Explanation(text: "\(purpose.maker.name): \(purpose.text)", step: index)
    }

    /// Accepts that are no policy's.
    private func acceptance(_ purpose: CalicoPurpose) -> String? {
        switch purpose {
        case .failsafe(let direction):
            "port \(way.steps.last?.view.packet.destinationPort ?? way.packet.destinationPort) is among Felix's failsafe"
                + " \(direction == .ingress ? "inbound" : "outbound") ports, which no policy can close"
        case .endpointToHostAction:
            "what egress policy lets a workload send to its own host, DefaultEndpointToHostAction decides about: it"
                + " accepts, and no policy of a host endpoint is asked"
        case .tunnelFromHost(let tunnel): "\(tunnel.name) packets of Calico's hosts are let in whatever policy says"
        case .tunnelToHost(let tunnel): "\(tunnel.name) packets to Calico's hosts are let out whatever policy says"
        default: nil
        }
    }

    private func refusal(_ purpose: KubeProxyPurpose) -> String? {
        switch purpose {
        case .noEndpoints(let name):
            "service \(name.text) has no ready endpoint on any node, so kube-proxy refuses its packets"
        case .noLocalEndpoints(let name):
            "service \(name.text) has traffic policy Local and no ready endpoint on this node, so kube-proxy drops"
                + " what comes here for it; nodes that have one answer"
        case .outsideSourceRanges(let name):
            "\(way.packet.source) is in none of the loadBalancerSourceRanges of service \(name.text), so kube-proxy"
                + " drops it"
        case .dropInvalid:
            "conntrack calls the packet invalid, and kube-proxy drops what is: otherwise it would pass untranslated"
        default: nil
        }
    }

    /// Why none of kube-proxy's rules took a packet to a Service.
    private var whyNotTaken: String {
        let packet = way.steps.last?.view.packet ?? way.packet
        if virtualService(of: packet)?.servers.isEmpty == false {
            return "IPVS has it, and no link of this host has the address, so that IPVS was not asked"
        }
        let translates = reporter.quotes.linked.ruleset.tables.contains { table in
            table.chains.contains { $0.base?.type == .nat }
        }
        return translates
            ? "no such Service or port, or no endpoints" : "the snapshot has no table nat, where they are"
    }

    private func denial(_ purpose: CalicoPurpose) -> String? {
        switch purpose {
        case .serviceLoop:
            "\(way.steps.last?.view.packet.destination ?? way.packet.destination) is in a Service range, and no rule of"
                + " kube-proxy's took the packet (\(whyNotTaken)): Calico's loop prevention drops it before any REJECT answers"
        case .antiSpoofing:
            "Calico lets a workload send from its own addresses only, and no route leads back to"
                + " \(way.packet.source) by the interface it came from"
        case .tunnelFromStranger(let tunnel):
            "\(tunnel.name) packets are let in from Calico's hosts only, and the list of them does not have"
                + " \(way.packet.source)"
        case .unknownInterface(let direction):
            "Calico knows no workload endpoint of the interface that this"
                + (direction == .egress ? " came from" : " goes to")
                + ": Felix has not (or no longer) heard of it, or it has another prefix than its endpoints"
        default: nil
        }
    }
}
