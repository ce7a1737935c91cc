public import HeaderSpace
public import NetTypes
internal import RuleModel

/// Packets, by what holds of them as they arrive: what `find` and `check` ask about. What is not said may be anything, but
/// for the state, which is new.
///
/// Several values of one field are alternatives, and those with `!` are left out of them: `--to 10.0.0.0/8 --to
/// '!10.1.0.0/16'`.
public struct PacketQuery: Hashable, Sendable {
    /// What is asked of a field's number.
    public enum Test: Hashable, Sendable {
        case range(NumberRange<UInt64>)
        case masked(UInt64, mask: UInt64)
    }

    /// A field that a query may limit; the raw value is its option without `--`.
    public enum Key: String, Hashable, Sendable, CaseIterable {
        case from, to
        case inInterface = "in"
        case outInterface = "out"
        case `protocol` = "proto"
        case sourcePort = "sport"
        case destinationPort = "dport"
        case state, mark
        case connectionMark = "ct-mark"
        case tcpFlags = "tcp-flags"
        case icmpType = "icmp-type"
        case ttl, dscp, length, uid, gid, mac
    }

    public var version: IPVersion?
    public var from: [Negatable<QueryEnd>] = []
    public var to: [Negatable<QueryEnd>] = []
    /// Names of interfaces, with `+` or `*` at the end for all that begin so.
    public var inInterfaces: [Negatable<String>] = []
    /// Of the interface that they leave by, which only an answer tells.
    public var outInterfaces: [Negatable<String>] = []
    public var icmpTypes: [Negatable<ICMPTypeText>] = []
    /// Tests of a field's number, as `PacketSpace` has it.
    public var tests: [PacketField: [Negatable<Test>]] = [:]
    /// `--state any`.
    public var isOfAnyState = false
    /// As it was asked: an option and its value.
    public private(set) var words: [(key: Key, text: String)] = []

    public init() {}

    public static func == (a: PacketQuery, b: PacketQuery) -> Bool { a.spelled == b.spelled && a.version == b.version }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(spelled)
        hasher.combine(version)
    }

    /// `--from 10.0.0.0/8 --to 10.96.0.10:53/udp`.
    public var spelled: String {
        words.map { "--\($0.key.rawValue) \($0.text)" }.joined(separator: " ")
    }

    /// Reads the value of an option and adds it.
    public mutating func add(_ key: Key, _ text: String) throws(PacketFailure) {
        let isNegated = text.hasPrefix("!")
        let value = isNegated ? String(text.drop { $0 == "!" || $0 == " " }) : text
        if value.isEmpty { throw PacketFailure("'\(text)' has no value") }
        switch key {
        case .from: from.append(Negatable(try QueryEnd(value), isNegated: isNegated))
        case .to: to.append(Negatable(try QueryEnd(value), isNegated: isNegated))
        case .inInterface: for name in parts(value) { inInterfaces.append(Negatable(name, isNegated: isNegated)) }
        case .outInterface: for name in parts(value) { outInterfaces.append(Negatable(name, isNegated: isNegated)) }
        case .icmpType:
            for part in parts(value) { icmpTypes.append(Negatable(try ICMPTypeText(part), isNegated: isNegated)) }
        case .protocol:
            for part in parts(value) { add(.protocol, UInt64(try readProtocol(part).rawValue), isNegated) }
        case .sourcePort: for range in try readPorts(value) { add(.sourcePort, range, isNegated) }
        case .destinationPort: for range in try readPorts(value) { add(.destinationPort, range, isNegated) }
        case .state: for part in parts(value) { try addState(part, isNegated) }
        case .mark: try addMasked(.mark, value, "a mark", isNegated)
        case .connectionMark: try addMasked(.connectionMark, value, "a mark", isNegated)
        case .tcpFlags: try addFlags(value, isNegated)
        case .ttl: try addRange(.ttl, value, 255, "a TTL", isNegated)
        case .length: try addRange(.length, value, 65535, "a length", isNegated)
        case .uid: try addRange(.user, value, UInt64(UInt32.max), "a user's number", isNegated)
        case .gid: try addRange(.group, value, UInt64(UInt32.max), "a group's number", isNegated)
        case .dscp:
            for part in parts(value) {
                let number = UInt64(try readDSCP(part))
                tests[.tos, default: []].append(Negatable(.masked(number << 2, mask: 0xfc), isNegated: isNegated))
            }
        case .mac:
            let bytes = Array(value.utf8)
            guard let mac = MACAddress(bytes.span) else {
                throw PacketFailure("'\(value)' is not a hardware address: 02:00:00:00:00:01")
            }
            add(.mac, mac.bits, isNegated)
        }
        words.append((key, text))
    }

    /// Fields that it limits and that may have one value only where nobody asks.
    public var fields: Set<PacketField> { Set(tests.keys) }

    // MARK: Reading values

    private mutating func add(_ field: PacketField, _ value: UInt64, _ isNegated: Bool) {
        tests[field, default: []].append(Negatable(.range(NumberRange(value)), isNegated: isNegated))
    }

    private mutating func add(_ field: PacketField, _ range: PortRange, _ isNegated: Bool) {
        let range = NumberRange(UInt64(range.first), UInt64(range.last))
        tests[field, default: []].append(Negatable(.range(range), isNegated: isNegated))
    }

    private mutating func addRange(
        _ field: PacketField, _ text: String, _ maximum: UInt64, _ what: String, _ isNegated: Bool
    ) throws(PacketFailure) {
        for part in parts(text) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let first = try readNumber(ends[0], maximum: maximum, of: what)
            let last = ends.count == 2 ? try readNumber(ends[1], maximum: maximum, of: what) : first
            if first > last { throw PacketFailure("'\(part)' ends before it begins") }
            tests[field, default: []].append(Negatable(.range(NumberRange(first, last)), isNegated: isNegated))
        }
    }

    private mutating func addMasked(
        _ field: PacketField, _ text: String, _ what: String, _ isNegated: Bool
    ) throws(PacketFailure) {
        for part in parts(text) {
            let ends = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let value = try readNumber(ends[0], maximum: UInt64(UInt32.max), of: what)
            let mask =
                ends.count == 2 ? try readNumber(ends[1], maximum: UInt64(UInt32.max), of: "a mask") : 0xffff_ffff
            tests[field, default: []].append(Negatable(.masked(value, mask: mask), isNegated: isNegated))
        }
    }

    /// `syn,ack`: just these of all six; `syn/syn,ack,fin,rst`: of those behind the slash just these.
    private mutating func addFlags(_ text: String, _ isNegated: Bool) throws(PacketFailure) {
        let ends = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let flags = try readTCPFlags(ends[0])
        let mask = ends.count == 2 ? try readTCPFlags(ends[1]) : TCPFlags(rawValue: 0x3f).union(flags)
        let test = Test.masked(UInt64(flags.rawValue), mask: UInt64(mask.rawValue))
        tests[.tcpFlags, default: []].append(Negatable(test, isNegated: isNegated))
    }

    private mutating func addState(_ text: String, _ isNegated: Bool) throws(PacketFailure) {
        let name = text.lowercased()
        if name == "any", !isNegated {
            isOfAnyState = true
            return
        }
        guard let state = ArrivalState.allCases.first(where: { $0.name == name }) else {
            throw PacketFailure(
                "'\(text)' is not a state: new, established, related, invalid, untracked, or any for all of them")
        }
        add(.state, UInt64(state.rawValue), isNegated)
    }
}

private func parts(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
}

/// Reads `22`, `8000-9000` or several of these between commas.
func readPorts(_ text: String) throws(PacketFailure) -> [PortRange] {
    var result: [PortRange] = []
    for part in parts(text) {
        let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let first = port(ends[0]), let last = ends.count == 2 ? port(ends[1]) : first else {
            throw PacketFailure("'\(part)' is not a port: a number from 0 to 65535, or FIRST-LAST")
        }
        if first > last { throw PacketFailure("'\(part)' ends before it begins") }
        result.append(PortRange(first, last))
    }
    return result
}

private func port(_ text: String) -> UInt16? {
    text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? UInt16(text) : nil
}
