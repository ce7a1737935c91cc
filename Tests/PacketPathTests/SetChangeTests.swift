import ChainGraph
import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// `-j SET` seen by later matches of the same packet and by later packets. Observed on Linux 6.18 with the same sets.
@Suite struct SetChangeTests {
    static let sets = """
        create s hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
        create net hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
        add net 10.0.0.0/24
        add net 10.9.0.0/16
        create m1 hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
        add m1 198.51.100.7
        create m2 hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
        create list list:set size 8
        add list m1
        add list m2
        create full hash:ip family inet hashsize 1024 maxelem 1 bucketsize 12 initval 0x1
        add full 192.0.2.99
        create no hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
        add no 198.51.100.7 nomatch
        create pp hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
        create six hash:ip family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
        create ports bitmap:port range 1-100

        """

    struct Case: Sendable, CustomTestStringConvertible {
        var rules: [String]
        /// Places of the rules below that match.
        var expected: [Int]
        var testDescription: String { rules.joined(separator: "; ") }

        init(_ rules: String..., expect: [Int]) {
            self.rules = rules
            expected = expect
        }
    }

    static let cases: [Case] = [
        Case(
            "-m set --match-set s src", "-j SET --add-set s src", "-m set --match-set s src", "-j SET --del-set s src",
            "-m set --match-set s src", expect: [2, 3, 4]),
        // The other address is another element.
        Case("-j SET --add-set s src", "-m set --match-set s dst", expect: [1]),
        Case(
            "-j SET --add-set pp src,dst", "-m set --match-set pp src,dst", "-m set --match-set pp dst,dst",
            expect: [1, 2]),
        // A network as long as the set's longest: 198.51.100.0/24 has the source, and not 203.0.113.9.
        Case("-j SET --add-set net src", "-m set --match-set net src", "-m set --match-set net dst", expect: [1, 2]),
        // The first member of a list that does not have it takes it; the first that has it loses it.
        Case("-j SET --add-set list src", "-m set --match-set m2 src", expect: [1, 2]),
        Case("-j SET --del-set list src", "-m set --match-set m1 src", "-m set --match-set list src", expect: [1]),
        // A full set takes no more.
        Case("-j SET --add-set full src", "-m set --match-set full src", expect: [1]),
        // An exception that is there stays one, unless --exist makes it new.
        Case("-j SET --add-set no src", "-m set --match-set no src", expect: [1]),
        Case("-j SET --add-set no src --exist", "-m set --match-set no src", expect: [1, 2]),
        // Another version, or too few directions: nothing happens.
        Case("-j SET --add-set six src", "-m set --match-set six src", expect: [1]),
        Case("-j SET --add-set ports dst", "-m set --match-set ports dst", expect: [1, 2]),
        Case("-j SET --add-set ports src", "-m set --match-set ports src", expect: [1]),
    ]

    func world(_ rules: [String], sets: String = SetChangeTests.sets) throws -> World {
        let text = rules.map { "-A FORWARD \($0)\n" }.joined()
        return try World(
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(text)COMMIT\n", sets,
            routerAddresses, routerRoutes, routerSettings)
    }

    @Test(arguments: cases) func laterMatchesSeeTheChange(_ example: Case) throws {
        let world = try world(example.rules)
        let trace = world.trace(try world.packet("198.51.100.7", "203.0.113.9"), in: "eth1")
        #expect(trace.branches.isEmpty)
        #expect(
            world.rules(trace).filter { !$0.contains("policy") }
                == example.expected.map { "filter/FORWARD:\($0) continue" })
    }

    /// What was taken for granted of a set before a rule changed it does not hold after.
    @Test func aSetThatIsNotInTheInputIsAskedAnewAfterAChange() throws {
        let world = try world([
            "-m set --match-set other src -j RETURN", "-j SET --add-set other src",
            "-m set --match-set other src -j DROP",
        ])
        let trace = world.trace(try world.packet("198.51.100.7", "203.0.113.9"), in: "eth1")
        var outcomes: [Outcome] = []
        func collect(_ trace: Trace) {
            if trace.branches.isEmpty { outcomes.append(trace.outcome) }
            trace.branches.forEach { collect($0.trace) }
        }
        collect(trace)
        #expect(outcomes.contains(.dropped))
        #expect(outcomes.contains(.forwarded))
    }

    @Test func laterPacketsSeeTheChange() throws {
        let world = try world(["-m set --match-set s src -j DROP", "-p udp -j SET --add-set s src"])
        let knock = world.trace(try world.packet("198.51.100.7", "203.0.113.9", .udp), in: "eth1")
        #expect(knock.outcome == .forwarded)
        let request = TraceRequest(
            packet: try world.packet("198.51.100.7", "203.0.113.9"), origin: .interface(world.interface("eth1")))
        #expect(trace(request, on: world.model).outcome == .forwarded)
        #expect(trace(request, on: world.model, setChanges: knock.setChanges).outcome == .dropped)
    }

    /// What a set holds by interface is asked of one interface at a time, and of none where there is none.
    /// Source: net/netfilter/ipset/ip_set_hash_netiface.c `hash_netiface4_kadt`; observed on Linux 6.18.
    @Test func aDoubtAboutASetIsOfTheInterfaceThatIsAsked() throws {
        let ask = "-m set --match-set by src"
        let world = try World(
            "*mangle\n-A PREROUTING \(ask),dst -j DROP\n-A FORWARD \(ask),src -j ACCEPT\n"
                + "-A FORWARD \(ask),dst -j DROP\nCOMMIT\n",
            "create by hash:net,iface family inet hashsize 1024 maxelem 65536\n", routerAddresses, routerRoutes,
            routerSettings)
        var doubt = SetChanges()
        doubt.change(world.interface("by")) { $0.doubt() }
        let request = TraceRequest(
            packet: try world.packet("198.51.100.7", "203.0.113.9"), origin: .interface(world.interface("eth1")))
        let trace = trace(request, on: world.model, setChanges: doubt)
        var names: Set<String> = []
        func collect(_ trace: Trace) {
            names.formUnion(trace.assumptions.map(\.name))
            for branch in trace.branches {
                names.formUnion(branch.assumptions.map(\.name))
                collect(branch.trace)
            }
        }
        collect(trace)
        #expect(names == ["set@by:198.51.100.7,eth1#1", "set@by:198.51.100.7,eth0#1"])
    }

    /// A packet that may have changed a set leaves later ones in doubt.
    @Test func whatOnlySomeWaysChangeIsUncertainForLaterPackets() throws {
        let world = try world([
            "-m set --match-set s src -j DROP", "-p udp -m string --string x --algo bm -j SET --add-set s src",
        ])
        let knock = world.trace(try world.packet("198.51.100.7", "203.0.113.9", .udp), in: "eth1") {
            $0.packet.unknown.insert(.payload)
        }
        #expect(knock.outcome == .forwarded)
        #expect(knock.branches.isEmpty)
        let request = TraceRequest(
            packet: try world.packet("198.51.100.7", "203.0.113.9"), origin: .interface(world.interface("eth1")))
        #expect(trace(request, on: world.model, setChanges: knock.setChanges).outcome == .undecided)
    }

    /// Nor is it known what rules that were not followed do to sets.
    @Test func whatWasNotFollowedLeavesTheSetsItMayChangeUncertain() throws {
        let perhaps = (1...3).map {
            "-m string --string x\($0) --algo bm -j MARK --set-xmark 0x\(1 << $0)/0x\(1 << $0)"
        }
        let world = try world(perhaps + ["-m mark --mark 0xe -j SET --add-set s src"])
        let trace = world.trace(try world.packet("198.51.100.7", "203.0.113.9"), in: "eth1") {
            $0.packet.unknown.insert(.payload)
            $0.maximumLeaves = 2
        }
        #expect(trace.reason == .tooManyBranches)
        let name = try #require(world.model.names.find("s"))
        #expect(trace.setChanges[name]?.isUncertain == true)
    }

    /// A list of two sets of which neither is known: that one does not have the packet says nothing of the other.
    /// Observed on Linux 6.18.
    @Test func aListAsksEachOfItsMembers() throws {
        let rules = """
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -j TEE --gateway 192.0.2.9
            COMMIT
            *filter
            :FORWARD DROP [0:0]
            -A FORWARD -m set --match-set a src -j REJECT
            -A FORWARD -m set --match-set all src -j ACCEPT
            -A FORWARD -p gre -j SET --add-set a src
            -A FORWARD -p gre -j SET --add-set b src
            COMMIT

            """
        let sets =
            "create a hash:ip family inet\ncreate b hash:ip family inet\ncreate all list:set size 8\nadd all a\nadd all b\n"
        let world = try World(rules, routerAddresses, routerRoutes, routerSettings, sets)
        let trace = world.trace(try world.packet("198.51.100.7", "203.0.113.9"), in: "eth1")
        func outcomes(_ trace: Trace) -> [Outcome] {
            trace.branches.isEmpty ? [trace.outcome] : trace.branches.flatMap { outcomes($0.trace) }
        }
        #expect(Set(outcomes(trace)) == [.rejected, .forwarded, .dropped])
    }
}
