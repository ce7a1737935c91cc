internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m cpu`
    mutating func readCPU() throws(RuleFailure) -> Match {
        var cpu: Negatable<UInt32>?
        while try beginOption() {
            guard takes("--cpu") else { break }
            try refuseSecond(cpu)
            cpu = Negatable(try number(), isNegated: negation())
        }
        guard let cpu else { throw missing("--cpu") }
        return .cpu(cpu)
    }
}

extension RuleWriter {
    mutating func writeCPU(_ cpu: Negatable<UInt32>) { option("--cpu", cpu.value, isNegated: cpu.isNegated) }
}
