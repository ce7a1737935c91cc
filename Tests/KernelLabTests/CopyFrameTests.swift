import NetTypes
import RuleModel
import Testing

@testable import KernelLab

/// Which of several frames is the packet's own, and where a packet ends that legacy tables alone tell of.
@Suite(.serialized, .enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
struct CopyFrameTests {
    /// A copy is sent before the packet, but waits for the neighbour that its gateway is.
    @Test func aCopyThatWaitsForItsNeighbourIsNotTakenForThePacket() throws {
        let rules = """
            *mangle
            :PREROUTING ACCEPT
            :OUTPUT ACCEPT
            -A PREROUTING -j TEE --gateway 10.1.0.7
            -A OUTPUT -j TTL --ttl-set 30
            COMMIT

            """
        let batch = "neighbor replace 10.1.0.9 lladdr 02:00:00:00:06:09 dev eth1 nud permanent"
        try Router.run(rules: rules, batch: batch) { laboratory in
            let bytes = try Router.tcp("10.0.0.9", "10.1.0.9", port: 80)
            let decoded = Packet(decoding: bytes.span)
            var packet = try #require(decoded)
            packet.bytes = bytes
            packet.ttl = 9
            packet.dontFragment = true
            let seen = try laboratory.observe(Dispatch(packet.encoded(identification: 1), .interface("eth0")))
            #expect(seen.outcome == .forwarded(isSeen: true))
            #expect(seen.hasCopies)
            // The copy leaves from here, through OUTPUT: net/ipv4/netfilter/nf_dup_ipv4.c.
            #expect(seen.decoded?.ttl == 8)
            #expect(seen.frames.count == 1)
        }
    }

    /// A datagram that was put together is copied whole, and the copy too comes back in fragments.
    @Test func aCopyThatComesBackInFragmentsIsNotTakenForThePacket() throws {
        let rules = """
            *mangle
            :PREROUTING ACCEPT
            :POSTROUTING ACCEPT
            -A PREROUTING -m conntrack --ctstate NEW
            -A POSTROUTING -p udp -j TEE --gateway 10.0.0.1
            COMMIT

            """
        try Router.run(rules: rules) { laboratory in
            let body: [UInt8] = [0x9c, 0x40, 0, 80, 0, 48, 0, 0] + [UInt8](repeating: 7, count: 40)
            func fragment(_ part: Range<Int>) -> Dispatch {
                let more: UInt8 = part.upperBound < body.count ? 0x20 : 0
                let header: [UInt8] = [
                    0x45, 0, 0, UInt8(20 + part.count), 0, 5, more, UInt8(part.lowerBound / 8), 64, 17, 0, 0,
                    10, 1, 0, 1, 10, 0, 0, 1,
                ]
                var dispatch = Dispatch(header + body[part], .host(LocalSender()))
                dispatch.tag = 5
                return dispatch
            }
            _ = try laboratory.observe(fragment(0..<24))
            let seen = try laboratory.observe(fragment(24..<48))
            #expect(seen.outcome == .delivered)
            #expect(seen.hasCopies)
            #expect(seen.ruleWords == ["POSTROUTING 1 continue", "PREROUTING 1 continue"])
            #expect(seen.policies.filter { $0.hook == .prerouting }.count == 1)
        }
    }

    /// A bridge passes on what is sent to all, as it came, and takes it in too.
    @Test func whatABridgeFloodsIsNotTakenForWhatTheHostTakesIn() throws {
        let rules = "*mangle\n:INPUT ACCEPT\n-A INPUT -j TTL --ttl-dec 1\nCOMMIT\n"
        let batch = """
            link add br0 type bridge stp_state 0
            address add 10.6.0.1/24 brd + dev br0
            link set eth0 master br0
            link set eth1 master br0
            link set br0 up
            """
        try Router.run(rules: rules, batch: batch) { laboratory in
            try laboratory.readNode()
            var dispatch = Dispatch(try Router.tcp("10.6.0.9", "10.6.0.1", port: 80), .interface("eth0"))
            dispatch.destinationMAC = MACAddress(bits: 0xffff_ffff_ffff)
            let seen = try laboratory.observe(dispatch)
            #expect(seen.outcome == .delivered)
            #expect(seen.decoded?.ttl == 63)
        }
    }

    /// TEE's copy of a bridged packet to all comes back by the bridge, which has passed PREROUTING already.
    /// Source: net/bridge/br_netfilter_hooks.c `ip_sabotage_in`, net/ipv4/ip_output.c `ip_mc_output`, Linux 6.18.
    @Test func aCopyThatComesBackByTheBridgeIsNotTakenForThePacket() throws {
        let rules = """
            *mangle
            :OUTPUT ACCEPT
            :POSTROUTING ACCEPT
            -A OUTPUT -j MARK --set-mark 3
            -A POSTROUTING -j TEE --gateway 10.6.0.7
            COMMIT

            """
        let batch = """
            link add br0 type bridge stp_state 0
            address add 10.6.0.1/24 brd + dev br0
            link set eth0 master br0
            link set eth1 master br0
            link set br0 up
            """
        try Router.run(rules: rules, isLegacy: true, batch: batch) { laboratory in
            try ScratchNamespace.set("net.bridge.bridge-nf-call-iptables", to: "1")
            try laboratory.readNode()
            var dispatch = Dispatch(try Router.tcp("10.6.0.9", "10.6.0.255", port: 80), .interface("eth0"))
            dispatch.destinationMAC = MACAddress(bits: 0xffff_ffff_ffff)
            let seen = try laboratory.observe(dispatch)
            #expect(seen.outcome == .delivered)
            #expect(seen.hasCopies)
            #expect(seen.mark == 0)
        }
    }

    /// TEE's copy of a bridged packet may go to the host itself, where it passes INPUT alone.
    @Test func aCopyOfABridgedPacketThatGoesOverLoIsNotTakenForThePacket() throws {
        let batch = """
            link add br0 type bridge stp_state 0
            address add 10.6.0.1/24 brd + dev br0
            link set eth0 master br0
            link set eth1 master br0
            link set br0 up
            """
        let rules = "*mangle\n-A POSTROUTING -j TEE --gateway 10.6.0.1\nCOMMIT\n"
        try Router.run(rules: rules, batch: batch) { laboratory in
            try ScratchNamespace.set("net.bridge.bridge-nf-call-iptables", to: "1")
            try laboratory.readNode()
            var dispatch = Dispatch(try Router.tcp("10.6.0.9", "10.6.0.7", port: 80), .interface("eth0"))
            dispatch.destinationMAC = MACAddress(bits: 0x0200_0000_0707)
            let seen = try laboratory.observe(dispatch)
            #expect(seen.outcome == .forwarded(isSeen: true))
            #expect(seen.hasCopies)
        }
    }

    /// Of INPUT's legacy tables nat comes last.
    @Test func aPacketThatNATQueuesAtInputHasPassedTheFilter() throws {
        let rules = """
            *nat
            -A INPUT -j NFQUEUE --queue-num 2
            COMMIT
            *filter
            -A INPUT -m state --state INVALID -j DROP
            COMMIT

            """
        try Router.run(rules: rules, isLegacy: true) { laboratory in
            let seen = try laboratory.observe(
                Dispatch(try Router.tcp("10.0.0.9", "10.0.0.1", port: 80), .interface("eth0")))
            guard case .queued(.legacy(let rule)) = seen.outcome else {
                Issue.record("\(seen.outcome)")
                return
            }
            #expect(rule.table == "nat")
        }
    }

    /// The trace tells no headers of a later fragment of IPv6, which waits for its neighbour all the same.
    @Test func aLaterFragmentLeavesThoughNobodyCanBeAskedForItsNeighbour() throws {
        let rules = """
            table ip6 t {
                chain o { type filter hook output priority 0; icmpv6 type nd-neighbor-solicit drop; }
            }

            """
        try Router.run(rules: rules, isNative: true) { laboratory in
            let header: [UInt8] = [0x60, 0, 0, 7, 0, 16, 44, 64]
            let ends = [try #require(IPAddress("fd00::1")), try #require(IPAddress("fd00::9"))]
            let body: [UInt8] = [17, 0, 0, 100 << 1, 0, 0, 0, 1] + [UInt8](repeating: 7, count: 8)
            var dispatch = Dispatch(header + ends.flatMap(\.bytes) + body, .host(LocalSender()))
            dispatch.tag = 7
            #expect(try laboratory.observe(dispatch).outcome == .sent(isSeen: true))
        }
    }

    /// A queue that lets packets by where nobody listens ends none.
    @Test func aPacketThatWasLetByAQueueEndsBehindIt() throws {
        let rules = """
            *raw
            :PREROUTING ACCEPT
            -A PREROUTING -j NFQUEUE --queue-num 3 --queue-bypass
            COMMIT
            *mangle
            :PREROUTING ACCEPT
            -A PREROUTING -j MARK --set-mark 1
            -A PREROUTING -m udp -p udp --dport 80 -j ACCEPT
            COMMIT

            """
        try Router.run(rules: rules, isLegacy: true) { laboratory in
            // Of UDP with seven bytes, which the match drops: net/netfilter/xt_tcpudp.c `udp_mt`.
            let header: [UInt8] = [0x45, 0, 0, 27, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 9, 10, 1, 0, 9]
            let bytes = header + [0x9c, 0x40, 0, 80, 0, 7, 0]
            let seen = try laboratory.observe(Dispatch(bytes.tagged(1), .interface("eth0")))
            #expect(seen.outcome == .gone(after: .prerouting))
        }
    }
}
