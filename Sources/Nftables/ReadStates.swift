internal import NetTypes
internal import RuleModel
internal import SourceText

// Statements that count, and options of synproxy.
extension Reader {
    /// `counter`, `limit`, `quota`, `last` or `ct count`.
    mutating func readState() throws(NftFailure) -> NativeStatement {
        switch word {
        case "counter":
            advance()
            return .counter(try readCounters())
        case "limit":
            advance()
            try expect("rate")
            return .limit(try limit())
        case "quota":
            advance()
            return .quota(try quota())
        case "last":
            advance()
            if take("used") {
                if !take("never") {
                    _ = try duration()
                    _ = take("ago")
                }
            }
            return .last
        default:
            try expect("ct")
            try expect("count")
            let isOver = take("over")
            if !isOver { _ = take("until") }
            return .connectionCount(try number(UInt32.self), isOver: isOver)
        }
    }

    /// `packets N bytes N`, if they stand here.
    mutating func readCounters() throws(NftFailure) -> Counters? {
        guard isAt("packets") || isAt("bytes") else { return nil }
        var read = Counters(packets: 0, bytes: 0)
        if take("packets") { read.packets = try number() }
        if take("bytes") { read.bytes = try number() }
        return read
    }

    /// Behind `rate`.
    mutating func limit() throws(NftFailure) -> NativeLimit {
        var made = NativeLimit()
        made.isOver = take("over")
        if !made.isOver { _ = take("until") }
        made.rate = try number()
        if take("/") {
            made.per = try timeUnit(word)
            advance()
        } else {
            // `mbytes/second` is one word.
            let parts = word.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, let unit = parts.first, let factor = byteUnit(String(unit)) else {
                throw unexpected("a rate")
            }
            if parts.count == 2 {
                made.per = try timeUnit(String(parts[1]))
                advance()
            } else {
                advance()
                try expect("/")
                made.per = try timeUnit(word)
                advance()
            }
            made.rate = try scaled(made.rate, factor)
            made.countsBytes = true
            made.burst = 0
        }
        if take("burst") {
            let first = source.position
            var burst = try number()
            if let factor = byteUnit(word) {
                burst = try scaled(burst, factor)
                advance()
            } else {
                _ = take("packets")
            }
            guard let fitting = UInt32(exactly: burst) else {
                throw NftFailure("bad-number", "\(burst) is more than fits here", at: place(from: first))
            }
            made.burst = fitting
        }
        return made
    }

    private func timeUnit(_ name: String) throws(NftFailure) -> UInt32 {
        switch name {
        case "second": 1
        case "minute": 60
        case "hour": 3600
        case "day": 86_400
        case "week": 604_800
        default: throw unexpected("a unit of time")
        }
    }

    private func byteUnit(_ name: String) -> UInt64? {
        switch name {
        case "bytes": 1
        case "kbytes": 1 << 10
        case "mbytes": 1 << 20
        default: nil
        }
    }

    private func scaled(_ number: UInt64, _ factor: UInt64) throws(NftFailure) -> UInt64 {
        let (result, overflow) = number.multipliedReportingOverflow(by: factor)
        if overflow { throw NftFailure("bad-number", "this is more than 64 bits hold", at: place(of: token)) }
        return result
    }

    mutating func quota() throws(NftFailure) -> NativeQuota {
        var made = NativeQuota()
        made.isOver = take("over")
        if !made.isOver { _ = take("until") }
        made.bytes = try byteCount()
        if take("used") { made.used = try byteCount() }
        return made
    }

    private mutating func byteCount() throws(NftFailure) -> UInt64 {
        let count = try number()
        guard let factor = byteUnit(word) else { throw unexpected("bytes, kbytes or mbytes") }
        advance()
        return try scaled(count, factor)
    }

    mutating func synproxyOptions() throws(NftFailure) -> SYNPROXYTarget {
        var made = SYNPROXYTarget()
        while true {
            switch word {
            case "mss":
                advance()
                made.mss = try number(UInt16.self)
            case "wscale":
                advance()
                made.windowScale = try number(UInt8.self)
            case "timestamp":
                advance()
                made.timestamps = true
            case "sack-perm", "sack-permitted":
                advance()
                made.sackPermitted = true
            default: return made
            }
        }
    }
}
