internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m bpf`
    mutating func readBPF() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeBPF(_ match: BPFMatch) {
    }
}
