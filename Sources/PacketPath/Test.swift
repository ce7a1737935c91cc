internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether `match`, of `rule`, holds for the packet in `state`. What holding does besides is `applyEffect`'s.
    func test(_ match: Match, in state: WalkState, rule: RuleReference) -> Answer {
        // Lent, not copied.
        test(match, state.packet, state, rule)
    }

    private func test(_ match: Match, _ packet: Packet, _ state: WalkState, _ rule: RuleReference) -> Answer {
        if let verdict = judge(match, packet, rule) { return Answer(verdict == .yes) }
        return switch match {
        case .source(let test): testSource(test, packet)
        case .destination(let test): testDestination(test, packet)
        case .sourceV4(let test): testSource(test, packet)
        case .destinationV4(let test): testDestination(test, packet)
        case .inInterface(let test): testInterface(test, state.context.inInterface, isIn: true)
        case .outInterface(let test): testInterface(test, state.context.outInterface, isIn: false)
        case .protocol(let test): testProtocol(test, packet)
        case .laterFragment(let isNegated): testLaterFragment(isNegated: isNegated, packet)
        case .addressType(let match): testAddressType(match, state)
        case .ah(let match): testAH(match, packet, rule)
        case .bpf(let match): testBPF(match, packet, rule)
        case .cgroup(let match): testCgroup(match, state)
        case .cluster(let match): testCluster(match, state, rule)
        case .comment: .yes
        case .connectionBytes(let match): testConnectionBytes(match, state, rule)
        case .connectionLabel(let match): testConnectionLabel(match, state)
        case .connectionLimit(let match): testConnectionLimit(match, rule, state)
        case .connectionMark(let test): testConnectionMark(test, state)
        case .conntrack(let match): testConntrack(match, state, rule)
        case .cpu(let test): testCPU(test)
        case .dccp(let match): testDCCP(match, packet, rule)
        case .deviceGroup(let match): testDeviceGroup(match, state)
        case .dscp(let test): testDSCP(test, packet)
        case .destinationOptions: testDestinationOptions(packet, rule)
        case .ecn(let match): testECN(match, packet)
        case .esp(let test): testSPI(test, of: .esp, packet)
        case .eui64: testEUI64(state)
        case .frag(let match): testFragmentHeader(match, packet)
        case .hashLimit(let match): testHashLimit(match, rule, state)
        case .hopByHop: testHopByHop(packet, rule)
        case .helper(let test): testHelper(test, state)
        case .timeToLive(let match): testTimeToLive(match, packet)
        case .icmp(let match): testICMP(match, packet)
        case .ipComp(let match): testSPI(match.spi, of: .ipcomp, packet)
        case .addressRange(let match): testAddressRange(match, packet)
        case .ipv6Header(let match): testIPv6Header(match, packet, rule)
        case .ipvs(let match): testIPVS(match, state, rule)
        case .length(let test): testLength(test, packet)
        case .limit(let match): testLimit(match, rule, state)
        case .mac(let test): testMAC(test, state)
        case .mark(let test):
            .negate(ask(.mark, packet, "mark", masked(test.value), test.value.matches(packet.mark)), if: test.isNegated)
        case .mobilityHeader(let test): testMobilityHeader(test, packet)
        case .multiport(let match): testMultiport(match, packet)
        // Fails only while an object with a quota is under it, and dumps don't have those. Source: xt_nfacct.c.
        case .accounting: .yes
        case .operatingSystem(let match): testOperatingSystem(match, packet)
        case .owner(let match): testOwner(match, state)
        case .physicalDevice(let match): testPhysicalDevice(match, state)
        case .packetType(let test): testPacketType(test, state)
        case .policy(let match): testPolicy(match, state, rule)
        case .quota(let test): testQuota(test, rule, state)
        case .rateEstimate(let match): testRateEstimate(match, rule)
        case .realm(let test): testRealm(test, state)
        case .recent(let match): testRecent(match, state)
        case .reversePath(let match): testReversePath(match, state)
        case .routingHeader: testRoutingHeader(packet, rule)
        case .sctp(let match): testSCTP(match, packet, rule)
        case .set(let match): testSet(match, state)
        case .socket(let match): testSocket(match, state)
        case .segmentRouting: testSegmentRouting(packet, rule)
        case .state(let test): testState(test, state)
        case .statistic(let match): testStatistic(match, rule, state)
        case .string(let match): testString(match, packet, rule)
        case .tcp(let match): testTCP(match, packet, rule)
        case .tcpMSS(let test): testTCPMSS(test, packet)
        case .time(let match): testTime(match)
        case .tos(let test): testTOS(test, packet)
        case .u32(let test): testU32(test, packet, rule)
        case .udp(let match): testUDP(match, of: .udp, packet, rule)
        case .udplite(let match): testUDP(match, of: .udplite, packet, rule)
        case .native(let comparison): testNative(comparison, state, rule)
        case .unknown(let module, let text):
            .perhaps(
                Unknown(
                    "unknown-match@\(cite(rule))",
                    whenYes:
                        "'\(names.text(text))' of \(cite(rule)) holds (this program can't read '\(names.text(module))')",
                    whenNo: "'\(names.text(text))' of \(cite(rule)) does not hold"))
        }
    }
}
