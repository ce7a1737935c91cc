import NetTypes
import PacketPath
import PathModel
import Reports
import Testing

/// Each condition says what the packet has there.
@Suite struct ConditionFactTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var condition: String
        var fact: String
        var testDescription: String { condition }
    }

    /// Conditions that the packet of `World.packet()` meets.
    static let met: [Case] = [
        Case(condition: "-s 198.51.100.0/24", fact: "the source is 198.51.100.7"),
        Case(condition: "! -d 10.0.0.0/8", fact: "the destination is 192.0.2.1"),
        Case(condition: "-i eth+", fact: "it came in by eth0"),
        Case(condition: "-p tcp", fact: "the protocol is tcp"),
        Case(condition: "! -f", fact: "it is no later fragment"),
        Case(condition: "-m addrtype --dst-type LOCAL", fact: "the destination 192.0.2.1 is of type LOCAL"),
        Case(
            condition: "-m addrtype ! --src-type LOCAL --dst-type LOCAL",
            fact: "the source 198.51.100.7 is not of type LOCAL and the destination 192.0.2.1 is of type LOCAL"),
        Case(condition: "-m conntrack --ctstate NEW", fact: "its state is NEW"),
        Case(
            condition: "-m conntrack --ctorigdst 192.0.2.1",
            fact: "the connection began as 198.51.100.7:40000 -> 192.0.2.1:22"),
        Case(condition: "-m state --state NEW", fact: "its state is NEW"),
        Case(condition: "-m connmark --mark 0x0", fact: "the connection's mark is 0x0"),
        Case(condition: "-m dscp --dscp 0x00", fact: "the DSCP is 0"),
        Case(condition: "-m ttl --ttl-eq 64", fact: "the TTL is 64"),
        Case(condition: "-m length --length 40", fact: "its length is 40 bytes"),
        Case(condition: "-m mark --mark 0x0", fact: "the mark is 0x0"),
        Case(condition: "-m pkttype --pkt-type unicast", fact: "it was addressed on the link as unicast"),
        Case(
            condition: "-m iprange --src-range 198.51.100.1-198.51.100.9",
            fact: "the source is 198.51.100.7"),
        Case(condition: "-p tcp -m multiport --dports 22,80", fact: "the destination port is 22"),
        Case(
            condition: "-p tcp -m multiport --ports 22,80",
            fact: "the source port is 40000 and the destination port is 22"),
        Case(
            condition: "-p tcp -m tcp --sport 40000 --tcp-flags SYN,ACK SYN",
            fact: "the source port is 40000 and the flags are syn"),
        Case(
            condition: "-m limit --limit 5/sec", fact: "the rule's limit is not reached"),
        Case(
            condition: "-m mac --mac-source 02:00:00:00:00:01",
            fact: "as you said: the packet's mac is 02:00:00:00:00:01"),
    ]

    @Test("a condition that was met", arguments: met) func tells(_ example: Case) throws {
        var world = try World(filter("-A INPUT \(example.condition) -j DROP", "-A INPUT -j ACCEPT"))
        let text = world.text(world.answer(try World.packet()) { $0.assumptions = ["mac": "yes"] })
        #expect(text.contains(example.fact), "\(text)")
    }

    static let native: [Case] = [
        Case(condition: "ip saddr 198.51.100.0/24", fact: "the source is 198.51.100.7"),
        Case(
            condition: "ip daddr . tcp dport { 192.0.2.1 . 22 }",
            fact: "the destination is 192.0.2.1 and the destination port is 22"),
        Case(condition: "th sport 40000", fact: "the source port is 40000"),
        Case(condition: "meta l4proto { tcp, udp }", fact: "the protocol is tcp"),
        Case(condition: "meta mark & 0xff == 0", fact: "the mark is 0x0"),
        Case(condition: "tcp flags syn / syn,ack", fact: "the flags are syn"),
        Case(condition: "iifname \"eth*\"", fact: "it came in by eth0"),
        Case(condition: "ct state new", fact: "its state is NEW"),
        Case(condition: "ip ttl > 10", fact: "the TTL is 64"),
        Case(condition: "ip version 4", fact: "met"),
    ]

    @Test("a native condition that was met", arguments: native) func tellsOfNative(_ example: Case) throws {
        var world = try World(
            "table inet t {\n\tchain c {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t"
                + example.condition + " drop\n\t}\n}\n")
        let text = world.text(world.answer(try World.packet()))
        let line = text.split(separator: "\n").first { $0.contains("    \(example.condition)  ") }
        #expect(line?.hasSuffix("  " + example.fact) == true, "\(text)")
    }

    /// Conditions that it does not meet.
    static let missed: [Case] = [
        Case(condition: "-s 10.0.0.0/8", fact: "the source is 198.51.100.7"),
        Case(condition: "! -i eth0", fact: "it came in by eth0"),
        Case(condition: "-i eth9", fact: "it came in by eth0"),
        Case(condition: "-p udp", fact: "the protocol is tcp"),
        Case(condition: "-f", fact: "it is no later fragment"),
        Case(condition: "-m addrtype --dst-type BROADCAST", fact: "the destination 192.0.2.1 is not of type BROADCAST"),
        Case(condition: "-m conntrack --ctstate RELATED,ESTABLISHED", fact: "its state is NEW"),
        Case(condition: "-m mark --mark 0x4000/0x4000", fact: "the mark is 0x0"),
        Case(condition: "-p tcp -m tcp --dport 80", fact: "the destination port is 22"),
        Case(condition: "-p tcp -m tcp ! --tcp-flags SYN,ACK SYN", fact: "the flags are syn"),
        Case(condition: "-m ttl --ttl-lt 5", fact: "the TTL is 64"),
        Case(condition: "-p icmp -m icmp --icmp-type 8", fact: "the protocol is tcp"),
        Case(condition: "-m length --length 0:20", fact: "its length is 40 bytes"),
    ]

    @Test("a condition that was not met", arguments: missed) func tellsMiss(_ example: Case) throws {
        var world = try World(filter("-A INPUT \(example.condition) -j DROP", "-A INPUT -j ACCEPT"))
        let text = world.text(world.answer(try World.packet()) { $0.recordsMisses = true }, .full)
        let line = text.split(separator: "\n").first { $0.contains("no: ") }
        #expect(line?.contains(example.fact) == true, "\(text)")
    }
}
