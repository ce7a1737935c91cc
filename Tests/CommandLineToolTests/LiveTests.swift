import CommandLineTool
import KernelLab
import Testing

/// Whether rules can be put into a namespace of this process here.
private let canLoad: Bool = {
    guard ScratchNamespace.isPossible() else { return false }
    let found = try? ChildProcess.run(["nft", "--version"])
    return found?.status == 0
}()

/// `--live`: this machine's own rules.
@Suite(.enabled(if: canLoad, "needs root, namespaces and nft")) struct LiveTests {
    private func live(_ rules: String, _ arguments: String) throws -> Call {
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sh", "-s"], input: Self.wires)
        if !rules.isEmpty { _ = try ChildProcess.check(["nft", "-f", "-"], input: rules) }
        let result = call(arguments)
        try namespace.leave()
        return result
    }

    /// Without packets of IPv6's own, which policies would count.
    private static let wires = """
        sysctl -qw net.ipv6.conf.default.disable_ipv6=1
        ip link set lo up
        ip addr add 198.51.100.1/32 dev lo
        ip link add eth0 type veth peer name far0
        ip link set far0 up
        ip link set eth0 up
        ip addr add 192.0.2.254/24 dev eth0

        """

    private static let rules = """
        table inet f {
        \tset known {
        \t\ttype ipv4_addr
        \t\telements = { 192.0.2.1, 192.0.2.2 }
        \t}

        \tchain i {
        \t\ttype filter hook input priority 0; policy drop;
        \t\tct state established,related accept
        \t\tip saddr @known tcp dport { 22, 80-90 } accept comment "ours"
        \t}
        }

        """

    @Test func showsTheRulesOfThisNamespace() throws {
        let result = try live(Self.rules, "show --live --format nft")
        #expect(result.status == 0)
        #expect(result.output == Self.rules)
    }

    @Test func followsAPacketThroughThem() throws {
        let packet = "--in eth0 --from 192.0.2.1 --to 198.51.100.1:85/tcp"
        let result = try live(Self.rules, "trace --live \(packet)")
        #expect(result.output.contains("ip saddr @known tcp dport { 22, 80-90 } accept"))
    }

    @Test func showsTablesOfIptablesAsIptablesSaveDoes() throws {
        let saved = """
            *nat
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -j DNAT --to-destination 10.0.0.2:8080
            COMMIT
            *filter
            :INPUT DROP [0:0]
            :FORWARD ACCEPT [0:0]
            :trusted - [0:0]
            -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A INPUT -s 192.0.2.0/24 -p tcp -m multiport --dports 22,80:90 -m comment --comment "two words" -j trusted
            -A trusted -m mark --mark 0x1/0xff -j LOG --log-prefix "in: "
            -A trusted -p udp -m udp ! --sport 53 ! --dport 54 -j REJECT --reject-with icmp-host-prohibited
            COMMIT

            """
        let namespace = try ScratchNamespace()
        _ = try ChildProcess.check(["sh", "-s"], input: Self.wires)
        _ = try ChildProcess.check(["iptables-nft-restore"], input: saved)
        _ = try ChildProcess.check(["ip6tables-nft-restore"], input: "*raw\n:OUTPUT DROP [0:0]\nCOMMIT\n")
        _ = try ChildProcess.check(["nft", "-f", "-"], input: Self.rules)
        let shown = call("show --live --format iptables-save")
        let trace = call("trace --live --in eth0 --from 192.0.2.1 --to 198.51.100.1:85/tcp --state established")
        try namespace.leave()
        let all = shown.output.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let headers = shown.output.split(separator: "\n").filter { $0.hasPrefix("#") }
        #expect(all == (saved + "*raw\n:OUTPUT DROP [0:0]\nCOMMIT").split(separator: "\n"))
        #expect(headers.map { $0.contains("ip6tables-save") } == [false, false, true])
        #expect(!shown.error.contains("is assumed"))
        #expect(shown.error.contains("table inet f is left out"))
        #expect(!shown.error.contains("iptables-by-nft"))
        #expect(trace.output.contains("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"))
    }

    @Test func saysThatThereAreNoRules() throws {
        let result = try live("", "trace --live --from host --to 127.0.0.1:80/tcp")
        #expect(result.status == 0)
        #expect(result.output.hasPrefix("DELIVERED"), "\(result.output)")
    }
}
