internal import NetTypes
internal import RuleModel
internal import SourceText

extension Writer {
    mutating func write(_ statement: NativeStatement) {
        switch statement {
        case .continue: put("continue")
        case .verdictMap(let key, let name):
            write(key)
            put(" vmap ")
            reference(name)
        case .counter(let counters):
            put("counter")
            if let counters, settings.hasCounters { put(" " + counterText(counters)) }
        case .limit(let limit): put("limit " + limitText(limit))
        case .quota(let quota): put("quota " + quotaText(quota))
        case .connectionCount(let count, let isOver): put("ct count \(isOver ? "over " : "")\(count)")
        case .last: put("last")
        case .object(let kind, let name): writeObject(kind) { $0.putQuoted(name) }
        case .objectMap(let kind, let key, let name):
            writeObject(kind) { writer in
                writer.write(key)
                writer.put(" map ")
                writer.reference(name)
            }
        case .assign(let target, let value):
            put(targetText(target) + " set ")
            write(value)
        case .translate(let translation): write(translation)
        case .reject(let reject): put(rejectText(reject))
        case .log(let log): write(log)
        case .queue(let queue):
            put("queue ")
            var flags: [String] = []
            if queue.bypass { flags.append("bypass") }
            if queue.fanout { flags.append("fanout") }
            if !flags.isEmpty { put("flags " + flags.joined(separator: ",") + " ") }
            put("to ")
            write(queue.target)
        case .duplicate(let address, let device):
            put("dup to ")
            if let address { write(address) }
            if address != nil, device != nil { put(" device ") }
            if let device { write(device) }
        case .forward(let address, let device, let version):
            put("fwd \(version.map { $0 == .v4 ? "ip " : "ip6 " } ?? "")to ")
            if let address {
                write(address)
                put(" device ")
            }
            write(device)
        case .tproxy(let version, let address, let port):
            put("tproxy \(version.map { $0 == .v4 ? "ip " : "ip6 " } ?? "")to ")
            writeEndpoint(address, port)
        case .synproxy(let options): put("synproxy " + synproxyText(options))
        case .notrack: put("notrack")
        case .changeSet(let change): write(change)
        case .flow(let name):
            put("flow add @")
            putName(name)
        case .resetOption(let kind):
            put("reset tcp option \(tcpOptions.first { $0.kind == kind }?.option ?? "\(kind)")")
        case .xtables(let text), .unknown(let text): put(text)
        }
    }

    private mutating func writeObject(_ kind: ObjectKind, _ name: (inout Writer) -> Void) {
        switch kind {
        case .counter, .quota, .limit, .synproxy, .tunnel: put("\(kind.name) name ")
        case .helper, .timeout, .expectation: put("\(kind.name) set ")
        case .securityMark: put("meta secmark set ")
        }
        name(&self)
    }

    func targetText(_ target: Assignable) -> String {
        switch target {
        case .meta(let key): return "meta \(key.name)"
        case .connection(let key, let direction): return connectionText(key, direction)
        case .field(let field): return "\(field.row.header.name) \(field.row.name)"
        case .payload(let base, let offset, let bits): return "@\(base.name),\(offset),\(bits)"
        case .extensionHeader(let field): return optionText(field)
        }
    }

    func counterText(_ counters: Counters) -> String { "packets \(counters.packets) bytes \(counters.bytes)" }

    func limitText(_ limit: NativeLimit) -> String {
        let unit =
            switch limit.per {
            case 60: "minute"
            case 3600: "hour"
            case 86_400: "day"
            case 604_800: "week"
            default: "second"
            }
        let lead = limit.isOver ? "rate over " : "rate "
        guard limit.countsBytes else { return "\(lead)\(limit.rate)/\(unit) burst \(limit.burst) packets" }
        let burst = limit.burst == 0 ? "" : " burst \(byteText(UInt64(limit.burst)))"
        return "\(lead)\(byteText(limit.rate))/\(unit)\(burst)"
    }

    private func byteText(_ count: UInt64) -> String {
        if count > 0, count % (1 << 20) == 0 { return "\(count >> 20) mbytes" }
        if count > 0, count % (1 << 10) == 0 { return "\(count >> 10) kbytes" }
        return "\(count) bytes"
    }

    func quotaText(_ quota: NativeQuota) -> String {
        let used = settings.hasCounters && quota.used > 0 ? " used \(byteText(quota.used))" : ""
        return "\(quota.isOver ? "over " : "")\(byteText(quota.bytes))\(used)"
    }

    func synproxyText(_ options: SYNPROXYTarget) -> String {
        var words: [String] = []
        if let mss = options.mss { words.append("mss \(mss)") }
        if let scale = options.windowScale { words.append("wscale \(scale)") }
        if options.timestamps { words.append("timestamp") }
        if options.sackPermitted { words.append("sack-perm") }
        return words.joined(separator: " ")
    }

    private func rejectText(_ reject: NativeReject) -> String {
        func code(_ code: UInt8, _ type: DataType) -> String { constantText(Literal(UInt64(code), type, bits: 8)) }
        return switch reject {
        case .tcpReset: "reject with tcp reset"
        case .icmp(let number): "reject with icmp \(code(number, .icmpCode))"
        case .icmpv6(let number): "reject with icmpv6 \(code(number, .icmpv6Code))"
        case .icmpx(let number): "reject with icmpx \(code(number, .icmpxCode))"
        }
    }

    private mutating func write(_ log: NativeLog) {
        put("log")
        if log.prefix != .empty {
            put(" prefix ")
            putQuoted(log.prefix)
        }
        if let group = log.group { put(" group \(group)") }
        if let length = log.snapLength { put(" snaplen \(length)") }
        if let threshold = log.queueThreshold { put(" queue-threshold \(threshold)") }
        if let level = log.level, Int(level) < logLevels.count { put(" level \(logLevels[Int(level)])") }
        if log.flags == [.tcpSequence, .tcpOptions, .ipOptions, .userID, .mac] { return put(" flags all") }
        if log.flags.contains(.tcpSequence) || log.flags.contains(.tcpOptions) {
            var words: [String] = []
            if log.flags.contains(.tcpSequence) { words.append("sequence") }
            if log.flags.contains(.tcpOptions) { words.append("options") }
            put(" flags tcp \(words.joined(separator: ","))")
        }
        if log.flags.contains(.ipOptions) { put(" flags ip options") }
        if log.flags.contains(.userID) { put(" flags skuid") }
        if log.flags.contains(.mac) { put(" flags ether") }
    }

    private mutating func write(_ translation: NativeTranslation) {
        put(translation.kind.name)
        let versionWord = translation.version.map { $0 == .v4 ? " ip" : " ip6" } ?? ""
        switch translation.kind {
        case .masquerade, .redirect:
            if let port = translation.port {
                put(" to :")
                write(port)
            }
        case .snat, .dnat:
            if let types = concatenatedData(translation.address) {
                put(types.first == .ipv6Address ? " ip6 addr . port" : " ip addr . port")
            } else {
                put(versionWord)
                if translation.isPrefix { put(" prefix") }
            }
            put(" to ")
            writeEndpoint(translation.address, translation.port)
        }
        var flags: [String] = []
        if translation.isRandom { flags.append("random") }
        if translation.isFullyRandom { flags.append("fully-random") }
        if translation.isPersistent { flags.append("persistent") }
        if !flags.isEmpty { put(" " + flags.joined(separator: ",")) }
    }

    /// The types of what a map leads to, where it is an address and a port together.
    private func concatenatedData(_ expression: Expression?) -> [DataType]? {
        guard case .map(_, let name)? = expression, case .concatenation(let types)? = sets[name]?.value else {
            return nil
        }
        return types
    }

    private mutating func writeEndpoint(_ address: Expression?, _ port: Expression?) {
        if let address {
            if port != nil, isV6(address) {
                bracketed(address)
            } else {
                write(address)
            }
        }
        if let port {
            put(":")
            write(port)
        }
    }

    private func isV6(_ expression: Expression) -> Bool {
        switch expression {
        case .literal(let literal): literal.type == .ipv6Address
        case .range(let low, _): low.type == .ipv6Address
        default: false
        }
    }

    private mutating func bracketed(_ address: Expression) {
        switch address {
        case .literal(let literal): put("[\(constantText(literal))]")
        case .range(let low, let high): put("[\(constantText(low))]-[\(constantText(high))]")
        default: write(address)
        }
    }

    private mutating func write(_ change: SetChange) {
        switch change.operation {
        case .add: put("add @")
        case .update: put("update @")
        case .delete: put("delete @")
        }
        putName(change.set)
        put(" { ")
        write(change.key)
        if let timeout = change.timeout { put(" timeout \(timeText(timeout))") }
        for state in change.states {
            put(" ")
            write(state)
        }
        if let value = change.value {
            put(" : ")
            write(value)
        }
        put(" }")
    }
}
