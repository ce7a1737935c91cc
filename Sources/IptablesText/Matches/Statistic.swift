internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m statistic`
    mutating func readStatistic() throws(RuleFailure) -> Match {
        var isRandom: Bool?
        var probability: UInt32?
        var every: UInt32?
        var packet: UInt32?
        var isNegated = false
        while try beginOption() {
            if takes("--mode") {
                try refuseSecond(isRandom)
                isRandom = try keyword([("random", true), ("nth", false)], "'random' or 'nth'")
            } else if takes("--probability") {
                try refuseSecond(probability)
                if negation() { isNegated = true }
                let range = try value()
                guard let share = readProbability(range) else { throw bad(.number, "a probability from 0 to 1") }
                probability = share
            } else if takes("--every") {
                try refuseSecond(every)
                if negation() { isNegated = true }
                every = try number()
                guard every != 0 else { throw bad(.number, "a number from 1") }
            } else if takes("--packet") {
                try refuseSecond(packet)
                if negation() { isNegated = true }
                packet = try number()
                if let every, let packet, packet >= every { throw bad(.number, "a number below that of --every") }
            } else {
                break
            }
        }
        guard let isRandom else { throw missing("--mode") }
        if isRandom {
            guard let probability else { throw missing("--probability") }
            return .statistic(.random(Negatable(probability, isNegated: isNegated)))
        }
        guard let every else { throw missing("--every") }
        // Older versions leave `--packet 0` away.
        return .statistic(.nth(every: every, packet: packet ?? 0, isNegated: isNegated))
    }

    /// A decimal fraction from 0 to 1 as the nearest multiple of 2^-31, as `lround(0x80000000 * p)` makes it.
    private func readProbability(_ range: Range<Int>) -> UInt32? {
        var fraction: UInt64 = 0
        var scale: UInt64 = 1
        var hasPoint = false
        guard range.count > 0 else { return nil }
        for position in range {
            let byte = buffer[position]
            if byte == UInt8(ascii: "."), !hasPoint, range.count > 1 {
                hasPoint = true
                continue
            }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            // 18 digits behind the point are finer than 2^-59.
            if scale >= 1_000_000_000_000_000_000 { continue }
            fraction = fraction * 10 + UInt64(byte - UInt8(ascii: "0"))
            if hasPoint { scale *= 10 }
            guard fraction <= scale else { return nil }
        }
        var bits = UInt32(fraction / scale)
        var rest = fraction % scale
        for _ in 0..<31 {
            rest *= 2
            bits <<= 1
            if rest >= scale {
                bits |= 1
                rest -= scale
            }
        }
        return rest * 2 >= scale ? bits + 1 : bits
    }
}

extension RuleWriter {
    mutating func writeStatistic(_ match: StatisticMatch) {
        switch match {
        case .random(let share):
            put(" --mode random")
            option("--probability", isNegated: share.isNegated)
            put(" ")
            putProbability(share.value)
        case .nth(let every, let packet, let isNegated):
            put(" --mode nth")
            option("--every", every, isNegated: isNegated)
            option("--packet", packet)
        }
    }

    /// `value / 2^31` with eleven digits, as `%.11f` rounds it.
    private mutating func putProbability(_ value: UInt32) {
        let mask: UInt64 = 0x7fff_ffff
        var rest = UInt64(value) & mask
        var digits: UInt64 = UInt64(value >> 31)
        for _ in 0..<11 {
            rest *= 10
            digits = digits * 10 + rest >> 31
            rest &= mask
        }
        let half: UInt64 = 0x4000_0000
        if rest > half || (rest == half && digits & 1 == 1) { digits += 1 }
        let unit: UInt64 = 100_000_000_000
        put(digits / unit)
        put(".")
        let text = String(digits % unit)
        for _ in 0..<(11 - text.utf8.count) { put("0") }
        put(text)
    }
}
