internal import RuleModel
internal import SourceText

extension Reader {
    mutating func readLog() throws(NftFailure) -> NativeLog {
        advance()
        var made = NativeLog()
        while true {
            switch word {
            case "prefix":
                advance()
                made.prefix = try quoted("a prefix")
            case "group":
                advance()
                made.group = try number(UInt16.self)
            case "snaplen":
                advance()
                made.snapLength = try number(UInt32.self)
            case "queue-threshold":
                advance()
                made.queueThreshold = try number(UInt16.self)
            case "level":
                advance()
                made.level = try level()
            case "flags":
                advance()
                try readFlags(&made.flags)
            default: return made
            }
        }
    }

    private mutating func level() throws(NftFailure) -> UInt8 {
        var name = word
        if token.kind == .quoted {
            let symbol = try quoted("a level")
            name = names.text(symbol)
        }
        guard let index = logLevels.firstIndex(where: { $0 == name }) else {
            if name == "warning" || name == "error" || name == "panic" {
                throw NftFailure("bad-value", "'\(name)' is no level of nft's", at: place(of: token))
            }
            throw unexpected("a level")
        }
        if token.kind == .word { advance() }
        return UInt8(truncatingIfNeeded: index)
    }

    private mutating func readFlags(_ flags: inout LogTarget.Options) throws(NftFailure) {
        switch word {
        case "tcp":
            advance()
            repeat {
                if take("sequence") {
                    flags.insert(.tcpSequence)
                } else if take("options") {
                    flags.insert(.tcpOptions)
                } else {
                    throw unexpected("'sequence' or 'options'")
                }
            } while take(",")
        case "ip":
            advance()
            try expect("options")
            flags.insert(.ipOptions)
        case "skuid":
            advance()
            flags.insert(.userID)
        case "ether":
            advance()
            flags.insert(.mac)
        case "all":
            advance()
            flags = [.tcpSequence, .tcpOptions, .ipOptions, .userID, .mac]
        default: throw unexpected("a flag of log")
        }
    }
}

/// By number; the last is not one of syslog's.
let logLevels = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"]
