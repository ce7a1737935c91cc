public import SourceText

extension Expression {
    /// The expressions it is made of.
    public var parts: [Expression] {
        switch self {
        case .literal, .field, .payload, .extensionHeader, .meta, .connection, .route, .fib, .socket, .operatingSystem,
            .unknown, .numberGenerator, .symmetricHash, .range:
            []
        case .hash(let key, _, _, _): [key]
        case .concatenation(let parts): parts
        case .masked(let value, _, _), .shifted(let value, _): [value]
        case .map(let key, _): [key]
        }
    }

    /// Whether it or a part of it is such a one.
    public func contains(where isWanted: (Expression) -> Bool) -> Bool {
        if isWanted(self) { return true }
        for part in parts where part.contains(where: isWanted) { return true }
        return false
    }
}

extension Comparison {
    /// Both sides, as far as they are expressions.
    public var expressions: [Expression] {
        switch right {
        case .literal, .range, .set: [left]
        case .expression(let right): [left, right]
        }
    }
}

extension NativeStatement {
    /// The expressions in it.
    public var expressions: [Expression] {
        switch self {
        case .continue, .counter, .limit, .quota, .connectionCount, .last, .object, .reject, .log, .synproxy, .notrack,
            .flow, .resetOption, .xtables, .unknown:
            []
        case .verdictMap(let key, _), .objectMap(_, let key, _): [key]
        case .assign(_, let value): [value]
        case .translate(let translation): [translation.address, translation.port].compactMap { $0 }
        case .queue(let queue): [queue.target]
        case .duplicate(let address, let device): [address, device].compactMap { $0 }
        case .forward(let address, let device, _): [address, device].compactMap { $0 }
        case .tproxy(_, let address, let port): [address, port].compactMap { $0 }
        case .changeSet(let change): [change.key] + (change.value.map { [$0] } ?? [])
        }
    }

    /// Sets and maps that it looks into or changes, those of expressions apart.
    public var sets: [Symbol] {
        switch self {
        case .verdictMap(_, let set), .objectMap(_, _, let set): [set]
        case .changeSet(let change): [change.set]
        case .continue, .counter, .limit, .quota, .connectionCount, .last, .object, .reject, .log, .synproxy, .notrack,
            .flow, .resetOption, .xtables, .unknown, .assign, .translate, .queue, .duplicate, .forward, .tproxy:
            []
        }
    }
}
