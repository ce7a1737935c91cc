import HostText
import NetTypes
import RuleModel
import Testing

@testable import KernelLab

/// Messages as Linux 6.18 sent them, without the netlink header.
@Suite struct KernelConnectionTests {
    private func connection(_ message: [UInt8]) -> KernelConnection? { KernelConnection(message.span) }

    static let translated = bytes(
        """
        02000000
        34000180 14000180 080001007f000001 080002007f000001 1c000280 0500010011000000 060002000fa00000 0600030000060000
        34000280 14000180 080001007f000001 080002007f000001 1c000280 0500010011000000 0600020000050000 060003000fa00000
        08000300000001a8 0800080000000021 08000c00da2b2981 08000b0000000001 080007000000001d
        """)

    @Test func entryTellsTuplesStatusMarkAndTime() throws {
        let connection = try #require(self.connection(Self.translated))
        let entry = connection.entry
        #expect(entry.original.source == IPAddress(v4: 0x7f00_0001))
        #expect((entry.original.sourcePort, entry.original.destinationPort) == (4000, 6))
        #expect((entry.reply.sourcePort, entry.reply.destinationPort) == (5, 4000))
        #expect(entry.original.protocol == .udp)
        #expect(entry.status == .confirmed)
        #expect(entry.mark == 0x21)
        #expect(entry.expires == 29)
        #expect(connection.id == 0xda2b_2981)
        #expect(connection.isDestinationTranslated)
        #expect(!connection.isSourceTranslated)
    }

    @Test func whatIsCutShortTellsLessOrNothing() {
        let whole = connection(Self.translated)
        for length in 0..<Self.translated.count {
            #expect(connection(Array(Self.translated[..<length])) != whole)
        }
    }

    @Test func tcpStateIsByTheKernelsNumber() {
        let state = Self.translated + bytes("14000480 10000180 0500010003000000 0500020000000000")
        #expect(connection(state)?.entry.tcpState == .established)
    }

    /// The kernel sends 16 bytes; who sends more is not the kernel.
    @Test func noMoreLabelsAreReadThanThereCanBe() {
        let long = Self.translated + bytes("2c231600") + [UInt8](repeating: 0xff, count: 9000)
        #expect(connection(long)?.entry.labels.sorted() == Array(0..<128))
    }
}
