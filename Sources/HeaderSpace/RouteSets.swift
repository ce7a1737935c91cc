internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

extension SetEvaluator {
    /// Behind PREROUTING: on to the next hook, or to an end that is noted.
    func routed(_ entering: [Way], _ context: Context) -> [(hook: Hook, way: Way)] {
        var result: [(hook: Hook, way: Way)] = []
        let (routable, lost) = routable(entering)
        end(lost)
        for way in routable {
            if way.flow.arrivesByLo {
                if !way.flow.isLoopedBack {
                    for part in byBothAddresses(way) { result += concluded(stages.route, part, .prerouting) }
                    continue
                }
                // It has its route, but is taken in only by those who have joined its group.
                for part in bySpecialAddress(way) { result += concluded(stages.route, part, .prerouting) }
                continue
            }
            for part in partsByRouting(way.flow) {
                let own = Way(packets: space.and(way.packets, part), flow: way.flow)
                if !own.packets.isEmpty { result += routed(own, part) }
            }
        }
        return merged(result)
    }

    /// Ways without those of which `ip rule` asks for what nobody knows: a mark that a rule took out of a hash or a set, a
    /// port that NAT drew.
    func routable(_ ways: [Way]) -> (routable: [Way], lost: [Way]) {
        let rules = model.routes(space.version).rules
        var asked: [PacketField] = []
        if rules.contains(where: { $0.mark != nil }) { asked.append(.mark) }
        if rules.contains(where: { $0.sourcePorts != nil || $0.destinationPorts != nil }) {
            asked += [.sourcePort, .destinationPort]
        }
        func isLost(_ way: Way) -> Bool {
            !way.flow.isLoopedBack && asked.contains { way.flow[$0] == .unknown }
        }
        let lost = ways.filter { isLost($0) }
        return lost.isEmpty ? (ways, []) : (ways.filter { !isLost($0) }, lost)
    }

    func end(_ lost: [Way]) {
        for way in lost { end(way, PathEnd(.undecided, nil)) }
    }

    private func routed(_ way: Way, _ part: PacketSet) -> [(hook: Hook, way: Way)] {
        var result: [(hook: Hook, way: Way)] = []
        for (group, packets, part) in destinations(of: way).flatMap({ byGroupMessages($0, part, way.flow) }) {
            let refusals = refusals(group, packets, way.flow, part)
            var passing = packets
            for (end, refused) in refusals.ends {
                let own = space.and(passing, refused)
                if own.isEmpty { continue }
                self.end(Way(packets: own, flow: way.flow), end)
                passing = space.subtract(passing, own)
            }
            for open in refusals.open {
                result += concluded(stages.route, Way(packets: space.and(passing, open), flow: way.flow), .prerouting)
                passing = space.subtract(passing, open)
            }
            if passing.isEmpty { continue }
            result += concluded(stages.route, Way(packets: passing, flow: way.flow), .prerouting)
        }
        return result
    }

    /// What the checks say of packets to `group`, whatever flow they are of.
    private func refusals(_ group: RoutedDestinations, _ packets: PacketSet, _ flow: Flow, _ part: PacketSet)
        -> Refusals
    {
        let limits = Set(group.route.ownMTUs + group.route.interfaces.compactMap { model.mtu($0, space.version) })
        let key = RefusalKey(
            part: part, type: group.route.type, interfaces: group.route.interfaces, limits: limits,
            destination: group.destination, source: flow[.source], flow: CheckedFlow(flow))
        if let known = refusals[key] { return known }
        var made = Refusals()
        // One packet to the group, of which only the source and the interface are exchanged: the checks look at no more.
        let there: PacketSet
        if case .constant = flow[.destination] { there = .all } else { there = packets }
        guard let values = space.values(in: space.and(part, there)) else { return made }
        let asksForInterface = model.routes(space.version).rules.contains {
            $0.inInterface != nil || $0.action == .vrf
        }
        let departures = asksForInterface ? group.route.interfaces : []
        var interfacesByEnd: [PathEnd: [PacketSet: [PacketSet]]] = [:]
        var order: [(end: PathEnd, source: PacketSet)] = []
        for (number, interface) in interfaces.enumerated() {
            guard let interface else { continue }
            let arriving = space.packets(.inInterface, UInt128(number))
            for source in sources(of: flow, by: interface) {
                let check = CheckKey(
                    part: part, type: group.route.type, destination: group.destination, source: source.key,
                    interface: number,
                    turnsRound: group.route.interfaces.contains(interface), departures: departures, limits: limits,
                    flow: CheckedFlow(flow))
                switch checked(check, values, source, flow) {
                case .passes: continue
                case .open: made.open.append(space.and(arriving, source.packets))
                case .ends(let end):
                    if interfacesByEnd[end]?[source.packets] == nil { order.append((end, source.packets)) }
                    interfacesByEnd[end, default: [:]][source.packets, default: []].append(arriving)
                }
            }
        }
        var sets: [PathEnd: [PacketSet]] = [:]
        var ends: [PathEnd] = []
        for (end, source) in order {
            if sets[end] == nil { ends.append(end) }
            let interfaces = space.union(interfacesByEnd[end]?[source] ?? [])
            sets[end, default: []].append(space.and(source, interfaces))
        }
        made.ends = ends.map { ($0, space.union(sets[$0] ?? [])) }
        refusals[key] = made
        return made
    }

    /// What the checks say of one packet by that interface and from that class of sources.
    private func checked(_ key: CheckKey, _ values: FieldValues, _ source: SourceClass, _ flow: Flow) -> Checked {
        if let known = checks[key] { return known }
        var values = values
        values[.inInterface] = UInt128(key.interface)
        if flow[.source] == .arriving { values[.source] = space.number(source.address) }
        let results = stages.route(situation(values, flow, .prerouting))
        let result: Checked
        if results.count == 1, results[0].conditions.isEmpty {
            switch results[0].next {
            case .ended(let outcome, let reason): result = .ends(PathEnd(outcome, reason))
            case .hook: result = .passes
            case .transmit, .loopback, .elsewhere: result = .open
            }
        } else {
            result = .open
        }
        checks[key] = result
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
            // And what kind of frame it was, as its route tells.
            if result.packet.packetType != situation.packet.packetType {
                flow.native.packetType = result.packet.packetType.rawValue
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
                flow.arrivesByLo = true
                // An invalid packet has no entry that could stay with it: conntrack comes to it again.
                for var way in byState(Way(packets: packets, flow: flow)) {
                    switch way.flow.standing {
                    case .invalid: way.flow.standing = .none
                    case .tracked(var tracked):
                        tracked.isConfirmed = true
                        way.flow.standing = .tracked(tracked)
                    case .none, .arrived, .untracked: break
                    }
                    onward.append((.prerouting, way))
                }
            case .ended(let outcome, let reason): end(after, PathEnd(outcome, reason))
            case .elsewhere(let where_): elsewhere(where_, after, situation.hook)
            }
        }
        return onward
    }

    private func decremented(_ source: FieldSource, _ before: UInt8, _ after: UInt8) -> FieldSource {
        switch source {
        case .constant(let value): .constant(value &- UInt128(before &- after))
        case .arriving: .lowered(by: UInt128(before &- after))
        case .lowered(let count): .lowered(by: count + UInt128(before &- after))
        case .bits, .unknown, .various: .unknown
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

    /// Parts of all packets that routing tells apart by anything but their destination: what `ip rule` asks, the time to live, the length.
    func partsByRouting(_ flow: Flow) -> [PacketSet] {
        var cuts = ruleCuts(flow)
        // A frame stays a group's, whatever its packet's destination has become.
        if !flow.isArriving(.destination) { cuts += frameCuts(flow) }
        switch flow[.ttl] {
        case .arriving: cuts.append(space.packets(.ttl, from: 0, through: 1))
        case .lowered(let count): cuts.append(space.packets(.ttl, from: 0, through: count + 1))
        case .constant, .bits, .unknown, .various: break
        }
        return parts(Way(packets: .all, flow: flow), cuts + lengthCuts(flow)).map { $0.packets }
    }

    /// What `ip rule` and the routes themselves ask beside the destination.
    func ruleCuts(_ flow: Flow) -> [PacketSet] {
        var cuts: [PacketSet] = []
        for rule in model.routes(space.version).rules {
            if let from = rule.from, let own = space.packets(flow[.source], of: .source, in: from) {
                cuts.append(own)
            }
            if let mark = rule.mark {
                cuts.append(word(.is(mark), flow[.mark], .mark, "mark"))
            }
            if rule.tos != 0 { cuts.append(typeOfService(rule.tos, flow)) }
            if let name = rule.inInterface, let number = interfaces.firstIndex(of: name) {
                cuts.append(space.packets(.inInterface, UInt128(number)))
            }
            if rule.action == .vrf {
                for vrf in model.host.interfaces where vrf.kind == .vrf {
                    let own = interfaces.indices.filter { number in
                        interfaces[number].flatMap { model.vrf(of: $0)?.name } == vrf.name
                    }
                    cuts.append(space.union(own.map { space.packets(.inInterface, UInt128($0)) }))
                }
            }
            if let wanted = rule.protocol { cuts.append(isOf(wanted, flow)) }
            if let ports = rule.sourcePorts { cuts.append(self.ports(.sourcePort, [ports], flow)) }
            if let ports = rule.destinationPorts { cuts.append(self.ports(.destinationPort, [ports], flow)) }
            // The way back is asked for with the ports the other way round: net/ipv4/fib_frontend.c
            // `__fib_validate_source`, Linux 6.18.
            if space.version == .v4 {
                if let ports = rule.sourcePorts { cuts.append(self.ports(.destinationPort, [ports], flow)) }
                if let ports = rule.destinationPorts { cuts.append(self.ports(.sourcePort, [ports], flow)) }
            }
            if let users = rule.users, space.free.contains(.user) {
                cuts.append(space.packets(.user, from: UInt128(users.first), through: UInt128(users.last)))
            }
        }
        for route in model.routes(space.version).routes {
            if route.tos != 0 { cuts.append(typeOfService(route.tos, flow)) }
            cuts += ownSources(of: route, flow)
            if let from = route.from, let own = space.packets(flow[.source], of: .source, in: from) { cuts.append(own) }
        }
        return cuts
    }

    /// Packets that a rule or route for a type of service takes.
    func typeOfService(_ wanted: UInt8, _ flow: Flow) -> PacketSet {
        let mask = space.version.routingTOSMask
        if wanted & 0xfc & ~mask != 0 { return .none }
        return space.packets(flow[.tos], of: .tos, UInt128(wanted), mask: UInt128(mask)) ?? .none
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
        for part in byDestination(way).flatMap({ byLink($0) }) {
            guard let situation = situation(part, .prerouting) else { continue }
            let group = RoutedDestinations(
                route: stages.routeClass(situation), destination: kind(of: situation.packet.destination))
            if let place = places[group] {
                found[place].sets.append(part.packets)
            } else {
                places[group] = found.count
                found.append((group, [part.packets]))
            }
        }
        return found.map { ($0.group, space.union($0.sets)) }
    }

    /// Parts of one interface of those packets whose address means something on one link alone.
    private func byLink(_ way: Way) -> [Way] {
        guard let situation = situation(way, .prerouting) else { return [way] }
        func byInterface() -> [Way] {
            interfaces.indices.map { number in
                Way(packets: space.and(way.packets, space.packets(.inInterface, UInt128(number))), flow: way.flow)
            }.filter { !$0.packets.isEmpty }
        }
        if space.version == .v4 {
            // What is for a subnet is passed on, or taken in, as its interface is told.
            let isForSubnet = stages.routeClass(situation).type == .broadcast
            let isByInterface = model.host.interfaces.contains { model.forwardsBroadcasts($0.name) }
            return isForSubnet && isByInterface ? byInterface() : [way]
        }
        switch AddressForm(situation.packet.destination) {
        case .linkLocal, .loopback, .multicast, .nearMulticast: break
        case .plain, .zero, .ofThisNetwork, .broadcast: return [way]
        }
        return byInterface()
    }

    /// Parts of `way` with destinations that every routing table treats alike.
    func byDestination(_ way: Way) -> [Way] {
        switch way.flow[.destination] {
        case .constant, .lowered, .unknown, .various: [way]
        case .arriving:
            addressAtoms(.destination).map { Way(packets: space.and(way.packets, $0.packets), flow: way.flow) }
                .filter { !$0.packets.isEmpty }
        case .bits(let bits):
            makeAtoms(routedPrefixes, .destination, .bits(bits)).map {
                Way(packets: space.and(way.packets, $0.packets), flow: way.flow)
            }.filter { !$0.packets.isEmpty }
        }
    }

    /// Classes of the sources of `flow` for packets that come by `interface`.
    private func sources(of flow: Flow, by interface: Symbol) -> [SourceClass] {
        guard flow[.source] == .arriving else {
            return [
                SourceClass(
                    key: .init(form: nil, isOwn: false, type: nil, isBack: false, hasRoute: false), packets: .all,
                    address: .zero(space.version))
            ]
        }
        if let known = sourceClasses[interface] { return known }
        var places: [SourceClass.Key: Int] = [:]
        var found: [(key: SourceClass.Key, sets: [PacketSet], address: IPAddress)] = []
        let isByRules =
            space.version == .v4
            && model.routes(.v4).rules.contains { rule in
                rule.from != nil || rule.to != nil || rule.mark != nil || rule.inInterface != nil || rule.tos != 0
                    || rule.action == .vrf
            }
        let asked = askedSources
        for atom in addressAtoms(.source) {
            let route = routeBack(atom)
            let own = isByRules && !atom.address.isMulticast ? atom.address : nil
            let key = SourceClass.Key(
                form: AddressForm(atom.address), isOwn: stages.isOwnAddress(atom.address), type: route.type,
                isBack: route.interfaces.contains(interface), hasRoute: !route.interfaces.isEmpty, address: own,
                port: stages.bridgePort(toward: atom.address),
                asked: own == nil ? asked.map { $0.contains(atom.address) } : [])
            if let place = places[key] {
                found[place].sets.append(atom.packets)
            } else {
                places[key] = found.count
                found.append((key, [atom.packets], atom.address))
            }
        }
        let classes = found.map { SourceClass(key: $0.key, packets: space.union($0.sets), address: $0.address) }
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
