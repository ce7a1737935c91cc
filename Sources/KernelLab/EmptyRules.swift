internal import CNetfilter
internal import Glibc
internal import KernelLink
internal import RuleModel

/// How rules and sets of a namespace go away, without a process.
extension NetlinkSocket {
    /// Removes tables of nf_tables, all of them or none.
    mutating func deleteTables(_ tables: [(family: TableFamily, name: String)]) throws(LabFailure) {
        let requests = tables.map { table in
            var request = NetlinkRequest(
                subsystem: Int(NFNL_SUBSYS_NFTABLES), message: Int(NFT_MSG_DELTABLE.rawValue),
                flags: Int(NLM_F_REQUEST),
                family: table.family.kernelNumber)
            request.put(NFTA_TABLE_NAME.rawValue, text: table.name)
            return request
        }
        try perform(together: requests, "delete of tables")
    }

    /// Removes all ipsets. nf_tables lets go of them a moment after its rules are gone, since it destroys rules in a
    /// worker of its own, which a busy machine lets wait: tried for some seconds.
    mutating func destroySets() throws(LabFailure) {
        // Source: include/uapi/linux/netfilter/ipset/ip_set.h, Linux 6.18: the protocol's version is 7, and without a
        // name a command is for all sets. A list of sets holds its members until it is empty.
        func request(_ command: Int) -> NetlinkRequest {
            var request = NetlinkRequest(
                subsystem: Int(NFNL_SUBSYS_IPSET), message: command, flags: Int(NLM_F_REQUEST),
                family: UInt8(AF_INET))
            request.put(1, [7])
            return request
        }
        let (destroy, flush) = (3, 4)
        for attempt in 0..<5000 {
            do throws(LabFailure) {
                try perform(request(flush), "flush of sets")
                try perform(request(destroy), "destroy of sets")
                return
            } catch {
                // IPSET_ERR_BUSY is a number of ipset's own, above the system's.
                guard error.code >= 4096, attempt < 4999 else { throw error }
            }
            usleep(1000)
        }
    }
}

extension TableFamily {
    /// Source: include/uapi/linux/netfilter.h `NFPROTO_…`.
    var kernelNumber: UInt8 {
        switch self {
        case .inet: 1
        case .ip: 2
        case .arp: 3
        case .netdev: 5
        case .bridge: 7
        case .ip6: 10
        }
    }
}
