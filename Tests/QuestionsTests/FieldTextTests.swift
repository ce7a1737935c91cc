import NetTypes
import Questions
import RuleModel
import Testing

@Suite struct FieldTextTests {
    @Test(
        "reads TCP flags",
        arguments: [
            ("syn", TCPFlags.syn), ("syn,ack", [.syn, .ack]), ("SYN,ACK", [.syn, .ack]), ("none", []),
            ("all", TCPFlags(rawValue: 0x3f)), ("fin,ece,cwr", [.fin, .ece, .cwr]),
        ] as [(String, TCPFlags)])
    func flags(_ text: String, _ expected: TCPFlags) throws {
        #expect(try readTCPFlags(text) == expected)
    }

    @Test("refuses flags that are none", arguments: ["", "syn,", "synack", "x"]) func badFlags(_ text: String) {
        #expect(throws: PacketFailure.self) { _ = try readTCPFlags(text) }
    }

    @Test(
        "reads DSCP values and classes",
        arguments: [
            ("0", 0), ("46", 46), ("0x2e", 46), ("EF", 46), ("ef", 46), ("AF11", 10), ("af43", 38), ("CS1", 8),
            ("BE", 0),
        ]
            as [(String, UInt8)])
    func dscp(_ text: String, _ expected: UInt8) throws {
        #expect(try readDSCP(text) == expected)
    }

    @Test("refuses a DSCP that is none", arguments: ["64", "AF14", "AF51", "CS8", "", "-1", "EFF"])
    func badDSCP(_ text: String) {
        #expect(throws: PacketFailure.self) { _ = try readDSCP(text) }
    }

    @Test(
        "reads connection states",
        arguments: [("new", ConnectionStates.new), ("established,dnat", [.established, .dnat]), ("INVALID", .invalid)]
            as [(String, ConnectionStates)])
    func states(_ text: String, _ expected: ConnectionStates) throws {
        #expect(try readStates(text) == expected)
    }

    @Test("refuses states that exclude each other or are none", arguments: ["", "new,established", "dnat", "old"])
    func badStates(_ text: String) {
        #expect(throws: PacketFailure.self) { _ = try readStates(text) }
    }

    @Test(
        "reads ICMP types",
        arguments: [
            ("8", ICMPTypeText.number(type: 8, code: nil)), ("3/1", .number(type: 3, code: 1)),
            ("echo-request", .name("echo-request")), ("Port-Unreachable", .name("port-unreachable")),
        ] as [(String, ICMPTypeText)])
    func icmp(_ text: String, _ expected: ICMPTypeText) throws {
        #expect(try ICMPTypeText(text) == expected)
    }

    @Test("refuses ICMP types that are none", arguments: ["", "256", "3/", "3/256", "hello"])
    func badICMP(_ text: String) {
        #expect(throws: PacketFailure.self) { _ = try ICMPTypeText(text) }
    }
}
