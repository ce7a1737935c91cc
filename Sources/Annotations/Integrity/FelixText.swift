internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// Felix's own text of a rule.
///
/// Source: projectcalico/calico felix/iptables (renderer.go, match_builder.go, actions.go) and felix/nftables of the
/// same names, v3.22 to v3.33.
struct FelixText {
    let linked: LinkedRuleset

    /// - Parameter chain: the name that stands in the text: for rules appended to a chain of the kernel's with
    ///   `*appends*` behind it.
    func spelling(of reference: RuleReference, chain: String) -> FelixSpelling {
        let rule = linked.rule(reference)
        let table = linked.table(of: reference.chain)
        if table.isNative {
            return nativeSpelling(of: rule, besides: reference.chain, table.family == .ip6 ? "ip6" : "ip")
        }
        var spelling = FelixSpelling()
        spelling.head = ["-A", chain, "HASH"]
        for statement in rule.statements {
            switch statement {
            case .match(.comment(let symbol)):
                let text = linked.name(symbol)
                if !text.hasPrefix("cali:") { spelling.head.append("-m comment --comment \"\(text)\"") }
            case .match(.connectionLimit(let limit)): return connectionLimit(limit, rule, spelling)
            case .match(let match):
                guard let part = part(match) else {
                    spelling.isCertain = false
                    continue
                }
                spelling.conditions.append(part)
            case .target(let target):
                guard let part = action(target) else {
                    spelling.isCertain = false
                    continue
                }
                spelling.tail.append(part)
            }
        }
        // iptables does not keep a prefix that holds everything.
        let all = table.family == .ip6 ? "::/0" : "0.0.0.0/0"
        spelling.lost = [
            FelixSpelling.Part("--source \(all)", .source), FelixSpelling.Part("--destination \(all)", .destination),
        ]
        return spelling
    }

    /// One text for matches and target together; the rule's protocol and flags are in it.
    /// Source: felix/iptables/actions.go `LimitNumConnectionsAction`.
    private func connectionLimit(_ limit: ConnectionLimitMatch, _ rule: Rule, _ started: FelixSpelling) -> FelixSpelling
    {
        var spelling = started
        spelling.conditions = []
        spelling.tail = [
            FelixSpelling.Part(
                "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m connlimit --connlimit-above \(limit.limit) "
                    + "--connlimit-mask 0 -j REJECT --reject-with tcp-reset")
        ]
        spelling.isCertain = rule.target == .reject(.tcpReset) && !limit.isUpTo && limit.maskLength == 0
        for statement in rule.statements {
            switch statement {
            case .match(.protocol(.is(let test))) where test.number.rawValue == 6: continue
            case .match(.tcp(let test)) where test.flagsMask == [.fin, .syn, .rst, .ack] && test.flagsValue == [.syn]:
                continue
            case .match(.comment), .match(.connectionLimit), .target: continue
            case .match: spelling.isCertain = false
            }
        }
        return spelling
    }

    // MARK: Matches

    private func part(_ match: Match) -> FelixSpelling.Part? {
        switch match {
        case .protocol(let test): return part(test)
        case .source(let address): return part("--source", .source, address)
        case .destination(let address): return part("--destination", .destination, address)
        case .sourceV4(let address): return part("--source", .source, address)
        case .destinationV4(let address): return part("--destination", .destination, address)
        case .inInterface(let pattern): return part("--in-interface", pattern)
        case .outInterface(let pattern): return part("--out-interface", pattern)
        case .limit(let limit): return part(limit)
        case .mark(let test): return FelixSpelling.Part(markTexts(test))
        case .set(let test): return part(test)
        case .multiport(let ports): return part(ports)
        case .addressType(let test): return addressTypeText(test).map { FelixSpelling.Part($0) }
        case .conntrack(let test):
            guard let state = test.state else { return nil }
            return FelixSpelling.Part(stateTexts(state).map { "-m conntrack \($0)" })
        case .reversePath(let test):
            guard test.isInverted, test.usesMark else { return nil }
            return FelixSpelling.Part(["-m rpfilter --invert --validmark", "-m rpfilter --validmark --invert"])
        case .udp(let ports): return portPart(ports.sourcePorts, ports.destinationPorts)
        case .tcp(let ports):
            guard ports.flagsMask == [] else { return nil }
            return portPart(ports.sourcePorts, ports.destinationPorts)
        case .icmp(let test):
            return FelixSpelling.Part(icmpText(test), FelixSpelling.Rank.icmp.negated(test.isNegated))
        case .ipvs: return FelixSpelling.Part(["-m ipvs --ipvs", "-m ipvs ! --ipvs"])
        default: return nil
        }
    }

    private func part(_ test: Negatable<ProtocolTest>) -> FelixSpelling.Part {
        let not = test.isNegated ? "! " : ""
        var names = protocolNames(test.value.number.rawValue)
        let spelled = linked.name(test.value.spelling)
        if !spelled.isEmpty, !names.contains(spelled) { names.append(spelled) }
        return FelixSpelling.Part(
            names.map { "\(not)-p \($0)" }, FelixSpelling.Rank.protocol.negated(test.isNegated), floats: true)
    }

    private func part(_ option: String, _ rank: FelixSpelling.Rank, _ address: V4Mask) -> FelixSpelling.Part {
        let mask = AddressMask(IPAddress(v4: address.address), mask: IPAddress(v4: address.mask))
        return part(option, rank, Negatable(mask, isNegated: address.isNegated))
    }

    private func part(
        _ option: String, _ rank: FelixSpelling.Rank, _ address: Negatable<AddressMask>
    ) -> FelixSpelling.Part {
        let not = address.isNegated ? "! " : ""
        return FelixSpelling.Part(
            addressTexts(address.value).map { "\(not)\(option) \($0)" }, rank.negated(address.isNegated), floats: true)
    }

    private func part(_ option: String, _ pattern: Negatable<InterfacePattern>) -> FelixSpelling.Part {
        let not = pattern.isNegated ? "! " : ""
        let name = linked.name(pattern.value.name) + (pattern.value.isPrefix ? "+" : "")
        return FelixSpelling.Part("\(not)\(option) \(name)", floats: true)
    }

    private func markTexts(_ test: Negatable<MaskedWord>) -> [String] {
        let mask = goHexadecimal(test.value.mask)
        let not = test.isNegated ? "! " : ""
        let value = goHexadecimal(test.value.value)
        let exact = "-m mark \(not)--mark \(value)/\(mask)"
        return test.value.value == 0 ? ["-m mark \(not)--mark 0/\(mask)", exact] : [exact]
    }

    private func part(_ test: SetMatch) -> FelixSpelling.Part? {
        let not = test.name.isNegated ? "! " : ""
        var words = ""
        for isSource in test.directions { words += (words.isEmpty ? "" : ",") + (isSource ? "src" : "dst") }
        guard let first = test.directions.first else { return nil }
        let rank: FelixSpelling.Rank =
            test.directions.count == 1
            ? (first ? .sourceSet : .destinationSet) : (first ? .sourcePortSet : .destinationPortSet)
        return FelixSpelling.Part(
            "-m set \(not)--match-set \(linked.name(test.name.value)) \(words)", rank.negated(test.name.isNegated))
    }

    private func part(_ test: MultiportMatch) -> FelixSpelling.Part? {
        let option: String
        let rank: FelixSpelling.Rank
        switch test.side {
        case .source: (option, rank) = ("--source-ports", .sourcePorts)
        case .destination: (option, rank) = ("--destination-ports", .destinationPorts)
        case .either: return nil
        }
        var list = ""
        for range in test.ports.value {
            if !list.isEmpty { list += "," }
            list += range.isSingle ? "\(range.first)" : "\(range.first):\(range.last)"
        }
        let not = test.ports.isNegated ? "! " : ""
        return FelixSpelling.Part("-m multiport \(not)\(option) \(list)", rank.negated(test.ports.isNegated))
    }

    private func addressTypeText(_ test: AddressTypeMatch) -> String? {
        var text = "-m addrtype"
        for (side, option) in [(test.source, "--src-type"), (test.destination, "--dst-type")] {
            guard let side else { continue }
            guard let name = AddressTypes.names.first(where: { $0.type == side.value })?.name else { return nil }
            text += "\(side.isNegated ? " !" : "") \(option) \(name)"
        }
        return text + (test.limitsToOutInterface ? " --limit-iface-out" : "")
    }

    private func stateTexts(_ state: Negatable<ConnectionStates>) -> [String] {
        let not = state.isNegated ? "! " : ""
        return stateLists(state.value).map { "\(not)--ctstate \($0)" }
    }

    /// `--dport 4789`: Felix names no module, which iptables adds; also where there are no ports in it.
    private func portPart(_ source: PortRange, _ destination: PortRange) -> FelixSpelling.Part {
        var text = ""
        if !source.isAll { text += "--sport \(source.first)" }
        if !destination.isAll { text += "\(text.isEmpty ? "" : " ")--dport \(destination.first)" }
        return FelixSpelling.Part(text, .destinationPorts)
    }

    private func icmpText(_ test: ICMPMatch) -> String {
        let (module, option) = test.version == .v4 ? ("icmp", "--icmp-type") : ("icmp6", "--icmpv6-type")
        let code = test.codes.isSingle ? "/\(test.codes.first)" : ""
        return "-m \(module) \(test.isNegated ? "! " : "")\(option) \(test.type)\(code)"
    }

    private func part(_ limit: LimitMatch) -> FelixSpelling.Part {
        var texts: [String] = []
        for rate in rateTexts(limit.rate) {
            texts.append("-m limit --limit \(rate) --limit-burst \(limit.burst)")
            if limit.burst == 5 { texts.append("-m limit --limit \(rate)") }
        }
        return FelixSpelling.Part(texts, .limit)
    }

    /// `10/minute` in all units that give the same cost; QoS writes `sec`.
    private func rateTexts(_ rate: LimitRate) -> [String] {
        var texts: [String] = []
        let units: [(name: String, cost: UInt32)] = [
            ("sec", 10_000), ("second", 10_000), ("minute", 600_000), ("hour", 36_000_000), ("day", 864_000_000),
        ]
        for (name, cost) in units where rate.cost > 0 && cost >= rate.cost {
            // The kernel's cost is rounded down, so that several numbers may have the same.
            let first = cost / (rate.cost + 1) + 1
            let last = cost / rate.cost
            for number in stride(from: last, through: max(first, last &- min(last, 8)), by: -1) {
                texts.append("\(number)/\(name)")
            }
        }
        return texts
    }
}

// What both modes spell alike.

/// The protocol as Felix writes it: by number in rules of its own, by name in those of policies.
func protocolNames(_ number: UInt8) -> [String] {
    switch number {
    case 1: ["icmp", "1"]
    case 4: ["4", "ipencap", "ipip"]
    case 6: ["tcp", "6"]
    case 17: ["udp", "17"]
    case 58: ["icmpv6", "58", "ipv6-icmp"]
    case 132: ["sctp", "132"]
    case 136: ["udplite", "136"]
    default: ["\(number)"]
    }
}

/// `10.0.0.0/8`; a single address with and without its length.
func addressTexts(_ mask: AddressMask) -> [String] {
    guard let length = mask.prefixLength else { return ["\(mask.address)/\(mask.mask)"] }
    let text = "\(mask.address)/\(length)"
    return Int(length) == mask.address.version.addressBits ? [text, "\(mask.address)"] : [text]
}

/// States in the orders that Felix has for them, in capitals.
func stateLists(_ states: ConnectionStates) -> [String] {
    if states == [.related, .established] { return ["RELATED,ESTABLISHED", "ESTABLISHED,RELATED"] }
    var list = ""
    for (state, name) in ConnectionStates.names where states.contains(state) {
        list += list.isEmpty ? name : "," + name
    }
    return [list]
}
