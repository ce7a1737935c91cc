internal import NetTypes
internal import RuleModel

private let auditTypes: Keywords<AuditType> = [("accept", .accept), ("drop", .drop), ("reject", .reject)]

extension RuleReader {
    /// `-j AUDIT`
    mutating func readAUDITTarget() throws(RuleFailure) -> Target {
        var type: AuditType?
        while try beginOption() {
            guard takes("--type") else { break }
            try refuseSecond(type)
            let range = try value()
            guard let found = find(anyCase: range, in: auditTypes) else {
                throw bad(.value, "one of accept, drop and reject")
            }
            type = found
        }
        guard let type else { throw missing("--type") }
        return .audit(type)
    }
}

extension RuleWriter {
    mutating func writeAuditTarget(_ target: AuditType) {
        option("--type")
        put(" ")
        put(target, in: auditTypes)
    }
}
