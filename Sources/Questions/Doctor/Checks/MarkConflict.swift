internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Two programs use the same bits of the packet's mark, or a rule replaces the whole mark.
/// Source: felix#964 = kubernetes#19983; tailscale#591; netd#105; flannel#1702; fwmark/registry.
let markConflict = DoctorCheck(
    "mark-conflict", "programs that use the same bits of the packet's mark, and rules that replace all of it"
) { patient in
    patient.sharedBits + patient.wholeMarks + patient.exactMarks + patient.unreadMasqueradeMark
}

extension Patient {
    fileprivate var sharedBits: [DoctorFinding] {
        var pairs: [(first: Maker, second: Maker, bits: UInt32, texts: [String])] = []
        for (first, second) in annotations.markClashes {
            let text = "\(first.maker.name): \(first.text); \(second.maker.name): \(second.text)"
            let bits = first.mask & second.mask
            if let index = pairs.firstIndex(where: { $0.first == first.maker && $0.second == second.maker }) {
                pairs[index].bits |= bits
                pairs[index].texts.append(text)
            } else {
                pairs.append((first.maker, second.maker, bits, [text]))
            }
        }
        return pairs.compactMap { pair in
            // Only what rules here do with the bits is evidence.
            guard let first = ruleOnMark(pair.bits, of: pair.first), let second = ruleOnMark(pair.bits, of: pair.second)
            else { return nil }
            var finding = DoctorFinding(
                .risk,
                "\(pair.first.name) and \(pair.second.name) use the same bits of the packet's mark (\(hexadecimal(pair.bits))): each reads what the other wrote",
                evidence: [
                    evidence(first, "of \(pair.first.name)"), evidence(second, "of \(pair.second.name)"),
                ], remedies: [remedy(pair.first, pair.second)])
            finding.traffic = list(pair.texts, first: 2)
            return finding
        }
    }

    private func remedy(_ first: Maker, _ second: Maker) -> String {
        if first == .calico || second == .calico {
            return
                "give Calico other bits: iptablesMarkMask (nftablesMarkMask) in FelixConfiguration, such as 0xff000000; then restart calico-node on every node"
        }
        return "give one of them other bits, if it can be told to; else use only one of them on this host"
    }

    /// The first rule of `maker` that sets one of these bits, else the first that asks for one.
    private func ruleOnMark(_ bits: UInt32, of maker: Maker) -> RuleReference? {
        var asking: RuleReference?
        for chain in chainIDs where annotations.purpose(of: chain)?.maker == maker || linked.chain(chain).base != nil {
            for rule in rules(of: chain) {
                let (sets, asks) = markBits(rule)
                guard (sets | asks) & bits != 0, annotations.maker(of: rule) == maker else { continue }
                if sets & bits != 0 { return rule }
                if asking == nil { asking = rule }
            }
        }
        return asking
    }

    /// Bits of the mark that a rule changes, and those that it asks for.
    private func markBits(_ rule: RuleReference) -> (sets: UInt32, asks: UInt32) {
        var sets: UInt32 = 0
        var asks: UInt32 = 0
        for statement in linked.rule(rule).statements {
            switch statement {
            case .target(.mark(let operation)): sets |= operation.word.mask | operation.word.value
            case .target(.tproxy(let tproxy)): sets |= tproxy.mark.mask
            case .target(.native(.assign(.meta(.mark), let value))): sets |= changedBits(value)
            case .match(.mark(let mark)): asks |= mark.value.mask
            case .match(.native(let comparison)): asks |= askedBits(comparison)
            case .target, .match: break
            }
        }
        return (sets, asks)
    }

    private func changedBits(_ value: Expression) -> UInt32 {
        // `meta mark set meta mark & A ^ B`: bits that A lacks or B has.
        if case .masked(.meta(.mark), let and, let xor) = value {
            return ~UInt32(truncatingIfNeeded: and.number ?? 0) | UInt32(truncatingIfNeeded: xor.number ?? 0)
        }
        return .max
    }

    private func askedBits(_ comparison: Comparison) -> UInt32 {
        switch comparison.left {
        case .meta(.mark): .max
        case .masked(.meta(.mark), let and, _): UInt32(truncatingIfNeeded: and.number ?? 0)
        default: 0
        }
    }

    // MARK: The whole mark

    /// Rules that put the connection's whole mark, or a value, in the place of the packet's, where others use bits of it.
    fileprivate var wholeMarks: [DoctorFinding] {
        let meanings = annotations.meanings(ofMark: .max)
        guard !meanings.isEmpty else { return [] }
        var hit: [(rule: RuleReference, isRestored: Bool, others: [MarkMeaning])] = []
        for chain in chainIDs {
            for rule in rules(of: chain) {
                guard let isRestored = replacesMark(rule) else { continue }
                let own = annotations.maker(of: rule)
                let others = meanings.filter { $0.maker != own && (isRestored || isCarried($0.maker, past: rule)) }
                if !others.isEmpty { hit.append((rule, isRestored, others)) }
            }
        }
        return [true, false].compactMap { isRestored in
            let own = hit.filter { $0.isRestored == isRestored }
            guard let first = own.first, let other = first.others.first,
                let use = ruleOnMark(other.mask, of: other.maker)
            else { return nil }
            var finding = DoctorFinding(
                .risk,
                "\(list(own.map { cite($0.rule) })) \(own.count == 1 ? "replaces" : "replace") the packet's whole mark"
                    + (isRestored ? " by the connection's" : "")
                    + ": bits of \(list(makers(first.others))) are lost there",
                evidence: own.prefix(3).map { evidence($0.rule) } + [
                    evidence(use, "\(other.maker.name): \(other.text)")
                ],
                remedies: [
                    isRestored
                        ? "restore and save only the bits that are meant: -j CONNMARK --restore-mark --nfmask BITS --ctmask BITS"
                        : "set only the bits that are meant: -j MARK --set-xmark VALUE/BITS"
                ])
            finding.traffic = "packets that meet it, and of which \(other.maker.name) had noted: \(other.text)"
            return finding
        }
    }

    private func makers(_ meanings: [MarkMeaning]) -> [String] {
        var names: [String] = []
        for meaning in meanings where !names.contains(meaning.maker.name) { names.append(meaning.maker.name) }
        return names
    }

    /// Whether a rule replaces the whole mark: `true` by the connection's.
    private func replacesMark(_ rule: RuleReference) -> Bool? {
        for statement in linked.rule(rule).statements {
            switch statement {
            case .target(.connectionMark(let target)):
                if target.operation == .restore, target.packetMask == .max, target.connectionMask == .max {
                    return true
                }
            case .target(.mark(let operation)): if operation.word.mask == .max { return false }
            case .target(.native(.assign(.meta(.mark), .connection(.mark, _)))): return true
            case .target(.native(.assign(.meta(.mark), .literal))): return false
            case .target, .match: break
            }
        }
        return nil
    }

    /// Whether a maker sets bits before a packet comes to `rule` and reads them behind it: what is noted in nat's
    /// PREROUTING and read in POSTROUTING is lost by what stands between.
    private func isCarried(_ maker: Maker, past rule: RuleReference) -> Bool {
        switch maker {
        case .kubeProxy, .portmap, .netavark, .calico, .tailscale: break
        case .kubelet, .docker, .flannel, .ipMasqAgent, .cniBridge, .kubeRouter, .cilium, .istio, .libvirt, .firewalld,
            .ufw, .fail2ban, .openwrt, .awsVPC, .neutron, .weave:
            return false
        }
        return isReached(rule.chain, from: .forward)
            || isReached(rule.chain, from: .postrouting) && linked.table(of: rule.chain).iptables != .nat
    }

    // MARK: The mark for masquerading

    /// flannel's nft rule that compares the whole mark with kube-proxy's bit.
    fileprivate var exactMarks: [DoctorFinding] {
        let others = annotations.meanings(ofMark: .max).filter { $0.maker != .kubeProxy && $0.maker != .flannel }
        guard let other = others.first, let setter = ruleOnMark(other.mask, of: other.maker) else { return [] }
        var findings: [DoctorFinding] = []
        for chain in chains(where: { $0.maker == .flannel }) where linked.table(of: chain).isNative {
            for rule in rules(of: chain) {
                for case .match(.native(let comparison)) in linked.rule(rule).statements {
                    guard case .meta(.mark) = comparison.left, comparison.relation == .equal,
                        case .literal(let literal) = comparison.right, literal.number == 0x4000
                    else { continue }
                    var finding = DoctorFinding(
                        .risk,
                        "flannel leaves what kube-proxy masquerades alone only where no other bit of the mark is set, and \(other.maker.name) sets others",
                        evidence: [evidence(rule, "compares all bits"), evidence(setter, "of \(other.maker.name)")],
                        remedies: ["use flannel without EnableNFTables, whose iptables rule asks for the one bit"])
                    finding.traffic = "packets of Services that carry both marks"
                    findings.append(finding)
                }
            }
        }
        return findings
    }

    /// KUBE-MARK-MASQ sets a bit that KUBE-POSTROUTING does not ask for, or none at all.
    fileprivate var unreadMasqueradeMark: [DoctorFinding] {
        guard let marking = masqueradeMarking,
            let reading = chains(named: "KUBE-POSTROUTING").first(where: {
                linked.tableIndex(of: $0) == linked.tableIndex(of: marking)
            })
        else { return [] }
        let isUsed = linked.jumps.contains { $0.contains { $0.target == marking } }
        guard isUsed else { return [] }
        let sets = bitsSet(by: marking)
        var asked: UInt32 = 0
        for rule in rules(of: reading) { asked |= markBits(rule).asks }
        let place = DoctorFinding.Evidence(linked.chain(marking).place)
        if sets == 0 {
            var finding = DoctorFinding(
                .problem, "KUBE-MARK-MASQ marks nothing, so that what is to be masqueraded is not",
                evidence: [place], remedies: ["restart kube-proxy: it writes the chain anew"])
            finding.traffic = "node ports, load balancers, and what pods send to themselves by a Service"
            return [finding]
        }
        guard asked != 0, asked & sets == 0, let first = rules(of: marking).first, let other = rules(of: reading).first
        else { return [] }
        var finding = DoctorFinding(
            .problem,
            "KUBE-MARK-MASQ sets \(hexadecimal(sets)), and KUBE-POSTROUTING asks for \(hexadecimal(asked)): what is to be masqueraded is not",
            evidence: [evidence(first), evidence(other)],
            remedies: [
                "give kubelet and kube-proxy the same --iptables-masquerade-bit (14), and restart both"
            ])
        finding.traffic = "node ports, load balancers, and what pods send to themselves by a Service"
        return [finding]
    }

    private func bitsSet(by chain: ChainID) -> UInt32 {
        rules(of: chain).reduce(0) { $0 | markBits($1).sets }
    }

    /// kube-proxy's chain that marks what is to be masqueraded.
    private var masqueradeMarking: ChainID? {
        chains(named: "KUBE-MARK-MASQ").first { linked.table(of: $0).iptables == .nat }
    }

    /// What lets a rule leave out packets that kube-proxy has marked to be masqueraded, in iptables' words. The bit may be
    /// another than by default (`--iptables-masquerade-bit`).
    var notMarkedForMasquerade: String {
        let sets = masqueradeMarking.map(bitsSet) ?? 0
        let bits = hexadecimal(sets == 0 ? 0x4000 : sets)
        return "-m mark ! --mark \(bits)/\(bits)"
    }
}
