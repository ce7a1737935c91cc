internal import NetTypes
internal import RuleModel
internal import SourceText

/// Bits per second for each suffix, in capitals or not.
/// Source: iptables 1.8.9, extensions/libxt_rateest.c `suffixes`.
private let rateUnits: Keywords<UInt64> = [
    ("bit", 1), ("kibit", 1 << 10), ("kbit", 1000), ("mibit", 1 << 20), ("mbit", 1_000_000), ("gibit", 1 << 30),
    ("gbit", 1_000_000_000), ("tibit", 1 << 40), ("tbit", 1_000_000_000_000), ("bps", 8), ("kibps", 8 << 10),
    ("kbps", 8000), ("mibps", 8 << 20), ("mbps", 8_000_000), ("gibps", 8 << 30), ("gbps", 8_000_000_000),
    ("tibps", 8 << 40), ("tbps", 8_000_000_000_000),
]

extension RuleReader {
    /// `-m rateest`
    mutating func readRateEstimate() throws(RuleFailure) -> Match {
        var match = RateEstimateMatch()
        var name1: Symbol?
        var name2: Symbol?
        var comparison: Negatable<RateEstimateMatch.Comparison>?
        while try beginOption() {
            if takes("--rateest1", "--rateest") {
                try refuseSecond(name1)
                name1 = try symbol()
            } else if takes("--rateest2") {
                try refuseSecond(name2)
                name2 = try symbol()
            } else if takes("--rateest-delta") {
                match.isDelta = true
            } else if takes("--rateest-bps1") {
                match.comparesBits = true
                match.bytesPerSecond1 = try optionalRate() ?? match.bytesPerSecond1
            } else if takes("--rateest-bps2", "--rateest-bps") {
                match.comparesBits = true
                match.bytesPerSecond2 = try optionalRate() ?? match.bytesPerSecond2
            } else if takes("--rateest-pps1") {
                match.comparesPackets = true
                if hasValue { match.packetsPerSecond1 = try number() }
            } else if takes("--rateest-pps2", "--rateest-pps") {
                match.comparesPackets = true
                if hasValue { match.packetsPerSecond2 = try number() }
            } else if let next = takeRateComparison() {
                // Comparing bits and packets, iptables-save writes the one comparison twice.
                let test = Negatable(next, isNegated: negation())
                if let comparison, comparison != test { throw optionFailure(.repeatedOption) }
                comparison = test
            } else {
                break
            }
        }
        guard let name1 else { throw missing("--rateest1") }
        guard let comparison else { throw missing("--rateest-lt, --rateest-gt or --rateest-eq") }
        match.name1 = name1
        match.name2 = name2 ?? .empty
        match.isRelative = name2 != nil
        match.comparison = comparison
        return .rateEstimate(match)
    }

    private mutating func takeRateComparison() -> RateEstimateMatch.Comparison? {
        if takes("--rateest-lt") { return .less }
        if takes("--rateest-gt") { return .greater }
        if takes("--rateest-eq") { return .equal }
        return nil
    }

    /// Takes `5mbit`, where the next word is no option, as bytes per second; a bare number is bits.
    private mutating func optionalRate() throws(RuleFailure) -> UInt32? {
        guard hasValue else { return nil }
        let range = try value()
        let unitStart = endOfDecimal(range)
        let unit = unitStart == range.upperBound ? 1 : find(anyCase: unitStart..<range.upperBound, in: rateUnits)
        guard let unit, let bits = scaledDecimal(range.lowerBound..<unitStart, by: unit),
            let rate = UInt32(exactly: bits / 8)
        else { throw bad(.number, "a rate such as 5mbit") }
        return rate
    }

    /// Where the digits and the point that `range` begins with end.
    func endOfDecimal(_ range: Range<Int>) -> Int {
        var end = range.lowerBound
        while end < range.upperBound,
            buffer[end] >= UInt8(ascii: "0") && buffer[end] <= UInt8(ascii: "9")
                || buffer[end] == UInt8(ascii: ".")
        {
            end += 1
        }
        return end
    }

    /// The number `12.5` in `range` times `unit`, without what is below one.
    func scaledDecimal(_ range: Range<Int>, by unit: UInt64) -> UInt64? {
        let point = firstIndex(of: UInt8(ascii: "."), in: range) ?? range.upperBound
        guard let whole = decimal(buffer.span.extracting(range.lowerBound..<point)) else { return nil }
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        guard point + 1 < range.upperBound else { return scaled }
        // Three digits after the point are more than these tools write; six keep the product below 2^63.
        let digits = point + 1..<min(range.upperBound, point + 7)
        guard
            let fraction = decimal(buffer.span.extracting(point + 1..<range.upperBound)) != nil
                ? decimal(buffer.span.extracting(digits)) : nil
        else { return nil }
        var scale: UInt64 = 1
        for _ in digits { scale *= 10 }
        let (sum, carry) = scaled.addingReportingOverflow(fraction * (unit / scale) + fraction * (unit % scale) / scale)
        return carry ? nil : sum
    }
}

extension RuleWriter {
    mutating func writeRateEstimate(_ match: RateEstimateMatch) {
        if match.isDelta { option("--rateest-delta") }
        option(match.isRelative ? "--rateest1" : "--rateest")
        put(" ")
        put(match.name1)
        if match.comparesBits {
            if match.isDelta {
                option("--rateest-bps1")
                putRate(match.bytesPerSecond1)
            }
            writeRateComparison(match.comparison)
            option(match.isDelta ? "--rateest-bps2" : "--rateest-bps")
            if match.isDelta || !match.isRelative { putRate(match.bytesPerSecond2) }
        }
        if match.comparesPackets {
            if match.isDelta { option("--rateest-pps1", match.packetsPerSecond1) }
            writeRateComparison(match.comparison)
            option(match.isDelta ? "--rateest-pps2" : "--rateest-pps")
            if match.isDelta || !match.isRelative {
                put(" ")
                put(match.packetsPerSecond2)
            }
        }
        if match.isRelative {
            option("--rateest2")
            put(" ")
            put(match.name2)
        }
    }

    private mutating func writeRateComparison(_ comparison: Negatable<RateEstimateMatch.Comparison>) {
        let name: StaticString =
            switch comparison.value {
            case .equal: "--rateest-eq"
            case .less: "--rateest-lt"
            case .greater: "--rateest-gt"
            }
        option(name, isNegated: comparison.isNegated)
    }

    /// Source: iptables 1.8.9, extensions/libxt_rateest.c `rateest_print_rate`.
    private mutating func putRate(_ bytesPerSecond: UInt32) {
        let bits = UInt64(bytesPerSecond) * 8
        put(" ")
        if bits >= 1_000_000_000 {
            put(rounded(bits, by: 1_000_000))
            put("Mbit")
        } else if bits >= 1_000_000 {
            put(rounded(bits, by: 1000))
            put("Kbit")
        } else {
            put(bits)
            put("bit")
        }
    }

    /// `value / unit`, rounded to the nearest and halves to even, as `%.0f` does.
    private func rounded(_ value: UInt64, by unit: UInt64) -> UInt64 {
        let whole = value / unit
        let rest = value % unit * 2
        return rest > unit || (rest == unit && whole & 1 == 1) ? whole + 1 : whole
    }
}
