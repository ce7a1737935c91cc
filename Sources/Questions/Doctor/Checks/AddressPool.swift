internal import Annotations
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A pool has fewer blocks than there are nodes, or no free address.
/// Source: libcalico-go/lib/ipam/ipam_errors.go (noFreeBlocksError); guides of operators.
let addressPool = DoctorCheck(
    "address-pool", "a pool of Calico's that is used up, or has too few blocks for the nodes", needs: [.objects]
) { patient in
    patient.smallPools + patient.fullPools + patient.leakedAddresses
}

extension Patient {
    private var livePools: [IPPool] { cluster.pools.filter { !$0.isDisabled && $0.range.address.version == .v4 } }

    /// Whether a pool's blocks may go to any node.
    private func isForAllNodes(_ pool: IPPool) -> Bool { pool.nodeSelector.isEmpty || pool.nodeSelector == "all()" }

    private func blockCount(_ pool: IPPool) -> Int {
        guard pool.blockLength >= pool.range.length, pool.blockLength <= 32 else { return 1 }
        return 1 << Int(pool.blockLength - pool.range.length)
    }

    private static let enlarge =
        "add a pool (calicoctl create -f, another cidr), or make one with smaller blocks (blockSize 28 has 16 addresses) and move pods there: the size of a pool's blocks can't be changed"

    fileprivate var smallPools: [DoctorFinding] {
        let pools = livePools
        let count = nodeNames.count
        guard let pool = pools.first, count > 0, pools.allSatisfy(isForAllNodes) else { return [] }
        let blocks = pools.reduce(0) { $0 + blockCount($1) }
        guard blocks <= count else { return [] }
        let text = pools.count == 1 ? "the pool \(pool.name) (\(pool.range))" : "\(pools.count) pools together"
        let size = 1 << Int(32 - min(pool.blockLength, 32))
        var finding = DoctorFinding(
            blocks < count ? .problem : .risk,
            "\(text) \(pools.count == 1 ? "has" : "have") \(blocks) \(blocks == 1 ? "block" : "blocks") of \(size) addresses, and there are \(count) nodes",
            evidence: pools.prefix(3).map { DoctorFinding.Evidence($0.place) }
                + cluster.nodes.prefix(1).map { DoctorFinding.Evidence($0.place, "the first of \(count) nodes") },
            remedies: [Self.enlarge])
        finding.traffic =
            blocks < count
            ? "pods of nodes without a block: they get addresses of other nodes' blocks, or none, and the tunnel has no address"
            : "pods of the next node that joins, and of nodes that need a second block"
        return [finding]
    }

    fileprivate var fullPools: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for usage in cluster.addressUsage ?? [] where usage.kind == .pool && usage.total > 0 {
            guard usage.free == 0 || usage.used >= usage.total / 10 * 9 + usage.total % 10 * 9 / 10 else { continue }
            guard usage.range.address.version == .v4 else { continue }
            var finding = DoctorFinding(
                usage.free == 0 ? .problem : .risk,
                usage.free == 0
                    ? "the pool \(usage.range) has no free address"
                    : "the pool \(usage.range) has \(usage.free) of \(usage.total) addresses left",
                evidence: [DoctorFinding.Evidence(usage.place)],
                remedies: [
                    "look for addresses that no pod has any more (calicoctl ipam check --show-problem-ips), and release them",
                    Self.enlarge,
                ])
            finding.traffic = "new pods: they stay in ContainerCreating"
            findings.append(finding)
        }
        for pool in livePools where findings.isEmpty && isForAllNodes(pool) {
            let blocks = claimedBlocks(pool)
            guard blocks.count >= blockCount(pool), blockCount(pool) > 0 else { continue }
            let without = nodeNames.filter { node in !blocks.contains { $0.node == node } }
            let hasOther = livePools.contains { $0.range != pool.range && claimedBlocks($0).count < blockCount($0) }
            guard !hasOther else { continue }
            var finding = DoctorFinding(
                without.isEmpty ? .risk : .problem,
                "all \(blocks.count) blocks of the pool \(pool.name) are taken"
                    + (without.isEmpty ? "" : ", and \(list(without)) \(without.count == 1 ? "has" : "have") none"),
                evidence: [DoctorFinding.Evidence(pool.place)]
                    + blocks.prefix(2).map { DoctorFinding.Evidence($0.place, "node \($0.node)") },
                remedies: [Self.enlarge])
            finding.traffic =
                "new pods where a node's own blocks are full: their addresses are borrowed, or there is none"
            findings.append(finding)
        }
        return findings
    }

    /// Addresses of blocks whose pods are gone.
    fileprivate var leakedAddresses: [DoctorFinding] {
        guard lists("Pod") else { return [] }
        var leaked: [(text: String, block: IPAMBlock)] = []
        let pods = Set(cluster.pods.map { "\($0.namespace)/\($0.name)" })
        for block in cluster.addressBlocks {
            for owner in block.owners where !owner.pod.isEmpty {
                guard !pods.contains("\(owner.namespace)/\(owner.pod)") else { continue }
                leaked.append(("\(owner.address) (\(owner.namespace)/\(owner.pod))", block))
            }
        }
        guard !leaked.isEmpty else { return [] }
        var blocks: [IPAMBlock] = []
        for (_, block) in leaked where !blocks.contains(block) { blocks.append(block) }
        var finding = DoctorFinding(
            .note,
            "\(leaked.count) \(leaked.count == 1 ? "address is" : "addresses are") taken for pods that are gone: \(list(leaked.map({ $0.text })))",
            evidence: blocks.prefix(3).map { DoctorFinding.Evidence($0.place) },
            remedies: [
                "make sure that no pod has it, then: calicoctl ipam release --ip=ADDRESS (calicoctl ipam check finds all)"
            ])
        finding.doubts = ["whether pods and blocks were saved at the same time"]
        return [finding]
    }

    /// Blocks of a pool that are a node's, as objects or `ipam show` tell.
    private func claimedBlocks(_ pool: IPPool) -> [IPAMBlock] {
        cluster.addressBlocks.filter { pool.range.contains($0.range.address) && !$0.node.isEmpty }
    }
}
