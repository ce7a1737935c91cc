import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// Statements of native rules of which packets that were sent on Linux 6.18 told what they do.
@Suite struct NativeStatementTests {
    private static let expectation =
        "ct expectation e { protocol tcp; dport 5432; timeout 1m; size 12; l3proto ip; }"

    /// What is expected hangs on an entry that is not in the table yet. Source: net/netfilter/nft_ct.c
    /// `nft_ct_expect_obj_eval`.
    @Test(arguments: [(ConnectionStates.new, true), (.established, false), (.untracked, false), (.invalid, false)])
    func anExpectationIsSetForANewConnection(state: ConnectionStates, goesOn: Bool) throws {
        let world = try NativeWorld.forward("ct expectation set \"e\" drop", table: Self.expectation)
        let trace = world.trace(NativeWorld.packet()) { $0.state = state }
        #expect(trace.branches.isEmpty)
        #expect(trace.outcome == (goesOn ? .dropped : .forwarded))
    }

    @Test func withoutAnEntryNothingIsExpected() throws {
        let world = try NativeWorld(
            """
            table inet t {
                \(Self.expectation)
                chain r { type filter hook prerouting priority raw; notrack; }
                chain c { type filter hook forward priority 0; ct expectation set "e" drop; }
            }
            """)
        #expect(world.trace(NativeWorld.packet()).outcome == .forwarded)
    }

    /// The kernel sends what code it is told, also one that no target of iptables has.
    @Test(arguments: [("frag-needed", 4, "icmp-frag-needed"), ("port-unreachable", 3, "icmp-port-unreachable")])
    func aRejectHasTheCodeThatIsWritten(word: String, code: UInt8, name: String) throws {
        let world = try NativeWorld.forward("reject with icmp type \(word)")
        let trace = world.trace(NativeWorld.packet())
        #expect(trace.outcome == .rejected)
        #expect(trace.rejectWith?.name == name)
        #expect(trace.rejectWith?.icmp?.type == 3 && trace.rejectWith?.icmp?.code == code)
    }

    @Test func everyCodeOfARejectHasItsName() {
        for code in UInt8.min...UInt8.max {
            for version in IPVersion.allCases {
                let with = RejectWith(version: version, code: code)
                #expect(with.icmp?.code == code && with.icmp?.type == (version == .v4 ? 3 : 1))
            }
        }
        #expect(RejectWith(version: .v6, code: 4) == .icmp6PortUnreachable)
        #expect(RejectWith.icmpCode(7).name == "icmp-unreachable-code-7")
    }

    /// Of chains at one place the one that was hung up last runs first, whichever table is older.
    @Test(arguments: [("a", "b", true), ("b", "a", false)])
    func theChainThatWasHungUpLastRunsFirst(first: String, second: String, isForwarded: Bool) throws {
        let hook = "{ type filter hook forward priority 0; }"
        let world = try NativeWorld(
            """
            add table ip a
            add table ip b
            add chain ip \(second) c \(hook)
            add chain ip \(first) c \(hook)
            add rule ip b c meta mark set 1
            add rule ip a c meta mark 1 drop
            """)
        #expect(world.trace(NativeWorld.packet()).outcome == (isForwarded ? .forwarded : .dropped))
    }

    /// Sets of plain numbers, of which JSON and the kernel's own lists do not tell how large they are.
    @Test(arguments: [
        ("ip ttl @s", "integer", "63", true), ("ip ttl @s", "integer", "64", false),
        ("meta length . ip saddr @s", "integer . ipv4_addr", "60 . 198.51.100.7", true),
        ("meta length . ip protocol @s", "integer . inet_proto", "20-59 . tcp", false),
    ])
    func aSetOfPlainNumbersIsLookedUp(condition: String, type: String, element: String, holds: Bool) throws {
        let world = try NativeWorld.forward(
            "\(condition) drop", table: "set s { type \(type); flags interval; elements = { \(element) }; }")
        var packet = NativeWorld.packet()
        packet.ttl = 64
        #expect(world.trace(packet).outcome == (holds ? .dropped : .forwarded))
    }

    @Test func anElementThatAFileTakesOutIsNotMet() throws {
        let world = try NativeWorld(
            """
            table ip t {
                set s { type ipv4_addr; elements = { 198.51.100.7, 198.51.100.8 }; }
                chain c { type filter hook forward priority 0; ip saddr @s drop; }
            }
            delete element ip t s { 198.51.100.7 }
            """)
        #expect(world.trace(NativeWorld.packet()).outcome == .forwarded)
    }
}
