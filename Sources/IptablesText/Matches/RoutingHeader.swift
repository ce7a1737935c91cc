internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m rt`
    mutating func readRoutingHeader() throws(RuleFailure) -> Match {
        var match = RoutingHeaderMatch()
        while try beginOption() {
            if takes("--rt-type") {
                try refuseSecond(match.type)
                let isNegated = negation()
                match.type = Negatable(try number(), isNegated: isNegated)
            } else if takes("--rt-segsleft") {
                try refuseSecond(match.segmentsLeft)
                let isNegated = negation()
                match.segmentsLeft = Negatable(try numberRange(), isNegated: isNegated)
            } else if takes("--rt-len") {
                try refuseSecond(match.length)
                let isNegated = negation()
                match.length = Negatable(try number(), isNegated: isNegated)
            } else if takes("--rt-0-res") {
                match.reservedIsZero = true
            } else if takes("--rt-0-addrs") {
                match.addresses = try addressList()
            } else if takes("--rt-0-not-strict") {
                guard !match.addresses.isEmpty else { throw optionFailure(.missingOption("--rt-0-addrs")) }
                match.addressesNotStrict = true
            } else {
                break
            }
        }
        return .routingHeader(match)
    }

    /// Up to 16 addresses. Source: include/uapi/linux/netfilter_ipv6/ip6t_rt.h `IP6T_RT_HOPS`.
    private mutating func addressList() throws(RuleFailure) -> [IPAddress] {
        let range = try value()
        var addresses: [IPAddress] = []
        for part in list(range) ?? [] {
            guard let address = readAddress(part) else { throw bad(.address, "a list of IPv6 addresses") }
            addresses.append(address)
        }
        guard !addresses.isEmpty, addresses.count <= 16 else {
            throw bad(.address, "a list of up to 16 IPv6 addresses")
        }
        return addresses
    }
}

extension RuleWriter {
    mutating func writeRoutingHeader(_ match: RoutingHeaderMatch) {
        if let type = match.type { option("--rt-type", type.value, isNegated: type.isNegated) }
        if let left = match.segmentsLeft, !left.value.isAll || left.isNegated {
            option("--rt-segsleft", isNegated: left.isNegated)
            put(" ")
            put(left.value)
        }
        if let length = match.length { option("--rt-len", length.value, isNegated: length.isNegated) }
        if match.reservedIsZero { option("--rt-0-res") }
        if !match.addresses.isEmpty {
            option("--rt-0-addrs")
            var separator: StaticString = " "
            for address in match.addresses {
                put(separator)
                put(address)
                separator = ","
            }
        }
        if match.addressesNotStrict { option("--rt-0-not-strict") }
    }
}
