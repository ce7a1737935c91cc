internal import NetTypes
internal import RuleModel
internal import SourceText

// Statements that change where a packet goes.
extension Reader {
    mutating func readTranslation() throws(NftFailure) -> NativeTranslation {
        let kind: NativeTranslation.Kind
        switch word {
        case "snat": kind = .snat
        case "dnat": kind = .dnat
        case "masquerade": kind = .masquerade
        default: kind = .redirect
        }
        advance()
        var made = NativeTranslation(kind)
        if kind == .snat || kind == .dnat {
            try readDestination(&made)
        } else if take("to") || isAt(":") {
            _ = take(":")
            made.port = try statementExpression(.internetService, bits: 16)
        }
        try readFlags(&made)
        return made
    }

    private mutating func readDestination(_ made: inout NativeTranslation) throws(NftFailure) {
        made.version = takeVersion()
        var isConcatenation = false
        if take("addr") {
            try expect(".")
            try expect("port")
            isConcatenation = true
        } else if take("prefix") {
            made.isPrefix = true
        } else {
            _ = take("interval")
        }
        _ = take("to")
        if take(":") {
            made.port = try statementExpression(.internetService, bits: 16)
            return
        }
        let type = addressType(made.version)
        let data: NativeSet.Value =
            isConcatenation ? .concatenation([type, .internetService]) : .data(type, bits: type.bits)
        made.address = try statementExpression(type, bits: type.bits, data: data)
        if take(":") { made.port = try statementExpression(.internetService, bits: 16) }
    }

    /// `ip` or `ip6` before what is said of that version.
    private mutating func takeVersion() -> IPVersion? {
        guard isAt("ip") || isAt("ip6") else { return nil }
        switch word(ahead: 1) {
        case "to", "addr", "prefix", "interval": break
        default: return nil
        }
        let version: IPVersion = isAt("ip") ? .v4 : .v6
        advance()
        return version
    }

    /// The type of an address here: of the version that is said, of the table's, or as the text looks.
    private func addressType(_ version: IPVersion?) -> DataType {
        if let version { return version == .v4 ? .ipv4Address : .ipv6Address }
        if family == .ip6 { return .ipv6Address }
        if family == .ip { return .ipv4Address }
        // The first address up to the statement's end, also in a map.
        var index = source.position
        while index < source.tokens.count, source.tokens[index].kind != .newline, source.tokens[index].kind != .end {
            let token = source.tokens[index]
            if token.kind == .word, let address = IPAddress(source.bytes.span.extracting(token.range)),
                address.version == .v6
            {
                return .ipv6Address
            }
            index += 1
        }
        return .ipv4Address
    }

    private mutating func readFlags(_ made: inout NativeTranslation) throws(NftFailure) {
        while true {
            switch word {
            case "random": made.isRandom = true
            case "fully-random": made.isFullyRandom = true
            case "persistent": made.isPersistent = true
            default: return
            }
            advance()
            _ = take(",")
        }
    }

    /// `dup`, `fwd` and `tproxy`.
    mutating func readRedirection() throws(NftFailure) -> NativeStatement {
        let name = word
        advance()
        let version = takeVersion()
        try expect("to")
        switch name {
        case "dup":
            if family == .netdev {
                return .duplicate(address: nil, device: try statementExpression(.interfaceIndex, bits: 128))
            }
            let type = addressType(version)
            let address = try statementExpression(type, bits: type.bits)
            guard take("device") else { return .duplicate(address: address, device: nil) }
            return .duplicate(address: address, device: try statementExpression(.interfaceIndex, bits: 128))
        case "fwd":
            if version == nil {
                return .forward(address: nil, device: try statementExpression(.interfaceIndex, bits: 128), nil)
            }
            let type = addressType(version)
            let address = try statementExpression(type, bits: type.bits)
            try expect("device")
            return .forward(address: address, device: try statementExpression(.interfaceIndex, bits: 128), version)
        default:
            if take(":") {
                return .tproxy(version, address: nil, port: try statementExpression(.internetService, bits: 16))
            }
            let type = addressType(version)
            let address = try statementExpression(type, bits: type.bits)
            let port = take(":") ? try statementExpression(.internetService, bits: 16) : nil
            return .tproxy(version, address: address, port: port)
        }
    }

    mutating func readReject() throws(NftFailure) -> NativeReject {
        advance()
        guard take("with") else {
            switch family {
            case .ip: return .icmp(code: 3)
            case .ip6: return .icmpv6(code: 4)
            case .inet, .bridge, .netdev, .arp: return .icmpx(code: 1)
            }
        }
        if take("tcp") {
            try expect("reset")
            return .tcpReset
        }
        let name = word
        let type: DataType
        switch name {
        case "icmp": type = .icmpCode
        case "icmpv6": type = .icmpv6Code
        case "icmpx": type = .icmpxCode
        default: throw unexpected("icmp, icmpv6, icmpx or tcp reset")
        }
        advance()
        _ = take("type")
        let code = UInt8(truncatingIfNeeded: try literal(try basicValue(), type, bits: 8).number ?? 0)
        switch type {
        case .icmpCode: return .icmp(code: code)
        case .icmpv6Code: return .icmpv6(code: code)
        default: return .icmpx(code: code)
        }
    }

    mutating func readQueue() throws(NftFailure) -> NativeQueue {
        advance()
        var made = NativeQueue(.literal(Literal(0, .integer, bits: 16)))
        if take("flags") { try readQueueFlags(&made) }
        if take("to") || take("num") { made.target = try statementExpression(.integer, bits: 16) }
        try readQueueFlags(&made)
        return made
    }

    private mutating func readQueueFlags(_ made: inout NativeQueue) throws(NftFailure) {
        while isAt("bypass") || isAt("fanout") {
            if isAt("bypass") { made.bypass = true } else { made.fanout = true }
            advance()
            _ = take(",")
        }
    }
}
