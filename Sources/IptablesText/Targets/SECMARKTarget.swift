internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j SECMARK`
    mutating func readSECMARKTarget() throws(RuleFailure) -> Target {
        var context: Symbol?
        while try beginOption() {
            guard takes("--selctx") else { break }
            try refuseSecond(context)
            context = try symbol()
        }
        guard let context else { throw missing("--selctx") }
        return .securityMark(context)
    }
}

extension RuleWriter {
    mutating func writeSecurityMarkTarget(_ target: Symbol) {
        option("--selctx")
        put(" ")
        put(target)
    }
}
