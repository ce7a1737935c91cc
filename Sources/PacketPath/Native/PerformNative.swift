internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// One of the ways that a statement may lead to.
struct NativeWay: Sendable {
    var state: WalkState
    var action: Action
    var changes: [Change]
}

extension Evaluator {
    /// Does what a statement of a native rule says.
    func perform(
        _ statement: NativeStatement, _ rule: RuleReference, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        switch statement {
        case .continue, .counter, .last, .log: return .continue
        case .limit, .quota, .connectionCount: return limiting(statement, rule).map { .test($0) } ?? .continue
        case .verdictMap(let key, let map): return verdictMap(key, map, rule, state, changes)
        case .object(let kind, let name): return perform(kind, name, rule, &state, &changes)
        case .objectMap(let kind, let key, let map): return objectMap(kind, key, map, rule, &state, &changes)
        case .assign(let target, let value): return assign(target, value, rule, &state, &changes)
        case .translate(let translation): return translate(translation, rule, &state, &changes)
        case .reject(let reject): return perform(reject, state)
        case .queue(let queue): return perform(queue, rule)
        // The copy goes its own way, and is not followed: its rules may change sets.
        case .duplicate(let address, let device):
            let isThere = [address, device].allSatisfy { $0.map { value(of: $0, state, rule) != .absent } ?? true }
            if isThere { state.setChanges.doubtAll(changedBy: model) }
            return isThere ? .continue : .miss
        case .forward(let address, let device, let version):
            return forward(address, device, version, rule, &state)
        case .tproxy(let version, let address, let port): return proxy(version, address, port, rule, state, changes)
        case .synproxy: return synproxy(rule, state)
        case .notrack:
            // It asks for an entry alone. Source: net/netfilter/nft_ct.c `nft_notrack_eval`, Linux 6.18.
            state.isLeftByCT = false
            return perform(Target.notrack, rule, &state, &changes)
        case .changeSet(let change): return self.change(change, rule, &state)
        case .flow(let table): return offload(table, rule, state)
        case .resetOption(let kind):
            if !isOf(.tcp, state.packet) { return .miss }
            return stripOptions([kind], &state)
        case .xtables(let text): return unreadable(text, rule, state, changes)
        case .unknown(let text): return unreadableStatement(text, rule, state, changes)
        }
    }

    /// Sends the packet out by a device at once: with an address as a router would, else as it came. The kernel takes it at
    /// ingress and egress only. Source: net/netfilter/nft_fwd_netdev.c, Linux 6.18.
    private func forward(
        _ address: Expression?, _ device: Expression, _ version: IPVersion?, _ rule: RuleReference,
        _ state: inout WalkState
    ) -> Action {
        if let version, version != state.packet.version { return .miss }
        let wanted = value(of: device, state, rule)
        if wanted == .absent { return .miss }
        let name = wanted.exact.flatMap { names.find(String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)) }
        if address != nil {
            guard state.packet.ttl > 1 else { return .drop }
            state.packet.ttl -= 1
        }
        state.route = RoutingStep(interface: name, type: .unicast, table: 0, isKnown: name != nil)
        return .sendOut
    }

    /// A statement that nobody here can read may be anything: it may end the rule or let it go on, and where it is the rule's
    /// last, it may be a verdict.
    private func unreadableStatement(
        _ text: Symbol, _ rule: RuleReference, _ state: WalkState, _ changes: [Change]
    ) -> Action {
        if model.linked.rule(rule).endsWithUnread { return unreadable(text, rule, state, changes) }
        let quoted = "'\(names.text(text))' of \(cite(rule)), which this program can't read,"
        let holds = Unknown(
            "unknown-match@\(cite(rule))", whenYes: "\(quoted) goes on with the rule",
            whenNo: "\(quoted) ends the rule")
        return ladder([(holds, .continue)], last: .miss, state, changes)
    }

    /// The ways that hang on yes-or-no variables, of which the first that holds decides: each with that variable's place,
    /// or their number where none holds.
    func split(_ unknowns: [Unknown], _ entering: WalkState) -> [(option: Int, state: WalkState)] {
        var ways: [(option: Int, state: WalkState)] = []
        var state = entering
        for (index, unknown) in unknowns.enumerated() {
            switch settle(unknown, &state) {
            case true?:
                ways.append((index, state))
                return ways
            case false?: continue
            case nil:
                ways.append((index, assume([unknown], true, nil, state)))
                state = assume([unknown], false, nil, state)
            }
        }
        ways.append((unknowns.count, state))
        return ways
    }

    /// Ways with an action for each variable, and one where none holds.
    func ladder(
        _ rungs: [(unknown: Unknown, action: Action)], last: Action, _ state: WalkState, _ changes: [Change]
    ) -> Action {
        .several(
            split(rungs.map { $0.unknown }, state).map { way in
                let action = way.option < rungs.count ? rungs[way.option].action : last
                return NativeWay(state: way.state, action: action, changes: changes)
            })
    }

    /// The conditions that tell which of several options it is, one less than there are.
    ///
    /// - Parameters:
    ///   - name: what is open, such as `vmap@CHAIN:1`.
    ///   - options: each by a text of its own, with its share of the whole; all 0 where chances are not known.
    func choices(
        _ name: String, _ options: [(text: String, share: UInt64)], yes: (String) -> String, no: (String) -> String
    ) -> [Unknown] {
        var left = options.reduce(0) { $0 + $1.share }
        var unknowns: [Unknown] = []
        for (index, option) in options.enumerated().dropLast() {
            let probability = left > 0 ? Double(option.share) / Double(left) : nil
            left -= min(left, option.share)
            // Of the last two it is one or the other.
            let isLast = index == options.count - 2
            unknowns.append(
                Unknown(
                    "\(name)=\(option.text)", whenYes: yes(option.text),
                    whenNo: isLast ? yes(options[index + 1].text) : no(option.text), probability: probability))
        }
        return unknowns
    }

    /// Whether a limit, a quota or a number of connections lets the rule go on; `nil` for what limits nothing.
    ///
    /// Source: net/netfilter/nft_limit.c, nft_quota.c, nft_connlimit.c.
    func limiting(_ statement: NativeStatement, _ rule: RuleReference) -> Answer? {
        switch statement {
        case .limit(let limit):
            return .negate(
                perhaps(
                    "limit", of: rule, yes: "under", no: "over", "the rule's limit is not reached",
                    "the rule's limit is reached"), if: limit.isOver)
        case .quota(let quota):
            return .negate(
                perhaps(
                    "quota", of: rule, yes: "left", no: "spent", "the rule's quota is not used up",
                    "the rule's quota is used up"), if: quota.isOver)
        case .connectionCount(let count, let isOver):
            // The connection itself is counted.
            if count == 0 { return Answer(isOver) }
            return .negate(
                perhaps(
                    "connlimit", of: rule, yes: "under", no: "over",
                    "the packet's group has no more than \(count) connections",
                    "the packet's group has more than \(count) connections"), if: isOver)
        default: return nil
        }
    }

    // MARK: Verdict maps

    /// A miss ends the rule without a match. Source: net/netfilter/nft_lookup.c; observed on Linux 6.18.
    private func verdictMap(
        _ key: Expression, _ map: Symbol, _ rule: RuleReference, _ state: WalkState, _ changes: [Change]
    ) -> Action {
        let value = self.key(key, for: map, state, rule)
        if value == .absent { return .miss }
        func action(_ data: NativeElements.Data?) -> Action {
            guard let data else { return .miss }
            guard case .verdict(let verdict) = data else { return .continue }
            return self.action(verdict, rule, state, changes)
        }
        switch lookUp(value, in: map, state, rule) {
        case .miss: return .miss
        case .hit(let data, let element):
            guard let answer = element.flatMap({ elementStates(of: $0, map, rule) }) else { return action(data) }
            guard case .perhaps(let unknown) = answer else { return answer == .yes ? action(data) : .miss }
            return ladder([(unknown, action(data))], last: .miss, state, changes)
        case .several(let possibilities):
            let unknowns = choices(
                "vmap@\(cite(rule))", possibilities.map { (text(of: $0.data), $0.share) },
                yes: { "\(describe(key)) leads \(cite(rule)) to \($0)" },
                no: { "\(describe(key)) does not lead \(cite(rule)) to \($0)" })
            let rungs = zip(unknowns, possibilities).map { (unknown: $0, action: action($1.data)) }
            return ladder(rungs, last: action(possibilities.last?.data), state, changes)
        case .unknown:
            return unreadable(map, rule, state, changes)
        }
    }

    private func action(
        _ verdict: NativeVerdict, _ rule: RuleReference, _ state: WalkState, _ changes: [Change]
    ) -> Action {
        switch verdict {
        case .accept: .accept
        case .drop: .drop
        case .continue: .continue
        case .return: .return
        case .jump(let name): chainAction(name, rule, state, changes) { .jump($0) }
        case .goto(let name): chainAction(name, rule, state, changes) { .goto($0) }
        case .queue: .queue
        }
    }

    func text(of data: NativeElements.Data?) -> String {
        switch data {
        case .verdict(let verdict)?:
            switch verdict {
            case .accept: "accept"
            case .drop: "drop"
            case .continue: "continue"
            case .return: "return"
            case .jump(let name), .goto(let name): names.text(name)
            case .queue: "queue"
            }
        case .literal(let bytes)?: text(of: Literal(bytes, .integer, bits: bytes.count * 8))
        case .object(let name)?: names.text(name)
        case .range?, .some(.none): "an element"
        case nil: "nothing"
        }
    }

    // MARK: Objects

    private func perform(
        _ kind: ObjectKind, _ name: Symbol, _ rule: RuleReference, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        if kind == .expectation { return mayExpect(state) ? .continue : .miss }
        let object = model.linked.table(of: rule.chain).objects.first { $0.name == name && $0.kind == kind }
        switch object?.content {
        case .limit(let limit)?: return limiting(.limit(limit), rule).map { .test($0) } ?? .continue
        case .quota(let quota)?: return limiting(.quota(quota), rule).map { .test($0) } ?? .continue
        case .helper(let type, let `protocol`)?: setHelper(type, `protocol`, &state, &changes)
        case .synproxy?: return synproxy(rule, state)
        case .counter?, .securityMark?, .other?: break
        case nil:
            switch kind {
            case .limit: return limiting(.limit(NativeLimit()), rule).map { .test($0) } ?? .continue
            case .quota: return limiting(.quota(NativeQuota()), rule).map { .test($0) } ?? .continue
            case .counter, .helper, .timeout, .expectation, .synproxy, .securityMark, .tunnel: break
            }
        }
        return .continue
    }

    /// Only an entry that is not in the table yet may be told what to expect; else the rule breaks.
    /// Source: net/netfilter/nft_ct.c `nft_ct_expect_obj_eval`; observed on Linux 6.18.
    private func mayExpect(_ state: WalkState) -> Bool {
        guard case .entry(let tracked) = state.connection else { return false }
        return !tracked.isConfirmed
    }

    /// Only an entry of the object's protocol that is not in the table yet gets the helper.
    /// Source: net/netfilter/nft_ct.c `nft_ct_helper_obj_eval`.
    private func setHelper(
        _ helper: Symbol, _ protocol: UInt8, _ state: inout WalkState, _ changes: inout [Change]
    ) {
        guard case .entry(var tracked) = state.connection, tracked.isNew,
            !tracked.entry.status.contains(.confirmed), tracked.entry.original.protocol.rawValue == `protocol`
        else { return }
        changes.append(Change(.helper, before: .name(tracked.entry.helper), after: .name(helper)))
        tracked.entry.helper = helper
        state.connection = .entry(tracked)
    }

    private func objectMap(
        _ kind: ObjectKind, _ key: Expression, _ map: Symbol, _ rule: RuleReference, _ state: inout WalkState,
        _ changes: inout [Change]
    ) -> Action {
        let value = self.key(key, for: map, state, rule)
        if value == .absent { return .miss }
        switch lookUp(value, in: map, state, rule) {
        case .miss: return .miss
        case .hit(.object(let name), _): return perform(kind, name, rule, &state, &changes)
        case .hit, .several, .unknown:
            return .test(
                perhaps(
                    "map", of: rule, "the map '\(names.text(map))' has \(describe(key))",
                    "the map '\(names.text(map))' does not have \(describe(key))"))
        }
    }

    // MARK: Verdicts

    /// What is for one version, or for TCP, breaks the rule for others: nft tests that before.
    private func perform(_ reject: NativeReject, _ state: WalkState) -> Action {
        let version = state.packet.version
        switch reject {
        case .tcpReset:
            switch transport(state.packet) {
            case .found(.tcp, _), .unknown: return .reject(.tcpReset)
            case .found, .missing: return .miss
            }
        case .icmp(let code):
            guard version == .v4 else { return .miss }
            return .reject(RejectWith(version: version, code: code))
        case .icmpv6(let code):
            guard version == .v6 else { return .miss }
            return .reject(RejectWith(version: version, code: code))
        // Source: net/netfilter/nft_reject.c `icmp_code_v4`, `icmp_code_v6`.
        case .icmpx(let code):
            let codes: [UInt8] = version == .v4 ? [0, 3, 1, 13] : [0, 4, 3, 1]
            guard Int(code) < codes.count else { return .drop }
            return .reject(RejectWith(version: version, code: codes[Int(code)]))
        }
    }

    /// Source: net/netfilter/nft_queue.c, net/netfilter/nf_queue.c.
    private func perform(_ queue: NativeQueue, _ rule: RuleReference) -> Action {
        guard queue.bypass else { return .queue }
        let number = describe(queue.target)
        return .either(
            Unknown(
                "nfqueue@\(cite(rule))", whenYes: "a program listens on queue \(number)",
                whenNo: "no program listens on queue \(number), so the packet passes it by"),
            (yes: .queue, no: .accept))
    }

    /// Without a socket the rule breaks, and with one it goes on. Source: net/netfilter/nft_tproxy.c.
    private func proxy(
        _ version: IPVersion?, _ address: Expression?, _ port: Expression?, _ rule: RuleReference, _ state: WalkState,
        _ changes: [Change]
    ) -> Action {
        let packet = state.packet
        guard version == nil || version == packet.version, packet.protocol == .tcp || packet.protocol == .udp else {
            return .miss
        }
        let wanted = port.map { value(of: $0, state, rule) }
        if wanted == .absent || address.map({ value(of: $0, state, rule) == .absent }) == true { return .miss }
        let number = wanted.flatMap { $0.number }.map { "\($0)" } ?? "\(packet.destinationPort)"
        let listens = Unknown(
            "tproxy@\(cite(rule))", whenYes: "a transparent socket listens on port \(number)",
            whenNo: "no transparent socket listens on port \(number)")
        return .several(
            split([listens], state).map { way in
                var taken = way.state
                if way.option == 0 { taken.isGivenToSocket = true }
                return NativeWay(state: taken, action: way.option == 0 ? .continue : .miss, changes: changes)
            })
    }

    /// Source: net/netfilter/nft_synproxy.c.
    private func synproxy(_ rule: RuleReference, _ state: WalkState) -> Action {
        guard isOf(.tcp, state.packet) else { return .miss }
        return .either(
            Unknown(
                "synproxy@\(cite(rule))",
                whenYes: "the client completes the handshake that synproxy of \(cite(rule)) makes for the server",
                whenNo: "the client does not complete the handshake with synproxy of \(cite(rule))"),
            (yes: nil, no: .drop))
    }

    /// The rule goes on where the connection is handed over now. Source: net/netfilter/nft_flow_offload.c.
    private func offload(_ table: Symbol, _ rule: RuleReference, _ state: WalkState) -> Action {
        guard case .entry(let tracked) = state.connection, !tracked.isNew,
            state.packet.protocol == .tcp || state.packet.protocol == .udp || state.packet.protocol == .gre
        else { return .miss }
        return .test(
            perhaps(
                "flowtable", of: rule, "the connection is handed to flowtable '\(names.text(table))'",
                "the connection is not handed to flowtable '\(names.text(table))'"))
    }
}
