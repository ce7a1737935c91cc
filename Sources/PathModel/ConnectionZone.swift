public import RuleModel

/// The conntrack zone of a packet or an entry, which may be that of one direction alone.
public struct ConnectionZone: Hashable, Sendable {
    public var id: UInt16
    /// The direction that has `id`, the other having 0; `nil`: both.
    public var direction: ConnectionDirection?

    public init(id: UInt16 = 0, direction: ConnectionDirection? = nil) {
        self.id = id
        self.direction = direction
    }

    /// Source: include/net/netfilter/nf_conntrack_zones.h `nf_ct_zone_id`, Linux 6.18.
    public func id(in asked: ConnectionDirection) -> UInt16 { direction == nil || direction == asked ? id : 0 }
}

extension ConnectionEntry {
    public var fullZone: ConnectionZone {
        get { ConnectionZone(id: zone, direction: zoneDirection) }
        set {
            zone = newValue.id
            zoneDirection = newValue.direction
        }
    }
}
