internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m cluster`
    mutating func readCluster() throws(RuleFailure) -> Match {
        var total: UInt32?
        var mask: Negatable<UInt32>?
        var seed: UInt32?
        while try beginOption() {
            if takes("--cluster-total-nodes") {
                try refuseSecond(total)
                total = try number(upTo: 32)
            } else if takes("--cluster-local-node") {
                try refuseSecond(mask)
                let node: UInt32 = try number(upTo: 32)
                guard node > 0 else { throw bad(.number, "a number from 1 to 32") }
                mask = Negatable(1 << (node - 1), isNegated: negation())
            } else if takes("--cluster-local-nodemask") {
                try refuseSecond(mask)
                mask = Negatable(try number(), isNegated: negation())
            } else if takes("--cluster-hash-seed") {
                try refuseSecond(seed)
                seed = try number()
            } else {
                break
            }
        }
        guard let total else { throw missing("--cluster-total-nodes") }
        guard let mask else { throw missing("--cluster-local-node") }
        guard let seed else { throw missing("--cluster-hash-seed") }
        var match = ClusterMatch()
        match.totalNodes = total
        match.localNodeMask = mask
        match.hashSeed = seed
        return .cluster(match)
    }
}

extension RuleWriter {
    mutating func writeCluster(_ match: ClusterMatch) {
        option("--cluster-local-nodemask", isNegated: match.localNodeMask.isNegated)
        put(" ")
        put(hexadecimal: match.localNodeMask.value, digits: 8)
        option("--cluster-total-nodes", match.totalNodes)
        option("--cluster-hash-seed")
        put(" ")
        put(hexadecimal: match.hashSeed, digits: 8)
    }
}
