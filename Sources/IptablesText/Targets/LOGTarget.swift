internal import NetTypes
internal import RuleModel
internal import SourceText

/// Source: iptables 1.8.9, libxtables/xtoptions.c `xtopt_parse_sysloglevel`.
private let logLevels: Keywords<UInt8> = [
    ("emerg", 0), ("alert", 1), ("crit", 2), ("error", 3), ("warning", 4), ("notice", 5), ("info", 6), ("debug", 7),
    ("panic", 0),
]

private let logOptions: [(name: StaticString, option: LogTarget.Options)] = [
    ("--log-tcp-sequence", .tcpSequence), ("--log-tcp-options", .tcpOptions), ("--log-ip-options", .ipOptions),
    ("--log-uid", .userID), ("--log-macdecode", .mac),
]

extension RuleReader {
    /// `-j LOG`
    mutating func readLOGTarget() throws(RuleFailure) -> Target {
        var target = LogTarget()
        while try beginOption() {
            if takes("--log-prefix") {
                if target.prefix != .empty { throw optionFailure(.repeatedOption) }
                target.prefix = try symbol()
            } else if takes("--log-level") {
                let range = try value()
                guard let level = readNumber(range, upTo: 7) ?? find(anyCase: range, in: logLevels) else {
                    throw bad(.value, "a level from 0 to 7 or its name")
                }
                target.level = level
            } else if !takeLogOption(&target) {
                break
            }
        }
        return .log(target)
    }

    private mutating func takeLogOption(_ target: inout LogTarget) -> Bool {
        for option in logOptions where takes(option.name) {
            target.options.insert(option.option)
            return true
        }
        return false
    }
}

extension RuleWriter {
    mutating func writeLogTarget(_ target: LogTarget) {
        if target.prefix != .empty {
            option("--log-prefix")
            quoted(target.prefix)
        }
        if target.level != 4 { option("--log-level", target.level) }
        for option in logOptions where target.options.contains(option.option) { self.option(option.name) }
    }
}
