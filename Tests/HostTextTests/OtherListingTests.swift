import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

@Suite struct ConnectionTextTests {
    /// Lines as conntrack 1.4.7 and /proc/net/nf_conntrack of Linux 6.18 wrote them, addresses and ports changed.
    @Test func everyFormIsRead() throws {
        let read = Read(
            """
            tcp      6 119 ESTABLISHED src=10.0.0.1 dst=10.96.0.10 sport=1000 dport=80 packets=5 bytes=300 src=10.244.1.5 dst=10.0.0.1 sport=8080 dport=1000 packets=4 bytes=200 [ASSURED] mark=5 helper=ftp use=1
            udp      17 29 src=2001:db8::1 dst=2001:db8::2 sport=1000 dport=53 [UNREPLIED] src=2001:db8::2 dst=2001:db8::1 sport=53 dport=1000 mark=0 zone=7 use=1
            icmp     1 9 src=10.0.0.4 dst=10.0.0.2 type=8 code=0 id=33 [UNREPLIED] src=10.0.0.2 dst=10.0.0.4 type=0 code=0 id=33 mark=0 use=1
            tcp      6 99 SYN_SENT src=10.0.0.4 dst=10.0.0.2 sport=1000 dport=80 zone-orig=8 [UNREPLIED] src=10.0.0.2 dst=10.0.0.4 sport=80 dport=1000 mark=0 use=1
            gre      47 9 src=10.0.0.4 dst=10.0.0.2 srckey=0x5 dstkey=0x6 [UNREPLIED] src=10.0.0.2 dst=10.0.0.4 srckey=0x6 dstkey=0x5 mark=0 use=1
            unknown  50 9 src=10.0.0.4 dst=10.0.0.2 [UNREPLIED] src=10.0.0.2 dst=10.0.0.4 mark=0 use=1
            tcp      6 src=10.0.0.9 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.9 sport=2 dport=1 [OFFLOAD] mark=0 use=2
            conntrack v1.4.7 (conntrack-tools): 7 flow entries have been shown.

            """)
        #expect(read.kinds == [.connections])
        #expect(read.complaints.isEmpty)
        let entries = try #require(read.host.connections)
        try #require(entries.count == 7)
        var original = ConnectionTuple(
            source: try #require(IPAddress("10.0.0.1")), destination: try #require(IPAddress("10.96.0.10")),
            protocol: .tcp)
        original.sourcePort = 1000
        original.destinationPort = 80
        var reply = ConnectionTuple(
            source: try #require(IPAddress("10.244.1.5")), destination: try #require(IPAddress("10.0.0.1")),
            protocol: .tcp)
        reply.sourcePort = 8080
        reply.destinationPort = 1000
        #expect(entries[0].original == original)
        #expect(entries[0].reply == reply)
        #expect(entries[0].status == [.seenReply, .assured, .confirmed])
        #expect(entries[0].mark == 5)
        #expect(entries[0].expires == 119)
        #expect(read.name(entries[0].protocolState) == "ESTABLISHED")
        #expect(read.name(entries[0].helper) == "ftp")
        #expect(entries[0].originalCounters == Counters(packets: 5, bytes: 300))
        #expect(entries[0].replyCounters == Counters(packets: 4, bytes: 200))
        #expect(entries[1].zone == 7)
        #expect(entries[1].zoneDirection == nil)
        #expect(entries[1].status == .confirmed)
        #expect(entries[1].protocolState == .empty)
        #expect(entries[2].original.icmpType == 8 && entries[2].reply.icmpType == 0)
        #expect(entries[2].original.sourcePort == 33 && entries[2].reply.sourcePort == 33)
        #expect(entries[3].zone == 8 && entries[3].zoneDirection == .original)
        #expect(entries[4].original.sourcePort == 5 && entries[4].reply.sourcePort == 6)
        #expect(entries[5].original.protocol == .esp)
        #expect(entries[6].isOffloaded && entries[6].expires == nil)
        #expect(entries[6].place.line == 7)
        #expect(read.host.otherDeciders.map(\.kind) == [.flowtable])
    }

    @Test func theExtendedFormAndProcSayTheSame() throws {
        let text = """
            ipv4     2 tcp      6 99 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 [ASSURED] mark=5 use=1 id=3686628795
            ipv6     10 udp      17 99 src=2001:0db8:0000:0000:0000:0000:0000:0001 dst=2001:db8::2 sport=1000 dport=53 [UNREPLIED] src=2001:db8::2 dst=2001:db8::1 sport=53 dport=1000 mark=0 zone=0 use=2
            ipv4     2 gre      47 9 timeout=0, stream_timeout=0 src=10.0.0.4 dst=10.0.0.2 srckey=0x5 dstkey=0x6 src=10.0.0.2 dst=10.0.0.4 srckey=0x6 dstkey=0x5 mark=0 zone=0 use=2
            ipv4     2 icmp     1 9 src=10.0.0.4 dst=10.0.0.2 type=8 code=0 id=33 src=10.0.0.2 dst=10.0.0.4 type=0 code=0 id=33 mark=0 use=1 id=22

            """
        let read = Read(text)
        #expect(read.kinds == [.connectionsProc])
        #expect(read.complaints.isEmpty)
        let entries = try #require(read.host.connections)
        #expect(entries.map(\.original.sourcePort) == [1000, 1000, 5, 33])
        #expect(entries[1].original.source == IPAddress("2001:db8::1"))
        #expect(entries[3].reply.sourcePort == 33)
        // The same table twice.
        let twice = Read(text + "# conntrack -L\n" + text)
        #expect(twice.host.connections?.count == 4)
    }

    @Test func noEntriesIsAnAnswerToo() {
        let read = Read("conntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.\n")
        #expect(read.host.connections == [])
        #expect(Read("hello\n").host.connections == nil)
    }

    @Test func whatCanNotBeReadIsTold() {
        let read = Read(
            """
            tcp      6 9 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [SHINY] mark=0 shiny=3
            tcp      6 9 ESTABLISHED src=10.0.0.1 dst=10.0.0.300 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1
            tcp      6 9 ESTABLISHED src=10.0.0.1 dst=10.0.0.3
            tcp x

            """)
        #expect(
            read.complaints.map { $0.prefix(40) } == [
                "unknown-connection-part: [SHINY]", "unknown-connection-part: shiny=3", "bad-connection: 10.0.0.300",
                "bad-connection: tcp      6 9 ESTABLISHED",
                "bad-connection: tcp      6 9 ESTABLISHED", "bad-connection: tcp x",
            ])
        #expect(read.host.connections?.count == 1)
    }
}

@Suite struct SocketTextTests {
    private func words(_ read: Read) -> [String] {
        (read.host.listeners ?? []).map { listener in
            let version = listener.version.map { "v\($0.rawValue)" } ?? "both"
            let address = listener.address.map { "\($0)" } ?? "any \(version)"
            let interface = read.name(listener.interface).map { "%\($0)" } ?? ""
            return "\(listener.protocol.shortName) \(address)\(interface) \(listener.port) \(listener.process)"
        }
    }

    @Test func ssIsRead() {
        let read = Read(
            """
            Netid State  Recv-Q Send-Q          Local Address:Port  Peer Address:PortProcess
            nl    UNCONN 0      0                           0:1234           *
            udp   UNCONN 0      0               127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=1,fd=2))
            udp   UNCONN 0      0         [fe80::1]%eth0:546               [::]:*
            udp   ESTAB  0      0               10.0.0.1:40000         10.0.0.2:53
            tcp   LISTEN 0      128                   0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=1,fd=3),("x",pid=2,fd=3))
            tcp   LISTEN 0      128                         *:80               *:*
            tcp   LISTEN 0      128                      [::]:443           [::]:*
            tcp   LISTEN 0      128        [::ffff:127.0.0.1]:8080            *:*
            p_raw UNCONN 0      0                           *:eth0             *

            """)
        #expect(read.kinds == [.sockets])
        #expect(read.complaints.isEmpty)
        #expect(
            words(read) == [
                "udp 127.0.0.53%lo 53 systemd-resolve", "udp fe80::1%eth0 546 ", "tcp any v4 22 sshd",
                "tcp any both 80 ", "tcp any v6 443 ", "tcp 127.0.0.1 8080 ",
            ])
    }

    @Test func ssOfOneProtocolHasNoColumnForIt() {
        let read = Read(
            "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0      128    127.0.0.1:25   0.0.0.0:*\nUNCONN 0 0 0.0.0.0:68 0.0.0.0:*\nLISTEN 0 5 *:http *:*\n"
        )
        #expect(words(read) == ["tcp 127.0.0.1 25 ", "udp any v4 68 "])
        #expect(read.complaints == ["socket-port-name: *:http"])
    }

    @Test func noSocketsIsAnAnswerToo() {
        let read = Read("Netid State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n")
        #expect(read.host.listeners == [])
    }

    @Test func netstatIsRead() {
        let read = Read(
            """
            Active Internet connections (only servers)
            Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    
            tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      1234/sshd: /usr/sbi 
            tcp        0      0 10.0.0.1:22             10.0.0.2:50000          ESTABLISHED 1234/sshd
            tcp6       0      0 :::80                   :::*                    LISTEN      -                   
            tcp6       0      0 ::1:631                 :::*                    LISTEN      55/cupsd
            udp        0      0 0.0.0.0:68              0.0.0.0:*                           77/dhclient
            udp6       0      0 fe80::1:546             :::*                                -
            raw        0      0 0.0.0.0:1               0.0.0.0:*               7           88/ping
            Active UNIX domain sockets (only servers)
            Proto RefCnt Flags       Type       State         I-Node   PID/Program name     Path
            unix  2      [ ACC ]     STREAM     LISTENING     12345    1/init               /run/x

            """)
        #expect(read.kinds == [.netstat])
        #expect(read.complaints.isEmpty)
        #expect(
            words(read) == [
                "tcp any v4 22 sshd: /usr/sbi", "tcp any both 80 ", "tcp ::1 631 cupsd", "udp any v4 68 dhclient",
                "udp fe80::1 546 ",
            ])
    }
}

@Suite struct SmallListingTests {
    @Test func settingsAreKeptByTheNamesThatSysctlPrints() {
        let read = Read(
            """
            net.ipv4.ip_forward = 1
            net.ipv4.conf.eth0/10.rp_filter=2
            net/ipv4/conf/eth1.20/forwarding = 0
            /proc/sys/net/ipv4/conf/all/rp_filter:1
            kernel.hostname = node a
            net.ipv4.tcp_rmem = 4096\t131072\t6291456
            sysctl: permission denied on key 'net.core.bpf_jit_harden'
            net.empty =

            """)
        #expect(read.kinds == [.sysctl])
        #expect(read.complaints.isEmpty)
        #expect(
            read.host.sysctls == [
                "net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0/10.rp_filter": "2",
                "net.ipv4.conf.eth1/20.forwarding": "0", "net.ipv4.conf.all.rp_filter": "1",
                "kernel.hostname": "node a", "net.ipv4.tcp_rmem": "4096\t131072\t6291456", "net.empty": "",
            ])
    }

    @Test func settingsThatDifferAreTold() {
        let read = Read("net.ipv4.ip_forward = 1\nnet.ipv4.ip_forward = 0\nnet.ipv4.ip_forward = 0\n")
        #expect(read.complaints == ["sysctl-twice: net.ipv4.ip_forward = 0"])
        #expect(Read("kernel.core_modes = file\nkernel.core_modes = pipe\n").complaints == [])
        #expect(Read("net.ipv4.ip_forward=1\n# more\n").complaints == ["sysctl-file: # more"])
    }

    @Test func neighboursAreRead() throws {
        let text = """
            10.0.0.9 dev d0 lladdr 00:11:22:33:44:55 PERMANENT
            10.0.0.10 dev d0  FAILED
            fe80::1 dev d0 lladdr 00:11:22:33:44:66 router STALE
            10.0.0.77 dev d0 proxy

            """
        let json = """
            [{"dst":"10.0.0.9","dev":"d0","lladdr":"00:11:22:33:44:55","state":["PERMANENT"]},\
            {"dst":"10.0.0.10","dev":"d0","state":["FAILED"]},\
            {"dst":"fe80::1","dev":"d0","lladdr":"00:11:22:33:44:66","router":null,"state":["STALE"]}]
            """
        for read in [Read(text), Read(json), Read(text + json)] {
            #expect(read.complaints.isEmpty)
            #expect(read.host.knowsNeighbours)
            #expect(read.host.neighbours.map(\.address.description) == ["10.0.0.9", "10.0.0.10", "fe80::1"])
            #expect(read.host.neighbours.map(\.isUnreachable) == [false, true, false])
            #expect(read.host.neighbours.first?.mac?.description == "00:11:22:33:44:55")
            #expect(read.name(read.host.neighbours.first?.interface) == "d0")
        }
    }

    struct Decider: Sendable, CustomTestStringConvertible {
        var text: String
        var kinds: [OtherDecider.Kind]
        var interface: String?
        var testDescription: String { text }
    }

    @Test(
        "what else decides about packets is recognised",
        arguments: [
            Decider(
                text: """
                    2: eth0: <BROADCAST,UP,LOWER_UP> mtu 1500 xdp qdisc mq state UP group default qlen 1000
                        link/ether 00:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff
                        prog/xdp id 5 tag 3b185187f1855c4c jited 
                    """, kinds: [.xdp], interface: "eth0"),
            Decider(
                text: "2: eth0: <UP> mtu 1500 xdpgeneric/id:7 qdisc noqueue state UP", kinds: [.xdp], interface: "eth0"),
            Decider(
                text: "9: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default ", kinds: [.ipvs],
                interface: "kube-ipvs0"),
            Decider(
                text: """
                    5: blue: <NOARP,MASTER,UP,LOWER_UP> mtu 65575 qdisc noqueue state UP mode DEFAULT group default
                        link/ether 00:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff
                        vrf table 10 addrgenmode eui64
                    """, kinds: [.vrf], interface: "blue"),
            Decider(
                text: "qdisc noqueue 0: dev lo root refcnt 2 \nqdisc clsact ffff: dev eth0 parent ffff:fff1 ",
                kinds: [.trafficControl], interface: "eth0"),
            Decider(text: "qdisc noqueue 0: dev lo root refcnt 2 ", kinds: [], interface: nil),
            Decider(
                text:
                    "filter dev eth0 ingress protocol all pref 1 bpf chain 0 handle 0x1 cil_from_netdev direct-action not_in_hw id 9",
                kinds: [.bpf], interface: "eth0"),
            Decider(
                text: "filter parent ffff: protocol ip pref 49152 u32 chain 0 ", kinds: [.trafficControl],
                interface: nil),
            Decider(
                text: """
                    src 10.0.0.0/8 dst 10.1.0.0/16 
                    \tdir out priority 375423 
                    \ttmpl src 1.2.3.4 dst 5.6.7.8
                    src 0.0.0.0/0 dst 0.0.0.0/0 
                    \tsocket in priority 0 
                    """, kinds: [.xfrm], interface: nil),
            Decider(
                text: """
                    8fcb2a1c-1d2e-4f3a-9b8c-7d6e5f4a3b2c
                        Bridge br-int
                            Port br-int
                                Interface br-int
                                    type: internal
                        ovs_version: "2.17.0"
                    """, kinds: [.openVSwitch], interface: "br-int"),
            Decider(
                text: """
                    IP Virtual Server version 1.2.1 (size=4096)
                    Prot LocalAddress:Port Scheduler Flags
                      -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
                    TCP  172.17.0.1:31195 rr
                      -> 192.168.185.13:80            Masq    1      0          0
                    """, kinds: [.ipvs], interface: nil),
            Decider(
                text: "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags", kinds: [],
                interface: nil),
        ])
    func deciders(_ example: Decider) {
        let read = Read(example.text + "\n")
        #expect(read.listings.count == 1)
        #expect(read.complaints.isEmpty)
        #expect(read.host.otherDeciders.map(\.kind) == example.kinds)
        #expect(read.name(read.host.otherDeciders.first?.interface) == example.interface)
    }

    @Test func aMessageQuotesNoMoreThanABit() {
        let read = Read("default via \(String(repeating: "x", count: 10_000)) dev eth0\n")
        #expect(read.reading.diagnostics.allSatisfy { $0.message.utf8.count < 200 })
        #expect(read.complaints.count == 2)
    }

    @Test func aFloodOfOneComplaintIsCountedAndNotTold() {
        let lines = (0..<200).map { "tcp x \($0)\n" }.joined()
        let read = Read("conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n" + lines)
        #expect(read.reading.diagnostics.count == HostReading.diagnosticLimit + 1)
        #expect(read.reading.diagnostics.last?.message == "150 more of these in the same listing")
    }
}
