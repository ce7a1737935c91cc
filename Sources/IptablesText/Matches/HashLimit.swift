internal import NetTypes
internal import RuleModel
internal import SourceText

private let modes: Keywords<HashLimitMatch.Mode> = [
    ("srcip", .sourceAddress), ("srcport", .sourcePort), ("dstip", .destinationAddress), ("dstport", .destinationPort),
]

extension RuleReader {
    /// `-m hashlimit`
    mutating func readHashLimit() throws(RuleFailure) -> Match {
        var match = HashLimitMatch()
        var fields = HashLimitFields()
        match.sourceMask = UInt8(version.addressBits)
        match.destinationMask = UInt8(version.addressBits)
        match.tableGCInterval = 1000
        while try beginOption() {
            if takes("--hashlimit-upto", "--hashlimit") {
                try readHashRate(&match, &fields)
                match.isAbove = negation()
            } else if takes("--hashlimit-above") {
                try readHashRate(&match, &fields)
                match.isAbove = !negation()
            } else if takes("--hashlimit-burst") {
                try refuseSecond(fields.burst)
                fields.burst = try hashBurst()
            } else if takes("--hashlimit-mode") {
                match.mode = try hashMode()
            } else if takes("--hashlimit-name") {
                try refuseSecond(fields.name)
                fields.name = try symbol()
            } else if takes("--hashlimit-srcmask") {
                match.sourceMask = try prefixLength()
            } else if takes("--hashlimit-dstmask") {
                match.destinationMask = try prefixLength()
            } else if takes("--hashlimit-rate-match") {
                match.matchesRate = true
            } else if takes("--hashlimit-rate-interval") {
                match.rateInterval = try number()
            } else if try !readHashTable(&match, &fields) {
                break
            }
        }
        guard let seconds = fields.seconds else { throw missing("--hashlimit-upto or --hashlimit-above") }
        guard let name = fields.name else { throw missing("--hashlimit-name") }
        match.name = name
        settle(&match, fields, seconds)
        return .hashLimit(match)
    }

    /// The options of the table that keeps the buckets.
    private mutating func readHashTable(
        _ match: inout HashLimitMatch, _ fields: inout HashLimitFields
    ) throws(RuleFailure) -> Bool {
        if takes("--hashlimit-htable-size") {
            match.tableSize = try number()
        } else if takes("--hashlimit-htable-max") {
            match.tableMax = try number()
        } else if takes("--hashlimit-htable-gcinterval") {
            match.tableGCInterval = try number()
        } else if takes("--hashlimit-htable-expire") {
            try refuseSecond(fields.expire)
            fields.expire = try number()
        } else {
            return false
        }
        return true
    }

    /// Fills in what iptables takes where an option is not given.
    /// Source: iptables 1.8.9, extensions/libxt_hashlimit.c `hashlimit_mt_check`.
    private func settle(_ match: inout HashLimitMatch, _ fields: HashLimitFields, _ seconds: UInt64) {
        if match.isBytes {
            match.burst = fields.burst ?? 0
            match.tableExpire = fields.expire ?? (fields.burst == nil ? 15_000 : 60_000)
        } else {
            match.burst = fields.burst ?? 5
            match.tableExpire = fields.expire ?? UInt32(truncatingIfNeeded: seconds * 1000)
        }
        guard match.matchesRate else { return }
        if !match.isBytes { match.rate /= seconds }
        if match.rateInterval == 0 { match.rateInterval = match.isBytes ? 1 : UInt32(truncatingIfNeeded: seconds) }
    }

    /// Takes `5/min`, or `512kb/s`.
    private mutating func readHashRate(
        _ match: inout HashLimitMatch, _ fields: inout HashLimitFields
    ) throws(RuleFailure) {
        try refuseSecond(fields.seconds)
        if index < words.count, let bytes = readBytes(words[index].range, unit: "b/s") {
            index += 1
            match.isBytes = true
            match.rate = bytes
            fields.seconds = 15
            return
        }
        let (count, seconds) = try rate()
        let cost = 1_000_000 * seconds / count
        guard cost > 0 else { throw bad(.value, "a rate up to 1000000/second") }
        match.rate = cost
        fields.seconds = seconds
    }

    /// Takes a count of packets, or `1mb`.
    private mutating func hashBurst() throws(RuleFailure) -> UInt64 {
        let range = try value()
        if let bytes = readBytes(range, unit: "b") { return bytes }
        guard let count: UInt64 = readNumber(range, upTo: 1_000_000) else {
            throw bad(.number, "a number up to 1000000, or one of bytes such as 1mb")
        }
        return count
    }

    /// The bytes in `20kb/s` or `1mb`.
    private func readBytes(_ range: Range<Int>, unit: StaticString) -> UInt64? {
        let length = unit.utf8CodeUnitCount
        guard range.count > length, equals(range.upperBound - length..<range.upperBound, unit) else { return nil }
        var end = range.upperBound - length
        var factor: UInt64 = 1
        if buffer[end - 1] == UInt8(ascii: "k") { factor = 1 << 10 }
        if buffer[end - 1] == UInt8(ascii: "m") { factor = 1 << 20 }
        if factor > 1 { end -= 1 }
        guard let number = decimal(buffer.span.extracting(range.lowerBound..<end)) else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        // iptables counts a byte rate in 16 bytes and 32 bits.
        return overflow || bytes >> 36 != 0 ? nil : bytes
    }

    /// Takes a list of `srcip`, `srcport`, `dstip`, `dstport`, between `,` or `|`.
    private mutating func hashMode() throws(RuleFailure) -> HashLimitMatch.Mode {
        let range = try value()
        var mode: HashLimitMatch.Mode = []
        var start = range.lowerBound
        for index in range.lowerBound...range.upperBound {
            guard index == range.upperBound || buffer[index] == UInt8(ascii: ",") || buffer[index] == UInt8(ascii: "|")
            else { continue }
            guard let bit = find(start..<index, in: modes) else {
                throw bad(.value, "a list of srcip, srcport, dstip and dstport")
            }
            mode.insert(bit)
            start = index + 1
        }
        return mode
    }
}

/// What was given of a hashlimit match, before the rest is filled in.
private struct HashLimitFields {
    /// The length of the rate's unit; 15 for a rate of bytes.
    var seconds: UInt64?
    var burst: UInt64?
    var name: Symbol?
    var expire: UInt32?
}

extension RuleWriter {
    mutating func writeHashLimit(_ match: HashLimitMatch) {
        option(match.isAbove ? "--hashlimit-above" : "--hashlimit-upto")
        let expire: UInt64
        if match.isBytes {
            putByteRate(match.rate, burst: match.burst)
            expire = match.burst == 0 ? 15_000 : 60_000
        } else {
            expire = putRate(match.rate, scale: 1_000_000) * 1000
            option("--hashlimit-burst", match.burst)
        }
        if !match.mode.isEmpty {
            option("--hashlimit-mode")
            put(match.mode, from: modes)
        }
        option("--hashlimit-name")
        put(" ")
        put(match.name)
        if match.tableSize != 0 { option("--hashlimit-htable-size", match.tableSize) }
        if match.tableMax != 0 { option("--hashlimit-htable-max", match.tableMax) }
        if match.tableGCInterval != 1000 { option("--hashlimit-htable-gcinterval", match.tableGCInterval) }
        if UInt64(match.tableExpire) != expire { option("--hashlimit-htable-expire", match.tableExpire) }
        let whole: UInt8 = isV6 ? 128 : 32
        if match.sourceMask != whole { option("--hashlimit-srcmask", match.sourceMask) }
        if match.destinationMask != whole { option("--hashlimit-dstmask", match.destinationMask) }
        guard match.matchesRate else { return }
        option("--hashlimit-rate-match")
        if match.rateInterval != 1 { option("--hashlimit-rate-interval", match.rateInterval) }
    }

    /// A rate of bytes as it comes back from the kernel, which keeps 2^32 divided by it in steps of 16 bytes.
    /// Source: iptables 1.8.9, extensions/libxt_hashlimit.c `print_bytes`, `bytes_to_cost`, `cost_to_bytes`.
    private mutating func putByteRate(_ bytes: UInt64, burst: UInt64) {
        let cost = RuleWriter.cost(ofBytes: bytes)
        let rate = RuleWriter.bytes(ofCost: cost)
        put(" ")
        if rate >= 1 << 20, RuleWriter.cost(ofBytes: rate & ~((1 << 20) - 1)) == cost {
            put(rate >> 20)
            put("mb/s")
        } else if rate >= 1 << 10, RuleWriter.cost(ofBytes: rate & ~((1 << 10) - 1)) == cost {
            put(rate >> 10)
            put("kb/s")
        } else {
            put(rate)
            put("b/s")
        }
        guard burst > 0 else { return }
        // The kernel keeps how many times the rate fits in, rounded up.
        let times = rate == 0 ? 1 : (burst + rate - 1) / rate
        let whole = rate * times
        option("--hashlimit-burst")
        put(" ")
        if whole >= 1 << 20 {
            put(whole >> 20)
            put("mb")
        } else if whole >= 1 << 10 {
            put(whole >> 10)
            put("kb")
        } else {
            put(whole)
            put("b")
        }
    }

    private static func cost(ofBytes bytes: UInt64) -> UInt64 { 0xffff_ffff / (bytes >> 4 + 1) }

    private static func bytes(ofCost cost: UInt64) -> UInt64 {
        let rate: UInt64 = cost == 0 ? 0xffff_ffff : 0xffff_ffff / cost
        return (max(rate, 1) - 1) << 4
    }
}
