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
        var first = [UInt128?](repeating: nil, count: bySource.classCount)
        let order = ranges.indices.sorted { a, b in
            let (left, right) = (ReachMatrix.size(ranges[a]), ReachMatrix.size(ranges[b]))
            return left == right ? a < b : left > right
        }
        for index in order {
            let (destination, source) = origins[index]
            if first[source] == nil { first[source] = ranges[index].first?.lowerBound }
            result.classes.append(
                ReachMatrix.AddressClass(
                    addresses: ranges[index].map { AddressRange(address($0.lowerBound), address($0.upperBound)) },
                    sourceGroup: source, destinationGroup: destination))
        }
        for value in first {
            var sure: [Int] = []
            var maybe: [Int] = []
            for (index, column) in columns.enumerated() {
                if contains(column.sure, source: value ?? 0) {
                    sure.append(index)
                } else if contains(column.maybe, source: value ?? 0) {
                    maybe.append(index)
                }
            }
            result.reaches.append(sure)
            result.mayReach.append(maybe)
        }
        return result
    }

    /// Whether a set that asks about sources alone has this one.
    private func contains(_ set: PacketSet, source: UInt128) -> Bool {
        guard let levels = levels(.source) else { return !set.isEmpty }
        var at = set.node
        while at > 1 {
            let own = store.nodes[Int(at)]
            let isOne = source >> UInt128(levels.upperBound - 1 - own.level) & 1 == 1
            at = isOne ? own.high : own.low
        }
        return at == 1
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
