import ChainGraph
import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// What native rules of nf_tables do. Facts observed on Linux 6.18 unless a source is named.
@Suite struct NativeRuleTests {
    /// The rules that a packet meets in a forward chain.
    private func met(
        _ rules: String, table: String = "", _ packet: Packet = NativeWorld.packet(),
        _ adjust: (inout TraceRequest) -> Void = { _ in }
    ) throws -> [String] {
        let world = try NativeWorld.forward(rules, table: table)
        return world.rules(world.trace(packet, adjust))
    }

    @Test(arguments: [
        ("ip saddr 198.51.100.7", true), ("ip saddr 198.51.100.0/24", true), ("ip saddr != 198.51.100.0/24", false),
        ("ip saddr 198.51.100.8-198.51.100.9", false), ("ip6 saddr ::/0", false), ("ip6 saddr != ::1", false),
        ("tcp dport 80", true), ("tcp dport != 80", false), ("tcp dport 79-81", true), ("tcp dport < 80", false),
        ("tcp dport <= 80", true), ("tcp dport { 22, 80 }", true), ("tcp dport != { 22, 80 }", false),
        ("tcp dport { 1-79 }", false), ("tcp dport { 1-79, 80-90 }", true),
        ("ip saddr . tcp dport { 198.51.100.7 . 80 }", true),
        ("ip saddr . tcp dport { 198.51.100.0/24 . 70-90 }", true),
        ("ip saddr . tcp dport { 198.51.100.0/24 . 81-90 }", false),
        ("meta l4proto tcp", true), ("meta l4proto { icmp, udp }", false), ("meta nfproto ipv4", true),
        ("iifname \"eth1\"", true), ("iifname \"eth*\"", true), ("iifname \"ppp*\"", false), ("iif \"eth1\"", true),
        ("oifname != \"eth1\"", true), ("iif 3", true), ("iif 2", false),
        ("iifname { \"eth0\", \"eth1\" }", true), ("iifname { \"eth*\" }", true),
        ("ip ttl 63", true), ("ip ttl > 63", false), ("ip version 4", true), ("ip dscp 0", true),
        ("ip protocol tcp", true), ("@nh,96,32 0xc6336407", true), ("@th,16,16 80", true),
        ("ip saddr & 255.255.255.0 == 198.51.100.0", true), ("meta mark 0", true), ("meta mark != 0", false),
        ("meta length 60", true), ("fib daddr type unicast", true), ("fib saddr . iif oif exists", true),
        ("fib saddr . iif oifname \"eth1\"", true), ("fib daddr . iif oif missing", true),
        ("meta mark & 0xff == 0", true), ("exthdr frag exists", false), ("icmp type echo-request", false),
        ("ct l3proto ipv4", true), ("ct original ip saddr 198.51.100.7", true), ("ct direction original", true),
        ("ct original proto-dst 80", true), ("ct original ip6 saddr ::1", false), ("ct zone 0", true),
        ("jhash ip saddr mod 4 seed 0x1 == 5", false), ("iifgroup 0", true), ("iiftype ether", true),
        ("meta skuid 0", false), ("meta skuid != 0", false), ("rt ip nexthop 192.0.2.254", true),
    ])
    func aConditionHoldsOrNot(condition: String, holds: Bool) throws {
        #expect(try met("\(condition) drop") == (holds ? ["c:1 drop"] : []))
    }

    /// A port that NAT drew from a range is known as far as the range tells.
    @Test(arguments: [
        ("tcp sport 443", Answer.no), ("tcp sport 2000-2100", .yes), ("tcp sport > 1999", .yes),
        ("ct reply proto-dst 443", .no), ("ct reply proto-dst != 443", .yes), ("ct reply proto-dst 2000-2100", .yes),
    ])
    func aDrawnPortLiesInItsRange(condition: String, answer: Answer) throws {
        let world = try NativeWorld(
            """
            table ip t {
                chain nat {
                    type nat hook postrouting priority 100;
                    meta l4proto tcp masquerade to :2000-2100
                }
                chain c {
                    type filter hook postrouting priority 200;
                    \(condition) drop
                }
            }
            """)
        let trace = world.trace(NativeWorld.packet())
        #expect(trace.branches.isEmpty)
        #expect(trace.outcome == (answer == .yes ? .dropped : .forwarded))
    }

    /// Fields side by side were compared as one number before nft 1.1.0. Source: nftables src/rule.c `payload_do_merge`,
    /// src/payload.c `payload_can_merge`; observed with `nft --debug=netlink` of 1.0.6.
    @Test(arguments: [
        ("tcp dport != 80 tcp sport != 1", true), ("tcp dport != { 80 } tcp sport != { 1 }", true),
        ("tcp dport != { 80-80, 90 } tcp sport != 1", false), ("tcp sport != 1 counter th dport != 80", true),
        ("ip ttl != 63 ip protocol != udp", true), ("tcp sport != 1 tcp dport != 22", false),
        ("tcp sport != 40000 tcp dport != 80", false), ("tcp sport 40000 tcp dport != 80", false),
        ("tcp sport != { 1, 2 } tcp dport != 80", false), ("tcp dport != 80 tcp sequence != 5", false),
        ("ip saddr != 10.0.0.1 ip daddr != 203.0.113.9", false), ("tcp dport != 80 udp sport != 1", false),
    ])
    func fieldsSideBySideWerePerhapsComparedAsOne(conditions: String, hangsOnIt: Bool) throws {
        let world = try NativeWorld.forward("\(conditions) drop")
        var packet = NativeWorld.packet()
        packet.ttl = 64
        let open = world.trace(packet)
        #expect(open.branches.isEmpty != hangsOnIt)
        guard hangsOnIt else { return }
        #expect(open.branches.first?.assumptions.map(\.name) == ["nft-merges@t"])
        for (answer, outcome) in [("yes", Outcome.dropped), ("no", .forwarded)] {
            #expect(world.trace(packet) { $0.assumptions["nft-merges"] = answer }.outcome == outcome)
        }
        let apart = try NativeWorld(
            "# Each field is compared by itself\n"
                + "table inet t { chain c { type filter hook forward priority 0; \(conditions) drop; }; }")
        #expect(apart.trace(packet).outcome == .forwarded)
    }

    /// The sender is asked for together with the frame's type, which the first field of IP wants: statements between are
    /// done before. Observed with `nft --debug=netlink` of 1.0.6; Rulesets/kernel/seed-14122121172529398677.
    @Test(arguments: [
        ("ether saddr 02:00:00:00:00:99 meta mark set 0x4 ip saddr 198.51.100.7 accept", true),
        ("ether saddr 02:00:00:00:00:99 meta mark set 0x4 ip ttl set 64", true),
        ("ether saddr 02:00:00:00:00:99 ip ttl set 64 meta mark set 0x4", false),
        ("ether saddr 02:00:00:00:00:99 meta mark set jhash ip saddr mod 1 offset 4", false),
        ("ether saddr 02:00:00:00:00:99 meta mark set 0x4 meta protocol ip ip saddr 198.51.100.7 accept", false),
        ("meta nfproto ipv4 ether saddr 02:00:00:00:00:99 meta mark set 0x4 ip saddr 198.51.100.7 accept", false),
        ("ether saddr 02:00:00:00:00:99 meta mark set 0x4 tcp dport 80 accept", false),
        ("ether daddr 02:00:00:00:00:99 meta mark set 0x4 ip saddr 198.51.100.7 accept", false),
    ])
    func whatStandsBehindTheSenderIsDoneFirst(rule: String, isMarked: Bool) throws {
        let world = try NativeWorld.forward("\(rule)\nmeta mark 0x4 drop")
        var packet = NativeWorld.packet()
        packet.sourceMAC = MACAddress(bits: 0x0200_0000_0011)
        for merges in ["yes", "no"] {
            let trace = world.trace(packet) {
                $0.destinationMAC = MACAddress(bits: 0x0200_0000_0012)
                $0.assumptions["nft-merges"] = merges
            }
            #expect((trace.outcome == .dropped) == (isMarked && merges == "yes"))
            #expect(trace.assumptions.contains { $0.name == "nft-merges@t" } == isMarked)
        }
    }

    /// Fields side by side are asked for where the first of them stands, or one that tells the next header.
    /// Observed with `nft --debug=netlink` of 1.0.6; Rulesets/kernel/seed-13094119358567162940.
    @Test(arguments: [
        ("tcp dport 22 meta mark set 0x4 tcp sport 40000 accept", true, false),
        ("tcp sport 40000 meta mark set 0x4 tcp dport 22 accept", false, true),
        ("tcp sport 40000 meta mark set 0x4 tcp dport 80", true, true),
        ("tcp sport 1 meta mark set 0x4 tcp dport 80", false, false),
        ("ip ttl 9 meta mark set 0x4 ip protocol tcp accept", true, false),
        ("udp dport 22 meta mark set 0x4 udp sport 40000 accept", false, false),
        ("tcp dport 22 tcp sport 40000 meta mark set 0x4", false, false),
    ])
    func fieldsSideBySideWerePerhapsAskedForAtOnePlace(rule: String, merged: Bool, apart: Bool) throws {
        let world = try NativeWorld.forward("\(rule)\nmeta mark 0x4 drop")
        for (merges, isMarked) in [("yes", merged), ("no", apart)] {
            let trace = world.trace(NativeWorld.packet()) { $0.assumptions["nft-merges"] = merges }
            #expect(trace.last?.packet.mark == (isMarked ? 4 : 0))
        }
        #expect(world.trace(NativeWorld.packet()).branches.isEmpty == (merged == apart))
    }

    /// The packet is a SYN with ECN's bits. Source: nftables src/rule.c `relational_ops_match`, `payload_do_merge`; observed
    /// with `nft --debug=netlink` of 1.0.6, which lists the first of them as `tcp flags == syn tcp window 8192`.
    @Test(arguments: [
        ("tcp window 8192 tcp flags syn", false), ("tcp flags syn counter tcp window 8192", false),
        ("tcp flags syn,ecn,cwr tcp window 8192", true), ("tcp flags syn @th,112,16 8192", false),
        ("tcp flags & syn == syn tcp window 8192", true), ("tcp flags syn tcp window != 1", true),
        ("tcp flags syn tcp doff 5", true), ("tcp flags syn", true),
    ])
    func flagsBesideAFieldAreComparedWhole(conditions: String, holds: Bool) throws {
        let world = try NativeWorld.forward("\(conditions) drop")
        var packet = NativeWorld.packet()
        packet.tcpFlags = [.syn, .ece, .cwr]
        packet.bytes = [
            0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 198, 51, 100, 7, 203, 0, 113, 9,
            0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0xc2, 0x20, 0, 0, 0, 0, 0,
        ]
        #expect(world.trace(packet).outcome == (holds ? .dropped : .forwarded))
    }

    /// Source: nftables src/evaluate.c; observed: without an operator any of the bits will do, with `==` the whole word
    /// counts, with `!` none may be set.
    @Test(arguments: [
        ("tcp flags syn", true), ("tcp flags == syn", false), ("tcp flags != syn", true), ("tcp flags ! syn", false),
        ("tcp flags ! fin", true), ("tcp flags syn / syn,ack", false), ("tcp flags & (syn | ack) == syn | ack", true),
        ("tcp flags syn,ack", true), ("tcp flags == { syn | ack }", true), ("ct state new,established", true),
        ("ct state established", false), ("ct state != new", false), ("ct state ! new", false),
        ("ct state { new, related }", true), ("ct status dnat", false), ("ct status ! dnat", true),
    ])
    func flagsAreComparedAsNftWritesThem(condition: String, holds: Bool) throws {
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook forward priority 0; ct state invalid; \(condition) drop; }; }",
            sysctls: routerSettings + "net.netfilter.nf_conntrack_tcp_loose = 1\n")
        var packet = NativeWorld.packet()
        if condition.hasPrefix("tcp") { packet.tcpFlags = [.syn, .ack] }
        // A SYN and ACK of no connection is invalid, so it asks for flags alone.
        #expect(world.rules(world.trace(packet)).contains("c:2 drop") == holds)
    }

    /// Source: net/netfilter/nft_ct.c; observed: without an entry every key but `state` breaks the rule, and a setting
    /// does nothing.
    @Test(arguments: [
        ("ct state invalid", true), ("ct state != new", true), ("ct status ! dnat", false), ("ct mark 0", false),
        ("ct mark != 1", false), ("ct zone 0", false), ("ct direction original", false), ("ct mark set 1", true),
        ("ct helper != \"ftp\"", false), ("ct original ip saddr != 1.1.1.1", false), ("ct bytes > 0", false),
        ("ct label set 3", true),
    ])
    func withoutAnEntryOnlyTheStateHasAValue(condition: String, goesOn: Bool) throws {
        var packet = NativeWorld.packet()
        packet.tcpFlags = .rst
        #expect(try met("\(condition) drop", packet) == (goesOn ? ["c:1 drop"] : []))
        // Nor has an untracked one.
        let world = try NativeWorld(
            """
            table inet t {
                chain r { type filter hook prerouting priority raw; notrack; }
                chain c { type filter hook forward priority 0; \(condition.replacing("invalid", with: "untracked")) drop; }
            }
            """)
        #expect(world.rules(world.trace()).contains("c:1 drop") == goesOn)
    }

    @Test func whatARuleDidBeforeAPartThatFailsStaysDone() throws {
        #expect(try met("meta mark set 5 tcp dport 81\n meta mark 5 drop") == ["c:1 continue!", "c:2 drop"])
        #expect(try met("meta mark set 5 meta mark 5 drop") == ["c:1 drop"])
        #expect(
            try met("meta mark set meta mark | 0x10 meta mark set meta mark & 0x30\n meta mark 0x10 drop").last
                == "c:2 drop")
    }

    @Test func aFailedLoadBreaksTheRule() throws {
        #expect(try met("udp dport != 53 drop") == [])
        #expect(try met("tcp option sack-perm exists drop", NativeWorld.packet(.udp)) == [])
        #expect(try met("meta mark set udp dport drop") == [])
        #expect(try met("meta mark set ip6 hoplimit drop") == [])
    }

    @Test func aVerdictMapDecides() throws {
        let chains = "chain other { drop; }"
        #expect(try met("tcp dport vmap { 80 : drop }") == ["c:1 drop"])
        #expect(try met("tcp dport vmap { 81 : drop } accept\n drop") == ["c:2 drop"])
        #expect(try met("tcp dport vmap { 80 : continue } drop") == ["c:1 drop"])
        #expect(try met("tcp dport vmap { 80 : continue }\n drop") == ["c:1 continue", "c:2 drop"])
        #expect(try met("tcp dport vmap { 80 : jump other }", table: chains) == ["c:1 jump", "other:1 drop"])
        #expect(
            try met("tcp dport vmap { 1-100 : goto other, 101-65535 : accept }", table: chains).last == "other:1 drop")
        #expect(try met("tcp dport vmap { 81 : accept, * : drop }") == ["c:1 drop"])
        #expect(try met("iifname . ip saddr vmap { \"eth1\" . 198.51.100.7 : drop }") == ["c:1 drop"])
        #expect(try met("udp dport vmap { 80 : drop, * : drop }") == [])
        #expect(try met("tcp dport vmap { 80 : return }\n drop") == ["c:1 return"])
    }

    @Test func namedSetsAreLookedUp() throws {
        let sets = """
            set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 198.51.100.0-198.51.100.9 } }
            set p { type inet_service; elements = { 80 } }
            map m { type inet_service : mark; elements = { 80 : 7, 443 : 8 } }
            map v { type ipv4_addr : verdict; flags interval; elements = { 203.0.113.0/24 : drop } }
            """
        #expect(try met("ip saddr @s drop", table: sets) == ["c:1 drop"])
        #expect(try met("ip daddr @s drop", table: sets) == [])
        #expect(try met("ip daddr != @s tcp dport @p drop", table: sets) == ["c:1 drop"])
        #expect(try met("meta mark set tcp dport map @m meta mark 7 drop", table: sets) == ["c:1 drop"])
        #expect(try met("meta mark set tcp sport map @m\n drop", table: sets) == ["c:2 drop"])
        #expect(try met("ip daddr vmap @v", table: sets) == ["c:1 drop"])
    }

    @Test func setsThatRulesChangeAreSeenByLaterRules() throws {
        let sets = "set s { type ipv4_addr; flags dynamic; size 2; elements = { 10.0.0.1 } }"
        #expect(try met("ip saddr @s drop\n add @s { ip saddr }\n ip saddr @s drop", table: sets).last == "c:3 drop")
        #expect(
            try met("add @s { ip saddr }\n delete @s { ip saddr }\n ip saddr @s drop", table: sets).last
                == "c:2 continue")
        // Source: net/netfilter/nft_dynset.c: a full set breaks the rule.
        #expect(
            try met("add @s { ip saddr }\n add @s { ip daddr } drop\n ip saddr @s drop", table: sets)
                == ["c:1 continue", "c:3 drop"])
    }

    @Test func aMapThatRulesFillGivesItsValue() throws {
        let map = "map m { type ipv4_addr : mark; flags dynamic; }"
        #expect(
            try met("add @m { ip saddr : 0x7 }\n meta mark set ip saddr map @m meta mark 7 drop", table: map).last
                == "c:2 drop")
    }

    @Test func acceptIsNotFinalAndDropIs() throws {
        let world = try NativeWorld(
            """
            table inet a { chain c1 { type filter hook forward priority -5; accept; }; }
            table ip b { chain c2 { type filter hook forward priority 0; policy drop; }; }
            table ip6 x { chain c3 { type filter hook forward priority 5; drop; }; }
            """)
        let trace = world.trace()
        #expect(world.rules(trace) == ["c1:1 accept"])
        #expect(trace.outcome == .dropped)
        #expect(trace.reason == .policy)
        #expect(world.trace(NativeWorld.packet(version: .v6)).outcome == .dropped)
    }

    @Test func atEqualPriorityTheChainOfLastRunsFirst() throws {
        let world = try NativeWorld(
            """
            table ip a { chain c1 { type filter hook forward priority 0; meta mark set 1; }; }
            table inet b { chain c2 { type filter hook forward priority 0; meta mark set 2; }; }
            """)
        #expect(world.rules(world.trace()) == ["c2:1 continue", "c1:1 continue"])
    }

    @Test func aDormantTableDoesNotRun() throws {
        let world = try NativeWorld(
            "table ip a { flags dormant; chain c1 { type filter hook forward priority 0; drop; }; }")
        #expect(world.trace().outcome == .forwarded)
    }

    @Test func sixteenJumpsAreTaken() throws {
        func chains(_ count: Int) -> String {
            var text = "chain j\(count) { drop; }\n"
            for index in (1..<count).reversed() { text += "chain j\(index) { jump j\(index + 1); }\n" }
            return text
        }
        #expect(try met("jump j1", table: chains(16)).last == "j16:1 drop")
        // More is refused when it is loaded: net/netfilter/nf_tables_api.c `nft_chain_validate`.
        let world = try NativeWorld.forward("jump j1", table: chains(17))
        #expect(world.trace().outcome == .undecided)
    }

    @Test func limitsForkByName() throws {
        let world = try NativeWorld.forward("limit rate over 5/second drop")
        let trace = world.trace()
        #expect(trace.branches.count == 2)
        #expect(trace.branches[0].assumptions.map { "\($0.name)=\($0.value)" }.first?.hasPrefix("limit@t/c:1=") == true)
        let under = world.trace { $0.assumptions = ["limit@t/c:1": "under"] }
        #expect(under.outcome == .forwarded)
        let over = world.trace { $0.assumptions = ["limit@t/c:1": "over"] }
        #expect(over.outcome == .dropped)
        let quota = try NativeWorld.forward("quota until 5 mbytes accept\n drop")
        #expect(quota.trace { $0.assumptions = ["quota": "spent"] }.outcome == .dropped)
    }

    @Test func chanceForksWithItsShares() throws {
        let chains = "chain x { drop; }"
        let world = try NativeWorld.forward(
            "numgen random mod 4 vmap { 0 : goto x, 1-2 : accept }\n reject", table: chains)
        var shares: [Outcome: Double] = [:]
        for branch in world.trace().branches { shares[branch.trace.outcome, default: 0] += branch.probability ?? 0 }
        #expect(shares == [.dropped: 0.25, .forwarded: 0.5, .rejected: 0.25])
        let comparison = try NativeWorld.forward("numgen inc mod 10 < 3 drop")
        #expect(
            Set(comparison.trace().branches.map { "\($0.trace.outcome) \($0.probability ?? 0)" })
                == ["dropped 0.3", "forwarded 0.7"])
    }

    @Test func anUnknownKeyLeadsToEachVerdictOfItsMap() throws {
        var packet = NativeWorld.packet()
        packet.unknown.insert(.destinationPort)
        let world = try NativeWorld.forward("tcp dport vmap { 22 : accept, 23 : drop, 24 : drop }\n reject")
        #expect(Set(world.trace(packet).branches.map(\.trace.outcome)) == [.forwarded, .dropped, .rejected])
    }

    @Test func rejectIsByFamily() throws {
        func with(_ statement: String, _ packet: Packet) throws -> RejectWith? {
            let world = try NativeWorld.forward(statement)
            return world.trace(packet).rejectWith
        }
        let v4 = NativeWorld.packet()
        let v6 = NativeWorld.packet(version: .v6)
        #expect(try with("reject", v4) == .icmpPortUnreachable)
        #expect(try with("reject", v6) == .icmp6PortUnreachable)
        #expect(try with("reject with icmpx type admin-prohibited", v4) == .icmpAdminProhibited)
        #expect(try with("reject with icmpx type admin-prohibited", v6) == .icmp6AdminProhibited)
        #expect(try with("reject with icmpx type host-unreachable", v6) == .icmp6AddressUnreachable)
        #expect(try with("reject with icmp type host-unreachable", v4) == .icmpHostUnreachable)
        #expect(try with("reject with icmp type host-unreachable", v6) == nil)
        #expect(try with("reject with tcp reset", v6) == .tcpReset)
        #expect(try with("reject with tcp reset", NativeWorld.packet(.udp)) == nil)
    }

    @Test func theHookWithoutAnInterfaceHasAnEmptyName() throws {
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook output priority 0; iifname \"eth1\" accept; iifname != \"eth1\" drop; }; }"
        )
        #expect(world.rules(world.trace(in: nil)) == ["c:2 drop"])
    }

    @Test func chainsOfOtherFamiliesAreNotWalked() throws {
        let world = try NativeWorld(
            """
            table bridge b { chain c { type filter hook forward priority 0; drop; }; }
            table arp a { chain c { type filter hook input priority 0; drop; }; }
            table netdev n { chain c { type filter hook ingress device "eth5" priority 0; drop; }; }
            """)
        #expect(world.trace().outcome == .forwarded)
    }

    /// Of a later fragment of IPv6 the transport header is not found, and loads from it come from the packet's start.
    /// Longer ones break. Observed on Linux 6.18 by the rules' counters.
    @Test(arguments: [
        ("@th,0,8 0x60", true), ("@th,0,8 0x0f", false), ("@th,0,64 != 0", false), ("udp dport 80", false),
        ("meta l4proto udp", true), ("exthdr frag exists", true), ("tcp option timestamp missing", true),
    ])
    func aLaterFragmentOfIPv6IsReadFromItsStart(condition: String, holds: Bool) throws {
        func address(_ first: UInt8) -> [UInt8] { [0xfd, first] + [UInt8](repeating: 0, count: 13) + [9] }
        let fragment: [UInt8] = [17, 0, 0, 0x10, 0, 0, 0, 7, 0x0f, 0xa0, 0, 80, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
        let bytes = [0x60, 0, 0, 0, 0, UInt8(fragment.count), 44, 64] + address(0) + address(1) + fragment
        let packet = try #require(Packet(decoding: bytes))
        let world = try NativeWorld.forward("\(condition) drop")
        #expect(world.rules(world.trace(packet)) == (holds ? ["c:1 drop"] : []))
    }

    @Test func laterPacketsSeeWhatEarlierOnesDidToASet() throws {
        let world = try NativeWorld.forward(
            "ip saddr @s drop\n add @s { ip saddr }", table: "set s { type ipv4_addr; flags dynamic; }")
        let first = world.trace()
        #expect(first.outcome == .forwarded)
        let request = TraceRequest(
            packet: NativeWorld.packet(), origin: .interface(try #require(world.model.names.find("eth1"))))
        #expect(trace(request, on: world.model, setChanges: first.setChanges).outcome == .dropped)
        // Of what two ways did differently nothing is sure.
        let doubtful = first.setChanges.agreed(with: SetChanges())
        #expect(trace(request, on: world.model, setChanges: doubtful).outcome == .undecided)
    }

    @Test func aStatementThatCanNotBeReadGoesEveryWay() throws {
        var world = try NativeWorld.forward("counter accept")
        var ruleset = world.model.linked.ruleset
        var names = world.model.names
        let unknown = NativeStatement.unknown(names.intern("frobnicate"))
        ruleset.tables[0].chains[0].rules[0].statements = [
            .target(.native(unknown)), .target(.reject(.icmpPortUnreachable)),
        ]
        world.model = HostModel(ruleset, world.model.host, names: names)
        // No verdict stands before another.
        #expect(Set(world.trace().branches.map(\.trace.outcome)) == [.forwarded, .rejected])
        // The last of a rule may be one: the way that accepts does not meet the next rule.
        let rules = [[.target(.native(unknown))], [.target(.reject(.icmpPortUnreachable))]] as [[Statement]]
        let place = ruleset.tables[0].chains[0].rules[0].place
        ruleset.tables[0].chains[0].rules = rules.map { Rule(statements: $0, place: place) }
        world.model = HostModel(ruleset, world.model.host, names: names)
        #expect(Set(outcomes(world.trace())) == [.forwarded, .dropped, .rejected])
    }

    private func outcomes(_ trace: Trace) -> [Outcome] {
        trace.branches.isEmpty ? [trace.outcome] : trace.branches.flatMap { outcomes($0.trace) }
    }

    /// An address of one version translates that version, and asks for connections of that version alone. Source:
    /// net/netfilter/nft_nat.c `nft_nat_init`; observed on Linux 6.18.
    @Test func aTranslationIsOfItsAddressesVersion() throws {
        let world = try NativeWorld(
            "table inet t { chain n { type nat hook prerouting priority 0; dnat ip to 203.0.113.40; }; }")
        #expect(world.trace().last?.packet.destination == .v4(203, 0, 113, 40))
        #expect(world.rules(world.trace(NativeWorld.packet(version: .v6))) == [])
        #expect(world.model.compiled.tracksV4)
        #expect(!world.model.compiled.tracksV6)
    }

    /// Source: nf_ct_netns_get's callers in net/netfilter/nft_*.c; observed on Linux 6.18 by the number of entries.
    @Test(arguments: [
        ("chain c { ct state new; }", true), ("chain c { notrack; }", false), ("chain c { meta mark 1; }", false),
        ("ct helper h { type \"ftp\" protocol tcp; }", true), ("chain c { ct count over 5; }", true),
        ("set s { type ipv4_addr; flags dynamic; ct count over 5; }", true), ("counter k { }", false),
        ("flags dormant; chain c { ct state new; }", true),
        ("chain n { type nat hook prerouting priority 0; accept; }", false),
    ])
    func whatAsksForConnectionsSwitchesThemOn(table: String, tracks: Bool) throws {
        let world = try NativeWorld("table inet t { \(table); }")
        #expect(world.model.compiled.tracksV4 == tracks)
        #expect(world.model.compiled.tracksV6 == tracks)
        let v4 = try NativeWorld("table ip t { \(table); }")
        #expect(v4.model.compiled.tracksV4 == tracks)
        #expect(!v4.model.compiled.tracksV6)
    }

    /// Of one priority what was hung up last runs first, the kernel's own hooks too: a table behind the one that first
    /// needed them has its chains before them. Observed on Linux 6.18.
    @Test func chainsAndTheKernelsOwnHooksStandInTheOrderOfRegistration() throws {
        func first(_ text: String) throws -> [String] {
            let world = try NativeWorld(text)
            return world.model.compiled.plan(.v4, .prerouting).map { step in
                switch step {
                case .chain(let chain): world.model.names.text(world.model.linked.chain(chain).name)
                case .nat: "nat"
                case .conntrack: "conntrack"
                default: "-"
                }
            }
        }
        let nat = "table inet n { chain n { type nat hook prerouting priority 0; dnat ip to 10.0.0.1; }; }\n"
        let filter = "table inet f { chain f { type filter hook prerouting priority -100; }; }\n"
        #expect(try first(nat + filter) == ["-", "conntrack", "f", "nat"])
        #expect(try first(filter + nat) == ["-", "conntrack", "nat", "f"])
    }

    /// Source: net/netfilter/nft_ct.c `nft_ct_set_zone_eval`, Linux 6.18.
    @Test func aZoneBringsBackWhatWasNotToBeTracked() throws {
        for (zone, met) in [("", ["r:1 continue", "c:1 drop"]), ("ct zone set 2", ["r:1 continue", "r:2 continue"])] {
            let world = try NativeWorld(
                """
                table inet t {
                    chain r { type filter hook prerouting priority raw; notrack; \(zone); }
                    chain c { type filter hook forward priority 0; ct state untracked drop; }
                }
                """)
            #expect(world.rules(world.trace()) == met)
        }
    }

    /// Source: net/ipv4/netfilter/nf_defrag_ipv4.c `ipv4_conntrack_defrag`, Linux 6.18; observed there.
    @Test func aFragmentThatIsNotTrackedIsNotPutTogether() throws {
        var packet = NativeWorld.packet()
        packet.moreFragments = true
        for (priority, keeps) in [(-450, false), (-300, true)] {
            let world = try NativeWorld(
                "table ip t { chain r { type filter hook prerouting priority \(priority); ct state new; notrack; }; }")
            let isPutTogether = world.trace(packet).steps.contains {
                if case .defragmentation = $0.kind { return true }
                return false
            }
            #expect(isPutTogether == keeps)
        }
    }

    /// What was followed from its first packet on has no bit that this program does not know of.
    @Test func theWholeStatusOfANewConnectionIsKnown() throws {
        #expect(try met("ct status == 0 drop") == ["c:1 drop"])
        #expect(try met("ct status == confirmed drop") == [])
    }

    /// Source: net/netfilter/nft_payload.c `nft_payload_csum_inet`, Linux 6.18; observed there.
    @Test func aWriteWhoseChecksumIsCutOffBreaks() throws {
        for (length, met) in [(28, "c:1 continue"), (27, "c:1 continue!")] {
            var bytes = [0x45, 0, 0, UInt8(length), 0, 1, 0, 0, 0x40, 17, 0, 0, 198, 51, 100, 7, 203, 0, 113, 9]
            bytes += [0, 53, 0, 80, 0, UInt8(length - 20), 0, 0].prefix(length - 20)
            let packet = try #require(Packet(decoding: bytes))
            #expect(try self.met("meta mark set 1 udp dport set 81", packet) == [met])
        }
    }

    /// The header is not there, which is known although no protocol is. Observed on Linux 6.18.
    @Test func aPacketThatEndsBeforeItsHeaderHasNoProtocol() throws {
        var bytes: [UInt8] = [0x60, 0, 0, 0, 0, 0, 0x3c, 64]
        bytes += NativeWorld.packet(version: .v6).source.bytes + NativeWorld.packet(version: .v6).destination.bytes
        let packet = try #require(Packet(decoding: bytes))
        #expect(
            try met(
                "meta l4proto 41 drop\n meta l4proto != 41 drop\n udp dport 1 drop\n ip6 hoplimit 63 accept", packet)
                == ["c:4 accept"])
    }

    /// Source: net/ipv6/addrconf_core.c `__ipv6_addr_type`; observed on Linux 6.18.
    @Test func aGroupOfALinkIsLookedUpOnThatLink() throws {
        var packet = NativeWorld.packet(version: .v6)
        packet.destination = IPAddress(v6High: 0xff02 << 48, low: 1)
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook prerouting priority 0; fib daddr . iif oifname \"eth1\" drop; }; }"
        )
        #expect(world.rules(world.trace(packet)) == ["c:1 drop"])
    }
}

extension Packet {
    /// The packet of these bytes, from its IP header on.
    fileprivate init?(decoding bytes: [UInt8]) { self.init(decoding: bytes.span) }
}
