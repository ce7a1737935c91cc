extension LintCheckTests {
    // MARK: What is not loaded; LintRefusalTests asks the kernel about these

    private static let long = String(repeating: "a", count: 29)
    private static let longest = String(repeating: "a", count: 28)

    static let refused: [Case] = [
        Case(
            "cut-off", "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -j ACCEPT\n", "table inet t {\n\tchain c {\n\t}\n",
            finds: "problem: the dump ends within table ip filter: rules may be missing",
            "problem: the dump ends within table inet t: rules may be missing"),
        Case("cut-off", saved("filter", "-A INPUT -p tcp -j ACCEPT")),
        Case("cut-off", "-P INPUT ACCEPT\n-A INPUT -p tcp -j ACCEPT\n"),
        Case(
            "unreadable",
            saved("filter", "-A INPUT -s 192.0.2.300/32 -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 65536 -j DROP"),
            finds: "problem: '192.0.2.300/32' is not an IPv4 address",
            "problem: '65536' is not a port or a range of ports"),
        // The range has a check of its own.
        Case(
            "unreadable",
            saved("filter", "-A INPUT -s 192.0.2.3/32 -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 90:80 -j DROP")),
        Case(
            "wrong-table",
            saved("mangle", "-A FORWARD -j REJECT --reject-with icmp-port-unreachable"),
            saved("filter", ":U - [0:0]", "-A INPUT -m owner --uid-owner 0 -j ACCEPT", "-A U -j MASQUERADE"),
            saved("nat", ":V - [0:0]", "-A PREROUTING -j V", "-A V -j SNAT --to-source 192.0.2.1"),
            finds: "problem: mangle/FORWARD:1: REJECT may only be in the table filter, and stands in mangle",
            "problem: filter/INPUT:1: -m owner may only be at output or postrouting, and packets come here from input",
            "problem: filter/U:1: MASQUERADE may only be in the table nat, and stands in filter",
            "problem: nat/V:1: SNAT may only be at postrouting or input, and packets come here from prerouting"),
        Case(
            "wrong-table", native("inet", "postrouting", "reject"),
            finds:
                "problem: t/c:1: reject may only be at ingress, prerouting, input, forward or output, and packets come here from postrouting"
        ),
        Case(
            "wrong-table", native("ip", "postrouting", "masquerade"),
            finds:
                "problem: t/c:1: masquerade may only be in chains of type nat, and a chain of another type at postrouting leads here"
        ),
        Case(
            "wrong-table",
            saved("filter", ":U - [0:0]", "-A INPUT -j U", "-A U -j REJECT --reject-with icmp-port-unreachable"),
            saved("nat", ":V - [0:0]", "-A V -j SNAT --to-source 192.0.2.1", "-A INPUT -j SNAT --to-source 192.0.2.1"),
            native("inet", "prerouting", "reject", "drop", type: "nat")),

        Case(
            "drop-in-nat", saved("nat", ":U - [0:0]", "-A U -j DROP"),
            finds: "problem: nat/U:1 drops in the table nat, which iptables refuses"),
        Case(
            "drop-in-nat", saved("nat", ":PREROUTING DROP [0:0]"), saved("mangle", "-A PREROUTING -j DROP"),
            native("ip", "prerouting", "drop", type: "nat")),

        Case(
            "refused-interface",
            saved("filter", "-A INPUT -o eth0 -j DROP", "-A OUTPUT ! -i eth0 -j DROP"),
            finds: "problem: filter/INPUT:1 has -o, which iptables refuses in INPUT",
            "problem: filter/OUTPUT:1 has -i, which iptables refuses in OUTPUT"),
        Case(
            "refused-interface",
            saved(
                "filter", ":U - [0:0]", "-A INPUT -i eth0 -j U", "-A U -o eth0 -j DROP",
                "-A FORWARD -i eth0 -o eth1 -j DROP")),

        Case(
            "needs-protocol",
            saved(
                "filter", "-A INPUT -p tcp -m udp --dport 53 -j DROP", "-A INPUT -m tcp --dport 53 -j DROP",
                "-A INPUT -p icmp -m multiport --dports 53 -j DROP", "-A INPUT -j REJECT --reject-with tcp-reset"),
            saved("nat", "-A PREROUTING -j DNAT --to-destination 10.0.0.1:80"),
            finds: "problem: filter/INPUT:1: -m udp needs -p udp", "problem: filter/INPUT:2: -m tcp needs -p tcp",
            "problem: filter/INPUT:3: -m multiport needs -p tcp, -p udp, -p udplite, -p sctp or -p dccp",
            "problem: filter/INPUT:4: REJECT --reject-with tcp-reset needs -p tcp",
            "problem: nat/PREROUTING:1: a translation to a port needs -p tcp, -p udp, -p sctp or -p dccp"),
        Case(
            "needs-protocol", saved("filter", "-A INPUT ! -p tcp -m tcp --dport 53 -j DROP", backend: "legacy"),
            finds: "problem: filter/INPUT:1: -m tcp needs -p tcp"),
        Case(
            "needs-protocol", native("ip", "prerouting", "dnat to 10.0.0.1:80", type: "nat"),
            finds: "problem: t/c:1: dnat to a port needs a protocol"),
        Case(
            "needs-protocol",
            saved("filter", "-A INPUT ! -p tcp -m tcp --dport 53 -j DROP", "-A INPUT -p udp -m udp --dport 53 -j DROP"),
            saved(
                "nat", "-A PREROUTING -j DNAT --to-destination 10.0.0.1",
                "-A PREROUTING -p udp -j DNAT --to-destination 10.0.0.1:53"),
            native(
                "ip", "prerouting", "meta l4proto tcp dnat to 10.0.0.1:80", "tcp dport 81 redirect to :80", type: "nat")
        ),

        Case(
            "empty-range", saved("filter", "-A INPUT -p tcp -m tcp --dport 90:80 -j DROP"),
            finds: "problem: filter/INPUT:1 has a range of ports that ends before it begins"),
        Case(
            "empty-range",
            saved("filter", "-A INPUT -p tcp -m tcp --dport 80:90 -j DROP", "-A INPUT -m length --length 90:80 -j DROP")
        ),

        Case(
            "missing-chain", saved("filter", "-A INPUT -j NOSUCH"),
            finds: "problem: filter/INPUT:1 jumps to NOSUCH, and the table has no such chain"),
        // A part of a listing is none that can be loaded.
        Case("missing-chain", "-N OTHER\n-A INPUT -j ELSEWHERE\n-A ANOTHER -j ACCEPT\n"),
        Case("missing-chain", saved("filter", ":U - [0:0]", "-A INPUT -j U", "-A U -j RETURN")),
        Case(
            "jump-to-base-chain", saved("filter", ":U - [0:0]", "-A INPUT -j U", "-A U -j FORWARD"),
            finds: "problem: filter/U:1 jumps to a base chain"),
        Case("jump-to-base-chain", saved("filter", ":U - [0:0]", "-A INPUT -j U", "-A U -j RETURN")),
        Case(
            "chain-loop", saved("filter", ":A - [0:0]", ":B - [0:0]", "-A INPUT -j A", "-A A -j B", "-A B -j A"),
            finds: "problem: filter/A and filter/B jump to each other in a circle"),
        Case(
            "chain-loop", saved("filter", ":A - [0:0]", "-A A -j A"), finds: "warning: filter/A jumps to itself"),
        Case("chain-loop", saved("filter", ":A - [0:0]", ":B - [0:0]", "-A INPUT -j A", "-A A -j B", "-A INPUT -j B")),
        Case(
            "jump-depth", deep(16),
            finds: "problem: jumps from filter/INPUT lead 16 chains deep, and nf_tables allows 15"),
        Case("jump-depth", deep(15), deep(60, backend: "legacy")),
        Case(
            "name-too-long",
            saved("filter", ":\(long) - [0:0]", "-A INPUT -i abcdefghijklmnop -j \(long)"),
            finds: "problem: the name of filter/\(long) has 29 letters, and iptables takes 28",
            "problem: filter/INPUT:1 names an interface by more than 15 letters"),
        Case("name-too-long", saved("filter", ":\(longest) - [0:0]", "-A INPUT -i abcdefghijklmno -j \(longest)")),
    ]

    private static func deep(_ count: Int, backend: String = "nf_tables") -> String {
        let names = (1...count).map { "C\($0)" }
        let jumps = zip(names, names.dropFirst()).map { "-A \($0) -j \($1)\n" }.joined()
        return "# Generated by iptables-save v1.8.9 (\(backend))\n*filter\n:INPUT ACCEPT [0:0]\n"
            + names.map { ":\($0) - [0:0]\n" }.joined() + "-A INPUT -j C1\n" + jumps + "COMMIT\n"
    }
}
