internal import NetTypes
internal import RuleModel
internal import SourceText

private enum HashedField { case connection, source, destination, sourcePort, destinationPort, `protocol`, spi }

private let hashedFields: Keywords<HashedField> = [
    ("ct", .connection), ("src", .source), ("dst", .destination), ("sport", .sourcePort), ("dport", .destinationPort),
    ("proto", .protocol), ("spi", .spi),
]

extension RuleReader {
    /// `-j HMARK`
    mutating func readHMARKTarget() throws(RuleFailure) -> Target {
        var target = HMarkTarget()
        var modulus: UInt32?
        var random: UInt32?
        while try beginOption() {
            if takes("--hmark-tuple") {
                try readHashedFields(into: &target)
            } else if takes("--hmark-src-prefix") {
                try refuseSecond(target.sourcePrefix)
                target.sourcePrefix = try number(upTo: UInt8(version.addressBits))
            } else if takes("--hmark-dst-prefix") {
                try refuseSecond(target.destinationPrefix)
                target.destinationPrefix = try number(upTo: UInt8(version.addressBits))
            } else if takes("--hmark-proto-mask") {
                try refuseSecond(target.protocolMask)
                target.protocolMask = try number()
            } else if takes("--hmark-rnd") {
                try refuseSecond(random)
                random = try number()
            } else if takes("--hmark-mod") {
                try refuseSecond(modulus)
                modulus = try number()
                guard modulus != 0 else { throw bad(.number, "a number from 1") }
            } else if takes("--hmark-offset") {
                try refuseSecond(target.offset)
                target.offset = try number()
            } else if try !takeHashedPorts(&target) {
                break
            }
        }
        guard let modulus else { throw missing("--hmark-mod") }
        guard let random else { throw missing("--hmark-rnd") }
        target.modulus = modulus
        target.random = random
        return .hmark(target)
    }

    private mutating func takeHashedPorts(_ target: inout HMarkTarget) throws(RuleFailure) -> Bool {
        if takes("--hmark-sport-mask") {
            try refuseSecond(target.sourcePortMask)
            target.sourcePortMask = try number()
        } else if takes("--hmark-dport-mask") {
            try refuseSecond(target.destinationPortMask)
            target.destinationPortMask = try number()
        } else if takes("--hmark-spi-mask") {
            try refuseSecond(target.spiMask)
            target.spiMask = try number()
        } else if takes("--hmark-sport") {
            try refuseSecond(target.sourcePort)
            target.sourcePort = try number()
        } else if takes("--hmark-dport") {
            try refuseSecond(target.destinationPort)
            target.destinationPort = try number()
        } else if takes("--hmark-spi") {
            try refuseSecond(target.spi)
            target.spi = try number()
        } else {
            return false
        }
        return true
    }

    /// Takes `src,dst,sport,…`: each name but `ct` is a mask of all ones.
    private mutating func readHashedFields(into target: inout HMarkTarget) throws(RuleFailure) {
        let range = try value()
        guard let parts = list(range) else { throw bad(.value, "a list of ct, src, dst, sport, dport, proto and spi") }
        for part in parts {
            switch find(anyCase: part, in: hashedFields) {
            case .connection: target.usesConnection = true
            case .source: target.sourcePrefix = UInt8(version.addressBits)
            case .destination: target.destinationPrefix = UInt8(version.addressBits)
            case .sourcePort: target.sourcePortMask = .max
            case .destinationPort: target.destinationPortMask = .max
            case .protocol: target.protocolMask = .max
            case .spi: target.spiMask = .max
            case nil: throw bad(.value, "a list of ct, src, dst, sport, dport, proto and spi")
            }
        }
    }
}

extension RuleWriter {
    mutating func writeHMarkTarget(_ target: HMarkTarget) {
        if let length = target.sourcePrefix { option("--hmark-src-prefix", length) }
        if let length = target.destinationPrefix { option("--hmark-dst-prefix", length) }
        putHashed("--hmark-sport-mask", target.sourcePortMask, digits: 4)
        putHashed("--hmark-dport-mask", target.destinationPortMask, digits: 4)
        putHashed("--hmark-spi-mask", target.spiMask, digits: 8)
        putHashed("--hmark-sport", target.sourcePort, digits: 4)
        putHashed("--hmark-dport", target.destinationPort, digits: 4)
        putHashed("--hmark-spi", target.spi, digits: 8)
        putHashed("--hmark-proto-mask", target.protocolMask, digits: 2)
        putHashed("--hmark-rnd", target.random, digits: 8)
        option("--hmark-mod", target.modulus)
        if let offset = target.offset { option("--hmark-offset", offset) }
        if target.usesConnection { option("--hmark-tuple") }
        if target.usesConnection { put(" ct") }
    }

    private mutating func putHashed<Number: FixedWidthInteger>(_ name: StaticString, _ value: Number?, digits: Int) {
        guard let value else { return }
        option(name)
        put(" ")
        put(hexadecimal: value, digits: digits)
    }
}
