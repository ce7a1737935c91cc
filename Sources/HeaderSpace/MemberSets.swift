internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What decides which packets an ipset has: the set, how it is asked, and where the fields come from.
struct MemberKey: Hashable {
    var set: Symbol
    var directions: [Bool]
    var sources: [FieldSource]
    var returnsNoMatch: Bool
}

// Sets of packets by ipsets. Source: net/netfilter/ipset/ip_set_hash_gen.h `mtype_test_cidrs`: the longest prefix first, and
// the first element that fits decides, be it an exception.
extension SetEvaluator {
    func packets(_ match: SetMatch, _ asked: Asked) -> PacketSet {
        negated(members(match.name.value, match, asked, isMember: false), match.name.isNegated)
    }

    private func members(_ name: Symbol, _ match: SetMatch, _ asked: Asked, isMember: Bool) -> PacketSet {
        func open(_ why: String) -> PacketSet {
            let sides = match.directions.map { $0 ? "src" : "dst" }.joined(separator: ",")
            let text = model.names.text(name)
            return unknown("set@\(text):\(sides)", "set \(text), which \(why), has the packet's \(sides)")
        }
        guard let entry = model.sets.entries[name] else {
            return open(model.sets.isKnown ? "is not in the ipset dump" : "is not in the input")
        }
        let set = entry.set
        guard match.directions.count >= set.type.dimension else { return .none }
        if let version = set.version, version != space.version { return .none }
        if asked.flow.changedSets.contains(name) { return open("was changed by a rule before") }
        if match.packets != nil || match.bytes != nil, set.hasCounters { return open("has counters that go on") }
        switch set.type {
        case .unknown: return open("is of a type that is not understood")
        case .listSet:
            // The first member that has the packet decides, which for all that ask no counters is: one of them.
            if isMember { return .none }
            return space.union(
                set.elements.compactMap { element in
                    element.member.map { members($0, match, asked, isMember: true) }
                })
        case .bitmapIPMAC, .hashMAC, .hashIPMAC:
            // Whom a frame was for is asked of single packets alone, and so is what an element without an address learns.
            guard match.directions[set.type == .hashMAC ? 0 : 1], set.elements.allSatisfy({ $0.mac != nil }),
                let made = elements(set, match, asked.flow)
            else { return ask(.set(match), asked) }
            var plain = match
            plain.name = .is(name)
            let known = ofFrames(made, .set(plain), asked)
            return set.isIncomplete ? space.or(known, ofFrames(space.complement(made), .set(plain), asked)) : known
        case .hashNetInterface:
            guard let made = ofInterfaces(set, match, asked) else {
                return open("is asked about something that NAT chose")
            }
            return set.isIncomplete ? space.or(made, open("may have elements that could not be read")) : made
        case .bitmapIP, .bitmapPort, .hashIP, .hashIPMark, .hashIPPort, .hashIPPortIP, .hashIPPortNet, .hashNet,
            .hashNetNet, .hashNetPort, .hashNetPortNet:
            break
        }
        let key = MemberKey(
            set: name, directions: match.directions,
            sources: [.source, .destination, .protocol, .sourcePort, .destinationPort, .mark].map { asked.flow[$0] },
            returnsNoMatch: match.returnsNoMatch)
        let known: PacketSet
        if let made = memberSets[key] {
            known = made
        } else {
            guard let made = elements(set, match, asked.flow) else {
                return open("is asked about something that NAT chose")
            }
            memberSets[key] = made
            known = made
        }
        return set.isIncomplete ? space.or(known, open("may have elements that could not be read")) : known
    }

    /// Packets that an element of `set` has; `nil` where a field is asked that is not known.
    private func elements(_ set: AddressSet, _ match: SetMatch, _ flow: Flow) -> PacketSet? {
        var domain = PacketSet.all
        let side = match.directions.first == true ? PacketField.source : .destination
        if let range = set.addressRange {
            let low = space.number(range.first)
            guard let own = space.packets(flow[side], of: side, from: low, through: space.number(range.last)) else {
                return nil
            }
            domain = own
        }
        let sorted = set.elements.sorted { a, b in
            let (first, second) = (a.address?.length ?? 0, b.address?.length ?? 0)
            return first == second ? (a.second?.length ?? 0) > (b.second?.length ?? 0) : first > second
        }
        let hasExceptions = sorted.contains { $0.isNoMatch }
        var hits: [PacketSet] = []
        var exceptions = PacketSet.none
        var decided = PacketSet.none
        for element in sorted {
            guard let own = packets(element, set, match, flow) else { return nil }
            guard hasExceptions else {
                hits.append(own)
                continue
            }
            let fresh = space.subtract(own, decided)
            decided = space.or(decided, own)
            if element.isNoMatch { exceptions = space.or(exceptions, fresh) } else { hits.append(fresh) }
        }
        if match.returnsNoMatch, set.type.knowsExceptions { return space.and(domain, exceptions) }
        return space.and(domain, space.union(hits))
    }

    /// Packets that an element of a hash:net,iface has: the longest prefix that has any element decides, whatever
    /// interfaces those are of; `nil` where the address is not known.
    ///
    /// Source: net/netfilter/ipset/ip_set_hash_gen.h `mtype_test_cidrs` (`multi`). Elements of a bridge's ports never match.
    private func ofInterfaces(_ set: AddressSet, _ match: SetMatch, _ asked: Asked) -> PacketSet? {
        let field = match.directions[0] ? PacketField.source : .destination
        var groups: [IPPrefix: [SetElement]] = [:]
        for element in set.elements where !element.isPhysicalDevice {
            if let prefix = element.address { groups[prefix, default: []].append(element) }
        }
        let prefixes = groups.keys.sorted { $0.length == $1.length ? $0.address < $1.address : $0.length > $1.length }
        var hits: [PacketSet] = []
        var exceptions: [PacketSet] = []
        var decided = PacketSet.none
        for prefix in prefixes {
            guard let within = space.packets(asked.flow[field], of: field, in: prefix) else { return nil }
            var rest = space.subtract(within, decided)
            decided = space.or(decided, within)
            for element in groups[prefix] ?? [] {
                guard let name = element.interface else { continue }
                let pattern = Negatable.is(InterfacePattern(name: name, isPrefix: element.isWildcard))
                let passes = match.directions[1] ? arriving(by: pattern, asked) : leaving(by: pattern, asked)
                let own = space.and(rest, passes)
                rest = space.subtract(rest, own)
                if element.isNoMatch { exceptions.append(own) } else { hits.append(own) }
            }
        }
        return space.union(match.returnsNoMatch ? exceptions : hits)
    }

    private func packets(_ element: SetElement, _ set: AddressSet, _ match: SetMatch, _ flow: Flow) -> PacketSet? {
        func address(_ prefix: IPPrefix, _ index: Int) -> PacketSet? {
            let field = match.directions[index] ? PacketField.source : .destination
            if let mask = set.bitmask, index == 0 || set.type == .hashNetNet {
                let value = space.number(prefix.address)
                return space.packets(flow[field], of: field, value, mask: space.number(mask))
            }
            return space.packets(flow[field], of: field, in: prefix)
        }
        var result = PacketSet.all
        if let prefix = element.address {
            guard let own = address(prefix, 0) else { return nil }
            result = own
        }
        if let second = element.second {
            let index = set.type == .hashNetNet ? 1 : 2
            guard index < match.directions.count, let own = address(second, index) else { return nil }
            result = space.and(result, own)
        }
        switch set.type {
        case .bitmapPort:
            guard let ports = ports(element, match.directions[0], flow) else { return nil }
            let protocols = space.or(isOf(.tcp, flow), isOf(.udp, flow))
            return space.and(result, space.and(protocols, ports))
        case .hashIPPort, .hashIPPortIP, .hashIPPortNet, .hashNetPort, .hashNetPortNet:
            guard let ports = ports(element, match.directions[1], flow) else { return nil }
            result = space.and(result, ports)
            return element.protocol.map { space.and(result, isOf($0, flow)) } ?? result
        case .hashIPMark:
            guard let mark = element.mark else { return PacketSet.none }
            guard let own = space.packets(flow[.mark], of: .mark, UInt128(mark), mask: UInt128(set.markMask)) else {
                return nil
            }
            return space.and(result, own)
        case .bitmapIPMAC, .hashMAC, .hashIPMAC:
            guard let mac = element.mac else { return nil }
            return space.and(result, space.packets(.mac, UInt128(mac.bits)))
        case .bitmapIP, .hashIP, .hashNet, .hashNetNet, .hashNetInterface, .listSet, .unknown: return result
        }
    }

    /// An element's port; of ICMP type and code, whichever side is asked, and of other protocols 0.
    private func ports(_ element: SetElement, _ isSource: Bool, _ flow: Flow) -> PacketSet? {
        let range = element.port ?? PortRange(0, 0)
        func own(_ field: PacketField) -> PacketSet? {
            space.packets(flow[field], of: field, from: UInt128(range.first), through: UInt128(range.last))
        }
        guard let far = own(.destinationPort) else { return nil }
        guard isSource else { return far }
        guard let near = own(.sourcePort) else { return nil }
        let icmp = isOf(space.version == .v4 ? .icmp : .icmpv6, flow)
        return space.or(space.and(icmp, far), space.subtract(near, icmp))
    }
}
