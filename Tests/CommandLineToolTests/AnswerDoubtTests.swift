import Foundation
import Testing

@Suite("What a trace takes for granted of the answer, and of the connection table")
struct AnswerDoubtTests {
    /// A router that masquerades nothing of its own accord: pods behind cali0, and the way out by eth0.
    private static func router(_ nat: String = "", sysctl: String = "") -> String {
        """
        *nat
        :PREROUTING ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        \(nat)COMMIT
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        COMMIT
        # ip addr
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
            inet 192.168.7.10/24 brd 192.168.7.255 scope global eth0
        # ip route
        default via 192.168.7.1 dev eth0
        10.244.1.11 dev cali0 scope link
        192.168.7.0/24 dev eth0 proto kernel scope link src 192.168.7.10
        # sysctl -a
        net.ipv4.ip_forward = 1
        net.ipv4.conf.all.rp_filter = 0
        \(sysctl)
        """
    }

    private func trace(_ snapshot: String, _ options: String) -> Call {
        var around = Around()
        around.input = snapshot
        return call("trace - " + options, around)
    }

    private func json(_ snapshot: String, _ options: String) throws -> [String: Any] {
        let answer = trace(snapshot, options + " --json")
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any])
    }

    private func assumed(_ object: [String: Any]) -> [String] {
        (object["assumptions"] as? [[String: Any]])?.compactMap { $0["name"] as? String } ?? []
    }

    private static let outside = "--in cali0 --from 10.244.1.11 --to 203.0.113.10:443/tcp"

    @Test func `no answer is promised to a private source that leaves for a public address`() throws {
        let answer = trace(Self.router(), "\(Self.outside) --round-trip --expect accept")
        #expect(answer.status == 1)
        #expect(
            answer.output.contains(
                "UNDECIDED on the way back: its answer comes only if something beyond translates 10.244.1.11, a private address, or has a route back to it."
            ), "\(answer.output)")
        let object = try json(Self.router(), "\(Self.outside) --round-trip")
        #expect(object["outcome"] as? String == "forwarded" && object["clientSees"] == nil)
        #expect(object["finalReply"] as? String == "unknown" && assumed(object).contains("beyond"))
        // Without the way back it is told, too.
        let alone = trace(Self.router(), "\(Self.outside) --expect accept")
        #expect(alone.status == 0 && alone.output.contains("[beyond=translates]"))
        #expect(try json(Self.router(), Self.outside)["clientSees"] == nil)
        // Who knows that it is so can say it.
        let given = trace(Self.router(), "\(Self.outside) --round-trip --expect accept --assume beyond=translates")
        #expect(given.status == 0 && !given.error.contains("asks for the assumption"), "\(given.error)")
        #expect(given.output.contains("(--assume beyond=translates)"))
        #expect(!given.output.contains("UNDECIDED"))
    }

    @Test func `what leaves with an address of the link is answered as ever`() throws {
        let masquerade = Self.router("-A POSTROUTING -o eth0 -j MASQUERADE\n")
        for (snapshot, options) in [
            (masquerade, Self.outside), (Self.router(), "--from host --to 203.0.113.10:443/tcp"),
            (Self.router(), "--in cali0 --from 10.244.1.11 --to 192.168.7.20:80/tcp"),
            (Self.router(), "--in cali0 --from 10.244.1.11 --to 10.9.9.9:80/tcp"),
        ] {
            let answer = trace(snapshot, "\(options) --round-trip --expect accept")
            #expect(answer.status == 0 && !answer.output.contains("beyond="), "\(options): \(answer.output)")
            #expect(try json(snapshot, "\(options) --round-trip")["clientSees"] as? String == "answer")
        }
    }

    @Test func `a connection table that is full is told of what begins a connection`() throws {
        let full = Self.router(
            "-A POSTROUTING -o eth0 -j MASQUERADE\n",
            sysctl: "net.netfilter.nf_conntrack_count = 65536\nnet.netfilter.nf_conntrack_max = 65536\n")
        #expect(assumed(try json(full, Self.outside)).contains("conntrack-room"))
        #expect(
            trace(full, Self.outside).output.contains("while it is full, the kernel drops packets of new connections"))
        #expect(!assumed(try json(full, "\(Self.outside) --state established")).contains("conntrack-room"))
        let free = full.replacing("count = 65536", with: "count = 65535")
        #expect(!assumed(try json(free, Self.outside)).contains("conntrack-room"))
    }

    /// Two hosts on one bridge, of which one asks the other by an address that is translated. Observed on Linux 6.18: with
    /// bridge-nf-call-iptables=1 it connects, with 0 it waits in vain.
    @Test(arguments: [true, false]) func `an answer that stays on its bridge is translated where bridges call iptables`(
        _ calls: Bool
    ) throws {
        let snapshot = """
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A PREROUTING -d 10.254.8.8/32 -p tcp -m tcp --dport 3306 -j DNAT --to-destination 172.30.24.4:3306
            COMMIT
            *filter
            :FORWARD ACCEPT [0:0]
            COMMIT
            # ip -d link
            2: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default
                link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0
                bridge forward_delay 1500
            3: vc@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP mode DEFAULT group default
                link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff promiscuity 1
                veth
            4: vs@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP mode DEFAULT group default
                link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff promiscuity 1
                veth
            # ip addr
            2: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
                link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
                inet 172.30.24.1/24 brd 172.30.24.255 scope global br0
            # ip route
            172.30.24.0/24 dev br0 proto kernel scope link src 172.30.24.1
            # sysctl -a
            net.ipv4.ip_forward = 1
            net.ipv4.conf.all.rp_filter = 0
            net.bridge.bridge-nf-call-iptables = \(calls ? 1 : 0)

            """
        let options = "--in vc --from 172.30.24.5:40000 --to 10.254.8.8:3306/tcp --round-trip"
        let answer = trace(snapshot, "\(options) --expect accept")
        #expect(answer.status == (calls ? 0 : 1), "\(answer.output)")
        #expect(
            answer.output.contains(
                "LOST on the way back: its answer comes from 172.30.24.4, which the client never asked: it asked 10.254.8.8."
            ) != calls, "\(answer.output)")
        #expect(try json(snapshot, options)["clientSees"] as? String == (calls ? "answer" : "timeout"))
    }
}
