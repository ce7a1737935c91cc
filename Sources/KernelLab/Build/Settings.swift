internal import RuleModel

/// One file below `/proc/sys` and what is written into it.
struct Setting: Hashable {
    let path: String
    let value: String
}

/// The snapshot's sysctls that decide about packets and belong to a network namespace, in an order in which what sets
/// many comes before what sets one.
///
/// Everything else of `sysctl -a` stays out: a namespace of its own must not change its host.
func settings(_ host: HostState) -> [Setting] {
    let chosen = host.sysctls.filter { name, _ in isOfPackets(name) }
    return chosen.sorted { (order($0.key), $0.key) < (order($1.key), $1.key) }
        .map { Setting(path: path(of: $0.key), value: $0.value) }
}

private func isOfPackets(_ name: String) -> Bool {
    let prefixes = ["net.ipv4.conf.", "net.ipv6.conf.", "net.bridge.bridge-nf-", "net.netfilter.nf_conntrack_tcp_"]
    let names = [
        "net.ipv4.ip_forward", "net.ipv4.ip_nonlocal_bind", "net.ipv6.ip_nonlocal_bind", "net.ipv4.fwmark_reflect",
        "net.ipv6.fwmark_reflect", "net.ipv4.tcp_fwmark_accept", "net.netfilter.nf_conntrack_checksum",
        "net.netfilter.nf_conntrack_acct", "net.ipv4.ip_forward_use_pmtu", "net.ipv4.fib_multipath_hash_policy",
    ]
    // These would make the namespace speak of its own accord, or keep an address from use for a while.
    let silenced = [
        "dad", "router_solicit", "accept_ra", "autoconf", "send_redirects", "mldv", "temp_", "stable_secret",
    ]
    if silenced.contains(where: { name.contains($0) }) { return false }
    return names.contains(name) || prefixes.contains { name.hasPrefix($0) }
}

private func order(_ name: String) -> Int {
    if name == "net.ipv4.ip_forward" { return 0 }
    if name.contains(".all.") { return 1 }
    return name.contains(".default.") ? 2 : 3
}

/// `net.ipv4.conf.eth0/1.rp_filter` is the file `net/ipv4/conf/eth0.1/rp_filter`.
private func path(of name: String) -> String {
    String(name.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 })
}

/// What keeps a scratch namespace silent: nothing is sent that no packet of ours asked for.
///
/// - Parameter links: the interfaces, without `lo`.
func silence(_ links: [String]) -> [Setting] {
    var settings: [Setting] = []
    for name in ["all", "default"] + links {
        for word in ["accept_dad", "dad_transmits", "router_solicitations", "accept_ra", "autoconf"] {
            settings.append(Setting(path: "net/ipv6/conf/\(name)/\(word)", value: "0"))
        }
    }
    for name in ["all"] + links { settings.append(Setting(path: "net/ipv4/conf/\(name)/send_redirects", value: "0")) }
    settings.append(Setting(path: "net/ipv4/icmp_ratelimit", value: "0"))
    settings.append(Setting(path: "net/ipv4/icmp_msgs_per_sec", value: "1000000"))
    settings.append(Setting(path: "net/ipv4/icmp_msgs_burst", value: "1000000"))
    settings.append(Setting(path: "net/ipv4/icmp_msgs_burst", value: "1000000"))
    settings.append(Setting(path: "net/ipv6/icmp/ratelimit", value: "0"))
    // The host's own answers would be packets of the connections that are looked at.
    settings.append(Setting(path: "net/ipv4/icmp_echo_ignore_all", value: "1"))
    settings.append(Setting(path: "net/ipv6/icmp/echo_ignore_all", value: "1"))
    settings.append(Setting(path: "net/ipv6/auto_flowlabels", value: "0"))
    return settings
}
