import NetTypes
import RuleModel

/// An ipset as rules refer to it, with its text as `ipset save` prints it.
struct RandomSet: Sendable {
    let name: String
    let type: SetType
    /// `nil` where elements have no address.
    let version: IPVersion?
    var hasCounters = false
    var hasExceptions = false
    var keepsPackets = false
    var text = ""
    /// Elements that a packet could have, part by part.
    var parts: [[PacketPart]] = []

    var dimension: Int { type.dimension }

    /// What one part of an element asks of a packet.
    enum PacketPart: Sendable {
        case address(IPAddress)
        case port(UInt8, UInt16)
        case mac(MACAddress)
        case interface(String)
    }

    /// What a packet needs to be in the set when its directions are these.
    func hints(_ directions: [String], _ chance: inout Chance) -> [PacketHint] {
        guard let element = chance.pickAny(parts) else { return [] }
        var hints: [PacketHint] = []
        for (part, direction) in zip(element, directions) {
            let isSource = direction == "src"
            switch part {
            case .address(let address): hints.append(isSource ? .source(address) : .destination(address))
            case .port(let number, let port):
                hints.append(.protocol(number))
                hints.append(.ports(source: isSource ? port : nil, destination: isSource ? nil : port))
            case .mac(let mac): hints.append(.sourceMAC(mac))
            case .interface(let name): if isSource { hints.append(.arrives(name)) }
            }
        }
        return hints
    }

    /// The types that sets are drawn of: those whose kernel modules most hosts have.
    static let types: [SetType] = [
        .bitmapIP, .bitmapIPMAC, .bitmapPort, .hashIP, .hashMAC, .hashIPMAC, .hashIPMark, .hashIPPort, .hashIPPortIP,
        .hashIPPortNet, .hashNet, .hashNetNet, .hashNetPort, .hashNetPortNet, .hashNetInterface, .listSet,
    ]

    static func hasVersion(_ type: SetType) -> Bool {
        switch type {
        case .bitmapPort, .hashMAC, .listSet, .unknown, .bitmapIP, .bitmapIPMAC: false
        case .hashIP, .hashIPMAC, .hashIPMark, .hashIPPort, .hashIPPortIP, .hashIPPortNet, .hashNet, .hashNetNet,
            .hashNetPort, .hashNetPortNet, .hashNetInterface:
            true
        }
    }
}

/// Draws the sets of one rule set.
struct SetDraw {
    var chance: Chance
    let topology: RandomTopology
    let four: VersionPools
    let six: VersionPools
    private(set) var sets: [RandomSet] = []

    init(_ topology: RandomTopology, chance: Chance) {
        self.topology = topology
        self.chance = chance
        four = topology.pools(.v4)
        six = topology.pools(.v6)
    }

    /// Some sets of `types`, in the order in which they can be made.
    mutating func draw(_ types: [SetType]) -> [RandomSet] {
        guard !types.isEmpty else { return [] }
        let plain = types.filter { $0 != .listSet }
        for number in 0..<chance.number(2...6) {
            guard let type = chance.pickAny(plain) else { break }
            let version: IPVersion? =
                type == .bitmapIP || type == .bitmapIPMAC
                ? .v4 : RandomSet.hasVersion(type) ? (chance.percent(55) ? .v4 : .v6) : nil
            add(type, name: "s\(number)", version: version)
        }
        if types.contains(.listSet), chance.percent(35) {
            let members = chance.some(sets.map(\.name), 2)
            let parts = sets.first { $0.name == members.first }?.parts ?? []
            var list = RandomSet(name: "all", type: .listSet, version: nil)
            list.parts = parts
            list.text = "create all list:set size 8\n" + members.map { "add all \($0)\n" }.joined()
            sets.append(list)
        }
        return sets
    }

    private mutating func add(_ type: SetType, name: String, version: IPVersion?) {
        var set = RandomSet(name: name, type: type, version: version)
        var header = "create \(name) \(type.name)"
        let pools = version == .v6 ? six : four
        var netmask: UInt8?
        switch type {
        case .bitmapIP, .bitmapIPMAC: header += " range 10.0.0.0/16"
        case .bitmapPort: header += " range 0-65535"
        case .listSet, .unknown: return
        case .hashMAC: header += " hashsize 1024 maxelem 65536"
        case .hashIP, .hashIPMAC, .hashIPMark, .hashIPPort, .hashIPPortIP, .hashIPPortNet, .hashNet, .hashNetNet,
            .hashNetPort, .hashNetPortNet, .hashNetInterface:
            header += " family \(version == .v6 ? "inet6" : "inet")"
            if type == .hashIP, chance.percent(15) {
                netmask = version == .v6 ? 64 : 28
                header += " netmask \(version == .v6 ? 64 : 28)"
            }
            header += " hashsize 1024 maxelem 65536"
        }
        if chance.percent(12) {
            header += " counters"
            set.hasCounters = true
        }
        if chance.percent(10) {
            header += " skbinfo"
            set.keepsPackets = true
        }
        set.text = header + "\n"
        var seen: Set<String> = []
        for _ in 0..<chance.number(1...5) {
            guard let drawn = element(of: type, pools) else { continue }
            var words = drawn.words
            let parts = drawn.parts
            if let netmask, case .address(let address)? = parts.first {
                words = "\(IPPrefix(address, length: netmask).address)"
            }
            // An address is once in a bitmap, whatever its link address.
            let key = type == .bitmapIPMAC ? String(words.prefix { $0 != "," }) : words
            guard seen.insert(key).inserted else { continue }
            var line = "add \(name) \(words)"
            if isNet(type), chance.percent(20) {
                line += " nomatch"
                set.hasExceptions = true
            } else {
                set.parts.append(parts)
                if set.keepsPackets, chance.percent(70) {
                    line += " skbmark 0x\(String(chance.pick(RandomPools.marks), radix: 16)) skbprio 1:10"
                }
            }
            set.text += line + "\n"
        }
        sets.append(set)
    }

    private func isNet(_ type: SetType) -> Bool {
        switch type {
        case .hashNet, .hashNetNet, .hashNetPort, .hashNetPortNet, .hashIPPortNet, .hashNetInterface: true
        case .bitmapIP, .bitmapIPMAC, .bitmapPort, .hashIP, .hashMAC, .hashIPMAC, .hashIPMark, .hashIPPort,
            .hashIPPortIP, .listSet, .unknown:
            false
        }
    }

    private typealias Element = (words: String, parts: [RandomSet.PacketPart])

    private mutating func element(of type: SetType, _ pools: VersionPools) -> Element? {
        switch type {
        case .bitmapIP, .bitmapIPMAC:
            let inside = (pools.own + pools.near).filter { IPPrefix(v4(10, 0, 0, 0), length: 16).contains($0) }
            guard let address = chance.pickAny(inside) else { return nil }
            guard type == .bitmapIPMAC else { return ("\(address)", [.address(address)]) }
            let mac = chance.pick(RandomPools.foreignMACs)
            return ("\(address),\(macText(mac))", [.address(address), .mac(mac)])
        case .bitmapPort:
            let port = chance.pick(RandomPools.ports)
            return ("\(port)", [.port(chance.pick([6, 17]), port)])
        case .hashIP: return join([address(pools)])
        case .hashMAC:
            let mac = chance.pick(RandomPools.foreignMACs)
            return (macText(mac), [.mac(mac)])
        case .hashIPMAC:
            let mac = chance.pick(RandomPools.foreignMACs)
            return join([address(pools), (macText(mac), [.mac(mac)])])
        case .hashIPMark: return join([address(pools), ("0x1", [])])
        case .hashIPPort: return join([address(pools), port(pools.version)])
        case .hashIPPortIP: return join([address(pools), port(pools.version), address(pools)])
        case .hashIPPortNet: return join([address(pools), port(pools.version), net(pools)])
        case .hashNet: return join([net(pools)])
        case .hashNetNet: return join([net(pools), net(pools)])
        case .hashNetPort: return join([net(pools), port(pools.version)])
        case .hashNetPortNet: return join([net(pools), port(pools.version), net(pools)])
        case .hashNetInterface:
            let name = chance.pick(topology.pools.interfaceNames)
            return join([net(pools), (name, [.interface(name)])])
        case .listSet, .unknown: return nil
        }
    }

    private func join(_ parts: [Element]) -> Element {
        (parts.map(\.words).joined(separator: ","), parts.flatMap(\.parts))
    }

    private mutating func address(_ pools: VersionPools) -> Element {
        let address = chance.percent(50) ? chance.pick(pools.near) : chance.pick(pools.own + pools.far)
        return ("\(address)", [.address(address)])
    }

    private mutating func net(_ pools: VersionPools) -> Element {
        if chance.percent(30) { return address(pools) }
        // No type takes a prefix of length 0, and only the last part of two takes one that short.
        let prefixes = pools.prefixes.filter { $0.length > 1 }
        let prefix = chance.pick(prefixes)
        let inside = (pools.near + pools.own + pools.far).filter { prefix.contains($0) }
        guard let address = chance.pickAny(inside) else { return ("\(prefix)", []) }
        return ("\(prefix)", [.address(address)])
    }

    private mutating func port(_ version: IPVersion) -> Element {
        let port = chance.pick(RandomPools.ports)
        switch chance.below(8) {
        case 0: return version == .v4 ? ("icmp:echo-request", []) : ("icmpv6:echo-request", [])
        case 1: return ("sctp:\(port)", [.port(132, port)])
        case 2, 3: return ("udp:\(port)", [.port(17, port)])
        case 4: return ("udplite:\(port)", [.port(136, port)])
        default: return ("tcp:\(port)", [.port(6, port)])
        }
    }

    private func macText(_ mac: MACAddress) -> String { mac.description.uppercased() }
}
