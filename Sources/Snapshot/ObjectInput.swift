import HostText
import KubernetesText
import NetTypes
import RuleModel
import SourceText

#if !hasFeature(Embedded)
import YAMLText
#endif

/// Files of a cluster's objects that are no one node's, read once for all nodes.
struct SharedObjects {
    let files: [SourceFile]
    private(set) var reading = ClusterReading()
    private(set) var inputs: [RecognisedInput] = []

    init(files: [SourceFile], recognised: [Recognised]) {
        self.files = files
        for (file, found) in zip(files, recognised) {
            for listing in found.listings where listing.kind == .kubernetes {
                inputs.append(readObjects(file.bytes.span, listing, into: &reading))
            }
        }
    }
}

/// Reads a listing of objects, as JSON or YAML, and tells what was in it.
func readObjects(_ text: Span<UInt8>, _ listing: Listing, into reading: inout ClusterReading) -> RecognisedInput {
    let excerpt = listing.excerpt
    let range = excerpt.start..<max(excerpt.start, min(excerpt.end, text.count))
    let source = ObjectSource(file: excerpt.file, text, range, firstLine: excerpt.firstLine)
    let before = ObjectCounts(reading.objects)
    func tell(_ code: String, _ message: String, at offset: Int) {
        let end = min(offset + 1, range.upperBound)
        reading.diagnostics.append(
            Diagnostic(.error, code, message, at: source.place(from: offset, to: max(offset, end))))
    }
    var isJSON = false
    if let first = range.first, text[first] == UInt8(ascii: "{") || text[first] == UInt8(ascii: "[") {
        do throws(JSONFailure) {
            let value = try readJSONValue(text.extracting(0..<range.upperBound), at: range.lowerBound)
            readClusterObjects(value, source, into: &reading)
            isJSON = true
        } catch {
            // JSON that breaks off is YAML that breaks off, and of YAML what is whole is kept.
            tell("bad-json", "\(error.message); objects that are whole before it are read", at: error.offset)
        }
    }
    if !isJSON {
        #if hasFeature(Embedded)
        // libyaml is C, which a page does not have: a report brings objects as JSON.
        tell("yaml-in-page", "objects are read from JSON only in a page: kubectl get … -o json", at: range.lowerBound)
        #else
        let isBroken = reading.diagnostics.last?.code == "bad-json"
        for part in joinedOutputs(text, range) {
            for document in readYAML(text, in: part) {
                if let value = document.value {
                    readClusterObjects(value, source, into: &reading)
                    if let key = repeatedKey(value) {
                        tell(
                            "bad-yaml",
                            "a document has one '\(key.key)': of what stands before this one nothing is read",
                            at: key.keyStart)
                    }
                }
                guard let failure = document.failure, !isBroken else { continue }
                tell("bad-yaml", "\(failure.message); objects that are whole before it are read", at: failure.offset)
            }
        }
        #endif
    }
    let place = firstLine(of: excerpt, text)
    let counts = ObjectCounts(reading.objects).added(since: before)
    return RecognisedInput(
        kind: .kubernetes, place: place, lastLine: lastLine(of: excerpt, text),
        summary: "objects: " + (counts.isEmpty ? "none that was not there before" : counts))
}

/// The parts of a text that outputs of several calls were appended to without `---` between them: each begins with
/// `apiVersion:`, which a document has once, and `kubectl` and `calicoctl` write first.
private func joinedOutputs(_ text: Span<UInt8>, _ range: Range<Int>) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = range.lowerBound
    var hasVersion = false
    var line = range.lowerBound
    while line < range.upperBound {
        let end = text.firstIndex(of: UInt8(ascii: "\n"), in: line..<range.upperBound) ?? range.upperBound
        let bytes = text.extracting(line..<end)
        if bytes.starts(with: "---") { hasVersion = false }
        if bytes.starts(with: "apiVersion:") {
            if hasVersion {
                parts.append(start..<line)
                start = line
            }
            hasVersion = true
        }
        line = end + 1
    }
    return parts + [start..<range.upperBound]
}

/// A key that a document has twice and that decides what is read of it; the last one's value counts.
private func repeatedKey(_ document: JSONValue) -> JSONMember? {
    var keys: Set<String> = []
    return document.object?.first { member in
        (member.key == "items" || member.key == "kind" || member.key == "spec") && !keys.insert(member.key).inserted
    }
}

/// How many objects of each kind there are.
private struct ObjectCounts {
    private let values: [(count: Int, one: String, many: String)]

    init(_ objects: ClusterObjects) {
        values = [
            (objects.pods.count, "pod", "pods"),
            (objects.services.count, "service", "services"),
            (objects.endpointSets.count, "set of endpoints", "sets of endpoints"),
            (objects.nodes.count, "node", "nodes"),
            (objects.namespaces.count, "namespace", "namespaces"),
            (objects.policies.count, "policy", "policies"),
            (objects.tiers.count, "tier", "tiers"),
            (objects.networkSets.count, "network set", "network sets"),
            (objects.pools.count, "address pool", "address pools"),
            (objects.hostEndpoints.count, "host endpoint", "host endpoints"),
            (objects.workloadEndpoints.count, "workload endpoint", "workload endpoints"),
            (objects.profiles.count, "profile", "profiles"),
            (objects.felixConfigurations.count, "Felix configuration", "Felix configurations"),
            (objects.bgpConfigurations.count, "BGP configuration", "BGP configurations"),
            (objects.bgpPeers.count, "BGP peer", "BGP peers"),
            (objects.addressBlocks.count, "address block", "address blocks"),
            (objects.otherKinds.reduce(0) { $0 + $1.count }, "other object", "other objects"),
        ]
    }

    func added(since old: ObjectCounts) -> String {
        var parts: [String] = []
        for (new, old) in zip(values, old.values) where new.count > old.count {
            let count = new.count - old.count
            parts.append("\(count) \(count == 1 ? new.one : new.many)")
        }
        return parts.joined(separator: ", ")
    }
}

/// What Kubernetes calls a node: a name that its objects have, told by the node's folder, its host name, the path that
/// holds it, or one of its addresses; without such objects its host name or its folder's.
func nodeName(_ node: NodeState, folder: String?, hostName: String?, root: String?) -> String? {
    let told = [folder, hostName].compactMap { $0 }
    var names = Set(node.cluster.nodes.map({ $0.name }))
    if names.isEmpty { names = Set(node.cluster.pods.map({ $0.node })).subtracting([""]) }
    let guesses = told + (root.map { [folderName($0)] } ?? [])
    if let known = guesses.first(where: { names.contains($0) }) { return known }
    var own: Set<IPAddress> = []
    for interface in node.host.interfaces {
        for address in interface.addresses where address.scope == .global { own.insert(address.address) }
    }
    let matching = node.cluster.nodes.filter { object in
        object.addresses.contains { $0.kind != .external && own.contains($0.address) }
    }
    if let first = matching.first, matching.allSatisfy({ $0.name == first.name }) { return first.name }
    let proxies = node.cluster.pods.filter { pod in
        pod.isHostNetwork && !pod.isFinished && !pod.node.isEmpty && pod.addresses.contains { own.contains($0) }
    }
    if let first = proxies.first, proxies.allSatisfy({ $0.node == first.node }) { return first.node }
    // A host's name may be longer or shorter than the node's.
    return names.isEmpty ? told.last : nil
}
