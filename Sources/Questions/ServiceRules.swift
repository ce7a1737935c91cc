internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// An address and port of a service.
struct ServiceSpot: Hashable, CustomStringConvertible {
    let address: IPAddress
    let port: UInt16
    let `protocol`: IPProtocol

    var description: String {
        (address.version == .v4 ? "\(address)" : "[\(address)]") + ":\(port)/\(`protocol`.shortName)"
    }
}

/// Where a service is in a node's rules.
enum ServicePresence: Hashable {
    case there
    /// Rules have another address or port for its name, and none for this one.
    case elsewhere(ServiceSpot)
    case addressOnly
    case missing
}

/// Looks for a service in rules, sets, maps and IPVS's services. kube-proxy's comments name it: `shop/web:http cluster
/// IP`.
func findService(_ spot: ServiceSpot, named name: String, on model: HostModel) -> ServicePresence {
    for service in model.host.virtualServices ?? [] {
        if service.key == .address(spot.protocol, spot.address, port: spot.port) { return .there }
    }
    var mentionsAddress = false
    var other: ServiceSpot?
    for set in model.host.sets where set.version == spot.address.version {
        for element in set.elements where element.address == IPPrefix(host: spot.address) {
            mentionsAddress = true
            if element.protocol == spot.protocol, element.port == PortRange(spot.port) { return .there }
        }
    }
    for table in model.linked.ruleset.tables where table.family.sees(spot.address.version) {
        for set in table.sets {
            switch mention(of: spot, in: set) {
            case .there: return .there
            case .addressOnly: mentionsAddress = true
            case .missing, .elsewhere: break
            }
        }
        for chain in table.chains {
            for rule in chain.rules {
                let facts = RuleFacts(rule)
                guard let address = facts.destination else { continue }
                let isSame = address == spot.address
                if isSame { mentionsAddress = true }
                if isSame, facts.port == spot.port, facts.protocol == spot.protocol { return .there }
                guard other == nil, let comment = facts.comment, let port = facts.port,
                    let ipProtocol = facts.protocol, model.names.text(comment) == name + " cluster IP",
                    address.version == spot.address.version
                else { continue }
                other = ServiceSpot(address: address, port: port, protocol: ipProtocol)
            }
        }
    }
    if let other { return .elsewhere(other) }
    return mentionsAddress ? .addressOnly : .missing
}

/// What one rule says of where packets go, as far as it names one thing only.
private struct RuleFacts {
    var destination: IPAddress?
    var `protocol`: IPProtocol?
    var port: UInt16?
    var comment: Symbol?

    init(_ rule: Rule) {
        for statement in rule.statements {
            guard case .match(let match) = statement else { continue }
            switch match {
            case .destinationV4(let test) where test.mask == .max && !test.isNegated:
                destination = IPAddress(v4: test.address)
            case .destination(.is(let mask)):
                if mask == AddressMask(IPPrefix(host: mask.address)) {
                    destination = mask.address
                }
            case .protocol(.is(let test)): `protocol` = test.number
            case .tcp(let ports): take(ports.destinationPorts)
            case .udp(let ports), .udplite(let ports): take(ports.destinationPorts)
            case .sctp(let ports): if case .is(let range)? = ports.destinationPort { take(range) }
            case .comment(let text): comment = text
            default: continue
            }
        }
    }

    private mutating func take(_ range: PortRange) { if range.isSingle { port = range.first } }
}

/// Whether an element of a set or map is this address, protocol and port, as in kube-proxy's `service-ips`.
private func mention(of spot: ServiceSpot, in set: NativeSet) -> ServicePresence {
    let addressType: DataType = spot.address.version == .v4 ? .ipv4Address : .ipv6Address
    guard let position = set.key.firstIndex(of: addressType) else { return .missing }
    var offsets: [Int] = []
    var offset = 0
    for width in set.elements.widths {
        offsets.append(offset)
        offset += width
    }
    guard offsets.count == set.key.count else { return .missing }
    let wanted: [(DataType, [UInt8])] = [
        (.internetProtocol, [spot.protocol.rawValue]),
        (.internetService, [UInt8(spot.port >> 8), UInt8(truncatingIfNeeded: spot.port)]),
    ]
    var found = ServicePresence.missing
    for index in 0..<set.elements.count where !set.elements.isRange(index) {
        let key = Array(set.elements.low(index))
        func has(_ bytes: [UInt8], at part: Int) -> Bool {
            key.dropFirst(offsets[part]).prefix(set.elements.widths[part]).elementsEqual(bytes)
        }
        guard has(spot.address.bytes, at: position) else { continue }
        found = .addressOnly
        let isWhole = wanted.allSatisfy { type, bytes in
            set.key.firstIndex(of: type).map { has(bytes, at: $0) } ?? false
        }
        if isWhole { return .there }
    }
    return found
}
