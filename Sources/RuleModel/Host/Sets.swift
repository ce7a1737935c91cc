public import NetTypes
public import SourceText

/// The type of an ipset, which says what its elements hold and what `--match-set` directions mean.
public enum SetType: UInt8, Hashable, Sendable, CaseIterable {
    case bitmapIP, bitmapIPMAC, bitmapPort
    case hashIP, hashMAC, hashIPMAC, hashIPMark, hashIPPort, hashIPPortIP, hashIPPortNet
    case hashNet, hashNetNet, hashNetPort, hashNetPortNet, hashNetInterface
    case listSet
    /// A type this program does not know.
    case unknown

    public var name: String {
        switch self {
        case .bitmapIP: "bitmap:ip"
        case .bitmapIPMAC: "bitmap:ip,mac"
        case .bitmapPort: "bitmap:port"
        case .hashIP: "hash:ip"
        case .hashMAC: "hash:mac"
        case .hashIPMAC: "hash:ip,mac"
        case .hashIPMark: "hash:ip,mark"
        case .hashIPPort: "hash:ip,port"
        case .hashIPPortIP: "hash:ip,port,ip"
        case .hashIPPortNet: "hash:ip,port,net"
        case .hashNet: "hash:net"
        case .hashNetNet: "hash:net,net"
        case .hashNetPort: "hash:net,port"
        case .hashNetPortNet: "hash:net,port,net"
        case .hashNetInterface: "hash:net,iface"
        case .listSet: "list:set"
        case .unknown: "unknown"
        }
    }

    /// How many directions `--match-set` takes.
    public var dimension: Int {
        switch self {
        case .bitmapIP, .bitmapPort, .hashIP, .hashMAC, .hashNet, .listSet, .unknown: 1
        case .bitmapIPMAC, .hashIPMAC, .hashIPMark, .hashIPPort, .hashNetNet, .hashNetPort, .hashNetInterface: 2
        case .hashIPPortIP, .hashIPPortNet, .hashNetPortNet: 3
        }
    }
}

/// A named set of the kernel's ip_set.
public struct AddressSet: Hashable, Sendable {
    public var name: Symbol
    public var type: SetType
    /// `nil` for types without addresses.
    public var version: IPVersion?
    /// `range` of the bitmap types; elements outside never match.
    public var addressRange: AddressRange?
    public var portRange: PortRange?
    /// `netmask` (hash:ip, bitmap:ip) as prefix length, or a `bitmask` that is one. Its elements are prefixes of this
    /// length, so that they contain what they match.
    public var netmask: UInt8?
    /// A `bitmask` that is no prefix: addresses are compared under it, and elements hold what is left.
    public var bitmask: IPAddress?
    /// `markmask` of hash:ip,mark.
    public var markMask: UInt32 = .max
    public var hasTimeout = false
    /// Seconds that an element lives for that is added without a timeout; 0 is for ever.
    public var defaultTimeout: UInt32?
    public var hasCounters = false
    public var hasSkbInfo = false
    public var hasComment = false
    /// Everything the header said that is only sizes, word for word, to be written back (`hashsize 1024 …`).
    public var creationText: Symbol = .empty
    public var elements: [SetElement] = []
    /// Whether elements may be missing (the dump was cut off, or an element could not be read).
    public var isIncomplete = false
    public var place: Place

    public init(name: Symbol, type: SetType, place: Place) {
        self.name = name
        self.type = type
        self.place = place
    }
}

/// One element: the parts its set's type has, in the type's order.
///
/// hash:ip,port,net has `address`, `protocol`/`port`, `second`. Single addresses are full-length prefixes.
public struct SetElement: Hashable, Sendable {
    /// First address part. A range was written out as prefixes by the reader.
    public var address: IPPrefix?
    public var second: IPPrefix?
    public var `protocol`: IPProtocol?
    /// For ICMP in a port part: `type << 8 | code`.
    public var port: PortRange?
    public var mac: MACAddress?
    public var mark: UInt32?
    public var interface: Symbol?
    /// hash:net,iface `physdev:`.
    public var isPhysicalDevice = false
    /// Wildcard (`wildcard` flag of hash:net,iface).
    public var isWildcard = false
    /// The member of a list:set.
    public var member: Symbol?
    /// An exception: addresses in it do not match.
    public var isNoMatch = false
    /// Seconds left; 0 is for ever.
    public var timeout: UInt32?
    public var counters: Counters?
    public var skbMark: MaskedWord?
    public var skbPriority: UInt32?
    public var skbQueue: UInt16?
    public var comment: Symbol = .empty
    public var place: Place

    public init(place: Place) { self.place = place }
}
