import NetTypes
import RuleModel
import Testing

@testable import KernelLab

@Suite struct IPHeaderTests {
    private func packet(_ source: String, _ destination: String, _ number: IPProtocol) throws -> Packet {
        let source = try #require(IPAddress(source)), destination = try #require(IPAddress(destination))
        return Packet(source: source, destination: destination, protocol: number)
    }

    @Test(
        "a tagged packet differs in its tag alone, and its checksum is right",
        arguments: [
            ("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2"),
        ])
    func tags(source: String, destination: String) throws {
        var packet = try packet(source, destination, .udp)
        packet.tos = 0xb9
        packet.destinationPort = 53
        let tagged = packet.encoded(identification: 7).tagged(0xabcd)
        #expect(tagged == packet.encoded(identification: 0xabcd))
        let header = try #require(IPHeader(tagged))
        #expect(header.tag == 0xabcd)
        #expect(header.tos == 0xb9)
        #expect(header.destinationPort == 53)
        #expect(header.source == packet.source)
        #expect(header.answer == nil)
    }

    @Test(
        "an error is known by the tag of the packet that it is about",
        arguments: [("10.0.0.1", "10.0.0.2", IPProtocol.icmp, UInt8(3)), ("fd00::1", "fd00::2", .icmpv6, 1)])
    func quotes(source: String, destination: String, number: IPProtocol, type: UInt8) throws {
        var error = try packet(source, destination, number)
        error.icmpType = type
        let quoted = try packet(destination, source, .udp).encoded().tagged(0xabcd)
        let header = error.encoded().tagged(7)
        let bytes = header.prefix(error.version == .v4 ? 28 : 48) + quoted.prefix(12)
        #expect(try #require(IPHeader(Array(bytes))).quotedTag(Array(bytes)) == 0xabcd)
        #expect(try #require(IPHeader(Array(bytes))).quotedTag(Array(bytes.dropLast(8))) == nil)
        #expect(IPHeader(quoted)?.quotedTag(quoted) == nil)
    }

    @Test func whatGoesNowhereMayBeAnsweredUnasked() {
        var seen = Observation()
        for (outcome, isAnswered) in [
            (ObservedOutcome.gone(after: .prerouting), true), (.delivered, true), (.forwarded(isSeen: true), false),
        ] {
            (seen.outcome, seen.hasOthers) = (outcome, true)
            #expect(seen.isAnsweredUnasked == isAnswered)
            seen.hasOthers = false
            #expect(!seen.isAnsweredUnasked)
        }
    }

    @Test func answersAreToldByTheirType() throws {
        var reset = try packet("10.0.0.1", "10.0.0.2", .tcp)
        reset.tcpFlags = [.rst, .ack]
        #expect(IPHeader(reset.encoded())?.answer == .reset)
        var error = try packet("fd00::1", "fd00::2", .icmpv6)
        (error.icmpType, error.icmpCode) = (1, 4)
        #expect(IPHeader(error.encoded())?.answer == .icmpv6(type: 1, code: 4))
        error.icmpType = 128
        #expect(IPHeader(error.encoded())?.answer == nil)
    }

    @Test func whatIsNoPacketIsNone() throws {
        let packet = try packet("fd00::1", "fd00::2", .udp).encoded()
        for length in 0..<40 { #expect(IPHeader(Array(packet[..<length])) == nil) }
        #expect(IPHeader([UInt8](repeating: 0x50, count: 60)) == nil)
    }
}
