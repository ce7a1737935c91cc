public import RuleModel
public import SourceText

/// What the readers of this module fill: the objects, and what there is to say about them.
public struct ClusterReading: Sendable {
    public var objects = ClusterObjects()
    public var diagnostics: [Diagnostic] = []
    /// Objects that are there already: the same one may be in several files.
    private var known: Set<ObjectKey> = []
    private var otherIndexes: [String: Int] = [:]
    private var toldCounts: [String: Int] = [:]

    public init() {}

    /// Diagnostics of one code beyond this number are not kept.
    public static let diagnosticLimit = 50

    mutating func tell(_ code: String, _ message: String, at place: Place) {
        let count = toldCounts[code, default: 0] + 1
        toldCounts[code] = count
        if count <= ClusterReading.diagnosticLimit {
            diagnostics.append(Diagnostic(.warning, code, message, at: place))
        }
    }

    /// Whether this object was not there yet.
    mutating func isNew(_ kind: String, _ object: ClusterObject) -> Bool {
        known.insert(ObjectKey(kind: kind, namespace: object.namespace, name: object.name)).inserted
    }

    mutating func isNew(_ kind: String, namespace: String, name: String) -> Bool {
        known.insert(ObjectKey(kind: kind, namespace: namespace, name: name)).inserted
    }

    mutating func note(listOf kind: String) {
        if !objects.listedKinds.contains(kind) { objects.listedKinds.append(kind) }
    }

    mutating func countOther(_ kind: String) {
        if let index = otherIndexes[kind] {
            objects.otherKinds[index].count += 1
        } else {
            otherIndexes[kind] = objects.otherKinds.count
            objects.otherKinds.append(ObjectCount(kind: kind, count: 1))
        }
    }

    private struct ObjectKey: Hashable {
        let kind: String
        let namespace: String
        let name: String
    }
}

/// Reads the objects of one document of `kubectl get -o json|yaml` or `calicoctl get -o json|yaml`: one object, a list,
/// or a list of lists. What is no object of a cluster is told; kinds that are of no use here are counted.
public func readClusterObjects(_ document: JSONValue, _ source: ObjectSource, into reading: inout ClusterReading) {
    readValue(document, source, depth: 0, &reading)
}

private func readValue(_ value: JSONValue, _ source: ObjectSource, depth: Int, _ reading: inout ClusterReading) {
    // Lists within lists are written by hand at most; deeper ones mean harm.
    if depth > 4 { return }
    if let items = value.array {
        for item in items { readValue(item, source, depth: depth + 1, &reading) }
        return
    }
    guard value.object != nil else {
        if !value.isNull {
            reading.tell("bad-object", "an object of Kubernetes is expected here", at: source.place(of: value))
        }
        return
    }
    let kind = value["kind"]?.string ?? ""
    if let items = value["items"]?.array, kind.isEmpty || kind.hasSuffix("List") {
        if kind.count > 4 { reading.note(listOf: String(kind.dropLast(4))) }
        for item in items {
            // Items of a typed list may leave out what they are.
            let own = item["kind"] == nil && kind.count > 4 ? String(kind.dropLast(4)) : nil
            if let own {
                readObject(item, kind: own, group: group(of: value), source, &reading)
            } else {
                readValue(item, source, depth: depth + 1, &reading)
            }
        }
        return
    }
    if kind.isEmpty {
        reading.tell("bad-object", "an object without a kind", at: source.place(of: value))
        return
    }
    readObject(value, kind: kind, group: group(of: value), source, &reading)
}

/// `networking.k8s.io` of `networking.k8s.io/v1`, nothing of `v1`.
private func group(of value: JSONValue) -> String {
    let version = value["apiVersion"]?.string ?? ""
    guard let slash = version.utf8.firstIndex(of: UInt8(ascii: "/")) else { return "" }
    return String(version[..<slash])
}

private func readObject(
    _ value: JSONValue, kind: String, group: String, _ source: ObjectSource, _ reading: inout ClusterReading
) {
    let object = ClusterObject(value, source)
    let isCalico = group == "projectcalico.org" || group == "crd.projectcalico.org"
    if object.name.isEmpty {
        reading.tell("bad-object", "\(kind) without a name", at: object.place)
        return
    }
    let wasRead =
        isCalico
        ? reading.readCalico(object, kind: kind)
        : reading.readKubernetes(object, kind: kind, group: group)
    if !wasRead { reading.countOther(kind) }
}

extension ClusterReading {
    /// `false` for a kind that is not kept.
    fileprivate mutating func readKubernetes(_ object: ClusterObject, kind: String, group: String) -> Bool {
        switch (group, kind) {
        case ("", "Pod"): readPod(object)
        case ("", "Service"): readService(object)
        case ("", "Endpoints"): readEndpoints(object)
        case ("discovery.k8s.io", "EndpointSlice"): readEndpointSlice(object)
        case ("", "Node"): readNode(object)
        case ("", "Namespace"): readNamespace(object)
        case ("networking.k8s.io", "NetworkPolicy"), ("extensions", "NetworkPolicy"): readNetworkPolicy(object)
        case ("policy.networking.k8s.io", "AdminNetworkPolicy"): readAdminPolicy(object, .admin)
        case ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"): readAdminPolicy(object, .baselineAdmin)
        case ("policy.networking.k8s.io", "ClusterNetworkPolicy"): readAdminPolicy(object, .cluster)
        default: return false
        }
        return true
    }

    /// `false` for a kind that is not kept.
    fileprivate mutating func readCalico(_ object: ClusterObject, kind: String) -> Bool {
        switch kind {
        case "NetworkPolicy": readCalicoPolicy(object, .calico)
        case "GlobalNetworkPolicy": readCalicoPolicy(object, .calicoGlobal)
        case "StagedNetworkPolicy": readCalicoPolicy(object, .staged)
        case "StagedGlobalNetworkPolicy": readCalicoPolicy(object, .stagedGlobal)
        case "StagedKubernetesNetworkPolicy": readStagedKubernetesPolicy(object)
        case "Tier": readTier(object)
        case "NetworkSet", "GlobalNetworkSet": readNetworkSet(object)
        case "IPPool": readPool(object)
        case "HostEndpoint": readHostEndpoint(object)
        case "WorkloadEndpoint": readWorkloadEndpoint(object)
        case "Profile": readProfile(object)
        case "FelixConfiguration": readFelixConfiguration(object)
        case "BGPConfiguration": readBGPConfiguration(object)
        case "BGPPeer": readBGPPeer(object)
        case "IPAMBlock": readAddressBlock(object)
        case "Node": readCalicoNode(object)
        default: return false
        }
        return true
    }
}
