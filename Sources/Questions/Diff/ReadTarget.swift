internal import NetTypes
internal import RuleModel
internal import SourceText

extension StatementReader {
    /// What a target of iptables means; nft's own are read by `native`.
    mutating func target(_ target: Target) -> Target {
        switch target {
        case .jump(let chain): return .jump(self.chain(chain))
        case .goto(let chain): return .goto(self.chain(chain))
        case .dnat(let nat): return .dnat(translation(nat))
        case .snat(let nat): return .snat(translation(nat))
        case .masquerade(let nat): return .masquerade(translation(nat))
        case .redirect(let nat): return .redirect(translation(nat))
        case .netmap(let mask): return .netmap(self.mask(mask))
        case .prefixTranslation(var own):
            own.from = prefix(own.from)
            own.to = prefix(own.to)
            return .prefixTranslation(own)
        case .ct(var own):
            own.helper = name(own.helper)
            own.timeout = name(own.timeout)
            own.events = name(own.events)
            own.expectedEvents = name(own.expectedEvents)
            return .ct(own)
        case .log(var own):
            own.prefix = name(own.prefix)
            return .log(own)
        case .nfLog(var own):
            own.prefix = name(own.prefix)
            return .nfLog(own)
        case .ulog(var own):
            own.prefix = name(own.prefix)
            return .ulog(own)
        case .set(var own):
            own.add = operation(own.add)
            own.delete = operation(own.delete)
            own.map = operation(own.map)
            return .set(own)
        case .tee(var own):
            own.gateway = address(own.gateway)
            own.device = interface(own.device)
            return .tee(own)
        case .idleTimer(var own):
            own.label = name(own.label)
            return .idleTimer(own)
        case .led(var own):
            own.identifier = name(own.identifier)
            return .led(own)
        case .rateEstimate(var own):
            own.name = name(own.name)
            return .rateEstimate(own)
        case .securityMark(let context): return .securityMark(name(context))
        case .tproxy(var own):
            own.address = address(own.address)
            return .tproxy(own)
        case .unknown(let module, let text): return .unknown(name: name(module), text: name(text))
        case .native, .accept, .drop, .return, .queue, .nfQueue, .reject, .mark, .connectionMark,
            .connectionSecurityMark, .notrack, .classify, .checksumFill, .dscp, .tos, .timeToLive, .ecn, .tcpMSS,
            .tcpOptionStrip, .hmark, .audit, .trace, .synproxy, .clusterIP:
            return target
        }
    }

    private mutating func translation(_ given: NATTarget) -> NATTarget {
        var own = given
        if let addresses = own.addresses { own.addresses = range(addresses) }
        return own
    }

    private mutating func operation(_ given: SetTarget.Operation?) -> SetTarget.Operation? {
        guard let given else { return nil }
        return SetTarget.Operation(set: set(given.set), directions: given.directions)
    }
}

extension Target {
    /// What it does, coarsely: two statements of one kind may be one that was edited.
    var kind: Int {
        switch self {
        case .accept, .drop, .return, .queue, .nfQueue, .reject, .jump, .goto: 101
        case .dnat, .snat, .masquerade, .redirect, .netmap, .prefixTranslation: 102
        case .mark, .connectionMark: 103
        case .log, .nfLog, .ulog: 104
        case .set: 105
        case .connectionSecurityMark, .ct, .notrack, .classify, .checksumFill, .dscp, .tos, .timeToLive, .ecn, .tcpMSS,
            .tcpOptionStrip, .hmark, .securityMark, .audit, .tee, .idleTimer, .led, .rateEstimate, .trace, .tproxy,
            .synproxy, .clusterIP, .unknown:
            106
        case .native(let statement): statement.kind
        }
    }
}

extension NativeStatement {
    fileprivate var kind: Int {
        switch self {
        case .continue, .verdictMap, .reject, .queue: 101
        case .translate: 102
        case .assign: 103
        case .log: 104
        case .changeSet: 105
        case .limit, .quota, .connectionCount: 107
        case .counter, .last, .object, .objectMap, .duplicate, .forward, .tproxy, .synproxy, .notrack, .flow,
            .resetOption, .xtables, .unknown:
            106
        }
    }
}
