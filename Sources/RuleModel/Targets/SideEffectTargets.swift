public import NetTypes
public import SourceText

/// `-j LOG`.
public struct LogTarget: Hashable, Sendable {
    public struct Options: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let tcpSequence = Options(rawValue: 0x01)
        public static let tcpOptions = Options(rawValue: 0x02)
        public static let ipOptions = Options(rawValue: 0x04)
        public static let userID = Options(rawValue: 0x08)
        public static let mac = Options(rawValue: 0x20)
    }

    /// syslog level 0…7; 4 (warning) is the default.
    public var level: UInt8 = 4
    public var prefix: Symbol = .empty
    public var options: Options = []
    public init() {}
}

/// `-j NFLOG`.
public struct NFLogTarget: Hashable, Sendable {
    public var group: UInt16 = 0
    public var prefix: Symbol = .empty
    /// `--nflog-range`
    public var range: UInt32?
    /// `--nflog-size`
    public var size: UInt32?
    public var threshold: UInt16 = 0
    public init() {}
}

/// `-j ULOG`.
public struct ULogTarget: Hashable, Sendable {
    /// One bit for each group, bit 0 is group 1.
    public var groups: UInt32 = 1
    public var prefix: Symbol = .empty
    public var copyRange: UInt32 = 0
    public var queueThreshold: UInt32 = 1
    public init() {}
}

/// `-j NFQUEUE`. 8 bytes.
public struct NFQueueTarget: Hashable, Sendable {
    public var queue: UInt16 = 0
    /// `--queue-balance queue:queue+count-1`; 1 is a single queue.
    public var count: UInt16 = 1
    /// Packets are accepted where no program listens.
    public var bypass = false
    public var cpuFanout = false
    public init() {}
}

/// `-j SET`: changes ipsets.
public struct SetTarget: Hashable, Sendable {
    public struct Operation: Hashable, Sendable {
        public var set: Symbol
        public var directions: [Bool]
        public init(set: Symbol, directions: [Bool]) {
            self.set = set
            self.directions = directions
        }
    }

    public var add: Operation?
    public var delete: Operation?
    /// `--map-set`: marks, priorities and queues out of the element's skbinfo.
    public var map: Operation?
    public var exists = false
    /// Seconds; `nil` for the set's default.
    public var timeout: UInt32?
    public var mapsMark = false
    public var mapsPriority = false
    public var mapsQueue = false
    public init() {}
}

/// `-j TEE`: sends a copy of the packet to another machine.
public struct TEETarget: Hashable, Sendable {
    public var gateway: IPAddress
    public var device: Symbol = .empty
    public init(gateway: IPAddress) { self.gateway = gateway }
}

/// `-j IDLETIMER`.
public struct IdleTimerTarget: Hashable, Sendable {
    /// Seconds.
    public var timeout: UInt32 = 0
    public var label: Symbol = .empty
    public var isAlarm = false
    public init() {}
}

/// `-j LED`.
public struct LEDTarget: Hashable, Sendable {
    public var identifier: Symbol = .empty
    /// Milliseconds; `nil` is `inf`.
    public var delay: UInt32? = 0
    public var alwaysBlinks = false
    public init() {}
}

/// `-j RATEEST`.
public struct RateEstimateTarget: Hashable, Sendable {
    public var name: Symbol = .empty
    /// The estimator's interval as the kernel's power: 0 is 1 second, -1 half of it.
    public var interval: Int8 = 0
    public var ewmaLog: UInt8 = 0
    public init() {}
}
