internal import KernelLink
internal import NetTypes
internal import RuleModel

extension Comparison {
    /// What the kernel did, in lines that a person reads beside the answer.
    var account: [String] {
        var lines = ["\(seen.outcome.words)\(mark)"]
        if let packet = Packet(decoding: seen.packet.span) { lines.append("packet: \(packet.words)") }
        if let packet = Packet(decoding: seen.outer.span) { lines.append("outer packet: \(packet.words)") }
        if let state = seen.connection?.state { lines.append("conntrack: \(state)") }
        for step in seen.steps {
            let target: String
            switch step.verdict {
            case .jump(let chain), .goto(let chain): target = " \(chain)"
            default: target = ""
            }
            let outer = step.layer > 0 ? "outer packet, " : ""
            lines.append(
                "\(outer)\(step.hook?.name ?? "?") \(step.chain) rule \(step.number): \(step.verdict.name)\(target)")
        }
        for policy in seen.policies {
            lines.append(
                "\(policy.hook?.name ?? "?") \(policy.chain): policy \(policy.policy == .drop ? "drop" : "accept")")
        }
        for count in seen.counts {
            let rule = count.rule.number.map { "rule \($0)" } ?? "policy"
            lines.append("legacy \(count.rule.table) \(count.rule.chain) \(rule) counted \(count.packets)")
        }
        return lines
    }

    private var mark: String { seen.mark == 0 ? "" : ", mark \(hexadecimal(seen.mark))" }
}

extension ObservedOutcome {
    var words: String {
        switch self {
        case .forwarded(let isSeen), .sent(let isSeen): isSeen ? name : "\(name), but nothing left"
        case .delivered, .lost: name
        case .dropped(let reason), .rejected(let reason), .queued(let reason): "\(name) by \(reason.words)"
        case .gone(let hook): "gone after \(hook?.name ?? "no hook")"
        case .unseen(let error), .unroutable(let error): error == 0 ? name : "\(name): \(errorWords(error))"
        }
    }
}

extension ObservedReason {
    fileprivate var words: String {
        switch self {
        case .rule(let step): "\(step.chain) rule \(step.number)"
        case .policy(let chain): "the policy of \(chain)"
        case .legacy(let rule): "legacy \(rule.table) \(rule.chain) \(rule.number.map { "rule \($0)" } ?? "policy")"
        }
    }
}

extension Packet {
    /// `192.0.2.1:40000 → 192.0.2.2:80 tcp ttl 64`.
    var words: String {
        func end(_ address: IPAddress, _ port: UInt16) -> String {
            guard `protocol`.hasPorts, fragmentOffset == 0 else { return "\(address)" }
            return address.version == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
        }
        var text = "\(end(source, sourcePort)) → \(end(destination, destinationPort)) \(`protocol`.shortName)"
        if `protocol`.isICMP { text += " type \(icmpType)/\(icmpCode)" }
        if `protocol` == .tcp { text += " flags \(hexadecimal(tcpFlags.rawValue))" }
        text += " ttl \(ttl)"
        if tos != 0 { text += " tos \(hexadecimal(tos))" }
        if isFragment { text += " fragment \(fragmentOffset)\(moreFragments ? "+" : "")" }
        return text
    }
}
