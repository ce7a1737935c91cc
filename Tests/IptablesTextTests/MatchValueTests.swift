import NetTypes
import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// The symbol of the one name that the rules of these tests use.
let foo = SingleRule(SavedRule("-A FORWARD")).names.find("foo") ?? .empty

/// Makes a value with one field after the other.
func make<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
    var result = value
    change(&result)
    return result
}

/// What the words of a match mean, where its text does not show it at once.
@Suite struct MatchValueTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var rule: SavedRule
        var expected: Match

        init(_ words: String, _ expected: Match, family: TableFamily = .ip) {
            self.rule = SavedRule("-A FORWARD " + words, family: family)
            self.expected = expected
        }

        var testDescription: String { rule.testDescription }
    }

    @Test("a match is read as its value", arguments: rates + times + lists + addresses)
    func isRead(_ example: Case) {
        let single = SingleRule(example.rule)
        #expect(single.problems.map(\.message) == [])
        #expect(single.rule?.statements == [.match(example.expected)])
    }

    static let rates: [Case] = [
        // Source: net/netfilter/xt_statistic.c: `(get_random_u32() & 0x7FFFFFFF) < probability`.
        Case("-m statistic --mode random --probability 1.00000000000", .statistic(.random(.is(0x8000_0000)))),
        Case("-m statistic --mode random --probability 0.5", .statistic(.random(.is(0x4000_0000)))),
        Case("-m statistic --mode random --probability 0.33333333349", .statistic(.random(.is(715_827_883)))),
        // Six digits: what iptables before 1.4.16 wrote.
        Case("-m statistic --mode random --probability 0.333333", .statistic(.random(.is(715_827_167)))),
        Case("-m statistic --mode random ! --probability 0.25", .statistic(.random(.not(0x2000_0000)))),
        Case("-m statistic --mode random --probability 0.0000000002", .statistic(.random(.is(0)))),
        Case("-m statistic --mode nth --every 3", .statistic(.nth(every: 3, packet: 0, isNegated: false))),
        Case(
            "-m statistic --mode nth ! --every 3 --packet 2",
            .statistic(.nth(every: 3, packet: 2, isNegated: true))),
        Case("-m quota ! --quota 18446744073709551615", .quota(.not(.max))),
        Case(
            "-m rateest --rateest foo --rateest-lt --rateest-bps 1.5kbit",
            .rateEstimate(
                make(RateEstimateMatch()) {
                    $0.name1 = foo
                    $0.comparesBits = true
                    $0.bytesPerSecond2 = 187
                })),
        Case(
            "-m rateest --rateest-delta --rateest foo --rateest-pps1 7 ! --rateest-gt --rateest-pps2 9",
            .rateEstimate(
                make(RateEstimateMatch()) {
                    $0.name1 = foo
                    $0.isDelta = true
                    $0.comparison = .not(.greater)
                    $0.comparesPackets = true
                    $0.packetsPerSecond1 = 7
                    $0.packetsPerSecond2 = 9
                })),
    ]

    static let times: [Case] = [
        Case(
            "-m time --timestart 22:00 --timestop 06:30:15 --contiguous --kerneltz",
            .time(
                make(TimeMatch()) {
                    $0.dayStart = 79_200
                    $0.dayStop = 23_415
                    $0.dateStop = 0x7fff_ffff
                    $0.isContiguous = true
                    $0.usesKernelTimezone = true
                })),
        Case(
            "-m time --datestart 2000-02-29T00:00:01 --datestop 2024-12-31T23:59:59",
            .time(
                make(TimeMatch()) {
                    $0.dateStart = 951_782_401
                    $0.dateStop = 1_735_689_599
                })),
        Case(
            "-m time ! --weekdays Sat,Sun ! --monthdays 1,31",
            .time(
                make(TimeMatch()) {
                    $0.weekDays = 0b0011_1110
                    $0.monthDays = 0x7fff_fffc
                    $0.dateStop = 0x7fff_ffff
                })),
        Case(
            "-m recent --update --seconds 60 --hitcount 4 --rttl --name foo --rdest",
            .recent(
                make(RecentMatch()) {
                    $0.operation = .is(.update)
                    $0.seconds = 60
                    $0.hitCount = 4
                    $0.comparesTTL = true
                    $0.name = foo
                    $0.mask = IPAddress(v4: .max)
                    $0.usesDestination = true
                })),
        Case(
            "-m recent ! --rcheck --name foo --mask ffff::",
            .recent(
                make(RecentMatch()) {
                    $0.operation = .not(.check)
                    $0.name = foo
                    $0.mask = IPAddress(v6High: 0xffff_0000_0000_0000, low: 0)
                }), family: .ip6),
    ]

    static let lists: [Case] = [
        Case("-m state --state RELATED,ESTABLISHED", .state(.is([.related, .established]))),
        Case("-m state ! --state NEW", .state(.not([.new]))),
        Case(
            "-m multiport ! --ports 22,80:90",
            .multiport(
                make(MultiportMatch()) {
                    $0.side = .either
                    $0.ports = .not([PortRange(22), PortRange(80, 90)])
                })),
        Case("-m multiport --dports ssh", .multiport(make(MultiportMatch()) { $0.ports = .is([PortRange(22)]) })),
        Case(
            "-m sctp --chunk-types all ABORT:t,DATA:uB",
            .sctp(
                make(SCTPMatch()) {
                    $0.chunkMode = .is(.all)
                    $0.chunks = [
                        SCTPMatch.Chunk(type: 0, flagsMask: 0b0110, flagsValue: 0b0010),
                        SCTPMatch.Chunk(type: 6, flagsMask: 0b0001, flagsValue: 0),
                    ]
                })),
        Case(
            #"-m u32 --u32 "0>>22&0x3C@12=0x10:0x20,5 && 4&0x3FFF=0""#,
            .u32(
                .is(
                    make(U32Program()) {
                        $0.tests = [
                            make(U32Program.Test()) {
                                $0.steps = [.init(.rightShift, 22), .init(.and, 0x3c), .init(.at, 12)]
                                $0.ranges = [NumberRange(0x10, 0x20), NumberRange(5)]
                            },
                            make(U32Program.Test()) {
                                $0.start = 4
                                $0.steps = [.init(.and, 0x3fff)]
                                $0.ranges = [NumberRange(0)]
                            },
                        ]
                    }))),
        Case(
            #"-m string --hex-string "GET |2f 0d0A|" --algo foo --from 3 --to 7 --icase"#,
            .string(
                make(StringMatch()) {
                    $0.algorithm = foo
                    $0.pattern = .is(Array("GET /\r\n".utf8))
                    $0.isHexadecimal = true
                    $0.from = 3
                    $0.to = 7
                    $0.ignoresCase = true
                })),
        Case(
            "-m set ! --match-set foo src,dst ! --update-counters ! --packets-eq 5 --bytes-gt 7",
            .set(
                make(SetMatch()) {
                    $0.name = .not(foo)
                    $0.directions = [true, false]
                    $0.updatesCounters = false
                    $0.packets = .init(.notEqual, 5)
                    $0.bytes = .init(.greater, 7)
                })),
        Case("-m tos ! --tos Minimize-Delay", .tos(.not(MaskedWord(0x10, mask: 0x3f)))),
        Case("-m tos --tos 0x08", .tos(.is(MaskedWord(0x08, mask: 0xff)))),
        Case("-m realm --realm cosmos", .realm(.is(MaskedWord(0)))),
        Case("-m pkttype ! --pkt-type mcast", .packetType(.not(.multicast))),
    ]

    static let addresses: [Case] = [
        // As the kernel holds it: `--pol ipsec` is the default and has one element, if an empty one.
        Case(
            "-m policy --dir in",
            .policy(
                make(PolicyMatch()) {
                    $0.wantsIPsec = true
                    $0.elements = [PolicyMatch.Element()]
                })),
        Case(
            "-m policy --dir out --pol none",
            .policy(
                make(PolicyMatch()) {
                    $0.isOut = true
                    $0.wantsIPsec = false
                })),
        Case(
            "-m policy --dir in --pol ipsec --strict --proto 50 ! --tunnel-src 10.0.0.0/8 --next ! --mode transport",
            .policy(
                make(PolicyMatch()) {
                    $0.wantsIPsec = true
                    $0.isStrict = true
                    $0.elements = [
                        make(PolicyMatch.Element()) {
                            $0.protocol = .is(ProtocolTest(.esp))
                            $0.tunnelSource = .not(AddressMask(IPPrefix(IPAddress(v4: 0x0a00_0000), length: 8)))
                        },
                        make(PolicyMatch.Element()) { $0.isTunnel = .not(false) },
                    ]
                })),
        Case(
            "-m physdev ! --physdev-in foo+ --physdev-is-bridged ! --physdev-is-out",
            .physicalDevice(
                make(PhysicalDeviceMatch()) {
                    $0.inDevice = .not(InterfacePattern(name: foo, isPrefix: true))
                    $0.isBridged = .is(true)
                    $0.isOut = .not(true)
                })),
        Case(
            "-m owner ! --uid-owner root --gid-owner 5-9 --suppl-groups",
            .owner(
                make(OwnerMatch()) {
                    $0.user = .not(NumberRange(0))
                    $0.group = .is(NumberRange(5, 9))
                    $0.includesSupplementaryGroups = true
                })),
        // The kernel has one number for the three relations: the last one counts.
        Case(
            "-m srh --srh-hdr-len-lt 9 ! --srh-hdr-len-gt 2",
            .segmentRouting(
                make(SegmentRoutingMatch()) { $0.headerLength = [.init(.greater, .not(2)), .init(.less, .is(2))] }),
            family: .ip6),
        Case(
            "-m rt --rt-0-addrs ::1,::2 --rt-segsleft :3",
            .routingHeader(
                make(RoutingHeaderMatch()) {
                    $0.addresses = [IPAddress(v6High: 0, low: 1), IPAddress(v6High: 0, low: 2)]
                    $0.segmentsLeft = .is(NumberRange(0, 3))
                }), family: .ip6),
        Case(
            "-m hl ! --hl-eq 5",
            .timeToLive(
                make(TimeToLiveMatch()) {
                    $0.version = .v6
                    $0.comparison = .notEqual
                    $0.value = 5
                }), family: .ip6),
    ]
}
