public import RuleModel

/// All nodes that an input holds, and what is known of the cluster they are in.
public struct ClusterState: Sendable {
    /// In the order of their folders' names.
    public var nodes: [ClusterMember] = []
    /// The objects of files that are no one node's. Each node has these too, and its own.
    public var objects: ClusterObjects
    /// Inputs outside all nodes' folders of which nothing was recognised.
    public var unrecognised: [UnrecognisedInput] = []
    /// Files outside all nodes' folders that say something of one node: it is not known of which.
    public var passedOver: [String] = []

    public init(objects: ClusterObjects) { self.objects = objects }

    /// The node that Kubernetes calls so, or else the one whose folder is named so.
    public func node(_ name: String) -> ClusterMember? {
        nodes.first { $0.state.name == name } ?? nodes.first { $0.folder == name }
    }
}

/// One node of several.
public struct ClusterMember: Sendable {
    /// The folder or archive that it came from, as `--node` takes it.
    public var folder: String
    public var state: NodeState

    public init(folder: String, state: NodeState) {
        self.folder = folder
        self.state = state
    }
}
