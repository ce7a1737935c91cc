import HostText
import SourceText
import Testing

/// Readers take any bytes: they may complain, and must not stop the program.
@Suite struct DamagedTextTests {
    static let samples: [String] = [
        RouteTextTests.everyForm, RuleTextTests.everyForm, LinkTextTests.addr,
        "create s hash:ip,port family inet timeout 3 comment skbinfo\nadd s 1.2.3.4,icmp:8/0 timeout 1 comment \"a b\" skbmark 0x1/0x2 skbprio 1:2\ncreate b bitmap:ip range 1.2.3.0-1.2.3.255\nadd b 1.2.3.1-1.2.3.9\ncreate n hash:net,iface family inet6\nadd n ::/0,physdev:eth0 nomatch\n",
        "Name: s\nType: hash:ip\nRevision: 5\nHeader: family inet netmask 24 bitmask 255.0.255.0\nNumber of entries: 2\nMembers:\n1.2.3.4\n\nName: t\n",
        "ipv4     2 tcp      6 99 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [ASSURED] mark=5 zone-orig=3 labels=1,2 helper=x use=1\n",
        "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\ntcp LISTEN 0 128 [fe80::1]%eth0:22 [::]:* users:((\"sshd\",pid=1,fd=3))\n",
        "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address Foreign Address State PID/Program name\ntcp6 0 0 :::80 :::* LISTEN 1/x\n",
        "net.ipv4.conf.eth0/10.rp_filter = 1\n/proc/sys/net/ipv4/ip_forward:1\n10.0.0.9 dev d0 lladdr 00:11:22:33:44:55 STALE\n",
        "[{\"ifindex\":1,\"ifname\":\"lo\",\"flags\":[\"UP\"],\"mtu\":1,\"linkinfo\":{\"info_kind\":\"vrf\",\"info_data\":{\"table\":5}},\"addr_info\":[{\"local\":\"1.2.3.4\",\"prefixlen\":8}]}]\n[{\"priority\":0,\"src\":\"1.2.3.0\",\"srclen\":24,\"table\":\"main\"}]\n[{\"dst\":\"default\",\"gateway\":\"1.2.3.4\",\"dev\":\"a\",\"flags\":[]}]\n",
        "Kernel IP routing table\nDestination Gateway Genmask Flags Metric Ref Use Iface\n0.0.0.0 10.0.0.9 0.0.0.0 UG 3 0 0 d0\nd0: flags=4163<UP>  mtu 1500\n        inet 10.0.0.1  netmask 255.255.255.0\n        inet6 fe80::1  prefixlen 64  scopeid 0x20<link>\n",
        "qdisc clsact ffff: dev eth0\nfilter dev eth0 ingress bpf\nsrc 1.2.3.4 dst 1.2.3.5\n\tdir out\n8fcb2a1c-1d2e-4f3a-9b8c-7d6e5f4a3b2c\n    Bridge \"b\"\nIP Virtual Server\nTCP 1.2.3.4:5 rr\n255\tlocal\n100 blue\nid 1 via 1.2.3.4 dev x\nid 2 group 1,5/1\nlo UNKNOWN 127.0.0.1/8 peer 1.2.3.4/5\n",
        CalicoStatusTests.status + CalicoStatusTests.protocols,
        "# x\n" + CalicoStatusTests.routes + CalicoStatusTests.usage,
        VirtualServiceTests.list, VirtualServiceTests.rules + "command terminated with exit code 1\n",
        "kind: Pod\napiVersion: v1\n- a\n---\nlo: flags=73<UP>\nerror: x\nsh: y: not found\n",
    ]

    private func read(_ bytes: [UInt8]) {
        let found = recognise(bytes.span, file: FileID(0), path: "x")
        var reading = HostReading()
        for listing in found.listings { readListing(bytes.span, listing, into: &reading) }
    }

    @Test("every beginning is read without a trap", arguments: samples.indices)
    func cut(_ index: Int) {
        let bytes = Array(Self.samples[index].utf8)
        for length in stride(from: 0, to: bytes.count, by: 5) { read(Array(bytes[0..<length])) }
    }

    @Test("bytes that are changed or missing cause no trap", arguments: samples.indices)
    func changed(_ index: Int) {
        let bytes = Array(Self.samples[index].utf8)
        for (position, byte) in zip(
            bytes.indices, [0x20, 0x0a, 0x2f, 0x3a, 0x2d, 0x00, 0xff, 0x40, 0x5b, 0x5c].cycled(bytes.count))
        {
            // Every third byte: the rest shows nothing else.
            guard position % 3 == index % 3 else { continue }
            var changed = bytes
            changed[position] = byte
            read(changed)
            var shorter = bytes
            shorter.remove(at: position)
            read(shorter)
        }
    }

    @Test("any kind of listing reads any text", arguments: ListingKind.allCases)
    func mixed(_ kind: ListingKind) {
        for sample in Self.samples {
            let bytes = Array(sample.utf8)
            var reading = HostReading()
            let whole = Excerpt(file: FileID(0), text: bytes.span)
            readListing(bytes.span, Listing(kind: kind, excerpt: whole, hint: ListingHint()), into: &reading)
        }
    }
}

extension [UInt8] {
    fileprivate func cycled(_ count: Int) -> [UInt8] { (0..<count).map { self[$0 % self.count] } }
}
