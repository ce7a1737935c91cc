internal import NetTypes
internal import RuleModel
internal import SourceText

/// Microseconds for each unit.
/// Source: iptables 1.8.9, extensions/libxt_RATEEST.c `RATEEST_get_time`.
private let timeUnits: Keywords<UInt64> = [
    ("s", 1_000_000), ("sec", 1_000_000), ("secs", 1_000_000), ("ms", 1000), ("msec", 1000), ("msecs", 1000),
    ("us", 1), ("usec", 1), ("usecs", 1),
]

extension RuleReader {
    /// `-j RATEEST`
    mutating func readRATEESTTarget() throws(RuleFailure) -> Target {
        var target = RateEstimateTarget()
        var name: Symbol?
        var interval: UInt32?
        var average: UInt32?
        var averageWord = 0
        while try beginOption() {
            if takes("--rateest-name") {
                try refuseSecond(name)
                name = try symbol()
            } else if takes("--rateest-interval") {
                try refuseSecond(interval)
                let time = try microseconds()
                interval = time
                guard let power = RateEstimateTarget.interval(for: time) else { throw bad(.number, "a time up to 8s") }
                target.interval = power
            } else if takes("--rateest-ewmalog") {
                try refuseSecond(average)
                average = try microseconds()
                averageWord = index - 1
            } else {
                break
            }
        }
        guard let name else { throw missing("--rateest-name") }
        guard let interval else { throw missing("--rateest-interval") }
        guard let average else { throw missing("--rateest-ewmalog") }
        guard let log = RateEstimateTarget.ewmaLog(average: average, interval: interval) else {
            throw RuleFailure(.bad(.number, "a time that fits the interval"), word: averageWord)
        }
        target.name = name
        target.ewmaLog = log
        return .rateEstimate(target)
    }

    /// Takes `250ms`, `1.5s` or a number of microseconds.
    private mutating func microseconds() throws(RuleFailure) -> UInt32 {
        let range = try value()
        let unitStart = endOfDecimal(range)
        let unit = unitStart == range.upperBound ? 1 : find(anyCase: unitStart..<range.upperBound, in: timeUnits)
        guard let unit, let time = scaledDecimal(range.lowerBound..<unitStart, by: unit),
            let time = UInt32(exactly: time)
        else { throw bad(.number, "a time such as 250ms") }
        return time
    }
}

extension RateEstimateTarget {
    /// The smallest power of two, in seconds from 1/4 to 8, that is no less than `time` microseconds.
    fileprivate static func interval(for time: UInt32) -> Int8? {
        for power in 0...5 where time <= 250_000 << UInt32(power) { return Int8(power) - 2 }
        return nil
    }

    /// The weight of the moving average: the largest n below which the time constant, `interval / -ln(1 - 2^-n)`,
    /// has not gone beyond `average`; both in microseconds.
    /// Source: iptables 1.8.9, extensions/libxt_RATEEST.c `RATEEST_final_check`.
    fileprivate static func ewmaLog(average: UInt32, interval: UInt32) -> UInt8? {
        var log: UInt8 = 1
        while log < 32, Double(interval) / decay(log) <= Double(average) { log += 1 }
        log -= 1
        return log == 0 || log >= 31 ? nil : log
    }

    /// `-ln(1 - 2^-n)` as the sum of x^k / k.
    private static func decay(_ n: UInt8) -> Double {
        let x = 1 / Double(UInt64(1) << UInt64(n))
        var power = x
        var sum = 0.0
        for k in 1...60 {
            sum += power / Double(k)
            power *= x
        }
        return sum
    }
}

extension RuleWriter {
    mutating func writeRateEstimateTarget(_ target: RateEstimateTarget) {
        option("--rateest-name")
        put(" ")
        put(target.name)
        // In 32 bits, as iptables-save computes it.
        let interval: UInt32 = 250_000 << UInt32(max(0, min(7, Int(target.interval) + 2)))
        option("--rateest-interval")
        putTime(interval)
        option("--rateest-ewmalog")
        putTime(interval << UInt32(target.ewmaLog))
    }

    private mutating func putTime(_ time: UInt32) {
        put(" ")
        if time >= 1_000_000 {
            putTenths(time, of: 1_000_000)
            put("s")
        } else if time >= 1000 {
            putTenths(time, of: 1000)
            put("ms")
        } else {
            put(time)
            put("us")
        }
    }

    /// `time / unit` with one digit behind the point, halves to even, as `%.1f` rounds.
    private mutating func putTenths(_ time: UInt32, of unit: UInt64) {
        let scaled = UInt64(time) * 10
        var tenths = scaled / unit
        let rest = scaled % unit * 2
        if rest > unit || (rest == unit && tenths & 1 == 1) { tenths += 1 }
        put(tenths / 10)
        put(".")
        put(tenths % 10)
    }
}
