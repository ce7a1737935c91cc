internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j LED`
    mutating func readLEDTarget() throws(RuleFailure) -> Target {
        var target = LEDTarget()
        var identifier: Symbol?
        while try beginOption() {
            if takes("--led-trigger-id") {
                try refuseSecond(identifier)
                identifier = try symbol()
            } else if takes("--led-delay") {
                let range = try value()
                if equals(anyCase: range, "inf") {
                    target.delay = nil
                } else {
                    guard let delay: UInt32 = readNumber(range) else { throw bad(.number, "milliseconds, or 'inf'") }
                    target.delay = delay
                }
            } else if takes("--led-always-blink") {
                target.alwaysBlinks = true
            } else {
                break
            }
        }
        guard let identifier else { throw missing("--led-trigger-id") }
        target.identifier = identifier
        return .led(target)
    }
}

extension RuleWriter {
    mutating func writeLEDTarget(_ target: LEDTarget) {
        option("--led-trigger-id")
        put(" \"")
        for byte in names.bytes(target.identifier) {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { put("\\") }
            bytes.append(byte)
        }
        put("\"")
        switch target.delay {
        case nil:
            option("--led-delay")
            put(" inf")
        case 0: break
        case let delay?: option("--led-delay", delay)
        }
        if target.alwaysBlinks { option("--led-always-blink") }
    }
}
