import ChainGraph
import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

@testable import PacketPath

/// Routing decisions as `ip route get` gave them on Linux 6.18 in a namespace with these addresses, routes and rules,
/// unless a source is named.
@Suite struct RouteLookupTests {
    static let links = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            inet 127.0.0.1/8 scope host lo
            inet6 ::1/128 scope host
        2: e0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            inet 192.0.2.1/24 scope global e0
            inet 192.0.2.77/24 scope global secondary e0
            inet6 2001:db8:1::1/64 scope global
        3: e1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            inet 198.51.100.1/24 scope global e1
            inet6 2001:db8:2::1/64 scope global
        4: e2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            inet 203.0.113.1/24 scope global e2
            inet6 2001:db8:3::1/64 scope global
        5: e3: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state LOWERLAYERDOWN group default qlen 1000
            inet 10.33.0.1/24 scope global e3
            inet6 2001:db8:33::1/64 scope global

        """

    static let rules = """
        0:	from all lookup local
        100:	from all fwmark 0x10/0xf0 lookup 100
        110:	from 192.0.2.77 lookup 100
        120:	not from all to 10.0.0.0/8 iif e1 lookup main suppress_prefixlength 0
        121:	from all iif e1 ipproto tcp dport 1000-2000 lookup 100
        130:	from all uidrange 1000-1999 lookup 100
        140:	from all to 10.9.9.0/24 iif e1 prohibit
        150:	from all tos 0x08 lookup 100
        160:	from all to 10.99.0.0/16 iif lo goto 32767
        170:	from all oif e2 lookup 100
        32766:	from all lookup main
        32767:	from all lookup default

        """

    static let routes = """
        default via 203.0.113.254 dev e2 table 100
        10.7.0.0/16 via 203.0.113.7 dev e2 table 100
        throw 10.8.0.0/16 table 100
        default via 192.0.2.254 dev e0
        10.0.0.0/8 via 198.51.100.254 dev e1
        10.1.0.0/16 tos 0x10 via 198.51.100.253 dev e1
        10.1.0.0/16 dev e0 scope link
        10.1.0.0/16 dev e2 scope link src 192.0.2.77 metric 50
        unreachable 10.2.0.0/16
        throw 10.3.0.0/16
        10.4.0.0/16
        	nexthop via 192.0.2.2 dev e0 weight 3
        	nexthop via 198.51.100.2 dev e1 weight 1
        blackhole 10.5.0.0/16
        10.6.0.0/16 dev e3 scope link linkdown
        10.33.0.0/24 dev e3 proto kernel scope link src 10.33.0.1 linkdown
        192.0.2.0/24 dev e0 proto kernel scope link src 192.0.2.1
        198.51.100.0/24 dev e1 proto kernel scope link src 198.51.100.1
        203.0.113.0/24 dev e2 proto kernel scope link src 203.0.113.1
        local 10.33.0.1 dev e3 table local proto kernel scope host src 10.33.0.1
        broadcast 10.33.0.255 dev e3 table local proto kernel scope link src 10.33.0.1 linkdown
        local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
        local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1
        broadcast 127.255.255.255 dev lo table local proto kernel scope link src 127.0.0.1
        local 192.0.2.1 dev e0 table local proto kernel scope host src 192.0.2.1
        local 192.0.2.77 dev e0 table local proto kernel scope host src 192.0.2.1
        broadcast 192.0.2.255 dev e0 table local proto kernel scope link src 192.0.2.1
        local 198.51.100.1 dev e1 table local proto kernel scope host src 198.51.100.1
        broadcast 198.51.100.255 dev e1 table local proto kernel scope link src 198.51.100.1
        local 203.0.113.1 dev e2 table local proto kernel scope host src 203.0.113.1
        broadcast 203.0.113.255 dev e2 table local proto kernel scope link src 203.0.113.1

        """

    static let routesV6 = """
        default from 2001:db8:2::/64 via 2001:db8:2::fe dev e1 metric 1024 pref medium
        2001:db8:1::/64 dev e0 proto kernel metric 256 pref medium
        2001:db8:2::/64 dev e1 proto kernel metric 256 pref medium
        2001:db8:3::/64 dev e2 proto kernel metric 256 pref medium
        2001:db8:10:1::/64 via 2001:db8:3::5 dev e2 metric 1024 pref medium
        2001:db8:10::/48 via 2001:db8:1::fe dev e0 metric 50 pref medium
        2001:db8:10::/48 via 2001:db8:2::fe dev e1 metric 100 pref medium
        2001:db8:11::/48 metric 1024 pref medium
        	nexthop via 2001:db8:1::2 dev e0 weight 1
        	nexthop via 2001:db8:2::2 dev e1 weight 1
        prohibit 2001:db8:12::/48 dev lo metric 1024 pref medium
        throw 2001:db8:13::/48 dev lo metric 1024 pref medium
        2001:db8:14::/48 from 2001:db8:2::/64 via 2001:db8:3::9 dev e2 metric 1024 pref medium
        default via 2001:db8:1::fe dev e0 metric 1024 pref medium
        local ::1 dev lo table local proto kernel metric 0 pref medium
        anycast 2001:db8:1:: dev e0 table local proto kernel metric 0 pref medium
        local 2001:db8:1::1 dev e0 table local proto kernel metric 0 pref medium
        local 2001:db8:2::1 dev e1 table local proto kernel metric 0 pref medium
        local 2001:db8:3::1 dev e2 table local proto kernel metric 0 pref medium
        anycast 2001:db8:33:: dev e3 table local proto kernel metric 0 pref medium
        local 2001:db8:33::1 dev e3 table local proto kernel metric 0 pref medium

        """

    /// A question as `ip route get` takes it, and its answer.
    struct Case: Sendable, CustomTestStringConvertible {
        var question: String
        var answer: String
        var settings: String

        init(_ question: String, _ answer: String, settings: String = "") {
            self.question = question
            self.answer = answer
            self.settings = settings
        }

        var testDescription: String { question + (settings.isEmpty ? "" : " (\(settings))") }
    }

    static let cases: [Case] = [
        Case("8.8.8.8", "via 192.0.2.254 dev e0 table 254 src 192.0.2.1"),
        Case("8.8.8.8 mark 0x15", "via 203.0.113.254 dev e2 table 100 src 203.0.113.1"),
        Case("8.8.8.8 mark 0x25", "via 192.0.2.254 dev e0 table 254 src 192.0.2.1"),
        Case("8.8.8.8 from 192.0.2.77", "via 203.0.113.254 dev e2 table 100"),
        Case("10.1.2.3", "dev e0 table 254 src 192.0.2.1"),
        Case("10.1.2.3 tos 0x10", "via 198.51.100.253 dev e1 table 254 src 198.51.100.1"),
        Case("10.2.0.1", "unreachable table 254"),
        Case("10.3.0.1", "none"),
        Case("10.5.0.1", "blackhole table 254"),
        // A link without carrier is used unless `ignore_routes_with_linkdown` says otherwise.
        Case("10.6.0.1", "dev e3 table 254 src 10.33.0.1"),
        Case("10.33.0.9", "dev e3 table 254 src 10.33.0.1"),
        Case(
            "10.33.0.9", "via 198.51.100.254 dev e1 table 254 src 198.51.100.1",
            settings: "net.ipv4.conf.e3.ignore_routes_with_linkdown = 1"),
        Case(
            "10.33.0.1", "local dev e3 table 255 src 10.33.0.1",
            settings: "net.ipv4.conf.e3.ignore_routes_with_linkdown = 1"),
        // Addresses of IPv6 stay, too: net/ipv6/route.c `fib6_ifdown`.
        Case(
            "2001:db8:33::1", "local dev e3 table 255 src 2001:db8:33::1",
            settings: "net.ipv6.conf.e3.ignore_routes_with_linkdown = 1"),
        Case("10.8.0.1 mark 0x10", "via 198.51.100.254 dev e1 table 254 src 198.51.100.1"),
        Case("10.7.0.1 mark 0x10", "via 203.0.113.7 dev e2 table 100 src 203.0.113.1"),
        Case("8.8.8.8 from 198.51.100.7 iif e1", "via 192.0.2.254 dev e0 table 254"),
        Case(
            "8.8.8.8 from 198.51.100.7 iif e1 ipproto tcp sport 5 dport 1500", "via 203.0.113.254 dev e2 table 100"),
        Case("8.8.8.8 uid 1500", "via 203.0.113.254 dev e2 table 100 src 203.0.113.1"),
        Case("8.8.8.8 uid 2000", "via 192.0.2.254 dev e0 table 254 src 192.0.2.1"),
        // Rule 120 lets a route of main that is longer than 0 through, whatever comes behind.
        Case("10.9.9.1", "via 198.51.100.254 dev e1 table 254 src 198.51.100.1"),
        Case("10.9.9.1 from 198.51.100.7 iif e1", "prohibit table 0"),
        Case("8.8.8.8 tos 0x08", "via 203.0.113.254 dev e2 table 100 src 203.0.113.1"),
        Case("8.8.8.8 tos 0x0c", "via 192.0.2.254 dev e0 table 254 src 192.0.2.1"),
        Case("8.8.8.8 oif e2", "via 203.0.113.254 dev e2 table 100 src 203.0.113.1"),
        Case("10.1.2.3 oif e1", "via 198.51.100.254 dev e1 table 254 src 198.51.100.1"),
        Case("198.51.100.9 from 198.51.100.7 iif e1", "dev e1 table 254"),
        Case("192.0.2.1", "local dev e0 table 255 src 192.0.2.1"),
        Case("127.0.0.5", "local dev lo table 255 src 127.0.0.1"),
        Case("192.0.2.255", "broadcast dev e0 table 255 src 192.0.2.1"),
        Case(
            "10.4.0.1 from 198.51.100.7 iif e0",
            "via 192.0.2.2 dev e0 table 254 *3 | via 198.51.100.2 dev e1 table 254 *1"),
        Case("2001:4860::1", "via 2001:db8:1::fe dev e0 table 254 src 2001:db8:1::1"),
        Case("2001:4860::1 from 2001:db8:2::1", "via 2001:db8:2::fe dev e1 table 254"),
        Case("2001:4860::1 from 2001:db8:2::7 iif e1", "via 2001:db8:2::fe dev e1 table 254"),
        Case("2001:db8:10::1", "via 2001:db8:1::fe dev e0 table 254 src 2001:db8:1::1"),
        Case("2001:db8:10:1::1", "via 2001:db8:3::5 dev e2 table 254 src 2001:db8:3::1"),
        Case("2001:db8:12::1", "prohibit table 254"),
        Case("2001:db8:13::1", "none"),
        Case("2001:db8:14::1", "via 2001:db8:1::fe dev e0 table 254 src 2001:db8:1::1"),
        Case("2001:db8:14::1 from 2001:db8:2::7 iif e1", "via 2001:db8:3::9 dev e2 table 254"),
        Case("2001:db8:14::1 from 2001:db8:9::7 iif e0", "via 2001:db8:1::fe dev e0 table 254"),
        Case("2001:db8:10::1 oif e1", "via 2001:db8:2::fe dev e1 table 254 src 2001:db8:2::1"),
        Case("2001:db8:10:1::1 oif e1", "via 2001:db8:2::fe dev e1 table 254 src 2001:db8:2::1"),
        Case("2001:4860::1 oif e2", "none"),
        Case("2001:db8:1::1", "local dev e0 table 255 src 2001:db8:1::1"),
        Case("2001:db8:1::", "anycast dev e0 table 255 src 2001:db8:1::1"),
        Case(
            "2001:db8:11::1 from 2001:db8:2::7 iif e1",
            "via 2001:db8:1::2 dev e0 table 254 *1 | via 2001:db8:2::2 dev e1 table 254 *1"),
    ]

    @Test(arguments: cases) func findsWhatTheKernelFinds(_ row: Case) throws {
        let world = try Self.world(row.settings + "\n")
        #expect(try Self.ask(row.question, world) == row.answer)
    }

    static func world(_ settings: String = "\n") throws -> World {
        try World(emptyFilter, links, rules, routes + routesV6, "net.ipv4.ip_forward = 1\n" + settings)
    }

    static let emptyFilter = "# Generated by iptables-save v1.8.9\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"

    static func evaluator(_ world: World) -> Evaluator {
        Evaluator(
            model: world.model,
            request: TraceRequest(
                packet: Packet(source: .v4(0, 0, 0, 0), destination: .v4(0, 0, 0, 0), protocol: .tcp), origin: .host),
            connections: world.model.connections)
    }

    /// Source: net/core/flow_dissector.c without FLOW_DISSECTOR_F_PARSE_1ST_FRAG; observed on Linux 6.18.
    @Test func rulesReadNoPortsOfAFragment() {
        var packet = Packet(source: .v4(198, 51, 100, 7), destination: .v4(8, 8, 8, 8), protocol: .udp)
        packet.sourcePort = 5
        #expect(RouteQuery(packet, inInterface: nil).sourcePort == 5)
        packet.moreFragments = true
        #expect(RouteQuery(packet, inInterface: nil).sourcePort == 0)
    }

    /// Reads the words of `ip route get`, asks, and says what came out.
    static func ask(_ question: String, _ world: World) throws -> String {
        let words = question.split(separator: " ").map(String.init)
        let destination = try #require(IPAddress(words[0]))
        var query = RouteQuery(destination: destination)
        var index = 1
        while index + 1 < words.count {
            let value = words[index + 1]
            let number = value.hasPrefix("0x") ? UInt32(value.dropFirst(2), radix: 16) : UInt32(value)
            switch words[index] {
            case "from": query.source = IPAddress(value)
            case "iif": query.inInterface = world.interface(value)
            case "oif": query.outInterface = world.interface(value)
            case "mark": query.mark = try #require(number)
            case "tos": query.tos = UInt8(truncatingIfNeeded: try #require(number))
            case "uid": query.userID = number
            case "ipproto": query.protocol = try #require(IPProtocol(value))
            case "sport": query.sourcePort = UInt16(truncatingIfNeeded: try #require(number))
            case "dport": query.destinationPort = UInt16(truncatingIfNeeded: try #require(number))
            default: Issue.record("unknown word \(words[index])")
            }
            index += 2
        }
        let evaluator = evaluator(world)
        func text(_ decision: RouteDecision) -> String {
            var text = decision.type == .unicast ? "" : "\(decision.type) "
            if let gateway = decision.nextHop?.gateway { text += "via \(gateway) " }
            if let name = decision.nextHop?.interface { text += "dev \(world.model.names.text(name)) " }
            text += "table \(decision.table)"
            if query.source == nil, decision.nextHop != nil,
                let source = evaluator.selectSource(for: decision, to: destination)
            {
                text += " src \(source)"
            }
            return text
        }
        switch evaluator.routeLookup(query, destination.version) {
        case .none: return "none"
        case .unknown(let why): return "unknown: \(why)"
        case .found(let decision): return text(decision)
        case .several(let choices):
            return choices.map { ($0.decision.map(text) ?? "none") + " *\($0.weight)" }.joined(separator: " | ")
        }
    }

    // MARK: What is not known

    @Test func whatARuleAsksAndIsNotKnownGivesBothResults() throws {
        let world = try Self.world()
        var query = RouteQuery(destination: .v4(8, 8, 8, 8))
        query.unknown = .mark
        guard case .several(let choices) = Self.evaluator(world).routeLookup(query, .v4) else {
            Issue.record("not several")
            return
        }
        #expect(choices.map { $0.decision?.table } == [100, 254])
        #expect(choices.map(\.weight) == [0, 0])
        #expect(
            choices[0].condition == "the rule of priority 100 asks for the mark, which is not known, and it applies")
        // Where every way leads on alike there is nothing to choose.
        query.destination = .v4(192, 0, 2, 1)
        guard case .found = Self.evaluator(world).routeLookup(query, .v4) else {
            Issue.record("not found")
            return
        }
    }

    @Test func aTableThatTheInputLacksIsNotKnown() throws {
        let world = try World(
            Self.emptyFilter, Self.links,
            "0: from all lookup local\n5: from all fwmark 0x1 lookup 77\n32766: from all lookup main\n",
            "default via 192.0.2.254 dev e0\n")
        #expect(
            try Self.ask("8.8.8.8 mark 0x1", world)
                == "unknown: the input does not have routing table 77, which an 'ip rule' leads to")
        #expect(try Self.ask("8.8.8.8", world) == "via 192.0.2.254 dev e0 table 254 src 192.0.2.1")
    }

    @Test func withoutRoutesTheSubnetsOfAddressesAreKnown() throws {
        let world = try World(Self.emptyFilter, Self.links)
        #expect(try Self.ask("198.51.100.9", world) == "dev e1 table 254 src 198.51.100.1")
        #expect(try Self.ask("198.51.100.1", world) == "local dev e1 table 255 src 198.51.100.1")
        #expect(try Self.ask("198.51.100.255", world) == "broadcast dev e1 table 255 src 198.51.100.1")
        #expect(try Self.ask("8.8.8.8", world) == "unknown: the input has no routes of IPv4")
        let nothing = try World(Self.emptyFilter)
        #expect(try Self.ask("198.51.100.1", nothing) == "unknown: the input has no routes of IPv4")
    }

    // MARK: Address types

    /// net/ipv4/fib_frontend.c `__inet_dev_addr_type`; 0.0.0.0 alone is the network 0 since Linux 5.3.
    @Test(
        arguments: [
            ("192.0.2.1", nil, RouteType.local), ("192.0.2.1", "e0", .local), ("192.0.2.1", "e1", .unicast),
            ("192.0.2.255", nil, .broadcast), ("192.0.2.9", nil, .unicast), ("127.3.2.1", nil, .local),
            ("255.255.255.255", nil, .broadcast), ("0.0.0.0", nil, .broadcast), ("0.1.2.3", nil, .unicast),
            ("224.0.0.5", nil, .multicast), ("2001:db8:1::1", nil, .local), ("2001:db8:1::1", "e1", .unicast),
            ("2001:db8:1::", nil, .anycast), ("ff02::1", nil, .multicast), ("2001:4860::1", nil, .unicast),
        ] as [(String, String?, RouteType)])
    func addressTypes(_ row: (address: String, interface: String?, type: RouteType)) throws {
        let world = try Self.world()
        let address = try #require(IPAddress(row.address))
        #expect(
            Self.evaluator(world).addressType(address, on: row.interface.map { world.interface($0) }) == row.type)
    }

    @Test func withoutAddressesTypesAreNotKnown() throws {
        let evaluator = Self.evaluator(try World(Self.emptyFilter))
        #expect(evaluator.addressType(.v4(192, 0, 2, 1)) == nil)
        #expect(evaluator.addressType(.v4(127, 0, 0, 1)) == .local)
        #expect(evaluator.addressType(.v4(255, 255, 255, 255)) == .broadcast)
    }

    /// RFC 6724, as net/ipv6/addrconf.c applies it.
    @Test(arguments: [
        ("2001:db8:2::5", "2001:db8:2::1"), ("fe80::1", "fe80::2"), ("ff02::1", "fe80::2"),
        ("fd00::9", "fd00::1"), ("2001:db8:ffff::1", "2001:db8:2::1"),
    ])
    func sourceAddressesOfIPv6(_ row: (destination: String, source: String)) throws {
        let world = try World(
            Self.emptyFilter,
            """
            2: e1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                inet6 fd00::1/64 scope global
                inet6 2001:db8:2::9/64 scope global deprecated
                inet6 2001:db8:2::8/64 scope global tentative
                inet6 2001:db8:2::1/64 scope global
                inet6 fe80::2/64 scope link
            3: e2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                inet6 2001:db8:3::1/64 scope global
                inet6 fe80::3/64 scope link

            """, "default via fe80::ff dev e1 metric 1024\n")
        let destination = try #require(IPAddress(row.destination))
        var route = Route(destination: IPPrefix(.zero(.v6), length: 0), place: .none)
        route.nextHops = [NextHop(interface: world.interface("e1"))]
        let decision = RouteDecision(
            route: route, rule: RoutingRule(priority: 0, action: .nop, place: .none), nextHop: route.nextHops[0],
            type: .unicast, table: 254)
        let source = Self.evaluator(world).selectSource(for: decision, to: destination)
        #expect(source == IPAddress(row.source))
    }

    /// net/ipv4/devinet.c `inet_select_addr`.
    @Test func sourceAddressesOfIPv4() throws {
        let world = try World(
            Self.emptyFilter,
            """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
                inet 127.0.0.1/8 scope host lo
            2: e0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                inet 169.254.1.1/16 scope link e0
                inet 192.0.2.1/24 scope global e0
                inet 192.0.2.7/24 scope global secondary e0
                inet 198.51.100.1/24 scope global e0
            3: e1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000

            """, "192.0.2.0/24 dev e0\n")
        let finder = RouteFinder(world.model, .v4)
        let e0 = world.interface("e0")
        func select(_ interface: Symbol, _ peer: IPAddress?, _ scope: RouteScope) -> IPAddress? {
            finder.selectV4Address(interface, toward: peer, scope: scope)
        }
        #expect(select(e0, .v4(198, 51, 100, 254), .global) == .v4(198, 51, 100, 1))
        #expect(select(e0, nil, .global) == .v4(192, 0, 2, 1))
        #expect(select(e0, nil, .link) == .v4(169, 254, 1, 1))
        #expect(select(e0, .v4(203, 0, 113, 1), .global) == .v4(192, 0, 2, 1))
        // An interface without an address borrows one that reaches far enough.
        #expect(select(world.interface("e1"), nil, .global) == .v4(192, 0, 2, 1))
    }
}
