internal import NetTypes
internal import RuleModel

/// Source: iptables 1.8.9, extensions/libxt_TCPOPTSTRIP.c `tcp_optionmap`.
private let tcpOptions: Keywords<UInt8> = [
    ("wscale", 3), ("mss", 2), ("sack-permitted", 4), ("sack", 5), ("timestamp", 8), ("md5", 19),
]

extension RuleReader {
    /// `-j TCPOPTSTRIP`
    mutating func readTCPOPTSTRIPTarget() throws(RuleFailure) -> Target {
        var options: [UInt8] = []
        while try beginOption() {
            guard takes("--strip-options") else { break }
            if !options.isEmpty { throw optionFailure(.repeatedOption) }
            let range = try value()
            for part in list(range) ?? [] {
                guard let option = find(part, in: tcpOptions) ?? readNumber(part), option >= 2,
                    !options.contains(option)
                else { throw bad(.value, "a list of TCP options from 2 to 255") }
                options.append(option)
            }
            guard !options.isEmpty else { throw bad(.value, "a list of TCP options from 2 to 255") }
        }
        return .tcpOptionStrip(options.sorted())
    }
}

extension RuleWriter {
    mutating func writeTCPOptionStripTarget(_ target: [UInt8]) {
        if target.isEmpty { return }
        option("--strip-options")
        var separator: StaticString = " "
        for option in target {
            put(separator)
            put(option)
            separator = ","
        }
    }
}
