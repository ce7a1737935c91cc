/// One thing said of a packet's way in the words of those who run the cluster.
struct Explanation: Hashable {
    /// A sentence without a final stop.
    var text: String
    /// What it rests on, each a clause.
    var details: [String] = []
    /// The step it is about, as index into the steps of the whole way.
    var step: Int?
}
