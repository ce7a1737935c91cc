internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// REJECT's answer is a packet of this host's own, and OUTPUT drops it: clients wait instead of being refused.
/// Source: net/ipv4/netfilter/nf_reject_ipv4.c (ip_local_out); observed on Linux 6.18.
let rejectAnswer = DoctorCheck(
    "reject-unheard", "REJECT whose answer is dropped in OUTPUT: a timeout in place of a refusal", needs: [.interfaces]
) { patient in
    var findings: [DoctorFinding] = []
    for (rule, hook) in patient.rejects {
        guard let (followed, answer) = patient.unheard(rule, hook) else { continue }
        let decider = answer.decider(on: patient)
        let base = answer.ways.first.flatMap { patient.baseChain(ending: $0) }
        if let index = findings.firstIndex(where: { $0.evidence.last?.place == decider?.place }) {
            findings[index].evidence.insert(patient.evidence(rule), at: findings[index].evidence.count - 1)
            continue
        }
        var finding = DoctorFinding(
            .risk, "the answer of \(patient.cite(rule)) does not get out: clients see a timeout, not a refusal",
            evidence: [patient.evidence(rule)] + (decider.map { [$0] } ?? []),
            remedies: [
                base.map { base in
                    "let the answers out first thing in \(patient.path(of: base)): "
                        + patient.insertion(
                            into: base, "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                            nft: "ct state related,established accept")
                        + " (a reset is not RELATED: "
                        + (patient.iptables(for: base) == nil ? "tcp flags rst" : "-p tcp --tcp-flags RST RST")
                        + " too)"
                } ?? "let the answers out where they are dropped"
            ])
        finding.traffic = "packets that this rule refuses"
        finding.example = followed
        findings.append(finding)
    }
    return findings
}

extension Trace {
    /// What dropped the packet, for a reader.
    fileprivate func decider(on patient: Patient) -> DoctorFinding.Evidence? {
        guard let index = decidedBy, index < steps.count else { return nil }
        switch steps[index].kind {
        case .rule(let step): return patient.evidence(step.rule, "drops the answer")
        case .policy(let chain, _):
            return DoctorFinding.Evidence(patient.linked.chain(chain).place, "the policy drops the answer")
        default: return nil
        }
    }
}

extension Patient {
    /// REJECT rules that packets from outside may meet, those of at most 24.
    fileprivate var rejects: [(rule: RuleReference, hook: Hook)] {
        var found: [(rule: RuleReference, hook: Hook)] = []
        for hook in [Hook.input, .forward] {
            var seen: Set<ChainID> = []
            var waiting = Array(baseChains(hook).reversed())
            while let chain = waiting.popLast() {
                guard seen.insert(chain).inserted else { continue }
                for rule in rules(of: chain) {
                    guard found.count < 24, isReject(linked.rule(rule)), !found.contains(where: { $0.rule == rule })
                    else {
                        continue
                    }
                    found.append((rule, hook))
                }
                waiting += linked.jumps[chain.index].compactMap({ $0.target }).reversed()
            }
        }
        return found
    }

    private func isReject(_ rule: Rule) -> Bool {
        for case .target(let target) in rule.statements {
            switch target {
            case .reject, .native(.reject): return true
            default: continue
            }
        }
        return false
    }

    /// A packet that `rule` refuses and whose answer is lost: its options, and the answer's way.
    fileprivate func unheard(_ rule: RuleReference, _ hook: Hook) -> (options: String, answer: Trace)? {
        guard linked.table(of: rule.chain).family != .ip6 else { return nil }
        for question in questions(meeting: rule, hook) {
            guard let (trace, options) = trace(question), trace.branches.isEmpty, trace.outcome == .rejected,
                let index = trace.decidedBy, index < trace.steps.count, case .rule(let step) = trace.steps[index].kind,
                step.rule == rule, let answer = trace.answer.first, answer.branches.isEmpty, answer.outcome == .dropped
            else { continue }
            return (options, answer)
        }
        return nil
    }

    /// Packets that may meet a rule of INPUT's or FORWARD's.
    private func questions(meeting rule: RuleReference, _ hook: Hook) -> [PacketDescription] {
        let ask = asks(rule)
        if let source = ask.source, source.address.version == .v6 { return [] }
        let links = host.interfaces.filter { link in
            !link.isLoopback && link.isUp && address(of: link) != nil
                && (ask.input.map { isNamed(name(link.name), by: $0) } ?? true)
        }
        var questions: [PacketDescription] = []
        for link in (ask.input == nil ? uplinks + links : links).prefix(3) {
            guard let own = address(of: link) else { continue }
            let destination: IPAddress
            if hook == .input {
                destination = ask.destination.map { sampleAddress($0) } ?? own
                guard isOwn(destination) else { continue }
            } else if let wanted = ask.destination {
                destination = sampleAddress(wanted)
            } else {
                guard let pod = localPods.first(where: { $0.address.version == .v4 && $0.interface.name != link.name })
                else { continue }
                destination = pod.address
            }
            let transport = ask.protocol ?? .tcp
            let port: UInt16? = ask.ports?.first ?? (transport.hasPorts ? 81 : nil)
            let sources: [PacketEnd] =
                ask.source.map { [.address(sampleAddress($0))] } ?? [.internet, .address(neighbour(of: own, link))]
            for source in sources {
                questions.append(
                    packet(in: name(link.name), from: source, to: .address(destination), transport, port: port))
            }
        }
        return questions
    }

    private func isNamed(_ link: String, by pattern: String) -> Bool {
        pattern.hasSuffix("+") ? link.hasPrefix(String(pattern.dropLast())) : pattern == link
    }

    /// Another address of the link's subnet.
    private func neighbour(of own: IPAddress, _ link: NetworkInterface) -> IPAddress {
        let prefix = link.addresses.first { $0.address == own }?.prefix ?? IPPrefix(own, length: 24)
        let sample = sampleAddress(prefix)
        return sample == own ? sample.successor ?? sample : sample
    }
}
