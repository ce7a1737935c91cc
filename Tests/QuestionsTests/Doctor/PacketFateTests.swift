import Questions
import Testing

@Suite("Doctor: what decides that is not seen in a rule")
struct PacketFateTests {
    // MARK: The AWS VPC CNI

    static let aws = """
        *mangle
        :PREROUTING ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        -A PREROUTING -i eth0 -m comment --comment "AWS, primary ENI" -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark 0x80/0x80
        -A PREROUTING -i eni+ -m comment --comment "AWS, primary ENI" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80
        COMMIT
        *nat
        :PREROUTING ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        :AWS-SNAT-CHAIN-0 - [0:0]
        -A POSTROUTING -m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-0
        -A AWS-SNAT-CHAIN-0 -d 10.0.0.0/16 -m comment --comment "AWS SNAT CHAIN" -j RETURN
        -A AWS-SNAT-CHAIN-0 ! -o vlan+ -m comment --comment "AWS, SNAT" -m addrtype ! --dst-type LOCAL -j SNAT --to-source 192.0.2.1 --random-fully
        COMMIT

        """

    static let awsRules = """
        0:	from all lookup local
        512:	from all to 10.0.3.4 lookup main
        1024:	from all fwmark 0x80/0x80 lookup main
        1536:	from 10.0.3.4 lookup 2
        32766:	from all lookup main
        32767:	from all lookup default

        """

    static let awsRoutes = """
        default via 192.0.2.254 dev eth0
        10.0.3.4 dev eni0123456789a scope link
        default via 10.0.3.1 dev eth1 table 2
        local 192.0.2.1 dev eth0 table local proto kernel scope host src 192.0.2.1

        """

    private func aws(_ change: (String) -> String = { $0 }, rules: String = awsRules, routes: String = awsRoutes) throws
        -> [String]
    {
        try Clinic(change(Self.aws), addresses, rules, "# ip route show table all\n" + routes).titles("aws-vpc")
    }

    @Test func `parts of the AWS VPC CNI that do not fit together`() throws {
        #expect(try aws().isEmpty)
        #expect(
            try aws({ $0.replacing("--to-source 192.0.2.1", with: "--to-source 192.0.2.77") }) == [
                "problem: pods leave the VPC by 192.0.2.77, which no interface of this node has"
            ])
        #expect(
            try aws(rules: Self.awsRules.replacing("1024:\tfrom all fwmark 0x80/0x80 lookup main\n", with: "")) == [
                "problem: the mark 0x80 is taken from the connection, and no routing rule reads it"
            ])
        #expect(
            try aws({
                $0.replacing("-A PREROUTING -i eni+", with: "-A PREROUTING -i lo").replacing(
                    "--restore-mark --nfmask 0x80 --ctmask 0x80", with: "--set-xmark 0x0/0x0")
            }) == [
                "problem: a routing rule reads the mark 0x80, and no rule takes it from the connection"
            ])
        #expect(
            try aws(routes: Self.awsRoutes.replacing("default via 10.0.3.1 dev eth1 table 2\n", with: "")) == [
                "problem: the pod 10.0.3.4 is routed by table 2, which has no route"
            ])
        #expect(
            try aws(routes: Self.awsRoutes.replacing("10.0.3.4 dev eni0123456789a scope link\n", with: "")) == [
                "note: a routing rule is left of 10.0.3.4, which no route leads to: a pod that is gone"
            ])
    }

    // MARK: Conntrack

    @Test func `a source port that changed since another connection has the same answers`() throws {
        let direct =
            "tcp      6 431999 ESTABLISHED src=10.1.0.9 dst=203.0.113.7 sport=40000 dport=80 src=203.0.113.7 dst=10.1.0.9 sport=80 dport=40000 [ASSURED] mark=0 use=1\n"
        let clash =
            "tcp      6 431999 ESTABLISHED src=10.1.0.9 dst=10.96.0.1 sport=40000 dport=80 src=203.0.113.7 dst=10.1.0.9 sport=80 dport=1027 [ASSURED] mark=0 use=1\n"
        let found = try Clinic(noRules, direct + clash).findings("port-clash")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "note: 1 connection got another source port without a rule: port 40000 of 10.1.0.9 became 1027"
            ])
        // Without the other connection a rule may have done it.
        #expect(try Clinic(noRules, clash).titles("port-clash").isEmpty)
    }

    @Test func `ct status compared as a whole word`() throws {
        func table(_ test: String) -> String {
            "table ip t {\n\tchain out {\n\t\ttype filter hook output priority filter; policy accept;\n\t\t\(test) drop\n\t}\n}\n"
        }
        #expect(
            try Clinic(table("ct status != dnat")).titles("ct-status") == [
                "risk: `ct status != dnat` compares the whole status word, and so always holds: it does not leave translated packets out"
            ])
        #expect(try Clinic(table("ct status dnat")).titles("ct-status").isEmpty)
        #expect(try Clinic(table("ct status ! dnat")).titles("ct-status").isEmpty)
    }

    // MARK: Addresses for NAT

    @Test func `MASQUERADE and REDIRECT at an interface without an address`() throws {
        func rules(_ first: String, _ second: String) -> String {
            "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -i \(first) -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080\n-A POSTROUTING -o \(second) -j MASQUERADE\nCOMMIT\n"
        }
        let bare =
            addresses + """
                4: ppp0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1492 qdisc fq state UNKNOWN group default qlen 3
                    link/ppp

                """
        #expect(try Clinic(rules("eth1", "eth0"), bare).titles("no-nat-address").isEmpty)
        let found = try Clinic(rules("ppp0", "ppp0"), bare).findings("no-nat-address")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: ppp0 has no IPv4 address, and a rule masquerades what leaves by it",
                "problem: ppp0 has no IPv4 address, and a rule redirects what comes in by it to this host",
            ])
    }

    // MARK: Elsewhere

    @Test func `what decides besides the rules`() throws {
        #expect(try Clinic(noRules, addresses).titles("decided-elsewhere").isEmpty)
        let found = try Clinic(
            noRules, addresses, "qdisc clsact ffff: dev eth0 parent ffff:fff1\n",
            "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\nTCP  10.96.0.1:443 rr\n  -> 192.0.2.10:6443              Masq    1      0          0\n"
        ).findings("decided-elsewhere")
        #expect(
            found.map(\.title) == [
                "traffic control (tc) has filters that may drop or redirect packets",
                "IPVS chooses the backends of Services, not rules",
            ])
        #expect(found.allSatisfy { $0.severity == .note })
    }

    // MARK: REJECT

    @Test func `a REJECT whose answer does not get out`() throws {
        let found = try Clinic(folder: "reject-answer-dropped").findings("reject-unheard")
        #expect(found.first?.severity == .risk)
        #expect(found.first?.title.hasPrefix("the answer of filter/") == true)
        #expect(found.first?.example != nil)
        let open = try Clinic(folder: "reject-answer-dropped").replacing(
            "iptables-save.txt", ":OUTPUT DROP", ":OUTPUT ACCEPT")
        #expect(try open.titles("reject-unheard").isEmpty)
    }

    // MARK: Listeners

    static let sockets = """
        Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess
        tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=911,fd=4))
        tcp   LISTEN 0      128        127.0.0.1:8080       0.0.0.0:*    users:(("web",pid=948,fd=4))

        """

    @Test func `accepted, but nothing listens`() throws {
        func rules(_ port: Int) -> String {
            "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport \(port) -j ACCEPT\nCOMMIT\n"
        }
        #expect(try Clinic(rules(22), addresses, Self.sockets).titles("nothing-listens").isEmpty)
        #expect(try Clinic(rules(8080), addresses).titles("nothing-listens").isEmpty)
        #expect(
            try Clinic(rules(8080), addresses, Self.sockets).titles("nothing-listens") == [
                "note: rules accept tcp 8080, and nothing listens there: clients are refused by the host, not by a rule"
            ])
    }

    @Test func `redirected to a port where nothing listens`() throws {
        let rules =
            "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i eth1 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15001\nCOMMIT\n"
        #expect(
            try Clinic(rules, addresses, Self.sockets).titles("nothing-listens") == [
                "problem: nat/PREROUTING:1 leads packets to tcp port 15001 of this host, where nothing listens"
            ])
        #expect(
            try Clinic(rules.replacing("15001", with: "22"), addresses, Self.sockets).titles("nothing-listens").isEmpty)
    }
}
