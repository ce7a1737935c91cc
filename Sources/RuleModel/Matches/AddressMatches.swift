public import NetTypes
public import SourceText

/// Types of an address as the routing tables see it. Bit values: `1 << RTN_…`.
public struct AddressTypes: OptionSet, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let unspecified = AddressTypes(rawValue: 1 << 0)
    public static let unicast = AddressTypes(rawValue: 1 << 1)
    public static let local = AddressTypes(rawValue: 1 << 2)
    public static let broadcast = AddressTypes(rawValue: 1 << 3)
    public static let anycast = AddressTypes(rawValue: 1 << 4)
    public static let multicast = AddressTypes(rawValue: 1 << 5)
    public static let blackhole = AddressTypes(rawValue: 1 << 6)
    public static let unreachable = AddressTypes(rawValue: 1 << 7)
    public static let prohibit = AddressTypes(rawValue: 1 << 8)
    public static let `throw` = AddressTypes(rawValue: 1 << 9)
    public static let nat = AddressTypes(rawValue: 1 << 10)
    public static let xresolve = AddressTypes(rawValue: 1 << 11)

    public static let names: [(type: AddressTypes, name: String)] = [
        (.unspecified, "UNSPEC"), (.unicast, "UNICAST"), (.local, "LOCAL"), (.broadcast, "BROADCAST"),
        (.anycast, "ANYCAST"), (.multicast, "MULTICAST"), (.blackhole, "BLACKHOLE"), (.unreachable, "UNREACHABLE"),
        (.prohibit, "PROHIBIT"), (.throw, "THROW"), (.nat, "NAT"), (.xresolve, "XRESOLVE"),
    ]
}

/// `-m addrtype`.
public struct AddressTypeMatch: Hashable, Sendable {
    public var source: Negatable<AddressTypes>?
    public var destination: Negatable<AddressTypes>?
    public var limitsToInInterface = false
    public var limitsToOutInterface = false
    public init() {}
}

/// `-m iprange`.
public struct AddressRangeMatch: Hashable, Sendable {
    public var source: Negatable<AddressRange>?
    public var destination: Negatable<AddressRange>?
    public init() {}
}

/// `-m rpfilter`: would a packet to this source leave by the interface this one came in by.
public struct ReversePathMatch: Hashable, Sendable {
    public var isLoose = false
    public var usesMark = false
    public var acceptsLocal = false
    public var isInverted = false
    public init() {}
}

/// `-m physdev`: the bridge ports of a bridged frame.
public struct PhysicalDeviceMatch: Hashable, Sendable {
    public var inDevice: Negatable<InterfacePattern>?
    public var outDevice: Negatable<InterfacePattern>?
    public var isIn: Negatable<Bool>?
    public var isOut: Negatable<Bool>?
    public var isBridged: Negatable<Bool>?
    public init() {}
}

/// `-m devgroup`.
public struct DeviceGroupMatch: Hashable, Sendable {
    public var source: Negatable<MaskedWord>?
    public var destination: Negatable<MaskedWord>?
    public init() {}
}

/// `-m set --match-set NAME DIRECTIONS`.
public struct SetMatch: Hashable, Sendable {
    /// A comparison of an element's own counters.
    public struct CounterTest: Hashable, Sendable {
        public enum Comparison: UInt8, Hashable, Sendable { case equal, notEqual, less, greater }
        public var comparison: Comparison
        public var value: UInt64
        public init(_ comparison: Comparison, _ value: UInt64) {
            self.comparison = comparison
            self.value = value
        }
    }

    public var name: Negatable<Symbol> = .is(.empty)
    /// One entry for each dimension of the set, `true` for `src`.
    public var directions: [Bool] = []
    public var returnsNoMatch = false
    /// `--update-counters` is the default; `false` is `! --update-counters`.
    public var updatesCounters = true
    /// `--update-subcounters` is the default; `false` is `! --update-subcounters`.
    public var updatesSubcounters = true
    public var packets: CounterTest?
    public var bytes: CounterTest?
    public init() {}
}

/// `-m policy`: the IPsec policy that was or will be used.
public struct PolicyMatch: Hashable, Sendable {
    public struct Element: Hashable, Sendable {
        public var requestID: Negatable<UInt32>?
        public var spi: Negatable<UInt32>?
        public var `protocol`: Negatable<ProtocolTest>?
        public var isTunnel: Negatable<Bool>?
        public var tunnelSource: Negatable<AddressMask>?
        public var tunnelDestination: Negatable<AddressMask>?
        public init() {}
    }

    public var isOut = false
    /// `--pol ipsec` (true) or `none`; `nil` where it is not given.
    public var wantsIPsec: Bool?
    public var isStrict = false
    public var elements: [Element] = []
    public init() {}
}
