import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// A rule in which ⟦…⟧ encloses the word that a diagnostic must point at, and the diagnostic's code.
struct MarkedRule: Sendable, CustomTestStringConvertible {
    var marked: String
    var code: String
    var family: TableFamily

    init(_ marked: String, _ code: String, family: TableFamily = .ip) {
        self.marked = marked
        self.code = code
        self.family = family
    }

    var testDescription: String { marked }

    /// The rule without the marks, which alone are not ASCII.
    var line: String { "-A FORWARD " + String(decoding: marked.utf8.filter { $0 < 0x80 }, as: UTF8.self) }

    /// Where the marked word begins in `line`.
    var offset: Int { "-A FORWARD ".utf8.count + marked.utf8.prefix { $0 < 0x80 }.count }
}

@Suite struct UnreadableOptionTests {
    @Test(
        "what can't be read is told at its word, kept as it stands, and nothing is guessed",
        arguments: matches + targets)
    func isTold(_ rule: MarkedRule) {
        let single = SingleRule(SavedRule(rule.line, table: "mangle", family: rule.family))
        #expect(single.problems.map(\.code) == [rule.code])
        let start = Int(single.rule?.place.start ?? 0)
        #expect(single.problems.first.map { Int($0.place.start) - start } == rule.offset)
        #expect(single.rule?.statements.contains { $0.isUnknown } == true)
        #expect(single.text == rule.line)
    }

    static let matches: [MarkedRule] = [
        MarkedRule("-m ⟦multiport⟧", "missing-option"),
        MarkedRule("-m multiport --dports ⟦:1024⟧", "bad-port"),
        MarkedRule("-m multiport --dports ⟦5:5⟧", "bad-port"),
        MarkedRule("-m multiport --dports ⟦1,,2⟧", "bad-port"),
        MarkedRule("-m multiport --dports ⟦1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16⟧", "bad-port"),
        MarkedRule("-m multiport --dports 1 ⟦--sports⟧ 2", "repeated-option"),
        MarkedRule("-m owner --uid-owner ⟦alice⟧", "bad-number"),
        MarkedRule("-m owner --gid-owner ⟦5-⟧", "bad-number"),
        MarkedRule("-m owner ⟦--suppl-groups⟧", "missing-option"),
        MarkedRule("-m pkttype --pkt-type ⟦unicats⟧", "bad-value"),
        MarkedRule("-m policy --pol ⟦ipsec⟧", "missing-option"),
        MarkedRule("-m policy --dir ⟦both⟧", "bad-value"),
        MarkedRule("-m policy --dir in --proto ⟦tcp⟧", "bad-value"),
        MarkedRule("-m policy --dir in --tunnel-src ⟦::1⟧", "bad-address"),
        MarkedRule("-m policy --dir in ! ⟦--strict⟧", "cannot-negate"),
        MarkedRule("-m quota --quota ⟦1k⟧", "bad-number"),
        MarkedRule("-m rateest --rateest1 a --rateest-lt --rateest-bps ⟦5furlong⟧", "bad-number"),
        MarkedRule("-m realm --realm ⟦internet⟧", "bad-number"),
        MarkedRule("-m recent --name ⟦a⟧", "missing-option"),
        MarkedRule("-m recent --set ⟦--update⟧", "repeated-option"),
        MarkedRule("-m recent --set --mask ⟦ffff::⟧", "bad-address"),
        MarkedRule("-m sctp --chunk-types ⟦some⟧ DATA", "bad-value"),
        MarkedRule("-m sctp --chunk-types all ⟦DATA,5⟧", "bad-value"),
        MarkedRule("-m sctp --chunk-types all ⟦DATA:T⟧", "bad-value"),
        MarkedRule("-m set --match-set ⟦a⟧", "missing-value"),
        MarkedRule("-m set --match-set a ⟦src,destination⟧", "bad-value"),
        MarkedRule("-m set --match-set a src ! ⟦--packets-lt⟧ 5", "cannot-negate"),
        MarkedRule("-m state --state ⟦NEW,SNAT⟧", "bad-value"),
        MarkedRule("-m statistic --mode ⟦sometimes⟧", "bad-value"),
        MarkedRule("-m statistic --mode random --probability ⟦1.5⟧", "bad-number"),
        MarkedRule("-m statistic --mode random --probability ⟦.⟧", "bad-number"),
        MarkedRule("-m statistic --mode nth --every ⟦0⟧", "bad-number"),
        MarkedRule("-m statistic --mode nth --every 4 --packet ⟦4⟧", "bad-number"),
        MarkedRule("-m string --algo bm --hex-string ⟦|0g|⟧", "bad-value"),
        MarkedRule("-m string --algo bm --hex-string ⟦|0d0⟧", "bad-value"),
        MarkedRule("-m string --string ⟦a⟧", "missing-option"),
        MarkedRule("-m time --timestart ⟦24:00⟧", "bad-value"),
        MarkedRule("-m time --datestart ⟦2024-13-01⟧", "bad-value"),
        MarkedRule("-m time --weekdays ⟦Mon,Yay⟧", "bad-value"),
        MarkedRule("-m time --monthdays ⟦32⟧", "bad-value"),
        MarkedRule("-m tos --tos ⟦0x100⟧", "bad-number"),
        MarkedRule("-m ttl ! ⟦--ttl-lt⟧ 5", "cannot-negate"),
        MarkedRule("-m ttl --ttl-eq ⟦256⟧", "bad-number"),
        MarkedRule("-m u32 --u32 ⟦0x0⟧", "bad-value"),
        MarkedRule("-m u32 --u32 ⟦0=1&&⟧", "bad-value"),
        MarkedRule("-m tcpmss --mss ⟦2:1⟧", "bad-number"),
        MarkedRule("-m osf --genre Linux --ttl ⟦3⟧", "bad-number"),
        MarkedRule("-m hl --hl-eq 1 ⟦--hl-lt⟧ 2", "repeated-option", family: .ip6),
        MarkedRule("-m rt ⟦--rt-0-not-strict⟧", "missing-option", family: .ip6),
        MarkedRule("-m srh --srh-psid ⟦10.0.0.1⟧", "bad-address", family: .ip6),
    ]

    static let targets: [MarkedRule] = [
        MarkedRule("-j ⟦MARK⟧", "missing-option"),
        MarkedRule("-j MARK --set-mark ⟦1/x⟧", "bad-number"),
        MarkedRule("-j MARK --set-mark 1 ⟦--or-mark⟧ 2", "repeated-option"),
        MarkedRule("-j CONNMARK --save-mark ⟦--restore-mark⟧", "repeated-option"),
        MarkedRule("-j CONNMARK --set-mark 1 --mask ⟦1⟧", "missing-option"),
        MarkedRule("-j CT --zone ⟦65536⟧", "bad-number"),
        MarkedRule("-j CT --ctevents ⟦new,old⟧", "bad-value"),
        MarkedRule("-j DNAT --to-destination ⟦300.1.1.1⟧", "bad-address"),
        MarkedRule("-j DNAT --to-destination ⟦[::1]:80⟧", "bad-address"),
        MarkedRule("-j DNAT --to-destination ⟦10.0.0.1:9-5⟧", "bad-port"),
        MarkedRule("-j DNAT --to-destination ⟦10.0.0.1:5-⟧", "bad-port"),
        MarkedRule("-j DNAT --to-destination ⟦10.0.0.1:5/7⟧", "bad-port"),
        MarkedRule("-j DNAT --to-destination ⟦[::1]80⟧", "bad-address", family: .ip6),
        MarkedRule("-j ⟦SNAT⟧", "missing-option"),
        MarkedRule("-j MASQUERADE --to-ports ⟦70000⟧", "bad-port"),
        MarkedRule("-j NETMAP --to ⟦10.0.0.0/33⟧", "bad-address"),
        MarkedRule("-j SNPT --src-pfx ⟦fd00::/65⟧ --dst-pfx ::/0", "bad-address", family: .ip6),
        MarkedRule("-j DSCP --set-dscp ⟦64⟧", "bad-number"),
        MarkedRule("-j DSCP --set-dscp-class ⟦AF44⟧", "bad-value"),
        MarkedRule("-j CLASSIFY --set-class ⟦10⟧", "bad-value"),
        MarkedRule("-j ECN --ecn-ip-ect ⟦4⟧", "bad-number"),
        MarkedRule("-j HMARK --hmark-tuple src --hmark-rnd ⟦1⟧", "missing-option"),
        MarkedRule("-j HMARK --hmark-tuple ⟦src,color⟧", "bad-value"),
        MarkedRule("-j LED --led-trigger-id a --led-delay ⟦soon⟧", "bad-number"),
        MarkedRule("-j LOG --log-level ⟦8⟧", "bad-value"),
        MarkedRule("-j LOG ! ⟦--log-uid⟧", "cannot-negate"),
        MarkedRule("-j NFLOG --nflog-size 1 ⟦--nflog-range⟧ 2", "repeated-option"),
        MarkedRule("-j NFQUEUE --queue-balance ⟦5:5⟧", "bad-number"),
        MarkedRule("-j NFQUEUE ⟦--queue-cpu-fanout⟧", "missing-option"),
        MarkedRule("-j RATEEST --rateest-name a --rateest-interval ⟦9s⟧ --rateest-ewmalog 1s", "bad-number"),
        MarkedRule("-j RATEEST --rateest-name a --rateest-interval 1s --rateest-ewmalog ⟦1s⟧", "bad-number"),
        MarkedRule("-j REJECT --reject-with ⟦icmp6-no-route⟧", "bad-value"),
        MarkedRule("-j REJECT --reject-with ⟦icmp-net-unreachable⟧", "bad-value", family: .ip6),
        MarkedRule("-j SET --exist --del-set a ⟦src⟧", "missing-option"),
        MarkedRule("-j SET --map-set a ⟦src⟧", "missing-option"),
        MarkedRule("-j TCPMSS --set-mss ⟦65535⟧", "bad-number"),
        MarkedRule("-j TCPOPTSTRIP --strip-options ⟦1⟧", "bad-value"),
        MarkedRule("-j TEE --gateway ⟦::1⟧", "bad-address"),
        MarkedRule("-j TOS --set-tos ⟦high⟧", "bad-number"),
        MarkedRule("-j TPROXY --on-ip ⟦10.0.0.1⟧", "missing-option"),
        MarkedRule("-j TTL --ttl-set 1 ⟦--ttl-inc⟧ 2", "repeated-option"),
        MarkedRule("-j ULOG --ulog-nlgroup ⟦0⟧", "bad-number"),
        MarkedRule("-j CLUSTERIP --total-nodes ⟦2⟧", "missing-option"),
        MarkedRule("-j AUDIT --type ⟦deny⟧", "bad-value"),
    ]
}
