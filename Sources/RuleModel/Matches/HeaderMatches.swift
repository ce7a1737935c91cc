public import NetTypes
public import SourceText

/// `-m tcp`. 12 bytes, as in the kernel's `struct xt_tcp`: most rules have one.
public struct TCPMatch: Hashable, Sendable {
    /// Which of the parts are tested for not being so.
    public struct Inversion: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let sourcePorts = Inversion(rawValue: 1)
        public static let destinationPorts = Inversion(rawValue: 2)
        public static let flags = Inversion(rawValue: 4)
        public static let option = Inversion(rawValue: 8)
    }

    public var sourcePorts = PortRange.all
    public var destinationPorts = PortRange.all
    public var flagsMask: TCPFlags = []
    public var flagsValue: TCPFlags = []
    /// The number of a TCP option that must be there; 0 is none.
    public var option: UInt8 = 0
    public var inversion: Inversion = []
    public init() {}
}

/// `-m udp` and `-m udplite`.
public struct UDPMatch: Hashable, Sendable {
    public var sourcePorts = PortRange.all
    public var destinationPorts = PortRange.all
    public var sourceIsNegated = false
    public var destinationIsNegated = false
    public init() {}
}

/// `-m sctp`.
public struct SCTPMatch: Hashable, Sendable {
    public enum Mode: UInt8, Hashable, Sendable { case all, any, only }
    public struct Chunk: Hashable, Sendable {
        public var type: UInt8
        /// The chunk's flags as `value` under `mask`; a mask of 0 asks for none.
        public var flagsMask: UInt8
        public var flagsValue: UInt8
        public init(type: UInt8, flagsMask: UInt8 = 0, flagsValue: UInt8 = 0) {
            self.type = type
            self.flagsMask = flagsMask
            self.flagsValue = flagsValue
        }
    }

    public var sourcePort: Negatable<PortRange>?
    public var destinationPort: Negatable<PortRange>?
    public var chunkMode: Negatable<Mode>?
    /// Empty with a mode: every chunk type (`ALL`) where `allChunks`, else `NONE`.
    public var chunks: [Chunk] = []
    public var allChunks = false
    public init() {}
}

/// `-m dccp`.
public struct DCCPMatch: Hashable, Sendable {
    public var sourcePort: Negatable<PortRange>?
    public var destinationPort: Negatable<PortRange>?
    /// One bit for each packet type.
    public var types: Negatable<UInt16>?
    public var option: Negatable<UInt8>?
    public init() {}
}

/// `-m multiport`: up to 15 port slots, a range takes two.
public struct MultiportMatch: Hashable, Sendable {
    public enum Side: UInt8, Hashable, Sendable { case source, destination, either }
    public var side = Side.destination
    public var ports: Negatable<[PortRange]> = .is([])
    public init() {}
}

/// `-m icmp` or `-m icmp6`: a type, and a range of codes.
public struct ICMPMatch: Hashable, Sendable {
    public var version = IPVersion.v4
    /// 255 is `any` for IPv4: every type and code.
    public var type: UInt8 = 255
    public var codes = NumberRange<UInt8>(0, 255)
    public var isNegated = false
    public init() {}
}

/// `-m ttl` or `-m hl`.
public struct TimeToLiveMatch: Hashable, Sendable {
    public enum Comparison: UInt8, Hashable, Sendable { case equal, notEqual, less, greater }
    public var version = IPVersion.v4
    public var comparison = Comparison.equal
    public var value: UInt8 = 0
    public init() {}
}

/// `-m ecn`.
public struct ECNMatch: Hashable, Sendable {
    /// `--ecn-tcp-cwr`
    public var cwr: Negatable<Bool>?
    /// `--ecn-tcp-ece`
    public var ece: Negatable<Bool>?
    /// `--ecn-ip-ect`
    public var ect: Negatable<UInt8>?
    public init() {}
}

/// `-m ah`; the last two are for IPv6.
public struct AHMatch: Hashable, Sendable {
    public var spi: Negatable<NumberRange<UInt32>> = .is(.all)
    public var length: Negatable<UInt32>?
    public var reservedIsZero = false
    public init() {}
}

/// `-m ipcomp`.
public struct IPCompMatch: Hashable, Sendable {
    public var spi: Negatable<NumberRange<UInt32>> = .is(.all)
    public var reservedIsZero = false
    public init() {}
}

/// `-m frag`: the IPv6 fragment header.
public struct FragmentHeaderMatch: Hashable, Sendable {
    public var id: Negatable<NumberRange<UInt32>> = .is(.all)
    /// Bytes of the header; no kernel since 3.0 tests it (net/ipv6/netfilter/ip6t_frag.c).
    public var length: Negatable<UInt32>?
    public var reservedIsZero = false
    public var isFirst = false
    public var hasMore = false
    public var isLast = false
    public init() {}
}

/// `-m dst` and `-m hbh`: IPv6 destination and hop-by-hop options.
public struct IPv6OptionsMatch: Hashable, Sendable {
    public struct Option: Hashable, Sendable {
        public var type: UInt8
        public var length: UInt8?
        public init(type: UInt8, length: UInt8?) {
            self.type = type
            self.length = length
        }
    }

    /// Length of the header in bytes.
    public var length: Negatable<UInt32>?
    public var options: [Option] = []
    public init() {}
}

/// `-m rt`: the IPv6 routing header.
public struct RoutingHeaderMatch: Hashable, Sendable {
    public var type: Negatable<UInt32>?
    public var segmentsLeft: Negatable<NumberRange<UInt32>>?
    public var length: Negatable<UInt32>?
    public var reservedIsZero = false
    public var addresses: [IPAddress] = []
    public var addressesNotStrict = false
    public init() {}
}

/// `-m srh`: the segment routing header. Addresses are those of the previous, next and last segment.
public struct SegmentRoutingMatch: Hashable, Sendable {
    public struct Comparison: Hashable, Sendable {
        public enum Relation: UInt8, Hashable, Sendable { case equal, greater, less }
        public var relation: Relation
        public var value: Negatable<UInt16>
        public init(_ relation: Relation, _ value: Negatable<UInt16>) {
            self.relation = relation
            self.value = value
        }
    }

    public var nextHeader: Negatable<ProtocolTest>?
    public var headerLength: [Comparison] = []
    public var segmentsLeft: [Comparison] = []
    public var lastEntry: [Comparison] = []
    public var tag: Negatable<UInt16>?
    public var previous: Negatable<AddressMask>?
    public var next: Negatable<AddressMask>?
    public var last: Negatable<AddressMask>?
    public init() {}
}

/// `-m ipv6header`: which extension headers are there.
public struct IPv6HeaderMatch: Hashable, Sendable {
    /// Bit 7 hop-by-hop, 6 destination options, 5 routing, 4 fragment, 3 ah, 2 esp, 1 none, 0 protocol
    /// (`MASK_*` of ip6t_ipv6header.h).
    public var headers: Negatable<UInt8> = .is(0)
    /// Soft: the headers named are there, others may be too.
    public var isSoft = false
    public init() {}
}

/// `-m u32`: sums of shifted and masked words out of the packet that must lie in ranges.
public struct U32Program: Hashable, Sendable {
    public struct Step: Hashable, Sendable {
        public enum Operation: UInt8, Hashable, Sendable { case and, leftShift, rightShift, at }
        public var operation: Operation
        public var value: UInt32
        public init(_ operation: Operation, _ value: UInt32) {
            self.operation = operation
            self.value = value
        }
    }

    public struct Test: Hashable, Sendable {
        /// The first offset in bytes.
        public var start: UInt32 = 0
        public var steps: [Step] = []
        public var ranges: [NumberRange<UInt32>] = []
        public init() {}
    }

    /// All must hold.
    public var tests: [Test] = []
    public init() {}
}

/// `-m string`: bytes that are (not) somewhere in the packet.
public struct StringMatch: Hashable, Sendable {
    public var algorithm: Symbol = .empty
    public var from: UInt16 = 0
    public var to: UInt16 = .max
    public var pattern: Negatable<[UInt8]> = .is([])
    /// Written with `--hex-string`: a byte can't be printed, or the last one is a backslash.
    public var isHexadecimal = false
    public var ignoresCase = false
    public init() {}
}

/// `-m bpf`: a classic program (`code jt jf k` quadruples) or a pinned object.
public struct BPFMatch: Hashable, Sendable {
    public struct Instruction: Hashable, Sendable {
        public var code: UInt16
        public var jumpTrue: UInt8
        public var jumpFalse: UInt8
        public var constant: UInt32
        public init(code: UInt16, jumpTrue: UInt8, jumpFalse: UInt8, constant: UInt32) {
            self.code = code
            self.jumpTrue = jumpTrue
            self.jumpFalse = jumpFalse
            self.constant = constant
        }
    }

    public var program: [Instruction] = []
    public var pinnedPath: Symbol = .empty
    public init() {}
}

/// `-m cgroup`.
public struct CgroupMatch: Hashable, Sendable {
    public var classID: Negatable<UInt32>?
    public var path: Negatable<Symbol>?
    public init() {}
}

/// `-m osf`: passive fingerprint of the sender's operating system.
public struct OSFMatch: Hashable, Sendable {
    public var genre: Negatable<Symbol> = .is(.empty)
    public var ttl: UInt8?
    public var log: UInt8?
    public init() {}
}
