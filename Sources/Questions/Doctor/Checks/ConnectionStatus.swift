internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// nft compares `ct status != dnat` and `ct status == dnat` with the whole status word, which has other bits too.
/// Source: nftables src/ct.c, observed on Linux 6.18; Calico's nftables mode (calico PR #10704).
let connectionStatus = DoctorCheck(
    "ct-status", "`ct status != dnat` in nft: true of translated packets too"
) { patient in
    var findings: [DoctorFinding] = []
    for chain in patient.chainIDs where patient.linked.table(of: chain).isNative {
        for rule in patient.rules(of: chain) {
            guard let relation = patient.wholeStatus(rule) else { continue }
            let isNegated = relation == .notEqual
            if let index = findings.firstIndex(where: { ($0.title.holds("always")) == isNegated }) {
                findings[index].evidence.append(patient.evidence(rule))
                continue
            }
            let isCalico = patient.annotations.maker(of: rule) == .calico
            let hasEndpoint = patient.chainIDs.contains { id in
                if case .calico(.hostEndpoint(_, _, .normal))? = patient.annotations.purpose(of: id) { return true }
                return false
            }
            var finding = DoctorFinding(
                isCalico && !hasEndpoint ? .note : .risk,
                isNegated
                    ? "`ct status != dnat` compares the whole status word, and so always holds: it does not leave translated packets out"
                    : "`ct status == dnat` compares the whole status word, and so never holds: translated packets have other bits too",
                evidence: [patient.evidence(rule)],
                remedies: [
                    isCalico
                        ? "let egress policies of host endpoints allow the backends of Services, by their own addresses and ports: Felix's rule itself can't be changed by hand (calico PR #10704)"
                        : "write `ct status & dnat \(isNegated ? "==" : "!=") 0`, or `ct status dnat` for one bit"
                ])
            finding.traffic =
                isCalico
                ? "what this host sends to Services: policies of host endpoints judge it before the masquerade as well"
                : "packets whose destination was translated"
            findings.append(finding)
        }
    }
    return findings
}

extension Patient {
    /// How a rule compares the whole status word with DNAT's bit; `nil` where it does not.
    fileprivate func wholeStatus(_ rule: RuleReference) -> Comparison.Relation? {
        for statement in linked.rule(rule).statements {
            guard case .match(.native(let comparison)) = statement, case .connection(.status, _) = comparison.left,
                comparison.relation == .notEqual || comparison.relation == .equal,
                case .literal(let literal) = comparison.right
            else { continue }
            // IPS_DST_NAT is bit 5.
            if literal.bytes.reversed().first.map({ $0 & 0x20 != 0 }) == true
                || literal.bytes.first.map({ $0 & 0x20 != 0 }) == true
            {
                return comparison.relation
            }
        }
        return nil
    }
}
