internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

// Rules of nftables mode as Felix writes them; nft gives them back with names for numbers, without braces around one
// element and without the protocol that a port implies.
//
// Source: projectcalico/calico felix/nftables (renderer.go, match_builder.go, actions.go), v3.29 to v3.33.
extension FelixText {
    /// - Parameter family: `ip` or `ip6`.
    func nativeSpelling(of rule: Rule, besides chain: ChainID, _ family: String) -> FelixSpelling {
        var spelling = FelixSpelling()
        var implied: UInt8?
        var asksProtocol = false
        var hasLimit = false
        var resetsConnection = false
        for statement in rule.statements {
            switch statement {
            case .match(.comment): break
            case .match(.native(let comparison)):
                guard let part = part(comparison, besides: chain) else {
                    spelling.isCertain = false
                    continue
                }
                if case .meta(.layer4Protocol) = comparison.left { asksProtocol = true }
                if case .field(let field) = comparison.left, let transport = field.row.header.transport {
                    implied = transport
                }
                spelling.conditions.append(part)
            case .match: spelling.isCertain = false
            case .target(.native(.counter)), .target(.native(.continue)): break
            case .target(.native(.limit(let limit))) where !limit.isOver:
                hasLimit = true
                spelling.conditions.insert(FelixSpelling.Part(limitTexts(limit), .limit), at: 0)
            case .target(let target):
                if case .native(.reject(.tcpReset)) = target { resetsConnection = true }
                guard let part = nativeAction(target, family) else {
                    spelling.isCertain = false
                    continue
                }
                if case .native(.verdictMap) = target {
                    spelling.conditions.append(part)
                } else {
                    spelling.tail.append(part)
                }
            }
        }
        if asksProtocol, resetsConnection {
            // nft adds the protocol that a reset needs; Felix's rule may have it or not.
            spelling.conditions = spelling.conditions.map { part in
                guard part.rank == .protocol else { return part }
                return FelixSpelling.Part(part.spellings + [""], .protocol)
            }
        }
        if let implied, !asksProtocol {
            spelling.conditions.append(
                FelixSpelling.Part(protocolNames(implied).map { "meta l4proto \($0)" }, .protocol, floats: true))
        }
        if !spelling.tail.isEmpty {
            spelling.tail.insert(FelixSpelling.Part("counter"), at: 0)
        } else if spelling.conditions.isEmpty, !hasLimit {
            spelling.tail = [FelixSpelling.Part("continue")]
        }
        return spelling
    }

    // MARK: Conditions

    private func part(_ comparison: Comparison, besides chain: ChainID) -> FelixSpelling.Part? {
        let isNegated = comparison.relation == .notEqual
        guard isNegated || comparison.relation == .equal || comparison.relation == .anyBit else { return nil }
        let not = isNegated ? "!= " : ""
        switch comparison.left {
        case .masked(.meta(.mark), let mask, _):
            guard let value = comparison.right.number, let mask = mask.number else { return nil }
            let sign = isNegated ? "!=" : "=="
            let start = "meta mark & \(hexadecimal(mask)) \(sign)"
            let exact = "\(start) \(hexadecimal(value))"
            return FelixSpelling.Part(value == 0 ? ["\(start) 0", exact] : [exact])
        case .meta(.mark):
            guard let value = comparison.right.number else { return nil }
            return FelixSpelling.Part("meta mark & 0xffffffff \(isNegated ? "!=" : "==") \(hexadecimal(value))")
        case .meta(.inName): return name(comparison.right).map { FelixSpelling.Part("iifname \(not)\($0)") }
        case .meta(.outName): return name(comparison.right).map { FelixSpelling.Part("oifname \(not)\($0)") }
        case .meta(.layer4Protocol):
            guard let number = comparison.right.number else { return nil }
            return protocolPart(number, not, isNegated)
        case .field(let field): return part(field, comparison.right, not, isNegated, besides: chain)
        case .concatenation(let parts): return setPart(parts, comparison.right, not, isNegated)
        case .fib(let query): return fibPart(query, comparison.right, not)
        case .connection(.state, _):
            guard let value = comparison.right.number else { return nil }
            return FelixSpelling.Part(stateTexts(value).map { "ct state \(not)\($0)" })
        case .connection(.status, _):
            guard let value = comparison.right.number, let name = statusName(value) else { return nil }
            return FelixSpelling.Part("ct status \(not)\(name)")
        default: return nil
        }
    }

    private func protocolPart(_ number: UInt64, _ not: String, _ isNegated: Bool) -> FelixSpelling.Part {
        FelixSpelling.Part(
            protocolNames(UInt8(truncatingIfNeeded: number)).map { "meta l4proto \(not)\($0)" },
            FelixSpelling.Rank.protocol.negated(isNegated))
    }

    private func part(
        _ field: HeaderField, _ right: Comparison.Operand, _ not: String, _ isNegated: Bool, besides chain: ChainID
    ) -> FelixSpelling.Part? {
        let row = field.row
        let start = "\(row.header.name) \(row.name) \(not)"
        switch row.header {
        case .ip, .ip6:
            if row.type == .internetProtocol, let number = right.number { return protocolPart(number, not, isNegated) }
            guard row.name == "saddr" || row.name == "daddr" else { return nil }
            let isSource = row.name == "saddr"
            if case .set(let name) = right {
                let rank: FelixSpelling.Rank = isSource ? .sourceSet : .destinationSet
                return FelixSpelling.Part("\(start)@\(linked.name(name))", rank.negated(isNegated))
            }
            let rank: FelixSpelling.Rank = isSource ? .source : .destination
            return addressTexts(right).map { texts in
                FelixSpelling.Part(texts.map { start + $0 }, rank.negated(isNegated))
            }
        case .tcp, .udp, .sctp:
            guard row.name == "sport" || row.name == "dport" else { return nil }
            let rank: FelixSpelling.Rank = row.name == "sport" ? .sourcePorts : .destinationPorts
            return portTexts(right, besides: chain).map { texts in
                FelixSpelling.Part(texts.map { start + $0 }, rank.negated(isNegated))
            }
        case .icmp, .icmpv6:
            guard let number = right.number else { return nil }
            return FelixSpelling.Part("\(start)\(number)", FelixSpelling.Rank.icmp.negated(isNegated))
        case .arp:
            guard row.name == "operation" || row.name == "saddr ip" else { return nil }
            return addressTexts(right).map { FelixSpelling.Part($0.map { start + $0 }) }
        case .ether, .vlan, .igmp, .udplite, .dccp, .ah, .esp, .comp, .gre, .th: return nil
        }
    }

    /// `ip saddr . meta l4proto . th dport @cali40n-…`
    private func setPart(
        _ parts: [Expression], _ right: Comparison.Operand, _ not: String, _ isNegated: Bool
    ) -> FelixSpelling.Part? {
        guard case .set(let name) = right, parts.count == 3, case .field(let address) = parts[0],
            case .field(let port) = parts[2]
        else { return nil }
        let isSource = address.row.name == "saddr"
        let rank: FelixSpelling.Rank = isSource ? .sourcePortSet : .destinationPortSet
        return FelixSpelling.Part(
            "\(address.row.header.name) \(address.row.name) . meta l4proto . th \(port.row.name) "
                + "\(not)@\(linked.name(name))", rank.negated(isNegated))
    }

    private func fibPart(_ query: FibQuery, _ right: Comparison.Operand, _ not: String) -> FelixSpelling.Part? {
        if query.result == .interfaceIndex || query.testsPresence {
            return FelixSpelling.Part("fib saddr . mark . iif oif 0")
        }
        guard query.result == .addressType, let value = right.number else { return nil }
        let name = AddressTypes.names.first { $0.type.rawValue == UInt64(1) << min(value, 15) }?.name
        guard let name else { return nil }
        let side = query.flags.contains(.source) ? "saddr" : "daddr"
        let device = query.flags.contains(.outInterface) ? " . oif" : ""
        return FelixSpelling.Part("fib \(side)\(device) type \(not)\(name.lowercased())")
    }

    // MARK: Values

    private func name(_ operand: Comparison.Operand) -> String? {
        operand.name.map { $0.isPrefix ? $0.text + "*" : $0.text }
    }

    /// An address with and without its length, a prefix, or a number by name.
    private func addressTexts(_ operand: Comparison.Operand) -> [String]? {
        switch operand {
        case .literal(let literal):
            guard let address = address(literal) else {
                guard let number = literal.number else { return nil }
                return number == 1 ? ["request", "1"] : ["\(number)"]
            }
            return ["\(address)", "\(address)/\(address.version.addressBits)"]
        case .range(let low, let high):
            guard let first = address(low), let last = address(high) else { return nil }
            return AddressRange(first, last).prefix.map { ["\(first)/\($0.length)"] }
        case .set, .expression: return nil
        }
    }

    private func address(_ literal: Literal) -> IPAddress? {
        switch literal.type {
        case .ipv4Address, .ipv6Address: IPAddress(bytes: literal.bytes)
        default: nil
        }
    }

    /// `{ 80, 443-445 }`; one port also without braces.
    private func portTexts(_ operand: Comparison.Operand, besides chain: ChainID) -> [String]? {
        switch operand {
        case .literal(let literal): return literal.number.map { ["{ \($0) }", "\($0)"] }
        case .range(let low, let high):
            guard let first = low.number, let last = high.number else { return nil }
            return ["{ \(first)-\(last) }", "\(first)-\(last)"]
        case .set(let name):
            guard let set = linked.set(named: name, besides: chain), set.elements.width == 2 else { return nil }
            var list = ""
            for index in 0..<set.elements.count {
                let first = port(set.elements.low(index))
                let last = port(set.elements.high(index))
                if !list.isEmpty { list += ", " }
                list += first == last ? "\(first)" : "\(first)-\(last)"
            }
            return ["{ \(list) }"]
        case .expression: return nil
        }
    }

    private func port(_ bytes: ArraySlice<UInt8>) -> UInt16 { bytes.reduce(0) { $0 << 8 | UInt16($1) } }

    /// Bits: 1 invalid, 2 established, 4 related, 8 new, 64 untracked. Source: nftables src/ct.c `ct_state_tbl`.
    private func stateTexts(_ value: UInt64) -> [String] {
        switch value {
        case 6: ["related,established", "established,related"]
        case 1: ["invalid"]
        case 8: ["new"]
        default: []
        }
    }

    /// `IPS_SRC_NAT` and `IPS_DST_NAT` of include/uapi/linux/netfilter/nf_conntrack_common.h.
    private func statusName(_ value: UInt64) -> String? {
        switch value {
        case 0x10: "snat"
        case 0x20: "dnat"
        default: nil
        }
    }

    private func limitTexts(_ limit: NativeLimit) -> [String] {
        let unit: String
        switch limit.per {
        case 1: unit = "second"
        case 60: unit = "minute"
        case 3600: unit = "hour"
        default: unit = "day"
        }
        let rate = "limit rate \(limit.rate)/\(unit)"
        return limit.burst == 5 ? ["\(rate) burst 5 packets", rate] : ["\(rate) burst \(limit.burst) packets"]
    }

    // MARK: Actions

    private func nativeAction(_ target: Target, _ family: String) -> FelixSpelling.Part? {
        switch target {
        case .accept: return FelixSpelling.Part("accept")
        case .drop: return FelixSpelling.Part("drop")
        case .return: return FelixSpelling.Part("return")
        case .jump(let name): return FelixSpelling.Part("jump \(linked.name(name))")
        case .goto(let name): return FelixSpelling.Part("goto \(linked.name(name))")
        case .native(let statement): return nativeAction(statement, family)
        default: return nil
        }
    }

    private func nativeAction(_ statement: NativeStatement, _ family: String) -> FelixSpelling.Part? {
        switch statement {
        case .verdictMap(.meta(let key), let map):
            return FelixSpelling.Part("\(key == .inName ? "iifname" : "oifname") vmap @\(linked.name(map))")
        case .assign(.meta(.mark), .masked(.meta(.mark), let and, let xor)):
            guard let and = and.number, let xor = xor.number else { return nil }
            return FelixSpelling.Part(markTexts(UInt32(truncatingIfNeeded: and), UInt32(truncatingIfNeeded: xor)))
        case .assign(.connection(.mark, _), .masked(.connection(.mark, _), let and, let xor)):
            guard let and = and.number, let xor = xor.number else { return nil }
            return FelixSpelling.Part("ct mark set ct mark & \(hexadecimal(and)) ^ \(hexadecimal(xor))")
        case .assign(.field(let field), .literal(let literal)) where field.row.type == .dscp:
            return literal.number.map { FelixSpelling.Part("\(family) dscp set \($0)") }
        case .notrack: return FelixSpelling.Part("notrack")
        case .reject(let reject): return FelixSpelling.Part(reject == .tcpReset ? "reject with tcp reset" : "reject")
        case .log(let log): return FelixSpelling.Part(logTexts(log))
        case .translate(let translation): return translationPart(translation)
        case .limit(let limit):
            return FelixSpelling.Part("limit rate over \(limit.rate)/second burst \(limit.burst) packets")
        case .connectionCount(let count, let isOver): return isOver ? FelixSpelling.Part("ct count over \(count)") : nil
        case .flow(let table): return FelixSpelling.Part("flow offload @\(linked.name(table))")
        default: return nil
        }
    }

    /// A bit that is set leaves the others as they are.
    private func markTexts(_ and: UInt32, _ xor: UInt32) -> [String] {
        let start = "meta mark set mark"
        let general = "\(start) & \(goHexadecimal(and)) ^ \(goHexadecimal(xor))"
        if xor == 0 { return ["\(start) & \(goHexadecimal(and))", general] }
        return and == ~xor ? ["\(start) or \(goHexadecimal(xor))", general] : [general]
    }

    private func logTexts(_ log: NativeLog) -> [String] {
        let prefix = linked.name(log.prefix)
        guard let group = log.group else {
            return ["log prefix \"\(prefix)\" level info", "log prefix \(prefix) level info"]
        }
        let snap = log.snapLength.map { " snaplen \($0)" } ?? ""
        return ["log prefix \"\(prefix)\"\(snap) group \(group)", "log prefix \(prefix)\(snap) group \(group)"]
    }

    private func translationPart(_ translation: NativeTranslation) -> FelixSpelling.Part? {
        var text = translation.kind.name
        if let target = translation.address {
            guard case .literal(let literal) = target, let address = address(literal) else { return nil }
            text += " to "
            let isBracketed = address.version == .v6 && translation.port != nil
            text += isBracketed ? "[\(address)]" : "\(address)"
        } else if translation.port != nil {
            text += " to "
        }
        switch translation.port {
        case nil: break
        case .literal(let port)?: text += ":\(port.number ?? 0)"
        case .range(let first, let last)?: text += ":\(first.number ?? 0)-\(last.number ?? 0)"
        default: return nil
        }
        let random = translation.isFullyRandom ? " fully-random" : ""
        var texts = [text + random]
        // v3.29 wrote ports without the colon, which nft took for an address.
        if translation.address == nil, translation.port != nil {
            texts.append("\(translation.kind.name) to \(text.drop { $0 != ":" }.dropFirst())\(random)")
        }
        return FelixSpelling.Part(texts)
    }
}
