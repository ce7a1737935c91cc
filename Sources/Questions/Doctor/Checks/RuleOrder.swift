internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Rules that decide before Calico's, or before ufw's, are asked.
/// Source: felix#2132, #2643; calico#2672, #5249 (chainInsertMode); felix/rules/static.go.
let ruleOrder = DoctorCheck(
    "rule-order", "rules that decide about packets before Calico's policies or ufw's rules are asked"
) { patient in
    patient.decidedBeforeCalico + patient.decidedBeforeUFW
}

/// A packet that one base chain accepts is asked about again by the next one at the hook, which may drop it.
/// Source: nft(8) "VERDICT STATEMENTS"; firewalld#767, podman#28973, miniupnp#422, netbird#2725.
let acceptNotFinal = DoctorCheck(
    "accept-not-final", "a packet that a rule accepts is dropped by another base chain at the same hook"
) { patient in
    var findings: [DoctorFinding] = []
    var told: Set<ChainID> = []
    for flow in patient.flowsThatRulesAccept {
        guard let followed = patient.follow(flow.packet), let way = followed.agreed,
            way.outcome == .dropped || way.outcome == .rejected, let index = way.decidedBy,
            let ending = patient.deciding(way), told.contains(ending) == false,
            let acceptor = patient.acceptor(way, before: index, at: ending)
        else { continue }
        told.insert(ending)
        let last = way.rule.map { patient.evidence($0) } ?? DoctorFinding.Evidence(patient.linked.chain(ending).place)
        var finding = DoctorFinding(
            .problem,
            "\(patient.cite(acceptor)) accepts \(flow.text), and \(patient.path(of: ending)) drops it all the same: an accept ends only its own base chain",
            evidence: [patient.evidence(acceptor, "accepts"), last],
            remedies: [
                "accept it in \(patient.path(of: ending)) too, by the tool that its rules are of"
                    + (patient.maker(of: ending).map { " (\($0.name))" } ?? "")
            ])
        finding.traffic = flow.text
        finding.example = followed.options
        findings.append(finding)
    }
    return findings
}

extension Patient {
    // MARK: Before Calico

    var decidedBeforeCalico: [DoctorFinding] {
        let entries = chains { $0 == .calico(.entry(.filter, hook: "FORWARD")) }
        guard let entry = entries.first(where: { linked.table(of: $0).family.sees(.v4) }) else { return [] }
        var findings: [DoctorFinding] = []
        var told: Set<RuleReference> = []
        for flow in podFlows {
            guard let followed = follow(flow.packet) else { continue }
            for way in followed.ways where !way.isAssumed || followed.agreed != nil {
                guard let decision = filterDecision(way, in: linked.tableIndex(of: entry)),
                    annotations.maker(of: decision.rule) != .calico,
                    !way.rules.prefix(while: { $0 != decision }).contains(where: { $0.target == entry }),
                    told.insert(decision.rule).inserted
                else { continue }
                let accepts = decision.verdict == .accept
                let jump = jump(to: entry)
                var finding = DoctorFinding(
                    accepts ? .risk : .problem,
                    "\(cite(decision.rule)) \(accepts ? "accepts" : "drops") \(flow.text) before Calico's policies are asked",
                    evidence: [evidence(decision.rule)],
                    remedies: [
                        "let Calico's rules be first: chainInsertMode: Insert in FelixConfiguration, and restart calico-node, which puts its jump at the top again; or move the rule behind it"
                    ])
                if let jump { finding.evidence.append(evidence(jump, "Calico is asked here")) }
                finding.traffic =
                    flow.text + (accepts ? ": no policy holds for it" : ": Calico never sees it")
                finding.example = followed.options
                findings.append(finding)
            }
        }
        return findings
    }

    /// The rule that ended the way of a packet through a table's base chain of FORWARD.
    private func filterDecision(_ way: TracedWay, in table: Int) -> RuleStep? {
        way.steps.lazy.compactMap { step -> RuleStep? in
            guard case .rule(let rule) = step.kind, step.view.hook == .forward, !rule.isBroken,
                linked.tableIndex(of: rule.rule.chain) == table
            else { return nil }
            switch rule.verdict {
            case .accept, .drop, .reject: return rule
            case .jump, .goto, .return, .continue, .queue, .stolen: return nil
            }
        }.first
    }

    private func jump(to chain: ChainID) -> RuleReference? {
        for from in linked.jumps.indices {
            for jump in linked.jumps[from] where jump.target == chain {
                return RuleReference(chain: ChainID(from), index: jump.rule)
            }
        }
        return nil
    }

    // MARK: Before ufw

    /// Rules above ufw's in INPUT that take everything or everything of a port.
    fileprivate var decidedBeforeUFW: [DoctorFinding] {
        guard let before = chains(named: "ufw-before-input").first, let jump = jump(to: before),
            linked.chain(jump.chain).base?.hook == .input
        else { return [] }
        var findings: [DoctorFinding] = []
        for rule in rules(of: jump.chain).prefix(jump.index) {
            guard case .accept? = ending(rule), annotations.maker(of: rule) == nil else { continue }
            let ask = asks(rule)
            // What comes by lo, and answers, ufw lets in itself.
            if ask.input == "lo" || ask.states != nil || ask.asksMore || !ask.sets.isEmpty || !ask.marks.isEmpty {
                continue
            }
            var finding = DoctorFinding(
                .risk, "\(cite(rule)) accepts before ufw's rules are asked",
                evidence: [evidence(rule), evidence(jump, "ufw is asked here")],
                remedies: ["give ufw the rule (ufw allow …), and take this one out"])
            finding.traffic = "what meets that rule: ufw deny and ufw limit do not hold for it"
            findings.append(finding)
        }
        return findings
    }

    // MARK: Accepted, and dropped all the same

    /// What goes by here, and what rules of INPUT and FORWARD accept, with words.
    fileprivate var flowsThatRulesAccept: [SampleFlow] {
        var flows = podFlows + routedFlows
        for hook in [Hook.input, .forward] {
            let bases = baseChains(hook)
            // Alone at its hook, a chain has the last word.
            guard bases.count > 1 else { continue }
            var tried = 0
            for chain in reached(from: hook).sorted() where tried < 64 && linked.chain(chain).rules.count < 512 {
                for rule in rules(of: chain) where tried < 64 && accepts(rule) {
                    let ask = asks(rule)
                    guard ask.states == nil, ask.protocol?.hasPorts == true, let port = ask.ports?.first else {
                        continue
                    }
                    tried += 1
                    for packet in packets(meeting: rule).prefix(2) {
                        flows.append(
                            SampleFlow(text: "\(ask.protocol?.shortName ?? "") port \(port)", packet: packet))
                    }
                }
            }
        }
        return flows
    }

    private func accepts(_ rule: RuleReference) -> Bool {
        if case .accept? = ending(rule) { return true }
        return false
    }

    /// The base chain in which a packet was dropped.
    fileprivate func deciding(_ way: TracedWay) -> ChainID? {
        guard let decider = way.decider else { return nil }
        switch decider.kind {
        case .policy(let chain, _): return chain
        case .rule(let rule): return base(of: rule.rule.chain, at: decider.view.hook)
        default: return nil
        }
    }

    /// The base chain of this hook that leads to `chain` in its table.
    private func base(of chain: ChainID, at hook: Hook) -> ChainID? {
        for candidate in baseChains(hook) where linked.tableIndex(of: candidate) == linked.tableIndex(of: chain) {
            var seen: Set<ChainID> = []
            var waiting = [candidate]
            while let next = waiting.popLast() {
                guard seen.insert(next).inserted else { continue }
                if next == chain { return candidate }
                waiting += linked.jumps[next.index].compactMap { $0.target }
            }
        }
        return nil
    }

    /// A rule of another base chain of the same hook and kind that accepted the packet before.
    fileprivate func acceptor(_ way: TracedWay, before index: Int, at ending: ChainID) -> RuleReference? {
        guard let decider = way.decider, linked.chain(ending).base?.type == .filter else { return nil }
        for step in way.steps.prefix(index).reversed() {
            guard case .rule(let rule) = step.kind, rule.verdict == .accept, !rule.isBroken,
                step.view.hook == decider.view.hook, step.layer == decider.layer,
                let base = base(of: rule.rule.chain, at: decider.view.hook), base != ending,
                // mangle and raw of iptables accept by the by; filter and native chains mean it.
                linked.table(of: base).iptables == nil || linked.table(of: base).iptables == .filter
            else { continue }
            return rule.rule
        }
        return nil
    }

    fileprivate func maker(of chain: ChainID) -> Maker? {
        for index in linked.chain(chain).rules.indices {
            if let maker = annotations.maker(of: RuleReference(chain: chain, index: index)) { return maker }
        }
        return nil
    }
}
