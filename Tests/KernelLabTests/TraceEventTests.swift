import RuleModel
import Testing

@testable import KernelLab

/// Messages as Linux 6.18 sent them, without the netlink header.
@Suite struct TraceEventTests {
    private func event(_ message: [UInt8]) -> TraceEvent? { TraceEvent(message.span) }

    /// `iptables -t nat -A OUTPUT -p udp --dport 6 -j DNAT --to 127.0.0.1:5` and a datagram with mark 0x77.
    static let rule = bytes(
        """
        02000000 08000f0000000002 0800040000000003 08000600a9568c7f 0b0002004f55545055540000 080001006e617400
        0c0003000000000000000002 0c000500 0800010000000001 08000e0000000077 08000c0000000001 06000d0003040000
        180008004500001dd83b4000401164927f0000017f000001 0d0009000fa000060009fe1c78000000 0800150000000008
        0500130000000000 08001200da2b2981 0800140000000120
        """)
    /// The end of `chain o { type filter hook output priority -2000000000; meta nftrace set 1; }`.
    static let policy = bytes(
        """
        01000000 08000f0000000002 0800040000000001 08000600a9568c7f 060002006f000000 0600010070000000
        0800100000000001 08000e0000000077
        """)
    /// `iptables -A FORWARD … -j U`, cut down to what differs.
    static let jump = bytes(
        """
        02000000 0800040000000003 0b00010066696c7465720000 0c000200464f525741524400 0c0003000000000000000012
        14000500 08000100fffffffd 060002005500 0000
        """)

    @Test func ruleTellsPlaceVerdictHeadersAndConnection() throws {
        let event = try #require(self.event(Self.rule))
        #expect(event.key == ChainKey(.ip, "nat", "OUTPUT"))
        #expect(event.kind == .rule)
        #expect(event.handle == 2)
        #expect(event.identity == 0xa956_8c7f)
        #expect(event.verdict == .accept)
        #expect(event.mark == 0x77)
        #expect((event.inIndex, event.outIndex) == (0, 1))
        #expect(event.network.count == 20)
        #expect(event.transport == bytes("0fa000060009fe1c78"))
        #expect(
            event.connection == TraceConnection(state: .new, direction: .original, id: 0xda2b_2981, status: 0x120))
        let header = try #require(event.header)
        #expect(header.tag == 0xd83b)
        #expect(header.destinationPort == 6)
    }

    @Test func policyTellsWhichOneItIs() throws {
        let event = try #require(self.event(Self.policy))
        #expect(event.kind == .policy)
        #expect(event.policy == .accept)
        #expect(event.key == ChainKey(.inet, "p", "o"))
        #expect(event.connection == nil)
        #expect(event.header == nil)
    }

    @Test func jumpTellsItsTarget() {
        #expect(event(Self.jump)?.verdict == .jump("U"))
    }

    @Test(
        "a verdict is told by its number",
        arguments: [
            (0, TraceVerdict.drop), (1, .accept), (2, .stolen), (0x0005_0003, .queue(5)), (-1, .continue), (-2, .break),
            (-4, .goto("X")), (-5, .return), (4, .other(4)),
        ] as [(Int32, TraceVerdict)])
    func verdicts(code: Int32, verdict: TraceVerdict) {
        #expect(TraceVerdict(code: code, target: "X") == verdict)
    }

    @Test func whatIsCutShortTellsLessOrNothing() {
        for message in [Self.rule, Self.policy, Self.jump] {
            let whole = event(message)
            for length in 0..<message.count {
                let short = event(Array(message[..<length]))
                #expect(short == nil || short != whole || length > message.count - 4)
            }
        }
    }

    @Test func attributeThatReachesBeyondTheMessageEndsIt() {
        // A length of 0xffff, and one of 3, which is shorter than the header.
        for bad in ["ffff0100 66000000", "03000100 66000000"] {
            #expect(event(bytes("02000000 0800040000000003 \(bad)")) == nil)
        }
    }
}
