import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// Zones, also those of one direction. Every case was observed on Linux 6.18.
@Suite struct ZoneTests {
    /// A connection 203.0.113.9:40000 → 192.0.2.1:9 in a zone, and rules that tell what a packet is.
    func world(_ zones: (original: String, reply: String, both: String), _ raw: String = "") throws -> World {
        try World(
            """
            *raw
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            \(raw)
            COMMIT
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
            -A OUTPUT -m conntrack --ctstate NEW -j DROP
            -A OUTPUT -m conntrack --ctstate UNTRACKED -j REJECT
            -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
            -A INPUT -m conntrack --ctstate NEW -j DROP
            COMMIT

            """, routerAddresses, routerRoutes, routerSettings,
            "udp      17 29 src=203.0.113.9 dst=192.0.2.1 sport=40000 dport=9 \(zones.original) src=192.0.2.1 "
                + "dst=203.0.113.9 sport=9 dport=40000 \(zones.reply) mark=0 \(zones.both) use=1\n")
    }

    func reply(_ world: World) throws -> Outcome {
        world.trace(try world.packet("192.0.2.1", "203.0.113.9", .udp, sport: 9, dport: 40000), in: nil).outcome
    }

    func original(_ world: World) throws -> Outcome {
        world.trace(try world.packet("203.0.113.9", "192.0.2.1", .udp, dport: 9), in: "eth0").outcome
    }

    @Test func theAnswerOfAConnectionWithAZoneForOneDirectionNeedsNone() throws {
        #expect(try reply(world(("zone-orig=5", "", ""))) == .sent)
        #expect(try reply(world(("", "zone-reply=6", ""))) == .dropped)
        #expect(try reply(world(("", "", "zone=7"))) == .dropped)
    }

    @Test func aPacketFindsAnEntryOfItsZoneInItsDirection() throws {
        let zoneFive = "-A PREROUTING -p udp -j CT --zone-orig 5"
        #expect(try original(world(("zone-orig=5", "", ""), zoneFive)) == .delivered)
        #expect(try original(world(("zone-orig=5", "", ""))) == .dropped)
        // The original direction has zone 0 on both sides.
        #expect(try original(world(("", "zone-reply=6", ""))) == .delivered)
        #expect(try original(world(("", "", "zone=7"), "-A PREROUTING -p udp -j CT --zone 7")) == .delivered)
        #expect(try original(world(("", "", "zone=7"), "-A PREROUTING -p udp -j CT --zone-reply 7")) == .dropped)
        #expect(try reply(world(("", "zone-reply=6", ""), "-A OUTPUT -p udp -j CT --zone 6")) == .sent)
    }

    /// A packet with an entry made up by CT is not touched by later ones, and counts as new until conntrack.
    @Test func theFirstCTCounts() throws {
        let world = try world(
            ("", "", "zone=5"),
            "-A OUTPUT -p udp -j CT --zone 5\n-A OUTPUT -p udp -j CT --zone 6\n-A OUTPUT -p udp -j CT --notrack\n"
                + "-A OUTPUT -p udp -m conntrack --ctstate INVALID -j DROP\n"
                + "-A OUTPUT -p udp -m conntrack --ctstate NEW\n-A OUTPUT -p udp -m connmark --mark 0x0")
        let trace = world.trace(try world.packet("192.0.2.1", "203.0.113.9", .udp, sport: 9, dport: 40000), in: nil)
        #expect(trace.outcome == .sent)
        #expect(
            world.rules(trace) == [
                "raw/OUTPUT:1 continue", "raw/OUTPUT:2 continue", "raw/OUTPUT:3 continue", "raw/OUTPUT:5 continue",
                "raw/OUTPUT:6 continue", "raw/OUTPUT policy accept", "filter/OUTPUT:1 accept",
            ])
    }

    /// What goes to itself looks like its own answer: in a zone of the first direction alone it is no answer. Source:
    /// net/netfilter/nf_conntrack_core.c `resolve_normal_ct`, which looks in that direction's zone first.
    @Test func aPacketToItselfIsLookedForInTheFirstDirectionsZone() {
        var tuple = ConnectionTuple(source: .v4(192, 0, 2, 1), destination: .v4(192, 0, 2, 1), protocol: .udplite)
        (tuple.sourcePort, tuple.destinationPort) = (9, 9)
        for (zone, direction) in [
            (ConnectionZone(id: 2, direction: .original), ConnectionDirection.original),
            (ConnectionZone(id: 2, direction: .reply), .original), (ConnectionZone(id: 2), .reply),
        ] {
            var entry = ConnectionEntry(original: tuple, reply: tuple.inverted, place: .none)
            entry.fullZone = zone
            #expect(ConnectionIndex([entry]).find(tuple, zone: zone)?.direction == direction)
        }
    }

    /// Two entries of different zones in one direction may both have a tuple. Source:
    /// net/netfilter/nf_conntrack_core.c `__nf_conntrack_hash_insert`, which puts the new one first.
    @Test func theEntryThatWasMadeLastIsFoundFirst() {
        var tuple = ConnectionTuple(source: .v4(192, 0, 2, 1), destination: .v4(192, 0, 2, 9), protocol: .udp)
        (tuple.sourcePort, tuple.destinationPort) = (40001, 22)
        var other = tuple.inverted
        other.source = .v4(192, 0, 2, 3)
        let first = ConnectionEntry(original: other, reply: tuple, place: .none)
        var second = ConnectionEntry(original: tuple, reply: tuple.inverted, place: .none)
        second.fullZone = ConnectionZone(id: 1, direction: .reply)
        for entries in [[first, second], [second, first]] {
            let found = ConnectionIndex(entries).find(tuple, zone: ConnectionZone())
            #expect(found?.entry == entries[1])
        }
    }

    /// Source: net/netfilter/nf_conntrack_core.c `nf_conntrack_tuple_taken`: the reply is looked for in its own zone.
    @Test func aReplyIsTakenInItsZoneOnly() {
        var tuple = ConnectionTuple(source: .v4(192, 0, 2, 1), destination: .v4(203, 0, 113, 9), protocol: .udp)
        tuple.sourcePort = 9
        tuple.destinationPort = 40000
        var entry = ConnectionEntry(original: tuple, reply: tuple, place: .none)
        entry.reply.source = .v4(192, 0, 2, 2)
        let index = ConnectionIndex([entry])
        #expect(index.isTaken(tuple, zone: ConnectionZone()))
        #expect(!index.isTaken(tuple, zone: ConnectionZone(id: 5)))
        #expect(!index.isTaken(tuple, zone: ConnectionZone(id: 5, direction: .reply)))
        entry.zone = 5
        entry.zoneDirection = .reply
        let other = ConnectionIndex([entry])
        #expect(other.isTaken(entry.reply, zone: ConnectionZone(id: 5, direction: .reply)))
        #expect(other.isTaken(entry.reply, zone: ConnectionZone(id: 5)))
        #expect(!other.isTaken(entry.reply, zone: ConnectionZone(id: 5, direction: .original)))
    }

    /// Source: net/netfilter/xt_connmark.c, which takes what CT made up for an entry; observed: CT's rule keeps it, with the
    /// mark that packets before have left it.
    @Test(arguments: [
        ("-A PREROUTING -m connmark --mark 0x0", Outcome.dropped),
        ("-A PREROUTING -j CONNMARK --set-mark 0x10\n-A PREROUTING -m connmark --mark 0x10", .dropped),
        ("-A PREROUTING -j CONNMARK --set-mark 0x10/0xff\n-A PREROUTING -m connmark --mark 0x0/0xff", .delivered),
        ("-A PREROUTING -j CONNMARK --xor-mark 0x10\n-A PREROUTING -m connmark --mark 0x10", .undecided),
    ])
    func whatCTMakesUpKeepsItsMark(_ rules: String, _ outcome: Outcome) throws {
        let world = try World(
            "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --zone 5\n\(rules) -j DROP\nCOMMIT\n",
            routerAddresses, routerRoutes, routerSettings)
        #expect(try original(world) == outcome)
    }
}
