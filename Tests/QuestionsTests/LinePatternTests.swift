import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import Questions

/// What a pattern reads is what the line would be read as without it; what it doesn't take is left to that.
@Suite struct LinePatternTests {
    private static let first =
        #"{"id":1,"in":"eth0","source":"198.51.100.7","sourcePort":1024,"destination":"10.96.0.1","protocol":"tcp","destinationPort":80}"#

    private func read(_ line: String, _ model: inout HostModel) throws -> (PreparedPacket, PacketDescription) {
        let description = try readPacketJSON(Array(line.utf8).span)
        return (try prepare(description, ClusterObjects(), on: &model), description)
    }

    private func pattern(_ line: String, _ model: inout HostModel) throws -> LinePattern? {
        let (packet, description) = try read(line, &model)
        return LinePattern(Array(line.utf8).span, description, packet)
    }

    private func taken(_ line: String, by pattern: LinePattern) -> Taken? {
        pattern.read(Array(line.utf8).span).map { Taken(packet: $0.packet, id: $0.id) }
    }

    private struct Taken: Equatable {
        let packet: PreparedPacket
        let id: PacketDescription.Identifier?
    }

    @Test(arguments: [
        ("198.51.100.7", "0.0.0.0"), ("198.51.100.7", "127.0.0.1"), ("198.51.100.7", "010.1.1.1"),
        ("10.96.0.1", "192.0.2.1"), ("10.96.0.1", "255.255.255.254"), ("1024", "65535"), ("1024", "0"),
        (":80}", ":443}"), (#""id":1"#, #""id":999999999999999999999"#), (#""id":1"#, #""id":0"#),
        ("198.51.100.7", "10.96.0.1"),
    ])
    func linesThatDifferInValuesAreReadAsTheyAre(_ before: String, _ after: String) throws {
        var model = try host(noRules, addresses, routes)
        let pattern = try #require(try pattern(Self.first, &model))
        let line = Self.first.replacing(before, with: after)
        #expect(line != Self.first)
        let told = try #require(taken(line, by: pattern))
        let (own, ownDescription) = try read(line, &model)
        #expect(told.packet == own)
        #expect(told.id == ownDescription.id)
    }

    @Test(arguments: [
        // Another packet in more than its values.
        (#""tcp""#, #""udp""#), ("eth0", "eth1"), (":80}", #":80,"ttl":3}"#), ("10.96.0.1", "224.0.0.1"),
        ("10.96.0.1", "255.255.255.255"), ("10.96.0.1", "2001:db8::1"), ("10.96.0.1", "host"),
        ("10.96.0.1", "10.96.0.1:80"),
        // No packet at all.
        ("1024", "65536"), ("1024", "01"), ("1024", "-1"), ("1024", #""1024""#), (#""id":1"#, #""id":01"#),
        (":80}", ":80"),
        (":80}", ":80} "), ("10.96.0.1", "10.96.0"), ("10.96.0.1", "10.96.0.1.1"), (#""id":1"#, #""id":"1""#),
    ])
    func otherLinesAreNotTaken(_ before: String, _ after: String) throws {
        var model = try host(noRules, addresses, routes)
        let pattern = try #require(try pattern(Self.first, &model))
        let line = Self.first.replacing(before, with: after)
        #expect(line != Self.first)
        #expect(taken(line, by: pattern) == nil)
    }

    @Test func identifiersThatAreStringsAreTakenWithoutEscapes() throws {
        var model = try host(noRules, addresses, routes)
        let line = Self.first.replacing(#""id":1"#, with: #""id":"a b""#)
        let pattern = try #require(try pattern(line, &model))
        #expect(taken(line.replacing("a b", with: "x-1"), by: pattern)?.id == .string("x-1"))
        for other in [#"a\u0062"#, "ä", #"a"b"#, ""] {
            #expect(taken(line.replacing("a b", with: other), by: pattern) == nil, "\(other)")
        }
    }

    /// Without an interface it hangs on the source where the packet comes in; a name stands for more than an address.
    @Test(arguments: [(#""in":"eth0","#, ""), ("198.51.100.7", "host"), ("10.96.0.1", "224.0.0.1")])
    func noPatternIsMadeWhereMoreHangsOnTheValues(_ before: String, _ after: String) throws {
        var model = try host(noRules, addresses, routes)
        var line = Self.first.replacing(before, with: after)
        if after == "host" { line = line.replacing(#""in":"eth0""#, with: #""in":null"#) }
        let isMade = try pattern(line, &model) != nil
        #expect(!isMade)
    }
}
