internal import Annotations
public import RuleModel

/// Something of a snapshot without which a check can find nothing, whatever is wrong.
enum DoctorNeed: UInt8, Hashable, Sendable {
    case interfaces, routes, sysctls, connections, listeners
    /// Of Kubernetes and Calico, where this is a node of a cluster.
    case objects
    /// Objects, or another node to compare with.
    case objectsOrNodes
}

/// What an examination could not look for.
public struct DoctorGaps: Hashable, Sendable {
    /// Checks that were asked for, and how many of them the snapshot holds nothing to look at for.
    public var checked: Int
    public var unlooked: Int
    /// What the snapshot lacks, with the commands that supply it.
    public var missing: [MissingInput]
}

/// What of the checks of these names, or all where there is none, could not be looked for.
///
/// - Parameter missing: what is known to be missing from the listings.
public func doctorGaps(_ patient: Patient, only names: Set<String> = [], missing: [MissingInput]) -> DoctorGaps {
    let checks = doctorChecks.filter { names.isEmpty || names.contains($0.name) }
    let unlooked = checks.filter { check in check.needs.contains { !patient.holds($0) } }
    var missing = missing
    if unlooked.contains(where: { $0.needs.contains(.objects) || $0.needs.contains(.objectsOrNodes) }),
        !patient.holds(.objects)
    {
        missing.append(
            MissingInput(
                name: "objects",
                command: "kubectl get pods,services,endpointslices,nodes,namespaces,networkpolicies -A -o yaml",
                effect: "what the cluster asks of this node is not known"))
    }
    return DoctorGaps(checked: checks.count, unlooked: unlooked.count, missing: missing)
}

extension Patient {
    fileprivate func holds(_ need: DoctorNeed) -> Bool {
        switch need {
        case .interfaces: host.knowsInterfaces
        case .routes: host.routesKnownV4 != .none || host.routesKnownV6 != .none
        case .sysctls: !host.sysctls.isEmpty
        case .connections: host.connections != nil
        case .listeners: host.listeners != nil
        // A host that is no node of a cluster has none.
        case .objects: !cluster.isEmpty || !isOfCluster
        case .objectsOrNodes: !cluster.isEmpty || fleet.count > 1 || !isOfCluster
        }
    }

    private var isOfCluster: Bool {
        let makers: [Maker] = [.calico, .kubeProxy, .kubelet, .flannel, .kubeRouter, .cilium, .weave, .awsVPC]
        return makers.contains(where: hasMaker) || host.interfaces.contains(where: isPodLink)
    }
}
