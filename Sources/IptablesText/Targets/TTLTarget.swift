internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TTL`
    mutating func readTTLTarget() throws(RuleFailure) -> Target {
        var target: TimeToLiveTarget?
        while try beginOption() {
            let operation: TimeToLiveTarget.Operation
            if takes("--ttl-set") {
                operation = .set
            } else if takes("--ttl-inc") {
                operation = .increase
            } else if takes("--ttl-dec") {
                operation = .decrease
            } else {
                break
            }
            try refuseSecond(target)
            target = TimeToLiveTarget(.v4, operation, try number())
        }
        guard let target else { throw missing("--ttl-set, --ttl-inc or --ttl-dec") }
        return .timeToLive(target)
    }
}

extension RuleWriter {
    mutating func writeTimeToLiveTarget(_ target: TimeToLiveTarget) {
        let isV4 = target.version == .v4
        switch target.operation {
        case .set: option(isV4 ? "--ttl-set" : "--hl-set", target.value)
        case .increase: option(isV4 ? "--ttl-inc" : "--hl-inc", target.value)
        case .decrease: option(isV4 ? "--ttl-dec" : "--hl-dec", target.value)
        }
    }
}
