internal import NetTypes
internal import RuleModel
internal import SourceText

private let hashModes: Keywords<ClusterIPTarget.HashMode> = [
    ("sourceip", .sourceIP), ("sourceip-sourceport", .sourceIPSourcePort),
    ("sourceip-sourceport-destport", .sourceIPSourcePortDestinationPort),
]

extension RuleReader {
    /// `-j CLUSTERIP`: every option, or none for a rule that joins what another one has set up.
    mutating func readCLUSTERIPTarget() throws(RuleFailure) -> Target {
        var target = ClusterIPTarget()
        var hashMode: ClusterIPTarget.HashMode?
        var totalNodes: UInt16?
        var localNode: UInt16?
        while try beginOption() {
            if takes("--new") {
                target.isNew = true
            } else if takes("--hashmode") {
                try refuseSecond(hashMode)
                hashMode = try keyword(hashModes, "a hash mode")
            } else if takes("--clustermac") {
                try refuseSecond(target.clusterMAC)
                let range = try value()
                guard let address = MACAddress(buffer.span.extracting(range)) else {
                    throw bad(.address, "a hardware address")
                }
                target.clusterMAC = address
            } else if takes("--total-nodes") {
                try refuseSecond(totalNodes)
                totalNodes = try number()
            } else if takes("--local-node") {
                try refuseSecond(localNode)
                localNode = try number()
            } else if takes("--hash-init") {
                target.hashInit = try number()
            } else {
                break
            }
        }
        if target.isNew {
            guard let hashMode else { throw missing("--hashmode") }
            guard target.clusterMAC != nil else { throw missing("--clustermac") }
            guard let totalNodes else { throw missing("--total-nodes") }
            guard let localNode else { throw missing("--local-node") }
            target.hashMode = hashMode
            target.totalNodes = totalNodes
            target.localNode = localNode
        } else if target != ClusterIPTarget() || hashMode != nil || totalNodes != nil || localNode != nil {
            throw missing("--new")
        }
        return .clusterIP(target)
    }
}

extension RuleWriter {
    mutating func writeClusterIPTarget(_ target: ClusterIPTarget) {
        guard target.isNew else { return }
        option("--new")
        option("--hashmode")
        put(" ")
        put(target.hashMode, in: hashModes)
        if let address = target.clusterMAC {
            option("--clustermac")
            put(" ")
            put(address.description)
        }
        option("--total-nodes", target.totalNodes)
        option("--local-node", target.localNode)
        option("--hash-init", target.hashInit)
    }
}
