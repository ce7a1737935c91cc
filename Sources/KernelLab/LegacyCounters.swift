internal import Glibc
public import KernelLink
public import NetTypes
internal import NetlinkBytes

/// A rule of iptables-legacy, or a chain's policy, by where it stands.
public struct LegacyRule: Hashable, Sendable {
    public var version: IPVersion
    public var table: String
    public var chain: String
    /// From 1; `nil` for the policy.
    public var number: Int?
    /// What it does.
    public var target: LegacyTarget
}

public enum LegacyTarget: Hashable, Sendable {
    case accept, drop, queue, `return`
    /// A jump to, or a `goto` of, a chain of the same table, or no target at all.
    case goesOn
    /// An extension's, by its name: `REJECT`, `MARK`, …
    case named(String)
}

/// The packet counters of all tables of iptables-legacy, of which nftrace tells nothing: they show which rules a
/// packet met. Read by `getsockopt`, without a process.
public struct LegacyCounters: ~Copyable {
    private struct Table {
        var version: IPVersion
        var name: String
        var layout: LegacyLayout
        var counts: [UInt64]
    }

    private var tables: [Table] = []
    private let four: OwnedDescriptor
    private let six: OwnedDescriptor

    /// Reads all tables that this namespace has now. Rules that change later make the counters useless.
    public init() throws(LabFailure) {
        four = OwnedDescriptor(socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        six = OwnedDescriptor(socket(AF_INET6, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        for version in IPVersion.allCases {
            for name in Self.names(version) {
                let info = try Self.get(64, version, name, size: 84, descriptor(version))
                guard let info = LegacyInfo(info.span) else { continue }
                let entries = try entries(version, name, Int(info.size))
                guard let layout = LegacyLayout(entries.span, info, version) else {
                    throw LabFailure(call: "getsockopt", code: 0, words: "the table \(name) can't be read")
                }
                let counts = layout.counts(entries.span)
                tables.append(Table(version: version, name: name, layout: layout, counts: counts))
            }
        }
    }

    private func descriptor(_ version: IPVersion) -> Int32 { version == .v4 ? four.number : six.number }

    /// Tables that exist: asking for another would make it.
    private static func names(_ version: IPVersion) -> [String] {
        let path = "/proc/thread-self/net/ip\(version == .v6 ? "6" : "")_tables_names"
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(file, &bytes, bytes.count)
        let text = String(decoding: bytes[0..<max(count, 0)], as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    /// IPT_SO_GET_INFO (64) or IPT_SO_GET_ENTRIES (65), for IPv6 of the same numbers.
    private static func get(
        _ option: Int32, _ version: IPVersion, _ name: String, size: Int, _ descriptor: Int32
    ) throws(LabFailure) -> [UInt8] {
        var bytes = Array(name.utf8.prefix(31))
        bytes += [UInt8](repeating: 0, count: size - bytes.count)
        // Of IPT_SO_GET_ENTRIES the size of the entries follows the name.
        if option == 65 { bytes.put(native: UInt32(size - 40), at: 32) }
        var length = socklen_t(size)
        let level = Int32(version == .v4 ? IPPROTO_IP : IPPROTO_IPV6)
        guard unsafe getsockopt(descriptor, level, option, &bytes, &length) == 0 else {
            throw .last("getsockopt", "the table \(name) of iptables-legacy")
        }
        return bytes
    }

    /// The table's entries, the 40 bytes before them cut off.
    private func entries(_ version: IPVersion, _ name: String, _ size: Int) throws(LabFailure) -> [UInt8] {
        Array(try Self.get(65, version, name, size: size + 40, descriptor(version)).dropFirst(40))
    }

    /// The rules and policies that counted since the last call, and how many packets; in the order of the tables.
    public mutating func since() throws(LabFailure) -> [LegacyCount] {
        var found: [LegacyCount] = []
        for index in tables.indices {
            let (version, name, layout) = (tables[index].version, tables[index].name, tables[index].layout)
            let bytes = try entries(version, name, layout.size)
            let counts = layout.counts(bytes.span)
            for (place, entry) in layout.entries.enumerated() where counts[place] != tables[index].counts[place] {
                let rule = LegacyRule(
                    version: version, table: name, chain: entry.chain, number: entry.number, target: entry.target)
                found.append(LegacyCount(rule: rule, packets: counts[place] &- tables[index].counts[place]))
            }
            tables[index].counts = counts
        }
        return found
    }
}

/// A rule, and how many packets it counted.
public struct LegacyCount: Hashable, Sendable {
    public var rule: LegacyRule
    public var packets: UInt64
}

/// `struct ipt_getinfo`: which hooks a table has, and where their chains begin and end.
struct LegacyInfo {
    var hooks: UInt32
    var starts: [UInt32]
    var policies: [UInt32]
    var size: UInt32

    init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= 84 else { return nil }
        hooks = bytes.native(UInt32.self, at: 32)
        starts = (0..<5).map { bytes.native(UInt32.self, at: 36 + $0 * 4) }
        policies = (0..<5).map { bytes.native(UInt32.self, at: 56 + $0 * 4) }
        size = bytes.native(UInt32.self, at: 80)
    }
}

/// Which rule each entry of a table is, and where its counters lie.
///
/// Source: include/uapi/linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h and x_tables.h, Linux 6.18:
/// an entry is its fixed part (112 bytes for IPv4, 168 for IPv6; the counters are the last 16 of them), its matches
/// and its target. A user's chain begins with a target ERROR that has its name, and ends with a RETURN that no rule
/// stands for; the table ends with an ERROR of that name.
struct LegacyLayout {
    struct Entry {
        var chain: String
        var number: Int?
        var target: LegacyTarget
        var countsAt: Int
    }

    private(set) var entries: [Entry] = []
    let size: Int

    /// `nil` where the bytes are no such table.
    init?(_ bytes: Span<UInt8>, _ info: LegacyInfo, _ version: IPVersion) {
        size = bytes.count
        let fixed = version == .v4 ? 112 : 168
        let names = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
        var offset = 0
        var chain = ""
        var number = 0
        var isOwn = false
        while offset < bytes.count {
            // After the rule's own 84 or 136 bytes and `nfcache`; IPv6 pads before the counters.
            let lengths = version == .v4 ? 88 : 140
            let target = Int(bytes.native(UInt16.self, at: offset + lengths))
            let next = Int(bytes.native(UInt16.self, at: offset + lengths + 2))
            guard target >= fixed, next >= target + 32, offset + next <= bytes.count else { return nil }
            for hook in 0..<5 where info.hooks >> UInt32(hook) & 1 == 1 && Int(info.starts[hook]) == offset {
                (chain, number, isOwn) = (names[hook], 0, false)
            }
            let start = offset + target
            // union of struct xt_entry_target: its size, then 29 bytes of name and the revision.
            let name = bytes.text(start + 2..<start + 31)
            if name == "ERROR" {
                if isOwn, !entries.isEmpty { entries.removeLast() }
                (chain, number, isOwn) = (bytes.text(start + 32..<min(start + 62, offset + next)), 0, true)
            } else {
                number += 1
                let isPolicy = (0..<5).contains {
                    info.hooks >> UInt32($0) & 1 == 1 && Int(info.policies[$0]) == offset
                }
                let verdict = Int32(bitPattern: bytes.native(UInt32.self, at: start + 32))
                entries.append(
                    Entry(
                        chain: chain, number: isPolicy ? nil : number,
                        target: name.isEmpty ? LegacyTarget(verdict: verdict) : .named(name),
                        countsAt: offset + fixed - 16))
            }
            offset += next
        }
    }

    /// The packets that each entry counted.
    func counts(_ bytes: Span<UInt8>) -> [UInt64] { entries.map { bytes.native(UInt64.self, at: $0.countsAt) } }
}

extension LegacyTarget {
    /// Of a standard target: a place to jump to is not below 0; a verdict is, by one more than its number.
    fileprivate init(verdict: Int32) {
        switch verdict {
        case -1: self = .drop
        case -2: self = .accept
        case -4: self = .queue
        // XT_RETURN: -NF_REPEAT - 1
        case -5: self = .return
        default: self = .goesOn
        }
    }
}
