internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import RuleModel
internal import SourceText

/// Puts what became of a packet into words.
struct OutcomeWords {
    let quotes: Quotes

    /// `DROPPED`, with the role that colours it.
    func word(_ trace: Trace) -> TextRun {
        var name = ""
        for byte in trace.outcome.name.utf8 { name.unicodeScalars.append(Unicode.Scalar(byte - 32)) }
        switch trace.outcome {
        case .forwarded, .sent, .delivered: return TextRun(name, .good)
        case .dropped, .rejected, .unroutable, .filtered: return TextRun(name, .bad)
        case .queued, .undecided: return TextRun(name, .doubtful)
        }
    }

    /// `is dropped by rule 3 of filter/FORWARD`: what the packet does, without subject and final stop.
    func predicate(_ way: Way) -> String {
        let trace = way.trace
        switch trace.outcome {
        case .forwarded where !trace.branches.isEmpty: return "is forwarded on every way it may take"
        case .sent where !trace.branches.isEmpty: return "is sent on every way it may take"
        case .delivered where !trace.branches.isEmpty: return "is delivered to this host on every way it may take"
        case .dropped where !trace.branches.isEmpty: return "is dropped on every way it may take"
        case .rejected where !trace.branches.isEmpty: return "is rejected on every way it may take"
        case .forwarded:
            return "is forwarded" + (way.tunnel == nil ? exit(way) + changed(way) : changed(way) + exit(way))
        case .sent: return "is sent" + (way.tunnel == nil ? exit(way) + changed(way) : changed(way) + exit(way))
        case .delivered: return "is delivered to this host" + changed(way)
        case .dropped: return dropped(way)
        case .rejected:
            let with = trace.rejectWith.map { " with \($0.name)" } ?? ""
            return "is rejected\(by(way))\(with)"
        case .queued: return "is handed to a program in user space\(by(way))" + queue(way)
        case .unroutable, .filtered: return outside(way)
        case .undecided:
            switch trace.reason {
            case .tooManyBranches?: return "may go more ways than were followed"
            case .unknownRule?: return "meets what this program does not understand"
            default: return "goes one way or another by what the snapshot does not tell"
            }
        }
    }

    /// `dropped by rule 3 of filter/FORWARD` behind the outcome's word: what is not in that word already.
    func clause(_ way: Way) -> String {
        let sentence = predicate(way)
        let known = "is \(way.trace.outcome.name)"
        guard sentence.utf8.starts(with: known.utf8) else { return ": it " + sentence }
        return String(decoding: sentence.utf8.dropFirst(known.utf8.count), as: UTF8.self)
    }

    /// ` by eth1 to 198.51.100.9`.
    private func exit(_ way: Way) -> String {
        var text = ""
        if let tunnel = way.tunnel {
            text += " through the tunnel \(quotes.name(tunnel))"
            if let last = way.trace.last { text += " inside \(packetText(last.packet))" }
            if let interface = way.trace.outInterface { text += " by \(quotes.name(interface))" }
            return text
        }
        if let interface = way.trace.outInterface {
            text += " by \(quotes.name(interface))"
        } else {
            text += " by an interface that is not known"
        }
        if let hop = way.trace.nextHop { text += " to \(hop)" }
        return text
    }

    /// ` as tcp A -> B`, where an address or port is another one than at first.
    private func changed(_ way: Way) -> String {
        guard let last = way.lastOwn else { return "" }
        let first = way.packet
        let sourceIsOther = !first.source.isZero && (last.source != first.source || last.sourcePort != first.sourcePort)
        let isOther =
            sourceIsOther || last.destination != first.destination || last.destinationPort != first.destinationPort
            || last.unknown.contains(.source) != first.unknown.contains(.source)
            || last.sourcePortChoices != first.sourcePortChoices
        if isOther { return "\(way.tunnel == nil ? "," : "") as \(packetText(last))" }
        return first.source.isZero && !last.source.isZero ? " from \(last.source)" : ""
    }

    /// ` by rule 3 of filter/FORWARD`.
    private func by(_ way: Way) -> String {
        guard let index = way.trace.decidedBy, index < way.steps.count else { return "" }
        switch way.steps[index].kind {
        case .rule(let rule): return " by \(ruleName(rule.rule))"
        case .policy(let chain, _): return " by the policy of \(chainName(chain))"
        default: return ""
        }
    }

    /// `rule 3 of filter/FORWARD`.
    func ruleName(_ rule: RuleReference) -> String { "rule \(rule.index + 1) of \(chainName(rule.chain))" }

    func chainName(_ chain: ChainID) -> String { quotes.linked.path(of: chain) }

    private func dropped(_ way: Way) -> String {
        switch way.trace.reason {
        case .natNoAddress?: return "is dropped\(by(way)): there is no address to translate it to"
        case .policy?:
            if let index = way.trace.decidedBy, index < way.steps.count,
                case .policy(let chain, _) = way.steps[index].kind
            {
                return "is dropped by the policy of \(chainName(chain)): no rule there took it"
            }
            return "is dropped by a policy"
        default: return "is dropped\(by(way))"
        }
    }

    private func queue(_ way: Way) -> String {
        guard let index = way.trace.decidedBy, index < way.steps.count, case .rule(let rule) = way.steps[index].kind,
            case .nfQueue(let queue)? = quotes.linked.rule(rule.rule).target
        else { return "" }
        return " (queue \(queue.queue)), which decides"
    }

    /// What ended the packet outside the rules.
    private func outside(_ way: Way) -> String {
        let last = way.trace.last?.packet ?? way.packet
        switch way.trace.reason {
        case .noRoute?: return "has no route to \(last.destination)"
        case .blackhole?: return "meets a blackhole route and vanishes"
        case .unreachable?: return "meets an unreachable route"
        case .prohibit?: return "meets a prohibit route"
        case .rpFilter?:
            return
                "is dropped by the reverse path check (rp_filter): packets to \(last.source) would leave by another interface"
        case .martianSource?: return "is dropped: \(last.source) is no source a packet from the wire may have here"
        case .martianDestination?: return "is dropped: \(last.destination) is no destination a packet may have here"
        case .forwardingOff?: return "is not for this host, and forwarding is off"
        case .ttl?: return "has a TTL that ends here"
        case .tooBig?: return "is larger than the way on allows and must not be fragmented"
        case .natNoAddress?: return "has no address to be translated to"
        case .rule?, .policy?, .unknownRule?, .tooManyBranches?, nil: return "ends between the rules"
        }
    }
}

/// What the sender notices, as a sentence without a final stop; `nil` where it can't be told.
func senderSentence(_ view: SenderView?, _ trace: Trace, _ version: IPVersion) -> String? {
    switch view {
    case nil: return nil
    case .answer?: return nil
    case .timeout?: return "the sender sees nothing: it waits until it gives up (timeout)"
    case .reset?: return "the sender gets a TCP reset (\"Connection refused\")"
    case .unreachable(let type, let code)?:
        let name = icmpName(type, code, version) ?? "type \(type) code \(code)"
        let words = errorWords(type, code, version).map { " (\"\($0)\")" } ?? ""
        return "the sender gets ICMP \(name), \(type)/\(code)\(words)"
    }
}

/// What programs of the sender say of an ICMP error. Source: net/ipv4/icmp.c `icmp_err_convert`, net/ipv6/icmp.c
/// `tab_unreach`.
private func errorWords(_ type: UInt8, _ code: UInt8, _ version: IPVersion) -> String? {
    switch (version, type, code) {
    case (.v4, 3, 3), (.v6, 1, 4): "Connection refused"
    case (.v4, 3, 0), (.v4, 3, 9), (.v6, 1, 0): "Network is unreachable"
    case (.v4, 3, 1), (.v4, 3, 10), (.v4, 3, 13), (.v6, 1, 3): "No route to host"
    case (.v4, 3, 2): "Protocol not available"
    case (.v6, 1, 1), (.v6, 1, 5), (.v6, 1, 6): "Permission denied"
    default: nil
    }
}
