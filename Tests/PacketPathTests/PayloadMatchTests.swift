import NetTypes
import RuleModel
import Testing

@testable import PacketPath

/// Matches on bytes: `-m u32`, `-m bpf`, `-m string`. The packet is a datagram of 33 bytes from 10.0.0.9:1 to
/// 192.0.2.1:9 with five bytes of data; what a row says of known bytes was observed on Linux 6.18.
@Suite struct PayloadMatchTests {
    static let words: [MatchCase] = [
        MatchCase("-m u32 --u32 \"0xc=0xa000009\"", "yes"),
        MatchCase("-m u32 --u32 \"0xc=0xa000008\"", "no"),
        MatchCase("-m u32 ! --u32 \"0xc=0xa000008\"", "yes"),
        MatchCase("-m u32 --u32 \"0x0>>0x16&0x3c@0x0>>0x10=0x1\"", "yes"),
        MatchCase("-m u32 --u32 \"0x0>>0x16&0x3c@0x0&0xffff=0x9,0x35\"", "yes"),
        MatchCase("-m u32 --u32 \"0x6&0xff=0x11\"", "yes", "protocol of the third word"),
        MatchCase("-m u32 --u32 \"0x6&0xff=0x1:0x10\"", "no"),
        MatchCase("-m u32 --u32 \"0x0=0x45000021\"", "yes"),
        // Beyond the end nothing matches, and so the negative does.
        MatchCase("-m u32 --u32 \"0x1e=0x1\"", "no"),
        MatchCase("-m u32 ! --u32 \"0x1e=0x1\"", "yes"),
        MatchCase("-m u32 --u32 \"0x1c=0x68656c6c\"", "u32@filter/FORWARD:1"),
        MatchCase("-m u32 ! --u32 \"0x1d=0x656c6c6f\"", "!u32@filter/FORWARD:1"),
        // Identification is not known, but what stands beside it is; and a test that fails settles the others.
        MatchCase("-m u32 --u32 \"0x4&0xffff=0x0\"", "yes"),
        MatchCase("-m u32 --u32 \"0x4=0x0:0x7\"", "u32@filter/FORWARD:1"),
        MatchCase("-m u32 --u32 \"0x4=0x0:0x7&&0x10=0x0\"", "no"),
        MatchCase("-m u32 --u32 \"0x2&0xffff=0x0:0xffff\"", "yes", "any 16 bits"),
        MatchCase("-m u32 --u32 \"0x1e=0x1\"", "u32@filter/FORWARD:1", "length not known") {
            $0.packet.unknown = .length
        },
    ]

    static let programs: [MatchCase] = [
        MatchCase("-m bpf --bytecode \"4,48 0 0 9,21 0 1 17,6 0 0 1,6 0 0 0\"", "yes", "protocol udp"),
        MatchCase("-m bpf --bytecode \"4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0\"", "no", "protocol tcp"),
        MatchCase("-m bpf --bytecode \"1,6 0 0 4294967295\"", "yes", "everything"),
        // x = header length; destination port = 9.
        MatchCase("-m bpf --bytecode \"5,177 0 0 0,72 0 0 2,21 0 1 9,6 0 0 1,6 0 0 0\"", "yes", "port 9"),
        MatchCase("-m bpf --bytecode \"5,177 0 0 0,72 0 0 2,53 1 0 1024,6 0 0 0,6 0 0 1\"", "no", "port over 1023"),
        MatchCase("-m bpf --bytecode \"4,32 0 0 28,21 0 1 7,6 0 0 1,6 0 0 0\"", "bpf@filter/FORWARD:1", "data"),
        MatchCase("-m bpf --bytecode \"4,32 0 0 30,21 0 1 7,6 0 0 1,6 0 0 1\"", "no", "beyond the end"),
        MatchCase("-m bpf --bytecode \"4,32 0 0 28,21 0 1 7,6 0 0 1,6 0 0 1\"", "yes", "either way"),
        MatchCase("-m bpf --bytecode \"4,40 0 0 6,69 1 0 8191,6 0 0 1,6 0 0 0\"", "yes", "no fragment"),
        MatchCase("-m bpf --bytecode \"4,128 0 0 0,53 0 1 33,6 0 0 1,6 0 0 0\"", "yes", "length at least 33"),
    ]

    static let strings: [MatchCase] = [
        MatchCase("-m string --string \"hello\" --algo bm --from 28", "string@filter/FORWARD:1"),
        MatchCase("-m string --string \"hello\" --algo bm --from 28 --to 33", "string@filter/FORWARD:1"),
        MatchCase("-m string --string \"hello\" --algo bm --from 28 --to 32", "no"),
        MatchCase("-m string --string \"hello\" --algo bm --from 29", "no"),
        MatchCase("-m string ! --string \"hello\" --algo bm --from 29", "yes"),
        MatchCase("-m string --string \"hello\" --algo bm --from 29", "string@filter/FORWARD:1", "length not known") {
            $0.packet.unknown = .length
        },
    ]

    @Test(arguments: words + programs + strings) func bytesThatAreKnownSettleIt(_ row: MatchCase) throws {
        var lab = try MatchLab(row.conditions)
        lab.udp(9)
        lab.packet.source = .v4(10, 0, 0, 9)
        lab.packet.destination = .v4(192, 0, 2, 1)
        lab.packet.sourcePort = 1
        lab.packet.length = 33
        row.adjust(&lab)
        #expect(lab.verdict == row.expected)
    }

    @Test func aTCPHeaderHasFlagsAndPorts() throws {
        // ip[6:2] & 0x1fff == 0 and tcp[13] & 2 != 0
        let program = "\"7,40 0 0 6,69 4 0 8191,177 0 0 0,80 0 0 13,69 0 1 2,6 0 0 65535,6 0 0 0\""
        var lab = try MatchLab("-m bpf --bytecode \(program)")
        #expect(lab.verdict == "yes")
        lab.packet.tcpFlags = .ack
        #expect(lab.verdict == "no")
        lab.packet.unknown = .tcpFlags
        #expect(lab.verdict == "bpf@filter/FORWARD:1")
    }

    @Test func anIPv6HeaderStandsWhereItDoes() throws {
        var lab = try MatchLab("-m u32 --u32 \"0x0&0xff00000=0xb800000&&0x4&0xffff=0x640\"", version: .v6)
        lab.packet.tos = 0xb8
        #expect(lab.verdict == "yes")
        lab.packet.ttl = 63
        #expect(lab.verdict == "no")
    }

    @Test func bitsAreKnownOneByOne() {
        let word = PartialWord(0x1200, known: 0xff00)
        #expect((word & PartialWord(0xf0f)).exact == nil)
        #expect((word & PartialWord(0xff00)).exact == 0x1200)
        #expect((word | PartialWord(0xffff_00ff)).exact == 0xffff_12ff)
        #expect((word >> 8 & PartialWord(0xff)).exact == 0x12)
        #expect((word << 16).value == 0x1200_0000)
        #expect((word << 16).known == 0xff00_ffff)
        #expect(word.highest == 0xffff_12ff)
    }
}
