internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j AUDIT`
    mutating func readAUDITTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeAuditTarget(_ target: AuditType) {
    }
}
