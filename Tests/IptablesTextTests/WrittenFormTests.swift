import RuleModel
import SourceText
import Testing

@testable import IptablesText

@Suite struct WrittenFormTests {
    /// A rule as a person writes it, and what iptables-save 1.8.9 made of it.
    struct Pair: Sendable, CustomTestStringConvertible {
        var written: SavedRule
        var saved: String
        var testDescription: String { written.testDescription }
    }

    static let pairs: [Pair] = {
        guard let bytes = try? Fixture(name: "written-and-saved.txt").bytes() else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: "\t").map(String.init)
            guard !line.hasPrefix("#"), fields.count == 3 else { return nil }
            return Pair(written: SavedRule(fields[1], family: fields[0] == "ip6" ? .ip6 : .ip), saved: fields[2])
        }
    }()

    @Test("a rule means what iptables makes of it", arguments: pairs)
    func isNormalised(_ pair: Pair) {
        let single = SingleRule(pair.written)
        #expect(single.problems.map(\.message) == [])
        #expect(single.text == pair.saved)
    }

    @Test("a protocol keeps its spelling", arguments: ["6", "58", "icmpv6", "mh", "ipv4", "ipcomp", "253"])
    func protocolSpelling(_ name: String) {
        #expect(SingleRule(.v6("-A FORWARD -p \(name) -j DROP")).text == "-A FORWARD -p \(name) -j DROP")
    }

    @Test func everyPairIsRead() { #expect(WrittenFormTests.pairs.count > 100) }

    /// What iptables before 1.4.3 wrote, and scripts still do: `!` behind the option.
    static let oldNegations: [(old: String, new: String)] = [
        ("-A FORWARD -s ! 10.0.0.0/8 -j DROP", "-A FORWARD ! -s 10.0.0.0/8 -j DROP"),
        ("-A FORWARD -d ! 10.0.0.1 -j DROP", "-A FORWARD ! -d 10.0.0.1/32 -j DROP"),
        ("-A FORWARD -i ! eth0 -o ! eth+ -j DROP", "-A FORWARD ! -i eth0 ! -o eth+ -j DROP"),
        ("-A FORWARD -p ! tcp -j DROP", "-A FORWARD ! -p tcp -j DROP"),
        ("-A FORWARD -p tcp --dport ! 80 -j DROP", "-A FORWARD -p tcp -m tcp ! --dport 80 -j DROP"),
        ("-A FORWARD -p tcp -m tcp --sport ! 1:9 -j DROP", "-A FORWARD -p tcp -m tcp ! --sport 1:9 -j DROP"),
        (
            "-A FORWARD -p tcp --tcp-flags ! SYN,ACK SYN -j DROP",
            "-A FORWARD -p tcp -m tcp ! --tcp-flags SYN,ACK SYN -j DROP"
        ),
        ("-A FORWARD -p icmp --icmp-type ! 8 -j DROP", "-A FORWARD -p icmp -m icmp ! --icmp-type 8 -j DROP"),
        (
            "-A FORWARD -m mac --mac-source ! 00:11:22:33:44:55 -j DROP",
            "-A FORWARD -m mac ! --mac-source 00:11:22:33:44:55 -j DROP"
        ),
        ("-A FORWARD -m mark --mark ! 0x1 -j DROP", "-A FORWARD -m mark ! --mark 0x1 -j DROP"),
        ("-A FORWARD -m state --state ! NEW -j DROP", "-A FORWARD -m state ! --state NEW -j DROP"),
        (
            "-A FORWARD -m conntrack --ctstate ! NEW ! --ctproto 6 -j DROP",
            "-A FORWARD -m conntrack ! --ctstate NEW ! --ctproto 6 -j DROP"
        ),
        // The `!` of the next option stays its own.
        (
            "-A FORWARD -p tcp -m tcp --syn ! --dport 22 -j DROP",
            "-A FORWARD -p tcp -m tcp ! --dport 22 --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"
        ),
    ]

    @Test("`!` is read in the old place too", arguments: oldNegations)
    func oldNegation(_ pair: (old: String, new: String)) {
        let single = SingleRule(SavedRule(pair.old))
        #expect(single.problems.map(\.message) == [])
        #expect(single.text == pair.new)
    }

    static let shell: [(written: String, saved: String)] = [
        (
            "-A FORWARD -m comment --comment 'two words' -j DROP",
            #"-A FORWARD -m comment --comment "two words" -j DROP"#
        ),
        ("-A FORWARD -p tcp --dport=80 -j DROP", "-A FORWARD -p tcp -m tcp --dport 80 -j DROP"),
        ("-A FORWARD -p tcp -m tcp --dport=80 -j DROP", "-A FORWARD -p tcp -m tcp --dport 80 -j DROP"),
        (
            "-A FORWARD -p tcp -m tcp --sport 1 --dport=80 -m mark --mark=5 -j DROP",
            "-A FORWARD -p tcp -m tcp --sport 1 --dport 80 -m mark --mark 0x5 -j DROP"
        ),
        ("--append FORWARD --jump DROP", "-A FORWARD -j DROP"),
    ]

    @Test("what people write for a shell is read", arguments: shell)
    func shellForms(_ pair: (written: String, saved: String)) {
        let single = SingleRule(SavedRule(pair.written))
        #expect(single.problems.map(\.message) == [])
        #expect(single.text == pair.saved)
    }
}
