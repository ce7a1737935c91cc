import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// `-j HMARK`; the marks were observed on Linux 6.18.
@Suite struct HashMarkTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let options: String
        let `protocol`: IPProtocol
        let mark: UInt32
        var testDescription: String { options }
    }

    static let cases = [
        Case(
            options: "--hmark-src-prefix 24 --hmark-dst-prefix 32 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff "
                + "--hmark-proto-mask 0xff --hmark-rnd 0x00000005 --hmark-mod 1000 --hmark-offset 7",
            protocol: .tcp, mark: 0x3cd),
        Case(
            options: "--hmark-src-prefix 32 --hmark-rnd 0x00000005 --hmark-mod 1000 --hmark-offset 0 --hmark-tuple ct",
            protocol: .udp, mark: 0x359),
        Case(
            options: "--hmark-dst-prefix 32 --hmark-proto-mask 0xff --hmark-rnd 0x00000009 --hmark-mod 1000 "
                + "--hmark-offset 0 --hmark-tuple ct",
            protocol: .icmp, mark: 0x10d),
    ]

    @Test(arguments: cases) func aMarkOutOfAHash(_ row: Case) throws {
        let world = try World(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -m conntrack --ctstate INVALID
            -A PREROUTING -j HMARK \(row.options)
            COMMIT

            """, routerAddresses)
        let packet = try world.packet("10.0.0.5", "10.0.0.1", row.protocol, sport: 1000, dport: 80)
        let trace = world.trace(packet, in: "eth0")
        #expect(trace.last?.packet.mark == row.mark)
    }

    /// Without masks for ports none is hashed, and what is hashed and not known CONNMARK saves and restores as such.
    /// Source: net/netfilter/xt_HMARK.c, xt_connmark.c, Linux 6.18.
    @Test(arguments: [
        ("", "", true), ("--hmark-dport-mask 0xffff ", "", false),
        ("--hmark-dport-mask 0xffff ", "-A PREROUTING -j CONNMARK --set-mark 0x1\n", true),
    ])
    func aPortThatIsNotKnownMattersWhereItIsHashed(_ mask: String, _ after: String, _ isKnown: Bool) throws {
        let world = try World(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -j HMARK --hmark-src-prefix 24 \(mask)--hmark-rnd 0x5 --hmark-mod 4 --hmark-offset 1
            -A PREROUTING -j CONNMARK --save-mark
            \(after)-A PREROUTING -j MARK --set-mark 0x7
            -A PREROUTING -j CONNMARK --restore-mark
            -A PREROUTING -m connmark --mark 0x7 -j ACCEPT
            -A PREROUTING -j TOS --set-tos 0x10/0xff
            COMMIT

            """, routerAddresses)
        var packet = try world.packet("10.0.0.5", "10.0.0.1")
        packet.unknown.insert(.destinationPort)
        let trace = world.trace(packet, in: "eth0")
        #expect(trace.branches.isEmpty == isKnown)
        let last = isKnown ? trace.last : trace.branches.first?.trace.last
        #expect(try #require(last).packet.unknown.contains(.mark) != isKnown)
    }

    /// Of a fragment no ports are read, so that none need be known. Source: net/netfilter/xt_HMARK.c, Linux 6.18.
    @Test func aLaterFragmentHasAMarkWithoutPorts() throws {
        let world = try World(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -j HMARK --hmark-src-prefix 24 --hmark-dport-mask 0xffff --hmark-rnd 0x00000005 --hmark-mod 9
            COMMIT

            """, routerAddresses)
        var bytes: [UInt8] = [0x45, 0, 0, 28, 0, 1, 0x00, 0x01, 0x40, 17, 0, 0, 10, 0, 0, 5, 10, 0, 0, 1]
        bytes += [UInt8](repeating: 0, count: 8)
        let decoded = Packet(decoding: bytes.span)
        let trace = world.trace(try #require(decoded), in: "eth0")
        #expect(trace.last?.packet.unknown.contains(.mark) == false)
    }

    /// What an error of IPv4 quotes is hashed, be it no packet at all. Source: net/netfilter/xt_HMARK.c
    /// `hmark_pkt_set_htuple_ipv4`, Linux 6.18; observed there.
    @Test func anErrorsMarkIsThatOfTheBytesItQuotes() throws {
        let world = try World(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -j HMARK --hmark-dst-prefix 32 --hmark-dport-mask 0xffff --hmark-proto-mask 0xff \
            --hmark-rnd 0x00000005 --hmark-mod 1000
            COMMIT

            """, routerAddresses)
        func mark(_ first: UInt8) throws -> UInt32? {
            var bytes: [UInt8] = [0x45, 0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 5, 10, 0, 0, 1]
            bytes += [12, 0, 0, 0, 0, 0, 0, 0, first, 0, 0, 28, 0, 2, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9]
            bytes += [0, 80, 0, 53, 0, 8, 0, 0]
            let decoded = Packet(decoding: bytes.span)
            let last = world.trace(try #require(decoded), in: "eth0").last
            return last?.packet.unknown.contains(.mark) == false ? last?.packet.mark : nil
        }
        #expect(try mark(0x25) == mark(0x45))
        #expect(try mark(0x25) != nil)
    }

    /// DNPT translates the source of the packet that an error is about, where it was of the prefix, but for what a raw
    /// socket sends. Source: net/ipv6/netfilter/ip6t_NPT.c `icmpv6_bounced_ipv6hdr`, net/ipv6/raw.c `rawv6_send_hdrinc`.
    @Test func prefixTranslationReachesIntoErrors() throws {
        let world = try World(
            """
            # Generated by ip6tables-save v1.8.9
            *mangle
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A PREROUTING -j DNPT --src-pfx 2001:db8:7::/64 --dst-pfx 2001:db8:2::/64
            -A OUTPUT -j DNPT --src-pfx 2001:db8:7::/64 --dst-pfx 2001:db8:2::/64
            COMMIT

            """, routerAddresses, routerRoutes, routerSettings)
        func quotedSource(_ prefix: String, type: UInt8, isRaw: Bool = false) throws -> String {
            let quoted = try world.packet("\(prefix)::9", "2001:db8:1::9", .udp).encoded()
            var error = try world.packet("2001:db8:1::1", "2001:db8:7::9", .icmpv6)
            (error.icmpType, error.icmpCode, error.length) = (type, 0, UInt32(48 + quoted.count))
            let bytes = Array(error.encoded()[..<48]) + quoted
            let decoded = Packet(decoding: bytes.span)
            let trace = world.trace(try #require(decoded), in: isRaw ? nil : "eth0") { $0.isFromRawSocket = isRaw }
            let told = try #require(trace.last?.packet.currentBytes)
            let inner = Packet(decoding: Array(told[48...]).span)
            return "\(try #require(inner).source)"
        }
        #expect(try quotedSource("2001:db8:7", type: 4) == "2001:db8:2:0:5::9")
        #expect(try quotedSource("2001:db8:8", type: 4) == "2001:db8:8::9")
        // No error that NPT knows.
        #expect(try quotedSource("2001:db8:7", type: 5) == "2001:db8:7::9")
        #expect(try quotedSource("2001:db8:7", type: 4, isRaw: true) == "2001:db8:7::9")
    }

    /// A mark that is not known may lead elsewhere. Source: net/ipv4/netfilter.c `ip_route_me_harder`.
    @Test func aMarkThatIsNotKnownIsRoutedAgain() throws {
        let world = try World(
            """
            *mangle
            :OUTPUT ACCEPT [0:0]
            -A OUTPUT -j HMARK --hmark-spi 1 --hmark-rnd 0x5 --hmark-mod 9
            COMMIT

            """, routerAddresses,
            "0:\tfrom all lookup local\n5:\tfrom all fwmark 0x5 lookup 100\n32766:\tfrom all lookup main\n",
            routerRoutes + "default via 198.51.100.254 dev eth1 table 100\n")
        let trace = world.trace(try world.packet("192.0.2.1", "8.8.8.8"), in: nil)
        #expect(
            Set(trace.branches.map { world.model.names.text($0.trace.outInterface ?? .empty) }) == ["eth0", "eth1"])
    }

    /// It may be the mark that was there, too: then the packet keeps the route that it has, which looking up anew would not
    /// find: another one, as `ip rule from` asks for the source that the first has given, or none.
    /// Source: net/ipv4/netfilter/iptable_mangle.c `ipt_mangle_out`.
    @Test func aMarkThatIsNotKnownMayBeTheOneBefore() throws {
        let world = try World(
            "*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j HMARK --hmark-spi 1 --hmark-rnd 0x5 --hmark-mod 9\nCOMMIT\n",
            routerAddresses,
            "0:\tfrom all lookup local\n5:\tfrom 192.0.2.0/24 ipproto icmp lookup 100\n32766:\tfrom all lookup main\n",
            routerRoutes + "default via 198.51.100.254 dev eth1 table 100\n")
        var packet = try world.packet("192.0.2.1", "8.8.8.8", .icmp)
        packet.source = .zero(.v4)
        let trace = world.trace(packet, in: nil)
        #expect(
            trace.branches.map { $0.assumptions.map { "\($0.name)=\($0.value)" } } == [
                ["rerouted=yes"], ["rerouted=no"],
            ])
        #expect(trace.branches.map { world.model.names.text($0.trace.outInterface ?? .empty) } == ["eth1", "eth0"])
    }

    @Test func theWordsOfAnIPv6AddressLieOverEachOther() throws {
        let world = try World(
            """
            # Generated by ip6tables-save v1.8.9 (nf_tables) on Thu Jan  1 00:00:00 1970
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -j HMARK --hmark-src-prefix 64 --hmark-dst-prefix 128 --hmark-dport-mask 0xffff \
            --hmark-rnd 0x00000005 --hmark-mod 1000 --hmark-offset 0
            COMMIT

            """, routerAddresses)
        let packet = try world.packet("2001:db8::5", "2001:db8::1", sport: 1000, dport: 80)
        #expect(world.trace(packet, in: "eth0").last?.packet.mark == 0x2dc)
    }

    /// iptables-save writes `--hmark-spi…` in a way that it does not take back (extensions/libxt_HMARK.c).
    @Test func anIndexIsNotKnown() throws {
        let world = try World(
            """
            *mangle
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -j HMARK --hmark-spi-mask 0xffffffff --hmark-rnd 0x00000005 --hmark-mod 4
            COMMIT

            """, routerAddresses)
        let trace = world.trace(try world.packet("10.0.0.5", "10.0.0.1"), in: "eth0")
        #expect(trace.last?.packet.unknown.contains(.mark) == true)
    }
}
