internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j NFLOG`
    mutating func readNFLOGTarget() throws(RuleFailure) -> Target {
        var target = NFLogTarget()
        while try beginOption() {
            if takes("--nflog-group") {
                target.group = try number()
            } else if takes("--nflog-prefix") {
                if target.prefix != .empty { throw optionFailure(.repeatedOption) }
                target.prefix = try symbol()
            } else if takes("--nflog-range") {
                try refuseSecond(target.range ?? target.size)
                // 0, the default, is not written.
                let range: UInt32 = try number()
                target.range = range == 0 ? nil : range
            } else if takes("--nflog-size") {
                try refuseSecond(target.range ?? target.size)
                target.size = try number()
            } else if takes("--nflog-threshold") {
                target.threshold = try number()
            } else {
                break
            }
        }
        return .nfLog(target)
    }
}

extension RuleWriter {
    mutating func writeNFLogTarget(_ target: NFLogTarget) {
        if target.prefix != .empty {
            option("--nflog-prefix")
            quoted(target.prefix)
        }
        if target.group != 0 { option("--nflog-group", target.group) }
        if let size = target.size {
            option("--nflog-size", size)
        } else if let range = target.range {
            option("--nflog-range", range)
        }
        if target.threshold != 0 { option("--nflog-threshold", target.threshold) }
    }
}
