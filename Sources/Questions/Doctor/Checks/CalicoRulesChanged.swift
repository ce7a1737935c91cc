internal import Annotations
internal import ChainGraph
internal import PathModel
internal import RuleModel
internal import SourceText

/// What the hashes beside Felix's rules prove: rules that were changed by hand, that are gone, or that are not Felix's.
let calicoRulesChanged = DoctorCheck(
    "calico-integrity", "Calico's rules were changed by hand, are gone in part, or are of two versions"
) { patient in
    guard !patient.host.isRedacted, let integrity = patient.annotations.calicoIntegrity(), !integrity.isRedacted else {
        return []
    }
    var findings: [DoctorFinding] = []
    for group in CalicoFault.allCases {
        let own = integrity.findings.filter { CalicoFault($0.kind) == group }
        guard let first = own.first else { continue }
        var finding = DoctorFinding(
            group.severity, group.title(own.count, patient.cite(first.rule)),
            evidence: own.prefix(5).map { patient.evidence($0.rule, $0.text) }, remedies: group.remedies)
        finding.traffic = group.traffic
        if own.allSatisfy({ $0.kind == .editedOrMissing }) {
            finding.doubts = ["whether a build of Calico that this program does not know wrote these rules so"]
        }
        findings.append(finding)
    }
    return findings + patient.mixedVersions(integrity.version)
}

/// What findings of one kind come to.
private enum CalicoFault: CaseIterable {
    case edited, gone, foreign, order

    init?(_ kind: CalicoIntegrity.Finding.Kind) {
        switch kind {
        case .edited, .editedOrMissing: self = .edited
        case .missing: self = .gone
        case .foreign: self = .foreign
        case .misplaced, .copied: self = .order
        // That no rule leads there is what `rules-flushed` tells.
        case .unreached, .notSpelled: return nil
        }
    }

    var severity: DoctorFinding.Severity {
        switch self {
        case .edited, .gone, .foreign: .risk
        case .order: .note
        }
    }

    func title(_ count: Int, _ first: String) -> String {
        let others = count == 1 ? "" : " and \(count - 1) more"
        switch self {
        case .edited:
            return "\(first)\(others) \(count == 1 ? "is" : "are") not as Felix wrote \(count == 1 ? "it" : "them")"
        case .gone:
            return count == 1
                ? "a rule of Felix's is gone before \(first)"
                : "\(count) rules of Felix's are gone, the first before \(first)"
        case .foreign:
            return
                "\(first)\(others) \(count == 1 ? "stands" : "stand") in a chain of Calico's and \(count == 1 ? "is" : "are") not Felix's"
        case .order:
            return
                "\(first)\(others) \(count == 1 ? "stands" : "stand") in a place that Felix did not give \(count == 1 ? "it" : "them"), or twice"
        }
    }

    var traffic: String {
        switch self {
        case .edited, .gone: "packets that the rules as Felix wrote them would have judged otherwise"
        case .foreign: "packets that meet the foreign rule, until Felix takes it away"
        case .order: ""
        }
    }

    var remedies: [String] {
        [
            "restart calico-node's pod on this node, or wait for Felix's next look (iptablesRefreshInterval): it writes its chains anew",
            "put rules of your own into chains of your own, or use policies: Felix owns what is in cali- chains",
        ]
    }
}

extension Patient {
    fileprivate func mixedVersions(_ version: FelixVersionRange) -> [DoctorFinding] {
        guard version.isContradictory else { return [] }
        let texts = version.signs.map { sign in
            switch (sign.earliest, sign.latest) {
            case (let earliest?, _): "\(sign.text): \(earliest.text) or later"
            case (nil, let latest?): "\(sign.text): up to \(latest.text)"
            case (nil, nil): sign.text
            }
        }
        return [
            DoctorFinding(
                .risk, "Calico's rules are of two versions of Felix: an older one left some, or two of them write",
                evidence: texts.map { DoctorFinding.Evidence(.none, $0) },
                remedies: [
                    "see whether two calico-node run here (crictl ps | grep calico-node), and restart the node or Felix to clean up"
                ])
        ]
    }
}
