internal import NetTypes
internal import RuleModel
internal import SourceText

private let weekDays: Keywords<UInt8> = [
    ("Mon", 1), ("Tue", 2), ("Wed", 3), ("Thu", 4), ("Fri", 5), ("Sat", 6), ("Sun", 7),
]

extension RuleReader {
    /// `-m time`
    mutating func readTime() throws(RuleFailure) -> Match {
        var match = TimeMatch()
        // Source: iptables 1.8.9, extensions/libxt_time.c `time_init`.
        match.dateStop = UInt32(Int32.max)
        while try beginOption() {
            if takes("--datestart") {
                match.dateStart = try date()
            } else if takes("--datestop") {
                match.dateStop = try date()
            } else if takes("--timestart") {
                match.dayStart = try dayTime()
            } else if takes("--timestop") {
                match.dayStop = try dayTime()
            } else if takes("--contiguous") {
                match.isContiguous = true
            } else if takes("--kerneltz", "--localtz") {
                match.usesKernelTimezone = true
            } else if takes("--utc") {
                continue
            } else if takes("--weekdays") {
                let isNegated = negation()
                let days = try weekDayBits()
                match.weekDays = isNegated ? days ^ 0xfe : days
            } else if takes("--monthdays") {
                let isNegated = negation()
                let days = try monthDayBits()
                match.monthDays = isNegated ? days ^ 0xffff_fffe : days
            } else {
                break
            }
        }
        return .time(match)
    }

    /// Takes `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`, in UTC, as seconds since 1970.
    /// Source: iptables 1.8.9, extensions/libxt_time.c `time_parse_date`.
    private mutating func date() throws(RuleFailure) -> UInt32 {
        let range = try value()
        var fields: [UInt64] = [1970, 1, 1, 0, 0, 0]
        let separators: [UInt8] = [
            UInt8(ascii: "-"), UInt8(ascii: "-"), UInt8(ascii: "T"), UInt8(ascii: ":"), UInt8(ascii: ":"),
        ]
        var start = range.lowerBound
        for field in fields.indices {
            let end =
                field < separators.count
                ? firstIndex(of: separators[field], in: start..<range.upperBound) ?? range.upperBound
                : range.upperBound
            guard let number: UInt64 = readDecimal(start..<end) else { throw badDate }
            fields[field] = number
            if end == range.upperBound {
                guard let seconds = secondsSince1970(fields) else { throw badDate }
                return seconds
            }
            start = end + 1
        }
        throw badDate
    }

    private var badDate: RuleFailure { bad(.value, "a date such as 2024-02-29T12:00:00") }

    private func secondsSince1970(_ fields: [UInt64]) -> UInt32? {
        let (year, month, day) = (fields[0], fields[1], fields[2])
        guard (1970...2106).contains(year), (1...12).contains(month), (1...31).contains(day), fields[3] < 24,
            fields[4] < 60, fields[5] < 60
        else { return nil }
        var days: UInt64 = 0
        for earlier in 1970..<year { days += CalendarDate.days(inYear: earlier) }
        for earlier in 1..<month { days += CalendarDate.days(inMonth: earlier, year) }
        days += day - 1
        return UInt32(exactly: ((days * 24 + fields[3]) * 60 + fields[4]) * 60 + fields[5])
    }

    /// Takes `hh:mm[:ss]` as seconds since midnight.
    private mutating func dayTime() throws(RuleFailure) -> UInt32 {
        let range = try value()
        let parts = list(range, separator: UInt8(ascii: ":")) ?? []
        var fields: [UInt32] = []
        for part in parts {
            guard let field: UInt32 = readDecimal(part), field < (fields.isEmpty ? 24 : 60) else { throw badTime }
            fields.append(field)
        }
        guard fields.count == 2 || fields.count == 3 else { throw badTime }
        return (fields[0] * 60 + fields[1]) * 60 + (fields.count == 3 ? fields[2] : 0)
    }

    private var badTime: RuleFailure { bad(.value, "a time of day such as 08:30") }

    /// A decimal number, where a 0 in front does not make it octal.
    private func readDecimal<Number: FixedWidthInteger>(_ range: Range<Int>) -> Number? {
        guard range.count > 0, range.count <= 10 else { return nil }
        var number: UInt64 = 0
        for position in range {
            guard buffer[position] >= UInt8(ascii: "0"), buffer[position] <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + UInt64(buffer[position] - UInt8(ascii: "0"))
        }
        return Number(exactly: number)
    }

    /// Takes `Mon,Tue` or `1,2`; two letters will do.
    private mutating func weekDayBits() throws(RuleFailure) -> UInt8 {
        let range = try value()
        var bits: UInt8 = 0
        for part in list(range) ?? [] {
            if let number: UInt8 = readDecimal(part), (1...7).contains(number) {
                bits |= 1 << number
                continue
            }
            let count = bits.nonzeroBitCount
            for day in weekDays where part.count >= 2 {
                let isDay = day.name.withUTF8Buffer { name in
                    unsafe name[0] == buffer[part.lowerBound] && name[1] == buffer[part.lowerBound + 1]
                }
                if isDay { bits |= 1 << day.value }
            }
            if bits.nonzeroBitCount == count { throw bad(.value, "a list of days of the week") }
        }
        guard bits != 0 else { throw bad(.value, "a list of days of the week") }
        return bits
    }

    private mutating func monthDayBits() throws(RuleFailure) -> UInt32 {
        let range = try value()
        var bits: UInt32 = 0
        for part in list(range) ?? [] {
            guard let day: UInt32 = readDecimal(part), (1...31).contains(day) else {
                throw bad(.value, "a list of days of the month")
            }
            bits |= 1 << day
        }
        guard bits != 0 else { throw bad(.value, "a list of days of the month") }
        return bits
    }
}

extension RuleWriter {
    mutating func writeTime(_ match: TimeMatch) {
        if match.dayStart != 0 || match.dayStop != 86399 {
            option("--timestart")
            put(" ")
            putDayTime(match.dayStart)
            option("--timestop")
            put(" ")
            putDayTime(match.dayStop)
        }
        if match.monthDays != 0xffff_fffe {
            option("--monthdays")
            var separator: StaticString = " "
            for day: UInt32 in 1...31 where match.monthDays & 1 << day != 0 {
                put(separator)
                put(day)
                separator = ","
            }
        }
        if match.weekDays != 0xfe {
            option("--weekdays")
            var separator: StaticString = " "
            for day in weekDays where match.weekDays & 1 << day.value != 0 {
                put(separator)
                put(day.name)
                separator = ","
            }
        }
        if match.dateStart != 0 { putDate("--datestart", match.dateStart) }
        if match.dateStop != .max { putDate("--datestop", match.dateStop) }
        if match.usesKernelTimezone { option("--kerneltz") }
        if match.isContiguous { option("--contiguous") }
    }

    private mutating func putDayTime(_ seconds: UInt32) {
        put(twoDigits: seconds / 3600)
        put(":")
        put(twoDigits: seconds / 60 % 60)
        put(":")
        put(twoDigits: seconds % 60)
    }

    private mutating func putDate(_ name: StaticString, _ seconds: UInt32) {
        option(name)
        put(" ")
        let date = CalendarDate(day: UInt64(seconds / 86400))
        put(date.year)
        put("-")
        put(twoDigits: UInt32(date.month))
        put("-")
        put(twoDigits: UInt32(date.day))
        put("T")
        putDayTime(seconds % 86400)
    }

    private mutating func put(twoDigits number: UInt32) {
        if number < 10 { put("0") }
        put(number)
    }
}

/// A day of the Gregorian calendar.
private struct CalendarDate {
    var year: UInt64 = 1970
    /// 1…12.
    var month: UInt64 = 1
    /// 1…31.
    var day: UInt64

    /// The day that many days after 1970-01-01.
    init(day days: UInt64) {
        var rest = days
        while rest >= CalendarDate.days(inYear: year) {
            rest -= CalendarDate.days(inYear: year)
            year += 1
        }
        while rest >= CalendarDate.days(inMonth: month, year) {
            rest -= CalendarDate.days(inMonth: month, year)
            month += 1
        }
        day = rest + 1
    }

    static func days(inYear year: UInt64) -> UInt64 { isLeap(year) ? 366 : 365 }

    static func days(inMonth month: UInt64, _ year: UInt64) -> UInt64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func isLeap(_ year: UInt64) -> Bool {
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    }
}
