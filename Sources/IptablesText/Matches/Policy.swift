internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m policy`
    mutating func readPolicy() throws(RuleFailure) -> Match {
        var match = PolicyMatch()
        var hasDirection = false
        var element = PolicyMatch.Element()
        while try beginOption() {
            if takes("--dir") {
                match.isOut = try keyword([("in", false), ("out", true)], "'in' or 'out'")
                hasDirection = true
            } else if takes("--pol") {
                match.wantsIPsec = try keyword([("ipsec", true), ("none", false)], "'ipsec' or 'none'")
            } else if takes("--strict") {
                match.isStrict = true
            } else if takes("--next") {
                match.elements.append(element)
                // Source: include/uapi/linux/netfilter/xt_policy.h `XT_POLICY_MAX_ELEM` = 4.
                guard match.elements.count < 4 else { throw optionFailure(.repeatedOption) }
                element = PolicyMatch.Element()
            } else if try !takePolicyElement(&element) {
                break
            }
        }
        guard hasDirection else { throw missing("--dir") }
        // As the kernel holds it: without `--pol` it is `ipsec`, and that has one element, if an empty one.
        let wantsIPsec = match.wantsIPsec ?? true
        match.wantsIPsec = wantsIPsec
        if wantsIPsec {
            match.elements.append(element)
        } else if element != PolicyMatch.Element() || !match.elements.isEmpty || match.isStrict {
            throw missing("--pol ipsec")
        }
        return .policy(match)
    }

    private mutating func takePolicyElement(_ element: inout PolicyMatch.Element) throws(RuleFailure) -> Bool {
        if takes("--reqid") {
            try refuseSecond(element.requestID)
            let isNegated = negation()
            element.requestID = Negatable(try number(), isNegated: isNegated)
        } else if takes("--spi") {
            try refuseSecond(element.spi)
            let isNegated = negation()
            element.spi = Negatable(try number(), isNegated: isNegated)
        } else if takes("--proto") {
            try refuseSecond(element.protocol)
            let isNegated = negation()
            let test = try protocolTest()
            guard test.number == .esp || test.number == .ah || test.number == .ipcomp else {
                throw bad(.value, "one of ah, esp and ipcomp")
            }
            // Always written by name.
            element.protocol = Negatable(ProtocolTest(test.number), isNegated: isNegated)
        } else if takes("--mode") {
            try refuseSecond(element.isTunnel)
            let isNegated = negation()
            let isTunnel = try keyword([("transport", false), ("tunnel", true)], "'transport' or 'tunnel'")
            element.isTunnel = Negatable(isTunnel, isNegated: isNegated)
        } else if takes("--tunnel-src") {
            try refuseSecond(element.tunnelSource)
            let isNegated = negation()
            element.tunnelSource = Negatable(try addressMask(), isNegated: isNegated)
        } else if takes("--tunnel-dst") {
            try refuseSecond(element.tunnelDestination)
            let isNegated = negation()
            element.tunnelDestination = Negatable(try addressMask(), isNegated: isNegated)
        } else {
            return false
        }
        return true
    }
}

extension RuleWriter {
    mutating func writePolicy(_ match: PolicyMatch) {
        option("--dir")
        put(match.isOut ? " out" : " in")
        option("--pol")
        put(match.wantsIPsec == false ? " none" : " ipsec")
        if match.isStrict { option("--strict") }
        var isFirst = true
        for element in match.elements {
            if !isFirst { option("--next") }
            isFirst = false
            writePolicyElement(element)
        }
    }

    private mutating func writePolicyElement(_ element: PolicyMatch.Element) {
        if let id = element.requestID { option("--reqid", id.value, isNegated: id.isNegated) }
        if let spi = element.spi {
            option("--spi", isNegated: spi.isNegated)
            put(" ")
            put(hexadecimal: spi.value)
        }
        if let test = element.protocol {
            option("--proto", isNegated: test.isNegated)
            put(" ")
            put(test.value)
        }
        if let isTunnel = element.isTunnel {
            option("--mode", isNegated: isTunnel.isNegated)
            put(isTunnel.value ? " tunnel" : " transport")
        }
        if let destination = element.tunnelDestination {
            option("--tunnel-dst", isNegated: destination.isNegated)
            put(" ")
            putShort(destination.value)
        }
        if let source = element.tunnelSource {
            option("--tunnel-src", isNegated: source.isNegated)
            put(" ")
            putShort(source.value)
        }
    }
}
