import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// Interfaces that native rules ask for by their numbers. nft turns both round before it compares which is more; packets were
/// sent on Linux 6.18. In `World` lo is 1, eth0 is 2 and eth1 is 3.
@Suite struct InterfaceNumberTests {
    @Test(arguments: [
        ("iif { 2, 3 }", true), ("iif { 2, 4 }", false), ("iif != { 2, 4 }", true), ("iif { 1, \"eth1\" }", true),
        ("iif 2-3", true), ("iif 1-2", false), ("iif != 1-2", true), ("iif { 1-2, 5 }", false),
        ("iif { 1, 3-5 }", true),
        ("iif \"lo\"-\"eth0\"", false), ("iif > 2", true), ("iif > 3", false), ("iif >= \"eth1\"", true),
        ("iif < \"eth1\"", false), ("iif <= 3", true), ("iif . tcp dport { 3 . 80 }", true),
        ("iif . tcp dport { 2-3 . 70-90 }", true), ("iif . tcp dport { 1-2 . 70-90 }", false), ("iif @s", true),
        ("iif . tcp dport @c", true), ("fib saddr oif { 2, 3 }", true), ("fib saddr oif > 2", true),
        ("fib saddr oif < 3", false), ("meta mark set iif map { 2 : 5, 3 : 6 } meta mark 6", true),
        ("iif vmap { 2 : drop, 3 : continue }", true), ("iif vmap { 2 : continue }", false), ("iif 9", false),
    ])
    func anInterfaceIsFoundByItsNumber(condition: String, holds: Bool) throws {
        let world = try NativeWorld.forward(
            "\(condition) drop",
            table: """
                set s { type iface_index; elements = { 2, "eth1" }; }
                set c { type iface_index . inet_service; elements = { 3 . 80 }; }
                """)
        let trace = world.trace(NativeWorld.packet())
        #expect(trace.branches.isEmpty)
        #expect(trace.outcome == (holds ? .dropped : .forwarded))
    }

    /// Without an interface the number is 0.
    @Test(arguments: [("iif < 2", true), ("iif > 0", false), ("iif { 0-1 }", true), ("iif 0-5", true)])
    func whatIsMadeHereCameInByNone(condition: String, holds: Bool) throws {
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook output priority 0; \(condition) drop; }; }")
        var packet = NativeWorld.packet()
        packet.source = .v4(203, 0, 113, 1)
        #expect(world.trace(packet, in: nil).outcome == (holds ? .dropped : .sent))
    }

    /// Where an interface's number is not told, neither is which interface has one.
    @Test(arguments: ["iif 7", "iif { 7, 8 }", "iif > 1", "iif 1-2", "iif != 7"])
    func whereNumbersAreMissingItIsOpen(condition: String) throws {
        let world = try NativeWorld(
            "table inet t { chain c { type filter hook forward priority 0; \(condition) drop; }; }"
        ) { host in
            for index in host.interfaces.indices where !host.interfaces[index].isLoopback {
                host.interfaces[index].index = 0
            }
        }
        #expect(world.trace(NativeWorld.packet()).branches.count == 2)
    }

    /// What is hashed is the number, which the model does not have.
    @Test func aHashOfANumberIsOpen() throws {
        let world = try NativeWorld.forward("jhash iif . ip saddr mod 2 seed 1 0 drop")
        #expect(world.trace(NativeWorld.packet()).branches.count == 2)
    }
}
