internal import NetTypes
internal import RuleModel

private let addressTypes: Keywords<AddressTypes> = [
    ("UNSPEC", .unspecified), ("UNICAST", .unicast), ("LOCAL", .local), ("BROADCAST", .broadcast),
    ("ANYCAST", .anycast), ("MULTICAST", .multicast), ("BLACKHOLE", .blackhole), ("UNREACHABLE", .unreachable),
    ("PROHIBIT", .prohibit), ("THROW", .throw), ("NAT", .nat), ("XRESOLVE", .xresolve),
]

extension RuleReader {
    /// `-m addrtype`
    mutating func readAddressType() throws(RuleFailure) -> Match {
        var match = AddressTypeMatch()
        while try beginOption() {
            if takes("--src-type") {
                try refuseSecond(match.source)
                match.source = Negatable(
                    try keywordSet(addressTypes, "a list of address types"), isNegated: negation())
            } else if takes("--dst-type") {
                try refuseSecond(match.destination)
                match.destination = Negatable(
                    try keywordSet(addressTypes, "a list of address types"), isNegated: negation())
            } else if takes("--limit-iface-in") {
                match.limitsToInInterface = true
            } else if takes("--limit-iface-out") {
                match.limitsToOutInterface = true
            } else {
                break
            }
        }
        guard match.source != nil || match.destination != nil else { throw missing("--src-type or --dst-type") }
        return .addressType(match)
    }
}

extension RuleWriter {
    mutating func writeAddressType(_ match: AddressTypeMatch) {
        if let types = match.source {
            option("--src-type", isNegated: types.isNegated)
            put(types.value, from: addressTypes)
        }
        if let types = match.destination {
            option("--dst-type", isNegated: types.isNegated)
            put(types.value, from: addressTypes)
        }
        if match.limitsToInInterface { option("--limit-iface-in") }
        if match.limitsToOutInterface { option("--limit-iface-out") }
    }
}
