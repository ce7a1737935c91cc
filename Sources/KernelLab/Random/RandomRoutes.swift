import NetTypes

/// Routes and the rules that choose among their tables.
extension RandomTopology {
    mutating func drawRoutes(_ chance: inout Chance) {
        let uplink = chance.percent(80) ? routed[routed.count - 1] : chance.pick(routed)
        hasDefaultRoute = chance.percent(85)
        if hasDefaultRoute {
            addDefault(by: uplink, table: "", &chance)
        }
        let far = RandomPools.widePrefixesV4[2]
        if chance.percent(30) {
            let kind = chance.pick(["blackhole", "unreachable", "prohibit", "throw"])
            routes.append("\(kind) \(chance.percent(50) ? "\(far)" : "172.16.0.0/12")")
        }
        if chance.percent(30) {
            let kind = chance.pick(["blackhole", "unreachable", "prohibit", "throw"])
            routesV6.append("\(kind) 2001:db8:eeee::/48 dev lo metric 1024 pref medium")
        }
        if chance.percent(35), let (four, six) = gateways(of: chance.pick(routed)) {
            routes.append(
                "203.0.113.0/29 via \(four.address) dev \(four.interface)\(realm(&chance))\(metrics(&chance))")
            routesV6.append(
                "2001:db8:ffff::/120 via \(six.address) dev \(six.interface) metric 1024\(metrics(&chance)) pref medium"
            )
        }
        if chance.percent(12), let (four, six) = gateways(of: chance.pick(routed)) {
            // Without a gateway: every address is looked for on the link.
            routes.append("198.51.100.7 dev \(four.interface) scope link\(realm(&chance))")
            routesV6.append("2001:db8:eeee:1::7 dev \(six.interface) metric 1024 pref medium")
        }
        if chance.percent(8), let (four, _) = gateways(of: chance.pick(routed)) {
            routes.append("203.0.113.0/24 tos 0x10 via \(four.address) dev \(four.interface)")
        }
    }

    private mutating func addDefault(by interface: RandomInterface, table: String, _ chance: inout Chance) {
        guard let (four, six) = gateways(of: interface) else { return }
        let source = chance.percent(15) ? interface.addresses(.v4).last.map { " src \($0.address)" } ?? "" : ""
        routes.append(
            "default via \(four.address) dev \(interface.name)\(table)\(source)\(realm(&chance))\(metrics(&chance))")
        routesV6.append(
            "default via \(six.address) dev \(interface.name)\(table) metric 1024\(metrics(&chance)) pref medium")
    }

    private func metrics(_ chance: inout Chance) -> String {
        guard chance.percent(12) else { return "" }
        return " mtu \(chance.percent(30) ? "lock " : "")\(chance.pick([1280, 1400, 1450]))"
    }

    private func realm(_ chance: inout Chance) -> String {
        chance.percent(30) ? " realm \(chance.pick([5, 7, 12]))" : ""
    }

    private func gateways(of interface: RandomInterface) -> (RandomPools.Neighbour, RandomPools.Neighbour)? {
        let all = pools.gateways.filter { $0.interface == interface.name }
        guard let four = all.first(where: { $0.address.version == .v4 }),
            let six = all.first(where: { $0.address.version == .v6 })
        else { return nil }
        return (four, six)
    }

    mutating func drawPolicy(_ chance: inout Chance) {
        guard chance.percent(65) else { return }
        let count = chance.number(1...3)
        for number in 0..<count {
            let table = 100 + number
            drawTable(table, &chance)
            let priority = 100 * (number + 1)
            let options: [(four: String, six: String)] = selectors(&chance)
            let choice = chance.pick(options)
            let action = chance.weighted([80, 6, 4, 5, 5]) ?? 0
            let words = [
                "lookup \(table)", "lookup main suppress_prefixlength 0", "blackhole", "unreachable", "prohibit",
            ][action]
            // A rule for everything that ends the way is drawn too seldom to cut most hosts off.
            rules.append("\(priority):\t\(choice.four) \(words)")
            rulesV6.append("\(priority):\t\(choice.six) \(words)")
        }
    }

    /// A rule for some bits of the mark, before others, and a table that leads elsewhere: of most hosts.
    mutating func drawMaskedMark(_ chance: inout Chance) {
        guard chance.percent(75) else { return }
        let table = 110
        let ways = routed.filter { interface in
            !routes.contains { $0.hasPrefix("default via") && $0.contains(interface.name) }
        }
        addDefault(by: chance.pickAny(ways) ?? chance.pick(routed), table: " table \(table)", &chance)
        // Marks of the pool have other bits beside these.
        let mark = chance.pick(["0x1/0x1", "0x1/0x1", "0x2/0x2", "0x1/0x5", "0x100/0x300"])
        rules.insert("50:\tfrom all fwmark \(mark) lookup \(table)", at: 0)
        rulesV6.insert("50:\tfrom all fwmark \(mark) lookup \(table)", at: 0)
    }

    private mutating func drawTable(_ table: Int, _ chance: inout Chance) {
        if chance.percent(10) {
            // As for TPROXY: everything is for this host.
            routes.append("local default dev lo table \(table) scope host")
            routesV6.append("local default dev lo table \(table) metric 1024 pref medium")
        } else if chance.percent(80) {
            addDefault(by: chance.pick(routed), table: " table \(table)", &chance)
        }
        if chance.percent(35) {
            let kind = chance.pick(["blackhole", "unreachable", "prohibit", "throw", "throw"])
            routes.append("\(kind) 203.0.113.0/24 table \(table)")
            routesV6.append("\(kind) 2001:db8:ffff::/64 dev lo table \(table) metric 1024 pref medium")
        }
    }

    private func selectors(_ chance: inout Chance) -> [(four: String, six: String)] {
        let four = pools(.v4)
        let six = pools(.v6)
        let name = chance.pick(pools.interfaceNames)
        func both(_ words: String) -> (four: String, six: String) { (words, words) }
        return [
            // Marks of the pool have other bits beside these.
            both("from all fwmark 0x1/0x1"), both("from all fwmark 0x1/0x5"), both("from all fwmark 0x2/0x2"),
            both("from all fwmark 0x10/0xf0"), both("from all fwmark 0x2"),
            both("from all iif \(name)"), both("from all iif lo"), both("from all tos 0x10"),
            both("from all ipproto \(chance.pick(["tcp", "udp"]))"),
            both("from all ipproto tcp dport \(chance.pick(RandomPools.ports))"),
            both("from all ipproto udp sport 1000-8080"),
            ("from \(chance.pick(four.near))", "from \(chance.pick(six.near))"),
            ("from \(chance.pick(four.own))", "from \(chance.pick(six.own))"),
            ("from all to \(chance.pick(four.far))", "from all to \(chance.pick(six.far))"),
            ("from 10.0.0.0/16 fwmark 0x3", "from fd00::/16 fwmark 0x3"),
            ("not from all fwmark 0x1/0x3", "not from all fwmark 0x1/0x3"),
        ]
    }
}
