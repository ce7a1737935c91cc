public import NetTypes
public import SourceText

/// A set or map of a native table; one that is written in a rule has a name of the reader's making.
public struct NativeSet: Hashable, Sendable {
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// Written in a rule.
        public static let anonymous = Flags(rawValue: 0x001)
        public static let constant = Flags(rawValue: 0x002)
        /// Elements may be ranges.
        public static let interval = Flags(rawValue: 0x004)
        public static let timeout = Flags(rawValue: 0x010)
        /// Rules change it.
        public static let dynamic = Flags(rawValue: 0x020)
        public static let autoMerge = Flags(rawValue: 0x100)
    }

    /// What an element leads to.
    public enum Value: Hashable, Sendable {
        /// It is a set.
        case none
        case verdict
        case data(DataType, bits: Int)
        /// Addresses and ports together, for NAT.
        case concatenation([DataType])
        case object(ObjectKind)
    }

    public var name: Symbol
    /// The parts of a key, one where it is no concatenation.
    public var key: [DataType] = []
    /// `typeof`, as written; `.empty` where the key is declared by `type`.
    public var typeOf: Symbol = .empty
    public var value = Value.none
    public var flags: Flags = []
    public var elements: NativeElements
    /// What happens to a key that no element has (`*`).
    public var catchAll: NativeElements.Data?
    /// Seconds, in thousandths; `nil` where elements stay.
    public var timeout: UInt64?
    public var garbageInterval: UInt64?
    public var size: UInt32?
    /// `policy memory`
    public var prefersMemory = false
    public var comment: Symbol = .empty
    /// Counters, limits, … that each element gets.
    public var states: [NativeStatement] = []
    /// Whether its elements were not in the input (`nft -t`).
    public var isTerse = false
    public var place: Place

    /// - Parameter widths: bytes of each part of a key.
    public init(name: Symbol, widths: [Int], place: Place) {
        self.name = name
        elements = NativeElements(widths: widths)
        self.place = place
    }

    public var isMap: Bool { value != .none }
}

/// The elements of a set, packed: keys lie one after another, the low end of each before its high end.
///
/// Each part of a key is a number with its highest byte first, in whole bytes; a name is filled up with zeros.
public struct NativeElements: Hashable, Sendable {
    public enum Data: Hashable, Sendable {
        case none
        case verdict(NativeVerdict)
        case literal([UInt8])
        /// Parts of a concatenation that are ranges (`10.0.0.1-10.0.0.9 . 80-90`).
        case range([UInt8], [UInt8])
        case object(Symbol)
    }

    /// What few elements have.
    public struct Extra: Hashable, Sendable {
        /// Thousandths of a second.
        public var timeout: UInt64?
        public var expires: UInt64?
        public var counter: Counters?
        public var comment: Symbol = .empty
        /// A limit, quota, … that the element has of its own.
        public var states: [NativeStatement] = []
        public init() {}
    }

    /// Bytes of each part of a key.
    public let widths: [Int]
    public let width: Int
    private var keys: [UInt8] = []
    /// Of each element, where the set is a map.
    private var data: [Data] = []
    private var extras: [Int: Extra] = [:]
    public private(set) var count = 0

    public init(widths: [Int]) {
        self.widths = widths
        width = widths.reduce(0, +)
    }

    /// Adds an element; both ends must be `width` bytes long, and others are not taken.
    public mutating func append(_ low: [UInt8], _ high: [UInt8], _ value: Data = .none, _ extra: Extra? = nil) {
        guard low.count == width, high.count == width else { return }
        keys += low
        keys += high
        if value != .none || !data.isEmpty {
            while data.count < count { data.append(.none) }
            data.append(value)
        }
        if let extra { extras[count] = extra }
        count += 1
    }

    /// Takes out every element of which some key is one of `others`; tells how many of `others` were there as they are.
    public mutating func remove(_ others: NativeElements) -> Int {
        var kept = NativeElements(widths: widths)
        var found = 0
        for index in 0..<count {
            var isKept = true
            for other in 0..<others.count where overlaps(index, others, other) {
                isKept = false
                if low(index) == others.low(other), high(index) == others.high(other) { found += 1 }
            }
            if isKept { kept.append(Array(low(index)), Array(high(index)), value(index), extra(index)) }
        }
        self = kept
        return found
    }

    private func overlaps(_ index: Int, _ others: NativeElements, _ other: Int) -> Bool {
        var start = 0
        for width in widths {
            let part = start..<start + width
            start += width
            if Self.part(high(index), part).lexicographicallyPrecedes(Self.part(others.low(other), part))
                || Self.part(others.high(other), part).lexicographicallyPrecedes(Self.part(low(index), part))
            {
                return false
            }
        }
        return true
    }

    private static func part(_ key: ArraySlice<UInt8>, _ range: Range<Int>) -> ArraySlice<UInt8> {
        key[key.startIndex + range.lowerBound..<key.startIndex + range.upperBound]
    }

    public func low(_ index: Int) -> ArraySlice<UInt8> { keys[index * width * 2..<index * width * 2 + width] }
    public func high(_ index: Int) -> ArraySlice<UInt8> { keys[index * width * 2 + width..<(index + 1) * width * 2] }
    public func value(_ index: Int) -> Data { index < data.count ? data[index] : .none }
    public func extra(_ index: Int) -> Extra? { extras[index] }
    public func isRange(_ index: Int) -> Bool { low(index) != high(index) }
}

/// What a rule or an element of a verdict map does with a packet's way.
public enum NativeVerdict: Hashable, Sendable {
    case accept, drop, `continue`, `return`
    case jump(Symbol)
    case goto(Symbol)
    /// To user space.
    case queue(UInt16)
}

/// A stateful object of a table.
public struct NativeObject: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        case counter(Counters)
        case quota(NativeQuota)
        case limit(NativeLimit)
        case helper(type: Symbol, protocol: UInt8)
        case synproxy(SYNPROXYTarget)
        case securityMark(Symbol)
        /// A conntrack timeout or expectation, or a kind that this program does not know, as written.
        case other(ObjectKind, Symbol)
    }

    public var name: Symbol
    public var content: Content
    /// Of a helper: the version that it is for alone.
    public var version: IPVersion?
    public var comment: Symbol = .empty
    public var place: Place

    public init(name: Symbol, content: Content, place: Place) {
        self.name = name
        self.content = content
        self.place = place
    }

    public var kind: ObjectKind {
        switch content {
        case .counter: .counter
        case .quota: .quota
        case .limit: .limit
        case .helper: .helper
        case .synproxy: .synproxy
        case .securityMark: .securityMark
        case .other(let kind, _): kind
        }
    }
}

public enum ObjectKind: UInt8, Hashable, Sendable, CaseIterable {
    case counter, quota, limit, helper, timeout, expectation, synproxy, securityMark, tunnel

    /// As nft writes it before the object's name.
    public var name: String {
        switch self {
        case .counter: "counter"
        case .quota: "quota"
        case .limit: "limit"
        case .helper: "ct helper"
        case .timeout: "ct timeout"
        case .expectation: "ct expectation"
        case .synproxy: "synproxy"
        case .securityMark: "secmark"
        case .tunnel: "tunnel"
        }
    }
}

/// Devices between which connections that are handed to it pass without FORWARD.
public struct Flowtable: Hashable, Sendable {
    public var name: Symbol
    public var priority: Int32
    public var devices: [Symbol] = []
    public var isOffloaded = false
    public var hasCounter = false
    public var place: Place

    public init(name: Symbol, priority: Int32, place: Place) {
        self.name = name
        self.priority = priority
        self.place = place
    }
}
