import NetTypes
import RuleModel
import SourceText

/// The type that a line of `ip route` begins with.
func routeType(_ text: Span<UInt8>, _ word: Range<Int>) -> RouteType? {
    let types: [(StaticString, RouteType)] = [
        ("unicast", .unicast), ("local", .local), ("broadcast", .broadcast), ("anycast", .anycast),
        ("multicast", .multicast), ("blackhole", .blackhole), ("unreachable", .unreachable),
        ("prohibit", .prohibit), ("throw", .throw), ("nat", .nat),
    ]
    for (name, type) in types where text.has(word, name) { return type }
    return nil
}

/// The type whose number a route's line begins with, as `ip -N route` writes it: a destination follows.
/// Source: include/uapi/linux/rtnetlink.h `RTN_UNICAST`, …
func numberedRouteType(_ text: Span<UInt8>, _ word: Range<Int>, _ next: Range<Int>?) -> RouteType? {
    let types: [RouteType] = [
        .unicast, .local, .broadcast, .anycast, .multicast, .blackhole, .unreachable, .prohibit, .throw, .nat,
    ]
    guard let next, let number = text.decimal32(word), number >= 1, number <= UInt32(types.count),
        text.has(next, "default") || IPPrefix(text, next) != nil
    else { return nil }
    return types[Int(number) - 1]
}

/// The protocol of `ip rule`'s `ipproto`; one without a name is `ipproto-200`.
func ruleProtocol(_ text: String) -> IPProtocol? {
    IPProtocol(text.hasPrefix("ipproto-") ? String(text.dropFirst(8)) : text)
}

/// The number of a scope's name or of a number.
func routeScope(_ text: Span<UInt8>, _ word: Range<Int>) -> RouteScope? {
    if text.has(word, "global") { return .global }
    if text.has(word, "link") { return .link }
    if text.has(word, "host") { return .host }
    if text.has(word, "site") { return .site }
    if text.has(word, "nowhere") { return .nowhere }
    guard let number = text.number(word, limit: 255) else { return nil }
    return RouteScope(rawValue: UInt8(number))
}

/// The preference that a router's announcement gave a route: 1 for `high`, -1 for `low`.
func routePreference(_ text: Span<UInt8>, _ word: Range<Int>) -> Int8 {
    if text.has(word, "high") { return 1 }
    return text.has(word, "low") ? -1 : 0
}

/// Whether a route's protocol says that a router announced it: `ra`, or its number where names are not told.
/// Source: include/uapi/linux/rtnetlink.h `RTPROT_RA`.
func isRouterAnnouncement(_ text: Span<UInt8>, _ word: Range<Int>) -> Bool {
    text.has(word, "ra") || text.has(word, "9")
}

/// `TO` or `FROM/TO` of a realm, FROM in the upper half; `nil` for a name, whose number is in /etc/iproute2/rt_realms of
/// its host. `cosmos` is 0 everywhere.
func realm(_ text: Span<UInt8>, _ word: Range<Int>) -> UInt32? {
    func half(_ part: Range<Int>) -> UInt32? {
        text.has(part, "cosmos") ? 0 : text.number(part, limit: 0xffff).map { UInt32($0) }
    }
    guard let slash = text.firstIndex(of: UInt8(ascii: "/"), in: word) else { return half(word) }
    guard let from = half(word.lowerBound..<slash), let to = half(slash + 1..<word.upperBound) else { return nil }
    return from << 16 | to
}

/// The same out of the two members that JSON has.
func realm(from: JSONValue?, to: JSONValue?) -> UInt32? {
    func half(_ value: JSONValue?) -> UInt32? {
        guard let value else { return 0 }
        let bytes = Array((value.string ?? value.number?.text ?? "").utf8)
        return realm(bytes.span, 0..<bytes.count)
    }
    guard let from = half(from), let to = half(to) else { return nil }
    return from << 16 | to
}

/// Differentiated services by the names of /etc/iproute2/rt_dsfield, or a number: the whole byte.
func tosByte(_ text: Span<UInt8>, _ word: Range<Int>) -> UInt8? {
    if let number = text.number(word, limit: 255) { return UInt8(number) }
    // Without `0x`, `ip` still means hexadecimal.
    if word.count == 2, let high = hexadecimalDigit(text[word.lowerBound]),
        let low = hexadecimalDigit(text[word.lowerBound + 1])
    {
        return high << 4 | low
    }
    let names: [(StaticString, UInt8)] = [
        ("default", 0x00), ("AF11", 0x28), ("AF12", 0x30), ("AF13", 0x38), ("AF21", 0x48), ("AF22", 0x50),
        ("AF23", 0x58), ("AF31", 0x68), ("AF32", 0x70), ("AF33", 0x78), ("AF41", 0x88), ("AF42", 0x90),
        ("AF43", 0x98), ("CS1", 0x20), ("CS2", 0x40), ("CS3", 0x60), ("CS4", 0x80), ("CS5", 0xa0), ("CS6", 0xc0),
        ("CS7", 0xe0), ("EF", 0xb8),
    ]
    for (name, value) in names where text.has(word, name) { return value }
    return nil
}
