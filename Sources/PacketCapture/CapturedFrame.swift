/// When a frame was captured: seconds since 1970 in UTC, and nanoseconds beyond.
public struct CaptureTime: Hashable, Sendable {
    public let seconds: Int64
    /// 0 to 999,999,999.
    public let nanoseconds: UInt32

    public init(seconds: Int64, nanoseconds: UInt32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// `1764158697.000123`: with six digits, nine where the last three tell something.
    public var description: String {
        let isShort = nanoseconds % 1000 == 0
        let digits = String(isShort ? nanoseconds / 1000 : nanoseconds)
        return "\(seconds)." + String(repeating: "0", count: (isShort ? 6 : 9) - digits.utf8.count) + digits
    }

    /// Nanoseconds since `other`; `nil` where they are more than a number holds.
    public func nanoseconds(since other: CaptureTime) -> Int64? {
        let (difference, overflow) = seconds.subtractingReportingOverflow(other.seconds)
        let (scaled, isTooLarge) = difference.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow || isTooLarge { return nil }
        let (sum, isBeyond) = scaled.addingReportingOverflow(Int64(nanoseconds) - Int64(other.nanoseconds))
        return isBeyond ? nil : sum
    }
}

/// What a frame begins with, by its number among `LINKTYPE_…` of <https://www.tcpdump.org/linktypes.html>.
public struct LinkType: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The address family in the byte order of the machine that captured.
    public static let null = LinkType(rawValue: 0)
    public static let ethernet = LinkType(rawValue: 1)
    public static let raw = LinkType(rawValue: 101)
    /// The address family, highest byte first.
    public static let loop = LinkType(rawValue: 108)
    /// `-i any` of Linux before tcpdump 4.99.
    public static let linuxCooked = LinkType(rawValue: 113)
    public static let ipv4 = LinkType(rawValue: 228)
    public static let ipv6 = LinkType(rawValue: 229)
    /// `-i nflog:GROUP`.
    public static let nflog = LinkType(rawValue: 239)
    /// `-i any` of Linux; the second version tells the interface.
    public static let linuxCooked2 = LinkType(rawValue: 276)

    /// Those whose frames are read.
    public static let read: [LinkType] = [
        .ethernet, .linuxCooked, .linuxCooked2, .raw, .ipv4, .ipv6, .null, .loop,
    ]

    public var name: String {
        switch self {
        case .null: "BSD loopback"
        case .ethernet: "Ethernet"
        case .raw: "raw IP"
        case .loop: "OpenBSD loopback"
        case .linuxCooked: "Linux cooked (SLL)"
        case .ipv4: "raw IPv4"
        case .ipv6: "raw IPv6"
        case .nflog: "NFLOG"
        case .linuxCooked2: "Linux cooked (SLL2)"
        default: "link type \(rawValue)"
        }
    }
}

/// Where frames of a capture were seen.
public struct CaptureInterface: Hashable, Sendable {
    public var linkType: LinkType
    /// pcapng's `if_name`, such as `eth0`, or `any`.
    public var name: String?

    public init(linkType: LinkType, name: String? = nil) {
        self.linkType = linkType
        self.name = name
    }
}

/// One frame as a capture has it.
public struct CapturedFrame: Hashable, Sendable {
    /// Whether the one who captured says that it came or left.
    public enum Direction: Hashable, Sendable { case arriving, leaving }

    /// From 1, as Wireshark and `tcpdump -#` count.
    public var number: Int
    public var time: CaptureTime?
    public var interface: CaptureInterface
    /// pcapng's flags of the frame.
    public var direction: Direction?
    /// Bytes of the frame on the wire; fewer of them may have been captured.
    public var length: Int
    public var bytes: [UInt8]

    public init(number: Int, interface: CaptureInterface, length: Int, bytes: [UInt8]) {
        self.number = number
        self.interface = interface
        self.length = length
        self.bytes = bytes
    }
}
