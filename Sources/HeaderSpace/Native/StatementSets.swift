internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// The ways out of a statement, gathered.
struct StatementWays {
    var calls: [(ChainID, Bool, Way)] = []
    var ends: [(SetVerdict, Way)] = []
    /// On with the rule's next statement.
    var onward: [Way] = []
    /// Out of the rule without a match.
    var missed: [Way] = []

    var action: SetAction { .dispatch(calls: calls, ends: ends, onward: onward, missed: missed) }
}

// What statements of native rules make of sets of packets: as `Evaluator.perform` does of one.
extension SetEvaluator {
    func perform(_ statement: NativeStatement, _ rule: RuleReference, _ way: Way, _ context: Context) -> SetAction {
        let asked = Asked(rule, context, way, in: space)
        switch statement {
        // The copy goes its own way.
        case .continue, .counter, .last, .log: return .continue([way])
        case .limit, .quota, .connectionCount: return byAsking(statement, [], way, asked)
        case .verdictMap(let key, let map): return verdictMap(key, map, way, asked)
        case .object(let kind, let name): return object(kind, name, way, asked)
        case .objectMap(let kind, let key, let map): return objectMap(kind, key, map, way, asked)
        case .assign(let target, let value): return assign(target, value, way, asked)
        case .translate(let translation): return translate(translation, way, asked)
        case .reject: return byAsking(statement, [isOf(.tcp, way.flow)], way, asked)
        case .queue, .xtables: return byAsking(statement, [], way, asked)
        case .duplicate(let address, let device):
            return present([address, device].compactMap { $0 }, way, asked)
        case .forward: return .continue([way])
        case .tproxy(let version, let address, let port): return proxy(version, address, port, way, asked)
        case .synproxy, .resetOption: return byAsking(statement, [isOf(.tcp, way.flow)], way, asked)
        case .notrack: return perform(Target.notrack, rule, way, context)
        case .changeSet(let change): return self.change(change, way, asked)
        case .flow:
            let protocols: [IPProtocol] = [.tcp, .udp, .gre]
            return byAsking(statement, [space.union(protocols.map { isOf($0, way.flow) })], way, asked)
        case .unknown(let text): return unreadable(text, way, asked)
        }
    }

    private func part(_ way: Way, _ packets: PacketSet) -> Way {
        Way(packets: space.and(way.packets, packets), flow: way.flow)
    }

    // MARK: What one packet tells of all

    /// What the statement makes of one packet of each region, which stands for all.
    private func byAsking(_ statement: NativeStatement, _ cuts: [PacketSet], _ way: Way, _ asked: Asked) -> SetAction {
        var ways = StatementWays()
        for region in regions(cuts, asked) {
            let own = part(way, region)
            guard let situation = situation(own, asked.context.hook) else { continue }
            take(stages.perform(statement, asked.rule, situation), own, &ways)
        }
        return ways.action
    }

    private func take(_ performed: Stages.Performed, _ way: Way, _ ways: inout StatementWays) {
        func take(_ end: Stages.Performed.End?, _ way: Way) {
            if let end { ways.ends.append((verdict(end), way)) } else { ways.onward.append(way) }
        }
        switch performed {
        case .goesOn: ways.onward.append(way)
        case .missed: ways.missed.append(way)
        case .ends(let end): take(end, way)
        case .tested(let condition):
            let holds = unknown(condition.name, condition.text, isYes: condition.isYes)
            ways.onward.append(part(way, holds))
            ways.missed.append(part(way, space.complement(holds)))
        case .either(let condition, let yes, let no):
            let holds = unknown(condition.name, condition.text, isYes: condition.isYes)
            take(yes, part(way, holds))
            take(no, part(way, space.complement(holds)))
        case .other: ways.ends.append((.lost, way))
        }
    }

    private func verdict(_ end: Stages.Performed.End) -> SetVerdict {
        switch end {
        case .accept: .accept
        case .drop: .drop
        case .returned: .returned
        case .queue: .queue
        case .passedBy: .passedBy
        case .reject(let with): .reject(with)
        }
    }

    /// On where each of `expressions` has a value.
    private func present(_ expressions: [Expression], _ way: Way, _ asked: Asked) -> SetAction {
        var ways = StatementWays()
        let missing = space.union(
            expressions.flatMap { cases(of: $0, asked) }.filter { $0.word == .absent }.map { $0.packets })
        ways.missed.append(part(way, missing))
        ways.onward.append(part(way, space.complement(missing)))
        return ways.action
    }

    /// Without a socket the rule breaks, and with one it goes on.
    private func proxy(
        _ version: IPVersion?, _ address: Expression?, _ port: Expression?, _ way: Way, _ asked: Asked
    ) -> SetAction {
        var ways = StatementWays()
        guard version == nil || version == space.version else {
            ways.missed.append(way)
            return ways.action
        }
        let ports = port.map { cases(of: $0, asked) } ?? []
        let missing = space.union(
            ((address.map { cases(of: $0, asked) } ?? []) + ports).filter { $0.word == .absent }.map { $0.packets })
        let listens =
            if ports.count == 1, case .bits(let bits) = ports[0].word, let number = space.constant(bits) {
                "listens on port \(number.reduce(0) { $0 << 8 | UInt64($1) })"
            } else {
                "takes the packet (\(cite(asked.rule)))"
            }
        let takes = unknown("tproxy@\(cite(asked.rule))", "a transparent socket \(listens)")
        let protocols = space.or(isOf(.tcp, way.flow), isOf(.udp, way.flow))
        let taken = space.subtract(space.and(protocols, takes), missing)
        var given = part(way, taken)
        given.flow.isGivenToSocket = true
        ways.onward.append(given)
        ways.missed.append(part(way, space.complement(taken)))
        return ways.action
    }

    /// A statement that nobody here can read may end the rule or let it go on; the last of its rule may be a verdict.
    private func unreadable(_ text: Symbol, _ way: Way, _ asked: Asked) -> SetAction {
        if model.linked.rule(asked.rule).endsWithUnread {
            let open = openVerdict(text, way, asked.rule)
            return .several(ends: open.ends, onward: open.onward)
        }
        let quoted = "'\(model.names.text(text))' of \(cite(asked.rule)), which this program can't read,"
        let holds = space.unknown(
            "unknown-match@\(cite(asked.rule))", whenYes: "\(quoted) goes on with the rule",
            whenNo: "\(quoted) ends the rule")
        var ways = StatementWays()
        ways.onward.append(part(way, holds))
        ways.missed.append(part(way, space.complement(holds)))
        return ways.action
    }

    // MARK: Verdict maps

    private func verdictMap(_ key: Expression, _ map: Symbol, _ way: Way, _ asked: Asked) -> SetAction {
        var ways = StatementWays()
        func take(_ data: NativeElements.Data?, _ own: Way) {
            if own.packets.isEmpty { return }
            guard let data else { return ways.missed.append(own) }
            guard case .verdict(let verdict) = data else { return ways.onward.append(own) }
            self.take(verdict, own, asked.rule, &ways)
        }
        for found in lookUp(key, in: map, asked) {
            let own = part(way, found.packets)
            if own.packets.isEmpty { continue }
            switch found.hit {
            case .absent, .miss: ways.missed.append(own)
            case .hit(let data, let element):
                guard let limits = element.flatMap({ stages.limits(ofElement: $0, map, asked.rule) }) else {
                    take(data, own)
                    continue
                }
                switch limits {
                case .missed: ways.missed.append(own)
                case .tested(let condition):
                    let holds = unknown(condition.name, condition.text, isYes: condition.isYes)
                    take(data, part(own, holds))
                    ways.missed.append(part(own, space.complement(holds)))
                case .goesOn, .ends, .either, .other: take(data, own)
                }
            case .several(let options): ladder(key, options.map { $0.data }, own, asked, take)
            case .open(let data): ladder(key, data, own, asked, take)
            case .unknown:
                let open = openVerdict(map, own, asked.rule)
                ways.ends += open.ends
                ways.onward += open.onward
            }
        }
        return ways.action
    }

    /// One of several things, of which each but the last has an unknown that says that it is this one.
    private func ladder(
        _ key: Expression, _ options: [NativeElements.Data?], _ way: Way, _ asked: Asked,
        _ take: (NativeElements.Data?, Way) -> Void
    ) {
        let texts = options.map { stages.text(of: $0) }
        let subject = stages.describe(key)
        let place = cite(asked.rule)
        for (option, own) in alternatives("vmap@\(place)", texts, way, { "\(subject) leads \(place) to \($0)" }) {
            take(options[option], own)
        }
    }

    /// Parts of `way` for options that exclude each other, as `Evaluator.choices` names them: of the first whose unknown
    /// is yes, or of the last.
    func alternatives(_ name: String, _ texts: [String], _ way: Way, _ says: (String) -> String) -> [(Int, Way)] {
        var rest = way
        var result: [(Int, Way)] = []
        for (index, text) in texts.enumerated() {
            if index == texts.count - 1 {
                result.append((index, rest))
                break
            }
            let isLast = index == texts.count - 2
            let holds = space.unknown(
                "\(name)=\(text)", whenYes: says(text), whenNo: isLast ? says(texts[index + 1]) : "not: \(says(text))")
            result.append((index, part(rest, holds)))
            rest.packets = space.subtract(rest.packets, holds)
        }
        return result.filter { !$0.1.packets.isEmpty }
    }

    private func take(_ verdict: NativeVerdict, _ way: Way, _ rule: RuleReference, _ ways: inout StatementWays) {
        switch verdict {
        case .accept: ways.ends.append((.accept, way))
        case .drop: ways.ends.append((.drop, way))
        case .continue: ways.onward.append(way)
        case .return: ways.ends.append((.returned, way))
        case .queue: ways.ends.append((.queue, way))
        case .jump(let name), .goto(let name):
            var isGoto = false
            if case .goto = verdict { isGoto = true }
            guard let chain = model.linked.sibling(of: rule.chain, named: name) else {
                let open = openVerdict(ofMissing: name, way, rule)
                ways.ends += open.ends
                ways.onward += open.onward
                return
            }
            ways.calls.append((chain, isGoto, way))
        }
    }

    // MARK: Objects

    private func object(_ kind: ObjectKind, _ name: Symbol, _ way: Way, _ asked: Asked) -> SetAction {
        let statement = NativeStatement.object(kind, name)
        let object = model.linked.table(of: asked.rule.chain).objects.first { $0.name == name && $0.kind == kind }
        if kind == .expectation, case .tracked(let tracked) = way.flow.standing, tracked.isConfirmed {
            return .dispatch(calls: [], ends: [], onward: [], missed: [way])
        }
        guard case .helper(let type, let number)? = object?.content else {
            return byAsking(statement, [isOf(.tcp, way.flow)], way, asked)
        }
        // Only an entry of the object's protocol that is not in the table yet gets the helper.
        guard case .tracked(var tracked) = way.flow.standing, tracked.state == .new else { return .continue([way]) }
        let own = isOf(IPProtocol(number), way.flow)
        tracked.helper = type
        var helped = part(way, own)
        helped.flow.standing = .tracked(tracked)
        return .continue([helped, part(way, space.complement(own))].filter { !$0.packets.isEmpty })
    }

    private func objectMap(_ kind: ObjectKind, _ key: Expression, _ map: Symbol, _ way: Way, _ asked: Asked)
        -> SetAction
    {
        var ways = StatementWays()
        for found in lookUp(key, in: map, asked) {
            let own = part(way, found.packets)
            if own.packets.isEmpty { continue }
            switch found.hit {
            case .absent, .miss: ways.missed.append(own)
            case .hit(.object(let name), _):
                var inner = asked
                inner.packets = own.packets
                add(object(kind, name, own, inner), &ways)
            case .hit, .several, .open, .unknown:
                let holds = unknown(
                    "map@\(cite(asked.rule))",
                    "the map '\(model.names.text(map))' has \(stages.describe(key)) (\(cite(asked.rule)))")
                ways.onward.append(part(own, holds))
                ways.missed.append(part(own, space.complement(holds)))
            }
        }
        return ways.action
    }

    /// Adds what another statement came to.
    func add(_ action: SetAction, _ ways: inout StatementWays) {
        switch action {
        case .continue(let onward): ways.onward += onward
        case .several(let ends, let onward):
            ways.ends += ends
            ways.onward += onward
        case .dispatch(let calls, let ends, let onward, let missed):
            ways.calls += calls
            ways.ends += ends
            ways.onward += onward
            ways.missed += missed
        // Only plain targets come to these.
        case .end, .call: break
        }
    }
}
