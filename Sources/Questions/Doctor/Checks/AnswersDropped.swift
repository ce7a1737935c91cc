internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// FORWARD lets connections begin in one direction and drops what is answered: a rule for NEW, or for one pair of
/// interfaces, and none for ESTABLISHED.
let answersDropped = DoctorCheck(
    "answers-dropped", "FORWARD lets packets through one way, and drops the answers to them", needs: [.interfaces]
) { patient in
    var findings: [DoctorFinding] = []
    var told: Set<Place> = []
    for flow in patient.flowsThatAreAnswered {
        guard let (trace, options) = patient.trace(flow.packet, andReply: true), let there = trace.ways.first,
            trace.branches.isEmpty, trace.outcome == .forwarded, let answer = trace.reply.first,
            let way = FollowedPacket(ways: answer.ways, options: options).agreed, way.isLost,
            let decider = patient.forwardDecider(way), let base = patient.baseChain(ending: way),
            told.insert(decider.place).inserted
        else { continue }
        let acceptor = there.rules.last { $0.verdict == .accept && patient.isReached($0.rule.chain, from: .forward) }
        var finding = DoctorFinding(
            .problem, "\(decider.text) drops the answers to \(flow.text), which it lets through",
            evidence: (acceptor.map { [patient.evidence($0.rule, "lets the first packet through")] } ?? [])
                + [DoctorFinding.Evidence(decider.place, "drops the answer")],
            remedies: [
                "let answers through first thing in \(patient.path(of: base)): "
                    + patient.insertion(
                        into: base, "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                        nft: "ct state related,established accept")
            ])
        finding.traffic = "every connection that begins so: it never opens"
        finding.example = options
        findings.append(finding)
    }
    return findings
}

extension Patient {
    fileprivate var flowsThatAreAnswered: [SampleFlow] {
        let outside = podFlows.filter { $0.packet.destination == .internet }
        return networkFlows.map { $0.sample } + outside
    }

    /// The rule or policy of FORWARD that ended a way, with words for it.
    fileprivate func forwardDecider(_ way: TracedWay) -> (text: String, place: Place)? {
        guard way.decider?.view.hook == .forward else { return nil }
        if let rule = way.rule { return (cite(rule), linked.rule(rule).place) }
        if let chain = way.policy { return ("the policy of \(path(of: chain))", linked.chain(chain).place) }
        return nil
    }
}
