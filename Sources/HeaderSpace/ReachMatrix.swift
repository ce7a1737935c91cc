public import NetTypes

/// What reaches what: addresses in classes, of which all in one send to the same and take from the same.
public struct ReachMatrix: Hashable, Sendable {
    public struct AddressClass: Hashable, Sendable {
        /// Ascending.
        public var addresses: [AddressRange]
        /// What it is among as a source and as a destination.
        public var sourceGroup: Int
        public var destinationGroup: Int
    }

    public var classes: [AddressClass]
    /// For each group of sources the groups of destinations that it surely reaches.
    public var reaches: [[Int]]
    /// Those that it reaches only if unknowns are one way.
    public var mayReach: [[Int]]

    /// How many addresses a class has, for its order.
    static func size(_ ranges: [ClosedRange<UInt128>]) -> Double {
        ranges.reduce(0) { $0 + Double($1.upperBound - $1.lowerBound) + 1 }
    }
}

extension PacketSpace {
    /// Addresses in classes by what `surely` and `possibly` say of source and destination, whatever the other fields are.
    ///
    /// Destinations are told apart by the sources that reach them, and sources by the destinations that they are among;
    /// nothing is asked of single addresses.
    public func matrix(surely: PacketSet, possibly: PacketSet) -> ReachMatrix {
        let (sure, maybe) = (addressesAlone(surely), addressesAlone(possibly))
        var columns: [(sure: PacketSet, maybe: PacketSet)] = []
        let byDestination = FieldPartition(sure, maybe, by: .destination, in: self) { columns.append(($0, $1)) }
        var seen: Set<PacketSet> = [.none, .all]
        var partitions: [FieldPartition] = []
        for set in columns.flatMap({ [$0.sure, $0.maybe] }) where seen.insert(set).inserted {
            partitions.append(FieldPartition(set, .source, in: self))
        }
        // In pairs, so that no partition is gone through often.
        while partitions.count > 1 {
            partitions = stride(from: 0, to: partitions.count, by: 2).map { index in
                index + 1 < partitions.count
                    ? partitions[index].combined(with: partitions[index + 1]).partition : partitions[index]
            }
        }
        let bySource = partitions.first ?? FieldPartition(.source, width: version.addressBits)
        let (all, origins) = byDestination.combined(with: bySource)
        let ranges = all.ranges()
        var result = ReachMatrix(classes: [], reaches: [], mayReach: [])
        let order = ranges.indices.sorted { a, b in
            let (left, right) = (ReachMatrix.size(ranges[a]), ReachMatrix.size(ranges[b]))
            return left == right ? a < b : left > right
        }
        for index in order {
            let (destination, source) = origins[index]
            result.classes.append(
                ReachMatrix.AddressClass(
                    addresses: ranges[index].map { AddressRange(address($0.lowerBound), address($0.upperBound)) },
                    sourceGroup: source, destinationGroup: destination))
        }
        let none = [[Int]](repeating: [], count: bySource.classCount)
        (result.reaches, result.mayReach) = (none, none)
        for (index, column) in columns.enumerated() {
            let sure = bySource.classes(in: column.sure, of: self)
            for source in sure { result.reaches[source].append(index) }
            if column.maybe == column.sure { continue }
            for source in bySource.classes(in: column.maybe, of: self).subtracting(sure) {
                result.mayReach[source].append(index)
            }
        }
        return result
    }

    /// Source and destination of the packets of `set`, whatever else they are.
    func addressesAlone(_ set: PacketSet) -> PacketSet {
        let kept = [levels(.destination), levels(.source)].compactMap { $0 }
        return PacketSet(node: store.project(set.node, kept))
    }
}

extension DiagramStore {
    /// Where some values of the variables that are not `kept` make it hold.
    mutating func project(_ a: UInt32, _ kept: [Range<UInt32>]) -> UInt32 {
        var done: [UInt32: UInt32] = [:]
        return project(a, kept, &done)
    }

    private mutating func project(_ a: UInt32, _ kept: [Range<UInt32>], _ done: inout [UInt32: UInt32]) -> UInt32 {
        if a < 2 { return a }
        if let known = done[a] { return known }
        let own = nodes[Int(a)]
        let low = project(own.low, kept, &done)
        let high = project(own.high, kept, &done)
        let isKept = kept.contains { $0.contains(own.level) }
        let result = isKept ? node(own.level, low, high) : or(low, high)
        done[a] = result
        return result
    }
}
