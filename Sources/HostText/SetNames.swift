import NetTypes
import SourceText

/// The type and code, as `type << 8 | code`, that ipset names so, or writes as `8/0`.
/// Source: what ipset 7.17 prints for every type and code.
func icmpCode(_ text: Span<UInt8>, _ word: Range<Int>, isV6: Bool) -> UInt16? {
    if let slash = text.firstIndex(of: UInt8(ascii: "/"), in: word) {
        guard let type = text.number(word.lowerBound..<slash, limit: 255),
            let code = text.number(slash + 1..<word.upperBound, limit: 255)
        else { return nil }
        return UInt16(type) << 8 | UInt16(code)
    }
    for (name, type, code) in isV6 ? namesV6 : namesV4 where text.has(word, name) {
        return UInt16(type) << 8 | UInt16(code)
    }
    return nil
}

private let namesV4: [(StaticString, UInt8, UInt8)] = [
    ("echo-reply", 0, 0), ("pong", 0, 0), ("network-unreachable", 3, 0), ("host-unreachable", 3, 1),
    ("protocol-unreachable", 3, 2), ("port-unreachable", 3, 3), ("fragmentation-needed", 3, 4),
    ("source-route-failed", 3, 5), ("network-unknown", 3, 6), ("host-unknown", 3, 7), ("network-prohibited", 3, 9),
    ("host-prohibited", 3, 10), ("TOS-network-unreachable", 3, 11), ("TOS-host-unreachable", 3, 12),
    ("communication-prohibited", 3, 13), ("host-precedence-violation", 3, 14), ("precedence-cutoff", 3, 15),
    ("source-quench", 4, 0), ("network-redirect", 5, 0), ("host-redirect", 5, 1), ("TOS-network-redirect", 5, 2),
    ("TOS-host-redirect", 5, 3), ("echo-request", 8, 0), ("ping", 8, 0), ("router-advertisement", 9, 0),
    ("router-solicitation", 10, 0), ("ttl-zero-during-transit", 11, 0), ("ttl-zero-during-reassembly", 11, 1),
    ("ip-header-bad", 12, 0), ("required-option-missing", 12, 1), ("timestamp-request", 13, 0),
    ("timestamp-reply", 14, 0), ("address-mask-request", 17, 0), ("address-mask-reply", 18, 0),
]

private let namesV6: [(StaticString, UInt8, UInt8)] = [
    ("no-route", 1, 0), ("communication-prohibited", 1, 1), ("address-unreachable", 1, 3), ("port-unreachable", 1, 4),
    ("packet-too-big", 2, 0), ("ttl-zero-during-transit", 3, 0), ("ttl-zero-during-reassembly", 3, 1),
    ("bad-header", 4, 0), ("unknown-header-type", 4, 1), ("unknown-option", 4, 2), ("echo-request", 128, 0),
    ("ping", 128, 0), ("echo-reply", 129, 0), ("pong", 129, 0), ("router-solicitation", 133, 0),
    ("router-advertisement", 134, 0), ("neighbour-solicitation", 135, 0), ("neigbour-solicitation", 135, 0),
    ("neighbour-advertisement", 136, 0), ("neigbour-advertisement", 136, 0), ("redirect", 137, 0),
]

/// The addresses from `first` to `last` as the fewest prefixes, in order. At most 62 for IPv4, 254 for IPv6.
func prefixes(from first: IPAddress, through last: IPAddress) -> [IPPrefix] {
    guard first.version == last.version, first <= last else { return [] }
    var result: [IPPrefix] = []
    var next: IPAddress? = first
    while let start = next {
        // The largest prefix that begins here and does not go beyond the end.
        var length = start.version.addressBits
        while length > 0 {
            let wider = IPPrefix(start, length: UInt8(length - 1))
            guard wider.address == start, wider.last <= last else { break }
            length -= 1
        }
        let prefix = IPPrefix(start, length: UInt8(length))
        result.append(prefix)
        next = prefix.last == last ? nil : prefix.last.successor
    }
    return result
}
