import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

@Suite struct SetTextTests {
    /// Elements in words that say every part.
    private func words(_ read: Read, _ set: AddressSet) -> [String] {
        set.elements.map { element in
            var parts: [String] = []
            if element.isNoMatch { parts.append("not") }
            if let address = element.address { parts.append("\(address)") }
            if let known = element.protocol { parts.append("p\(known.rawValue)") }
            if let port = element.port { parts.append(port.isSingle ? "\(port.first)" : "\(port.first)-\(port.last)") }
            if let second = element.second { parts.append("\(second)") }
            if let mac = element.mac { parts.append("\(mac)") }
            if let mark = element.mark { parts.append(hexadecimal(mark)) }
            if let interface = element.interface {
                parts.append((element.isPhysicalDevice ? "bridged " : "") + (read.name(interface) ?? ""))
            }
            if element.isWildcard { parts.append("+") }
            if let member = element.member { parts.append("set \(read.name(member) ?? "")") }
            return parts.joined(separator: " ")
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var create: String
        var elements: [String]
        var expected: [String]
        var testDescription: String { create }
    }

    /// Every type; the text is as ipset 7.17 printed it on Linux 6.18, but for hash:mac, hash:ip,mac, hash:ip,mark,
    /// hash:net,net and hash:net,port,net, whose kernel modules were missing: those follow ipset(8).
    static let cases: [Case] = [
        Case(
            create: "bitmap:ip range 10.0.0.0-10.0.0.255 timeout 100", elements: ["10.0.0.5 timeout 99"],
            expected: ["10.0.0.5/32"]),
        Case(
            create: "bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24", elements: ["10.0.4.0"],
            expected: ["10.0.4.0/24"]),
        Case(
            create: "bitmap:ip,mac range 10.0.0.0-10.0.0.15", elements: ["10.0.0.3,00:11:22:33:44:55", "10.0.0.4"],
            expected: ["10.0.0.3/32 00:11:22:33:44:55", "10.0.0.4/32"]),
        Case(create: "bitmap:port range 0-1024", elements: ["80", "443"], expected: ["80", "443"]),
        Case(
            create: "hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x79d3c536",
            elements: ["10.0.0.0", "10.1.0.0/31", "10.0.0.1-10.0.0.4"],
            expected: ["10.0.0.0/32", "10.1.0.0/31", "10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]),
        Case(
            create: "hash:ip family inet hashsize 1024 maxelem 65536 netmask 24", elements: ["10.2.3.0"],
            expected: ["10.2.3.0/24"]),
        Case(
            create: "hash:ip family inet hashsize 1024 maxelem 65536 bitmask 255.255.0.255", elements: ["10.2.0.4"],
            expected: ["10.2.0.4/32"]),
        Case(
            create: "hash:ip family inet hashsize 1024 maxelem 65536 bitmask 255.255.0.0", elements: ["10.2.0.0"],
            expected: ["10.2.0.0/16"]),
        Case(
            create: "hash:ip family inet6 hashsize 1024 maxelem 65536 netmask 64", elements: ["2001:db8::"],
            expected: ["2001:db8::/64"]),
        Case(
            create: "hash:mac hashsize 1024 maxelem 65536", elements: ["00:11:22:33:44:55"],
            expected: ["00:11:22:33:44:55"]),
        Case(
            create: "hash:ip,mac family inet hashsize 1024 maxelem 65536", elements: ["1.2.3.4,00:11:22:33:44:55"],
            expected: ["1.2.3.4/32 00:11:22:33:44:55"]),
        Case(
            create: "hash:ip,mark family inet markmask 0x0000ff00 hashsize 1024 maxelem 65536",
            elements: ["1.2.3.4,0x00001200"], expected: ["1.2.3.4/32 0x1200"]),
        Case(
            create: "hash:ip,port family inet hashsize 1024 maxelem 65536",
            elements: [
                "1.2.3.4,icmp:42/3", "1.2.3.4,icmp:echo-request", "1.2.3.4,udplite:6", "1.2.3.4,tcp:80",
                "1.2.3.4,vrrp:0", "1.2.3.4,ospf:0", "1.2.3.4,89:0", "1.2.3.4,udp:53-60", "1.2.3.4,icmp:8/1",
                "1.2.3.4,sctp:5", "1.2.3.4,80",
            ],
            expected: [
                "1.2.3.4/32 p1 10755", "1.2.3.4/32 p1 2048", "1.2.3.4/32 p136 6", "1.2.3.4/32 p6 80",
                "1.2.3.4/32 p112 0", "1.2.3.4/32 p89 0", "1.2.3.4/32 p89 0", "1.2.3.4/32 p17 53-60",
                "1.2.3.4/32 p1 2049", "1.2.3.4/32 p132 5", "1.2.3.4/32 p6 80",
            ]),
        Case(
            create: "hash:ip,port family inet6 hashsize 1024 maxelem 65536",
            elements: ["2001:db8::1,ipv6-icmp:echo-request", "2001:db8::1,ipv6-icmp:200/3", "2001:db8::1,tcp:80"],
            expected: ["2001:db8::1/128 p58 32768", "2001:db8::1/128 p58 51203", "2001:db8::1/128 p6 80"]),
        Case(
            create: "hash:ip,port,ip family inet hashsize 1024 maxelem 65536", elements: ["1.2.3.4,tcp:80,5.6.7.8"],
            expected: ["1.2.3.4/32 p6 80 5.6.7.8/32"]),
        Case(
            create: "hash:ip,port,net family inet hashsize 1024 maxelem 65536",
            elements: ["1.2.3.4,tcp:80,5.6.7.0/24 nomatch"], expected: ["not 1.2.3.4/32 p6 80 5.6.7.0/24"]),
        Case(
            create: "hash:net family inet hashsize 1024 maxelem 65536 counters",
            elements: ["1.1.1.2/31 packets 0 bytes 0", "10.1.0.0/16 nomatch packets 5 bytes 7", "10.0.0.0/8"],
            expected: ["1.1.1.2/31", "not 10.1.0.0/16", "10.0.0.0/8"]),
        Case(
            create: "hash:net family inet6 hashsize 1024 maxelem 65536", elements: ["::/1", "2001:db8::/32"],
            expected: ["::/1", "2001:db8::/32"]),
        Case(
            create: "hash:net,net family inet hashsize 1024 maxelem 65536",
            elements: ["10.0.0.0/8,11.0.0.0/8 nomatch", "10.0.0.0/8,0.0.0.0/0"],
            expected: ["not 10.0.0.0/8 11.0.0.0/8", "10.0.0.0/8 0.0.0.0/0"]),
        Case(
            create: "hash:net,port family inet hashsize 1024 maxelem 65536 timeout 0",
            elements: ["10.0.0.0/8,tcp:81 timeout 29", "10.0.0.0/8,udp:0 timeout 0"],
            expected: ["10.0.0.0/8 p6 81", "10.0.0.0/8 p17 0"]),
        Case(
            create: "hash:net,port,net family inet hashsize 1024 maxelem 65536",
            elements: ["10.0.0.0/8,tcp:80,12.0.0.0/8"], expected: ["10.0.0.0/8 p6 80 12.0.0.0/8"]),
        Case(
            create: "hash:net,iface family inet hashsize 1024 maxelem 65536",
            elements: ["0.0.0.0/0,eth wildcard", "10.0.0.0/8,physdev:eth1", "11.0.0.0/8,lo nomatch"],
            expected: ["0.0.0.0/0 eth +", "10.0.0.0/8 bridged eth1", "not 11.0.0.0/8 lo"]),
        Case(create: "list:set size 16", elements: ["h1", "n1"], expected: ["set h1", "set n1"]),
    ]

    @Test("ipset save is read", arguments: cases)
    func save(_ example: Case) throws {
        let lines = ["create s \(example.create)"] + example.elements.map { "add s \($0)" }
        let read = Read(lines.joined(separator: "\n") + "\n")
        #expect(read.kinds == [.setSave])
        #expect(read.complaints.isEmpty)
        let set = try #require(read.set("s"))
        #expect(set.type.name == example.create.split(separator: " ")[0])
        #expect(words(read, set) == example.expected)
        #expect(!set.isIncomplete)
        #expect(read.host.knowsSets)
    }

    @Test("ipset list says the same, with either line end", arguments: cases)
    func list(_ example: Case) throws {
        let words = example.create.split(separator: " ", maxSplits: 1)
        let lines =
            [
                "Name: s", "Type: \(words[0])", "Revision: 5", "Header: \(words[1])", "Size in memory: 1",
                "References: 0",
            ]
            + ["Number of entries: \(example.elements.count)", "Members:"] + example.elements + ["", ""]
        for end in ["\n", "\r\n"] {
            let read = Read(lines.joined(separator: end))
            #expect(read.kinds == [.setList])
            #expect(read.complaints.isEmpty)
            let set = try #require(read.set("s"))
            #expect(self.words(read, set) == example.expected)
            #expect(!set.isIncomplete)
        }
    }

    @Test("what is written is read as the same set", arguments: cases)
    func written(_ example: Case) throws {
        let lines = ["create s \(example.create)"] + example.elements.map { "add s \($0)" }
        let read = Read(lines.joined(separator: "\n") + "\n")
        let again = Read(writeIpsetSave(read.host.sets, names: read.reading.names, hasSizes: false))
        #expect(again.kinds == [.setSave])
        #expect(again.complaints.isEmpty)
        let set = try #require(again.set("s"))
        let first = try #require(read.set("s"))
        #expect(words(again, set) == example.expected)
        #expect(set.type == first.type && set.version == first.version && set.hasTimeout == first.hasTimeout)
        #expect(set.addressRange == first.addressRange && set.portRange == first.portRange)
        #expect(set.netmask == first.netmask && set.bitmask == first.bitmask)
        #expect(set.elements.map(\.timeout) == first.elements.map(\.timeout))
    }

    @Test func whatFollowsAnElementIsWritten() {
        let text = """
            create b1 bitmap:ip range 10.0.0.0-10.0.0.255 timeout 100 counters comment skbinfo
            add b1 10.0.0.5 timeout 99 packets 3 bytes 4 skbmark 0x10/0xff skbprio 1:a2 skbqueue 3 comment "he  llo"

            """
        let read = Read(text)
        #expect(writeIpsetSave(read.host.sets, names: read.reading.names, hasSizes: false) == text)
    }

    @Test func everyTypeHasAnExample() {
        let seen = Set(Self.cases.map { String($0.create.split(separator: " ")[0]) })
        #expect(seen == Set(SetType.allCases.filter { $0 != .unknown }.map(\.name)))
    }

    @Test func theHeaderIsKept() throws {
        let read = Read(
            "create s hash:ip family inet6 hashsize 1024 maxelem 10 timeout 300 counters comment skbinfo forceadd initval 0x1\n"
        )
        let set = try #require(read.set("s"))
        #expect(set.version == .v6)
        #expect(set.hasTimeout && set.hasCounters && set.hasComment && set.hasSkbInfo)
        #expect(set.defaultTimeout == 300)
        #expect(read.name(set.creationText) == "hashsize 1024 maxelem 10 forceadd initval 0x1")
        let bitmap = try #require(Read("create b bitmap:port range 10-20\n").set("b"))
        #expect(bitmap.portRange == PortRange(10, 20))
        let ranged = try #require(Read("create b bitmap:ip range 10.0.0.0/24\n").set("b"))
        #expect(ranged.addressRange?.last == IPAddress("10.0.0.255"))
    }

    @Test func whatFollowsAnElementIsKept() throws {
        let read = Read(
            """
            create b1 bitmap:ip range 10.0.0.0-10.0.0.255 timeout 100 counters comment skbinfo
            add b1 10.0.0.5 timeout 99 packets 3 bytes 4 comment "he  llo" skbmark 0x10/0xff skbprio 1:a2 skbqueue 3

            """)
        let element = try #require(read.set("b1")?.elements.first)
        #expect(element.timeout == 99)
        #expect(element.counters == Counters(packets: 3, bytes: 4))
        #expect(read.name(element.comment) == "he  llo")
        #expect(element.skbMark == MaskedWord(0x10, mask: 0xff))
        #expect(element.skbPriority == 0x1_00a2)
        #expect(element.skbQueue == 3)
        #expect(element.place.line == 2)
    }

    @Test func aNonPrefixBitmaskIsKept() throws {
        let set = try #require(Read("create s hash:ip family inet bitmask 255.0.0.255\n").set("s"))
        #expect(set.netmask == nil)
        #expect(set.bitmask == IPAddress("255.0.0.255"))
    }

    @Test(
        "what can't be read is told where it stands, and the set may then lack elements",
        arguments: [
            ("hash:ip family inet", "add s 10.0.0.300", "bad-set-element: 10.0.0.300"),
            ("hash:ip family inet", "add s 2001:db8::1", "bad-set-element: 2001:db8::1"),
            ("hash:ip family inet", "add s 1.1.1.9-1.1.1.1", "bad-set-element: 1.1.1.9-1.1.1.1"),
            ("hash:ip,port family inet", "add s 10.0.0.1", "bad-set-element: 10.0.0.1"),
            ("hash:ip,port family inet", "add s 10.0.0.1,foo:3", "bad-set-element: foo"),
            ("hash:ip,port family inet", "add s 10.0.0.1,tcp:70000", "bad-set-element: 70000"),
            ("hash:ip,port family inet", "add s 10.0.0.1,icmp:nope", "bad-set-element: nope"),
            ("hash:ip family inet", "add s 10.0.0.1 shiny 3", "bad-set-element: shiny 3"),
            ("hash:ip family inet", "add s 10.0.0.1 comment \"x", "bad-set-element: comment \"x"),
            ("hash:ip family inet", "add s", "bad-set-element: add s"),
            ("hash:ip family inet", "ad s 10.0.0.1", "bad-set-line: ad"),
            ("hash:new family inet", "", "unknown-set-type: hash:new"),
            ("hash:ip family inet shape round", "", "unknown-set-option: shape round"),
        ])
    func complaints(header: String, line: String, expected: String) throws {
        let read = Read("create s \(header)\n\(line)\n")
        #expect(read.complaints == [expected])
        #expect(try #require(read.set("s")).isIncomplete)
    }

    @Test func anElementOfASetThatWasNotCreatedIsTold() {
        let read = Read("create a hash:ip family inet\nadd b 1.2.3.4\nadd a 1.2.3.5\n")
        #expect(read.complaints == ["set-not-created: b"])
        #expect(read.set("a")?.elements.count == 1)
    }

    @Test func aListingWithFewerElementsThanItSaysIsNotTheWholeSet() throws {
        let head = "Name: s\nType: hash:ip\nRevision: 5\nHeader: family inet\nNumber of entries: 2\n"
        let cut = Read(head + "Members:\n1.1.1.1\n")
        #expect(try #require(cut.set("s")).isIncomplete)
        #expect(cut.reading.diagnostics.map(\.code) == ["set-incomplete"])
        // `ipset list -t`.
        #expect(try #require(Read(head).set("s")).isIncomplete)
        let empty = Read(head.replacing("entries: 2", with: "entries: 0") + "Members:\n")
        #expect(try #require(empty.set("s")).isIncomplete == false)
        #expect(empty.complaints.isEmpty)
    }

    @Test func aSetOfTwoListingsIsTheLaterOne() throws {
        let read = Read(
            "create s hash:ip family inet\nadd s 1.1.1.1\n# ipset list\nName: s\nType: hash:ip\nHeader: family inet\nMembers:\n2.2.2.2\n"
        )
        #expect(read.kinds == [.setSave, .setList])
        #expect(read.set("s")?.elements.map { "\($0.address?.address.description ?? "")" } == ["2.2.2.2"])
        #expect(read.reading.diagnostics.map(\.code) == ["set-twice"])
        #expect(read.host.sets.count == 1)
    }

    @Test func manyElementsAreReadInOnePass() {
        // A quadratic reader would need minutes here.
        var text = "create a hash:net family inet\ncreate b hash:net family inet\n"
        for index in 0..<30_000 { text += "add \(index % 2 == 0 ? "a" : "b") 10.\(index >> 8).\(index & 255).0/24\n" }
        let read = Read(text)
        #expect(read.set("a")?.elements.count == 15_000)
        #expect(read.set("b")?.elements.count == 15_000)
    }
}
