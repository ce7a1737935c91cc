internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import RuleModel

extension Explainer {
    /// What the policy of one endpoint said of the packet; `place` counts the way's visits.
    func explain(_ visit: EndpointVisit, at place: Int) -> [Explanation] {
        guard let subject = subject(visit.purpose) else { return [] }
        guard let index = visit.decision, case .calico(let decision)? = purpose(index) else { return [] }
        switch decision {
        case .policyRule(let name, _, let rule):
            let text = "\(subject): \(rule.number) of \(name.text) \(rule.action == .allow ? "allows" : "denies") it"
            return [Explanation(text: text, step: index)]
        case .profileRule(let name, _, let rule):
            let why =
                visit.asked.contains { $0.purpose.isPolicy }
                ? "every tier passed it on, and " : "no policy is about it, and "
            let verb = rule.action == .allow ? "allows" : "denies"
            return [Explanation(text: "\(subject): \(why)profile \(name) \(verb) it", step: index)]
        case .tierEnd(let tier, let direction):
            let text =
                "\(subject) denies it: policies of tier \(tier) are about this endpoint, none of them allowed the packet,"
                + " and what they do not allow is dropped at the tier's end. No rule of a policy denied it"
            var end = Explanation(text: text, details: tried(visit, at: place), step: index)
            end.details.append(
                "to let it through, a policy of tier \(tier) that is about this endpoint must allow"
                    + " \(trafficText(way.steps[index].view.packet, direction))")
            return [end]
        case .noProfile:
            let profiles = visit.asked.filter { !$0.purpose.isPolicy }
            let why =
                (visit.asked.count > profiles.count
                    ? "every tier passed it on" : "no policy is about this endpoint in this direction")
                + (profiles.isEmpty ? ", and it has no profile" : ", and none of its profiles allows the packet")
            return [Explanation(text: "\(subject) denies it: \(why)", details: tried(visit, at: place), step: index)]
        case .established:
            return [
                Explanation(
                    text: "\(subject) is not asked: the packet belongs to a connection that was let through",
                    step: index)
            ]
        case .invalid:
            return [
                Explanation(
                    text: "\(subject) is not asked: conntrack calls the packet invalid, and Calico drops what is",
                    step: index)
            ]
        case .encapsulatedFromWorkload(let tunnel):
            return [
                Explanation(
                    text: "\(subject): a workload may not send \(tunnel.name) packets of its own, whatever policy says",
                    step: index)
            ]
        case .endpointDisabled:
            return [Explanation(text: "\(subject) denies it: the endpoint is administratively down", step: index)]
        case .forwardedByDefault:
            return [
                Explanation(text: "\(subject) lets forwarded traffic through: none of it is about that", step: index)
            ]
        default: return []
        }
    }

    /// `the ingress policy of pod shop/web (cali1234)`.
    private func subject(_ purpose: CalicoPurpose) -> String? {
        switch purpose {
        case .workload(let workload, let direction): "\(direction.name) policy of \(workload.text)"
        case .hostEndpoint(let interface, let direction, _):
            "\(direction.name) policy of the host endpoint of \(interface.isEmpty ? "all interfaces" : interface)"
        default: nil
        }
    }

    /// What each policy and profile that was asked has, and why it does not hold of this packet.
    private func tried(_ visit: EndpointVisit, at place: Int) -> [String] {
        guard let again = withMisses() else {
            // Why its rules did not match is not known; that they did not is.
            return visit.asked.compactMap { $0.purpose.askedName.map { "\($0): none of its rules allowed it" } }
        }
        let explainer = Explainer(reporter: reporter, way: again)
        let visits = explainer.endpointVisits()
        return place < visits.count ? explainer.missed(visits[place]) : []
    }

    /// This way with the rules that were met and did not match; `nil` where the packet can't be sent the same way again.
    ///
    /// They are not recorded at first: what a rule looked at and did not match would be told as a reason of the answer.
    private func withMisses() -> Way? {
        var request = reporter.answer.request
        if request.recordsMisses { return way }
        request.recordsMisses = true
        request.traceReply = false
        for assumption in way.assumptions { request.assumptions[assumption.name] = assumption.value }
        let trace = trace(request, on: quotes.model)
        guard trace.branches.isEmpty, trace.outcome == way.trace.outcome else { return nil }
        let again = Way(trace, packet: way.packet)
        let told = again.steps.filter { if case .miss = $0.kind { false } else { true } }
        return told.map({ $0.kind }) == way.steps.map({ $0.kind }) ? again : nil
    }

    /// Of a way with misses: the rules of each policy and profile that did not match.
    private func missed(_ visit: EndpointVisit) -> [String] {
        var details: [String] = []
        for (asked, steps) in visit.asked {
            guard let name = asked.askedName else { continue }
            var rules: [String] = []
            for index in steps {
                guard case .miss(let rule, let statement) = way.steps[index].kind,
                    case .calico(let purpose)? = annotations.purpose(of: rule), let number = purpose.ruleOfList,
                    number.step == .decision || number.step == .condition
                else { continue }
                let asked = quotes.statement(statement, of: rule)
                let fact = fact(statement, of: rule, at: index).map { ", and \($0)" } ?? ""
                rules.append("\(number.number) \(number.action.verb) only what has `\(asked)`\(fact)")
            }
            if rules.isEmpty { rules = ["it has no rule that could allow anything"] }
            for rule in rules { details.append("\(name): \(rule)") }
        }
        return details
    }

    private func fact(_ statement: Int, of rule: RuleReference, at index: Int) -> String? {
        let statements = quotes.linked.rule(rule).statements
        guard statement < statements.count, case .match(let match) = statements[statement] else { return nil }
        let step = way.steps[index]
        return reporter.reasons.facts(step, on: way).fact(match, step.view, held: false, asked: nil)
    }

    /// `tcp port 80 from 10.244.1.12`, as a policy's rule would have to name it.
    private func trafficText(_ packet: Packet, _ direction: PolicyDirection) -> String {
        let port = packet.protocol.hasPorts ? " port \(packet.destinationPort)" : ""
        let peer = direction == .ingress ? "from \(packet.source)" : "to \(packet.destination)"
        return "\(packet.protocol.shortName)\(port) \(peer)"
    }
}

extension CalicoPurpose {
    /// The name of a policy or profile.
    fileprivate var askedName: String? {
        switch self {
        case .policy(let policy, _): policy.text
        case .profile(let profile, _): "profile \(profile)"
        default: nil
        }
    }

    fileprivate var isPolicy: Bool {
        if case .policy = self { return true }
        return false
    }

    /// Which rule of a policy or profile it is part of.
    fileprivate var ruleOfList: PolicyRulePart? {
        switch self {
        case .policyRule(_, _, let rule), .profileRule(_, _, let rule): rule
        default: nil
        }
    }
}
