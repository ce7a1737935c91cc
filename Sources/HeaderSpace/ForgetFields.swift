// Sets of packets whatever one of their fields is.
extension PacketSpace {
    /// Packets for which there is one in `set` that differs from it in these fields at most.
    public func forgetting(_ fields: Set<PacketField>, in set: PacketSet) -> PacketSet {
        var node = set.node
        // From the lowest level up: what is left above does not grow before it is gone through.
        let all = fields.compactMap { levels($0) }.flatMap { Array($0) }.sorted(by: >)
        let asked = Set(store.support(node))
        for level in all where asked.contains(level) {
            node = store.or(store.cofactor(node, level, false), store.cofactor(node, level, true))
        }
        return PacketSet(node: node)
    }

    /// Packets that differ from `example` in these fields at most.
    public func likes(of example: ExamplePacket, but fields: Set<PacketField>) -> PacketSet {
        forgetting(fields, in: packets(as: example))
    }
}
