internal import NetTypes
internal import RuleModel

// What rules name of addresses and ports.
extension ValueCuts {
    /// - Returns: `false` where a rule tells packets apart by more than what it names.
    mutating func take(_ ruleset: Ruleset) -> Bool {
        for table in ruleset.tables {
            for set in table.sets where !take(set) { return false }
            for chain in table.chains {
                for rule in chain.rules {
                    for statement in rule.statements where !take(statement) { return false }
                }
            }
        }
        return true
    }

    private mutating func take(_ statement: Statement) -> Bool {
        switch statement {
        case .match(let match): take(match)
        case .target(let target): take(target)
        }
    }

    private mutating func take(_ match: Match) -> Bool {
        switch match {
        case .source(let test), .destination(let test): return take(test)
        case .sourceV4(let test), .destinationV4(let test):
            return take(AddressMask(IPAddress(v4: test.address), mask: IPAddress(v4: test.mask)))
        case .addressRange(let match):
            take(match.source?.value)
            take(match.destination?.value)
        case .conntrack(let match):
            takeSource(match.originalSourcePort?.value)
            takeDestination(match.originalDestinationPort?.value)
            take(match.replySourcePort?.value)
            take(match.replyDestinationPort?.value)
            return take(match.originalSource) && take(match.originalDestination) && take(match.replySource)
                && take(match.replyDestination)
        case .dccp(let match):
            takeSource(match.sourcePort?.value)
            takeDestination(match.destinationPort?.value)
        case .sctp(let match):
            takeSource(match.sourcePort?.value)
            takeDestination(match.destinationPort?.value)
        case .multiport(let match):
            for ports in match.ports.value {
                switch match.side {
                case .source: takeSource(ports)
                case .destination: takeDestination(ports)
                case .either: take(ports)
                }
            }
        case .tcp(let match):
            takeSource(match.sourcePorts)
            takeDestination(match.destinationPorts)
        case .udp(let match), .udplite(let match):
            takeSource(match.sourcePorts)
            takeDestination(match.destinationPorts)
        case .policy(let match):
            for element in match.elements {
                guard take(element.tunnelSource), take(element.tunnelDestination) else { return false }
            }
        case .routingHeader(let match):
            for address in match.addresses { take(address) }
        case .segmentRouting(let match): return take(match.previous) && take(match.next) && take(match.last)
        case .native(let comparison): return take(comparison)
        // By a hash, by bytes anywhere, or by who came before.
        case .bpf, .u32, .string, .cluster, .eui64, .recent, .connectionLimit, .ipvs: return false
        case .inInterface, .outInterface, .protocol, .laterFragment, .addressType, .ah, .cgroup, .comment,
            .connectionBytes, .connectionLabel, .connectionMark, .cpu, .deviceGroup, .dscp, .destinationOptions, .ecn,
            .esp, .frag, .hashLimit, .hopByHop, .helper, .timeToLive, .icmp, .ipComp, .ipv6Header, .length, .limit,
            .mac,
            .mark, .mobilityHeader, .accounting, .operatingSystem, .owner, .physicalDevice, .packetType, .quota,
            .rateEstimate, .realm, .reversePath, .set, .socket, .state, .statistic, .tcpMSS, .time, .tos, .unknown:
            break
        }
        return true
    }

    private mutating func take(_ target: Target) -> Bool {
        switch target {
        case .dnat(let nat), .redirect(let nat):
            takeDestination(nat.ports)
            return take(nat)
        case .snat(let nat), .masquerade(let nat):
            takeSource(nat.ports)
            return take(nat)
        case .tee(let tee): take(tee.gateway)
        case .tproxy(let tproxy):
            take(tproxy.address)
            take(port: tproxy.port)
        case .native(let statement): return take(statement)
        // They keep bits of what they change, hash, or put packets in sets.
        case .netmap, .prefixTranslation, .hmark, .clusterIP, .set: return false
        case .accept, .drop, .return, .jump, .goto, .queue, .nfQueue, .reject, .mark, .connectionMark,
            .connectionSecurityMark, .ct, .notrack, .classify, .checksumFill, .dscp, .tos, .timeToLive, .ecn, .tcpMSS,
            .tcpOptionStrip, .securityMark, .log, .nfLog, .ulog, .audit, .idleTimer, .led, .rateEstimate, .trace,
            .synproxy, .unknown:
            break
        }
        return true
    }

    private mutating func take(_ nat: NATTarget) -> Bool {
        // Of several addresses one is chosen by a hash; ports that are shifted stay as far apart as they are.
        if let addresses = nat.addresses, !addresses.isSingle { return false }
        take(nat.addresses)
        return nat.basePort == nil
    }

    private mutating func take(_ test: Negatable<AddressMask>?) -> Bool { test.map { take($0.value) } ?? true }

    private mutating func take(_ mask: AddressMask) -> Bool {
        guard let length = mask.prefixLength else { return false }
        take(IPPrefix(mask.address, length: length))
        return true
    }

    // MARK: nf_tables

    private mutating func take(_ comparison: Comparison) -> Bool {
        guard take(comparison.left) else { return false }
        switch comparison.right {
        case .literal(let literal): take(literal)
        case .range(let low, let high):
            take(low)
            take(high)
        case .set: break
        // Two fields that are compared with each other.
        case .expression: return false
        }
        return true
    }

    private mutating func take(_ statement: NativeStatement) -> Bool {
        for expression in statement.expressions where !take(expression) { return false }
        switch statement {
        case .translate(let translation):
            if translation.isPrefix { return false }
            // Of several addresses one is chosen by a hash.
            if let address = translation.address, address.contains(where: { $0.isSeveral }) { return false }
        case .assign(.payload, _), .changeSet: return false
        case .continue, .verdictMap, .counter, .limit, .quota, .connectionCount, .last, .object, .objectMap, .assign,
            .reject, .log, .queue, .duplicate, .forward, .tproxy, .synproxy, .notrack, .flow, .resetOption, .xtables,
            .unknown:
            break
        }
        return true
    }

    private mutating func take(_ expression: Expression) -> Bool {
        switch expression {
        case .literal(let literal): take(literal)
        case .range(let low, let high):
            take(low)
            take(high)
        // Single bits, or a hash of them.
        case .payload, .hash, .symmetricHash: return false
        case .masked(let value, _, _), .shifted(let value, _):
            if value.contains(where: { $0.isAddressOrPort }) { return false }
        case .field, .extensionHeader, .meta, .connection, .route, .fib, .socket, .operatingSystem, .unknown,
            .numberGenerator, .concatenation, .map:
            break
        }
        for part in expression.parts where !take(part) { return false }
        return true
    }

    private mutating func take(_ literal: Literal) { take(literal.bytes[...], literal.bytes[...]) }

    /// Whatever it is of: what has the width of an address or a port is taken for one.
    private mutating func take(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) {
        if low.count == 2 {
            for end in [low, high] { take(port: end.reduce(0) { $0 << 8 | UInt16($1) }) }
        } else if let first = IPAddress(bytes: low), let last = IPAddress(bytes: high), first.version == last.version {
            take(first, last)
        }
    }

    private mutating func take(_ set: NativeSet) -> Bool {
        let elements = set.elements
        for index in 0..<elements.count {
            var start = 0
            for width in elements.widths {
                take(
                    elements.low(index).dropFirst(start).prefix(width),
                    elements.high(index).dropFirst(start).prefix(width))
                start += width
            }
            guard take(elements.value(index), of: set) else { return false }
        }
        return set.catchAll.map { take($0, of: set) } ?? true
    }

    /// What a map gives, which may be an address and a port together.
    private mutating func take(_ data: NativeElements.Data, of set: NativeSet) -> Bool {
        switch data {
        case .none, .verdict, .object: return true
        // One of several, chosen by a hash.
        case .range: return false
        case .literal(let bytes):
            guard case .concatenation(let types) = set.value else {
                take(bytes[...], bytes[...])
                return true
            }
            var rest = bytes[...]
            for type in types {
                let part = rest.prefix((type.bits + 7) / 8)
                take(part, part)
                rest = rest.dropFirst(part.count)
            }
            return rest.isEmpty
        }
    }
}

extension Expression {
    /// Whether it is several values, of which one is taken.
    fileprivate var isSeveral: Bool {
        if case .range(let low, let high) = self { return low != high }
        return false
    }

    /// Whether it is as wide as an address or a port, or perhaps is one.
    fileprivate var isAddressOrPort: Bool {
        switch type {
        case .ipv4Address, .ipv6Address, .internetService, .integer: true
        default: false
        }
    }
}
