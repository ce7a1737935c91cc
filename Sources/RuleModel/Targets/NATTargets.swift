public import NetTypes
public import SourceText

/// The options that DNAT, SNAT, MASQUERADE and REDIRECT share (`struct nf_nat_range2`).
public struct NATTarget: Hashable, Sendable {
    /// The addresses to choose from; `nil` where only ports are given.
    public var addresses: AddressRange?
    public var ports: PortRange?
    /// DNAT `--to-destination A:first-last/base`: the first port of the original range, which is shifted.
    public var basePort: UInt16?
    public var isRandom = false
    public var isFullyRandom = false
    public var isPersistent = false
    public init() {}
}

/// `-j SNPT` and `-j DNPT`: IPv6 prefixes exchanged without state (RFC 6296).
public struct PrefixTranslationTarget: Hashable, Sendable {
    /// SNPT; otherwise DNPT.
    public var changesSource: Bool
    public var from: IPPrefix
    public var to: IPPrefix
    public init(changesSource: Bool, from: IPPrefix, to: IPPrefix) {
        self.changesSource = changesSource
        self.from = from
        self.to = to
    }
}

/// `-j CONNMARK`.
public struct ConnectionMarkTarget: Hashable, Sendable {
    public enum Operation: UInt8, Hashable, Sendable {
        /// `ctmark = (ctmark & ~mask) ^ value`
        case set
        /// `ctmark = (ctmark & ~ctmask) ^ (mark & nfmask)`
        case save
        /// `mark = (mark & ~nfmask) ^ (ctmark & ctmask)`
        case restore
    }

    public var operation = Operation.set
    /// For `set` the value; unused otherwise.
    public var value: UInt32 = 0
    /// Mask over the connection's mark.
    public var connectionMask: UInt32 = .max
    /// Mask over the packet's mark.
    public var packetMask: UInt32 = .max
    /// Bits to shift the value by on its way; positive to the left.
    public var shift: Int8 = 0
    public init() {}
}

/// `-j CT`.
public struct CTTarget: Hashable, Sendable {
    public enum ZoneDirection: UInt8, Hashable, Sendable { case both, original, reply }
    public var notrack = false
    public var helper: Symbol = .empty
    /// In a dump only the first four bytes of the name: the kernel gives the others back as zeros (observed on Linux
    /// 6.18; net/netfilter/xt_CT.c has the size of revision 0 as `usersize` of the later ones).
    public var timeout: Symbol = .empty
    /// Names or numbers, as written.
    public var events: Symbol = .empty
    public var expectedEvents: Symbol = .empty
    public var zone: UInt16?
    public var zoneDirection = ZoneDirection.both
    /// `--zone mark`
    public var zoneFromMark = false
    public init() {}
}

/// `-j HMARK`: a mark out of a hash over addresses and ports.
public struct HMarkTarget: Hashable, Sendable {
    /// `--hmark-tuple ct`: hashes the connection's original direction instead of the packet. The other names of a
    /// tuple stand for full masks, and iptables-save writes them so.
    public var usesConnection = false
    public var modulus: UInt32 = 0
    public var offset: UInt32?
    /// A part is hashed where its mask is set.
    public var sourcePrefix: UInt8?
    public var destinationPrefix: UInt8?
    public var sourcePortMask: UInt16?
    public var destinationPortMask: UInt16?
    public var sourcePort: UInt16?
    public var destinationPort: UInt16?
    public var spi: UInt32?
    public var spiMask: UInt32?
    public var protocolMask: UInt16?
    public var random: UInt32 = 0
    public init() {}
}

/// `-j TPROXY`: hands the packet to a local socket without changing it.
public struct TPROXYTarget: Hashable, Sendable {
    public var port: UInt16 = 0
    public var address: IPAddress?
    public var mark = MaskedWord(0, mask: 0)
    public init() {}
}

/// `-j SYNPROXY`.
public struct SYNPROXYTarget: Hashable, Sendable {
    public var sackPermitted = false
    public var timestamps = false
    public var windowScale: UInt8?
    public var mss: UInt16?
    public var ecn = false
    public init() {}
}

/// `-j CLUSTERIP`.
public struct ClusterIPTarget: Hashable, Sendable {
    public enum HashMode: UInt8, Hashable, Sendable {
        case sourceIP, sourceIPSourcePort, sourceIPSourcePortDestinationPort
    }
    public var isNew = false
    public var hashMode = HashMode.sourceIP
    public var clusterMAC: MACAddress?
    public var totalNodes: UInt16 = 0
    public var localNode: UInt16 = 0
    public var hashInit: UInt32 = 0
    public init() {}
}
