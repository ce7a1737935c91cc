import NetTypes
import PacketPath
import PathModel
import Questions
import RuleModel
import Testing

@Suite struct PacketJSONTests {
    private func read(_ text: String) throws -> PacketDescription { try readPacketJSON(Array(text.utf8).span) }

    @Test func everyKey() throws {
        let packet = try read(
            """
            {"in":"eth0","source":"192.0.2.7","destination":"192.0.2.1","protocol":"tcp","sourcePort":40000,\
            "destinationPort":80,"tcpFlags":"syn,ack","mark":"0x4000","ttl":63,"id":"a","length":60,"dscp":"EF",\
            "state":"established","ctMark":7,"uid":1000,"mac":"02:00:00:00:00:01"}
            """)
        #expect(packet.id == .string("a"))
        #expect(packet.arrival == .interface("eth0"))
        #expect(packet.protocol == .tcp)
        #expect(packet.sourcePort == 40000)
        #expect(packet.destinationPort == 80)
        #expect(packet.tcpFlags == [.syn, .ack])
        #expect(packet.mark == 0x4000)
        #expect(packet.ttl == 63)
        #expect(packet.length == 60)
        #expect(packet.dscp == 46)
        #expect(packet.state == .established)
        #expect(packet.connectionMark == 7)
        #expect(packet.userID == 1000)
        #expect(packet.mac != nil)
    }

    @Test func nullIsThisHostAndAbsentIsNotSaid() throws {
        #expect(try read("{\"in\":null}").arrival == .host)
        #expect(try read("{}").arrival == nil)
    }

    @Test func numbersForNames() throws {
        let packet = try read("{\"protocol\":1,\"icmpType\":8,\"icmpCode\":0,\"id\":17}")
        #expect(packet.protocol == .icmp)
        #expect(packet.icmpType == .number(type: 8, code: nil))
        #expect(packet.id == .number("17"))
        #expect(try read("{\"icmpType\":\"echo-request\"}").icmpType == .name("echo-request"))
    }

    @Test(
        "tells what is wrong and where",
        arguments: [
            ("{\"foo\":1}", "'foo' is not a key of a packet", 1),
            ("{\"ttl\":256}", "'ttl' takes a number from 0 to 255", 7),
            ("{\"ttl\":1,\"ttl\":2}", "the key 'ttl' is there twice", 9),
            ("{\"source\":\"1.2.3\"}", "'1.2.3' is not an address", 10),
            ("{\"source\":\"10.0.0.1:80\"}", "takes an address alone", 10),
            ("{\"in\":7}", "'in' takes a string", 6), ("[]", "a packet is a JSON object", 0),
            ("{\"id\":[]}", "'id' is a string or a number", 6), ("{\"mark\":-1}", "takes a number", 8),
            ("{", "ends too early", 1), ("{\"tcpFlags\":\"x\"}", "'x' is not a TCP flag", 12),
            ("{\"mac\":\"zz\"}", "not a hardware address", 7), ("{\"dscp\":64}", "0 to 63", 8),
            ("{\"bytes\":\"45x0\"}", "hexadecimal digits", 12), ("{\"bytes\":\"450\"}", "ends within a byte", 12),
            ("{\"bytes\":\"4500\"}", "no whole IP header", 10), ("{\"bytes\":\"\"}", "no whole IP header", 10),
            ("{\"bytes\":1}", "'bytes' takes a string", 9), ("{\"bytes\":\"\\u0034x\"}", "hexadecimal digits", 9),
            ("{\"state\":\"odd\"}", "'odd' is not a state", 9), ("{\"protocol\":300}", "'300' is not a protocol", 12),
        ])
    func refuses(_ text: String, _ message: String, _ offset: Int) {
        #expect {
            _ = try read(text)
        } throws: { error in
            guard let failure = error as? PacketFailure else { return false }
            return failure.message.contains(message) && failure.offset == offset
        }
    }

    static let datagram = "4500002100000000401100000a000009c000020100010009000d000068656c6c6f"

    private func prepared(_ text: String) throws -> Packet {
        var model = try host(noRules, addresses, routes)
        return try prepare(try read(text), ClusterObjects(), on: &model).request.packet
    }

    @Test func bytesStandForTheOtherKeys() throws {
        let packet = try prepared("{\"in\":\"eth0\",\"bytes\":\"\(PacketJSONTests.datagram)\"}")
        #expect("\(packet.source)" == "10.0.0.9" && "\(packet.destination)" == "192.0.2.1")
        #expect(packet.protocol == .udp && packet.sourcePort == 1 && packet.destinationPort == 9)
        #expect(packet.ttl == 64 && packet.length == 33 && !packet.dontFragment)
        #expect(packet.defaulted == .mark && packet.unknown == [.mac, .owner])
        #expect(packet.encoded().suffix(5) == Array("hello".utf8)[...])
    }

    @Test func keysBesideBytesCount() throws {
        let packet = try prepared(
            "{\"ttl\":3,\"destinationPort\":53,\"source\":\"10.0.0.1\",\"bytes\":\"\(PacketJSONTests.datagram)\"}")
        #expect(packet.ttl == 3 && packet.destinationPort == 53 && packet.sourcePort == 1)
        let bytes = packet.encoded()
        #expect(bytes[8] == 3 && bytes[15] == 1 && bytes[23] == 53)
    }

    @Test func aHeaderThatIsCutShortIsUnknown() throws {
        let packet = try prepared("{\"bytes\":\"4500001600000000400600000a000009c00002010001\"}")
        #expect(packet.protocol == .tcp && packet.sourcePort == 1)
        #expect(packet.unknown.isSuperset(of: [.destinationPort, .tcpFlags, .tcpOptions]))
        #expect(throws: PacketFailure.self) {
            _ = try prepared("{\"source\":\"::1\",\"destination\":\"::2\",\"bytes\":\"\(PacketJSONTests.datagram)\"}")
        }
    }

    @Test func identifierOfALineWithAnError() {
        #expect(readPacketIdentifier(Array("{\"id\":\"x\",\"foo\":1}".utf8).span) == .string("x"))
        #expect(readPacketIdentifier(Array("{".utf8).span) == nil)
    }
}
