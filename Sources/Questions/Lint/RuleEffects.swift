internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// How a rule ends a packet's way through its chain.
enum RuleEnding: Hashable, Sendable {
    case accept, drop, `return`, queue
    case reject
    case goto(Symbol)
    case translate(Target)

    /// Whether the packet gets on by it, or does not; `nil` for what leaves that to others.
    var accepts: Bool? {
        switch self {
        case .accept: true
        case .drop, .reject: false
        case .return, .queue, .goto, .translate: nil
        }
    }
}

/// How every packet that meets `rule` ends there; `nil` where it goes on, or only some do.
func ending(of rule: Rule) -> RuleEnding? {
    var found: RuleEnding?
    for statement in rule.statements {
        switch statement {
        case .match(.comment): continue
        // nft compares behind statements too.
        case .match: if found != nil { return nil }
        case .target(let target):
            switch target {
            case .accept: found = .accept
            case .drop: found = .drop
            case .return: found = .return
            case .goto(let chain): found = .goto(chain)
            case .queue, .nfQueue: found = .queue
            case .reject: found = .reject
            case .dnat, .snat, .masquerade, .redirect, .netmap: found = .translate(target)
            case .native(let statement):
                switch statement {
                case .reject: found = .reject
                case .translate(let translation):
                    // A map may have no answer, which ends the rule.
                    if translation.looksUp { return nil }
                    found = .translate(target)
                case .queue: found = .queue
                case .counter, .log, .last: continue
                case .continue, .verdictMap, .limit, .quota, .connectionCount, .object, .objectMap, .assign,
                    .duplicate, .forward, .tproxy, .synproxy, .notrack, .changeSet, .flow, .resetOption, .xtables,
                    .unknown:
                    return nil
                }
            case .log, .nfLog, .ulog, .audit: continue
            case .jump, .mark, .connectionMark, .connectionSecurityMark, .ct, .notrack, .classify, .checksumFill, .dscp,
                .tos, .timeToLive, .ecn, .tcpMSS, .tcpOptionStrip, .hmark, .prefixTranslation, .securityMark, .set,
                .tee, .idleTimer, .led, .rateEstimate, .trace, .tproxy, .synproxy, .clusterIP, .unknown:
                return nil
            }
        }
    }
    return found
}

/// Whether a rule translates, be it only some of what meets it.
func translates(_ rule: Rule) -> Bool {
    switch rule.target {
    case .dnat?, .snat?, .masquerade?, .redirect?, .netmap?, .native(.translate)?: true
    default: false
    }
}

extension NativeTranslation {
    /// Whether addresses or ports are looked up in a map.
    var looksUp: Bool {
        [address, port].contains { part in
            part?.contains { if case .map = $0 { true } else { false } } ?? false
        }
    }
}

/// Whether a rule ends every packet that meets it.
func endsPacket(_ rule: Rule) -> Bool { ending(of: rule) != nil }

/// How much the answer to a condition depends on when it is asked.
enum Steadiness: UInt8, Comparable {
    /// Anew each time: limits, chance, counts.
    case none
    /// The same until a rule changes something: marks, sets, header fields.
    case untilChanged
    case always

    static func < (a: Steadiness, b: Steadiness) -> Bool { a.rawValue < b.rawValue }

    /// - Parameter fieldsChange: whether rules of nft write fields of headers.
    init(_ match: Match, fieldsChange: Bool) {
        switch match {
        case .limit, .hashLimit, .statistic, .recent, .quota, .connectionLimit, .connectionBytes, .rateEstimate,
            .accounting, .cluster, .cpu, .unknown, .time, .socket:
            self = .none
        case .connectionLabel(let label): self = label.sets ? .none : .untilChanged
        case .mark, .connectionMark, .set, .dscp, .tos, .ecn, .timeToLive, .tcpMSS, .conntrack, .state, .helper,
            .string,
            .u32, .bpf, .reversePath:
            self = .untilChanged
        case .source, .destination, .sourceV4, .destinationV4, .inInterface, .outInterface, .protocol, .laterFragment,
            .addressType, .ah, .cgroup, .comment, .dccp, .deviceGroup, .destinationOptions, .esp, .eui64, .frag,
            .hopByHop, .icmp, .ipComp, .addressRange, .ipv6Header, .ipvs, .length, .mac, .mobilityHeader, .multiport,
            .operatingSystem, .owner, .physicalDevice, .packetType, .policy, .realm, .routingHeader, .sctp,
            .segmentRouting, .tcp, .udp, .udplite:
            self = .always
        case .native(let comparison):
            var least = Steadiness.always
            for expression in comparison.expressions {
                least = min(least, Steadiness(expression, fieldsChange: fieldsChange))
            }
            if case .set = comparison.right { least = min(least, .untilChanged) }
            self = least
        }
    }

    private init(_ expression: Expression, fieldsChange: Bool) {
        var own: Steadiness
        switch expression {
        case .numberGenerator, .unknown, .meta(.random), .meta(.cpu), .meta(.time), .meta(.day), .meta(.hour),
            .connection(.packets, _), .connection(.bytes, _), .connection(.averagePacket, _),
            .connection(.expiration, _):
            own = .none
        case .meta(.mark), .meta(.priority), .meta(.traces), .connection, .map, .socket: own = .untilChanged
        case .field, .payload, .extensionHeader: own = fieldsChange ? .untilChanged : .always
        case .literal, .meta, .route, .fib, .operatingSystem, .hash, .symmetricHash, .concatenation, .masked, .shifted,
            .range:
            own = .always
        }
        for part in expression.parts { own = min(own, Steadiness(part, fieldsChange: fieldsChange)) }
        self = own
    }
}

/// Whether a rule may change what conditions behind it ask for.
func changesSomething(_ rule: Rule) -> Bool {
    for statement in rule.statements {
        switch statement {
        case .match(.recent), .match(.connectionLabel), .match(.socket), .match(.unknown): return true
        case .match: continue
        case .target(let target):
            switch target {
            case .accept, .drop, .return, .queue, .nfQueue, .reject, .dnat, .snat, .masquerade, .redirect, .netmap,
                .log,
                .nfLog, .ulog, .audit, .goto, .trace, .led, .idleTimer, .checksumFill, .rateEstimate, .tee, .classify:
                continue
            // What stands in a chain that is jumped to may change anything.
            case .jump, .mark, .connectionMark, .connectionSecurityMark, .ct, .notrack, .dscp, .tos, .timeToLive, .ecn,
                .tcpMSS, .tcpOptionStrip, .hmark, .prefixTranslation, .securityMark, .set, .tproxy, .synproxy,
                .clusterIP, .unknown:
                return true
            case .native(let statement):
                switch statement {
                case .continue, .counter, .last, .reject, .log, .queue, .limit, .quota, .connectionCount, .duplicate,
                    .forward, .translate:
                    continue
                case .verdictMap, .object, .objectMap, .assign, .tproxy, .synproxy, .notrack, .changeSet, .flow,
                    .resetOption, .xtables, .unknown:
                    return true
                }
            }
        }
    }
    return false
}

/// The conditions of a rule, without what asks nothing.
func conditions(of rule: Rule) -> [Match] {
    var found: [Match] = []
    for case .match(let match) in rule.statements {
        if case .comment = match { continue }
        found.append(match)
    }
    return found
}

extension LintedNode {
    /// Whether some rule of nft writes a field of a header.
    var writesFields: Bool {
        linked.ruleset.tables.contains { table in
            table.isNative
                && table.chains.contains { chain in
                    chain.rules.contains { rule in
                        rule.statements.contains { statement in
                            guard case .target(.native(.assign(let place, _))) = statement else { return false }
                            switch place {
                            case .field, .payload, .extensionHeader: return true
                            case .meta, .connection: return false
                            }
                        }
                    }
                }
        }
    }
}
