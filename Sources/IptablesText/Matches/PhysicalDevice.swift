internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m physdev`
    mutating func readPhysicalDevice() throws(RuleFailure) -> Match {
        var match = PhysicalDeviceMatch()
        while try beginOption() {
            if takes("--physdev-in") {
                try refuseSecond(match.inDevice)
                let isNegated = negation()
                match.inDevice = Negatable(try interface(), isNegated: isNegated)
            } else if takes("--physdev-out") {
                try refuseSecond(match.outDevice)
                let isNegated = negation()
                match.outDevice = Negatable(try interface(), isNegated: isNegated)
            } else if takes("--physdev-is-in") {
                match.isIn = Negatable(true, isNegated: negation())
            } else if takes("--physdev-is-out") {
                match.isOut = Negatable(true, isNegated: negation())
            } else if takes("--physdev-is-bridged") {
                match.isBridged = Negatable(true, isNegated: negation())
            } else {
                break
            }
        }
        guard match != PhysicalDeviceMatch() else { throw missing("--physdev-in") }
        return .physicalDevice(match)
    }
}

extension RuleWriter {
    mutating func writePhysicalDevice(_ match: PhysicalDeviceMatch) {
        if let isIn = match.isIn { option("--physdev-is-in", isNegated: isIn.isNegated) }
        if let device = match.inDevice {
            option("--physdev-in", isNegated: device.isNegated)
            put(" ")
            put(device.value)
        }
        if let isOut = match.isOut { option("--physdev-is-out", isNegated: isOut.isNegated) }
        if let device = match.outDevice {
            option("--physdev-out", isNegated: device.isNegated)
            put(" ")
            put(device.value)
        }
        if let isBridged = match.isBridged { option("--physdev-is-bridged", isNegated: isBridged.isNegated) }
    }
}
