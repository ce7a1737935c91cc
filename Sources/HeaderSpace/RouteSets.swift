internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Sources that the kernel's checks treat alike for packets of one interface.
struct SourceClass {
    /// What is asked of one of them is remembered by this.
    struct Key: Hashable {
        /// The place of a prefix that is special by itself.
        var special: Int
        var isOwn: Bool
        var type: RouteType?
        /// Whether the route back is by the interface itself.
        var isBack: Bool
        var hasRoute: Bool
    }

    var key: Key
    var packets: PacketSet
}

/// What the checks before a hook say, as long as these are the same.
private struct CheckKey: Hashable {
    var part: Int
    var interface: Int
    var source: SourceClass.Key
    var type: RouteType?
    /// Whether the packet would leave by the interface that it came by.
    var turnsRound: Bool
    /// The destination, where the checks look at more of it than its route.
    var destination: RoutedDestinations.Special
}

/// Destinations that are routed alike.
private struct RoutedDestinations: Hashable {
    enum Special: Hashable { case none, loopback, zero, broadcast, multicast, linkLocal }
    var route: Stages.RouteClass
    var special: Special
}

extension SetEvaluator {
    /// Behind PREROUTING: on to the next hook, or to an end that is noted.
    func routed(_ entering: [Way], _ context: Context) -> [(hook: Hook, way: Way)] {
        var result: [(hook: Hook, way: Way)] = []
        for way in entering {
            if way.flow.isLoopedBack {
                result += concluded(stages.route, way, .prerouting)
                continue
            }
            for (number, part) in partsByRouting(way).enumerated() {
                result += routed(part, number)
            }
        }
        return merged(result)
    }

    private func routed(_ way: Way, _ number: Int) -> [(hook: Hook, way: Way)] {
        var result: [(hook: Hook, way: Way)] = []
        var checked: [CheckKey: Bool] = [:]
        for (group, packets) in destinations(of: way) {
            let own = Way(packets: packets, flow: way.flow)
            var refused: [PacketSet] = []
            for interface in space.interfaces.indices {
                guard let name = space.interfaces[interface] else { continue }
                let arriving = space.and(packets, space.packets(.inInterface, UInt128(interface)))
                if arriving.isEmpty { continue }
                for source in sources(of: way.flow, by: name) {
                    let key = CheckKey(
                        part: number, interface: interface, source: source.key, type: group.route.type,
                        turnsRound: group.route.interfaces.contains(name), destination: group.special)
                    // What passes for one packet of the kind passes for all, and is taken together below.
                    if checked[key] == true { continue }
                    let part = Way(packets: space.and(arriving, source.packets), flow: own.flow)
                    guard let situation = situation(part, .prerouting) else { continue }
                    let results = stages.route(situation)
                    let isPassing = results.allSatisfy { if case .ended = $0.next { false } else { true } }
                    if isPassing, results.count == 1, results[0].conditions.isEmpty {
                        checked[key] = true
                        continue
                    }
                    refused.append(part.packets)
                    result += concluded(results, situation, part)
                }
            }
            let passing = Way(packets: space.subtract(packets, space.union(refused)), flow: own.flow)
            if !passing.packets.isEmpty { result += concluded(stages.route, passing, .prerouting) }
        }
        return result
    }

    func merged(_ ways: [(hook: Hook, way: Way)]) -> [(hook: Hook, way: Way)] {
        var result: [(hook: Hook, way: Way)] = []
        for hook in Hook.allCases {
            let own = ways.filter { $0.hook == hook }.map { $0.way }
            for way in space.merged(own) { result.append((hook, way)) }
        }
        return result
    }

    /// Asks `stage` of one packet of `way`, which stands for all.
    func concluded(_ stage: (Situation) -> [StageResult], _ way: Way, _ hook: Hook) -> [(hook: Hook, way: Way)] {
        guard let situation = situation(way, hook) else { return [] }
        return concluded(stage(situation), situation, way)
    }

    /// Takes `way` on as one of its packets went, and notes those that end.
    func concluded(_ results: [StageResult], _ situation: Situation, _ way: Way) -> [(hook: Hook, way: Way)] {
        var onward: [(hook: Hook, way: Way)] = []
        for (result, packets) in divided(results, situation, way) {
            if packets.isEmpty { continue }
            var flow = way.flow
            // What the kernel itself changes: the time to live.
            if result.packet.ttl != situation.packet.ttl {
                flow[.ttl] = decremented(flow[.ttl], situation.packet.ttl, result.packet.ttl)
            }
            flow.route = result.route ?? flow.route
            let after = Way(packets: packets, flow: flow)
            for granted in result.granted where results.count == 1 {
                record.granted[generic(granted.name, situation)] = generic(granted.text, situation)
            }
            switch result.next {
            case .hook(let hook): onward.append((hook, after))
            case .transmit: onward.append((.postrouting, after))
            case .loopback:
                var flow = flow
                flow.isLoopedBack = true
                if case .invalid = flow.standing { flow.standing = .none }
                onward.append((.prerouting, Way(packets: packets, flow: flow)))
            case .ended(let outcome, let reason): end(after, PathEnd(outcome, reason))
            case .elsewhere(let where_): elsewhere(where_, after, situation.hook)
            }
        }
        return onward
    }

    private func decremented(_ source: FieldSource, _ before: UInt8, _ after: UInt8) -> FieldSource {
        switch source {
        case .constant(let value): .constant(value &- UInt128(before &- after))
        case .arriving, .bits, .unknown: .unknown
        }
    }

    /// The packets of `way` that each result is for, by the conditions that it rests on. Of several by one name only that
    /// are picked from, each takes what those before left.
    private func divided(_ results: [StageResult], _ situation: Situation, _ way: Way)
        -> [(result: StageResult, packets: PacketSet)]
    {
        var rest = way.packets
        return results.enumerated().map { index, result in
            if index == results.count - 1 { return (result, rest) }
            var packets = rest
            for condition in result.conditions {
                let name = generic(condition.name, situation)
                let holds = unknown(name, generic(condition.text, situation), isYes: condition.isYes)
                packets = space.and(packets, holds)
            }
            rest = space.subtract(rest, packets)
            return (result, packets)
        }
    }

    /// A text without the addresses of the one packet that was asked of all.
    func generic(_ text: String, _ situation: Situation) -> String {
        let texts = [
            ("\(situation.packet.destination)", "DESTINATION"), ("\(situation.packet.source)", "SOURCE"),
        ]
        var result = text
        for (address, word) in texts { result = replaced(result, address, word) }
        return result
    }

    private func replaced(_ text: String, _ part: String, _ word: String) -> String {
        let (bytes, wanted) = (Array(text.utf8), Array(part.utf8))
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index...].starts(with: wanted) {
                result += Array(word.utf8)
                index += wanted.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    // MARK: What is routed alike

    /// Parts of `way` that routing tells apart by anything but addresses: what `ip rule` asks, the time to live, the length.
    private func partsByRouting(_ way: Way) -> [Way] {
        var cuts: [PacketSet] = []
        for rule in model.routes(space.version).rules {
            if let from = rule.from, let own = space.packets(way.flow[.source], of: .source, in: from) {
                cuts.append(own)
            }
            if let mark = rule.mark {
                cuts.append(word(.is(mark), way.flow[.mark], .mark, "mark"))
            }
            if rule.tos != 0 {
                let tos = space.packets(way.flow[.tos], of: .tos, UInt128(rule.tos), mask: 0xfc)
                cuts.append(tos ?? .none)
            }
            if let name = rule.inInterface, let number = space.interfaces.firstIndex(of: name) {
                cuts.append(space.packets(.inInterface, UInt128(number)))
            }
            if let wanted = rule.protocol { cuts.append(isOf(wanted, way.flow)) }
            if let ports = rule.sourcePorts { cuts.append(self.ports(.sourcePort, [ports], way.flow)) }
            if let ports = rule.destinationPorts { cuts.append(self.ports(.destinationPort, [ports], way.flow)) }
            if let users = rule.users, space.free.contains(.user) {
                cuts.append(space.packets(.user, from: UInt128(users.first), through: UInt128(users.last)))
            }
        }
        for route in model.routes(space.version).routes where route.tos != 0 {
            cuts.append(space.packets(way.flow[.tos], of: .tos, UInt128(route.tos), mask: 0xfc) ?? .none)
        }
        if way.flow[.ttl] == .arriving { cuts.append(space.packets(.ttl, from: 0, through: 1)) }
        if space.free.contains(.length) {
            var limits = Set(model.host.interfaces.map { $0.mtu })
            for route in model.routes(space.version).routes { if let mtu = route.mtu { limits.insert(mtu) } }
            limits.insert(1280)
            for limit in limits where limit < 65535 {
                cuts.append(space.packets(.length, from: 0, through: UInt128(limit)))
            }
        }
        return parts(way, cuts)
    }

    /// `way` cut in those parts that lie in each of `cuts`, or outside.
    func parts(_ way: Way, _ cuts: [PacketSet]) -> [Way] {
        var parts = [way.packets]
        for cut in cuts {
            parts = parts.flatMap { [space.and($0, cut), space.subtract($0, cut)] }.filter { !$0.isEmpty }
        }
        return parts.map { Way(packets: $0, flow: way.flow) }
    }

    /// Groups of destinations of `way` that are routed alike.
    private func destinations(of way: Way) -> [(group: RoutedDestinations, packets: PacketSet)] {
        var places: [RoutedDestinations: Int] = [:]
        var found: [(group: RoutedDestinations, sets: [PacketSet])] = []
        for part in byDestination(way) {
            guard let situation = situation(part, .prerouting) else { continue }
            let group = RoutedDestinations(
                route: stages.routeClass(situation), special: special(situation.packet.destination))
            if let place = places[group] {
                found[place].sets.append(part.packets)
            } else {
                places[group] = found.count
                found.append((group, [part.packets]))
            }
        }
        return found.map { ($0.group, space.union($0.sets)) }
    }

    /// Parts of `way` with destinations that every routing table treats alike.
    func byDestination(_ way: Way) -> [Way] {
        switch way.flow[.destination] {
        case .constant, .unknown: [way]
        case .arriving:
            addressAtoms(.destination).map { Way(packets: space.and(way.packets, $0.packets), flow: way.flow) }
                .filter { !$0.packets.isEmpty }
        case .bits(let bits):
            makeAtoms(routedPrefixes, .destination, .bits(bits)).map {
                Way(packets: space.and(way.packets, $0.packets), flow: way.flow)
            }.filter { !$0.packets.isEmpty }
        }
    }

    private func special(_ address: IPAddress) -> RoutedDestinations.Special {
        if address.isMulticast { return .multicast }
        if address.version == .v4, address.v4Bits == .max { return .broadcast }
        if address.isLoopback { return .loopback }
        if address.version == .v4 ? address.v4Bits >> 24 == 0 : address.isZero { return .zero }
        return address.isLinkLocal ? .linkLocal : .none
    }

    /// Classes of the sources of `flow` for packets that come by `interface`.
    private func sources(of flow: Flow, by interface: Symbol) -> [SourceClass] {
        guard flow[.source] == .arriving else {
            return [
                SourceClass(
                    key: .init(special: -1, isOwn: false, type: nil, isBack: false, hasRoute: false), packets: .all)
            ]
        }
        if let known = sourceClasses[interface] { return known }
        var places: [SourceClass.Key: Int] = [:]
        var found: [(key: SourceClass.Key, sets: [PacketSet])] = []
        for atom in addressAtoms(.source) {
            let route = routeBack(atom)
            let special: Int
            switch self.special(atom.address) {
            case .none: special = 0
            case .loopback: special = 1
            // 0.0.0.0 itself may ask for an address.
            case .zero: special = atom.address.isZero ? 2 : 3
            case .broadcast: special = 4
            case .multicast: special = 5
            case .linkLocal: special = 6
            }
            let key = SourceClass.Key(
                special: special, isOwn: stages.isOwnAddress(atom.address), type: route.type,
                isBack: route.interfaces.contains(interface), hasRoute: !route.interfaces.isEmpty)
            if let place = places[key] {
                found[place].sets.append(atom.packets)
            } else {
                places[key] = found.count
                found.append((key, [atom.packets]))
            }
        }
        let classes = found.map { SourceClass(key: $0.key, packets: space.union($0.sets)) }
        sourceClasses[interface] = classes
        return classes
    }

    private func routeBack(_ atom: AddressAtom) -> Stages.RouteClass {
        if let known = routesBack[atom.address] { return known }
        let made = stages.routeClass(to: atom.address)
        routesBack[atom.address] = made
        return made
    }
}
