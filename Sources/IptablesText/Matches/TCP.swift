internal import NetTypes
internal import RuleModel

private let tcpFlags: Keywords<TCPFlags> = [
    ("FIN", .fin), ("SYN", .syn), ("RST", .rst), ("PSH", .psh), ("ACK", .ack), ("URG", .urg),
]

extension RuleReader {
    /// `-m tcp`
    mutating func readTCP() throws(RuleFailure) -> Match {
        var match = TCPMatch()
        var seen: TCPMatch.Inversion = []
        while try beginOption() {
            let part: TCPMatch.Inversion
            if takes("--dport", "--destination-port") {
                part = .destinationPorts
                match.destinationPorts = try ports()
            } else if takes("--sport", "--source-port") {
                part = .sourcePorts
                match.sourcePorts = try ports()
            } else if takes("--syn") {
                part = .flags
                match.flagsMask = [.syn, .rst, .ack, .fin]
                match.flagsValue = .syn
            } else if takes("--tcp-flags") {
                part = .flags
                match.flagsMask = try flags()
                match.flagsValue = try flags()
            } else if takes("--tcp-option") {
                part = .option
                match.option = try number()
            } else {
                break
            }
            guard !seen.contains(part) else { throw optionFailure(.repeatedOption) }
            seen.insert(part)
            if negation() { match.inversion.insert(part) }
        }
        return .tcp(match)
    }

    /// Takes a list of flags, `ALL` or `NONE`.
    private mutating func flags() throws(RuleFailure) -> TCPFlags {
        let range = try value()
        var flags: TCPFlags = []
        for part in list(range) ?? [] {
            if equals(anyCase: part, "ALL") {
                flags.formUnion([.fin, .syn, .rst, .psh, .ack, .urg])
            } else if let flag = find(anyCase: part, in: tcpFlags) {
                flags.insert(flag)
            } else if !equals(anyCase: part, "NONE") {
                throw bad(.value, "a list of TCP flags")
            }
        }
        guard !range.isEmpty else { throw bad(.value, "a list of TCP flags") }
        return flags
    }
}

extension RuleWriter {
    mutating func writeTCP(_ match: TCPMatch) {
        writePorts("--sport", match.sourcePorts, isNegated: match.inversion.contains(.sourcePorts))
        writePorts("--dport", match.destinationPorts, isNegated: match.inversion.contains(.destinationPorts))
        if match.option != 0 || match.inversion.contains(.option) {
            option("--tcp-option", match.option, isNegated: match.inversion.contains(.option))
        }
        if !match.flagsMask.isEmpty || match.inversion.contains(.flags) {
            option("--tcp-flags", isNegated: match.inversion.contains(.flags))
            putFlags(match.flagsMask)
            putFlags(match.flagsValue)
        }
    }

    private mutating func putFlags(_ flags: TCPFlags) {
        if flags.isEmpty { put(" NONE") } else { put(flags, from: tcpFlags) }
    }
}
