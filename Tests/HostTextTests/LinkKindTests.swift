import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

/// Devices of kinds that the kernel at hand has not, out of messages made by hand.
///
/// Source: include/uapi/linux/if_link.h and if_tunnel.h, Linux 6.18, for the numbers, and iproute2 6.1 for the words.
@Suite struct LinkKindTests {
    /// `struct ifinfomsg`, a name and what the device is, with an `eth0` (number 2) below it.
    private func read(
        _ kind: String, type: UInt16 = 1, flags: UInt32 = 1, _ data: [UInt8], _ more: [UInt8] = []
    ) throws -> (line: String, interface: NetworkInterface, reading: HostReading) {
        func link(_ index: UInt32, _ type: UInt16, _ name: String, _ rest: [UInt8]) -> [UInt8] {
            [0, 0] + native(type) + native(index) + native(flags) + [0, 0, 0, 0]
                + attribute(3, Array(name.utf8) + [0]) + rest
        }
        let information = attribute(1, Array(kind.utf8) + [0]) + attribute(2, data)
        var dump = HostDump()
        dump.links = [link(2, 1, "eth0", []), link(7, type, "x0", more + attribute(18, information))]
        let text = try #require(writeToolTexts(dump).first)
        let reading = HostComparison(ours: [text], tools: "").ours
        let lines = String(decoding: text.bytes, as: UTF8.self).split(separator: "\n")
        return (lines.last?.trimmed ?? "", try #require(reading.host.interfaces.last), reading)
    }

    private let local: [UInt8] = [192, 0, 2, 1]
    private let remote: [UInt8] = [198, 51, 100, 2]

    @Test func ipip() throws {
        let ends = attribute(2, local) + attribute(3, remote) + attribute(1, native(UInt32(2)))
        let read = try read(
            "ipip", type: 768, flags: 0x91,
            ends + attribute(9, [4]) + attribute(4, [0]) + attribute(20, native(UInt32(5))),
            attribute(1, local) + attribute(2, remote))
        #expect(read.line == "ipip ipip remote 198.51.100.2 local 192.0.2.1 dev eth0 ttl inherit fwmark 0x5")
        #expect(read.interface.kind == .ipip)
        #expect(read.interface.isPointToPoint)
        let tunnel = try #require(read.interface.tunnel)
        #expect(tunnel.local == IPAddress(v4: 0xc000_0201) && tunnel.remote == IPAddress(v4: 0xc633_6402))
        #expect(tunnel.mark == 5 && tunnel.device.map { read.reading.names.text($0) } == "eth0")
    }

    @Test func anyEndOfATunnelIsNone() throws {
        let read = try read("sit", type: 776, attribute(2, local) + attribute(3, [0, 0, 0, 0]) + attribute(9, [41]))
        #expect(read.line == "sit ip6ip remote any local 192.0.2.1")
        #expect(read.interface.kind == .sit && read.interface.tunnel?.remote == nil)
    }

    @Test func tunnelOverIPv6() throws {
        let far = [UInt8](repeating: 0, count: 15) + [9]
        let read = try read("ip6tnl", type: 769, attribute(3, far) + attribute(9, [0]) + attribute(4, [64]))
        #expect(read.line == "ip6tnl any remote ::9 local any hoplimit 64")
        #expect(read.interface.kind == .ipip && read.interface.tunnel?.remote?.version == .v6)
    }

    @Test func greWithAKey() throws {
        let ends = attribute(6, local) + attribute(7, remote)
        let flags = attribute(2, [0x20, 0]) + attribute(3, [0x20, 0])
        let keyed = flags + attribute(4, [0, 0, 0, 5]) + attribute(5, [0, 0, 0, 6])
        let read = try read("gretap", ends + keyed + attribute(8, [0]))
        #expect(
            read.line == "gretap remote 198.51.100.2 local 192.0.2.1 ttl inherit ikey 0.0.0.5 okey 0.0.0.6")
        #expect(read.interface.kind == .gre && read.interface.tunnel?.identifier == 6)
        // A key without its flag is not used.
        let plain = try self.read("gre", type: 778, ends + attribute(4, [0, 0, 0, 5]))
        #expect(plain.line == "gre remote 198.51.100.2 local 192.0.2.1")
    }

    @Test func vlan() throws {
        let data = attribute(5, [0x81, 0]) + attribute(1, native(UInt16(10))) + attribute(2, native([1, 0xffff_ffff]))
        let read = try read("vlan", data, attribute(5, native(UInt32(2))))
        #expect(read.line == "vlan protocol 802.1Q id 10 <REORDER_HDR>")
        #expect(read.interface.kind == .vlan && read.interface.tunnel?.identifier == 10)
        #expect(read.interface.tunnel?.device.map { read.reading.names.text($0) } == "eth0")
    }

    @Test func deviceBelowMayBeNamedAsANumberIs() {
        func below(_ peer: String) -> String? {
            let read = Read(
                "7: x0@\(peer): <UP> mtu 1500\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n    vlan id 10\n"
            )
            return read.name(read.interface("x0")?.tunnel?.device)
        }
        #expect(below("ifb0") == "ifb0")
        #expect(below("if7") == nil)
    }

    @Test func vrf() throws {
        let read = try read("vrf", attribute(1, native(UInt32(1010))))
        #expect(read.line == "vrf table 1010")
        #expect(read.interface.kind == .vrf && read.interface.vrfTable == 1010)
    }

    @Test func geneve() throws {
        let data = attribute(1, native(UInt32(77))) + attribute(2, remote) + attribute(5, [0x17, 0xc1])
        let read = try read("geneve", data)
        #expect(read.line == "geneve id 77 remote 198.51.100.2 dstport 6081")
        #expect(read.interface.kind == .geneve && read.interface.tunnel?.port == 6081)
    }

    @Test(arguments: [("wireguard", InterfaceKind.wireguard), ("dummy", .dummy), ("bond", .bond), ("bridge", .bridge)])
    func kindsWithoutMore(_ name: String, _ kind: InterfaceKind) throws {
        let read = try read(name, type: name == "wireguard" ? 65534 : 1, [])
        #expect(read.line == name && read.interface.kind == kind)
    }

    /// IFLA_XDP: a program that sees packets before any rule.
    @Test func xdpIsToldInTheHeader() throws {
        let program = attribute(2, [1]) + attribute(4, native(UInt32(12)))
        let read = try read("veth", [], attribute(4, native(UInt32(1500))) + attribute(43, program))
        #expect(read.reading.host.otherDeciders.map(\.kind) == [.xdp])
        #expect(read.interface.mtu == 1500)
    }

    /// Names that no tool lets one make do not break a line.
    @Test func strangeNamesStayOnTheirLine() throws {
        var dump = HostDump()
        dump.links = [
            [0, 0] + native(UInt16(1)) + native(UInt32(3)) + native(UInt32(1)) + [0, 0, 0, 0]
                + attribute(3, Array("a\nb c".utf8) + [0])
        ]
        let text = try #require(writeToolTexts(dump).first)
        #expect(String(decoding: text.bytes, as: UTF8.self).contains("3: a?b?c: <NO-CARRIER,UP>"))
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var line = self
        while line.first == " " { line.removeFirst() }
        while line.last == " " { line.removeLast() }
        return String(line)
    }
}

private func native(_ numbers: [UInt32]) -> [UInt8] { numbers.flatMap { native($0) } }
