internal import Annotations
internal import ChainGraph
internal import PathModel
internal import RuleModel
internal import SourceText

/// A policy does not take effect: it selects no pod, or Felix has not put it into the rules of one that it selects.
/// Source: guides of operators; calico#9290.
let policyWithoutEffect = DoctorCheck(
    "policy-without-effect", "policies that select no pod, or that the rules of a pod do not have", needs: [.objects]
) { patient in
    patient.selectingNothing + patient.unapplied
}

extension Patient {
    private var kubernetesPolicies: [NetworkPolicy] {
        cluster.policies.filter { $0.kind == .kubernetes && $0.selector.requirements != nil }
    }

    private func selects(_ policy: NetworkPolicy, _ pod: Pod) -> Bool {
        pod.namespace == policy.namespace && !pod.isHostNetwork && policy.selector.selects(pod.labels) == true
    }

    fileprivate var selectingNothing: [DoctorFinding] {
        guard lists("Pod") else { return [] }
        let idle = kubernetesPolicies.filter { policy in
            policy.selector.requirements?.isEmpty == false && !cluster.pods.contains { selects(policy, $0) }
        }
        guard !idle.isEmpty else { return [] }
        let texts = idle.map { "\($0.namespace)/\($0.name) (\($0.selector.text))" }
        return [
            DoctorFinding(
                .note, "\(list(texts)) \(idle.count == 1 ? "selects" : "select") no pod",
                evidence: idle.prefix(4).map { DoctorFinding.Evidence($0.place) },
                remedies: [
                    "compare with the pods' labels (kubectl get pods -n NAMESPACE --show-labels): a policy holds in its own namespace only"
                ])
        ]
    }

    /// Pods of this node whose chain does not ask a policy that selects them.
    fileprivate var unapplied: [DoctorFinding] {
        var missing: [(pod: String, policy: NetworkPolicy, chain: ChainID, direction: PolicyDirection)] = []
        for (chain, direction) in endpointChains {
            guard case .calico(.workload(let workload, _))? = annotations.purpose(of: chain), !workload.pod.isEmpty,
                let pod = runningPods.first(where: { $0.namespace == workload.namespace && $0.name == workload.pod })
            else { continue }
            let asked = tiers(of: chain).flatMap({ $0.policies }).map { annotations.purpose(of: $0) }
            // Nothing can be said where a chain's policy has no name.
            let names = asked.compactMap { purpose -> PolicyName? in
                if case .calico(.policy(let name, _))? = purpose, name.kind != .unnamed { return name }
                return nil
            }
            guard names.count == asked.count else { continue }
            for policy in kubernetesPolicies where selects(policy, pod) {
                guard direction == .ingress ? policy.appliesToIngress : policy.appliesToEgress,
                    !names.contains(where: { isName($0, of: policy) })
                else { continue }
                missing.append(("\(pod.namespace)/\(pod.name)", policy, chain, direction))
            }
        }
        guard let first = missing.first else { return [] }
        var finding = DoctorFinding(
            .problem,
            "the rules of pod \(first.pod) do not ask \(first.policy.namespace)/\(first.policy.name), which selects it (\(first.direction.name))"
                + (missing.count > 1 ? ", and \(missing.count - 1) more" : ""),
            evidence: missing.prefix(3).flatMap { item in
                [
                    DoctorFinding.Evidence(item.policy.place, "selects \(item.pod)"),
                    DoctorFinding.Evidence(linked.chain(item.chain).place, "does not lead to it"),
                ]
            },
            remedies: ["see Felix's log on this node (kubectl logs of its calico-node), and restart that pod"])
        finding.traffic = "packets \(first.direction.preposition) pod \(first.pod): they are judged without this policy"
        finding.doubts = ["whether objects and rules were saved at the same time"]
        return [finding]
    }

    /// Felix calls Kubernetes' own `knp.default.NAME`.
    private func isName(_ name: PolicyName, of policy: NetworkPolicy) -> Bool {
        name.namespace == policy.namespace
            && (name.name == policy.name || name.name == "knp.default." + policy.name)
    }
}
