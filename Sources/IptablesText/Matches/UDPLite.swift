internal import RuleModel

extension RuleReader {
    /// `-m udplite`
    mutating func readUDPLite() throws(RuleFailure) -> Match { .udplite(try readUDPPorts()) }
}

extension RuleWriter {
    mutating func writeUDPLite(_ match: UDPMatch) { writeUDP(match) }
}
