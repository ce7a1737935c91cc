internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m pkttype`
    mutating func readPacketType() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writePacketType(_ match: Negatable<PacketType>) {
    }
}
