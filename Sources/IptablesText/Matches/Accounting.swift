internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m nfacct`
    mutating func readAccounting() throws(RuleFailure) -> Match {
        var name: Symbol?
        while try beginOption() {
            guard takes("--nfacct-name") else { break }
            try refuseSecond(name)
            name = try symbol()
        }
        guard let name else { throw missing("--nfacct-name") }
        return .accounting(name)
    }
}

extension RuleWriter {
    mutating func writeAccounting(_ match: Symbol) {
        // Two blanks: so iptables-save writes it.
        put(" --nfacct-name  ")
        put(match)
    }
}
