import NetTypes
import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// What the words of a target mean, where its text does not show it at once.
@Suite struct TargetValueTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var rule: SavedRule
        var expected: Target

        init(_ words: String, _ expected: Target, family: TableFamily = .ip) {
            self.rule = SavedRule("-A FORWARD " + words, table: "mangle", family: family)
            self.expected = expected
        }

        var testDescription: String { rule.testDescription }
    }

    @Test("a target is read as its value", arguments: marks + translations + others)
    func isRead(_ example: Case) {
        let single = SingleRule(example.rule)
        #expect(single.problems.map(\.message) == [])
        #expect(single.rule?.target == example.expected)
    }

    private static func mark(_ value: UInt32, _ mask: UInt32) -> Target {
        .mark(MarkOperation(MaskedWord(value, mask: mask)))
    }

    private static func connectionMark(_ change: (inout ConnectionMarkTarget) -> Void) -> Target {
        .connectionMark(make(ConnectionMarkTarget(), change))
    }

    static let marks: [Case] = [
        Case("-j MARK --set-xmark 0x4000/0x0", mark(0x4000, 0)),
        Case("-j MARK --set-xmark 0x1/0xff", mark(0x1, 0xff)),
        // `--set-mark` clears the bits of its value too.
        Case("-j MARK --set-mark 0x100/0x1", mark(0x100, 0x101)),
        Case("-j MARK --set-mark 010", mark(8, .max)),
        Case("-j MARK --and-mark 0xff00", mark(0, 0xffff_00ff)),
        Case("-j MARK --or-mark 0xc", mark(0xc, 0xc)),
        Case("-j MARK --xor-mark 0xf", mark(0xf, 0)),
        Case("-j CONNMARK --set-xmark 0x4000/0x0", connectionMark { ($0.value, $0.connectionMask) = (0x4000, 0) }),
        Case("-j CONNMARK --set-mark 0x100/0x1", connectionMark { ($0.value, $0.connectionMask) = (0x100, 0x101) }),
        Case("-j CONNMARK --and-mark 0xff", connectionMark { ($0.value, $0.connectionMask) = (0, 0xffff_ff00) }),
        Case("-j CONNMARK --save-mark", connectionMark { $0.operation = .save }),
        Case(
            "-j CONNMARK --save-mark --nfmask 0xf0 --ctmask 0xff00",
            connectionMark {
                $0.operation = .save
                $0.packetMask = 0xf0
                $0.connectionMask = 0xff00
            }),
        Case(
            "-j CONNMARK --restore-mark --mask 0xff",
            connectionMark {
                $0.operation = .restore
                $0.packetMask = 0xff
                $0.connectionMask = 0xff
            }),
        Case(
            "-j CONNMARK --restore-mark --right-shift-mark 8",
            connectionMark {
                $0.operation = .restore
                $0.shift = -8
            }),
        Case("-j TOS --and-tos 0x12", .tos(MaskedByte(0, mask: 0xed))),
        Case("-j TOS --set-tos Minimize-Cost", .tos(MaskedByte(0x02, mask: 0x3f))),
        Case("-j DSCP --set-dscp-class af41", .dscp(0x22)),
        Case("-j CLASSIFY --set-class 1:1f", .classify(0x1_001f)),
        Case("-j ECN --ecn-tcp-remove", .ecn(.tcpRemove)),
        Case(
            "-j ECN --ecn-tcp-cwr 1 --ecn-ip-ect 2",
            .ecn(
                make(ECNTarget()) {
                    $0.cwr = true
                    $0.ect = 2
                })),
        Case("-j TPROXY --on-port 80 --on-ip 0.0.0.0", .tproxy(make(TPROXYTarget()) { $0.port = 80 })),
    ]

    private static let range = AddressRange(IPAddress(v4: 0xc000_0201), IPAddress(v4: 0xc000_0209))

    static let translations: [Case] = [
        Case(
            "-p tcp -j DNAT --to-destination 192.0.2.1-192.0.2.9:8080-8090/80 --random --persistent",
            .dnat(
                make(NATTarget()) {
                    $0.addresses = range
                    $0.ports = PortRange(8080, 8090)
                    $0.basePort = 80
                    $0.isRandom = true
                    $0.isPersistent = true
                })),
        Case("-p tcp -j DNAT --to-destination :http-alt", .dnat(make(NATTarget()) { $0.ports = PortRange(8080) })),
        Case(
            "-j DNAT --to-destination [2001:db8::1]:80",
            .dnat(
                make(NATTarget()) {
                    let address = IPAddress(v6High: 0x2001_0db8_0000_0000, low: 1)
                    $0.addresses = AddressRange(address, address)
                    $0.ports = PortRange(80)
                }), family: .ip6),
        Case(
            "-j DNAT --to-destination ::1-::2",
            .dnat(
                make(NATTarget()) {
                    $0.addresses = AddressRange(IPAddress(v6High: 0, low: 1), IPAddress(v6High: 0, low: 2))
                }), family: .ip6),
        Case(
            "-j SNAT --to-source 192.0.2.1-192.0.2.9 --random-fully",
            .snat(
                make(NATTarget()) {
                    $0.addresses = range
                    $0.isFullyRandom = true
                })),
        Case("-p tcp -j REDIRECT --to-port 80", .redirect(make(NATTarget()) { $0.ports = PortRange(80) })),
        Case(
            "-j NETMAP --to 192.0.2.77/24",
            .netmap(AddressMask(IPPrefix(IPAddress(v4: 0xc000_0200), length: 24)))),
    ]

    static let others: [Case] = [
        Case("-j REJECT", .reject(.icmpPortUnreachable)),
        Case("-j REJECT", .reject(.icmp6PortUnreachable), family: .ip6),
        Case("-j REJECT --reject-with host-prohib", .reject(.icmpHostProhibited)),
        Case("-j REJECT --reject-with tcp-rst", .reject(.tcpReset)),
        Case("-j REJECT --reject-with adm-prohibited", .reject(.icmp6AdminProhibited), family: .ip6),
        Case("-j NFQUEUE", .nfQueue(NFQueueTarget())),
        Case(
            "-j NFQUEUE --queue-balance 3:5 --queue-cpu-fanout",
            .nfQueue(
                make(NFQueueTarget()) {
                    $0.queue = 3
                    $0.count = 3
                    $0.cpuFanout = true
                })),
        Case(
            "-j LOG --log-level crit --log-uid",
            .log(
                make(LogTarget()) {
                    $0.level = 2
                    $0.options = .userID
                })),
        Case(
            "-j CT --zone-orig 3 --zone-reply 3",
            .ct(
                make(CTTarget()) {
                    $0.zone = 3
                })),
        Case(
            "-j CT --zone-reply mark",
            .ct(
                make(CTTarget()) {
                    $0.zoneFromMark = true
                    $0.zoneDirection = .reply
                })),
        // Zone 0 is where a connection is anyway.
        Case("-j CT --zone-orig 0", .ct(CTTarget())),
        Case(
            "-j SET --add-set foo src,dst --exist --timeout 0",
            .set(
                make(SetTarget()) {
                    $0.add = SetTarget.Operation(set: foo, directions: [true, false])
                    $0.exists = true
                    $0.timeout = 0
                })),
        // Half a second and eight times that: 2^1 quarters, and a weight of 2^-3.
        Case(
            "-j RATEEST --rateest-name foo --rateest-interval 0.4s --rateest-ewmalog 4s",
            .rateEstimate(
                make(RateEstimateTarget()) {
                    $0.name = foo
                    $0.interval = -1
                    $0.ewmaLog = 3
                })),
        Case("-j TCPOPTSTRIP --strip-options timestamp,2", .tcpOptionStrip([2, 8])),
        Case(
            "-j HMARK --hmark-tuple src,dport,ct --hmark-mod 4 --hmark-rnd 0x10",
            .hmark(
                make(HMarkTarget()) {
                    $0.usesConnection = true
                    $0.sourcePrefix = 32
                    $0.destinationPortMask = 0xffff
                    $0.modulus = 4
                    $0.random = 16
                })),
        Case("-j ULOG --ulog-nlgroup 32", .ulog(make(ULogTarget()) { $0.groups = 0x8000_0000 })),
        Case(
            "-j NFLOG --nflog-size 0",
            .nfLog(make(NFLogTarget()) { $0.size = 0 })),
    ]
}
