internal import NetTypes
public import RuleModel
internal import SourceText

/// Connection entries found by the tuple of either direction.
public struct ConnectionIndex: Sendable {
    public private(set) var entries: [ConnectionEntry] = []
    /// Whether one of them has, or had, a helper.
    public private(set) var hasHelpers = false
    private var byTuple: [ConnectionTuple: [Int]] = [:]

    public init(_ entries: [ConnectionEntry]) {
        for entry in entries { insert(entry) }
    }

    public mutating func insert(_ entry: ConnectionEntry) {
        let index = entries.count
        entries.append(entry)
        if entry.helper != .empty { hasHelpers = true }
        byTuple[ConnectionIndex.key(entry.original), default: []].append(index)
        byTuple[ConnectionIndex.key(entry.reply), default: []].append(index)
        if entry.hasDrawnPort { byTuple[ConnectionIndex.anyPorts(entry.reply), default: []].append(index) }
    }

    /// The entry that a packet with this tuple belongs to, and in which direction.
    ///
    /// Each direction of an entry has the zone that it has there, and so has the packet, whose direction is not known
    /// before: it is looked for in the zone of the first direction, then in the other's. The entry made last is found
    /// first. Source: net/netfilter/nf_conntrack_core.c `resolve_normal_ct`, `nf_ct_key_equal`,
    /// `__nf_conntrack_hash_insert`; observed on Linux 6.18.
    ///
    /// - Parameter asTold: answers to an entry of which NAT drew a port have the one that its `reply` tells.
    public func find(
        _ tuple: ConnectionTuple, zone: ConnectionZone, asTold: Bool = false
    ) -> (entry: ConnectionEntry, direction: ConnectionDirection)? {
        let isOneZone = zone.id(in: .original) == zone.id(in: .reply)
        if isOneZone { return find(tuple, zone, asTold, among: [.reply, .original]) }
        return find(tuple, zone, asTold, among: [.original]) ?? find(tuple, zone, asTold, among: [.reply])
    }

    /// - Parameter directions: within one entry, where the answers look like the questions, the reply is found first.
    private func find(
        _ tuple: ConnectionTuple, _ zone: ConnectionZone, _ asTold: Bool, among directions: [ConnectionDirection]
    ) -> (entry: ConnectionEntry, direction: ConnectionDirection)? {
        let wanted = ConnectionIndex.key(tuple)
        for index in (byTuple[wanted] ?? []).reversed() {
            let entry = entries[index]
            for direction in directions where isIn(index, zone, direction) {
                if direction == .reply, entry.hasDrawnPort, !asTold { continue }
                let own = direction == .original ? entry.original : entry.reply
                if ConnectionIndex.key(own) == wanted { return (entry, direction) }
            }
        }
        return nil
    }

    /// The entries that a packet with this tuple may be an answer to: NAT has drawn their ports from some among which are
    /// the packet's, and it is not known which it drew.
    public func mayAnswer(_ tuple: ConnectionTuple, zone: ConnectionZone) -> [ConnectionEntry] {
        (byTuple[ConnectionIndex.anyPorts(tuple)] ?? []).filter { index in
            isIn(index, zone, .reply) && entries[index].mayBeAnswered(by: tuple)
        }.map { entries[$0] }
    }

    private func isIn(_ index: Int, _ zone: ConnectionZone, _ direction: ConnectionDirection) -> Bool {
        entries[index].fullZone.id(in: direction) == zone.id(in: direction)
    }

    /// Puts in `entry`, or puts it in the place of the one with the same original tuple (`--flows`); takes out one that
    /// is gone.
    public mutating func update(_ entry: ConnectionEntry) {
        if entry.isGone { return remove(entry) }
        let wanted = ConnectionIndex.key(entry.original)
        for index in byTuple[wanted] ?? [] where entries[index].fullZone == entry.fullZone {
            guard ConnectionIndex.key(entries[index].original) == wanted else { continue }
            if ConnectionIndex.key(entries[index].reply) == ConnectionIndex.key(entry.reply),
                entries[index].hasDrawnPort == entry.hasDrawnPort
            {
                entries[index] = entry
                return
            }
            // Which port it was is known by now.
            guard entries[index].mayBeAnswered(by: entry.reply) else { continue }
            var others = entries
            others[index] = entry
            self = ConnectionIndex(others)
            return
        }
        insert(entry)
    }

    private mutating func remove(_ gone: ConnectionEntry) {
        let kept = entries.filter {
            $0.original != gone.original || $0.fullZone != gone.fullZone
                || $0.reply != gone.reply && !$0.mayBeAnswered(by: gone.reply)
        }
        if kept.count < entries.count { self = ConnectionIndex(kept) }
    }

    /// Whether a reply tuple is taken by another flow: NAT then chooses another port.
    ///
    public func isTaken(_ tuple: ConnectionTuple, zone: ConnectionZone) -> Bool { taker(of: tuple, zone: zone) != nil }

    /// The flow that has a reply tuple, looked for among tuples of the zone that the reply has.
    /// Source: net/netfilter/nf_conntrack_core.c `nf_conntrack_tuple_taken`, `__nf_conntrack_confirm`.
    public func taker(
        of tuple: ConnectionTuple, zone: ConnectionZone
    ) -> (entry: ConnectionEntry, direction: ConnectionDirection)? {
        let isOneZone = zone.id(in: .original) == zone.id(in: .reply)
        return find(tuple, zone, false, among: isOneZone ? [.reply, .original] : [.reply])
    }

    private static func anyPorts(_ tuple: ConnectionTuple) -> ConnectionTuple {
        var key = key(tuple)
        (key.sourcePort, key.destinationPort) = (0, 0)
        return key
    }

    /// ICMP echo has one identifier where others have two ports; types 0 and 8 belong to one flow.
    private static func key(_ tuple: ConnectionTuple) -> ConnectionTuple {
        var key = tuple
        if tuple.protocol.isICMP { key.destinationPort = 0 }
        return key
    }
}
