import HostText
import RuleModel
import SourceText
import Testing

/// What the kernel says of sockets and of what else decides, as its tools would print it.
@Suite struct DeciderLineTests {
    private func text(_ name: String, _ dump: HostDump) throws -> String {
        String(decoding: try #require(writeToolTexts(dump).first { $0.name == name }).bytes, as: UTF8.self)
    }

    private func read(_ dump: HostDump) -> HostState { HostComparison(ours: writeToolTexts(dump), tools: "").ours.host }

    /// RTM_NEWLINK of a device with a number, a name and perhaps a kind.
    private func link(_ number: UInt32, _ name: String, kind: String = "") -> [UInt8] {
        var bytes: [UInt8] = [0, 0] + native(UInt16(1)) + native(number) + native(UInt32(1)) + native(UInt32(0))
        bytes += attribute(3, Array(name.utf8) + [0])
        if !kind.isEmpty { bytes += attribute(18, attribute(1, Array(kind.utf8) + [0])) }
        return bytes
    }

    /// As Linux 6.18 has them in /proc/net: a socket of IPv4, one of IPv6, and one without an owner.
    @Test func socketsOfProc() throws {
        var dump = HostDump()
        dump.sockets = [
            HostDump.Socket(
                protocolNumber: 6,
                form: .line(
                    Array(
                        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 143 1 00000000c7cfb87d 100 0 0 10 0"
                            .utf8))),
            HostDump.Socket(
                protocolNumber: 17,
                form: .line(
                    Array(
                        "  12: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 144 2 0 0"
                            .utf8))),
            HostDump.Socket(
                protocolNumber: 6,
                form: .line(
                    Array(
                        "   0: 000080FE00000000FF000002010000FE:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 0 1 0"
                            .utf8))),
            HostDump.Socket(protocolNumber: 6, form: .line(Array("   0: 0100007F 0A".utf8))),
        ]
        dump.socketOwners = [
            143: [
                HostDump.SocketOwner(process: Array("a \"b\"".utf8), number: 7, descriptor: 3),
                HostDump.SocketOwner(process: Array("c".utf8), number: 8, descriptor: 4),
            ]
        ]
        #expect(
            try text("ss.txt", dump).split(separator: "\n").dropFirst(2) == [
                "tcp   LISTEN 3 0 127.0.0.1:8080  0.0.0.0:*  users:((\"a??b?\",pid=7,fd=3),(\"c\",pid=8,fd=4))",
                "udp   UNCONN 0 0 *:53  *:*", "tcp   LISTEN 0 0 [fe80::200:ff:fe00:1]:22  *:*",
            ])
        let listeners = try #require(read(dump).listeners)
        #expect(listeners.map(\.port) == [8080, 53, 22])
        #expect(listeners[1].address == nil && listeners[1].version == nil)
    }

    @Test func noSocketsAreKnownToBeNone() {
        var dump = HostDump()
        dump.sockets = []
        #expect(read(dump).listeners == [])
    }

    /// Forms of `ip_vs_info_seq_show` (net/netfilter/ipvs/ip_vs_ctl.c, Linux 6.18).
    @Test func virtualServicesOfProc() throws {
        var dump = HostDump()
        dump.virtualServices = Array(
            """
            IP Virtual Server version 1.2.1 (size=4096)
            Prot LocalAddress:Port Scheduler Flags
              -> RemoteAddress:Port Forward Weight ActiveConn InActConn
            TCP  0A600001:01BB rr  persistent 10800 FFFFFFFF
              -> C000020A:192B      Masq    1      2          3         
            UDP  [2001:0db8:0000:0000:0000:0000:0000:0053]:0035 wrr 
              -> [2001:0db8:0000:0000:0000:0000:0000:0007]:14E9      Route   1      0          0         
            FWM  0000000A sh persistent 300 FFFFFF00
            TCP  broken rr

            """.utf8)
        #expect(
            try text("ipvsadm.txt", dump) == """
                # Written by hookline as `ipvsadm -Ln`
                IP Virtual Server version 1.2.1 (size=4096)
                Prot LocalAddress:Port Scheduler Flags
                  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
                TCP  10.96.0.1:443 rr persistent 10800
                  -> 192.0.2.10:6443 Masq 1 2 3
                UDP  [2001:db8::53]:53 wrr
                  -> [2001:db8::7]:5353 Route 1 0 0
                FWM  10 sh persistent 300 mask 255.255.255.0

                """)
        #expect(read(dump).otherDeciders.map(\.kind) == [.ipvs])
    }

    /// A filter of BPF at ingress: `tc filter add dev eth0 ingress bpf da …`.
    @Test func filtersOfTrafficControl() throws {
        var dump = HostDump()
        dump.links = [link(2, "eth0")]
        func message(_ handle: UInt32, _ parent: UInt32, _ information: UInt32) -> [UInt8] {
            [0, 0, 0, 0] + native(UInt32(2)) + native(handle) + native(parent) + native(information)
        }
        dump.disciplines = [message(0xffff_0000, 0xffff_fff1, 1) + attribute(1, Array("clsact\0".utf8))]
        dump.filters = [
            message(1, 0xffff_fff2, 49152 << 16 | 0x300) + attribute(1, Array("bpf\0".utf8))
                + attribute(2, attribute(7, Array("from_nd\0".utf8)) + attribute(8, native(UInt32(1)))),
            message(0, 0xffff_fff3, 10 << 16) + attribute(1, Array("matchall\0".utf8)),
        ]
        #expect(
            try text("tc.txt", dump) == """
                # Written by hookline as `tc qdisc show`
                qdisc clsact ffff: dev eth0 parent ffff:fff1
                filter dev eth0 ingress pref 49152 bpf handle 0x1 from_nd direct-action
                filter dev eth0 egress pref 10 matchall

                """)
        #expect(read(dump).otherDeciders.map(\.kind) == [.trafficControl, .bpf])
    }

    @Test func programsBesideTrafficControl() throws {
        var dump = HostDump()
        dump.links = [link(2, "eth0")]
        dump.programs = [HostDump.AttachedProgram(interface: 2, hook: "tcx/ingress", id: 77)]
        #expect(try text("bpf.txt", dump).hasSuffix("\neth0(2) tcx/ingress prog_id 77\n"))
        let decider = try #require(read(dump).otherDeciders.first)
        #expect(decider.kind == .bpf && decider.evidence == "eth0(2) tcx/ingress prog_id 77")
    }

    @Test func namesOfHostAndKernel() {
        var dump = HostDump()
        dump.hostName = "node-a"
        dump.kernelRelease = "6.1.0-18-amd64"
        #expect(read(dump).name == "node-a" && read(dump).kernelRelease == "6.1.0-18-amd64")
    }

    @Test func devicesWhoseDecisionsAreNotRead() {
        var dump = HostDump()
        dump.links = [link(2, "wg0", kind: "wireguard"), link(3, "ovs-system", kind: "openvswitch"), link(4, "e")]
        #expect(unreadKinds(dump).map(\.what) == ["the peers of wg0", "the flows of ovs-system"])
    }

    @Test func notesOfACaptureAreTold() {
        let unread = [HostDump.Unread(what: "connections", why: "netlink request: Operation not permitted")]
        let comparison = HostComparison(ours: [writeCaptureNotes(unread, isRedacted: true)], tools: "")
        #expect(
            comparison.ours.diagnostics.map(\.message) == [
                "not read when this was captured: connections: netlink request: Operation not permitted"
            ])
        #expect(comparison.ours.diagnostics.map(\.code) == ["not-captured"])
        #expect(comparison.ours.host.isRedacted)
    }
}
