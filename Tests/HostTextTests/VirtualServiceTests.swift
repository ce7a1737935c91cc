import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

@Suite struct VirtualServiceTests {
    /// The form of ipvsadm 1.2.1 (public text of a Calico node), with an IPv6 and a fwmark service added.
    static let list = """
        IP Virtual Server version 1.2.1 (size=4096)
        Prot LocalAddress:Port Scheduler Flags
          -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
        TCP  10.96.0.1:443 rr persistent 10800 mask 255.255.255.255
          -> 192.168.191.153:6443         Masq    1      0          0
        UDP  10.96.0.10:53 wrr ops (flag-1,flag-2)
          -> 192.168.185.1:53             Masq    2      0          0
          -> 192.168.185.3:53             Masq    0      0          0
        SCTP [fd00:96::1]:132 sh
          -> [fd00::7]:132                Tunnel  1      0          0
        FWM  1 rr
          -> 10.0.0.5:0                   Route   1      0          0
        FWM  2 IPv6 lc

        """

    static let rules = """
        -A -t 10.96.0.1:443 -s rr -p 10800
        -a -t 10.96.0.1:443 -r 192.168.191.153:6443 -m -w 1
        -A -u 10.96.0.10:53 -s wrr -o -b flag-1,flag-2
        -a -u 10.96.0.10:53 -r 192.168.185.1:53 -m -w 2
        -a -u 10.96.0.10:53 -r 192.168.185.3:53 -m -w 0
        -A --sctp-service [fd00:96::1]:132 -s sh
        -a --sctp-service [fd00:96::1]:132 -r [fd00::7]:132 -i -w 1
        -A -f 1 -s rr
        -a -f 1 -r 10.0.0.5:0 -g -w 1
        -A -f 2 -6 -s lc

        """

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test(arguments: [(list, ListingKind.virtualServers), (rules, .virtualServerRules)])
    func readsServicesAndTheirServers(_ text: String, _ kind: ListingKind) throws {
        let read = Read(text)
        #expect(read.kinds == [kind] && read.complaints.isEmpty)
        let services = try #require(read.host.virtualServices)
        #expect(
            services.map(\.key) == [
                .address(.tcp, try address("10.96.0.1"), port: 443),
                .address(.udp, try address("10.96.0.10"), port: 53),
                .address(.sctp, try address("fd00:96::1"), port: 132), .mark(1, .v4), .mark(2, .v6),
            ])
        #expect(services.map(\.scheduler) == ["rr", "wrr", "sh", "rr", "lc"])
        #expect(services.map(\.persistence) == [10800, nil, nil, nil, nil])
        #expect(services.map(\.isOnePacket) == [false, true, false, false, false])
        #expect(services[1].flags == ["flag-1", "flag-2"])
        #expect(services.map(\.servers.count) == [1, 2, 1, 1, 0])
        #expect(services[1].servers.map(\.weight) == [2, 0])
        #expect(services.flatMap(\.servers).map(\.method) == [.masquerade, .masquerade, .masquerade, .tunnel, .route])
        #expect(services[2].servers.first?.address == IPAddress("fd00::7") && services[2].servers.first?.port == 132)
        #expect(read.file.text(services[1].place).contains("10.96.0.10:53"))
        // IPVS decides beside the rules; that is told once.
        #expect(read.host.otherDeciders.map(\.kind) == [.ipvs])
    }

    @Test func noServicesAreNoneAndNotUnknown() {
        let heading = Self.list.split(separator: "\n").prefix(3).joined(separator: "\n") + "\n"
        let read = Read(heading)
        #expect(read.host.virtualServices == [] && read.complaints.isEmpty && read.host.otherDeciders.isEmpty)
        #expect(Read("net.ipv4.ip_forward = 1\n").host.virtualServices == nil)
    }

    @Test func bothFormsOfOneNodeAreOneSetOfServices() {
        let read = Read(Self.rules + "# ipvsadm -Ln\n" + Self.list)
        #expect(read.host.virtualServices?.count == 5)
        #expect(read.host.virtualServices?.map(\.servers.count) == [1, 2, 1, 1, 0])
    }

    @Test func whatIsNoServiceIsTold() {
        let read = Read("IP Virtual Server version 1.2.1 (size=4096)\nTCP  web.example:http rr\n  -> a:1 Masq 1 0 0\n")
        #expect(read.complaints == ["bad-line: TCP  web.example:http rr"])
        #expect(read.host.virtualServices == [])
    }

    @Test func rulesOfIptablesAreNotTakenForServices() {
        #expect(Read("-A INPUT -t 10.0.0.1\n").kinds == [.iptablesRules])
    }
}
