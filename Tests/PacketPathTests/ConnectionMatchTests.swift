import NetTypes
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// What rules ask of conntrack, of the kernel's counters and clock, and of sockets.
@Suite struct ConnectionMatchTests {
    /// net/netfilter/xt_conntrack.c, xt_state.c. Without an entry: observed on Linux 6.18 in the raw table.
    static let states: [MatchCase] = [
        MatchCase("-m conntrack --ctstate NEW", "yes", "new") { $0.track() },
        MatchCase("-m conntrack --ctstate NEW", "no", "established") { $0.track(false) },
        MatchCase("-m conntrack ! --ctstate NEW", "yes", "established") { $0.track(false) },
        MatchCase("-m conntrack --ctstate RELATED,ESTABLISHED", "yes", "related") { $0.track { $0.state = .related } },
        MatchCase("-m conntrack --ctstate INVALID", "yes", "conntrack has not run"),
        MatchCase("-m conntrack --ctstate INVALID", "yes", "invalid") { $0.state.connection = .invalid },
        MatchCase("-m conntrack --ctstate INVALID", "no", "untracked") { $0.state.connection = .untracked },
        MatchCase("-m conntrack --ctstate UNTRACKED", "yes", "untracked") { $0.state.connection = .untracked },
        MatchCase("-m conntrack --ctstate DNAT", "yes", "translated") {
            $0.track { $0.destinationIsTranslated = true }
        },
        MatchCase("-m conntrack ! --ctstate SNAT,DNAT", "no", "translated") {
            $0.track { $0.sourceIsTranslated = true }
        },
        MatchCase("-m conntrack --ctstate SNAT", "no", "new") { $0.track() },
        MatchCase("-m state --state RELATED,ESTABLISHED", "yes", "established") { $0.track(false) },
        MatchCase("-m state ! --state NEW", "no", "new") { $0.track() },
        MatchCase("-m state --state INVALID", "yes", "conntrack has not run"),
        MatchCase("-m state --state UNTRACKED", "yes", "untracked") { $0.state.connection = .untracked },
        MatchCase("-m conntrack --ctstate NEW,ESTABLISHED", "state@NEW,ESTABLISHED", "not known") {
            $0.track()
            $0.packet.unknown = .connectionState
        },
        // Once --ctstate holds without an entry nothing else is asked: observed on Linux 6.18.
        MatchCase("-m conntrack --ctstate INVALID --ctproto 200", "yes", "conntrack has not run"),
        MatchCase("-m conntrack --ctproto 6", "no", "conntrack has not run"),
        MatchCase("-m conntrack ! --ctproto 17", "no", "conntrack has not run"),
    ]

    /// net/netfilter/xt_conntrack.c: tuples, status and direction are the entry's.
    static let entries: [MatchCase] = [
        MatchCase("-m conntrack --ctproto 6", "yes", "new") { $0.track() },
        MatchCase("-m conntrack ! --ctproto 17", "yes", "new") { $0.track() },
        MatchCase("-m conntrack --ctorigdst 192.0.2.1", "yes", "after DNAT") { $0.translated() },
        MatchCase("-m conntrack --ctorigdst 203.0.113.9", "no", "after DNAT") { $0.translated() },
        MatchCase("-m conntrack --ctreplsrc 203.0.113.9", "yes", "after DNAT") { $0.translated() },
        MatchCase("-m conntrack --ctorigdstport 8080", "yes", "after DNAT") { $0.translated() },
        MatchCase("-m conntrack ! --ctorigdstport 8000:8100", "no", "after DNAT") { $0.translated() },
        MatchCase("-m conntrack --ctreplsrcport 80", "yes", "after DNAT") { $0.translated() },
        MatchCase("-m conntrack --ctorigsrc 198.51.100.0/24 ! --ctrepldst 198.51.100.7", "no", "new") { $0.track() },
        MatchCase("-m conntrack --ctorigdstport 2048", "yes", "ICMP type 8 is 8 << 8") {
            $0.echo()
            $0.track { $0.entry.original.icmpType = 8 }
        },
        MatchCase("-m conntrack --ctdir ORIGINAL", "yes", "new") { $0.track() },
        MatchCase("-m conntrack --ctdir REPLY", "no", "new") { $0.track() },
        MatchCase("-m conntrack --ctdir REPLY", "yes", "a reply") { $0.track(false) { $0.direction = .reply } },
        MatchCase("-m conntrack --ctstatus CONFIRMED", "no", "new") { $0.track() },
        MatchCase("-m conntrack ! --ctstatus CONFIRMED", "yes", "new") { $0.track() },
        MatchCase("-m conntrack --ctstatus CONFIRMED", "yes", "in the table") { $0.track(false) },
        MatchCase("-m conntrack --ctstatus SEEN_REPLY", "yes", "the reply itself") {
            $0.track(false) { $0.direction = .reply }
        },
        MatchCase("-m conntrack --ctstatus SEEN_REPLY", "no", "not answered") { $0.track(false) },
        // net/netfilter/nf_conntrack_core.c `nf_conntrack_in`: an error about a connection answers nothing.
        MatchCase("-m conntrack --ctstatus SEEN_REPLY", "no", "an error about it") {
            $0.track(false) { ($0.direction, $0.state) = (.reply, .related) }
        },
        // net/netfilter/nf_conntrack_core.c `nf_ct_tmpl_alloc`: what CT makes up has no protocol and no addresses.
        MatchCase("-m conntrack --ctstate NEW ! --ctproto 6", "yes", "made up by CT") { $0.state.template = .init() },
        MatchCase("-m conntrack --ctproto 6", "no", "made up by CT") { $0.state.template = .init() },
        MatchCase("-m conntrack --ctorigsrc 198.51.100.7", "no", "made up by CT") { $0.state.template = .init() },
        MatchCase("-m conntrack --ctdir REPLY", "no", "made up by CT") { $0.state.template = .init() },
        MatchCase("-m conntrack --ctstatus ASSURED", "yes", "assured") {
            $0.track(false) { $0.entry.status = [.assured, .seenReply] }
        },
        // net/netfilter/nf_conntrack_proto_udp.c: UDP that goes both ways is assured after two seconds.
        MatchCase("-m conntrack --ctstatus ASSURED", "assured@198.51.100.7-203.0.113.9", "UDP") {
            $0.track(false) { ($0.entry.status, $0.isPerhapsAssured) = ([.seenReply], true) }
        },
        // Observed on Linux 6.18: NONE is an empty mask, which nothing meets.
        MatchCase("-m conntrack --ctstatus NONE", "no", "new") { $0.track() },
        MatchCase("-m conntrack ! --ctstatus NONE", "yes", "in the table") { $0.track(false) },
        MatchCase("-m conntrack --ctstatus EXPECTED", "no", "new") { $0.track() },
        MatchCase("-m conntrack --ctstatus EXPECTED", "yes", "expected") {
            $0.track { ($0.state, $0.entry.status) = (.related, [.expected]) }
        },
        // An error about a new connection counts as related too, and nobody expected that. Observed on Linux 6.18.
        MatchCase("-m conntrack --ctstatus EXPECTED", "no", "an answer of REJECT") { $0.track { $0.state = .related } },
        MatchCase("-m conntrack --ctstatus EXPECTED", "expected@198.51.100.7-203.0.113.9", "in the table") {
            $0.track(false)
        },
        MatchCase("-m conntrack --ctexpire 1:5", "ctexpire@filter/FORWARD:1", "in the table") {
            $0.track(false) { $0.entry.expires = 3 }
        },
        MatchCase("-m conntrack --ctexpire 0:4294967295", "yes", "in the table") { $0.track(false) },
        MatchCase(
            "-m conntrack --ctorigsrc 10.0.0.0/8 --ctorigsrcport 7",
            "original-source@10.0.0.0/8+original-source-port@7", "not known"
        ) {
            $0.track()
            $0.packet.unknown = [.source, .sourcePort]
        },
        MatchCase("-m conntrack --ctorigsrc 10.0.0.0/8", "no", "known of an entry of the table") {
            $0.track(false)
            $0.packet.unknown = .source
        },
    ]

    /// net/netfilter/xt_connmark.c, xt_connlabel.c, xt_helper.c: observed on Linux 6.18 without an entry.
    /// xt_connbytes.c.
    static let extras: [MatchCase] = [
        MatchCase("-m connmark --mark 0x1/0xf", "yes", "mark 0x21") { $0.track { $0.entry.mark = 0x21 } },
        MatchCase("-m connmark ! --mark 0x1/0xf", "no", "mark 0x21") { $0.track { $0.entry.mark = 0x21 } },
        MatchCase("-m connmark --mark 0x0", "no", "no entry"),
        MatchCase("-m connmark ! --mark 0x5", "no", "no entry"),
        MatchCase("-m connmark --mark 0x5", "connection-mark@0x5", "not known") {
            $0.track()
            $0.packet.unknown = .connectionMark
        },
        MatchCase("-m connlabel --label \"40\"", "no", "new") { $0.track() },
        MatchCase("-m connlabel --label \"40\" --set", "yes", "new") { $0.track() },
        MatchCase("-m connlabel ! --label \"40\" --set", "no", "new") { $0.track() },
        MatchCase("-m connlabel --label \"40\"", "yes", "labelled") { $0.track { $0.entry.labels = [3, 40] } },
        MatchCase("-m connlabel ! --label \"40\"", "yes", "no entry"),
        MatchCase("-m helper --helper ftp", "no", "new") { $0.track() },
        MatchCase("-m helper ! --helper ftp", "yes", "no entry"),
        MatchCase("-m helper --helper ftp", "helper@ftp:198.51.100.7-203.0.113.9", "related") {
            $0.track { $0.state = .related }
        },
        MatchCase("-m connbytes --connbytes 1:1 --connbytes-mode packets --connbytes-dir both", "yes", "new") {
            $0.track()
        },
        MatchCase("-m connbytes --connbytes 60:60 --connbytes-mode bytes --connbytes-dir original", "yes", "new") {
            $0.track()
        },
        MatchCase("-m connbytes --connbytes 1 --connbytes-mode bytes --connbytes-dir reply", "no", "new") {
            $0.track()
        },
        MatchCase("-m connbytes ! --connbytes 1 --connbytes-mode bytes --connbytes-dir reply", "yes", "new") {
            $0.track()
        },
        // Exchanging its ends turns no single number round: net/netfilter/xt_connbytes.c; observed on Linux 6.18.
        MatchCase("-m connbytes ! --connbytes 5:5 --connbytes-mode packets --connbytes-dir reply", "yes", "counted") {
            $0.track(false) { $0.counted(5, 300, 5, 700) }
        },
        MatchCase("-m connbytes ! --connbytes 1:1 --connbytes-mode packets --connbytes-dir reply", "no", "new") {
            $0.track()
        },
        MatchCase("-m connbytes --connbytes 100:100 --connbytes-mode avgpkt --connbytes-dir both", "yes", "counted") {
            $0.track(false) { $0.counted(5, 300, 5, 700) }
        },
        MatchCase("-m connbytes --connbytes 10: --connbytes-mode packets --connbytes-dir both", "yes", "counted") {
            $0.track(false) { $0.counted(5, 300, 5, 700) }
        },
        MatchCase("-m connbytes --connbytes 5: --connbytes-mode packets --connbytes-dir original", "yes", "counted") {
            $0.track(false) { $0.counted(5, 300, 5, 700) }
        },
        MatchCase("-m connbytes ! --connbytes 5 --connbytes-mode packets --connbytes-dir both", "no", "not counted") {
            $0.track(false)
        },
        MatchCase(
            "-m connbytes --connbytes 5 --connbytes-mode bytes --connbytes-dir both", "connbytes@filter/FORWARD:1",
            "an entry that no table listed"
        ) { $0.track(false) { $0.entry.place = .none } },
        MatchCase("-m connbytes ! --connbytes 5 --connbytes-mode packets --connbytes-dir both", "no", "no entry"),
    ]

    /// net/netfilter/xt_limit.c, xt_hashlimit.c, xt_connlimit.c, xt_quota.c, xt_statistic.c, xt_time.c, xt_recent.c, …
    static let chance: [MatchCase] = [
        MatchCase("-m limit --limit 3/hour", "limit@filter/FORWARD:1"),
        MatchCase(
            "-m hashlimit --hashlimit-above 1/sec --hashlimit-burst 5 --hashlimit-name a1",
            "!hashlimit@filter/FORWARD:1"),
        MatchCase(
            "-m hashlimit --hashlimit-upto 10/sec --hashlimit-burst 5 --hashlimit-mode dstip --hashlimit-name a8",
            "hashlimit@filter/FORWARD:1"),
        MatchCase(
            "-m connlimit --connlimit-above 10 --connlimit-mask 32 --connlimit-saddr", "!connlimit@filter/FORWARD:1"),
        MatchCase(
            "-m connlimit --connlimit-upto 10 --connlimit-mask 32 --connlimit-saddr", "connlimit@filter/FORWARD:1"),
        MatchCase("-m connlimit --connlimit-above 0 --connlimit-mask 32 --connlimit-saddr", "yes"),
        MatchCase("-m connlimit --connlimit-upto 0 --connlimit-mask 32 --connlimit-saddr", "no"),
        MatchCase("-m quota ! --quota 1000000", "!quota@filter/FORWARD:1"),
        MatchCase("-m statistic --mode random --probability 0.25000000000", "statistic@filter/FORWARD:1"),
        MatchCase("-m statistic --mode random ! --probability 0.25000000000", "!statistic@filter/FORWARD:1"),
        MatchCase("-m statistic --mode random --probability 1.00000000000", "yes"),
        MatchCase("-m statistic --mode random --probability 0.00000000000", "no"),
        MatchCase("-m statistic --mode nth --every 5 --packet 2", "statistic@filter/FORWARD:1"),
        MatchCase("-m statistic --mode nth --every 1 --packet 0", "yes"),
        MatchCase("-m time --datestop 2038-01-19T03:14:07", "yes"),
        MatchCase(
            "-m time --timestart 08:00:00 --timestop 17:30:00 --weekdays Mon,Tue --datestop 2038-01-19T03:14:07",
            "time@08:00:00-17:30:00/Mon,Tue"),
        MatchCase("-m recent --set --name x --mask 255.255.255.255 --rsource", "yes"),
        MatchCase("-m recent ! --set --name x --mask 255.255.255.255 --rsource", "no"),
        MatchCase("-m recent --rcheck --name x --mask 255.255.255.255 --rsource", "recent@x:198.51.100.7"),
        MatchCase(
            "-m recent ! --update --seconds 60 --hitcount 4 --rttl --name x --mask 255.255.255.255 --rdest",
            "!recent@x:203.0.113.9:60s:4x"),
        MatchCase("-m recent --rcheck --name x --mask 255.255.255.255 --rsource", "yes", "put in the list before") {
            $0.state.recentEntries = [RecentEntry(list: $0.names.intern("x"), address: $0.packet.source)]
        },
        MatchCase("-m recent --remove --name x --mask 255.255.255.0 --rsource", "yes", "put in by its network") {
            $0.state.recentEntries = [
                RecentEntry(list: $0.names.intern("x"), address: IPAddress(v4: $0.packet.source.v4Bits & ~255))
            ]
        },
        MatchCase("-m recent --rcheck --name x --mask 255.255.255.255 --rsource", "no", "taken out before") {
            $0.state.recentEntries = [
                RecentEntry(list: $0.names.intern("x"), address: $0.packet.source, isListed: false)
            ]
        },
        MatchCase(
            "-m recent --rcheck --name x --mask 255.255.255.255 --rdest", "recent@x:203.0.113.9",
            "the source was put in the list"
        ) { $0.state.recentEntries = [RecentEntry(list: $0.names.intern("x"), address: $0.packet.source)] },
        MatchCase(
            "-m recent --rcheck --seconds 60 --hitcount 4 --name x --mask 255.255.255.255 --rsource",
            "recent@x:198.51.100.7:60s:4x", "put in the list before, once"
        ) { $0.state.recentEntries = [RecentEntry(list: $0.names.intern("x"), address: $0.packet.source)] },
        MatchCase("-m cpu ! --cpu 0", "!cpu@0"),
        MatchCase("-p tcp -m osf --genre Linux", "fingerprint@Linux"),
        MatchCase("-p tcp -m osf ! --genre Linux", "fingerprint@Linux"),
        MatchCase("-p tcp -m osf --genre unknown --log 2", "fingerprint@any-known-system"),
        MatchCase("-p tcp -m osf ! --genre Linux", "no", "no SYN") { $0.packet.tcpFlags = .ack },
        MatchCase("-m rateest --rateest RE1 --rateest-lt --rateest-bps 8bit", "rateest@filter/FORWARD:1"),
        MatchCase("-m nfacct --nfacct-name  bytes-in", "yes"),
        MatchCase("-m comment --comment test", "yes"),
        MatchCase("-m geoip --source-country CN", "unknown-match@filter/FORWARD:1"),
    ]

    @Test(arguments: states + entries) func conntrack(_ row: MatchCase) throws { try row.check() }

    @Test(arguments: extras) func marksLabelsHelpersAndCounters(_ row: MatchCase) throws { try row.check() }

    @Test(arguments: chance) func countersChanceAndTheClock(_ row: MatchCase) throws { try row.check() }

    /// Source: net/netfilter/x_tables, whose matches are asked in order; observed on Linux 6.18.
    @Test func aListIsChangedOnlyWhereTheConditionsBeforeHold() throws {
        let world = try World(
            "*mangle\n:FORWARD ACCEPT [0:0]\n"
                + "-A FORWARD -m limit --limit 3/hour -m recent --name x --set -m ttl --ttl-eq 1\n"
                + "-A FORWARD -m recent --name x --rcheck -j MARK --set-mark 1\nCOMMIT\n",
            routerAddresses, routerRoutes, routerSettings)
        for (value, isOpen) in [("under", false), ("over", true)] {
            let trace = world.trace(try world.packet("198.51.100.7", "203.0.113.9"), in: "eth1") {
                $0.assumptions["limit"] = value
            }
            #expect(trace.branches.isEmpty != isOpen)
        }
        let either = world.trace(try world.packet("198.51.100.7", "203.0.113.9"), in: "eth1")
        #expect(either.branches.count > 1)
    }

    /// A rule that is met twice is asked twice: net/netfilter/xt_statistic.c, net/netfilter/xt_limit.c.
    @Test(arguments: [
        ("-m statistic --mode random --probability 0.5", [UInt32(0), 1, 1, 2]),
        ("-m statistic --mode nth --every 3 --packet 0", [0, 1, 1, 2]), ("-m limit --limit 3/hour", [0, 1, 2]),
        ("-m quota --quota 1000", [0, 1, 2]), ("-m cpu --cpu 1", [0, 2]),
    ])
    func chanceIsAskedAnewWhereARuleIsMetAgain(_ row: (match: String, marks: [UInt32])) throws {
        let world = try World(
            """
            *mangle
            :FORWARD ACCEPT [0:0]
            :A - [0:0]
            :B - [0:0]
            -A FORWARD -j A
            -A FORWARD -j A
            -A A \(row.match) -j B
            -A B -m mark --mark 1 -j MARK --set-mark 2
            -A B -m mark --mark 0 -j MARK --set-mark 1
            COMMIT

            """, routerAddresses, routerRoutes, routerSettings)
        func marks(_ trace: Trace) -> [UInt32] {
            if trace.branches.isEmpty { return [trace.last?.packet.mark ?? 99] }
            return trace.branches.flatMap { marks($0.trace) }
        }
        let trace = world.trace(try world.packet("198.51.100.7", "203.0.113.9"), in: "eth1")
        #expect(marks(trace).sorted() == row.marks)
    }

    @Test func aStatisticHasItsProbability() throws {
        func probability(_ conditions: String) throws -> Double? {
            guard case .perhaps(let unknown) = try MatchLab(conditions).answer else { return nil }
            return unknown.probability
        }
        #expect(try probability("-m statistic --mode random --probability 0.25000000000") == 0.25)
        #expect(try probability("-m statistic --mode nth --every 5 --packet 0") == 0.2)
        #expect(try probability("-m limit --limit 3/hour") == nil)
    }

    @Test func limitsAreCalledUnderAndOver() throws {
        guard case .perhaps(let unknown) = try MatchLab("-m limit --limit 3/hour").answer else {
            Issue.record("certain")
            return
        }
        #expect([unknown.yes, unknown.no] == ["under", "over"])
        #expect(unknown.whenNo == "the rule's limit is reached (filter/FORWARD:1)")
    }

    /// Hashes of the source's bytes as a little-endian machine computes them; observed on Linux 6.18.
    @Test(arguments: clusterNodes) func aClusterNode(_ row: (source: String, seed: UInt32, node: UInt64)) throws {
        let address = try #require(IPAddress(row.source))
        #expect((UInt64(clusterHash(address, seed: row.seed)) * 8) >> 32 == row.node)
    }

    static let clusterNodes: [(source: String, seed: UInt32, node: UInt64)] = [
        ("10.1.2.3", 1, 3), ("10.1.2.3", 0xdead_beef, 6), ("192.0.2.7", 1, 5), ("192.0.2.7", 0xdead_beef, 0),
        ("203.0.113.200", 1, 2), ("203.0.113.200", 0xdead_beef, 2), ("2001:db8::7", 1, 6),
        ("2001:db8::7", 0xdead_beef, 4), ("2001:db8:1:2:3:4:5:6", 1, 6), ("2001:db8:1:2:3:4:5:6", 0xdead_beef, 4),
    ]

    @Test func aMatchLeavesItsMark() throws {
        func after(_ conditions: String, _ holds: Bool, _ adjust: (inout MatchLab) -> Void = { _ in }) throws
            -> MatchLab
        {
            var lab = try MatchLab(conditions, hook: .prerouting)
            adjust(&lab)
            let evaluator = lab.evaluator
            for match in lab.matches { evaluator.applyEffect(of: match, holding: holds, to: &lab.state) }
            return lab
        }
        let listed = try after("-m recent --set --name x --mask 255.255.255.255 --rsource", true)
        #expect(listed.state.recentEntries.map { listed.names.text($0.list) } == ["x"])
        // xt_recent.c: --set puts the address in the list in the negative too.
        let negated = try after("-m recent ! --set --name x --mask 255.255.255.255 --rsource", false)
        #expect(negated.state.recentEntries.map(\.isListed) == [true])
        let removed = try after("-m recent --remove --name x --mask 255.255.255.255 --rsource", true) {
            $0.state.recentEntries = [RecentEntry(list: $0.names.intern("x"), address: $0.packet.source)]
        }
        #expect(removed.state.recentEntries.map(\.isListed) == [false])
        let labelled = try after("-m connlabel --label \"40\" --set", true) { $0.track() }
        guard case .entry(let tracked) = labelled.state.connection else { return }
        #expect(tracked.entry.labels == [40])
        let socket = try after("-m socket --restore-skmark", true)
        #expect(socket.packet.unknown == .mark)
    }

    /// Source: net/netfilter/xt_helper.c: the helper is that of the connection which expected this one.
    @Test func noHelperExpectsWhereNoneIsUsed() throws {
        func outcome(_ raw: String, _ entry: String, _ asked: String) throws -> Outcome {
            let world = try World(
                "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(raw)COMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m helper --helper \(asked) -j DROP\nCOMMIT\n",
                routerAddresses, routerRoutes, routerSettings,
                "tcp 6 100 ESTABLISHED src=198.51.100.7 dst=203.0.113.9 sport=40000 dport=80 src=203.0.113.9 dst=198.51.100.7 sport=80 dport=40000 mark=0 use=1\n"
                    + entry)
            var packet = try world.packet("198.51.100.7", "203.0.113.9")
            packet.tcpFlags = .ack
            return world.trace(packet, in: "eth1").outcome
        }
        let rule = "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\n"
        let entry =
            "tcp 6 100 ESTABLISHED src=198.51.100.8 dst=203.0.113.9 sport=40000 dport=21 src=203.0.113.9 dst=198.51.100.8 sport=21 dport=40000 mark=0 helper=ftp use=1\n"
        #expect(try outcome("", "", "ftp") == .forwarded)
        #expect(try outcome(rule, "", "ftp") == .undecided)
        #expect(try outcome("", entry, "ftp") == .undecided)
        #expect(try outcome(rule, entry, "sip") == .forwarded)
    }
}

extension MatchLab {
    /// Gives the packet an entry whose destination was translated from 192.0.2.1:8080.
    mutating func translated() {
        track {
            $0.entry.original.destination = .v4(192, 0, 2, 1)
            $0.entry.original.destinationPort = 8080
            $0.destinationIsTranslated = true
        }
    }
}

extension TrackedConnection {
    /// The packet itself is among them.
    mutating func counted(_ packets: UInt64, _ bytes: UInt64, _ replyPackets: UInt64, _ replyBytes: UInt64) {
        entry.originalCounters = Counters(packets: packets, bytes: bytes)
        entry.replyCounters = Counters(packets: replyPackets, bytes: replyBytes)
    }
}
