import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

/// Texts that are written of netlink's messages. The recording is of Linux 6.18, its tools are iproute2 6.1, ipset 7.17
/// and conntrack 1.4.7.
@Suite struct ToolTextTests {
    @Test func recordedHostIsTheHostThatItsToolsPrinted() throws {
        let tools = String(decoding: try HostFixtures.bytes("host.txt"), as: UTF8.self)
        var comparison = HostComparison(ours: writeToolTexts(try HostFixtures.recording()), tools: tools)
        comparison.compareAll()
        #expect(comparison.differences.isEmpty, "\(comparison.differences.joined(separator: "\n"))")
        #expect(comparison.ours.host.routes.count > 60)
    }

    /// Where nothing runs or is left out, the lines are the tools' to the letter, but for blanks at their ends.
    @Test(arguments: [
        ("ip-rule.txt", "ip rule"), ("ip6-rule.txt", "ip -6 rule"), ("ip-neigh.txt", "ip neigh"),
        ("bridge-fdb.txt", "bridge fdb"), ("ip-nexthop.txt", "ip nexthop"),
    ])
    func linesAreTheToolsOwn(_ file: String, _ command: String) throws {
        let tools = String(decoding: try HostFixtures.bytes("host.txt"), as: UTF8.self).split(separator: "\n")
        let start = try #require(tools.firstIndex { $0 == "# \(command)" })
        let wanted = tools[(start + 1)...].prefix { !$0.hasPrefix("# ") }
        let texts = writeToolTexts(try HostFixtures.recording())
        let text = try #require(texts.first { $0.name == file })
        let lines = String(decoding: text.bytes, as: UTF8.self).split(separator: "\n")
        #expect(lines.first == "# Written by hookline as `\(command)`")
        func trimmed(_ line: Substring) -> String {
            var line = line
            while line.last == " " { line.removeLast() }
            return String(line)
        }
        #expect(lines.dropFirst().map(trimmed) == wanted.map(trimmed))
        #expect(lines.count > 2)
    }

    /// Messages that were cut off or changed give some text, and no trap.
    @Test func anyBytesMayCome() throws {
        let recording = try HostFixtures.recording()
        var state: UInt64 = 7
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % max(1, limit)
        }
        func changed(_ messages: [[UInt8]]?) -> [[UInt8]]? {
            messages?.map { message in
                var message = message
                for _ in 0..<next(4) where !message.isEmpty {
                    let offset = next(message.count)
                    switch next(4) {
                    case 0: message[offset] = UInt8(next(256))
                    case 1: message[offset] ^= 1 << UInt8(next(8))
                    case 2: message.removeLast(next(message.count))
                    default: message.replaceSubrange(offset..<message.count, with: message.prefix(next(64)))
                    }
                }
                return message
            }
        }
        var bytes = 0
        for _ in 0..<60 {
            var dump = recording
            dump.links = changed(dump.links)
            dump.addresses = changed(dump.addresses)
            dump.routesV4 = changed(dump.routesV4)
            dump.routesV6 = changed(dump.routesV6)
            dump.nextHops = changed(dump.nextHops)
            dump.rulesV4 = changed(dump.rulesV4)
            dump.rulesV6 = changed(dump.rulesV6)
            dump.neighbours = changed(dump.neighbours)
            dump.forwardingEntries = changed(dump.forwardingEntries)
            dump.sets = changed(dump.sets)
            dump.connections = changed(dump.connections)
            let texts = writeToolTexts(dump)
            bytes += texts.reduce(0) { $0 + $1.bytes.count }
            // Whatever was written can be read too.
            _ = HostComparison(ours: texts, tools: "")
        }
        #expect(bytes > 60 * 5000)
        for length in 0..<40 {
            let cut = recording.links?.map { Array($0.prefix(length)) }
            var dump = HostDump()
            (dump.links, dump.addresses, dump.routesV4, dump.rulesV4, dump.neighbours) = (cut, cut, cut, cut, cut)
            (dump.sets, dump.connections, dump.nextHops, dump.forwardingEntries) = (cut, cut, cut, cut)
            #expect(writeToolTexts(dump).count == 8)
        }
    }

    @Test func whatWasNotReadHasNoText() throws {
        #expect(writeToolTexts(HostDump()).isEmpty)
        var dump = HostDump()
        dump.links = try HostFixtures.recording().links
        let links = HostComparison(ours: writeToolTexts(dump), tools: "").ours.host
        #expect(links.knowsInterfaces && !links.knowsAddressesV4 && !links.knowsAddressesV6)
        dump.addresses = []
        let none = HostComparison(ours: writeToolTexts(dump), tools: "").ours.host
        #expect(none.knowsInterfaces && none.knowsAddressesV4 && none.knowsAddressesV6)
    }

    @Test func tablesHaveTheirNames() throws {
        var dump = HostDump()
        // struct rtmsg: 10.0.0.0/8 in table 200 and 300, of which RTA_TABLE tells the number.
        func route(_ table: UInt32) -> [UInt8] {
            [2, 8, 0, 0, 252, 4, 0, 1, 0, 0, 0, 0] + attribute(1, [10, 0, 0, 0]) + attribute(15, native(table))
        }
        dump.routesV4 = [route(200), route(300), route(400), route(254)]
        dump.tableNames = [
            HostDump.TableName(number: 200, name: "blue"), HostDump.TableName(number: 300, name: "twice"),
            HostDump.TableName(number: 301, name: "twice"), HostDump.TableName(number: 400, name: "401"),
        ]
        let texts = writeToolTexts(dump)
        let lines = String(decoding: try #require(texts.first { $0.name == "ip-route.txt" }).bytes, as: UTF8.self)
        #expect(
            lines.split(separator: "\n").dropFirst() == [
                "10.0.0.0/8 table blue proto static", "10.0.0.0/8 table 300 proto static",
                "10.0.0.0/8 table 400 proto static", "10.0.0.0/8 proto static",
            ])
        let read = HostComparison(ours: texts, tools: "").ours
        #expect(read.host.routes.map(\.table) == [200, 300, 400, 254])
    }

    @Test func settingsBearDottedNames() throws {
        var dump = HostDump()
        dump.settings = [
            HostDump.Setting(path: "net/ipv4/conf/eth0.10/rp_filter", value: Array("2\n".utf8)),
            HostDump.Setting(path: "net/ipv4/tcp_mem", value: Array("1\t2\t3\n".utf8)),
        ]
        let read = HostComparison(ours: writeToolTexts(dump), tools: "").ours
        #expect(read.host.sysctls == ["net.ipv4.conf.eth0/10.rp_filter": "2", "net.ipv4.tcp_mem": "1\t2\t3"])
    }

    /// What kernels from 6.13 on have in a rule, no reader knows: the rule is not sure, and not lost.
    @Test func ruleWithWhatIsNewIsUnsure() throws {
        var dump = HostDump()
        // struct fib_rule_hdr; FRA_PRIORITY 5, FRA_DSCP 10 and FRA_DSCP_MASK, to table 254.
        dump.rulesV4 = [
            [2, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0] + attribute(6, native(UInt32(5))) + attribute(25, [10])
                + attribute(30, [0x3e]) + attribute(15, native(UInt32(254)))
        ]
        let texts = writeToolTexts(dump)
        #expect(
            String(decoding: texts[0].bytes, as: UTF8.self).hasSuffix("5:\tfrom all dscp 0xa/0x3e lookup main\n"))
        let rule = try #require(HostComparison(ours: texts, tools: "").ours.host.routingRulesV4?.first)
        #expect(rule.unknownPart != .empty)
    }
}

/// One attribute with its header and padding, as this machine's kernel writes it.
func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
    let padding = [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
    return native(UInt16(value.count + 4)) + native(type) + value + padding
}

/// A number in this machine's order.
func native(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }
