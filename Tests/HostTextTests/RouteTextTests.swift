import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

/// Routes in words: what `Read` made of them.
private func words(_ read: Read) -> [String] {
    read.host.routes.map { route in
        var parts = ["\(route.destination)"]
        if route.type != .unicast { parts.insert("\(route.type)", at: 0) }
        if route.table != RoutingRule.mainTable { parts.append("table \(route.table)") }
        for hop in route.nextHops {
            var text = "->"
            if let gateway = hop.gateway { text += " \(gateway)" }
            if let interface = read.name(hop.interface) { text += " \(interface)" }
            if hop.weight != 1 { text += " x\(hop.weight)" }
            if hop.isOnLink { text += " onlink" }
            if hop.isDead { text += " dead" }
            if hop.isLinkDown { text += " linkdown" }
            if hop.encapsulation != .empty { text += " (\(read.name(hop.encapsulation) ?? ""))" }
            parts.append(text)
        }
        if let source = route.source { parts.append("src \(source)") }
        if route.metric != 0 { parts.append("metric \(route.metric)") }
        if route.scope != .global { parts.append("scope \(route.scope)") }
        if route.tos != 0 { parts.append("tos \(route.tos)") }
        if let mtu = route.mtu { parts.append("mtu \(mtu)") }
        if let from = route.from { parts.append("from \(from)") }
        return parts.joined(separator: " ")
    }
}

@Suite struct RouteTextTests {
    /// As `ip route show table all` of iproute2 6.1 printed it on Linux 6.18.
    static let everyForm = """
        throw 10.8.0.0/16 table 100 
        10.12.0.0/16 dev d0 table 4000 scope link realm 5 mtu lock 1200 initcwnd 10 
        default 
        \tnexthop via 10.0.0.9 dev d0 weight 2 
        \tnexthop via 10.1.0.9 dev d1 weight 1 dead onlink linkdown 
        10.0.0.0/24 dev d0 proto kernel scope link src 10.0.0.1 
        blackhole 10.5.0.0/16 proto 80 metric 7 
        unreachable 10.6.0.0/16 
        prohibit 10.7.0.0/16 
        10.9.0.0/16 tos 0x10 via 10.0.0.3 dev d0 proto bird src 10.0.0.1 metric 5 mtu 1400 advmss 1300 
        10.10.0.0/16 via inet6 fe80::1 dev d0 
        10.11.0.0/16  encap ip id 5 src 0.0.0.0 dst 10.0.0.8 ttl 0 tos 0 dev d0 scope link 
        10.13.0.0/16 nhid 1 via 10.0.0.7 dev d0 
        10.2.0.0/24 dev d2 proto kernel scope link src 10.2.0.1 linkdown 
        local 10.0.0.1 dev d0 table local proto kernel scope host src 10.0.0.1 
        broadcast 10.0.0.255 dev d0 table local proto kernel scope link src 10.0.0.1 
        2001:db8::/64 dev d0 proto kernel metric 256 pref medium
        2001:db8:5::/48 metric 1024 pref medium
        \tnexthop via fe80::2 dev d0 weight 1 
        \tnexthop via fe80::3 dev d1 weight 3 dead linkdown 
        2001:db8:6::/48 from 2001:db8:7::/48 dev d0 metric 1024 pref medium
        blackhole 2001:db8:8::/48 dev lo metric 1024 pref medium
        default via fe80::1 dev d0 metric 1024 pref medium
        default dev d1 table 77 metric 1024 pref medium
        local ::1 dev lo table local proto kernel metric 0 pref medium
        multicast ff00::/8 dev d0 table local proto kernel metric 256 pref medium

        """

    static let everyFormInWords = [
        "throw 10.8.0.0/16 table 100",
        "10.12.0.0/16 table 4000 -> d0 scope link mtu 1200",
        "0.0.0.0/0 -> 10.0.0.9 d0 x2 -> 10.1.0.9 d1 onlink dead linkdown",
        "10.0.0.0/24 -> d0 src 10.0.0.1 scope link",
        "blackhole 10.5.0.0/16 metric 7",
        "unreachable 10.6.0.0/16",
        "prohibit 10.7.0.0/16",
        "10.9.0.0/16 -> 10.0.0.3 d0 src 10.0.0.1 metric 5 tos 16 mtu 1400",
        "10.10.0.0/16 -> fe80::1 d0",
        "10.11.0.0/16 -> d0 (encap ip id 5 src 0.0.0.0 dst 10.0.0.8 ttl 0 tos 0) scope link",
        "10.13.0.0/16 -> 10.0.0.7 d0",
        "10.2.0.0/24 -> d2 linkdown src 10.2.0.1 scope link",
        "local 10.0.0.1/32 table 255 -> d0 src 10.0.0.1 scope host",
        "broadcast 10.0.0.255/32 table 255 -> d0 src 10.0.0.1 scope link",
        "2001:db8::/64 -> d0 metric 256",
        "2001:db8:5::/48 -> fe80::2 d0 -> fe80::3 d1 x3 dead linkdown metric 1024",
        "2001:db8:6::/48 -> d0 metric 1024 from 2001:db8:7::/48",
        "blackhole 2001:db8:8::/48 -> lo metric 1024",
        "::/0 -> fe80::1 d0 metric 1024",
        "::/0 table 77 -> d1 metric 1024",
        "local ::1/128 table 255 -> lo",
        "multicast ff00::/8 table 255 -> d0 metric 256",
    ]

    @Test func everyFormOfARouteIsRead() {
        let read = Read(Self.everyForm)
        #expect(read.kinds == [.routes])
        #expect(read.complaints.isEmpty)
        #expect(words(read) == Self.everyFormInWords)
        #expect(read.host.routesKnownV4 == .allTables)
        #expect(read.host.routesKnownV6 == .allTables)
        #expect(read.host.routes[2].place.line == 3)
    }

    @Test func windowsLineEndsChangeNothing() {
        #expect(words(Read(Self.everyForm.replacing("\n", with: "\r\n"))) == Self.everyFormInWords)
    }

    @Test func oneLineAndDetailedFormsSayTheSame() {
        let oneLine = Self.everyForm.replacing("\n\tnexthop", with: "\\\tnexthop")
        #expect(words(Read(oneLine)) == Self.everyFormInWords)
        let detailed = Read(
            """
            unicast default proto boot scope global 
            \tnexthop via 10.0.0.9 dev d0 weight 2 
            unicast 10.13.0.0/16 nhid 1 via 10.0.0.7 dev d0 proto boot scope global 
            \tnh_info id 1 via 10.0.0.7 dev d0 scope link proto unspec 

            """)
        #expect(detailed.complaints.isEmpty)
        #expect(words(detailed) == ["0.0.0.0/0 -> 10.0.0.9 d0 x2", "10.13.0.0/16 -> 10.0.0.7 d0"])
    }

    /// As `ip -j route show table all` of iproute2 6.1 printed the same routes.
    @Test func theJSONSaysTheSame() {
        let read = Read(
            """
            [{"type":"throw","dst":"10.8.0.0/16","table":"100","flags":[]},{"dst":"10.12.0.0/16","dev":"d0",\
            "table":"4000","scope":"link","flags":[],"flow":{"to":"5"},"metrics":[{"mtu":1200,"initcwnd":10}]},
            {"dst":"default","flags":[],"nexthops":[{"gateway":"10.0.0.9","dev":"d0","weight":2,"flags":[]},\
            {"gateway":"10.1.0.9","dev":"d1","weight":1,"flags":["dead","onlink","linkdown"]}]},
            {"dst":"10.0.0.0/24","dev":"d0","protocol":"kernel","scope":"link","prefsrc":"10.0.0.1","flags":[]},
            {"type":"blackhole","dst":"10.5.0.0/16","protocol":"80","metric":7,"flags":[]},
            {"type":"unreachable","dst":"10.6.0.0/16","flags":[]},{"type":"prohibit","dst":"10.7.0.0/16","flags":[]},
            {"dst":"10.9.0.0/16","tos":"0x10","gateway":"10.0.0.3","dev":"d0","protocol":"bird","prefsrc":"10.0.0.1",\
            "metric":5,"flags":[],"metrics":[{"mtu":1400,"advmss":1300}]},
            {"dst":"10.10.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"d0","flags":[]},
            {"dst":"10.11.0.0/16","encap":"ip","id":5,"src":"0.0.0.0","dst":"10.0.0.8","ttl":0,"tos":0,"dev":"d0",\
            "scope":"link","flags":[]},
            {"dst":"10.13.0.0/16","nhid":1,"gateway":"10.0.0.7","dev":"d0","flags":[]},
            {"dst":"10.2.0.0/24","dev":"d2","protocol":"kernel","scope":"link","prefsrc":"10.2.0.1","flags":["linkdown"]},
            {"type":"local","dst":"10.0.0.1","dev":"d0","table":"local","protocol":"kernel","scope":"host",\
            "prefsrc":"10.0.0.1","flags":[]},
            {"type":"broadcast","dst":"10.0.0.255","dev":"d0","table":"local","protocol":"kernel","scope":"link",\
            "prefsrc":"10.0.0.1","flags":[]},
            {"dst":"2001:db8::/64","dev":"d0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
            {"dst":"2001:db8:5::/48","metric":1024,"flags":[],"pref":"medium","nexthops":[{"gateway":"fe80::2",\
            "dev":"d0","weight":1,"flags":[]},{"gateway":"fe80::3","dev":"d1","weight":3,"flags":["dead","linkdown"]}]},
            {"dst":"2001:db8:6::/48","from":"2001:db8:7::/48","dev":"d0","metric":1024,"flags":[],"pref":"medium"},
            {"type":"blackhole","dst":"2001:db8:8::/48","dev":"lo","metric":1024,"flags":[],"pref":"medium"},
            {"dst":"default","gateway":"fe80::1","dev":"d0","metric":1024,"flags":[],"pref":"medium"},
            {"dst":"default","dev":"d1","table":"77","metric":1024,"flags":[],"pref":"medium"},
            {"type":"local","dst":"::1","dev":"lo","table":"local","protocol":"kernel","metric":0,"flags":[],\
            "pref":"medium"},{"type":"multicast","dst":"ff00::/8","dev":"d0","table":"local","protocol":"kernel",\
            "metric":256,"flags":[],"pref":"medium"}]

            """)
        #expect(read.kinds == [.routesJSON])
        #expect(read.complaints.isEmpty)
        #expect(words(read) == Self.everyFormInWords)
        #expect(read.host.routesKnownV4 == .allTables)
        #expect(read.host.routesKnownV6 == .allTables)
        #expect(read.host.routes.map { Int($0.place.line) }.prefix(5) == [1, 1, 2, 3, 4])
    }

    /// As `ip route`, `ip -N route`, and the same with `-j`, of iproute2 6.1 printed a route of a router's announcement.
    @Test(arguments: [
        "fd01::/64 via fd00::2 dev d0 proto ra metric 1024 pref high",
        "fd01::/64 via fd00::2 dev d0 proto 9 metric 1024 pref high",
        #"[{"dst":"fd01::/64","gateway":"fd00::2","dev":"d0","protocol":"ra","metric":1024,"flags":[],"pref":"high"}]"#,
        #"[{"dst":"fd01::/64","gateway":"fd00::2","dev":"d0","protocol":"9","metric":1024,"flags":[],"pref":"high"}]"#,
    ])
    func aRoutersAnnouncementIsKnownByNameAndByNumber(_ text: String) throws {
        let route = try #require(Read(text + "\n").host.routes.first)
        #expect(route.isAnnounced && route.preference == 1)
    }

    @Test func aMainTableAloneIsKnownAsThat() {
        let read = Read("default via 192.0.2.1 dev eth0\n10.0.0.0/8 dev eth1\n")
        #expect(read.host.routesKnownV4 == .mainTable)
        #expect(read.host.routesKnownV6 == .none)
        let six = Read("2001:db8::/64 dev eth0 proto kernel metric 256 pref medium\n")
        #expect(six.host.routesKnownV4 == .none)
        #expect(six.host.routesKnownV6 == .mainTable)
    }

    @Test(
        "a default route without an address is of the version that the command, its neighbours or the file's name tell",
        arguments: [
            ("$ ip -6 route\ndefault dev tun0\n", "f", "::/0 -> tun0", 0),
            ("$ ip route\ndefault dev tun0\n", "f", "0.0.0.0/0 -> tun0", 0),
            ("default dev tun0 metric 1024 pref medium\n", "f", "::/0 -> tun0 metric 1024", 0),
            ("default dev tun0\n", "ip-6-route.txt", "::/0 -> tun0", 0),
            ("default dev tun0\n", "f", "0.0.0.0/0 -> tun0", 1),
        ])
    func versions(text: String, path: String, expected: String, notes: Int) {
        let read = Read(text, path: path)
        #expect(words(read) == [expected])
        #expect(read.reading.diagnostics.map(\.code) == [String](repeating: "assumed-version", count: notes))
    }

    @Test func oneTableThatIsShownAloneIsNamedByTheCommandOrTheFile() {
        let byCommand = Read(
            "# ip route show table 100\ndefault via 10.0.0.1 dev eth0\n# ip route\n10.0.0.0/8 dev eth0\n")
        #expect(words(byCommand) == ["0.0.0.0/0 table 100 -> 10.0.0.1 eth0", "10.0.0.0/8 -> eth0"])
        #expect(byCommand.host.routesKnownV4 == .mainTable)
        let byName = Read("default via 10.0.0.1 dev eth0\n", path: "x/ip_route_show_table_100.txt")
        #expect(words(byName) == ["0.0.0.0/0 table 100 -> 10.0.0.1 eth0"])
        #expect(byName.host.routesKnownV4 == .none)
    }

    @Test func aTableThatIsKnownByNameOnlyHasOneNumberEverywhere() throws {
        let read = Read(
            "default via 10.0.0.1 dev eth0 table blue\n0:\tfrom all lookup local\n99:\tfrom all lookup blue\n")
        let number = try #require(read.host.routes.first?.table)
        #expect(number >= 0x8000_0000)
        #expect(read.host.routingRulesV4?.last?.action == .lookup(table: number))
        #expect(read.name(read.host.routingTableNames[number]) == "blue")
        #expect(read.complaints.map { $0.prefix(10) } == ["table-name"])
        #expect(Read("default via 10.0.0.1 dev eth0 table blue\n").host.routes.first?.table == number)
    }

    @Test func rtTablesGivesNumbersToNames() {
        let read = Read("#\n# reserved values\n#\n255\tlocal\n254\tmain\n#\n#1\tinr.ruhep\n100 blue\n")
        #expect(read.kinds == [.tableNames])
        #expect(read.name(read.host.routingTableNames[100]) == "blue")
        #expect(read.complaints.isEmpty)
    }

    @Test func nextHopObjectsStandForWhatTheyHold() {
        let read = Read(
            """
            id 1 via 10.0.0.7 dev d0 scope link 
            id 2 via 10.1.0.7 dev d1 scope link 
            id 20 group 1,3/2 
            10.13.0.0/16 nhid 20 
            10.14.0.0/16 nhid 2 

            """)
        #expect(read.kinds == [.nextHops, .routes])
        #expect(words(read) == ["10.13.0.0/16 -> 10.0.0.7 d0 x3 -> 10.1.0.7 d1", "10.14.0.0/16 -> 10.1.0.7 d1"])
        #expect(read.complaints.isEmpty)
    }

    @Test func oneRouteOfTwoListingsIsThereOnce() {
        let read = Read(
            "default via 10.0.0.1 dev eth0\n# ip route show table all\n" + "default via 10.0.0.1 dev eth0 \n")
        #expect(read.host.routes.count == 1)
        #expect(read.host.routesKnownV4 == .allTables)
    }

    @Test(
        "a part that is not known is told",
        arguments: [
            ("default via 10.0.0.1 dev eth0 shiny 3\n", "unknown-route-part: shiny"),
            ("10.0.0.0/8 via 10.0.0.300 dev eth0\n", "bad-route: 10.0.0.300"),
            ("default via 10.0.0.1 dev eth0\nlocal\n", "bad-route: local"),
            ("default via 10.0.0.1 dev eth0\nhello world\n", "bad-route: hello"),
        ])
    func complaints(text: String, expected: String) {
        #expect(Read(text).complaints == [expected])
    }

    @Test func theOldCommandsTableIsRead() {
        let read = Read(
            """
            Kernel IP routing table
            Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
            0.0.0.0         10.0.0.9        0.0.0.0         UG    3      0        0 d0
            10.0.0.0        0.0.0.0         255.255.255.0   U     0      0        0 d0
            10.5.0.0        0.0.0.0         255.255.0.0     U     7      0        0 *
            10.6.0.0        -               255.255.0.0     !     0      -        0 -
            Kernel IPv6 routing table
            Destination                    Next Hop                   Flag Met Ref  Use If
            2001:db8::/64                  ::                         U    256 3      0 d0
            2001:db8:5::/48                fe80::2                    UG   1024 2      0 d0
            ::1/128                        ::                         Un   0   3      0 lo

            """)
        #expect(read.kinds == [.routeTable, .routeTableV6])
        #expect(read.complaints.isEmpty)
        #expect(
            words(read) == [
                "0.0.0.0/0 -> 10.0.0.9 d0 metric 3", "10.0.0.0/24 -> d0 scope link", "blackhole 10.5.0.0/16 metric 7",
                "unreachable 10.6.0.0/16", "2001:db8::/64 -> d0 metric 256",
                "2001:db8:5::/48 -> fe80::2 d0 metric 1024",
                "local ::1/128 table 255 -> lo",
            ])
        #expect(read.host.routesKnownV4 == .mainTable)
    }

    @Test func netstatsTableHasNoMetric() {
        let read = Read(
            """
            Kernel IP routing table
            Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface
            default         10.0.0.9        0.0.0.0         UG        0 0          0 d0

            """)
        #expect(words(read) == ["0.0.0.0/0 -> 10.0.0.9 d0"])
    }
}
