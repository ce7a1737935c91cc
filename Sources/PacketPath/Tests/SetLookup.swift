internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// What is looked up in a set: those parts of the packet that its type has.
struct SetKey: Hashable, Sendable {
    var first: IPAddress?
    var second: IPAddress?
    var `protocol`: IPProtocol?
    var port: UInt16 = 0
    var mac: MACAddress?
    var mark: UInt32?
    var interface: Symbol?

    enum Result: Hashable, Sendable {
        /// The packet lacks a part, so no element can be its.
        case nothing
        /// A part of the packet is not known.
        case unknown(String)
        case key(SetKey)
    }
}

/// What a set says of a key.
enum SetHit: Hashable, Sendable {
    case miss, hit
    /// A `nomatch` element has it.
    case exception
    /// It has an element whose counters are asked and not known.
    case unknown
}

extension SetType {
    /// Whether its elements may be marked `nomatch` (`IPSET_TYPE_NOMATCH`).
    package var knowsExceptions: Bool {
        switch self {
        case .hashIPPortNet, .hashNet, .hashNetNet, .hashNetPort, .hashNetPortNet, .hashNetInterface: true
        case .bitmapIP, .bitmapIPMAC, .bitmapPort, .hashIP, .hashMAC, .hashIPMAC, .hashIPMark, .hashIPPort,
            .hashIPPortIP, .listSet, .unknown:
            false
        }
    }

    enum Part { case address, port, mac, mark, interface }

    /// What each direction of `--match-set` stands for.
    var parts: [Part] {
        switch self {
        case .bitmapIP, .hashIP, .hashNet: [.address]
        case .bitmapPort: [.port]
        case .hashMAC: [.mac]
        case .bitmapIPMAC, .hashIPMAC: [.address, .mac]
        case .hashIPMark: [.address, .mark]
        case .hashIPPort, .hashNetPort: [.address, .port]
        case .hashNetNet: [.address, .address]
        case .hashIPPortIP, .hashIPPortNet, .hashNetPortNet: [.address, .port, .address]
        case .hashNetInterface: [.address, .interface]
        case .listSet, .unknown: []
        }
    }
}

extension Evaluator {
    /// The key of the packet for `set`. Source: the `…_kadt` functions of net/netfilter/ipset/ip_set_*.c.
    func setKey(for set: AddressSet, _ match: SetMatch, _ state: WalkState) -> SetKey.Result {
        let packet = state.packet
        var key = SetKey()
        for (index, part) in set.type.parts.enumerated() where index < match.directions.count {
            let isSource = match.directions[index]
            switch part {
            case .address:
                if packet.unknown.contains(isSource ? .source : .destination) {
                    return .unknown(isSource ? "source" : "destination")
                }
                let address = isSource ? packet.source : packet.destination
                if index == 0 {
                    if let range = set.addressRange, !range.contains(address) { return .nothing }
                    let cut = masked(address, set)
                    if set.type == .hashIP, cut.isZero { return .nothing }
                    key.first = cut
                } else {
                    key.second = set.type == .hashNetNet ? masked(address, set) : address
                }
            case .port:
                if let end = addPort(to: &key, isSource, packet) { return end }
                if set.type == .bitmapPort {
                    guard key.protocol == .tcp || key.protocol == .udp else { return .nothing }
                    key.protocol = nil
                    if let range = set.portRange, !range.contains(key.port) { return .nothing }
                }
            case .mac:
                if hasFrame(state) == false { return .nothing }
                let known = isSource ? packet.unknown.contains(.mac) ? nil : packet.sourceMAC : frameDestination(state)
                guard let mac = known else {
                    return .unknown(isSource ? "source hardware address" : "destination hardware address")
                }
                if mac.bits == 0 { return .nothing }
                key.mac = mac
            case .mark:
                if packet.unknown.contains(.mark) { return .unknown("mark") }
                key.mark = packet.mark & set.markMask
            case .interface:
                switch isSource ? state.context.inInterface : state.context.outInterface {
                case .none: return .nothing
                case .unknown: return .unknown(isSource ? "incoming interface" : "outgoing interface")
                case .known(let name): key.interface = name
                }
            }
        }
        return .key(key)
    }

    private func masked(_ address: IPAddress, _ set: AddressSet) -> IPAddress {
        var result = address
        if let length = set.netmask { result = IPPrefix(result, length: length).address }
        if let mask = set.bitmask {
            result = IPAddress(result.version, high: result.high & mask.high, low: result.low & mask.low)
        }
        return result
    }

    /// Source: net/netfilter/ipset/ip_set_getport.c `get_port`, Linux 6.18: protocols without ports have port 0, and IPv6
    /// is asked behind its extension headers, an AH too.
    private func addPort(to key: inout SetKey, _ isSource: Bool, _ packet: Packet) -> SetKey.Result? {
        let headers = packet.bytes.isEmpty ? nil : HeaderBytes(packet, isNFT: false)
        // 59: no next header.
        if packet.version == .v6, packet.fragmentOffset > 0 || packet.protocol.rawValue == 59 { return .nothing }
        // What is cut off within its extension headers has no port, and so no element.
        if let headers, headers.chainIsBroken { return .nothing }
        if packet.unknown.contains(.protocol) { return .unknown("protocol") }
        key.protocol = packet.protocol
        func isCutOff(within size: Int) -> Bool {
            packet.fragmentOffset > 0 || headers.map { $0.transportOffset + size > $0.length } == true
        }
        switch packet.protocol {
        case .tcp, .udp, .sctp, .udplite:
            if isCutOff(within: packet.protocol == .tcp ? 20 : packet.protocol == .sctp ? 12 : 8) { return .nothing }
            if packet.unknown.contains(isSource ? .sourcePort : .destinationPort)
                || isSource && packet.sourcePortChoices != nil
            {
                return .unknown(isSource ? "source port" : "destination port")
            }
            key.port = isSource ? packet.sourcePort : packet.destinationPort
        case .icmp, .icmpv6:
            if isCutOff(within: 8) { return .nothing }
            if packet.unknown.contains(.icmpType) { return .unknown("ICMP type") }
            key.port = UInt16(packet.icmpType) << 8 | UInt16(packet.icmpCode)
        default: key.port = 0
        }
        return nil
    }
}

extension SetIndex.Entry {
    /// Looks `key` up: the longest prefix first, and of elements with a second prefix that one's longest.
    ///
    /// Source: net/netfilter/ipset/ip_set_hash_gen.h `mtype_test_cidrs`: the first element that fits decides, be it an
    /// exception.
    ///
    /// - Parameter changes: what rules that the packet met before did to the set.
    func find(
        _ key: SetKey, _ match: SetMatch, _ packet: Packet, _ names: NameTable, _ changes: ChangedSet?
    ) -> SetHit {
        guard let first = key.first else {
            return decide(among: elements(at: nil, changes), key, match, packet, names).hit
        }
        for length in lengths(changes) {
            let found = elements(at: IPPrefix(first, length: length), changes)
            let (hit, isLast) = decide(among: found, key, match, packet, names)
            if hit != .miss || isLast { return hit }
        }
        return .miss
    }

    /// The element that has `key`, whose mark and priority `-j SET --map-set` takes.
    func element(for key: SetKey, _ names: NameTable, _ changes: ChangedSet?) -> SetElement? {
        func first(at prefix: IPPrefix?) -> SetElement? {
            elements(at: prefix, changes).first { !$0.isPhysicalDevice && fits($0, key, names) }
        }
        guard let address = key.first else { return first(at: nil) }
        for length in lengths(changes) {
            if let element = first(at: IPPrefix(address, length: length)) { return element }
        }
        return nil
    }

    private func decide(
        among elements: [SetElement], _ key: SetKey, _ match: SetMatch, _ packet: Packet, _ names: NameTable
    ) -> (hit: SetHit, isLast: Bool) {
        var best: (length: Int, hit: SetHit)?
        var hasOtherInterface = false
        for element in elements {
            // The kernel's match never asks for bridge ports: libxt_set does not set `IPSET_FLAG_PHYSDEV`.
            if element.isPhysicalDevice { continue }
            guard fits(element, key, names) else {
                hasOtherInterface = hasOtherInterface || set.type == .hashNetInterface
                continue
            }
            let length = Int(element.second?.length ?? 0)
            if let best, best.length >= length { continue }
            switch element.passes(match, set, packet) {
            case true?: best = (length, element.isNoMatch && set.type.knowsExceptions ? .exception : .hit)
            case false?: continue
            case nil: best = (length, .unknown)
            }
        }
        // hash:net,iface looks at the interfaces of one prefix only (`multi`).
        return (best?.hit ?? .miss, best == nil && hasOtherInterface)
    }

    private func fits(_ element: SetElement, _ key: SetKey, _ names: NameTable) -> Bool {
        if set.type.parts.contains(.port) {
            if let wanted = key.protocol, let own = element.protocol, wanted != own { return false }
            guard element.port?.contains(key.port) ?? (key.port == 0) else { return false }
        }
        if let second = key.second, element.second?.contains(second) != true { return false }
        // An element of bitmap:ip,mac without an address takes that of the first packet.
        if let mac = key.mac, let own = element.mac ?? (set.type == .bitmapIPMAC ? mac : nil), own != mac {
            return false
        }
        if key.mac != nil, element.mac == nil, set.type != .bitmapIPMAC { return false }
        if let mark = key.mark, element.mark != mark { return false }
        if let interface = key.interface {
            guard let own = element.interface else { return false }
            return element.isWildcard
                ? names.bytes(interface).starts(with: names.bytes(own)) : interface == own
        }
        return true
    }
}

extension SetElement {
    /// Whether the element's counters are as `match` asks; `nil` where they are not known.
    ///
    /// Source: net/netfilter/ipset/ip_set_core.c `ip_set_match_extensions`: the packet is counted before they are asked.
    func passes(_ match: SetMatch, _ set: AddressSet, _ packet: Packet) -> Bool? {
        guard set.hasCounters, match.packets != nil || match.bytes != nil else { return true }
        guard let counters else { return nil }
        let counts = match.updatesCounters
        if let test = match.packets, !test.holds(counters.packets &+ (counts ? 1 : 0)) { return false }
        guard let test = match.bytes else { return true }
        if packet.unknown.contains(.length) { return nil }
        return test.holds(counters.bytes &+ (counts ? UInt64(packet.length) : 0))
    }
}

extension SetMatch.CounterTest {
    fileprivate func holds(_ number: UInt64) -> Bool {
        switch comparison {
        case .equal: number == value
        case .notEqual: number != value
        case .less: number < value
        case .greater: number > value
        }
    }
}
