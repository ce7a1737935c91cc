import NetTypes
import NetlinkBytes
public import RuleModel
public import SourceText

/// ipsets as the kernel tells them: of each set a message that begins it, and others with more of its elements.
///
/// Elements are as `ipset save` writes them: what a netmask leaves of them is the reader's.
public func liftAddressSets(_ payloads: [[UInt8]], names: inout NameTable) -> [AddressSet] {
    var sets: [AddressSet] = []
    var places: [Symbol: Int] = [:]
    for payload in payloads {
        // struct nfgenmsg
        let message = MessageParts(payload, after: 4)
        guard let name = message.name(Attribute.setName), !name.isEmpty else { continue }
        let symbol = names.intern(name.span)
        if let header = message.nest(Attribute.data), let type = message.name(Attribute.typeName), places[symbol] == nil
        {
            places[symbol] = sets.count
            sets.append(lift(header, symbol, type, family: message.byte(Attribute.family) ?? 0, &names))
        }
        guard let index = places[symbol], let elements = message.nest(Attribute.elements) else { continue }
        for part in elements.parts where part.type == Attribute.data {
            let element = lift(element: MessageParts(payload, in: part.value), in: sets[index], &names)
            sets[index].elements.append(element)
        }
    }
    return sets
}

/// Source: include/uapi/linux/netfilter/ipset/ip_set.h, Linux 6.18. Numbers go over the wire highest byte first.
private enum Attribute {
    static let setName = 2
    static let typeName = 3
    static let family = 5
    static let data = 7
    static let elements = 8
    // Of a set and of an element.
    static let address = 1
    static let addressTo = 2
    static let length = 3
    static let port = 4
    static let portTo = 5
    static let timeout = 6
    static let transport = 7
    static let flags = 8
    static let mark = 10
    static let markMask = 11
    static let bitmask = 12
    // Of a set alone.
    static let seed = 17
    static let hashSize = 18
    static let maximum = 19
    static let netmask = 20
    static let bucketSize = 21
    static let size = 23
    // Of an element alone.
    static let hardware = 17
    static let member = 18
    static let second = 20
    static let secondLength = 21
    static let interface = 23
    static let bytes = 24
    static let packets = 25
    static let comment = 26
    static let packetMark = 27
    static let packetPriority = 28
    static let packetQueue = 29
}

/// IPSET_FLAG_… of a set or an element.
private enum Flag {
    static let physicalDevice: UInt32 = 1 << 1
    static let noMatch: UInt32 = 1 << 2
    static let counters: UInt32 = 1 << 3
    static let comment: UInt32 = 1 << 4
    static let forced: UInt32 = 1 << 5
    static let skbInfo: UInt32 = 1 << 6
    static let wildcard: UInt32 = 1 << 7
}

extension MessageParts {
    fileprivate func number(_ type: Int) -> UInt32? { network(type).map { UInt32(truncatingIfNeeded: $0) } }

    /// IPSET_ATTR_IPADDR_IPV4 or …_IPV6 in a nest.
    fileprivate func nestedAddress(_ type: Int) -> IPAddress? {
        guard let nest = nest(type) else { return nil }
        return nest.address(1) ?? nest.address(2)
    }

    fileprivate func prefix(_ type: Int, length: Int) -> IPPrefix? {
        guard let address = nestedAddress(type) else { return nil }
        guard let bits = byte(length), Int(bits) <= address.version.addressBits else { return IPPrefix(host: address) }
        return IPPrefix(address, length: bits)
    }

    fileprivate func ports(_ first: Int, _ last: Int) -> PortRange? {
        guard let low = network(first).map({ UInt16(truncatingIfNeeded: $0) }) else { return nil }
        let high = network(last).map { UInt16(truncatingIfNeeded: $0) } ?? low
        return low <= high ? PortRange(low, high) : nil
    }
}

private func lift(
    _ header: MessageParts, _ name: Symbol, _ type: [UInt8], family: UInt8, _ names: inout NameTable
) -> AddressSet {
    let typeName = String(decoding: type, as: UTF8.self)
    let known = SetType.allCases.first { $0.name == typeName } ?? .unknown
    var set = AddressSet(name: name, type: known, place: .none)
    switch known {
    case .bitmapPort, .listSet, .hashMAC, .unknown: break
    case .bitmapIP, .bitmapIPMAC, .hashIP, .hashIPMAC, .hashIPMark, .hashIPPort, .hashIPPortIP, .hashIPPortNet,
        .hashNet, .hashNetNet, .hashNetPort, .hashNetPortNet, .hashNetInterface:
        set.version = family == 10 ? .v6 : .v4
    }
    if let first = header.nestedAddress(Attribute.address), let last = header.nestedAddress(Attribute.addressTo),
        first.version == last.version
    {
        set.addressRange = AddressRange(first, last)
    }
    set.portRange = header.ports(Attribute.port, Attribute.portTo)
    let bits = (set.version ?? .v4).addressBits
    if let length = header.byte(Attribute.netmask), Int(length) < bits {
        set.netmask = length
    } else if let mask = header.nestedAddress(Attribute.bitmask) {
        set.bitmask = mask
    }
    set.markMask = header.number(Attribute.markMask) ?? .max
    if let seconds = header.number(Attribute.timeout) {
        set.hasTimeout = true
        set.defaultTimeout = seconds
    }
    let flags = header.number(Attribute.flags) ?? 0
    set.hasCounters = flags & Flag.counters != 0
    set.hasComment = flags & Flag.comment != 0
    set.hasSkbInfo = flags & Flag.skbInfo != 0
    let sizes = Array(sizes(header, isForced: flags & Flag.forced != 0).utf8)
    set.creationText = names.intern(sizes.span)
    return set
}

/// `hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1b2c3d4e`
private func sizes(_ header: MessageParts, isForced: Bool) -> String {
    var words: [String] = []
    if let size = header.number(Attribute.hashSize) { words.append("hashsize \(size)") }
    if let maximum = header.number(Attribute.maximum) { words.append("maxelem \(maximum)") }
    if let size = header.number(Attribute.size) { words.append("size \(size)") }
    if isForced { words.append("forceadd") }
    if let size = header.byte(Attribute.bucketSize) { words.append("bucketsize \(size)") }
    if let seed = header.number(Attribute.seed) {
        let digits = String(seed, radix: 16)
        words.append("initval 0x" + String(repeating: "0", count: 8 - digits.utf8.count) + digits)
    }
    return words.joined(separator: " ")
}

private func lift(element message: MessageParts, in set: AddressSet, _ names: inout NameTable) -> SetElement {
    var element = SetElement(place: .none)
    element.address = message.prefix(Attribute.address, length: Attribute.length)
    element.second = message.prefix(Attribute.second, length: Attribute.secondLength)
    element.protocol = message.byte(Attribute.transport).map { IPProtocol($0) }
    element.port = message.ports(Attribute.port, Attribute.portTo)
    if let value = message.value(Attribute.hardware), value.count == 6 {
        element.mac = MACAddress(bits: message.bytes.span.bigEndian(value))
    }
    element.mark = message.number(Attribute.mark)
    let flags = message.number(Attribute.flags) ?? 0
    if let name = message.name(Attribute.interface) {
        element.interface = names.intern(name.span)
        element.isPhysicalDevice = flags & Flag.physicalDevice != 0
        element.isWildcard = flags & Flag.wildcard != 0
    }
    if let name = message.name(Attribute.member) { element.member = names.intern(name.span) }
    element.isNoMatch = flags & Flag.noMatch != 0
    element.timeout = message.number(Attribute.timeout)
    if let packets = message.network(Attribute.packets) {
        element.counters = Counters(packets: packets, bytes: message.network(Attribute.bytes) ?? 0)
    }
    if let mark = message.network(Attribute.packetMark) {
        element.skbMark = MaskedWord(
            UInt32(truncatingIfNeeded: mark >> 32), mask: UInt32(truncatingIfNeeded: mark))
    }
    element.skbPriority = message.number(Attribute.packetPriority)
    element.skbQueue = message.network(Attribute.packetQueue).map { UInt16(truncatingIfNeeded: $0) }
    if let value = message.value(Attribute.comment) {
        let comment = comment(message.bytes.span, value)
        element.comment = names.intern(comment.span)
    }
    return element
}

/// The text of a comment; a quotation mark, which `ipset restore` can't take, becomes an apostrophe.
private func comment(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    var text: [UInt8] = []
    for index in range.clamped(to: 0..<bytes.count) {
        switch bytes[index] {
        case 0: return text
        case UInt8(ascii: "\""): text.append(UInt8(ascii: "'"))
        case 1..<0x20, 0x7f: text.append(UInt8(ascii: "?"))
        case let byte: text.append(byte)
        }
    }
    return text
}
