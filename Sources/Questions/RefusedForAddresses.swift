internal import HeaderSpace
internal import PacketPath

extension PathAnalysis {
    /// Packets that the kernel refuses whatever the rules say.
    var refusedForAddresses: PacketSet {
        packets { $0.end.outcome == .filtered && $0.end.reason?.isForAddresses ?? false }
    }
}

extension Reason {
    /// Whether no host takes a packet with such addresses, or from such a frame.
    fileprivate var isForAddresses: Bool {
        switch self {
        case .martianSource, .martianDestination, .notAddressed, .badHeader, .beyondScope, .notJoined: true
        case .rule, .policy, .noRoute, .blackhole, .unreachable, .prohibit, .rpFilter, .forwardingOff, .ttl, .tooBig,
            .fragmentsApart, .hairpinOff, .givenToSocket, .noTunnelEnd, .otherTunnel, .tunnelLoop,
            .portBlocked, .notFlooded, .interfaceDown, .ipv6Disabled, .natNoAddress, .natInterface, .noServer,
            .serverGone, .unknownRule, .tooManyBranches:
            false
        }
    }
}
