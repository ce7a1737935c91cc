internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j HL`
    mutating func readHLTarget() throws(RuleFailure) -> Target {
        var target: TimeToLiveTarget?
        while try beginOption() {
            let operation: TimeToLiveTarget.Operation
            if takes("--hl-set") {
                operation = .set
            } else if takes("--hl-inc") {
                operation = .increase
            } else if takes("--hl-dec") {
                operation = .decrease
            } else {
                break
            }
            try refuseSecond(target)
            target = TimeToLiveTarget(.v6, operation, try number())
        }
        guard let target else { throw missing("--hl-set, --hl-inc or --hl-dec") }
        return .timeToLive(target)
    }
}
