import NetTypes

/// A file of a snapshot: what a host's tool prints, under the name that such files have.
package struct SnapshotText: Sendable, Hashable {
    package let name: String
    package let text: String
}

/// The set-up as the host's own tools print it.
extension RandomTopology {
    package var files: [SnapshotText] {
        var files = [
            SnapshotText(name: "ip-addr.txt", text: addressText), SnapshotText(name: "ip-route.txt", text: routeText),
            SnapshotText(name: "ip-rule.txt", text: ruleText(.v4)),
            SnapshotText(name: "ip6-rule.txt", text: ruleText(.v6)),
            SnapshotText(name: "sysctl.txt", text: lines(sysctls.map { "\($0.name) = \($0.value)" })),
            SnapshotText(name: "ip-neigh.txt", text: neighbourText), SnapshotText(name: "ss.txt", text: socketText),
        ]
        if !pools.bridgePorts.isEmpty { files.append(SnapshotText(name: "bridge-fdb.txt", text: forwardingText)) }
        return files
    }

    private func lines(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }

    /// As `ip -d addr` prints it, shortened to the words that tell something.
    private var addressText: String {
        var text = [
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000",
            "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0  minmtu 0 maxmtu 0 ",
            "    inet 127.0.0.1/8 scope host lo", "       valid_lft forever preferred_lft forever",
            "    inet6 ::1/128 scope host ", "       valid_lft forever preferred_lft forever",
        ]
        for interface in interfaces {
            var master = ""
            if case .port(let bridge) = interface.role { master = " master \(bridge)" }
            let queue = interface.role == .bridge ? "noqueue" : "pfifo_fast"
            let group = interface.group == 0 ? "default" : "\(interface.group)"
            text.append(
                "\(interface.index): \(interface.name): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu \(interface.mtu) "
                    + "qdisc \(queue)\(master) state UP group \(group) qlen 1000")
            text.append(
                "    link/ether \(interface.mac) brd ff:ff:ff:ff:ff:ff promiscuity 0  minmtu 68 maxmtu 65521 ")
            switch interface.role {
            case .plain: text.append("    tun type tap pi off vnet_hdr off persist on ")
            case .bridge:
                text.append("    bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time 30000 stp_state 0 ")
            case .port:
                text.append("    tun type tap pi off vnet_hdr off persist on ")
                text.append("    bridge_slave state forwarding priority 32 cost 2 hairpin off guard off learning on ")
            }
            text += addressLines(interface)
        }
        return lines(text)
    }

    private func addressLines(_ interface: RandomInterface) -> [String] {
        var seen: Set<IPPrefix> = []
        var text: [String] = []
        for (address, length) in interface.addresses(.v4) {
            let subnet = IPPrefix(address, length: length)
            let secondary = seen.insert(subnet).inserted ? "" : "secondary "
            text.append("    inet \(address)/\(length) brd \(subnet.last) scope global \(secondary)\(interface.name)")
            text.append("       valid_lft forever preferred_lft forever")
        }
        // The kernel lists the newest first, link-local ones at the end.
        let six = interface.addresses(.v6)
        for (address, length) in six.filter({ !$0.address.isLinkLocal }).reversed()
            + six.filter({ $0.address.isLinkLocal })
        {
            text.append("    inet6 \(address)/\(length) scope \(address.isLinkLocal ? "link" : "global") ")
            text.append("       valid_lft forever preferred_lft forever")
        }
        return text
    }

    /// As `ip route show table all` prints it, with what the kernel makes of the addresses.
    private var routeText: String {
        var four = routes
        var local = [
            "local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1",
            "local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1",
            "broadcast 127.255.255.255 dev lo table local proto kernel scope link src 127.0.0.1",
        ]
        var six = routesV6
        var localSix = ["local ::1 dev lo table local proto kernel metric 0 pref medium"]
        let forwards = sysctls.contains { $0 == ("net.ipv6.conf.all.forwarding", 1) }
        for interface in interfaces {
            let name = interface.name
            var primary: [IPPrefix: IPAddress] = [:]
            for (address, length) in interface.addresses {
                let subnet = IPPrefix(address, length: length)
                let first = primary[subnet] == nil
                let source = primary[subnet] ?? address
                primary[subnet] = source
                if address.version == .v4 {
                    local.append("local \(address) dev \(name) table local proto kernel scope host src \(source)")
                    guard first else { continue }
                    four.append("\(subnet) dev \(name) proto kernel scope link src \(address)")
                    local.append(
                        "broadcast \(subnet.last) dev \(name) table local proto kernel scope link src \(address)")
                } else {
                    localSix.append("local \(address) dev \(name) table local proto kernel metric 0 pref medium")
                    guard first else { continue }
                    six.append("\(subnet) dev \(name) proto kernel metric 256 pref medium")
                    // Routers are to be reached so; the kernel makes the route while it forwards.
                    guard forwards else { continue }
                    localSix.append(
                        "anycast \(subnet.address) dev \(name) table local proto kernel metric 0 pref medium")
                }
            }
            localSix.append("multicast ff00::/8 dev \(name) table local proto kernel metric 256 pref medium")
        }
        return lines(four + local + six + localSix)
    }

    private func ruleText(_ version: IPVersion) -> String {
        let own = version == .v4 ? rules : rulesV6
        var text = ["0:\tfrom all lookup local"] + own + ["32766:\tfrom all lookup main"]
        if version == .v4 { text.append("32767:\tfrom all lookup default") }
        return lines(text)
    }

    private var neighbourText: String {
        var text = (pools.neighbours + pools.gateways).map {
            "\($0.address) dev \($0.interface) lladdr \($0.mac) PERMANENT"
        }
        // Routes without a gateway look for far hosts on the link.
        for interface in routed {
            let mac = MACAddress(bits: 0x0200_0000_0f00 + UInt64(interface.index))
            for far in RandomPools.farV4 + RandomPools.farV6 {
                text.append("\(far) dev \(interface.name) lladdr \(mac) PERMANENT")
            }
        }
        return lines(text)
    }

    private var forwardingText: String {
        var text: [String] = []
        for interface in interfaces {
            guard case .port(let bridge) = interface.role else { continue }
            text.append("\(interface.mac) dev \(interface.name) master \(bridge) permanent")
        }
        for host in pools.neighbours + pools.gateways {
            guard let port = host.port else { continue }
            text.append("\(host.mac) dev \(port) master \(host.interface) static")
        }
        return lines(text)
    }
}
