internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// What targets make of sets of packets: as `Evaluator.perform` does of one.
extension SetEvaluator {
    func perform(_ target: Target, _ rule: RuleReference, _ way: Way, _ context: Context) -> SetAction {
        var flow = way.flow
        switch target {
        case .accept: return .end(.accept)
        case .drop: return .end(.drop)
        case .return: return .end(.returned)
        case .jump(let name): return call(name, rule, isGoto: false, way)
        case .goto(let name): return call(name, rule, isGoto: true, way)
        case .queue: return .end(.queue)
        case .nfQueue(let queue):
            guard queue.bypass else { return .end(.queue) }
            return either("nfqueue@\(cite(rule))", "a program listens on queue \(queue.queue)", way, .queue, .passedBy)
        case .reject(let with): return .end(.reject(with))
        case .dnat, .snat, .masquerade, .redirect, .netmap: return translate(target, rule, way, context)
        case .mark(let operation):
            let word = operation.word
            flow[.mark] = space.written(
                flow[.mark], of: .mark, keeping: ~UInt128(word.mask) & 0xffff_ffff, xor: UInt128(word.value))
        case .connectionMark(let target):
            return .continue(
                byState(way).map { way in
                    var way = way
                    connectionMark(target, &way.flow)
                    return way
                })
        case .ct(let ct): track(ct, &flow)
        case .notrack:
            var ct = CTTarget()
            ct.notrack = true
            track(ct, &flow)
        case .dscp(let value):
            flow[.tos] = space.written(flow[.tos], of: .tos, keeping: 3, xor: UInt128(value) << 2)
        case .tos(let byte):
            flow[.tos] = space.written(flow[.tos], of: .tos, keeping: UInt128(~byte.mask), xor: UInt128(byte.value))
        case .timeToLive(let target): return .continue(timesToLive(target, way))
        case .tcpOptionStrip, .tcpMSS: break
        case .hmark: flow[.mark] = .unknown
        case .prefixTranslation(let target):
            // The adjusted word hangs on the address in no way that bits tell, and where it goes on that.
            guard target.changesSource else { return .end(.lost) }
            flow[.source] = .unknown
        case .ecn(let target):
            if let ect = target.ect {
                flow[.tos] = space.written(flow[.tos], of: .tos, keeping: 0xfc, xor: UInt128(ect))
            }
            if target.ece != nil || target.cwr != nil { changeECN(target, &flow) }
        case .tproxy(let target): return proxy(target, rule, way)
        case .synproxy:
            return either(
                "synproxy@\(cite(rule))",
                "the client completes the handshake that SYNPROXY of \(cite(rule)) makes for the server", way, .accept,
                .drop)
        case .clusterIP:
            return either(
                "clusterip@\(cite(rule))", "CLUSTERIP of \(cite(rule)) gives this packet to this node", way, nil, .drop)
        case .unknown(_, let text):
            let open = openVerdict(text, way, rule)
            return .several(ends: open.ends, onward: open.onward)
        case .set(let target):
            for operation in [target.add, target.delete].compactMap({ $0 })
            where !flow.changedSets.contains(operation.set) { flow.changedSets.append(operation.set) }
            if target.mapsMark { flow[.mark] = .unknown }
        case .native(let statement): return perform(statement, rule, way, context)
        case .classify(let priority): flow.native.priority = .constant(UInt128(priority))
        case .connectionSecurityMark, .checksumFill, .securityMark, .log, .nfLog, .ulog, .audit, .tee,
            .idleTimer, .led, .rateEstimate, .trace:
            break
        }
        return .continue([Way(packets: way.packets, flow: flow)])
    }

    private func call(_ name: Symbol, _ rule: RuleReference, isGoto: Bool, _ way: Way) -> SetAction {
        if let chain = model.linked.sibling(of: rule.chain, named: name) { return .call(chain, isGoto: isGoto) }
        let open = openVerdict(ofMissing: name, way, rule)
        return .several(ends: open.ends, onward: open.onward)
    }

    /// Ways that end and such that go on.
    typealias OpenVerdict = (ends: [(SetVerdict, Way)], onward: [Way])

    /// What may accept packets, drop them or let them go on: a target that nobody here can read.
    func openVerdict(_ text: Symbol, _ way: Way, _ rule: RuleReference) -> OpenVerdict {
        let quoted = "'\(model.names.text(text))' of \(cite(rule)), which this program can't read,"
        return openVerdict(
            ("unknown-accept@\(cite(rule))", "\(quoted) accepts the packet"),
            ("unknown-target@\(cite(rule))", "\(quoted) lets the packet on"), way)
    }

    /// The same of a chain that is not in the input.
    func openVerdict(ofMissing name: Symbol, _ way: Way, _ rule: RuleReference) -> OpenVerdict {
        let subject = "chain \(model.names.text(name)), which is not in the input,"
        return openVerdict(
            ("missing-accept@\(cite(rule))", "\(subject) accepts the packet"),
            ("missing-chain@\(cite(rule))", "\(subject) lets the packet return"), way)
    }

    private func openVerdict(
        _ accepting: (name: String, text: String), _ passing: (name: String, text: String), _ way: Way
    ) -> OpenVerdict {
        let accepts = unknown(accepting.name, accepting.text)
        let passes = unknown(passing.name, passing.text)
        func part(_ packets: PacketSet) -> Way { Way(packets: space.and(way.packets, packets), flow: way.flow) }
        let rest = space.complement(accepts)
        return (
            [(.accept, part(accepts)), (.drop, part(space.subtract(rest, passes)))],
            [part(space.and(rest, passes))]
        )
    }

    /// Without a socket that takes it a packet is dropped.
    private func proxy(_ target: TPROXYTarget, _ rule: RuleReference, _ way: Way) -> SetAction {
        let takes = unknown("tproxy@\(cite(rule))", "a transparent socket takes the packet (\(cite(rule)))")
        let begins = space.and(isOf(.tcp, way.flow), beginning(way.flow))
        let unheard = space.subtract(begins, listened(to: target, way.flow))
        let ofSockets = space.or(isOf(.tcp, way.flow), isOf(.udp, way.flow))
        let mayTake = space.and(takes, space.subtract(ofSockets, unheard))
        var taken = Way(packets: space.and(way.packets, mayTake), flow: way.flow)
        taken.flow.isGivenToSocket = true
        let kept = ~UInt128(target.mark.mask) & 0xffff_ffff
        taken.flow[.mark] = space.written(
            taken.flow[.mark], of: .mark, keeping: kept, xor: UInt128(target.mark.value))
        let dropped = Way(packets: space.subtract(way.packets, mayTake), flow: way.flow)
        return .several(ends: [(.accept, taken), (.drop, dropped)], onward: [])
    }

    /// One end where the unknown is yes and another where it is no; `nil`: the rule goes on.
    func either(_ name: String, _ text: String, _ way: Way, _ yes: SetVerdict?, _ no: SetVerdict?) -> SetAction {
        let holds = unknown(name, text)
        let ways = [
            (yes, Way(packets: space.and(way.packets, holds), flow: way.flow)),
            (no, Way(packets: space.subtract(way.packets, holds), flow: way.flow)),
        ]
        var ends: [(SetVerdict, Way)] = []
        var onward: [Way] = []
        for (verdict, way) in ways {
            if let verdict { ends.append((verdict, way)) } else { onward.append(way) }
        }
        return .several(ends: ends, onward: onward)
    }

    // MARK: Marks

    /// Source: net/netfilter/xt_connmark.c `connmark_tg_shift`. Without an entry nothing happens.
    private func connectionMark(_ target: ConnectionMarkTarget, _ flow: inout Flow) {
        guard case .tracked(var tracked) = flow.standing else {
            // The entry that CT made up has a mark that packets before may have left.
            if target.operation == .restore, flow.template != nil { flow[.mark] = .unknown }
            return
        }
        let kept = ~UInt128(target.connectionMask) & 0xffff_ffff
        switch target.operation {
        case .set:
            let word = space.written(tracked.mark, of: .connectionMark, keeping: kept, xor: UInt128(target.value))
            tracked.mark = space.shifted(word, of: .connectionMark, by: Int(target.shift))
        case .save:
            let taken = space.masked(flow[.mark], of: .mark, UInt128(target.packetMask))
            tracked.mark = space.combined(
                space.masked(tracked.mark, of: .connectionMark, kept),
                space.shifted(taken, of: .mark, by: Int(target.shift)), of: .connectionMark)
        case .restore:
            let taken = space.masked(tracked.mark, of: .connectionMark, UInt128(target.connectionMask))
            flow[.mark] = space.combined(
                space.masked(flow[.mark], of: .mark, ~UInt128(target.packetMask) & 0xffff_ffff),
                space.shifted(taken, of: .connectionMark, by: Int(target.shift)), of: .mark)
        }
        flow.standing = .tracked(tracked)
    }

    private func track(_ target: CTTarget, _ flow: inout Flow) {
        guard case .none = flow.standing, flow.template == nil else { return }
        if target.notrack {
            flow.standing = .untracked
            return
        }
        var template = Flow.Template()
        template.helper = target.helper
        template.zone.id = target.zone ?? 0
        switch target.zoneDirection {
        case .both: break
        case .original: template.zone.direction = .original
        case .reply: template.zone.direction = .reply
        }
        flow.template = template
    }

    /// Apart where a time to live would come below nothing, which is as far as it gets.
    private func timesToLive(_ target: TimeToLiveTarget, _ way: Way) -> [Way] {
        let count = UInt128(target.value)
        func changed(_ source: FieldSource, _ packets: PacketSet) -> Way {
            var changed = Way(packets: packets, flow: way.flow)
            changed.flow[.ttl] = source
            return changed
        }
        switch (target.operation, way.flow[.ttl]) {
        case (.set, _): return [changed(.constant(count), way.packets)]
        case (.increase, .constant(let value)): return [changed(.constant(min(255, value + count)), way.packets)]
        case (.decrease, .constant(let value)):
            return [changed(.constant(value < count ? 0 : value - count), way.packets)]
        case (.decrease, .arriving), (.decrease, .lowered):
            let before: UInt128
            if case .lowered(let known) = way.flow[.ttl] { before = known } else { before = 0 }
            let spent = space.packets(.ttl, from: 0, through: min(255, before + count))
            return [
                changed(.constant(0), space.and(way.packets, spent)),
                changed(.lowered(by: before + count), space.subtract(way.packets, spent)),
            ].filter { !$0.packets.isEmpty }
        case (.increase, _), (.decrease, _): return [changed(.unknown, way.packets)]
        }
    }

    private func changeECN(_ target: ECNTarget, _ flow: inout Flow) {
        var keeping: UInt128 = 0xff
        var value: UInt128 = 0
        for (bit, flag) in [(target.ece, TCPFlags.ece), (target.cwr, TCPFlags.cwr)] {
            guard let bit else { continue }
            keeping &= ~UInt128(flag.rawValue)
            if bit { value |= UInt128(flag.rawValue) }
        }
        flow[.tcpFlags] = space.written(flow[.tcpFlags], of: .tcpFlags, keeping: keeping, xor: value)
    }
}
