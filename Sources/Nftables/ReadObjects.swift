internal import NetTypes
internal import RuleModel
internal import SourceText

// Objects and flowtables.
extension Reader {
    /// Behind an object's kind and name: its block, if it has one, or its properties on the same line.
    mutating func readObject(_ kind: ObjectKind, _ name: Symbol, at place: Place) throws(NftFailure) {
        let isBlock = take("{")
        if isBlock { scopes.append([:]) }
        defer { if isBlock { scopes.removeLast() } }
        var made = NativeObject(name: name, content: .other(kind, .empty), place: place)
        switch kind {
        case .counter: made.content = .counter(Counters(packets: 0, bytes: 0))
        case .quota: made.content = .quota(NativeQuota())
        case .limit: made.content = .limit(NativeLimit())
        case .synproxy: made.content = .synproxy(SYNPROXYTarget())
        case .helper, .timeout, .expectation, .securityMark, .tunnel: break
        }
        let first = source.position
        var end = source.position
        while true {
            if isBlock { skipSeparators() }
            if isBlock, take("}") { break }
            if !isBlock, isAtRuleEnd { break }
            if isAtEnd { throw unexpected("'}'") }
            if try readDefinition() { continue }
            if take("comment") {
                made.comment = try quoted("a comment")
                continue
            }
            try readProperty(&made)
            end = source.position
        }
        if case .other = made.content, end > first { made.content = .other(kind, text(first, end)) }
        guard table < reading.tables.count else { return }
        if let known = reading.tables[table].objects.firstIndex(where: { $0.name == name && $0.kind == kind }) {
            reading.tables[table].objects[known] = made
        } else {
            reading.tables[table].objects.append(made)
        }
    }

    private mutating func text(_ first: Int, _ end: Int) -> Symbol {
        var start = first
        while start < end - 1, source.tokens[start].kind == .newline { start += 1 }
        return names.intern(
            source.bytes, Int(source.tokens[start].start)..<Int(source.tokens[max(start, end - 1)].finish))
    }

    private mutating func readProperty(_ made: inout NativeObject) throws(NftFailure) {
        switch made.content {
        case .counter:
            guard let counters = try readCounters() else { throw unexpected("'packets' or 'bytes'") }
            made.content = .counter(counters)
        case .quota: made.content = .quota(try quota())
        case .limit:
            try expect("rate")
            made.content = .limit(try limit())
        case .synproxy(let known):
            let start = source.position
            var merged = known
            let read = try synproxyOptions()
            guard source.position > start else { throw unexpected("a property of synproxy") }
            merged.mss = read.mss ?? known.mss
            merged.windowScale = read.windowScale ?? known.windowScale
            merged.timestamps = read.timestamps || known.timestamps
            merged.sackPermitted = read.sackPermitted || known.sackPermitted
            made.content = .synproxy(merged)
        case .helper where isAt("l3proto"):
            advance()
            guard isAt("ip") || isAt("ip6") || isAt("inet") else { throw unexpected("ip, ip6 or inet") }
            made.version = isAt("ip") ? .v4 : isAt("ip6") ? .v6 : nil
            advance()
        case .helper, .securityMark: try skipProperty()
        case .other(.helper, _) where isAt("type"):
            advance()
            let type = try quoted("a helper's name")
            try expect("protocol")
            let number = try literal(try basicValue(), .internetProtocol, bits: 8).number ?? 0
            made.content = .helper(type: type, protocol: UInt8(truncatingIfNeeded: number))
        case .other(.securityMark, _) where token.kind == .quoted:
            made.content = .securityMark(try quoted("a context"))
        case .other: try skipProperty()
        }
    }

    /// Goes over what is kept as text: braces and all.
    private mutating func skipProperty() throws(NftFailure) {
        let start = source.position
        skipToRuleEnd()
        if source.position == start { throw unexpected("a property") }
    }

    mutating func readFlowtable(_ name: Symbol, at place: Place) throws(NftFailure) {
        var made = Flowtable(name: name, priority: 0, place: place)
        try expect("{")
        scopes.append([:])
        defer { scopes.removeLast() }
        while true {
            skipSeparators()
            if take("}") { break }
            if isAtEnd { throw unexpected("'}'") }
            if try readDefinition() { continue }
            switch word {
            case "hook":
                advance()
                guard take("ingress") else { throw unexpected("'ingress'") }
                try expect("priority")
                made.priority = try priority(hook: .ingress)
            case "devices":
                advance()
                try expect("=")
                made.devices = try devices()
            case "flags":
                advance()
                try expect("offload")
                made.isOffloaded = true
            case "counter":
                advance()
                made.hasCounter = true
            default: throw unexpected("a property of a flowtable")
            }
        }
        guard table < reading.tables.count else { return }
        if let known = reading.tables[table].flowtables.firstIndex(where: { $0.name == name }) {
            reading.tables[table].flowtables[known] = made
        } else {
            reading.tables[table].flowtables.append(made)
        }
    }

    /// `{ eth0, "eth1" }`, one name, or a variable.
    mutating func devices() throws(NftFailure) -> [Symbol] {
        let value = try value()
        var result: [Symbol] = []
        try collect(value, &result)
        return result
    }

    private mutating func collect(_ value: Value, _ result: inout [Symbol]) throws(NftFailure) {
        switch value.node {
        case .word(let text), .quoted(let text): result.append(names.intern(text.span))
        case .list(let values):
            for value in values { try collect(value, &result) }
        case .set(let elements):
            for element in elements { try collect(element.key, &result) }
        default: throw NftFailure("bad-value", "a device's name is wanted here", at: value.place)
        }
    }

    /// Behind `priority`: a number, a name, and what is added to it.
    mutating func priority(hook: Hook) throws(NftFailure) -> Int32 {
        let first = source.position
        var total: Int64 = 0
        var value: Value?
        if isAt("$") {
            value = try variable()
        } else if take("-") {
            total = -Int64(try number(Int32.self))
        } else if token.kind == .number {
            total = Int64(try number(Int32.self))
        } else {
            value = try singleValue()
        }
        if let value {
            switch value.node {
            case .number(let number): total = Int64(truncatingIfNeeded: min(number, 1 << 32))
            case .word(let text), .quoted(let text):
                let name = String(decoding: text, as: UTF8.self)
                if let known = namedPriority(name, hook) {
                    total = Int64(known)
                } else if let number = Int32(name) {
                    total = Int64(number)
                } else {
                    throw NftFailure("bad-value", "'\(name)' is no priority", at: value.place)
                }
            default: throw NftFailure("bad-value", "a priority is wanted here", at: value.place)
            }
        }
        if take("+") {
            total += Int64(try number(Int32.self))
        } else if take("-") {
            total -= Int64(try number(Int32.self))
        }
        guard let result = Int32(exactly: total) else {
            throw NftFailure("bad-number", "\(total) is more than fits here", at: place(from: first))
        }
        return result
    }

    /// Source: nftables src/rule.c `prios`, 1.0.6.
    private func namedPriority(_ name: String, _ hook: Hook) -> Int32? {
        if family == .bridge {
            switch name {
            case "dstnat": return -300
            case "filter": return -200
            case "out": return 100
            case "srcnat": return 300
            default: return nil
            }
        }
        switch name {
        case "raw": return -300
        case "mangle": return -150
        case "dstnat": return -100
        case "filter": return 0
        case "security": return 50
        case "srcnat": return 100
        default: return nil
        }
    }
}
