import HeaderSpace
import NetTypes
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

/// Small rule sets of which sets and traces once said different things, found by Tools/set-compare.
@Suite struct RulesAgainstTraces {
    private static let host = [
        SourceFile(
            path: "ip-addr.txt",
            text: """
                1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
                    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
                    inet 127.0.0.1/8 scope host lo
                    inet6 ::1/128 scope host
                2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast state UP group default qlen 1000
                    link/ether 02:00:00:00:01:02 brd ff:ff:ff:ff:ff:ff
                    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0
                    inet6 fd00:0:0:1::1/64 scope global
                3: lan0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc pfifo_fast state UP group default qlen 1000
                    link/ether 02:00:00:00:01:03 brd ff:ff:ff:ff:ff:ff
                    inet 10.0.1.1/24 brd 10.0.1.255 scope global lan0
                    inet6 fd00:0:0:2::1/64 scope global

                """),
        SourceFile(
            path: "ip-route.txt",
            text: """
                default via 10.0.1.14 dev lan0
                default via 10.0.0.14 dev eth0 table 101
                10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1
                10.0.1.0/24 dev lan0 proto kernel scope link src 10.0.1.1
                local 10.0.0.1 dev eth0 table local proto kernel scope host src 10.0.0.1
                broadcast 10.0.0.255 dev eth0 table local proto kernel scope link src 10.0.0.1
                local 10.0.1.1 dev lan0 table local proto kernel scope host src 10.0.1.1
                broadcast 10.0.1.255 dev lan0 table local proto kernel scope link src 10.0.1.1
                local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
                local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1
                fd00:0:0:1::/64 dev eth0 proto kernel metric 256 pref medium
                fd00:0:0:2::/64 dev lan0 proto kernel metric 256 pref medium
                local ::1 dev lo table local proto kernel metric 0 pref medium
                local fd00:0:0:1::1 dev eth0 table local proto kernel metric 0 pref medium
                local fd00:0:0:2::1 dev lan0 table local proto kernel metric 0 pref medium
                multicast ff00::/8 dev eth0 table local proto kernel metric 256 pref medium
                multicast ff00::/8 dev lan0 table local proto kernel metric 256 pref medium

                """),
        SourceFile(
            path: "ip-rule.txt",
            text: "0:\tfrom all lookup local\n100:\tfrom all fwmark 0x1/0x1 lookup 101\n32766:\tfrom all lookup main\n"
                + "32767:\tfrom all lookup default\n"),
        SourceFile(path: "ip6-rule.txt", text: "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n"),
        SourceFile(
            path: "sysctl.txt",
            text: """
                net.ipv4.ip_forward = 1
                net.ipv4.conf.all.forwarding = 1
                net.ipv6.conf.all.forwarding = 1
                net.ipv4.conf.all.rp_filter = 1
                net.ipv4.conf.all.src_valid_mark = 1
                net.ipv4.conf.eth0.rp_filter = 1
                net.ipv4.conf.lan0.rp_filter = 0
                net.netfilter.nf_conntrack_tcp_loose = 1

                """),
    ]

    @Test(arguments: [
        // The port stays where it is one of the rule's, else it is the first of them.
        ("nat", "-A PREROUTING -d 192.0.2.9 -p tcp -j DNAT --to-destination 10.0.0.9:2000-2500"),
        ("nat", "-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080"),
        // A source that will do stays, and only some protocols have ports that NAT changes.
        ("nat", "-A POSTROUTING -j SNAT --to-source 10.0.1.3-10.0.1.6"),
        ("nat", "-A POSTROUTING -p sctp -j SNAT --to-source 10.0.1.3:1000-1010"),
        // What the wire brought to many stays addressed to many.
        ("nat", "-A PREROUTING -d 224.0.0.0/4 -j DNAT --to-destination 10.0.0.9"),
        // What may be cut in pieces is not too long for a link.
        ("filter", "-A FORWARD -m length --length 1000:2000 -j DROP"),
        // The way back is looked for with the mark.
        ("mangle", "-A PREROUTING -i eth0 -j MARK --set-xmark 0x1/0x1"),
        ("filter", "-A FORWARD -p sctp -m sctp --sport 40000:40001 -j REJECT --reject-with icmp-proto-unreachable"),
        ("filter", "-A FORWARD -p dccp -m dccp ! --dport 443 -j DROP"),
        // Only packets made here have an owner, in POSTROUTING too.
        ("mangle", "-A POSTROUTING -m owner --uid-owner 1000 -j DROP"),
        // An invalid packet is looked at again when it comes back over lo.
        ("filter", "-A INPUT -i lo -m conntrack --ctstate INVALID -j DROP"),
        ("filter", "-A INPUT -m conntrack --ctstate NEW -j DROP"),
    ])
    func agree(_ table: String, _ rule: String) throws {
        let chains = [
            "nat": ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"], "filter": ["INPUT", "FORWARD", "OUTPUT"],
            "mangle": ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        ]
        let head = (chains[table] ?? []).map { ":\($0) ACCEPT [0:0]\n" }.joined()
        let text = "*\(table)\n\(head)\(rule)\nCOMMIT\n"
        try expectAgreement([SourceFile(path: "iptables-save.txt", text: text)], .v4)
    }

    @Test(arguments: [
        // Extension headers are for no plain packet, but where the protocol's own headers are not told.
        "-A INPUT -m rt --rt-type 0 -j DROP",
        // Groups that the host joins by itself.
        "-A INPUT -d ff02::1 -j DROP",
    ])
    func agreeOfSix(_ rule: String) throws {
        let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(rule)\nCOMMIT\n"
        try expectAgreement([SourceFile(path: "ip6tables-save.txt", text: text)], .v6)
    }

    @Test(arguments: [
        // Interfaces by number, and whether a router may cut a packet in pieces.
        "iif 1-2 drop", "iif > 2 meta mark set 1", "iif . tcp dport vmap { 2 . 22 : drop, 3 . 1-80 : reject }",
        "meta mark set iif map { 2 : 5, 3 : 6 } meta mark 6 drop", "fib saddr oif > 2 drop",
        "ip frag-off & 0x4000 != 0 drop", "@nh,48,16 & 0x5fff == 0 reject with icmp type frag-needed",
        "ip frag-off & 0x1fff == 0 drop",
        // What is expected of whom, and elements that a file takes out.
        "ct expectation set \"e\" drop", "ip saddr @s drop", "tcp dport @p drop",
    ])
    func agreeOfNative(_ rule: String) throws {
        for hook in ["prerouting", "input", "forward", "postrouting"]
        where hook != "prerouting" || !rule.contains("reject") {
            let text = """
                table ip t {
                    ct expectation e { protocol tcp; dport 5432; timeout 1m; size 12; l3proto ip; }
                    set s { type ipv4_addr; elements = { 10.0.0.9, 10.0.1.9 }; }
                    set p { type inet_service; flags interval; elements = { 20-30, 80-90 }; }
                    chain c { type filter hook \(hook) priority 0; \(rule); }
                }
                delete element ip t s { 10.0.0.9 }
                delete element ip t p { 80-90 }

                """
            try expectAgreement([SourceFile(path: "rules.nft", text: text)], .v4)
        }
    }

    private func expectAgreement(_ rules: [SourceFile], _ version: IPVersion) throws {
        let node = try readSnapshot(files: Self.host + rules)
        let model = HostModel(node.ruleset, node.host, names: node.names)
        for origin in PacketOrigin.allCases {
            let space = PacketSpace(version, for: [model], free: [.length, .ttl])
            let analysis = analyze(model, origin, in: space)
            let (asked, found) = disagreements(analysis, on: model, each: 40, seed: 11)
            #expect(asked > 0)
            for one in found.prefix(3) { Issue.record("\(origin): \(one.text): \(one.example.text(model))") }
        }
    }
}
