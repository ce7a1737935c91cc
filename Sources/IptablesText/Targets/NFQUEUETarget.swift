internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j NFQUEUE`
    mutating func readNFQUEUETarget() throws(RuleFailure) -> Target {
        var target = NFQueueTarget()
        var hasQueue = false
        while try beginOption() {
            if takes("--queue-num") {
                if hasQueue { throw optionFailure(.repeatedOption) }
                hasQueue = true
                target.queue = try number()
            } else if takes("--queue-balance") {
                if hasQueue { throw optionFailure(.repeatedOption) }
                hasQueue = true
                let queues: NumberRange<UInt16> = try numberRange(upTo: .max - 1)
                guard queues.first < queues.last else { throw bad(.number, "two queues, the lower one first") }
                target.queue = queues.first
                target.count = queues.last - queues.first + 1
            } else if takes("--queue-bypass") {
                target.bypass = true
            } else if takes("--queue-cpu-fanout") {
                target.cpuFanout = true
            } else {
                break
            }
        }
        if target.cpuFanout, target.count == 1 { throw missing("--queue-balance") }
        return .nfQueue(target)
    }
}

extension RuleWriter {
    mutating func writeNFQueueTarget(_ target: NFQueueTarget) {
        if target.count > 1 {
            option("--queue-balance", target.queue)
            put(":")
            put(Int(target.queue) + Int(target.count) - 1)
        } else {
            option("--queue-num", target.queue)
        }
        if target.bypass { option("--queue-bypass") }
        if target.cpuFanout { option("--queue-cpu-fanout") }
    }
}
