internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j NETMAP`
    mutating func readNETMAPTarget() throws(RuleFailure) -> Target {
        var network: AddressMask?
        while try beginOption() {
            guard takes("--to") else { break }
            try refuseSecond(network)
            let given = try addressMask()
            network = AddressMask(given.address, mask: given.mask)
        }
        guard let network else { throw missing("--to") }
        return .netmap(network)
    }
}

extension RuleWriter {
    mutating func writeNetmapTarget(_ target: AddressMask) {
        option("--to")
        put(" ")
        put(target)
    }
}
