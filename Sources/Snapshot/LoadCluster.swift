#if !hasFeature(Embedded)
import HostText
import KubernetesText
public import SourceText

/// The nodes that an input holds, found and not read yet. Each is read when it is asked for, from any thread, so that a
/// thousand nodes need the memory of their files and of the few that are at hand.
public struct ClusterInput: Sendable {
    /// What the input says of no one node; `nodes` is empty.
    public let common: ClusterState
    private let parts: [NodePart]
    private let shared: SharedObjects
    private let sharedListings: [Recognised]
    private let unrecognised: [UnrecognisedInput]
    private let settings: SnapshotSettings

    public var count: Int { parts.count }

    /// Reads the node of this number, from 0; `names` are there before its own.
    public func node(_ number: Int, names: NameTable = NameTable()) throws(SnapshotFailure) -> ClusterMember {
        let part = parts[number]
        let own = part.candidates.enumerated().map { $1.recognised(as: FileID(shared.files.count + $0)) }
        var settings = settings
        settings.names = names
        let state = try assemble(
            files: shared.files + part.candidates.map { $0.file }, recognised: sharedListings + own,
            unrecognised: unrecognised.filter { parts.count == 1 || part.holds($0.path) }, root: part.root,
            folder: part.folder, shared: shared, settings: settings)
        return ClusterMember(folder: part.folder, state: state)
    }

    fileprivate init(_ loader: Loader, _ paths: [String], _ settings: SnapshotSettings) throws(SnapshotFailure) {
        let (sharedCandidates, parts) = partNodes(loader.candidates)
        self.parts = parts
        self.settings = settings
        unrecognised = loader.unrecognised
        sharedListings = sharedCandidates.enumerated().map { $1.recognised(as: FileID($0)) }
        shared = SharedObjects(files: sharedCandidates.map { $0.file }, recognised: sharedListings)
        if parts.isEmpty {
            // Says what there is instead of rules.
            _ = try assemble(
                files: shared.files, recognised: sharedListings, unrecognised: loader.unrecognised,
                root: paths.count == 1 ? paths.first : nil, shared: shared, settings: settings)
        }
        var common = ClusterState(objects: shared.reading.objects)
        let taken = Set((sharedCandidates + parts.flatMap { $0.candidates }).map { $0.file.path })
        common.passedOver = loader.candidates.filter { !$0.found.listings.isEmpty }.map { $0.file.path }
            .filter { !taken.contains($0) }
        if parts.count > 1 {
            common.unrecognised = loader.unrecognised.filter { input in !parts.contains { $0.holds(input.path) } }
        }
        self.common = common
    }
}

/// Finds the nodes that what stands at `paths` holds, each with the objects of the cluster.
///
/// Folders of nodes are told as `loadSnapshot` tells them. Several directories and archives that each hold a dump of
/// one table are nodes too. Files outside the nodes' folders count for all nodes if they hold objects only, and else
/// for none.
public func findNodes(
    _ paths: [String], settings: SnapshotSettings = SnapshotSettings(),
    standardInput: StandardInput = readStandardInput
) throws(SnapshotFailure) -> ClusterInput {
    var loader = Loader(settings: settings)
    for path in paths { try loader.load(path, standardInput) }
    loader.leaveOutConfiguration()
    return try ClusterInput(loader, paths, settings)
}

/// Loads what stands at `paths` as all the nodes that `findNodes` finds there, with one table of names.
public func loadCluster(
    _ paths: [String], settings: SnapshotSettings = SnapshotSettings(),
    standardInput: StandardInput = readStandardInput
) throws(SnapshotFailure) -> ClusterState {
    let input = try findNodes(paths, settings: settings, standardInput: standardInput)
    var cluster = input.common
    var names = settings.names
    for number in 0..<input.count {
        var member = try input.node(number, names: names)
        // Held once: each node's table begins with the names of those before it, and the last one's serves all.
        names = member.state.names
        member.state.names = NameTable()
        cluster.nodes.append(member)
    }
    for index in cluster.nodes.indices { cluster.nodes[index].state.names = names }
    return cluster
}
#endif
