internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleWriter {
    /// Writes one match, ` -m` and its module's name first. The writers of the modules lie beside their readers.
    mutating func write(_ match: Match) {
        switch match {
        case .source(let address): writeAddress("-s", address)
        case .destination(let address): writeAddress("-d", address)
        case .sourceV4(let address): writeAddress("-s", address)
        case .destinationV4(let address): writeAddress("-d", address)
        case .inInterface(let interface): writeInterface("-i", interface)
        case .outInterface(let interface): writeInterface("-o", interface)
        case .protocol(let test): writeProtocol(test)
        case .laterFragment(let isNegated): option("-f", isNegated: isNegated)
        case .addressType(let match):
            module(.addrtype)
            writeAddressType(match)
        case .ah(let match):
            module(.ah)
            writeAH(match)
        case .bpf(let match):
            module(.bpf)
            writeBPF(match)
        case .cgroup(let match):
            module(.cgroup)
            writeCgroup(match)
        case .cluster(let match):
            module(.cluster)
            writeCluster(match)
        case .comment(let match):
            module(.comment)
            writeComment(match)
        case .connectionBytes(let match):
            module(.connbytes)
            writeConnectionBytes(match)
        case .connectionLabel(let match):
            module(.connlabel)
            writeConnectionLabel(match)
        case .connectionLimit(let match):
            module(.connlimit)
            writeConnectionLimit(match)
        case .connectionMark(let match):
            module(.connmark)
            writeConnectionMark(match)
        case .conntrack(let match):
            module(.conntrack)
            writeConntrack(match)
        case .cpu(let match):
            module(.cpu)
            writeCPU(match)
        case .dccp(let match):
            module(.dccp)
            writeDCCP(match)
        case .deviceGroup(let match):
            module(.devgroup)
            writeDeviceGroup(match)
        case .dscp(let match):
            module(.dscp)
            writeDSCP(match)
        case .destinationOptions(let match):
            module(.dst)
            writeDestinationOptions(match)
        case .ecn(let match):
            module(.ecn)
            writeECN(match)
        case .esp(let match):
            module(.esp)
            writeESP(match)
        case .eui64: module(.eui64)
        case .frag(let match):
            module(.frag)
            writeFragmentHeader(match)
        case .hashLimit(let match):
            module(.hashlimit)
            writeHashLimit(match)
        case .hopByHop(let match):
            module(.hbh)
            writeHopByHop(match)
        case .helper(let match):
            module(.helper)
            writeHelper(match)
        case .timeToLive(let match):
            module(match.version == .v4 ? .ttl : .hl)
            writeTimeToLive(match)
        case .icmp(let match):
            module(match.version == .v4 ? .icmp : .icmp6)
            writeICMP(match)
        case .ipComp(let match):
            module(.ipcomp)
            writeIPComp(match)
        case .addressRange(let match):
            module(.iprange)
            writeAddressRange(match)
        case .ipv6Header(let match):
            module(.ipv6header)
            writeIPv6Header(match)
        case .ipvs(let match):
            module(.ipvs)
            writeIPVS(match)
        case .length(let match):
            module(.length)
            writeLength(match)
        case .limit(let match):
            module(.limit)
            writeLimit(match)
        case .mac(let match):
            module(.mac)
            writeMAC(match)
        case .mark(let match):
            module(.mark)
            writeMark(match)
        case .mobilityHeader(let match):
            module(.mh)
            writeMobilityHeader(match)
        case .multiport(let match):
            module(.multiport)
            writeMultiport(match)
        case .accounting(let match):
            module(.nfacct)
            writeAccounting(match)
        case .operatingSystem(let match):
            module(.osf)
            writeOperatingSystem(match)
        case .owner(let match):
            module(.owner)
            writeOwner(match)
        case .physicalDevice(let match):
            module(.physdev)
            writePhysicalDevice(match)
        case .packetType(let match):
            module(.pkttype)
            writePacketType(match)
        case .policy(let match):
            module(.policy)
            writePolicy(match)
        case .quota(let match):
            module(.quota)
            writeQuota(match)
        case .rateEstimate(let match):
            module(.rateest)
            writeRateEstimate(match)
        case .realm(let match):
            module(.realm)
            writeRealm(match)
        case .recent(let match):
            module(.recent)
            writeRecent(match)
        case .reversePath(let match):
            module(.rpfilter)
            writeReversePath(match)
        case .routingHeader(let match):
            module(.rt)
            writeRoutingHeader(match)
        case .sctp(let match):
            module(.sctp)
            writeSCTP(match)
        case .set(let match):
            module(.set)
            writeSet(match)
        case .socket(let match):
            module(.socket)
            writeSocket(match)
        case .segmentRouting(let match):
            module(.srh)
            writeSegmentRouting(match)
        case .state(let match):
            module(.state)
            writeState(match)
        case .statistic(let match):
            module(.statistic)
            writeStatistic(match)
        case .string(let match):
            module(.string)
            writeString(match)
        case .tcp(let match):
            module(.tcp)
            writeTCP(match)
        case .tcpMSS(let match):
            module(.tcpmss)
            writeTCPMSS(match)
        case .time(let match):
            module(.time)
            writeTime(match)
        case .tos(let match):
            module(.tos)
            writeTOS(match)
        case .u32(let match):
            module(.u32)
            writeU32(match)
        case .udp(let match):
            module(.udp)
            writeUDP(match)
        case .udplite(let match):
            module(.udplite)
            writeUDPLite(match)
        // In native tables only, which `Nftables` writes.
        case .native: break
        case .unknown(_, let text):
            guard text != .empty else { return }
            put(" ")
            put(text)
        }
    }

    private mutating func module(_ module: MatchModule) {
        put(" -m ")
        put(module.name)
    }
}
