internal import NetTypes
internal import RuleModel

/// `IP_VS_CONN_F_*`. Source: include/uapi/linux/ip_vs.h.
private let methods: Keywords<UInt8> = [("GATE", 3), ("IPIP", 2), ("MASQ", 0)]

extension RuleReader {
    /// `-m ipvs`
    mutating func readIPVS() throws(RuleFailure) -> Match {
        var match = IPVSMatch()
        while try beginOption() {
            if takes("--ipvs") {
                try refuseSecond(match.isIPVS)
                match.isIPVS = Negatable(true, isNegated: negation())
            } else if takes("--vproto") {
                try refuseSecond(match.protocol)
                match.protocol = Negatable(ProtocolTest(try protocolTest().number), isNegated: negation())
            } else if takes("--vaddr") {
                try refuseSecond(match.address)
                match.address = Negatable(try addressMask(), isNegated: negation())
            } else if takes("--vport") {
                try refuseSecond(match.port)
                match.port = Negatable(try port(), isNegated: negation())
            } else if takes("--vdir") {
                try refuseSecond(match.direction)
                match.direction = try connectionDirection()
            } else if takes("--vmethod") {
                try refuseSecond(match.method)
                match.method = Negatable(try ipvsMethod(), isNegated: negation())
            } else if takes("--vportctl") {
                try refuseSecond(match.controlPort)
                match.controlPort = Negatable(try port(), isNegated: negation())
            } else {
                break
            }
        }
        guard match != IPVSMatch() else { throw missing("--ipvs or another of its options") }
        return .ipvs(match)
    }

    private mutating func ipvsMethod() throws(RuleFailure) -> UInt8 {
        let range = try value()
        guard let method = find(anyCase: range, in: methods) else { throw bad(.value, "GATE, IPIP or MASQ") }
        return method
    }

    /// Takes one port, or the name of a service.
    mutating func port() throws(RuleFailure) -> UInt16 {
        let range = try value()
        guard let port = readPort(range) else { throw bad(.port, "a port") }
        return port
    }
}

extension RuleWriter {
    mutating func writeIPVS(_ match: IPVSMatch) {
        // iptables leaves `--ipvs` out beside other options, which ask for it anyway; `! --ipvs` can't stand there.
        var alone = IPVSMatch()
        alone.isIPVS = match.isIPVS
        if let isIPVS = match.isIPVS, match == alone || isIPVS.isNegated {
            option("--ipvs", isNegated: isIPVS.isNegated)
        }
        if let test = match.protocol {
            option("--vproto", test.value.number.rawValue, isNegated: test.isNegated)
        }
        writeShort("--vaddr", match.address)
        if let port = match.port { option("--vport", port.value, isNegated: port.isNegated) }
        switch match.direction {
        case .original: put(" --vdir ORIGINAL")
        case .reply: put(" --vdir REPLY")
        case nil: break
        }
        if let method = match.method {
            option("--vmethod", isNegated: method.isNegated)
            put(" ")
            put(method.value, in: methods)
        }
        if let port = match.controlPort { option("--vportctl", port.value, isNegated: port.isNegated) }
    }
}
