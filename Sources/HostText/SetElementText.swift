import NetTypes
import RuleModel
import SourceText

/// Why an element can't be read: which bytes, and what they should be.
struct SetElementFailure: Error {
    let range: Range<Int>
    let expected: String
}

/// What of a set its elements' text hangs on. Without the elements, so that no copy of it can hold them.
struct SetShape {
    let type: SetType
    let version: IPVersion
    let netmask: UInt8?
    let bitmask: IPAddress?
    let markMask: UInt32

    init(_ set: AddressSet) {
        type = set.type
        version = set.version ?? .v4
        netmask = set.netmask
        bitmask = set.bitmask
        markMask = set.markMask
    }
}

/// Reads an element of `set`, which starts at the next word of `words`. A range gives several elements.
func readSetElement(
    _ text: Span<UInt8>, _ words: inout Words, _ line: Range<Int>, set: SetShape, place: Place,
    names: inout NameTable
) throws(SetElementFailure) -> [SetElement] {
    guard let word = words.next() else { throw SetElementFailure(range: line, expected: "element") }
    var options = SetElement(place: place)
    try readOptions(text, &words, line, &options, &names)
    var parts: [Range<Int>] = []
    var start = word.lowerBound
    for index in word where text[index] == UInt8(ascii: ",") {
        parts.append(start..<index)
        start = index + 1
    }
    parts.append(start..<word.upperBound)
    let kinds = elementParts(set.type)
    // bitmap:ip,mac elements may lack the MAC address until a packet supplies it.
    guard parts.count == kinds.count || (set.type == .bitmapIPMAC && parts.count == 1) else {
        throw SetElementFailure(range: word, expected: "element of type \(set.type.name)")
    }
    var elements = [options]
    var isSecondAddress = false
    for (part, kind) in zip(parts, kinds) {
        switch kind {
        case .address:
            let prefixes = try readAddressPart(text, part, set, isFirst: !isSecondAddress)
            var spread: [SetElement] = []
            spread.reserveCapacity(elements.count * prefixes.count)
            for element in elements {
                for prefix in prefixes {
                    var copy = element
                    if isSecondAddress { copy.second = prefix } else { copy.address = prefix }
                    spread.append(copy)
                }
            }
            elements = spread
            isSecondAddress = true
        case .port:
            let read = try readPortPart(text, part, set)
            for index in elements.indices {
                elements[index].protocol = read.protocol
                elements[index].port = read.ports
            }
        case .barePort:
            let read = try readPortPart(text, part, set)
            for index in elements.indices { elements[index].port = read.ports }
        case .mac:
            guard let mac = MACAddress(text.extracting(part)) else {
                throw SetElementFailure(range: part, expected: "MAC address")
            }
            for index in elements.indices { elements[index].mac = mac }
        case .mark:
            guard let mark = text.number(part) else { throw SetElementFailure(range: part, expected: "mark") }
            for index in elements.indices { elements[index].mark = UInt32(truncatingIfNeeded: mark) & set.markMask }
        case .interface:
            let isPhysical = text.begins(part, "physdev:")
            let name = isPhysical ? part.lowerBound + 8..<part.upperBound : part
            let symbol = names.intern(text.extracting(name))
            for index in elements.indices {
                elements[index].interface = symbol
                elements[index].isPhysicalDevice = isPhysical
            }
        case .member:
            let symbol = names.intern(text.extracting(part))
            for index in elements.indices { elements[index].member = symbol }
        }
    }
    return elements
}

private enum ElementPart { case address, port, barePort, mac, mark, interface, member }

private func elementParts(_ type: SetType) -> [ElementPart] {
    switch type {
    case .bitmapIP, .hashIP, .hashNet: [.address]
    case .bitmapIPMAC, .hashIPMAC: [.address, .mac]
    case .bitmapPort: [.barePort]
    case .hashMAC: [.mac]
    case .hashIPMark: [.address, .mark]
    case .hashIPPort, .hashNetPort: [.address, .port]
    case .hashIPPortIP, .hashIPPortNet, .hashNetPortNet: [.address, .port, .address]
    case .hashNetNet: [.address, .address]
    case .hashNetInterface: [.address, .interface]
    case .listSet: [.member]
    case .unknown: []
    }
}

/// An address, a prefix or a range, as prefixes.
private func readAddressPart(
    _ text: Span<UInt8>, _ part: Range<Int>, _ set: SetShape, isFirst: Bool
) throws(SetElementFailure) -> [IPPrefix] {
    let version = set.version
    let failure = SetElementFailure(range: part, expected: version == .v4 ? "IPv4 address" : "IPv6 address")
    var result: [IPPrefix]
    if let prefix = IPPrefix(text, part) {
        result = [prefix]
    } else if text.begins(part, "0/0"), part.count == 3 {
        result = [.everything(version)]
    } else if let dash = text.firstIndex(of: UInt8(ascii: "-"), in: part) {
        guard let first = IPAddress(text, part.lowerBound..<dash),
            let last = IPAddress(text, dash + 1..<part.upperBound)
        else { throw failure }
        result = prefixes(from: first, through: last)
    } else {
        throw failure
    }
    guard !result.isEmpty, result.allSatisfy({ $0.address.version == version }) else { throw failure }
    // With a netmask an element stands for all addresses that agree with it in that many bits.
    let isMasked = isFirst || set.type == .hashNetNet
    if let length = set.netmask, isMasked {
        result = result.map { $0.length > length ? IPPrefix($0.address, length: length) : $0 }
    } else if let mask = set.bitmask, isMasked, mask.version == version {
        result = result.map { IPPrefix(AddressMask($0.address, mask: mask).address, length: $0.length) }
    }
    return result
}

/// `tcp:80`, `udp:53-60`, `80`, `icmp:echo-request`, `icmp:8/0`, `vrrp:0`, `89:0`.
private func readPortPart(
    _ text: Span<UInt8>, _ part: Range<Int>, _ set: SetShape
) throws(SetElementFailure) -> (protocol: IPProtocol, ports: PortRange) {
    // A port without a protocol is TCP's. Source: ipset(8), "hash:ip,port".
    var known = IPProtocol.tcp
    var port = part
    if let colon = text.firstIndex(of: UInt8(ascii: ":"), in: part) {
        guard let named = IPProtocol(text.text(part.lowerBound..<colon)) else {
            throw SetElementFailure(range: part.lowerBound..<colon, expected: "protocol")
        }
        known = named
        port = colon + 1..<part.upperBound
    }
    if known.isICMP {
        if let code = icmpCode(text, port, isV6: known == .icmpv6) { return (known, PortRange(code)) }
        // Older versions print the number.
        if let number = text.decimal16(port) { return (known, PortRange(number)) }
        throw SetElementFailure(range: port, expected: "ICMP type and code")
    }
    if let single = text.decimal16(port) { return (known, PortRange(single)) }
    if let dash = text.firstIndex(of: UInt8(ascii: "-"), in: port),
        let first = text.decimal16(port.lowerBound..<dash), let last = text.decimal16(dash + 1..<port.upperBound),
        first <= last
    {
        return (known, PortRange(first, last))
    }
    throw SetElementFailure(range: port, expected: "port")
}

/// What may follow an element: `nomatch`, `timeout 30`, `packets 5 bytes 7`, `comment "…"`, `skbmark 0x10/0xff`, …
private func readOptions(
    _ text: Span<UInt8>, _ words: inout Words, _ line: Range<Int>, _ element: inout SetElement,
    _ names: inout NameTable
) throws(SetElementFailure) {
    while let key = words.next() {
        if text.has(key, "nomatch") {
            element.isNoMatch = true
            continue
        }
        if text.has(key, "wildcard") {
            element.isWildcard = true
            continue
        }
        if text.has(key, "-exist") || text.has(key, "-!") { continue }
        guard let value = words.next() else { throw SetElementFailure(range: key, expected: "option with a value") }
        let failure = SetElementFailure(range: key.lowerBound..<value.upperBound, expected: "option")
        if text.has(key, "timeout") {
            guard let seconds = text.decimal32(value) else { throw failure }
            element.timeout = seconds
        } else if text.has(key, "packets") {
            guard let count = decimal(text.extracting(value)) else { throw failure }
            element.counters = Counters(packets: count, bytes: element.counters?.bytes ?? 0)
        } else if text.has(key, "bytes") {
            guard let count = decimal(text.extracting(value)) else { throw failure }
            element.counters = Counters(packets: element.counters?.packets ?? 0, bytes: count)
        } else if text.has(key, "comment") {
            // In quotes, and no quote can be inside.
            guard text[value.lowerBound] == UInt8(ascii: "\"") else {
                element.comment = names.intern(text.extracting(value))
                continue
            }
            let start = value.lowerBound + 1
            guard let end = text.firstIndex(of: UInt8(ascii: "\""), in: start..<line.upperBound) else { throw failure }
            element.comment = names.intern(text.extracting(start..<end))
            while let word = words.peek, word.lowerBound <= end { _ = words.next() }
        } else if text.has(key, "skbmark") {
            let slash = text.firstIndex(of: UInt8(ascii: "/"), in: value) ?? value.upperBound
            guard let mark = text.number(value.lowerBound..<slash) else { throw failure }
            var mask = UInt32.max
            if slash < value.upperBound {
                guard let read = text.number(slash + 1..<value.upperBound) else { throw failure }
                mask = UInt32(truncatingIfNeeded: read)
            }
            element.skbMark = MaskedWord(UInt32(truncatingIfNeeded: mark), mask: mask)
        } else if text.has(key, "skbprio") {
            guard let priority = readPriority(text, value) else { throw failure }
            element.skbPriority = priority
        } else if text.has(key, "skbqueue") {
            guard let queue = text.decimal16(value) else { throw failure }
            element.skbQueue = queue
        } else {
            throw failure
        }
    }
}

/// `1:2`, both hexadecimal.
private func readPriority(_ text: Span<UInt8>, _ value: Range<Int>) -> UInt32? {
    guard let colon = text.firstIndex(of: UInt8(ascii: ":"), in: value) else { return nil }
    var result: UInt32 = 0
    for half in [value.lowerBound..<colon, colon + 1..<value.upperBound] {
        var number: UInt32 = 0
        guard !half.isEmpty, half.count <= 4 else { return nil }
        for index in half {
            guard let digit = hexadecimalDigit(text[index]) else { return nil }
            number = number << 4 | UInt32(digit)
        }
        result = result << 16 | number
    }
    return result
}
