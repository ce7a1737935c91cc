public import NetTypes
public import SourceText

/// A rate as the kernel stores it: one packet each `cost` ten-thousandths of a second.
/// Source: include/uapi/linux/netfilter/xt_limit.h `XT_LIMIT_SCALE` = 10000.
public struct LimitRate: Hashable, Sendable {
    /// 10000 is 1/second, 600000 is 1/minute, 36000000 1/hour, 864000000 1/day.
    public var cost: UInt32
    public init(cost: UInt32) { self.cost = cost }
}

/// `-m limit`: a token bucket of the rule's own.
public struct LimitMatch: Hashable, Sendable {
    /// The default is 3/hour.
    public var rate = LimitRate(cost: 12_000_000)
    public var burst: UInt32 = 5
    public init() {}
}

/// `-m hashlimit`: a token bucket for each group of packets.
public struct HashLimitMatch: Hashable, Sendable {
    public struct Mode: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let destinationAddress = Mode(rawValue: 1 << 0)
        public static let destinationPort = Mode(rawValue: 1 << 1)
        public static let sourceAddress = Mode(rawValue: 1 << 2)
        public static let sourcePort = Mode(rawValue: 1 << 3)
    }

    /// `--hashlimit-above`: holds over the rate; otherwise `--hashlimit-upto`.
    public var isAbove = false
    /// For packets, the kernel's cost: microseconds for one packet (`XT_HASHLIMIT_SCALE_v2` is 1000000);
    /// for bytes, bytes per second as written.
    public var rate: UInt64 = 0
    public var isBytes = false
    /// In packets, or in bytes for a byte rate; 0 where a byte rate has none.
    public var burst: UInt64 = 5
    public var mode: Mode = []
    public var sourceMask: UInt8 = 32
    public var destinationMask: UInt8 = 32
    public var name: Symbol = .empty
    public var tableSize: UInt32 = 0
    public var tableMax: UInt32 = 0
    /// Milliseconds.
    public var tableExpire: UInt32 = 0
    /// Milliseconds.
    public var tableGCInterval: UInt32 = 0
    public var matchesRate = false
    /// Seconds; only with `matchesRate`.
    public var rateInterval: UInt32 = 0
    public init() {}
}

/// `-m statistic`.
public enum StatisticMatch: Hashable, Sendable {
    /// Holds with probability `value / 2^31`.
    case random(Negatable<UInt32>)
    /// Holds for one packet in `every`, the first after `packet` others.
    case nth(every: UInt32, packet: UInt32, isNegated: Bool)
}

/// `-m rateest`.
public struct RateEstimateMatch: Hashable, Sendable {
    public enum Comparison: UInt8, Hashable, Sendable { case equal, less, greater }
    public var name1: Symbol = .empty
    public var name2: Symbol = .empty
    /// Two estimators are compared; otherwise one with numbers.
    public var isRelative = false
    public var isDelta = false
    public var comparison: Negatable<Comparison> = .is(.less)
    public var comparesBits = false
    public var comparesPackets = false
    /// Bytes per second.
    public var bytesPerSecond1: UInt32 = 0
    public var bytesPerSecond2: UInt32 = 0
    public var packetsPerSecond1: UInt32 = 0
    public var packetsPerSecond2: UInt32 = 0
    public init() {}
}

/// `-m time`.
public struct TimeMatch: Hashable, Sendable {
    /// Seconds since 1970 (UTC); 0 and `UInt32.max` are no bound. iptables sets `dateStop` to 2^31 - 1, a moment of
    /// the year 2038, where none is given.
    public var dateStart: UInt32 = 0
    public var dateStop: UInt32 = .max
    /// Seconds since midnight.
    public var dayStart: UInt32 = 0
    public var dayStop: UInt32 = 86399
    /// Bits 1…31. `! --monthdays 2` is every other day: so iptables stores and writes it.
    public var monthDays: UInt32 = 0xffff_fffe
    /// Bits 1 (Monday) … 7.
    public var weekDays: UInt8 = 0xfe
    public var isContiguous = false
    public var usesKernelTimezone = false
    public init() {}
}
