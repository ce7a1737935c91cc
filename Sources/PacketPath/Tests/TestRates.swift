internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Counters, chance and the clock: what only the running kernel knows.
extension Evaluator {
    /// Source: net/netfilter/xt_limit.c.
    func testLimit(_ match: LimitMatch, _ rule: RuleReference, _ state: WalkState) -> Answer {
        anew(
            perhaps(
                "limit", of: rule, yes: "under", no: "over", "the rule's limit is not reached",
                "the rule's limit is reached"), state, keepsNo: true)
    }

    /// Source: net/netfilter/xt_hashlimit.c.
    func testHashLimit(_ match: HashLimitMatch, _ rule: RuleReference, _ state: WalkState) -> Answer {
        let name = names.text(match.name)
        return .negate(
            anew(
                perhaps(
                    "hashlimit", of: rule, yes: "under", no: "over",
                    "the packet's group is under the rate of the hashlimit '\(name)'",
                    "the packet's group is over the rate of the hashlimit '\(name)'"), state, keepsNo: true),
            if: match.isAbove)
    }

    /// The connection itself is counted, so there is at least one; asked again it is counted twice, unless the clock has
    /// ticked. Source: net/netfilter/xt_connlimit.c, net/netfilter/nf_conncount.c `__nf_conncount_add`; observed on
    /// Linux 6.18.
    func testConnectionLimit(_ match: ConnectionLimitMatch, _ rule: RuleReference, _ state: WalkState) -> Answer {
        if match.limit == 0 { return Answer(!match.isUpTo) }
        return .negate(
            anew(
                perhaps(
                    "connlimit", of: rule, yes: "under", no: "over",
                    "the packet's group has no more than \(match.limit) connections",
                    "the packet's group has more than \(match.limit) connections"), state), if: !match.isUpTo)
    }

    /// Whether connlimit drops the packet because the connections that the kernel has listed in its group are over: one that
    /// is assured is not listed any more, and none at all is taken for a lack of memory. `nil` where that can't be.
    /// Source: net/netfilter/nf_conncount.c `__nf_conncount_add`, `count_tree`, net/netfilter/xt_connlimit.c, Linux 6.18.
    func countsEmptiedGroup(_ match: Match, _ rule: RuleReference, _ state: WalkState) -> Unknown? {
        guard case .connectionLimit = match, let tracked = counted(state), !tracked.isNew,
            tracked.entry.status.contains(.assured) || tracked.isPerhapsAssured
        else { return nil }
        var way = state
        if !tracked.entry.status.contains(.assured), case .perhaps(let unknown) = assured(tracked),
            settle(unknown, &way) == false
        {
            return nil
        }
        let answer = perhaps(
            "connlimit-empty", of: rule, "every connection that was counted in the packet's group is over",
            "a connection that was counted in the packet's group is still there, or none ever was")
        if case .perhaps(let unknown) = answer { return unknown }
        return nil
    }

    /// The connection that connlimit counts: where the packet has no entry, that of its addresses and ports.
    /// Source: net/netfilter/nf_conncount.c `get_ct_or_tuple_from_skb`, Linux 6.18.
    private func counted(_ state: WalkState) -> TrackedConnection? {
        switch state.connection {
        case .entry(let tracked): return tracked
        case .none, .untracked, .invalid:
            let needed: PacketFields = [.source, .destination, .protocol, .sourcePort, .destinationPort]
            guard state.packet.unknown.isDisjoint(with: needed), !state.packet.isFragment else { return nil }
            let zone = state.template?.zone ?? ConnectionZone()
            let found = connections.find(ConnectionTuple(state.packet), zone: zone)
            return found.map { existing($0.entry, $0.direction) }
        }
    }

    /// Whether connlimit drops the packet: it has no entry, and none could be made of it.
    /// Source: net/netfilter/xt_connlimit.c `connlimit_mt`, net/netfilter/nf_conntrack_core.c `nf_ct_get_tuplepr`,
    /// Linux 6.18.
    func countsNothing(_ match: Match, _ state: WalkState) -> Bool {
        if case .hashLimit(let limit) = match { return hasNoGroup(limit, state.packet) }
        guard case .connectionLimit = match, state.template == nil else { return false }
        if case .entry = state.connection { return false }
        let packet = state.packet
        guard !packet.unknown.contains(.payload), let bytes = packet.currentBytes, let layout = PacketLayout(bytes)
        else { return false }
        // Headers that are cut off are all that is not known of such a packet.
        if layout.fragmentOffset > 0 || !layout.isComplete { return true }
        if packet.unknown.contains(.otherHeaders) { return false }
        let kind = layout.transport.kind
        if packet.version == .v6, kind == .noNextHeader { return true }
        var needed = 0
        // Of what has neither ports nor an identifier nothing is read, were it all behind the end.
        if kind.isICMP { needed = 8 } else if kind == .gre || kind.isTrackedByPorts { needed = 4 }
        return needed > 0 && layout.transport.offset + needed > bytes.count
    }

    /// Whether a hashlimit drops the packet: it asks for ports where the packet ends before its own, or IPv6 has no next
    /// header. Source: net/netfilter/xt_hashlimit.c `hashlimit_init_dst`, net/core/utils.c `proto_ports_offset`, Linux 6.18.
    private func hasNoGroup(_ match: HashLimitMatch, _ packet: Packet) -> Bool {
        guard !match.mode.isDisjoint(with: [.sourcePort, .destinationPort]), !packet.unknown.contains(.payload),
            let bytes = packet.currentBytes, let layout = PacketLayout(bytes)
        else { return false }
        // A later fragment counts as one without ports. Headers that are cut off are all that is not known of a packet.
        if packet.version == .v6, layout.fragmentOffset > 0 { return false }
        if packet.version == .v6, !layout.isComplete { return true }
        if packet.unknown.contains(.otherHeaders) { return false }
        if packet.version == .v6, layout.transport.kind == .noNextHeader { return true }
        let kind = layout.transport.kind
        var needed = 0
        if kind == .ah { needed = 8 } else if kind == .esp || kind == .dccp || kind.hasPorts { needed = 4 }
        return needed > 0 && layout.transport.offset + needed > bytes.count
    }

    /// Source: net/netfilter/xt_quota.c.
    func testQuota(_ test: Negatable<UInt64>, _ rule: RuleReference, _ state: WalkState) -> Answer {
        .negate(
            anew(
                perhaps(
                    "quota", of: rule, yes: "left", no: "spent", "the rule's quota is not used up",
                    "the rule's quota is used up"), state, keepsNo: true), if: test.isNegated)
    }

    /// Source: net/netfilter/xt_rateest.c.
    func testRateEstimate(_ match: RateEstimateMatch, _ rule: RuleReference) -> Answer {
        .negate(
            perhaps(
                "rateest", of: rule, "the estimated rate of '\(names.text(match.name1))' is as the rule asks",
                "the estimated rate of '\(names.text(match.name1))' is not as the rule asks"),
            if: match.comparison.isNegated)
    }

    /// Source: net/netfilter/xt_statistic.c: 31 random bits are below the probability.
    func testStatistic(_ match: StatisticMatch, _ rule: RuleReference, _ state: WalkState) -> Answer {
        let probability: Double
        let isNegated: Bool
        var isCounted = false
        let sentences: (yes: String, no: String)
        switch match {
        case .random(let test):
            sentences = ("chance picks the rule", "chance passes the rule over")
            isNegated = test.isNegated
            if test.value == 0 { return Answer(isNegated) }
            if test.value >= 1 << 31 { return Answer(!isNegated) }
            probability = Double(test.value) / 2_147_483_648
        case .nth(let every, _, let negated):
            sentences = ("the rule's turn has come", "the rule's turn has not come")
            isNegated = negated
            isCounted = true
            if every <= 1 { return Answer(!isNegated) }
            // Where in its round the kernel's counter stands is not known.
            probability = 1 / Double(every)
        }
        return .negate(
            anew(
                perhaps(
                    "statistic", of: rule, yes: "hit", no: "miss", sentences.yes, sentences.no,
                    probability: probability), state, keepsChance: !isCounted), if: isNegated)
    }

    /// `answer` of a rule that may have been asked on this way before: chance and what was counted since may answer
    /// otherwise. One value given for the rule is given for every time.
    ///
    /// - Parameters:
    ///   - keepsNo: what is used up stays so.
    ///   - keepsChance: the chance does not hang on what it was before.
    private func anew(
        _ answer: Answer, _ state: WalkState, keepsNo: Bool = false, keepsChance: Bool = false
    ) -> Answer {
        guard case .perhaps(var unknown) = answer, !state.history.settled.isEmpty,
            request.assumptions[unknown.name] == nil
        else { return answer }
        let again = unknown.name + "#"
        let before = state.history.settled.filter {
            $0.name == unknown.name
                || $0.name.utf8.count > again.utf8.count && $0.name.utf8.starts(with: again.utf8)
        }
        guard let last = before.last, last.isYes || !keepsNo else { return before.isEmpty ? answer : .no }
        let time = before.count + 1
        unknown.name = "\(again)\(time)"
        unknown.whenYes += ", time \(time)"
        unknown.whenNo += ", time \(time)"
        if !keepsChance { unknown.probability = nil }
        return .perhaps(unknown)
    }

    /// Source: net/netfilter/xt_time.c.
    func testTime(_ match: TimeMatch) -> Answer {
        let allDays: UInt8 = 0xfe
        let allMonthDays: UInt32 = 0xffff_fffe
        var asked: [String] = []
        if match.dateStart > 0 { asked.append("from:\(match.dateStart)") }
        // iptables writes its latest date, 2038-01-19 03:14:07, where no end is given.
        if match.dateStop < 0x7fff_ffff { asked.append("to:\(match.dateStop)") }
        if match.dayStart > 0 || match.dayStop < 86399 {
            asked.append("\(clock(match.dayStart))-\(clock(match.dayStop))")
        }
        if match.weekDays & allDays != allDays {
            var days = ""
            for (index, day) in ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].enumerated()
            where match.weekDays >> UInt8(index + 1) & 1 == 1 {
                days += (days.isEmpty ? "" : ",") + day
            }
            asked.append(days.isEmpty ? "no-day" : days)
        }
        if match.monthDays & allMonthDays != allMonthDays {
            asked.append("monthdays:\(hexadecimal(match.monthDays & allMonthDays))")
        }
        if asked.isEmpty { return .yes }
        // No day at all fits.
        if match.weekDays & allDays == 0 || match.monthDays & allMonthDays == 0 { return .no }
        if match.usesKernelTimezone { asked.append("kerneltz") }
        let zone = match.usesKernelTimezone ? "" : " (UTC)"
        var text = ""
        for part in asked { text += (text.isEmpty ? "" : "/") + part }
        return .perhaps(
            Unknown(
                "time@\(text)", whenYes: "the packet comes at a time within \(text)\(zone)",
                whenNo: "the packet does not come at a time within \(text)\(zone)"))
    }

    private func clock(_ seconds: UInt32) -> String {
        func pair(_ number: UInt32) -> String { (number < 10 ? "0" : "") + "\(number)" }
        return "\(pair(seconds / 3600)):\(pair(seconds / 60 % 60)):\(pair(seconds % 60))"
    }

    /// Source: net/netfilter/xt_recent.c: `--set` always holds; the others ask whether the address is in the list.
    func testRecent(_ match: RecentMatch, _ state: WalkState) -> Answer {
        let isNegated = match.operation.isNegated
        switch match.operation.value {
        case .set: return Answer(!isNegated)
        case .check, .update, .remove: break
        }
        let entry = RecentEntry(match, state.packet)
        let known = state.recentEntries.first { $0.list == entry.list && $0.address == entry.address }
        // What this packet put in a list on its way has a stamp of now.
        if let known, !known.isListed || match.hitCount <= 1 { return Answer(known.isListed != isNegated) }
        let name = names.text(match.name)
        let address = entry.address
        var asked = "\(name):\(address)"
        var condition = ""
        if match.operation.value != .remove {
            if match.hitCount > 1 { condition += ", seen \(match.hitCount) times" }
            if match.seconds > 0 {
                asked += ":\(match.seconds)s"
                condition += condition.isEmpty ? ", seen within" : " within"
                condition += " \(match.seconds) seconds"
            }
            if match.hitCount > 1 { asked += ":\(match.hitCount)x" }
        }
        return .negate(
            .perhaps(
                Unknown(
                    "recent@\(asked)", yes: "seen", no: "unseen",
                    whenYes: "the list '\(name)' has \(address)\(condition)",
                    whenNo: "the list '\(name)' does not have \(address)\(condition)")), if: isNegated)
    }

    /// Source: net/netfilter/xt_cpu.c.
    func testCPU(_ test: Negatable<UInt32>) -> Answer {
        .negate(
            .perhaps(
                Unknown(
                    "cpu@\(test.value)", whenYes: "CPU \(test.value) handles the packet",
                    whenNo: "CPU \(test.value) does not handle the packet")), if: test.isNegated)
    }

    /// Only SYN packets of IPv4 have a fingerprint. The kernel does not look at `!`, and with `--log` every fingerprint
    /// it knows will do. Source: net/netfilter/nfnetlink_osf.c `nf_osf_match`.
    func testOperatingSystem(_ match: OSFMatch, _ packet: Packet) -> Answer {
        guard packet.version == .v4, isOf(.tcp, packet), packet.fragmentOffset == 0 else { return .no }
        if !packet.unknown.contains(.tcpFlags), !packet.tcpFlags.contains(.syn) { return .no }
        return perhaps(
            "fingerprint", relation: "of", match.log == nil ? names.text(match.genre.value) : "any known system")
    }
}
