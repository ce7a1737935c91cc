internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m mac`
    mutating func readMAC() throws(RuleFailure) -> Match {
        var source: Negatable<MACAddress>?
        while try beginOption() {
            guard takes("--mac-source") else { break }
            try refuseSecond(source)
            let range = try value()
            guard let address = MACAddress(buffer.span.extracting(range)) else {
                throw bad(.address, "a hardware address")
            }
            source = Negatable(address, isNegated: negation())
        }
        guard let source else { throw missing("--mac-source") }
        return .mac(source)
    }
}

extension RuleWriter {
    mutating func writeMAC(_ source: Negatable<MACAddress>) {
        option("--mac-source", isNegated: source.isNegated)
        put(" ")
        put(source.value.description)
    }
}
