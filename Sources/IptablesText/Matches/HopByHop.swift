internal import RuleModel

extension RuleReader {
    /// `-m hbh`
    mutating func readHopByHop() throws(RuleFailure) -> Match {
        .hopByHop(try readIPv6Options(length: "--hbh-len", options: "--hbh-opts"))
    }
}

extension RuleWriter {
    mutating func writeHopByHop(_ match: IPv6OptionsMatch) {
        writeIPv6Options(match, length: "--hbh-len", options: "--hbh-opts")
    }
}
