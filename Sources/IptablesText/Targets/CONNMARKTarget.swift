internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CONNMARK`: `--set-mark`, `--and-mark`, `--or-mark` and `--xor-mark` are ways to say `--set-xmark`.
    mutating func readCONNMARKTarget() throws(RuleFailure) -> Target {
        var target = ConnectionMarkTarget()
        var operation: ConnectionMarkTarget.Operation?
        var connectionMask: UInt32?
        var packetMask: UInt32?
        var shift: Int8?
        while try beginOption() {
            if takes("--save-mark") {
                try refuseSecond(operation)
                operation = .save
            } else if takes("--restore-mark") {
                try refuseSecond(operation)
                operation = .restore
            } else if takes("--ctmask") {
                try refuseSecond(connectionMask)
                connectionMask = try number()
            } else if takes("--nfmask") {
                try refuseSecond(packetMask)
                packetMask = try number()
            } else if takes("--mask") {
                try refuseSecond(connectionMask ?? packetMask)
                let mask: UInt32 = try number()
                connectionMask = mask
                packetMask = mask
            } else if takes("--left-shift-mark") {
                try refuseSecond(shift)
                shift = try number(upTo: 31)
            } else if takes("--right-shift-mark") {
                try refuseSecond(shift)
                shift = -(try number(Int8.self, upTo: 31))
            } else if let word = try takeMarkOperation() {
                try refuseSecond(operation)
                operation = .set
                target.value = word.value
                target.connectionMask = word.mask
            } else {
                break
            }
        }
        guard let operation else { throw missing("--set-xmark, --save-mark or --restore-mark") }
        target.operation = operation
        target.shift = shift ?? 0
        if operation == .set {
            guard connectionMask == nil, packetMask == nil else { throw missing("--save-mark or --restore-mark") }
        } else {
            target.connectionMask = connectionMask ?? .max
            target.packetMask = packetMask ?? .max
        }
        return .connectionMark(target)
    }
}

extension RuleWriter {
    mutating func writeConnectionMarkTarget(_ target: ConnectionMarkTarget) {
        switch target.operation {
        case .set: putMark("--set-xmark", MaskedWord(target.value, mask: target.connectionMask))
        case .save: option("--save-mark")
        case .restore: option("--restore-mark")
        }
        if target.operation != .set {
            option("--nfmask")
            put(" ")
            put(hexadecimal: target.packetMask)
            option("--ctmask")
            put(" ")
            put(hexadecimal: target.connectionMask)
        }
        if target.shift > 0 { option("--left-shift-mark", target.shift) }
        if target.shift < 0 { option("--right-shift-mark", target.shift.magnitude) }
    }
}
